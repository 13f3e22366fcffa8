/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/worker.h - the thread that owns the model and does all engine work.
 *
 * Jobs go in through a queue, events come out through a bounded queue; an
 * eventfd becomes readable when events wait.  The UI thread never calls the
 * engine and never waits for it.  The worker runs at nice 10.
 *
 * [W1] an accepted flip is in the session and in the patch file before its event is
 *      posted; if it cannot be written, the flip is taken back and EVENT_ERROR posted.
 * [W2] worker_cancel stops the running job within 100 ms; what was accepted stays.
 * [W3] between jobs the model holds exactly the accepted flips.
 * [W4] events own what they point to; event_free.
 * [W6] when the session or the patch file cannot be written, the job ends with EVENT_ERROR
 *      and EVENT_PAUSED says why until something was written again.  A flip that is in
 *      the session, but neither in the patch file nor to be taken back, is told, and
 *      the patch file follows before any other job.
 * [W7] read_only: nothing is written but by JOB_WRITE; what would be is refused.  What
 *      a writer beside it does is told as it comes.
 * [W5] with answers_unasked and a small model (worker_unasked_max) the last typed
 *      text and the answers of targets and controls are kept fresh: whenever
 *      nothing is asked for and the flips have changed, JOB_TEXT and JOB_ANSWERS
 *      run by themselves, then JOB_PROBE of the one that is looked at, and JOB_AUDIT
 *      once.  Any job posted ends them.
 */
#ifndef UI_WORKER_H
#define UI_WORKER_H

#include "engine/search/search.h"
#include "probes/audit.h"
#include "probes/detail.h"
#include "probes/evaluate.h"
#include "src/session/state.h"
#include "ui/predictions.h"

struct worker_options {
    const char *model;   /* NULL: that of the session, or nano */
    const char *session; /* file to begin or to go on with (then the probes and the search
                            are as they were), or NULL: a new one in the state folder */
    const char *targets, *controls; /* probe set specs */
    const char *heldout;            /* NULL: none */
    const char *mode;               /* of all answers, or NULL: as the sets say */
    const char *output;             /* patch file, or NULL: last.json in the state folder */
    struct search_options search;   /* layers NULL: defaults */
    bool answers_unasked;           /* [W5] */
    bool read_only; /* look at a session that is there, beside a writer or without [W7] */
    /* Session whose probes a new one takes, instead of the specs; NULL: none. */
    const char *probes_of;
    /* Patch files that a search which takes several begins with (evolve), comma-separated;
     * NULL: none. */
    const char *from;
    uint64_t heldout_looks; /* that a new session goes on counting from */
    bool offer;     /* look for a session to go on with: EVENT_OFFER */
};

enum job_type {
    JOB_STEP,     /* try `count` candidates (0: until stopped or finished) */
    JOB_TRY,      /* measure `flip`, not kept */
    JOB_KEEP,     /* measure `flip` and accept it whatever it does */
    JOB_ACCEPT,   /* accept the last tried candidate although it was rejected */
    JOB_REJECT,   /* take the last tried candidate back although it was accepted */
    JOB_UNDO,     /* take back the last accepted flip */
    JOB_REDO,     /* put back what was undone last */
    JOB_GOTO,     /* any state of the session: `text` (state.h) or else step `count` */
    JOB_PATCH,    /* open patch file `text` beside what is there, as a named state:
                     "NAME\nPATH"; NAME may be empty */
    JOB_NAME,     /* name the state that is on `text` */
    JOB_DIFF,     /* compare two states: `text` is A..B */
    JOB_ANSWERS,  /* greedy answers of targets and controls, base and now */
    JOB_HELDOUT,  /* greedy answers of the held-out set, base and now */
    JOB_AUDIT,    /* what is wrong with the probes, by the model without flips */
    JOB_PROBE,    /* probe `count` token by token, base and now; of a held-out one the
                     answers of its set are asked for with it: that is a look */
    JOB_TEXT,     /* continue `text` greedily, base and now */
    JOB_MAP,      /* what every row promises (`count`: enum granularity), as the model is:
                     EVENT_PREDICTED */
    JOB_MEASURE,  /* measure the best `count` of the last map, which is made if there is none;
                     each as JOB_TRY does */
    JOB_WRITE,    /* write the accepted flips to file `text` */
    JOB_NOTE,     /* write `text` into the session */
    JOB_NOTES,    /* list the notes: EVENT_NOTES */
    JOB_SHELL,    /* a person ran command `text`, which ended with status `count` */
    JOB_ABOUT,    /* where the session is and what it holds: EVENT_SAID */
    JOB_RENAME,   /* go on in the session file `text`: EVENT_SESSION */
};

struct job {
    enum job_type type;
    uint64_t count;
    struct flip flip;
    const char *text; /* copied */
};

enum event_type {
    EVENT_OPENED,   /* model, probes and patch file are there: opened */
    EVENT_SCALES,   /* mean |scale| of every row of one matrix: scales */
    EVENT_GAPS,     /* gaps before the search: gaps */
    EVENT_TRIED,    /* a candidate or a row under the cursor was measured: tried */
    EVENT_FLIPS,    /* the set of accepted flips changed: flips */
    EVENT_NEXT,     /* the next candidates: next */
    EVENT_ANSWERS,  /* answers */
    EVENT_AUDIT,    /* audit */
    EVENT_PROBE,    /* probe */
    EVENT_PREDICTED, /* predictions */
    EVENT_TEXT,     /* text */
    EVENT_STATES,   /* the named states: states */
    EVENT_DIFF,     /* two states compared: diff */
    EVENT_WRITTEN,  /* message: path */
    EVENT_PAST,     /* what a session that is gone on with holds: past */
    EVENT_SAID,     /* message */
    EVENT_SESSION,  /* the session's file is another one; message: path */
    EVENT_NOTES,    /* message: lines */
    EVENT_OFFER,    /* message: what is there to go on with; offer: its file */
    EVENT_PAUSED,   /* message: what cannot be written [W6]; NULL: it could be again */
    EVENT_PROGRESS, /* done, total of the running job; message: what */
    EVENT_STARTED,  /* a job has begun: job */
    EVENT_FINISHED, /* a job has ended (also when cancelled): job, message if any */
    EVENT_ERROR,    /* err; fatal: nothing was opened */
};

struct event_opened {
    struct model *model;     /* for shape, tokenizer, names: never its bits */
    struct probe_set *probes; /* targets, then controls, then held-out; owned by the worker */
    size_t target_count, control_count, heldout_count;
    enum metric metric, control_metric; /* of the gaps */
    struct search_options *search; /* its layers are owned, too; NULL in tests: defaults */
    char *output;  /* patch file */
    char *session; /* file */
    uint64_t missing_steps; /* that the session lost with its -wal file */
    uint64_t heldout_looks; /* in the session and those it was carried on from */
    char *view;             /* as worker_keep_view was given it last, or NULL */
    bool read_only;
};

struct event_scales {
    int32_t layer;
    enum proj proj;
    uint32_t rows;
    float *mean; /* [rows] */
};

struct event_tried {
    struct flip flip;   /* the first of the candidate */
    struct flip *flips; /* [flip_count] all of it, or NULL: flip alone */
    size_t flip_count;  /* at least 1 */
    bool by_hand;  /* JOB_TRY or JOB_KEEP, not drawn by the search */
    bool screened, accepted;
    bool stopped;  /* the targets alone said no: fitness is at most this */
    bool has_gaps; /* false: screened out, gaps not measured */
    double fitness, fitness_before;
    bool has_promise;
    double promised; /* change of the fitness, by the pass that chose it */
    uint64_t tried, screened_total;
    double seconds_each; /* smoothed */
    double *gaps; /* [targets + controls] of the candidate, or NULL */
};

struct event_flips {
    struct flip *flips; /* [count] that are on, in order of acceptance */
    size_t count;
    double fitness;
    double *gaps; /* [targets + controls] now */
    int64_t step; /* of the session */
    bool can_redo;
    uint64_t tried, screened;
    bool small; /* the model [W5]: what is cheap to know need not be asked for */
};

/* In the order of the events; the accepted flips come with EVENT_FLIPS. */
struct event_past {
    struct {
        struct flip flip;
        bool rejected; /* by the search */
        double fitness; /* NAN: not measured */
        double before;  /* without it; NAN: not known */
        int64_t step;   /* it was tried on */
    } *tried;           /* [count] */
    size_t count;
    double *history;   /* [history_count] fitness after each accepted flip */
    size_t history_count;
};

struct event_next {
    struct flip *flips;
    float *scales;
    double *promised; /* by the pass that chose them, NAN: by none; NULL: all of them */
    size_t count;
    uint64_t left; /* candidates not drawn yet */
};

struct event_answers {
    bool heldout;
    size_t first, count; /* into opened.probes */
    struct evaluation *base, *now;
    size_t flip_count; /* accepted flips when `now` was measured */
    bool kept;         /* they come from the session, nobody looked now */
};

struct event_probe {
    size_t probe; /* of opened.probes */
    struct probe_detail *base, *now;
    size_t flip_count; /* accepted flips when `now` was measured */
};

struct event_text {
    char *prompt;
    struct generation base, now;
    size_t flip_count; /* SIZE_MAX: of other flips than are on */
    bool kept;         /* it comes from the session, nobody asked now */
};

struct named_state {
    char *name;
    int64_t step;
    size_t flips;
    size_t bytes;  /* of these as a patch (patch_packed_bytes, flips) */
    double fitness;
    size_t answered, right; /* targets whose answer with it is stored; that are right */
};

struct event_states { /* by step, then by name */
    struct named_state *items;
    size_t count;
};

struct event_diff {
    char *a, *b; /* what the states are called */
    struct session_diff diff;
};

struct event {
    enum event_type type;
    enum job_type job;
    bool unasked; /* of a job that runs by itself [W5] */
    uint64_t done, total;
    char *message;
    struct err err;
    bool fatal;
    union {
        struct event_opened opened;
        struct event_scales scales;
        struct event_tried tried;
        struct event_flips flips;
        struct event_next next;
        struct event_answers answers;
        struct event_text text;
        struct event_past past;
        char *offer;
        struct event_states states;
        struct event_diff diff;
        struct event_probe probe;
        struct audit *audit; /* of opened.probes */
        struct predictions *predictions; /* whoever takes it puts NULL here */
        double *gaps; /* EVENT_GAPS: [targets + controls] */
    };
};

struct worker;

/* Starts the thread, which opens the model at once. */
struct worker *worker_start(const struct worker_options *options, struct err *err);

void named_states_free(struct event_states *states);
void event_diff_free(struct event_diff *diff);

/* Queue a job; false if the queue (64) is full. */
bool worker_post(struct worker *worker, const struct job *job);

/* Stop the running job; queued ones go on unless all is true. */
void worker_cancel(struct worker *worker, bool all);

/* The probe that is looked at and not known as it is now (SIZE_MAX: none): JOB_PROBE of it
 * runs by itself [W5]. */
void worker_wish_probe(struct worker *worker, size_t probe);

/* What the front end wants back when the session is opened again: written between jobs
 * and at the end. */
void worker_keep_view(struct worker *worker, const char *text);

int worker_fd(const struct worker *worker); /* readable when events wait */
/* The next event, or NULL; the caller frees it. */
struct event *worker_event(struct worker *worker);
void event_free(struct event *event);

/* Is nothing running or queued? */
bool worker_is_idle(const struct worker *worker);

/* Cancels, joins, frees.  The probe set and model of EVENT_OPENED end here. */
void worker_stop(struct worker *worker);

#endif
