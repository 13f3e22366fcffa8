/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/slow_search.h"

#include <math.h>
#include <stdlib.h>

#include "engine/model/model_int.h"
#include "tests/simple.h"
#include "tests/t.h"

/* An fp16 scale without its sign, in units of 2^-24. */
static uint64_t scale_units(const uint8_t *block)
{
    unsigned half = ((unsigned)block[0] | (unsigned)block[1] << 8) & 0x7FFF;
    double value = half >> 10 ? ldexp(1024 + (half & 1023), (int)(half >> 10) - 25)
                              : ldexp(half & 1023, -24);
    return half >= 0x7C00 ? 0 : (uint64_t)(value * 16777216.0);
}

static void slow_rows(struct slow *slow, int32_t layer, enum proj proj)
{
    const struct matrix *matrix = model_matrix(slow->model, layer, proj);
    for (uint32_t row = 0; row < matrix->rows; row++) {
        uint64_t sum = 0;
        for (uint32_t group = 0; group < matrix->groups; group++)
            sum += scale_units(matrix->blocks + ((size_t)row * matrix->groups + group) * 18);
        slow->rows = x_grow(slow->rows, slow->count + 1, sizeof *slow->rows);
        slow->weights = x_grow(slow->weights, slow->count + 1, sizeof *slow->weights);
        slow->rows[slow->count] = (struct flip){layer, proj, row, FLIP_WHOLE_ROW, {0, 0}};
        slow->weights[slow->count++] = sum / matrix->groups;
    }
}

static enum metric control_metric(const struct slow *slow)
{
    return slow->options.control_metric == METRIC_SAME ? slow->options.metric
                                                       : slow->options.control_metric;
}

static double *slow_gaps(const struct slow *slow, const struct probe_set *set,
                         enum metric metric)
{
    double *gaps = x_new(set->count, sizeof *gaps);
    for (size_t i = 0; i < set->count; i++)
        gaps[i] = simple_gap(slow->model, &set->probes[i], metric);
    return gaps;
}

void slow_start(struct slow *slow)
{
    rng_seed(&slow->rng, slow->options.seed);
    for (size_t i = 0; i < slow->options.layer_count; i++)
        for (int proj = 0; proj < PROJ_EMBED; proj++)
            if (slow->options.projs & 1u << proj)
                slow_rows(slow, slow->options.layers[i], (enum proj)proj);
    slow->target_before = slow_gaps(slow, &slow->target, slow->options.metric);
    slow->control_before = slow_gaps(slow, &slow->control, control_metric(slow));
    for (size_t i = 1; i < slow->target.count; i++) /* worst first, by two passes */
        if (slow->target_before[i] < slow->target_before[slow->worst[0]])
            slow->worst[0] = i;
    slow->worst[1] = slow->worst[0] == 0 ? 1 : 0;
    for (size_t i = 0; i < slow->target.count; i++)
        if (i != slow->worst[0] && slow->target_before[i] < slow->target_before[slow->worst[1]])
            slow->worst[1] = i;
}

/* One of the rows that are left, with probability proportional to its weight. */
static struct flip slow_draw(struct slow *slow)
{
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < slow->count; i++)
        total += slow->weights[i];
    uint64_t ticket = rng_below(&slow->rng, total);
    for (size_t i = 0; i < slow->count; i++) {
        seen += slow->weights[i];
        if (ticket < seen) {
            slow->weights[i] = 0;
            return slow->rows[i];
        }
    }
    fail_msg("nothing was drawn");
    return slow->rows[0];
}

static double slow_fitness(const struct slow *slow)
{
    double *target = slow_gaps(slow, &slow->target, slow->options.metric);
    double *control = slow_gaps(slow, &slow->control, control_metric(slow));
    double gain = 0, least = HUGE_VAL, loss = 0;
    for (size_t i = 0; i < slow->target.count; i++) {
        gain += target[i] - slow->target_before[i];
        least = fmin(least, target[i] - slow->target_before[i]);
    }
    for (size_t i = 0; i < slow->control.count; i++)
        loss += fmax(slow->control_before[i] - control[i], 0);
    free(target);
    free(control);
    double mean = gain / (double)slow->target.count;
    return (slow->options.fitness == FITNESS_MIN ? least : mean) -
           slow->options.penalty * (loss / (double)slow->control.count);
}

static bool slow_screened(const struct slow *slow)
{
    for (size_t i = 0; i < 2; i++)
        if (simple_gap(slow->model, &slow->target.probes[slow->worst[i]],
                       slow->options.metric) > slow->target_before[slow->worst[i]])
            return false;
    return true;
}

struct search_try slow_step(struct slow *slow)
{
    struct search_try tried = {.flip = slow_draw(slow)};
    model_flip(slow->model, &tried.flip);
    tried.screened = slow_screened(slow);
    if (!tried.screened)
        tried.fitness = slow_fitness(slow);
    tried.accepted = !tried.screened && tried.fitness > slow->best;
    if (tried.accepted)
        slow->best = tried.fitness;
    else
        model_flip(slow->model, &tried.flip);
    return tried;
}

void slow_free(struct slow *slow)
{
    free(slow->rows);
    free(slow->weights);
    free(slow->target_before);
    free(slow->control_before);
}
