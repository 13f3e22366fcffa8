/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings of a search as JSON: all that decides which flips it accepts.
 */
#include <string.h>

#include "src/base/json_field.h"
#include "engine/search/setting.h"
#include "src/session/journal.h"

/* ---- to JSON --------------------------------------------------------------------- */

static json_t *layers_json(const struct search_options *options)
{
    if (!options->layers)
        return json_null(); /* the model's default layers */
    json_t *array = json_array();
    for (size_t i = 0; i < options->layer_count; i++)
        (void)json_array_append_new(array, json_integer(options->layers[i]));
    return array;
}

static json_t *projs_json(uint32_t projs)
{
    json_t *array = json_array();
    for (int proj = 0; proj < PROJ_COUNT; proj++)
        if (projs >> proj & 1)
            (void)json_array_append_new(array, json_string(proj_name((enum proj)proj)));
    return array;
}

static json_t *setting_json(const struct setting *setting, const struct search_options *options)
{
    double value = setting_get(setting, options);
    switch (setting->kind) {
    case SETTING_COUNT: return json_integer((json_int_t)value);
    case SETTING_NUMBER: return json_real(value);
    case SETTING_WORD: return json_string(setting->words[(int)value]);
    }
    return NULL;
}

static void add_settings(json_t *object, const struct search_options *options)
{
    for (size_t i = 0; i < search_setting_count; i++)
        if (setting_applies(&search_settings[i], options))
            (void)json_object_set_new(object, search_settings[i].name,
                                      setting_json(&search_settings[i], options));
}

/* What was asked for, in words; a mix of metrics for controls where there is one. */
static void set_goal(json_t *object, const struct search_options *options)
{
    struct goal goal = search_goal(options);
    struct buf text = {0};
    goal_text(&goal, &text);
    (void)json_object_set_new(object, "objective", json_string(text.data));
    text.len = 0;
    goal_controls_text(&goal, &text);
    bool mixed = text.len > 0 && strcspn(text.data, ":") < text.len;
    if (mixed)
        (void)json_object_set_new(object, "control_mix", json_string(text.data));
    else if (text.len > 0 || !goal_is_mix(&goal)) /* else they are judged by the mix, too */
        (void)json_object_set_new(object, "control_metric",
                                  json_string(metric_name(search_control_metric(options))));
    buf_free(&text);
}

json_t *journal_settings(const struct search_options *options)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "method",
                              json_string(search_method_name(options->method)));
    if (options->method != SEARCH_GREEDY)
        (void)json_object_set_new(object, "granularity",
                                  json_string(granularity_name(options->granularity)));
    (void)json_object_set_new(object, "layers", layers_json(options));
    (void)json_object_set_new(object, "proj", projs_json(options->projs));
    (void)json_object_set_new(object, "iterations",
                              options->iterations > INT64_MAX
                                  ? json_null() /* no limit */
                                  : json_integer((json_int_t)options->iterations));
    (void)json_object_set_new(object, "penalty", json_real(options->penalty));
    set_goal(object, options);
    (void)json_object_set_new(object, "fitness",
                              json_string(options->fitness == FITNESS_MIN ? "min" : "mean"));
    (void)json_object_set_new(object, "metric", json_string(metric_name(options->metric)));
    if (options->starts)
        (void)json_object_set_new(object, "starts", json_string(options->starts));
    (void)json_object_set_new(object, "seed", json_integer((json_int_t)options->seed));
    add_settings(object, options);
    return object;
}

/* ---- and back ---------------------------------------------------------------------- */

static bool read_layers(const json_t *settings, struct search_options *options,
                        int32_t layers[SESSION_LAYERS_MAX], struct err *err)
{
    const json_t *array = json_object_get(settings, "layers");
    options->layers = NULL;
    options->layer_count = 0;
    if (json_is_null(array))
        return true;
    if (!json_is_array(array) || json_array_size(array) > SESSION_LAYERS_MAX)
        return json_refuse(array, "settings", "layers", "a list of layers or null", err);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) > INT32_MAX)
            return json_refuse(value, "settings.layers", NULL, "a layer", err);
        layers[options->layer_count++] = (int32_t)json_integer_value(value);
    }
    options->layers = layers;
    return true;
}

static bool read_projs(const json_t *settings, struct search_options *options, struct err *err)
{
    json_t *array = NULL;
    if (!json_field_array(settings, "settings", "proj", true, &array, err))
        return false;
    options->projs = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *value = json_array_get(array, i);
        enum proj proj = PROJ_Q;
        if (!json_is_string(value) || !proj_parse(json_string_value(value), &proj))
            return json_refuse(value, "settings.proj", NULL, "a projection", err);
        options->projs |= 1u << proj;
    }
    return true;
}

static bool read_words(const json_t *settings, struct search_options *options, struct err *err)
{
    const char *fitness = NULL, *metric = NULL, *method = NULL, *control = NULL;
    if (!json_field_text(settings, "settings", "fitness", true, &fitness, err) ||
        !json_field_text(settings, "settings", "metric", true, &metric, err) ||
        !json_field_text(settings, "settings", "control_metric", false, &control, err) ||
        !json_field_text(settings, "settings", "method", true, &method, err))
        return false;
    if (!search_method_parse(method, &options->method))
        return json_refuse(json_object_get(settings, "method"), "settings", "method",
                           search_method_choices(), err);
    if (strcmp(fitness, "min") != 0 && strcmp(fitness, "mean") != 0)
        return json_refuse(json_object_get(settings, "fitness"), "settings", "fitness",
                           "\"mean\" or \"min\"", err);
    if (!metric_parse(metric, &options->metric))
        return json_refuse(json_object_get(settings, "metric"), "settings", "metric",
                           metric_choices(false), err);
    options->control_metric = METRIC_SAME; /* of sessions from before there was a choice */
    if (control && !metric_parse(control, &options->control_metric))
        return json_refuse(json_object_get(settings, "control_metric"), "settings",
                           "control_metric", metric_choices(true), err);
    options->fitness = strcmp(fitness, "min") == 0 ? FITNESS_MIN : FITNESS_MEAN;
    return true;
}

static bool read_granularity(const json_t *settings, struct search_options *options,
                             struct err *err)
{
    const char *name = NULL;
    options->granularity = GRANULARITY_ROW;
    if (options->method == SEARCH_GREEDY)
        return true;
    if (!json_field_text(settings, "settings", "granularity", true, &name, err))
        return false;
    return granularity_parse(name, &options->granularity) ||
           json_refuse(json_object_get(settings, "granularity"), "settings", "granularity",
                       "\"row\" or \"group\"", err);
}

/* A mix of objectives, and of metrics for controls: where there are any. */
static bool read_goal(const json_t *settings, struct search_options *options, struct err *err)
{
    const char *objective = NULL, *controls = NULL;
    struct goal goal = search_goal(options);
    struct aims aims;
    goal.aims = (struct aims){{0}};
    if (!json_field_text(settings, "settings", "objective", false, &objective, err) ||
        !json_field_text(settings, "settings", "control_mix", false, &controls, err))
        return false;
    if (objective && !aims_parse(objective, &aims, err))
        return err_where(err, "settings.objective");
    if (objective)
        goal_aim(&goal, &aims, goal.metric);
    options->aims = goal.aims;
    options->control_mix = (struct mix){.focal = 0};
    if (controls && !goal_controls_parse(controls, &options->control_mix, err))
        return err_where(err, "settings.control_mix");
    return true;
}

static bool read_iterations(const json_t *settings, struct search_options *options,
                            struct err *err)
{
    int64_t iterations = 0;
    options->iterations = UINT64_MAX;
    if (json_is_null(json_object_get(settings, "iterations")))
        return true;
    if (!json_field_int(settings, "settings", "iterations", 0, INT64_MAX, &iterations, err))
        return false;
    options->iterations = (uint64_t)iterations;
    return true;
}

/* A number in its range or one of the words; *out is what stands for it. */
static bool setting_value(const struct setting *setting, const json_t *value, double *out)
{
    if (setting->kind == SETTING_WORD) {
        int word = json_is_string(value) ? setting_word(setting, json_string_value(value)) : -1;
        *out = word;
        return word >= 0;
    }
    *out = json_number_value(value);
    return (setting->kind == SETTING_COUNT ? json_is_integer(value) : json_is_number(value)) &&
           *out >= setting->min && *out <= setting->max;
}

static bool read_setting(const struct setting *setting, const json_t *settings,
                         struct search_options *options, struct err *err)
{
    const json_t *value = json_object_get(settings, setting->name);
    struct buf choices = {0};
    double number = setting->absent;
    bool ok = !value || setting_value(setting, value, &number);
    if (ok) {
        setting_set(setting, options, number);
        return true;
    }
    setting_choices(setting, &choices);
    (void)json_refuse(value, "settings", setting->name, choices.data, err);
    buf_free(&choices);
    return false;
}

static bool read_settings(const json_t *settings, struct search_options *options,
                          struct err *err)
{
    for (size_t i = 0; i < search_setting_count; i++)
        if (setting_applies(&search_settings[i], options) &&
            !read_setting(&search_settings[i], settings, options, err))
            return false;
    return true;
}

bool journal_options(const json_t *settings, struct search_options *options,
                     int32_t layers[SESSION_LAYERS_MAX], struct err *err)
{
    int64_t seed = 0;
    options->starts = NULL;
    const json_t *penalty = json_object_get(settings, "penalty");
    if (!read_layers(settings, options, layers, err) || !read_projs(settings, options, err) ||
        !read_words(settings, options, err) || !read_goal(settings, options, err) ||
        !read_granularity(settings, options, err) ||
        !read_iterations(settings, options, err) || !read_settings(settings, options, err) ||
        !json_field_text(settings, "settings", "starts", false, &options->starts, err) ||
        !json_field_int(settings, "settings", "seed", 0, INT64_MAX, &seed, err))
        return false;
    if (!json_is_number(penalty) || !(json_number_value(penalty) >= 0))
        return json_refuse(penalty, "settings", "penalty", "a number of at least 0", err);
    options->seed = (uint64_t)seed;
    options->penalty = json_number_value(penalty);
    return true;
}
