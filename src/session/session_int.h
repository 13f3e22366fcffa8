/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/session_int.h - what the files of this folder share.
 *
 *   open.c     opening and closing, whether the file is still ours
 *   lock.c     one writer at a time
 *   rename.c   going on under another name
 *   counter.c  how many steps were committed, kept outside of the file
 *   schema.c   tables and views, version and migration
 *   query.c    statements: binding, reading with proof, transactions, errors
 *   value.c    how numbers and flips are written
 *   origin.c   where the session came from
 *   event.c    the journal           step.c    the tree
 *   answer.c   generations, names, view state   evaluation.c  many at once, with totals
 *   verify.c   is the file whole?    copy.c    a clean copy
 *   dump.c     as lines of JSON      import.c  and back: lines_int.h, import_int.h
 */
#ifndef SRC_SESSION_SESSION_INT_H
#define SRC_SESSION_SESSION_INT_H

#include <sqlite3.h>
#include <sys/stat.h>

#include "src/session/session.h"

enum {
    SESSION_ID_LEN = 32, /* hex digits of a session's random id */
    MASK_TEXT_SIZE = 33, /* a flip's mask as text, with its end */
};

/* ---- statements ------------------------------------------------------------- */

/* Every statement that is used more than once; their texts are in query.c. */
enum session_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_STATE,
    SQL_TRIED,
    SQL_SET_HEAD,
    SQL_ADD_EVENT,
    SQL_ADD_STEP,
    SQL_ADD_FLIP,
    SQL_SET_REDO,
    SQL_GET_STEP,
    SQL_GET_FLIPS,
    SQL_GET_PARENT,
    SQL_ADD_ANSWER,
    SQL_SET_NAME,
    SQL_GET_NAME,
    SQL_PUT,
    SQL_GET,
    SQL_COUNT,
};

/* A statement in use.  Once something failed ok is false, err is filled in, and all
 * further calls do nothing: a sequence of them is checked once, at its end. */
struct query {
    struct session *session;
    sqlite3_stmt *stmt;
    struct err *err;
    char place[48];   /* of the row at hand, for messages: "event 17" */
    int bound;        /* parameters so far */
    bool ok;
    bool has_row;
    bool owned;       /* stmt is this query's alone */
};

/* Prepared once and kept; not to be used again before query_end. */
struct query query_use(struct session *session, enum session_sql which, struct err *err);
/* Of its own: may stay open while others come and go. */
struct query query_new(struct session *session, const char *sql, struct err *err);

/* The next parameter.  Texts are borrowed until query_end; NULL is NULL. */
void query_int(struct query *query, int64_t value);
void query_count(struct query *query, uint64_t value);
void query_real(struct query *query, double value); /* NAN is NULL */
void query_text(struct query *query, const char *text);
/* Any bytes: as TEXT where they are valid UTF-8 without U+0000, else as BLOB. */
void query_bytes(struct query *query, const char *text, size_t len);
void query_null(struct query *query);
/* Valid UTF-8 without U+0000? */
bool query_is_plain(const char *text, size_t len);

/* Is there one more row? */
bool query_next(struct query *query);
/* Run it, whatever it returns; ends it. */
bool query_run(struct query *query);
/* Returns ok. */
bool query_end(struct query *query);

/* Columns of the row at hand; what is not as expected is refused (ok), and
 * something harmless is returned. */
bool row_is_null(const struct query *query, int column);
int64_t row_int(struct query *query, int column, int64_t min, int64_t max);
bool row_bool(struct query *query, int column);
double row_real(struct query *query, int column); /* NULL is NAN */
/* Valid until the next row, with a zero byte behind it; len may be NULL. */
const char *row_text(struct query *query, int column, size_t *len);
const char *row_text_or_null(struct query *query, int column);
/* A JSON object, NULL for NULL; the caller owns it. */
json_t *row_object(struct query *query, int column);
json_t *row_array(struct query *query, int column);
/* The column holds something else; always returns false. */
bool row_refuse(struct query *query, int column, const char *expected);

/* What SQLite said, in one line; returns false. */
bool session_fail(struct session *session, int code, struct err *err);
bool session_exec(struct session *session, const char *sql, struct err *err);

/* A transaction for writing.  to_disk: committed is on the disk, not only safe from
 * the end of the process.  Begin refuses where the file is not ours to write any more.
 * End commits where ok, or else takes everything back; returns whether it committed. */
bool session_begin(struct session *session, bool to_disk, struct err *err);
bool session_end(struct session *session, bool ok, struct err *err);

/* ---- values ----------------------------------------------------------------- */

struct numbers {
    double *data;
    size_t count, capacity;
};

void numbers_free(struct numbers *numbers);
/* Append one number as JSON, to the bit (FORMAT.md). */
void number_print(struct buf *out, double value);
/* Append as JSON array. */
void numbers_print(struct buf *out, const double *data, size_t count);
/* Replaces what is in out. */
bool numbers_parse(const char *text, size_t len, struct numbers *out);
/* A column of numbers; NULL gives false and no numbers. */
bool row_numbers(struct query *query, int column, struct numbers *out);

/* 32 hex digits, bit 0 first: the bytes of the group in order. */
void mask_print(const struct flip *flip, char out[MASK_TEXT_SIZE]);
bool mask_parse(const char *text, size_t len, uint64_t mask[2]);
/* Five columns or parameters: layer, proj, row, grp, mask.  mask must stay until
 * query_end. */
void query_flip(struct query *query, const struct flip *flip, char mask[MASK_TEXT_SIZE]);
void row_flip(struct query *query, int column, struct flip *flip);

/* ---- the session ------------------------------------------------------------ */

/* Changes with what is written; taken back with it. */
struct session_progress {
    int64_t head;
    uint64_t steps, events, tried, screened;
};

struct session {
    char *path;      /* as given */
    char *real_path; /* as SQLite has it, where links lead */
    char *wal_path;
    enum session_mode mode;
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    int last_code;            /* SQLite's, of the last failure */
    int lock_fd, counter_fd;  /* -1: none */
    struct stat file, wal;    /* what was opened; wal.st_ino 0: not seen yet */
    char id[SESSION_ID_LEN + 1];
    bool has_origin;
    bool to_disk;             /* of the transaction at hand */
    struct session_progress now, before; /* before: the transaction at hand */
    uint64_t missing;
    struct origin *origin;    /* loaded, or NULL */
    struct buf step_text;     /* of session_step: by and note */
    struct numbers step_gaps;
    struct flip *step_flips;
};

/* open.c */
bool session_in_place(struct session *session, struct err *err);
bool session_load(struct session *session, struct err *err);
/* Bring what is in the -wal file into the file itself, as far as readers allow. */
void session_checkpoint(struct session *session);
int64_t session_clock_ms(void);

/* Open the file of session->path, and let it go. */
bool session_connect(struct session *session, bool immutable, struct err *err);
void session_disconnect(struct session *session);
bool session_use_wal(struct session *session, struct err *err);

/* lock.c: the descriptor that holds the lock of a file, or -1 */
int session_lock_file(const char *file, struct err *err);
bool session_lock(struct session *session, struct err *err);

/* counter.c: failures are silent, nothing depends on it */
void session_counter_open(struct session *session);
void session_counter_set(struct session *session);
void session_counter_remove(const char *id);

/* copy.c: what was made beside the target becomes it, on the disk, where nothing has its
 * name; taken away on failure. */
bool session_put_in_place(const char *beside, const char *path, struct err *err);
/* Take away such a file and all that SQLite left of it where the disk failed. */
extern const char *const session_endings[]; /* of these files; ended by NULL */
void session_remove_rest(const char *beside);

/* schema.c */
bool session_schema_check(struct session *session, bool *is_new, struct err *err);
bool session_schema_migrate(struct session *session, struct err *err);

/* event.c: inside a transaction */
bool session_insert_event(struct session *session, struct session_event *event, struct err *err);
bool session_needs_origin(const struct session *session, struct err *err);

/* event_try.c: the event's data, with its flips where it has several and what was promised of
 * it; new reference, or NULL. */
json_t *event_try_data(const struct session_event *event);
/* Both out of the data, the flips into *room, which grows; false where they are none such. */
bool event_try_read(struct session_event *event, struct flip **room);

/* step.c: inside a transaction */
bool session_insert_step(struct session *session, const struct session_step *step,
                         struct err *err);
bool session_set_head(struct session *session, int64_t step, struct err *err);

/* answer.c: inside a transaction */
bool session_insert_name(struct session *session, const char *name, int64_t step,
                         struct err *err);

/* origin.c */
void session_free_origin(struct session *session);

/* ---- how answers are judged (modes.c) ---------------------------------------- */

/* The settings with the rules of the probes in them; new reference. */
json_t *modes_add(const json_t *settings, const struct probe_set *set);
/* Give the probes the rules that the settings state; math where they state none. */
bool modes_take(const json_t *settings, struct probe_set *set, struct err *err);

/* Inside a transaction. */
bool session_insert_kept(struct session *session, const char *key, const char *value,
                         struct err *err);

#endif
