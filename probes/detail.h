/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/detail.h - one probe token by token: how it is tokenized, how likely each token of
 * its answers is, and what competes with it there.
 *
 *     struct probe_detail *detail = probe_detail_measure(model, probe, 0, cancel, &err);
 *     ... detail->prompt, detail->side[0].places[i].logprob ...
 *     probe_detail_free(detail);
 *
 * [T1] the sum of side[0]'s log-probabilities (without its end) minus side[1]'s is the gap
 *      of seq_logprob, the least margin of side[0] that of margin (probes/measure.h).
 */
#ifndef PROBES_DETAIL_H
#define PROBES_DETAIL_H

#include "probes/probe.h"

enum {
    DETAIL_TOP = 5,
    DETAIL_END = -1, /* in place of a token: the answer ends here */
};

struct detail_rival {
    int32_t id;
    double logprob;
};

/* Where an answer says a token. */
struct detail_place {
    int32_t id;     /* or DETAIL_END */
    double logprob; /* at the end: of the likeliest token that an answer may end with */
    double margin;  /* its logit minus the largest of the others */
    size_t rank;    /* 1: no token is likelier */
    struct detail_rival top[DETAIL_TOP]; /* the likeliest tokens, it may be among them */
    size_t top_count;
};

struct detail_side {
    struct detail_place *places; /* [count] */
    size_t count; /* of the right answer with its end, if the vocabulary has one */
    bool merged;  /* see measure_is_merged */
};

struct probe_detail { /* of one state of the model */
    struct ids prompt;
    struct detail_side side[2]; /* right; wrong, without places where there is none */
};

/* With the flips that are on the model now.  NULL on failure; threads 0: as many as the
 * machine has. */
struct probe_detail *probe_detail_measure(struct model *model, const struct probe *probe,
                                          int threads, cancel_flag *cancel, struct err *err);
struct probe_detail *probe_detail_copy(const struct probe_detail *from);
void probe_detail_free(struct probe_detail *detail);

/* The sum of the log-probabilities of a side's tokens, its end left out. */
double detail_sum(const struct detail_side *side);
/* Its place with the least margin; 0 if it has no places. */
size_t detail_least(const struct detail_side *side);

#endif
