/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * --null: ranks recomputed from the list of values, and the same for the same seed.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/cli/look.h"
#include "tests/t.h"

static const char *small_patch(void)
{
    return run_write_text("small.json",
                          "{\"name\": \"small\", \"flips\": ["
                          "{\"layer\": 2, \"proj\": \"down_proj\", \"row\": 3},"
                          "{\"layer\": 3, \"proj\": \"down_proj\", \"row\": 4},"
                          "{\"layer\": 4, \"proj\": \"o_proj\", \"row\": 5}]}");
}

/* rank, of, p, mean, min, max from the values themselves. */
static void expect_place(const json_t *place, size_t draws, double patch)
{
    json_t *values = look(place, "values", JSON_ARRAY), *value;
    size_t i, above = 0, at_least = 0;
    double sum = 0, least = HUGE_VAL, most = -HUGE_VAL;
    assert_true(fabs(look_real(place, "patch") - patch) < 1e-12);
    assert_int_equal(json_array_size(values), draws);
    json_array_foreach(values, i, value) {
        double number = json_real_value(value);
        above += number > look_real(place, "patch");
        at_least += number >= look_real(place, "patch");
        sum += number;
        least = number < least ? number : least;
        most = number > most ? number : most;
    }
    assert_int_equal(look_int(place, "rank"), above + 1);
    assert_int_equal(look_int(place, "of"), draws + 1);
    assert_true(fabs(look_real(place, "p") - (double)(at_least + 1) / (double)(draws + 1)) < 1e-12);
    assert_true(fabs(look_real(place, "mean") - sum / (double)draws) < 1e-9);
    assert_true(look_real(place, "min") == least && look_real(place, "max") == most);
}

static void expect_null(const json_t *out, size_t draws, size_t flips, int64_t seed)
{
    json_t *null = look(out, "null", JSON_OBJECT), *totals = look(out, "totals", JSON_OBJECT);
    json_t *total;
    const char *set;
    static const char *const kinds[] = {"uniform", "scale"};
    assert_int_equal(look_int(null, "draws"), draws);
    assert_int_equal(look_int(null, "flips"), flips);
    assert_int_equal(look_int(null, "seed"), seed);
    assert_int_equal(json_object_size(look(null, "sets", JSON_OBJECT)), json_object_size(totals));
    json_object_foreach(totals, set, total) {
        double change = look_real(look(total, "gap_change", JSON_OBJECT), "mean");
        for (size_t kind = 0; kind < 2; kind++) {
            json_t *one = look(look(look(null, "sets", JSON_OBJECT), set, JSON_OBJECT),
                               kinds[kind], JSON_OBJECT);
            expect_place(look(one, "right", JSON_OBJECT), draws,
                         (double)look_int(total, "right_now"));
            expect_place(look(one, "gap_change", JSON_OBJECT), draws, change);
        }
    }
}

static void eval_null__json__adds_up_and_is_reproducible(void **state)
{
    (void)state;
    const char *patch = small_patch();
    struct run *run = run_ok("eval", "nano", "--probes", "math,knowledge", "--patch", patch,
                             "--null", "6", "--seed", "5", "--json", NULL);
    struct run *again = run_ok("eval", "nano", "--probes", "math,knowledge", "--patch", patch,
                               "--null", "6", "--seed", "5", "--json", "--threads", "1", NULL);
    struct run *other = run_ok("eval", "nano", "--probes", "math,knowledge", "--patch", patch,
                               "--null", "6", "--seed", "6", "--json", NULL);
    json_t *out = run_json(run);
    expect_null(out, 6, 3, 5);
    assert_string_equal(run->out.data, again->out.data);
    assert_string_not_equal(run->out.data, other->out.data);
    json_decref(out);
    run_free(run);
    run_free(again);
    run_free(other);
}

static void eval_null__text__ranks(void **state)
{
    (void)state;
    struct run *run = run_ok("eval", "nano", "--probes", "math", "--patch", small_patch(),
                             "--null", "2", NULL);
    run_expect_out(run, "null models: 2 times 3 random flips in the patch's layers and "
                        "projections, seed 1\n");
    run_expect_out(run, "  right, uniform ");
    run_expect_out(run, "  gap, scale ");
    run_expect_out(run, " of 3 ");
    run_free(run);
}

static void eval_null__nothing_to_compare__refused(void **state)
{
    (void)state;
    const char *patch = small_patch();
    run_refused("usage", "--null compares a patch, expected --patch P with it", "eval", "nano",
                "--probes", "math", "--null", "3", NULL);
    run_refused("usage", "--null: the patches flip nothing, expected some flips", "eval", "nano",
                "--probes", "math", "--null", "3", "--patch", patch, "--patch", patch, NULL);
    run_refused("usage", "--null", "eval", "nano", "--probes", "math", "--null", "0", "--patch",
                patch, NULL);
}

#define SMALL_SEARCH "search", "nano", GREEDY, "--target", "math", "--iters", "12", "--json"

static void search_null__done__adds_up_and_is_that_of_eval(void **state)
{
    (void)state;
    const char *patch = run_path("searched.json");
    struct run *run = run_ok(SMALL_SEARCH, "--heldout", "code", "--seed", "3", "--null", "4", "-o",
                             patch, NULL);
    json_t *events = run_json_lines(run), *done = look_last(events);
    assert_string_equal(look_text(done, "event"), "done");
    expect_null(done, 4, json_array_size(look(done, "flips", JSON_ARRAY)), 3);
    assert_false(look_bool(done, "interrupted"));
    struct run *eval = run_ok("eval", "nano", "--probes", "math,code", "--patch", patch, "--null",
                              "4", "--seed", "3", "--json", NULL);
    json_t *out = run_json(eval);
    assert_true(json_equal(look(out, "null", JSON_OBJECT), look(done, "null", JSON_OBJECT)));
    assert_true(json_equal(look(out, "totals", JSON_OBJECT), look(done, "totals", JSON_OBJECT)));
    assert_true(json_equal(look(out, "neutral", JSON_OBJECT), look(done, "neutral", JSON_OBJECT)));
    json_decref(out);
    json_decref(events);
    run_free(eval);
    run_free(run);
}

static void search_null__interrupted__last_event_says_so(void **state)
{
    (void)state;
    const struct run_options options = {.interrupt_after = "null models", .err_terminal = true};
    struct run *run = run_bankai(&options, SMALL_SEARCH, "--heldout", "nano-heldout", "--null",
                                 "50000", "-o", run_path("cut.json"), NULL);
    run_expect_status(run, 130);
    json_t *events = run_json_lines(run), *done = look_last(events);
    assert_true(look_bool(done, "interrupted"));
    assert_null(json_object_get(done, "null"));
    assert_true(look_exists(run_path("cut.json")));
    json_decref(events);
    run_free(run);
}

/* The answers were there before the null models: they are told, and so is the look at them. */
static void search_null__interrupted__answers_are_told(void **state)
{
    (void)state;
    const struct run_options options = {.interrupt_after = "null models", .err_terminal = true};
    struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--target", "math",
                                 "--iters", "12", "--heldout", "knowledge", "--null", "50000", "-o",
                                 run_path("cut.json"), NULL);
    run_expect_status(run, 130);
    run_expect_out(run, "greedy answers ");
    run_expect_out(run, "held-out knowledge seen ");
    run_expect_out(run, "mean KL(base || patched) ");
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_null__json__adds_up_and_is_reproducible),
        cmocka_unit_test(eval_null__text__ranks),
        cmocka_unit_test(eval_null__nothing_to_compare__refused),
        cmocka_unit_test(search_null__done__adds_up_and_is_that_of_eval),
        cmocka_unit_test(search_null__interrupted__last_event_says_so),
        cmocka_unit_test(search_null__interrupted__answers_are_told),
    };
    return cmocka_run_group_tests_name("null", tests, NULL, NULL);
}
