/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/neutral_kl.h - how far a model has moved on text that has nothing to do with
 * what was changed: mean KL(base || now) of the next-token distribution, in nats, over
 * all positions of the neutral sentences (probes/neutral.h).
 *
 *     struct neutral_kl *kl = neutral_kl_new(model, threads, NULL, cancel, &err);
 *     ... put a patch on ...
 *     neutral_kl_measure(kl, &mean, NULL, cancel, &err);
 *     neutral_kl_free(kl);
 *
 * The base is the model as it is when the object is made; its logits are kept, 4 bytes
 * for each position and token of the vocabulary (of an 8B, 220 MiB), and refused with
 * ERR_MEMORY if the machine does not have them.
 */
#ifndef PROBES_NEUTRAL_KL_H
#define PROBES_NEUTRAL_KL_H

#include "probes/generate.h"

struct neutral_kl;

/* The model is borrowed and must outlive it.  progress (may be NULL) counts sentences. */
struct neutral_kl *neutral_kl_new(struct model *model, int threads,
                                  const struct work_progress *progress, cancel_flag *cancel,
                                  struct err *err);

/* Of the model as it is now; 0 for the base, to the bit. */
bool neutral_kl_measure(struct neutral_kl *kl, double *mean,
                        const struct work_progress *progress, cancel_flag *cancel,
                        struct err *err);

size_t neutral_kl_sentences(const struct neutral_kl *kl);
size_t neutral_kl_positions(const struct neutral_kl *kl);

/* NULL is fine. */
void neutral_kl_free(struct neutral_kl *kl);

#endif
