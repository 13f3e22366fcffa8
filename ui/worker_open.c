/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Opening: model, probes, patch file, scales for the map, gaps before the search.
 * Each is told as soon as it is known, so that the screen fills while a big model
 * is still being measured.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/starts.h"
#include "ui/worker_int.h"

size_t worker_searched(const struct worker *worker)
{
    return worker->probes.targets->count + worker->probes.controls->count;
}

struct patch *worker_patch_new(const struct worker *worker, const char *name)
{
    const struct worker_options *options = &worker->options;
    char *targets = session_get(worker->session, "targets");
    char *controls = session_get(worker->session, "controls");
    struct patch *patch = search_patch_new(&(struct search_origin){.name = name,
                                                    .model = model_path(worker->model),
                                                    .targets = targets ? targets : "",
                                                    .controls = controls,
                                                    .probes = &worker->probes,
                                                    .options = &options->search},
                            worker->model);
    free(targets);
    free(controls);
    return patch;
}

/* ---- what is told ------------------------------------------------------------- */

static struct search_options *copy_search(const struct search_options *from)
{
    struct search_options *copy = x_new(1, sizeof *copy);
    *copy = *from;
    if (!from->layers)
        return copy;
    int32_t *layers = x_new(from->layer_count, sizeof *layers);
    if (from->layer_count > 0)
        memcpy(layers, from->layers, from->layer_count * sizeof *layers);
    copy->layers = layers;
    return copy;
}

static uint64_t looks(struct worker *worker)
{
    uint64_t count = 0;
    struct err ignored;
    if (session_is_new(worker->session))
        return worker->options.heldout_looks;
    return session_looks(worker->session, &count, &ignored) ? count : 0;
}

static void emit_opened(struct worker *worker)
{
    struct event *event = event_new(EVENT_OPENED, worker->job);
    event->opened = (struct event_opened){
        .model = worker->model,
        .probes = &worker->probes.all,
        .target_count = worker->probes.targets->count,
        .control_count = worker->probes.controls->count,
        .heldout_count = worker->probes.heldout->count,
        .metric = worker->options.search.metric,
        .control_metric = search_control_metric(&worker->options.search),
        .search = copy_search(&worker->options.search),
        .output = x_copy(worker->output.data, worker->output.len),
        .session = x_copy(session_path(worker->session), strlen(session_path(worker->session))),
        .missing_steps = session_missing_steps(worker->session),
        .heldout_looks = looks(worker),
        .view = session_get(worker->session, "view"),
        .read_only = worker->options.read_only,
    };
    worker_emit(worker, event);
}

static void emit_scales(struct worker *worker, int32_t layer, enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    if (!model_matrix_size(worker->model, layer, proj, &rows, &columns))
        return;
    float *mean = x_new(rows, sizeof *mean);
    for (uint32_t row = 0; row < rows; row++)
        mean[row] = (float)search_row_scale(worker->model, layer, proj, row);
    struct event *event = event_new(EVENT_SCALES, worker->job);
    event->scales = (struct event_scales){layer, proj, rows, mean};
    worker_emit(worker, event);
}

/* In the order of the map; false when it is time to stop. */
static bool emit_all_scales(struct worker *worker, struct err *err)
{
    int32_t layers = (int32_t)model_shape(worker->model)->layers;
    for (int32_t layer = 0; layer < layers; layer++)
        for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
            if (atomic_load(&worker->cancel))
                return err_set(err, ERR_CANCELLED, "cancelled");
            emit_scales(worker, layer, (enum proj)proj);
        }
    emit_scales(worker, NO_LAYER, PROJ_EMBED);
    if (!model_shape(worker->model)->tied) /* else it is the embedding */
        emit_scales(worker, NO_LAYER, PROJ_HEAD);
    return true;
}

static void emit_gaps(struct worker *worker)
{
    struct event *event = event_new(EVENT_GAPS, worker->job);
    event->gaps = event_copy_gaps(search_gaps_before(worker->search), worker_searched(worker));
    worker_emit(worker, event);
}

void worker_emit_next(struct worker *worker)
{
    double scales[WORKER_NEXT_MAX];
    struct event *event = event_new(EVENT_NEXT, worker->job);
    struct event_next *next = &event->next;
    next->flips = x_new(WORKER_NEXT_MAX, sizeof *next->flips);
    next->scales = x_new(WORKER_NEXT_MAX, sizeof *next->scales);
    next->count = search_peek(worker->search, WORKER_NEXT_MAX, next->flips, scales);
    for (size_t i = 0; i < next->count; i++)
        next->scales[i] = (float)scales[i];
    next->promised = x_new(WORKER_NEXT_MAX, sizeof *next->promised);
    for (size_t i = 0; i < next->count; i++)
        next->promised[i] = search_promised(worker->search, &next->flips[i]);
    next->left = search_left(worker->search);
    worker_emit(worker, event);
}

/* The flips that are on, as they are in the patch file. */
void worker_emit_flips(struct worker *worker)
{
    size_t accepted = 0;
    (void)search_accepted(worker->search, &accepted);
    search_patch_fill(worker->patch, worker->search, accepted);
    struct event *event = event_new(EVENT_FLIPS, worker->job);
    struct event_flips *flips = &event->flips;
    flips->count = worker->patch->flip_count;
    flips->flips = x_new(flips->count, sizeof *flips->flips);
    if (flips->count > 0)
        memcpy(flips->flips, worker->patch->flips, flips->count * sizeof *flips->flips);
    flips->fitness = search_fitness(worker->search);
    flips->gaps = event_copy_gaps(search_gaps_now(worker->search), worker_searched(worker));
    flips->step = session_head(worker->session);
    flips->can_redo = journal_can_redo(worker->journal);
    flips->tried = search_tried(worker->search); /* the session's too [N1] */
    flips->screened = search_screened(worker->search);
    flips->small = worker_is_small(worker);
    worker_emit(worker, event);
}

/* ---- opening --------------------------------------------------------------------- */

/* A viewer's is a name on the screen: nothing is written there, so it need not be possible. */
static bool choose_output(struct worker *worker, struct err *err)
{
    const char *named = worker->options.output;
    if (!worker->options.read_only)
        return search_output_path(named, &worker->output, err);
    buf_add_text(&worker->output, named ? named : "last.json");
    return true;
}

static void report_labels(void *user, size_t done, size_t total)
{
    worker_emit_progress(user, done, total, "labelling controls");
}

/* Controls of a new session that the model labels itself. */
static bool label_controls(struct worker *worker, struct err *err)
{
    const struct search_options *search = &worker->options.search;
    const struct work_progress progress = {report_labels, worker};
    const struct goal goal = search_goal(search);
    return search_inputs_are_labelled(&worker->probes) ||
           search_inputs_label(&worker->probes, worker->model, &goal, search->threads, &progress,
                               &worker->cancel, err);
}

static bool add_start(struct worker *worker, const char *path, struct err *err)
{
    bool unstated = false;
    struct patch *patch = patch_read(path, err);
    bool ok = patch && ((patch_matches(patch, worker->model, &unstated, err) &&
                         patch_fits(patch, worker->model, err) &&
                         starts_add(&worker->starts, patch->flips, patch->flip_count, err)) ||
                        err_file(err, path));
    patch_free(patch);
    return ok;
}

/* Of a new session: one that is gone on with has them. */
static bool take_starts(struct worker *worker, struct err *err)
{
    bool ok = true;
    for (const char *at = worker->options.from; ok && at;) {
        size_t len = strcspn(at, ",");
        char *path = x_copy(at, len);
        ok = add_start(worker, path, err);
        free(path);
        at = at[len] ? at + len + 1 : NULL;
    }
    if (ok && worker->starts.len > 0)
        worker->options.search.starts = worker->starts.data;
    return ok;
}

static bool load(struct worker *worker, struct err *err)
{
    if (!worker_session_open(worker, err) || !worker_session_inputs(worker, err))
        return false;
    worker->model = worker_session_model(worker, err);
    if (!worker->model || !choose_output(worker, err) || !take_starts(worker, err) ||
        !label_controls(worker, err))
        return false;
    model_hash_start(worker->model); /* the session needs it */
    worker_past_read(worker);
    emit_opened(worker);
    return true;
}

bool worker_open(struct worker *worker, struct err *err)
{
    if (!load(worker, err) || !emit_all_scales(worker, err))
        return false;
    if (!worker_session_begin(worker, err))
        return false;
    worker->patch = worker_patch_new(worker, "search");
    worker_watch(worker);
    emit_gaps(worker);
    worker_emit_next(worker);
    worker_past_tries(worker);
    worker_emit_states(worker);
    worker_past_last(worker);
    worker_emit_flips(worker);
    worker_past_texts(worker);
    if (worker->options.offer)
        worker_offer(worker);
    return true;
}

void worker_close(struct worker *worker)
{
    for (size_t i = 0; i < 2; i++) {
        evaluation_free(worker->answers[i].base);
        evaluation_free(worker->answers[i].now);
    }
    worker_details_free(worker);
    free(worker->past.tried);
    free(worker->best);
    free(worker->text_prompt);
    generation_free(&worker->text_base);
    named_states_free(&worker->states);
    worker_session_close(worker);
    search_free(worker->search);
    patch_free(worker->patch);
    search_inputs_free(&worker->probes);
    model_free(worker->model);
    free(worker->hand.flips);
    buf_free(&worker->output);
    buf_free(&worker->starts);
}
