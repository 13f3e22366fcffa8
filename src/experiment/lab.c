/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/experiment/lab.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/record.h"
#include "src/base/json.h"
#include "src/base/sha256.h"

/* A model with as many MLP weights as the smallest published one is of its kind. */
static const double full_size_weights = 1e9;

/* ---- planning ---------------------------------------------------------------------- */

bool lab_take_set(const char **spec, const char *fallback, struct probe_set **set,
                  struct err *err)
{
    *spec = *spec ? *spec : fallback;
    *set = probe_set_load(*spec, err);
    return *set != NULL;
}

void lab_take_seed(struct lab *lab)
{
    enum { SEED = 42, NANO_SEED = 6 }; /* the published one; src/search/search_options.h says why */
    bool nano = strcmp(model_path(lab->model), "nano") == 0;
    if (!lab->settings.has_seed)
        lab->settings.seed = nano ? NANO_SEED : SEED;
}

void lab_take_metric(struct lab *lab, enum metric fallback)
{
    if (!lab->settings.has_metric)
        lab->settings.metric = fallback;
}

void lab_take_iterations(struct lab *lab, uint64_t small, uint64_t full)
{
    if (lab->settings.iterations == 0)
        lab->settings.iterations = lab->full_size ? full : small;
}

void lab_take_repeats(struct lab *lab, uint64_t small, uint64_t full)
{
    if (lab->settings.repeats == 0)
        lab->settings.repeats = lab->full_size ? full : small;
}

void lab_take_layers(struct lab *lab)
{
    struct lab_settings *settings = &lab->settings;
    if (settings->layer_count == 0 && model_shape(lab->model)->layers <= LAB_LAYERS_MAX)
        settings->layer_count = search_default_layers(lab->model, settings->layers);
}

/* What a search refuses is refused before anything is measured. */
static bool inputs_fit(const struct lab_settings *settings, struct err *err)
{
    struct search_inputs inputs = {0};
    bool ok = search_inputs_load(&inputs, settings->targets, settings->controls,
                                 settings->heldout, err);
    search_inputs_free(&inputs);
    return ok;
}

static void join(struct probe_set *all, const struct probe_set *set)
{
    for (size_t i = 0; set && i < set->count; i++)
        all->probes[all->count++] = set->probes[i];
}

bool lab_take_search_sets(struct lab *lab, const char *targets, const char *controls,
                          const char *heldout, struct err *err)
{
    struct lab_settings *settings = &lab->settings;
    if (!lab_take_set(&settings->targets, targets, &lab->targets, err) ||
        !lab_take_set(&settings->controls, controls, &lab->controls, err))
        return false;
    if ((settings->heldout || heldout) &&
        !lab_take_set(&settings->heldout, heldout, &lab->heldout, err))
        return false;
    size_t count = lab->targets->count + lab->controls->count +
                   (lab->heldout ? lab->heldout->count : 0);
    lab->all = x_new(1, sizeof *lab->all);
    lab->all->name = lab->targets->name;
    lab->all->probes = x_new(count, sizeof *lab->all->probes);
    join(lab->all, lab->targets);
    join(lab->all, lab->controls);
    join(lab->all, lab->heldout);
    return inputs_fit(settings, err);
}

bool lab_layers_fit(const struct lab *lab, struct err *err)
{
    uint32_t layers = model_shape(lab->model)->layers;
    for (size_t i = 0; i < lab->settings.layer_count; i++) {
        int32_t layer = lab->settings.layers[i];
        if (layer < 0 || (uint32_t)layer >= layers)
            return err_set(err, ERR_RANGE, "layer %d is outside 0 .. %u", (int)layer,
                           (unsigned)(layers - 1));
        for (size_t j = 0; j < i; j++)
            if (lab->settings.layers[j] == layer)
                return err_set(err, ERR_USAGE, "layer %d is named twice", (int)layer);
    }
    return true;
}

/* ---- what is run ------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *text)
{
    buf_add(out, text, strlen(text) + 1); /* with its end: no two lists look alike */
}

/* Files can change between two runs: sets are known by what is in them. */
static json_t *set_json(const char *spec, const struct probe_set *set)
{
    struct buf bytes = {0};
    char digest[SHA256_TEXT_SIZE] = "";
    struct err err = {0};
    for (size_t i = 0; i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        add_text(&bytes, probe->name);
        add_text(&bytes, probe->prompt);
        add_text(&bytes, probe->correct);
        add_text(&bytes, probe->wrong);
        for (size_t j = 0; j < probe->alternate_count; j++)
            add_text(&bytes, probe->alternates[j]);
        answer_rule_name(&probe->rule, &bytes);
    }
    (void)sha256_text(bytes.data ? bytes.data : "", bytes.len, digest, &err);
    buf_free(&bytes);
    json_t *object = json_object();
    (void)json_object_set_new(object, "name", json_text(spec, strlen(spec)));
    (void)json_object_set_new(object, "probes", json_integer((json_int_t)set->count));
    (void)json_object_set_new(object, "sha256", json_string(digest));
    return object;
}

static void add_sets(json_t *object, const struct lab *lab)
{
    const struct lab_settings *given = &lab->settings;
    const struct {
        const char *key, *spec;
        const struct probe_set *set;
    } sets[] = {
        {"probes", given->probes, lab->probes},
        {"target", given->targets, lab->targets},
        {"control", given->controls, lab->controls},
        {"heldout", given->heldout, lab->heldout},
    };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (sets[i].set)
            (void)json_object_set_new(object, sets[i].key, set_json(sets[i].spec, sets[i].set));
}

static json_t *patches_json(const struct lab_settings *settings)
{
    json_t *array = json_array();
    for (size_t i = 0; i < settings->patch_count; i++) {
        const struct patch *patch = settings->patches[i];
        const struct flips flips = {patch->flips, patch->flip_count};
        (void)json_array_append_new(array, json_pack("{s:o, s:o}", "name",
                                                     json_text(patch->name, strlen(patch->name)),
                                                     "flips", flips_json(&flips)));
    }
    return array;
}

static void add_lists(json_t *object, const struct lab_settings *settings, unsigned options)
{
    json_t *layers = json_array(), *sizes = json_array();
    for (size_t i = 0; i < settings->layer_count; i++)
        (void)json_array_append_new(layers, json_integer(settings->layers[i]));
    for (size_t i = 0; i < settings->size_count; i++)
        (void)json_array_append_new(sizes, json_integer((json_int_t)settings->sizes[i]));
    if (options & LAB_LAYERS)
        (void)json_object_set(object, "layers", layers);
    if (options & LAB_SIZES)
        (void)json_object_set(object, "sizes", sizes);
    if (options & LAB_PATCHES)
        (void)json_object_set_new(object, "patches", patches_json(settings));
    json_decref(layers);
    json_decref(sizes);
}

static json_t *settings_json(const struct lab *lab)
{
    const struct lab_settings *settings = &lab->settings;
    unsigned options = lab->experiment->options;
    json_t *object = json_object();
    add_sets(object, lab);
    add_lists(object, settings, options);
    if (options & LAB_METRIC)
        (void)json_object_set_new(object, "metric", json_string(metric_name(settings->metric)));
    if (options & LAB_ITERS)
        (void)json_object_set_new(object, "iters", json_integer((json_int_t)settings->iterations));
    if (options & LAB_REPEATS)
        (void)json_object_set_new(object, "repeats", json_integer((json_int_t)settings->repeats));
    if (options & LAB_SEED)
        (void)json_object_set_new(object, "seed", json_integer((json_int_t)settings->seed));
    return object;
}

static bool make_header(struct lab *lab, struct err *err)
{
    const char *hash = model_sha256(lab->model, err);
    if (!hash)
        return false;
    lab->header = json_pack("{s:s, s:i, s:s, s:s, s:o}", "experiment", lab->experiment->name,
                            "record", 1, "program", BANKAI_VERSION, "model_sha256", hash,
                            "settings", settings_json(lab));
    return true;
}

/* ---- from begin to end ------------------------------------------------------------- */

static bool is_full_size(const struct model *model)
{
    const struct model_shape *shape = model_shape(model);
    return 3.0 * shape->layers * shape->width * shape->ffn >= full_size_weights;
}

struct lab *lab_new(const struct experiment *experiment, struct model *model,
                    const struct lab_settings *settings, struct err *err)
{
    struct lab *lab = x_new(1, sizeof *lab);
    lab->experiment = experiment;
    lab->model = model;
    lab->settings = *settings;
    lab->full_size = is_full_size(model);
    if (experiment->plan(lab, err) && lab_layers_fit(lab, err) && make_header(lab, err)) {
        lab->total = experiment->cost(lab);
        return lab;
    }
    lab_free(lab);
    return NULL;
}

const json_t *lab_header(const struct lab *lab)
{
    return lab->header;
}

double lab_cost(const struct lab *lab)
{
    return lab->experiment->cost(lab);
}

size_t lab_resumed(const struct lab *lab)
{
    return lab->resumed;
}

const struct probe_set *lab_heldout(const struct lab *lab)
{
    return lab->heldout;
}

struct record *lab_record(const struct lab *lab)
{
    return lab->record;
}

bool lab_open(struct lab *lab, const char *path, bool fresh, double save_seconds,
              struct err *err)
{
    lab->save_seconds = save_seconds;
    lab->record = record_open(path, lab->header, fresh, err);
    return lab->record != NULL;
}

bool lab_run(struct lab *lab, const struct lab_watch *watch, cancel_flag *cancel, struct err *err)
{
    lab->watch = watch;
    lab->cancel = cancel;
    return model_unchanged(lab->model, err) && lab->experiment->run(lab, err);
}

struct account *lab_account(const struct lab *lab)
{
    struct account *account = account_new();
    lab->experiment->report(lab, account);
    return account;
}

void lab_free(struct lab *lab)
{
    if (!lab)
        return;
    measure_free(lab->measure);
    record_close(lab->record);
    json_decref(lab->header);
    buf_free(&lab->spec);
    probe_set_free(lab->probes);
    probe_set_free(lab->targets);
    probe_set_free(lab->controls);
    probe_set_free(lab->heldout);
    subset_free(lab->all);
    free(lab);
}

/* ---- units ------------------------------------------------------------------------- */

const char *lab_name(char name[LAB_NAME_MAX], const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(name, LAB_NAME_MAX, format, values);
    va_end(values);
    return name;
}

static void tell(struct lab *lab, const char *what)
{
    if (lab->watch)
        lab->watch->report(lab->watch->user, what, lab->done, lab->total);
}

void lab_progress(struct lab *lab, const char *what, double tokens)
{
    lab->done += tokens;
    tell(lab, what);
}

bool lab_unit(struct lab *lab, const char *unit, double tokens, lab_work *work,
              const void *request, struct err *err)
{
    if (record_get(lab->record, unit)) {
        lab->resumed++;
        lab->total -= tokens; /* so that the pace is that of this run */
        return true;
    }
    if (lab->cancel && atomic_load(lab->cancel))
        return err_set(err, ERR_CANCELLED, "interrupted");
    double expected = lab->done + tokens;
    struct state_name before = model_state(lab->model);
    uint64_t groups = 0, bits = model_flipped_bits(lab->model, &groups);
    tell(lab, unit);
    json_t *result = work(lab, request, err);
    BUG_ON(!state_name_equal(model_state(lab->model), before)); /* [Y2] */
    BUG_ON(model_flipped_bits(lab->model, &groups) != bits);
    if (!result)
        return false;
    lab->done = expected; /* what was not needed counts as done */
    tell(lab, unit);
    return record_put(lab->record, unit, result, err);
}

const json_t *lab_result(const struct lab *lab, const char *unit)
{
    return record_get(lab->record, unit);
}

double lab_number(const struct lab *lab, const char *unit, const char *key)
{
    const json_t *value = json_object_get(lab_result(lab, unit), key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

json_t *lab_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *lab_count(double value)
{
    const double most = 9007199254740992.0; /* 2^53 */
    return value >= 0 && value <= most ? json_integer((json_int_t)value) : json_null();
}

/* ---- sets -------------------------------------------------------------------------- */

struct probe_set *subset_new(const struct probe_set *set,
                             bool (*keep)(const struct probe *probe, size_t index, void *user),
                             void *user)
{
    struct probe_set *subset = x_new(1, sizeof *subset);
    subset->name = set->name;
    subset->probes = x_new(set->count, sizeof *subset->probes);
    for (size_t i = 0; i < set->count; i++)
        if (keep(&set->probes[i], i, user))
            subset->probes[subset->count++] = set->probes[i];
    return subset;
}

void subset_free(struct probe_set *subset)
{
    if (!subset)
        return;
    free(subset->probes);
    free(subset);
}
