/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * search: its events, its patch file, its refusals.  What is left of a search
 * that was stopped: test_search_kept.c.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/cli/look.h"
#include "tests/document.h"
#include "tests/t.h"

/* A short search on nano that accepts something. */
#define SMALL_SEARCH "search", "nano", GREEDY, "--target", "math", "--control", "code",        \
    "--iters", "12"

static json_t *flips_of_patch(const char *path)
{
    struct run *run = run_ok("patch", "info", path, "nano", "--json", NULL);
    json_t *info = run_json(run);
    json_t *flips = json_incref(look(info, "flips", JSON_ARRAY));
    json_decref(info);
    run_free(run);
    return flips;
}

static json_t *accepted_flips(const json_t *events)
{
    json_t *flips = json_array(), *event;
    size_t i;
    json_array_foreach(events, i, event) {
        if (strcmp(look_text(event, "event"), "tried") == 0 && look_bool(event, "accepted"))
            (void)json_array_append(flips, look(event, "flip", JSON_OBJECT));
    }
    return flips;
}

static void search__events__every_field(void **state)
{
    (void)state;
    const char *path = run_path("fields.json");
    struct run *run = run_ok(SMALL_SEARCH, "--heldout", "knowledge", "-o", path, "--json", NULL);
    json_t *events = run_json_lines(run), *event;
    assert_int_equal(json_array_size(events), 13);
    size_t i;
    double best = 0;
    int64_t screened = 0;
    json_array_foreach(events, i, event) {
        if (i == 12)
            break;
        assert_string_equal(look_text(event, "event"), "tried");
        assert_int_equal(look_int(event, "number"), i + 1);
        json_t *flip = look(event, "flip", JSON_OBJECT);
        assert_in_range(look_int(flip, "layer"), 0, 5);
        assert_in_range(look_int(flip, "row"), 0, 767);
        const char *proj = look_text(flip, "proj");
        assert_true(strcmp(proj, "gate_proj") == 0 || strcmp(proj, "up_proj") == 0);
        assert_null(json_object_get(flip, "group"));
        double fitness = look_real(event, "fitness");
        screened += look_bool(event, "screened");
        assert_int_equal(look_bool(event, "accepted"),
                         !look_bool(event, "screened") && fitness > best);
        best = look_bool(event, "accepted") ? fitness : best;
    }
    json_t *done = look_last(events), *flips = accepted_flips(events);
    assert_true(json_array_size(flips) > 0);
    assert_string_equal(look_text(done, "event"), "done");
    assert_true(json_equal(look(done, "flips", JSON_ARRAY), flips));
    assert_true(look_real(done, "fitness") == best);
    assert_int_equal(look_int(done, "evaluations"), 12);
    assert_int_equal(look_int(done, "screened"), screened);
    assert_true(look_real(done, "seconds") > 0);
    assert_string_equal(look_text(done, "patch"), path);
    assert_false(look_bool(done, "interrupted"));
    assert_int_equal(json_object_size(look(done, "totals", JSON_OBJECT)), 3);
    assert_string_equal(run->err.data, "");
    json_t *written = flips_of_patch(path);
    assert_true(json_equal(written, flips));
    json_decref(written);
    json_decref(flips);
    json_decref(events);
    run_free(run);
}

/* What search says of the answers is what eval says with the patch. */
static void search__totals__as_eval_says(void **state)
{
    (void)state;
    const char *path = run_path("totals.json");
    struct run *run = run_ok(SMALL_SEARCH, "--heldout", "knowledge", "-o", path, "--json", NULL);
    json_t *events = run_json_lines(run);
    struct run *eval = run_ok("eval", "nano", "--probes", "math,code,knowledge", "--patch", path,
                              "--json", NULL);
    json_t *out = run_json(eval);
    assert_true(json_equal(look(out, "totals", JSON_OBJECT),
                           look(look_last(events), "totals", JSON_OBJECT)));
    assert_string_equal(eval->err.data, ""); /* the patch names the model's hash */
    json_decref(out);
    json_decref(events);
    run_free(eval);
    run_free(run);
}

static void search__same_seed__same_patch_bytes(void **state)
{
    (void)state;
    const char *first = run_path("first.json"), *again = run_path("again.json");
    run_free(run_ok(SMALL_SEARCH, "-o", first, NULL));
    run_free(run_ok(SMALL_SEARCH, "-o", again, "--threads", "1", "--json", NULL));
    look_same_files(first, again);
    struct run *run = run_bankai(NULL, SMALL_SEARCH, "--seed", "43", "--json", NULL);
    json_t *events = run_json_lines(run), *flips = flips_of_patch(first);
    assert_false(json_equal(look(json_array_get(events, 0), "flip", JSON_OBJECT),
                            json_array_get(flips, 0)));
    json_decref(events);
    json_decref(flips);
    run_free(run);
}

static void search__reference_kernel__same_patch_bytes(void **state)
{
    (void)state;
    const char *fast = run_path("fast.json"), *slow = run_path("slow.json");
    const char *const environment[] = {"BANKAI_CPU=ref", NULL};
    struct run_options options = {.environment = environment};
    run_free(run_ok("search", "nano", GREEDY, "--target", "math", "--iters", "4", "-o", fast,
                    NULL));
    struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--target", "math",
                                 "--iters", "4", "-o", slow, NULL);
    run_expect_status(run, 0);
    run_free(run);
    look_same_files(fast, slow);
}

/* Without wrong answers; stopped after 9 of 20, and gone on in the session. */
static void search__margin_and_kl__resumed_to_the_bit(void **state)
{
    (void)state;
    const char *targets = run_write_text(
        "bare.json", "[{\"prompt\": \"8 + 9 =\", \"correct\": \" 17\"},"
                     " {\"prompt\": \"7 * 8 =\", \"correct\": \" 56\"}]");
    const char *whole = run_path("margin.json"), *parts = run_path("margin-parts.json");
    const char *session = run_path("margin.bankai");
#define MARGIN_SEARCH "search", "nano", GREEDY, "--target", targets, "--control", "code"
    struct run *run = run_bankai(&(struct run_options){0}, MARGIN_SEARCH, "--metric", "margin",
                                 "--control-metric", "kl", "--seed", "6", "--iters", "20", "-o",
                                 whole, "--json", NULL);
    json_t *events = run_json_lines(run);
    json_t *done = json_array_get(events, json_array_size(events) - 1);
    assert_string_equal(look_text(done, "metric"), "margin");
    assert_string_equal(look_text(done, "control_metric"), "kl");
    assert_null(json_object_get(done, "metric_note"));
    assert_true(json_array_size(look(done, "flips", JSON_ARRAY)) > 0);
    json_decref(events);
    run_free(run);
    run_free(run_bankai(&(struct run_options){0}, MARGIN_SEARCH, "--metric", "margin",
                        "--control-metric", "kl", "--seed", "6", "--iters", "9", "-o", parts, "-s",
                        session, NULL));
    run_free(run_ok("search", "-s", session, "--iters", "20", "-o", parts, NULL));
    struct buf one = document_read(whole), two = document_read(parts);
    json_t *a = json_loadb(one.data, one.len, 0, NULL), *b = json_loadb(two.data, two.len, 0, NULL);
    assert_true(json_equal(look(a, "flips", JSON_ARRAY), look(b, "flips", JSON_ARRAY)));
    assert_string_equal(look_text(look(b, "metadata", JSON_OBJECT), "control_metric"), "kl");
    run = run_ok("session", "replay", session, NULL);
    run_expect_out(run, "every number as it was");
    run_free(run);
    run_refused("mismatch", "probe 'bare-0' of the targets has no wrong answer, which a "
                            "seq_logprob gap needs", MARGIN_SEARCH, NULL);
    run_refused("usage", "--metric: kl has no right answer to measure", MARGIN_SEARCH, "--metric",
                "kl", NULL);
    run_refused("usage", "--control-metric is decided by the session", "search", "-s", session,
                "--control-metric", "kl", NULL);
#undef MARGIN_SEARCH
    json_decref(a);
    json_decref(b);
    buf_free(&one);
    buf_free(&two);
}

/* results: {ROLE: {SET: ...}}, of one set a role; as eval says of the same patch. */
static void expect_results(const json_t *results, const char *role, const char *set,
                           const char *patch)
{
    static const char *const keys[] = {"n", "right_base", "right_now", "fixed", "broke"};
    struct run *run = run_ok("eval", "nano", "--probes", set, "--patch", patch, "--json", NULL);
    json_t *said = run_json(run);
    json_t *theirs = look(look(said, "totals", JSON_OBJECT), set, JSON_OBJECT);
    json_t *sets = look(results, role, JSON_OBJECT), *mine = look(sets, set, JSON_OBJECT);
    assert_int_equal(json_object_size(sets), 1);
    assert_int_equal(json_object_size(mine), countof(keys));
    for (size_t i = 0; i < countof(keys); i++)
        assert_int_equal(look_int(mine, keys[i]), look_int(theirs, keys[i]));
    json_decref(said);
    run_free(run);
}

static json_t *results_of_patch(const char *path)
{
    json_t *patch = json_load_file(path, 0, NULL);
    json_t *results = json_object_get(look(patch, "metadata", JSON_OBJECT), "results");
    json_incref(results);
    json_decref(patch);
    return results;
}

static void search__patch_file__says_what_it_did_to_answers(void **state)
{
    (void)state;
    const char *one = run_path("answered.json"), *best = run_path("answered-best.json");
    run_free(run_ok("search", "nano", "--target", "math", "--control", "code", "--heldout",
                    "calculus-heldout", "--method", "guided", "--objective", "gap", "--iters",
                    "25", "--penalty", "0", "-o", one, NULL));
    json_t *results = results_of_patch(one);
    assert_int_equal(json_object_size(results), 3);
    expect_results(results, "targets", "math", one);
    expect_results(results, "controls", "code", one);
    expect_results(results, "heldout", "calculus-heldout", one);
    json_t *held = look(look(results, "heldout", JSON_OBJECT), "calculus-heldout", JSON_OBJECT);
    assert_true(look_int(held, "broke") + look_int(held, "fixed") > 0);
    json_decref(results);
    run_free(run_ok("search", "nano", GREEDY, "--target", "math", "--iters", "15", "--seeds", "2",
                    "--seed", "6", "-o", best, NULL));
    results = results_of_patch(best);
    assert_int_equal(json_object_size(results), 1);
    expect_results(results, "targets", "math", best);
    json_decref(results);
}

static void search__patch_file__says_how_it_was_made(void **state)
{
    (void)state;
    const char *path = run_path("made.json");
    const char *targets = run_write_text(
        "one.json", "[{\"prompt\": \"8 + 9 =\", \"correct\": \" 17\", \"wrong\": \" 16\"}]");
    run_free(run_ok("search", "nano", GREEDY, "--target", targets, "--control", "code", "--iters",
                    "40", "--layers", "1,3-4", "--proj", "up,gate_proj,q", "--seed", "5",
                    "--penalty", "0.5", "--fitness", "min", "--name", "sums", "-o", path, NULL));
    struct buf text = document_read(path);
    json_t *patch = json_loadb(text.data, text.len, 0, NULL);
    assert_string_equal(look_text(patch, "format"), "bankai_row_xor_v1");
    assert_string_equal(look_text(patch, "name"), "sums");
    assert_string_equal(look_text(patch, "base_model"), "nano");
    json_t *metadata = look(patch, "metadata", JSON_OBJECT);
    assert_string_equal(look_text(metadata, "base_sha256"),
                        look_sha256("engine/nano/nano.gguf"));
    assert_string_equal(look_text(metadata, "metric"), "seq_logprob");
    assert_string_equal(look_text(metadata, "fitness"), "min");
    assert_string_equal(look_text(metadata, "targets"), targets);
    assert_string_equal(look_text(metadata, "controls"), "code");
    assert_true(strncmp(look_text(metadata, "program"), "bankai ", 7) == 0);
    assert_true(look_real(metadata, "control_penalty") == 0.5);
    assert_int_equal(look_int(metadata, "seed"), 5);
    assert_int_equal(look_int(metadata, "max_iters"), 40);
    assert_int_equal(json_array_size(look(metadata, "search_layers", JSON_ARRAY)), 3);
    assert_int_equal(json_array_size(look(metadata, "search_projs", JSON_ARRAY)), 3);
    size_t i;
    json_t *flip;
    json_array_foreach(look(patch, "flips", JSON_ARRAY), i, flip) {
        int64_t layer = look_int(flip, "layer");
        assert_true(layer == 1 || layer == 3 || layer == 4);
    }
    json_decref(patch);
    buf_free(&text);
    struct run *run = run_ok("patch", "verify", path, "nano", NULL);
    assert_string_equal(run->err.data, "");
    run_free(run);
}

static void search__nothing_accepted__status_1_and_no_file(void **state)
{
    (void)state;
    const char *path = run_path("nothing.json");
    /* the first candidate of this seed does not help */
    struct run *run = run_bankai(NULL, "search", "nano", GREEDY, "--target", "calculus-train",
                                 "--control", "math", "--iters", "1", "-o", path, "--json", NULL);
    run_expect_status(run, 1);
    json_t *events = run_json_lines(run), *done = look_last(events);
    assert_false(look_bool(json_array_get(events, 0), "accepted"));
    assert_int_equal(json_array_size(look(done, "flips", JSON_ARRAY)), 0);
    (void)look(done, "patch", JSON_NULL);
    assert_int_equal(json_object_size(look(done, "totals", JSON_OBJECT)), 2);
    assert_string_equal(run->err.data, "");
    assert_false(look_exists(path));
    json_decref(events);
    run_free(run);
    run = run_bankai(NULL, "search", "nano", GREEDY, "--target", "calculus-train", "--control",
                     "math", "--iters", "1", "-o", path, NULL);
    run_expect_status(run, 1);
    run_expect_out(run, "nothing was accepted: no patch was written\n");
    run_free(run);
}

static void search__no_output_given__last_json_in_the_state_folder(void **state)
{
    (void)state;
    struct run *run = run_ok("search", "-m", "nano", GREEDY, "--target", "math", "--iters", "8",
                             NULL);
    const char *path = run_path("state/bankai/last.json");
    run_expect_out(run, path);
    json_t *flips = flips_of_patch(path);
    assert_true(json_array_size(flips) > 0);
    json_decref(flips);
    run_free(run);
}

static void search__text__flips_table_and_patch(void **state)
{
    (void)state;
    const char *path = run_path("text.json");
    struct run *run = run_ok(SMALL_SEARCH, "-o", path, NULL);
    run_expect_out(run, "greedy search: 8 targets, 6 controls, ");
    run_expect_out(run, "fitness and gaps are a search signal, not a result: seq_logprob\n");
    run_expect_out(run, "; 9216 candidate rows, 12 to try, seed 42\n");
    run_expect_out(run, "  flip layer ");
    run_expect_out(run, "  most: ");
    run_expect_out(run, " of 12 candidates accepted (");
    run_expect_out(run, path);
    run_expect_out(run, "\nmath  ");
    run_expect_out(run, "\ncode  ");
    run_free(run);
}

/* Where bars are shown: they are gone before results are printed. */
static void search__terminal__progress_and_no_control_characters_in_results(void **state)
{
    (void)state;
    const char *probes = run_write_text(
        "evil.json", "[{\"prompt\": \"3 + 4 =\", \"correct\": \" 8\", \"wrong\": \" 7\","
                     "  \"name\": \"\\u001b]0;x\\u0007\"}]");
    struct run_options options = {.out_terminal = true, .err_terminal = true};
    struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--target", probes,
                                 "--iters", "30", "-o", run_path("evil\x1b[2J.patch"), NULL);
    run_expect_status(run, 0);
    run_expect_out(run, "most: \\x1B]0;x\\x07 ");
    assert_null(strchr(run->out.data, '\x1b'));
    run_expect_err(run, "/30");
    run_expect_err(run, "\r\x1b[K");
    assert_null(strstr(run->err.data, "\x1b[2J"));
    run_free(run);
}

/* ---- where probes come from ------------------------------------------------------------ */

/* A pipe can be read once only. */
static void search__targets_from_a_pipe__read_once(void **state)
{
    (void)state;
    const char probes[] = "[{\"prompt\": \"3 + 4 =\", \"correct\": \" 8\", \"wrong\": \" 7\"}]";
    struct run_options options = {.input = probes, .input_len = strlen(probes)};
    struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--target", "/dev/stdin",
                                 "--control", "math", "--heldout", "code", "--iters", "5",
                                 "--json", "-o", run_path("pipe.json"), NULL);
    json_t *events = run_json_lines(run);
    json_t *totals = look(look_last(events), "totals", JSON_OBJECT);
    assert_int_equal(look_int(look(totals, "stdin", JSON_OBJECT), "n"), 1);
    assert_int_equal(json_object_size(totals), 3);
    json_decref(events);
    run_free(run);
}

static void search__probes_that_do_not_go_together__refused(void **state)
{
    (void)state;
    const char *heldout = run_write_text(
        "seen.json", "[{\"prompt\": \"new\", \"correct\": \" a\"},"
                     " {\"prompt\": \"3 + 4 =\", \"correct\": \" 7\", \"name\": \"again\"}]");
    const char *lame = run_write_text(
        "lame.json", "[{\"prompt\": \"a\", \"correct\": \" b\", \"wrong\": \" c\"},"
                     " {\"prompt\": \"b\", \"correct\": \" c\", \"name\": \"lame one\"}]");
    run_refused("mismatch",
                "held-out probe 'again' of seen has the prompt of 'sum_small' of math", "search",
                "nano", "--target", "math", "--heldout", heldout, NULL);
    run_refused("mismatch", "held-out probe 'again' of seen", "search", "nano", "--target", "code",
                "--control", "math", "--heldout", heldout, NULL);
    run_refused("usage", "probe set 'math' is given twice", "search", "nano", "--target", "math",
                "--control", "code,math", NULL);
    run_refused("usage", "probe set 'math' is given twice", "search", "nano", "--target",
                "knowledge,math", "--control", "code", "--heldout", "math", NULL);
    run_refused("usage", "probe set 'code' is given twice", "search", "nano", "--target", "math",
                "--control", "code", "--heldout", "code", NULL);
    run_refused("mismatch", "lame: probe 'lame one' of the targets has no wrong answer", "search",
                "nano", GREEDY, "--target", lame, NULL);
    run_refused("mismatch", "probe 'lame one' of the controls has no wrong answer", "search",
                "nano", GREEDY, "--target", "math", "--control", lame, NULL);
    run_refused("usage", "no targets given, expected --target SET", "search", "nano", NULL);
}

/* Held-out probes need no wrong answer, and controls may be left out. */
static void search__heldout_without_wrong_and_no_controls__works(void **state)
{
    (void)state;
    const char *heldout = run_write_text("held.json",
                                         "[{\"prompt\": \"9 - 2 =\", \"correct\": \" 7\"}]");
    struct run *run = run_ok("search", "nano", GREEDY, "--target", "math", "--heldout", heldout,
                             "--iters", "8", "-o", run_path("held-patch.json"), "--json", NULL);
    run_free(run);
}

/* ---- options --------------------------------------------------------------------------- */

static void search__bad_options__refused(void **state)
{
    (void)state;
    static const struct {
        const char *option, *value, *code, *message;
    } rows[] = {
        {"--layers", "6", "range", "layer 6 is outside 0 .. 5"},
        {"--layers", "1,2-3,2", "usage", "layer 2 is named twice"},
        {"--layers", "", "usage", "--layers: '' is no layer, expected such as 0,2-4"},
        {"--layers", "1-", "usage", "--layers: '1-' is no layer"},
        {"--layers", "3-1", "usage", "--layers: '3-1' is no layer"},
        {"--layers", "-1", "usage", "--layers: '-1' is no layer"},
        {"--layers", "5000", "range", "layer 5000 is outside 0 .. 5"},
        {"--proj", "gate,norm", "usage", "--proj: 'norm' is unknown, expected q, k, v, o, gate"},
        {"--proj", "", "usage", "--proj: '' is unknown"},
        {"--method", "magic", "usage", "--method: 'magic' is unknown, expected one of greedy"},
        {"--fitness", "max", "usage", "--fitness: 'max' is unknown, expected mean or min"},
        {"--metric", "x", "usage", "--metric: 'x' is unknown, expected seq_logprob, margin, "
                                   "soft_margin, logprob or token_gap"},
        {"--iters", "0", "usage", "--iters: 0 is outside 1 .. "},
        {"--seed", "-1", "usage", "--seed: -1 is outside 0 .. "},
        {"--penalty", "-0.1", "usage", "--penalty: -0.1 is outside 0 .. "},
        {"--penalty", "nan", "usage", "--penalty: 'nan' is not a number"},
        {"--output", "", "usage", "--output: the path is empty"},
    };
    for (size_t i = 0; i < countof(rows); i++)
        run_refused(rows[i].code, rows[i].message, "search", "nano", GREEDY, "--target", "math",
                    rows[i].option, rows[i].value, NULL);
}

static void search__head_and_embed__no_layer_in_the_flips(void **state)
{
    (void)state;
    struct run *run = run_bankai(NULL, "search", "nano", GREEDY, "--target", "math", "--proj",
                                 "head,embed", "--iters", "6", "--json", "-o",
                                 run_path("head.json"), NULL);
    json_t *events = run_json_lines(run), *event;
    size_t i;
    json_array_foreach(events, i, event) {
        if (strcmp(look_text(event, "event"), "tried") != 0)
            continue;
        json_t *flip = look(event, "flip", JSON_OBJECT);
        const char *proj = look_text(flip, "proj");
        assert_true(strcmp(proj, "head") == 0 || strcmp(proj, "embed") == 0);
        assert_null(json_object_get(flip, "layer"));
    }
    json_decref(events);
    run_free(run);
}

/* ---- where the patch goes --------------------------------------------------------------- */

static void refuse_output(const char *path, int status, const char *message)
{
    struct run *run = run_bankai(NULL, SMALL_SEARCH, "-o", path, "--json", NULL);
    run_expect_status(run, status);
    run_expect_err(run, message);
    assert_string_equal(run->out.data, ""); /* nothing was tried */
    run_free(run);
}

static void search__output_cannot_be_written__refused_before_searching(void **state)
{
    (void)state;
    (void)run_write_text("file", "");
    assert_int_equal(mkdir(run_path("folder"), 0700), 0);
    refuse_output(run_path("missing/patch.json"), 3, "cannot write a patch there");
    refuse_output(run_path("file/patch.json"), 3, "cannot write a patch there");
    refuse_output(run_path("folder"), 2, "is a folder, expected a file");
    refuse_output("/proc/patch.json", 3, "cannot write");
}

static void search__output_is_a_device_or_link__written_through(void **state)
{
    (void)state;
    run_free(run_ok(SMALL_SEARCH, "-o", "/dev/null", NULL));
    const char *target = run_write_text("target.json", "old"), *link = run_path("link.json");
    assert_int_equal(symlink(target, link), 0);
    run_free(run_ok(SMALL_SEARCH, "-o", link, NULL));
    json_t *flips = flips_of_patch(target);
    assert_true(json_array_size(flips) > 0);
    json_decref(flips);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search__events__every_field),
        cmocka_unit_test(search__totals__as_eval_says),
        cmocka_unit_test(search__same_seed__same_patch_bytes),
        cmocka_unit_test(search__reference_kernel__same_patch_bytes),
        cmocka_unit_test(search__margin_and_kl__resumed_to_the_bit),
        cmocka_unit_test(search__patch_file__says_how_it_was_made),
        cmocka_unit_test(search__patch_file__says_what_it_did_to_answers),
        cmocka_unit_test(search__nothing_accepted__status_1_and_no_file),
        cmocka_unit_test(search__no_output_given__last_json_in_the_state_folder),
        cmocka_unit_test(search__text__flips_table_and_patch),
        cmocka_unit_test(search__terminal__progress_and_no_control_characters_in_results),
        cmocka_unit_test(search__targets_from_a_pipe__read_once),
        cmocka_unit_test(search__probes_that_do_not_go_together__refused),
        cmocka_unit_test(search__heldout_without_wrong_and_no_controls__works),
        cmocka_unit_test(search__bad_options__refused),
        cmocka_unit_test(search__head_and_embed__no_layer_in_the_flips),
        cmocka_unit_test(search__output_cannot_be_written__refused_before_searching),
        cmocka_unit_test(search__output_is_a_device_or_link__written_through),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
