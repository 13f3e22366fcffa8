/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json_field.h"
#include "src/task/task_run.h"

static const size_t file_bytes_max = (size_t)1 << 30;

struct task_results {
    const char *path; /* borrowed */
    int fd;
};

static bool refuse_io(const char *path, const char *what, struct err *err)
{
    (void)err_set(err, ERR_IO, "cannot %s: %s", what, strerror(errno));
    return err_file(err, path);
}

/* A path that cannot be is the caller's mistake, not the machine's. */
static bool refuse_path(const char *path, struct err *err)
{
    (void)err_set(err, ERR_USAGE, "cannot open: %s", strerror(errno));
    return err_file(err, path);
}

/* ---- writing ------------------------------------------------------------------ */

static json_t *side_json(const struct task_run *run, const struct evaluation *side, size_t item,
                         struct err *err)
{
    const struct buf *text = &side->generation[item].text;
    const char *data = text->data ? text->data : "";
    struct task_said said;
    if (!task_judge(run->task, item, data, text->len, &said, err))
        return NULL;
    json_t *object = json_object();
    (void)json_object_set_new(object, "text", json_text(data, text->len));
    (void)json_object_set_new(object, "said", said.found ? json_text(data + said.start, said.len)
                                                         : json_null());
    (void)json_object_set_new(object, "right", json_boolean(side->right[item]));
    return object;
}

static json_t *item_json(const struct task_run *run, size_t item, struct err *err)
{
    const struct probe *probe = &run->task->set->probes[item];
    json_t *object = json_object();
    json_t *base = side_json(run, run->base, item, err);
    (void)json_object_set_new(object, "index", json_integer((json_int_t)item));
    (void)json_object_set_new(object, "name", json_text(probe->name, strlen(probe->name)));
    (void)json_object_set_new(object, "expected", json_text(probe->correct,
                                                            strlen(probe->correct)));
    bool ok = base && json_object_set_new(object, "base", base) == 0;
    if (ok && run->now != run->base) {
        json_t *now = side_json(run, run->now, item, err);
        enum verdict verdict = verdict_of(run->base->right[item], run->now->right[item]);
        ok = now && json_object_set_new(object, "now", now) == 0;
        (void)json_object_set_new(object, "verdict", json_string(verdict_name(verdict)));
    }
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static bool put(const struct task_results *results, const struct buf *text, struct err *err)
{
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(results->fd, text->data + done, text->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse_io(results->path, "write", err);
        done += (size_t)n;
    }
    /* a pipe or device has nothing to sync */
    return fsync(results->fd) == 0 || errno == EINVAL || errno == EROFS ||
           refuse_io(results->path, "sync", err);
}

bool task_results_add(struct task_results *results, const struct task_run *run, size_t first,
                      size_t count, struct err *err)
{
    struct buf text = {0};
    bool ok = true;
    for (size_t i = first; ok && i < first + count; i++) {
        json_t *line = item_json(run, i, err);
        ok = line != NULL;
        if (ok)
            json_print(&text, line, false);
        buf_add_text(&text, "\n");
        json_decref(line);
    }
    ok = ok && put(results, &text, err);
    buf_free(&text);
    return ok;
}

/* ---- going on -------------------------------------------------------------------- */

static bool same_settings(const json_t *found, const json_t *settings, struct err *err)
{
    const char *key;
    json_t *value;
    if (!json_equal(json_object_get(found, "format"), json_object_get(settings, "format")))
        return err_set(err, ERR_FORMAT, "is no file of results");
    json_object_foreach((json_t *)(uintptr_t)settings, key, value) {
        const json_t *there = json_object_get(found, key);
        if (there && json_equal(there, value))
            continue;
        struct buf mine = {0}, other = {0};
        json_print(&mine, value, false);
        if (there)
            json_print(&other, there, false);
        (void)err_set(err, ERR_MISMATCH, "has results with %s %.80s, expected %.80s to go on with "
                      "them", key, there ? other.data : "not stated", mine.data);
        buf_free(&mine);
        buf_free(&other);
        return err_where(err, "line 1");
    }
    return true;
}

static bool take_side(struct task_run *run, struct evaluation *side, const json_t *line,
                      const char *key, size_t item, struct err *err)
{
    const json_t *object = json_object_get(line, key);
    const char *text = NULL;
    size_t len = 0;
    struct task_said said;
    if (!json_is_object(object))
        return json_refuse(object, "", key, "an object", err);
    if (!json_field_said(object, key, "text", &text, &len, err) ||
        !task_judge(run->task, item, text, len, &said, err))
        return false;
    buf_add(&side->generation[item].text, text, len);
    side->right[item] = said.right;
    return true;
}

static bool take_item(struct task_run *run, const json_t *line, struct err *err)
{
    int64_t index = 0, next = (int64_t)run->kept;
    size_t item = run->kept;
    if (item == run->task->set->count)
        return true; /* a longer run was made: its further items are left alone */
    if (!json_field_int(line, "", "index", next, next, &index, err) ||
        !take_side(run, run->base, line, "base", item, err) ||
        (run->now != run->base && !take_side(run, run->now, line, "now", item, err)))
        return false;
    run->kept++;
    return true;
}

static bool take_line(struct task_run *run, const char *text, size_t len, size_t number,
                      const json_t *settings, struct err *err)
{
    json_t *line = json_parse_said(text, len, "", err);
    bool ok = line && (number > 1 ? take_item(run, line, err)
                                  : same_settings(line, settings, err));
    json_decref(line);
    if (!ok && number > 1) {
        char place[sizeof err->where];
        memcpy(place, err->where, sizeof place);
        (void)err_where(err, "line %zu%s%.90s", number, line && *place ? ", " : "",
                        line ? place : "");
    }
    return ok;
}

/* Takes all whole lines; *whole is where they end [K2]. */
static bool take_lines(struct task_run *run, const struct buf *text, const json_t *settings,
                       size_t *whole, struct err *err)
{
    size_t number = 1;
    for (*whole = 0; *whole < text->len; number++) {
        const char *line = text->data + *whole;
        const char *end = memchr(line, '\n', text->len - *whole);
        if (!end)
            return number > 1 || err_set(err, ERR_FORMAT, "is no file of results");
        if (!take_line(run, line, (size_t)(end - line), number, settings, err))
            return false;
        *whole += (size_t)(end - line) + 1;
    }
    return true;
}

static bool begin(struct task_results *results, const json_t *settings, struct err *err)
{
    struct buf line = {0};
    json_print(&line, settings, false);
    buf_add_text(&line, "\n");
    bool ok = put(results, &line, err);
    buf_free(&line);
    return ok;
}

static bool go_on(struct task_results *results, struct task_run *run, const json_t *settings,
                  struct err *err)
{
    struct stat status;
    struct buf text = {0};
    size_t whole = 0;
    if (fstat(results->fd, &status) != 0)
        return refuse_io(results->path, "look at it", err);
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return begin(results, settings, err);
    bool ok = file_read(results->path, file_bytes_max, &text, err) &&
              (take_lines(run, &text, settings, &whole, err) || err_file(err, results->path));
    bool cut = ok && whole < text.len;
    buf_free(&text);
    if (cut && ftruncate(results->fd, (off_t)whole) != 0)
        return refuse_io(results->path, "cut off its last line", err);
    return ok;
}

struct task_results *task_results_open(struct task_run *run, const json_t *settings,
                                       struct err *err)
{
    struct task_results *results = x_new(1, sizeof *results);
    results->path = run->results;
    results->fd = open(run->results, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    bool ok = results->fd >= 0 || refuse_path(run->results, err);
    if (ok && flock(results->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        (void)err_set(err, ERR_IO, "another program is writing it");
        ok = err_file(err, run->results);
    }
    if (ok && go_on(results, run, settings, err))
        return results;
    task_results_close(results);
    return NULL;
}

void task_results_close(struct task_results *results)
{
    if (!results)
        return;
    if (results->fd >= 0)
        (void)close(results->fd);
    free(results);
}
