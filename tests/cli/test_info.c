/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * info: what it says of a file against the file itself; and model files that
 * cannot be opened, as every command refuses them.
 */
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/t.h"

static json_t *info_of(const char *path)
{
    struct run *run = run_ok("info", path, "--json", NULL);
    json_t *info = run_json(run);
    run_free(run);
    return info;
}

/* The embedded model is this file. */
static const char nano_path[] = "engine/nano/nano.gguf";

static void info__nano__all_fields(void **state)
{
    (void)state;
    json_t *info = info_of("nano");
    assert_string_equal(look_text(info, "architecture"), "qwen3");
    assert_int_equal(look_int(info, "layers"), 6);
    assert_int_equal(look_int(info, "width"), 256);
    assert_int_equal(look_int(info, "ffn"), 768);
    assert_int_equal(look_int(info, "heads"), 4);
    assert_int_equal(look_int(info, "kv_heads"), 2);
    assert_int_equal(look_int(info, "head_dim"), 64);
    assert_int_equal(look_int(info, "vocab"), 512);
    assert_false(look_bool(info, "tied"));
    assert_int_equal(look_int(info, "file_bytes"), look_file_bytes(nano_path));
    assert_string_equal(look_text(info, "sha256"), look_sha256(nano_path));
    /* q 256, k and v 128, o 256, gate and up 768, down 256; embedding and head */
    assert_int_equal(look_int(info, "patchable_rows"),
                     6 * (256 + 128 + 128 + 256 + 768 + 768 + 256) + 2 * 512);
    json_decref(info);
    json_t *same = info_of(nano_path), *nano = info_of("nano");
    assert_true(json_equal(same, nano));
    json_decref(same);
    json_decref(nano);
}

/* Names, types and shapes of the whole file; bytes follow from type and shape. */
static void info__tensors__names_types_shapes_bytes(void **state)
{
    (void)state;
    struct tiny shape = tiny_default;
    shape.norm_type = 30;
    json_t *info = info_of(look_tiny_model("tensors.gguf", &shape));
    json_t *tensors = look(info, "tensors", JSON_ARRAY), *tensor;
    size_t index, rows = 0, all_bytes = 0;
    assert_int_equal(json_array_size(tensors), 3 + 11 * 2);
    json_array_foreach(tensors, index, tensor) {
        const char *type = look_text(tensor, "type");
        json_t *dims = look(tensor, "shape", JSON_ARRAY);
        int64_t first = json_integer_value(json_array_get(dims, 0));
        int64_t bytes = look_int(tensor, "bytes");
        assert_true(strlen(look_text(tensor, "name")) > 0);
        if (strcmp(type, "Q1_0") == 0) {
            int64_t second = json_integer_value(json_array_get(dims, 1));
            assert_int_equal(json_array_size(dims), 2);
            assert_int_equal(bytes, first / 128 * 18 * second);
            rows += (size_t)second;
        } else {
            assert_string_equal(type, "BF16");
            assert_int_equal(json_array_size(dims), 1);
            assert_int_equal(bytes, first * 2);
        }
        all_bytes += (size_t)bytes;
    }
    assert_string_equal(look_text(json_array_get(tensors, 0), "name"), "token_embd.weight");
    assert_int_equal(rows, look_int(info, "patchable_rows"));
    assert_true(all_bytes < (size_t)look_int(info, "file_bytes"));
    json_decref(info);
}

static void info__tied__said_and_embedding_counted_once(void **state)
{
    (void)state;
    struct tiny shape = tiny_default;
    shape.tied = true;
    const char *path = look_tiny_model("tied.gguf", &shape);
    json_t *info = info_of(path);
    assert_true(look_bool(info, "tied"));
    assert_int_equal(look_int(info, "patchable_rows"),
                     264 + 2 * (128 + 64 + 64 + 128 + 256 + 256 + 128));
    json_decref(info);
    struct run *run = run_ok("info", path, NULL);
    run_expect_out(run, "tied to the embedding");
    run_free(run);
}

static void info__text__one_fact_a_line(void **state)
{
    (void)state;
    struct run *run = run_ok("info", "-m", "nano", NULL);
    run_expect_out(run, "architecture    qwen3, 6 layers, width 256, ffn 768\n");
    run_expect_out(run, "attention       4 query heads, 2 KV heads of 64\n");
    run_expect_out(run, "vocabulary      512 tokens, head separate from the embedding\n");
    run_expect_out(run, look_sha256(nano_path));
    assert_null(strstr(run->out.data, "blk.0.attn_q.weight"));
    run_free(run);
    run = run_ok("info", "nano", "--tensors", NULL);
    run_expect_out(run, "blk.0.attn_q.weight\n");
    run_expect_out(run, "256 x 512");
    run_free(run);
}

/* A file's name cannot drive a terminal, here or in an error. */
static void info__name_with_escape__made_visible(void **state)
{
    (void)state;
    const char *path = look_tiny_model("evil\x1b[2Jname.gguf", &tiny_default);
    struct run_options options = {.out_terminal = true, .err_terminal = true};
    struct run *run = run_bankai(&options, "info", path, NULL);
    run_expect_status(run, 0);
    run_expect_out(run, "evil\\x1B[2Jname.gguf");
    assert_null(strchr(run->out.data, '\x1b'));
    run_free(run);
    run = run_bankai(&options, "info", run_path("no\x1b[2J.gguf"), NULL);
    run_expect_status(run, 2);
    assert_null(strstr(run->err.data, "\x1b[2J"));
    run_free(run);
}

/* ---- files that are no models -------------------------------------------------------- */

static void lines_are(const char *text, size_t expected)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    assert_int_equal(lines, expected);
}

static void refused_everywhere(const char *path, const char *code, const char *message)
{
    run_refused(code, message, "info", path, NULL);
    run_refused(code, message, "tokenize", path, "a", NULL);
    run_refused(code, message, "logits", path, "--ids", "1", NULL);
    run_refused(code, message, "gen", path, "-p", "a", NULL);
    run_refused(code, message, "eval", path, "--probes", "math", NULL);
    run_refused(code, message, "search", path, "--target", "math", NULL);
    struct run *run = run_bankai(NULL, "gen", "-p", "a", "-m", path, NULL);
    run_expect_status(run, 2);
    run_expect_err(run, message);
    assert_string_equal(run->out.data, "");
    lines_are(run->err.data, 1);
    run_free(run);
}

static void model__missing_foreign_or_cut__refused_by_every_command(void **state)
{
    (void)state;
    refused_everywhere(run_path("missing.gguf"), "usage", "missing.gguf: cannot open");
    refused_everywhere(run_write_text("foreign.gguf", "{\"not\": \"a model\"}\n"), "format",
                       "foreign.gguf: ");
    refused_everywhere(run_write_text("empty.gguf", ""), "format", "empty.gguf: ");
    struct buf file = {0};
    tiny_write(&tiny_default, &file);
    refused_everywhere(run_write("cut.gguf", file.data, file.len - 1), "format", "cut.gguf: ");
    buf_free(&file);
    struct tiny ternary = tiny_default;
    ternary.matrix_type = 34; /* TQ1_0 */
    refused_everywhere(look_tiny_model("ternary.gguf", &ternary), "unsupported", "ternary");
    struct tiny llama = tiny_default;
    llama.architecture = "llama";
    refused_everywhere(look_tiny_model("llama.gguf", &llama), "unsupported", "llama");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info__nano__all_fields),
        cmocka_unit_test(info__tensors__names_types_shapes_bytes),
        cmocka_unit_test(info__tied__said_and_embedding_counted_once),
        cmocka_unit_test(info__text__one_fact_a_line),
        cmocka_unit_test(info__name_with_escape__made_visible),
        cmocka_unit_test(model__missing_foreign_or_cut__refused_by_every_command),
    };
    return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}
