/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * synth: a small model that every command opens, and every way in which none is
 * written.
 */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/cli/look.h"
#include "tests/t.h"

/* What synth --json says of a small model with this seed. */
static json_t *synth(const char *path, const char *seed)
{
    struct run *run = run_ok("synth", "custom", "--layers", "3", "--width", "128", "--ffn", "384",
                             "--heads", "2", "--kv-heads", "1", "--head-dim", "64", "--vocab",
                             "600", "--tied", "--seed", seed, "-o", path, "--json", NULL);
    json_t *said = run_json(run);
    assert_string_equal(run->err.data, "");
    run_free(run);
    return said;
}

/* Temporary files that were left beside what tests write. */
static size_t leftovers(void)
{
    DIR *folder = opendir(run_path("."));
    assert_non_null(folder);
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += strstr(entry->d_name, ".tmp") != NULL;
    (void)closedir(folder);
    return count;
}

static void synth__custom__info_says_the_same(void **state)
{
    (void)state;
    static const char *const same[] = {"layers",   "width",    "ffn",   "heads",
                                       "kv_heads", "head_dim", "vocab"};
    static const int64_t expected[] = {3, 128, 384, 2, 1, 64, 600};
    const char *path = run_path("same.gguf");
    json_t *said = synth(path, "7");
    struct run *run = run_ok("info", path, "--json", NULL);
    json_t *info = run_json(run);
    for (size_t i = 0; i < countof(same); i++) {
        assert_int_equal(look_int(said, same[i]), expected[i]);
        assert_int_equal(look_int(info, same[i]), expected[i]);
    }
    assert_string_equal(look_text(said, "path"), path);
    assert_string_equal(look_text(said, "shape"), "custom");
    assert_int_equal(look_int(said, "seed"), 7);
    assert_true(look_bool(said, "tied") && look_bool(info, "tied"));
    assert_int_equal(look_int(said, "bytes"), look_file_bytes(path));
    assert_int_equal(look_int(said, "bytes"), look_int(info, "file_bytes"));
    assert_string_equal(look_text(said, "sha256"), look_sha256(path));
    assert_string_equal(look_text(said, "sha256"), look_text(info, "sha256"));
    assert_int_equal(json_array_size(look(info, "tensors", JSON_ARRAY)), 2 + 3 * 11);
    json_decref(said);
    json_decref(info);
    run_free(run);
}

static void synth__seed__same_bytes_or_others(void **state)
{
    (void)state;
    const char *first = run_path("first.gguf"), *again = run_path("again.gguf");
    json_t *one = synth(first, "1"), *same = synth(again, "1");
    look_same_files(first, again);
    json_t *other = synth(again, "2"); /* over the old file */
    assert_string_equal(look_text(one, "sha256"), look_text(same, "sha256"));
    assert_string_not_equal(look_text(one, "sha256"), look_text(other, "sha256"));
    assert_string_equal(look_text(other, "sha256"), look_sha256(again));
    assert_int_equal(look_int(one, "bytes"), look_int(other, "bytes"));
    json_decref(one);
    json_decref(same);
    json_decref(other);
}

/* A named shape, cut down to what a test has time for: what is not overridden is
 * the shape's own. */
static void synth__slice_of_8b__keeps_the_rest(void **state)
{
    (void)state;
    const char *path = run_path("slice.gguf");
    struct run *run = run_ok("synth", "8b", "--layers", "1", "--width", "128", "--ffn=256",
                             "--vocab", "300", "-o", path, NULL);
    run_expect_out(run, "architecture  qwen3, 1 layers, width 128, ffn 256\n");
    run_expect_out(run, "attention     32 query heads, 8 KV heads of 128\n");
    run_expect_out(run, "vocabulary    300 tokens, head separate from the embedding\n");
    run_expect_out(run, "weights       random, seed 42\n");
    run_expect_out(run, look_sha256(path));
    run_free(run);
    run = run_ok("info", path, "--json", NULL);
    json_t *info = run_json(run);
    assert_int_equal(look_int(info, "heads"), 32);
    assert_false(look_bool(info, "tied"));
    json_decref(info);
    run_free(run);
    run = run_ok("synth", "1.7B", "--layers", "1", "--width", "128", "--ffn=256", "--vocab", "300",
                 "--untied", "-o", path, "--json", NULL);
    info = run_json(run);
    assert_int_equal(look_int(info, "heads"), 16);
    assert_string_equal(look_text(info, "shape"), "1.7B");
    assert_false(look_bool(info, "tied"));
    json_decref(info);
    run_free(run);
}

/* The vocabulary at its published size; the places of its special tokens are those
 * of the published files. */
static void synth__vocabulary_of_real_size__encodes_and_decodes(void **state)
{
    (void)state;
    static const char text[] = "The 2nd derivative of x^20 is\n\t190x^18.";
    const char *path = run_path("vocab.gguf");
    run_free(run_ok("synth", "1.7B", "--layers", "1", "--width", "128", "--ffn", "128", "-o", path,
                    NULL));
    struct run *run = run_ok("tokenize", path, " 20<|endoftext|><|im_end|></think>", "--special",
                             "--json", NULL);
    json_t *said = run_json(run), *expected = json_pack("[iiiiii]", 220, 17, 15, 151643, 151645,
                                                        151668);
    assert_true(json_equal(look(said, "ids", JSON_ARRAY), expected));
    json_decref(said);
    json_decref(expected);
    run_free(run);
    run = run_ok("tokenize", path, text, "--json", NULL);
    said = run_json(run);
    json_t *ids = look(said, "ids", JSON_ARRAY), *id;
    assert_true(json_array_size(ids) < strlen(text) * 2 / 3); /* words are not spelled out */
    struct buf list = {0};
    size_t index;
    json_array_foreach(ids, index, id)
        buf_add_format(&list, "%s%d", index ? "," : "", (int)json_integer_value(id));
    run_free(run);
    run = run_ok("tokenize", path, "--decode", list.data, NULL);
    assert_string_equal(run->out.data, text);
    json_decref(said);
    buf_free(&list);
    run_free(run);
}

static void synth__model__generates_evaluates_and_searches(void **state)
{
    (void)state;
    const char *path = run_path("used.gguf");
    json_decref(synth(path, "3"));
    struct run *run = run_ok("gen", path, "-p", "Two and two", "-n", "8", "--json", NULL);
    json_t *said = look_any(run);
    assert_true(json_array_size(look(look(said, "base", JSON_OBJECT), "ids", JSON_ARRAY)) > 0);
    json_decref(said);
    run_free(run);
    run = run_ok("logits", path, "--ids", "84,104,101", "--json", NULL);
    said = look_any(run);
    json_t *best = json_array_get(look(said, "top", JSON_ARRAY), 0);
    double logit = json_number_value(json_object_get(best, "logit"));
    assert_true(logit > 2 && logit < 30);
    json_decref(said);
    run_free(run);
    run_free(run_ok("eval", path, "--probes", "math", NULL));
    run = run_bankai(NULL, "search", path, GREEDY, "--target", "math", "--iters", "3", "-o",
                     run_path("synth.json"), NULL);
    assert_true(run->status <= 1);
    run_free(run);
}

static void synth__refusals__one_line_and_no_file(void **state)
{
    (void)state;
    static const struct {
        const char *words[7], *code, *message;
    } rows[] = {
        {{"synth"}, "usage", "an argument is missing, expected: bankai synth"},
        {{"synth", "custom"}, "usage", "no file given, expected -o FILE"},
        {{"synth", "9B", "-o", "PATH"}, "usage",
         "SHAPE is '9B', expected 1.7B, 4B, 8B or custom"},
        {{"synth", "", "-o", "PATH"}, "usage", "SHAPE is '', expected 1.7B"},
        {{"synth", "custom", "8B", "-o", "PATH"}, "usage", "unexpected argument '8B'"},
        {{"synth", "8B", "--width", "200", "-o", "PATH"}, "usage",
         "--width is 200, expected a multiple of 128"},
        {{"synth", "8B", "--width", "0", "-o", "PATH"}, "usage", "--width: 0 is outside 128 .."},
        {{"synth", "8B", "--ffn", "1000", "-o", "PATH"}, "usage",
         "--ffn is 1000, expected a multiple of 128"},
        {{"synth", "8B", "--layers", "0", "-o", "PATH"}, "usage",
         "--layers: 0 is outside 1 .. 1024"},
        {{"synth", "8B", "--layers", "x", "-o", "PATH"}, "usage", "--layers: 'x' is not a number"},
        {{"synth", "8B", "--kv-heads", "5", "-o", "PATH"}, "usage",
         "--heads is 32 and --kv-heads 5, expected a multiple of the KV heads"},
        {{"synth", "8B", "--head-dim", "63", "-o", "PATH"}, "usage",
         "--head-dim is 63, expected an even number"},
        {{"synth", "custom", "--head-dim", "6", "-o", "PATH"}, "usage",
         "--heads 4 x --head-dim 6 is 24, expected a multiple of 128"},
        {{"synth", "8B", "--vocab", "281", "-o", "PATH"}, "usage",
         "--vocab: 281 is outside 282 .. 262144"},
        {{"synth", "8B", "--vocab", "262145", "-o", "PATH"}, "usage",
         "--vocab: 262145 is outside 282 .. 262144"},
        {{"synth", "8B", "--tied", "--untied", "-o", "PATH"}, "usage",
         "both --tied and --untied are given"},
        {{"synth", "8B", "--seed", "-1", "-o", "PATH"}, "usage", "--seed: -1 is outside 0 .."},
        {{"synth", "custom", "-o", "FOLDER"}, "usage", "is a folder, expected a file"},
    };
    const char *path = run_path("refused.gguf"), *folder = run_path(".");
    for (size_t i = 0; i < countof(rows); i++) {
        const char *words[9] = {NULL};
        for (size_t k = 0; k < countof(rows[i].words) && rows[i].words[k]; k++)
            words[k] = strcmp(rows[i].words[k], "PATH") == 0     ? path
                       : strcmp(rows[i].words[k], "FOLDER") == 0 ? folder
                                                                 : rows[i].words[k];
        run_refused(rows[i].code, rows[i].message, words[0], words[1], words[2], words[3],
                    words[4], words[5], words[6], NULL);
        assert_false(look_exists(path));
    }
}

/* One line, status 3. */
static void fails(const char *path, const char *message)
{
    struct run *run = run_bankai(NULL, "synth", "custom", "-o", path, NULL);
    struct buf line = {0};
    buf_add_format(&line, "bankai: %s: cannot write: %s\n", path, message);
    run_expect_status(run, 3);
    assert_string_equal(run->err.data, line.data);
    assert_string_equal(run->out.data, "");
    buf_free(&line);
    run_free(run);
}

static void synth__unwritable__status_3_and_one_line(void **state)
{
    (void)state;
    fails(run_path("no-folder/model.gguf"), "No such file or directory");
    fails("/dev/full", "No space left on device");
    assert_int_equal(leftovers(), 0);
}

/* An old file stays as it was, and nothing lies beside it. */
static void synth__interrupted__nothing_is_left(void **state)
{
    (void)state;
    const char *path = run_write_text("interrupted.gguf", "an old file");
    struct run_options options = {.err_terminal = true, .interrupt_after = "writing, MiB"};
    struct run *run = run_bankai(&options, "synth", "8B", "-o", path, NULL);
    run_expect_status(run, 130);
    run_expect_err(run, "left");
    run_expect_err(run, "interrupted");
    assert_string_equal(run->out.data, "");
    assert_int_equal(look_file_bytes(path), strlen("an old file"));
    assert_int_equal(leftovers(), 0);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synth__custom__info_says_the_same),
        cmocka_unit_test(synth__seed__same_bytes_or_others),
        cmocka_unit_test(synth__slice_of_8b__keeps_the_rest),
        cmocka_unit_test(synth__vocabulary_of_real_size__encodes_and_decodes),
        cmocka_unit_test(synth__model__generates_evaluates_and_searches),
        cmocka_unit_test(synth__refusals__one_line_and_no_file),
        cmocka_unit_test(synth__unwritable__status_3_and_one_line),
        cmocka_unit_test(synth__interrupted__nothing_is_left),
    };
    return cmocka_run_group_tests_name("synth", tests, NULL, NULL);
}
