/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * States in words, flips as sets of weights (against a plain array of bits), and two
 * states compared.
 */
#include <math.h>
#include <stdlib.h>

#include "src/base/rng.h"
#include "src/session/state.h"
#include "tests/session_fixture.h"
#include "tests/t.h"

/* ---- words -------------------------------------------------------------------------- */

/* Steps 1, 2, 3 in a line, 4 below 2; "best" is 3, the head is 4. */
static struct session *branched(void)
{
    struct err err = {0};
    struct session *session = fixture_new(fixture_path("state.bankai"));
    for (uint64_t number = 1; number <= 3; number++)
        t_ok(fixture_add_step(session, number, NULL, &err), &err);
    t_ok(session_name_step(session, "best", 3, &err), &err);
    t_ok(session_move_head(session, 2, "goto", &err), &err);
    t_ok(fixture_add_step(session, 4, NULL, &err), &err);
    return session;
}

static void session_state__words__steps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t step;
    } cases[] = {
        {"0", 0}, {"base", 0}, {"3", 3}, {"003", 3}, {"head", 4}, {"best", 3}, {"head~", 2},
        {"head~1", 2}, {"head~3", 0}, {"best~0", 3}, {"best~2", 1}, {"4~2", 1}, {"base~0", 0},
    };
    struct session *session = branched();
    for (size_t i = 0; i < countof(cases); i++) {
        struct err err = {0};
        int64_t step = -1;
        t_ok(session_state(session, cases[i].text, &step, &err), &err);
        assert_int_equal(step, cases[i].step);
    }
    session_close(session);
}

static void session_state__other_words__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_code code;
        const char *message;
    } cases[] = {
        {"", ERR_USAGE, "there is no state '', expected a step, a name, head, base or head~N"},
        {"worst", ERR_USAGE,
         "there is no state 'worst', expected a step, a name, head, base or head~N"},
        {"-1", ERR_USAGE, "there is no state '-1', expected a step, a name, head, base or head~N"},
        {"5", ERR_RANGE, "there is no step 5, expected 0 to 4"},
        {"99999999999999999999", ERR_RANGE,
         "there is no step 99999999999999999999, expected 0 to 4"},
        {"head~4", ERR_RANGE, "step 4 is 3 above the base, expected ~0 to ~3"},
        {"head~x", ERR_USAGE, "'~x' is no way up, expected ~ and a number"},
    };
    struct session *session = branched();
    for (size_t i = 0; i < countof(cases); i++) {
        struct err err = {0};
        int64_t step = -1;
        assert_false(session_state(session, cases[i].text, &step, &err));
        t_err_is(&err, cases[i].code, "", cases[i].message);
    }
    session_close(session);
}

static void session_state_pair__words__two_steps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t a, b;
    } cases[] = {
        {"base..head", 0, 4}, {"1..best", 1, 3}, {"best..", 3, 4}, {"..1", 4, 1}, {"..", 4, 4},
        {"head~2..3~1", 1, 2},
    };
    struct err err = {0};
    int64_t a = -1, b = -1;
    struct session *session = branched();
    for (size_t i = 0; i < countof(cases); i++) {
        t_ok(session_state_pair(session, cases[i].text, &a, &b, &err), &err);
        assert_int_equal(a, cases[i].a);
        assert_int_equal(b, cases[i].b);
    }
    assert_false(session_state_pair(session, "best", &a, &b, &err));
    t_err_is(&err, ERR_USAGE, "", "'best' is no comparison, expected A..B as in base..head");
    session_close(session);
}

static void session_state_name_fits__what_means_something_else__refused(void **state)
{
    (void)state;
    static const char *const good[] = {"best", "2 rows", "ä-b", "v1.2", "head2"};
    static const char *const bad[] = {"", "12", "head", "base", "a..b", "a~1", "a\x1b[m", " a",
                                      "a ", "\xff"};
    struct err err = {0};
    char longest[SESSION_STATE_NAME_MAX + 2] = {0};
    memset(longest, 'x', SESSION_STATE_NAME_MAX);
    assert_true(session_state_name_fits(longest, &err));
    longest[SESSION_STATE_NAME_MAX] = 'x';
    assert_false(session_state_name_fits(longest, &err));
    for (size_t i = 0; i < countof(good); i++)
        t_ok(session_state_name_fits(good[i], &err), &err);
    for (size_t i = 0; i < countof(bad); i++)
        assert_false(session_state_name_fits(bad[i], &err));
}

/* ---- sets --------------------------------------------------------------------------- */

/* Two rows of two groups (width 256), one bit for each weight. */
enum { ROWS = 2, GROUPS = 2, WEIGHTS = GROUPS * GROUP_WEIGHTS };

struct plain {
    bool on[ROWS][WEIGHTS];
};

static void plain_flip(struct plain *plain, const struct flip *flip)
{
    for (int i = 0; i < WEIGHTS; i++) {
        bool in_group = i / GROUP_WEIGHTS == flip->group;
        bool bit = flip->mask[i % GROUP_WEIGHTS / 64] >> (i % 64) & 1;
        plain->on[flip->row][i] ^= flip->group == FLIP_WHOLE_ROW || (in_group && bit);
    }
}

static struct flip random_flip(struct rng *rng)
{
    struct flip flip = {1, PROJ_UP, (uint32_t)rng_below(rng, ROWS), FLIP_WHOLE_ROW, {0, 0}};
    if (rng_below(rng, 3) == 0)
        return flip;
    flip.group = (int32_t)rng_below(rng, GROUPS);
    bool whole = rng_below(rng, 2) == 0;
    flip.mask[0] = whole ? UINT64_MAX : rng_next(rng) & 3;
    flip.mask[1] = whole ? UINT64_MAX : 0;
    return flip;
}

static struct flip_set random_set(struct rng *rng, const json_t *shape, struct plain *plain)
{
    struct flip_set set = {0};
    *plain = (struct plain){0};
    for (uint64_t i = rng_below(rng, 6); i > 0; i--) {
        struct flip flip = random_flip(rng);
        flip_set_add(&set, &flip, 1);
        plain_flip(plain, &flip);
    }
    flip_set_settle(&set, shape);
    return set;
}

/* The set says what the bits say, and each row in the one way it is said in. */
static void check_set(const struct flip_set *set, const struct plain *plain)
{
    struct plain said = {0};
    for (size_t i = 0; i < set->count; i++) {
        const struct flip *flip = &set->flips[i];
        bool full = flip->mask[0] == UINT64_MAX && flip->mask[1] == UINT64_MAX;
        plain_flip(&said, flip);
        if (i > 0 && flip->row == flip[-1].row) {
            assert_true(flip[-1].group != FLIP_WHOLE_ROW && flip[-1].group < flip->group);
            assert_false(full && flip[-1].mask[0] == UINT64_MAX && flip[-1].mask[1] == UINT64_MAX);
        }
        assert_true(i == 0 || flip[-1].row <= flip->row);
    }
    assert_memory_equal(&said, plain, sizeof said);
}

static void flip_set_pair__random_sets__as_bits(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 61);
    json_t *shape = json_pack("{s:i}", "width", WEIGHTS);
    for (int round = 0; round < 3000; round++) {
        struct plain a, b, only = {0}, both = {0};
        struct flip_set set_a = random_set(&rng, shape, &a), set_b = random_set(&rng, shape, &b);
        struct flip_set set_only = {0}, set_both = {0};
        for (size_t i = 0; i < sizeof a.on; i++) {
            only.on[i / WEIGHTS][i % WEIGHTS] =
                a.on[i / WEIGHTS][i % WEIGHTS] && !b.on[i / WEIGHTS][i % WEIGHTS];
            both.on[i / WEIGHTS][i % WEIGHTS] =
                a.on[i / WEIGHTS][i % WEIGHTS] && b.on[i / WEIGHTS][i % WEIGHTS];
        }
        check_set(&set_a, &a);
        check_set(&set_b, &b);
        flip_set_pair(&set_a, &set_b, shape, false, &set_only);
        flip_set_pair(&set_a, &set_b, shape, true, &set_both);
        check_set(&set_only, &only);
        check_set(&set_both, &both);
        flip_set_free(&set_a);
        flip_set_free(&set_b);
        flip_set_free(&set_only);
        flip_set_free(&set_both);
    }
    json_decref(shape);
}

static void flip_set_settle__tied__head_is_embed(void **state)
{
    (void)state;
    static const struct flip flips[] = {{NO_LAYER, PROJ_HEAD, 7, FLIP_WHOLE_ROW, {0, 0}},
                                        {NO_LAYER, PROJ_EMBED, 7, FLIP_WHOLE_ROW, {0, 0}},
                                        {NO_LAYER, PROJ_HEAD, 8, FLIP_WHOLE_ROW, {0, 0}}};
    for (int tied = 0; tied < 2; tied++) {
        json_t *shape = json_pack("{s:b}", "tied", tied);
        struct flip_set set = {0};
        flip_set_add(&set, flips, 3);
        flip_set_settle(&set, shape);
        assert_int_equal(set.count, tied ? 1 : 3);
        assert_int_equal(set.flips[0].proj, PROJ_EMBED);
        assert_int_equal(set.flips[0].row, tied ? 8 : 7);
        flip_set_free(&set);
        json_decref(shape);
    }
}

/* ---- two states ---------------------------------------------------------------------- */

static void session_diff__branches__flips_gaps_and_answers(void **state)
{
    (void)state;
    struct err err = {0};
    struct session_diff diff;
    struct session *session = branched();
    const struct session_answer answers[] = {
        {3, 0, " 5\xc3\xa4", 4, true}, {4, 0, " 5\xc3\xb6", 4, false}, {3, 1, "x", 1, false},
        {4, 1, "x", 1, false},         {4, 2, "only in b", 9, true},   {3, 3, "", 0, false},
        {4, 3, " 8", 2, true},
    };
    t_ok(session_add_answers(session, answers, countof(answers), &err), &err);
    t_ok(session_diff(session, 3, 4, &diff, &err), &err);
    assert_int_equal(diff.both.count, 2);
    assert_int_equal(diff.only_a.count, 1);
    assert_int_equal(diff.only_a.flips[0].row, 3);
    assert_int_equal(diff.only_b.count, 1);
    assert_int_equal(diff.only_b.flips[0].row, 4);
    assert_int_equal(diff.gap_count, FIXTURE_GAPS);
    for (size_t i = 0; i < FIXTURE_GAPS; i++) {
        double a = fixture_gap(3, i), b = fixture_gap(4, i);
        assert_true(diff.gaps_a[i] == a || (isnan(a) && isnan(diff.gaps_a[i])));
        assert_true(diff.gaps_b[i] == b || (isnan(b) && isnan(diff.gaps_b[i])));
    }
    assert_int_equal(diff.answer_count, 3);
    assert_int_equal(diff.answers[0].differs, 2); /* where the character begins */
    assert_true(diff.answers[1].differs == SIZE_MAX);
    assert_int_equal(diff.answers[2].probe, 3);
    assert_int_equal(diff.answers[2].differs, 0);
    assert_int_equal(diff.totals[0].n, 2);
    assert_int_equal(diff.totals[0].broke, 1);
    assert_int_equal(diff.totals[0].fixed, 0);
    assert_int_equal(diff.totals[1].n, 0);
    assert_int_equal(diff.totals[2].fixed, 1);
    session_diff_free(&diff);
    session_close(session);
}

static void session_diff_order__changes__largest_first(void **state)
{
    (void)state;
    double a[] = {1, 1, (double)NAN, 1, 1}, b[] = {1.5, -2, 3, 1, 0.5};
    struct session_diff diff = {.gaps_a = a, .gaps_b = b, .gap_count = 5};
    static const size_t expected[] = {1, 0, 4, 3, 2};
    size_t *order = session_diff_order(&diff);
    assert_memory_equal(order, expected, sizeof expected);
    free(order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_state__words__steps),
        cmocka_unit_test(session_state__other_words__refused),
        cmocka_unit_test(session_state_pair__words__two_steps),
        cmocka_unit_test(session_state_name_fits__what_means_something_else__refused),
        cmocka_unit_test(flip_set_pair__random_sets__as_bits),
        cmocka_unit_test(flip_set_settle__tied__head_is_embed),
        cmocka_unit_test(session_diff__branches__flips_gaps_and_answers),
        cmocka_unit_test(session_diff_order__changes__largest_first),
    };
    return cmocka_run_group_tests_name("session_state", tests, NULL, NULL);
}
