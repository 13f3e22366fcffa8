/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/predict_int.h - what predict.c (the pass) and predict_groups.c (shares of
 * groups in an output) have in common.
 */
#ifndef ENGINE_SEARCH_PREDICT_INT_H
#define ENGINE_SEARCH_PREDICT_INT_H

#include "engine/kernel/kernel.h"
#include "engine/search/predict.h"

enum { PREDICT_ROWS = 64 }; /* whose numbers are summed up together */

struct predict {
    struct model *model;
    const struct kernel *kernel;
    struct predict_options options;
    struct slope *slope;
    size_t owners;
    double *sums;   /* [threads][owners][PREDICT_ROWS] of the gaps */
    double *gaps;   /* [threads][owners] predicted */
    double *change; /* [units of the largest matrix] */
    float *share;   /* [threads][tokens][PREDICT_ROWS] groups: its part of the outputs */
    void *group_x;  /* groups: one group of the inputs, quantized */
    uint8_t *group_blocks; /* groups: [rows][18] */

    /* of predict_run */
    const struct judge *judge;
    const double *now;
    double fitness_now;
    void (*visit)(void *user, const struct predicted *predicted);
    void *user;
};

/* Fill change[row * groups + group]. */
void predict_groups(struct predict *predict, const struct gradient_visit *visit);
bool predict_groups_allocate(struct predict *predict, struct err *err);

/* change[(row + r) * stride] of rows row to row + n - 1 from a thread's sums. */
void predict_judge(const struct predict *predict, int thread, size_t n, double *change,
                   size_t stride);
double *predict_sums(const struct predict *predict, int thread);

#endif
