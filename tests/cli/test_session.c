/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sessions from the command line: what was shown is kept, whatever ends the program,
 * and a search goes on to the bit where it stopped.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/rng.h"
#include "tests/cli/look.h"
#include "tests/cli/run.h"
#include "tests/document.h"
#include "tests/t.h"

#define BEGIN "search", "nano", GREEDY, "--target", "math", "--control", "code", "--seed", "6"
#define ITERATIONS "40"

static void same_files(const char *a, const char *b)
{
    struct buf left = document_read(a), right = document_read(b);
    assert_int_equal(left.len, right.len);
    assert_memory_equal(left.data, right.data, left.len);
    buf_free(&left);
    buf_free(&right);
}

/* A search too short to accept anything, perhaps: exit status 0 or 1. */
static void begin_short(const char *path, const char *iterations, const char *patch)
{
    struct run *run = run_bankai(NULL, BEGIN, "-s", path, "--iters", iterations, "-o", patch, NULL);
    assert_in_range(run->status, 0, 1);
    run_free(run);
}

/* The patch of a search that nobody stopped, and that keeps nothing. */
static const char *whole_patch(void)
{
    const char *path = run_path("whole.json");
    if (access(path, F_OK) != 0)
        run_free(run_ok(BEGIN, "--iters", ITERATIONS, "--keep", "0", "-o", path, NULL));
    return path;
}

static size_t accepted_shown(const struct run *run)
{
    size_t count = 0;
    for (const char *at = run->out.data; (at = strstr(at, "\"accepted\": true")); at++)
        count++;
    return count;
}

static int64_t steps_of(const char *path)
{
    struct run *run = run_ok("session", "show", path, "--json", NULL);
    json_t *shown = run_json(run);
    int64_t steps = look_int(shown, "steps");
    json_decref(shown);
    run_free(run);
    return steps;
}

/* kill -9 at a random moment of a search, again and again, until it is done: every flip
 * that was printed is there each time, and the patch is that of an unbroken search. */
static void search__killed_again_and_again__same_patch_in_the_end(void **state)
{
    (void)state;
    const char *soak = getenv("BANKAI_SOAK");
    size_t rounds = soak ? (size_t)strtoul(soak, NULL, 10) / 10 + 1 : 2, kills = 0;
    struct rng rng;
    rng_seed(&rng, 20);
    for (size_t round = 0; round < rounds; round++) {
        char name[48], patch_name[48];
        (void)snprintf(name, sizeof name, "killed-%zu.bankai", round);
        (void)snprintf(patch_name, sizeof patch_name, "killed-%zu.json", round);
        const char *path = run_path(name), *patch = run_path(patch_name);
        uint64_t next = 0;
        for (bool done = false; !done;) {
            char after[32];
            next += 1 + rng_below(&rng, 9);
            (void)snprintf(after, sizeof after, "\"number\": %d,", (int)next);
            struct run_options options = {.interrupt_after = next == 1 ? "" : after,
                                          .interrupt_signal = SIGKILL};
            bool begun = access(path, F_OK) == 0 && steps_of(path) >= 0;
            int64_t before = begun ? steps_of(path) : 0;
            struct run *run =
                begun ? run_bankai(&options, "search", "-s", path, "--iters", ITERATIONS, "-o",
                                   patch, "--json", NULL)
                      : run_bankai(&options, BEGIN, "-s", path, "--iters", ITERATIONS, "-o",
                                   patch, "--json", NULL);
            done = run->killed_by == 0;
            if (!done)
                kills++;
            else
                run_expect_status(run, 0);
            struct run *check = run_bankai(NULL, "session", "verify", path, NULL);
            if (check->status == 0) {
                int64_t now = steps_of(path);
                assert_in_range(now, before + (int64_t)accepted_shown(run),
                                before + (int64_t)accepted_shown(run) + 1);
            } else { /* killed before it had begun: nothing was shown */
                assert_int_equal(accepted_shown(run), 0);
                (void)unlink(path);
            }
            run_free(check);
            run_free(run);
        }
        same_files(patch, whole_patch());
    }
    print_message("%zu kills\n", kills);
    assert_true(kills >= 4);
}

/* Nothing is left to try, but what was accepted is wanted in a file that is not there. */
static void search__gone_on_with_at_its_end__patch_written(void **state)
{
    (void)state;
    const char *path = run_path("end.bankai"), *patch = run_path("end.json");
    const char *other = run_path("end-other.json");
    run_free(run_ok(BEGIN, "-s", path, "--iters", ITERATIONS, "-o", patch, NULL));
    struct run *run = run_ok("search", "-s", path, "-o", other, NULL);
    assert_non_null(strstr(run->out.data, ", 0.0 candidates/s"));
    run_free(run);
    same_files(other, whole_patch());
}

/* Stopped before the first gaps were measured: the file is there, but holds nothing yet. */
static void search__session_without_origin__begun_by_the_same_command(void **state)
{
    (void)state;
    const char *path = run_path("early.bankai"), *patch = run_path("early.json");
    run_refused("usage", "nothing-like-it", "search", "nano", "--target", "nothing-like-it", "-s",
                path, "-o", patch, NULL);
    assert_int_equal(access(path, F_OK), 0);
    begin_short(path, "3", patch);
    run_free(run_ok("session", "verify", path, NULL));
}

static void session_replay__after_stops__every_number_as_it_was(void **state)
{
    (void)state;
    const char *path = run_path("replay.bankai"), *patch = run_path("replay.json");
    begin_short(path, "7", patch);
    run_free(run_ok("search", "-s", path, "--iters", ITERATIONS, "-o", patch, NULL));
    same_files(patch, whole_patch());
    struct run *run = run_ok("session", "replay", path, "--json", NULL);
    json_t *outcome = run_json(run);
    assert_true(look_bool(outcome, "ok"));
    assert_true(look_int(outcome, "events") > 40);
    json_decref(outcome);
    run_free(run);
    const char *copy = run_path("copy.bankai");
    run_free(run_ok("session", "export", path, "-o", copy, NULL));
    run_free(run_ok("session", "verify", copy, NULL));
    assert_int_equal(steps_of(copy), steps_of(path));
    run = run_ok("session", "log", path, "--json", NULL);
    json_t *events = run_json_lines(run);
    size_t tried = 0, i;
    json_t *event;
    json_array_foreach(events, i, event) {
        tried += strcmp(look_text(event, "event"), "tried") == 0;
        assert_int_equal(look_int(event, "seq"), (int64_t)i + 1);
    }
    assert_int_equal(tried, 40);
    json_decref(events);
    run_free(run);
}

/* As text and back: all is there, and it goes on to the bit. */
static void session_export_import__lines__same_log_same_patch(void **state)
{
    (void)state;
    const char *path = run_path("lines.bankai"), *patch = run_path("lines.json"),
               *lines = run_path("lines.jsonl"), *back = run_path("back.bankai");
    begin_short(path, "9", patch);
    run_free(run_ok("session", "export", path, "-o", lines, NULL));
    run_free(run_ok("session", "import", lines, "-o", back, NULL));
    run_free(run_ok("session", "verify", back, NULL));
    struct run *was = run_ok("session", "log", path, "--json", NULL),
               *is = run_ok("session", "log", back, "--json", NULL);
    assert_string_equal(was->out.data, is->out.data);
    run_free(was);
    run_free(is);
    run_free(run_ok("search", "-s", back, "--iters", ITERATIONS, "-o", patch, NULL));
    look_same_files(patch, whole_patch());
    run_free(run_ok("session", "replay", back, NULL));
    run_refused("usage", "exists already", "session", "export", path, "-o", lines, NULL);
    run_refused("usage", "exists already", "session", "import", lines, "-o", back, NULL);
    run_refused("usage", "no output given", "session", "import", lines, NULL);
    run_refused("usage", "expected copy", "session", "export", path, "-o", "x", "--as", "y", NULL);
    const char *wrong = run_write_text("wrong.jsonl", "{\"record\": \"session\"}\n");
    run_refused("format", "wrong.jsonl: line 1, format: is missing", "session", "import", wrong,
                "-o", run_path("wrong-back.bankai"), NULL);
    assert_false(look_exists(run_path("wrong-back.bankai")));
}

/* The workbench, too, opens a session where it was left. */
static void open__a_session__as_it_was_left(void **state)
{
    (void)state;
    const char *path = run_path("open.bankai"), *patch = run_path("open.json");
    const char *first = run_write_text("first.script",
                                       "wait idle\nstep 30\nwait idle\nundo\nwait idle\n");
    const char *then = run_write_text("then.script",
                                      "wait idle\nredo\nwait idle\nstate 1\nwait idle\n"
                                      "heldout\nwait idle\ngen one two\nwait idle\n");
    run_free(run_ok("open", "-s", path, "-o", patch, "--script", first, "--headless", "80x24",
                    NULL));
    int64_t steps = steps_of(path);
    assert_true(steps > 1);
    run_free(run_ok("open", "-s", path, "-o", patch, "--script", then, "--headless", "80x24",
                    NULL));
    assert_int_equal(steps_of(path), steps);
    struct run *run = run_ok("session", "show", path, "--json", NULL);
    json_t *shown = run_json(run);
    assert_int_equal(look_int(shown, "head"), 1);
    assert_int_equal(look_int(shown, "tried"), 30);
    json_decref(shown);
    run_free(run);
    run = run_ok("session", "log", path, NULL);
    run_expect_out(run, "heldout");
    run_expect_out(run, "text");
    run_free(run);
    run = run_ok("session", "replay", path, NULL);
    run_expect_out(run, "every number as it was");
    run_free(run);
    run_refused("usage", "--seed is decided by the session", "open", "-s", path, "--seed", "1",
                "--script", then, "--headless", "80x24", NULL);
}

/* One in which something happened is kept in the state folder, others are not. */
static void session_list_prune__state_folder__kept_until_pruned(void **state)
{
    (void)state;
    const char *idle = run_write_text("idle.script", "wait idle\n");
    const char *busy = run_write_text("busy.script", "wait idle\nstep 5\nwait idle\n");
    run_free(run_ok("open", "--script", idle, "--headless", "80x24", NULL));
    struct run *run = run_ok("session", "list", "--json", NULL);
    json_t *list = run_json(run);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    run_free(run);
    run = run_ok("open", "--script", busy, "--headless", "80x24", NULL);
    run_expect_out(run, "go on with: bankai open -s ");
    run_free(run);
    run = run_ok("session", "list", "--json", NULL);
    list = run_json(run);
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(look_int(json_array_get(list, 0), "tried"), 5);
    json_decref(list);
    run_free(run);
    const char *const prunes[][2] = {{"30", "0 removed, 1 kept"}, {"0", "1 removed, 0 kept"}};
    for (size_t i = 0; i < countof(prunes); i++) {
        run = run_ok("session", "prune", "--days", prunes[i][0], NULL);
        run_expect_out(run, prunes[i][1]);
        run_free(run);
    }
}

static void go_on(const char *session, const char *iterations, const char *patch, const char *said)
{
    struct run *run = patch ? run_bankai(NULL, "search", "-s", session, "--iters", iterations,
                                         "-o", patch, NULL)
                            : run_bankai(NULL, "search", "-s", session, "--iters", iterations,
                                         NULL);
    run_expect_status(run, 0);
    run_expect_out(run, said);
    run_free(run);
}

/* Going on without -o writes where it was written before; last.json is another's. */
static void search__gone_on_with_without_output__the_patch_it_had(void **state)
{
    (void)state;
    const char *session = run_path("had.bankai"), *last = run_path("state/bankai/last.json");
    char first[256], second[256];
    (void)snprintf(first, sizeof first, "%s", run_path("first.json"));
    (void)snprintf(second, sizeof second, "%s", run_path("second.json"));
    (void)remove(last);
    begin_short(session, "12", first);
    (void)remove(first);
    char said[512];
    (void)snprintf(said, sizeof said, "on; patch: %s\n", first);
    go_on(session, "20", NULL, "going on after 12 candidates with ");
    assert_true(look_exists(first));
    go_on(session, "21", NULL, said);
    go_on(session, "22", second, "going on after 21 candidates with ");
    (void)remove(first);
    (void)remove(second);
    go_on(session, "23", NULL, "going on after 22 candidates with ");
    assert_true(look_exists(second));
    assert_false(look_exists(first));
    assert_false(look_exists(last));
}

static void session__wrong_use__one_clear_line(void **state)
{
    (void)state;
    const char *path = run_path("wrong.bankai"), *patch = run_path("wrong.json");
    const char *text = run_write_text("text.bankai", "this is no session at all, it is text\n");
    begin_short(path, "3", patch);
    run_refused("usage", "--seed is decided by the session", "search", "-s", path, "--seed", "7",
                "-o", patch, NULL);
    run_refused("usage", "unknown action 'frob'", "session", "frob", path, NULL);
    run_refused("usage", "no session given", "session", "show", NULL);
    run_refused("usage", "no output given", "session", "export", path, NULL);
    run_refused("format", "text.bankai", "session", "show", text, NULL);
    run_refused("usage", "nowhere.bankai", "session", "log", run_path("nowhere.bankai"), NULL);
}

/* ---- files that something happened to --------------------------------------------- */

/* What stands from `at` on (negative: from the end) is another; "": it is cut off there. */
static const struct damage {
    const char *name;
    long at;
    const char *bytes;
    size_t len;
    const char *code, *said;
} damages[] = {
    {"newer", 60, "\0\0\0\11", 4, "unsupported", "user_version: has version 9, this program "
     "knows versions up to 1: open it with a newer program"},
    {"foreign", 68, "GIMP", 4, "format", "application_id: is an SQLite file of another program "
     "(0x47494D50, expected 0x424E4B41)"},
    {"headless", 0, "SQLite form", 11, "format", "is no SQLite file, expected a session"},
    {"schema", 105, "\377\377\377\377\377\377\377\377", 8, "format", ""},
    {"cut", -4096, "", 0, "format", ""},
};

static const char *damaged(const struct buf *whole, const struct damage *damage)
{
    char name[64];
    struct buf bytes = {0};
    size_t at = damage->at < 0 ? whole->len - (size_t)-damage->at : (size_t)damage->at;
    buf_add(&bytes, whole->data, damage->len > 0 ? whole->len : at);
    memcpy(bytes.data + at, damage->bytes, damage->len);
    if (strcmp(damage->name, "headless") == 0)
        bytes.data[3] = '?';
    (void)snprintf(name, sizeof name, "%s.bankai", damage->name);
    const char *path = run_write(name, bytes.data, bytes.len);
    buf_free(&bytes);
    return path;
}

static void session__damaged_or_newer__one_line_and_untouched(void **state)
{
    (void)state;
    const char *script = run_write_text("look.script", "wait idle\n");
    const char *good = run_path("good.bankai"), *patch = run_path("good.json");
    begin_short(good, "12", patch);
    struct buf whole = document_read(good);
    for (size_t i = 0; i < countof(damages); i++) {
        const struct damage *damage = &damages[i];
        const char *path = damaged(&whole, damage);
        struct buf before = document_read(path);
        run_refused(damage->code, damage->said, "search", "-s", path, "-o", patch, NULL);
        run_refused(damage->code, damage->said, "open", "-s", path, "-o", patch, "--script",
                    script, "--headless", "80x24", NULL);
        run_refused(damage->code, damage->said, "session", "show", path, NULL);
        struct buf after = document_read(path);
        assert_int_equal(after.len, before.len);
        assert_memory_equal(after.data, before.data, before.len);
        buf_free(&before);
        buf_free(&after);
    }
    buf_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__killed_again_and_again__same_patch_in_the_end),
        cmocka_unit_test(search__gone_on_with_at_its_end__patch_written),
        cmocka_unit_test(search__session_without_origin__begun_by_the_same_command),
        cmocka_unit_test(search__gone_on_with_without_output__the_patch_it_had),
        cmocka_unit_test(session_replay__after_stops__every_number_as_it_was),
        cmocka_unit_test(session_export_import__lines__same_log_same_patch),
        cmocka_unit_test(open__a_session__as_it_was_left),
        cmocka_unit_test(session_list_prune__state_folder__kept_until_pruned),
        cmocka_unit_test(session__wrong_use__one_clear_line),
        cmocka_unit_test(session__damaged_or_newer__one_line_and_untouched),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
