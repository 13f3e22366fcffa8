/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/crash.h - the terminal is restored whatever kills the program.
 */
#ifndef UI_CRASH_H
#define UI_CRASH_H

/* From here on a fatal signal, and a bug, first restores the terminal and says
 * where the accepted flips are.  The signal then does what it did before. */
void crash_guard(void);

/* The patch file and the session (or NULL); what is not known is not said.  Neither is
 * ever written to by a handler. */
void crash_set_files(const char *patch, const char *session);

void crash_unguard(void);

#endif
