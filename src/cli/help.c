/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Everything that --help says is made from the command tables, so that it
 * cannot tell another story than the parser.
 */
#include <string.h>

#include "src/base/num.h"
#include "src/base/text.h"
#include "src/cli/cli_int.h"

enum {
    HELP_COLUMNS = 80,
    TEXT_COLUMN = 26, /* where the explanations begin */
};

const struct help_entry help_exit_codes[] = {
    {"0", "done"},
    {"1", "done, but the answer is \"no\""},
    {"2", "bad input: command line, files, values"},
    {"3", "the machine: memory, permission, a full disk"},
    {"130", "interrupted"},
    {"141", "the reader of standard output went away"},
    {NULL, NULL},
};

const struct help_entry help_environment[] = {
    {"BANKAI_CPU", "ref, avx2, avx512, amx or neon: kernels to use (default: the fastest)"},
    {"BANKAI_MODELS", "folders, with colons between them, where a session's model is looked for"},
    {"XDG_STATE_HOME", "results that were not asked to go elsewhere lie in bankai/ below it"},
    {"XDG_CACHE_HOME", "what can be computed again lies in bankai/ below it"},
    {"COLUMNS", "width of the terminal, where it does not tell"},
    {"TERM", "dumb: no progress line that is rewritten in place"},
    {NULL, NULL},
};

void help_each_option(const struct command *command,
                      void (*each)(struct buf *out, const struct option_spec *option),
                      struct buf *out)
{
    const struct option_spec *tables[] = {
        command->options,
        command->takes_model ? cli_model_option : NULL,
        cli_common_options,
    };
    for (size_t i = 0; i < countof(tables); i++) {
        for (const struct option_spec *spec = tables[i]; spec && spec->name; spec++)
            each(out, spec);
    }
}

static void add_spaces(struct buf *out, size_t count)
{
    while (count-- > 0)
        buf_add(out, " ", 1);
}

/* Words of a line of text from column left on, broken at HELP_COLUMNS; the
 * cursor is at that column already. */
static void add_wrapped(struct buf *out, const char *text, size_t left)
{
    size_t column = left;
    while (*text && *text != '\n') {
        size_t len = strcspn(text, " \n");
        if (column > left && column + 1 + len > HELP_COLUMNS) {
            buf_add(out, "\n", 1);
            add_spaces(out, left);
            column = left;
        } else if (column > left) {
            buf_add(out, " ", 1);
            column++;
        }
        buf_add(out, text, len);
        column += len;
        text += len;
        text += strspn(text, " ");
    }
    buf_add(out, "\n", 1);
}

/* Lines as they are, unless they are too long. */
static void add_lines(struct buf *out, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n"), indent = strspn(text, " ");
        if (text_columns(text, len) > HELP_COLUMNS) {
            add_spaces(out, indent);
            add_wrapped(out, text + indent, indent);
        } else {
            buf_add_format(out, "%.*s\n", (int)len, text);
        }
        text += len + (text[len] == '\n');
    }
}

/* "  left      text", the text on the next line where left is long. */
static void add_entry(struct buf *out, const char *left, const char *text)
{
    size_t used = 2 + text_columns(left, strlen(left));
    buf_add_format(out, "  %s", left);
    if (used + 2 > TEXT_COLUMN) {
        buf_add(out, "\n", 1);
        used = 0;
    }
    add_spaces(out, TEXT_COLUMN - used);
    add_wrapped(out, text, TEXT_COLUMN);
}

static void add_entries(struct buf *out, const char *title, const struct help_entry *entries)
{
    buf_add_format(out, "\n%s:\n", title);
    for (; entries->name; entries++)
        add_entry(out, entries->name, entries->text);
}

static void add_option(struct buf *out, const struct option_spec *option)
{
    struct buf left = {0};
    if (option->letter)
        buf_add_format(&left, "-%c, ", option->letter);
    else
        buf_add_text(&left, "    ");
    buf_add_format(&left, "--%s", option->name);
    if (option->argument)
        buf_add_format(&left, " %s", option->argument);
    add_entry(out, left.data, option->help);
    buf_free(&left);
}

void help_command(struct buf *out, const struct command *command)
{
    buf_add_format(out, "usage: bankai %s %s\n\n", command->name, command->synopsis);
    add_lines(out, command->summary);
    if (command->details) {
        buf_add(out, "\n", 1);
        add_lines(out, command->details);
    }
    buf_add_text(out, "\noptions:\n");
    help_each_option(command, add_option, out);
}

void help_program(struct buf *out, const struct command *const *commands)
{
    buf_add_text(out, "usage: bankai COMMAND [ARGUMENTS]\n\n"
                      "Flip sign bits of true 1-bit language models, see what the model says\n"
                      "before and after, and keep what helps as a patch.\n\n"
                      "commands:\n");
    for (; *commands; commands++)
        add_entry(out, (*commands)->name, (*commands)->summary);
    buf_add_text(out, "\nMODEL is the path of a GGUF file, or nano, the model inside the program.\n"
                      "'bankai help COMMAND' tells more of a command.\n"
                      "\noptions of every command:\n");
    for (const struct option_spec *spec = cli_common_options; spec->name; spec++)
        add_option(out, spec);
    add_entry(out, "    --version", "print the version (without a command)");
    add_entries(out, "exit status", help_exit_codes);
    add_entries(out, "environment", help_environment);
}
