/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/six_probes.h - four targets and two controls, of a few tokens each, for tests of
 * searches on a tiny model.
 */
#ifndef TESTS_SIX_PROBES_H
#define TESTS_SIX_PROBES_H

#include "probes/probe.h"

enum { TARGETS = 4, CONTROLS = 2, PROBES = TARGETS + CONTROLS };

/* Named by their prompts; texts are borrowed from the program. */
void six_probes_fill(struct probe out[PROBES]);

/* Those of a test program; filled by its group's set-up. */
extern struct probe probes[PROBES];
extern struct probe_set targets, controls;
int six_probes_make(void **state);

#endif
