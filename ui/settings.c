/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Settings of every search, and those of some methods alone, as one list.
 */
#include "ui/settings_int.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

void settings_take(struct settings *to, const struct search_options *options)
{
    size_t count = options->layer_count;
    count = count < SETTINGS_LAYERS_MAX ? count : (size_t)SETTINGS_LAYERS_MAX;
    to->options = *options;
    if (!options->layers)
        return;
    memmove(to->layers, options->layers, count * sizeof *to->layers);
    to->options.layers = to->layers;
    to->options.layer_count = count;
}

void settings_copy(struct settings *to, const struct settings *from)
{
    if (to != from)
        settings_take(to, &from->options);
}

size_t settings_list(const struct search_options *options,
                     struct settings_item out[SETTINGS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; settings_usual[i].name; i++)
        out[count++] = (struct settings_item){.usual = &settings_usual[i]};
    for (size_t i = 0; i < search_setting_count && count < SETTINGS_MAX; i++)
        if (setting_applies(&search_settings[i], options))
            out[count++] = (struct settings_item){.special = &search_settings[i]};
    return count;
}

bool settings_find(const char *name, struct settings_item *out)
{
    *out = (struct settings_item){0};
    for (size_t i = 0; settings_usual[i].name; i++)
        if (strcmp(settings_usual[i].name, name) == 0)
            out->usual = &settings_usual[i];
    for (size_t i = 0; i < search_setting_count; i++)
        if (strcmp(search_settings[i].name, name) == 0)
            out->special = &search_settings[i];
    return out->usual || out->special;
}

const char *settings_name(const struct settings_item *item)
{
    return item->usual ? item->usual->name : item->special->name;
}

const char *settings_help(const struct settings_item *item)
{
    return item->usual ? item->usual->help : "";
}

void settings_get(const struct settings_item *item, const struct search_options *options,
                  struct buf *out)
{
    if (item->usual) {
        item->usual->get(options, out);
        return;
    }
    double value = setting_get(item->special, options);
    if (item->special->kind == SETTING_WORD)
        buf_add_text(out, item->special->words[(int)value]);
    else
        buf_add_format(out, "%.10g", value);
}

static bool put_special(const struct setting *setting, struct search_options *options,
                        const char *text, struct err *err)
{
    char *end = NULL;
    bool word = setting->kind == SETTING_WORD;
    double value = word ? setting_word(setting, text) : strtod(text, &end);
    bool ok = word ? value >= 0 : *text && !*end && value >= setting->min && value <= setting->max;
    bool whole = ok && (setting->kind != SETTING_COUNT || value == (double)(uint64_t)value);
    if (ok && whole) {
        setting_set(setting, options, value);
        return true;
    }
    struct buf choices = {0};
    setting_choices(setting, &choices);
    (void)settings_unknown(text, choices.data, err);
    buf_free(&choices);
    return false;
}

bool settings_put(const struct settings_item *item, struct settings *settings, const char *text,
                  struct err *err)
{
    if (item->usual)
        return item->usual->put(settings, text, err);
    if (!setting_applies(item->special, &settings->options))
        return err_set(err, ERR_USAGE, "%s does not know it",
                       search_method_name(settings->options.method));
    return put_special(item->special, &settings->options, text, err);
}

const char *settings_choice(const struct settings_item *item, int i)
{
    if (item->usual)
        return item->usual->choice(i);
    return item->special->kind == SETTING_WORD ? item->special->words[i] : NULL;
}

bool settings_is_free(const struct settings_item *item)
{
    return item->usual ? item->usual->is_free : item->special->kind != SETTING_WORD;
}

/* A mix has no help of its own. */
static const char *aim_help_of(const struct search_options *options)
{
    struct buf value = {0};
    const char *help = "several, each with its weight";
    settings_get_objective(options, &value);
    for (int i = 0; i < AIM_COUNT; i++)
        if (value.data && strcmp(aim_name((enum aim)i), value.data) == 0)
            help = aim_help((enum aim)i);
    buf_free(&value);
    return help;
}

const char *settings_value_help(const struct settings_item *item,
                                const struct search_options *options)
{
    if (item->usual == settings_usual)
        return search_method_help(options->method);
    bool objective = item->usual && item->usual->get == settings_get_objective;
    return objective ? aim_help_of(options) : settings_help(item);
}

void settings_title(const struct search_options *options, struct buf *out)
{
    buf_add_text(out, search_method_name(options->method));
    if (options->granularity != GRANULARITY_ROW)
        buf_add_format(out, " %ss", granularity_name(options->granularity));
    buf_add_text(out, ", ");
    settings_get_objective(options, out);
}

bool settings_same(const struct settings_item *item, const struct search_options *a,
                   const struct search_options *b)
{
    struct buf of_a = {0}, of_b = {0};
    settings_get(item, a, &of_a);
    settings_get(item, b, &of_b);
    bool same = of_a.len == of_b.len && (of_a.len == 0 || memcmp(of_a.data, of_b.data,
                                                                 of_a.len) == 0);
    buf_free(&of_a);
    buf_free(&of_b);
    return same;
}

/* The place of the value among the choices, -1: it is none of them. */
static int place_of(const struct settings_item *item, const struct search_options *options,
                    int *count)
{
    struct buf value = {0};
    int at = -1;
    settings_get(item, options, &value);
    for (*count = 0; settings_choice(item, *count); (*count)++)
        if (value.data && strcmp(settings_choice(item, *count), value.data) == 0)
            at = *count;
    buf_free(&value);
    return at;
}

bool settings_turn(const struct settings_item *item, struct settings *settings, int by,
                   struct err *err)
{
    int count = 0, at = place_of(item, &settings->options, &count);
    for (int i = 0; i < count; i++) {
        at = at < 0 ? (by > 0 ? 0 : count - 1) : (at + by + count) % count;
        if (settings_put(item, settings, settings_choice(item, at), err))
            return true;
    }
    return false;
}

/* ---- together ----------------------------------------------------------------------- */

bool settings_fit(const struct settings *settings, uint32_t layers, const bool missing_wrong[2],
                  struct err *err)
{
    const struct search_options *options = &settings->options;
    struct goal goal = search_goal(options);
    for (size_t i = 0; options->layers && i < options->layer_count; i++)
        if ((uint32_t)options->layers[i] >= layers)
            return err_set(err, ERR_RANGE, "there is no layer %d: this model has layers 0 to %u",
                           (int)options->layers[i], layers - 1);
    for (size_t i = 0; i < 2; i++)
        if (missing_wrong[i] && goal_needs_wrong(&goal, i == 1))
            return err_set(err, ERR_MISMATCH, "%s have no wrong answers, which a %s gap needs",
                           i ? "controls" : "targets", goal_measured(&goal, i == 1));
    if (!search_method_knows(options->method, options->granularity))
        return err_set(err, ERR_USAGE, "%s knows no flips of a %s",
                       search_method_name(options->method),
                       granularity_name(options->granularity));
    return true;
}
