/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does with the session itself: notes, shell commands, its name, and which
 * one could be gone on with.
 */
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/file.h"
#include "ui/worker_int.h"

static void say(struct worker *worker, enum event_type type, struct buf *text)
{
    struct event *event = event_new(type, worker->job);
    event->message = text->data ? text->data : x_copy("", 0); /* moved */
    worker_emit(worker, event);
}

/* ---- notes, shell commands ------------------------------------------------------------ */

bool worker_note(struct worker *worker, const char *text, struct err *err)
{
    struct buf said = {0};
    if (!worker_session_note(worker, EVENT_KIND_NOTE, text, NULL, err))
        return false;
    buf_add_format(&said, "noted at step %" PRId64, session_head(worker->session));
    say(worker, EVENT_SAID, &said);
    return true;
}

static bool add_note(void *user, const struct session_event *event)
{
    struct buf *out = user;
    char when[32];
    time_t seconds = (time_t)(event->time_ms / 1000);
    struct tm parts;
    (void)localtime_r(&seconds, &parts);
    (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M", &parts);
    buf_add_format(out, "%s  step %-5" PRId64 " %s\n", when, event->step,
                   event->text ? event->text : "");
    return true;
}

bool worker_notes(struct worker *worker, struct err *err)
{
    struct buf lines = {0};
    if (!session_each_of(worker->session, EVENT_KIND_NOTE, add_note, &lines, err)) {
        buf_free(&lines);
        return false;
    }
    say(worker, EVENT_NOTES, &lines);
    return true;
}

bool worker_shell(struct worker *worker, const char *command, uint64_t status, struct err *err)
{
    return worker_session_note(worker, EVENT_KIND_SHELL, command,
                               json_pack("{s:I}", "status", (json_int_t)status), err);
}

/* ---- where it is ------------------------------------------------------------------------- */

static uint64_t bytes_of(const char *path, const char *ending)
{
    struct buf name = {0};
    struct stat status;
    buf_add_format(&name, "%s%s", path, ending);
    bool there = stat(name.data, &status) == 0;
    buf_free(&name);
    return there ? (uint64_t)status.st_size : 0;
}

bool worker_about(struct worker *worker, struct err *err)
{
    struct buf text = {0};
    struct session *session = worker->session;
    const char *path = session_path(session);
    uint64_t steps = session_step_count(session) - 1;
    double bytes = (double)(bytes_of(path, "") + bytes_of(path, "-wal"));
    (void)err;
    buf_add_format(&text, "step %" PRId64 " of %" PRIu64 ", %" PRIu64 " tried, %.*f %s: %s",
                   session_head(session), steps, session_tried(session), bytes < 1e6 ? 0 : 1,
                   bytes < 1e6 ? ceil(bytes / 1e3) : bytes / 1e6, bytes < 1e6 ? "kB" : "MB", path);
    say(worker, EVENT_SAID, &text);
    return true;
}

/* ---- its name ------------------------------------------------------------------------------- */

bool worker_rename(struct worker *worker, const char *name, struct err *err)
{
    if (!session_rename(worker->session, name, err))
        return false;
    free((char *)(uintptr_t)worker->options.session);
    worker->options.session = x_copy(name, strlen(name)); /* named: never dropped */
    struct buf path = {0};
    buf_add_text(&path, name);
    say(worker, EVENT_SESSION, &path);
    return true;
}

/* ---- one to go on with ---------------------------------------------------------------------- */

enum { OFFERS_MAX = 32 }; /* so many of the newest sessions are looked at */

struct offer {
    char *path;
    time_t changed;
};

static int newest_first(const void *a, const void *b)
{
    time_t x = ((const struct offer *)a)->changed, y = ((const struct offer *)b)->changed;
    return (x < y) - (x > y);
}

static size_t sessions_in(const char *folder, struct offer **out)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct buf path = {0};
        struct stat status;
        const char *dot = strrchr(entry->d_name, '.');
        buf_add_format(&path, "%s/%s", folder, entry->d_name);
        if (!dot || strcmp(dot, ".bankai") != 0 || stat(path.data, &status) != 0 ||
            !S_ISREG(status.st_mode)) {
            buf_free(&path);
            continue;
        }
        *out = x_grow(*out, count + 1, sizeof **out);
        (*out)[count++] = (struct offer){path.data, status.st_mtime};
    }
    if (dir)
        (void)closedir(dir);
    if (count > 1)
        qsort(*out, count, sizeof **out, newest_first);
    return count;
}

/* "2 h" */
static void add_age(struct buf *out, double seconds)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {0, "s"}};
    size_t i = 0;
    while (seconds < units[i].seconds)
        i++;
    double unit = units[i].seconds > 0 ? units[i].seconds : 1;
    buf_add_format(out, "%.0f %s", floor(fmax(seconds, 0) / unit), units[i].name);
}

/* Of this model, with something in it, and open nowhere. */
static bool may_be_offered(struct worker *worker, struct session *session)
{
    struct err ignored;
    const struct session_origin *mine = session_origin(worker->session, &ignored);
    const struct session_origin *origin = session_origin(session, &ignored);
    return mine && origin && session_step_count(session) > 1 &&
           strcmp(mine->model_sha256, origin->model_sha256) == 0 &&
           !session_is_locked(session);
}

static bool offer(struct worker *worker, const struct offer *last)
{
    struct err ignored;
    bool own = strcmp(last->path, session_path(worker->session)) == 0;
    struct session *session = own ? NULL : session_open(last->path, SESSION_READ, &ignored);
    int64_t *ids = NULL;
    size_t flips = 0;
    bool good = session && !session_is_new(session) && may_be_offered(worker, session) &&
                session_way(session, session_head(session), &ids, &flips, &ignored);
    if (good) {
        struct buf text = {0};
        buf_add_format(&text, "last session: %zu flip%s, ", flips, flips == 1 ? "" : "s");
        add_age(&text, difftime(time(NULL), last->changed));
        buf_add_text(&text, " ago - :resume goes on with it");
        struct event *event = event_new(EVENT_OFFER, worker->job);
        event->message = text.data; /* moved */
        event->offer = x_copy(last->path, strlen(last->path));
        worker_emit(worker, event);
    }
    free(ids);
    session_close(session);
    return good;
}

void worker_offer(struct worker *worker)
{
    struct buf folder = {0};
    struct err ignored;
    struct offer *all = NULL;
    if (file_state_path("sessions/x", &folder, &ignored)) {
        folder.data[folder.len - 2] = '\0'; /* without "/x" */
        size_t count = sessions_in(folder.data, &all);
        bool done = false;
        for (size_t i = 0; i < count; i++) {
            done = done || i >= OFFERS_MAX || offer(worker, &all[i]);
            free(all[i].path);
        }
    }
    free(all);
    buf_free(&folder);
}
