/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/compare.h"

#include <stdlib.h>
#include <string.h>

size_t comparison_right_base(const struct comparison *comparison)
{
    return comparison->stayed_right + comparison->broke;
}

size_t comparison_right_now(const struct comparison *comparison)
{
    return comparison->stayed_right + comparison->fixed;
}

/* ---- who is in it ---------------------------------------------------------------- */

/* A name that is NULL stands for all. */
static bool matches(const char *wanted, const char *name)
{
    return !wanted || strcmp(wanted, name) == 0;
}

static bool has(const struct comparison *comparison, const struct probe *probe)
{
    return matches(comparison->set, probe->set) && matches(comparison->category, probe->category);
}

static bool is_known(const struct comparison *known, size_t count, const struct probe *probe)
{
    for (size_t i = 0; i < count; i++)
        if (has(&known[i], probe))
            return true;
    return false;
}

/* ---- counting ---------------------------------------------------------------------- */

static void count_verdict(struct comparison *comparison, enum verdict verdict)
{
    comparison->n++;
    comparison->fixed += verdict == VERDICT_FIXED;
    comparison->broke += verdict == VERDICT_BROKE;
    comparison->stayed_right += verdict == VERDICT_STAYED_RIGHT;
    comparison->stayed_wrong += verdict == VERDICT_STAYED_WRONG;
}

static void fill(struct comparison *comparison, const struct probe_set *set,
                 const struct evaluation *base, const struct evaluation *now)
{
    double *changes = x_new(set->count, sizeof *changes);
    for (size_t i = 0; i < set->count; i++) {
        if (!has(comparison, &set->probes[i]))
            continue;
        changes[comparison->n] = now->gap[i] - base->gap[i];
        count_verdict(comparison, verdict_of(base->right[i], now->right[i]));
    }
    size_t n = comparison->n;
    comparison->mcnemar_p = statistics_mcnemar(comparison->fixed, comparison->broke);
    comparison->wilson_base = statistics_wilson(comparison_right_base(comparison), n);
    comparison->wilson_now = statistics_wilson(comparison_right_now(comparison), n);
    comparison->gap_change =
        statistics_bootstrap(changes, n, STATISTICS_SEED, STATISTICS_RESAMPLES);
    free(changes);
}

size_t compare_results(const struct probe_set *set, const struct evaluation *base,
                       const struct evaluation *now, enum compare_by by, struct comparison **out)
{
    size_t count = 0;
    *out = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        if (is_known(*out, count, probe))
            continue;
        *out = x_grow(*out, count + 1, sizeof **out);
        (*out)[count] = (struct comparison){
            .set = probe->set,
            .category = by == COMPARE_SETS ? NULL : probe->category,
        };
        fill(&(*out)[count++], set, base, now);
    }
    return count;
}

struct comparison compare_all(const struct probe_set *set, const struct evaluation *base,
                              const struct evaluation *now)
{
    struct comparison all = {.set = NULL};
    fill(&all, set, base, now);
    return all;
}
