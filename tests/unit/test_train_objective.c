/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What answers are worth, by other objectives than ce: values against sequences computed one
 * by one and the formulas, derivatives against what flips do.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/units.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/train_fixture.h"

enum { ITEMS = 10 };
static const size_t all[ITEMS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/* log-probability of the answer, and -0.3 log sum exp(-margin / 0.3) */
static void judge_item(struct model *model, const struct item *item, double *log_prob,
                       double *soft)
{
    size_t vocab = model_shape(model)->vocab;
    float *logits = simple_logits(model, item->ids.data, item->ids.count - 1);
    double sum = 0;
    *log_prob = 0;
    for (size_t k = item->first; k < item->ids.count; k++) {
        const float *row = logits + (k - 1) * vocab;
        int32_t id = item->ids.data[k];
        double total = 0, rival = -HUGE_VAL;
        for (size_t i = 0; i < vocab; i++) {
            total += exp((double)row[i]);
            if ((int32_t)i != id && (double)row[i] > rival)
                rival = (double)row[i];
        }
        *log_prob += (double)row[id] - log(total);
        sum += exp(-((double)row[id] - rival) / 0.3);
    }
    *soft = -0.3 * log(sum);
    free(logits);
}

static struct minibatch *minibatch_of(struct model *model, struct items *targets,
                                      enum item_objective objective)
{
    struct err err;
    struct minibatch_options options = {.threads = 2, .objective = objective};
    struct minibatch *minibatch =
        minibatch_new(model, targets, all, ITEMS, NULL, NULL, 0, NULL, &options, &err);
    t_ok(minibatch != NULL, &err);
    return minibatch;
}

static void minibatch__other_objectives__by_their_formulas(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct items *targets = train_fixture_items(model, 0, ITEMS);
    double clamped = 0, margin = 0;
    size_t capped = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        double log_prob = 0, soft = 0;
        judge_item(model, &targets->items[i], &log_prob, &soft);
        clamped += fmin(log_prob, log(0.8)) / ITEMS;
        margin += fmin(soft, 1.5) / ITEMS;
        capped += soft > 1.5;
    }
    assert_in_range(capped, 1, ITEMS - 1); /* both sides of the cap are there */
    struct objective now;
    struct minibatch *minibatch = minibatch_of(model, targets, ITEM_CE_CLAMPED);
    t_ok(minibatch_measure(minibatch, &now, NULL, &err), &err);
    assert_true(fabs(now.target - clamped) < 1e-5);
    minibatch_free(minibatch);
    minibatch = minibatch_of(model, targets, ITEM_MARGIN);
    t_ok(minibatch_measure(minibatch, &now, NULL, &err), &err);
    assert_true(fabs(now.target - margin) < 1e-5);
    assert_true(now.value == now.target);
    double shares = 0;
    for (size_t i = 0; i < ITEMS; i++)
        shares += minibatch_shares(minibatch)[i];
    assert_true(fabs(shares - now.target) < 1e-9);
    minibatch_free(minibatch);
    items_free(targets);
    model_free(model);
}

/* The best single bits do nearly what the gradient promises. */
static void check_gradient(enum item_objective objective)
{
    enum { BEST = 8 };
    struct err err;
    struct unit_pick picks[BEST];
    struct objective base, with;
    struct model *model = simple_nano();
    struct items *targets = train_fixture_items(model, 0, ITEMS);
    struct minibatch *minibatch = minibatch_of(model, targets, objective);
    struct units_options of = {1, 1u << PROJ_DOWN, RANK_RAW, ITEMS, 2, 0, 0};
    struct units *units = units_new(model, &of, &err);
    t_ok(units != NULL, &err);
    t_ok(minibatch_gradient(minibatch, &base, units_visit, units, NULL, &err), &err);
    units_taken(units);
    assert_int_equal(units_pick(units, BEST, picks), BEST);
    double predicted = 0, off = 0;
    for (size_t i = 0; i < BEST; i++) {
        model_flip(model, &picks[i].flip);
        t_ok(minibatch_measure(minibatch, &with, NULL, &err), &err);
        model_flip(model, &picks[i].flip);
        predicted += picks[i].predicted;
        off += fabs(with.value - base.value - picks[i].predicted);
    }
    if (off > 0.3 * predicted)
        fail_msg("%s: predicted %.5f, off by %.5f", item_objective_name(objective), predicted, off);
    units_free(units);
    minibatch_free(minibatch);
    items_free(targets);
    model_free(model);
}

static void minibatch__other_objectives__gradients_predict_flips(void **state)
{
    (void)state;
    check_gradient(ITEM_CE_CLAMPED);
    check_gradient(ITEM_MARGIN);
}

static void item_objective__names__there_and_back(void **state)
{
    (void)state;
    enum item_objective objective = ITEM_CE;
    for (int i = ITEM_CE; i <= ITEM_MARGIN; i++) {
        assert_true(item_objective_parse(item_objective_name((enum item_objective)i), &objective));
        assert_int_equal(objective, i);
    }
    assert_false(item_objective_parse("gap", &objective));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minibatch__other_objectives__by_their_formulas),
        cmocka_unit_test(minibatch__other_objectives__gradients_predict_flips),
        cmocka_unit_test(item_objective__names__there_and_back),
    };
    return cmocka_run_group_tests_name("train objective", tests, NULL, NULL);
}
