/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Statistics against tests/ref/statistics.txt, which a Python program of its own
 * computed from exact fractions, and cases that can be counted by hand.
 */
#include <math.h>
#include <stdlib.h>

#include "probes/statistics.h"
#include "tests/document.h"
#include "tests/t.h"

enum { NUMBERS_MAX = 256 };

/* A line of the table: NAME ARGUMENTS... = RESULTS... */
struct line {
    char name[32];
    double arguments[NUMBERS_MAX];
    size_t argument_count;
    double results[NUMBERS_MAX];
    size_t result_count;
};

static size_t read_numbers(char *text, double *out)
{
    size_t count = 0;
    char *end = text;
    for (;;) {
        double value = strtod(text, &end);
        if (end == text)
            return count;
        assert_true(count < NUMBERS_MAX);
        out[count++] = value;
        text = end;
    }
}

static void read_line(char *text, struct line *line)
{
    char *equals = strstr(text, " = "), *space = strchr(text, ' ');
    assert_true(equals && space && (size_t)(space - text) < sizeof line->name);
    (void)snprintf(line->name, sizeof line->name, "%.*s", (int)(space - text), text);
    *equals = '\0';
    line->argument_count = read_numbers(space, line->arguments);
    line->result_count = read_numbers(equals + 3, line->results);
}

static void expect_near(const struct line *line, size_t which, double got, double tolerance)
{
    assert_true(which < line->result_count);
    double expected = line->results[which];
    if (!(fabs(got - expected) <= tolerance * fabs(expected) + 1e-15))
        fail_msg("%s %g %g ...: %.17g, expected %.17g", line->name, line->arguments[0],
                 line->arguments[1], got, expected);
}

/* Runs check for every line of that name; there are some. */
static void each_line(const char *name, void (*check)(const struct line *line))
{
    struct buf table = document_read("tests/ref/statistics.txt");
    size_t lines = 0;
    char *rest = NULL;
    for (char *text = strtok_r(table.data, "\n", &rest); text;
         text = strtok_r(NULL, "\n", &rest)) {
        struct line line = {.argument_count = 0};
        read_line(text, &line);
        if (strcmp(line.name, name) != 0)
            continue;
        check(&line);
        lines++;
    }
    buf_free(&table);
    assert_true(lines > 0);
}

/* ---- the table ------------------------------------------------------------------ */

/* Relative, but of numbers below the normal ones only their place is exact. */
static void check_mcnemar(const struct line *line)
{
    double p = statistics_mcnemar((uint64_t)line->arguments[0], (uint64_t)line->arguments[1]);
    double expected = line->results[0];
    if (!(fabs(p - expected) <= 1e-11 * expected + 5e-324))
        fail_msg("mcnemar %g %g: %.17g, expected %.17g", line->arguments[0], line->arguments[1],
                 p, expected);
}

static void mcnemar__table__as_exact_fractions(void **state)
{
    (void)state;
    each_line("mcnemar", check_mcnemar);
}

static void check_wilson(const struct line *line)
{
    struct interval interval =
        statistics_wilson((uint64_t)line->arguments[0], (uint64_t)line->arguments[1]);
    expect_near(line, 0, interval.low, 1e-12);
    expect_near(line, 1, interval.high, 1e-12);
}

static void wilson__table__roots_of_the_quadratic(void **state)
{
    (void)state;
    each_line("wilson", check_wilson);
}

static void check_student(const struct line *line)
{
    expect_near(line, 0, statistics_student((uint64_t)line->arguments[0]), 2e-8);
}

static void student__table__as_integrated(void **state)
{
    (void)state;
    each_line("student", check_student);
}

static void check_bootstrap(const struct line *line)
{
    size_t n = (size_t)line->arguments[0];
    struct bootstrap got =
        statistics_bootstrap(line->arguments + 1, n, (uint64_t)line->arguments[n + 1],
                             (size_t)line->arguments[n + 2]);
    assert_int_equal(got.n, n);
    assert_int_equal(got.skipped, 0);
    expect_near(line, 0, got.mean, 1e-12);
    expect_near(line, 1, got.low, 1e-12);
    expect_near(line, 2, got.high, 1e-12);
}

static void bootstrap__table__as_drawn_by_another_generator(void **state)
{
    (void)state;
    each_line("bootstrap", check_bootstrap);
}

static void check_spread(const struct line *line)
{
    size_t n = (size_t)line->arguments[0];
    struct spread got = statistics_spread(line->arguments + 1, n);
    assert_int_equal(got.n, n);
    expect_near(line, 0, got.mean, 1e-12);
    expect_near(line, 1, got.sd, 1e-12);
    expect_near(line, 2, got.low, 3e-8);
    expect_near(line, 3, got.high, 3e-8);
}

static void spread__table__as_exact_fractions(void **state)
{
    (void)state;
    each_line("spread", check_spread);
}

/* ---- edges ------------------------------------------------------------------------ */

static void mcnemar__symmetric_and_falling(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 200; n++) {
        assert_true(statistics_mcnemar(0, n) == ldexp(1, 1 - (int)n));
        for (uint64_t k = 0; k <= n; k++)
            assert_true(statistics_mcnemar(k, n - k) == statistics_mcnemar(n - k, k));
        for (uint64_t k = 1; 2 * k <= n; k++)
            assert_true(statistics_mcnemar(k, n - k) >= statistics_mcnemar(k - 1, n - k + 1));
    }
}

static void wilson__nothing_asked__nothing_known(void **state)
{
    (void)state;
    struct interval none = statistics_wilson(0, 0);
    assert_true(none.low == 0 && none.high == 1);
    assert_true(statistics_wilson(0, 7).low == 0);
    assert_true(statistics_wilson(7, 7).high == 1);
}

static void bootstrap__values_that_are_none__skipped_and_counted(void **state)
{
    (void)state;
    const double with[] = {(double)NAN, 1, 2, (double)INFINITY, 4, (double)NAN};
    const double without[] = {1, 2, 4};
    struct bootstrap a = statistics_bootstrap(with, countof(with), 9, 500);
    struct bootstrap b = statistics_bootstrap(without, countof(without), 9, 500);
    assert_int_equal(a.n, 3);
    assert_int_equal(a.skipped, 3);
    assert_int_equal(b.skipped, 0);
    assert_true(a.mean == b.mean && a.low == b.low && a.high == b.high);
    struct bootstrap none = statistics_bootstrap(with, 1, 9, 500);
    assert_true(none.n == 0 && none.skipped == 1);
    assert_true(isnan(none.mean) && isnan(none.low) && isnan(none.high));
    assert_int_equal(statistics_bootstrap(NULL, 0, 9, 500).n, 0);
}

static void spread__few_values__no_interval(void **state)
{
    (void)state;
    const double one[] = {2.5, (double)NAN};
    struct spread spread = statistics_spread(one, 2);
    assert_int_equal(spread.n, 1);
    assert_true(spread.mean == 2.5 && spread.min == 2.5 && spread.max == 2.5);
    assert_true(isnan(spread.sd) && isnan(spread.low) && isnan(spread.high));
    spread = statistics_spread(NULL, 0);
    assert_true(spread.n == 0 && isnan(spread.mean) && isnan(spread.min) && isnan(spread.max));
    const double some[] = {3, -1, 2};
    spread = statistics_spread(some, 3);
    assert_true(spread.min == -1 && spread.max == 3);
}

static void expect_standing(double value, const double *nulls, size_t count, size_t rank,
                            double p)
{
    struct standing standing = statistics_standing(value, nulls, count);
    assert_int_equal(standing.rank, rank);
    assert_true(standing.p == p);
}

static void standing__counted_by_hand(void **state)
{
    (void)state;
    const double nulls[] = {1, 5, 3, 3, 2, 4, 0, 3, 1};
    expect_standing(6, nulls, 9, 1, 0.1);
    expect_standing(5, nulls, 9, 1, 0.2);
    expect_standing(3, nulls, 9, 3, 0.6); /* 5 and 4 are above, three are equal */
    expect_standing(-1, nulls, 9, 10, 1);
    expect_standing(7, NULL, 0, 1, 1);
    const double holes[] = {(double)NAN, 2, (double)NAN};
    expect_standing(3, holes, 3, 1, 0.5);
    assert_int_equal(statistics_standing(3, holes, 3).n, 1);
    assert_true(isnan(statistics_standing((double)NAN, nulls, 9).p));
}

/* 1 - 6 sum(d^2) / (n (n^2 - 1)) without ties; with them Pearson's of the mean ranks. */
static void spearman__counted_by_hand(void **state)
{
    (void)state;
    static const double a[] = {1, 2, 3, 4}, b[] = {10, 30, 20, 40}, c[] = {4, 3, 2, 1};
    static const double tied[] = {1, 1, 2, 3}, same[] = {5, 5, 5, 5};
    assert_true(fabs(statistics_spearman(a, b, 4) - 0.8) < 1e-12);
    assert_true(fabs(statistics_spearman(a, c, 4) + 1) < 1e-12);
    assert_true(fabs(statistics_spearman(a, tied, 4) - 4.5 / sqrt(5 * 4.5)) < 1e-12);
    assert_true(isnan(statistics_spearman(a, same, 4)));
    assert_true(isnan(statistics_spearman(a, b, 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar__table__as_exact_fractions),
        cmocka_unit_test(wilson__table__roots_of_the_quadratic),
        cmocka_unit_test(student__table__as_integrated),
        cmocka_unit_test(bootstrap__table__as_drawn_by_another_generator),
        cmocka_unit_test(spread__table__as_exact_fractions),
        cmocka_unit_test(mcnemar__symmetric_and_falling),
        cmocka_unit_test(wilson__nothing_asked__nothing_known),
        cmocka_unit_test(bootstrap__values_that_are_none__skipped_and_counted),
        cmocka_unit_test(spread__few_values__no_interval),
        cmocka_unit_test(standing__counted_by_hand),
        cmocka_unit_test(spearman__counted_by_hand),
    };
    return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
