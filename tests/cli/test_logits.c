/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * logits: the file against the engine, what is printed against the file.
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/memory.h"
#include "tests/cli/look.h"
#include "tests/document.h"
#include "tests/simple.h"
#include "tests/sparse.h"
#include "tests/t.h"

static void logits__file__float32_of_every_position(void **state)
{
    (void)state;
    const char *path = run_path("logits.bin");
    struct run *run = run_ok("logits", "nano", "--ids", "20, 300,5,511", "-o", path, "-k", "3",
                             "--json", NULL);
    json_t *out = run_json(run);
    assert_int_equal(look_int(out, "positions"), 4);
    assert_int_equal(look_int(out, "vocab"), 512);
    assert_int_equal(look_file_bytes(path), 4 * 512 * 4);
    struct buf file = document_read(path);
    const int32_t ids[] = {20, 300, 5, 511};
    struct model *model = simple_nano();
    float *expected = simple_logits(model, ids, countof(ids));
    assert_memory_equal(file.data, expected, file.len);
    const float *last = expected + 3 * 512;
    json_t *top = look(out, "top", JSON_ARRAY), *entry;
    assert_int_equal(json_array_size(top), 3);
    size_t i;
    double before = HUGE_VAL, sum = 0;
    for (size_t k = 0; k < 512; k++)
        sum += exp((double)last[k]);
    json_array_foreach(top, i, entry) {
        int64_t id = look_int(entry, "id");
        double logit = look_real(entry, "logit");
        assert_true(logit == (double)last[id] && logit <= before);
        assert_true(fabs(look_real(entry, "log_prob") - (logit - log(sum))) < 1e-5);
        (void)look_text(entry, "text");
        before = logit;
    }
    assert_int_equal(look_int(json_array_get(top, 0), "id"), logits_argmax(last, 512));
    size_t better = 0; /* nothing that was left out is better */
    for (size_t k = 0; k < 512; k++)
        better += (double)last[k] >= before;
    assert_int_equal(better, 3);
    free(expected);
    model_free(model);
    buf_free(&file);
    json_decref(out);
    run_free(run);
}

static void logits__text__best_first_control_characters_visible(void **state)
{
    (void)state;
    struct tiny shape = tiny_default;
    const char *path = look_tiny_model("logits.gguf", &shape);
    struct run *run = run_ok("logits", "-m", path, "--ids", "65", "--top", "264", NULL);
    run_expect_out(run, "\"\\n\"\n"); /* token 10 */
    run_expect_out(run, "\"\\x1B\"\n");
    assert_null(strchr(run->out.data, '\x1b'));
    size_t lines = 0;
    for (const char *at = run->out.data; *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 265); /* with the headings */
    run_free(run);
}

static void logits__bad_input__refused(void **state)
{
    (void)state;
    const char *path = run_path("refused.bin");
    run_refused("usage", "no token ids given, expected --ids 1,2,3", "logits", "nano", NULL);
    run_refused("usage", "--ids: '1,,2' is not a list of token ids", "logits", "nano", "--ids",
                "1,,2", NULL);
    run_refused("usage", "--ids: '' is not", "logits", "nano", "--ids", "", NULL);
    run_refused("usage", "--ids: '1,-2' is not", "logits", "nano", "--ids", "1,-2", NULL);
    run_refused("usage", "--ids: '99999999999' is not", "logits", "nano", "--ids", "99999999999",
                NULL);
    run_refused("range", "token id 512 is outside 0 .. 511", "logits", "nano", "--ids", "1,512",
                "-o", path, NULL);
    run_refused("usage", "--top: 0 is outside 1 .. 1000", "logits", "nano", "--ids", "1", "-k",
                "0", NULL);
    assert_false(look_exists(path));
}

static void logits__unwritable_file__status_3(void **state)
{
    (void)state;
    struct run *run = run_bankai(NULL, "logits", "nano", "--ids", "1", "-o",
                                 run_path("no-folder/logits.bin"), NULL);
    run_expect_status(run, 3);
    assert_string_equal(run->out.data, "");
    run_free(run);
}

static void logits__longer_than_the_context__warned(void **state)
{
    (void)state;
    struct buf ids = {0};
    for (int i = 0; i < 513; i++)
        buf_add_text(&ids, i ? ",1" : "1");
    struct run *run = run_ok("logits", "nano", "--ids", ids.data, NULL);
    run_expect_err(run, "513 tokens are more than the 512 that the model was made for");
    run_free(run);
    buf_free(&ids);
}

/* A megabyte of logits a token. */
static void logits__more_than_memory__refused_in_one_line(void **state)
{
    (void)state;
    enum { TOKENS = 60000 };
    const struct synth_shape wide = {.name = "wide", .layers = 1, .width = 128, .ffn = 128,
                                     .heads = 1, .kv_heads = 1, .head_dim = 128,
                                     .vocab = SYNTH_VOCAB_MAX, .context = TOKENS};
    char path[] = "/tmp/bankai-test-XXXXXX";
    struct buf ids = {0};
    if (sparse_write(&wide, path) == 0 || memory_available() > (uint64_t)TOKENS << 20) {
        (void)unlink(path);
        skip();
    }
    for (int i = 0; i < TOKENS; i++)
        buf_add_text(&ids, i > 0 ? ",1" : "1");
    struct run *run = run_bankai(NULL, "logits", path, "--ids", ids.data, NULL);
    run_expect_status(run, 3);
    assert_string_equal(run->out.data, "");
    run_expect_err(run, "bankai: no memory for the logits of 60000 tokens (60000 MiB, the "
                        "machine has ");
    run_free(run);
    buf_free(&ids);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits__file__float32_of_every_position),
        cmocka_unit_test(logits__text__best_first_control_characters_visible),
        cmocka_unit_test(logits__bad_input__refused),
        cmocka_unit_test(logits__unwritable_file__status_3),
        cmocka_unit_test(logits__longer_than_the_context__warned),
        cmocka_unit_test(logits__more_than_memory__refused_in_one_line),
    };
    return cmocka_run_group_tests_name("logits", tests, NULL, NULL);
}
