/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/slope_int.h - the inside of struct slope.
 *
 *   slope.c         the pass and its seeds
 *   slope_logits.c  what other logits of a token would do
 */
#ifndef ENGINE_SEARCH_SLOPE_INT_H
#define ENGINE_SEARCH_SLOPE_INT_H

#include "engine/search/slope.h"

struct slope_term {
    size_t row;
    int32_t id; /* or LOOK_END */
    uint32_t owner;
    bool wrong;
    enum metric metric;
    const struct measure *measure;
    const float *base; /* [vocab] kl */
    size_t owner_terms;
    double margin, weight; /* of margins */
};

struct slope {
    struct model *model;
    struct gradient *gradient;
    struct slope_term *terms; /* [term_count] by row */
    size_t term_count;
    size_t *first; /* [rows + 1] of each row */
    size_t rows, owners;
    bool margins;
    int threads;
    struct slope_head *heads; /* [term_count] of the last run; NULL: nobody wants them */
    size_t *by_owner;         /* [term_count] terms brought together by owner */
    size_t *owner_first;      /* [owners + 1] of each owner in by_owner */
    void (*visit)(void *user, const struct gradient_visit *visit);
    void *user;
};

/* The largest and the second largest logit of some tokens. */
struct slope_two {
    size_t at; /* of the largest; SIZE_MAX: there is none */
    double first, second; /* -HUGE_VAL: there is none */
};

/* The logarithm of a sum of exp(logit); and of it without the largest, which would be lost
 * beside that. */
struct slope_sum {
    double all, rest; /* -HUGE_VAL: of nothing */
    size_t at;        /* of the largest */
};

/* A term's logits in short, for what becomes of it when one of them changes. */
struct slope_head {
    struct slope_sum sum;    /* over the vocabulary */
    struct slope_sum end;    /* over the ends, of LOOK_END */
    double base_sum;         /* kl: of the base */
    struct slope_two right, other; /* margins */
};

/* slope.c */
bool slope_is_margin(enum metric metric);

/* slope_logits.c: heads of a place's terms; called from several threads. */
void slope_read_heads(struct slope *slope, size_t row, const float *logits);

#endif
