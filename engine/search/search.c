/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The driver: a candidate of the method is measured (trial.c) and kept if that is wanted.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/method.h"
#include "engine/search/starts.h"

enum { DEFAULT_ALL_LAYERS_MAX = 8 };

struct search_options search_default_options(void)
{
    return (struct search_options){
        .projs = 1u << PROJ_GATE | 1u << PROJ_UP,
        .iterations = 200,
        .penalty = 2.0,
        .fitness = FITNESS_MEAN,
        .metric = METRIC_SEQ_LOGPROB,
        .control_metric = METRIC_SAME,
        .seed = 42,
        .keep_bytes = SEARCH_KEEP_DEFAULT,
        .chunk = 8,
        .together = SEARCH_TOGETHER_DEFAULT,
    };
}

size_t search_default_layers(const struct model *model, int32_t *out)
{
    uint32_t layers = model_shape(model)->layers;
    size_t count = 0;
    if (layers <= DEFAULT_ALL_LAYERS_MAX) {
        for (uint32_t i = 0; i < layers; i++)
            out[count++] = (int32_t)i;
        return count;
    }
    for (int32_t i = 1; i <= 4; i++)
        out[count++] = i;
    out[count++] = (int32_t)layers - 2;
    return count;
}

size_t search_layers(const struct model *model, const struct search_options *options,
                     int32_t *out)
{
    if (options->layers) {
        memcpy(out, options->layers, options->layer_count * sizeof *out);
        return options->layer_count;
    }
    if (!search_methods[options->method]->whole_model)
        return search_default_layers(model, out);
    for (uint32_t i = 0; i < model_shape(model)->layers; i++)
        out[i] = (int32_t)i;
    return model_shape(model)->layers;
}

static bool layers_fit(const struct model *model, const struct search_options *options,
                       struct err *err)
{
    for (size_t i = 0; i < options->layer_count; i++) {
        int32_t layer = options->layers[i];
        if (layer < 0 || (uint32_t)layer >= model_shape(model)->layers)
            return err_set(err, ERR_RANGE, "layer %d is outside 0 .. %u", (int)layer,
                           (unsigned)(model_shape(model)->layers - 1));
        for (size_t j = 0; j < i; j++)
            if (options->layers[j] == layer)
                return err_set(err, ERR_USAGE, "layer %d is named twice", (int)layer);
    }
    return true;
}

/* ---- probes -------------------------------------------------------------------- */

struct goal search_goal(const struct search_options *options)
{
    return (struct goal){
        .metric = options->metric,
        .control_metric = options->control_metric,
        .fitness = options->fitness,
        .aims = options->aims,
        .control_mix = options->control_mix,
        .penalty = options->penalty,
    };
}

void search_take_goal(struct search_options *options, const struct goal *goal)
{
    options->metric = goal->metric;
    options->control_metric = goal->control_metric;
    options->fitness = goal->fitness;
    options->aims = goal->aims;
    options->control_mix = goal->control_mix;
}

enum metric search_control_metric(const struct search_options *options)
{
    return options->control_metric == METRIC_SAME ? options->metric : options->control_metric;
}

/* Has every probe what the objective looks at? */
static bool fit_goal(const struct probe_set *set, const struct goal *goal, bool controls,
                     struct err *err)
{
    bool needs_wrong = goal_needs_wrong(goal, controls);
    for (size_t i = 0; i < set->count && needs_wrong; i++)
        if (set->probes[i].wrong[0] == '\0') {
            (void)err_set(err, ERR_MISMATCH,
                          "probe '%s' of the %s has no wrong answer, which a %s gap needs",
                          set->probes[i].name, controls ? "controls" : "targets",
                          goal_measured(goal, controls));
            return err_file(err, set->probes[i].set);
        }
    return true;
}

/* The targets with the smallest gaps; of equal ones the first. */
void search_pick_worst(struct search *search)
{
    for (search->screen_count = 0; search->screen_count < SCREEN_COUNT; search->screen_count++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < search->target_count; i++) {
            bool taken = search->screen_count > 0 && search->worst[0] == i;
            if (!taken && (best == SIZE_MAX || search->before[i] < search->before[best]))
                best = i;
        }
        if (best == SIZE_MAX)
            return;
        search->worst[search->screen_count] = best;
    }
}

/* Targets, then controls, and room for their gaps; the caller frees the list. */
const struct probe **search_take_probes(struct search *search, const struct probe_set *targets,
                                        const struct probe_set *controls, struct err *err)
{
    struct goal goal = search_goal(&search->options);
    if (targets->count == 0) {
        (void)err_set(err, ERR_USAGE, "there are no targets to search for");
        return NULL;
    }
    if (search->options.metric == METRIC_KL) {
        (void)err_set(err, ERR_USAGE, "the metric kl is for controls: no flip brings a model "
                                      "nearer to itself");
        return NULL;
    }
    if (!fit_goal(targets, &goal, false, err) || !fit_goal(controls, &goal, true, err))
        return NULL;
    size_t count = targets->count + controls->count;
    const struct probe **probes = x_new(count, sizeof *probes);
    for (size_t i = 0; i < count; i++)
        probes[i] = i < targets->count ? &targets->probes[i]
                                       : &controls->probes[i - targets->count];
    search->target_count = targets->count;
    search->probe_count = count;
    search->before = x_new(count, sizeof *search->before);
    search->now = x_new(count, sizeof *search->now);
    search->trial = x_new(count, sizeof *search->trial);
    if (!search->method->take_probes || search->method->take_probes(search, probes, err))
        return probes;
    free(probes);
    return NULL;
}

struct search *search_begin(struct model *model, const struct search_options *options,
                            struct err *err)
{
    struct search *search = x_new(1, sizeof *search);
    search->model = model;
    search->options = *options;
    search->options.layers = NULL; /* borrowed for the call, as are the starts */
    search->options.starts = NULL;
    search->method = search_methods[options->method];
    search->last_at = NOT_ACCEPTED;
    if (layers_fit(model, options, err) && search->method->begin(search, options, err))
        return search;
    search_free(search);
    return NULL;
}

/* The patch to begin with becomes the first level. */
static bool put_start(struct search *search, const char *starts, cancel_flag *cancel,
                      struct err *err)
{
    size_t count = search->method->takes_starts ? 0 : starts_count(starts);
    struct flip_bag start = {0};
    if (count > 1)
        return err_set(err, ERR_USAGE, "method %s begins with one patch, found %zu",
                       search->method->name, count);
    bool ok = count == 0 || (starts_read(starts, 0, search->model, &start, err) &&
                             search_keep_all(search, start.flips, start.count, cancel, err));
    flip_bag_free(&start);
    return ok;
}

struct search *search_new(struct model *model, const struct probe_set *targets,
                          const struct probe_set *controls, const struct search_options *options,
                          cancel_flag *cancel, struct err *err)
{
    struct search *search = search_begin(model, options, err);
    const struct probe **probes =
        search ? search_take_probes(search, targets, controls, err) : NULL;
    bool ok = probes && trial_prepare(search, probes, cancel, err) &&
              trial_gaps(search, search->before, cancel, err);
    if (ok) {
        memcpy(search->now, search->before, search->probe_count * sizeof *search->now);
        search_pick_worst(search);
        ok = !search->method->screens || trial_prepare_screen(search, probes, err);
    }
    ok = ok && put_start(search, options->starts, cancel, err);
    free(probes);
    if (ok)
        return search;
    search_free(search);
    return NULL;
}

void search_free(struct search *search)
{
    if (!search)
        return;
    trial_free(search);
    if (search->plan)
        search->method->free(search);
    free(search->trying.flips);
    free(search->tried_flips.flips);
    free(search->before);
    free(search->now);
    free(search->trial);
    free(search->accepted);
    free(search->history);
    free(search->level_first);
    free(search->gaps_below);
    free(search);
}

/* ---- one step --------------------------------------------------------------------- */

void search_add(struct search *search, const struct flip *flip)
{
    struct flip_list *list = &search->trying;
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 1;
        list->flips = x_grow(list->flips, list->capacity, sizeof *list->flips);
    }
    list->flips[list->count++] = *flip;
}

/* The next candidate, not measured yet. */
static enum search_status choose(struct search *search, struct search_try *out,
                                 cancel_flag *cancel, struct err *err)
{
    *out = (struct search_try){.number = search->tried + 1};
    if (search->tried >= search->options.iterations)
        return SEARCH_FINISHED;
    search->trying.count = 0;
    search->promised = 0;
    enum search_status status = search->method->next(search, cancel, err);
    BUG_ON(status == SEARCH_TRIED && search->trying.count == 0);
    if (status != SEARCH_TRIED)
        return status;
    out->flip = search->trying.flips[0];
    out->flips = search->trying.flips;
    out->count = search->trying.count;
    out->promised = search->promised;
    return SEARCH_TRIED;
}

/* Its flips stay until the next one is chosen. */
static void keep_flips(struct search *search)
{
    struct flip_list before = search->tried_flips;
    search->tried_flips = search->trying;
    search->trying = before;
}

static void note_tried(struct search *search, const struct search_try *tried)
{
    keep_flips(search);
    search->tried++;
    search->screened += tried->screened;
    search->last = *tried;
    search->last_measured = !tried->screened && !tried->stopped;
    search->last_below = model_state(search->model);
    search->last_at = tried->accepted ? search->accepted_count : NOT_ACCEPTED;
    if (search->method->tried)
        search->method->tried(search, tried);
}

enum search_status search_step(struct search *search, struct search_try *out,
                               cancel_flag *cancel, struct err *err)
{
    enum search_status status = choose(search, out, cancel, err);
    if (status != SEARCH_TRIED)
        return status;
    if (!trial_candidate(search, out, cancel, err)) {
        if (search->method->give_up)
            search->method->give_up(search);
        search->last_measured = false; /* its gaps may have been written over [G2] */
        return SEARCH_FAILED;
    }
    note_tried(search, out);
    if (out->accepted) {
        search_flip_all(search, out->flips, out->count);
        search_push(search, out->flips, out->count, search->trial, out->fitness);
    }
    return SEARCH_TRIED;
}

void search_untry(struct search *search)
{
    BUG_ON(search->last.number != search->tried || search->tried == 0);
    BUG_ON(search->last_at != NOT_ACCEPTED);
    search->tried--;
    search->screened -= search->last.screened;
    if (search->method->untry)
        search->method->untry(search, &search->last);
    search->last = (struct search_try){0};
    search->last_measured = false;
}

/* ---- questions --------------------------------------------------------------------- */

void search_set_early_stop(struct search *search, bool early_stop)
{
    search->options.early_stop = early_stop;
}

double search_fitness(const struct search *search)
{
    return search->fitness;
}

uint64_t search_tried(const struct search *search)
{
    return search->tried;
}

uint64_t search_screened(const struct search *search)
{
    return search->screened;
}

uint64_t search_candidates(const struct search *search)
{
    return search->method->candidates(search);
}

size_t search_tokens(const struct search *search)
{
    return measure_tokens(search->targets) + measure_tokens(search->controls);
}

void search_note_pass(struct search *search, const struct predict *predict)
{
    search->passes++;
    search->pass_tokens += predict_tokens(predict);
}

uint64_t search_passes(const struct search *search)
{
    return search->passes;
}

double search_passes_cost(const struct search *search)
{
    size_t tokens = search_tokens(search);
    return tokens > 0 ? 3 * (double)search->pass_tokens / (double)tokens : 0;
}

const double *search_gaps_before(const struct search *search)
{
    return search->before;
}

const double *search_gaps_now(const struct search *search)
{
    return search->now;
}
