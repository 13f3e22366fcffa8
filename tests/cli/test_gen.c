/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * gen: texts against ids and against the slow way, with patches, sampled, to a
 * terminal and to a pipe.
 */
#include <stdlib.h>
#include <unistd.h>

#include "src/base/memory.h"
#include "tests/cli/look.h"
#include "tests/simple.h"
#include "tests/sparse.h"
#include "tests/t.h"

/* Rows that change what nano says to "The capital of Italy is". */
static const char *strong_patch(void)
{
    struct buf text = {0};
    buf_add_text(&text, "{\"name\": \"strong\", \"flips\": [");
    for (int i = 0; i < 600; i++)
        buf_add_format(&text, "%s{\"layer\": %d, \"proj\": \"down_proj\", \"row\": %d}",
                       i ? ", " : "", i % 6, i / 6);
    buf_add_text(&text, "]}");
    const char *path = run_write("strong.json", text.data, text.len);
    buf_free(&text);
    return path;
}

static void side_fits(const struct model *model, const json_t *side, bool as_prompted,
                      const char *prompt, size_t limit)
{
    json_t *ids = look(side, "ids", JSON_ARRAY);
    struct buf text = {0};
    for (size_t i = 0; i < json_array_size(ids); i++)
        token_decode(model_tokenizer(model),
                     (int32_t)json_integer_value(json_array_get(ids, i)), &text);
    buf_add(&text, "", 1);
    assert_string_equal(look_text(side, "text"), text.data); /* nano writes ASCII */
    buf_free(&text);
    if (!as_prompted)
        return;
    struct ids start = simple_encode(model, prompt), expected = {0};
    simple_answer((struct model *)(uintptr_t)model, &start, limit, false, &expected);
    assert_int_equal(json_array_size(ids), expected.count);
    for (size_t i = 0; i < expected.count; i++)
        assert_int_equal(json_integer_value(json_array_get(ids, i)), expected.data[i]);
    ids_free(&start);
    ids_free(&expected);
}

static void gen__greedy__as_one_token_after_the_other(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct run *run = run_ok("gen", "nano", "-p", "The capital of Italy is", "-n", "12", "--json",
                             NULL);
    json_t *out = run_json(run);
    side_fits(model, look(out, "base", JSON_OBJECT), true, "The capital of Italy is", 12);
    assert_null(json_object_get(out, "now"));
    assert_true(look_real(out, "tokens_per_second") > 0);
    json_decref(out);
    run_free(run);
    model_free(model);
}

static void gen__with_patch__both_texts(void **state)
{
    (void)state;
    const char *patch = strong_patch();
    struct model *model = simple_nano();
    struct run *run = run_ok("gen", "-m", "nano", "-p", "The capital of Italy is", "-n", "12",
                             "--patch", patch, "--json", NULL);
    json_t *out = run_json(run);
    json_t *base = look(out, "base", JSON_OBJECT), *now = look(out, "now", JSON_OBJECT);
    side_fits(model, base, true, "The capital of Italy is", 12);
    side_fits(model, now, false, NULL, 0);
    assert_false(json_equal(base, now));
    run_expect_err(run, "does not state the hash of its model");
    json_decref(out);
    run_free(run);
    model_free(model);

    run = run_ok("gen", "nano", "-p", "The capital of Italy is", "--patch", patch, NULL);
    run_expect_out(run, "base:    ");
    run_expect_out(run, "\npatched: ");
    run_free(run);
}

static void gen__same_patch_twice__cancels_out(void **state)
{
    (void)state;
    const char *patch = strong_patch();
    struct run *run = run_ok("gen", "nano", "-p", "3 + 4 =", "--patch", patch, "--patch", patch,
                             "--json", NULL);
    json_t *out = run_json(run);
    assert_true(json_equal(look(out, "base", JSON_OBJECT), look(out, "now", JSON_OBJECT)));
    json_decref(out);
    run_free(run);
}

/* ---- memory ------------------------------------------------------------------------ */

/* At every level this CPU has; a level it lacks is refused either way. */
static void gen__repack__same_text_with_and_without_patch(void **state)
{
    (void)state;
    static const char *const levels[] = {"BANKAI_CPU=ref", "BANKAI_CPU=avx2", "BANKAI_CPU=avx512",
                                         "BANKAI_CPU=amx", "BANKAI_CPU=neon"};
    const char *patch = strong_patch();
    int compared = 0;
    for (size_t i = 0; i < countof(levels); i++) {
        const char *const environment[] = {levels[i], NULL};
        struct run_options options = {.environment = environment};
        struct run *plain = run_bankai(&options, "gen", "nano", "-p", "The capital of Italy is",
                                       "-n", "12", "--patch", patch, NULL);
        struct run *packed = run_bankai(&options, "gen", "nano", "-p", "The capital of Italy is",
                                        "-n", "12", "--patch", patch, "--repack", NULL);
        assert_int_equal(packed->status, plain->status);
        assert_string_equal(packed->out.data, plain->out.data);
        compared += plain->status == 0;
        run_free(plain);
        run_free(packed);
    }
    assert_true(compared >= 2);
}

/* One line that ends in figures, and exit status 3. */
static void refused_for_memory(const char *const *words, const char *message)
{
    struct run *run = run_bankai_words(NULL, words);
    const char *line = strstr(run->err.data, message);
    run_expect_status(run, 3);
    assert_string_equal(run->out.data, "");
    assert_non_null(line);
    assert_non_null(strstr(line, " MiB, the machine has "));
    assert_ptr_equal(strchr(line, '\n'), run->err.data + run->err.len - 1);
    run_free(run);
}

static void gen__more_memory_than_there_is__refused_in_one_line(void **state)
{
    (void)state;
    char path[] = "/tmp/bankai-test-XXXXXX";
    const uint64_t enough = (uint64_t)1 << 38; /* half of what is asked for */
    if (sparse_write(&sparse_giant, path) == 0 || memory_available() > enough) {
        (void)unlink(path);
        skip();
    }
    const char *const context[] = {"gen", "-m", path, "-p", "a", "-n", "1000000", NULL};
    const char *const copy[] = {"gen", "-m", path, "-p", "a", "--repack", NULL};
    refused_for_memory(context, "no memory for a context of 1000001 tokens (");
    refused_for_memory(copy, "no memory for a second copy of the weights (");
    (void)unlink(path);
}

/* ---- sampling --------------------------------------------------------------------- */

static json_t *sampled(const char *seed, const char *temp)
{
    struct run *run = run_ok("gen", "nano", "-p", "The", "-n", "20", "--temp", temp, "--top-k",
                             "50", "--top-p", "0.95", "--seed", seed, "--json", NULL);
    json_t *out = run_json(run);
    json_t *base = json_incref(look(out, "base", JSON_OBJECT));
    json_decref(out);
    run_free(run);
    return base;
}

static void gen__sampled__same_seed_same_text(void **state)
{
    (void)state;
    json_t *first = sampled("1", "1.5"), *again = sampled("1", "1.5"), *other = sampled("2", "1.5");
    json_t *cold = sampled("1", "0"), *cold_other = sampled("2", "0");
    assert_true(json_equal(first, again));
    assert_false(json_equal(first, other));
    assert_true(json_equal(cold, cold_other)); /* greedy: no dice */
    json_decref(first);
    json_decref(again);
    json_decref(other);
    json_decref(cold);
    json_decref(cold_other);
}

static void gen__unpatched_side_sampled__as_without_a_patch(void **state)
{
    (void)state;
    json_t *alone = sampled("7", "1.5");
    struct run *run = run_ok("gen", "nano", "-p", "The", "-n", "20", "--temp", "1.5", "--top-k",
                             "50", "--top-p", "0.95", "--seed", "7", "--patch", strong_patch(),
                             "--json", NULL);
    json_t *out = run_json(run);
    assert_true(json_equal(look(out, "base", JSON_OBJECT), alone));
    json_decref(out);
    json_decref(alone);
    run_free(run);
}

/* ---- any bytes ------------------------------------------------------------------------ */

/* The tiny model's greedy text has control characters and broken UTF-8. */
static void gen__control_characters__visible_on_a_terminal_raw_in_a_pipe(void **state)
{
    (void)state;
    const char *path = look_tiny_model("bytes.gguf", &tiny_default);
    bool met = false;
    for (int seed = 1; seed < 6; seed++) {
        char number[8];
        (void)snprintf(number, sizeof number, "%d", seed);
        const char *const words[] = {"gen", path, "-p", "x", "-n", "60", "--temp", "2",
                                     "--seed", number, NULL};
        struct run_options options = {.out_terminal = true};
        struct run *terminal = run_bankai_words(&options, words);
        struct run *piped = run_bankai_words(NULL, words);
        run_expect_status(terminal, 0);
        run_expect_status(piped, 0);
        for (size_t i = 0; i < terminal->out.len; i++) {
            unsigned char byte = (unsigned char)terminal->out.data[i];
            assert_true((byte >= 32 && byte != 127) || byte == '\n');
        }
        for (size_t i = 0; i < piped->out.len; i++) {
            unsigned char byte = (unsigned char)piped->out.data[i];
            met = met || (byte < 32 && byte != '\n');
        }
        const char *const json[] = {"gen", path, "-p", "x", "-n", "60", "--temp", "2",
                                    "--seed", number, "--json", NULL};
        struct run *object = run_bankai_words(NULL, json);
        json_t *out = look_any(object);
        json_t *ids = look(look(out, "base", JSON_OBJECT), "ids", JSON_ARRAY);
        struct model *model = simple_model(&tiny_default);
        struct buf raw = {0}; /* ids are exact, whatever the text */
        for (size_t i = 0; i < json_array_size(ids); i++)
            token_decode(model_tokenizer(model),
                         (int32_t)json_integer_value(json_array_get(ids, i)), &raw);
        buf_add(&raw, "\n", 1);
        assert_int_equal(raw.len, piped->out.len);
        assert_memory_equal(raw.data, piped->out.data, raw.len);
        buf_free(&raw);
        model_free(model);
        json_decref(out);
        run_free(object);
        run_free(terminal);
        run_free(piped);
    }
    assert_true(met);
}

/* ---- refusals -------------------------------------------------------------------------- */

static void gen__bad_input__refused(void **state)
{
    (void)state;
    const char *other = run_write_text(
        "other.json", "{\"name\": \"other\", \"flips\": [{\"layer\": 0, \"proj\": \"up_proj\", "
                      "\"row\": 1}], \"metadata\": {\"base_sha256\": "
                      "\"b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c\"}}");
    const char *far = run_write_text(
        "far.json", "{\"flips\": [{\"layer\": 0, \"proj\": \"up_proj\", \"row\": 768}]}");
    run_refused("usage", "no prompt given, expected -p PROMPT", "gen", "nano", NULL);
    run_refused("usage", "the prompt is empty", "gen", "nano", "-p", "", NULL);
    run_refused("usage", "--tokens: 0 is outside 1 .. ", "gen", "nano", "-p", "a", "-n", "0",
                NULL);
    run_refused("usage", "--temp: -1 is outside 0 .. 100", "gen", "nano", "-p", "a", "--temp",
                "-1", NULL);
    run_refused("usage", "--temp: 'nan' is not a number", "gen", "nano", "-p", "a", "--temp",
                "nan", NULL);
    run_refused("usage", "--top-p: 1.5 is outside 0 .. 1", "gen", "nano", "-p", "a", "--top-p",
                "1.5", NULL);
    run_refused("mismatch", "other.json: metadata.base_sha256: ", "gen", "nano", "-p", "a",
                "--patch", other, NULL);
    run_refused("range", "far.json: flips[0].row: ", "gen", "nano", "-p", "a", "--patch", far,
                NULL);
    run_refused("range", "far.json: flips[0].row: ", "gen", "nano", "-p", "a", "--patch", far,
                "--force", NULL);
    struct run *run = run_ok("gen", "nano", "-p", "a", "--patch", other, "--force", NULL);
    run_expect_err(run, "was made for another model; applied by force");
    run_free(run);
}

static void gen__longer_than_the_context__warned(void **state)
{
    (void)state;
    const char *path = look_tiny_model("short.gguf", &tiny_default); /* made for 512 */
    struct run *run = run_ok("gen", path, "-p", "xy", "-n", "511", "--json", NULL);
    run_expect_err(run, "513 tokens are more than the 512 that the model was made for");
    run_free(run);
    run = run_ok("gen", path, "-p", "xy", "-n", "510", NULL);
    assert_string_equal(run->err.data, "");
    run_free(run);
}

static void gen__interrupted__status_130(void **state)
{
    (void)state;
    struct tiny endless = tiny_default;
    endless.skip_key = "tokenizer.ggml.eos_token_id";
    endless.vocab = 260; /* no special tokens */
    const char *path = look_tiny_model("endless.gguf", &endless);
    struct run_options options = {.interrupt_after = ""};
    struct run *run = run_bankai(&options, "gen", path, "-p", "x", "-n", "20000", "--temp", "2",
                                 NULL);
    run_expect_status(run, 130);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gen__greedy__as_one_token_after_the_other),
        cmocka_unit_test(gen__with_patch__both_texts),
        cmocka_unit_test(gen__same_patch_twice__cancels_out),
        cmocka_unit_test(gen__repack__same_text_with_and_without_patch),
        cmocka_unit_test(gen__more_memory_than_there_is__refused_in_one_line),
        cmocka_unit_test(gen__sampled__same_seed_same_text),
        cmocka_unit_test(gen__unpatched_side_sampled__as_without_a_patch),
        cmocka_unit_test(gen__control_characters__visible_on_a_terminal_raw_in_a_pipe),
        cmocka_unit_test(gen__bad_input__refused),
        cmocka_unit_test(gen__longer_than_the_context__warned),
        cmocka_unit_test(gen__interrupted__status_130),
    };
    return cmocka_run_group_tests_name("gen", tests, NULL, NULL);
}
