/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading patch files: what is read, every refusal with its exact text, the
 * examples of patches/FORMAT.md, and the published files.
 */
#include "tests/t.h"

#include <stdlib.h>

#include "patches/patch.h"
#include "tests/document.h"

static struct patch *parse(const char *text, struct err *err)
{
    return patch_parse(text, strlen(text), "dir/p.json", err);
}

static void flip_is(const struct flip *flip, int32_t layer, enum proj proj, uint32_t row,
                    int32_t group)
{
    assert_int_equal(flip->layer, layer);
    assert_int_equal(flip->proj, proj);
    assert_int_equal(flip->row, row);
    assert_int_equal(flip->group, group);
    bool whole_row = group == FLIP_WHOLE_ROW;
    assert_true(flip->mask[0] == (whole_row ? 0 : UINT64_MAX));
    assert_true(flip->mask[1] == (whole_row ? 0 : UINT64_MAX));
}

/* ---- what is read --------------------------------------------------------- */

static void patch_parse__all_keys__kept(void **state)
{
    (void)state;
    struct err err = {0};
    struct patch *patch = parse(
        "{\"version\": 1, \"format\": \"bankai_row_xor_v1\", \"name\": \"n\","
        " \"description\": \"d\", \"base_model\": \"m\", \"flips\": ["
        "  {\"layer\": 34, \"proj\": \"down_proj\", \"row\": 2147483647, \"iteration\": 7},"
        "  {\"row\": 0, \"group\": 31, \"proj\": \"q_proj\", \"layer\": 0},"
        "  {\"proj\": \"embed\", \"row\": 5}, {\"proj\": \"head\", \"row\": 5}],"
        " \"stats\": {\"n_flips\": 99, \"bits_flipped\": 12345}, \"extra\": [1],"
        " \"metadata\": {\"seed\": 42, \"base_sha256\":"
        "  \"ABCDEF00000000000000000000000000000000000000000000000000000000ff\"}}", &err);
    t_ok(patch != NULL, &err);
    assert_string_equal(patch->format, "bankai_row_xor_v1");
    assert_string_equal(patch->name, "n");
    assert_string_equal(patch->description, "d");
    assert_string_equal(patch->base_model, "m");
    assert_string_equal(patch->base_sha256,
                        "abcdef00000000000000000000000000000000000000000000000000000000ff");
    assert_int_equal(patch->flip_count, 4);
    flip_is(&patch->flips[0], 34, PROJ_DOWN, 2147483647, FLIP_WHOLE_ROW);
    flip_is(&patch->flips[1], 0, PROJ_Q, 0, 31);
    flip_is(&patch->flips[2], NO_LAYER, PROJ_EMBED, 5, FLIP_WHOLE_ROW);
    flip_is(&patch->flips[3], NO_LAYER, PROJ_HEAD, 5, FLIP_WHOLE_ROW);
    assert_int_equal(patch->bits_flipped, 12345);
    assert_int_equal(json_integer_value(json_object_get(patch->metadata, "seed")), 42);
    assert_null(json_object_get(patch->metadata, "base_sha256"));

    patch_add(patch, (struct flip){.proj = PROJ_K, .group = FLIP_WHOLE_ROW});
    assert_int_equal(patch->bits_flipped, 0); /* no longer known */
    patch_free(patch);
}

static void patch_parse__variants__named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *format;
    } rows[] = {
        {"{\"format\": \"bankai_row_xor_v1\", \"version\": 1, \"flips\": []}", "bankai_row_xor_v1"},
        {"{\"format\": \"bankai_row_xor_v1\", \"flips\": []}", "bankai_row_xor_v1"},
        {"{\"format\": \"bankai_row_xor_v1\", \"type\": 7, \"flips\": []}", "bankai_row_xor_v1"},
        {"{\"version\": 1, \"type\": \"row_flip\", \"flips\": []}",
         "bankai_row_xor_v1 (legacy row_flip)"},
        {"{\"type\": \"row_flip\", \"flips\": []}", "bankai_row_xor_v1 (legacy row_flip)"},
        {"{\"version\": 1, \"flips\": []}", "bankai_row_xor_v1 (not stated)"},
        {"{\"flips\": []}", "bankai_row_xor_v1 (not stated)"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        struct patch *patch = parse(rows[i].text, &err);
        t_ok(patch != NULL, &err);
        assert_string_equal(patch->format, rows[i].format);
        assert_int_equal(patch->flip_count, 0);
        assert_string_equal(patch->name, "");
        assert_string_equal(patch->base_sha256, "");
        assert_int_equal(json_object_size(patch->metadata), 0);
        patch_free(patch);
    }
}

static void patch_parse__empty_hash__none_stated(void **state)
{
    (void)state;
    struct err err = {0};
    struct patch *patch = parse("{\"flips\": [], \"metadata\": {\"base_sha256\": \"\"}}", &err);
    t_ok(patch != NULL, &err);
    assert_string_equal(patch->base_sha256, "");
    patch_free(patch);
}

/* ---- what is refused ------------------------------------------------------ */

struct refusal {
    const char *text;
    enum err_code code;
    const char *where;
    const char *message;
};

#define FLIPS(flips) "{\"flips\": [" flips "]}"
#define GATE(keys) FLIPS("{\"layer\": 1, \"proj\": \"gate_proj\", " keys "}")
#define KNOWN_PROJS                                                                              \
    "expected one of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, embed, head"
#define V2_REASON                                                                                \
    "supported are \"bankai_row_xor_v1\" and \"bankai_xor_v2\"; its group index runs over the "  \
    "whole tensor and its flips may change scales, which no XOR of sign bits can say"
#define FOREIGN "is no key of a flip in bankai_row_xor_v1: it flips rows and groups only"
#define FOREIGN_2                                                                                \
    "is no key of a flip in bankai_xor_v2: it flips rows, groups and masks of groups only"
#define V2(keys)                                                                                 \
    "{\"version\": 2, \"format\": \"bankai_xor_v2\", \"flips\": [{\"layer\": 1, \"proj\": "        \
    "\"gate_proj\", " keys "}]}"
#define ONES "0f000000000000000000000000000001"
#define MASK "expected 32 hex digits in lower case, not all 0"
#define INDEX "expected an integer from 0 to 2147483647"

static const struct refusal refusals[] = {
    /* syntax */
    {"", ERR_FORMAT, "line 1, column 0", "is not valid JSON: unexpected token near end of file"},
    {"{\"flips\": [\n  {\"layer\": 1,}]}", ERR_FORMAT, "line 2, column 15",
     "is not valid JSON: string or '}' expected near '}'"},
    {"{\"flips\": [], \"flips\": []}", ERR_FORMAT, "line 1, column 21",
     "is not valid JSON: duplicate object key near '\"flips\"'"},
    {"{\"flips\": [], \"name\": \"a\\u0000b\"}", ERR_FORMAT, "line 1, column 32",
     "is not valid JSON: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"a\\u0000b\"'"},
    {GATE("\"row\": 99999999999999999999"), ERR_FORMAT, "line 1, column 72",
     "is not valid JSON: too big integer near '99999999999999999999'"},
    {"{\"flips\": []} x", ERR_FORMAT, "line 1, column 15",
     "is not valid JSON: end of file expected near 'x'"},

    /* the document */
    {"[]", ERR_FORMAT, "", "is an array, expected an object with flips"},
    {"{}", ERR_FORMAT, "flips", "is missing, expected an array"},
    {"{\"flips\": {}}", ERR_FORMAT, "flips", "is an object, expected an array"},
    {"{\"flips\": [], \"name\": 7}", ERR_FORMAT, "name", "is an integer (7), expected a string"},
    {"{\"flips\": [], \"description\": null}", ERR_FORMAT, "description",
     "is null, expected a string"},
    {"{\"flips\": [], \"base_model\": []}", ERR_FORMAT, "base_model",
     "is an array, expected a string"},
    {"{\"flips\": [], \"metadata\": []}", ERR_FORMAT, "metadata",
     "is an array, expected an object"},
    {"{\"flips\": [], \"metadata\": {\"base_sha256\": 1}}", ERR_FORMAT, "metadata.base_sha256",
     "is an integer (1), expected a string"},
    {"{\"flips\": [], \"metadata\": {\"base_sha256\": \"abc\"}}", ERR_FORMAT,
     "metadata.base_sha256", "is a string (\"abc\"), expected 64 hex digits"},

    /* format and version */
    {"{\"flips\": [], \"version\": 2}", ERR_UNSUPPORTED, "version",
     "is an integer (2), expected 1"},
    {"{\"flips\": [], \"version\": \"1\"}", ERR_FORMAT, "version",
     "is a string (\"1\"), expected 1"},
    {"{\"flips\": [], \"format\": 1}", ERR_FORMAT, "format",
     "is an integer (1), expected a string"},
    {"{\"flips\": [], \"format\": \"xor_v9\"}", ERR_UNSUPPORTED, "format",
     "is \"xor_v9\", supported are \"bankai_row_xor_v1\" and \"bankai_xor_v2\""},
    {"{\"flips\": [], \"version\": 2, \"format\": \"bankai_group_xor_v2\"}", ERR_UNSUPPORTED,
     "format", "is \"bankai_group_xor_v2\", " V2_REASON},
    {"{\"flips\": [], \"version\": 2, \"format\": \"neagari_xor_v2\"}", ERR_UNSUPPORTED, "format",
     "is \"neagari_xor_v2\", " V2_REASON},
    {"{\"flips\": [], \"format\": \"bankai_row_xor_v1\", \"version\": 2}", ERR_UNSUPPORTED,
     "version", "is an integer (2), expected 1"},
    {"{\"flips\": [], \"type\": \"scale_flip\"}", ERR_UNSUPPORTED, "type",
     "is \"scale_flip\", supported is \"row_flip\""},
    {"{\"flips\": [], \"type\": 1}", ERR_FORMAT, "type", "is an integer (1), expected a string"},

    /* a flip */
    {FLIPS("[1, \"gate_proj\", 5]"), ERR_FORMAT, "flips[0]",
     "is an array, expected an object with layer, proj and row"},
    {FLIPS("{\"layer\": 1, \"row\": 1}"), ERR_FORMAT, "flips[0].proj",
     "is missing, expected a string"},
    {FLIPS("{\"layer\": 1, \"row\": 1, \"proj\": 3}"), ERR_FORMAT, "flips[0].proj",
     "is an integer (3), expected a string"},
    {FLIPS("{\"layer\": 1, \"row\": 1, \"proj\": \"gate\"}"), ERR_RANGE, "flips[0].proj",
     "is \"gate\", " KNOWN_PROJS},
    {FLIPS("{\"layer\": 1, \"row\": 1, \"proj\": \"\\u001b[31m\"}"), ERR_RANGE, "flips[0].proj",
     "is \"\\x1B[31m\", " KNOWN_PROJS},
    {FLIPS("{\"row\": 1, \"proj\": \"up_proj\"}"), ERR_FORMAT, "flips[0].layer",
     "is missing, " INDEX},
    {FLIPS("{\"layer\": -1, \"row\": 1, \"proj\": \"up_proj\"}"), ERR_RANGE, "flips[0].layer",
     "is -1, " INDEX},
    {FLIPS("{\"layer\": 0, \"row\": 1, \"proj\": \"embed\"}"), ERR_FORMAT, "flips[0].layer",
     "is given, but embed belongs to no layer"},
    {FLIPS("{\"layer\": 1, \"proj\": \"gate_proj\"}"), ERR_FORMAT, "flips[0].row",
     "is missing, " INDEX},
    {GATE("\"row\": \"5\""), ERR_FORMAT, "flips[0].row", "is a string (\"5\"), " INDEX},
    {GATE("\"row\": 5.5"), ERR_FORMAT, "flips[0].row", "is a fraction (5.5), " INDEX},
    {GATE("\"row\": 5.0"), ERR_FORMAT, "flips[0].row", "is a fraction (5.0), " INDEX},
    {GATE("\"row\": true"), ERR_FORMAT, "flips[0].row", "is true or false, " INDEX},
    {GATE("\"row\": -1"), ERR_RANGE, "flips[0].row", "is -1, " INDEX},
    {GATE("\"row\": 2147483648"), ERR_RANGE, "flips[0].row", "is 2147483648, " INDEX},
    {GATE("\"row\": 9223372036854775807"), ERR_RANGE, "flips[0].row",
     "is 9223372036854775807, " INDEX},
    {GATE("\"row\": 1, \"group\": -1"), ERR_RANGE, "flips[0].group", "is -1, " INDEX},
    {GATE("\"row\": 1, \"group\": 4294967296"), ERR_RANGE, "flips[0].group",
     "is 4294967296, " INDEX},
    {GATE("\"row\": 1, \"group\": null"), ERR_FORMAT, "flips[0].group", "is null, " INDEX},
    {GATE("\"row\": 1, \"bit\": 3"), ERR_UNSUPPORTED, "flips[0].bit", FOREIGN},
    {GATE("\"row\": 1, \"mask\": \"ff\""), ERR_UNSUPPORTED, "flips[0].mask", FOREIGN},
    {V2("\"row\": 1, \"group\": 0, \"bit\": 3"), ERR_UNSUPPORTED, "flips[0].bit", FOREIGN_2},
    {V2("\"row\": 1, \"mask\": \"" ONES "\""), ERR_FORMAT, "flips[0].group",
     "is missing, " INDEX},
    {V2("\"row\": 1, \"group\": 0, \"mask\": 7"), ERR_FORMAT, "flips[0].mask",
     "is an integer (7), expected a string"},
    {V2("\"row\": 1, \"group\": 0, \"mask\": \"ff\""), ERR_FORMAT, "flips[0].mask",
     "is a string (\"ff\"), " MASK},
    {V2("\"row\": 1, \"group\": 0, \"mask\": \"0000000000000000000000000000000G\""), ERR_FORMAT,
     "flips[0].mask", "is a string (\"0000000000000000000000000000000G\"), " MASK},
    {V2("\"row\": 1, \"group\": 0, \"mask\": \"00000000000000000000000000000000\""), ERR_FORMAT,
     "flips[0].mask", "is a string (\"00000000000000000000000000000000\"), " MASK},
    {V2("\"row\": 1, \"group\": 0, \"mask\": \"" ONES "\"}, {\"layer\": 1, "
        "\"proj\": \"gate_proj\", \"row\": 1, \"group\": 0, \"mask\": \"" ONES "\""),
     ERR_FORMAT, "flips[1]", "flips the same weights as flips[0]: layer 1 gate_proj row 1"},
    {"{\"flips\": [], \"format\": \"bankai_xor_v2\"}", ERR_FORMAT, "version",
     "is missing, expected 2"},
    {"{\"flips\": [], \"format\": \"bankai_xor_v2\", \"version\": 1}", ERR_UNSUPPORTED, "version",
     "is an integer (1), expected 2"},
    {GATE("\"row\": 1, \"scale_bit\": 3"), ERR_UNSUPPORTED, "flips[0].scale_bit", FOREIGN},
    {GATE("\"row\": 1, \"type\": \"scale\""), ERR_UNSUPPORTED, "flips[0].type", FOREIGN},

    /* the same weights twice */
    {FLIPS("{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5},"
           "{\"layer\": 2, \"proj\": \"k_proj\", \"row\": 5},"
           "{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5}"),
     ERR_FORMAT, "flips[2]", "flips the same weights as flips[0]: layer 1 k_proj row 5"},
    {FLIPS("{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5, \"group\": 2},"
           "{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5, \"group\": 1},"
           "{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5, \"group\": 2}"),
     ERR_FORMAT, "flips[2]", "flips the same weights as flips[0]: layer 1 k_proj row 5"},
    {FLIPS("{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5},"
           "{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5, \"group\": 0}"),
     ERR_FORMAT, "flips[1]", "flips the same weights as flips[0]: layer 1 k_proj row 5"},
    {FLIPS("{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5, \"group\": 7},"
           "{\"layer\": 1, \"proj\": \"k_proj\", \"row\": 5}"),
     ERR_FORMAT, "flips[1]", "flips the same weights as flips[0]: layer 1 k_proj row 5"},
    {FLIPS("{\"proj\": \"embed\", \"row\": 5}, {\"proj\": \"embed\", \"row\": 5}"), ERR_FORMAT,
     "flips[1]", "flips the same weights as flips[0]: embed row 5"},
    /* of several the one that comes first in the file */
    {FLIPS("{\"proj\": \"head\", \"row\": 9}, {\"proj\": \"embed\", \"row\": 5},"
           "{\"proj\": \"head\", \"row\": 9}, {\"proj\": \"embed\", \"row\": 5}"),
     ERR_FORMAT, "flips[2]", "flips the same weights as flips[0]: head row 9"},
    {FLIPS("{\"proj\": \"head\", \"row\": 9, \"group\": 4},"
           "{\"proj\": \"head\", \"row\": 9, \"group\": 3},"
           "{\"proj\": \"head\", \"row\": 9, \"group\": 3}, {\"proj\": \"head\", \"row\": 9}"),
     ERR_FORMAT, "flips[2]", "flips the same weights as flips[1]: head row 9"},
};

static void patch_parse__bad_files__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(refusals); i++) {
        struct err err = {0};
        struct patch *patch = parse(refusals[i].text, &err);
        if (patch)
            fail_msg("was read: %s", refusals[i].text);
        t_err_is(&err, refusals[i].code, refusals[i].where, refusals[i].message);
        assert_string_equal(err.file, "dir/p.json");
    }
}

static void patch_parse__too_many_flips__refused(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_add_text(&text, "{\"flips\": [0");
    for (size_t i = 0; i < 1000000; i++)
        buf_add_text(&text, ",0");
    buf_add_text(&text, "]}");
    struct err err = {0};
    assert_null(patch_parse(text.data, text.len, "many", &err));
    t_err_is(&err, ERR_RANGE, "flips", "has 1000001 flips, expected at most 1000000");
    buf_free(&text);
}

static void patch_parse__raw_nul_byte__refused(void **state)
{
    (void)state;
    static const char text[] = "{\"flips\": [], \"name\": \"a\0b\"}";
    struct err err = {0};
    assert_null(patch_parse(text, sizeof text - 1, "p", &err));
    t_err_is(&err, ERR_FORMAT, "line 1, column 24",
             "is not valid JSON: control character 0x0 near '\"a'");
}

static void patch_read__no_file__refused(void **state)
{
    (void)state;
    struct err err = {0};
    assert_null(patch_read("no/such/file.json", &err));
    t_err_is(&err, ERR_USAGE, "", "cannot open: No such file or directory");
    assert_string_equal(err.file, "no/such/file.json");
}

/* ---- documents and published files ---------------------------------------- */

static void check_written(const struct document_block *block)
{
    struct err err = {0};
    struct buf text = {0};
    struct patch *patch = patch_parse(block->text, block->len, "example", &err);
    t_ok(patch != NULL, &err);
    patch_print(patch, &text);
    char *expected = x_copy(block->text, block->len);
    t_buf_is(&text, expected);
    free(expected);
    buf_free(&text);
    patch_free(patch);
}

static void check_refused(const struct document_block *example, const struct document_block *reason)
{
    struct err err = {0};
    assert_null(patch_parse(example->text, example->len, "example", &err));
    struct buf found = {0};
    buf_add_format(&found, "%s: %s\n", err.where, err.message);
    char *expected = x_copy(reason->text, reason->len);
    t_buf_is(&found, expected);
    free(expected);
    buf_free(&found);
}

static void patch_parse__examples_of_format_md__hold(void **state)
{
    (void)state;
    struct buf document = document_read("patches/FORMAT.md");
    struct document_block block, reason;
    size_t at = 0, written = 0, accepted = 0, refused = 0;
    while (document_block(&document, &at, &block)) {
        if (document_block_is(&block, "json written")) {
            check_written(&block);
            written++;
        } else if (document_block_is(&block, "json refused")) {
            assert_true(document_block(&document, &at, &reason));
            check_refused(&block, &reason);
            refused++;
        } else if (!document_block_is(&block, "xor")) { /* test_patch_packed reads these */
            assert_true(document_block_is(&block, "json accepted"));
            struct err err = {0};
            struct patch *patch = patch_parse(block.text, block.len, "example", &err);
            t_ok(patch != NULL, &err);
            patch_free(patch);
            accepted++;
        }
    }
    assert_int_equal(written, 3);
    assert_int_equal(accepted, 2);
    assert_int_equal(refused, 5);
    buf_free(&document);
}

/* The flip as the JSON says it, read by jansson alone. */
static void flip_equals_json(const struct flip *flip, const json_t *value)
{
    assert_int_equal(flip->layer, json_integer_value(json_object_get(value, "layer")));
    assert_string_equal(proj_name(flip->proj),
                        json_string_value(json_object_get(value, "proj")));
    assert_int_equal(flip->row, json_integer_value(json_object_get(value, "row")));
    const json_t *group = json_object_get(value, "group");
    assert_int_equal(flip->group, group ? json_integer_value(group) : FLIP_WHOLE_ROW);
}

static void check_published(const char *path, size_t count, const char *format)
{
    struct err err = {0};
    struct patch *patch = patch_read(path, &err);
    t_ok(patch != NULL, &err);
    assert_string_equal(patch->format, format);
    json_error_t problem;
    json_t *root = json_load_file(path, 0, &problem);
    const json_t *flips = json_object_get(root, "flips");
    assert_int_equal(patch->flip_count, count);
    assert_int_equal(json_array_size(flips), count);
    for (size_t i = 0; i < count; i++)
        flip_equals_json(&patch->flips[i], json_array_get(flips, i));
    const char *name = json_string_value(json_object_get(root, "name"));
    assert_string_equal(patch->name, name ? name : "");
    assert_string_equal(patch->base_model,
                        json_string_value(json_object_get(root, "base_model")));
    const json_t *metadata = json_object_get(root, "metadata");
    assert_true(metadata ? json_equal(patch->metadata, metadata)
                         : json_object_size(patch->metadata) == 0);
    json_decref(root);
    patch_free(patch);
}

static void patch_read__published_files__equal_their_json(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
        const char *variant;
    } rows[] = {
        {"patch_math_v1", 72, " (legacy row_flip)"},
        {"calculus_attn_v1", 85, " (not stated)"},
        {"calculus_beefy_v1", 73, " (not stated)"},
        {"calculus_corrected_baseline", 78, ""},
        {"calculus_corrected_extended", 95, ""},
        {"calculus_generalized_v1", 93, ""},
        {"calculus_group_v1", 6, " (not stated)"},
        {"calculus_v1", 72, ""},
    };
    struct buf name = {0}, path = {0}, format = {0};
    for (size_t i = 0; i < countof(rows); i++) {
        buf_clear(&name);
        buf_clear(&format);
        buf_add_format(&name, "bankai/patches/%s.json", rows[i].name);
        buf_add_format(&format, "bankai_row_xor_v1%s", rows[i].variant);
        if (document_published(name.data, &path))
            check_published(path.data, rows[i].count, format.data);
    }
    buf_free(&name);
    buf_free(&path);
    buf_free(&format);
}

static void patch_read__published_other_format__refused(void **state)
{
    (void)state;
    static const char *const names[] = {"neagari/v2_patch_math.json", "neagari/v3_patch_math.json"};
    struct buf path = {0};
    for (size_t i = 0; i < countof(names); i++) {
        if (!document_published(names[i], &path))
            continue;
        struct err err = {0};
        assert_null(patch_read(path.data, &err));
        t_err_is(&err, ERR_UNSUPPORTED, "format", "is \"bankai_group_xor_v2\", " V2_REASON);
    }
    buf_free(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_parse__all_keys__kept),
        cmocka_unit_test(patch_parse__variants__named),
        cmocka_unit_test(patch_parse__empty_hash__none_stated),
        cmocka_unit_test(patch_parse__bad_files__refused),
        cmocka_unit_test(patch_parse__too_many_flips__refused),
        cmocka_unit_test(patch_parse__raw_nul_byte__refused),
        cmocka_unit_test(patch_read__no_file__refused),
        cmocka_unit_test(patch_parse__examples_of_format_md__hold),
        cmocka_unit_test(patch_read__published_files__equal_their_json),
        cmocka_unit_test(patch_read__published_other_format__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
