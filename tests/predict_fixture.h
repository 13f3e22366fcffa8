/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/predict_fixture.h - a model, probes, and all that a backward pass showed, for the
 * tests of predictions.
 */
#ifndef TESTS_PREDICT_FIXTURE_H
#define TESTS_PREDICT_FIXTURE_H

#include "engine/search/predict.h"
#include "tests/tiny.h"

enum { PREDICT_PROBES = 5, PREDICT_MATRICES = 32 };

extern const struct tiny predict_fixture_shape;

/* PREDICT_PROBES of them, literals; a measure of the first count, its base the model as it is. */
void predict_fixture_probes(struct probe *out);
struct measure *predict_fixture_measure(struct model *model, const struct probe *probes,
                                        size_t count, enum metric metric);
void predict_fixture_gaps(struct measure *measure, double *gaps);

/* Visits in their order; what the visits point to are copies, but blocks. */
struct predict_shown {
    struct gradient_visit list[PREDICT_MATRICES];
    size_t count;
};

/* For slope_run, user being a struct predict_shown: keep what it shows of layers' matrices. */
void predict_fixture_keep(void *user, const struct gradient_visit *visit);
void predict_fixture_forget(struct predict_shown *all);

/* Of the matrix, out of its blocks. */
double predict_fixture_weight(const struct gradient_visit *visit, size_t row, size_t column);

double predict_fixture_pearson(const double *a, const double *b, size_t n);

#endif
