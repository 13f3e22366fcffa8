/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bankai train: a few steps on the embedded model.
 */
#include "patches/patch.h"
#include "tests/cli/look.h"
#include "tests/cli/run.h"
#include "tests/t.h"

static void train__a_few_steps__patch_and_numbers_agree(void **state)
{
    (void)state;
    struct err err;
    const char *patch_path = run_path("train.json");
    const char *targets = look_targets("targets.jsonl", 2, 8);
    const char *heldout = look_targets("unseen.jsonl", 9, 9);
    struct run *run = run_ok("train", "nano", "--targets", targets, "--controls", "knowledge",
                             "--heldout", heldout, "--steps", "3", LOOK_SMALL, "-o", patch_path,
                             "--json", NULL);
    json_t *last = NULL;
    int64_t kept = 0, steps = 0;
    for (const char *line = run->out.data; *line; line = strchr(line, '\n') + 1) {
        json_decref(last);
        last = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        assert_non_null(last);
        if (strcmp(look_text(last, "event"), "step") == 0) {
            kept += look_int(last, "kept");
            assert_int_equal(look_int(last, "number"), ++steps);
        }
    }
    assert_int_equal(steps, 3);
    assert_true(kept > 0);
    assert_string_equal(look_text(last, "event"), "done");
    assert_int_equal(look_int(last, "steps"), 3);
    json_t *totals = look(last, "totals", JSON_OBJECT);
    assert_int_equal(look_int(look(totals, "unseen", JSON_OBJECT), "n"), 6);
    /* every unit is 8 bits; the patch has exactly those */
    int64_t units = look_int(last, "units");
    struct patch *patch = patch_read(patch_path, &err);
    t_ok(patch != NULL, &err);
    int bits = 0;
    for (size_t i = 0; i < patch->flip_count; i++)
        bits += __builtin_popcountll(patch->flips[i].mask[0]) +
                __builtin_popcountll(patch->flips[i].mask[1]);
    assert_int_equal(bits, 8 * units);
    patch_free(patch);
    json_decref(last);
    run_free(run);
    run_free(run_ok("patch", "verify", patch_path, "nano", NULL));
}

/* Right answers of the set "judge" under null models of a kind. */
static json_t *right_under(json_t *sets, const char *kind)
{
    json_t *set = look(look(sets, "judge", JSON_OBJECT), kind, JSON_OBJECT);
    return look(set, "right", JSON_OBJECT);
}

/* What the end says of the patch is what eval says of it. */
static void train__end__null_models_and_neutral_text_are_those_of_eval(void **state)
{
    (void)state;
    const char *patch = run_path("judged.json"), *heldout = look_targets("judge.jsonl", 9, 9);
    struct run *run = run_ok("train", "nano", "--targets", look_targets("learn.jsonl", 2, 6),
                             "--heldout", heldout, "--steps", "2", LOOK_SMALL, "-o", patch,
                             "--seed", "5", "--null", "3", "--json", NULL);
    json_t *events = run_json_lines(run), *done = look_last(events);
    struct run *eval = run_ok("eval", "nano", "--heldout", heldout, "--patch", patch, "--null",
                              "3", "--seed", "5", "--json", NULL);
    json_t *out = run_json(eval);
    assert_true(json_equal(look(out, "neutral", JSON_OBJECT), look(done, "neutral", JSON_OBJECT)));
    json_t *of_eval = look(look(out, "null", JSON_OBJECT), "sets", JSON_OBJECT);
    json_t *of_train = look(look(done, "null", JSON_OBJECT), "sets", JSON_OBJECT);
    static const char *const kinds[] = {"uniform", "scale"};
    for (size_t i = 0; i < countof(kinds); i++)
        assert_true(json_equal(right_under(of_eval, kinds[i]), right_under(of_train, kinds[i])));
    json_decref(out);
    json_decref(events);
    run_free(eval);
    run_free(run);
    run = run_ok("train", "nano", "--targets", look_targets("learn.jsonl", 2, 6), "--steps", "2",
                 LOOK_SMALL, "-o", patch, NULL);
    run_expect_out(run, "mean KL(base || patched) "); /* also without held-out probes */
    run_free(run);
}

static void train__same_seed__same_patch(void **state)
{
    (void)state;
    const char *targets = look_targets("again.jsonl", 2, 6);
    const char *one = run_path("one.json"), *three = run_path("three.json");
    run_free(run_ok("train", "nano", "--targets", targets, "--steps", "2", LOOK_SMALL, "--threads",
                    "1", "-o", one, NULL));
    run_free(run_ok("train", "nano", "--targets", targets, "--steps", "2", LOOK_SMALL, "--threads",
                    "3", "-o", three, NULL));
    look_same_files(one, three);
}

static void train__bad_calls__one_line(void **state)
{
    (void)state;
    const char *targets = look_targets("few.jsonl", 2, 3);
    run_refused("usage", "no --targets given", "train", "nano", "-o", run_path("x.json"), NULL);
    run_refused("usage", "no -o PATCH given", "train", "nano", "--targets", targets, NULL);
    run_refused("usage", "--rank: 'best' is unknown", "train", "nano", "--targets", targets, "-o",
                run_path("x.json"), "--rank", "best", NULL);
    run_refused("range", "units of 24 weights", "train", "nano", "--targets", targets, "-o",
                run_path("x.json"), "--unit", "24", NULL);
    run_refused("usage", "--null answers the held-out probes, expected --heldout SET", "train",
                "nano", "--targets", targets, "--null", "3", "-o", run_path("x.json"), NULL);
    run_refused("usage", "is given twice", "train", "nano", "--targets", targets, "--heldout",
                targets, "-o", run_path("x.json"), NULL);
    run_refused("usage", "--front weighs steps by what targets set apart gain, found none of "
                "these, expected --validation of 1 or more", "train", "nano", "--targets", targets,
                "-o", run_path("x.json"), "--front", run_path("front"), "--validation", "0", NULL);
    const char *none = run_write_text("none.jsonl",
                                      "{\"prompt\": \"a is\", \"correct\": \" b\"}\n"
                                      "{\"prompt\": \"c is\", \"correct\": \" d\"}\n");
    run_refused("usage", "--front weighs steps by", "train", "nano", "--targets", none, "-o",
                run_path("x.json"), "--front", run_path("front"), NULL); /* a fifth of two */
    assert_false(look_exists(run_path("front")));
    const char *bad = run_write("bad.jsonl", "{\"prompt\": \"a\", \"correct\": \"b\"}\n{]\n", 35);
    run_refused("format", "is not valid JSON", "train", "nano", "--targets", bad, "-o",
                run_path("x.json"), NULL);
    assert_false(look_exists(run_path("x.json")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train__a_few_steps__patch_and_numbers_agree),
        cmocka_unit_test(train__end__null_models_and_neutral_text_are_those_of_eval),
        cmocka_unit_test(train__same_seed__same_patch),
        cmocka_unit_test(train__bad_calls__one_line),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
