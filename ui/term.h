/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/term.h - a terminal: shows a grid, gives keys.  The only implementation is
 * term_ncurses.c, the only file that includes ncurses.
 *
 * [R1] the terminal is restored by term_close, and by term_emergency_restore
 *      from a signal handler (async-signal-safe: writes prepared bytes).
 */
#ifndef UI_TERM_H
#define UI_TERM_H

#include <stdbool.h>

#include "src/base/err.h"
#include "ui/grid.h"
#include "ui/key.h"
#include "ui/theme.h"

/* Is there a terminal on standard input and output that can show the workbench?
 * If not, err says which subcommands do without. */
bool term_usable(struct err *err);

/* auto: NO_COLOR gives mono, else what terminfo offers. */
bool term_open(const char *colour /* "auto", "256", "16", "none" */, struct err *err);
void term_close(void);
void term_emergency_restore(void);

enum colour_mode term_colour_mode(void);
void term_size(int *rows, int *columns);

/* Show the grid; only cells that changed are sent. */
void term_show(const struct grid *grid, const struct theme *theme);
void term_redraw_all(void); /* the next term_show sends everything */

/* The next key that has arrived, KEY_CODE_NONE if there is none (never waits). */
key_code term_key(void);

/* While a prompt is open: raw bytes as they arrive (never waits); returns how
 * many.  See prompt.h. */
size_t term_raw_bytes(char *bytes, size_t size);
void term_raw_mode(bool on);
/* Raw bytes that were not for the prompt: the next keys. */
void term_unread(const char *bytes, size_t len);

/* Leave the screen (SIGTSTP, $EDITOR) and come back. */
void term_suspend(void);
void term_resume(void);

#endif
