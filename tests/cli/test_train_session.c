/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bankai train: sessions that are killed and gone on with, patches of steps, trimming, and
 * search --method train.
 */
#include <signal.h>
#include <unistd.h>

#include "patches/patch.h"
#include "tests/cli/look.h"
#include "tests/cli/run.h"
#include "tests/t.h"

#define SMALL LOOK_SMALL, "--validation", "6", "--threads", "1"

/* The model that all of this is done on: random weights, small. */
static const char *model(void)
{
    static const char *path;
    if (!path)
        path = look_tiny_model("small.gguf", &tiny_default);
    return path;
}

#define TRAIN(targets) "train", model(), "--targets", targets, "--controls", "knowledge", SMALL, \
                       "--heldout", "code"

/* The patch of a training that nobody stopped. */
static const char *whole_patch(const char *targets)
{
    const char *path = run_path("whole.json");
    if (access(path, F_OK) != 0)
        run_free(run_ok(TRAIN(targets), "--steps", "6", "-o", path, NULL));
    return path;
}

/* kill -9 after every step that was shown, until it is done: the same patch. */
static void train__killed_after_every_step__same_patch_in_the_end(void **state)
{
    (void)state;
    const char *targets = look_targets("targets.jsonl", 2, 6);
    const char *session = run_path("killed.train"), *patch = run_path("killed.json");
    size_t kills = 0;
    for (int step = 1;; step++) {
        char after[32];
        (void)snprintf(after, sizeof after, "\"number\": %d,", step);
        struct run_options options = {.interrupt_after = after, .interrupt_signal = SIGKILL};
        struct run *run =
            step == 1 ? run_bankai(&options, TRAIN(targets), "--steps", "6", "-s", session, "-o",
                                   patch, "--json", NULL)
                      : run_bankai(&options, "train", "-s", session, "--threads", "1", "--json",
                                   NULL);
        bool done = run->killed_by == 0;
        kills += !done;
        if (done)
            run_expect_status(run, 0);
        run_free(run);
        if (done)
            break;
        assert_true(step < 12);
    }
    assert_true(kills >= 3);
    look_same_files(patch, whole_patch(targets));
}

/* Interrupted, then with more steps than were asked for at first. */
static void train__gone_on_with_more_steps__as_if_asked_for_at_once(void **state)
{
    (void)state;
    const char *targets = look_targets("targets.jsonl", 2, 6);
    const char *session = run_path("more.train"), *patch = run_path("more.json");
    run_free(run_ok(TRAIN(targets), "--steps", "2", "-s", session, "-o", patch, NULL));
    struct run *run = run_ok("train", "--resume", session, "--steps", "6", NULL);
    run_expect_out(run, "going on after step 2");
    run_free(run);
    look_same_files(patch, whole_patch(targets));
    /* nothing is left to do, but the patch is wanted elsewhere */
    const char *other = run_path("other.json");
    run_free(run_ok("train", "-s", session, "-o", other, NULL));
    look_same_files(other, patch);
    /* step 6 of the session has the same flips */
    const char *point = run_path("point.xor");
    run = run_ok("train", "--resume", session, "--point", "6", "-o", point, "--json", NULL);
    json_t *said = run_json(run);
    struct err err;
    struct patch *a = patch_read(point, &err), *b = patch_read(patch, &err);
    t_ok(a && b, &err);
    assert_int_equal(look_int(said, "flips"), a->flip_count);
    assert_int_equal(a->flip_count, b->flip_count);
    for (size_t i = 0; i < a->flip_count; i++)
        assert_true(flip_equal(&a->flips[i], &b->flips[i]));
    patch_free(a);
    patch_free(b);
    json_decref(said);
    run_free(run);
    run_free(run_ok("patch", "verify", point, model(), NULL));
}

/* Every point of the front is a patch, as --point has it. */
static void train__front__a_patch_for_each_point(void **state)
{
    (void)state;
    const char *targets = look_targets("targets.jsonl", 2, 6);
    const char *session = run_path("front.train"), *folder = run_path("front");
    struct run *run = run_ok(TRAIN(targets), "--neighbours", "math", "--steps", "4", "-s", session,
                             "--front", folder, "-o", run_path("front.xor"), "--json", NULL);
    json_t *events = run_json_lines(run), *done = look_last(events);
    json_t *front = look(done, "front", JSON_ARRAY), *point;
    size_t i, size = json_array_size(front);
    assert_true(size > 0);
    (void)look_real(json_array_get(events, 0), "neighbours");
    json_array_foreach (front, i, point) {
        char name[64], number[24];
        (void)snprintf(number, sizeof number, "%d", (int)look_int(point, "step"));
        (void)snprintf(name, sizeof name, "front/step-%04d.xor", (int)look_int(point, "step"));
        const char *path = run_path(name), *again = run_path("again.xor");
        assert_true(look_exists(path));
        run_free(run_ok("train", "--resume", session, "--point", number, "-o", again, NULL));
        look_same_files(path, again);
    }
    json_decref(events);
    run_free(run);
}

/* What a patch says of itself: hashes by sha256 of the documented text, results as printed. */
static void train__patch__says_what_it_was_made_of_and_does(void **state)
{
    (void)state;
    const char *targets = run_write_text("one.jsonl",
                                         "{\"prompt\": \"a b\", \"correct\": \" c\"}\n"
                                         "{\"prompt\": \"b\", \"correct\": \" cd\"}\n"
                                         "{\"prompt\": \"c\", \"correct\": \" de\"}\n");
    static const char hashed[] = "3:a b2: c0:;1:b3: cd0:;1:c3: de0:;";
    struct err err;
    const char *path = run_path("says.json");
    run_free(run_ok("train", model(), "--targets", targets, "--controls", "math", "--heldout",
                    "code", "--steps", "4", "--validation", "1", "--batch", "2", "--rank", "raw",
                    "--seed", "3", "-o", path, NULL));
    struct patch *patch = patch_read(path, &err);
    t_ok(patch != NULL, &err);
    assert_string_equal(look_text(patch->metadata, "method"), "train");
    assert_string_equal(look_text(patch->metadata, "objective"), "ce");
    assert_string_equal(look_text(patch->metadata, "ranking"), "raw");
    assert_int_equal(look_int(patch->metadata, "seed"), 3);
    assert_string_equal(look_text(patch->metadata, "targets_sha256"),
                        look_sha256(run_write_text("hashed", hashed)));
    json_t *results = look(patch->metadata, "results", JSON_OBJECT);
    assert_int_equal(look_int(look(results, "validation", JSON_OBJECT), "n"), 1);
    (void)look_int(look(results, "controls", JSON_OBJECT), "broken");
    json_t *heldout = look(look(results, "heldout", JSON_OBJECT), "code", JSON_OBJECT);
    assert_true(look_int(heldout, "n") > 0 && look_int(heldout, "fixed") >= 0);
    patch_free(patch);
}

/* One implementation: the same patch by either name. */
static void search__method_train__as_train(void **state)
{
    (void)state;
    const char *targets = look_targets("targets.jsonl", 2, 6);
    const char *a = run_path("a.xor"), *b = run_path("b.xor");
    run_free(run_ok("train", model(), "--targets", targets, "--controls", "math", "--minibatch",
                    "12", "--steps", "2", "--name", "x", "-o", a, NULL));
    run_free(run_ok("search", model(), "--method", "train", "--targets", targets, "--controls",
                    "math", "--minibatch", "12", "--steps", "2", "--name", "x", "-o", b, NULL));
    look_same_files(a, b);
    run_free(run_ok("search", model(), "--method", "train", "--target", targets, "--control",
                    "math", "--batch", "12", "--batch-controls", "12", "--steps", "2", "--name",
                    "x", "-o", b, NULL));
    look_same_files(a, b);
}

static void train__trim__to_its_bytes(void **state)
{
    (void)state;
    const char *targets = look_targets("targets.jsonl", 2, 6);
    const char *out = run_path("trimmed.xor");
    struct err err;
    struct run *run = run_ok("train", model(), "--trim", whole_patch(targets), "--targets",
                             targets, "--controls", "knowledge", SMALL, "--places", "3", "--bytes",
                             "60", "-o", out, "--json", NULL);
    json_t *done = run_json(run), *trim = look(done, "trim", JSON_OBJECT);
    json_t *trimmed = look(trim, "trimmed", JSON_OBJECT);
    json_t *patched = look(trim, "patched", JSON_OBJECT);
    assert_true(look_int(trimmed, "patch_bytes") <= 60);
    assert_true(look_int(trimmed, "units") > 0);
    assert_true(look_int(trimmed, "units") < look_int(patched, "units"));
    struct patch *patch = patch_read(out, &err);
    t_ok(patch != NULL, &err);
    assert_int_equal(patch_packed_bytes(patch).flips, look_int(trimmed, "patch_bytes"));
    patch_free(patch);
    json_decref(done);
    run_free(run);
    run = run_ok("train", model(), "--trim", whole_patch(targets), "--targets", targets, SMALL,
                 "--places", "2", "-o", out, NULL);
    run_expect_out(run, "trimmed ");
    run_free(run);
}

/* What the file needs, not an estimate. */
static void train__byte_budget__kept_by_the_patch(void **state)
{
    (void)state;
    const char *out = run_path("budget.xor");
    struct err err;
    struct run *run = run_ok(TRAIN(look_targets("targets.jsonl", 2, 6)), "--bytes", "60",
                             "--steps", "30", "-o", out, "--json", NULL);
    json_t *lines = run_json_lines(run), *done = look_last(lines);
    struct patch *patch = patch_read(out, &err);
    t_ok(patch != NULL, &err);
    assert_in_range(patch_packed_bytes(patch).flips, 50, 60);
    assert_int_equal(patch_packed_bytes(patch).flips, look_int(done, "patch_bytes"));
    assert_int_equal(patch_packed_bytes(patch).flips, look_real(done, "bytes"));
    assert_string_equal(look_text(done, "ended_by"), "byte budget");
    patch_free(patch);
    json_decref(lines);
    run_free(run);
}

static void train__bad_sessions_and_options__one_line(void **state)
{
    (void)state;
    const char *targets = look_targets("targets.jsonl", 2, 6);
    const char *session = run_path("bad.train"), *out = run_path("x.json");
    const char *other = run_write_text("text.train", "bnktrain and no more, but long enough for a "
                                                     "checksum to be looked for at its very end");
    run_free(run_ok(TRAIN(targets), "--steps", "1", "-s", session, "-o", out, NULL));
    run_refused("usage", "decides --targets", "train", "-s", session, "--targets", targets, NULL);
    run_refused("usage", "decides --rank", "train", "-s", session, "--rank", "raw", NULL);
    run_refused("usage", "decides --seed", "train", "-s", session, "--seed", "7", NULL);
    run_refused("mismatch", "was trained with other model", "train", "nano", "-s", session, NULL);
    run_refused("range", "there is no step 9, expected 0 to 1", "train", "--resume", session,
                "--point", "9", "-o", out, NULL);
    run_refused("usage", "--point writes a patch", "train", "--resume", session, "--point", "1",
                NULL);
    run_refused("usage", "--point is of a session", "train", model(), "--targets", targets, "-o",
                out, "--point", "1", NULL);
    run_refused("format", "the checksum is wrong", "train", "--resume", other, NULL);
    run_refused("format", "is no saved training", "train", "--resume", targets, NULL);
    run_refused("usage", "No such file", "train", "--resume", run_path("none.train"), NULL);
    run_refused("usage", "--max-broken: '3x' is no number", "train", model(), "--targets", targets,
                "-o", out, "--max-broken", "3x", NULL);
    run_refused("usage", "--objective: 'gap' is unknown to method train", "train", model(),
                "--targets", targets, "-o", out, "--objective", "gap", NULL);
    run_refused("range", "projections to train", "train", model(), "--targets", targets, "-o", out,
                "--proj", "embed", NULL);
    run_refused("usage", "--iters is not for method train", "search", model(), "--method", "train",
                "--targets", targets, "-o", out, "--iters", "3", NULL);
    run_refused("usage", "--rank is of --method train", "search", model(), "--target", targets,
                "-o", out, "--rank", "snr", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train__killed_after_every_step__same_patch_in_the_end),
        cmocka_unit_test(train__gone_on_with_more_steps__as_if_asked_for_at_once),
        cmocka_unit_test(train__front__a_patch_for_each_point),
        cmocka_unit_test(train__patch__says_what_it_was_made_of_and_does),
        cmocka_unit_test(search__method_train__as_train),
        cmocka_unit_test(train__trim__to_its_bytes),
        cmocka_unit_test(train__byte_budget__kept_by_the_patch),
        cmocka_unit_test(train__bad_sessions_and_options__one_line),
    };
    return cmocka_run_group_tests_name("train session", tests, NULL, NULL);
}
