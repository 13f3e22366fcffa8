/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session run again: every candidate is drawn and measured anew, in the order of the
 * journal, and every stored number compared, to the bit.  Shell commands and texts are
 * not run.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/report/report.h"
#include "src/session/journal.h"
#include "src/session/model_file.h"
#include "src/session_cli/session_actions.h"

struct replay {
    struct session *session;
    struct model *model;
    struct search_inputs probes;
    struct search_options options;
    int32_t layers[SESSION_LAYERS_MAX];
    struct search *search;
    int64_t *way;    /* steps that are on, from the root */
    size_t way_count;
    size_t probe_count;
    uint64_t compared;   /* events */
    struct buf divergence; /* "" while all agrees */
    struct progress line;
    struct err *err;
};

static bool diverge(struct replay *replay, const struct session_event *event, const char *what,
                    double stored, double now)
{
    buf_add_format(&replay->divergence, "event %" PRIu64 ": %s is %.17g, the session has %.17g",
                   event->seq, what, now, stored);
    return false;
}

/* Bits, so that NaN equals NaN and -0 is not 0. */
static bool same_number(double a, double b)
{
    uint64_t bits_a = 0, bits_b = 0;
    memcpy(&bits_a, &a, sizeof bits_a);
    memcpy(&bits_b, &b, sizeof bits_b);
    return bits_a == bits_b || (isnan(a) && isnan(b));
}

static bool compare_gaps(struct replay *replay, const struct session_event *event,
                         const double *now)
{
    for (size_t i = 0; event->gaps && now && i < event->gap_count && i < replay->probe_count; i++)
        if (!same_number(event->gaps[i], now[i]))
            return diverge(replay, event, "a gap", event->gaps[i], now[i]);
    return true;
}

/* ---- one event ---------------------------------------------------------------------------- */

static void push_way(struct replay *replay, int64_t step)
{
    replay->way = x_grow(replay->way, replay->way_count + 1, sizeof *replay->way);
    replay->way[replay->way_count++] = step;
}

static bool same_flips(const struct search_try *tried, const struct session_event *event)
{
    size_t count = event->flips ? event->flip_count : 1;
    bool same = count == tried->count;
    for (size_t i = 0; same && i < count; i++)
        same = flip_equal(&tried->flips[i], event->flips ? &event->flips[i] : &event->flip);
    return same;
}

static bool replay_tried(struct replay *replay, const struct session_event *event)
{
    struct search_try tried;
    search_set_early_stop(replay->search, event->stopped);
    enum search_status status = search_step(replay->search, &tried, &cli_cancel, replay->err);
    if (status == SEARCH_FAILED)
        return false;
    if (status == SEARCH_FINISHED)
        return diverge(replay, event, "the number of candidates", (double)event->number,
                       (double)search_tried(replay->search));
    if (!same_flips(&tried, event))
        return diverge(replay, event, "the row tried", event->flip.row, tried.flip.row);
    if (!same_number(event->fitness, tried.fitness))
        return diverge(replay, event, "the fitness", event->fitness, tried.fitness);
    if (tried.accepted != event->accepted || tried.screened != event->screened)
        return diverge(replay, event, "accepted", event->accepted, tried.accepted);
    return compare_gaps(replay, event, search_gaps_last(replay->search));
}

static bool replay_measured(struct replay *replay, const struct session_event *event)
{
    double *gaps = x_new(replay->probe_count, sizeof *gaps), fitness = 0;
    bool ok = search_measure(replay->search, &event->flip, gaps, &fitness, &cli_cancel,
                             replay->err);
    if (ok && !same_number(event->fitness, fitness))
        ok = diverge(replay, event, "the fitness", event->fitness, fitness);
    ok = ok && compare_gaps(replay, event, gaps);
    free(gaps);
    return ok;
}

/* What the search accepted is on already; what a person kept is put on here. */
static bool put_on(struct replay *replay, const struct session_step *step)
{
    struct search_try kept;
    if (search_levels(replay->search) > replay->way_count)
        return true;
    if (step->flip_count == 1)
        return search_keep(replay->search, &step->flips[0], &kept, &cli_cancel, replay->err);
    return search_keep_all(replay->search, step->flips, step->flip_count, &cli_cancel,
                           replay->err);
}

static bool replay_step(struct replay *replay, const struct session_event *event)
{
    struct session_step step;
    if (!session_step(replay->session, event->step, &step, replay->err) ||
        !journal_step_fits(&step, replay->model, replay->probe_count, replay->err) ||
        !put_on(replay, &step))
        return false;
    push_way(replay, event->step);
    double fitness = search_fitness(replay->search);
    if (!same_number(step.fitness, fitness))
        return diverge(replay, event, "the fitness", step.fitness, fitness);
    struct session_event kept = {.seq = event->seq, .gaps = step.gaps,
                                 .gap_count = step.gap_count};
    return compare_gaps(replay, &kept, search_gaps_now(replay->search));
}

/* Undo, redo, goto: gaps of known steps were compared when they were made. */
static bool replay_head(struct replay *replay, const struct session_event *event)
{
    int64_t *ids = NULL;
    size_t count = 0, shared = 0;
    struct flip undone;
    if (!session_way(replay->session, event->step, &ids, &count, replay->err))
        return false;
    while (shared < count && shared < replay->way_count && ids[shared] == replay->way[shared])
        shared++;
    for (; replay->way_count > shared; replay->way_count--)
        (void)search_undo(replay->search, &undone);
    bool ok = true;
    for (size_t i = shared; ok && i < count; i++) {
        struct session_step step;
        ok = session_step(replay->session, ids[i], &step, replay->err) &&
             journal_step_fits(&step, replay->model, replay->probe_count, replay->err);
        if (ok)
            search_redo(replay->search, step.flips, step.flip_count, step.gaps,
                        step.fitness);
        if (ok)
            push_way(replay, ids[i]);
    }
    free(ids);
    return ok;
}

static bool replay_event(struct replay *replay, const struct session_event *event)
{
    if (event->kind == EVENT_KIND_TRIED)
        return replay_tried(replay, event);
    if (event->kind == EVENT_KIND_MEASURED)
        return replay_measured(replay, event);
    if (event->kind == EVENT_KIND_STEP)
        return replay_step(replay, event);
    return event->kind != EVENT_KIND_HEAD || replay_head(replay, event);
}

static bool each(void *user, const struct session_event *event)
{
    struct replay *replay = user;
    bool ok = replay_event(replay, event);
    replay->compared += ok;
    progress_update(&replay->line, event->seq, NULL);
    return ok;
}

/* ---- all of it ---- */

static bool compare_before(struct replay *replay, const struct session_origin *origin)
{
    const double *now = search_gaps_before(replay->search);
    struct session_event start = {.seq = 0};
    for (size_t i = 0; i < replay->probe_count; i++)
        if (!same_number(origin->gaps_before[i], now[i]))
            return diverge(replay, &start, "a gap before the search", origin->gaps_before[i],
                           now[i]);
    return true;
}

static struct model *open_model(const struct replay *replay, const struct session_request *request)
{
    struct buf found = {0};
    if (!request->model && !session_find_model(replay->session, "give its path with --model",
                                               &found, &cli_cancel, replay->err))
        return NULL;
    struct model *model = model_open(request->model ? request->model : found.data, replay->err);
    buf_free(&found);
    return model;
}

static bool begin(struct replay *replay, const struct session_request *request)
{
    struct err *err = replay->err;
    const struct session_origin *origin = session_origin(replay->session, err);
    if (!origin)
        return false;
    replay->options = search_default_options();
    replay->options.threads = request->threads;
    replay->model = open_model(replay, request);
    const char *sha256 = replay->model ? model_sha256_unless(replay->model, &cli_cancel, err)
                                       : NULL;
    if (!sha256 || !journal_options(origin->settings, &replay->options, replay->layers, err))
        return false;
    if (strcmp(sha256, origin->model_sha256) != 0) {
        (void)err_set(err, ERR_MISMATCH, "the model's SHA-256 is %s, the session was made with %s",
                      sha256, origin->model_sha256);
        return err_file(err, model_path(replay->model));
    }
    replay->options.iterations = UINT64_MAX; /* the journal says when to stop */
    search_inputs_copy(&replay->probes, origin->probes, origin->target_count,
                       origin->control_count);
    replay->probe_count = origin->target_count + origin->control_count;
    replay->search = search_new(replay->model, replay->probes.targets, replay->probes.controls,
                                &replay->options, &cli_cancel, err);
    return replay->search && compare_before(replay, origin);
}

static void print_outcome(const struct replay *replay, bool json)
{
    bool same = replay->divergence.len == 0;
    const char *text = same ? "" : replay->divergence.data;
    if (json) {
        cli_print_json(json_pack("{s:b, s:I, s:s}", "ok", (int)same, "events",
                                 (json_int_t)replay->compared, "divergence", text),
                       true);
        return;
    }
    struct buf out = {0};
    if (same)
        buf_add_format(&out, "%" PRIu64 " events, every number as it was\n", replay->compared);
    else
        buf_add_format(&out, "%s\n", text);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

int session_replay(const struct session_request *request, struct err *err)
{
    struct replay replay = {.err = err};
    *err = (struct err){0};
    replay.session = session_open(request->path, SESSION_READ, err);
    bool ok = replay.session && begin(&replay, request);
    if (ok) {
        progress_start(&replay.line, "replaying", session_event_count(replay.session));
        report_at_once(&replay.line);
        ok = session_each_event(replay.session, 1, each, &replay, err);
        progress_end(&replay.line);
    }
    bool looked = err->code == ERR_NONE && (ok || replay.divergence.len > 0);
    if (looked)
        print_outcome(&replay, request->json);
    int status = !looked ? cli_fail(err) : replay.divergence.len > 0 ? EXIT_NO : EXIT_DONE;
    search_free(replay.search);
    search_inputs_free(&replay.probes);
    model_free(replay.model);
    session_close(replay.session);
    buf_free(&replay.divergence);
    free(replay.way);
    return status;
}
