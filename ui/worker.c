/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The thread and its two queues.
 *
 * Jobs are a ring under the lock.  Events are a list: the thread waits while 256
 * are unread, but once a job is cancelled its last few events go in beyond that,
 * so that nothing is lost and a slow reader cannot hold a cancelled job up [W2].
 * The eventfd is readable exactly while the list is not empty.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "ui/worker_int.h"

/* ---- events -------------------------------------------------------------------- */

void worker_emit(struct worker *worker, struct event *event)
{
    struct event_link *link = x_new(1, sizeof *link);
    link->event = event;
    (void)pthread_mutex_lock(&worker->lock);
    event->unasked = worker->unasked;
    while (worker->event_count >= WORKER_EVENTS_MAX && !atomic_load(&worker->cancel))
        (void)pthread_cond_wait(&worker->room, &worker->lock);
    if (worker->event_first)
        worker->event_last->next = link;
    else
        worker->event_first = link;
    worker->event_last = link;
    if (worker->event_count++ == 0)
        (void)eventfd_write(worker->fd, 1);
    (void)pthread_mutex_unlock(&worker->lock);
}

struct event *worker_event(struct worker *worker)
{
    struct event *event = NULL;
    (void)pthread_mutex_lock(&worker->lock);
    struct event_link *link = worker->event_first;
    if (link) {
        event = link->event;
        worker->event_first = link->next;
        if (--worker->event_count == 0) {
            eventfd_t count;
            (void)eventfd_read(worker->fd, &count);
        }
        (void)pthread_cond_signal(&worker->room);
    }
    (void)pthread_mutex_unlock(&worker->lock);
    free(link);
    return event;
}

void worker_emit_error(struct worker *worker, const struct err *err, bool fatal)
{
    struct event *event = event_new(EVENT_ERROR, worker->job);
    event->err = *err;
    event->fatal = fatal;
    worker_emit(worker, event);
}

void worker_emit_progress(struct worker *worker, uint64_t done, uint64_t total,
                          const char *what)
{
    double now = clock_seconds();
    if (now - worker->progress_at < worker_pace_s)
        return;
    worker->progress_at = now;
    struct event *event = event_new(EVENT_PROGRESS, worker->job);
    event->done = done;
    event->total = total;
    event->message = x_copy(what, strlen(what));
    worker_emit(worker, event);
}

int worker_fd(const struct worker *worker)
{
    return worker->fd;
}

/* ---- jobs ----------------------------------------------------------------------- */

bool worker_post(struct worker *worker, const struct job *job)
{
    (void)pthread_mutex_lock(&worker->lock);
    bool fits = worker->job_count < WORKER_JOBS_MAX && !worker->closed && !worker->stop;
    if (fits) {
        size_t at = (worker->job_first + worker->job_count++) % WORKER_JOBS_MAX;
        worker->jobs[at] = *job;
        worker->jobs[at].text = job->text ? x_copy(job->text, strlen(job->text)) : NULL;
        atomic_fetch_add(&worker->busy, 1);
        if (worker->unasked)
            atomic_store(&worker->cancel, true);
        (void)pthread_cond_signal(&worker->work);
    }
    (void)pthread_mutex_unlock(&worker->lock);
    return fits;
}

static void job_free(struct job *job)
{
    free((char *)(uintptr_t)job->text); /* the worker's own copy */
    job->text = NULL;
}

/* Under the lock. */
static void drop_jobs(struct worker *worker)
{
    for (; worker->job_count > 0; worker->job_count--) {
        job_free(&worker->jobs[worker->job_first]);
        worker->job_first = (worker->job_first + 1) % WORKER_JOBS_MAX;
        atomic_fetch_sub(&worker->busy, 1);
    }
}

/* Opening is not a job: only worker_stop ends it. */
void worker_cancel(struct worker *worker, bool all)
{
    (void)pthread_mutex_lock(&worker->lock);
    if (all)
        drop_jobs(worker);
    if (worker->running) {
        atomic_store(&worker->cancel, true);
        (void)pthread_cond_broadcast(&worker->room);
    }
    (void)pthread_mutex_unlock(&worker->lock);
}

void worker_keep_view(struct worker *worker, const char *text)
{
    (void)pthread_mutex_lock(&worker->lock);
    bool same = worker->view && strcmp(worker->view, text) == 0;
    if (!same) {
        free(worker->view);
        worker->view = x_copy(text, strlen(text));
        worker->view_waits = true;
    }
    (void)pthread_mutex_unlock(&worker->lock);
}

void worker_wish_probe(struct worker *worker, size_t probe)
{
    (void)pthread_mutex_lock(&worker->lock);
    if (worker->wish != probe && probe != SIZE_MAX)
        (void)pthread_cond_signal(&worker->work);
    worker->wish = probe;
    (void)pthread_mutex_unlock(&worker->lock);
}

bool worker_is_idle(const struct worker *worker)
{
    return atomic_load(&worker->busy) == 0;
}

/* Under the lock.  A viewer looks now and then whether its writer did something [W7]. */
static void wait_for_work(struct worker *worker)
{
    struct timespec until;
    if (!worker->options.read_only) {
        (void)pthread_cond_wait(&worker->work, &worker->lock);
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    double at = (double)until.tv_nsec * 1e-9 + worker->follow_s;
    until.tv_sec += (time_t)at;
    until.tv_nsec = (long)((at - floor(at)) * 1e9);
    if (pthread_cond_clockwait(&worker->work, &worker->lock, CLOCK_MONOTONIC, &until) !=
        ETIMEDOUT)
        return;
    (void)pthread_mutex_unlock(&worker->lock);
    worker_follow(worker);
    (void)pthread_mutex_lock(&worker->lock);
}

/* Waits for a job; false when it is time to stop. */
static bool take_job(struct worker *worker, struct job *job)
{
    (void)pthread_mutex_lock(&worker->lock);
    bool own = worker->job_count == 0 && worker_unasked_job(worker, job);
    while (worker->job_count == 0 && !worker->stop && !own) {
        wait_for_work(worker);
        own = worker->job_count == 0 && worker_unasked_job(worker, job);
    }
    bool go = !worker->stop;
    if (go) {
        worker->unasked = own;
        worker->running = true;
        atomic_store(&worker->cancel, false);
    }
    if (go && own) {
        job->text = job->text ? x_copy(job->text, strlen(job->text)) : NULL;
        atomic_fetch_add(&worker->busy, 1);
    } else if (go) {
        *job = worker->jobs[worker->job_first];
        worker->job_first = (worker->job_first + 1) % WORKER_JOBS_MAX;
        worker->job_count--;
    }
    (void)pthread_mutex_unlock(&worker->lock);
    return go;
}

/* A job of our own that a person or a fault ended is not begun again until the
 * flips change (the audit, which has nothing to do with them: never); one that made way
 * for another job is.  Returns whether it did. */
static bool note_given_up(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    bool made_way = worker->job_count > 0;
    bool audit = worker->job == JOB_AUDIT;
    worker->has_given_up = !made_way && !audit;
    worker->audited |= !made_way && audit;
    worker->given_up = model_state(worker->model);
    (void)pthread_mutex_unlock(&worker->lock);
    return made_way;
}

static void end_job(struct worker *worker, const char *message)
{
    struct event *event = event_new(EVENT_FINISHED, worker->job);
    event->message = message ? x_copy(message, strlen(message)) : NULL;
    worker_emit(worker, event);
    (void)pthread_mutex_lock(&worker->lock);
    worker->running = false;
    worker->unasked = false;
    atomic_fetch_sub(&worker->busy, 1);
    (void)pthread_mutex_unlock(&worker->lock);
}

/* What the disk refuses is said until it takes something again [W6]. */
static void note_paused(struct worker *worker, const struct job *job, const struct err *err,
                        uint64_t events_before)
{
    bool of_files = err->code == ERR_IO && job->type != JOB_WRITE && job->type != JOB_RENAME &&
                    strcmp(err->file, model_path(worker->model)) != 0;
    bool wrote = session_event_count(worker->session) > events_before && !worker->behind;
    if (!of_files && !(worker->paused && wrote && err->code == ERR_NONE))
        return;
    struct buf text = {0};
    const char *slash = strrchr(err->file, '/');
    worker->paused = of_files;
    if (of_files)
        buf_add_format(&text, "%s (%s)", err->message, slash ? slash + 1 : err->file);
    struct event *event = event_new(EVENT_PAUSED, worker->job);
    event->message = text.data; /* moved; NULL where it goes on */
    worker_emit(worker, event);
}

static void run_job(struct worker *worker, const struct job *job)
{
    struct err err = {0};
    uint64_t events_before = session_event_count(worker->session);
    struct event *event = event_new(EVENT_STARTED, job->type);
    worker->job = job->type;
    worker->progress_at = clock_seconds();
    event->total = job->type == JOB_STEP ? job->count : 0;
    worker_emit(worker, event);
    const char *message = worker_run(worker, job, &err);
    bool made_way = err.code != ERR_NONE && worker->unasked && note_given_up(worker);
    if (err.code == ERR_CANCELLED)
        message = made_way ? NULL : "stopped";
    else if (err.code != ERR_NONE)
        worker_emit_error(worker, &err, false);
    note_paused(worker, job, &err, events_before);
    end_job(worker, message);
    worker_session_put_view(worker);
}

/* ---- the thread ------------------------------------------------------------------ */

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct err err = {0};
    struct job job;
    /* Before the first parallel region: its threads inherit it. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);
    bool opened = worker_open(worker, &err);
    if (!opened)
        worker_emit_error(worker, &err, true);
    (void)pthread_mutex_lock(&worker->lock);
    worker->closed = !opened;
    if (worker->closed)
        drop_jobs(worker);
    atomic_fetch_sub(&worker->busy, 1);
    (void)pthread_mutex_unlock(&worker->lock);
    while (opened && take_job(worker, &job)) {
        run_job(worker, &job);
        job_free(&job);
    }
    return NULL;
}

/* Signals that are sent (not raised by a fault) are for the UI thread. */
static int start_thread(struct worker *worker)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t blocked, before;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        (void)sigdelset(&blocked, faults[i]);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int problem = pthread_create(&worker->thread, NULL, run, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return problem;
}

static const char *copy_text(const char *text)
{
    return text ? x_copy(text, strlen(text)) : NULL;
}

static void copy_options(struct worker_options *to, const struct worker_options *from)
{
    *to = *from;
    to->model = copy_text(from->model);
    to->session = copy_text(from->session);
    to->targets = copy_text(from->targets);
    to->controls = copy_text(from->controls);
    to->heldout = copy_text(from->heldout);
    to->mode = copy_text(from->mode);
    to->output = copy_text(from->output);
    to->probes_of = copy_text(from->probes_of);
    to->from = copy_text(from->from);
    if (from->search.layers) {
        int32_t *layers = x_new(from->search.layer_count, sizeof *layers);
        if (from->search.layer_count > 0)
            memcpy(layers, from->search.layers, from->search.layer_count * sizeof *layers);
        to->search.layers = layers;
    }
}

static void free_options(struct worker_options *options)
{
    free((char *)(uintptr_t)options->model);
    free((char *)(uintptr_t)options->session);
    free((char *)(uintptr_t)options->targets);
    free((char *)(uintptr_t)options->controls);
    free((char *)(uintptr_t)options->heldout);
    free((char *)(uintptr_t)options->mode);
    free((char *)(uintptr_t)options->output);
    free((char *)(uintptr_t)options->probes_of);
    free((char *)(uintptr_t)options->from);
    free((int32_t *)(uintptr_t)options->search.layers);
}

/* Without its thread. */
static void worker_free(struct worker *worker)
{
    struct event *event;
    drop_jobs(worker);
    while ((event = worker_event(worker)))
        event_free(event);
    worker_close(worker);
    free_options(&worker->options);
    free(worker->view);
    (void)pthread_cond_destroy(&worker->work);
    (void)pthread_cond_destroy(&worker->room);
    (void)pthread_mutex_destroy(&worker->lock);
    if (worker->fd >= 0)
        (void)close(worker->fd);
    free(worker);
}

struct worker *worker_start(const struct worker_options *options, struct err *err)
{
    struct worker *worker = x_new(1, sizeof *worker);
    (void)pthread_mutex_init(&worker->lock, NULL);
    (void)pthread_cond_init(&worker->work, NULL);
    (void)pthread_cond_init(&worker->room, NULL);
    copy_options(&worker->options, options);
    worker->follow_s = worker_follow_s;
    worker->wish = worker->detail_told = SIZE_MAX;
    atomic_store(&worker->busy, 1); /* it opens */
    worker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int problem = worker->fd < 0 ? errno : start_thread(worker);
    if (problem == 0)
        return worker;
    (void)err_set(err, ERR_MEMORY, "cannot start a thread: %s", strerror(problem));
    worker_free(worker);
    return NULL;
}

void worker_stop(struct worker *worker)
{
    if (!worker)
        return;
    (void)pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    atomic_store(&worker->cancel, true);
    (void)pthread_cond_broadcast(&worker->work);
    (void)pthread_cond_broadcast(&worker->room);
    (void)pthread_mutex_unlock(&worker->lock);
    (void)pthread_join(worker->thread, NULL);
    worker_free(worker);
}
