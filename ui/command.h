/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/command.h - the one table of commands: it feeds keys, the `:` line and its
 * completion, the hint bar, `?` help, the manual and the tests.
 *
 * [K1] every key is bound to a command line; nothing is bound to code.
 * [K2] names are unique; a key is bound once per context (checked at start in
 *      debug builds and by a test).
 */
#ifndef UI_COMMAND_H
#define UI_COMMAND_H

#include "ui/view.h"

enum { COMMAND_ARGUMENTS_MAX = 4 };

struct command_call {
    const char *name;
    int count;
    const char *argument[COMMAND_ARGUMENTS_MAX]; /* split at white space */
    const char *rest; /* everything behind the name, as typed */
};

struct ui_command {
    const char *name;
    const char *arguments; /* "PATCH", "L.PROJ.ROW", "" */
    int min, max;          /* number of arguments; max -1: the rest of the line is one */
    const char *help;      /* one line */
    void (*run)(struct app *app, const struct command_call *call);
};

/* Sorted by name, ended by a NULL name. */
extern const struct ui_command ui_commands[];

/* Contexts of a key: bits of views, or all of them. */
enum {
    IN_MAP = 1 << VIEW_MAP,
    IN_SEARCH = 1 << VIEW_SEARCH,
    IN_PROBES = 1 << VIEW_PROBES,
    IN_COMPARE = 1 << VIEW_COMPARE,
    IN_ALL = IN_MAP | IN_SEARCH | IN_PROBES | IN_COMPARE,
};

struct key_binding {
    const char *key;  /* key_parse */
    unsigned where;   /* IN_* */
    const char *line; /* command line */
    const char *hint; /* short text for the hint bar, NULL: not shown there */
};

/* In order of importance for the hint bar, ended by a NULL key. */
extern const struct key_binding ui_bindings[];

const struct ui_command *command_named(const char *name); /* or NULL */
/* The binding of a key where the focus is, or NULL. */
const struct key_binding *binding_of(const struct app *app, key_code key);

/* Run one line; errors go to app->message.  Lines beginning with '#' and empty
 * ones do nothing. */
void command_run(struct app *app, const char *line);

/* What `close` would close: the first of these that is there. */
enum closing {
    CLOSING_HELP, CLOSING_OVERLAY, CLOSING_VIEW, CLOSING_ZOOM, CLOSING_MAXIMISED, CLOSING_PROGRAM
};
enum closing command_closing(const struct app *app);

/* For the `:` prompt: names of commands, then of their arguments. */
char **command_complete(void *app, const char *text, size_t start);

#endif
