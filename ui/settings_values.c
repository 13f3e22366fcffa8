/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What every search is run with, as words and back.  Methods and objectives come from the
 * engine's own tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "ui/settings_int.h"

bool settings_unknown(const char *text, const char *expected, struct err *err)
{
    return err_set(err, ERR_USAGE, "cannot be '%s': expected %s", text, expected);
}

/* ---- method, granularity ------------------------------------------------------------ */

static void get_method(const struct search_options *options, struct buf *out)
{
    buf_add_text(out, search_method_name(options->method));
}

static uint32_t find_granularity(enum search_method method, enum granularity wanted)
{
    if (search_method_knows(method, wanted))
        return wanted;
    for (uint32_t i = 0; i < GRANULARITY_COUNT; i++)
        if (search_method_knows(method, (enum granularity)i))
            return i;
    return wanted;
}

/* What was usual for the old method is what is usual for the new one. */
static bool put_method(struct settings *settings, const char *text, struct err *err)
{
    struct search_options *options = &settings->options;
    enum search_method method;
    if (!search_method_parse(text, &method))
        return settings_unknown(text, search_method_choices(), err);
    if (options->projs == search_method_projs(options->method))
        options->projs = search_method_projs(method);
    if (options->granularity == search_method_granularity(options->method))
        options->granularity = search_method_granularity(method);
    options->method = method;
    options->granularity = (enum granularity)find_granularity(method, options->granularity);
    return true;
}

static const char *choose_method(int i)
{
    return i < SEARCH_METHOD_COUNT ? search_method_name((enum search_method)i) : NULL;
}

static void get_granularity(const struct search_options *options, struct buf *out)
{
    buf_add_text(out, granularity_name(options->granularity));
}

static bool put_granularity(struct settings *settings, const char *text, struct err *err)
{
    enum granularity granularity;
    if (!granularity_parse(text, &granularity))
        return settings_unknown(text, "row, group or bit", err);
    if (!search_method_knows(settings->options.method, granularity))
        return err_set(err, ERR_USAGE, "%s knows no flips of a %s: set method first",
                       search_method_name(settings->options.method), text);
    settings->options.granularity = granularity;
    return true;
}

static const char *choose_granularity(int i)
{
    return i < GRANULARITY_COUNT ? granularity_name((enum granularity)i) : NULL;
}

/* ---- objective ----------------------------------------------------------------------- */

void settings_get_objective(const struct search_options *options, struct buf *out)
{
    struct goal goal = search_goal(options);
    goal_text(&goal, out);
}

static bool put_objective(struct settings *settings, const char *text, struct err *err)
{
    struct goal goal = search_goal(&settings->options);
    struct aims aims;
    if (!aims_parse(text, &aims, err))
        return false;
    goal.fitness = FITNESS_MEAN;
    goal_aim(&goal, &aims, METRIC_SEQ_LOGPROB);
    search_take_goal(&settings->options, &goal);
    return true;
}

static const char *choose_objective(int i)
{
    return i < AIM_COUNT ? aim_name((enum aim)i) : NULL;
}

static void get_control(const struct search_options *options, struct buf *out)
{
    struct goal goal = search_goal(options);
    size_t len = out->len;
    goal_controls_text(&goal, out);
    if (out->len == len)
        buf_add_text(out, "same");
}

/* A metric, or several with weights. */
static bool put_control(struct settings *settings, const char *text, struct err *err)
{
    enum metric metric = METRIC_SAME;
    struct mix mix = {.focal = 0};
    bool is_mix = text[strcspn(text, ":,")] != '\0';
    if (is_mix && !goal_controls_parse(text, &mix, err))
        return false;
    if (!is_mix && strcmp(text, "same") != 0 && !metric_parse(text, &metric))
        return settings_unknown(text, metric_choices(true), err);
    settings->options.control_metric = metric;
    settings->options.control_mix = mix;
    return true;
}

static const char *choose_control(int i)
{
    return i == 0 ? "same" : i <= METRIC_COUNT ? metric_name((enum metric)(i - 1)) : NULL;
}

/* ---- numbers ------------------------------------------------------------------------ */

static void get_penalty(const struct search_options *options, struct buf *out)
{
    buf_add_format(out, "%g", options->penalty);
}

static bool put_penalty(struct settings *settings, const char *text, struct err *err)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (!*text || *end || !(value >= 0 && value <= 1e6))
        return settings_unknown(text, "a number from 0 to 1e6", err);
    settings->options.penalty = value;
    return true;
}

static const char *choose_penalty(int i)
{
    static const char *const choices[] = {"0", "0.5", "1", "2", "5", "10", "20", NULL};
    return choices[i];
}

static void get_seed(const struct search_options *options, struct buf *out)
{
    buf_add_format(out, "%llu", (unsigned long long)options->seed);
}

static bool put_seed(struct settings *settings, const char *text, struct err *err)
{
    int64_t seed;
    if (!num_parse_int(text, &seed) || seed < 0)
        return settings_unknown(text, "a whole number", err);
    settings->options.seed = (uint64_t)seed;
    return true;
}

static const char *choose_seed(int i)
{
    static const char *const choices[] = {"1", "2", "3", "4", "5", "6", "7", "42", NULL};
    return choices[i];
}

/* ---- where flips are looked for ----------------------------------------------------- */

/* "0,2-4" */
static void get_layers(const struct search_options *options, struct buf *out)
{
    if (!options->layers)
        buf_add_text(out, "default");
    for (size_t i = 0, end; options->layers && i < options->layer_count; i = end) {
        for (end = i + 1; end < options->layer_count &&
                          options->layers[end] == options->layers[end - 1] + 1;)
            end++;
        buf_add_format(out, "%s%d", i ? "," : "", (int)options->layers[i]);
        if (end > i + 1)
            buf_add_format(out, "-%d", (int)options->layers[end - 1]);
    }
}

/* The next number or range of a list; moves *list behind it. */
static bool next_range(const char **list, int *first, int *last)
{
    int used = 0;
    bool ok = sscanf(*list, "%6d%n", first, &used) == 1 && *first >= 0 && **list != '+';
    *last = *first;
    *list += used;
    if (ok && **list == '-') {
        ok = sscanf(*list, "-%6d%n", last, &used) == 1 && *last >= *first;
        *list += used;
    }
    ok = ok && (**list == ',' || **list == '\0');
    *list += **list == ',';
    return ok;
}

static bool put_layers(struct settings *settings, const char *text, struct err *err)
{
    int32_t layers[SETTINGS_LAYERS_MAX];
    size_t count = 0;
    bool usual = strcmp(text, "default") == 0;
    bool ok = *text != '\0';
    for (const char *list = text; ok && !usual && *list;) {
        int first = 0, last = -1;
        ok = next_range(&list, &first, &last) && last < SETTINGS_LAYERS_MAX;
        for (int i = first; ok && i <= last && count < SETTINGS_LAYERS_MAX; i++)
            layers[count++] = i;
    }
    if (!ok)
        return settings_unknown(text, "default or layers such as 0,2-4", err);
    memcpy(settings->layers, layers, count * sizeof *layers);
    settings->options.layers = usual ? NULL : settings->layers;
    settings->options.layer_count = count;
    return true;
}

static const char *choose_layers(int i)
{
    return i == 0 ? "default" : NULL;
}

static const char *const proj_names[] = {"q", "k", "v", "o", "gate", "up", "down", "embed", "head"};

static void get_projs(const struct search_options *options, struct buf *out)
{
    bool any = false;
    for (int proj = 0; proj < PROJ_COUNT; proj++) {
        if (!(options->projs >> proj & 1))
            continue;
        buf_add_format(out, "%s%s", any ? "," : "", proj_names[proj]);
        any = true;
    }
}

static bool put_projs(struct settings *settings, const char *text, struct err *err)
{
    uint32_t projs = 0;
    bool ok = true;
    for (const char *list = text; ok; list += strcspn(list, ",") + 1) {
        char *word = x_copy(list, strcspn(list, ","));
        enum proj proj = PROJ_Q;
        ok = proj_parse(word, &proj);
        projs |= ok ? 1u << proj : 0;
        free(word);
        if (list[strcspn(list, ",")] == '\0')
            break;
    }
    if (!ok)
        return settings_unknown(text, "such as q,k,v,o,gate,up,down", err);
    settings->options.projs = projs;
    return true;
}

static const char *choose_projs(int i)
{
    static const char *const choices[] = {"gate,up", "q,k,v,o", "q,k,v,o,gate,up,down", NULL};
    return choices[i];
}

/* ---- the table ------------------------------------------------------------------------ */

const struct ui_setting settings_usual[] = {
    {"method", "which candidate comes next", get_method, put_method, choose_method, false},
    {"granularity", "what one flip is", get_granularity, put_granularity, choose_granularity,
     false},
    {"objective", "what is to grow", settings_get_objective, put_objective, choose_objective,
     false},
    {"controls", "metric of the controls", get_control, put_control, choose_control, false},
    {"penalty", "weight of the controls' loss", get_penalty, put_penalty, choose_penalty, true},
    {"layers", "default, or such as 0,2-4", get_layers, put_layers, choose_layers, true},
    {"proj", "matrices of a layer, such as gate,up", get_projs, put_projs, choose_projs, true},
    {"seed", "of the draws", get_seed, put_seed, choose_seed, true},
    {NULL, NULL, NULL, NULL, NULL, false},
};
