/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench: what it prints has the shape that scripts rely on, and no number in it is
 * nonsense.  How large the numbers are is nobody's business here.
 */
#include <math.h>

#include "tests/cli/look.h"
#include "tests/t.h"

static const char *const units[] = {"GB/s",         "T",           "tokens/s", "probes/s", "tokens",
                                    "candidates/s", "evaluations", "us",       "ms",       "MiB",
                                    "pages"};

static bool is_unit(const char *unit)
{
    for (size_t i = 0; i < countof(units); i++)
        if (strcmp(units[i], unit) == 0)
            return true;
    return false;
}

static void check_positive(const json_t *result, const char *key)
{
    double value = look_real(result, key);
    if (!isfinite(value) || value <= 0)
        fail_msg("%s: %s is %g", look_text(result, "name"), key, value);
}

static void check_result(const json_t *result)
{
    const char *name = look_text(result, "name");
    if (!is_unit(look_text(result, "unit")))
        fail_msg("%s: unknown unit %s", name, look_text(result, "unit"));
    check_positive(result, "value");
    assert_true(look_int(result, "runs") >= 1);
    assert_int_equal(json_object_get(result, "floor") != NULL,
                     json_object_get(result, "share") != NULL);
    if (json_object_get(result, "floor")) {
        check_positive(result, "floor");
        check_positive(result, "share");
    }
    if (json_object_get(result, "spread"))
        assert_true(look_real(result, "spread") >= 0);
}

/* All results of these groups, checked; names are different.  The caller owns it. */
static json_t *bench(struct run *run)
{
    json_t *said = run_json(run), *names = json_object(), *result;
    size_t index;
    assert_true(look_int(said, "threads") > 0 && look_int(said, "processors") > 0);
    assert_true(strlen(look_text(said, "cpu")) > 0 && strlen(look_text(said, "machine")) > 0);
    assert_true(json_array_size(look(said, "results", JSON_ARRAY)) > 0);
    json_array_foreach(look(said, "results", JSON_ARRAY), index, result) {
        check_result(result);
        if (json_object_get(names, look_text(result, "name")))
            fail_msg("two results named %s", look_text(result, "name"));
        (void)json_object_set_new(names, look_text(result, "name"), json_true());
    }
    json_decref(names);
    run_free(run);
    return said;
}

static const json_t *find(const json_t *said, const char *name)
{
    json_t *result;
    size_t index;
    json_array_foreach(look(said, "results", JSON_ARRAY), index, result)
        if (strcmp(look_text(result, "name"), name) == 0)
            return result;
    fail_msg("no result named %s", name);
    return NULL;
}

static void bench__groups_of_a_model__sane_numbers(void **state)
{
    (void)state;
    json_t *said = bench(run_ok("bench", "prompt", "decode", "probes", "candidates", "patch",
                                "open", "--threads", "2", "--json", NULL));
    assert_int_equal(look_int(said, "threads"), 2);
    assert_string_equal(look_text(look(said, "model", JSON_OBJECT), "path"), "nano");
    const json_t *prompt = find(said, "prompt: 512 tokens");
    assert_string_equal(look_text(prompt, "unit"), "tokens/s");
    const json_t *decode = find(said, "decode: context of 64");
    assert_true(look_real(decode, "floor") > look_real(decode, "value"));
    assert_true(fabs(look_real(find(said, "probes: calculus-train, packed"), "value") - 928) < 1);
    const json_t *first = find(said, "candidates: layer 0, gate row, cost");
    const json_t *last = find(said, "candidates: layer 5, gate row, cost");
    assert_true(look_real(last, "value") < look_real(first, "value"));
    (void)find(said, "patch: 93 rows, switch to another patch");
    (void)find(said, "open: resident at most");
    json_decref(said);
}

static void bench__memory_and_kernels__every_level(void **state)
{
    (void)state;
    static const char *const environment[] = {"BANKAI_CPU=ref", NULL};
    struct run_options options = {.environment = environment};
    json_t *said = bench(run_bankai(&options, "bench", "kernels", "--json", "--threads=1", NULL));
    assert_string_equal(look_text(said, "cpu"), "ref");
    assert_null(json_object_get(said, "model")); /* nobody needed one */
    assert_string_equal(look_text(find(said, "kernels: ref, 1 token"), "unit"), "GB/s");
    assert_string_equal(look_text(find(said, "kernels: ref, 64 tokens"), "unit"), "T");
    (void)find(said, "kernels: ref, 1 token, panels");
    (void)find(said, "kernels: ref, 64 tokens, transposed");
    json_decref(said);
    said = bench(run_ok("bench", "memory", "--threads", "2", "--json", NULL));
    (void)find(said, "memory: read 288 MiB, 1 thread");
    (void)find(said, "memory: read 288 MiB, 2 threads");
    json_decref(said);
}

/* A model may stand anywhere, with or without -m; text has a line for each number. */
static void bench__text_and_model__as_asked(void **state)
{
    (void)state;
    const char *path = look_tiny_model("bench.gguf", &tiny_default);
    struct run *run = run_ok("bench", "open", path, "patch", NULL);
    run_expect_out(run, "machine    ");
    run_expect_out(run, "CPU level  ");
    run_expect_out(run, "bench.gguf, ");
    run_expect_out(run, "\nopen  ");
    run_expect_out(run, "\n93 rows, first apply  ");
    run_expect_out(run, " us");
    run_free(run);
    run = run_ok("bench", "decode", "-m", path, NULL);
    run_expect_out(run, "\ncontext of 64, repacked  ");
    assert_null(strstr(run->out.data, "93 rows"));
    run_free(run);
}

static void bench__refusals__before_anything_is_measured(void **state)
{
    (void)state;
    run_refused("usage", "unknown group 'kernel'; did you mean kernels?", "bench", "kernel", NULL);
    run_refused("usage", "unknown group 'x', expected open, memory, kernels", "bench", "x", NULL);
    run_refused("usage", "no-such.gguf: cannot open the model", "bench", "no-such.gguf", NULL);
    run_refused("usage", "two models are given, 'nano' and 'b.gguf'", "bench", "-m", "nano",
                "b.gguf", NULL);
    run_refused("usage", "--threads", "bench", "memory", "--threads", "0", NULL);
}

static void bench__interrupted__says_so(void **state)
{
    (void)state;
    struct run_options options = {.interrupt_after = "CPU level"};
    struct run *run = run_bankai(&options, "bench", NULL);
    run_expect_status(run, 130);
    run_expect_err(run, "interrupted");
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bench__groups_of_a_model__sane_numbers),
        cmocka_unit_test(bench__memory_and_kernels__every_level),
        cmocka_unit_test(bench__text_and_model__as_asked),
        cmocka_unit_test(bench__refusals__before_anything_is_measured),
        cmocka_unit_test(bench__interrupted__says_so),
    };
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
