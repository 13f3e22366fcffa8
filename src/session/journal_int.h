/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/journal_int.h - the inside of a journal: journal.c (steps of the search
 * and of a person) and journal_patch.c (patches that are brought in).
 */
#ifndef SRC_SESSION_JOURNAL_INT_H
#define SRC_SESSION_JOURNAL_INT_H

#include "src/session/journal.h"

struct journal {
    struct session *session;
    struct model *model;
    struct search *search;
    size_t probes; /* targets and controls */
};

#endif
