/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is written as the head of a GGUF file is what is read of it [W1].
 */
#include <stdlib.h>

#include "engine/gguf/write.h"
#include "tests/t.h"

/* ---- one small file, byte by byte ---------------------------------------------- */

static void gguf_head_end__small_file__exact_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        'G', 'G', 'U', 'F', 3, 0, 0, 0,                     /* version */
        1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,     /* a tensor, a key */
        1, 0, 0, 0, 0, 0, 0, 0, 'k', 4, 0, 0, 0, 7, 0, 0, 0,
        2, 0, 0, 0, 0, 0, 0, 0, 't', '1', 2, 0, 0, 0,       /* name, dimensions */
        128, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,   /* columns, rows */
        41, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                /* Q1_0 at 0 */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,              /* padding to 96 */
    };
    struct gguf_head head = {0};
    struct buf file = {0};
    gguf_head_uint(&head, "k", 7);
    assert_int_equal(gguf_head_tensor(&head, "t1", GGML_Q1_0, 128, 3), 54);
    assert_int_equal(head.data_bytes, 64);
    gguf_head_end(&head, &file);
    assert_int_equal(file.len, 96);
    assert_int_equal(sizeof expected, 96);
    assert_memory_equal(file.data, expected, sizeof expected);
    gguf_head_free(&head);
    buf_free(&file);
}

static void gguf_padding__any_size__to_32(void **state)
{
    (void)state;
    for (uint64_t bytes = 0; bytes < 200; bytes++) {
        assert_true(gguf_padding(bytes) < 32);
        assert_int_equal((bytes + gguf_padding(bytes)) % 32, 0);
    }
}

/* ---- any file ------------------------------------------------------------------- */

/* A case is a list of bytes, each of which tells one thing: bits 0 to 2 a kind of key or a
 * tensor, the rest its value and size.  Names are the places in the list. */
enum { KINDS = 8, TENSOR = 6, VECTOR = 7, TEXTS_MAX = 6 };

static const uint32_t types[] = {GGML_F32, GGML_F16, GGML_BF16, GGML_Q1_0};

static void any_things(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    for (uint64_t i = rng_below(rng, 20); i > 0; i--)
        buf_add(out, &(uint8_t){(uint8_t)rng_next(rng)}, 1);
}

static void name_of(size_t index, char name[32])
{
    (void)snprintf(name, 32, "name.%zu", index);
}

/* Texts of lengths 0, 1, ... with zero bytes in them. */
static size_t texts_of(uint8_t value, struct text_span texts[TEXTS_MAX])
{
    static const char bytes[] = "a\0\xC4\xA0" "b c";
    for (size_t i = 0; i < TEXTS_MAX; i++)
        texts[i] = (struct text_span){bytes, (i + value) % sizeof bytes};
    return value % (TEXTS_MAX + 1);
}

static size_t ints_of(uint8_t value, int32_t ints[TEXTS_MAX])
{
    for (int32_t i = 0; i < TEXTS_MAX; i++)
        ints[i] = (i - 2) * (value + 1) * 1000003;
    return value % (TEXTS_MAX + 1);
}

static uint32_t type_of(uint8_t value)
{
    return types[value % countof(types)];
}

static uint64_t columns_of(uint8_t value)
{
    return type_of(value) == GGML_Q1_0 ? 128 * (1 + value % 3u) : 1 + value % 7u;
}

static uint64_t rows_of(uint8_t value)
{
    return 1 + value / 4u;
}

static void tell(struct gguf_head *head, size_t index, uint8_t thing)
{
    char name[32];
    struct text_span texts[TEXTS_MAX];
    int32_t ints[TEXTS_MAX];
    uint8_t value = thing / KINDS;
    name_of(index, name);
    switch (thing % KINDS) {
    case 0: gguf_head_uint(head, name, value * UINT32_C(138547332)); break;
    case 1: gguf_head_float(head, name, (float)value / 7.0f); break;
    case 2: gguf_head_bool(head, name, value % 2); break;
    case 3: gguf_head_text(head, name, &"0123456789abcdefghijklmnopqrstuvw"[value]); break;
    case 4: gguf_head_texts(head, name, texts, texts_of(value, texts)); break;
    case 5: gguf_head_ints(head, name, ints, ints_of(value, ints)); break;
    default:
        (void)gguf_head_tensor(head, name, type_of(value), columns_of(value),
                               thing % KINDS == VECTOR ? 0 : rows_of(value));
    }
}

static bool texts_are(const struct gguf *gguf, const char *name, uint8_t value)
{
    struct text_span expected[TEXTS_MAX], *found = NULL;
    size_t count = texts_of(value, expected), found_count = 0;
    struct err err = {0};
    bool same = gguf_texts(gguf, name, &found, &found_count, &err) == GGUF_FOUND &&
                found_count == count;
    for (size_t i = 0; same && i < count; i++)
        same = found[i].len == expected[i].len &&
               memcmp(found[i].data, expected[i].data, found[i].len) == 0;
    free(found);
    return same;
}

static bool ints_are(const struct gguf *gguf, const char *name, uint8_t value)
{
    int32_t expected[TEXTS_MAX], *found = NULL;
    size_t count = ints_of(value, expected), found_count = 0;
    struct err err = {0};
    bool same = gguf_ints(gguf, name, &found, &found_count, &err) == GGUF_FOUND &&
                found_count == count && memcmp(found, expected, count * sizeof *found) == 0;
    free(found);
    return same;
}

static bool tensor_is(const struct gguf *gguf, const char *name, uint8_t value, bool vector)
{
    const struct gguf_tensor *tensor = gguf_find_tensor(gguf, name);
    return tensor && tensor->type == type_of(value) && tensor->dim_count == (vector ? 1 : 2) &&
           tensor->shape[0] == columns_of(value) &&
           tensor->shape[1] == (vector ? 1 : rows_of(value));
}

static bool said(const struct gguf *gguf, size_t index, uint8_t thing)
{
    char name[32];
    uint8_t value = thing / KINDS;
    uint64_t whole = 0;
    double number = 0;
    bool flag = false;
    struct text_span text = {"", 0};
    struct err err = {0};
    name_of(index, name);
    switch (thing % KINDS) {
    case 0: return gguf_uint(gguf, name, &whole, &err) == GGUF_FOUND &&
                   whole == value * UINT32_C(138547332);
    case 1: return gguf_float(gguf, name, &number, &err) == GGUF_FOUND &&
                   (float)number == (float)value / 7.0f;
    case 2: return gguf_bool(gguf, name, &flag, &err) == GGUF_FOUND && flag == value % 2;
    case 3: return gguf_text(gguf, name, &text, &err) == GGUF_FOUND && text.len == 33u - value &&
                   memcmp(text.data, &"0123456789abcdefghijklmnopqrstuvw"[value], text.len) == 0;
    case 4: return texts_are(gguf, name, value);
    case 5: return ints_are(gguf, name, value);
    default: return tensor_is(gguf, name, value, thing % KINDS == VECTOR);
    }
}

static bool read_as_written(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    struct gguf_head head = {0};
    struct buf file = {0};
    struct err err = {0};
    for (size_t i = 0; i < len; i++)
        tell(&head, i, (uint8_t)bytes[i]);
    gguf_head_end(&head, &file);
    size_t head_bytes = file.len;
    for (uint64_t i = 0; i < head.data_bytes; i++)
        buf_add(&file, "", 1);
    struct gguf *gguf = gguf_parse((const uint8_t *)file.data, file.len, &err);
    bool same = gguf && gguf_tensor_count(gguf) == head.tensor_count;
    buf_add_text(why, err.message);
    for (size_t i = 0; same && i < len; i++) {
        same = said(gguf, i, (uint8_t)bytes[i]);
        if (!same)
            buf_add_format(why, "thing %zu is read as another", i);
    }
    if (same && head.tensor_count > 0)
        same = gguf_tensor(gguf, 0)->offset == head_bytes;
    gguf_free(gguf);
    gguf_head_free(&head);
    buf_free(&file);
    return same;
}

static void gguf_parse__any_head__reads_what_was_told(void **state)
{
    (void)state;
    const struct prop prop = {
        .name = "read as written",
        .seed = 1,
        .cases = 2000,
        .generate = any_things,
        .holds = read_as_written,
    };
    t_prop(&prop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gguf_head_end__small_file__exact_bytes),
        cmocka_unit_test(gguf_padding__any_size__to_32),
        cmocka_unit_test(gguf_parse__any_head__reads_what_was_told),
    };
    return cmocka_run_group_tests_name("gguf_write", tests, NULL, NULL);
}
