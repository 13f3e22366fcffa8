/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The file is locked as long as it is open: the kernel lets go of the lock whatever ends
 * the process.
 */
#include "src/experiment/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json_field.h"

enum { RECORD_BYTES_MAX = 1 << 30 };

struct record {
    char *path; /* NULL: in memory */
    int fd;     /* -1: in memory */
    json_t *results; /* object: unit to result */
    size_t found;
};

static bool io_error(const struct record *record, const char *what, struct err *err)
{
    (void)err_set(err, ERR_IO, "cannot %s: %s", what, strerror(errno));
    return err_file(err, record->path);
}

/* ---- reading ----------------------------------------------------------------------- */

static bool read_result(struct record *record, const json_t *line, struct err *err)
{
    const char *unit = NULL;
    if (!json_field_text(line, "", "unit", true, &unit, err))
        return false;
    json_t *result = json_object_get(line, "result");
    if (!result)
        return json_refuse(result, "", "result", "the result of the unit", err);
    (void)json_object_set(record->results, unit, result);
    return true;
}

static bool read_header(const json_t *line, const json_t *header, struct err *err)
{
    if (json_equal(line, header))
        return true;
    if (!json_object_get(line, "experiment"))
        return err_set(err, ERR_FORMAT, "this is no record of an experiment");
    return err_set(err, ERR_MISMATCH,
                   "the record is one of another experiment, model or settings; --fresh begins it "
                   "again");
}

/* A whole line, without its line feed. */
static bool read_line(struct record *record, const json_t *header, const char *text, size_t len,
                      size_t number, struct err *err)
{
    json_t *line = json_parse(text, len, record->path, err);
    bool ok = line && (number == 1 ? read_header(line, header, err)
                                   : read_result(record, line, err));
    json_decref(line);
    if (!ok) {
        (void)err_file(err, record->path);
        (void)err_where(err, "line %zu", number);
    }
    return ok;
}

/* *end is behind the last whole line: what follows was cut short [X2]. */
static bool read_lines(struct record *record, const json_t *header, const struct buf *text,
                       size_t *end, struct err *err)
{
    *end = 0;
    for (size_t number = 1; *end < text->len; number++) {
        const char *line = text->data + *end;
        const char *feed = memchr(line, '\n', text->len - *end);
        if (!feed)
            return true;
        if (!read_line(record, header, line, (size_t)(feed - line), number, err))
            return false;
        *end += (size_t)(feed - line) + 1;
    }
    return true;
}

/* ---- writing ----------------------------------------------------------------------- */

static bool write_all(const struct record *record, const char *bytes, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t written = write(record->fd, bytes, len);
        if (written < 0 && errno != EINTR)
            return io_error(record, "write", err);
        bytes += written > 0 ? written : 0;
        len -= written > 0 ? (size_t)written : 0;
    }
    return fsync(record->fd) == 0 || io_error(record, "sync", err);
}

static bool write_line(const struct record *record, const json_t *line, struct err *err)
{
    struct buf text = {0};
    if (record->fd < 0)
        return true;
    json_print(&text, line, false);
    buf_add(&text, "\n", 1);
    bool ok = write_all(record, text.data, text.len, err);
    buf_free(&text);
    return ok;
}

/* ---- opening ----------------------------------------------------------------------- */

static bool lock(struct record *record, struct err *err)
{
    record->fd = open(record->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (record->fd < 0)
        return io_error(record, "open", err);
    if (flock(record->fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return io_error(record, "lock", err);
    (void)err_set(err, ERR_IO, "another bankai is running this experiment");
    return err_file(err, record->path);
}

/* Cut off what is not kept, and go on behind it. */
static bool cut_at(struct record *record, size_t end, struct err *err)
{
    bool ok = ftruncate(record->fd, (off_t)end) == 0 &&
              lseek(record->fd, (off_t)end, SEEK_SET) == (off_t)end;
    return ok || io_error(record, "write", err);
}

static bool load(struct record *record, const json_t *header, bool fresh, struct err *err)
{
    struct buf text = {0};
    size_t end = 0;
    bool ok = fresh || (file_read(record->path, RECORD_BYTES_MAX, &text, err) &&
                        read_lines(record, header, &text, &end, err));
    buf_free(&text);
    if (!ok || !cut_at(record, end, err))
        return false;
    record->found = json_object_size(record->results);
    return end > 0 || write_line(record, header, err);
}

struct record *record_open(const char *path, const json_t *header, bool fresh, struct err *err)
{
    struct record *record = x_new(1, sizeof *record);
    record->fd = -1;
    record->results = json_object();
    if (!path)
        return record;
    record->path = x_copy(path, strlen(path));
    if (lock(record, err) && load(record, header, fresh, err))
        return record;
    record_close(record);
    return NULL;
}

size_t record_found(const struct record *record)
{
    return record->found;
}

const json_t *record_get(const struct record *record, const char *unit)
{
    return json_object_get(record->results, unit);
}

bool record_put(struct record *record, const char *unit, json_t *result, struct err *err)
{
    json_t *line = json_pack("{s:s, s:O}", "unit", unit, "result", result);
    bool ok = write_line(record, line, err);
    json_decref(line);
    if (ok)
        (void)json_object_set(record->results, unit, result);
    json_decref(result);
    return ok;
}

void record_remove(struct record *record)
{
    if (record->path)
        (void)unlink(record->path);
}

void record_close(struct record *record)
{
    if (!record)
        return;
    if (record->fd >= 0)
        (void)close(record->fd);
    json_decref(record->results);
    free(record->path);
    free(record);
}
