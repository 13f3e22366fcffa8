/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Probe sets: what is read, every refusal with its exact text, the built-in
 * sets, the examples of probes/FORMAT.md, and the published files.
 */
#include "tests/t.h"

#include <jansson.h>
#include <stdlib.h>

#include "probes/probe.h"
#include "tests/document.h"

static struct probe_set *parse(const char *text, struct err *err)
{
    return probe_set_parse(text, strlen(text), "dir/easy.json", err);
}

/* ---- what is read --------------------------------------------------------- */

static void probe_set_parse__all_keys__kept(void **state)
{
    (void)state;
    struct err err = {0};
    struct probe_set *set = parse(
        "[{\"prompt\": \"p\", \"correct\": \" c\", \"wrong\": \" w\", \"name\": \"n\","
        "  \"category\": \"k\", \"alternates\": [\" a\", \" b\"], \"other\": {\"x\": [1]}}]", &err);
    t_ok(set != NULL, &err);
    assert_string_equal(set->name, "easy");
    assert_int_equal(set->count, 1);
    const struct probe *probe = &set->probes[0];
    assert_string_equal(probe->prompt, "p");
    assert_string_equal(probe->correct, " c");
    assert_string_equal(probe->wrong, " w");
    assert_string_equal(probe->name, "n");
    assert_string_equal(probe->set, "easy");
    assert_string_equal(probe->category, "k");
    assert_int_equal(probe->alternate_count, 2);
    assert_string_equal(probe->alternates[0], " a");
    assert_string_equal(probe->alternates[1], " b");
    probe_set_free(set);
}

static void probe_set_parse__only_required_keys__defaults(void **state)
{
    (void)state;
    struct err err = {0};
    struct probe_set *set = parse("{\"version\": 1, \"probes\": ["
                                  "{\"prompt\": \"p\", \"correct\": \"c\"},"
                                  "{\"prompt\": \"p\", \"correct\": \"c\", \"wrong\": \"\"}]}",
                                  &err);
    t_ok(set != NULL, &err);
    assert_int_equal(set->count, 2);
    assert_string_equal(set->probes[0].name, "easy-0");
    assert_string_equal(set->probes[1].name, "easy-1");
    assert_string_equal(set->probes[0].wrong, "");
    assert_string_equal(set->probes[1].wrong, "");
    assert_string_equal(set->probes[0].category, "");
    assert_int_equal(set->probes[0].alternate_count, 0);
    probe_set_free(set);
}

static void probe_set_parse__name_of_file__without_folder_and_ending(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *name;
    } rows[] = {
        {"easy.json", "easy"}, {"./a.b/easy.json", "easy"}, {"easy.jsonl", "easy"},
        {"math", "math"},      {"dir/.json", ".json"},      {"dir.json/easy", "easy"},
    };
    static const char text[] = "[{\"prompt\": \"p\", \"correct\": \"c\"}]";
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        struct probe_set *set = probe_set_parse(text, strlen(text), rows[i].path, &err);
        t_ok(set != NULL, &err);
        assert_string_equal(set->name, rows[i].name);
        probe_set_free(set);
    }
}

/* ---- what is refused ------------------------------------------------------ */

struct refusal {
    const char *text;
    enum err_code code;
    const char *where;
    const char *message;
};

static const struct refusal refusals[] = {
    {"[{\"prompt\": \"p\"\n \"correct\": \"c\"}]", ERR_FORMAT, "line 2, column 10",
     "is not valid JSON: '}' expected near '\"correct\"'"},
    {"[{\"prompt\": \"p\", \"prompt\": \"q\", \"correct\": \"c\"}]", ERR_FORMAT,
     "line 1, column 25",
     "is not valid JSON: duplicate object key near '\"prompt\"'"},
    {"[{\"prompt\": \"p\\u0000\", \"correct\": \"c\"}]", ERR_FORMAT, "line 1, column 21",
     "is not valid JSON: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"p\\u0000\"'"},
    {"7", ERR_FORMAT, "",
     "is an integer (7), expected an array of probes or an object with probes"},
    {"{}", ERR_FORMAT, "probes", "is missing, expected an array"},
    {"{\"probes\": {}}", ERR_FORMAT, "probes", "is an object, expected an array"},
    {"[]", ERR_RANGE, "", "has 0 probes, expected 1 to 1000000"},
    {"{\"probes\": []}", ERR_RANGE, "probes", "has 0 probes, expected 1 to 1000000"},
    {"[null]", ERR_FORMAT, "[0]", "is null, expected an object with prompt and correct"},
    {"[{}]", ERR_FORMAT, "[0].prompt", "is missing, expected a string"},
    {"[{\"prompt\": 1}]", ERR_FORMAT, "[0].prompt", "is an integer (1), expected a string"},
    {"[{\"prompt\": \"\"}]", ERR_FORMAT, "[0].prompt", "is empty, expected text"},
    {"[{\"prompt\": \"p\"}]", ERR_FORMAT, "[0].correct", "is missing, expected a string"},
    {"[{\"prompt\": \"p\", \"correct\": [\"c\"]}]", ERR_FORMAT, "[0].correct",
     "is an array, expected a string"},
    {"{\"probes\": [{\"prompt\": \"p\", \"correct\": \"\"}]}", ERR_FORMAT, "probes[0].correct",
     "is empty, expected text"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"wrong\": null}]", ERR_FORMAT, "[0].wrong",
     "is null, expected a string"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"category\": true}]", ERR_FORMAT, "[0].category",
     "is true or false, expected a string"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"name\": \"\"}]", ERR_FORMAT, "[0].name",
     "is empty, expected text"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"name\": 1.5}]", ERR_FORMAT, "[0].name",
     "is a fraction (1.5), expected a string"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"alternates\": \"a\"}]", ERR_FORMAT,
     "[0].alternates", "is a string (\"a\"), expected an array"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"alternates\": [\"a\", 2]}]", ERR_FORMAT,
     "[0].alternates[1]", "is an integer (2), expected a string"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"alternates\": [\"\"]}]", ERR_FORMAT,
     "[0].alternates[0]", "is empty, expected text"},
    {"[{\"prompt\": \"p\", \"correct\": \"c\", \"name\": \"x\"},"
     " {\"prompt\": \"p\", \"correct\": \"c\"},"
     " {\"prompt\": \"p\", \"correct\": \"c\", \"name\": \"x\"},"
     " {\"prompt\": \"p\", \"correct\": \"c\", \"name\": \"x\"}]",
     ERR_FORMAT, "[2].name", "is \"x\", which is the name of [0] already"},
    {"{\"probes\": [{\"prompt\": \"p\", \"correct\": \"c\", \"name\": \"easy-1\"},"
     " {\"prompt\": \"p\", \"correct\": \"c\"}]}",
     ERR_FORMAT, "probes[1].name", "is \"easy-1\", which is the name of probes[0] already"},
};

static void probe_set_parse__bad_files__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(refusals); i++) {
        struct err err = {0};
        struct probe_set *set = parse(refusals[i].text, &err);
        if (set)
            fail_msg("was read: %s", refusals[i].text);
        t_err_is(&err, refusals[i].code, refusals[i].where, refusals[i].message);
        assert_string_equal(err.file, "dir/easy.json");
    }
}

static void probe_set_parse__too_many__refused(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_add_text(&text, "[0");
    for (size_t i = 0; i < 1000000; i++)
        buf_add_text(&text, ",0");
    buf_add_text(&text, "]");
    struct err err = {0};
    assert_null(probe_set_parse(text.data, text.len, "many", &err));
    t_err_is(&err, ERR_RANGE, "", "has 1000001 probes, expected 1 to 1000000");
    buf_free(&text);
}

/* ---- naming sets ---------------------------------------------------------- */

static void probe_set_load__bad_specs__refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        const char *message;
    } rows[] = {
        {"", "the list of probe sets has an empty name"},
        {"math,", "the list of probe sets has an empty name"},
        {"math,,code", "the list of probe sets has an empty name"},
        {"maths",
         "there is no built-in probe set 'maths', expected one of math, code, knowledge, "
         "calculus-train, calculus-heldout, nano-train, nano-heldout, "
         "gen:FAMILY, or a path with / or ."},
        {"math,code,math", "there are two probe sets named 'math', expected one"},
        {"math,probes/sets/math.json", "there are two probe sets named 'math', expected one"},
        {"./no-such-file", "cannot open: No such file or directory"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        assert_null(probe_set_load(rows[i].spec, &err));
        t_err_is(&err, ERR_USAGE, "", rows[i].message);
    }
}

static void probe_set_load__every_builtin__as_its_file(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count_min;
    } rows[] = {
        {"math", 1},           {"code", 1},
        {"knowledge", 1},      {"calculus-train", 60},
        {"calculus-heldout", 30}, {"nano-train", 300},
        {"nano-heldout", 480},
    };
    const char *const *names = probe_set_builtin_names();
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        assert_string_equal(names[i], rows[i].name);
        struct probe_set *builtin = probe_set_load(rows[i].name, &err);
        t_ok(builtin != NULL, &err);
        assert_true(builtin->count >= rows[i].count_min);

        struct buf path = {0};
        buf_add_format(&path, "probes/sets/%s.json", rows[i].name);
        struct probe_set *file = probe_set_load(path.data, &err);
        t_ok(file != NULL, &err);
        assert_int_equal(file->count, builtin->count);
        for (size_t j = 0; j < file->count; j++) {
            assert_string_equal(file->probes[j].prompt, builtin->probes[j].prompt);
            assert_string_equal(file->probes[j].set, rows[i].name);
        }
        buf_free(&path);
        probe_set_free(file);
        probe_set_free(builtin);
    }
    assert_null(names[countof(rows)]);
}

static void probe_set_load__several__joined_in_order(void **state)
{
    (void)state;
    struct err err = {0};
    struct probe_set *code = probe_set_load("code", &err);
    struct probe_set *math = probe_set_load("math", &err);
    struct probe_set *both = probe_set_load("code,math", &err);
    t_ok(code && math && both, &err);
    assert_string_equal(both->name, "code,math");
    assert_int_equal(both->count, code->count + math->count);
    for (size_t i = 0; i < both->count; i++) {
        bool first = i < code->count;
        const struct probe *same = first ? &code->probes[i] : &math->probes[i - code->count];
        assert_string_equal(both->probes[i].set, first ? "code" : "math");
        assert_string_equal(both->probes[i].name, same->name);
        assert_string_equal(both->probes[i].correct, same->correct);
    }
    probe_set_free(code);
    probe_set_free(math);
    probe_set_free(both);
}

/* A probe's own mode goes before its set's, a command line's before both. */
static void probe_judge__modes__own_set_and_given(void **state)
{
    (void)state;
    static const char text[] =
        "{\"mode\": \"exact\", \"probes\": [{\"prompt\": \"a\", \"correct\": \"12\"},"
        " {\"prompt\": \"b\", \"correct\": \"11\", \"alternates\": [\"12\"],"
        " \"mode\": \"number\", \"name\": \"n\"},"
        " {\"prompt\": \"c\", \"correct\": \"[0-9\"}]}";
    struct err err = {0};
    struct probe_set *set = probe_set_parse(text, strlen(text), "own", &err);
    struct answer_rule rule = {.mode = ANSWER_CONTAINS};
    static const char said[] = "is 12 now";
    static const bool as_stated[] = {false, false, false}, contained[] = {true, true, false};
    t_ok(set != NULL, &err);
    for (size_t i = 0; i < 3; i++) {
        bool right = true;
        t_ok(probe_judge(&set->probes[i], said, i == 1 ? 4 : strlen(said), &right, &err), &err);
        assert_int_equal(right, as_stated[i]);
        t_ok(probe_judge(&set->probes[i], i == 2 ? "[0-9" : "12", i == 2 ? 4 : 2, &right, &err),
             &err);
        assert_true(right);
    }
    t_ok(probe_set_use_rule(set, &rule, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        bool right = true;
        t_ok(probe_judge(&set->probes[i], said, strlen(said), &right, &err), &err);
        assert_int_equal(right, contained[i]);
    }
    rule.mode = ANSWER_REGEX;
    assert_false(probe_set_use_rule(set, &rule, &err));
    t_err_is(&err, ERR_FORMAT, "probe own-2",
             "pattern '[0-9': missing terminating ] for character class (at byte 4)");
    bool right = true;
    assert_false(probe_judge(&set->probes[2], "x", 1, &right, &err));
    assert_string_equal(err.where, "probe own-2");
    probe_set_free(set);
}

static void same_probe(const struct probe *a, const struct probe *b)
{
    const char *const left[] = {a->name, a->category, a->prompt, a->correct, a->wrong};
    const char *const right[] = {b->name, b->category, b->prompt, b->correct, b->wrong};
    for (size_t i = 0; i < countof(left); i++)
        assert_string_equal(left[i], right[i]);
    assert_int_equal(a->alternate_count, b->alternate_count);
    for (size_t i = 0; i < a->alternate_count; i++)
        assert_string_equal(a->alternates[i], b->alternates[i]);
    assert_int_equal(a->rule.mode, b->rule.mode);
    assert_string_equal(a->rule.field, b->rule.field);
}

static void probe_set_print__sets__come_back(void **state)
{
    (void)state;
    static const char own[] =
        "[{\"prompt\": \"a\\n\\\"\", \"correct\": \"1\", \"alternates\": [\"2\", \" 3\"],"
        " \"category\": \"c\", \"mode\": \"json_field:a.0\"}, {\"prompt\": \"b\","
        " \"correct\": \"\\u00e4\", \"wrong\": \"x\", \"name\": \"n\"}]";
    static const char *const names[] = {"own", "nano-heldout", "calculus-train", "code"};
    for (size_t i = 0; i < countof(names); i++) {
        struct err err = {0};
        struct probe_set *set = i == 0 ? probe_set_parse(own, strlen(own), "own", &err)
                                       : probe_set_load(names[i], &err);
        t_ok(set != NULL, &err);
        struct buf text = {0};
        probe_set_print(set, &text);
        struct probe_set *again = probe_set_parse(text.data, text.len, names[i], &err);
        t_ok(again != NULL, &err);
        assert_int_equal(again->count, set->count);
        for (size_t k = 0; k < set->count; k++)
            same_probe(&again->probes[k], &set->probes[k]);
        probe_set_free(again);
        probe_set_free(set);
        buf_free(&text);
    }
}

/* ---- documents and published files ---------------------------------------- */

static void check_refused(const struct document_block *example, const struct document_block *reason)
{
    struct err err = {0};
    assert_null(probe_set_parse(example->text, example->len, "example", &err));
    struct buf found = {0};
    buf_add_format(&found, "%s: %s\n", err.where, err.message);
    char *expected = x_copy(reason->text, reason->len);
    assert_string_equal(found.data, expected);
    free(expected);
    buf_free(&found);
}

static void probe_set_parse__examples_of_format_md__hold(void **state)
{
    (void)state;
    struct buf document = document_read("probes/FORMAT.md");
    struct document_block block, reason;
    size_t at = 0, accepted = 0, refused = 0;
    while (document_block(&document, &at, &block)) {
        if (document_block_is(&block, "json refused")) {
            assert_true(document_block(&document, &at, &reason));
            check_refused(&block, &reason);
            refused++;
            continue;
        }
        assert_true(document_block_is(&block, "json accepted"));
        struct err err = {0};
        struct probe_set *set = probe_set_parse(block.text, block.len, "example", &err);
        t_ok(set != NULL, &err);
        probe_set_free(set);
        accepted++;
    }
    assert_int_equal(accepted, 3);
    assert_int_equal(refused, 6);
    buf_free(&document);
}

/* A text of the JSON, read by jansson alone. */
static void same_text(const json_t *value, const char *key, const char *found)
{
    const char *expected = json_string_value(json_object_get(value, key));
    assert_string_equal(found, expected ? expected : "");
}

static void check_published(const char *path, size_t count)
{
    struct err err = {0};
    struct probe_set *set = probe_set_load(path, &err);
    t_ok(set != NULL, &err);
    assert_int_equal(set->count, count);
    json_error_t problem;
    json_t *root = json_load_file(path, 0, &problem);
    assert_int_equal(json_array_size(root), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(root, i);
        same_text(value, "prompt", set->probes[i].prompt);
        same_text(value, "correct", set->probes[i].correct);
        same_text(value, "wrong", set->probes[i].wrong);
        same_text(value, "name", set->probes[i].name);
        same_text(value, "category", set->probes[i].category);
        assert_int_equal(set->probes[i].alternate_count,
                         json_array_size(json_object_get(value, "alternates")));
    }
    json_decref(root);
    probe_set_free(set);
}

static void probe_set_load__published_files__equal_their_json(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {
        {"bankai/probes/code.json", 4},          {"bankai/probes/knowledge.json", 5},
        {"bankai/probes/math.json", 6},          {"bankai/probes/exp6_train.json", 60},
        {"bankai/probes/exp6_val.json", 30},     {"bankai/probes/exp12_train.json", 60},
        {"bankai/probes/exp12_val.json", 30},    {"bankai/probes/exp13_variations.json", 90},
    };
    struct buf path = {0};
    for (size_t i = 0; i < countof(rows); i++)
        if (document_published(rows[i].name, &path))
            check_published(path.data, rows[i].count);
    buf_free(&path);
}

/* Its key `probes` is an object of two lists: told, not guessed at. */
static void probe_set_load__published_grouped_set__refused(void **state)
{
    (void)state;
    struct buf path = {0};
    if (document_published("neagari/probes_math_gsm8k.json", &path)) {
        struct err err = {0};
        assert_null(probe_set_load(path.data, &err));
        t_err_is(&err, ERR_FORMAT, "probes", "is an object, expected an array");
    }
    buf_free(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_set_parse__all_keys__kept),
        cmocka_unit_test(probe_set_parse__only_required_keys__defaults),
        cmocka_unit_test(probe_set_parse__name_of_file__without_folder_and_ending),
        cmocka_unit_test(probe_set_parse__bad_files__refused),
        cmocka_unit_test(probe_set_parse__too_many__refused),
        cmocka_unit_test(probe_set_load__bad_specs__refused),
        cmocka_unit_test(probe_set_load__every_builtin__as_its_file),
        cmocka_unit_test(probe_set_load__several__joined_in_order),
        cmocka_unit_test(probe_judge__modes__own_set_and_given),
        cmocka_unit_test(probe_set_print__sets__come_back),
        cmocka_unit_test(probe_set_parse__examples_of_format_md__hold),
        cmocka_unit_test(probe_set_load__published_files__equal_their_json),
        cmocka_unit_test(probe_set_load__published_grouped_set__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
