/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `:set` and the list of settings: what the search is run with.
 *
 * A session is one search, so others begin a new one: with the same model and probes, and
 * the flips that are on.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/command_int.h"
#include "ui/view_int.h"

/* ---- what is asked for ------------------------------------------------------------- */

static bool lacks_wrong(const struct app *app, enum role role)
{
    for (size_t i = 0; i < app->probe_count; i++)
        if (app->probes[i].role == role && app->probes[i].probe->wrong[0] == '\0')
            return true;
    return false;
}

static bool may_set(struct app *app)
{
    if (app->read_only)
        app_complain(app, "the session is open for reading only (-R): nothing is changed");
    else if (app->paused[0])
        app_complain(app, "the session cannot be written now: first let it be");
    return !app->message_is_error;
}

static bool same_all(const struct app *app)
{
    struct settings_item items[SETTINGS_MAX];
    const struct search_options *pending = &app->settings.pending.options;
    size_t count = settings_list(pending, items);
    for (size_t i = 0; i < count; i++)
        if (!settings_same(&items[i], &app->settings.now.options, pending))
            return false;
    return true;
}

static void say_new(struct app *app)
{
    size_t on = app->search.accepted_count;
    if (on > 0 && search_method_starts_max(app->settings.pending.options.method) > 1)
        app_say(app, "a new search; first it tries the %zu flip%s on before", on,
                on == 1 ? "" : "s");
    else
        app_say(app, "a new search of the same model and probes");
}

void settings_use(struct app *app)
{
    const bool missing[] = {lacks_wrong(app, ROLE_TARGET), lacks_wrong(app, ROLE_CONTROL)};
    struct err err = {0};
    if (!may_set(app))
        return;
    if (!settings_fit(&app->settings.pending, app->shape->layers, missing, &err)) {
        app_complain(app, "%s", err.message);
    } else if (app->search.accepted_count == 0 &&
               search_method_wants_flips(app->settings.pending.options.method)) {
        app_complain(app, "%s works on flips that are on, and none is",
                     search_method_name(app->settings.pending.options.method));
    } else if (same_all(app)) {
        app_say(app, "these settings are in use already");
    } else {
        app->overlay = app->overlay == OVERLAY_SETTINGS ? OVERLAY_NONE : app->overlay;
        app->settings.asked = true;
        say_new(app);
    }
}

/* ---- :set ---------------------------------------------------------------------------- */

static char *next_word(char **text)
{
    char *word = *text + strspn(*text, " =");
    char *end = word + strcspn(word, " =");
    *text = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

/* "method is greedy; or guided, random" */
static void say_choices(struct app *app, const struct settings_item *item)
{
    struct buf text = {0};
    buf_add_format(&text, "%s is ", settings_name(item));
    settings_get(item, &app->settings.now.options, &text);
    for (int i = 0; settings_choice(item, i); i++)
        buf_add_format(&text, "%s%s", i ? ", " : "; of ", settings_choice(item, i));
    app_say(app, "%s", text.data);
    buf_free(&text);
}

static bool set_one(struct app *app, const char *name, const char *value)
{
    struct settings_item item;
    struct err err = {0};
    if (!settings_find(name, &item)) {
        app_complain(app, "no setting '%s'; :set lists them", name);
        return false;
    }
    if (!value) {
        say_choices(app, &item);
        return false;
    }
    bool ok = settings_put(&item, &app->settings.pending, value, &err);
    if (!ok)
        app_complain(app, "%s %s", name, err.message);
    return ok;
}

static void open_list(struct app *app)
{
    settings_copy(&app->settings.pending, &app->settings.now);
    app->settings.cursor = 0;
    app->overlay = OVERLAY_SETTINGS;
}

void command_set(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    if (call->count == 0) {
        open_list(app);
        return;
    }
    char *words = x_copy(call->argument[0], strlen(call->argument[0])), *rest = words;
    bool ok = true;
    if (app->overlay != OVERLAY_SETTINGS)
        settings_copy(&app->settings.pending, &app->settings.now);
    for (char *name; ok && (name = next_word(&rest));)
        ok = set_one(app, name, next_word(&rest));
    free(words);
    if (ok && app->overlay != OVERLAY_SETTINGS)
        settings_use(app);
}
