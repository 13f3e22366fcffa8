/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The model of a session is found again where it was moved to, and only that model.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/look.h"
#include "tests/document.h"
#include "tests/t.h"

static const char targets[] = "[{\"prompt\": \"one two\", \"correct\": \" three\", \"wrong\": "
                              "\" four\"}]";
static const char script[] = "wait idle\n";

/* A session of a model at `name`, and the patch of a search that went on at once. */
static const char *begin(const char *name)
{
    const char *path = run_path(name), *set = run_write_text("t.json", targets);
    char session[64];
    (void)snprintf(session, sizeof session, "%s.bankai", name);
    (void)unlink(run_path(session));
    run_free(run_bankai(NULL, "search", path, GREEDY, "--target", set, "-s", run_path(session),
                        "-o", run_path("half.json"), "--iters", "6", NULL));
    run_free(run_bankai(NULL, "search", path, GREEDY, "--target", set, "-o", run_path("whole.json"),
                        "--iters", "12", NULL));
    return run_path(session);
}

/* Of the search in two parts, and of that in one: the patches name different files. */
static void expect_same_flips(void)
{
    struct buf texts[2] = {document_read(run_path("half.json")),
                           document_read(run_path("whole.json"))};
    json_t *patches[2];
    for (size_t i = 0; i < countof(patches); i++) {
        patches[i] = json_loadb(texts[i].data, texts[i].len, 0, NULL);
        assert_non_null(patches[i]);
        buf_free(&texts[i]);
    }
    assert_true(json_array_size(look(patches[0], "flips", JSON_ARRAY)) > 0);
    assert_true(json_equal(look(patches[0], "flips", JSON_ARRAY),
                           look(patches[1], "flips", JSON_ARRAY)));
    json_decref(patches[0]);
    json_decref(patches[1]);
}

/* Models that no other test here has. */
static struct tiny tiny_of(uint64_t seed)
{
    struct tiny tiny = tiny_default;
    tiny.seed = seed;
    return tiny;
}

/* The search goes on, with the model that is found. */
static struct run *go_on(const char *session, const char *models)
{
    char variable[256];
    (void)snprintf(variable, sizeof variable, "BANKAI_MODELS=%s", models);
    const char *const environment[] = {variable, NULL};
    return run_bankai(&(struct run_options){.environment = environment}, "search", "-s", session,
                      "-o", run_path("half.json"), "--iters", "12", NULL);
}

static void expect_model(const char *session, const char *path)
{
    char real[4096];
    struct run *run = run_ok("session", "show", session, "--json", NULL);
    json_t *shown = run_json(run);
    assert_non_null(realpath(path, real));
    assert_string_equal(look_text(shown, "model"), real);
    json_decref(shown);
    run_free(run);
}

static void forget_hashes(void)
{
    (void)unlink(run_path("cache/bankai/sha256"));
}

static void search__model_moved__found_by_its_hash(void **state)
{
    (void)state;
    static const struct {
        const char *to, *models;
    } places[] = {
        {"moved.gguf", ""},              /* beside the session and its old place */
        {"far/moved.gguf", "/nowhere:"}, /* where BANKAI_MODELS says */
    };
    (void)mkdir(run_path("far"), 0700);
    for (size_t i = 0; i < countof(places); i++) {
        char models[256];
        struct tiny shape = tiny_of(100);
        const char *from = look_tiny_model("moving.gguf", &shape);
        const char *session = begin("moving.gguf"), *to = run_path(places[i].to);
        struct tiny other = tiny_of(101); /* of the same size, to be told apart */
        (void)look_tiny_model("decoy.gguf", &other);
        (void)look_tiny_model("far/decoy.gguf", &other);
        assert_int_equal(rename(from, to), 0);
        forget_hashes();
        (void)snprintf(models, sizeof models, "%s%s", places[i].models,
                       places[i].models[0] ? run_path("far") : "");
        struct run *run = go_on(session, models);
        run_expect_status(run, 0);
        expect_same_flips();
        expect_model(session, to);
        run_free(run);
        run_free(run_ok("session", "replay", session, NULL));
        assert_int_equal(unlink(to), 0);
    }
}

/* Its folder is known from a model that was opened there once. */
/* The workbench is at another model when it is asked to go on with this session. */
static void resume__model_moved__found_by_its_hash(void **state)
{
    (void)state;
    char text[600];
    struct tiny shape = tiny_of(107);
    const char *from = look_tiny_model("resumed.gguf", &shape);
    const char *session = begin("resumed.gguf"), *to = run_path("resumed-moved.gguf");
    assert_int_equal(rename(from, to), 0);
    forget_hashes();
    (void)snprintf(text, sizeof text, "wait idle\nresume %s\nwait idle\nwait idle\n"
                   "keep 1.gate.5\nwait idle\n", session);
    run_free(run_ok("open", "--script", run_write_text("resume.script", text), "--headless",
                    "80x24", "-o", run_path("resumed.json"), NULL));
    expect_model(session, to);
    struct run *run = run_ok("session", "log", session, NULL);
    run_expect_out(run, "  hand\n");
    run_free(run);
    assert_int_equal(unlink(to), 0);
}

static void search__model_moved_to_a_folder_used_before__found(void **state)
{
    (void)state;
    (void)mkdir(run_path("used"), 0700);
    struct tiny shape = tiny_of(102);
    const char *from = look_tiny_model("once.gguf", &shape);
    const char *session = begin("once.gguf"), *to = run_path("used/once.gguf");
    struct tiny other = tiny_of(103);
    run_free(run_ok("info", look_tiny_model("used/other.gguf", &other), NULL));
    assert_int_equal(rename(from, to), 0);
    struct run *run = go_on(session, "");
    run_expect_status(run, 0);
    expect_model(session, to);
    run_free(run);
    assert_int_equal(unlink(to), 0);
}

static void session__model_gone__says_what_to_give(void **state)
{
    (void)state;
    struct tiny shape = tiny_of(104);
    const char *from = look_tiny_model("gone.gguf", &shape);
    const char *session = begin("gone.gguf"), *lines = run_write_text("idle.script", script);
    assert_int_equal(rename(from, run_path("far/here.gguf")), 0);
    forget_hashes();
    run_refused("usage", "give its path as MODEL", "search", "-s", session, "-o",
                run_path("half.json"), NULL);
    run_refused("usage", "give its path as MODEL", "open", "-s", session, "-o",
                run_path("half.json"), "--script", lines, "--headless", "80x24", NULL);
    run_refused("usage", "give its path with --model", "session", "replay", session, NULL);
    run_free(run_ok("search", run_path("far/here.gguf"), "-s", session, "-o",
                    run_path("half.json"), "--iters", "12", NULL));
    expect_same_flips();
    expect_model(session, run_path("far/here.gguf"));
    assert_int_equal(unlink(run_path("far/here.gguf")), 0);
}

/* Another model at the old place: both hashes are named, in the workbench too. */
static void session__model_changed__refused_with_both_hashes(void **state)
{
    (void)state;
    char was[65], is[65];
    struct tiny shape = tiny_of(105);
    const char *path = look_tiny_model("changed.gguf", &shape);
    const char *session = begin("changed.gguf"), *lines = run_write_text("idle.script", script);
    struct tiny other = tiny_of(106);
    (void)snprintf(was, sizeof was, "%s", look_sha256(path));
    assert_int_equal(unlink(path), 0);
    (void)snprintf(is, sizeof is, "%s", look_sha256(look_tiny_model("changed.gguf", &other)));
    const char *const hashes[] = {was, is};
    struct run *before = run_ok("session", "log", session, NULL);
    for (size_t i = 0; i < countof(hashes); i++) {
        run_refused("mismatch", hashes[i], "search", "-s", session, "-o", run_path("half.json"),
                    NULL);
        run_refused("mismatch", hashes[i], "open", "-s", session, "-o", run_path("half.json"),
                    "--script", lines, "--headless", "80x24", NULL);
        run_refused("mismatch", hashes[i], "session", "replay", session, NULL);
    }
    struct run *after = run_ok("session", "log", session, NULL); /* as it was */
    assert_string_equal(after->out.data, before->out.data);
    run_free(run_ok("session", "verify", session, NULL));
    run_free(before);
    run_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__model_moved__found_by_its_hash),
        cmocka_unit_test(resume__model_moved__found_by_its_hash),
        cmocka_unit_test(search__model_moved_to_a_folder_used_before__found),
        cmocka_unit_test(session__model_gone__says_what_to_give),
        cmocka_unit_test(session__model_changed__refused_with_both_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
