/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/session.h - the session file: everything that was tried, in order.
 *
 * One SQLite file (FORMAT.md in this folder).  It holds where it came from (model,
 * probes as they were, settings), a tree of steps and a journal of events.
 *
 *   step   a state of the patch: its parent's flips and one change.  Step 0 is the
 *          model without flips.  Undo moves the head to the parent, redo to the child
 *          the head last came from; a change made at an older step begins a branch.
 *          Nothing undone is thrown away.
 *   event  what was done and what came out, with the head it was done at.
 *
 * Every function that writes has committed when it returns true; what adds a step is
 * on the disk by then (synchronous FULL), other events survive the end of the process
 * (WAL, synchronous NORMAL).  A write that fails leaves the file as it was.
 *
 * A session belongs to one thread at a time.  Callbacks may read it, not write to it.
 *
 * [J1] what session_add_step or session_add_event returned true for is there after
 *      kill -9, and what was not is not there in part.
 * [J2] one writer at a time (flock on FILE.lock); readers need no lock.
 * [J3] all numbers come back to the bit.
 */
#ifndef SRC_SESSION_SESSION_H
#define SRC_SESSION_SESSION_H

#include <jansson.h>

#include "patches/patch.h"
#include "probes/generate.h"
#include "probes/probe.h"

enum {
    SESSION_VERSION = 1,                /* PRAGMA user_version */
    SESSION_APPLICATION = 0x424E4B41,   /* PRAGMA application_id, "BNKA" */
    SESSION_ROOT = 0,                   /* id of the step without flips */
};

struct session;

/* READ opens for looking only, also in a folder that cannot be written to (after a
 * clean close); WRITE locks, and creates the file if there is none. */
enum session_mode { SESSION_READ, SESSION_WRITE };

struct session *session_open(const char *path, enum session_mode mode, struct err *err);

/* Writes everything into the one file.  NULL is fine. */
void session_close(struct session *session);

/* Close a session that is open to WRITE and take away all that is of it: the file, what
 * lies beside it, and its counter.  False if the file is still there. */
bool session_remove(struct session *session);

/* Go on in a file of another name, also on another disk; lock and counter follow, and
 * what lay beside the old file is taken away.  A file that is there is refused, and so is
 * a session that somebody looks at.  Where it fails, the session goes on as it was. */
bool session_rename(struct session *session, const char *path, struct err *err);

const char *session_path(const struct session *session);
bool session_is_writable(const struct session *session); /* opened to WRITE */
/* Opened to READ: does somebody have it open to WRITE? */
bool session_is_locked(const struct session *session);
/* Has it an origin (below), or was it only just created? */
bool session_is_new(const struct session *session);

/* Steps that were committed once but are missing, because the -wal file was lost or
 * cut off; told from a counter in the state folder.  0: none, or nobody knows. */
uint64_t session_missing_steps(const struct session *session);

/* Beside a writer: head, counts and how far the search has drawn, as they are now. */
bool session_refresh(struct session *session, struct err *err);

/* All that is read until release is of one state of the file, also beside a writer, and
 * comes faster: the file is locked once.  Nothing may be written meanwhile.  Release also
 * where hold failed. */
bool session_hold(struct session *session, struct err *err);
void session_release(struct session *session);

/* ---- where it came from ----------------------------------------------------- */

struct session_origin {
    const char *program_version;
    const char *model_path;   /* absolute, or "nano" */
    const char *model_sha256;
    uint64_t model_bytes;
    json_t *shape;    /* object: layers, width, ... as `bankai info --json` names them */
    json_t *settings; /* object: all that decides what the search does */
    /* Probes as they were: targets, then controls, then held-out. */
    const struct probe_set *probes;
    size_t target_count, control_count, heldout_count;
    const double *gaps_before; /* [target_count + control_count] */
};

/* Once, on a new session; also adds step 0.  The values are copied. */
bool session_set_origin(struct session *session, const struct session_origin *origin,
                        struct err *err);
/* Borrowed until session_close. */
const struct session_origin *session_origin(struct session *session, struct err *err);
/* The model was found at another path (same hash). */
bool session_set_model_path(struct session *session, const char *path, struct err *err);

/* ---- events ----------------------------------------------------------------- */

enum session_kind {
    EVENT_KIND_OPEN,     /* the session was opened; text: program version */
    EVENT_KIND_TRIED,    /* a candidate of the search */
    EVENT_KIND_MEASURED, /* a flip measured by hand, not kept */
    EVENT_KIND_STEP,     /* a step was added: `step` */
    EVENT_KIND_HEAD,     /* undo, redo, goto: the head is `step` now; text says which */
    EVENT_KIND_ANSWERS,  /* a set was answered; data: what and the totals */
    EVENT_KIND_TEXT,     /* a typed text was continued; data: prompt, base, now */
    EVENT_KIND_HELDOUT,  /* somebody looked at held-out answers */
    EVENT_KIND_SHELL,    /* a shell command was run: recorded, never run again */
    EVENT_KIND_NOTE,     /* text */
    EVENT_KIND_NAME,     /* a state was called by text; data: step, which one */
    EVENT_KIND_COUNT,
};

const char *session_kind_name(enum session_kind kind); /* "tried", ... */

struct session_event {
    uint64_t seq;         /* 1, 2, ...; filled in by reading */
    int64_t time_ms;      /* since 1970, of the clock on the wall; never decides an order */
    enum session_kind kind;
    int64_t step;         /* head when it happened; of STEP and HEAD the new head; filled in */
    uint64_t number;      /* of a candidate, 1, 2, ...; else 0 */
    bool has_flip;
    struct flip flip;     /* the first of a candidate */
    const struct flip *flips; /* [flip_count] all of a candidate; NULL: flip alone */
    size_t flip_count;
    bool accepted, screened, stopped;
    double fitness;       /* NAN: none */
    double promised;      /* of a candidate: change of the fitness; 0: nothing */
    const double *gaps;   /* [gap_count] or NULL */
    size_t gap_count;
    const char *text;     /* or NULL */
    json_t *data;         /* object or NULL */
};

/* seq, step and, where it is 0, time_ms are filled in.  STEP, HEAD and NAME come from
 * session_add_step, session_move_head and session_name_step alone. */
bool session_add_event(struct session *session, struct session_event *event, struct err *err);

/* Calls each() for events first, first + 1, ... until it returns false; texts are
 * borrowed for the call. */
bool session_each_event(struct session *session, uint64_t first,
                        bool (*each)(void *user, const struct session_event *event), void *user,
                        struct err *err);
/* The same without gaps, and without text and data where there is a flip (but all of a
 * candidate's): one fast look at all that happened. */
bool session_each_briefly(struct session *session, uint64_t first,
                      bool (*each)(void *user, const struct session_event *event), void *user,
                      struct err *err);
/* The same for those of one kind. */
bool session_each_of(struct session *session, enum session_kind kind,
                     bool (*each)(void *user, const struct session_event *event), void *user,
                     struct err *err);
uint64_t session_event_count(const struct session *session);

/* ---- steps ------------------------------------------------------------------ */

struct session_step {
    int64_t id;          /* 0 (root), 1, 2, ... */
    int64_t parent;      /* -1: root */
    int64_t redo;        /* child that redo goes to, -1: none */
    const char *by;      /* "search", "hand", "import"; of the root "origin" */
    uint64_t tried;      /* candidates the search had drawn when it was made */
    uint64_t screened;   /* of these */
    int64_t time_ms;
    const struct flip *flips; /* [flip_count] change against the parent */
    size_t flip_count;
    double fitness;
    const double *gaps;  /* [gap_count] of targets and controls with it */
    size_t gap_count;
    const char *note;    /* or NULL */
    /* SHA-256 of the weights that the flips touch (model_rows_sha256), or NULL; only to
     * be written: session_step_rows gives it back. */
    const char *rows_sha256;
};

/* Add a step below the head, make it the head, and add its EVENT_KIND_STEP and, where
 * `tried` is given, the event of the candidate that led to it, all in one commit to the
 * disk.  id, parent and, where it is 0, time_ms are filled in. */
bool session_add_step(struct session *session, struct session_step *step,
                      struct session_event *tried, struct err *err);

/* The same below any step, to which the head goes first; the new step is called by the
 * name, if there is one. */
bool session_add_branch(struct session *session, int64_t parent, struct session_step *step,
                        const char *name, struct err *err);

/* Move the head: text is "undo", "redo" or "goto".  Steps that the head leaves upwards
 * are what redo comes back to. */
bool session_move_head(struct session *session, int64_t step, const char *text, struct err *err);

int64_t session_head(const struct session *session);
/* How far the search has drawn: the newest TRIED event. */
uint64_t session_tried(const struct session *session);
uint64_t session_screened(const struct session *session);
uint64_t session_step_count(const struct session *session); /* the root included */

/* One step; texts and arrays are valid until the next call or session_close. */
bool session_step(struct session *session, int64_t id, struct session_step *out,
                  struct err *err);
/* The caller frees it; NULL if there is none. */
char *session_step_rows(struct session *session, int64_t id);
/* Ids from the root (excluded) to the step (included); the caller frees *ids. */
bool session_way(struct session *session, int64_t step, int64_t **ids, size_t *count,
                 struct err *err);

/* ---- generations ------------------------------------------------------------ */

struct session_answer {
    int64_t step;       /* head it was generated with; SESSION_ROOT: base */
    size_t probe;       /* index in the origin's probes */
    const char *text;   /* as generated, any bytes */
    size_t text_len;
    bool right;
};

/* All in one commit; what is there already for step and probe is replaced. */
bool session_add_answers(struct session *session, const struct session_answer *answers,
                         size_t count, struct err *err);
struct evaluation; /* probes/evaluate.h */

/* The same of an evaluation of probes first, first + 1, ...: base is of the model without
 * flips, now of the head. */
bool session_add_generations(struct session *session, size_t first,
                             const struct evaluation *base, const struct evaluation *now,
                             struct err *err);
/* And an event of that kind (ANSWERS, HELDOUT) with the totals.  unasked: nobody looked. */
bool session_add_evaluation(struct session *session, enum session_kind kind, size_t first,
                            const struct evaluation *base, const struct evaluation *now,
                            bool unasked, struct err *err);
bool session_each_answer(struct session *session, int64_t step,
                         bool (*each)(void *user, const struct session_answer *answer),
                         void *user, struct err *err);

/* How often somebody looked at held-out answers: here, and before in the sessions that this
 * one was carried on from (session_carry_looks). */
bool session_looks(struct session *session, uint64_t *looks, struct err *err);
bool session_carry_looks(struct session *session, uint64_t looks, struct err *err);

/* ---- names, view state ------------------------------------------------------ */

/* A named state, and the event that says so. */
bool session_name_step(struct session *session, const char *name, int64_t step, struct err *err);
bool session_named(struct session *session, const char *name, int64_t *step, struct err *err);
/* Calls each() in the order of the steps, then of the names, until it returns false. */
bool session_each_name(struct session *session,
                       bool (*each)(void *user, const char *name, int64_t step), void *user,
                       struct err *err);

/* Anything small that a front end wants back: replaced by key, not journaled. */
bool session_put(struct session *session, const char *key, const char *value, struct err *err);
/* The caller frees it; NULL if there is none. */
char *session_get(struct session *session, const char *key);

/* ---- whole files ------------------------------------------------------------ */

/* Is the file whole?  SQLite's integrity and foreign keys, the tree (one root, parents
 * earlier, head there), gap counts, event order.  Reasons go into out, one line each;
 * returns false if there are any or nothing can be said, because memory ran out or the
 * disk failed: then there are none, and err says why. */
bool session_verify(struct session *session, struct buf *reasons, struct err *err);

/* A clean copy of a session that is open or crashed (VACUUM INTO, atomically); a file
 * that is there already is refused. */
bool session_copy(struct session *session, const char *path, struct err *err);

/* All of it as lines of JSON (FORMAT.md), written atomically, of one state of the file
 * also beside a writer.  program_version: of who writes it.  progress and cancel may be
 * NULL. */
bool session_dump(struct session *session, const char *path, const char *program_version,
                  const struct work_progress *progress, cancel_flag *cancel, struct err *err);

/* A new session file of such lines, equal in every table; it has an id of its own.
 * from is a file, "-" (standard input) or a folder with a session.jsonl.  A file at
 * `to` is refused; nothing appears there before all of it was read and verified.
 * What is wrong with the lines is told with err->where = "line N...". */
bool session_import(const char *from, const char *to, const struct work_progress *progress,
                    cancel_flag *cancel, struct err *err);

#endif
