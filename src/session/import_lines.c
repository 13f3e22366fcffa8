/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines of JSON as rows.  A file of lines may come from anybody: nothing of it is run,
 * and every value is proved to be of its kind and range before it is stored.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/json_field.h"
#include "src/base/num.h"
#include "src/session/import_int.h"

enum { LINE_BYTES_MAX = 1 << 28, CHUNK_BYTES = 1 << 16 };

/* ---- values ----------------------------------------------------------------- */

/* A parameter of the row, with what it borrows until the row is in. */
struct parameter {
    const struct line_column *column;
    const json_t *value; /* NULL: NULL */
    struct buf text;
};

static bool is_integer_in(const json_t *value, const struct line_column *column)
{
    json_int_t number = json_integer_value(value);
    return json_is_integer(value) && number >= column->min && number <= column->max;
}

/* "Bytes" is {"hex": "..."} and nothing else. */
static bool read_bytes(struct parameter *out)
{
    const json_t *hex = json_object_get(out->value, "hex");
    if (json_is_string(out->value)) {
        buf_add(&out->text, json_string_value(out->value), json_string_length(out->value));
        return true;
    }
    return json_is_string(hex) && json_object_size(out->value) == 1 &&
           line_parse_hex(json_string_value(hex), &out->text);
}

static bool read_numbers(struct parameter *out)
{
    size_t count = json_array_size(out->value);
    double *numbers = x_new(count, sizeof *numbers);
    bool ok = json_is_array(out->value);
    for (size_t i = 0; ok && i < count; i++)
        ok = line_number(json_array_get(out->value, i), &numbers[i]);
    if (ok)
        numbers_print(&out->text, numbers, count);
    free(numbers);
    return ok;
}

static bool read_texts(struct parameter *out)
{
    for (size_t i = 0; i < json_array_size(out->value); i++)
        if (!json_is_string(json_array_get(out->value, i)))
            return false;
    json_print(&out->text, out->value, false);
    return json_is_array(out->value);
}

static bool read_object(struct parameter *out)
{
    json_print(&out->text, out->value, false);
    return json_is_object(out->value);
}

static bool read_parameter(struct parameter *out)
{
    double ignored = 0;
    switch (out->column->kind) {
    case LINE_INT: return is_integer_in(out->value, out->column);
    case LINE_TEXT: return read_bytes(out);
    case LINE_REAL: return !json_is_null(out->value) && line_number(out->value, &ignored);
    case LINE_NUMBERS: return read_numbers(out);
    case LINE_OBJECT: return read_object(out);
    case LINE_TEXTS: return read_texts(out);
    }
    return false;
}

static bool refuse_parameter(const struct parameter *parameter, struct err *err)
{
    static const char *const expected[] = {
        [LINE_TEXT] = "a string, or {\"hex\": \"...\"}",
        [LINE_REAL] = "a number, \"Infinity\" or \"-Infinity\"",
        [LINE_NUMBERS] = "an array of numbers and nulls",
        [LINE_OBJECT] = "an object",
        [LINE_TEXTS] = "an array of strings",
    };
    const struct line_column *column = parameter->column;
    char range[80];
    if (column->kind != LINE_INT)
        return json_refuse(parameter->value, "", column->name, expected[column->kind], err);
    (void)snprintf(range, sizeof range, "an integer from %" PRId64 " to %" PRId64, column->min,
                   column->max);
    return json_refuse(parameter->value, "", column->name, range, err);
}

/* ---- rows ------------------------------------------------------------------- */

static bool read_row(const struct line_table *table, const json_t *line,
                     struct parameter parameters[LINE_COLUMNS_MAX], struct err *err)
{
    for (size_t i = 0; i < table->column_count; i++) {
        struct parameter *out = &parameters[i];
        out->column = &table->columns[i];
        out->value = json_object_get(line, out->column->name);
        bool ok = out->value ? read_parameter(out) : !out->column->required;
        if (!ok)
            return refuse_parameter(out, err);
    }
    return true;
}

static void bind(struct query *query, const struct parameter *parameter)
{
    double number = 0;
    const struct buf *text = &parameter->text;
    if (!parameter->value)
        query_null(query);
    else if (parameter->column->kind == LINE_INT)
        query_int(query, (int64_t)json_integer_value(parameter->value));
    else if (parameter->column->kind == LINE_REAL)
        query_real(query, line_number(parameter->value, &number) ? number : 0);
    else
        query_bytes(query, text->data ? text->data : "", text->len);
}

/* The session's row is there already, with an id. */
static void print_sql(struct buf *out, enum line_record record)
{
    const struct line_table *table = &line_tables[record];
    bool update = record == LINE_SESSION;
    if (update)
        buf_add_format(out, "UPDATE %s SET ", table->name);
    else
        buf_add_format(out, "INSERT INTO %s VALUES(%s", table->name,
                       record == LINE_ORIGIN ? "1, " : "");
    for (size_t i = 0; i < table->column_count; i++)
        buf_add_format(out, "%s%s%s?", i ? ", " : "", update ? table->columns[i].name : "",
                       update ? " = " : "");
    buf_add_text(out, update ? "" : ")");
}

static bool put_row(struct import *import, enum line_record record,
                    const struct parameter *parameters)
{
    struct buf sql = {0};
    print_sql(&sql, record);
    struct query query = query_new(import->session, sql.data, import->err);
    for (size_t i = 0; i < line_tables[record].column_count; i++)
        bind(&query, &parameters[i]);
    buf_free(&sql);
    return query_run(&query);
}

/* ---- one line --------------------------------------------------------------- */

static const char *const header_keys[] = {"record", "format", "version", "program"};

static bool is_known_key(const struct line_table *table, const char *key)
{
    size_t own = table == &line_tables[LINE_SESSION] ? countof(header_keys) : 1;
    for (size_t i = 0; i < own; i++)
        if (strcmp(key, header_keys[i]) == 0)
            return true;
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(key, table->columns[i].name) == 0)
            return true;
    return false;
}

static bool check_keys(const struct line_table *table, json_t *line, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(line, key, value) {
        if (is_known_key(table, key))
            continue;
        (void)err_set(err, ERR_FORMAT, "is no column of %s, expected none but those", table->name);
        return err_where(err, "%s", key);
    }
    return true;
}

static bool check_header(const json_t *line, struct err *err)
{
    const char *format = NULL, *program = NULL;
    int64_t version = 0;
    if (!json_field_text(line, "", "format", true, &format, err) ||
        !json_field_int(line, "", "version", 1, INT32_MAX, &version, err) ||
        !json_field_text(line, "", "program", true, &program, err))
        return false;
    if (strcmp(format, LINES_FORMAT) != 0)
        return json_refuse(json_object_get(line, "format"), "", "format",
                           "\"" LINES_FORMAT "\"", err);
    if (version <= LINES_VERSION)
        return true;
    (void)err_set(err, ERR_UNSUPPORTED, "is %" PRId64 ", this program knows versions up to %d: "
                  "import it with a newer program", version, LINES_VERSION);
    return err_where(err, "version");
}

static bool end_lines(struct import *import, const json_t *line)
{
    int64_t lines = 0;
    if (!json_field_int(line, "", "lines", 0, INT64_MAX, &lines, import->err))
        return false;
    if ((uint64_t)lines != import->line - 1) {
        (void)err_set(import->err, ERR_FORMAT, "is %" PRId64 ", expected %" PRIu64 ": lines are "
                      "missing or were added", lines, import->line - 1);
        return err_where(import->err, "lines");
    }
    if (import->steps != import->steps_told)
        return err_set(import->err, ERR_FORMAT, "ends behind a step, expected the event that adds "
                       "it");
    int64_t head = import->has_origin && import->steps >= 0 ? import->head : -1;
    if (import->head_told != head)
        return err_set(import->err, ERR_FORMAT, "the first line has head %" PRId64 ", but the "
                       "events lead to %" PRId64 " (-1: none)", import->head_told, head);
    import->ended = true;
    return true;
}

static bool find_record(const char *name, enum line_record *out)
{
    for (int record = 0; record < LINE_RECORD_COUNT; record++) {
        *out = (enum line_record)record;
        if (strcmp(name, line_tables[record].name) == 0)
            return true;
    }
    return false;
}

static bool put_record(struct import *import, enum line_record record, json_t *line)
{
    struct parameter parameters[LINE_COLUMNS_MAX] = {0};
    const struct line_table *table = &line_tables[record];
    bool ok = check_keys(table, line, import->err) &&
              read_row(table, line, parameters, import->err) &&
              import_check(import, record, line) && put_row(import, record, parameters);
    for (size_t i = 0; i < LINE_COLUMNS_MAX; i++)
        buf_free(&parameters[i].text);
    import->has_header = true;
    return ok;
}

static bool put_object(struct import *import, json_t *line)
{
    const char *name = NULL;
    enum line_record record = LINE_SESSION;
    if (!json_is_object(line))
        return json_refuse(line, "", NULL, "an object", import->err);
    if (!json_field_text(line, "", "record", true, &name, import->err))
        return false;
    bool known = find_record(name, &record);
    if (!import->has_header && (!known || record != LINE_SESSION))
        return err_set(import->err, ERR_FORMAT, "is the first line, expected the record "
                       "\"session\" with format \"" LINES_FORMAT "\"");
    if (strcmp(name, "end") == 0)
        return end_lines(import, line);
    if (!known)
        return json_refuse(json_object_get(line, "record"), "", "record",
                           "the name of a table", import->err);
    return (record != LINE_SESSION || check_header(line, import->err)) &&
           put_record(import, record, line);
}

/* err->where has the key, if any; the line is put before it.  It is not to blame where
 * there was no room for it. */
static bool fail_in_line(struct import *import)
{
    char key[sizeof import->err->where];
    bool by_machine = import->err->code == ERR_IO || import->err->code == ERR_MEMORY;
    if (by_machine)
        return false;
    memcpy(key, import->err->where, sizeof key);
    (void)err_where(import->err, "line %" PRIu64 "%s%.90s", import->line, key[0] ? ", " : "", key);
    return err_file(import->err, import->from);
}

static bool put_line(struct import *import, const char *text, size_t len)
{
    json_error_t problem;
    import->line++;
    import->err->where[0] = '\0';
    if (import->ended) {
        (void)err_set(import->err, ERR_FORMAT, "is behind the record \"end\", expected nothing");
        return fail_in_line(import);
    }
    json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (!line) {
        (void)err_set(import->err, ERR_FORMAT, "is not valid JSON: %s", problem.text);
        (void)err_where(import->err, "column %d", problem.column);
        return fail_in_line(import);
    }
    bool ok = put_object(import, line);
    json_decref(line);
    return ok || fail_in_line(import);
}

/* ---- all lines -------------------------------------------------------------- */

/* The whole lines of what was read so far; what is left of the last moves to the front. */
static bool put_lines(struct import *import, struct buf *text)
{
    size_t begin = 0;
    for (;;) {
        char *end = memchr(text->data + begin, '\n', text->len - begin);
        if (!end)
            break;
        size_t len = (size_t)(end - text->data) - begin;
        if (!put_line(import, text->data + begin, len))
            return false;
        begin += len + 1;
    }
    memmove(text->data, text->data + begin, text->len - begin);
    text->len -= begin;
    if (text->len <= LINE_BYTES_MAX)
        return true;
    import->line++;
    (void)err_set(import->err, ERR_FORMAT, "has more than %d bytes", LINE_BYTES_MAX);
    return fail_in_line(import);
}

static bool read_chunk(int fd, struct buf *text, size_t *got, struct err *err)
{
    char chunk[CHUNK_BYTES];
    ssize_t count;
    do
        count = read(fd, chunk, sizeof chunk);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return err_set(err, ERR_IO, "cannot read: %s", strerror(errno));
    *got = (size_t)count;
    if (count > 0)
        buf_add(text, chunk, *got);
    return true;
}

static bool check_end(struct import *import, const struct buf *text)
{
    if (text->len > 0) /* no line feed behind the last line */
        return put_line(import, text->data, text->len) &&
               check_end(import, &(struct buf){0});
    if (import->ended)
        return true;
    import->line++;
    (void)err_set(import->err, ERR_FORMAT, "is missing, expected the record \"end\": the file was "
                  "cut off");
    (void)err_where(import->err, "%s", "");
    return fail_in_line(import);
}

bool import_lines(struct import *import, int fd, const struct work_progress *progress,
                  cancel_flag *cancel)
{
    struct buf text = {0};
    struct stat status;
    size_t total = fstat(fd, &status) == 0 ? (size_t)status.st_size : 0, got = 1;
    bool ok = true;
    for (size_t done = 0; ok && got > 0; done += got) {
        ok = (!cancel || !atomic_load(cancel) ||
              err_set(import->err, ERR_CANCELLED, "interrupted")) &&
             read_chunk(fd, &text, &got, import->err) &&
             (got == 0 || put_lines(import, &text));
        if (progress)
            progress->report(progress->user, done + got, total);
    }
    ok = ok && check_end(import, &text);
    buf_free(&text);
    return ok;
}
