/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * patch info and patch verify, as a person and as a script sees them.
 */
#include "tests/t.h"

#include <math.h>
#include <stdlib.h>

#include "tests/cli/run.h"

static const char small[] =
    "{\"name\": \"small\", \"base_model\": \"nano\", \"flips\": [\n"
    " {\"layer\": 1, \"proj\": \"gate_proj\", \"row\": 17},\n"
    " {\"layer\": 0, \"proj\": \"down_proj\", \"row\": 3, \"group\": 1},\n"
    " {\"proj\": \"embed\", \"row\": 300}]}";

static void same_json(struct run *run, const char *expected)
{
    json_t *found = run_json(run);
    json_t *wanted = json_loads(expected, 0, NULL);
    assert_non_null(wanted);
    double least = json_number_value(json_object_get(wanted, "bytes_least"));
    if (least > 0 && fabs(json_number_value(json_object_get(found, "bytes_least")) - least) < 1e-3)
        (void)json_object_set_new(found, "bytes_least", json_real(least));
    char *text = json_dumps(found, JSON_INDENT(1));
    if (!json_equal(found, wanted))
        fail_msg("%s printed %s", run->line, text);
    free(text);
    json_decref(found);
    json_decref(wanted);
    run_free(run);
}

#define SMALL_FIELDS                                                                              \
    "{\"format\": \"bankai_row_xor_v1 (not stated)\", \"name\": \"small\","                       \
    " \"base_model\": \"nano\","                                                                  \
    " \"flips\": [{\"layer\": 1, \"proj\": \"gate_proj\", \"row\": 17},"                          \
    "             {\"layer\": 0, \"proj\": \"down_proj\", \"row\": 3, \"group\": 1},"             \
    "             {\"proj\": \"embed\", \"row\": 300}],"                                          \
    " \"rows\": 2, \"groups\": 1, \"bits\": 0, \"bytes\": 41, \"bytes_with_texts\": 50,"           \
    /* (337 choose 2) * 8: of rows 301 of embed and 2 * 18 of gates, of groups 4 * 2 */           \
    " \"bytes_least\": 2.3486,"

static void patch_info__json_without_model__nulls(void **state)
{
    (void)state;
    const char *path = run_write_text("small.json", small);
    same_json(run_ok("patch", "info", path, "--json", NULL),
              SMALL_FIELDS "\"bits_flipped\": null, \"share_of_mlp\": null,"
                           "\"share_of_all\": null}");
}

/* Columns: gate and embed 256, a group 128. */
static void patch_info__json_with_model__counted(void **state)
{
    (void)state;
    const char *path = run_write_text("small.json", small);
    struct run *run = run_ok("patch", "info", path, "nano", "--json", NULL);
    json_t *info = run_json(run);
    json_t *model = NULL;
    struct run *again = run_ok("patch", "info", "--json", "-m", "nano", path, NULL);
    model = run_json(again);
    assert_true(json_equal(info, model)); /* -m MODEL is the same */
    assert_int_equal(json_integer_value(json_object_get(info, "bits_flipped")), 256 + 128 + 256);
    double mlp = json_real_value(json_object_get(info, "share_of_mlp"));
    double all = json_real_value(json_object_get(info, "share_of_all"));
    assert_true(mlp > 0 && mlp < 1e-3 && all > 0 && all < 1e-3);
    json_decref(info);
    json_decref(model);
    run_free(run);
    run_free(again);
}

static void patch_info__text__says_that_model_is_needed(void **state)
{
    (void)state;
    const char *path = run_write_text("small.json", small);
    struct run *run = run_ok("patch", "info", path, NULL);
    run_expect_out(run, "name          small\n");
    run_expect_out(run, "base SHA-256  not stated\n");
    run_expect_out(run, "flips         3 (2 rows, 1 groups, 0 bits)\n");
    run_expect_out(run, "  no layer    embed 1\n"
                        "  layer 0     down_proj 1\n"
                        "  layer 1     gate_proj 1\n");
    run_expect_out(run, "bytes         41, with its texts 50; "
                        "as many random flips need 2.3 (");
    run_expect_out(run, "MODEL is needed");
    run_free(run);
    run = run_ok("patch", "info", path, "nano", NULL);
    run_expect_out(run, "bits flipped  640\n");
    run_free(run);
}

static void patch_info__other_model__warned(void **state)
{
    (void)state;
    const char *path = run_write_text(
        "other.json",
        "{\"flips\": [], \"metadata\": {\"base_sha256\": "
        "\"b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c\"}}");
    struct run *run = run_ok("patch", "info", path, "nano", NULL);
    run_expect_err(run, "metadata.base_sha256: is for the model with SHA-256 b5bb9d80");
    run_free(run);
}

static void patch_info__bad_input__refused(void **state)
{
    (void)state;
    const char *bad = run_write_text("bad.json", "{\"flips\": [\n  {\"layer\": 1,}]}");
    run_refused("format", "bad.json: line 2, column 15: is not valid JSON", "patch", "info", bad,
                NULL);
    const char *far = run_write_text(
        "far.json", "{\"flips\": [{\"layer\": 99, \"proj\": \"q_proj\", \"row\": 1}]}");
    run_refused("range", "far.json: flips[0].layer: layer 99 is outside 0 .. ", "patch", "info",
                far, "nano", NULL);
    run_refused("usage", "cannot open", "patch", "info", "no-such-file.json", NULL);
    run_refused("usage", "unknown action 'look', expected info, verify, pack or unpack", "patch",
                "look", bad, NULL);
    run_refused("usage", "MODEL and -m MODEL are both given, expected one of them", "patch", "info",
                bad, "nano", "-m", "nano", NULL);
    run_refused("usage", "an argument is missing", "patch", "info", NULL);
}

static void patch_verify__good_patch__ok(void **state)
{
    (void)state;
    const char *path = run_write_text("small.json", small);
    same_json(run_ok("patch", "verify", path, "--json", NULL), "{\"ok\": true, \"reasons\": []}");
    same_json(run_ok("patch", "verify", path, "nano", "--json", NULL),
              "{\"ok\": true, \"reasons\": []}");
    struct run *run = run_ok("patch", "verify", path, "nano", NULL);
    run_expect_out(run, "ok: it fits the model, and comes off again without a trace");
    run_expect_err(run, "does not state the hash of its model");
    run_free(run);
}

static void verify_says(const char *text, const char *expected)
{
    const char *path = run_write_text("v.json", text);
    struct run *run = run_bankai(NULL, "patch", "verify", path, "nano", "--json", NULL);
    run_expect_status(run, 1);
    assert_null(strstr(run->err.data, "error"));
    same_json(run, expected);
}

static void patch_verify__bad_patch__reasons_and_status_1(void **state)
{
    (void)state;
    verify_says("{\"flips\": [{\"layer\": 1, \"proj\": \"k_proj\", \"row\": -1}]}",
                "{\"ok\": false, \"reasons\": [\"flips[0].row: is -1, expected an integer "
                "from 0 to 2147483647\"]}");
    verify_says("{\"flips\": [{\"layer\": 0, \"proj\": \"o_proj\", \"row\": 100000}]}",
                "{\"ok\": false, \"reasons\": [\"flips[0].row: row 100000 of o_proj is outside "
                "0 .. 255\"]}");
    verify_says("{\"format\": \"xor_v9\"}",
                "{\"ok\": false, \"reasons\": [\"format: is \\\"xor_v9\\\", supported are "
                "\\\"bankai_row_xor_v1\\\" and \\\"bankai_xor_v2\\\"\"]}");
    verify_says("{", "{\"ok\": false, \"reasons\": [\"line 1, column 1: is not valid JSON: string "
                     "or '}' expected near end of file\"]}");
}

/* Two things can be wrong at once. */
static void patch_verify__wrong_hash_and_row__both_told(void **state)
{
    (void)state;
    const char *path = run_write_text(
        "both.json",
        "{\"flips\": [{\"layer\": 9999, \"proj\": \"o_proj\", \"row\": 1}], \"metadata\": "
        "{\"base_sha256\": \"b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c\"}}");
    struct run *run = run_bankai(NULL, "patch", "verify", path, "nano", NULL);
    run_expect_status(run, 1);
    run_expect_out(run, ": not ok\n  metadata.base_sha256: is for the model with SHA-256 b5bb9d80");
    run_expect_out(run, "\n  flips[0].layer: layer 9999 is outside 0 .. ");
    run_free(run);
}

static void patch_verify__machine_fails__status_of_the_failure(void **state)
{
    (void)state;
    run_refused("usage", "cannot open", "patch", "verify", "no-such-file.json", NULL);
    const char *path = run_write_text("small.json", small);
    run_refused("usage", "cannot open", "patch", "verify", path, "./no-such-model.gguf", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_info__json_without_model__nulls),
        cmocka_unit_test(patch_info__json_with_model__counted),
        cmocka_unit_test(patch_info__text__says_that_model_is_needed),
        cmocka_unit_test(patch_info__other_model__warned),
        cmocka_unit_test(patch_info__bad_input__refused),
        cmocka_unit_test(patch_verify__good_patch__ok),
        cmocka_unit_test(patch_verify__bad_patch__reasons_and_status_1),
        cmocka_unit_test(patch_verify__wrong_hash_and_row__both_told),
        cmocka_unit_test(patch_verify__machine_fails__status_of_the_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
