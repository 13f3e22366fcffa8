/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bankai session on the session of a training: what it holds, without going on with it; and
 * what says so where the session of a search is expected.
 */
#include <string.h>

#include "tests/cli/look.h"
#include "tests/cli/run.h"
#include "tests/document.h"
#include "tests/t.h"

static const char *model(void)
{
    static const char *path;
    if (!path)
        path = look_tiny_model("small.gguf", &tiny_default);
    return path;
}

/* A training of a few steps on 30 targets and 8 controls; the events it printed, which the
 * caller owns. */
static json_t *train(const char *session, const char *limit, const char *value)
{
    struct run *run = run_ok("train", model(), "--targets", look_targets("targets.jsonl", 2, 6),
                             "--controls", "knowledge", LOOK_SMALL, "--validation", "6",
                             "--threads", "1", "-s", session, "-o", run_path("trained.json"),
                             limit, value, "--json", NULL);
    json_t *events = run_json_lines(run);
    run_free(run);
    return events;
}

static json_t *show(const char *session)
{
    struct run *run = run_ok("session", "show", session, "--json", NULL);
    json_t *shown = run_json(run);
    run_free(run);
    return shown;
}

static void same(const json_t *a, const char *a_key, const json_t *b, const char *b_key)
{
    const json_t *left = json_object_get(a, a_key), *right = json_object_get(b, b_key);
    if (!left || !json_equal(left, right))
        fail_msg("%s and %s differ", a_key, b_key);
}

static void show__a_training__what_it_said_when_it_ran(void **state)
{
    (void)state;
    const char *session = run_path("shown.train");
    json_t *events = train(session, "--steps", "4"), *done = look_last(events);
    json_t *last = json_array_get(events, json_array_size(events) - 2), *shown = show(session);
    int64_t kept = 0;
    for (size_t i = 0; i + 1 < json_array_size(events); i++)
        kept += look_int(json_array_get(events, i), "kept");
    assert_string_equal(look_text(shown, "kind"), "training");
    assert_string_equal(look_text(shown, "model_sha256"), look_sha256(model()));
    assert_string_equal(look_text(look(shown, "settings", JSON_OBJECT), "controls"), "knowledge");
    assert_int_equal(look_int(shown, "targets"), 5 * 6);
    assert_int_equal(look_int(shown, "controls"), 8);
    assert_int_equal(look_int(shown, "steps"), 4);
    assert_int_equal(look_int(shown, "kept"), kept);
    same(shown, "units_on", done, "units");
    same(shown, "bytes", done, "bytes");
    same(shown, "ended_by", done, "ended_by");
    same(shown, "front", done, "front");
    const json_t *validation = look(shown, "validation", JSON_OBJECT);
    assert_int_equal(look_int(validation, "n"), 6);
    same(validation, "right_now", last, "validation_right");
    same(validation, "log_prob_now", last, "validation");
    same(look(shown, "judged", JSON_OBJECT), "broken", last, "broken");
    const json_t *options = look(shown, "options", JSON_OBJECT);
    assert_int_equal(look_int(options, "batch"), 12);
    assert_int_equal(look_int(options, "flips_max"), 20);
    assert_int_equal(look_int(options, "unit"), 8);
    assert_int_equal(json_array_size(look(options, "proj", JSON_ARRAY)), 7);
    json_decref(shown);
    json_decref(events);
}

static void log__a_training__its_steps_as_they_were_printed(void **state)
{
    (void)state;
    const char *session = run_path("logged.train");
    json_t *events = train(session, "--steps", "3");
    struct run *run = run_ok("session", "log", session, "--json", NULL);
    json_t *logged = run_json_lines(run);
    (void)json_array_remove(events, json_array_size(events) - 1); /* the end */
    assert_int_equal(json_array_size(events), 3);
    assert_true(json_equal(events, logged));
    json_decref(logged);
    json_decref(events);
    run_free(run);
}

/* Which limit is reached is not in the file: it follows from what is. */
static void show__ended_by_other_limits__the_one_it_was(void **state)
{
    (void)state;
    static const char *const limits[][3] = {{"--bytes", "60", "byte budget"},
                                            {"--patience", "1", "stalled validation"}};
    for (size_t i = 0; i < countof(limits); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "limit-%zu.train", i);
        const char *session = run_path(name);
        json_t *events = train(session, limits[i][0], limits[i][1]), *shown = show(session);
        assert_string_equal(look_text(look_last(events), "ended_by"), limits[i][2]);
        same(shown, "ended_by", look_last(events), "ended_by");
        json_decref(shown);
        json_decref(events);
    }
}

static void show__as_text__names_all_and_the_way_to_a_patch(void **state)
{
    (void)state;
    const char *session = run_path("text.train");
    json_decref(train(session, "--steps", "2"));
    struct run *run = run_ok("session", "show", session, NULL);
    static const char *const said[] = {
        "kind        training\n",
        "probes      30 targets (6 set apart), 0 neighbours (0), 8 controls (",
        "units       8 bits of q_proj, k_proj", "ranked by snr, objective ce, seed 42",
        "limits      2 steps\n", "steps       2, ", "ended by    steps\n",
        "controls    knowledge\n", " of 6 right, log p ", "text.train --point N -o PATCH\n"};
    for (size_t i = 0; i < countof(said); i++)
        run_expect_out(run, said[i]);
    run_free(run);
    run = run_ok("session", "verify", session, NULL);
    run_expect_out(run, "the session is whole\n");
    run_free(run);
}

static const char its_patch[] = "is the session of a training, not of a search; its patch: bankai "
                                "train --resume FILE --point N -o PATCH";

/* Where the session of a search is wanted: one line, and the file stays as it was, alone. */
static void others__a_training__one_line_and_untouched(void **state)
{
    (void)state;
    const char *session = run_path("other.train"), *out = run_path("o.json");
    const char *script = run_write_text("look.script", "wait idle\n");
    json_decref(train(session, "--steps", "1"));
    struct buf before = document_read(session);
    run_refused("format", its_patch, "session", "diff", session, "0..1", NULL);
    run_refused("format", its_patch, "session", "export", session, "-o", out, NULL);
    run_refused("format", its_patch, "session", "replay", session, NULL);
    run_refused("format", its_patch, "search", "-s", session, "-o", out, NULL);
    run_refused("format", its_patch, "open", model(), "--session", session, "--script", script,
                "--headless", "80x24", NULL);
    run_refused("format", its_patch, "open", "-R", session, "--script", script, "--headless",
                "80x24", NULL);
    struct buf after = document_read(session);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
    assert_false(look_exists(run_path("other.train.lock")));
    assert_false(look_exists(run_path("other.train-wal")));
    buf_free(&before);
    buf_free(&after);
}

/* In the workbench it is a line at the bottom, and what is open stays open. */
static void resume__a_training__says_what_it_is(void **state)
{
    (void)state;
    json_decref(train(run_path("resumed.train"), "--steps", "1"));
    const char *script = run_write_text("resume.script",
                                        "wait idle\nkeep 3.gate.5\nwait idle\n"
                                        "-resume ~/resumed.train\nwait idle\nscreen ~/said.txt\n");
    run_free(run_ok("open", "nano", "--headless", "80x24", "--script", script, NULL));
    struct buf screen = document_read(run_path("said.txt"));
    assert_non_null(strstr(screen.data, "a training's session; its patch: bankai train --resume "
                                        "FILE --point N -o PATCH"));
    assert_non_null(strstr(screen.data, "1 flip"));
    buf_free(&screen);
}

static void show__cut_off_or_changed__one_line(void **state)
{
    (void)state;
    const char *session = run_path("whole.train");
    static const char *const actions[] = {"show", "log", "verify"};
    json_decref(train(session, "--steps", "1"));
    struct buf whole = document_read(session);
    const size_t cuts[] = {8, 20, 200, whole.len / 2, whole.len - 1};
    for (size_t i = 0; i < countof(cuts); i++) {
        const char *cut = run_write("cut.train", whole.data, cuts[i]);
        for (size_t k = 0; k < countof(actions); k++)
            run_refused("format", "cut.train: byte ", "session", actions[k], cut, NULL);
    }
    whole.data[whole.len / 3] ^= 1;
    const char *changed = run_write("changed.train", whole.data, whole.len);
    for (size_t k = 0; k < countof(actions); k++)
        run_refused("format", "the checksum is wrong", "session", actions[k], changed, NULL);
    run_refused("format", "expected a session", "session", "show",
                run_write("short.train", whole.data, 7), NULL);
    buf_free(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(show__a_training__what_it_said_when_it_ran),
        cmocka_unit_test(log__a_training__its_steps_as_they_were_printed),
        cmocka_unit_test(show__ended_by_other_limits__the_one_it_was),
        cmocka_unit_test(show__as_text__names_all_and_the_way_to_a_patch),
        cmocka_unit_test(others__a_training__one_line_and_untouched),
        cmocka_unit_test(resume__a_training__says_what_it_is),
        cmocka_unit_test(show__cut_off_or_changed__one_line),
    };
    return cmocka_run_group_tests_name("train_look", tests, NULL, NULL);
}
