/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One job at a time, each told event by event.
 *
 * Whatever changes the set of accepted flips is written before it is told [W1].
 * The file of an earlier run in the state folder (last.json) is renamed to
 * previous.json before this run writes its first: nothing a person accepted is
 * lost by starting again.  A file that was named with an option is replaced.
 *
 * Session and patch file are two files: where one cannot follow the other, and the other
 * cannot go back, the patch file is behind, and nothing else is done before it is not [W6].
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "ui/worker_int.h"

/* ---- the patch file --------------------------------------------------------------- */

static size_t accepted_count(const struct worker *worker)
{
    size_t count = 0;
    (void)search_accepted(worker->search, &count);
    return count;
}

static bool keep_previous(const struct worker *worker, struct err *err)
{
    struct buf previous = {0};
    bool ok = file_state_path("previous.json", &previous, err);
    if (ok && rename(worker->output.data, previous.data) != 0 && errno != ENOENT) {
        (void)err_set(err, ERR_IO, "cannot rename to previous.json: %s", strerror(errno));
        ok = err_file(err, worker->output.data);
    }
    buf_free(&previous);
    return ok;
}

/* The first `count` accepted flips. */
static bool save(struct worker *worker, size_t count, struct err *err)
{
    bool own_place = worker->options.output == NULL;
    if (!worker->first_written && own_place && !keep_previous(worker, err))
        return false;
    worker->first_written = true;
    return search_patch_write(worker->patch, worker->search, count, worker->output.data, err);
}

/* Save what was just accepted, or take it back [W1]. */
static bool save_or_undo(struct worker *worker, struct err *err)
{
    struct err ignored;
    if (save(worker, accepted_count(worker), err))
        return true;
    worker->behind = !journal_undo(worker->journal, &ignored);
    return false;
}

/* The session could not do what the patch file says already. */
static bool save_again(struct worker *worker)
{
    struct err ignored;
    worker->behind = !save(worker, accepted_count(worker), &ignored);
    return false;
}

/* ---- steps -------------------------------------------------------------------------- */

static struct flip *copy_flips(const struct flip *flips, size_t count)
{
    struct flip *copy = x_new(count, sizeof *copy);
    memcpy(copy, flips, count * sizeof *copy);
    return copy;
}

void worker_emit_tried(struct worker *worker, const struct search_try *tried,
                       double fitness_before, const double *gaps)
{
    struct event *event = event_new(EVENT_TRIED, worker->job);
    bool several = tried->count > 1;
    double promised = search_promised(worker->search, &tried->flip);
    event->tried = (struct event_tried){
        .flip = tried->flip,
        .flips = several ? copy_flips(tried->flips, tried->count) : NULL,
        .flip_count = several ? tried->count : 1,
        .by_hand = tried->number == 0,
        .screened = tried->screened,
        .accepted = tried->accepted,
        .stopped = tried->stopped,
        .has_promise = !several && tried->number > 0 && !isnan(promised),
        .promised = promised,
        .has_gaps = gaps != NULL,
        .fitness = tried->fitness,
        .fitness_before = fitness_before,
        .tried = search_tried(worker->search),
        .screened_total = search_screened(worker->search),
        .seconds_each = worker->seconds_each,
        .gaps = gaps ? event_copy_gaps(gaps, worker_searched(worker)) : NULL,
    };
    worker_emit(worker, event);
}

static void report_pass(void *user, size_t done, size_t total)
{
    worker_emit_progress(user, done, total, "ranking all flips");
}

void worker_watch(struct worker *worker)
{
    worker->watch = (struct work_progress){report_pass, worker};
    search_set_watch(worker->search, &worker->watch);
}

static void note_seconds(struct worker *worker, double seconds)
{
    double old = worker->seconds_each;
    worker->seconds_each = old > 0 ? 0.8 * old + 0.2 * seconds : seconds;
}

/* While a search runs, ten times a second is often enough. */
static void emit_next_now_and_then(struct worker *worker, bool *waiting)
{
    double now = clock_seconds();
    *waiting = now - worker->next_at < worker_pace_s;
    if (*waiting)
        return;
    worker->next_at = now;
    worker_emit_next(worker);
}

static enum search_status step(struct worker *worker, struct err *err)
{
    struct search_try tried;
    double before = search_fitness(worker->search), start = clock_seconds();
    enum search_status status = journal_step(worker->journal, &tried, &worker->cancel, err);
    if (status != SEARCH_TRIED)
        return status;
    note_seconds(worker, clock_seconds() - start);
    worker_take(worker, NULL, 0, WORKER_NOT_KEPT);
    bool saved = !tried.accepted || save_or_undo(worker, err);
    bool accepted = tried.accepted && saved;
    tried.accepted = tried.accepted && (saved || worker->behind);
    worker_emit_tried(worker, &tried, before, search_gaps_last(worker->search));
    if (accepted)
        worker_emit_flips(worker);
    return saved ? SEARCH_TRIED : SEARCH_FAILED;
}

static const char *run_steps(struct worker *worker, uint64_t count, struct err *err)
{
    enum search_status status = SEARCH_TRIED;
    bool next_waits = false;
    for (uint64_t done = 0; status == SEARCH_TRIED && (count == 0 || done < count);) {
        status = step(worker, err);
        if (status == SEARCH_FINISHED)
            break;
        emit_next_now_and_then(worker, &next_waits);
        if (status == SEARCH_TRIED)
            worker_emit_progress(worker, ++done, count, "searching");
    }
    if (next_waits || status == SEARCH_FINISHED)
        worker_emit_next(worker);
    return status == SEARCH_FINISHED ? "the search is finished" : NULL;
}

/* ---- by hand -------------------------------------------------------------------------- */

void worker_take(struct worker *worker, const struct flip *flips, size_t count, size_t kept_at)
{
    struct flip *old = worker->hand.flips;
    worker->hand = (struct worker_hand){
        .flips = count > 0 ? copy_flips(flips, count) : NULL,
        .count = count,
        .kept_at = kept_at,
    };
    free(old); /* they may have been given again */
}

bool worker_try(struct worker *worker, const struct flip *flip, struct err *err)
{
    double *gaps = x_new(worker_searched(worker), sizeof *gaps);
    struct search_try tried = {.flip = *flip};
    bool ok = journal_measure(worker->journal, flip, gaps, &tried.fitness, &worker->cancel, err);
    if (ok) {
        worker_take(worker, flip, 1, WORKER_NOT_KEPT);
        worker_emit_tried(worker, &tried, search_fitness(worker->search), gaps);
    }
    free(gaps);
    return ok;
}

static bool keep_flip(struct worker *worker, const struct flip *flip, struct err *err)
{
    struct search_try tried;
    double before = search_fitness(worker->search);
    if (!journal_keep(worker->journal, flip, &tried, &worker->cancel, err) ||
        !save_or_undo(worker, err))
        return false;
    worker_take(worker, flip, 1, accepted_count(worker) - 1);
    worker_emit_tried(worker, &tried, before, search_gaps_now(worker->search));
    worker_emit_flips(worker);
    return true;
}

static bool keep_several(struct worker *worker, struct err *err)
{
    struct worker_hand *hand = &worker->hand;
    double before = search_fitness(worker->search);
    if (!journal_keep_all(worker->journal, hand->flips, hand->count, &worker->cancel, err) ||
        !save_or_undo(worker, err))
        return false;
    hand->kept_at = accepted_count(worker) - hand->count;
    struct search_try tried = {.flip = hand->flips[0],
                               .flips = hand->flips,
                               .count = hand->count,
                               .accepted = true,
                               .fitness = search_fitness(worker->search)};
    worker_emit_tried(worker, &tried, before, search_gaps_now(worker->search));
    worker_emit_flips(worker);
    return true;
}

/* What is in the hand is the last candidate, too. */
static bool accept(struct worker *worker, struct err *err)
{
    struct search_try tried;
    double before = search_fitness(worker->search);
    if (worker->hand.count > 0 && worker->hand.kept_at != WORKER_NOT_KEPT)
        return err_set(err, ERR_USAGE, "the last candidate is accepted already");
    if (worker->hand.count > 1)
        return keep_several(worker, err);
    if (worker->hand.count == 1)
        return keep_flip(worker, worker->hand.flips, err);
    if (!journal_accept(worker->journal, &tried, &worker->cancel, err) ||
        !save_or_undo(worker, err))
        return false;
    worker_emit_tried(worker, &tried, before, search_gaps_last(worker->search));
    worker_emit_flips(worker);
    return true;
}

/* The patch file is written first: if that fails, nothing has changed. */
static bool undo(struct worker *worker, struct err *err)
{
    size_t count = accepted_count(worker);
    if (count == 0)
        return err_set(err, ERR_USAGE, "nothing to undo: no flip is accepted");
    size_t rest = count - search_newest(worker->search);
    if (!save(worker, rest, err))
        return false;
    if (!journal_undo(worker->journal, err))
        return save_again(worker);
    if (worker->hand.count > 0 && worker->hand.kept_at == rest)
        worker->hand.kept_at = WORKER_NOT_KEPT;
    return true;
}

static bool undo_and_tell(struct worker *worker, struct err *err)
{
    if (!undo(worker, err))
        return false;
    worker_emit_flips(worker);
    return true;
}

static bool reject_by_hand(struct worker *worker, struct err *err)
{
    const struct worker_hand *hand = &worker->hand;
    if (hand->kept_at == WORKER_NOT_KEPT)
        return err_set(err, ERR_USAGE, "the last candidate is not accepted");
    BUG_ON(hand->kept_at + hand->count != accepted_count(worker)); /* a step makes it none */
    return undo_and_tell(worker, err);
}

static bool reject(struct worker *worker, struct err *err)
{
    struct search_try tried;
    size_t count = accepted_count(worker);
    double before = search_fitness(worker->search);
    if (worker->hand.count > 0)
        return reject_by_hand(worker, err);
    if (!search_can_reject(worker->search, err) ||
        !save(worker, count - search_newest(worker->search), err))
        return false;
    if (!journal_reject(worker->journal, &tried, err))
        return save_again(worker);
    worker_emit_tried(worker, &tried, before, search_gaps_last(worker->search));
    worker_emit_flips(worker);
    return true;
}

/* ---- back and forth in the session -------------------------------------------------- */

/* The session moves first, and back if the patch file cannot follow [W1]. */
static bool redo(struct worker *worker, struct err *err)
{
    struct err ignored;
    worker_take(worker, NULL, 0, WORKER_NOT_KEPT);
    if (!journal_redo(worker->journal, err))
        return false;
    if (!save(worker, accepted_count(worker), err)) {
        worker->behind = !journal_undo(worker->journal, &ignored);
        return false;
    }
    worker_emit_flips(worker);
    return true;
}

/* The session's head has moved from `before`: save what is on, or go back there. */
static bool save_or_return(struct worker *worker, int64_t before, struct err *err)
{
    struct err ignored;
    if (save(worker, accepted_count(worker), err))
        return true;
    worker->behind = !journal_goto(worker->journal, before, &ignored);
    return false;
}

static bool go_to(struct worker *worker, const struct job *job, struct err *err)
{
    int64_t step = (int64_t)job->count, before = session_head(worker->session);
    if (job->text && !session_state(worker->session, job->text, &step, err))
        return false;
    worker_take(worker, NULL, 0, WORKER_NOT_KEPT);
    if (!journal_goto(worker->journal, step, err) || !save_or_return(worker, before, err))
        return false;
    worker_emit_flips(worker);
    worker_past_answers(worker);
    return true;
}

/* ---- a patch file of another name --------------------------------------------------------- */

/* "some/where/better.json": "better" */
static char *stem(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return x_copy(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

/* The name in front of the path, or that of the file. */
static char *name_for(const char *text, const char *path)
{
    size_t len = (size_t)(path - text) - 1;
    return len > 0 ? x_copy(text, len) : stem(path);
}

static const char *open_patch(struct worker *worker, const char *text, struct err *err)
{
    const char *newline = strchr(text, '\n'), *path = newline ? newline + 1 : text;
    char *name = newline ? name_for(text, path) : stem(path);
    int64_t before = session_head(worker->session);
    struct journal_imported imported = {0};
    struct patch *patch = patch_read(path, err);
    worker_take(worker, NULL, 0, WORKER_NOT_KEPT);
    worker_emit_progress(worker, 0, 0, "measuring the patch");
    bool ok = patch && (journal_import(worker->journal, patch, name, &imported, &worker->cancel,
                                       err) ||
                        err_file(err, path));
    ok = ok && save_or_return(worker, before, err);
    if (ok) {
        worker_emit_states(worker);
        worker_emit_flips(worker);
        worker_past_answers(worker);
    }
    patch_free(patch);
    free(name);
    return ok && imported.unstated ? "opened; the patch names no model that it is for" : NULL;
}

static bool write_to(struct worker *worker, const char *path, struct err *err)
{
    char *name = stem(path);
    struct patch *patch = *name ? worker_patch_new(worker, name) : NULL;
    bool ok = (patch || err_set(err, ERR_USAGE, "'%s' names no file", path)) &&
         search_patch_write(patch, worker->search, accepted_count(worker), path, err);
    if (ok) {
        struct event *event = event_new(EVENT_WRITTEN, worker->job);
        event->message = x_copy(path, strlen(path));
        worker_emit(worker, event);
    }
    patch_free(patch);
    free(name);
    return ok;
}

/* ---- all of them ------------------------------------------------------------------ */

static const char *run_one(struct worker *worker, const struct job *job, struct err *err)
{
    const char *text = job->text ? job->text : "";
    switch (job->type) {
    case JOB_STEP: return run_steps(worker, job->count, err);
    case JOB_TRY: (void)worker_try(worker, &job->flip, err); break;
    case JOB_KEEP: (void)keep_flip(worker, &job->flip, err); break;
    case JOB_ACCEPT: (void)accept(worker, err); break;
    case JOB_REJECT: (void)reject(worker, err); break;
    case JOB_UNDO: (void)undo_and_tell(worker, err); break;
    case JOB_REDO: (void)redo(worker, err); break;
    case JOB_GOTO: (void)go_to(worker, job, err); break;
    case JOB_PATCH: return open_patch(worker, text, err);
    case JOB_NAME: (void)worker_name_state(worker, text, err); break;
    case JOB_DIFF: (void)worker_diff(worker, text, err); break;
    case JOB_ANSWERS: (void)worker_answer(worker, false, err); break;
    case JOB_HELDOUT: (void)worker_answer(worker, true, err); break;
    case JOB_AUDIT: (void)worker_audit(worker, err); break;
    case JOB_PROBE: (void)worker_detail(worker, job->count, err); break;
    case JOB_TEXT: (void)worker_text(worker, text, err); break;
    case JOB_MAP: (void)worker_map(worker, (enum granularity)job->count, err); break;
    case JOB_MEASURE: (void)worker_measure(worker, job->count, err); break;
    case JOB_WRITE: (void)write_to(worker, text, err); break;
    case JOB_NOTE: (void)worker_note(worker, text, err); break;
    case JOB_NOTES: (void)worker_notes(worker, err); break;
    case JOB_SHELL: (void)worker_shell(worker, text, job->count, err); break;
    case JOB_ABOUT: (void)worker_about(worker, err); break;
    case JOB_RENAME: (void)worker_rename(worker, text, err); break;
    }
    return NULL;
}

/* Jobs that leave session and patch file alone. */
static bool only_looks(enum job_type type)
{
    return type == JOB_WRITE || type == JOB_NOTES || type == JOB_ABOUT || type == JOB_DIFF ||
           type == JOB_AUDIT || type == JOB_PROBE || type == JOB_MAP;
}

static bool catch_up(struct worker *worker, struct err *err)
{
    if (worker->behind && !save(worker, accepted_count(worker), err))
        return false;
    worker->behind = false;
    return true;
}

/* What comes next may depend on what is on. */
static bool changes_flips(enum job_type type)
{
    return type == JOB_KEEP || type == JOB_ACCEPT || type == JOB_REJECT || type == JOB_UNDO ||
           type == JOB_REDO || type == JOB_GOTO || type == JOB_PATCH;
}

const char *worker_run(struct worker *worker, const struct job *job, struct err *err)
{
    bool looks = only_looks(job->type);
    if (worker->options.read_only && !looks)
        (void)err_set(err, ERR_USAGE, "the session is open for reading only (-R): nothing is "
                      "changed");
    else if (model_unchanged(worker->model, err) && (looks || catch_up(worker, err))) {
        const char *message = run_one(worker, job, err);
        if (worker->behind)
            worker_emit_flips(worker);
        if (changes_flips(job->type))
            worker_emit_next(worker);
        return message;
    }
    return NULL;
}
