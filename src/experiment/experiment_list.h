/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/experiment_list.h - `bankai experiment list`: what there is and what it costs.
 */
#ifndef SRC_EXPERIMENT_EXPERIMENT_LIST_H
#define SRC_EXPERIMENT_EXPERIMENT_LIST_H

#include "src/cli/cli.h"

/* Returns an exit status. */
int experiment_list(const struct arguments *arguments, const char *model_path, struct err *err);

#endif
