/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/session_fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/t.h"

static char folder[64];
static pid_t owner;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner) /* not in a child */
        (void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(void)
{
    if (folder[0])
        return;
    owner = getpid();
    (void)snprintf(folder, sizeof folder, "/tmp/bankai-session-XXXXXX");
    if (!mkdtemp(folder) || setenv("XDG_STATE_HOME", folder, 1) != 0 || atexit(remove_folder) != 0)
        abort();
}

const char *fixture_with(const char *path, const char *ending)
{
    static char paths[64][160];
    static unsigned count;
    char text[160]; /* path may be one of the kept ones */
    (void)snprintf(text, sizeof text, "%s%s", path, ending);
    return memcpy(paths[count++ % countof(paths)], text, sizeof text);
}

const char *fixture_path(const char *ending)
{
    static unsigned count;
    char path[100];
    make_folder();
    (void)snprintf(path, sizeof path, "%s/%u", folder, count++);
    return fixture_with(path, ending);
}

struct session *fixture_open(const char *path, enum session_mode mode)
{
    struct err err = {0};
    struct session *session = session_open(path, mode, &err);
    t_ok(session != NULL, &err);
    return session;
}

struct session *fixture_new(const char *path)
{
    struct err err = {0};
    struct session *session = fixture_open(path, SESSION_WRITE);
    assert_true(session_is_new(session));
    t_ok(fixture_set_origin(session, &err), &err);
    return session;
}

#define T(text) (char *)(uintptr_t)(text)

bool fixture_set_origin(struct session *session, struct err *err)
{
    static char *others[] = {T("five"), T("5\xc2\xa0")};
    static struct probe probes[] = {
        {T("two"), T("easy"), T("sums"), T("2+3="), T(" 5"), T(" 6"), others, 2,
         {ANSWER_MATH, ""}},
        {T("three"), T("easy"), T(""), T("3+3=\n"), T(" 6"), T(" 7"), NULL, 0,
         {ANSWER_NUMBER, ""}},
        {T("sky"), T("know"), T(""), T("The \"sky\" is"), T(" blue"), T(" red"), NULL, 0,
         {ANSWER_MATH, ""}},
        {T("held"), T("more"), T(""), T("4+4="), T(" 8"), T(""), NULL, 0,
         {ANSWER_JSON_FIELD, "a.0"}},
    };
    static struct probe_set set = {T("easy,know,more"), probes, countof(probes)};
    static const double gaps[FIXTURE_GAPS] = {-0.125, -0.0, 1.0 / 3};
    struct session_origin origin = {
        .program_version = "0.1.0",
        .model_path = "nano",
        .model_sha256 = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
        .model_bytes = 123456789012,
        .shape = json_pack("{s:i, s:s}", "layers", 6, "architecture", "qwen3"),
        .settings = json_pack("{s:i, s:f}", "seed", 42, "penalty", 0.1),
        .probes = &set,
        .target_count = FIXTURE_TARGETS,
        .control_count = FIXTURE_CONTROLS,
        .heldout_count = FIXTURE_HELDOUT,
        .gaps_before = gaps,
    };
    bool ok = session_set_origin(session, &origin, err);
    json_decref(origin.shape);
    json_decref(origin.settings);
    return ok;
}

/* ---- steps and events ------------------------------------------------------- */

double fixture_gap(uint64_t number, size_t place)
{
    uint64_t bits = rng_mix(number * 1000 + place);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value != value ? (double)NAN : value;
}

static void fill_gaps(uint64_t number, double gaps[FIXTURE_GAPS])
{
    for (size_t i = 0; i < FIXTURE_GAPS; i++)
        gaps[i] = fixture_gap(number, i);
}

bool fixture_add_step(struct session *session, uint64_t number, int64_t *id, struct err *err)
{
    double gaps[FIXTURE_GAPS];
    fill_gaps(number, gaps);
    struct flip flip = {
        .layer = (int32_t)(number % 6), .proj = PROJ_UP, .row = (uint32_t)number,
        .group = number % 2 ? FLIP_WHOLE_ROW : 3,
    };
    if (flip.group != FLIP_WHOLE_ROW) {
        flip.mask[0] = number;
        flip.mask[1] = 1;
    }
    struct session_event tried = {
        .kind = EVENT_KIND_TRIED, .number = number, .has_flip = true, .flip = flip,
        .accepted = true, .fitness = gaps[0], .gaps = gaps, .gap_count = FIXTURE_GAPS,
    };
    struct session_step step = {
        .by = "search", .tried = number, .flips = &flip, .flip_count = 1, .fitness = gaps[0],
        .gaps = gaps, .gap_count = FIXTURE_GAPS, .note = number % 3 ? NULL : "a note",
    };
    bool ok = session_add_step(session, &step, number % 5 ? &tried : NULL, err);
    if (id)
        *id = ok ? step.id : -1;
    return ok;
}

bool fixture_add_event(struct session *session, uint64_t number, struct err *err)
{
    double gaps[FIXTURE_GAPS];
    fill_gaps(number, gaps);
    struct session_event event = {
        .kind = EVENT_KIND_TRIED, .number = number, .has_flip = true,
        .flip = {.layer = NO_LAYER, .proj = PROJ_EMBED, .row = 7, .group = FLIP_WHOLE_ROW},
        .screened = number % 2, .fitness = gaps[1], .gaps = gaps, .gap_count = FIXTURE_GAPS,
    };
    return session_add_event(session, &event, err);
}

/* ---- files ------------------------------------------------------------------ */

void fixture_verify(struct session *session)
{
    struct err err = {0};
    struct buf reasons = {0};
    if (!session_verify(session, &reasons, &err))
        fail_msg("%s: %s\n%s", err.where, err.message, reasons.data ? reasons.data : "");
    buf_free(&reasons);
}

void fixture_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message ? message : sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void fixture_write_at(const char *path, long offset, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, offset), len);
    (void)close(fd);
}

void fixture_cut(const char *path, long size)
{
    assert_int_equal(truncate(path, size), 0);
}

long fixture_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (long)status.st_size : -1;
}
