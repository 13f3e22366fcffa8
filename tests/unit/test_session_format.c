/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/FORMAT.md is true: its columns are the file's, its queries give what it
 * says; and numbers are exact both ways.
 */
#include "tests/t.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "src/session/session_int.h"
#include "tests/document.h"
#include "tests/session_fixture.h"

static const int64_t noon_ms = 1700049600000; /* 2023-11-15 12:00:00 UTC */

/* ---- the session of the document ---------------------------------------------------------- */

static void add_step(struct session *session, const char *by, uint64_t number,
                     const struct flip *flip, const double *gaps, double fitness,
                     const char *note)
{
    struct err err = {0};
    struct session_event tried = {
        .kind = EVENT_KIND_TRIED, .number = number, .has_flip = true, .flip = *flip,
        .accepted = true, .fitness = fitness, .gaps = gaps, .gap_count = 3, .time_ms = noon_ms,
    };
    struct session_step step = {
        .by = by, .tried = number ? number : session_tried(session), .flips = flip, .flip_count = 1,
        .fitness = fitness, .gaps = gaps, .gap_count = 3, .note = note,
        .time_ms = noon_ms + (int64_t)session_step_count(session) * 1500,
    };
    t_ok(session_add_step(session, &step, number ? &tried : NULL, &err), &err);
}

static void add_rejected(struct session *session)
{
    struct err err = {0};
    struct session_event event = {
        .kind = EVENT_KIND_TRIED, .number = 2, .has_flip = true, .screened = true,
        .flip = {.layer = 0, .proj = PROJ_UP, .row = 9, .group = FLIP_WHOLE_ROW},
        .fitness = -0.0625, .time_ms = noon_ms,
    };
    t_ok(session_add_event(session, &event, &err), &err);
}

static void add_answers(struct session *session)
{
    struct err err = {0};
    static const struct session_answer answers[] = {
        {0, 0, "6", 1, false}, {0, 1, "6", 1, true}, {0, 2, "blue", 4, true},
        {3, 0, "5", 1, true},  {3, 1, "6", 1, true}, {3, 2, "red", 3, false},
    };
    t_ok(session_add_answers(session, answers, countof(answers), &err), &err);
}

static const char *sample(void)
{
    static const double before_undo[] = {0.375, 0.5, 1.0 / 3}, first[] = {0.125, 0.25, 1.0 / 3},
                        by_hand[] = {0.75, (double)NAN, -2};
    static const struct flip flips[] = {
        {.layer = 1, .proj = PROJ_GATE, .row = 17, .group = FLIP_WHOLE_ROW},
        {.layer = 4, .proj = PROJ_DOWN, .row = 200, .group = FLIP_WHOLE_ROW},
        {.layer = NO_LAYER, .proj = PROJ_EMBED, .row = 301, .group = 1, .mask = {0x8001, 1}},
    };
    struct err err = {0};
    const char *path = fixture_path(".bankai");
    struct session *session = fixture_new(path);
    add_step(session, "search", 1, &flips[0], first, 0.25, NULL);
    add_rejected(session);
    add_step(session, "search", 3, &flips[1], before_undo, 0.5, NULL);
    t_ok(session_name_step(session, "best so far", 2, &err), &err);
    t_ok(session_move_head(session, 1, "undo", &err), &err);
    add_step(session, "hand", 0, &flips[2], by_hand, (double)NAN, "only three bits");
    add_answers(session);
    fixture_verify(session);
    session_close(session);
    return path;
}

/* ---- queries ------------------------------------------------------------------------------ */

/* As the sqlite3 shell prints rows. */
static struct buf answer_to(sqlite3 *db, const char *sql)
{
    struct buf out = {0};
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            buf_add_format(&out, "%s%s", i ? "|" : "", text ? text : "");
        }
        buf_add_text(&out, "\n");
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return out;
}

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    return db;
}

static void check_query(sqlite3 *db, const struct document_block *query,
                        const struct document_block *expected)
{
    char *sql = x_copy(query->text, query->len), *text = x_copy(expected->text, expected->len);
    struct buf found = answer_to(db, sql);
    if (strcmp(found.data ? found.data : "", text) != 0)
        fail_msg("%s%s", sql, found.data ? found.data : "");
    buf_free(&found);
    free(sql);
    free(text);
}

static void format_md__queries__give_what_it_says(void **state)
{
    (void)state;
    size_t at = 0, count = 0;
    struct buf document = document_read("src/session/FORMAT.md");
    struct document_block query, expected;
    sqlite3 *db = open_file(sample());
    while (document_block(&document, &at, &query)) {
        if (document_block_is(&query, "json lines"))
            continue; /* tests/unit/test_session_lines.c */
        assert_true(document_block_is(&query, "sql"));
        assert_true(document_block(&document, &at, &expected));
        assert_true(document_block_is(&expected, "text"));
        check_query(db, &query, &expected);
        count++;
    }
    assert_int_equal(count, 7);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    buf_free(&document);
}

/* ---- columns ------------------------------------------------------------------------------ */

/* "| `name` |" adds the name and a line feed. */
static void add_first_cell(struct buf *out, const char *line)
{
    if (strncmp(line, "| `", 3) == 0) {
        buf_add(out, line + 3, strcspn(line + 3, "`"));
        buf_add_text(out, "\n");
    }
}

/* The names in the first table after a heading. */
static struct buf columns_said(const char *heading)
{
    struct buf out = {0};
    const char *line = strstr(heading, "\n| column |");
    assert_non_null(line);
    for (line++; *line == '|'; line += strcspn(line, "\n") + 1)
        add_first_cell(&out, line);
    return out;
}

static void format_md__columns__are_those_of_the_file(void **state)
{
    (void)state;
    size_t count = 0;
    struct buf document = document_read("src/session/FORMAT.md");
    sqlite3 *db = open_file(sample());
    for (const char *at = document.data; (at = strstr(at, "\n### `")) != NULL; count++) {
        struct buf sql = {0};
        at += strlen("\n### `");
        buf_add_format(&sql, "SELECT name FROM pragma_table_info('%.*s')",
                       (int)strcspn(at, "`"), at);
        struct buf said = columns_said(at), found = answer_to(db, sql.data);
        assert_string_equal(said.data, found.data ? found.data : "");
        buf_free(&said);
        buf_free(&found);
        buf_free(&sql);
    }
    struct buf all = answer_to(db, "SELECT count(*) FROM sqlite_master WHERE type <> 'index'");
    assert_int_equal(strtol(all.data, NULL, 10), count);
    buf_free(&all);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    buf_free(&document);
}

static void format_md__kinds__are_those_of_the_program(void **state)
{
    (void)state;
    struct buf document = document_read("src/session/FORMAT.md"), said = {0}, known = {0};
    const char *line = strstr(document.data, "\n| kind |");
    assert_non_null(line);
    for (line++; *line == '|'; line += strcspn(line, "\n") + 1)
        add_first_cell(&said, line);
    for (int kind = 0; kind < EVENT_KIND_COUNT; kind++)
        buf_add_format(&known, "%s\n", session_kind_name((enum session_kind)kind));
    assert_string_equal(said.data, known.data);
    buf_free(&document);
    buf_free(&said);
    buf_free(&known);
}

/* ---- numbers ------------------------------------------------------------------------------ */

static void numbers_print__odd_ones__as_documented(void **state)
{
    (void)state;
    static const double odd[] = {0, -0.0, 5, -0.1, 1e-320, 1.7976931348623157e308,
                                 (double)INFINITY, -(double)INFINITY, (double)NAN};
    struct buf out = {0};
    numbers_print(&out, odd, countof(odd));
    t_buf_is(&out, "[0,-0.0,5,-0.10000000000000001,9.9998886718268301e-321,"
             "1.7976931348623157e+308,1e999,-1e999,null]");
    buf_clear(&out);
    numbers_print(&out, odd, 0);
    t_buf_is(&out, "[]");
    buf_free(&out);
}

static void numbers_parse__other_texts__refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "[", "]", "[1", "1]", "[1,]", "[,1]", "[1 ]", "[ 1]", "[1]]", "[[1]]", "[nan]",
        "[inf]", "[0x1]", "[1.2.3]", "[nul]", "[nulll]", "[1;2]", "[\"1\"]", "[-]", "[]x", "{}",
        "[1]\n",
    };
    struct numbers numbers = {0};
    for (size_t i = 0; i < countof(texts); i++)
        if (numbers_parse(texts[i], strlen(texts[i]), &numbers))
            fail_msg("was read: %s", texts[i]);
    assert_false(numbers_parse("[1\0]", 4, &numbers));
    numbers_free(&numbers);
}

/* A case is bytes, eight of which are a double. */
static bool comes_back(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    size_t count = len / sizeof(double);
    double *data = x_new(count, sizeof *data);
    struct buf text = {0};
    struct numbers back = {0};
    memcpy(data, bytes, count * sizeof *data);
    numbers_print(&text, data, count);
    bool ok = numbers_parse(text.data, text.len, &back) && back.count == count;
    for (size_t i = 0; ok && i < count; i++)
        ok = isnan(data[i]) ? isnan(back.data[i])
                            : memcmp(&data[i], &back.data[i], sizeof *data) == 0;
    if (!ok)
        buf_add(why, text.data, text.len);
    buf_free(&text);
    numbers_free(&back);
    free(data);
    return ok;
}

static void any_doubles(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    for (uint64_t count = rng_below(rng, 100); count > 0; count--) {
        uint64_t bits = rng_next(rng);
        double gap = (rng_unit(rng) - 0.5) * 20;
        if (count % 2)
            buf_add(out, &bits, sizeof bits);
        else
            buf_add(out, &gap, sizeof gap);
    }
}

static void numbers__any__come_back_to_the_bit(void **state)
{
    (void)state;
    const struct prop prop = {
        .name = "numbers", .seed = 5, .cases = 400, .generate = any_doubles, .holds = comes_back,
    };
    t_prop(&prop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_md__queries__give_what_it_says),
        cmocka_unit_test(format_md__columns__are_those_of_the_file),
        cmocka_unit_test(format_md__kinds__are_those_of_the_program),
        cmocka_unit_test(numbers_print__odd_ones__as_documented),
        cmocka_unit_test(numbers_parse__other_texts__refused),
        cmocka_unit_test(numbers__any__come_back_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
