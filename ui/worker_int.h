/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/worker_int.h - the inside of the worker: worker.c (thread and queues),
 * worker_open.c, worker_jobs.c, worker_answers.c, worker_audit.c, worker_map.c and
 * worker_detail.c (what the thread does),
 * worker_session.c, worker_past.c and worker_note.c (with the session).
 */
#ifndef UI_WORKER_INT_H
#define UI_WORKER_INT_H

#include <pthread.h>

#include "engine/search/record.h"
#include "src/session/journal.h"
#include "ui/worker.h"

enum {
    WORKER_JOBS_MAX = 64,
    WORKER_EVENTS_MAX = 256,
    WORKER_NEXT_MAX = 64,    /* candidates in an EVENT_NEXT */
    WORKER_TEXT_TOKENS = 48, /* of JOB_TEXT */
    WORKER_NICE = 10,
};

/* Tokens of one evaluation times bytes of the model: 1e9 for the embedded model
 * and its 82 probes, 3e11 for one of 1.7 G weights.  About three seconds' work. */
static const double worker_unasked_max = 2e10;

static const double worker_pace_s = 0.1; /* between progress events */
static const double worker_follow_s = 0.5; /* between looks at what a writer did */

struct event_link {
    struct event *event;
    struct event_link *next;
};

/* Answers of targets and controls, or of the held-out probes. */
struct worker_answers {
    struct evaluation *base, *now; /* NULL: not computed yet */
    struct state_name state;       /* that `now` belongs to */
};

/* What JOB_TRY or JOB_KEEP measured last, or the last candidate of a session that was opened
 * again; a step makes it none. */
struct worker_hand {
    struct flip *flips; /* [count] owned */
    size_t count;       /* 0: none */
    size_t kept_at;     /* place of the first among the accepted flips, WORKER_NOT_KEPT */
};

#define WORKER_NOT_KEPT SIZE_MAX

struct worker {
    /* Under the lock, but for cancel and busy. */
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job came, or stop */
    pthread_cond_t room; /* an event went, or cancel or stop */
    struct job jobs[WORKER_JOBS_MAX]; /* a ring; texts are owned */
    size_t job_first, job_count;
    struct event_link *event_first, *event_last;
    size_t event_count;
    bool running; /* a job, not the opening */
    bool unasked; /* the running job is the worker's own [W5] */
    bool closed;  /* nothing was opened: takes no jobs */
    bool stop;
    char *view;       /* of worker_keep_view, owned */
    bool view_waits;  /* to be written */
    size_t wish;      /* probe to be measured, SIZE_MAX: none */
    cancel_flag cancel;
    atomic_size_t busy; /* jobs queued and running, and the opening */
    int fd;
    pthread_t thread;

    struct worker_options options; /* texts and layers are owned */

    /* Of the worker thread alone. */
    struct model *model;
    struct search_inputs probes;
    struct session *session;
    struct journal *journal;
    struct search *search; /* the journal's */
    struct patch *patch; /* that is in the patch file */
    struct buf output;
    bool first_written; /* this run has written its patch file */
    bool behind;        /* the patch file lacks what the session has [W6] */
    bool paused;        /* EVENT_PAUSED was told */
    double follow_s;    /* until the next look at what the writer did */
    uint64_t told;      /* events of the session that were read (worker_past_read) */
    uint64_t last_try, last_text; /* the newest event of that kind, 0: none */
    struct event_past past;       /* tries that were read and not told yet */
    double seconds_each;
    bool audited;            /* the probes were, or a person did not want it */
    struct state_name given_up; /* answers of this state were stopped by a person */
    bool has_given_up;
    double next_at, progress_at; /* when the last one was posted */
    enum job_type job;           /* that is running */
    struct work_progress watch; /* of passes of a step */
    struct worker_hand hand;
    struct buf starts; /* of options.from */
    struct promise *best; /* [best_count] of the last map, NULL: none was made */
    size_t best_count, best_measured; /* the first of them, */
    int64_t best_step;                /* on this step */
    struct worker_answers answers[2]; /* [held-out] */
    size_t detail_told;               /* probe whose detail was told last, */
    struct state_name detail_state;   /* and of which flips */
    struct probe_detail **details;    /* [all probes] without flips, NULL until measured */
    char *text_prompt;                /* whose base text is kept */
    struct generation text_base;
    struct event_states states;       /* the named ones, as they were told last */
    struct state_name text_state; /* that its patched text belongs to */
};

/* ---- event.c ------------------------------------------------------------------ */

struct event *event_new(enum event_type type, enum job_type job);
double *event_copy_gaps(const double *gaps, size_t count);
struct evaluation *evaluation_copy(const struct evaluation *from);
void generation_copy(struct generation *to, const struct generation *from);

/* ---- worker.c ------------------------------------------------------------------ */

/* Owned from now on; waits for room unless somebody cancels. */
void worker_emit(struct worker *worker, struct event *event);
void worker_emit_error(struct worker *worker, const struct err *err, bool fatal);
/* At most ten a second. */
void worker_emit_progress(struct worker *worker, uint64_t done, uint64_t total,
                          const char *what);

/* ---- worker_open.c -------------------------------------------------------------- */

bool worker_open(struct worker *worker, struct err *err);
void worker_close(struct worker *worker);
struct patch *worker_patch_new(const struct worker *worker, const char *name);
size_t worker_searched(const struct worker *worker); /* targets and controls */
void worker_emit_flips(struct worker *worker);
void worker_emit_next(struct worker *worker);

/* ---- worker_session.c --------------------------------------------------------------- */

bool worker_session_open(struct worker *worker, struct err *err);
bool worker_session_inputs(struct worker *worker, struct err *err);
/* The session's, wherever it is now, or the one that is given; NULL if it cannot be opened. */
struct model *worker_session_model(struct worker *worker, struct err *err);
bool worker_session_begin(struct worker *worker, struct err *err);
void worker_session_close(struct worker *worker);
/* What was answered and continued; how often somebody looked at held-out answers. */
bool worker_session_answers(struct worker *worker, bool heldout, struct err *err);
bool worker_session_note(struct worker *worker, enum session_kind kind, const char *text,
                         json_t *data, struct err *err);
bool worker_session_text(struct worker *worker, const char *prompt,
                         const struct generation *base, const struct generation *now,
                         struct err *err);
void worker_session_put_view(struct worker *worker);

/* ---- worker_note.c: what a person says of the session and to it ------------------------ */

bool worker_note(struct worker *worker, const char *text, struct err *err);
bool worker_notes(struct worker *worker, struct err *err);
bool worker_shell(struct worker *worker, const char *command, uint64_t status, struct err *err);
bool worker_about(struct worker *worker, struct err *err);
bool worker_rename(struct worker *worker, const char *name, struct err *err);
void worker_offer(struct worker *worker);

/* ---- worker_past.c: the screen as it was left ------------------------------------------ */

/* Read the events that came since the last time, once for all that follows. */
void worker_past_read(struct worker *worker);
/* EVENT_PAST of what was tried in them, and the fitness of each flip. */
void worker_past_tries(struct worker *worker);
/* EVENT_TRIED of the newest candidate, for a verdict on it. */
void worker_past_last(struct worker *worker);
/* Answers and the last typed text, as far as they are known for what is on now. */
void worker_past_texts(struct worker *worker);
/* Those of targets and controls that are stored of the head. */
void worker_past_answers(struct worker *worker);
/* Beside a writer [W7]. */
void worker_follow(struct worker *worker);

/* ---- worker_states.c ------------------------------------------------------------------ */

/* Tell the named states; what cannot be read of them is left out. */
void worker_emit_states(struct worker *worker);
bool worker_name_state(struct worker *worker, const char *name, struct err *err);
bool worker_diff(struct worker *worker, const char *states, struct err *err);

/* ---- worker_map.c ----------------------------------------------------------------------- */

bool worker_map(struct worker *worker, enum granularity granularity, struct err *err);
bool worker_measure(struct worker *worker, uint64_t count, struct err *err);

/* ---- worker_jobs.c, worker_answers.c ---------------------------------------------- */

/* The numbers of a try; gaps may be NULL and are copied. */
void worker_emit_tried(struct worker *worker, const struct search_try *tried,
                       double fitness_before, const double *gaps);
/* Take flips in hand, or (count 0) none; they are copied. */
void worker_take(struct worker *worker, const struct flip *flips, size_t count, size_t kept_at);
/* Measure a flip, which is not kept, and tell it. */
bool worker_try(struct worker *worker, const struct flip *flip, struct err *err);
/* Tell of the search's passes over all rows. */
void worker_watch(struct worker *worker);
/* Returns a message for EVENT_FINISHED or NULL; err->code says whether it failed. */
const char *worker_run(struct worker *worker, const struct job *job, struct err *err);

/* Flips that are on. */
size_t worker_flips_on(struct worker *worker);
/* Take the accepted flips off the model, or put them on again. */
void worker_toggle_accepted(struct worker *worker);
bool worker_answer(struct worker *worker, bool heldout, struct err *err);
/* Are answers and maps cheap enough not to wait until they are asked for? */
bool worker_is_small(const struct worker *worker);
/* What should be asked for again without being told to [W5]; false: nothing. */
bool worker_unasked_job(const struct worker *worker, struct job *job);
bool worker_text(struct worker *worker, const char *prompt, struct err *err);

/* ---- worker_audit.c ------------------------------------------------------------------ */

bool worker_audit(struct worker *worker, struct err *err);

/* ---- worker_detail.c ----------------------------------------------------------------- */

bool worker_detail(struct worker *worker, uint64_t probe, struct err *err);
void worker_details_free(struct worker *worker);

#endif
