/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/crash.h - the terminal is restored whatever kills the program.
 */
#ifndef UI_CRASH_H
#define UI_CRASH_H

/* From here on a fatal signal, and a bug, first restores the terminal and says
 * where the accepted flips are.  The signal then does what it did before. */
void crash_guard(void);

/* The patch file; what is not known is not said. */
void crash_set_patch(const char *path);

void crash_unguard(void);

#endif
