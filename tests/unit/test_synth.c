/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Models of random weights: sizes of the real shapes against published figures,
 * vocabulary, weights, activations.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/kernel/half.h"
#include "src/base/sha256.h"
#include "src/synth/synth.h"
#include "tests/t.h"

static struct synth_shape shape_of(const char *name)
{
    struct synth_shape shape;
    struct err err = {0};
    t_ok(synth_shape_find(name, &shape, &err), &err);
    t_ok(synth_shape_check(&shape, &err), &err);
    return shape;
}

/* ---- shapes ---------------------------------------------------------------------- */

/* Numbers of tensors and weights and bytes of all tensors, as published for the files. */
static void synth_tensors__real_shapes__published_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t tensors, matrices;
        uint64_t weights, bytes;
    } rows[] = {
        {"1.7B", 310, 197, 1719904256, 242357152},
        {"4b", 398, 253, 4021588480, 566320264},
        {"8B", 399, 254, 8188239872, 1152704128},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct synth_shape shape = shape_of(rows[i].name);
        size_t count = 0, matrices = 0;
        struct synth_tensor *tensors = synth_tensors(&shape, &count);
        uint64_t weights = 0, bytes = 0, tensor_bytes = 0;
        for (size_t k = 0; k < count; k++) {
            uint64_t n = (uint64_t)tensors[k].columns * (tensors[k].rows ? tensors[k].rows : 1);
            matrices += tensors[k].rows > 0;
            weights += tensors[k].rows > 0 ? n : 0;
            assert_true(ggml_type_bytes(tensors[k].type, n, &tensor_bytes));
            bytes += tensor_bytes;
        }
        assert_int_equal(count, rows[i].tensors);
        assert_int_equal(matrices, rows[i].matrices);
        assert_int_equal(weights, rows[i].weights);
        assert_int_equal(bytes, rows[i].bytes);
        free(tensors);
    }
}

/* Far from the ends of fp16 (6.1e-5 is the smallest normal number), up to twice the
 * width of 8B and at any depth. */
static void synth_tensors__any_size__weights_are_normal_numbers(void **state)
{
    (void)state;
    for (uint32_t width = 128; width <= 8192; width *= 4)
        for (uint32_t layers = 1; layers <= 1024; layers *= 32) {
            struct synth_shape shape = shape_of("custom");
            shape.width = width;
            shape.ffn = 4 * width;
            shape.layers = layers;
            size_t count = 0;
            struct synth_tensor *tensors = synth_tensors(&shape, &count);
            for (size_t i = 0; i < count; i++)
                assert_true(tensors[i].weight > 4 * 6.1e-5 && tensors[i].weight < 8);
            free(tensors);
        }
}

/* ---- weights ---------------------------------------------------------------------- */

static void stream_all(const struct synth_tensor *tensor, size_t size, struct buf *out)
{
    struct synth_stream stream;
    struct buf piece = {0};
    uint64_t row_bytes = 0;
    assert_true(ggml_type_bytes(tensor->type, tensor->columns, &row_bytes));
    synth_stream_start(&stream, tensor, 5, 1);
    while (synth_stream_next(&stream, size, &piece)) {
        assert_true(piece.len > 0 && (piece.len <= size || piece.len == row_bytes)); /* [Y3] */
        buf_add(out, piece.data, piece.len);
    }
    buf_free(&piece);
}

static void synth_stream_next__any_piece_size__same_bytes(void **state)
{
    (void)state;
    const struct synth_tensor tensors[] = {
        {.type = GGML_Q1_0, .columns = 384, .rows = 50, .weight = 0.02, .spread = 0.3},
        {.type = GGML_F32, .columns = 384, .rows = 0, .weight = 1},
    };
    for (size_t i = 0; i < countof(tensors); i++) {
        struct buf whole = {0};
        stream_all(&tensors[i], 1 << 20, &whole);
        for (size_t size = 1; size < 400; size += 57) {
            struct buf parts = {0};
            stream_all(&tensors[i], size, &parts);
            assert_int_equal(parts.len, whole.len);
            assert_memory_equal(parts.data, whole.data, whole.len);
            buf_free(&parts);
        }
        buf_free(&whole);
    }
}

/* The mean square is what was asked for; scales spread by row as asked, and half
 * of the signs are set. */
static void synth_stream_next__matrix__mean_square_and_spread(void **state)
{
    (void)state;
    enum { ROWS = 4000, GROUPS = 4 };
    struct synth_tensor tensor = {
        .type = GGML_Q1_0, .columns = 128 * GROUPS, .rows = ROWS, .weight = 0.0123, .spread = 0.3,
    };
    struct buf bytes = {0};
    stream_all(&tensor, 1 << 20, &bytes);
    assert_int_equal(bytes.len, ROWS * GROUPS * 18);
    double square = 0, sum = 0, sum_of_squares = 0, ones = 0;
    for (size_t row = 0; row < ROWS; row++) {
        double mean = 0;
        for (size_t group = 0; group < GROUPS; group++) {
            const uint8_t *block = (const uint8_t *)bytes.data + (row * GROUPS + group) * 18;
            double scale = (double)half_value((uint16_t)(block[0] | block[1] << 8));
            square += scale * scale / (ROWS * GROUPS);
            mean += scale / GROUPS;
            for (size_t i = 2; i < 18; i++)
                ones += __builtin_popcount(block[i]);
        }
        sum += log(mean) / ROWS;
        sum_of_squares += log(mean) * log(mean) / ROWS;
    }
    assert_true(fabs(sqrt(square) / tensor.weight - 1) < 0.05);
    assert_true(fabs(sqrt(sum_of_squares - sum * sum) - tensor.spread) < 0.04);
    assert_true(fabs(ones / (ROWS * GROUPS * 128.0) - 0.5) < 0.002);
    buf_free(&bytes);
}

static void synth_stream_next__vector__near_one(void **state)
{
    (void)state;
    const struct synth_tensor tensor = {.type = GGML_F32, .columns = 1000, .weight = 1};
    struct buf bytes = {0};
    stream_all(&tensor, 1 << 20, &bytes);
    assert_int_equal(bytes.len, 4000);
    for (size_t i = 0; i < 1000; i++) {
        float gain = 0;
        memcpy(&gain, bytes.data + 4 * i, sizeof gain);
        assert_true(gain >= 0.875f && gain <= 1.125f);
    }
    buf_free(&bytes);
}

/* ---- vocabulary -------------------------------------------------------------------- */

static struct gguf *vocab_of(uint32_t count, struct buf *file)
{
    struct gguf_head head = {0};
    struct err err = {0};
    t_ok(synth_vocab_keys(&head, count, &err), &err);
    gguf_head_end(&head, file);
    gguf_head_free(&head);
    struct gguf *gguf = gguf_parse((const uint8_t *)file->data, file->len, &err);
    t_ok(gguf != NULL, &err);
    return gguf;
}

/* [Y2] */
static void synth_vocab__smaller__merges_are_the_first_of_a_larger_one(void **state)
{
    (void)state;
    struct buf small_file = {0}, large_file = {0};
    struct gguf *small = vocab_of(700, &small_file), *large = vocab_of(5000, &large_file);
    struct text_span *few = NULL, *many = NULL;
    size_t few_count = 0, many_count = 0;
    struct err err = {0};
    const char *key = "tokenizer.ggml.merges";
    assert_int_equal(gguf_texts(small, key, &few, &few_count, &err), GGUF_FOUND);
    assert_int_equal(gguf_texts(large, key, &many, &many_count, &err), GGUF_FOUND);
    assert_int_equal(few_count, 700 - 256 - SYNTH_SPECIALS);
    assert_int_equal(many_count, 5000 - 256 - SYNTH_SPECIALS);
    for (size_t i = 0; i < few_count; i++) {
        assert_int_equal(few[i].len, many[i].len);
        assert_memory_equal(few[i].data, many[i].data, few[i].len);
    }
    free(few);
    free(many);
    gguf_free(small);
    gguf_free(large);
    buf_free(&small_file);
    buf_free(&large_file);
}

/* ---- whole files -------------------------------------------------------------------- */

static bool keep(void *user, const void *bytes, size_t len, struct err *err)
{
    (void)err;
    buf_add(user, bytes, len);
    return true;
}

static void write_whole(const struct synth_shape *shape, uint64_t seed, struct buf *out)
{
    struct synth_file file;
    struct err err = {0};
    t_ok(synth_file_plan(shape, seed, &file, &err), &err);
    t_ok(synth_file_write(&file, keep, out, &err), &err);
    assert_int_equal(out->len, file.bytes);
    synth_file_free(&file);
}

static struct model *model_of(const struct synth_shape *shape, uint64_t seed)
{
    struct buf file = {0};
    struct err err = {0};
    write_whole(shape, seed, &file);
    struct model *model = model_open_memory(file.data, file.len, "synth", &err);
    t_ok(model != NULL, &err);
    buf_free(&file);
    return model;
}

/* [Y1]: this hash does not depend on machine or compiler. */
static void synth_file_write__small_file__known_hash(void **state)
{
    (void)state;
    struct synth_shape shape = shape_of("custom");
    struct buf file = {0};
    struct err err = {0};
    char hash[SHA256_TEXT_SIZE];
    write_whole(&shape, 42, &file);
    t_ok(sha256_text(file.data, file.len, hash, &err), &err);
    assert_string_equal(hash,
                        "6f11cb891d8f3461721832779eaf6a547fb464c2adf75b9a241a09d3656d1571");
    buf_free(&file);
}

static bool take_some(void *user, const void *bytes, size_t len, struct err *err)
{
    (void)bytes;
    (void)len;
    int *left = user;
    return --*left > 0 || err_set(err, ERR_IO, "no more");
}

static void synth_file_write__stopped_anywhere__says_so(void **state)
{
    (void)state;
    struct synth_shape shape = shape_of("custom");
    struct synth_file file;
    struct err err = {0};
    t_ok(synth_file_plan(&shape, 1, &file, &err), &err);
    for (int pieces = 1; pieces < 25; pieces++) {
        int left = pieces;
        err = (struct err){0};
        assert_false(synth_file_write(&file, take_some, &left, &err));
        t_err_is(&err, ERR_IO, "", "no more");
        assert_int_equal(left, 0);
    }
    synth_file_free(&file);
}

static void model__every_vocabulary__tokens_come_back(void **state)
{
    (void)state;
    static const char text[] = "The derivative of 3x^2 is\n\n6x: <think>\xC3\xA9\xE2\x82\xAC\xFF";
    const uint32_t sizes[] = {SYNTH_VOCAB_MIN, 283, 512, 4000};
    for (size_t i = 0; i < countof(sizes); i++) {
        struct synth_shape shape = shape_of("custom");
        shape.vocab = sizes[i];
        struct model *model = model_of(&shape, 1);
        const struct tokenizer *tokenizer = model_tokenizer(model);
        struct ids ids = {0};
        struct buf back = {0};
        struct err err = {0};
        assert_int_equal(token_count(tokenizer), sizes[i]);
        assert_int_equal(token_end(tokenizer), sizes[i] - 24);
        assert_true(token_is_end(tokenizer, (int32_t)sizes[i] - 26));
        t_ok(token_encode(tokenizer, text, sizeof text - 1, &(struct encode_options){0}, &ids,
                          &err), &err);
        token_decode_all(tokenizer, ids.data, ids.count, &back);
        t_buf_is(&back, text);
        assert_true(ids.count < sizeof text);
        ids_free(&ids);
        buf_free(&back);
        model_free(model);
    }
}

/* Logits of a text of random tokens, [count][vocab]; owned by the caller. */
static float *logits_of(struct model *model, size_t count)
{
    struct context_options options = {.tokens_max = count, .threads = 2};
    struct err err = {0};
    struct rng rng;
    size_t *slots = x_new(count, sizeof *slots), vocab = model_shape(model)->vocab;
    float *logits = x_new(count * vocab, sizeof *logits);
    struct context *context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    size_t branch = context_branch(context, 0, 0);
    rng_seed(&rng, 3);
    for (size_t i = 0; i < count; i++) {
        int32_t id = (int32_t)rng_below(&rng, vocab);
        t_ok(context_push(context, branch, &id, 1, &err), &err);
        slots[i] = context_slot(context, branch, i);
    }
    t_ok(context_run(context, NULL, &err), &err);
    t_ok(context_logits(context, slots, count, logits, NULL, &err), &err);
    context_free(context);
    free(slots);
    return logits;
}

/* Correlation of two rows of logits; their standard deviation is 1.5 to 4. */
static double correlation(const float *a, const float *b, size_t count)
{
    double n = (double)count, mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < count; i++) {
        mean_a += (double)a[i] / n;
        mean_b += (double)b[i] / n;
    }
    for (size_t i = 0; i < count; i++) {
        double x = (double)a[i] - mean_a, y = (double)b[i] - mean_b;
        aa += x * x / n;
        bb += y * y / n;
        ab += x * y / n;
    }
    assert_true(sqrt(aa) > 1.5 && sqrt(aa) < 4 && sqrt(bb) > 1.5 && sqrt(bb) < 4);
    return ab / sqrt(aa * bb);
}

/* Nothing blows up or dies out on the way through 1 to 24 layers, and what comes out depends
 * on what was read: neighbours differ. */
static void model__any_depth__logits_are_sane(void **state)
{
    (void)state;
    enum { COUNT = 24 };
    for (uint32_t layers = 1; layers <= 24; layers += layers < 4 ? 3 : 20)
        for (int tied = 0; tied < 2; tied++) {
            struct synth_shape shape = shape_of("custom");
            shape.layers = layers;
            shape.vocab = 2000;
            shape.tied = tied;
            struct model *model = model_of(&shape, layers);
            float *logits = logits_of(model, COUNT);
            double sum = 0;
            for (size_t i = 1; i < COUNT; i++)
                sum += correlation(logits + (i - 1) * shape.vocab, logits + i * shape.vocab,
                                   shape.vocab);
            assert_true(fabs(sum / (COUNT - 1)) < 0.5);
            free(logits);
            model_free(model);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synth_tensors__real_shapes__published_sizes),
        cmocka_unit_test(synth_tensors__any_size__weights_are_normal_numbers),
        cmocka_unit_test(synth_stream_next__any_piece_size__same_bytes),
        cmocka_unit_test(synth_stream_next__matrix__mean_square_and_spread),
        cmocka_unit_test(synth_stream_next__vector__near_one),
        cmocka_unit_test(synth_vocab__smaller__merges_are_the_first_of_a_larger_one),
        cmocka_unit_test(synth_file_write__small_file__known_hash),
        cmocka_unit_test(synth_file_write__stopped_anywhere__says_so),
        cmocka_unit_test(model__every_vocabulary__tokens_come_back),
        cmocka_unit_test(model__any_depth__logits_are_sane),
    };
    return cmocka_run_group_tests_name("synth", tests, NULL, NULL);
}
