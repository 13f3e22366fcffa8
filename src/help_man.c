/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The man page in roff, man(7) macros, from the same tables as --help.
 */
#include <string.h>

#include "src/cli_int.h"

/* roff reads a backslash anywhere, and a dot or quote at the start of a line;
 * a plain '-' would come out as a hyphen that cannot be searched or copied. */
static void add_roff(struct buf *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            buf_add_text(out, "\\&");
        line_start = *text == '\n';
        if (*text == '\\')
            buf_add_text(out, "\\e");
        else if (*text == '-')
            buf_add_text(out, "\\-");
        else
            buf_add(out, text, 1);
    }
}

static void add_line(struct buf *out, const char *before, const char *text)
{
    buf_add_text(out, before);
    add_roff(out, text);
    buf_add(out, "\n", 1);
}

static void add_option(struct buf *out, const struct option_spec *option)
{
    buf_add_text(out, ".TP\n");
    if (option->letter)
        buf_add_format(out, "\\fB\\-%c\\fR, ", option->letter);
    add_line(out, "\\fB\\-\\-", option->name);
    if (option->argument) {
        out->len--; /* on the same line */
        add_line(out, "\\fR \\fI", option->argument);
    }
    out->len--;
    buf_add_text(out, "\\fR\n");
    add_line(out, "", option->help);
}

static void add_command(struct buf *out, const struct command *command)
{
    add_line(out, ".SS bankai ", command->name);
    buf_add_format(out, ".B bankai %s\n", command->name);
    add_line(out, "", command->synopsis);
    add_line(out, ".PP\n", command->summary);
    if (command->details) {
        add_line(out, ".PP\n.nf\n", command->details); /* lines as they are */
        buf_add_text(out, ".fi\n");
    }
    for (const struct option_spec *spec = command->options; spec && spec->name; spec++)
        add_option(out, spec);
    if (command->takes_model)
        add_option(out, cli_model_option);
}

static void add_entries(struct buf *out, const char *title, const struct help_entry *entries)
{
    buf_add_format(out, ".SH %s\n", title);
    for (; entries->name; entries++) {
        add_line(out, ".TP\n.B ", entries->name);
        add_line(out, "", entries->text);
    }
}

void help_man(struct buf *out, const struct command *const *commands)
{
    buf_add_text(out, ".TH BANKAI 1 \"\" \"bankai " BANKAI_VERSION "\" \"User Commands\"\n"
                      ".SH NAME\nbankai \\- workbench for true 1\\-bit language models\n"
                      ".SH SYNOPSIS\n.B bankai\n\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
                      ".SH DESCRIPTION\n"
                      "Flips sign bits of true 1\\-bit language models, shows what the model\n"
                      "says before and after, and keeps what helps as a patch.\n"
                      "\\fIMODEL\\fR is the path of a GGUF file, or \\fBnano\\fR, the\n"
                      "model inside the program.\n"
                      ".SH COMMANDS\n");
    for (; *commands; commands++)
        add_command(out, *commands);
    buf_add_text(out, ".SH OPTIONS OF EVERY COMMAND\n");
    for (const struct option_spec *spec = cli_common_options; spec->name; spec++)
        add_option(out, spec);
    add_entries(out, "EXIT STATUS", help_exit_codes);
    add_entries(out, "ENVIRONMENT", help_environment);
}
