/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands that measure and flip: each posts a job, whose events change the
 * state.  What can be said at once (nothing to undo, no row under the cursor) is
 * said here; while a job runs its outcome is not known yet, so the worker judges.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/command_int.h"
#include "ui/view_int.h"

enum {
    STEPS_MAX = 1000000,
    UNDO_MAX = 32, /* fits into the queue of jobs */
};

static void post(struct app *app, struct job job)
{
    app->post(app, &job);
}

/* A search that goes on until it is paused would keep other jobs waiting for
 * ever, so whoever asks for one pauses it. */
void command_post_before_run(struct app *app, struct job job)
{
    const struct job_state *running = &app->job;
    if (running->running && running->type == JOB_STEP && running->total != 1) {
        if (app->worker)
            worker_cancel(app->worker, false);
        app_say(app, "the search is paused for this; c goes on");
    }
    post(app, job);
}

/* ---- the search ---------------------------------------------------------------- */

static bool may_search(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return false;
    if (app->search.finished)
        app_complain(app, "the search is finished: no candidate is left to try");
    return !app->search.finished;
}

void command_step(struct app *app, const struct command_call *call)
{
    int64_t count;
    if (may_search(app, call) && command_number(app, call, STEPS_MAX, 1, &count))
        post(app, (struct job){.type = JOB_STEP, .count = (uint64_t)count});
}

void command_run_search(struct app *app, const struct command_call *call)
{
    if (!may_search(app, call))
        return;
    if (app->job.running && app->job.type == JOB_STEP && app->job.total == 0)
        app_say(app, "the search is running; p pauses it");
    else
        post(app, (struct job){.type = JOB_STEP, .count = 0});
}

void command_pause(struct app *app, const struct command_call *call)
{
    (void)call;
    if (!app->job.running) {
        app_say(app, "nothing is running");
        return;
    }
    if (app->worker)
        worker_cancel(app->worker, true);
    app_say(app, "stopping");
}

/* A second C-c within this time stops what waits, too. */
static const double cancel_twice_s = 2;

void command_cancel(struct app *app, const struct command_call *call)
{
    (void)call;
    bool again = app->cancel_at > 0 && app->now - app->cancel_at < cancel_twice_s;
    app->cancel_at = app->now;
    if (app->worker && (app->job.running || again))
        worker_cancel(app->worker, again);
    if (app->job.running)
        app_say(app, again ? "stopping this job and all that wait"
                           : "stopping this job; C-c again: all that wait, too");
    else
        app_say(app, "nothing is running; q quits");
}

/* ---- the last candidate ----------------------------------------------------------- */

static void say_of_flip(struct app *app, const struct flip *flip, const char *what)
{
    struct buf name = {0};
    view_flip_text(&name, flip);
    app_say(app, "%s %s", name.data, what);
    buf_free(&name);
}

/* Post the judgement unless it is what holds already. */
static void judge(struct app *app, const struct command_call *call, bool accept)
{
    if (!command_needs_model(app, call))
        return;
    const struct event_tried *last = &app->search.last;
    if (app->job.running) {
        command_post_before_run(app, (struct job){.type = accept ? JOB_ACCEPT : JOB_REJECT});
    } else if (!app->search.has_last) {
        app_complain(app, "no candidate was tried yet; s tries the next one");
    } else if (last->accepted == accept) {
        say_of_flip(app, &last->flip, accept ? "is accepted already" : "is rejected already");
    } else {
        post(app, (struct job){.type = accept ? JOB_ACCEPT : JOB_REJECT});
    }
}

void command_accept(struct app *app, const struct command_call *call)
{
    judge(app, call, true);
}

void command_reject(struct app *app, const struct command_call *call)
{
    judge(app, call, false);
}

void command_undo(struct app *app, const struct command_call *call)
{
    int64_t count;
    if (!command_needs_model(app, call) || !command_number(app, call, UNDO_MAX, 1, &count))
        return;
    size_t accepted = app->search.accepted_count;
    if (!app->job.running && (size_t)count > accepted) {
        if (accepted == 0)
            app_complain(app, "nothing to undo: no flip is accepted");
        else
            app_complain(app, "undo cannot take back %lld: %zu flip%s accepted", (long long)count,
                         accepted, accepted == 1 ? " is" : "s are");
        return;
    }
    for (int64_t i = 0; i < count; i++)
        command_post_before_run(app, (struct job){.type = JOB_UNDO});
}

void command_redo(struct app *app, const struct command_call *call)
{
    int64_t count;
    if (!command_needs_model(app, call) || !command_number(app, call, UNDO_MAX, 1, &count))
        return;
    if (!app->job.running && !app->search.can_redo) {
        app_complain(app, "nothing to redo");
        return;
    }
    for (int64_t i = 0; i < count; i++)
        command_post_before_run(app, (struct job){.type = JOB_REDO});
}

/* ---- rows by hand ----------------------------------------------------------------- */

/* The row a hand points at: named, under the map's cursor, or the selected
 * candidate. */
static bool pointed_row(struct app *app, const struct command_call *call, struct flip *flip)
{
    const struct search_state *search = &app->search;
    bool from_list = app->focus == VIEW_SEARCH || (app->focus != VIEW_MAP && !app->map.zoomed);
    if (call->count > 0) {
        struct place place;
        if (!command_place(app, call->argument[0], &place))
            return false;
        *flip = place.flip;
        if (!place.has_row)
            app_complain(app, "%s needs a row: %s %s.ROW", call->name, call->name,
                         call->argument[0]);
        return place.has_row;
    }
    if (app->overlay != OVERLAY_BEST && from_list && search->cursor < search->next_count) {
        *flip = search->next[search->cursor];
        return true;
    }
    if (app->overlay == OVERLAY_BEST && best_at_cursor(app, flip))
        return true;
    if (!from_list && app_unit_at_cursor(app, flip))
        return true;
    app_complain(app, from_list ? "%s needs a candidate, and none is left"
                                : "%s needs a row: zoom into a matrix with Enter",
                 call->name);
    return false;
}

static void by_hand(struct app *app, const struct command_call *call, enum job_type type)
{
    struct flip flip;
    if (command_needs_model(app, call) && pointed_row(app, call, &flip))
        command_post_before_run(app, (struct job){.type = type, .flip = flip});
}

void command_try(struct app *app, const struct command_call *call)
{
    by_hand(app, call, JOB_TRY);
}

void command_keep(struct app *app, const struct command_call *call)
{
    by_hand(app, call, JOB_KEEP);
}

/* ---- answers ---------------------------------------------------------------------- */

void command_answers(struct app *app, const struct command_call *call)
{
    if (command_needs_model(app, call))
        command_post_before_run(app, (struct job){.type = JOB_ANSWERS});
}

void command_heldout(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    if (app->heldout_count == 0) {
        app_complain(app, "there is no held-out set; open with --heldout SET");
        return;
    }
    app->heldout_asked = true;
    app->probe_cursor = app->target_count + app->control_count;
    command_show(app, VIEW_PROBES);
    command_post_before_run(app, (struct job){.type = JOB_HELDOUT});
}

void command_run_gen(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    struct compare_state *compare = &app->compare;
    free(compare->prompt);
    compare->prompt = x_copy(call->rest, strlen(call->rest));
    compare->known = false;
    compare->scroll = 0;
    command_show(app, VIEW_COMPARE);
    command_post_before_run(app, (struct job){.type = JOB_TEXT, .text = compare->prompt});
}
