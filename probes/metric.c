/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The metrics by name, and what has to be said of each.
 */
#include <math.h>
#include <string.h>

#include "probes/measure.h"

const char *metric_name(enum metric metric)
{
    switch (metric) {
    case METRIC_TOKEN_GAP: return "token_gap";
    case METRIC_SEQ_LOGPROB: return "seq_logprob";
    case METRIC_MARGIN: return "margin";
    case METRIC_KL: return "kl";
    case METRIC_SOFT_MARGIN: return "soft_margin";
    case METRIC_LOGPROB: return "logprob";
    case METRIC_MIX: return "mix";
    case METRIC_COUNT: break;
    }
    return "unknown";
}

bool metric_parse(const char *name, enum metric *metric)
{
    for (int i = 0; i < METRIC_COUNT; i++)
        if (strcmp(name, metric_name((enum metric)i)) == 0) {
            *metric = (enum metric)i;
            return true;
        }
    return false;
}

const char *metric_choices(bool for_controls)
{
    return for_controls ? "seq_logprob, margin, soft_margin, logprob, kl or token_gap"
                        : "seq_logprob, margin, soft_margin, logprob or token_gap";
}

bool metric_needs_wrong(enum metric metric)
{
    return metric == METRIC_TOKEN_GAP || metric == METRIC_SEQ_LOGPROB;
}

bool metric_looks_at_end(enum metric metric)
{
    return metric == METRIC_MARGIN || metric == METRIC_SOFT_MARGIN || metric == METRIC_LOGPROB;
}

double metric_cap(enum metric metric)
{
    return metric == METRIC_SOFT_MARGIN ? 1.5 : HUGE_VAL;
}

const char *metric_note(enum metric metric)
{
    return metric == METRIC_TOKEN_GAP ? "unsound: looks at one token of each answer, the last; "
                                        "kept to compare with old results"
                                      : NULL;
}
