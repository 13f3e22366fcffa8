/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/search/setting.h"
#include "src/base/buf.h"
#include "src/base/num.h"
#include "src/cli/metric_option.h"
#include "src/session/session.h"

/* Prompts with what the model says to them. */
#define OWN_CONTROLS "self:300"

enum { CONTROLS_ENOUGH = 100 };

/* ---- lists ---------------------------------------------------------------------------- */

/* Copies the next item of a comma-separated list; NULL at its end. */
static char *next_item(const char **list)
{
    if (!*list)
        return NULL;
    const char *comma = strchr(*list, ',');
    size_t len = comma ? (size_t)(comma - *list) : strlen(*list);
    char *item = x_copy(*list, len);
    *list = comma ? comma + 1 : NULL;
    return item;
}

/* "3" or "1-4" */
static bool parse_range(char *item, int64_t *first, int64_t *last)
{
    char *dash = strchr(item, '-');
    if (dash)
        *dash = '\0';
    bool ok = num_parse_int(item, first) && (!dash || num_parse_int(dash + 1, last));
    if (ok && !dash)
        *last = *first;
    if (dash)
        *dash = '-';
    return ok && *first >= 0 && *first <= *last && *last <= INT32_MAX;
}

static bool parse_layers(const char *list, int32_t *layers, size_t *count, struct err *err)
{
    char *item;
    while ((item = next_item(&list))) {
        int64_t first = 0, last = 0;
        bool ok = parse_range(item, &first, &last);
        if (!ok)
            (void)err_set(err, ERR_USAGE, "--layers: '%s' is no layer, expected such as 0,2-4",
                          item);
        free(item);
        for (int64_t i = first; ok && i <= last; i++) {
            if (*count == SEARCH_LAYERS_MAX)
                return err_set(err, ERR_USAGE, "--layers: more than %d layers", SEARCH_LAYERS_MAX);
            layers[(*count)++] = (int32_t)i;
        }
        if (!ok)
            return false;
    }
    return true;
}

bool search_projs_parse(const char *list, uint32_t *projs, struct err *err)
{
    char *item;
    *projs = 0;
    while ((item = next_item(&list))) {
        enum proj proj = PROJ_Q;
        bool ok = proj_parse(item, &proj);
        if (!ok)
            (void)err_set(err, ERR_USAGE,
                          "--proj: '%s' is unknown, expected q, k, v, o, gate, up, down, embed or "
                          "head", item);
        free(item);
        if (!ok)
            return false;
        *projs |= 1u << proj;
    }
    return true;
}

/* ---- options ---------------------------------------------------------------------------- */

/* --control-metric: one metric, or several with weights. */
static bool read_controls(const struct arguments *arguments, struct goal *goal, struct err *err)
{
    const char *given = arguments_text(arguments, "control-metric", "");
    goal->control_metric = METRIC_SAME;
    goal->control_mix = (struct mix){.focal = 0};
    return given[strcspn(given, ":,")] != '\0'
               ? goal_controls_parse(given, &goal->control_mix, err)
               : metric_option_read(arguments, "control-metric", METRIC_SAME, true,
                                    &goal->control_metric, err);
}

/* Is it the gap that is asked for, on its own or in a mix? */
static bool has_gap(const struct aims *aims)
{
    return aims->weight[AIM_GAP] > 0 ||
           !(aims->weight[AIM_MARGIN] + aims->weight[AIM_FOCAL] + aims->weight[AIM_LOGPROB] > 0);
}

static bool read_aims(const struct arguments *arguments, enum aim usual, struct goal *goal,
                      struct err *err)
{
    bool by_metric = arguments_has(arguments, "metric");
    const char *objective =
        arguments_text(arguments, "objective", aim_name(by_metric ? AIM_GAP : usual));
    enum metric metric = METRIC_SEQ_LOGPROB;
    struct aims aims;
    if (!aims_parse(objective, &aims, err))
        return false;
    if (by_metric && !has_gap(&aims))
        return err_set(err, ERR_USAGE, "--objective %s has a metric of its own, expected it "
                                       "without --metric", objective);
    if (!metric_option_read(arguments, "metric", METRIC_SEQ_LOGPROB, false, &metric, err))
        return false;
    goal_aim(goal, &aims, metric);
    return true;
}

bool search_objective_read(const struct arguments *arguments, enum aim usual, struct goal *goal,
                           struct err *err)
{
    const char *given = arguments_text(arguments, "fitness", "mean");
    if (strcmp(given, "mean") != 0 && strcmp(given, "min") != 0)
        return err_set(err, ERR_USAGE, "--fitness: '%s' is unknown, expected mean or min", given);
    goal->fitness = strcmp(given, "min") == 0 ? FITNESS_MIN : FITNESS_MEAN;
    if (!read_aims(arguments, usual, goal, err) || !read_controls(arguments, goal, err))
        return false;
    if (goal_is_mix(goal) && arguments_has(arguments, "fitness"))
        return err_set(err, ERR_USAGE, "--fitness has no say in a mix, expected min with a weight "
                                       "in --objective");
    return true;
}

static bool read_method(const struct arguments *arguments, struct search_options *options,
                        struct err *err)
{
    const char *method =
        arguments_text(arguments, "method", search_method_name(search_method_default));
    return search_method_parse(method, &options->method) ||
           err_set(err, ERR_USAGE, "--method: '%s' is unknown, expected %s", method,
                   search_method_choices());
}

static bool read_granularity(const struct arguments *arguments, struct search_options *options,
                             bool one_of_many, struct err *err)
{
    const char *method = search_method_name(options->method);
    const char *granularity =
        arguments_text(arguments, "granularity",
                       granularity_name(search_method_granularity(options->method)));
    if (!granularity_parse(granularity, &options->granularity))
        return err_set(err, ERR_USAGE, "--granularity: '%s' is unknown, expected row, group or bit",
                       granularity);
    if (one_of_many && !search_method_knows(options->method, options->granularity))
        options->granularity = GRANULARITY_ROW;
    return search_method_knows(options->method, options->granularity) ||
           err_set(err, ERR_USAGE, "method %s knows no flips of a %s, expected another "
                                   "--granularity, or --method guided", method, granularity);
}

static bool read_words(const struct arguments *arguments, struct search_options *options,
                       bool one_of_many, struct err *err)
{
    if (!read_granularity(arguments, options, one_of_many, err))
        return false;
    bool gap = options->method == SEARCH_GREEDY && !one_of_many;
    enum aim aim = gap ? AIM_GAP : AIM_MARGIN;
    const char *projs = arguments_text(arguments, "proj", NULL);
    struct goal goal = search_goal(options);
    if (!search_objective_read(arguments, aim, &goal, err))
        return false;
    search_take_goal(options, &goal);
    options->projs = search_method_projs(options->method);
    return !projs || search_projs_parse(projs, &options->projs, err);
}

static bool read_numbers(const struct arguments *arguments, struct search_options *options,
                         struct err *err)
{
    int64_t seed = 0, keep = -1;
    if (!arguments_int(arguments, "keep", 0, INT32_MAX, -1, &keep, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, (int64_t)options->seed, &seed, err) ||
        !arguments_double(arguments, "penalty", 0, 1e6, options->penalty, &options->penalty, err))
        return false;
    options->seed = (uint64_t)seed;
    options->keep_bytes = keep < 0 ? SEARCH_KEEP_DEFAULT : (uint64_t)keep << 20;
    options->threads = arguments_threads(arguments);
    options->plain = arguments_has(arguments, "plain-eval");
    options->early_stop = !options->plain;
    return true;
}

static bool refuse_setting(const struct setting *setting, const char *given, struct err *err)
{
    struct buf choices = {0};
    setting_choices(setting, &choices);
    (void)err_set(err, ERR_USAGE, "--%s: '%s' is unknown, expected %s", setting->name, given,
                  choices.data);
    buf_free(&choices);
    return false;
}

static bool read_setting(const struct arguments *arguments, const struct setting *setting,
                         struct search_options *options, bool one_of_many, struct err *err)
{
    const char *given = arguments_text(arguments, setting->name, NULL);
    double value = setting_get(setting, options);
    int64_t count = 0;
    if (!given)
        return true;
    if (one_of_many && !setting_applies(setting, options))
        return true;
    if (!setting_applies(setting, options))
        return err_set(err, ERR_USAGE, "method %s has no --%s",
                       search_method_name(options->method), setting->name);
    if (setting->kind == SETTING_WORD && (value = setting_word(setting, given)) < 0)
        return refuse_setting(setting, given, err);
    if (setting->kind == SETTING_NUMBER &&
        !arguments_double(arguments, setting->name, setting->min, setting->max, 0, &value, err))
        return false;
    if (setting->kind == SETTING_COUNT &&
        !arguments_int(arguments, setting->name, (int64_t)setting->min, (int64_t)setting->max, 0,
                       &count, err))
        return false;
    setting_set(setting, options, setting->kind == SETTING_COUNT ? (double)count : value);
    return true;
}

static bool read_settings(const struct arguments *arguments, struct search_options *options,
                          bool one_of_many, struct err *err)
{
    for (size_t i = 0; i < search_setting_count; i++)
        if (!read_setting(arguments, &search_settings[i], options, one_of_many, err))
            return false;
    return true;
}

static bool is_named(const char *name, const char *list)
{
    size_t len = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, len) == 0 && (at[len] == '\0' || at[len] == ','))
            return true;
    return false;
}

const char *search_controls(const char *given, const char *targets, const char *heldout,
                            const struct search_options *options, struct buf *out)
{
    static const char *const labelled[] = {"math", "code", "knowledge"};
    const struct goal goal = search_goal(options);
    if (given || options->method == SEARCH_GREEDY)
        return given && strcmp(given, "none") != 0 ? given : NULL;
    for (size_t i = 0; i < countof(labelled); i++)
        if (!is_named(labelled[i], targets) && !is_named(labelled[i], heldout))
            buf_add_format(out, "%s%s", out->len > 0 ? "," : "", labelled[i]);
    if (!goal_needs_wrong(&goal, true))
        buf_add_format(out, "%s%s", out->len > 0 ? "," : "", OWN_CONTROLS);
    return out->data;
}

/* Does it look for what helps most?  Then what is not measured pays for it; greedy takes what
 * comes by scale, random too, and prune puts nothing on. */
static bool is_eager(const struct search_options *options)
{
    return options->method == SEARCH_GREEDY
               ? options->order == ORDER_ATTRIBUTION
               : options->method != SEARCH_RANDOM && options->method != SEARCH_PRUNE;
}

void search_controls_warn(const struct search_options *options, const char *given, size_t count)
{
    const struct goal goal = search_goal(options);
    if (count >= CONTROLS_ENOUGH || !is_eager(options))
        return;
    cli_warn("%zu control%s: answers to what is not asked here are likely to break; fewer do "
             "with --control %s%s" OWN_CONTROLS "%s", count, count == 1 ? "" : "s",
             given ? given : "", given ? "," : "",
             goal_needs_wrong(&goal, true) ? " --control-metric margin" : "");
}

bool search_layers_read(const struct arguments *arguments, int32_t layers[SEARCH_LAYERS_MAX],
                        size_t *count, struct err *err)
{
    *count = 0;
    return parse_layers(arguments_text(arguments, "layers", NULL), layers, count, err);
}

static bool read_all(const struct arguments *arguments, struct search_options *options,
                     int32_t layers[SEARCH_LAYERS_MAX], bool one_of_many, struct err *err)
{
    const char *list = arguments_text(arguments, "layers", NULL);
    options->layer_count = 0;
    options->layers = list ? layers : NULL;
    return read_words(arguments, options, one_of_many, err) &&
           read_numbers(arguments, options, err) &&
           read_settings(arguments, options, one_of_many, err) &&
           parse_layers(list, layers, &options->layer_count, err);
}

struct search_options search_options_usual(void)
{
    struct search_options options = search_default_options();
    struct goal goal = search_goal(&options);
    const struct aims aims = {.weight = {[AIM_MARGIN] = 1}};
    goal_aim(&goal, &aims, METRIC_SEQ_LOGPROB);
    search_take_goal(&options, &goal);
    options.method = search_method_default;
    options.granularity = search_method_granularity(options.method);
    options.projs = search_method_projs(options.method);
    options.early_stop = true;
    return options;
}

bool search_options_read(const struct arguments *arguments, struct search_options *options,
                         int32_t layers[SEARCH_LAYERS_MAX], struct err *err)
{
    return read_method(arguments, options, err) &&
           read_all(arguments, options, layers, false, err);
}

bool search_options_read_for(const struct arguments *arguments, enum search_method method,
                             struct search_options *options, int32_t layers[SEARCH_LAYERS_MAX],
                             struct err *err)
{
    options->method = method;
    return read_all(arguments, options, layers, true, err);
}

bool search_options_going_on(const char *session)
{
    struct err ignored;
    if (!session || access(session, F_OK) != 0)
        return false;
    struct session *opened = session_open(session, SESSION_READ, &ignored);
    bool begun = !opened || !session_is_new(opened);
    session_close(opened);
    return begun;
}

bool search_options_leave_session(const struct arguments *arguments, struct err *err)
{
    static const char *const decided[] = {"target",  "control", "heldout", "mode",
                                          "layers",  "proj",    "penalty", "fitness",
                                          "metric",  "control-metric", "seed",
                                          "method",  "granularity", "objective", "from"};
    for (size_t i = 0; i < countof(decided); i++)
        if (arguments_has(arguments, decided[i]))
            return err_set(err, ERR_USAGE,
                           "--%s is decided by the session, expected it only for a new one",
                           decided[i]);
    for (size_t i = 0; i < search_setting_count; i++)
        if (arguments_has(arguments, search_settings[i].name))
            return err_set(err, ERR_USAGE,
                           "--%s is decided by the session, expected it only for a new one",
                           search_settings[i].name);
    return true;
}
