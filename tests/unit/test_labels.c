/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Controls that the model labels itself: prompts from sets, text files and numbers; labels
 * that are, letter by letter, what generation says.
 */
#include "engine/search/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/search/record.h"
#include "probes/evaluate.h"
#include "src/base/file.h"
#include "src/base/num.h"
#include "tests/t.h"

static const struct goal gap = {METRIC_SEQ_LOGPROB, METRIC_SAME, FITNESS_MEAN, .penalty = 2};
static const struct goal margin = {METRIC_MARGIN, METRIC_SAME, FITNESS_MEAN, .penalty = 2};
static const struct goal kl = {METRIC_MARGIN, METRIC_KL, FITNESS_MEAN, .penalty = 2};

static struct probe_set *load(const char *spec)
{
    struct err err = {0};
    struct probe_set *set = labels_load(spec, &err);
    t_ok(set != NULL, &err);
    return set;
}

static struct model *open_nano(void)
{
    struct err err = {0};
    struct model *model = model_open("nano", &err);
    t_ok(model != NULL, &err);
    return model;
}

/* A file of this process, which whoever asked removes. */
static const char *text_file(const char *text, size_t len)
{
    static char path[64];
    struct err err = {0};
    (void)snprintf(path, sizeof path, "/tmp/bankai-labels-%ld.txt", (long)getpid());
    t_ok(file_write(path, text, len, &err), &err);
    return path;
}

/* ---- loading -------------------------------------------------------------------------- */

static void labels_load__mixed_list__only_self_is_pending(void **state)
{
    (void)state;
    struct probe_set *set = load("math,self:knowledge,self:gen:trig:3,self:5,gen:trig:2");
    static const struct {
        const char *set;
        size_t count;
        bool pending;
    } parts[] = {{"math", 8, false},
                 {"self:knowledge", 8, true},
                 {"self:gen:trig:3", 3, true},
                 {"self:5", 5, true},
                 {"gen:trig:2:1:train", 2, false}};
    size_t at = 0;
    for (size_t i = 0; i < countof(parts); i++)
        for (size_t j = 0; j < parts[i].count; j++, at++) {
            const struct probe *probe = &set->probes[at];
            assert_string_equal(probe->set, parts[i].set);
            assert_int_equal(label_is_pending(probe), parts[i].pending);
            assert_int_equal(probe->wrong[0] == '\0', parts[i].pending);
            assert_true(!parts[i].pending || probe->alternate_count == 0);
        }
    assert_int_equal(set->count, at);
    probe_set_free(set);
}

static void labels_load__text_file__a_prompt_a_line(void **state)
{
    (void)state;
    static const char text[] = "2 + 2 =\n\n  indented \r\nThe capital of Norway is";
    struct buf spec = {0};
    buf_add_format(&spec, "self:%s", text_file(text, strlen(text)));
    struct probe_set *set = load(spec.data);
    static const char *const prompts[] = {"2 + 2 =", "  indented ", "The capital of Norway is"};
    assert_int_equal(set->count, countof(prompts));
    for (size_t i = 0; i < countof(prompts); i++) {
        assert_string_equal(set->probes[i].prompt, prompts[i]);
        assert_true(label_is_pending(&set->probes[i]));
    }
    probe_set_free(set);
    (void)unlink(spec.data + strlen("self:"));
    buf_free(&spec);
}

static void labels_load__bad_text_files__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *where, *message;
    } rows[] = {
        {"", 0, "", "has no prompt, expected one a line"},
        {"\n\r\n\n", 4, "", "has no prompt, expected one a line"},
        {"good\nb\xff" "ad\n", 10, "line 2", "is not text (UTF-8), expected a prompt a line"},
        {"a\0b", 3, "line 1", "is not text (UTF-8), expected a prompt a line"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        struct buf spec = {0};
        buf_add_format(&spec, "self:%s", text_file(rows[i].text, rows[i].len));
        assert_null(labels_load(spec.data, &err));
        t_err_is(&err, ERR_FORMAT, rows[i].where, rows[i].message);
        (void)unlink(spec.data + strlen("self:"));
        buf_free(&spec);
    }
}

static void labels_load__bad_specs__refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *message;
    } rows[] = {
        {"self:", "self: names no prompts, expected such as self:300, a set or a file"},
        {"math,self:", "self: names no prompts, expected such as self:300, a set or a file"},
        {"self:0", "self:0: expected 1 to 1000000 prompts, a set or a file"},
        {"self:99999999999999999999", "self:99999999999999999999: expected 1 to"},
        {"self:-5", "self:-5: expected 1 to 1000000 prompts, a set or a file"},
        {"self:1e3", "there is no built-in probe set '1e3'"},
        {"self:self:math", "there is no built-in probe set 'self:math'"},
        {"self:maths", "there is no built-in probe set 'maths'"},
        {"self:gen:maths", "there is no family 'maths'"},
        {"self:/no/such/file", "cannot open: No such file or directory"},
        {"self:/no/such/file.json", "cannot open: No such file or directory"},
        {"self:math,self:math", "there are two probe sets named 'self:math', expected one"},
        {"math,,self:math", "the list of probe sets has an empty name"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        assert_null(labels_load(rows[i].spec, &err));
        if (!strstr(err.message, rows[i].message))
            fail_msg("%s: %s", rows[i].spec, err.message);
    }
}

/* ---- labelling ------------------------------------------------------------------------- */

/* The label is what greedy generation says, up to its line feed. */
static void labels_make__nano__what_generation_says(void **state)
{
    (void)state;
    struct err err = {0};
    struct model *model = open_nano();
    struct probe_set *set = load("math,self:gen:integral:12,self:knowledge");
    struct labels_told told = {0};
    t_ok(labels_make(model, set, &margin, 2, &told, NULL, NULL, &err), &err);
    assert_int_equal(set->count, 8 + told.labelled);
    assert_true(told.labelled >= 18 && told.labelled <= 20);
    struct evaluate_options options = {.metric = METRIC_MARGIN};
    struct evaluation *now = evaluate(model, set, &options, NULL, NULL, &err);
    t_ok(now != NULL, &err);
    for (size_t i = 8; i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        const struct buf *said = &now->generation[i].text;
        size_t len = strcspn(said->data, "\n");
        assert_int_equal(strlen(probe->correct), len);
        assert_memory_equal(probe->correct, said->data, len);
        assert_int_equal(probe->rule.mode, ANSWER_EXACT);
        assert_true(now->right[i] && now->gap[i] > 0); /* greedy decoding says it */
    }
    evaluation_free(now);
    probe_set_free(set);
    model_free(model);
}

/* Labelled again nothing changes: nothing waits for it. */
/* White space is a space, a tab or a carriage return, not what ends like one: U+4E00 (one),
 * U+0420, U+0109 and U+010D have the low bytes 00, 20, 09 and 0d. */
static void label_line__short_answers__white_space_alone_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {{"", 0}, {"\n6", 0}, {" \t\r\n6", 0}, {" 6\n7", 2}, {"\xff", 0},
                 {"\xe4\xb8\x80", 3}, {" \xd0\xa0", 3}, {"\xc4\x89", 2}, {"\xc4\x8d", 2}};
    for (size_t i = 0; i < countof(cases); i++)
        assert_int_equal(label_line(cases[i].text, strlen(cases[i].text)), cases[i].len);
    assert_int_equal(label_line(" \0 6", 4), 0);
}

static void labels_make__labelled_set__left_as_it_is(void **state)
{
    (void)state;
    struct err err = {0};
    struct model *model = open_nano();
    struct probe_set *set = load("self:7");
    struct labels_told told = {0};
    t_ok(labels_make(model, set, &kl, 1, &told, NULL, NULL, &err), &err);
    char *first = x_copy(set->probes[0].correct, strlen(set->probes[0].correct));
    size_t labelled = told.labelled;
    t_ok(labels_make(model, set, &gap, 1, &told, NULL, NULL, &err), &err);
    assert_int_equal(told.labelled, labelled);
    assert_string_equal(set->probes[0].correct, first);
    free(first);
    probe_set_free(set);
    model_free(model);
}

static void labels_make__metrics_that_need_wrong_answers__refused(void **state)
{
    (void)state;
    struct model *model = open_nano();
    struct probe_set *set = load("self:4");
    for (int i = 0; i < METRIC_COUNT; i++) {
        enum metric metric = (enum metric)i;
        const struct goal goal = {METRIC_SEQ_LOGPROB, metric, FITNESS_MEAN, .penalty = 2};
        struct err err = {0};
        struct labels_told told = {0};
        bool needs = metric == METRIC_SEQ_LOGPROB || metric == METRIC_TOKEN_GAP;
        assert_int_equal(labels_fit(set, &goal, &err), !needs);
        if (!needs)
            continue;
        assert_false(labels_make(model, set, &goal, 1, &told, NULL, NULL, &err));
        assert_int_equal(err.code, ERR_MISMATCH);
        assert_non_null(strstr(err.message, "expected --control-metric kl, margin, soft_margin "
                                            "or logprob"));
        assert_true(label_is_pending(&set->probes[0]));
    }
    probe_set_free(set);
    model_free(model);
}

static void labels_make__cancelled__says_so(void **state)
{
    (void)state;
    struct err err = {0};
    struct model *model = open_nano();
    struct probe_set *set = load("self:40");
    struct labels_told told = {0};
    cancel_flag cancel = true;
    assert_false(labels_make(model, set, &kl, 1, &told, NULL, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_true(set->count == 40 && label_is_pending(&set->probes[39]));
    probe_set_free(set);
    model_free(model);
}

/* ---- among the inputs of a search -------------------------------------------------------- */

static void search_inputs__prompts_of_others__left_out_of_labels(void **state)
{
    (void)state;
    struct err err = {0};
    struct model *model = open_nano();
    struct search_inputs inputs;
    t_ok(search_inputs_load(&inputs, "gen:trig:10", "code,self:gen:trig:30,self:math", "math",
                            &err), &err);
    assert_int_equal(inputs.labels.seen_elsewhere, 10 + 8);
    assert_int_equal(inputs.controls->count, 6 + 20);
    assert_false(search_inputs_are_labelled(&inputs));
    t_ok(search_inputs_label(&inputs, model, &kl, 1, NULL, NULL, &err), &err);
    assert_true(search_inputs_are_labelled(&inputs));
    assert_int_equal(inputs.all.count, 10 + inputs.controls->count + 8);
    for (size_t i = 0; i < inputs.controls->count; i++)
        assert_string_equal(inputs.all.probes[10 + i].correct, inputs.controls->probes[i].correct);
    search_inputs_free(&inputs);
    model_free(model);
}

static void search_inputs__labels_elsewhere__refused(void **state)
{
    (void)state;
    static const char *const specs[][2] = {{"self:5", NULL}, {"math", "self:5"}};
    static const char *const words[] = {"not targets", "not held-out probes"};
    for (size_t i = 0; i < countof(specs); i++) {
        struct err err = {0};
        struct search_inputs inputs;
        assert_false(search_inputs_load(&inputs, specs[i][0], NULL, specs[i][1], &err));
        assert_int_equal(err.code, ERR_USAGE);
        assert_non_null(strstr(err.message, words[i]));
        search_inputs_free(&inputs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_load__mixed_list__only_self_is_pending),
        cmocka_unit_test(labels_load__text_file__a_prompt_a_line),
        cmocka_unit_test(labels_load__bad_text_files__refused),
        cmocka_unit_test(labels_load__bad_specs__refused),
        cmocka_unit_test(label_line__short_answers__white_space_alone_is_none),
        cmocka_unit_test(labels_make__nano__what_generation_says),
        cmocka_unit_test(labels_make__labelled_set__left_as_it_is),
        cmocka_unit_test(labels_make__metrics_that_need_wrong_answers__refused),
        cmocka_unit_test(labels_make__cancelled__says_so),
        cmocka_unit_test(search_inputs__prompts_of_others__left_out_of_labels),
        cmocka_unit_test(search_inputs__labels_elsewhere__refused),
    };
    return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
