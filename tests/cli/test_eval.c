/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * eval: every field, totals added up from the probes, before and after patches.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/simple.h"
#include "tests/t.h"

static json_t *side(const json_t *probe, const char *key, const char *which, json_type type)
{
    return look(look(probe, key, JSON_OBJECT), which, type);
}

static bool right(const json_t *probe, const char *which)
{
    return json_is_true(side(probe, "right", which, JSON_TRUE));
}

/* C(n, k) / 2^n summed over both tails: what McNemar's test is, for small numbers. */
static double binomial_p(int64_t fixed, int64_t broke)
{
    int64_t n = fixed + broke, fewer = fixed < broke ? fixed : broke;
    double choose = 1, sum = 0, all = 1;
    for (int64_t k = 0; k < n; k++)
        all *= 2;
    for (int64_t k = 0; k <= fewer; k++) {
        sum += choose;
        choose = choose * (double)(n - k) / (double)(k + 1);
    }
    return 2 * sum < all ? 2 * sum / all : 1;
}

/* Wilson's ends are where the share lies 1.96 standard errors away. */
static void expect_wilson(const json_t *total, const char *key, int64_t right_count, int64_t n)
{
    json_t *interval = look(total, key, JSON_OBJECT);
    double share = (double)right_count / (double)n;
    const double ends[] = {look_real(interval, "low"), look_real(interval, "high")};
    assert_true(ends[0] <= share && share <= ends[1] && ends[0] < ends[1]);
    for (size_t i = 0; i < 2; i++) {
        double error = sqrt(ends[i] * (1 - ends[i]) / (double)n);
        assert_true(fabs(fabs(share - ends[i]) - 1.959963984540054 * error) < 1e-12);
    }
}

/* The mean of the changes; the bootstrap lies around it and within the extremes. */
static void expect_change(const json_t *total, const double *changes, size_t n)
{
    json_t *change = look(total, "gap_change", JSON_OBJECT);
    double sum = 0, least = HUGE_VAL, most = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        sum += changes[i];
        least = changes[i] < least ? changes[i] : least;
        most = changes[i] > most ? changes[i] : most;
    }
    assert_int_equal(look_int(change, "n"), n);
    assert_int_equal(look_int(change, "resamples"), 10000);
    if (n == 0) {
        (void)look(change, "mean", JSON_NULL);
        return;
    }
    double mean = look_real(change, "mean");
    assert_true(fabs(mean - sum / (double)n) < 1e-9);
    assert_true(look_real(change, "low") >= least && look_real(change, "low") <= mean);
    assert_true(look_real(change, "high") <= most && look_real(change, "high") >= mean);
}

/* Verdicts follow from right; the numbers of a set, or of its category, are what
 * counting the probes gives. */
static void expect_total(const json_t *out, const char *set, const char *category,
                         const json_t *total)
{
    json_t *probes = look(out, "probes", JSON_ARRAY), *probe;
    double *changes = x_new(json_array_size(probes), sizeof *changes);
    int64_t n = 0, base = 0, now = 0, fixed = 0, broke = 0;
    size_t i, gaps = 0;
    json_array_foreach(probes, i, probe) {
        if (strcmp(look_text(probe, "set"), set) != 0 ||
            (category && strcmp(look_text(probe, "category"), category) != 0))
            continue;
        bool before = right(probe, "base"), after = right(probe, "now");
        const char *verdict = before ? after ? "stayed_right" : "broke"
                                     : after ? "fixed" : "stayed_wrong";
        assert_string_equal(look_text(probe, "verdict"), verdict);
        json_t *gap = look(probe, "gap", JSON_OBJECT);
        if (json_is_real(json_object_get(gap, "base")))
            changes[gaps++] = look_real(gap, "now") - look_real(gap, "base");
        n++;
        base += before;
        now += after;
        fixed += !before && after;
        broke += before && !after;
    }
    assert_int_equal(look_int(total, "n"), n);
    assert_int_equal(look_int(total, "right_base"), base);
    assert_int_equal(look_int(total, "right_now"), now);
    assert_int_equal(look_int(total, "fixed"), fixed);
    assert_int_equal(look_int(total, "broke"), broke);
    assert_int_equal(look_int(total, "stayed_right"), base - broke);
    assert_int_equal(look_int(total, "stayed_wrong"), n - base - fixed);
    assert_true(fabs(look_real(total, "mcnemar_p") - binomial_p(fixed, broke)) < 1e-12);
    expect_wilson(total, "wilson_base", base, n);
    expect_wilson(total, "wilson_now", now, n);
    expect_change(total, changes, gaps);
    free(changes);
}

static void adds_up(const json_t *out)
{
    json_t *total, *categories;
    const char *set, *category;
    json_object_foreach(look(out, "totals", JSON_OBJECT), set, total) {
        int64_t n = 0;
        expect_total(out, set, NULL, total);
        categories = look(look(out, "categories", JSON_OBJECT), set, JSON_OBJECT);
        json_t *one;
        json_object_foreach(categories, category, one) {
            expect_total(out, set, category, one);
            n += look_int(one, "n");
        }
        assert_int_equal(n, look_int(total, "n"));
    }
}

static const char *own_probes(void)
{
    return run_write_text(
        "own.json",
        "[{\"prompt\": \"3 + 4 =\", \"correct\": \" 7\", \"wrong\": \" 8\", \"name\": \"sum\","
        "  \"category\": \"a\"},"
        " {\"prompt\": \"3 + 4 =\", \"correct\": \" 8\", \"name\": \"no wrong\"},"
        " {\"prompt\": \"3 + 4 =\", \"correct\": \" 8\", \"alternates\": [\" seven\", \" 7\"],"
        "  \"wrong\": \" 7\", \"name\": \"alternate\"}]");
}

static void eval__without_patch__all_fields(void **state)
{
    (void)state;
    struct run *run = run_ok("eval", "nano", "--probes", own_probes(), "--json", NULL);
    json_t *out = run_json(run), *probes = look(out, "probes", JSON_ARRAY);
    assert_int_equal(json_array_size(probes), 3);
    assert_int_equal(json_object_size(look(out, "totals", JSON_OBJECT)), 1);
    adds_up(out);
    static const char *const names[] = {"sum", "no wrong", "alternate"};
    static const bool expected[] = {true, false, true};
    for (size_t i = 0; i < 3; i++) {
        json_t *probe = json_array_get(probes, i);
        assert_string_equal(look_text(probe, "name"), names[i]);
        assert_string_equal(look_text(probe, "set"), "own");
        assert_string_equal(look_text(probe, "category"), i == 0 ? "a" : "");
        assert_int_equal(right(probe, "base"), expected[i]);
        assert_int_equal(right(probe, "now"), expected[i]);
        assert_string_equal(json_string_value(side(probe, "text", "base", JSON_STRING)), " 7\n");
        assert_true(json_equal(side(probe, "text", "base", JSON_STRING),
                               side(probe, "text", "now", JSON_STRING)));
        assert_false(look_bool(probe, "tokenized_apart"));
    }
    (void)side(json_array_get(probes, 1), "gap", "base", JSON_NULL);
    (void)side(json_array_get(probes, 1), "gap", "now", JSON_NULL);
    struct model *model = simple_nano();
    struct probe probe = simple_probe("3 + 4 =", " 7", " 8");
    double gap = json_real_value(side(json_array_get(probes, 0), "gap", "base", JSON_REAL));
    assert_true(gap == simple_gap(model, &probe, METRIC_SEQ_LOGPROB));
    model_free(model);
    json_decref(out);
    run_free(run);

    run = run_ok("eval", "-m", "nano", "--probes", "math,code", "--json", "--metric", "token_gap",
                 NULL);
    out = run_json(run);
    adds_up(out);
    assert_int_equal(json_object_size(look(out, "totals", JSON_OBJECT)), 2);
    assert_string_equal(look_text(out, "metric"), "token_gap");
    assert_string_equal(look_text(out, "chat"), "off");
    assert_int_equal(strncmp(look_text(out, "metric_note"), "unsound: ", 9), 0);
    assert_null(json_object_get(out, "neutral")); /* nothing was changed */
    json_decref(out);
    run_free(run);
}

/* Rows of every layer: enough to change answers. */
static const char *strong_patch(void)
{
    struct buf text = {0};
    buf_add_text(&text, "{\"name\": \"strong\", \"flips\": [");
    for (int i = 0; i < 240; i++)
        buf_add_format(&text, "%s{\"layer\": %d, \"proj\": \"down_proj\", \"row\": %d}",
                       i ? ", " : "", i % 6, i / 6);
    buf_add_text(&text, "]}");
    const char *path = run_write("strong.json", text.data, text.len);
    buf_free(&text);
    return path;
}

static void eval__with_patch__before_and_after(void **state)
{
    (void)state;
    struct run *plain = run_ok("eval", "nano", "--probes", "math,knowledge", "--json", NULL);
    struct run *run = run_ok("eval", "nano", "--probes", "math,knowledge", "--patch",
                             strong_patch(), "--json", NULL);
    json_t *base = run_json(plain), *out = run_json(run);
    json_t *probes = look(out, "probes", JSON_ARRAY), *before = look(base, "probes", JSON_ARRAY);
    adds_up(out);
    size_t changed = 0;
    for (size_t i = 0; i < json_array_size(probes); i++) {
        json_t *probe = json_array_get(probes, i), *alone = json_array_get(before, i);
        assert_true(json_equal(side(probe, "text", "base", JSON_STRING),
                               side(alone, "text", "base", JSON_STRING)));
        assert_true(json_equal(side(probe, "gap", "base", JSON_REAL),
                               side(alone, "gap", "base", JSON_REAL)));
        changed += !json_equal(side(probe, "text", "base", JSON_STRING),
                               side(probe, "text", "now", JSON_STRING));
    }
    assert_true(changed > 0);
    json_t *neutral = look(out, "neutral", JSON_OBJECT);
    assert_true(look_real(neutral, "kl") > 1e-3);
    assert_in_range(look_int(neutral, "positions"), look_int(neutral, "sentences") * 10, 1000);
    assert_null(json_object_get(out, "metric_note"));
    json_decref(base);
    json_decref(out);
    run_free(plain);
    run_free(run);
}

static void eval__patch_twice__nothing_changes(void **state)
{
    (void)state;
    const char *patch = strong_patch();
    struct run *run = run_ok("eval", "nano", "--probes", "math", "--patch", patch, "--patch",
                             patch, "--json", NULL);
    json_t *out = run_json(run), *probes = look(out, "probes", JSON_ARRAY), *probe;
    size_t i;
    adds_up(out);
    json_array_foreach(probes, i, probe) {
        assert_true(strncmp(look_text(probe, "verdict"), "stayed_", 7) == 0);
        assert_true(json_equal(side(probe, "gap", "base", JSON_REAL),
                               side(probe, "gap", "now", JSON_REAL)));
    }
    json_decref(out);
    run_free(run);
}

static void eval__text__table_answers_and_signal(void **state)
{
    (void)state;
    struct run *run = run_ok("eval", "nano", "--probes", own_probes(), "--list", NULL);
    run_expect_out(run, "greedy answers             n          right   95 % (Wilson)\n");
    run_expect_out(run, "own                        3      2  66.7 %    20.8-93.9\n");
    run_expect_out(run, "  (none)                   2      1  50.0 %     9.5-90.5\n");
    run_expect_out(run, "right         sum  \"3 + 4 =\"  expected \" 7\"\n    right \" 7\"\n");
    run_expect_out(run, "search signal, not a result: mean seq_logprob gap ");
    run_free(run);
    run = run_ok("eval", "nano", "--probes", own_probes(), "--metric", "token_gap", "--patch",
                 strong_patch(), NULL);
    run_expect_out(run, "fixed  broke      p\n");
    run_expect_out(run, "search signal, no result\n");
    run_expect_out(run, "1 probes have no gap and are left out of its change\n");
    run_expect_out(run, "unsound");
    run_expect_out(run, " -> ");
    run_free(run);
}

static void eval__merging_answers__flagged(void **state)
{
    (void)state;
    const char *model = look_tiny_model("merge.gguf", &tiny_default);
    const char *probes = run_write_text(
        "merge.json", "[{\"prompt\": \"t\", \"correct\": \"he\", \"wrong\": \"x\"},"
                      " {\"prompt\": \"t\", \"correct\": \"x\", \"wrong\": \"y\"}]");
    struct run *run = run_ok("eval", model, "--probes", probes, "--json", NULL);
    json_t *out = look_any(run), *list = look(out, "probes", JSON_ARRAY);
    assert_true(look_bool(json_array_get(list, 0), "tokenized_apart"));
    assert_false(look_bool(json_array_get(list, 1), "tokenized_apart"));
    json_decref(out);
    run_free(run);
    run = run_ok("eval", model, "--probes", probes, NULL);
    run_expect_out(run, "1 probes have an answer that merges with the end of the prompt");
    run_free(run);
}

/* Names, prompts, answers and what the model says are texts of strangers. */
static void eval__control_characters__never_reach_a_terminal(void **state)
{
    (void)state;
    const char *model = look_tiny_model("evil.gguf", &tiny_default);
    const char *probes = run_write_text(
        "evil\x1b[2J.json",
        "[{\"prompt\": \"\\u001b]0;title\\u0007\", \"correct\": \"\\u009b2J\", \"wrong\": \"x\","
        "  \"name\": \"\\u001b[31mred\", \"category\": \"\\u001b[1m\"},"
        " {\"prompt\": \"b\", \"correct\": \"c\", \"category\": \"\\u202eother\"}]");
    struct run_options options = {.out_terminal = true, .err_terminal = true};
    struct run *run = run_bankai(&options, "eval", model, "--probes", probes, "--list", NULL);
    run_expect_status(run, 0);
    run_expect_out(run, "\\x1B[31mred");
    for (size_t i = 0; i < run->out.len; i++) {
        unsigned char byte = (unsigned char)run->out.data[i];
        assert_true((byte >= 32 && byte != 127) || byte == '\n');
    }
    assert_null(strstr(run->out.data, "\xC2\x9B"));
    assert_null(strstr(run->out.data, "\xE2\x80\xAE"));
    run_free(run);
}

static void eval__bad_input__refused(void **state)
{
    (void)state;
    const char *other = run_write_text(
        "other.json", "{\"name\": \"other\", \"flips\": [], \"metadata\": {\"base_sha256\": "
                      "\"b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c\"}}");
    run_refused("usage", "no probes given, expected --probes SET,...", "eval", "nano", NULL);
    run_refused("usage", "there is no built-in probe set 'maths'", "eval", "nano", "--probes",
                "maths", NULL);
    run_refused("usage", "there are two probe sets named 'math'", "eval", "nano", "--probes",
                "math,math", NULL);
    run_refused("usage", "cannot open", "eval", "nano", "--probes", run_path("none.json"), NULL);
    run_refused("usage", "--metric: 'gap' is unknown, expected seq_logprob, margin, "
                         "soft_margin, logprob or token_gap",
                "eval", "nano", "--probes", "math", "--metric", "gap", NULL);
    run_refused("mismatch", "other.json: metadata.base_sha256: ", "eval", "nano", "--probes",
                "math", "--patch", other, NULL);
    run_refused("usage", "cannot open", "eval", "nano", "--probes", "math", "--patch",
                run_path("none.json"), NULL);
    struct run *run = run_ok("eval", "nano", "--probes", "math", "--patch", other, "--force",
                             NULL);
    run_expect_err(run, "was made for another model; applied by force");
    run_free(run);
}

static void eval__prompt_longer_than_the_context__warned(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_add_text(&text, "[{\"prompt\": \"");
    for (int i = 0; i < 600; i++)
        buf_add_text(&text, "x");
    buf_add_text(&text, "\", \"correct\": \"y\"}, {\"prompt\": \"a\", \"correct\": \"y\"}]");
    const char *probes = run_write("long.json", text.data, text.len);
    const char *model = look_tiny_model("long.gguf", &tiny_default);
    struct run *run = run_ok("eval", model, "--probes", probes, "--json", NULL);
    run_expect_err(run, "1 prompts leave no room in the 512 tokens that the model was made for");
    run_free(run);
    buf_free(&text);
}

static void eval__interrupted__status_130(void **state)
{
    (void)state;
    struct run_options options = {.interrupt_after = "answering", .err_terminal = true};
    struct run *run = run_bankai(&options, "eval", "nano", "--probes", "nano-train,nano-heldout",
                                 NULL);
    run_expect_status(run, 130);
    assert_string_equal(run->out.data, "");
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval__without_patch__all_fields),
        cmocka_unit_test(eval__with_patch__before_and_after),
        cmocka_unit_test(eval__patch_twice__nothing_changes),
        cmocka_unit_test(eval__text__table_answers_and_signal),
        cmocka_unit_test(eval__merging_answers__flagged),
        cmocka_unit_test(eval__control_characters__never_reach_a_terminal),
        cmocka_unit_test(eval__bad_input__refused),
        cmocka_unit_test(eval__prompt_longer_than_the_context__warned),
        cmocka_unit_test(eval__interrupted__status_130),
    };
    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}
