/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/measure_int.h - the inside of struct measure.
 *
 * What is read from the batch is a list of terms (row, token, probe, side) in
 * ascending order of rows; tokens of one answer lie on one path, so their
 * values are always added in the order of their positions.
 */
#ifndef PROBES_MEASURE_INT_H
#define PROBES_MEASURE_INT_H

#include "probes/mix.h"

enum { TERM_END = LOOK_END };

struct term {
    size_t row; /* of the batch */
    size_t sequence, position;
    int32_t id; /* of the vocabulary, or TERM_END; not looked at by kl */
    uint32_t probe;
    uint8_t part; /* which of the metrics */
    bool wrong;
};

struct answers { /* of one probe */
    struct ids prompt;
    struct ids side[2]; /* right, wrong */
    bool merged;
};

/* What a metric wants to know of a row of logits. */
struct row_reading {
    double sum;        /* seq_logprob, logprob: log-sum-exp */
    double divergence; /* kl: from the base */
    int32_t top_id;
    float top, second; /* margin: the largest logits; -HUGE_VAL where there is none */
    float end, rest;   /* of the tokens an answer may end with, and of the others */
};

struct measure {
    struct model *model;
    struct measure_options options; /* metric is METRIC_MIX where there are several: */
    enum metric metrics[METRIC_COUNT];
    size_t parts;
    struct mix mix; /* what they count for */
    size_t count;
    struct answers *answers; /* [count] */
    struct batch *batch;     /* NULL if no probe is looked at */
    struct term *terms;
    size_t term_count;
    float *logits;                /* [rows_per_step][vocab] */
    struct row_reading *readings; /* [rows_per_step] */
    size_t rows_per_step;

    bool *ends; /* [vocab] margin: may an answer end with this token? */
    bool has_end;
    float *base;       /* [rows][vocab] kl: logits of the base */
    double *base_sums; /* [rows] and their log-sum-exp in double precision */
    bool has_base;
};

/* probes/measure_terms.c: which tokens are computed, and what is looked at. */
bool terms_encode(const struct tokenizer *tokenizer, const struct probe *probe,
                  struct answers *answers, struct err *err);
/* Does this metric look at this side of the probe? */
bool terms_have(const struct measure *measure, size_t part, size_t probe, int side);
/* Does one of these metrics (bit 1 << part)?  Then it is in the batch. */
bool terms_have_any(const struct measure *measure, unsigned parts, size_t probe, int side);
/* Sequences that these metrics need; room[i], which the caller frees, holds the ids. */
size_t terms_sequences(const struct measure *measure, unsigned parts, struct ids *room,
                       struct sequence *sequences);
void terms_collect(struct measure *measure);

static inline unsigned terms_all_parts(const struct measure *measure)
{
    return (1u << measure->parts) - 1;
}

/* Is this one of the metrics? */
static inline bool measure_has_metric(const struct measure *measure, enum metric metric)
{
    for (size_t i = 0; i < measure->parts; i++)
        if (measure->metrics[i] == metric)
            return true;
    return false;
}

/* probes/measure_read.c: values [parts][count] of one world, whose batch is up to date. */
bool measure_read(struct measure *measure, int world, double *values, cancel_flag *cancel,
                  struct err *err);
/* Fill base and base_sums. */
bool measure_read_base(struct measure *measure, cancel_flag *cancel, struct err *err);

#endif
