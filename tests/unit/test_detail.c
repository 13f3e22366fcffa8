/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One probe token by token, beside a context that computes the same sequence one token at a
 * time, with sums of our own in double precision; and beside the metrics [T1].
 */
#include <math.h>
#include <stdlib.h>

#include "probes/detail.h"
#include "probes/measure.h"
#include "tests/simple.h"
#include "tests/t.h"

static struct probe_set *probes(void)
{
    static const char json[] =
        "[{\"name\": \"sum\", \"prompt\": \"3 + 4 =\", \"correct\": \" 7\", \"wrong\": \" 8\"},"
        " {\"name\": \"long\", \"prompt\": \"The derivative of x^2 is\", \"correct\": \" 2x\","
        "  \"wrong\": \" x^3/3\"},"
        " {\"name\": \"single\", \"prompt\": \"7 * 8 =\", \"correct\": \" 56\"}]";
    struct err err;
    struct probe_set *set = probe_set_parse(json, sizeof json - 1, "t", &err);
    t_ok(set != NULL, &err);
    return set;
}

/* Next-token logits behind the prompt and the first `count` tokens of the answer. */
static void logits_behind(struct model *model, const struct probe_detail *detail, int side,
                          size_t count, float *logits)
{
    struct err err;
    struct context_options options = {.tokens_max = 256, .threads = 1};
    struct context *context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    size_t branch = context_branch(context, 0, 0);
    t_ok(context_push(context, branch, detail->prompt.data, detail->prompt.count, &err), &err);
    for (size_t i = 0; i < count; i++)
        t_ok(context_push(context, branch, &detail->side[side].places[i].id, 1, &err), &err);
    t_ok(context_run(context, NULL, &err), &err);
    size_t slot = context_slot(context, branch, context_length(context, branch) - 1);
    t_ok(context_logits(context, &slot, 1, logits, NULL, &err), &err);
    context_free(context);
}

static double log_sum(const float *logits, size_t count)
{
    double top = (double)logits[logits_argmax(logits, count)], sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += exp((double)logits[i] - top);
    return top + log(sum);
}

static bool is_said(const struct model *model, int32_t said, size_t id)
{
    return said == DETAIL_END ? answer_ends_with(model_tokenizer(model), (int32_t)id)
                              : (size_t)said == id;
}

static void check_place(const struct model *model, const struct detail_place *place,
                        const float *logits)
{
    size_t vocab = model_shape(model)->vocab, above = 0, top_above = 0;
    double sum = log_sum(logits, vocab), said = -HUGE_VAL, other = -HUGE_VAL;
    for (size_t i = 0; i < vocab; i++) {
        double *best = is_said(model, place->id, i) ? &said : &other;
        *best = fmax(*best, (double)logits[i]);
    }
    for (size_t i = 0; i < vocab; i++)
        above += (double)logits[i] > said;
    assert_true(fabs(place->logprob - (said - sum)) < 1e-4);
    assert_true(fabs(place->margin - (said - other)) < 1e-9);
    assert_int_equal(place->rank, above + 1);
    assert_int_equal(place->top_count, DETAIL_TOP);
    assert_int_equal(place->top[0].id, logits_argmax(logits, vocab));
    for (size_t i = 0; i < vocab; i++)
        top_above += logits[i] > logits[place->top[DETAIL_TOP - 1].id];
    assert_true(top_above < DETAIL_TOP);
    for (size_t i = 0; i < DETAIL_TOP; i++) {
        double logit = (double)logits[place->top[i].id];
        assert_true(fabs(place->top[i].logprob - (logit - sum)) < 1e-4);
        assert_true(i == 0 || place->top[i - 1].logprob >= place->top[i].logprob);
    }
}

static void check_probe(struct model *model, const struct probe *probe)
{
    struct err err;
    size_t vocab = model_shape(model)->vocab;
    float *logits = x_new(vocab, sizeof *logits);
    struct probe_detail *detail = probe_detail_measure(model, probe, 1, NULL, &err);
    t_ok(detail != NULL, &err);
    struct probe_detail *copy = probe_detail_copy(detail);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(copy->side[side].count, detail->side[side].count);
        for (size_t i = 0; i < copy->side[side].count; i++) {
            logits_behind(model, detail, side, i, logits);
            check_place(model, &copy->side[side].places[i], logits);
        }
    }
    probe_detail_free(detail);
    probe_detail_free(copy);
    free(logits);
}

static void probe_detail__nano__as_a_context_computes_it(void **state)
{
    (void)state;
    struct flip flip = {2, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}};
    struct model *model = simple_nano();
    struct probe_set *set = probes();
    for (int flipped = 0; flipped < 2; flipped++) {
        for (size_t i = 0; i < set->count; i++)
            check_probe(model, &set->probes[i]);
        model_flip(model, &flip);
    }
    probe_set_free(set);
    model_free(model);
}

static double gap_of(struct model *model, const struct probe *probe, enum metric metric)
{
    struct err err;
    double gap = 0;
    struct measure_options options = {.metric = metric, .threads = 1};
    struct measure *measure = measure_new(model, &probe, 1, &options, &err);
    t_ok(measure && measure_run(measure, &gap, NULL, &err), &err);
    measure_free(measure);
    return gap;
}

/* [T1] */
static void probe_detail__nano__adds_up_to_the_metrics(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct probe_set *set = probes();
    for (size_t i = 0; i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        struct probe_detail *detail = probe_detail_measure(model, probe, 1, NULL, &err);
        t_ok(detail != NULL, &err);
        const struct detail_side *right = &detail->side[0], *wrong = &detail->side[1];
        double margin = right->places[detail_least(right)].margin;
        assert_int_equal(right->places[right->count - 1].id, DETAIL_END);
        assert_true(fabs(margin - gap_of(model, probe, METRIC_MARGIN)) < 1e-9);
        if (wrong->count > 0)
            assert_true(fabs(detail_sum(right) - detail_sum(wrong) -
                             gap_of(model, probe, METRIC_SEQ_LOGPROB)) < 1e-9);
        assert_true((wrong->count > 0) == (probe->wrong[0] != '\0'));
        probe_detail_free(detail);
    }
    probe_set_free(set);
    model_free(model);
}

static void probe_detail__cancelled__fails(void **state)
{
    (void)state;
    struct err err = {0};
    cancel_flag cancel = true;
    struct model *model = simple_nano();
    struct probe_set *set = probes();
    assert_null(probe_detail_measure(model, &set->probes[1], 1, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    probe_set_free(set);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_detail__nano__as_a_context_computes_it),
        cmocka_unit_test(probe_detail__nano__adds_up_to_the_metrics),
        cmocka_unit_test(probe_detail__cancelled__fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
