/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/slope.h - how the gaps of probes depend on every output of every matrix.
 *
 * All probes of several measures are one batch in which each token belongs to one probe,
 * its owner; one backward pass of the plain sum of all gaps then tells each of them apart:
 * what the owner's tokens say is what the owner's gap does.
 *
 *   seq_logprob, logprob   derivatives of the log-probabilities
 *   token_gap              1 and -1
 *   margin                 right token minus its rival, at the place that decides
 *   soft_margin            the same at every place, by its share in the soft minimum
 *   kl                     of -KL(base || now); 0 at the base itself
 *
 * [L1] the model is not touched; flips that are on it count.
 * [L2] the same bits for every thread count and CPU level.
 */
#ifndef ENGINE_SEARCH_SLOPE_H
#define ENGINE_SEARCH_SLOPE_H

#include "engine/backward/gradient.h"
#include "probes/measure.h"

struct slope;

/* Owners are the probes of the first measure, then of the second, ...; of a mix the probes
 * once for each of its metrics (the values of measure_run_parts).  Measures and model
 * are borrowed as long as the slope lives; with kl their base is set already. */
struct slope *slope_new(struct model *model, const struct measure *const *measures, size_t count,
                        const struct gradient_options *options, struct err *err);

size_t slope_owners(const struct slope *slope);
size_t slope_tokens(const struct slope *slope);

/* One pass over the model as it is; visit as in gradient.h. */
bool slope_run(struct slope *slope, void (*visit)(void *user, const struct gradient_visit *visit),
               void *user, cancel_flag *cancel, struct err *err);

/* ---- other logits: what flips of the head do -------------------------------------------- */

/* Places whose logits are wanted: the head's tokens, in the order in which it is visited. */
size_t slope_places(const struct slope *slope);

/* Before slope_run: keep what the calls below need of each place. */
void slope_keep_heads(struct slope *slope);

/* After slope_run: the exact change of every owner's gap when the logit of one token is
 * logits[place * stride] + moved[place * stride] at each place, where it was the former.
 * change[owner * change_stride] is set. */
void slope_moved(const struct slope *slope, int32_t id, const float *logits, const float *moved,
                 size_t stride, double *change, size_t change_stride);

/* The derivative of the place's owner's gap by the logit of one token, which is `logit`. */
double slope_by_logit(const struct slope *slope, size_t place, int32_t id, float logit);
uint32_t slope_owner(const struct slope *slope, size_t place);

void slope_free(struct slope *slope);

#endif
