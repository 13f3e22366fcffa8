/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/train_front.h - which steps of a training are worth having: the Pareto front
 * of validation gain against bytes, divergence of the controls and broken controls.
 */
#ifndef ENGINE_SEARCH_TRAIN_FRONT_H
#define ENGINE_SEARCH_TRAIN_FRONT_H

#include "engine/search/train.h"

/* Is a at least as good as b in all four, and better in one? */
bool train_step_beats(const struct train_step *a, const struct train_step *b);

/* front[i]: step i + 1 kept flips, and neither another step nor the model without flips
 * beats it.  before: without flips.  Of steps that are equal the first. */
void train_front(const struct train_step *steps, size_t count, struct objective before,
                 bool *front);

#endif
