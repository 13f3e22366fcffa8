/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a session file costs: an event, a step with its fsync, opening 10,000 steps and
 * reading them all; each with 82 gaps (an 8B search measures so many probes), as CSV.
 *
 * What is done once is told with the processor's time too: on a busy machine that is
 * what it takes.
 *
 * The folder is $TMPDIR, or /tmp: what an fsync takes is a matter of its disk.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/num.h"
#include "src/session/session.h"
#include "tests/bench/times.h"

enum { GAPS = 82, STEPS = 10000, EVENTS = 20000, SYNCED = 200 };

static double gaps[GAPS];

static bool report_err(const struct err *err)
{
    (void)fprintf(stderr, "bench_session: %s: %s: %s\n", err->file, err->where, err->message);
    return false;
}

/* The texts do not matter, their number does. */
static bool set_origin(struct session *session, struct err *err)
{
    static char text[] = "2 + 3 =";
    static struct probe probes[GAPS];
    static struct probe_set set = {text, probes, GAPS};
    for (size_t i = 0; i < GAPS; i++)
        probes[i] = (struct probe){text, text, text, text, text, text, NULL, 0, {0}};
    struct session_origin origin = {
        .program_version = "bench", .model_path = "nano",
        .model_sha256 = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
        .shape = json_object(), .settings = json_object(),
        .probes = &set, .target_count = GAPS, .gaps_before = gaps,
    };
    bool ok = session_set_origin(session, &origin, err);
    json_decref(origin.shape);
    json_decref(origin.settings);
    return ok;
}

/* Numbers of 17 digits, other ones each time. */
static struct flip next_try(uint64_t number)
{
    for (size_t i = 0; i < GAPS; i++)
        gaps[i] = ((double)(number * 7919 % 100003) + (double)i * 0.7) / 30011.7 - 1.3;
    return (struct flip){.layer = (int32_t)(number % 36), .proj = PROJ_UP,
                         .row = (uint32_t)number, .group = FLIP_WHOLE_ROW};
}

static bool add_event(struct session *session, uint64_t number, struct err *err)
{
    struct session_event event = {
        .kind = EVENT_KIND_TRIED, .number = number, .has_flip = true, .flip = next_try(number),
        .fitness = 0.1, .gaps = gaps, .gap_count = GAPS,
    };
    return session_add_event(session, &event, err);
}

static bool add_step(struct session *session, uint64_t number, struct err *err)
{
    struct flip flip = next_try(number);
    struct session_step step = {
        .by = "search", .tried = number, .flips = &flip, .flip_count = 1, .fitness = 0.1,
        .gaps = gaps, .gap_count = GAPS,
    };
    struct session_event tried = {
        .kind = EVENT_KIND_TRIED, .number = number, .has_flip = true, .flip = flip,
        .accepted = true, .fitness = 0.1, .gaps = gaps, .gap_count = GAPS,
    };
    return session_add_step(session, &step, &tried, err);
}

static bool measure(struct session *session, const char *what,
                    bool (*add)(struct session *, uint64_t, struct err *), size_t count)
{
    struct err err = {0};
    double *us = x_new(count, sizeof *us);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        double start = clock_seconds();
        ok = add(session, i + 1, &err) || report_err(&err);
        us[i] = (clock_seconds() - start) * 1e6;
    }
    if (ok)
        times_report(what, us, count);
    free(us);
    return ok;
}

/* What the disk alone takes: a page appended and synced. */
static bool measure_fsync(const char *path)
{
    static char page[4096];
    static double us[SYNCED];
    FILE *file = fopen(path, "wb");
    for (size_t i = 0; file && i < countof(us); i++) {
        double start = clock_seconds();
        if (fwrite(page, sizeof page, 1, file) != 1 || fflush(file) != 0 ||
            fdatasync(fileno(file)) != 0)
            return false;
        us[i] = (clock_seconds() - start) * 1e6;
    }
    if (!file || fclose(file) != 0 || unlink(path) != 0)
        return false;
    times_report("write and fsync of 4 KiB, us", us, countof(us));
    return true;
}

static bool count_event(void *user, const struct session_event *event)
{
    (void)event;
    *(uint64_t *)user += 1;
    return true;
}

/* Of something that is done once: on the clock, and of the processor. */
struct watch {
    double clock, processor;
};

static double processor_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct watch watch_start(void)
{
    return (struct watch){clock_seconds(), processor_seconds()};
}

static void watch_report(const char *what, const struct watch *start)
{
    char name[100];
    double clock[] = {(clock_seconds() - start->clock) * 1e6};
    double processor[] = {(processor_seconds() - start->processor) * 1e6};
    (void)snprintf(name, sizeof name, "%s, us", what);
    times_report(name, clock, 1);
    (void)snprintf(name, sizeof name, "%s, us of processor", what);
    times_report(name, processor, 1);
}

/* What the workbench reads besides, for the screen as it was left. */
static bool read_past(struct session *session, struct err *err)
{
    uint64_t events = 0;
    struct watch start = watch_start();
    bool ok = session_each_briefly(session, 1, count_event, &events, err);
    if (ok)
        watch_report("a brief look at all events", &start);
    return ok;
}

static bool read_steps(struct session *session, struct err *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    struct session_step step;
    bool ok = session_hold(session, err) &&
              session_way(session, session_head(session), &ids, &count, err);
    for (size_t i = 0; ok && i < count; i++)
        ok = session_step(session, ids[i], &step, err);
    session_release(session);
    free(ids);
    return ok;
}

static bool verify(struct session *session, struct err *err)
{
    struct buf reasons = {0};
    struct watch start = watch_start();
    bool ok = session_verify(session, &reasons, err);
    if (ok)
        watch_report("verify", &start);
    buf_free(&reasons);
    return ok;
}

/* As a program does that goes on where it was. */
static bool open_and_read(const char *path)
{
    struct err err = {0};
    struct watch start = watch_start();
    struct session *session = session_open(path, SESSION_WRITE, &err);
    bool ok = session && session_origin(session, &err);
    if (ok)
        watch_report("open", &start);
    ok = ok && read_steps(session, &err);
    if (ok)
        watch_report("the same with the way to the head and all its steps", &start);
    ok = ok && read_past(session, &err) && verify(session, &err);
    session_close(session);
    return ok || report_err(&err);
}

static bool run(const char *path)
{
    struct err err = {0};
    struct session *session = session_open(path, SESSION_WRITE, &err);
    bool ok = (session && set_origin(session, &err)) || report_err(&err);
    ok = ok && measure(session, "event, us", add_event, EVENTS) &&
         measure(session, "step with its event and fsync, us", add_step, STEPS);
    session_close(session);
    struct stat status;
    if (ok && stat(path, &status) == 0)
        (void)printf("file of %d events and %d steps, bytes,1,%lld,,,\n", EVENTS, STEPS,
                     (long long)status.st_size);
    return ok && open_and_read(path);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    char folder[4096], path[4200];
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/bankai-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder) || setenv("XDG_STATE_HOME", folder, 1) != 0)
        return 3;
    (void)printf("session,count,mean,p50,p99,max\n");
    (void)snprintf(path, sizeof path, "%s/fsync", folder);
    bool ok = measure_fsync(path);
    (void)snprintf(path, sizeof path, "%s/bench.bankai", folder);
    ok = ok && run(path);
    bool removed = nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
    return removed && ok ? 0 : 1;
}
