/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * experiment: each at a tiny size, its numbers against those of other commands or of the
 * definition.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/search.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "tests/cli/look.h"
#include "tests/simple.h"
#include "tests/t.h"

static json_t *rows_of(const json_t *out, const char *table)
{
    json_t *one;
    size_t i;
    json_array_foreach(look(out, "tables", JSON_ARRAY), i, one) {
        if (strcmp(look_text(one, "name"), table) == 0)
            return look(one, "rows", JSON_ARRAY);
    }
    fail_msg("no table %s", table);
    return NULL;
}

static json_t *row_with(const json_t *rows, const char *key, const char *value)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        if (strcmp(look_text(row, key), value) == 0)
            return row;
    }
    fail_msg("no row %s", value);
    return NULL;
}

static json_t *run_to_json(struct run *run)
{
    json_t *out = run_json(run);
    assert_true(look_bool(out, "restored"));
    assert_int_equal(look_int(out, "resumed"), 0);
    assert_true(strlen(look_text(look(out, "published", JSON_OBJECT), "source")) > 0);
    run_free(run);
    return out;
}

static double total_of(const json_t *eval, const char *set, const char *key)
{
    return (double)look_int(look(look(eval, "totals", JSON_OBJECT), set, JSON_OBJECT), key);
}

/* ---- layer-impact ------------------------------------------------------------------ */

/* Every row of gate, up and down of a layer, as a patch. */
static const char *whole_mlp(int layer)
{
    static const struct {
        const char *proj;
        int rows;
    } matrices[] = {{"gate_proj", 768}, {"up_proj", 768}, {"down_proj", 256}};
    struct buf text = {0};
    buf_add_text(&text, "{\"name\": \"mlp\", \"flips\": [");
    for (size_t m = 0; m < countof(matrices); m++)
        for (int row = 0; row < matrices[m].rows; row++)
            buf_add_format(&text, "%s{\"layer\": %d, \"proj\": \"%s\", \"row\": %d}",
                           m + (size_t)row > 0 ? ", " : "", layer, matrices[m].proj, row);
    buf_add_text(&text, "]}");
    const char *path = run_write("mlp.json", text.data, text.len);
    buf_free(&text);
    return path;
}

static void layer_impact__a_layer__what_eval_says_of_the_patch(void **state)
{
    (void)state;
    json_t *out = run_to_json(run_ok("experiment", "layer-impact", "--probes", "math,knowledge",
                                     "--layers", "2", "--json", NULL));
    json_t *row = json_array_get(rows_of(out, "layers"), 0);
    struct run *run = run_ok("eval", "nano", "--probes", "math,knowledge", "--patch",
                             whole_mlp(2), "--json", NULL);
    json_t *eval = run_json(run), *probe;
    double sum = 0, max = 0;
    int signs = 0;
    size_t i, n = json_array_size(look(eval, "probes", JSON_ARRAY));
    json_array_foreach(look(eval, "probes", JSON_ARRAY), i, probe) {
        json_t *gap = look(probe, "gap", JSON_OBJECT);
        double base = look_real(gap, "base"), now = look_real(gap, "now");
        sum += fabs(now - base);
        max = fmax(max, fabs(now - base));
        signs += (now > 0) != (base > 0);
    }
    assert_int_equal(look_int(row, "layer"), 2);
    assert_true(look_real(row, "mean_abs_change") == sum / (double)n);
    assert_true(look_real(row, "max_abs_change") == max);
    assert_int_equal(look_int(row, "sign_changes"), signs);
    assert_string_equal(look_text(row, "published_layers"), "12-17"); /* 2 * 6 .. 3 * 6 - 1 */
    /* one layer of six: nothing can be said of ranks */
    assert_string_equal(look_text(json_array_get(look(out, "claims", JSON_ARRAY), 0), "verdict"),
                        "open");
    json_decref(eval);
    json_decref(out);
    run_free(run);
}

/* ---- scale-guided ------------------------------------------------------------------ */

static bool contains(const json_t *rows, size_t row)
{
    json_t *one;
    size_t i;
    json_array_foreach(rows, i, one) {
        if ((size_t)json_integer_value(one) == row)
            return true;
    }
    return false;
}

static void scale_guided__rows__highest_scales(void **state)
{
    (void)state;
    json_t *out = run_to_json(run_ok("experiment", "scale-guided", "nano", "--probes", "math",
                                     "--layers", "4", "--sizes", "1,4", "--repeats", "3",
                                     "--json", NULL));
    struct model *model = simple_nano();
    json_t *row;
    size_t i;
    json_array_foreach(rows_of(out, "rows"), i, row) {
        json_t *taken = look(row, "high_rows", JSON_ARRAY), *draws = look(row, "draws", JSON_ARRAY);
        double least = HUGE_VAL, most = 0, sum = 0;
        assert_int_equal(json_array_size(taken), i == 0 ? 1 : 4);
        for (uint32_t j = 0; j < 768; j++) {
            double scale = search_row_scale(model, 4, PROJ_GATE, j);
            if (contains(taken, j))
                least = fmin(least, scale);
            else
                most = fmax(most, scale);
        }
        assert_true(least >= most);
        assert_int_equal(json_array_size(draws), 3);
        for (size_t j = 0; j < 3; j++)
            sum += json_real_value(json_array_get(draws, j));
        assert_true(fabs(look_real(row, "random") - sum / 3) < 1e-12);
        assert_true(fabs(look_real(row, "ratio") - look_real(row, "high") / (sum / 3)) < 1e-9);
        /* 64 of 12288 rows are 4 of 768 */
        assert_int_equal(json_object_get(row, "published_ratio") != NULL, i == 1);
    }
    model_free(model);
    json_decref(out);
}

/* ---- patches: head-to-head, stacking, variations, safety --------------------------- */

static const char *strong_patch(const char *name, int first)
{
    struct buf text = {0};
    buf_add_format(&text, "{\"name\": \"%s\", \"flips\": [", name);
    for (int i = 0; i < 120; i++)
        buf_add_format(&text, "%s{\"layer\": %d, \"proj\": \"down_proj\", \"row\": %d}",
                       i ? ", " : "", i % 6, first + i / 6);
    buf_add_text(&text, "]}");
    struct buf file = {0};
    buf_add_format(&file, "%s.json", name);
    const char *path = run_write(file.data, text.data, text.len);
    buf_free(&text);
    buf_free(&file);
    return path;
}

static void head_to_head__patches__as_eval_counts_them(void **state)
{
    (void)state;
    const char *first = strong_patch("first", 0), *second = strong_patch("second", 10);
    json_t *out = run_to_json(run_ok("experiment", "head-to-head", "nano", first, second,
                                     "--heldout", "calculus-heldout", "--json", NULL));
    const char *const paths[] = {first, second}, *const names[] = {"first", "second"};
    for (size_t i = 0; i < 2; i++) {
        struct run *run = run_ok("eval", "nano", "--probes", "calculus-heldout", "--patch",
                                 paths[i], "--json", NULL);
        json_t *eval = run_json(run), *row = row_with(rows_of(out, "patches"), "label", names[i]);
        static const char *const keys[] = {"n", "right_base", "right_now", "fixed", "broke"};
        for (size_t k = 0; k < countof(keys); k++)
            assert_int_equal(look_int(row, keys[k]),
                             (int)total_of(eval, "calculus-heldout", keys[k]));
        assert_int_equal(look_int(row, "flips"), 120);
        assert_int_equal(look_int(row, "bytes"), 1440);
        json_decref(eval);
        run_free(run);
    }
    assert_int_equal(look_int(look(out, "heldout_seen", JSON_OBJECT), "calculus-heldout"), 1);
    json_decref(out);
}

static void stacking__two_patches__overlap_order_and_answers(void **state)
{
    (void)state;
    const char *first = strong_patch("first", 0), *second = strong_patch("second", 10);
    json_t *out = run_to_json(run_ok("experiment", "stacking", "nano", first, second, "--heldout",
                                     "math", "--probes", "code", "--json", NULL));
    /* rows 0-19 and 10-29 of six layers: 60 in both */
    json_t *row = row_with(rows_of(out, "patches"), "label", "stacked");
    assert_int_equal(look_int(row, "flips"), 240 - 2 * 60);
    struct run *run = run_ok("eval", "nano", "--probes", "calculus-train,knowledge,math",
                             "--patch", first, "--patch", second, "--json", NULL);
    json_t *eval = run_json(run);
    static const char *const keys[] = {"n", "right_base", "right_now", "fixed", "broke"};
    for (size_t k = 0; k < countof(keys); k++)
        assert_int_equal(look_int(row, keys[k]),
                         (int)(total_of(eval, "calculus-train", keys[k]) +
                               total_of(eval, "knowledge", keys[k]) +
                               total_of(eval, "math", keys[k])));
    json_t *claims = look(out, "claims", JSON_ARRAY);
    for (size_t i = 0; i < 2; i++) /* order, exact revert */
        assert_string_equal(look_text(json_array_get(claims, i), "verdict"), "like");
    assert_string_equal(look_text(json_array_get(claims, 3), "ours"), "60 of 120 and 120");
    assert_string_equal(look_text(json_array_get(claims, 3), "verdict"), "unlike");
    json_decref(eval);
    json_decref(out);
    run_free(run);
}

static void variations_and_safety__a_patch__as_eval_counts_it(void **state)
{
    (void)state;
    const char *patch = strong_patch("first", 0);
    static const char *const keys[] = {"n", "right_base", "right_now", "fixed", "broke"};
    struct run *run = run_ok("eval", "nano", "--probes", "calculus-train,calculus-heldout,math",
                             "--patch", patch, "--json", NULL);
    json_t *eval = run_json(run);
    json_t *out = run_to_json(run_ok("experiment", "variations", "nano", "--patch", patch,
                                     "--heldout", "calculus-heldout", "--json", NULL));
    json_t *row = row_with(rows_of(out, "answers"), "label", "all");
    for (size_t k = 0; k < countof(keys); k++)
        assert_int_equal(look_int(row, keys[k]),
                         (int)(total_of(eval, "calculus-train", keys[k]) +
                               total_of(eval, "calculus-heldout", keys[k])));
    json_decref(out);
    /* math is none of the targets' categories: all of it is the task */
    out = run_to_json(run_ok("experiment", "safety", "nano", "--patch", patch, "--control", "code",
                             "--heldout", "math", "--json", NULL));
    row = row_with(rows_of(out, "answers"), "label", "the task");
    for (size_t k = 0; k < countof(keys); k++)
        assert_int_equal(look_int(row, keys[k]), (int)total_of(eval, "math", keys[k]));
    json_decref(out);
    json_decref(eval);
    run_free(run);
}

/* ---- searches ---------------------------------------------------------------------- */

static void generalization__search__that_of_bankai_search(void **state)
{
    (void)state;
    json_t *out = run_to_json(run_ok("experiment", "generalization", "nano", "--target", "math",
                                     "--control", "knowledge", "--heldout", "code", "--iters",
                                     "12", "--layers", "0,3", "--seed", "7", "--json", NULL));
    json_t *row = row_with(rows_of(out, "searches"), "search", "seq_logprob search");
    struct run *run = run_bankai(NULL, "search", "nano", GREEDY, "--target", "math", "--control",
                                 "knowledge", "--heldout", "code", "--iters", "12", "--layers",
                                 "0,3", "--seed", "7", "-o", run_path("found.json"), "--json",
                                 NULL);
    json_t *lines = run_json_lines(run), *done = look_last(lines);
    assert_true(json_equal(look(row, "flips", JSON_ARRAY), look(done, "flips", JSON_ARRAY)));
    assert_true(look_real(row, "fitness") == look_real(done, "fitness"));
    assert_int_equal(look_int(row, "screened"), look_int(done, "screened"));
    json_decref(lines);
    json_decref(out);
    run_free(run);
}

static void granularity__accepted__fewer_than_tried(void **state)
{
    (void)state;
    json_t *out = run_to_json(run_ok("experiment", "granularity", "--target", "math", "--control",
                                     "knowledge", "--heldout", "code", "--iters", "10",
                                     "--layers", "1", "--json", NULL));
    json_t *rows = rows_of(out, "searches");
    assert_int_equal(json_array_size(rows), 3);
    /* 800 rows were tried for 1500 groups */
    assert_int_equal(look_int(json_array_get(rows, 0), "tried"), 6);
    assert_int_equal(look_int(json_array_get(rows, 1), "weights"), 128);
    assert_int_equal(look_int(json_array_get(rows, 2), "weights"), 256 / 32);
    for (size_t i = 1; i < 3; i++) {
        json_t *row = json_array_get(rows, i);
        assert_int_equal(look_int(row, "tried"), 10);
        assert_int_equal(look_int(row, "accepted"),
                         (int)json_array_size(look(row, "flips", JSON_ARRAY)));
        assert_true(look_real(row, "fitness") >= 0);
    }
    /* gate and up of one layer: 2 * 768 rows of 2 groups of 16 parts */
    assert_int_equal(look_int(json_array_get(rows, 2), "candidates"), 2 * 768 * 2 * 16);
    json_decref(out);
}

/* ---- bfs --------------------------------------------------------------------------- */

/* Minus the mean log-probability of the answers' tokens, each sequence alone. */
static double loss_of(struct model *model, const struct probe_set *set)
{
    size_t vocab = model_shape(model)->vocab, tokens = 0;
    double sum = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct buf text = {0};
        buf_add_format(&text, "%s%s", set->probes[i].prompt, set->probes[i].correct);
        struct ids prompt = simple_encode(model, set->probes[i].prompt);
        struct ids whole = simple_encode(model, text.data);
        float *logits = simple_logits(model, whole.data, whole.count);
        for (size_t at = prompt.count; at < whole.count; at++, tokens++)
            sum -= logits_log_prob(logits + (at - 1) * vocab, vocab, whole.data[at]);
        free(logits);
        ids_free(&prompt);
        ids_free(&whole);
        buf_free(&text);
    }
    return sum / (double)tokens;
}

static void bfs__changes__those_of_the_definition(void **state)
{
    (void)state;
    json_t *out = run_to_json(run_ok("experiment", "bfs", "--target", "math", "--control", "code",
                                     "--heldout", "knowledge", "--iters", "2", "--layers", "0",
                                     "--sizes", "1", "--json", NULL));
    struct model *model = simple_nano();
    struct err err = {0};
    struct probe_set *set = probe_set_load("math", &err);
    t_ok(set != NULL, &err);
    double base = loss_of(model, set);
    json_t *rows = rows_of(out, "top");
    assert_int_equal(json_array_size(rows), 4); /* the two highest scales of gate and of up */
    double last = HUGE_VAL;
    for (size_t i = 0; i < 4; i++) {
        char proj[16];
        unsigned row = 0;
        json_t *one = json_array_get(rows, i);
        assert_int_equal(sscanf(look_text(one, "row"), "layer 0 %15s row %u", proj, &row), 2);
        struct flip flip = {0, PROJ_GATE, row, FLIP_WHOLE_ROW, {0, 0}};
        assert_true(proj_parse(proj, &flip.proj));
        model_flip(model, &flip);
        double change = loss_of(model, set) - base;
        model_flip(model, &flip);
        assert_true(fabs(look_real(one, "change") - change) < 1e-12);
        assert_true(fabs(change) <= last);
        last = fabs(change);
    }
    probe_set_free(set);
    model_free(model);
    json_decref(out);
}

/* ---- random-flips ------------------------------------------------------------------ */

static void random_flips__base__what_ppl_says(void **state)
{
    (void)state;
    json_t *out = run_to_json(run_ok("experiment", "random-flips", "--sizes", "1,326",
                                     "--repeats", "2", "--json", NULL));
    struct run *run = run_ok("ppl", "nano", "--json", NULL);
    json_t *ppl = run_json(run), *row;
    char note[128];
    (void)snprintf(note, sizeof note, "perplexity without flips: ours %.4f",
                   look_real(look(ppl, "perplexity", JSON_OBJECT), "base"));
    const char *said = json_string_value(json_array_get(look(out, "notes", JSON_ARRAY), 0));
    assert_true(strncmp(said, note, strlen(note)) == 0);
    size_t i, matched = 0;
    json_array_foreach(rows_of(out, "bits"), i, row) {
        /* 326 of 3,538,944 bits are the share of 500,000 of 5,435,817,984 */
        if (look_int(row, "bits") == 326)
            matched += look_int(row, "published_bits") == 500000;
    }
    assert_int_equal(matched, 4);
    json_decref(ppl);
    json_decref(out);
    run_free(run);
}

/* ---- the command ------------------------------------------------------------------- */

static void experiment__list__all_with_source_and_cost(void **state)
{
    (void)state;
    struct run *run = run_ok("experiment", "list", "--json", NULL);
    json_t *out = run_json(run), *one;
    size_t i;
    assert_int_equal(json_array_size(look(out, "experiments", JSON_ARRAY)), 12);
    json_array_foreach(look(out, "experiments", JSON_ARRAY), i, one) {
        assert_true(strlen(look_text(one, "shows")) > 0);
        assert_true(strlen(look_text(one, "published")) > 0);
        assert_true(strlen(look_text(one, "source")) > 0);
        assert_true(look_real(one, "tokens") > 0);
        assert_true(look_real(one, "seconds") > 0);
    }
    json_decref(out);
    run_free(run);
    run = run_ok("experiment", "list", "nano", NULL);
    run_expect_out(run, "scale-guided (published as experiment 2): ");
    run_expect_out(run, "costs      about ");
    run_free(run);
}

static void experiment__state__kept_and_gone_on_with(void **state)
{
    (void)state;
    const char *record = run_path("kept.jsonl"), *output = run_path("out.json");
    struct run *run = run_ok("experiment", "layer-impact", "--probes", "math", "--layers", "1,2",
                             "--state", record, "-o", output, NULL);
    run_expect_out(run, "published as experiment 2, 15");
    run_expect_out(run, "the model is as it was, to the bit");
    run_free(run);
    assert_true(look_exists(record));
    run = run_ok("experiment", "layer-impact", "--probes", "math", "--layers", "1,2", "--state",
                 record, "--json", NULL);
    json_t *again = run_json(run), *first;
    struct err err = {0};
    first = json_read(output, &err);
    t_ok(first != NULL, &err);
    assert_int_equal(look_int(first, "resumed"), 0);
    assert_int_equal(look_int(again, "resumed"), 3); /* base and two layers */
    assert_true(json_equal(json_object_get(first, "tables"), json_object_get(again, "tables")));
    assert_true(json_equal(json_object_get(first, "claims"), json_object_get(again, "claims")));
    json_decref(first);
    json_decref(again);
    run_free(run);
    run_refused("mismatch", "--fresh begins it again", "experiment", "layer-impact", "--probes",
                "math", "--layers", "1", "--state", record, NULL);
    run = run_ok("experiment", "layer-impact", "--probes", "math", "--layers", "1", "--state",
                 record, "--fresh", NULL);
    run_free(run);
}

static void experiment__bad_lines__refused(void **state)
{
    (void)state;
    run_refused("usage", "unknown experiment 'nothing'", "experiment", "nothing", NULL);
    run_refused("usage", "expected", "experiment", NULL);
    run_refused("usage", "--iters is no option of layer-impact", "experiment", "layer-impact",
                "--iters", "3", NULL);
    run_refused("usage", "layer-impact takes no patches", "experiment", "layer-impact", "nano",
                "p.json", NULL);
    run_refused("usage", "'3' is no size above 3", "experiment", "scale-guided", "--sizes",
                "3,3", NULL);
    run_refused("usage", "'x' is no size above 0", "experiment", "bfs", "--sizes", "x", NULL);
    run_refused("range", "1000 rows are more than the 768", "experiment", "scale-guided",
                "--sizes", "1000", NULL);
    run_refused("range", "more than half of all MLP bits", "experiment", "random-flips",
                "--sizes", "2000000", NULL);
    run_refused("range", "layer 6 is outside 0 .. 5", "experiment", "layer-impact", "--layers",
                "6", NULL);
    run_refused("usage", "stacking takes two patches, or none", "experiment", "stacking",
                "--patch", strong_patch("first", 0), NULL);
    run_refused("usage", "at most one patch", "experiment", "safety", "nano",
                strong_patch("first", 0), strong_patch("second", 0), NULL);
    run_refused("usage", "--metric: 'x' is unknown", "experiment", "layer-impact", "--metric",
                "x", NULL);
    run_refused("usage", "no-such-model", "experiment", "bfs", "no-such-model.gguf", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_impact__a_layer__what_eval_says_of_the_patch),
        cmocka_unit_test(scale_guided__rows__highest_scales),
        cmocka_unit_test(head_to_head__patches__as_eval_counts_them),
        cmocka_unit_test(stacking__two_patches__overlap_order_and_answers),
        cmocka_unit_test(variations_and_safety__a_patch__as_eval_counts_it),
        cmocka_unit_test(generalization__search__that_of_bankai_search),
        cmocka_unit_test(granularity__accepted__fewer_than_tried),
        cmocka_unit_test(bfs__changes__those_of_the_definition),
        cmocka_unit_test(random_flips__base__what_ppl_says),
        cmocka_unit_test(experiment__list__all_with_source_and_cost),
        cmocka_unit_test(experiment__state__kept_and_gone_on_with),
        cmocka_unit_test(experiment__bad_lines__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
