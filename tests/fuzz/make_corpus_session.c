/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * make_corpus_session FOLDER - write the seeds of tests/fuzz/fuzz_session.c: small
 * pages, so that a fuzzer finds its way.
 */
#include <stdio.h>
#include <stdlib.h>

#include "src/base/file.h"
#include "tests/session_fixture.h"
#include "tests/t.h"

static void require(bool ok, const struct err *err)
{
    if (ok)
        return;
    (void)fprintf(stderr, "make_corpus_session: %s: %s\n", err->file, err->message);
    exit(1);
}

static void fill(struct session *session)
{
    struct err err = {0};
    struct session_answer answers[] = {
        {.probe = 0, .text = "6", .text_len = 1},
        {.probe = 1, .text = "\xff\0x", .text_len = 3, .right = true},
    };
    for (uint64_t number = 1; number <= 4; number++) {
        require(fixture_add_event(session, number, &err), &err);
        require(fixture_add_step(session, number + 3, NULL, &err), &err);
    }
    require(session_move_head(session, 2, "goto", &err), &err);
    require(fixture_add_step(session, 9, NULL, &err), &err);
    require(session_add_answers(session, answers, 2, &err), &err);
    require(session_name_step(session, "best", 3, &err), &err);
    require(session_put(session, "view", "heatmap", &err), &err);
}

/* Closed, changed by a text of SQL, with pages of 512 bytes and nothing that is new
 * each time. */
static void save(const char *path, const char *folder, const char *name, const char *sql)
{
    struct err err = {0};
    struct buf to = {0}, bytes = {0};
    fixture_sql(path, sql);
    fixture_sql(path, "UPDATE session SET id = '0123456789abcdef0123456789abcdef', created_ms = 0;"
                " UPDATE step SET time_ms = 0; UPDATE event SET time_ms = 0;"
                " PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM");
    buf_add_format(&to, "%s/%s", folder, name);
    require(file_read(path, (size_t)1 << 20, &bytes, &err), &err);
    require(file_write(to.data, bytes.data, bytes.len, &err), &err);
    buf_free(&to);
    buf_free(&bytes);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    struct err err = {0};
    const char *path = fixture_path(".bankai");
    struct session *session = session_open(path, SESSION_WRITE, &err);
    require(session != NULL, &err);
    session_close(session);
    save(path, argv[1], "bare", "SELECT 1");

    session = session_open(path, SESSION_WRITE, &err);
    require(session && fixture_set_origin(session, &err), &err);
    session_close(session);
    save(path, argv[1], "origin", "SELECT 1");

    session = session_open(path, SESSION_WRITE, &err);
    require(session != NULL, &err);
    fill(session);
    session_close(session);
    save(path, argv[1], "full", "SELECT 1");
    save(path, argv[1], "lies", "PRAGMA foreign_keys = OFF; UPDATE step SET parent = 9,"
         " gaps = '[1,2', fitness = 'x' WHERE id = 2; UPDATE event SET data = '{}', kind = x'00'");
    save(path, argv[1], "newer", "PRAGMA user_version = 2");
    return 0;
}
