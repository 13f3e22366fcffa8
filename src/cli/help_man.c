/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The man page in roff, man(7) macros, from the same tables as --help.
 */
#include <stdlib.h>
#include <string.h>

#include "src/cli/cli_int.h"
#include "ui/command.h"

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

/* ---- the workbench: what its ? shows ------------------------------------------ */

/* Of "prompt step" that of the command whose argument is asked for. */
static const char *help_of_line(const char *line)
{
    if (strncmp(line, "prompt ", 7) == 0)
        line += 7;
    size_t len = strcspn(line, " ");
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        if (strncmp(command->name, line, len) == 0 && command->name[len] == '\0')
            return command->help;
    }
    return "";
}

static void add_key_text(struct buf *out, const char *key)
{
    size_t len = strlen(key);
    bool named = len > 2 && key[0] == '<'; /* <Enter> */
    char *text = x_copy(key + named, len - (named ? 2 : 0));
    add_roff(out, text);
    free(text);
}

static bool same_entry(const struct key_binding *a, const struct key_binding *b)
{
    return (a->where == IN_ALL) == (b->where == IN_ALL) && strcmp(a->line, b->line) == 0;
}

/* "k, Up" at the first binding of a line; false at later ones.  A key that does
 * the same in several views is named once. */
static bool add_keys_of(struct buf *out, const struct key_binding *binding)
{
    for (const struct key_binding *one = ui_bindings; one < binding; one++) {
        if (same_entry(one, binding))
            return false;
    }
    const char *before = ".TP\n.B ", *last = "";
    for (const struct key_binding *one = binding; one->key; one++) {
        if (!same_entry(one, binding) || strcmp(one->key, last) == 0)
            continue;
        buf_add_text(out, before);
        add_key_text(out, one->key);
        before = ", ";
        last = one->key;
    }
    return true;
}

static void add_keys(struct buf *out, const char *title, bool everywhere)
{
    buf_add_format(out, ".SS %s\n", title);
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++) {
        if ((binding->where == IN_ALL) != everywhere || !add_keys_of(out, binding))
            continue;
        buf_add_text(out, "\n");
        add_roff(out, binding->line);
        add_line(out, ": ", help_of_line(binding->line));
    }
}

static void add_workbench(struct buf *out)
{
    buf_add_text(out, ".SH KEYS OF THE WORKBENCH\n"
                      "Every key runs a command, which can be typed after \\fB:\\fR as well.\n");
    add_keys(out, "Everywhere", true);
    add_keys(out, "In some views", false);
    buf_add_text(out, ".SH COMMANDS OF THE WORKBENCH\n");
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        add_line(out, ".TP\n.B :", command->name);
        out->len--;
        add_line(out, " \\fI", command->arguments);
        add_line(out, "", command->help);
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
    add_workbench(out);
    add_entries(out, "EXIT STATUS", help_exit_codes);
    add_entries(out, "ENVIRONMENT", help_environment);
}
