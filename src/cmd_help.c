/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cli/cli_int.h"

static int run_help(struct arguments *arguments, struct err *err)
{
    struct buf text = {0};
    const char *name = arguments_positional(arguments, 0);
    const struct command *command = name ? command_find(name, err) : NULL;
    if (name && !command)
        return cli_fail(err);
    if (arguments_has(arguments, "man"))
        help_man(&text, cli_commands);
    else if (command)
        help_command(&text, command);
    else
        help_program(&text, cli_commands);
    output_print(&text);
    return EXIT_DONE;
}

static const struct option_spec options[] = {
    {"man", 0, NULL, "print the man page (roff)"},
    {NULL, 0, NULL, NULL},
};

const struct command command_help = {
    .name = "help",
    .synopsis = "[COMMAND] [--man]",
    .summary = "Show help of the program or of a command",
    .options = options,
    .positional_max = 1,
    .run = run_help,
};
