/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/maker/make_probes.h - `bankai probes families` and `bankai probes make`.
 */
#ifndef SRC_MAKER_MAKE_PROBES_H
#define SRC_MAKER_MAKE_PROBES_H

#include "src/cli/cli.h"

#define MAKE_PROBES_OPTIONS                                                                   \
    {"count", 0, "N", "make: so many probes (100)"},                                          \
    {"seed", 0, "N", "make: of the draws (1)"},                                               \
    {"split", 0, "SIDE", "make: train (default), or heldout: what the embedded model never "  \
                         "met"}

/* Every family with a first question. */
int families_run(const struct arguments *arguments, struct err *err);
/* Family: positional 1.  Exit status 1: there are not so many; all are written. */
int make_probes_run(const struct arguments *arguments, struct err *err);

#endif
