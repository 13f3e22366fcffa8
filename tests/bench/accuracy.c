/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * accuracy MODEL OTHER.logits truth|- ID...
 *
 * Logits of bankai beside those of another engine after all ids but the last: float32
 * [ids - 1][vocab] in a file.  With "truth" both are held against the network in
 * double precision, which takes seconds for each token of a large model.
 *
 * The other engine's noise at a position is the root mean square of its error; where
 * its best logit leads by more than four times that, both must name the same token.
 * The exit status is 1 if they do not, or if the other's error is not at least 50
 * times ours.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "src/base/buf.h"
#include "tests/truth.h"

enum { TIMES_BETTER = 50 };

static const double clear_lead = 4; /* times the noise */

struct sides {
    struct model *model;
    int32_t *ids;
    size_t count; /* positions */
    size_t vocab;
    float *ours;   /* [count][vocab] */
    float *other;  /* same */
    double *truth; /* same, or NULL */
};

static _Noreturn void fail(const char *what, const struct err *err)
{
    (void)fprintf(stderr, "accuracy: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
    exit(2);
}

static void read_other(struct sides *sides, const char *path)
{
    size_t all = sides->count * sides->vocab;
    FILE *file = fopen(path, "rb");
    sides->other = x_new(all, sizeof *sides->other);
    if (!file || fread(sides->other, sizeof *sides->other, all, file) != all || fgetc(file) != EOF)
        fail("the file of logits has another size than the ids ask for", NULL);
    (void)fclose(file);
}

static void compute_ours(struct sides *sides)
{
    struct err err;
    struct context_options options = {.tokens_max = sides->count};
    struct context *context = context_new(sides->model, &options, &err);
    if (!context)
        fail("no context", &err);
    size_t branch = context_branch(context, 0, 0);
    size_t *slots = x_new(sides->count, sizeof *slots);
    sides->ours = x_new(sides->count * sides->vocab, sizeof *sides->ours);
    if (!context_push(context, branch, sides->ids, sides->count, &err) ||
        !context_run(context, NULL, &err))
        fail("cannot compute", &err);
    for (size_t i = 0; i < sides->count; i++)
        slots[i] = context_slot(context, branch, i);
    if (!context_logits(context, slots, sides->count, sides->ours, NULL, &err))
        fail("cannot compute", &err);
    free(slots);
    context_free(context);
}

/* ---- comparing --------------------------------------------------------------------- */

static double lead_of(const float *logits, size_t count, size_t best)
{
    double lead = (double)INFINITY;
    for (size_t i = 0; i < count; i++)
        if (i != best)
            lead = fmin(lead, (double)logits[best] - (double)logits[i]);
    return lead;
}

/* Of the other at one position; without truth ours stands in for it. */
static double noise_of(const struct sides *sides, size_t position)
{
    double sum = 0;
    for (size_t i = position * sides->vocab; i < (position + 1) * sides->vocab; i++) {
        double exact = sides->truth ? sides->truth[i] : (double)sides->ours[i];
        sum += ((double)sides->other[i] - exact) * ((double)sides->other[i] - exact);
    }
    return sqrt(sum / (double)sides->vocab);
}

static bool compare_tokens(const struct sides *sides)
{
    size_t clear = 0, same = 0, same_all = 0;
    for (size_t p = 0; p < sides->count; p++) {
        const float *other = sides->other + p * sides->vocab;
        size_t best = (size_t)logits_argmax(other, sides->vocab);
        bool agrees =
            (size_t)logits_argmax(sides->ours + p * sides->vocab, sides->vocab) == best;
        bool is_clear = lead_of(other, sides->vocab, best) > clear_lead * noise_of(sides, p);
        clear += is_clear;
        same += is_clear && agrees;
        same_all += agrees;
    }
    (void)printf("  greedy tokens: the same at %zu of %zu positions that are clear, %zu of %zu in "
                 "all\n",
                 same, clear, same_all, sides->count);
    return same == clear;
}

static bool compare_errors(const struct sides *sides)
{
    size_t all = sides->count * sides->vocab;
    double ours = truth_relative_rms(sides->ours, sides->truth, all);
    double other = truth_relative_rms(sides->other, sides->truth, all);
    (void)printf("  relative RMS error against float64: bankai %.2e, llama.cpp %.2e, %.0f times\n",
                 ours, other, other / ours);
    return other >= TIMES_BETTER * ours;
}

int main(int argc, char **argv)
{
    struct err err;
    if (argc < 6)
        fail("expected MODEL OTHER.logits truth|- ID ID...", NULL);
    struct sides sides = {.model = model_open(argv[1], &err), .count = (size_t)argc - 5};
    if (!sides.model)
        fail(argv[1], &err);
    sides.vocab = model_shape(sides.model)->vocab;
    sides.ids = x_new(sides.count, sizeof *sides.ids);
    for (size_t i = 0; i < sides.count; i++)
        sides.ids[i] = (int32_t)strtol(argv[4 + i], NULL, 10);
    read_other(&sides, argv[2]);
    compute_ours(&sides);
    bool ok = true;
    if (strcmp(argv[3], "truth") == 0) {
        sides.truth = x_new(sides.count * sides.vocab, sizeof *sides.truth);
        truth_logits(sides.model, sides.ids, sides.count, sides.truth);
        ok = compare_errors(&sides);
    }
    ok = compare_tokens(&sides) && ok;
    free(sides.ids);
    free(sides.ours);
    free(sides.other);
    free(sides.truth);
    model_free(sides.model);
    return ok ? 0 : 1;
}
