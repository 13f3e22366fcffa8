/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From logits to log-probabilities and tokens.
 */
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/kernel/kernel.h"
#include "engine/kernel/math.h"
#include "src/base/rng.h"

static const struct kernel *kernel(void)
{
    struct err ignored;
    const struct kernel *picked = kernel_pick(&ignored);
    return picked ? picked : &kernel_ref;
}

int32_t logits_argmax(const float *logits, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

double logits_log_sum_exp(const float *logits, size_t count)
{
    float largest = kernel()->max(logits, count);
    float sum = kernel()->sum_exp(logits, count, largest); /* >= 1 */
    return (double)largest + math_log((double)sum);
}

double logits_log_sum_exp_double(const float *logits, size_t count)
{
    double largest = (double)kernel()->max(logits, count);
    return largest + math_log(kernel()->sum_exp_double(logits, count, largest));
}

double logits_kl(const float *base, double base_sum, const float *now, double now_sum,
                 size_t count)
{
    double sum = kernel()->divergence(base, base_sum, now, now_sum, count);
    return sum > 0 ? sum : 0; /* below 0 is rounding */
}

double logits_soft_min(double a, double b, double t)
{
    double least = a < b ? a : b, apart = (a < b ? b - a : a - b) / t;
    return apart < 40 ? least - t * math_log(1 + math_exp(-apart)) : least; /* e^-40 < 2^-53 */
}

double logits_sigmoid(double x)
{
    double small = math_exp(x < -700 ? -700 : x > 700 ? -700 : x < 0 ? x : -x);
    return x < 0 ? small / (1 + small) : 1 / (1 + small);
}

double logits_log_prob(const float *logits, size_t count, int32_t id)
{
    return (double)logits[id] - logits_log_sum_exp(logits, count);
}

/* ---- sampling ------------------------------------------------------------------ */

struct candidate {
    float logit;
    int32_t id;
    double weight; /* exp((logit - largest) / temperature) */
};

/* Highest logit first, of equal ones the lower id. */
static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->logit != right->logit)
        return left->logit > right->logit ? -1 : 1;
    return left->id < right->id ? -1 : 1;
}

/* How many of the sorted candidates make up top_p of the weight. */
static size_t nucleus(const struct candidate *candidates, size_t count, double top_p)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        total += candidates[i].weight;
    for (size_t i = 0; i < count; i++) {
        sum += candidates[i].weight;
        if (sum >= top_p * total)
            return i + 1;
    }
    return count;
}

static int32_t draw(const struct candidate *candidates, size_t count, struct rng *rng)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += candidates[i].weight;
    double left = rng_unit(rng) * total;
    for (size_t i = 0; i + 1 < count; i++) {
        left -= candidates[i].weight;
        if (left < 0)
            return candidates[i].id;
    }
    return candidates[count - 1].id;
}

int32_t sampler_pick(const struct sampler_options *options, const float *logits, size_t count,
                     struct rng *rng)
{
    if (!(options->temperature > 0))
        return logits_argmax(logits, count);
    struct candidate *candidates = x_new(count, sizeof *candidates);
    for (size_t i = 0; i < count; i++)
        candidates[i] = (struct candidate){logits[i], (int32_t)i, 0};
    qsort(candidates, count, sizeof *candidates, compare_candidates);
    size_t kept = count;
    if (options->top_k > 0 && options->top_k < kept)
        kept = options->top_k;
    for (size_t i = 0; i < kept; i++) {
        double below = ((double)candidates[i].logit - (double)candidates[0].logit) /
                       options->temperature;
        candidates[i].weight = below < -700 ? 0 : math_exp(below);
    }
    if (options->top_p < 1)
        kept = nucleus(candidates, kept, options->top_p);
    int32_t id = draw(candidates, kept, rng);
    free(candidates);
    return id;
}
