/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/train_fixture.h - small things to train on, for the tests of method train.
 */
#ifndef TESTS_TRAIN_FIXTURE_H
#define TESTS_TRAIN_FIXTURE_H

#include "engine/search/train.h"

/* Right answers, or the model's own ones, of probes first, first + 1, ... of nano-train. */
struct items *train_fixture_items(struct model *model, size_t first, size_t count);
struct items *train_fixture_own(struct model *model, size_t first, size_t count);

/* "The second derivative of ax^n + bx^m is", count of them. */
struct items *train_fixture_second(const struct model *model, size_t count);

/* 16 targets and 8 controls a minibatch, 8 to 40 flips, 4 steps, 10 for validation. */
struct train_options train_fixture_options(int threads);

#endif
