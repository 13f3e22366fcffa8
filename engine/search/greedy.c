/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The published greedy search: draw, measure (trial.c), keep what helps.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/guided.h"
#include "engine/search/search_int.h"

enum { WEIGHT_BITS_MAX = 36, DEFAULT_ALL_LAYERS_MAX = 8 };

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
    if (options->method == SEARCH_GREEDY)
        return search_default_layers(model, out);
    for (uint32_t i = 0; i < model_shape(model)->layers; i++)
        out[i] = (int32_t)i;
    return model_shape(model)->layers;
}

const char *search_method_name(enum search_method method)
{
    return method == SEARCH_GUIDED ? "guided" : "greedy";
}

bool search_method_parse(const char *name, enum search_method *method)
{
    for (int i = 0; i < SEARCH_METHOD_COUNT; i++)
        if (strcmp(name, search_method_name((enum search_method)i)) == 0) {
            *method = (enum search_method)i;
            return true;
        }
    return false;
}

/* ---- candidates -------------------------------------------------------------- */

static void add_rows(struct search *search, int32_t layer, enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    if (!model_matrix_size(search->model, layer, proj, &rows, &columns))
        return;
    search->candidates = x_grow(search->candidates, search->candidate_count + rows,
                                sizeof *search->candidates);
    for (uint32_t row = 0; row < rows; row++)
        search->candidates[search->candidate_count++] =
            (struct flip){layer, proj, row, FLIP_WHOLE_ROW, {0, 0}};
}

/* Mean |scale| of the row in units of 2^-24, a whole number. */
uint64_t search_row_weight(const struct model *model, const struct flip *flip)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(model, flip->layer, flip->proj, &rows, &columns);
    uint64_t sum = model_row_scale_sum(model, flip->layer, flip->proj, flip->row);
    uint64_t mean = sum / (columns / GROUP_WEIGHTS);
    uint64_t limit = UINT64_C(1) << WEIGHT_BITS_MAX; /* keeps the total of 2^26 rows exact */
    return mean < limit ? mean : limit;
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

static void collect(struct search *search, const int32_t *layers, size_t layer_count)
{
    for (size_t i = 0; i < layer_count; i++)
        for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++)
            if (search->options.projs >> proj & 1)
                add_rows(search, layers[i], (enum proj)proj);
    bool embed = search->options.projs >> PROJ_EMBED & 1;
    bool head = search->options.projs >> PROJ_HEAD & 1;
    if (embed || (head && model_shape(search->model)->tied)) /* tied: the same rows */
        add_rows(search, NO_LAYER, PROJ_EMBED);
    if (head && !model_shape(search->model)->tied)
        add_rows(search, NO_LAYER, PROJ_HEAD);
}

static bool make_candidates(struct search *search, const struct search_options *options,
                            struct err *err)
{
    size_t room = model_shape(search->model)->layers;
    room = room > options->layer_count ? room : options->layer_count;
    int32_t *layers = x_new(room, sizeof *layers);
    collect(search, layers, search_layers(search->model, options, layers));
    free(layers);
    if (search->candidate_count == 0)
        return err_set(err, ERR_USAGE, "no layers or projections are left to draw rows from");
    uint64_t *weights = x_new(search->candidate_count, sizeof *weights);
    for (size_t i = 0; i < search->candidate_count; i++)
        weights[i] = search_row_weight(search->model, &search->candidates[i]);
    search->draw = draw_new(weights, search->candidate_count);
    free(weights);
    return true;
}

/* ---- probes -------------------------------------------------------------------- */

enum metric search_control_metric(const struct search_options *options)
{
    return options->control_metric == METRIC_SAME ? options->metric : options->control_metric;
}

/* Has every probe what the metric looks at? */
static bool fit_metric(const struct probe_set *set, enum metric metric, const char *what,
                       struct err *err)
{
    for (size_t i = 0; i < set->count && metric_needs_wrong(metric); i++)
        if (set->probes[i].wrong[0] == '\0') {
            (void)err_set(err, ERR_MISMATCH,
                          "probe '%s' of the %s has no wrong answer, which a %s gap needs",
                          set->probes[i].name, what, metric_name(metric));
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
    if (targets->count == 0) {
        (void)err_set(err, ERR_USAGE, "there are no targets to search for");
        return NULL;
    }
    if (search->options.metric == METRIC_KL) {
        (void)err_set(err, ERR_USAGE, "the metric kl is for controls: no flip brings a model "
                                      "nearer to itself");
        return NULL;
    }
    if (!fit_metric(targets, search->options.metric, "targets", err) ||
        !fit_metric(controls, search_control_metric(&search->options), "controls", err))
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
    return probes;
}

struct search *search_begin(struct model *model, const struct search_options *options,
                            struct err *err)
{
    struct search *search = x_new(1, sizeof *search);
    search->model = model;
    search->options = *options;
    search->options.layers = NULL;
    search->last_at = NOT_ACCEPTED;
    rng_seed(&search->rng, options->seed);
    bool ok = layers_fit(model, options, err);
    if (ok && options->method == SEARCH_GUIDED)
        ok = (search->guided = guided_new(model, options, err)) != NULL;
    else
        ok = ok && make_candidates(search, options, err);
    if (ok)
        return search;
    search_free(search);
    return NULL;
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
        ok = search->guided || trial_prepare_screen(search, probes, err);
    }
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
    guided_free(search->guided);
    draw_free(search->draw);
    free(search->candidates);
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

/* The next candidate, not measured yet. */
static enum search_status choose(struct search *search, struct search_try *out,
                                 cancel_flag *cancel, struct err *err)
{
    *out = (struct search_try){.number = search->tried + 1};
    if (search->tried >= search->options.iterations)
        return SEARCH_FINISHED;
    if (search->guided)
        return guided_next(search, &out->flip, cancel, err);
    search->rng_before = search->rng; /* a step that fails can be repeated [S2] */
    if (!draw_next(search->draw, &search->rng, &search->last_index))
        return SEARCH_FINISHED;
    out->flip = search->candidates[search->last_index];
    return SEARCH_TRIED;
}

/* A drawn row goes back. */
static void draw_again(struct search *search, const struct flip *flip)
{
    draw_return(search->draw, search->last_index, search_row_weight(search->model, flip));
    search->rng = search->rng_before;
}

static void note_tried(struct search *search, const struct search_try *tried)
{
    search->tried++;
    search->screened += tried->screened;
    search->last = *tried;
    search->last_measured = !tried->screened && !tried->stopped;
    search->last_below = model_state(search->model);
    search->last_at = tried->accepted ? search->accepted_count : NOT_ACCEPTED;
    if (search->guided)
        guided_tried(search->guided, tried);
}

enum search_status search_step(struct search *search, struct search_try *out,
                               cancel_flag *cancel, struct err *err)
{
    enum search_status status = choose(search, out, cancel, err);
    if (status != SEARCH_TRIED)
        return status;
    if (!trial_candidate(search, out, cancel, err)) {
        if (search->guided)
            guided_give_up(search->guided);
        else
            draw_again(search, &out->flip);
        search->last_measured = false; /* its gaps may have been written over [G2] */
        return SEARCH_FAILED;
    }
    note_tried(search, out);
    if (out->accepted) {
        model_flip(search->model, &out->flip);
        search_push(search, &out->flip, 1, search->trial, out->fitness);
    }
    return SEARCH_TRIED;
}

void search_untry(struct search *search)
{
    BUG_ON(search->last.number != search->tried || search->tried == 0);
    BUG_ON(search->last_at != NOT_ACCEPTED);
    search->tried--;
    search->screened -= search->last.screened;
    if (search->guided)
        guided_untry(search->guided, &search->last.flip);
    else
        draw_again(search, &search->last.flip);
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
    return search->guided ? guided_units(search->guided) : search->candidate_count;
}

size_t search_tokens(const struct search *search)
{
    return measure_tokens(search->targets) + measure_tokens(search->controls);
}

const double *search_gaps_before(const struct search *search)
{
    return search->before;
}

const double *search_gaps_now(const struct search *search)
{
    return search->now;
}
