/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/math.h"
#include "engine/search/minibatch_int.h"
#include "probes/measure.h"

/* log 0.8: of answers that are likely enough. */
static const double clamped_at = -0.22314355131420976;

const char *item_objective_name(enum item_objective objective)
{
    static const char *const names[] = {"ce", "ce_clamped", "margin"};
    return names[objective];
}

bool item_objective_parse(const char *name, enum item_objective *objective)
{
    for (int i = ITEM_CE; i <= ITEM_MARGIN; i++)
        if (strcmp(name, item_objective_name((enum item_objective)i)) == 0) {
            *objective = (enum item_objective)i;
            return true;
        }
    return false;
}

/* ---- a place ----------------------------------------------------------------------------- */

/* KL(base || now) in the order of tokens. */
static double divergence(const float *base, const float *logits, size_t vocab, double log_sum)
{
    double sum = 0;
    for (size_t i = 0; i < vocab; i++)
        if (base[i] > 0)
            sum += (double)base[i] * (math_log((double)base[i]) - ((double)logits[i] - log_sum));
    return sum;
}

/* Of equal ones the lowest. */
static int32_t likeliest_other(const float *logits, size_t vocab, int32_t id)
{
    int32_t best = id == 0 ? 1 : 0;
    for (size_t i = 0; i < vocab; i++)
        if ((int32_t)i != id && logits[i] > logits[best])
            best = (int32_t)i;
    return best;
}

void minibatch_judge_place(struct place *place, const float *logits, size_t vocab)
{
    double log_sum = logits_log_sum_exp(logits, vocab);
    place->value = place->base ? divergence(place->base, logits, vocab, log_sum)
                               : (double)logits[place->id] - log_sum;
    place->likeliest = logits_argmax(logits, vocab) == place->id;
    place->rival = likeliest_other(logits, vocab, place->id);
    place->margin = (double)logits[place->id] - (double)logits[place->rival];
}

/* ---- items --------------------------------------------------------------------------------- */

static void find_right(struct minibatch *minibatch, struct objective *out)
{
    size_t count = minibatch->targets + minibatch->controls;
    for (size_t i = 0; i < count; i++)
        minibatch->right[i] = true;
    for (size_t i = 0; i < minibatch->rows; i++)
        minibatch->right[minibatch->places[i].item] &= minibatch->places[i].likeliest;
    for (size_t i = 0; i < count; i++)
        *(i < minibatch->targets ? &out->targets_right : &out->controls_right) +=
            minibatch->right[i];
}

/* worth: [targets] the log-probability, no more than the clamp */
static void clamp(struct minibatch *minibatch, double *worth)
{
    for (size_t i = 0; i < minibatch->rows; i++)
        if (!minibatch->places[i].base)
            worth[minibatch->places[i].item] += minibatch->places[i].value;
    for (size_t i = 0; i < minibatch->rows; i++)
        if (!minibatch->places[i].base)
            minibatch->places[i].slope = worth[minibatch->places[i].item] < clamped_at;
    for (size_t i = 0; i < minibatch->targets; i++)
        worth[i] = worth[i] < clamped_at ? worth[i] : clamped_at;
}

/* worth: [targets] the soft minimum -t log sum exp(-m / t), no more than the cap: its least
 * margin is taken out of the sum, so that nothing overflows. */
static void soft_margins(struct minibatch *minibatch, double *worth)
{
    double *sums = x_new(minibatch->targets, sizeof *sums);
    double cap = metric_cap(METRIC_SOFT_MARGIN);
    for (size_t i = 0; i < minibatch->targets; i++)
        worth[i] = HUGE_VAL;
    for (size_t i = 0; i < minibatch->rows; i++) {
        const struct place *place = &minibatch->places[i];
        if (!place->base && place->margin < worth[place->item])
            worth[place->item] = place->margin;
    }
    for (size_t i = 0; i < minibatch->rows; i++) {
        struct place *place = &minibatch->places[i];
        if (place->base)
            continue;
        double off = (worth[place->item] - place->margin) / metric_soft; /* <= 0 */
        place->slope = math_exp(off > -80 ? off : -80);
        sums[place->item] += place->slope;
    }
    for (size_t i = 0; i < minibatch->targets; i++)
        worth[i] -= metric_soft * math_log(sums[i]);
    for (size_t i = 0; i < minibatch->rows; i++) {
        struct place *place = &minibatch->places[i];
        if (!place->base)
            place->slope = worth[place->item] < cap ? place->slope / sums[place->item] : 0;
    }
    for (size_t i = 0; i < minibatch->targets; i++)
        worth[i] = worth[i] < cap ? worth[i] : cap;
    free(sums);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void add_worths(struct minibatch *minibatch, struct objective *out)
{
    double *worth = x_new(minibatch->targets, sizeof *worth);
    if (minibatch->options.objective == ITEM_MARGIN)
        soft_margins(minibatch, worth);
    else
        clamp(minibatch, worth);
    for (size_t i = 0; i < minibatch->targets; i++) {
        minibatch->shares[i] = worth[i] / (double)minibatch->targets;
        out->target += minibatch->shares[i];
    }
    free(worth);
}

struct objective minibatch_sum_up(struct minibatch *minibatch)
{
    struct objective out = {0};
    double weight = minibatch->options.control_weight;
    memset(minibatch->shares, 0,
           (minibatch->targets + minibatch->controls) * sizeof *minibatch->shares);
    for (size_t i = 0; i < minibatch->rows; i++) {
        const struct place *place = &minibatch->places[i];
        double part = place->value / (double)(place->base ? minibatch->controls
                                                          : minibatch->targets);
        if (!place->base && minibatch->options.objective != ITEM_CE)
            continue;
        *(place->base ? &out.control : &out.target) += part;
        minibatch->shares[place->item] += place->base ? -weight * part : part;
    }
    if (minibatch->options.objective != ITEM_CE)
        add_worths(minibatch, &out);
    out.value = out.target - weight * out.control;
    find_right(minibatch, &out);
    return out;
}
