/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The backward pass against central differences of the network in double precision
 * (tests/truth.h), and its predictions against what flips do.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/backward/backward_int.h"
#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/truth.h"

enum { SEQUENCES = 5, LENGTH = 9, WANTED = 5, LAYERS_MAX = 8 };

enum { KEEP_ALL = INT32_MAX }; /* more than there is, but not the default, which asks the clock */

static const struct gradient_options usual = {2, KEEP_ALL};

static const struct tiny shapes[] = {
    {.layers = 3, .width = 128, .ffn = 256, .heads = 4, .kv_heads = 2, .head_dim = 64,
     .vocab = 260, .seed = 3, .tied = true},
    {.layers = 2, .width = 256, .ffn = 384, .heads = 2, .kv_heads = 2, .head_dim = 128,
     .vocab = 261, .seed = 4, .yarn = true},
    {.layers = 1, .width = 128, .ffn = 128, .heads = 8, .kv_heads = 2, .head_dim = 32,
     .vocab = 260, .seed = 5, .linear = true},
};

/* Everything a visitor saw of one matrix. */
struct seen {
    uint32_t rows, columns;
    size_t tokens;
    uint32_t *owners;
    float *dy, *negated;
};

struct fixture {
    struct model *model;
    int32_t ids[SEQUENCES][LENGTH];
    struct sequence sequences[SEQUENCES];
    int32_t answers[SEQUENCES][LENGTH]; /* whose log-probability is added, behind each place */
    struct gradient *gradient;
    int32_t *answer_of; /* [rows] */
    struct seen seen[LAYERS_MAX][PROJ_COUNT];
};

static float *copy(const float *from, size_t count)
{
    float *to = NULL;
    if (from) {
        to = x_new(count, sizeof *to);
        memcpy(to, from, count * sizeof *to);
    }
    return to;
}

static void keep_seen(void *user, const struct gradient_visit *visit)
{
    struct fixture *fixture = user;
    struct seen *seen = &fixture->seen[visit->layer == NO_LAYER ? 0 : visit->layer][visit->proj];
    uint32_t outputs = visit->proj == PROJ_EMBED ? visit->columns : visit->rows;
    assert_null(seen->dy); /* few wanted places: the head comes once */
    *seen = (struct seen){.rows = outputs, .columns = visit->columns, .tokens = visit->tokens};
    seen->dy = copy(visit->dy, visit->tokens * outputs);
    seen->negated = copy(visit->negated, visit->tokens * outputs);
    seen->owners = x_new(visit->tokens, sizeof *seen->owners);
    memcpy(seen->owners, visit->owners, visit->tokens * sizeof *seen->owners);
}

static void forget_seen(struct fixture *fixture)
{
    for (size_t l = 0; l < LAYERS_MAX; l++)
        for (size_t p = 0; p < PROJ_COUNT; p++) {
            free(fixture->seen[l][p].dy);
            free(fixture->seen[l][p].negated);
            free(fixture->seen[l][p].owners);
        }
    memset(fixture->seen, 0, sizeof fixture->seen);
}

/* The objective is the sum of log-probabilities of the answers. */
static void seed_log_prob(void *user, size_t row, const float *logits, float *seed)
{
    struct fixture *fixture = user;
    size_t vocab = model_shape(fixture->model)->vocab;
    double sum = 0, top = -(double)INFINITY;
    for (size_t i = 0; i < vocab; i++)
        top = fmax(top, (double)logits[i]);
    for (size_t i = 0; i < vocab; i++)
        sum += exp((double)logits[i] - top);
    for (size_t i = 0; i < vocab; i++)
        seed[i] = (float)(-exp((double)logits[i] - top) / sum);
    seed[fixture->answer_of[row]] += 1;
}

/* Sequences 0 to 2 are of one owner and begin alike; 3 begins like them, but is another's. */
static void set_up(struct fixture *fixture, struct model *model, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    *fixture = (struct fixture){.model = model};
    uint32_t vocab = model_shape(model)->vocab;
    for (size_t i = 0; i < SEQUENCES; i++) {
        for (size_t k = 0; k < LENGTH; k++) {
            fixture->ids[i][k] = (int32_t)rng_below(&rng, vocab);
            fixture->answers[i][k] = (int32_t)rng_below(&rng, vocab);
        }
        if (i > 0 && i < 4)
            memcpy(fixture->ids[i], fixture->ids[0], (3 + i) * sizeof(int32_t));
        static const uint32_t owners[SEQUENCES] = {0, 0, 0, 1, 2};
        fixture->sequences[i] = (struct sequence){fixture->ids[i], LENGTH - i % 3, WANTED + i % 2,
                                                  owners[i]};
    }
}

static void open_gradient(struct fixture *fixture, const struct sequence *sequences, size_t count,
                          struct gradient_options options)
{
    struct err err;
    fixture->gradient = gradient_new(fixture->model, sequences, count, &options, &err);
    t_ok(fixture->gradient != NULL, &err);
    fixture->answer_of = x_new(gradient_rows(fixture->gradient), sizeof(int32_t));
    for (size_t i = 0; i < count; i++)
        for (size_t k = sequences[i].wanted; k < sequences[i].count; k++)
            fixture->answer_of[gradient_row(fixture->gradient, i, k)] =
                fixture->answers[&sequences[i] - fixture->sequences][k];
}

static void run(struct fixture *fixture)
{
    struct err err;
    struct gradient_job job = {seed_log_prob, keep_seen, fixture};
    forget_seen(fixture);
    t_ok(gradient_run(fixture->gradient, &job, NULL, &err), &err);
}

static void close_gradient(struct fixture *fixture)
{
    forget_seen(fixture);
    free(fixture->answer_of);
    gradient_free(fixture->gradient);
}

/* ---- central differences ---------------------------------------------------------- */

/* Wanted places that sequences have in common are there once, so that the answers of
 * such places are those of the last of them. */
static double objective(const struct fixture *fixture, size_t sequence, bool *counted,
                        const struct truth_nudge *nudge)
{
    const struct sequence *of = &fixture->sequences[sequence];
    size_t vocab = model_shape(fixture->model)->vocab;
    double *logits = x_new(of->count * vocab, sizeof *logits), total = 0;
    truth_logits_nudged(fixture->model, of->ids, of->count, nudge, logits);
    for (size_t k = of->wanted; k < of->count; k++) {
        size_t row = gradient_row(fixture->gradient, sequence, k);
        double sum = 0, top = -(double)INFINITY;
        if (counted[row])
            continue;
        counted[row] = true;
        for (size_t i = 0; i < vocab; i++)
            top = fmax(top, logits[k * vocab + i]);
        for (size_t i = 0; i < vocab; i++)
            sum += exp(logits[k * vocab + i] - top);
        total += logits[k * vocab + (size_t)fixture->answer_of[row]] - top - log(sum);
    }
    free(logits);
    return total;
}

/* Of the sequences that have the token at the nudged position: no other changes. */
static double whole_objective(const struct fixture *fixture, size_t of, struct truth_nudge nudge)
{
    bool *counted = x_new(gradient_rows(fixture->gradient), sizeof *counted);
    double total = 0;
    for (size_t i = 0; i < SEQUENCES; i++) {
        bool same = fixture->sequences[i].owner == fixture->sequences[of].owner &&
                    memcmp(fixture->ids[i], fixture->ids[of],
                           (nudge.position + 1) * sizeof(int32_t)) == 0;
        if (same)
            total += objective(fixture, i, counted, &nudge);
    }
    free(counted);
    return total;
}

static double difference(const struct fixture *fixture, size_t of, struct truth_nudge nudge)
{
    double step = nudge.amount;
    double above = whole_objective(fixture, of, nudge);
    nudge.amount = -step;
    return (above - whole_objective(fixture, of, nudge)) / (2 * step);
}

/* The token a sequence has at a position, among those the visitor saw. */
static size_t slot_of(const struct fixture *fixture, size_t sequence, size_t position)
{
    const struct packed *packed = &fixture->gradient->batch->packed;
    return (size_t)packed->path_memory[packed->starts[sequence] + position];
}

static double largest(const float *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

static void check_matrix(const struct fixture *fixture, int32_t layer, enum proj proj, int samples,
                         struct rng *rng)
{
    const struct seen *seen = &fixture->seen[layer == NO_LAYER ? 0 : layer][proj];
    assert_non_null(seen->dy);
    double size = largest(seen->dy, seen->tokens * seen->rows);
    for (int i = 0; i < samples; i++) {
        size_t sequence = rng_below(rng, SEQUENCES);
        size_t count = fixture->sequences[sequence].count;
        size_t position = rng_below(rng, (uint32_t)count);
        if (proj == PROJ_HEAD)
            position = count - 1;
        struct truth_nudge nudge = {layer, proj, position, 0, 1e-4};
        nudge.row = (uint32_t)rng_below(rng, seen->rows);
        size_t token = proj == PROJ_HEAD ? gradient_row(fixture->gradient, sequence, position)
                                         : slot_of(fixture, sequence, position);
        double expected = difference(fixture, sequence, nudge);
        double found = (double)seen->dy[token * seen->rows + nudge.row];
        /* Products with 16-bit numbers, forward and back, differ by 1.2e-4 of the largest, as a
         * root mean square over the 332 drawn, which are always the same; the worst by
         * 4.9e-4 beside the relative part. */
        if (fabs(found - expected) > 2e-3 * fabs(expected) + 6e-4 * size)
            fail_msg("layer %d, %s, sequence %zu, position %zu, row %u: %.9g, expected %.9g",
                     (int)layer, proj_name(proj), sequence, position, nudge.row, found, expected);
    }
}

static void check_all(struct fixture *fixture, int samples, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (uint32_t l = 0; l < model_shape(fixture->model)->layers; l++)
        for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            check_matrix(fixture, (int32_t)l, proj, samples, &rng);
    check_matrix(fixture, NO_LAYER, PROJ_HEAD, samples, &rng);
    check_matrix(fixture, NO_LAYER, PROJ_EMBED, samples, &rng);
}

static void gradient__small_models__is_what_differences_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(shapes); i++) {
        struct fixture fixture;
        set_up(&fixture, simple_model(&shapes[i]), i);
        open_gradient(&fixture, fixture.sequences, SEQUENCES, usual);
        run(&fixture);
        check_all(&fixture, 6, i);
        close_gradient(&fixture);
        model_free(fixture.model);
    }
}

static void gradient__nano__is_what_differences_say(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, simple_nano(), 17);
    open_gradient(&fixture, fixture.sequences, SEQUENCES, usual);
    run(&fixture);
    check_all(&fixture, 1, 17);
    close_gradient(&fixture);
    model_free(fixture.model);
}

/* ---- the same bits ------------------------------------------------------------------ */

static void check_same(const struct fixture *a, const struct fixture *b)
{
    for (size_t l = 0; l < LAYERS_MAX; l++)
        for (size_t p = 0; p < PROJ_COUNT; p++) {
            const struct seen *left = &a->seen[l][p], *right = &b->seen[l][p];
            size_t bytes = left->tokens * left->rows * sizeof(float);
            assert_int_equal(left->tokens, right->tokens);
            if (!left->dy)
                continue;
            assert_memory_equal(left->dy, right->dy, bytes);
            if (left->negated)
                assert_memory_equal(left->negated, right->negated, bytes);
        }
}

static void gradient__any_number_of_threads__same_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(shapes); i++) {
        struct fixture one, more;
        set_up(&one, simple_model(&shapes[i]), i);
        open_gradient(&one, one.sequences, SEQUENCES, (struct gradient_options){1, 0});
        run(&one);
        for (int threads = 2; threads <= 5; threads += 3) {
            set_up(&more, one.model, i);
            open_gradient(&more, more.sequences, SEQUENCES,
                          (struct gradient_options){threads, KEEP_ALL});
            run(&more);
            check_same(&one, &more);
            close_gradient(&more);
        }
        close_gradient(&one);
        model_free(one.model);
    }
}

/* What matrices of a layer give, in bytes: q, k, v, o, gate and up of every token. */
static uint64_t bytes_of_layer(const struct fixture *fixture)
{
    const struct model_shape *shape = model_shape(fixture->model);
    uint64_t q = shape->heads * shape->head_dim, kv = shape->kv_heads * shape->head_dim;
    return (q + 2 * kv + shape->width + 2 * shape->ffn) * sizeof(float) *
           gradient_tokens(fixture->gradient);
}

/* Of no layer, one, all but the last, which never is; flips below and in kept layers. */
static void gradient__any_part_of_it_kept__same_bits(void **state)
{
    (void)state;
    static const struct flip flips[] = {{0, PROJ_K, 3, FLIP_WHOLE_ROW, {0, 0}},
                                        {1, PROJ_UP, 11, FLIP_WHOLE_ROW, {0, 0}}};
    for (size_t i = 0; i < countof(shapes); i++) {
        struct fixture none, some;
        set_up(&none, simple_model(&shapes[i]), i);
        open_gradient(&none, none.sequences, SEQUENCES, (struct gradient_options){2, 0});
        uint64_t all = shapes[i].layers - 1, least = gradient_bytes(none.gradient);
        uint64_t one = bytes_of_layer(&none), budgets[] = {one - 1, one + one / 2, KEEP_ALL};
        const uint64_t layers[] = {0, all < 1 ? all : 1, all};
        run(&none);
        for (size_t b = 0; b < countof(budgets); b++) {
            set_up(&some, none.model, i);
            open_gradient(&some, some.sequences, SEQUENCES,
                          (struct gradient_options){2, budgets[b]});
            assert_int_equal(gradient_bytes(some.gradient) - least, layers[b] * one);
            for (size_t f = 0; f <= 2 * countof(flips); f++) { /* on, then off again */
                run(&some);
                if (f % 4 == 0)
                    check_same(&none, &some);
                if (f < 2 * countof(flips) && shapes[i].layers > 1)
                    model_flip(some.model, &flips[f % countof(flips)]);
            }
            close_gradient(&some);
        }
        close_gradient(&none);
        model_free(none.model);
    }
}

/* 4,096 columns are 10.5 microseconds of computing a page of outputs, of which half counts. */
static void worth_keeping__slow_memory_or_narrow_matrices__does_not_pay(void **state)
{
    (void)state;
    assert_true(worth_keeping(4096, 5.2e-6));
    assert_false(worth_keeping(4096, 5.3e-6));
    assert_true(worth_keeping(2048, 2.6e-6));
    assert_false(worth_keeping(2048, 2.7e-6));
    assert_true(worth_keeping(1024, 0));
    assert_false(worth_keeping(1023, 0));
    assert_true(memory_seconds_a_page() > 0);
}

static void gradient__after_a_flip__is_that_of_the_flipped_model(void **state)
{
    (void)state;
    struct fixture before, after;
    set_up(&before, simple_model(&shapes[0]), 1);
    open_gradient(&before, before.sequences, SEQUENCES, usual);
    run(&before);
    model_flip(before.model, &(struct flip){2, PROJ_UP, 11, FLIP_WHOLE_ROW, {0, 0}});
    run(&before);
    set_up(&after, before.model, 1);
    open_gradient(&after, after.sequences, SEQUENCES, usual);
    run(&after);
    check_same(&before, &after);
    close_gradient(&before);
    close_gradient(&after);
    model_free(before.model);
}

/* ---- owners ---------------------------------------------------------------------------- */

/* What an owner's tokens say of a row. */
static double owned(const struct seen *seen, uint32_t owner, size_t row)
{
    double sum = 0;
    for (size_t t = 0; t < seen->tokens; t++)
        if (seen->owners[t] == owner)
            sum += (double)seen->negated[t * seen->rows + row];
    return sum;
}

static void gradient__owner_beside_others__is_what_it_is_alone(void **state)
{
    (void)state;
    struct fixture all, alone;
    set_up(&all, simple_model(&shapes[0]), 2);
    open_gradient(&all, all.sequences, SEQUENCES, usual);
    run(&all);
    set_up(&alone, all.model, 2);
    open_gradient(&alone, alone.sequences + 3, 1, usual);
    for (size_t k = alone.sequences[3].wanted; k < alone.sequences[3].count; k++)
        alone.answer_of[gradient_row(alone.gradient, 0, k)] = alone.answers[3][k];
    run(&alone);
    for (size_t l = 0; l < 3; l++)
        for (enum proj proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            for (size_t row = 0; row < all.seen[l][proj].rows; row++)
                assert_true(owned(&all.seen[l][proj], 1, row) ==
                            owned(&alone.seen[l][proj], 1, row));
    close_gradient(&all);
    close_gradient(&alone);
    model_free(all.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient__small_models__is_what_differences_say),
        cmocka_unit_test(gradient__nano__is_what_differences_say),
        cmocka_unit_test(gradient__any_number_of_threads__same_bits),
        cmocka_unit_test(gradient__any_part_of_it_kept__same_bits),
        cmocka_unit_test(worth_keeping__slow_memory_or_narrow_matrices__does_not_pay),
        cmocka_unit_test(gradient__after_a_flip__is_that_of_the_flipped_model),
        cmocka_unit_test(gradient__owner_beside_others__is_what_it_is_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
