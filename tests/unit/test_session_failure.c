/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the world does to session files: each in one clear line, and what was there
 * before is there afterwards.
 */
#include "tests/t.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/file.h"
#include "tests/session_fixture.h"

static void add_steps(struct session *session, uint64_t first, uint64_t last)
{
    struct err err = {0};
    for (uint64_t number = first; number <= last; number++)
        t_ok(fixture_add_step(session, number, NULL, &err), &err);
}

/* A session with that many steps, closed. */
static const char *closed_session(uint64_t steps)
{
    const char *path = fixture_path(".bankai");
    struct session *session = fixture_new(path);
    add_steps(session, 1, steps);
    session_close(session);
    return path;
}

static struct buf bytes_of(const char *path)
{
    struct buf bytes = {0};
    struct err err = {0};
    t_ok(file_read(path, (size_t)1 << 24, &bytes, &err), &err);
    return bytes;
}

/* Both ways to open it say this, and change nothing. */
static void check_refused(const char *path, enum err_code code, const char *where,
                          const char *message)
{
    static const enum session_mode modes[] = {SESSION_WRITE, SESSION_READ};
    struct buf before = bytes_of(path);
    for (size_t i = 0; i < countof(modes); i++) {
        struct err err = {0};
        assert_null(session_open(path, modes[i], &err));
        t_err_is(&err, code, where, message);
        assert_string_equal(err.file, path);
    }
    struct buf after = bytes_of(path);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    buf_free(&before);
    buf_free(&after);
}

/* ---- other files ------------------------------------------------------------ */

static void session_open__no_sqlite_file__refused(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path(".txt");
    t_ok(file_write(path, "hello", 5, &err), &err);
    check_refused(path, ERR_FORMAT, "", "is no SQLite file, expected a session");
    struct buf text = {0};
    for (int i = 0; i < 10000; i++)
        buf_add_text(&text, "This is no session. ");
    t_ok(file_write(path, text.data, text.len, &err), &err);
    buf_free(&text);
    check_refused(path, ERR_FORMAT, "", "is no SQLite file, expected a session");
    assert_int_equal(fixture_size(fixture_with(path, ".lock")), -1);
}

static void session_open__other_program__refused(void **state)
{
    (void)state;
    const char *path = fixture_path(".db");
    fixture_sql(path, "PRAGMA application_id = 258; CREATE TABLE t(a)");
    check_refused(path, ERR_FORMAT, "application_id",
                  "is an SQLite file of another program (0x102, expected 0x424E4B41)");
    path = fixture_path(".db");
    fixture_sql(path, "CREATE TABLE t(a)");
    check_refused(path, ERR_FORMAT, "application_id",
                  "is an SQLite file of another program (0x0, expected 0x424E4B41)");
}

static void session_open__other_version__refused(void **state)
{
    (void)state;
    const char *path = closed_session(1);
    fixture_sql(path, "PRAGMA user_version = 7");
    check_refused(path, ERR_UNSUPPORTED, "user_version", "has version 7, this program knows "
                  "versions up to 1: open it with a newer program");
    fixture_sql(path, "PRAGMA user_version = -1");
    check_refused(path, ERR_FORMAT, "user_version", "has version -1, expected 1 to 1");
}

static void session_open__other_tables__refused(void **state)
{
    (void)state;
    const char *path = closed_session(1);
    fixture_sql(path, "DROP VIEW gaps");
    check_refused(path, ERR_FORMAT, "table or view gaps", "is missing, expected in version 1");
    path = closed_session(1);
    fixture_sql(path, "ALTER TABLE step ADD COLUMN more");
    check_refused(path, ERR_FORMAT, "table or view step",
                  "is not defined as version 1 defines it");
    path = closed_session(1); /* what people add is their business, but nothing runs */
    fixture_sql(path, "CREATE VIEW mine AS SELECT 1; CREATE TABLE other(a);"
                "CREATE TRIGGER hook AFTER INSERT ON event BEGIN DELETE FROM event; END");
    struct session *session = fixture_open(path, SESSION_WRITE);
    add_steps(session, 2, 2);
    fixture_verify(session);
    session_close(session);
}

static void session_open__no_file_or_no_regular_one__refused(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path(".bankai");
    assert_null(session_open(path, SESSION_READ, &err));
    t_err_is(&err, ERR_USAGE, "", "cannot open: No such file or directory");
    assert_null(session_open("/dev/null", SESSION_WRITE, &err));
    t_err_is(&err, ERR_USAGE, "", "is a folder or a device, expected a file");
    assert_null(session_open(fixture_with(path, "/none/x.bankai"), SESSION_WRITE, &err));
    t_err_is(&err, ERR_USAGE, "", "cannot open: No such file or directory");
    t_ok(file_write(path, "", 0, &err), &err);
    assert_null(session_open(path, SESSION_READ, &err));
    t_err_is(&err, ERR_FORMAT, "", "is empty, expected a session");
    session_close(fixture_new(path)); /* for a writer it is a new one */
}

/* ---- damage ----------------------------------------------------------------- */

static bool pass(void *user, const struct session_event *event)
{
    (void)user;
    (void)event;
    return true;
}

/* Refused at once, or by verify with reasons; reading everything ends. */
static bool is_found(const char *path, struct buf *reasons)
{
    struct err err = {0};
    struct session *session = session_open(path, SESSION_READ, &err);
    if (!session) {
        assert_true(err.code == ERR_FORMAT || err.code == ERR_UNSUPPORTED || err.code == ERR_IO);
        assert_true(err.message[0] != '\0');
        return true;
    }
    bool whole = session_verify(session, reasons, &err);
    assert_int_equal(whole, reasons->len == 0);
    (void)session_each_event(session, 1, pass, NULL, &err);
    session_close(session);
    return !whole;
}

static void session_verify__each_page_damaged__found(void **state)
{
    (void)state;
    const char *path = closed_session(30), *copy = fixture_path(".bankai");
    struct buf bytes = bytes_of(path);
    static const char junk[64] = "\x1b[31m junk where a page of the file should begin";
    for (size_t page = 0; page < bytes.len / 4096; page++) {
        struct err err = {0};
        struct buf reasons = {0};
        t_ok(file_write(copy, bytes.data, bytes.len, &err), &err);
        fixture_write_at(copy, (long)page * 4096, junk, sizeof junk);
        if (!is_found(copy, &reasons))
            fail_msg("damage at page %zu is not found", page);
        if (reasons.data)
            assert_null(memchr(reasons.data, '\x1b', reasons.len));
        buf_free(&reasons);
    }
    buf_free(&bytes);
}

static void session_open__main_file_cut__found(void **state)
{
    (void)state;
    const char *path = closed_session(30), *copy = fixture_path(".bankai");
    struct buf bytes = bytes_of(path);
    for (size_t len = 1; len < bytes.len; len += 4096 + 511) {
        struct err err = {0};
        struct buf reasons = {0};
        t_ok(file_write(copy, bytes.data, len, &err), &err);
        if (!is_found(copy, &reasons))
            fail_msg("a file cut to %zu bytes is not found", len);
        buf_free(&reasons);
    }
    buf_free(&bytes);
}

/* Values that no program of ours writes, and what verify says of them. */
static const struct {
    const char *sql;
    const char *reason;
} lies[] = {
    {"UPDATE step SET parent = 2 WHERE id = 2",
     "step 2, parent: is an integer (2), expected an integer from 0 to 1\n"},
    {"UPDATE step SET parent = NULL WHERE id = 2",
     "step 2, parent: is NULL, expected an older step\n"},
    {"UPDATE step SET parent = 1 WHERE id = 0",
     "step 0, parent: is an integer (1), expected NULL for the root\n"},
    {"UPDATE step SET redo = 3 WHERE id = 1", "step 1, redo: is 3, which is no child of it\n"},
    {"UPDATE step SET gaps = '[1,2]' WHERE id = 1", "step 1, gaps: has 2 numbers, expected 3\n"},
    {"UPDATE step SET gaps = '[1,2,nan]' WHERE id = 1",
     "step 1, gaps: is a text ([1,2,nan]), expected a JSON array of numbers and nulls\n"},
    {"UPDATE step SET tried = 'x' || char(27) WHERE id = 1",
     "step 1, tried: is a text (x\\x1B), expected an integer from 0\n"},
    {"PRAGMA foreign_keys = OFF; DELETE FROM step WHERE id = 2",
     "step 2: is missing, expected one row for each step\n"},
    {"UPDATE step_flip SET proj = 'gate' WHERE step = 1",
     "step 1, flip 0, proj: is a text (gate), expected the name of a projection\n"},
    {"UPDATE step_flip SET layer = NULL WHERE step = 1",
     "step 1, flip 0, layer: is NULL, expected a layer\n"},
    {"UPDATE step_flip SET mask = 'FF' WHERE step = 2",
     "step 2, flip 0, mask: is a text (FF), expected 32 hex digits in lower case\n"},
    {"UPDATE step_flip SET row = -1 WHERE step = 2",
     "step 2, flip 0, row: is an integer (-1), expected an integer from 0 to 4294967295\n"},
    {"UPDATE event SET kind = 'boo' WHERE seq = 2",
     "event 2, kind: is a text (boo), expected the kind of an event\n"},
    {"UPDATE event SET data = '[]' WHERE seq = 2",
     "event 2, data: is a text ([]), expected a JSON object\n"},
    {"UPDATE event SET fitness = 'high' WHERE seq = 2",
     "event 2, fitness: is a text (high), expected a number or NULL\n"},
    {"DELETE FROM event WHERE seq = 2",
     "event 2, seq: is an integer (3), expected the number after the one before\n"},
    {"UPDATE event SET step = 0 WHERE seq = 3", "event 3, step: is 0, expected the head, 1\n"},
    {"UPDATE session SET head = 1", "session, head: is 1, but the events lead to 3\n"},
    {"UPDATE probe SET prompt = '' WHERE idx = 0",
     "probe 0, prompt: is a text (), expected text\n"},
    {"UPDATE probe SET correct = '' WHERE idx = 0",
     "probe 0, correct: is a text (), expected text\n"},
    {"UPDATE probe SET part = 'heldout' WHERE idx = 0",
     "probe 1, part: is a text (target), expected targets, then controls, then heldout\n"},
    {"UPDATE probe SET alternates = '[1]' WHERE idx = 0",
     "probe 0, alternates: is a text ([1]), expected a JSON array of texts\n"},
    {"UPDATE origin SET model_sha256 = 'abc'",
     "origin, model_sha256: is a text (abc), expected 64 hex digits\n"},
    {"UPDATE origin SET shape = 'x'", "origin, shape: is a text (x), expected a JSON object\n"},
    {"UPDATE origin SET gaps_before = '[]'", "origin, gaps_before: has 0 numbers, expected 3: one "
     "for each target and control\n"},
    {"UPDATE origin SET gaps_before = NULL", "origin, gaps_before: has 0 numbers, expected 3: one "
     "for each target and control\n"},
    {"PRAGMA foreign_keys = OFF; INSERT INTO answer VALUES(9, 0, 'x', 0)",
     "names something that is not there: answer"},
    {"INSERT INTO answer VALUES(1, 0, 'x', 7)",
     "answers of step 1, is_right: is an integer (7), expected an integer from 0 to 1\n"},
    {"UPDATE name SET step = 2", "is not where the last event says: name ok\n"},
    {"DELETE FROM name", "is not where the last event says: name ok\n"},
    {"UPDATE event SET data = NULL WHERE kind = 'name'",
     "is not where the last event says: name ok\n"},
};

static void session_verify__lies__told(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = closed_session(3);
    struct session *named = fixture_open(path, SESSION_WRITE);
    t_ok(session_name_step(named, "ok", 2, &err) && session_name_step(named, "ok", 1, &err), &err);
    session_close(named);
    struct buf bytes = bytes_of(path);
    for (size_t i = 0; i < countof(lies); i++) {
        struct buf reasons = {0};
        const char *copy = fixture_path(".bankai");
        t_ok(file_write(copy, bytes.data, bytes.len, &err), &err);
        fixture_sql(copy, lies[i].sql);
        struct session *session = fixture_open(copy, SESSION_READ);
        bool whole = session_verify(session, &reasons, &err);
        if (whole || !reasons.data || !strstr(reasons.data, lies[i].reason))
            fail_msg("%s:\n%s\nexpected: %s", lies[i].sql, reasons.data ? reasons.data : "",
                     lies[i].reason);
        session_close(session);
        buf_free(&reasons);
    }
    buf_free(&bytes);
}

/* As programs left them that told the journal nothing of names. */
static void session_verify__name_without_event__whole(void **state)
{
    (void)state;
    const char *path = closed_session(2);
    fixture_sql(path, "INSERT INTO name VALUES('early', 1)");
    struct session *session = fixture_open(path, SESSION_READ);
    fixture_verify(session);
    session_close(session);
}

static void session_open__bad_session_row__refused(void **state)
{
    (void)state;
    const char *path = closed_session(1);
    fixture_sql(path, "UPDATE session SET id = '../../etc/passwd'");
    check_refused(path, ERR_FORMAT, "session, id",
                  "is \"../../etc/passwd\", expected 32 hex digits");
    path = closed_session(1);
    fixture_sql(path, "PRAGMA foreign_keys = OFF; UPDATE session SET head = 5");
    check_refused(path, ERR_FORMAT, "session, head",
                  "is an integer (5), expected an integer from 0 to 1");
}

/* ---- a lost or truncated -wal file ------------------------------------------ */

/* A child adds steps and ends without closing. */
static const char *crashed_session(uint64_t steps)
{
    const char *path = fixture_path(".bankai");
    session_close(fixture_new(path));
    pid_t child = fork();
    if (child == 0) {
        struct err err = {0};
        struct session *session = session_open(path, SESSION_WRITE, &err);
        for (uint64_t number = 1; session && number <= steps; number++)
            if (!fixture_add_step(session, number, NULL, &err))
                _exit(1);
        _exit(session ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return path;
}

static void session_missing_steps__wal_cut__told_until_the_next_step(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int eighths = 0; eighths <= 8; eighths++) {
        const char *path = crashed_session(20), *wal = fixture_with(path, "-wal");
        long size = fixture_size(wal);
        assert_true(size > 0);
        if (eighths > 0)
            fixture_cut(wal, size * eighths / 8 - (eighths < 8));
        else
            assert_int_equal(unlink(wal), 0);
        struct session *session = fixture_open(path, SESSION_READ);
        uint64_t there = session_step_count(session) - 1;
        assert_int_equal(session_missing_steps(session), 20 - there);
        session_close(session);
        session = fixture_open(path, SESSION_WRITE);
        assert_int_equal(session_missing_steps(session), 20 - there);
        assert_int_equal(session_head(session), there);
        assert_true(there >= last);
        last = there;
        fixture_verify(session);
        add_steps(session, 100, 100);
        session_close(session);
        session = fixture_open(path, SESSION_WRITE);
        assert_int_equal(session_missing_steps(session), 0);
        session_close(session);
    }
    assert_int_equal(last, 20);
}

static void session_missing_steps__copied_or_no_state_folder__none(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = closed_session(5), *copy = fixture_path(".bankai");
    struct buf bytes = bytes_of(path);
    t_ok(file_write(copy, bytes.data, bytes.len, &err), &err);
    buf_free(&bytes);
    struct session *session = fixture_open(path, SESSION_WRITE);
    add_steps(session, 6, 9);
    session_close(session);
    session = fixture_open(copy, SESSION_WRITE); /* the same id, another file */
    assert_int_equal(session_missing_steps(session), 0);
    session_close(session);

    char *folder = x_copy(getenv("XDG_STATE_HOME"), strlen(getenv("XDG_STATE_HOME")));
    assert_int_equal(setenv("XDG_STATE_HOME", "/dev/null/none", 1), 0);
    session = fixture_open(path, SESSION_WRITE);
    add_steps(session, 10, 10);
    session_close(session);
    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
    free(folder);
}

/* ---- under us --------------------------------------------------------------- */

#define NO_MORE                                                                                    \
    " while it was open; nothing more is written, what is on the screen can be saved as a patch"

static void check_write_refused(struct session *session, const char *message)
{
    struct err err = {0};
    int64_t head = session_head(session);
    uint64_t events = session_event_count(session);
    assert_false(fixture_add_step(session, 50, NULL, &err));
    t_err_is(&err, ERR_IO, "", message);
    assert_false(fixture_add_event(session, 50, &err));
    assert_false(session_move_head(session, 0, "goto", &err));
    assert_false(session_put(session, "a", "b", &err));
    t_err_is(&err, ERR_IO, "", message);
    assert_int_equal(session_head(session), head);
    assert_int_equal(session_event_count(session), events);
}

static void session_add_step__file_deleted__refused(void **state)
{
    (void)state;
    const char *path = fixture_path(".bankai");
    struct session *session = fixture_new(path);
    add_steps(session, 1, 2);
    assert_int_equal(unlink(path), 0);
    check_write_refused(session, "the session was deleted or moved" NO_MORE);
    session_close(session);
    assert_int_equal(fixture_size(path), -1);
}

static void session_add_step__file_replaced__refused(void **state)
{
    (void)state;
    const char *path = fixture_path(".bankai"), *other = crashed_session(4);
    struct session *session = fixture_new(path);
    add_steps(session, 1, 2);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(rename(fixture_with(other, "-wal"), fixture_with(path, "-wal")), 0);
    assert_int_equal(rename(fixture_with(other, "-shm"), fixture_with(path, "-shm")), 0);
    check_write_refused(session, "the session was replaced by another file" NO_MORE);
    session_close(session); /* takes nothing of the other one with it */
    session = fixture_open(path, SESSION_WRITE);
    assert_int_equal(session_head(session), 4);
    fixture_verify(session);
    session_close(session);
}

static void session_add_step__wal_deleted__refused(void **state)
{
    (void)state;
    const char *path = fixture_path(".bankai");
    struct session *session = fixture_new(path);
    add_steps(session, 1, 2);
    assert_int_equal(unlink(fixture_with(path, "-wal")), 0);
    check_write_refused(session, "the session's -wal file was deleted or moved" NO_MORE);
    session_close(session);
}

static void session_open__held_by_another_process__refused(void **state)
{
    (void)state;
    const char *path = closed_session(1);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct err err = {0};
        char done = session_open(path, SESSION_WRITE, &err) != NULL;
        (void)!write(ready[1], &done, 1);
        (void)pause();
    }
    char done = 0, expected[120];
    assert_int_equal(read(ready[0], &done, 1), 1);
    assert_int_equal(done, 1);
    struct err err = {0};
    (void)snprintf(expected, sizeof expected, "the session is open in another bankai (process "
                   "%ld), use -R to look at it", (long)child);
    assert_null(session_open(path, SESSION_WRITE, &err));
    t_err_is(&err, ERR_IO, "", expected);
    struct session *session = fixture_open(path, SESSION_READ);
    assert_int_equal(session_head(session), 1);
    session_close(session);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    session_close(fixture_open(path, SESSION_WRITE)); /* the lock went with it */
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void session_add_event__another_program_writes__refused(void **state)
{
    (void)state;
    const char *path = closed_session(1);
    struct session *session = fixture_open(path, SESSION_WRITE);
    int ready[2], stop[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(stop), 0);
    pid_t child = fork();
    if (child == 0) { /* the sqlite3 shell, say */
        (void)close(stop[1]);
        struct buf script = {0};
        buf_add_format(&script, "import sqlite3, sys\nc = sqlite3.connect('%s', "
                       "isolation_level=None)\nc.execute('BEGIN IMMEDIATE')\n"
                       "print('x', end='', flush=True)\nsys.stdin.read()\n", path);
        (void)dup2(stop[0], 0);
        (void)dup2(ready[1], 1);
        (void)execlp("python3", "python3", "-c", script.data, (char *)NULL);
        _exit(127);
    }
    char done = 0;
    struct err err = {0};
    assert_int_equal(read(ready[0], &done, 1), 1);
    assert_false(fixture_add_event(session, 1, &err));
    t_err_is(&err, ERR_IO, "", "is being written to by another program");
    (void)close(stop[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    t_ok(fixture_add_event(session, 1, &err), &err);
    fixture_verify(session);
    session_close(session);
    (void)close(stop[0]);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* ---- folders and disks ------------------------------------------------------ */

/* In a child that is nobody (root may write everywhere): does check() hold? */
static bool as_nobody(bool (*check)(const char *path), const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        bool ok = (geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0)) && check(path);
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    (void)waitpid(child, &status, 0);
    return status == 0;
}

static bool says(const struct err *err, const char *message)
{
    if (strcmp(err->message, message) != 0)
        print_error("%s\n", err->message);
    return strcmp(err->message, message) == 0;
}

static bool can_look_only(const char *path)
{
    struct err err = {0};
    struct buf reasons = {0};
    if (session_open(path, SESSION_WRITE, &err) ||
        !says(&err, "it or its folder cannot be written to; use -R to look at it"))
        return false;
    struct session *session = session_open(path, SESSION_READ, &err);
    return session && session_head(session) == 3 && session_verify(session, &reasons, &err) &&
           !fixture_add_event(session, 1, &err);
}

static bool cannot_look(const char *path)
{
    struct err err = {0};
    return !session_open(path, SESSION_READ, &err) &&
           says(&err, "was not closed cleanly, and its folder cannot be written to: copy it "
                "together with its -wal file to look at it");
}

static void session_open__read_only_folder__looked_at_after_a_clean_close(void **state)
{
    (void)state;
    char folder[] = "/tmp/bankai-read-only-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const char *path = fixture_with(folder, "/a %23?.bankai"); /* not a URI of another file */
    struct session *session = fixture_new(path);
    add_steps(session, 1, 3);
    session_close(session);
    const char *crashed = crashed_session(3), *there = fixture_with(folder, "/b.bankai");
    assert_int_equal(rename(crashed, there), 0);
    assert_int_equal(rename(fixture_with(crashed, "-wal"), fixture_with(there, "-wal")), 0);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(there, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    bool looked = as_nobody(can_look_only, path), refused = as_nobody(cannot_look, there);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(unlink(path) + unlink(fixture_with(path, ".lock")), 0);
    assert_int_equal(unlink(there) + unlink(fixture_with(there, "-wal")), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_true(looked);
    assert_true(refused);
}

/* The kernel itself refuses to let files grow; what was whole before stays so. */
static void session_add_step__no_room__refused_until_there_is(void **state)
{
    (void)state;
    const char *path = fixture_path(".bankai");
    struct session *session = fixture_new(path);
    add_steps(session, 1, 3);
    struct rlimit old, small = {.rlim_cur = 120000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct err err = {0};
    uint64_t number = 4;
    while (number < 1000 && fixture_add_step(session, number, NULL, &err))
        number++;
    int64_t head = session_head(session);
    bool again = fixture_add_step(session, number, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    t_err_is(&err, ERR_IO, "", "cannot read or write: disk I/O error");
    assert_false(again);
    assert_int_equal(head, number - 1);
    fixture_verify(session);
    add_steps(session, number, number);
    fixture_verify(session);
    session_close(session);
    session = fixture_open(path, SESSION_READ);
    assert_int_equal(session_head(session), number);
    session_close(session);
}

static void session_add_event__clock_goes_backwards__order_stays(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *session = fixture_new(fixture_path(".bankai"));
    for (int64_t i = 0; i < 4; i++) {
        struct session_event note = {.kind = EVENT_KIND_NOTE, .time_ms = 1000 - 500 * i - 1};
        struct session_step step = {.by = "hand", .time_ms = 1000 - 500 * i - 1};
        t_ok(session_add_event(session, &note, &err), &err);
        t_ok(session_add_step(session, &step, NULL, &err), &err);
        assert_int_equal(note.seq, 2 * i + 1);
        assert_int_equal(step.id, i + 1);
    }
    fixture_verify(session);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_open__no_sqlite_file__refused),
        cmocka_unit_test(session_open__other_program__refused),
        cmocka_unit_test(session_open__other_version__refused),
        cmocka_unit_test(session_open__other_tables__refused),
        cmocka_unit_test(session_open__no_file_or_no_regular_one__refused),
        cmocka_unit_test(session_verify__each_page_damaged__found),
        cmocka_unit_test(session_open__main_file_cut__found),
        cmocka_unit_test(session_verify__lies__told),
        cmocka_unit_test(session_verify__name_without_event__whole),
        cmocka_unit_test(session_open__bad_session_row__refused),
        cmocka_unit_test(session_missing_steps__wal_cut__told_until_the_next_step),
        cmocka_unit_test(session_missing_steps__copied_or_no_state_folder__none),
        cmocka_unit_test(session_add_step__file_deleted__refused),
        cmocka_unit_test(session_add_step__file_replaced__refused),
        cmocka_unit_test(session_add_step__wal_deleted__refused),
        cmocka_unit_test(session_open__held_by_another_process__refused),
        cmocka_unit_test(session_add_event__another_program_writes__refused),
        cmocka_unit_test(session_open__read_only_folder__looked_at_after_a_clean_close),
        cmocka_unit_test(session_add_step__no_room__refused_until_there_is),
        cmocka_unit_test(session_add_event__clock_goes_backwards__order_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
