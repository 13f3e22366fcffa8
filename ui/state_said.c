/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the message line says when a job is done: each outcome in its own words.
 *
 * A step of the search says nothing: the search's view tells it, and many follow
 * each other.
 */
#include <stdio.h>

#include "ui/state_int.h"
#include "ui/view_int.h"

/* ---- flips ------------------------------------------------------------------------ */

static void say_flip(struct app *app, const char *did, const struct flip *flip,
                     const char *behind)
{
    struct buf name = {0};
    view_flip_text(&name, flip);
    app_say(app, "%s %s%s", did, name.data, behind);
    buf_free(&name);
}

void said_tried(struct app *app, const struct event_tried *tried, enum job_type job)
{
    struct buf behind = {0};
    if (job != JOB_TRY)
        return;
    buf_add_format(&behind, ": fitness %+.4f, ", tried->fitness - tried->fitness_before);
    view_key_of("accept", &behind);
    buf_add_text(&behind, " keeps it");
    say_flip(app, "tried", &tried->flip, behind.data);
    buf_free(&behind);
}

/* The last of the flips that is not among the others, or NULL. */
static const struct flip *last_not_among(const struct flip *flips, size_t count,
                                         const struct flip *others, size_t other_count)
{
    for (size_t i = count; i > 0; i--)
        if (!search_holds(others, other_count, &flips[i - 1]))
            return &flips[i - 1];
    return NULL;
}

/* Keeping a row that is on takes it off, undoing that puts it on again. */
void said_flips(struct app *app, const struct event_flips *flips, enum job_type job)
{
    const struct search_state *search = &app->search;
    size_t before = search->accepted_count;
    const struct flip *came =
        last_not_among(flips->flips, flips->count, search->accepted, before);
    const struct flip *went =
        last_not_among(search->accepted, before, flips->flips, flips->count);
    if (job == JOB_PATCH || (job == JOB_GOTO && app_state_name(app, flips->step))) {
        app_say(app, "%s: %zu flip%s, fitness %+.4f", app_state_name(app, flips->step),
                flips->count, flips->count == 1 ? "" : "s", flips->fitness);
        return;
    }
    char behind[48];
    (void)snprintf(behind, sizeof(behind), ": fitness %+.4f", flips->fitness - search->fitness);
    if (job != JOB_KEEP && job != JOB_ACCEPT && job != JOB_UNDO && job != JOB_REJECT &&
        job != JOB_REDO && job != JOB_GOTO)
        return;
    if (came)
        say_flip(app, job == JOB_KEEP ? "kept" : job == JOB_ACCEPT ? "accepted" : "put back",
                 came, behind);
    else if (went)
        say_flip(app, "took back", went, behind);
}

void said_written(struct app *app, const char *path)
{
    size_t count = app->search.accepted_count;
    app_say(app, "wrote %zu flip%s to %s", count, count == 1 ? "" : "s",
            path ? path : "the patch file");
}

/* ---- answers ---------------------------------------------------------------------- */

struct right {
    size_t base, now;
};

static struct right right_of(const struct app *app, enum role role)
{
    struct right right = {0};
    for (size_t i = 0; i < app->probe_count; i++) {
        const struct probe_state *probe = &app->probes[i];
        if (probe->role != role || !probe->answer.known)
            continue;
        right.base += probe->answer.right_base;
        right.now += probe->answer.right_now;
    }
    return right;
}

void said_answers(struct app *app, bool heldout)
{
    if (heldout) {
        struct right right = right_of(app, ROLE_HELDOUT);
        app_say(app, "held-out: %zu \u2192 %zu right of %zu", right.base, right.now,
                app->heldout_count);
        return;
    }
    struct right targets = right_of(app, ROLE_TARGET), controls = right_of(app, ROLE_CONTROL);
    app_say(app, "answers: targets %zu \u2192 %zu right, controls %zu \u2192 %zu", targets.base,
            targets.now, controls.base, controls.now);
}

void said_audit(struct app *app, const struct audit *audit)
{
    const size_t *found = audit->by_severity;
    app_say(app, "audit of %zu probes: %zu fatal, %zu warning%s, %zu note%s", app->probe_count,
            found[AUDIT_FATAL], found[AUDIT_WARNING], found[AUDIT_WARNING] == 1 ? "" : "s",
            found[AUDIT_NOTE], found[AUDIT_NOTE] == 1 ? "" : "s");
}

/* "15 360 rows ranked in 0.7 s: 2 143 promise a gain" */
void said_predictions(struct app *app)
{
    const struct predictions *made = app->map.predictions;
    bool by_row = made->granularity == GRANULARITY_ROW;
    struct buf rows = {0}, gains = {0};
    view_count_text(&rows, made->rows);
    view_count_text(&gains, made->promising);
    app_say(app, "%s rows ranked%s%s%s in %.1f s: %s promise a gain", rows.data,
            by_row ? "" : " by their ", by_row ? "" : granularity_name(made->granularity),
            by_row ? "" : "s", made->seconds, gains.data);
    buf_free(&rows);
    buf_free(&gains);
}

/* ---- the end of a job --------------------------------------------------------------- */

/* Several steps are summed up, a failure keeps its words. */
void said_finished(struct app *app, const char *message)
{
    const struct job_state *job = &app->job;
    uint64_t tried = app->search.tried - job->tried_before;
    bool sum = job->type == JOB_STEP && job->total != 1 && tried > 0 && !app->message_is_error;
    if (sum)
        app_say(app, "%s%s%llu tried, %zu accepted", message, message[0] ? ": " : "",
                (unsigned long long)tried, app->search.accepted_count - job->accepted_before);
    else if (message[0])
        app_say(app, "%s", message);
}
