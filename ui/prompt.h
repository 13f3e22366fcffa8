/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/prompt.h - one line of input at the bottom of the screen, by readline's
 * callback interface: editing, history, completion.
 *
 * readline never touches the terminal: bytes are fed to it, and the line it
 * holds is drawn into the grid.  One prompt at a time.
 */
#ifndef UI_PROMPT_H
#define UI_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "ui/grid.h"

/* Completions of the word that begins at text[start]: an array of malloc'ed
 * strings ended by NULL, or NULL. */
typedef char **prompt_complete(void *user, const char *text, size_t start);

enum prompt_kind { PROMPT_COMMAND, PROMPT_TEXT, PROMPT_NUMBER, PROMPT_KIND_COUNT };

/* done is called once with the line, or with NULL when it was cancelled; the
 * line's control characters are already spaces. */
void prompt_open(enum prompt_kind kind, const char *label, const char *initial,
                 prompt_complete *complete, void (*done)(void *user, const char *line),
                 void *user);
bool prompt_is_open(void);

/* Bytes from the terminal (term_raw_bytes).  A lone ESC cancels. */
void prompt_feed(const char *bytes, size_t len);
void prompt_cancel(void);

/* Draw label and line into one row, and put the cursor.  What Tab has listed goes
 * into the row above it. */
void prompt_draw(struct grid *grid, struct rect row);

/* Histories under the state folder; failures are silent. */
void prompt_history_load(void);
void prompt_history_save(void);

#endif
