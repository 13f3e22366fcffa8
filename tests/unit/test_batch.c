/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A batch gives, bit for bit, what a context gives on a model with the flip
 * applied [B1]: for every layer, projection and granularity, whatever is kept, and
 * however many candidates go together.
 */
#include <stdlib.h>

#include "engine/act/batch_int.h"
#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/tiny.h"

enum { SEQUENCES = 13, LENGTH = 21 };

static const struct tiny shapes[] = {
    {.layers = 3, .width = 128, .ffn = 256, .heads = 4, .kv_heads = 2, .head_dim = 64,
     .vocab = 260, .seed = 3, .tied = true},
    {.layers = 2, .width = 256, .ffn = 384, .heads = 2, .kv_heads = 2, .head_dim = 128,
     .vocab = 261, .seed = 4},
    {.layers = 1, .width = 128, .ffn = 128, .heads = 8, .kv_heads = 2, .head_dim = 32,
     .vocab = 260, .seed = 5},
};

struct fixture {
    struct model *model;
    int32_t ids[SEQUENCES][LENGTH];
    struct sequence sequences[SEQUENCES];
    size_t wanted; /* places, those of every sequence counted */
};

/* Some sequences begin like the one before them, one is a beginning of another, one
 * is there twice. */
static void set_up(struct fixture *fixture, const struct tiny *tiny)
{
    struct rng rng;
    rng_seed(&rng, tiny->seed);
    fixture->model = simple_model(tiny);
    fixture->wanted = 0;
    for (size_t i = 0; i < SEQUENCES; i++) {
        for (size_t k = 0; k < LENGTH; k++)
            fixture->ids[i][k] = (int32_t)rng_below(&rng, tiny->vocab);
        if (i % 3 == 1)
            memcpy(fixture->ids[i], fixture->ids[i - 1], (7 + i) * sizeof(int32_t));
        size_t count = LENGTH - rng_below(&rng, 9);
        if (i == SEQUENCES - 1)
            memcpy(fixture->ids[i], fixture->ids[0], sizeof fixture->ids[i]);
        fixture->sequences[i] = (struct sequence){fixture->ids[i], count, count - 1 - i % 4, 0};
        fixture->wanted += 1 + i % 4;
    }
    fixture->sequences[2] = (struct sequence){fixture->ids[0], 5, 2, 0}; /* 3 places as before */
}

static struct batch *make_batch(const struct fixture *fixture, uint64_t keep_bytes, int threads)
{
    struct err err;
    struct batch_options options = {.threads = threads, .keep_bytes = keep_bytes};
    struct batch *batch =
        batch_new(fixture->model, fixture->sequences, SEQUENCES, &options, &err);
    t_ok(batch != NULL, &err);
    return batch;
}

/* Logits of all wanted places of all sequences, each computed alone. */
static float *truth(const struct fixture *fixture)
{
    struct err err;
    size_t vocab = model_shape(fixture->model)->vocab, done = 0;
    float *out = x_new(fixture->wanted * vocab, sizeof *out);
    struct context_options options = {.tokens_max = LENGTH, .threads = 1};
    struct context *context = context_new(fixture->model, &options, &err);
    t_ok(context != NULL, &err);
    for (size_t i = 0; i < SEQUENCES; i++) {
        const struct sequence *sequence = &fixture->sequences[i];
        context_reset(context);
        size_t branch = context_branch(context, 0, 0);
        t_ok(context_push(context, branch, sequence->ids, sequence->count, &err), &err);
        t_ok(context_run(context, NULL, &err), &err);
        for (size_t k = sequence->wanted; k < sequence->count; k++, done++)
            t_ok(context_logits(context, &k, 1, out + done * vocab, NULL, &err), &err);
    }
    assert_int_equal(done, fixture->wanted);
    context_free(context);
    return out;
}

static void check_world(const struct fixture *fixture, struct batch *batch, int world,
                        const float *expected, const char *what)
{
    struct err err;
    size_t vocab = model_shape(fixture->model)->vocab, rows = batch_rows(batch), done = 0;
    float *logits = x_new(rows * vocab, sizeof *logits);
    t_ok(batch_logits(batch, world, 0, rows, logits, NULL, &err), &err);
    for (size_t i = 0; i < SEQUENCES; i++)
        for (size_t k = fixture->sequences[i].wanted; k < fixture->sequences[i].count;
             k++, done++) {
            size_t row = batch_row(batch, i, k);
            if (memcmp(logits + row * vocab, expected + done * vocab, vocab * sizeof *logits) != 0)
                fail_msg("%s: sequence %zu, position %zu differs", what, i, k);
            int32_t few[2] = {7, (int32_t)vocab - 1};
            float values[2];
            t_ok(batch_logits_of(batch, world, row, few, 2, values, &err), &err);
            assert_memory_equal(&values[0], logits + row * vocab + 7, sizeof *values);
            assert_memory_equal(&values[1], logits + row * vocab + vocab - 1, sizeof *values);
        }
    free(logits);
}

static float *truth_with(const struct fixture *fixture, const struct flip *flip)
{
    model_flip(fixture->model, flip);
    float *expected = truth(fixture);
    model_flip(fixture->model, flip);
    return expected;
}

/* A row, a whole group and a few bits. */
static struct flip random_flip(const struct fixture *fixture, struct rng *rng, int32_t layer,
                               enum proj proj, int kind)
{
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(fixture->model, layer, proj, &rows, &columns));
    struct flip flip = {layer, proj, (uint32_t)rng_below(rng, rows), FLIP_WHOLE_ROW, {0, 0}};
    if (proj == PROJ_EMBED) /* a row that is looked up */
        flip.row = (uint32_t)fixture->ids[3][2];
    if (kind > 0)
        flip.group = (int32_t)rng_below(rng, columns / GROUP_WEIGHTS);
    if (kind == 1)
        memcpy(flip.mask, flip_mask_all, sizeof flip.mask);
    if (kind == 2)
        flip.mask[rng_below(rng, 2)] = rng_next(rng);
    return flip;
}

/* All flips of a model: every matrix at every granularity. */
static size_t all_flips(const struct fixture *fixture, struct rng *rng, struct flip *out)
{
    size_t count = 0;
    for (int32_t layer = -1; layer < (int32_t)model_shape(fixture->model)->layers; layer++)
        for (int p = 0; p < PROJ_COUNT; p++)
            for (int kind = 0; kind < 3; kind++)
                if ((layer == NO_LAYER) == (p >= PROJ_LAYER_COUNT))
                    out[count++] = random_flip(fixture, rng, layer, (enum proj)p, kind);
    return count;
}

enum { FLIPS_MAX = 4 * 7 * 3 + 6 };

static void batch_try__every_flip_and_budget__same_bits_as_applied(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 41);
    for (size_t s = 0; s < countof(shapes); s++) {
        struct fixture fixture;
        set_up(&fixture, &shapes[s]);
        struct flip flips[FLIPS_MAX];
        size_t count = all_flips(&fixture, &rng, flips), changed = 0;
        float *base = truth(&fixture), *expected[FLIPS_MAX];
        size_t bytes = fixture.wanted * shapes[s].vocab * sizeof *base;
        for (size_t i = 0; i < count; i++) {
            expected[i] = truth_with(&fixture, &flips[i]);
            changed += memcmp(expected[i], base, bytes) != 0;
        }
        assert_true(changed * 10 > count * 8); /* the flips do something */
        struct batch *full = make_batch(&fixture, UINT64_MAX, 2);
        uint64_t everything = batch_kept_bytes(full);
        batch_free(full);
        for (uint64_t part = 0; part <= 8; part += part < 6 ? 2 : 1) {
            struct batch *batch = make_batch(&fixture, everything * part / 8, 1 + part % 2);
            assert_true(batch_kept_bytes(batch) <= everything * part / 8);
            for (size_t i = 0; i < count; i++) {
                struct err err;
                char what[64];
                (void)snprintf(what, sizeof what, "shape %zu, %d/8 kept, flip %zu (%s)", s,
                               (int)part, i, proj_name(flips[i].proj));
                t_ok(batch_try(batch, &flips[i], 1, NULL, &err), &err);
                check_world(&fixture, batch, 0, expected[i], what);
            }
            struct err err;
            t_ok(batch_run(batch, NULL, &err), &err);
            check_world(&fixture, batch, BATCH_MODEL, base, "the model itself");
            batch_free(batch);
        }
        for (size_t i = 0; i < count; i++)
            free(expected[i]);
        free(base);
        model_free(fixture.model);
    }
}

static void batch_try__many_at_once__each_as_alone(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 42);
    struct fixture fixture;
    set_up(&fixture, &shapes[0]);
    struct flip flips[FLIPS_MAX], picked[WORLDS_MAX];
    size_t count = all_flips(&fixture, &rng, flips);
    for (size_t round = 0; round < 12; round++) {
        struct err err;
        struct batch *batch = make_batch(&fixture, round % 3 ? UINT64_MAX : round * 20000, 2);
        size_t n = 1 + rng_below(&rng, 9);
        for (size_t i = 0; i < n; i++)
            picked[i] = flips[rng_below(&rng, count)];
        t_ok(batch_try(batch, picked, n, NULL, &err), &err);
        for (size_t i = 0; i < n; i++) {
            float *expected = truth_with(&fixture, &picked[i]);
            check_world(&fixture, batch, (int)i, expected, "one of many");
            free(expected);
        }
        batch_free(batch);
    }
    model_free(fixture.model);
}

/* Flips come and go in any order between evaluations; only layers from the first
 * changed one on are computed. */
static void batch_run__flips_come_and_go__same_bits_and_no_more_work(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 43);
    struct fixture fixture;
    set_up(&fixture, &shapes[0]);
    struct flip flips[FLIPS_MAX];
    size_t count = all_flips(&fixture, &rng, flips);
    struct batch *batch = make_batch(&fixture, UINT64_MAX, 2);
    assert_int_equal(batch_stale_layers(batch), 3);
    for (size_t round = 0; round < 60; round++) {
        struct err err;
        const struct flip *flip = &flips[rng_below(&rng, count)];
        size_t stale_before = batch_stale_layers(batch);
        model_flip(fixture.model, flip);
        if (round > 0 && stale_before == 0 && flip->layer >= 0)
            assert_int_equal(batch_stale_layers(batch), 3 - flip->layer);
        if (rng_below(&rng, 3) == 0) {
            model_flip(fixture.model, flip); /* back before anyone looked */
            if (round > 0)
                assert_int_equal(batch_stale_layers(batch), stale_before);
        }
        if (rng_below(&rng, 2) == 0)
            continue;
        float *expected = truth(&fixture);
        t_ok(batch_run(batch, NULL, &err), &err);
        assert_int_equal(batch_stale_layers(batch), 0);
        check_world(&fixture, batch, BATCH_MODEL, expected, "after flips");
        free(expected);
    }
    batch_free(batch);
    model_free(fixture.model);
}

/* As a search does it: flips that stay come and go between candidates. */
static void batch_try__between_flips__same_bits_whatever_is_kept(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 44);
    struct fixture fixture;
    set_up(&fixture, &shapes[0]);
    struct flip flips[FLIPS_MAX];
    size_t count = all_flips(&fixture, &rng, flips);
    struct batch *full = make_batch(&fixture, UINT64_MAX, 2);
    uint64_t everything = batch_kept_bytes(full);
    batch_free(full);
    for (uint64_t part = 0; part <= 8; part++) {
        struct err err;
        struct batch *batch = make_batch(&fixture, everything * part / 8, 1 + part % 2);
        for (size_t round = 0; round < 24; round++) {
            const struct flip *candidate = &flips[rng_below(&rng, count)];
            if (rng_below(&rng, 2) == 0)
                model_flip(fixture.model, &flips[rng_below(&rng, count)]);
            float *expected = truth_with(&fixture, candidate);
            t_ok(batch_try(batch, candidate, 1, NULL, &err), &err);
            check_world(&fixture, batch, 0, expected, "between flips");
            free(expected);
        }
        float *expected = truth(&fixture);
        t_ok(batch_run(batch, NULL, &err), &err);
        check_world(&fixture, batch, BATCH_MODEL, expected, "after all of them");
        free(expected);
        batch_free(batch);
    }
    model_free(fixture.model);
}

/* Of the model itself only what the candidate is made of: the layers up to its own. */
static void batch_try__after_a_flip__computes_no_more_than_it_needs(void **state)
{
    (void)state;
    struct err err;
    struct fixture fixture;
    set_up(&fixture, &shapes[0]);
    struct batch *batch = make_batch(&fixture, UINT64_MAX, 1);
    t_ok(batch_run(batch, NULL, &err), &err);
    struct flip stays = {0, PROJ_UP, 9, FLIP_WHOLE_ROW, {0, 0}};
    model_flip(fixture.model, &stays);
    assert_int_equal(batch_stale_layers(batch), 3);
    for (int32_t layer = 0; layer < 3; layer++) {
        struct flip flip = {layer, PROJ_DOWN, 5, FLIP_WHOLE_ROW, {0, 0}};
        t_ok(batch_try(batch, &flip, 1, NULL, &err), &err);
        assert_int_equal(batch_stale_layers(batch), 2 - layer);
    }
    model_flip(fixture.model, &stays);
    batch_free(batch);
    model_free(fixture.model);
}

static void batch_run__cancelled__can_be_repeated(void **state)
{
    (void)state;
    struct err err;
    struct fixture fixture;
    set_up(&fixture, &shapes[0]);
    struct batch *batch = make_batch(&fixture, UINT64_MAX, 1);
    cancel_flag cancel = true;
    struct flip flip = {1, PROJ_UP, 9, FLIP_WHOLE_ROW, {0, 0}};
    assert_false(batch_run(batch, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_false(batch_try(batch, &flip, 1, &cancel, &err));
    float *expected = truth_with(&fixture, &flip);
    t_ok(batch_try(batch, &flip, 1, NULL, &err), &err);
    check_world(&fixture, batch, 0, expected, "after a cancelled run");
    model_flip(fixture.model, &flip);
    assert_false(batch_run(batch, &cancel, &err));
    t_ok(batch_run(batch, NULL, &err), &err);
    check_world(&fixture, batch, BATCH_MODEL, expected, "after a cancelled update");
    free(expected);
    batch_free(batch);
    model_free(fixture.model);
}

static void pack__shared_beginnings__counted_once_in_any_order(void **state)
{
    (void)state;
    static const int32_t a[] = {1, 2, 3, 4}, b[] = {1, 2, 9}, c[] = {2, 2}, d[] = {1, 2, 3, 7, 8};
    const struct sequence in[2][5] = {
        {{a, 4, 3, 0}, {b, 3, 0, 0}, {c, 2, 1, 0}, {d, 5, 4, 0}, {a, 2, 1, 0}},
        {{d, 5, 4, 0}, {a, 2, 1, 0}, {c, 2, 1, 0}, {a, 4, 3, 0}, {b, 3, 0, 0}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct packed packed;
        pack_sequences(in[i], 5, &packed);
        /* 1 2 3 4 | 7 8 under 3 | 9 under 2 | 2 2 */
        assert_int_equal(packed.tokens, 4 + 2 + 1 + 2);
        assert_int_equal(packed.rows, 1 + 3 + 1 + 1); /* 4; 1, 2, 9; 2; 8; 2 of a is b's */
        assert_int_equal(packed.longest, 5);
        for (size_t t = 0; t < packed.tokens; t++) {
            assert_int_equal(packed.paths[t][packed.positions[t]], t);
            for (uint32_t p = 0; p < packed.positions[t]; p++)
                assert_true(packed.paths[t][p] < (int32_t)t); /* [W1] */
        }
        pack_free(&packed);
    }
}

static void pack__sequences_of_two_owners__share_nothing(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 2, 3, 4};
    const struct sequence in[] = {{ids, 4, 3, 7}, {ids, 3, 2, 2}, {ids, 2, 1, 7}};
    struct packed packed;
    pack_sequences(in, countof(in), &packed);
    assert_int_equal(packed.tokens, 4 + 3);
    assert_int_equal(packed.rows, 1 + 1 + 1);
    for (size_t i = 0; i < countof(in); i++)
        for (size_t k = packed.starts[i]; k < packed.starts[i + 1]; k++)
            assert_int_equal(packed.owners[packed.path_memory[k]], in[i].owner);
    pack_free(&packed);
}

/* A flag is borrowed for its call only. */
static void batch_logits_of__flag_of_an_earlier_run__not_looked_at(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&shapes[0]);
    int32_t ids[] = {1, 2};
    struct sequence sequence = {ids, 2, 1, 0};
    struct batch_options options = {.threads = 1};
    struct batch *batch = batch_new(model, &sequence, 1, &options, &err);
    t_ok(batch != NULL, &err);
    cancel_flag flag = false;
    float logit = 0;
    t_ok(batch_run(batch, &flag, &err), &err);
    atomic_store(&flag, true);
    t_ok(batch_run(batch, NULL, &err), &err); /* nothing is left to do */
    t_ok(batch_logits_of(batch, BATCH_MODEL, 0, ids, 1, &logit, &err), &err);
    batch_free(batch);
    model_free(model);
}

static void batch_new__bad_token_or_no_memory__refused(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_model(&shapes[0]);
    int32_t ids[] = {1, 260};
    struct sequence sequence = {ids, 2, 1, 0};
    struct batch_options options = {.threads = 1};
    assert_null(batch_new(model, &sequence, 1, &options, &err));
    t_err_is(&err, ERR_RANGE, "", "token id 260 is outside 0 .. 259");
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_try__every_flip_and_budget__same_bits_as_applied),
        cmocka_unit_test(batch_try__many_at_once__each_as_alone),
        cmocka_unit_test(batch_run__flips_come_and_go__same_bits_and_no_more_work),
        cmocka_unit_test(batch_try__between_flips__same_bits_whatever_is_kept),
        cmocka_unit_test(batch_try__after_a_flip__computes_no_more_than_it_needs),
        cmocka_unit_test(batch_run__cancelled__can_be_repeated),
        cmocka_unit_test(pack__shared_beginnings__counted_once_in_any_order),
        cmocka_unit_test(pack__sequences_of_two_owners__share_nothing),
        cmocka_unit_test(batch_logits_of__flag_of_an_earlier_run__not_looked_at),
        cmocka_unit_test(batch_new__bad_token_or_no_memory__refused),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
