/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Comparisons by set and category, counted by hand.
 */
#include <math.h>
#include <stdlib.h>

#include "probes/compare.h"
#include "tests/simple.h"
#include "tests/t.h"

enum { ROWS = 9 };

static const struct {
    const char *set, *category;
    bool base, now;
    double gap_base, gap_now;
} rows[ROWS] = {
    {"one", "easy", true, true, 1, 2},    {"one", "hard", false, true, 0, 4},
    {"one", "easy", true, false, 3, 1},   {"two", "easy", false, true, 1, 1.5},
    {"two", "easy", false, false, 0, 0},  {"one", "hard", false, true, -2, (double)NAN},
    {"two", "", true, true, 0, 0},        {"one", "hard", false, true, 1, 2},
    {"one", "hard", false, false, 5, 4},
};

struct fixture {
    struct probe probes[ROWS];
    struct probe_set set;
    double gaps[2][ROWS];
    bool right[2][ROWS];
    struct evaluation base, now;
};

static void fill(struct fixture *fixture)
{
    for (size_t i = 0; i < ROWS; i++) {
        fixture->probes[i] = simple_probe("p", "a", "b");
        fixture->probes[i].set = (char *)(uintptr_t)rows[i].set;
        fixture->probes[i].category = (char *)(uintptr_t)rows[i].category;
        fixture->gaps[0][i] = rows[i].gap_base;
        fixture->gaps[1][i] = rows[i].gap_now;
        fixture->right[0][i] = rows[i].base;
        fixture->right[1][i] = rows[i].now;
    }
    fixture->set = simple_set(fixture->probes, ROWS);
    fixture->base = (struct evaluation){
        .count = ROWS, .gap = fixture->gaps[0], .right = fixture->right[0]};
    fixture->now = (struct evaluation){
        .count = ROWS, .gap = fixture->gaps[1], .right = fixture->right[1]};
}

/* n, fixed, broke, stayed right, stayed wrong */
static void expect_counts(const struct comparison *got, const char *set, const char *category,
                          const size_t expected[5])
{
    const size_t found[] = {got->n, got->fixed, got->broke, got->stayed_right, got->stayed_wrong};
    assert_string_equal(got->set, set);
    assert_int_equal(got->category == NULL, category == NULL);
    if (category)
        assert_string_equal(got->category, category);
    for (size_t i = 0; i < countof(found); i++)
        assert_int_equal(found[i], expected[i]);
    assert_int_equal(comparison_right_base(got), expected[2] + expected[3]);
    assert_int_equal(comparison_right_now(got), expected[1] + expected[3]);
}

static void compare_results__sets__counted_by_hand(void **state)
{
    (void)state;
    struct fixture fixture;
    struct comparison *got = NULL;
    fill(&fixture);
    size_t count =
        compare_results(&fixture.set, &fixture.base, &fixture.now, COMPARE_SETS, &got);
    assert_int_equal(count, 2);
    expect_counts(&got[0], "one", NULL, (const size_t[]){6, 3, 1, 1, 1});
    expect_counts(&got[1], "two", NULL, (const size_t[]){3, 1, 0, 1, 1});
    assert_true(got[0].mcnemar_p == 0.625); /* 2 * (1 + 4) / 16 */
    assert_true(got[1].mcnemar_p == 1);
    assert_true(fabs(got[0].gap_change.mean - 3.0 / 5) < 1e-15); /* 1, 4, -2, 1, -1 */
    assert_int_equal(got[0].gap_change.n, 5);
    assert_int_equal(got[0].gap_change.skipped, 1);
    assert_true(got[0].gap_change.low >= -2 && got[0].gap_change.low < 0.6);
    assert_true(got[0].gap_change.high <= 4 && got[0].gap_change.high > 0.6);
    free(got);
}

/* Wilson's ends are where the share lies 1.96 standard errors away. */
static void expect_wilson(struct interval interval, size_t right, size_t n)
{
    double share = (double)right / (double)n, z = 1.959963984540054;
    const double ends[] = {interval.low, interval.high};
    for (size_t i = 0; i < 2; i++) {
        double x = ends[i], error = sqrt(x * (1 - x) / (double)n);
        assert_true(fabs(fabs(share - x) - z * error) < 1e-12);
    }
    assert_true(interval.low <= share && share <= interval.high);
}

static void compare_results__categories__of_each_set(void **state)
{
    (void)state;
    struct fixture fixture;
    struct comparison *got = NULL;
    fill(&fixture);
    size_t count =
        compare_results(&fixture.set, &fixture.base, &fixture.now, COMPARE_CATEGORIES, &got);
    assert_int_equal(count, 4);
    expect_counts(&got[0], "one", "easy", (const size_t[]){2, 0, 1, 1, 0});
    expect_counts(&got[1], "one", "hard", (const size_t[]){4, 3, 0, 0, 1});
    expect_counts(&got[2], "two", "easy", (const size_t[]){2, 1, 0, 0, 1});
    expect_counts(&got[3], "two", "", (const size_t[]){1, 0, 0, 1, 0});
    for (size_t i = 0; i < count; i++) {
        expect_wilson(got[i].wilson_base, comparison_right_base(&got[i]), got[i].n);
        expect_wilson(got[i].wilson_now, comparison_right_now(&got[i]), got[i].n);
    }
    assert_true(got[1].mcnemar_p == 0.25); /* 2 / 8 */
    free(got);
    struct comparison all = compare_all(&fixture.set, &fixture.base, &fixture.now);
    assert_true(!all.set && !all.category);
    assert_int_equal(all.n, ROWS);
    assert_int_equal(all.fixed, 4);
    assert_int_equal(all.gap_change.n, 8);
}

static void compare_results__no_probes_or_no_patch__nothing_changed(void **state)
{
    (void)state;
    struct fixture fixture;
    struct comparison *got = NULL;
    fill(&fixture);
    assert_int_equal(
        compare_results(&fixture.set, &fixture.base, &fixture.base, COMPARE_SETS, &got), 2);
    assert_int_equal(got[0].fixed + got[0].broke, 0);
    assert_true(got[0].mcnemar_p == 1 && got[0].gap_change.low == 0 &&
                got[0].gap_change.high == 0);
    free(got);
    fixture.set.count = 0;
    assert_int_equal(
        compare_results(&fixture.set, &fixture.base, &fixture.now, COMPARE_SETS, &got), 0);
    assert_null(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_results__sets__counted_by_hand),
        cmocka_unit_test(compare_results__categories__of_each_set),
        cmocka_unit_test(compare_results__no_probes_or_no_patch__nothing_changed),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
