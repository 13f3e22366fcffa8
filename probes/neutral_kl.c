/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A sentence is a probe whose prompt it is, measured with the metric kl; a few at a
 * time, so that there is progress to show.
 */
#include "probes/neutral_kl.h"

#include <stdlib.h>

#include "probes/measure.h"
#include "probes/neutral.h"

enum { PART = 6 }; /* sentences in one measure */

struct part {
    struct measure *measure;
    size_t first, count; /* sentences */
};

struct neutral_kl {
    struct part *parts;
    size_t part_count;
    size_t *positions; /* [sentences] */
    size_t sentences;
};

static struct probe probe_of(const char *sentence)
{
    char *text = (char *)(uintptr_t)sentence; /* a probe of a file would own it */
    char *none = (char *)(uintptr_t)"";
    return (struct probe){.name = text, .set = none, .category = none, .prompt = text,
                          .correct = text, .wrong = none};
}

static bool count_positions(struct neutral_kl *kl, const struct tokenizer *tokenizer,
                            struct err *err)
{
    size_t count = 0;
    struct ids *ids = neutral_encode(tokenizer, &count, err);
    kl->positions = x_new(kl->sentences, sizeof *kl->positions);
    for (size_t i = 0; ids && i < count; i++)
        kl->positions[i] = ids[i].count;
    neutral_free(ids, count);
    return ids != NULL;
}

static void report(const struct neutral_kl *kl, const struct part *part,
                   const struct work_progress *progress)
{
    if (progress)
        progress->report(progress->user, part->first + part->count, kl->sentences);
}

/* The next few sentences as a measure with its base. */
static bool add_part(struct neutral_kl *kl, struct model *model, int threads, cancel_flag *cancel,
                     struct err *err)
{
    struct part *part = &kl->parts[kl->part_count];
    struct probe probes[PART];
    const struct probe *list[PART];
    const char *const *sentences = neutral_sentences(&kl->sentences);
    part->first = kl->part_count * PART;
    while (part->count < PART && part->first + part->count < kl->sentences) {
        probes[part->count] = probe_of(sentences[part->first + part->count]);
        list[part->count] = &probes[part->count];
        part->count++;
    }
    struct measure_options options = {METRIC_KL, threads, 0};
    part->measure = measure_new(model, list, part->count, &options, err);
    kl->part_count++; /* to be freed */
    return part->measure && measure_set_base(part->measure, cancel, err);
}

struct neutral_kl *neutral_kl_new(struct model *model, int threads,
                                  const struct work_progress *progress, cancel_flag *cancel,
                                  struct err *err)
{
    struct neutral_kl *kl = x_new(1, sizeof *kl);
    (void)neutral_sentences(&kl->sentences);
    kl->parts = x_new((kl->sentences + PART - 1) / PART, sizeof *kl->parts);
    bool ok = count_positions(kl, model_tokenizer(model), err);
    while (ok && kl->part_count * PART < kl->sentences) {
        ok = add_part(kl, model, threads, cancel, err);
        report(kl, &kl->parts[kl->part_count - 1], progress);
    }
    if (ok)
        return kl;
    neutral_kl_free(kl);
    return NULL;
}

bool neutral_kl_measure(struct neutral_kl *kl, double *mean,
                        const struct work_progress *progress, cancel_flag *cancel,
                        struct err *err)
{
    double sum = 0, gaps[PART];
    for (size_t i = 0; i < kl->part_count; i++) {
        const struct part *part = &kl->parts[i];
        if (!measure_run(part->measure, gaps, cancel, err))
            return false;
        for (size_t j = 0; j < part->count; j++)
            sum -= gaps[j] * (double)kl->positions[part->first + j];
        report(kl, part, progress);
    }
    *mean = sum / (double)neutral_kl_positions(kl);
    return true;
}

size_t neutral_kl_sentences(const struct neutral_kl *kl)
{
    return kl->sentences;
}

size_t neutral_kl_positions(const struct neutral_kl *kl)
{
    size_t sum = 0;
    for (size_t i = 0; i < kl->sentences; i++)
        sum += kl->positions[i];
    return sum;
}

void neutral_kl_free(struct neutral_kl *kl)
{
    if (!kl)
        return;
    for (size_t i = 0; i < kl->part_count; i++)
        measure_free(kl->parts[i].measure);
    free(kl->parts);
    free(kl->positions);
    free(kl);
}
