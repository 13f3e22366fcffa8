/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a judge makes of gaps, by hand; the list of the best.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/goal.h"
#include "engine/search/predict.h"
#include "src/base/rng.h"
#include "tests/t.h"

static void best__random_offers__as_sorted(void **state)
{
    (void)state;
    struct promise all[500];
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < countof(all); i++)
        all[i] = (struct promise){{(int32_t)rng_below(&rng, 4), PROJ_Q, (uint32_t)i,
                                   FLIP_WHOLE_ROW, {0, 0}},
                                  (double)rng_below(&rng, 60) / 10 - 3};
    for (size_t capacity = 0; capacity <= 600; capacity += 60) {
        struct best best;
        best_init(&best, capacity);
        for (size_t i = 0; i < countof(all); i++)
            if (best_wants(&best, all[i].change))
                best_offer(&best, &all[i]);
        best_sort(&best);
        struct promise sorted[countof(all)];
        memcpy(sorted, all, sizeof all);
        qsort(sorted, countof(all), sizeof *sorted, promise_compare);
        assert_int_equal(best.count, capacity < countof(all) ? capacity : countof(all));
        for (size_t i = 0; i < best.count; i++)
            assert_true(flip_equal(&best.heap[i].flip, &sorted[i].flip));
        best_free(&best);
    }
}

static void judge__caps_and_hinge__by_hand(void **state)
{
    (void)state;
    static const double before[] = {1, -2, 3, 1}, now[] = {2, -1, 1, 0.25};
    /* targets 1 -> 2 counts to 1.5, -2 -> -1; controls 3 -> 1 from 1.5 on, 1 -> 0.25 */
    struct goal goal = {.metric = METRIC_SOFT_MARGIN, .control_metric = METRIC_SAME,
                        .penalty = 2};
    struct judge judge = goal_judge(&goal, before, 2, 2);
    assert_true(fabs(judge_fitness(&judge, now) - (1.5 / 2 - 2 * 1.25 / 2)) < 1e-15);
    goal.fitness = FITNESS_MIN;
    judge = goal_judge(&goal, before, 2, 2);
    assert_true(fabs(judge_fitness(&judge, now) - (0.5 - 1.25)) < 1e-15);
    double slope[4]; /* the first target alone is the smallest gain, and above its cap */
    judge_slope(&judge, now, slope);
    assert_true(slope[0] == 0 && slope[1] == 0 && slope[2] == 1 && slope[3] == 1);
    goal.fitness = FITNESS_MEAN;
    judge = goal_judge(&goal, before, 2, 2);
    judge_slope(&judge, now, slope);
    assert_true(slope[0] == 0 && slope[1] == 0.5 && slope[2] == 1 && slope[3] == 1);
    judge_slope(&judge, before, slope); /* controls: 3 is above its cap, 1 where it was */
    assert_true(slope[0] == 0.5 && slope[1] == 0.5 && slope[2] == 0 && slope[3] == 0.5);
    goal.fitness = FITNESS_MIN; /* both gained nothing */
    judge = goal_judge(&goal, before, 2, 2);
    judge_slope(&judge, before, slope);
    assert_true(slope[0] == 0.5 && slope[1] == 0.5);
    goal.metric = METRIC_LOGPROB;
    judge = goal_judge(&goal, before, 2, 2);
    assert_true(fabs(judge_fitness(&judge, now) - (1 - 2.75)) < 1e-15);
    assert_true(fabs(logits_soft_min(1, 1, 0.3) - (1 - 0.3 * log(2))) < 1e-15);
    assert_true(logits_soft_min(HUGE_VAL, 1, 0.3) == 1 && logits_soft_min(-5, 90, 0.3) == -5);
}

static void judge__weights__means_of_those_that_have_one(void **state)
{
    (void)state;
    static const double before[] = {0, 0, 0, 5, 5}, now[] = {1, 4, -8, 3, 9};
    static const double weights[] = {1, 3, 0, 1, 3}, first[] = {2, 0, 0, 0, 0};
    struct goal goal = {.metric = METRIC_LOGPROB, .control_metric = METRIC_SAME, .penalty = 2};
    struct judge judge = goal_judge(&goal, before, 3, 2);
    judge.weights = weights;
    /* (1 * 1 + 3 * 4) / 4 - 2 * (1 * 2) / 4 */
    assert_true(fabs(judge_fitness(&judge, now) - 2.25) < 1e-15);
    goal.fitness = FITNESS_MIN;
    judge = goal_judge(&goal, before, 3, 2);
    judge.weights = weights;
    assert_true(fabs(judge_targets(&judge, now) - 1) < 1e-15);
    judge.weights = first;
    assert_true(fabs(judge_fitness(&judge, now) - 1) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best__random_offers__as_sorted),
        cmocka_unit_test(judge__caps_and_hinge__by_hand),
        cmocka_unit_test(judge__weights__means_of_those_that_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
