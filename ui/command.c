/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines into calls, keys into lines.
 */
#include "ui/command.h"

#include <stdlib.h>
#include <string.h>

#include "ui/command_int.h"

/* ---- finding --------------------------------------------------------------- */

/* [K2], and that names are sorted. */
static void check_tables(void)
{
#ifndef __OPTIMIZE__ /* debug builds; a test does it for all */
    static bool checked;
    if (checked)
        return;
    checked = true;
    for (const struct ui_command *command = ui_commands; command->name; command++)
        BUG_ON(command[1].name && strcmp(command->name, command[1].name) >= 0);
    for (const struct key_binding *one = ui_bindings; one->key; one++) {
        for (const struct key_binding *other = one + 1; other->key; other++)
            BUG_ON(strcmp(one->key, other->key) == 0 && (one->where & other->where));
    }
#endif
}

const struct ui_command *command_named(const char *name)
{
    check_tables();
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

const struct key_binding *binding_of(const struct app *app, key_code key)
{
    unsigned here = 1U << app->focus;
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++) {
        key_code bound = KEY_CODE_NONE;
        if ((binding->where & here) && key_parse(binding->key, &bound) > 0 && bound == key)
            return binding;
    }
    return NULL;
}

/* ---- parsing --------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char *skip_blanks(char *text)
{
    while (is_blank(*text))
        text++;
    return text;
}

static void cut_blanks_at_end(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && is_blank(text[len - 1]))
        text[--len] = '\0';
}

/* Words of text, which is cut into them; those that a call has no room for are
 * counted only. */
static int split_words(char *text, const char **words)
{
    int count = 0;
    for (text = skip_blanks(text); *text; text = skip_blanks(text)) {
        if (count < COMMAND_ARGUMENTS_MAX)
            words[count] = text;
        count++;
        while (*text && !is_blank(*text))
            text++;
        if (*text)
            *text++ = '\0';
    }
    return count;
}

/* The cheapest way from one word to another by one letter put in, left out or
 * changed, or two neighbours swapped: is it one step? */
static bool is_nearly(const char *word, const char *name)
{
    while (*word && *word == *name)
        word++, name++;
    if (!*word && !*name)
        return false; /* the same */
    bool swapped = word[0] && name[0] && word[1] == name[0] && word[0] == name[1];
    return (swapped && strcmp(word + 2, name + 2) == 0) ||
           (*word && strcmp(word + 1, name) == 0) || (*name && strcmp(word, name + 1) == 0) ||
           (*word && *name && strcmp(word + 1, name + 1) == 0);
}

static void complain_unknown(struct app *app, const char *name)
{
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        if (strlen(name) > 2 && is_nearly(name, command->name)) {
            app_complain(app, "no command '%s'; did you mean '%s'?", name, command->name);
            return;
        }
    }
    app_complain(app, "no command '%s'; ? lists them", name);
}

static bool count_fits(struct app *app, const struct ui_command *command, int count)
{
    if (count < command->min)
        app_complain(app, "%s needs %s: %s %s", command->name,
                     command->min == 1 ? "an argument" : "more arguments", command->name,
                     command->arguments);
    else if (command->max == 0 && count > 0)
        app_complain(app, "%s takes no argument, found %d", command->name, count);
    else if (command->max > 0 && count > command->max)
        app_complain(app, "%s takes at most %d argument%s, found %d: %s %s", command->name,
                     command->max, command->max == 1 ? "" : "s", count, command->name,
                     command->arguments);
    else
        return true;
    return false;
}

/* name and rest are writable; rest as typed is kept for the call. */
static void run_named(struct app *app, const char *name, char *rest)
{
    const struct ui_command *command = command_named(name);
    if (!command) {
        complain_unknown(app, name);
        return;
    }
    char *words = x_copy(rest, strlen(rest));
    struct command_call call = {.name = command->name, .rest = rest};
    if (command->max < 0) {
        cut_blanks_at_end(words);
        call.argument[0] = words;
        call.count = *words != '\0';
    } else {
        call.count = split_words(words, call.argument);
    }
    if (app->read_only && command_changes(&call))
        app_complain(app, "%s is refused: the session is open for reading only (-R)", name);
    else if (count_fits(app, command, call.count))
        command->run(app, &call);
    free(words);
}

void command_run(struct app *app, const char *line)
{
    char *copy = x_copy(line, strlen(line));
    char *name = skip_blanks(copy);
    while (*name == ':')
        name = skip_blanks(name + 1);
    if (*name == '!') {
        run_named(app, "!", name + 1);
    } else if (*name && *name != '#') {
        char *end = name;
        while (*end && !is_blank(*end))
            end++;
        char *rest = *end ? skip_blanks(end + 1) : end;
        *end = '\0';
        run_named(app, name, rest);
    }
    free(copy);
}

/* ---- what the app is told ---------------------------------------------------- */

static void forget_message(struct app *app)
{
    app->message[0] = '\0';
    app->message_is_error = false;
}

void app_command(struct app *app, const char *line)
{
    forget_message(app);
    command_run(app, line);
}

static void complain_unbound(struct app *app, key_code key)
{
    struct buf name = {0};
    key_add_name(key, &name);
    app_complain(app, "%s is not bound here, ? shows the keys", name.data ? name.data : "this key");
    buf_free(&name);
}

/* Help has all keys but those that must work everywhere: C-c, C-l, C-z. */
static bool is_for_help(const struct app *app, key_code key)
{
    return app->help_open && key != ('c' & 31) && key != ('l' & 31) && key != ('z' & 31);
}

void app_key(struct app *app, key_code key)
{
    if (key == KEY_CODE_NONE || key == KEY_CODE_RESIZE)
        return;
    forget_message(app);
    if (is_for_help(app, key)) {
        help_key(app, key);
        return;
    }
    if (app->overlay != OVERLAY_NONE && overlay_key(app, key))
        return;
    const struct key_binding *binding = binding_of(app, key);
    if (app->page)
        page_key(app, key);
    else if (binding)
        command_run(app, binding->line);
    else
        complain_unbound(app, key);
}
