/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/shell.h - a shell command that a person typed, in the terminal that was left to it.
 */
#ifndef UI_SHELL_H
#define UI_SHELL_H

/* Runs $SHELL -c COMMAND (or /bin/sh) and waits until Enter is pressed afterwards.  The
 * terminal must be suspended (ui/term.h).  Returns the exit status, 128 + signal, or 127
 * where no shell could be started.  Signals of the terminal that came meanwhile were the
 * command's: they are taken away. */
int shell_run(const char *command);

#endif
