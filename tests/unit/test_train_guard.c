/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the controls lose by a unit, as ranking guarded expects it, against what they do lose.
 */
#include <math.h>
#include <stdlib.h>

#include "probes/statistics.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/train_fixture.h"

enum { CONTROLS = 16, PASSES = 30, UNITS = 40 };

struct guarded {
    struct model *model;
    struct items *controls;
    struct base_probs *base;
    struct minibatch *minibatch;
    struct units *units;
};

/* Groups of 128 of up and o. */
static struct guarded make(struct model *model, int threads)
{
    struct err err;
    struct guarded made = {.model = model};
    struct units_options of = {128, 1u << PROJ_UP | 1u << PROJ_O, RANK_GUARDED, 1, threads, 0, 1};
    struct minibatch_options options = {.control_weight = 1, .threads = threads};
    size_t index[CONTROLS];
    for (size_t i = 0; i < CONTROLS; i++)
        index[i] = i;
    made.controls = train_fixture_own(made.model, 100, CONTROLS);
    assert_true(made.controls->count > 0); /* empty answers are left out */
    made.base = base_probs_new(made.model, made.controls, threads, NULL, &err);
    t_ok(made.base != NULL, &err);
    made.minibatch = minibatch_new(made.model, made.controls, NULL, 0, made.controls, index,
                                   made.controls->count, made.base, &options, &err);
    t_ok(made.minibatch != NULL, &err);
    made.units = units_new(made.model, &of, &err);
    t_ok(made.units != NULL, &err);
    return made;
}

static void take(struct guarded *made, int passes)
{
    struct err err;
    for (int i = 0; i < passes; i++) {
        t_ok(minibatch_drawn(made->minibatch, (uint64_t)i, units_guard, made->units, NULL, &err),
             &err);
        units_guarded(made->units);
    }
}

static void end(struct guarded *made)
{
    units_free(made->units);
    minibatch_free(made->minibatch);
    base_probs_free(made->base);
    items_free(made->controls);
    model_free(made->model);
}

/* A group is a large step for a second order: sizes agree within a factor, ranks well. */
static void units_control_loss__groups__ranks_as_the_measured_divergence(void **state)
{
    (void)state;
    struct err err;
    struct guarded made = make(simple_nano(), 1);
    double expected[UNITS], measured[UNITS], expected_sum = 0, measured_sum = 0;
    take(&made, PASSES);
    for (size_t i = 0; i < UNITS; i++) {
        struct objective now;
        uint64_t number = units_count(made.units) / UNITS * i + i;
        units_flip_numbers(made.units, &number, 1);
        t_ok(minibatch_measure(made.minibatch, &now, NULL, &err), &err);
        units_flip_numbers(made.units, &number, 1);
        expected_sum += expected[i] = units_control_loss(made.units, number);
        measured_sum += measured[i] = now.control;
    }
    double spearman = statistics_spearman(expected, measured, UNITS);
    printf("controls' loss by groups: Spearman %.3f, sum %.3g expected, %.3g measured\n",
           spearman, expected_sum, measured_sum);
    assert_true(spearman > 0.8);
    assert_true(expected_sum > measured_sum / 2 && expected_sum < measured_sum * 2);
    end(&made);
}

static void units_guard__any_number_of_threads__same_bits(void **state)
{
    (void)state;
    struct guarded one = make(simple_model(&tiny_default), 1);
    struct guarded three = make(simple_model(&tiny_default), 3);
    take(&one, 2);
    take(&three, 2);
    for (uint64_t i = 0; i < units_count(one.units); i++)
        assert_true(units_control_loss(one.units, i) <= units_control_loss(three.units, i) &&
                    units_control_loss(one.units, i) >= units_control_loss(three.units, i));
    end(&one);
    end(&three);
}

static void train__guarded_without_controls__refused(void **state)
{
    (void)state;
    struct err err;
    struct train_options options = train_fixture_options(1);
    struct model *model = simple_model(&tiny_default);
    struct items *targets = train_fixture_second(model, 40);
    options.ranking = RANK_GUARDED;
    assert_null(train_new(model, targets, NULL, &options, NULL, &err));
    assert_string_equal(err.message, "ranking guarded spares the controls, expected some");
    items_free(targets);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_control_loss__groups__ranks_as_the_measured_divergence),
        cmocka_unit_test(units_guard__any_number_of_threads__same_bits),
        cmocka_unit_test(train__guarded_without_controls__refused),
    };
    return cmocka_run_group_tests_name("train guard", tests, NULL, NULL);
}
