/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/prompt_int.h - what prompts, their histories and the loop share.
 */
#ifndef UI_PROMPT_INT_H
#define UI_PROMPT_INT_H

#include "ui/prompt.h"

enum { HISTORY_LINES_MAX = 500 };

/* Set readline up.  To be called before a terminal is opened, as readline asks
 * for the terminal's description too. */
void prompt_start(void);

/* Make the lines of this kind those of readline's history. */
void prompt_history_use(enum prompt_kind kind);

/* Remember a line; empty ones and the last one again are not, and an older one of
 * the same text goes. */
void prompt_history_add(enum prompt_kind kind, const char *line);

#endif
