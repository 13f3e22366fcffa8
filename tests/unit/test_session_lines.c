/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session as lines of JSON and back: every value of every table is there again, to
 * the bit; what is not such a file is refused by its line, and leaves nothing.
 */
#include "tests/t.h"

#include <dirent.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "tests/document.h"
#include "tests/fault.h"
#include "tests/session_fixture.h"

/* ---- a session with something of everything ----------------------------------------------- */

static void add_event(struct session *session, enum session_kind kind, const char *text,
                      json_t *data)
{
    struct err err = {0};
    struct session_event event = {
        .kind = kind, .fitness = (double)NAN, .text = text, .data = data,
    };
    t_ok(session_add_event(session, &event, &err), &err);
    json_decref(data);
}

/* Numbers that texts like to lose. */
static void add_odd_numbers(struct session *session)
{
    static const double gaps[][FIXTURE_GAPS] = {
        {(double)NAN, -0.0, 0.0}, {(double)INFINITY, -(double)INFINITY, 5e-324},
        {1.7976931348623157e308, 0.1 + 0.2, 1e17}, {-12345678901234567.0, 2, -3},
    };
    static const double fitness[] = {-0.0, (double)INFINITY, (double)NAN, 7};
    struct err err = {0};
    for (size_t i = 0; i < countof(gaps); i++) {
        struct session_event event = {
            .kind = EVENT_KIND_MEASURED, .has_flip = true, .fitness = fitness[i],
            .flip = {.layer = NO_LAYER, .proj = PROJ_HEAD, .row = UINT32_MAX,
                     .group = INT32_MAX, .mask = {UINT64_MAX, 1}},
            .gaps = gaps[i], .gap_count = FIXTURE_GAPS, .time_ms = INT64_MIN + (int64_t)i,
        };
        t_ok(session_add_event(session, &event, &err), &err);
    }
}

static void add_together(struct session *session)
{
    struct err err = {0};
    static const struct flip flips[] = {
        {3, PROJ_DOWN, 9, 0, {5, 0}}, {NO_LAYER, PROJ_HEAD, 1, FLIP_WHOLE_ROW, {0, 0}},
    };
    struct session_event event = {
        .kind = EVENT_KIND_TRIED, .number = 24, .has_flip = true, .flip = flips[0],
        .flips = flips, .flip_count = countof(flips), .fitness = 0.25,
    };
    t_ok(session_add_event(session, &event, &err), &err);
}

static void add_texts(struct session *session)
{
    struct err err = {0};
    static const struct session_answer answers[] = {
        {0, 0, "", 0, false},
        {0, 1, "\xff\xfe\x00 x", 5, true},
        {0, 2, " \"quoted\" \\ back\r\n\t\x1b[31m", 24, true},
        {2, 3, "\xc3\xa4 \xf0\x9f\x98\x80 \xe2\x80\xae", 11, false},
    };
    t_ok(session_add_answers(session, answers, countof(answers), &err), &err);
    add_event(session, EVENT_KIND_SHELL, "touch bankai-was-run; rm -rf \"$HOME\"", NULL);
    add_event(session, EVENT_KIND_NOTE, "bytes \x80 that are no text", NULL);
    add_event(session, EVENT_KIND_TEXT, NULL,
              json_pack("{s:s, s:f, s:[i, n, b], s:I}", "z", "last first", "a", 0.1, "list", 1, 1,
                        "big", (json_int_t)INT64_MAX));
    t_ok(session_name_step(session, "best \"so far\"", 2, &err), &err);
    t_ok(session_name_step(session, "", 0, &err), &err);
    t_ok(session_put(session, "view", "line\nline", &err), &err);
}

static const char *rich_session(void)
{
    struct err err = {0};
    const char *path = fixture_path(".bankai");
    struct session *session = fixture_new(path);
    add_event(session, EVENT_KIND_OPEN, "0.1.0", NULL);
    for (uint64_t number = 1; number <= 12; number++) {
        t_ok(fixture_add_event(session, number * 2 - 1, &err), &err);
        t_ok(fixture_add_step(session, number * 2, NULL, &err), &err);
        if (number % 4 == 0)
            t_ok(session_move_head(session, (int64_t)number / 2, "goto", &err), &err);
    }
    t_ok(session_move_head(session, 1, "undo", &err), &err);
    add_odd_numbers(session);
    add_together(session);
    add_texts(session);
    session_close(session);
    return path;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    return stmt;
}

static bool same_value(sqlite3_stmt *a, sqlite3_stmt *b, int column)
{
    int type = sqlite3_column_type(a, column);
    if (type != sqlite3_column_type(b, column))
        return false;
    if (type == SQLITE_INTEGER)
        return sqlite3_column_int64(a, column) == sqlite3_column_int64(b, column);
    if (type == SQLITE_FLOAT) {
        double left = sqlite3_column_double(a, column), right = sqlite3_column_double(b, column);
        return memcmp(&left, &right, sizeof left) == 0;
    }
    int bytes = sqlite3_column_bytes(a, column);
    return bytes == sqlite3_column_bytes(b, column) &&
           (bytes == 0 || memcmp(sqlite3_column_blob(a, column), sqlite3_column_blob(b, column),
                                 (size_t)bytes) == 0);
}

/* Returns how many rows the table has. */
static size_t compare_table(sqlite3 *left, sqlite3 *right, const char *table)
{
    char sql[80];
    (void)snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", table);
    sqlite3_stmt *a = prepare(left, sql), *b = prepare(right, sql);
    size_t rows = 0;
    int code = sqlite3_step(a);
    for (; code == SQLITE_ROW; code = sqlite3_step(a), rows++) {
        assert_int_equal(sqlite3_step(b), SQLITE_ROW);
        for (int i = 0; i < sqlite3_column_count(a); i++) {
            bool is_id = strcmp(table, "session") == 0 &&
                         strcmp(sqlite3_column_name(a, i), "id") == 0;
            if (same_value(a, b, i) == is_id)
                fail_msg("%s, row %zu, %s: %s", table, rows, sqlite3_column_name(a, i),
                         is_id ? "is the same" : "differs");
        }
    }
    assert_int_equal(code, SQLITE_DONE);
    assert_int_equal(sqlite3_step(b), SQLITE_DONE);
    (void)sqlite3_finalize(a);
    (void)sqlite3_finalize(b);
    return rows;
}

/* Every table there is, by SQLite's own list.  Returns how many have rows. */
static size_t compare_all(const char *a, const char *b)
{
    sqlite3 *left = open_file(a), *right = open_file(b);
    sqlite3_stmt *tables = prepare(left, "SELECT name FROM sqlite_master WHERE type = 'table'");
    size_t with_rows = 0;
    while (sqlite3_step(tables) == SQLITE_ROW)
        with_rows += compare_table(left, right, (const char *)sqlite3_column_text(tables, 0)) > 0;
    (void)sqlite3_finalize(tables);
    assert_int_equal(sqlite3_close(left), SQLITE_OK);
    assert_int_equal(sqlite3_close(right), SQLITE_OK);
    return with_rows;
}

static const char *dump(const char *path)
{
    struct err err = {0};
    const char *lines = fixture_path(".jsonl");
    struct session *session = fixture_open(path, SESSION_READ);
    t_ok(session_dump(session, lines, "0.1.0", NULL, NULL, &err), &err);
    session_close(session);
    return lines;
}

/* How many files of the folder have a name that begins with that of the path. */
static size_t files_beside(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    char folder[160];
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path);
    DIR *dir = opendir(folder);
    size_t count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strncmp(entry->d_name, name, strlen(name)) == 0;
    (void)closedir(dir);
    return count;
}

/* ---- there and back ------------------------------------------------------------------------- */

static void session_import__a_rich_session__every_value_as_it_was(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = rich_session(), *lines = dump(path), *copy = fixture_path(".bankai");
    t_ok(session_import(lines, copy, NULL, NULL, &err), &err);
    assert_int_equal(files_beside(copy), 1);
    assert_int_equal(compare_all(path, copy), 9);
    struct session *session = fixture_open(copy, SESSION_WRITE);
    fixture_verify(session);
    assert_int_equal(session_head(session), 1);
    assert_int_equal(session_missing_steps(session), 0);
    t_ok(fixture_add_step(session, 70, NULL, &err), &err); /* it goes on */
    fixture_verify(session);
    session_close(session);
    assert_int_not_equal(access("bankai-was-run", F_OK), 0);
}

static void session_dump__of_what_was_imported__same_lines(void **state)
{
    (void)state;
    struct err err = {0};
    const char *first = dump(rich_session()), *copy = fixture_path(".bankai");
    t_ok(session_import(first, copy, NULL, NULL, &err), &err);
    struct buf a = document_read(first), b = document_read(dump(copy));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    buf_free(&a);
    buf_free(&b);
}

static void session_import__without_origin__as_it_was(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path(".bankai"), *copy = fixture_path(".bankai");
    session_close(fixture_open(path, SESSION_WRITE));
    t_ok(session_import(dump(path), copy, NULL, NULL, &err), &err);
    assert_int_equal(compare_all(path, copy), 1);
}

static void session_import__a_folder__its_session_jsonl(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = rich_session(), *lines = dump(path), *folder = fixture_path(".dir"),
               *copy = fixture_path(".bankai");
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_false(session_import(folder, copy, NULL, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "cannot open: No such file or directory");
    assert_int_equal(rename(lines, fixture_with(folder, "/session.jsonl")), 0);
    t_ok(session_import(folder, copy, NULL, NULL, &err), &err);
    (void)compare_all(path, copy);
}

/* The lines as JSON readers see them: one object a line, numbers that all of them take. */
static void session_dump__numbers__as_documented(void **state)
{
    (void)state;
    struct buf text = document_read(dump(rich_session()));
    static const char *const parts[] = {
        "\"fitness\": -0.0, \"gaps\": [null, -0.0, 0]",
        ("\"fitness\": \"Infinity\", \"gaps\": [\"Infinity\", \"-Infinity\", "
         "4.9406564584124654e-324]"),
        "\"gaps\": [1.7976931348623157e+308, 0.30000000000000004, 1e+17]",
        "\"text\": {\"hex\": \"fffe002078\"}",
        "\"mask\": \"ffffffffffffffff0100000000000000\"",
        "{\"record\": \"kept\", \"key\": \"view\", \"value\": \"line\\nline\"}\n",
    };
    for (size_t i = 0; i < countof(parts); i++)
        if (!strstr(text.data, parts[i]))
            fail_msg("not there: %s", parts[i]);
    size_t lines = 0;
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        json_t *value = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_is_object(value));
        assert_string_equal(json_object_iter_key(json_object_iter(value)), "record");
        json_decref(value);
    }
    assert_true(lines > 60);
    buf_free(&text);
}

/* The example of FORMAT.md is read, and is what is written of it. */
static void format_md__lines__read_and_written_the_same(void **state)
{
    (void)state;
    size_t at = 0;
    struct err err = {0};
    struct document_block block;
    struct buf document = document_read("src/session/FORMAT.md");
    const char *lines = fixture_path(".jsonl"), *copy = fixture_path(".bankai");
    do
        assert_true(document_block(&document, &at, &block));
    while (!document_block_is(&block, "json lines"));
    t_ok(file_write(lines, block.text, block.len, &err), &err);
    t_ok(session_import(lines, copy, NULL, NULL, &err), &err);
    struct buf written = document_read(dump(copy));
    assert_int_equal(written.len, block.len);
    assert_memory_equal(written.data, block.text, block.len);
    buf_free(&written);
    buf_free(&document);
}

/* ---- hostile -------------------------------------------------------------------------------- */

/* A short file, by hand. */
static const char good[] =
    "{\"record\": \"session\", \"format\": \"bankai_session_v1\", \"version\": 1,"
    " \"program\": \"0.1.0\", \"created_ms\": 5, \"head\": 1}\n"
    "{\"record\": \"origin\", \"program_version\": \"0.1.0\", \"model_path\": \"nano\","
    " \"model_sha256\": \"b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c\","
    " \"model_bytes\": 9, \"shape\": {}, \"settings\": {}, \"probes_name\": \"p\","
    " \"gaps_before\": [0.5]}\n"
    "{\"record\": \"probe\", \"idx\": 0, \"part\": \"target\", \"set_name\": \"s\","
    " \"name\": \"n\", \"category\": \"\", \"prompt\": \"2+2=\", \"correct\": \" 4\","
    " \"wrong\": \"\", \"alternates\": []}\n"
    "{\"record\": \"step\", \"id\": 0, \"redo\": 1, \"made_by\": \"origin\", \"tried\": 0,"
    " \"screened\": 0, \"time_ms\": 1, \"fitness\": 0, \"gaps\": [0.5]}\n"
    "{\"record\": \"step\", \"id\": 1, \"parent\": 0, \"made_by\": \"hand\", \"tried\": 0,"
    " \"screened\": 0, \"time_ms\": 1, \"gaps\": [null]}\n"
    "{\"record\": \"step_flip\", \"step\": 1, \"n\": 0, \"layer\": 2, \"proj\": \"up_proj\","
    " \"row\": 3}\n"
    "{\"record\": \"event\", \"seq\": 1, \"time_ms\": 1, \"kind\": \"step\", \"step\": 1,"
    " \"number\": 0, \"accepted\": 0, \"screened\": 0, \"stopped\": 0, \"text\": \"hand\"}\n"
    "{\"record\": \"answer\", \"step\": 1, \"probe\": 0, \"text\": \"4\", \"is_right\": 1}\n"
    "{\"record\": \"name\", \"name\": \"a\", \"step\": 1}\n"
    "{\"record\": \"kept\", \"key\": \"k\", \"value\": \"v\"}\n"
    "{\"record\": \"end\", \"lines\": 10}\n";

#define ANSWER                                                                                \
    "{\"record\": \"answer\", \"step\": 1, \"probe\": 0, \"text\": \"4\", \"is_right\": 1}"
#define NAMING(rest)                                                                          \
    "{\"record\": \"event\", \"seq\": 2, \"time_ms\": 1, \"kind\": \"name\", \"step\": 1,"         \
    " \"number\": 0, \"accepted\": 0, \"screened\": 0, \"stopped\": 0" rest "}"

static const struct hostile {
    const char *old, *new; /* the first `old` becomes `new` */
    enum err_code code;
    const char *where, *message;
} hostile[] = {
    {"{\"record\": \"session\"", "x", ERR_FORMAT, "line 1, column 1",
     "is not valid JSON: invalid token near 'x'"},
    {"{\"record\": \"session\"", "{\"record\": \"origin\"", ERR_FORMAT, "line 1",
     "is the first line, expected the record \"session\" with format \"bankai_session_v1\""},
    {"session_v1", "row_xor_v1", ERR_FORMAT, "line 1, format",
     "is a string (\"bankai_row_xor_v1\"), expected \"bankai_session_v1\""},
    {"\"version\": 1", "\"version\": 2", ERR_UNSUPPORTED, "line 1, version",
     "is 2, this program knows versions up to 1: import it with a newer program"},
    {"\"created_ms\": 5", "\"created_ms\": 5.0", ERR_FORMAT, "line 1, created_ms",
     "is a fraction (5.0), expected an integer from -9223372036854775808 to "
     "9223372036854775807"},
    {"\"created_ms\": 5", "\"id\": 5", ERR_FORMAT, "line 1, id",
     "is no column of session, expected none but those"},
    {"\"head\": 1}", "\"head\": 0}", ERR_FORMAT, "line 11",
     "the first line has head 0, but the events lead to 1 (-1: none)"},
    {"\"b5bb", "\"g5bb", ERR_FORMAT, "line 2, model_sha256",
     "does not fit, expected 64 hex digits"},
    {"\"model_bytes\": 9", "\"model_bytes\": -9", ERR_FORMAT, "line 2, model_bytes",
     "is an integer (-9), expected an integer from 0 to 9223372036854775807"},
    {"\"shape\": {}", "\"shape\": []", ERR_FORMAT, "line 2, shape",
     "is an array, expected an object"},
    {"\"shape\": {}, ", "", ERR_FORMAT, "line 2, shape", "is missing, expected an object"},
    {"\"gaps_before\": [0.5]", "\"gaps_before\": [0.5, 1]", ERR_FORMAT, "line 4",
     "the origin has 2 gaps_before, expected 1: one for each target and control"},
    {"\"gaps_before\": [0.5]", "\"gaps_before\": [\"nan\"]", ERR_FORMAT, "line 2, gaps_before",
     "is an array, expected an array of numbers and nulls"},
    {"\"gaps_before\": [0.5]", "\"gaps_before\": [1e999]", ERR_FORMAT, "line 2, column 243",
     "is not valid JSON: real number overflow near '1e999'"},
    {"\"idx\": 0", "\"idx\": 1", ERR_FORMAT, "line 3, idx", "is 1, expected 0"},
    {"\"part\": \"target\"", "\"part\": \"all\"", ERR_FORMAT, "line 3, part",
     "does not fit, expected target, then control, then heldout"},
    {"\"prompt\": \"2+2=\"", "\"prompt\": \"\"", ERR_FORMAT, "line 3, prompt",
     "does not fit, expected text"},
    {"\"prompt\": \"2+2=\"", "\"prompt\": {\"hex\": \"0g\"}", ERR_FORMAT, "line 3, prompt",
     "is an object, expected a string, or {\"hex\": \"...\"}"},
    {"\"prompt\": \"2+2=\"", "\"prompt\": \"\\u0000\"", ERR_FORMAT, "line 3, column 112",
     "is not valid JSON: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"\\u0000\"'"},
    {"\"alternates\": []", "\"alternates\": [5]", ERR_FORMAT, "line 3, alternates",
     "is an array, expected an array of strings"},
    {"\"id\": 0", "\"id\": 1", ERR_FORMAT, "line 4, id", "is 1, expected 0"},
    {"\"id\": 0", "\"parent\": 0, \"id\": 0", ERR_FORMAT, "line 4, parent",
     "does not fit, expected none for step 0"},
    {"\"redo\": 1", "\"redo\": 2", ERR_MISMATCH, "",
     "does not fit what the session holds: FOREIGN KEY constraint failed"},
    {"\"redo\": 1", "\"redo\": 0", ERR_FORMAT, "",
     "is no whole session: step 0, redo: is an integer (0), expected an integer from 1"},
    {"\"parent\": 0, ", "", ERR_FORMAT, "line 5, parent", "does not fit, expected an older step"},
    {"\"parent\": 0, ", "\"parent\": 1, ", ERR_FORMAT, "line 5, parent",
     "is 1, expected a step that came before"},
    {"\"gaps\": [null]", "\"gaps\": []", ERR_FORMAT, "line 5, gaps",
     "has 0 numbers, expected 1: one for each target and control"},
    {"\"gaps\": [null]", "\"fitness\": null", ERR_FORMAT, "line 5, fitness",
     "is null, expected a number, \"Infinity\" or \"-Infinity\""},
    {"\"step\": 1, \"n\": 0", "\"step\": 0, \"n\": 0", ERR_FORMAT, "line 6, step",
     "is 0, expected 1"},
    {"\"n\": 0", "\"n\": 1", ERR_FORMAT, "line 6, n", "is 1, expected 0"},
    {"\"up_proj\"", "\"up\"", ERR_FORMAT, "line 6, proj",
     "is a string (\"up\"), expected the name of a projection"},
    {"\"layer\": 2, ", "", ERR_FORMAT, "line 6, layer", "does not fit, expected a layer"},
    {"\"up_proj\"", "\"head\"", ERR_FORMAT, "line 6, layer",
     "does not fit, expected none for embed and head"},
    {"\"row\": 3", "\"row\": 4294967296", ERR_FORMAT, "line 6, row",
     "is an integer (4294967296), expected an integer from 0 to 4294967295"},
    {", \"row\": 3", "", ERR_FORMAT, "line 6, row", "does not fit, expected a row"},
    {"\"row\": 3", "\"row\": 3, \"grp\": 0", ERR_FORMAT, "line 6, mask",
     "does not fit, expected a mask for a group, none for a row"},
    {"\"row\": 3", "\"row\": 3, \"grp\": 0, \"mask\": \"0F000000000000000000000000000000\"",
     ERR_FORMAT, "line 6, mask", "does not fit, expected 32 hex digits in lower case"},
    {"\"kind\": \"step\"", "\"kind\": \"shell\"", ERR_FORMAT, "line 7, step", "is 1, expected 0"},
    {"\"kind\": \"step\"", "\"kind\": \"run\"", ERR_FORMAT, "line 7, kind",
     "is a string (\"run\"), expected the kind of an event"},
    {"\"seq\": 1", "\"seq\": 2", ERR_FORMAT, "line 7, seq", "is 2, expected 1"},
    {"\"accepted\": 0", "\"accepted\": 2", ERR_FORMAT, "line 7, accepted",
     "is an integer (2), expected an integer from 0 to 1"},
    {"\"accepted\": 0", "\"accepted\": true", ERR_FORMAT, "line 7, accepted",
     "is true or false, expected an integer from 0 to 1"},
    {"\"stopped\": 0", "\"stopped\": 0, \"proj\": \"up_proj\"", ERR_FORMAT, "line 7, layer",
     "does not fit, expected a layer"},
    {ANSWER, NAMING(", \"data\": {\"step\": 1}"), ERR_FORMAT, "line 8, text",
     "does not fit, expected the name of a state"},
    {ANSWER, NAMING(", \"text\": \"a\", \"data\": {\"step\": 2}"), ERR_FORMAT,
     "line 8, data", "does not fit, expected a step that came before"},
    {ANSWER, NAMING(", \"text\": \"a\""), ERR_FORMAT, "line 8, data",
     "does not fit, expected a step that came before"},
    {"{\"record\": \"answer\", \"step\": 1", "{\"record\": \"answer\", \"step\": 2", ERR_FORMAT,
     "line 8, step", "is 2, expected a step that came before"},
    {"\"probe\": 0", "\"probe\": 1", ERR_FORMAT, "line 8, probe",
     "is 1, expected a probe that came before"},
    {"{\"record\": \"name\"", "{\"record\": \"answer\", \"step\": 1, \"probe\": 0, \"text\": \"\","
     " \"is_right\": 0}\n{\"record\": \"name\"", ERR_MISMATCH, "line 9",
     "does not fit what the session holds: UNIQUE constraint failed: answer.step, answer.probe"},
    {"\"name\": \"a\", \"step\": 1", "\"name\": \"a\", \"step\": 7", ERR_FORMAT, "line 9, step",
     "is 7, expected a step that came before"},
    {"{\"record\": \"kept\"", "{\"record\": \"lost\"", ERR_FORMAT, "line 10, record",
     "is a string (\"lost\"), expected the name of a table"},
    {"{\"record\": \"kept\"", "{\"record\": \"event\"", ERR_FORMAT, "line 10, key",
     "is no column of event, expected none but those"},
    {"{\"record\": \"kept\", \"key\": \"k\"", "\"kept\"", ERR_FORMAT, "line 10, column 7",
     "is not valid JSON: end of file expected near ','"},
    {"{\"record\": \"kept\", \"key\": \"k\", \"value\": \"v\"}", "[]", ERR_FORMAT, "line 10",
     "is an array, expected an object"},
    {"\"key\": \"k\"", "\"key\": \"k\", \"key\": \"k\"", ERR_FORMAT, "line 10, column 36",
     "is not valid JSON: duplicate object key near '\"key\"'"},
    {"\"lines\": 10", "\"lines\": 9", ERR_FORMAT, "line 11, lines",
     "is 9, expected 10: lines are missing or were added"},
    {"{\"record\": \"end\", \"lines\": 10}\n", "", ERR_FORMAT, "line 11",
     "is missing, expected the record \"end\": the file was cut off"},
    {"\"lines\": 10}\n", "\"lines\": 10}\n{}\n", ERR_FORMAT, "line 12",
     "is behind the record \"end\", expected nothing"},
    {"{\"record\": \"name\"", "{\"record\": \"probe\", \"idx\": 1, \"part\": \"target\","
     " \"set_name\": \"s\", \"name\": \"n\", \"category\": \"\", \"prompt\": \"x\","
     " \"correct\": \"y\", \"wrong\": \"\", \"alternates\": []}\n{\"record\": \"name\"", ERR_FORMAT,
     "line 9", "is a line of probe, expected none behind one of answer"},
};

static const char *replaced(const struct hostile *what)
{
    struct err err = {0};
    struct buf text = {0};
    const char *at = strstr(good, what->old), *path = fixture_path(".jsonl");
    assert_non_null(at);
    buf_add(&text, good, (size_t)(at - good));
    buf_add_text(&text, what->new);
    buf_add_text(&text, at + strlen(what->old));
    t_ok(file_write(path, text.data, text.len, &err), &err);
    buf_free(&text);
    return path;
}

static void session_import__wrong_line__refused_by_its_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(hostile); i++) {
        struct err err = {0};
        const char *lines = replaced(&hostile[i]), *copy = fixture_path(".bankai");
        if (session_import(lines, copy, NULL, NULL, &err))
            fail_msg("was read: %s", hostile[i].new);
        if (strcmp(err.where, hostile[i].where) != 0 ||
            strcmp(err.message, hostile[i].message) != 0 || err.code != hostile[i].code)
            fail_msg("%s -> %s gives (%d) %s: %s", hostile[i].old, hostile[i].new, err.code,
                     err.where, err.message);
        assert_int_equal(err_exit_status(err.code), 2);
        assert_int_equal(files_beside(copy), 0);
    }
}

static void session_import__the_same_unchanged__read(void **state)
{
    (void)state;
    struct err err = {0};
    const struct hostile none = {.old = "", .new = ""};
    const struct hostile no_feed = {.old = "\"lines\": 10}\n", .new = "\"lines\": 10}"};
    const char *copy = fixture_path(".bankai");
    t_ok(session_import(replaced(&none), copy, NULL, NULL, &err), &err);
    t_ok(session_import(replaced(&no_feed), fixture_path(".bankai"), NULL, NULL, &err), &err);
    assert_false(session_import(replaced(&none), copy, NULL, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", "exists already, and may be a session: nothing is written");
    assert_int_equal(files_beside(copy), 1);
}

/* Cut off anywhere, it is no session. */
static void session_import__cut_off__refused(void **state)
{
    (void)state;
    const char *path = fixture_path(".jsonl"), *copy = fixture_path(".bankai");
    for (size_t len = 0; len + 1 < strlen(good); len += 7) {
        struct err err = {0};
        t_ok(file_write(path, good, len, &err), &err);
        assert_false(session_import(path, copy, NULL, NULL, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_int_equal(files_beside(copy), 0);
    }
}

/* ---- the machine ---------------------------------------------------------------------------- */

/* A disk that fills up at any moment leaves nothing, and says so. */
static void session_import__disk_full__nothing_left(void **state)
{
    (void)state;
    struct err err = {0};
    const struct hostile none = {.old = "", .new = ""};
    const char *lines = replaced(&none);
    fault_arm(FAULT_FULL, UINT64_MAX, 0);
    t_ok(session_import(lines, fixture_path(".bankai"), NULL, NULL, &err), &err);
    uint64_t calls = fault_disarm(), failures = 0;
    assert_true(calls > 20);
    for (uint64_t n = 1; n <= calls; n++) {
        const char *copy = fixture_path(".full");
        fault_arm(FAULT_FULL, n, UINT64_MAX);
        bool ok = session_import(lines, copy, NULL, NULL, &err);
        (void)fault_disarm();
        failures += !ok;
        assert_int_equal(files_beside(copy), ok);
        if (!ok && strstr(err.where, "line")) /* the file is not to blame */
            fail_msg("call %d: %s: %s", (int)n, err.where, err.message);
        else if (ok)
            (void)compare_all(copy, copy);
        (void)unlink(copy);
    }
    assert_true(failures > 20);
}

static void session_dump__no_room__nothing_left(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *session = fixture_open(rich_session(), SESSION_READ);
    assert_false(session_dump(session, "/dev/full", "0", NULL, NULL, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.file, "/dev/full");
    cancel_flag stop = true;
    const char *lines = fixture_path(".jsonl");
    assert_false(session_dump(session, lines, "0", NULL, &stop, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(files_beside(lines), 0);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_import__a_rich_session__every_value_as_it_was),
        cmocka_unit_test(session_dump__of_what_was_imported__same_lines),
        cmocka_unit_test(session_import__without_origin__as_it_was),
        cmocka_unit_test(session_import__a_folder__its_session_jsonl),
        cmocka_unit_test(session_dump__numbers__as_documented),
        cmocka_unit_test(format_md__lines__read_and_written_the_same),
        cmocka_unit_test(session_import__wrong_line__refused_by_its_number),
        cmocka_unit_test(session_import__the_same_unchanged__read),
        cmocka_unit_test(session_import__cut_off__refused),
        cmocka_unit_test(session_import__disk_full__nothing_left),
        cmocka_unit_test(session_dump__no_room__nothing_left),
    };
    fault_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
