/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tokenize: ids that lead back to the text, whatever its bytes.
 */
#include <stdlib.h>

#include "src/base/rng.h"
#include "tests/cli/look.h"
#include "tests/t.h"

static void add_list(struct buf *out, const json_t *ids)
{
    for (size_t i = 0; i < json_array_size(ids); i++)
        buf_add_format(out, "%s%lld", i ? "," : "",
                       (long long)json_integer_value(json_array_get(ids, i)));
}

static void tokenize__any_bytes__decode_to_themselves(void **state)
{
    (void)state;
    char text[300];
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i < 256 ? i : rng_below(&rng, 256));
    const char *path = run_write("bytes.bin", text, sizeof text);
    const char *const models[] = {"nano", look_tiny_model("tokens.gguf", &tiny_default)};
    for (size_t m = 0; m < countof(models); m++) {
        struct run *run = run_ok("tokenize", models[m], "--file", path, "--json", NULL);
        json_t *out = look_any(run);
        struct buf list = {0};
        add_list(&list, look(out, "ids", JSON_ARRAY));
        struct run *back = run_ok("tokenize", models[m], "--decode", list.data, NULL);
        assert_int_equal(back->out.len, sizeof text);
        assert_memory_equal(back->out.data, text, sizeof text);
        run_free(back);
        buf_free(&list);
        json_decref(out);
        run_free(run);
    }
}

static void tokenize__text_file_and_stdin__same(void **state)
{
    (void)state;
    const char text[] = "The capital of Italy is Rome\n";
    const char *path = run_write_text("text.txt", text);
    struct run_options input = {.input = text, .input_len = strlen(text)};
    struct run *given = run_ok("tokenize", "nano", text, "--json", NULL);
    struct run *file = run_ok("tokenize", "--file", path, "nano", "--json", NULL);
    struct run *model = run_ok("tokenize", "-m", "nano", text, "--json", NULL);
    struct run *piped = run_bankai(&input, "tokenize", "nano", "--file", "-", "--json", NULL);
    assert_string_equal(file->out.data, given->out.data);
    assert_string_equal(model->out.data, given->out.data);
    assert_string_equal(piped->out.data, given->out.data);
    json_t *out = run_json(given);
    json_t *ids = look(out, "ids", JSON_ARRAY), *pieces = look(out, "pieces", JSON_ARRAY);
    assert_int_equal(json_array_size(ids), json_array_size(pieces));
    struct buf joined = {0};
    for (size_t i = 0; i < json_array_size(pieces); i++)
        buf_add_text(&joined, json_string_value(json_array_get(pieces, i)));
    assert_string_equal(joined.data, text);
    buf_free(&joined);
    json_decref(out);
    run_free(given);
    run_free(file);
    run_free(model);
    run_free(piped);
}

static void tokenize__tiny__ids_by_hand(void **state)
{
    (void)state;
    const char *path = look_tiny_model("tokens.gguf", &tiny_default);
    struct run *run = run_ok("tokenize", path, "the in<|special_263|>", "--json", NULL);
    json_t *out = run_json(run);
    struct buf list = {0};
    add_list(&list, look(out, "ids", JSON_ARRAY)); /* "the", " ", "in", then bytes */
    assert_true(strncmp(list.data, "257,32,258,60,124,", 18) == 0);
    json_decref(out);
    run_free(run);
    run = run_ok("tokenize", path, "the<|special_263|>", "--special", "--json", NULL);
    out = run_json(run);
    buf_clear(&list);
    add_list(&list, look(out, "ids", JSON_ARRAY));
    assert_string_equal(list.data, "257,263");
    json_decref(out);
    run_free(run);
    run = run_ok("tokenize", path, "the\x1b", NULL);
    assert_string_equal(run->out.data, "    257  \"the\"\n     27  \"\\x1B\"\n");
    run_free(run);
    buf_free(&list);
}

static void tokenize__decode_to_a_terminal__control_characters_visible(void **state)
{
    (void)state;
    const char *path = look_tiny_model("tokens.gguf", &tiny_default);
    struct run_options options = {.out_terminal = true};
    struct run *run = run_bankai(&options, "tokenize", path, "--decode", "257,27,91,50,74,10",
                                 NULL);
    run_expect_status(run, 0);
    assert_string_equal(run->out.data, "the\\x1B[2J\n");
    run_free(run);
    run = run_ok("tokenize", path, "--decode", "257,27,255", NULL);
    assert_string_equal(run->out.data, "the\x1b\xFF");
    run_free(run);
    run = run_ok("tokenize", path, "--decode", "257,255", "--json", NULL);
    json_t *out = run_json(run);
    assert_string_equal(look_text(out, "text"), "the\xEF\xBF\xBD"); /* U+FFFD */
    json_decref(out);
    run_free(run);
}

static void tokenize__bad_input__refused(void **state)
{
    (void)state;
    run_refused("usage", "no text given", "tokenize", "nano", NULL);
    run_refused("usage", "both TEXT and --file are given", "tokenize", "nano", "a", "--file", "b",
                NULL);
    run_refused("usage", "a text and --decode are given", "tokenize", "nano", "a", "--decode", "1",
                NULL);
    run_refused("range", "--decode: id 512, expected 0 to 511", "tokenize", "nano", "--decode",
                "1,512", NULL);
    run_refused("usage", "does not start with a token id", "tokenize", "nano", "--decode", "1,,2",
                NULL);
    run_refused("usage", "cannot open", "tokenize", "nano", "--file", run_path("none.txt"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokenize__any_bytes__decode_to_themselves),
        cmocka_unit_test(tokenize__text_file_and_stdin__same),
        cmocka_unit_test(tokenize__tiny__ids_by_hand),
        cmocka_unit_test(tokenize__decode_to_a_terminal__control_characters_visible),
        cmocka_unit_test(tokenize__bad_input__refused),
    };
    return cmocka_run_group_tests_name("tokenize", tests, NULL, NULL);
}
