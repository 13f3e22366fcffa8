/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/cli/answer_option.h - `--mode M`: how answers are judged, whatever the files say.
 */
#ifndef SRC_CLI_ANSWER_OPTION_H
#define SRC_CLI_ANSWER_OPTION_H

#include "probes/probe.h"
#include "src/cli/cli.h"

/* A row for a command's option table. */
#define ANSWER_MODE_OPTION                                                                    \
    {"mode", 0, "M",                                                                          \
     "judge every answer by math, exact, contains, number, regex or json_field:FIELD (as the " \
     "probes' files say, else math)"}

/* *given is false where the option was not given; then *rule is not touched. */
bool answer_option_read(const struct arguments *arguments, struct answer_rule *rule, bool *given,
                        struct err *err);

/* Have the probes judged so if it was given. */
bool answer_option_apply(const struct arguments *arguments, struct probe_set *set,
                         struct err *err);

#endif
