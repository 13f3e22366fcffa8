/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Numbers of a method over its seeds, by hand; targets that are set apart.
 */
#include <math.h>
#include <stdlib.h>

#include "src/search/search_compare_int.h"
#include "tests/t.h"

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

static struct comparison answers(size_t fixed, size_t broke, size_t right, size_t wrong, double p)
{
    return (struct comparison){.n = fixed + broke + right + wrong, .fixed = fixed, .broke = broke,
                               .stayed_right = right, .stayed_wrong = wrong, .mcnemar_p = p};
}

static void compare_summarize__three_seeds_of_two_methods__by_hand(void **state)
{
    (void)state;
    struct compare_run runs[] = {
        {.method = SEARCH_GUIDED, .seed = 1, .fitness = 1, .flips = 3, .tried = 10, .passes = 2,
         .cost = 16, .seconds = 2},
        {.method = SEARCH_GREEDY, .seed = 1, .fitness = 100},
        {.method = SEARCH_GUIDED, .seed = 2, .fitness = 3, .flips = 5, .tried = 20, .passes = 4,
         .cost = 32, .seconds = 4},
        {.method = SEARCH_GUIDED, .seed = 3, .fitness = 5, .flips = 4, .tried = 30, .passes = 3,
         .cost = 39, .seconds = 9},
    };
    runs[0].groups[ROLE_HELDOUT] = answers(4, 1, 6, 9, 0.375);
    runs[1].groups[ROLE_HELDOUT] = answers(0, 0, 7, 13, 1);
    runs[2].groups[ROLE_HELDOUT] = answers(2, 2, 5, 11, 0.9);
    runs[3].groups[ROLE_HELDOUT] = answers(6, 0, 7, 7, 0.03125);
    struct compare_summary got = compare_summarize(runs, 4, SEARCH_GUIDED, ROLE_COUNT);
    assert_true(got.fitness.n == 3 && near(got.fitness.mean, 3) && near(got.fitness.sd, 2));
    /* Student's t with 2 degrees of freedom, times 2 / sqrt(3) */
    assert_true(fabs(got.fitness.high - (3 + 4.302652729749464 * 2 / sqrt(3))) < 1e-6);
    assert_true(near(got.flips.mean, 4) && near(got.tried.mean, 20) && near(got.passes.mean, 3));
    assert_true(near(got.cost.mean, 29) && near(got.seconds.mean, 5));
    const struct compare_answers *held = &got.groups[ROLE_HELDOUT];
    assert_int_equal(held->n, 20);
    assert_int_equal(held->right_base, 7);
    assert_true(near(held->right.mean, (10 + 7 + 13) / 3.0));
    assert_true(near(held->fixed.mean, 4) && near(held->broke.mean, 1));
    assert_true(near(held->change.mean, 3) && near(held->change.min, 0));
    assert_true(near(held->change.max, 6) && near(held->p_most, 0.9));
    got = compare_summarize(runs, 4, SEARCH_GREEDY, ROLE_COUNT);
    assert_true(got.fitness.n == 1 && near(got.fitness.mean, 100) && isnan(got.fitness.sd));
    assert_true(near(got.groups[ROLE_HELDOUT].p_most, 1));
}

static void compare_method__every_search_and_train__by_name(void **state)
{
    (void)state;
    int method = -1;
    for (int i = 0; i < COMPARE_METHODS; i++) {
        assert_true(compare_method_parse(compare_method_name(i), &method));
        assert_int_equal(method, i);
    }
    assert_string_equal(compare_method_name(COMPARE_TRAIN), "train");
    assert_false(compare_method_parse("trains", &method));
}

/* Two seeds: train counts as a method of its own, and what draws nothing has one run. */
static void compare_runs__methods_without_a_seed__once(void **state)
{
    (void)state;
    struct compare_job job = {.methods = {SEARCH_GREEDY, SEARCH_GUIDED, COMPARE_TRAIN,
                                          SEARCH_GREEDY, SEARCH_PRUNE, SEARCH_EVOLVE},
                              .method_count = 6, .seeds = 3};
    static const bool draws[] = {true, false, true, false, false, true};
    for (size_t i = 0; i < 6; i++) {
        job.options[i] = search_default_options();
        job.options[i].method = i == 2 ? SEARCH_GUIDED : (enum search_method)job.methods[i];
    }
    job.options[3].order = ORDER_ATTRIBUTION;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(compare_draws(&job, i), draws[i]);
    assert_int_equal(compare_runs(&job), 3 * 3 + 3);
    struct compare_run runs[] = {{.method = COMPARE_TRAIN, .fitness = 2},
                                 {.method = SEARCH_RANDOM, .fitness = 7},
                                 {.method = COMPARE_TRAIN, .fitness = 4}};
    struct compare_summary got = compare_summarize(runs, 3, COMPARE_TRAIN, ROLE_COUNT);
    assert_true(got.fitness.n == 2 && near(got.fitness.mean, 3));
}

static bool has_prompt(const struct probe_set *set, const char *prompt)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->probes[i].prompt, prompt) == 0)
            return true;
    return false;
}

/* Each target is in one of the two parts, which follow from the seed alone. */
static void compare_sets_load__so_many_targets__apart_by_seed(void **state)
{
    (void)state;
    struct err err;
    struct search_request request = {.targets = "calculus-train", .controls = "math",
                                     .heldout = "calculus-heldout"};
    char first[16] = "";
    size_t same = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct compare_sets sets = {.validation = NULL};
        request.options.seed = seed;
        t_ok(compare_sets_load(&sets, &request, "20", &err), &err);
        assert_int_equal(sets.roles[ROLE_TRAIN].count, 40);
        assert_int_equal(sets.roles[ROLE_VALIDATION].count, 20);
        assert_int_equal(sets.all.count, 60 + 8 + 30);
        for (size_t i = 0; i < 60; i++) {
            const char *prompt = sets.inputs.targets->probes[i].prompt;
            assert_true(has_prompt(&sets.roles[ROLE_TRAIN], prompt) !=
                        has_prompt(&sets.roles[ROLE_VALIDATION], prompt));
        }
        same += strncmp(first, sets.roles[ROLE_VALIDATION].probes[0].name, sizeof first - 1) == 0;
        (void)snprintf(first, sizeof first, "%s", sets.roles[ROLE_VALIDATION].probes[0].name);
        compare_sets_free(&sets);
    }
    assert_true(same < 3);
}

static void compare_sets_load__what_cannot_be__refused(void **state)
{
    (void)state;
    struct err err;
    static const char *const bad[] = {"60", "-1", "calculus-heldout", "calculus-train", "none"};
    struct search_request request = {.targets = "calculus-train", .controls = "math",
                                     .heldout = "calculus-heldout"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct compare_sets sets = {.validation = NULL};
        assert_false(compare_sets_load(&sets, &request, bad[i], &err));
        compare_sets_free(&sets);
    }
    struct compare_sets sets = {.validation = NULL};
    t_ok(compare_sets_load(&sets, &request, "knowledge", &err), &err);
    assert_int_equal(sets.roles[ROLE_TRAIN].count, 60);
    assert_true(sets.roles[ROLE_VALIDATION].count > 0);
    compare_sets_free(&sets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_summarize__three_seeds_of_two_methods__by_hand),
        cmocka_unit_test(compare_method__every_search_and_train__by_name),
        cmocka_unit_test(compare_runs__methods_without_a_seed__once),
        cmocka_unit_test(compare_sets_load__so_many_targets__apart_by_seed),
        cmocka_unit_test(compare_sets_load__what_cannot_be__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
