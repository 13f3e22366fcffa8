/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ppl: against the definition in double precision, and, patched, against the model
 * with the flips put on by hand.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/truth.h"

enum { WINDOW = 8, STRIDE = 3, FLIPS = 60 };

static const char text[] = "The derivative of x^2 is 2x.\nParis is the capital of France.\n";

/* -log p of token t from the tokens of the first window that reaches it. */
static double nll(const struct model *model, const struct ids *ids, size_t t)
{
    size_t vocab = model_shape(model)->vocab, start = 0;
    while (start + WINDOW <= t)
        start += STRIDE;
    double *logits = x_new((t - start) * vocab, sizeof *logits), sum = 0;
    truth_logits(model, ids->data + start, t - start, logits);
    const double *last = logits + (t - start - 1) * vocab;
    for (size_t i = 0; i < vocab; i++)
        sum += exp(last[i] - last[(size_t)ids->data[t]]);
    free(logits);
    return log(sum);
}

static double perplexity(const struct model *model, const struct ids *ids)
{
    double sum = 0;
    for (size_t t = 1; t < ids->count; t++)
        sum += nll(model, ids, t);
    return exp(sum / (double)(ids->count - 1));
}

static double real(const json_t *object, const char *key)
{
    return json_real_value(look(object, key, JSON_REAL));
}

static void near(double found, double expected)
{
    if (!(fabs(found - expected) < 2e-3 * fabs(expected)))
        fail_msg("%.9g is not %.9g", found, expected);
}

static const char *patch_file(void)
{
    struct buf flips = {0};
    buf_add_text(&flips, "{\"flips\": [");
    for (int i = 0; i < FLIPS; i++)
        buf_add_format(&flips, "%s{\"layer\": %d, \"proj\": \"up_proj\", \"row\": %d}",
                       i ? ", " : "", i % 6, 3 * i);
    buf_add_text(&flips, "]}");
    const char *path = run_write("p.json", flips.data, flips.len);
    buf_free(&flips);
    return path;
}

static void put_on(struct model *model)
{
    for (int i = 0; i < FLIPS; i++) {
        struct flip flip = {.layer = i % 6, .proj = PROJ_UP, .row = (uint32_t)(3 * i),
                            .group = FLIP_WHOLE_ROW};
        model_flip(model, &flip);
    }
}

static void ppl__text_and_patch__as_defined(void **state)
{
    (void)state;
    struct run *run = run_ok("ppl", "nano", "--text", run_write_text("t.txt", text), "--window",
                             "8", "--stride", "3", "--patch", patch_file(), "--json", NULL);
    json_t *out = run_json(run), *value = look(out, "perplexity", JSON_OBJECT);
    struct model *model = simple_nano();
    struct ids ids = simple_encode(model, text);
    double base = perplexity(model, &ids);
    put_on(model);
    double now = perplexity(model, &ids), change = log(now) - log(base);
    near(real(value, "base"), base);
    near(real(value, "now"), now);
    near(log(real(value, "base")) * (double)(ids.count - 1),
         real(look(out, "nll", JSON_OBJECT), "base"));
    assert_true(fabs(real(out, "difference") - (now - base)) < 4e-3 * now);
    assert_int_equal(look_int(out, "tokens"), ids.count);
    assert_int_equal(look_int(out, "scored"), ids.count - 1);
    assert_int_equal(look_int(out, "windows"), 1 + (ids.count - WINDOW + STRIDE - 1) / STRIDE);
    assert_int_equal(look_int(out, "window"), WINDOW);
    assert_int_equal(look_int(out, "stride"), STRIDE);
    json_t *token = look(out, "change_per_token", JSON_OBJECT);
    assert_true(fabs(real(token, "mean") - change) < 4e-3);
    assert_true(real(token, "low") <= real(token, "mean"));
    assert_true(real(token, "high") >= real(token, "mean"));
    ids_free(&ids);
    model_free(model);
    json_decref(out);
    run_free(run);
}

static void ppl__built_in__one_text_each(void **state)
{
    (void)state;
    struct run *run = run_ok("ppl", "nano", "--json", "--threads", "2", NULL);
    struct run *again = run_ok("ppl", "nano", "--json", "--threads", "1", NULL);
    json_t *out = run_json(run);
    int64_t texts = look_int(out, "texts");
    t_buf_is(&again->out, run->out.data); /* to the last bit */
    assert_true(texts >= 20);
    assert_int_equal(look_int(out, "windows"), texts);
    assert_int_equal(look_int(out, "tokens") - look_int(out, "scored"), texts);
    assert_string_equal(look_text(out, "text"), "built-in");
    assert_null(json_object_get(out, "difference"));
    assert_null(json_object_get(look(out, "perplexity", JSON_OBJECT), "now"));
    json_decref(out);
    run_free(run);
    run_free(again);
}

static void ppl__text__says_how_it_was_read(void **state)
{
    (void)state;
    const struct run_options input = {.input = text, .input_len = strlen(text)};
    struct run *run = run_bankai(&input, "ppl", "nano", "--text", "-", "--window", "9", NULL);
    run_expect_status(run, 0);
    run_expect_out(run, "windows");
    run_expect_out(run, "of at most 9 tokens, 4 apart");
    run_expect_out(run, "scored: all but the first of the text");
    run_expect_out(run, "perplexity  ");
    run_free(run);
    run = run_ok("ppl", "nano", "--patch", patch_file(), NULL);
    run_expect_out(run, "24 built-in sentences");
    run_expect_out(run, "\nbase        ");
    run_expect_out(run, "\npatched     ");
    run_expect_out(run, "\ndifference  ");
    run_free(run);
}

static void ppl__bad_calls__refused(void **state)
{
    (void)state;
    run_refused("format", "one.txt: has 1 tokens, expected at least 2", "ppl", "nano", "--text",
                run_write_text("one.txt", "a"), NULL);
    run_refused("format", "none.txt: has 0 tokens, expected at least 2", "ppl", "nano", "--text",
                run_write_text("none.txt", ""), NULL);
    run_refused("usage", "cannot open", "ppl", "nano", "--text", "/no/such", NULL);
    run_refused("usage", "--window", "ppl", "nano", "--window", "1", NULL);
    run_refused("usage", "--stride", "ppl", "nano", "--window", "8", "--stride", "8", NULL);
    run_refused("usage", "--stride", "ppl", "nano", "--stride", "0", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ppl__text_and_patch__as_defined),
        cmocka_unit_test(ppl__built_in__one_text_each),
        cmocka_unit_test(ppl__text__says_how_it_was_read),
        cmocka_unit_test(ppl__bad_calls__refused),
    };
    return cmocka_run_group_tests_name("ppl", tests, NULL, NULL);
}
