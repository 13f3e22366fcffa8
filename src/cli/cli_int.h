/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/cli/cli_int.h - what main and the tests need of the command line, and
 * subcommands do not: parsing, generated help, the end of the output.
 */
#ifndef SRC_CLI_CLI_INT_H
#define SRC_CLI_CLI_INT_H

#include <signal.h>
#include <stddef.h>

#include "src/base/buf.h"
#include "src/cli/cli.h"

/* ---- arguments (src/cli/cli.c) ----------------------------------------------- */

/* --threads, --json, --help; ended by a NULL name. */
extern const struct option_spec cli_common_options[];
/* -m MODEL of the commands that take one. */
extern const struct option_spec cli_model_option[];

/* Parse argv[1..argc), argv[0] being the command's name.  The texts are
 * borrowed from argv.  NULL and err (ERR_USAGE) on failure.  With --help the
 * number of positional arguments is not checked. */
struct arguments *arguments_parse(const struct command *command, int argc, char **argv,
                                  struct err *err);
bool arguments_help(const struct arguments *arguments);
void arguments_free(struct arguments *arguments);

/* The entry of names[0..count) that was probably meant, or NULL. */
const char *cli_suggest(const char *name, const char *const *names, size_t count);

/* ---- commands (src/commands.c) --------------------------------------------- */

/* In the order of the help, ended by NULL. */
extern const struct command *const cli_commands[];
/* NULL and err, with what was probably meant, where there is none such. */
const struct command *command_find(const char *name, struct err *err);

/* ---- help (src/cli/help.c, src/cli/help_man.c) ------------------------------------ */

/* commands is ended by NULL. */
void help_program(struct buf *out, const struct command *const *commands);
void help_command(struct buf *out, const struct command *command);
/* A man page of section 1, in roff. */
void help_man(struct buf *out, const struct command *const *commands);

/* Calls each() for every option of the command, its own first, then -m MODEL
 * where it takes one, then the common ones. */
void help_each_option(const struct command *command,
                      void (*each)(struct buf *out, const struct option_spec *option),
                      struct buf *out);

/* Ended by NULL: what --help and the man page say of exit and environment. */
struct help_entry {
    const char *name;
    const char *text;
};
extern const struct help_entry help_exit_codes[];
extern const struct help_entry help_environment[];

/* ---- output (src/cli/output.c) ------------------------------------------------ */

/* With json, errors and warnings are JSON objects, one per line. */
void output_set_json(bool json);
bool output_is_json(void);

/* hint is a second line for people ("try 'bankai --help'"), or NULL. */
void output_print_error(const struct err *err, const char *hint);

/* Print on standard output and free the text. */
void output_print(struct buf *text);

/* Write out what is buffered.  Returns status, or what has to take its place
 * when standard output cannot be written: 3 with a message, or quietly
 * EXIT_READER_GONE when its reader went away. */
int output_finish(int status);

enum { EXIT_READER_GONE = 128 + SIGPIPE }; /* as a shell reports it */

/* ---- progress (src/cli/progress.c) -------------------------------------------- */

/* Take away the progress line of whoever shows one: something is printed. */
void progress_make_room(void);
/* Is a progress line on the terminal?  For signal handlers. */
bool progress_on_screen(void);

#endif
