/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a session holds, for a screen as it was left, and what a writer beside a viewer
 * adds to it.  Whatever cannot be read here is left out: it can be asked for again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "ui/worker_int.h"

/* ---- what was tried ------------------------------------------------------------------ */

/* What it did is known of a flip that was measured, and alone. */
static void add_flip(struct event_past *past, const struct flip *flip,
                     const struct session_event *event)
{
    bool alone = event->flip_count < 2 && !event->screened && !event->stopped;
    if ((past->count & (past->count + 1)) == 0) /* 0, 1, 3, 7, ...: room for as many again */
        past->tried = x_grow(past->tried, 2 * past->count + 1, sizeof *past->tried);
    past->tried[past->count].flip = *flip;
    past->tried[past->count].fitness = alone ? event->fitness : (double)NAN;
    past->tried[past->count].step = event->step;
    past->tried[past->count++].rejected = event->kind == EVENT_KIND_TRIED && !event->accepted;
}

static void add_try(struct event_past *past, const struct session_event *event)
{
    for (size_t i = 0; i < event->flip_count; i++)
        add_flip(past, &event->flips[i], event);
    if (!event->flips)
        add_flip(past, &event->flip, event);
}

static bool take_event(void *user, const struct session_event *event)
{
    struct worker *worker = user;
    if (event->has_flip) {
        add_try(&worker->past, event);
        worker->last_try = event->seq;
    }
    if (event->kind == EVENT_KIND_TEXT)
        worker->last_text = event->seq;
    worker->told = event->seq;
    return true;
}

void worker_past_read(struct worker *worker)
{
    struct err ignored;
    (void)session_each_briefly(worker->session, worker->told + 1, take_event, worker, &ignored);
}

/* A row that was kept twice is off: flips and history do not correspond then. */
static void add_history(struct worker *worker, struct event_past *past)
{
    size_t count = 0;
    (void)search_accepted(worker->search, &count);
    search_patch_fill(worker->patch, worker->search, count);
    if (worker->patch->flip_count != count)
        return;
    past->history = event_copy_gaps(search_history(worker->search), count);
    past->history_count = count;
}

/* What the search had reached where each was tried; most are of the step of the one before. */
static void add_before(struct worker *worker, struct event_past *past)
{
    int64_t known = -1;
    double before = 0;
    for (size_t i = 0; i < past->count; i++) {
        struct session_step step;
        struct err ignored;
        if (past->tried[i].step != known) {
            bool ok = session_step(worker->session, past->tried[i].step, &step, &ignored);
            before = !ok ? (double)NAN : isfinite(step.fitness) ? step.fitness : 0;
            known = past->tried[i].step;
        }
        past->tried[i].before = before;
    }
}

void worker_past_tries(struct worker *worker)
{
    struct event *event = event_new(EVENT_PAST, worker->job);
    event->past = worker->past; /* moved */
    worker->past = (struct event_past){0};
    add_before(worker, &event->past);
    add_history(worker, &event->past);
    if (event->past.count > 0 || event->past.history_count > 0)
        worker_emit(worker, event);
    else
        event_free(event);
}

/* ---- the last candidate ---------------------------------------------------------------- */

struct last_try {
    struct search_try tried;
    struct flip *flips; /* [tried.count] where it has several */
    int64_t step; /* the head it was tried on */
    double *gaps;
    size_t gap_count;
};

static bool take_last(void *user, const struct session_event *event)
{
    struct last_try *last = user;
    *last = (struct last_try){
        .tried = {.number = event->number, .flip = event->flip, .accepted = event->accepted,
                  .screened = event->screened, .fitness = event->fitness},
        .step = event->step,
        .gaps = event->gaps ? event_copy_gaps(event->gaps, event->gap_count) : NULL,
        .gap_count = event->gap_count,
    };
    last->flips = x_new(event->flip_count, sizeof *last->flips);
    for (size_t i = 0; i < event->flip_count; i++)
        last->flips[i] = event->flips[i];
    last->tried.flips = last->flips;
    last->tried.count = event->flip_count;
    return false;
}

/* Accepting and rejecting go on with it as with a row that a hand has tried. */
static void take_in_hand(struct worker *worker, const struct search_try *tried)
{
    size_t accepted = 0, count = tried->count > 1 ? tried->count : 1;
    const struct flip *on = search_accepted(worker->search, &accepted);
    const struct flip *flips = count > 1 ? tried->flips : &tried->flip;
    bool kept = search_newest(worker->search) == count;
    for (size_t i = 0; kept && i < count; i++)
        kept = flip_equal(&on[accepted - count + i], &flips[i]);
    worker_take(worker, flips, count, kept ? accepted - count : WORKER_NOT_KEPT);
}

void worker_past_last(struct worker *worker)
{
    struct err ignored;
    struct last_try last = {0};
    struct session *session = worker->session;
    struct session_step step;
    bool known = worker->last_try > 0 &&
                 session_each_event(session, worker->last_try, take_last, &last, &ignored) &&
                 session_step(session, last.step, &step, &ignored);
    if (known) {
        bool fits = last.gaps && last.gap_count == worker_searched(worker);
        double before = isfinite(step.fitness) ? step.fitness : 0;
        worker_emit_tried(worker, &last.tried, before, fits ? last.gaps : NULL);
        take_in_hand(worker, &last.tried);
    }
    free(last.gaps);
    free(last.flips);
}

/* ---- answers ----------------------------------------------------------------------------- */

/* The probes first .. first + count of those in the session. */
struct kept_answers {
    struct evaluation *evaluation;
    size_t first, found;
};

static bool take_answer(void *user, const struct session_answer *answer)
{
    struct kept_answers *kept = user;
    if (answer->probe < kept->first || answer->probe - kept->first >= kept->evaluation->count)
        return true;
    size_t i = answer->probe - kept->first;
    buf_add(&kept->evaluation->generation[i].text, answer->text, answer->text_len);
    kept->evaluation->right[i] = answer->right;
    kept->found++;
    return true;
}

/* NULL unless all of them are there. */
static struct evaluation *kept_answers(struct worker *worker, int64_t step, bool heldout,
                                       const double *gaps)
{
    struct err ignored;
    struct kept_answers kept = {.evaluation = x_new(1, sizeof *kept.evaluation)};
    struct evaluation *evaluation = kept.evaluation;
    size_t count = heldout ? worker->probes.heldout->count : worker_searched(worker);
    kept.first = heldout ? worker_searched(worker) : 0;
    evaluation->count = count;
    evaluation->gap = x_new(count, sizeof *evaluation->gap);
    evaluation->merged = x_new(count, sizeof *evaluation->merged);
    evaluation->generation = x_new(count, sizeof *evaluation->generation);
    evaluation->right = x_new(count, sizeof *evaluation->right);
    for (size_t i = 0; i < count; i++)
        evaluation->gap[i] = gaps ? gaps[i] : (double)NAN;
    bool ok = session_each_answer(worker->session, step, take_answer, &kept, &ignored);
    if (ok && count > 0 && kept.found == count)
        return evaluation;
    evaluation_free(evaluation);
    return NULL;
}

static void emit_answers(struct worker *worker, bool heldout, const struct evaluation *base,
                         const struct evaluation *now)
{
    struct event *event = event_new(EVENT_ANSWERS, worker->job);
    event->answers = (struct event_answers){
        .heldout = heldout,
        .first = heldout ? worker_searched(worker) : 0,
        .count = base->count,
        .base = evaluation_copy(base),
        .now = evaluation_copy(now),
        .flip_count = worker->patch->flip_count,
        .kept = true,
    };
    worker_emit(worker, event);
}

/* Those of targets and controls need not be computed again; of the held-out ones the
 * gaps are not known. */
static void keep_answers(struct worker *worker, struct evaluation *base, struct evaluation *now)
{
    struct worker_answers *answers = &worker->answers[0];
    evaluation_free(answers->base);
    answers->base = base;
    if (!now)
        return;
    evaluation_free(answers->now);
    answers->now = now;
    answers->state = model_state(worker->model);
}

static void restore_answers(struct worker *worker, bool heldout)
{
    int64_t head = session_head(worker->session);
    const double *before = heldout ? NULL : search_gaps_before(worker->search);
    const double *gaps = heldout ? NULL : search_gaps_now(worker->search);
    struct evaluation *base = kept_answers(worker, SESSION_ROOT, heldout, before);
    struct evaluation *now = base ? kept_answers(worker, head, heldout, gaps) : NULL;
    if (now)
        emit_answers(worker, heldout, base, now);
    if (base && !heldout) {
        keep_answers(worker, base, now);
    } else {
        evaluation_free(base);
        evaluation_free(now);
    }
}

/* ---- the last typed text -------------------------------------------------------------------- */

static bool copy_text(const json_t *data, const char *name, struct buf *out)
{
    const json_t *text = json_object_get(data, name);
    if (!json_is_string(text))
        return false;
    buf_add(out, json_string_value(text), json_string_length(text));
    return true;
}

static bool take_text(void *user, const struct session_event *event)
{
    struct worker *worker = user;
    struct buf prompt = {0}, base = {0}, now = {0};
    bool ok = event->data && copy_text(event->data, "prompt", &prompt) && prompt.len > 0 &&
              copy_text(event->data, "base", &base) && copy_text(event->data, "now", &now);
    if (ok) {
        bool fresh = event->step == session_head(worker->session);
        struct event *told = event_new(EVENT_TEXT, worker->job);
        told->text.prompt = x_copy(prompt.data, prompt.len);
        buf_add(&told->text.base.text, base.data, base.len);
        buf_add(&told->text.now.text, now.data, now.len);
        told->text.flip_count = fresh ? worker->patch->flip_count : SIZE_MAX;
        told->text.kept = true;
        worker_emit(worker, told);
    }
    buf_free(&prompt);
    buf_free(&base);
    buf_free(&now);
    return false;
}

void worker_past_answers(struct worker *worker)
{
    restore_answers(worker, false);
}

void worker_past_texts(struct worker *worker)
{
    struct err ignored;
    restore_answers(worker, false);
    restore_answers(worker, true);
    if (worker->last_text > 0)
        (void)session_each_event(worker->session, worker->last_text, take_text, worker, &ignored);
}

/* ---- beside a writer ------------------------------------------------------------------------ */

/* The search is made anew at the session's head; the old one stays where that fails. */
static bool renew(struct worker *worker, struct err *err)
{
    size_t count = 0;
    struct search *old = worker->search;
    const struct flip *flips = search_accepted(old, &count);
    for (size_t i = 0; i < count; i++)
        model_flip(worker->model, &flips[i]);
    struct journal *journal =
        journal_resume(worker->session, worker->model, &worker->probes, &worker->options.search,
                       BANKAI_VERSION, &worker->cancel, err);
    if (!journal) {
        for (size_t i = 0; i < count; i++)
            model_flip(worker->model, &flips[i]);
        return false;
    }
    journal_free(worker->journal);
    search_free(old);
    worker->journal = journal;
    worker->search = journal_search(journal);
    worker_watch(worker);
    return true;
}

void worker_follow(struct worker *worker)
{
    struct err err = {0};
    double start = clock_seconds();
    if (!session_refresh(worker->session, &err) ||
        session_event_count(worker->session) == worker->told)
        return;
    worker_past_read(worker);
    if (!renew(worker, &err)) {
        worker_emit_error(worker, &err, false);
        return;
    }
    worker_past_tries(worker);
    worker_past_last(worker);
    worker_emit_next(worker);
    worker_emit_states(worker);
    worker_emit_flips(worker);
    worker_past_texts(worker);
    /* Most of the machine is the writer's. */
    worker->follow_s = fmax(worker_follow_s, 10 * (clock_seconds() - start));
}
