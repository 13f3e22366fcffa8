/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each rule of the audit by a table of probes; what the model says beside sequences
 * computed alone; the published probes' known defects.
 *
 * Tokens of the embedded model that the tables rely on (bankai tokenize nano): digits
 * and a space before a digit or before R are tokens of their own; " x", " cos", " -",
 * " Yes", " No", "is" after a letter, ")/" and "(x" are one token each.
 */
#include <stdlib.h>

#include "probes/audit.h"
#include "tests/document.h"
#include "tests/simple.h"
#include "tests/t.h"

static struct model *nano;

static int open_nano(void **state)
{
    (void)state;
    nano = simple_nano();
    return 0;
}

static int close_nano(void **state)
{
    (void)state;
    model_free(nano);
    return 0;
}

static struct audit *audit_of(struct model *model, const struct probe_set *set,
                              const struct audit_options *options)
{
    struct err err;
    struct audit *audit = audit_run(model, set, options, NULL, NULL, &err);
    t_ok(audit != NULL, &err);
    return audit;
}

static const struct audit_finding *find(const struct audit *audit, size_t probe,
                                        enum audit_code code)
{
    for (size_t i = 0; i < audit->count; i++)
        if (audit->findings[i].probe == probe && audit->findings[i].code == code)
            return &audit->findings[i];
    return NULL;
}

/* Of a finding that must be there. */
static const char *why(const struct audit *audit, size_t probe, enum audit_code code)
{
    const struct audit_finding *finding = find(audit, probe, code);
    if (!finding) {
        fail_msg("no %s at probe %zu", audit_code_name(code), probe);
        return "";
    }
    return finding->why;
}

/* ---- one probe --------------------------------------------------------------------- */

struct row {
    const char *prompt, *correct, *wrong;
    enum metric metric;
    size_t tokens_max;
    const char *found; /* "severity code, ..." but for what the model decides */
};

static const struct row rows[] = {
    {"3 + 4 =", " 7", " 8", METRIC_SEQ_LOGPROB, 0, "note bare_space"},
    {"3 + 4 =", " 7", "", METRIC_SEQ_LOGPROB, 0, "fatal no_distractor, note bare_space"},
    {"3 + 4 =", " 7", "", METRIC_MARGIN, 0, "note bare_space"},
    {"3 + 4 =", " 7", "", METRIC_KL, 0, ""},
    /* the last token of both is 0; of " 5" and " 25" it is 5 */
    {"4 * 5 =", " 20", " 0", METRIC_TOKEN_GAP, 0,
     "fatal dead_pair, warning several_tokens, warning bare_space"},
    {"4 * 5 =", " 5", " 25", METRIC_TOKEN_GAP, 0,
     "fatal dead_pair, warning several_tokens, warning bare_space"},
    {"4 * 5 =", " 20", " 0", METRIC_SEQ_LOGPROB, 0, "note bare_space"},
    /* one token each, not the same */
    {"Is it so?", " Yes", " No", METRIC_TOKEN_GAP, 0, ""},
    {"Is it so?", " Yes", " Yes", METRIC_TOKEN_GAP, 0,
     "fatal dead_pair, fatal wrong_counts_right"},
    {"Is it so?", " Yes", " Yes", METRIC_SEQ_LOGPROB, 0,
     "fatal dead_pair, fatal wrong_counts_right"},
    {"Is it so?", " Yes", " yes", METRIC_SEQ_LOGPROB, 0, "fatal wrong_counts_right"},
    {"The capital of Italy is", " Rome", " Madrid", METRIC_SEQ_LOGPROB, 0, "note bare_space"},
    /* four tokens: " ", R, o, me */
    {"The capital of Italy is", " Rome", " Madrid", METRIC_SEQ_LOGPROB, 4, "note bare_space"},
    {"The capital of Italy is", " Rome", " Madrid", METRIC_SEQ_LOGPROB, 3,
     "fatal long_answer, note bare_space"},
    /* nothing of it is left by the math rule; its first line is not all of it */
    {"Open", " ( )", " x", METRIC_SEQ_LOGPROB, 0, "fatal unanswerable"},
    {"Two lines", " x\ny", " x", METRIC_SEQ_LOGPROB, 0, "fatal unanswerable"},
    {"Integral", " x", " x + C", METRIC_SEQ_LOGPROB, 0, "fatal wrong_counts_right"},
    {"Integral", " x", " x^2", METRIC_SEQ_LOGPROB, 0, ""},
    /* " " and x would be " x" */
    {"The variable is ", "x", "y", METRIC_SEQ_LOGPROB, 0, "warning merged"},
    {"Is it so?", " Yes ", " No", METRIC_SEQ_LOGPROB, 0, "warning trailing_space"},
    {"Is it so?", " Yes", " No\n", METRIC_SEQ_LOGPROB, 0, "warning trailing_space"},
    {"Is it so?", " Yes ", "", METRIC_KL, 0, ""},
};

/* The model decides these, and more of the prompts that end with white space. */
static bool asks_model(const struct audit_finding *finding, const struct row *row)
{
    bool prompt = row->prompt[strlen(row->prompt) - 1] == ' ';
    return finding->code == AUDIT_WEAK_DISTRACTOR || finding->code == AUDIT_ALREADY_RIGHT ||
           finding->code == AUDIT_CONTROL_WRONG ||
           (finding->code == AUDIT_TRAILING_SPACE && prompt);
}

static void audit_run__one_probe__what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct probe probe = simple_probe(rows[i].prompt, rows[i].correct, rows[i].wrong);
        struct probe_set set = simple_set(&probe, 1);
        bool kl = rows[i].metric == METRIC_KL; /* a metric of controls */
        struct audit_options options = {
            .target_count = !kl,
            .control_count = kl,
            .metric = kl ? METRIC_MARGIN : rows[i].metric,
            .control_metric = rows[i].metric,
            .tokens_max = rows[i].tokens_max,
        };
        struct audit *audit = audit_of(nano, &set, &options);
        struct buf found = {0};
        buf_add_text(&found, "");
        for (size_t j = 0; j < audit->count; j++)
            if (!asks_model(&audit->findings[j], &rows[i]))
                buf_add_format(&found, "%s%s %s", found.len ? ", " : "",
                               audit_severity_name(audit->findings[j].severity),
                               audit_code_name(audit->findings[j].code));
        if (strcmp(found.data, rows[i].found) != 0)
            fail_msg("row %zu: found '%s', expected '%s'", i, found.data, rows[i].found);
        buf_free(&found);
        audit_free(audit);
    }
}

static void audit_run__reasons__name_what_was_found(void **state)
{
    (void)state;
    struct probe probes[] = {
        simple_probe("4 * 5 =", " 20", " 0"),
        simple_probe("Is it so?", " Yes", " yes"),
        simple_probe("3 + 4 =", " 7", ""),
    };
    struct probe_set set = simple_set(probes, countof(probes));
    struct audit_options options = {.target_count = 3, .metric = METRIC_TOKEN_GAP};
    options.control_metric = METRIC_SAME;
    struct audit *audit = audit_of(nano, &set, &options);
    assert_string_equal(why(audit, 0, AUDIT_DEAD_PAIR),
                        "both answers end with the token \"0\": their scores are always the same");
    assert_string_equal(why(audit, 0, AUDIT_SEVERAL_TOKENS),
                        "its right answer has 3 tokens, and token_gap looks only at the last, in "
                        "a place where it does not stand");
    assert_string_equal(why(audit, 1, AUDIT_WRONG_COUNTS_RIGHT),
                        "its wrong answer \" yes\" is right by the rule math");
    assert_string_equal(why(audit, 2, AUDIT_NO_DISTRACTOR),
                        "it has no wrong answer, which a token_gap gap needs");
    size_t counts[AUDIT_SEVERITY_COUNT] = {0};
    for (size_t i = 0; i < audit->count; i++) {
        const struct audit_finding *one = &audit->findings[i];
        counts[one->severity]++;
        if (i > 0) /* [A1] */
            assert_true(one[-1].probe < one->probe ||
                        (one[-1].probe == one->probe && one[-1].code < one->code));
    }
    assert_memory_equal(counts, audit->by_severity, sizeof counts);
    audit_free(audit);
}

/* ---- what the model says ----------------------------------------------------------- */

static size_t encode_answer(const struct probe *probe, const char *answer, struct ids *prompt,
                            struct ids *out)
{
    struct err err;
    bool merged = false;
    *prompt = simple_encode(nano, probe->prompt);
    t_ok(answer_encode(model_tokenizer(nano), probe->prompt, prompt, answer, out, &merged, &err),
         &err);
    return out->count;
}

/* Tokens that the model prefers to the wrong answer's, not counting the right one; both
 * answers go on where they part. */
static size_t better_than_wrong(const struct probe *probe)
{
    struct ids prompt, right = {0}, wrong = {0}, whole = {0};
    (void)encode_answer(probe, probe->correct, &prompt, &right);
    ids_free(&prompt);
    (void)encode_answer(probe, probe->wrong, &prompt, &wrong);
    size_t at = 0, vocab = model_shape(nano)->vocab, better = 0;
    while (right.data[at] == wrong.data[at])
        at++;
    assert_true(at < right.count && at < wrong.count);
    for (size_t i = 0; i < prompt.count; i++)
        ids_add(&whole, prompt.data[i]);
    for (size_t i = 0; i < at; i++)
        ids_add(&whole, right.data[i]);
    float *logits = simple_logits(nano, whole.data, whole.count);
    const float *last = logits + (whole.count - 1) * vocab;
    for (size_t i = 0; i < vocab; i++)
        better += i != (size_t)right.data[at] && last[i] > last[wrong.data[at]];
    free(logits);
    ids_free(&prompt);
    ids_free(&right);
    ids_free(&wrong);
    ids_free(&whole);
    return better;
}

static bool says_right(const struct probe *probe)
{
    struct ids prompt = simple_encode(nano, probe->prompt), out = {0};
    struct buf text = {0};
    const char *accepted[] = {probe->correct};
    simple_answer(nano, &prompt, 30, true, &out);
    token_decode_all(model_tokenizer(nano), out.data, out.count, &text);
    bool right = answer_math(text.data ? text.data : "", text.len, accepted, 1);
    ids_free(&prompt);
    ids_free(&out);
    buf_free(&text);
    return right;
}

static void audit_run__built_in_sets__as_sequences_alone_say(void **state)
{
    (void)state;
    struct err err;
    struct probe_set *set = probe_set_load("math,knowledge,calculus-heldout", &err);
    t_ok(set != NULL, &err);
    struct audit_options options = {8, 30, METRIC_SEQ_LOGPROB, METRIC_SAME, 0, 2};
    struct audit *audit = audit_of(nano, set, &options); /* 8 targets, 30 controls, held-out */
    size_t weak = 0, told = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct audit_finding *finding = find(audit, i, AUDIT_WEAK_DISTRACTOR);
        bool asked = i < 38, right = asked && says_right(&set->probes[i]);
        size_t better = asked ? better_than_wrong(&set->probes[i]) : 0;
        assert_int_equal(finding != NULL, better > 0);
        char rank[32];
        (void)snprintf(rank, sizeof rank, ", rank %zu of the others; ", better + 1);
        assert_true(!finding || strstr(finding->why, rank) != NULL);
        weak += finding != NULL;
        assert_int_equal(find(audit, i, AUDIT_ALREADY_RIGHT) != NULL, i < 8 && right);
        assert_int_equal(find(audit, i, AUDIT_CONTROL_WRONG) != NULL, i >= 8 && asked && !right);
        told += find(audit, i, AUDIT_CONTROL_WRONG) != NULL;
    }
    assert_in_range(weak, 5, 37);
    assert_in_range(told, 1, 29);
    assert_int_equal(audit->baseline->count, 38);
    audit_free(audit);
    probe_set_free(set);
}

/* One answer is the beginning of the other: it ends where that goes on. */
static void audit_run__one_answer_begins_the_other__the_end_is_a_token(void **state)
{
    (void)state;
    struct probe probe = simple_probe("The capital of Italy is", " Rome is", " Rome");
    struct probe_set set = simple_set(&probe, 1);
    struct audit_options options = {1, 0, METRIC_SEQ_LOGPROB, METRIC_SAME, 0, 1};
    struct audit *audit = audit_of(nano, &set, &options);
    assert_null(find(audit, 0, AUDIT_DEAD_PAIR));
    const struct audit_finding *weak = find(audit, 0, AUDIT_WEAK_DISTRACTOR);
    assert_true(!weak || strstr(weak->why, "the wrong one says the end") != NULL);
    audit_free(audit);
}

/* The prompt with a space at its end: the answer without it is generated, too. */
static void audit_run__prompt_ends_with_a_space__warned_if_the_answer_changes(void **state)
{
    (void)state;
    static const char *const prompts[] = {"3 + 4 = ", "The capital of Italy is ",
                                          "d/dx [x^4] = ", "Is 7 prime? "};
    for (size_t i = 0; i < countof(prompts); i++) {
        struct probe probe = simple_probe(prompts[i], "7", "8");
        char *trimmed = x_copy(prompts[i], strlen(prompts[i]) - 1);
        struct ids with = simple_encode(nano, prompts[i]), without = simple_encode(nano, trimmed);
        struct ids said[2] = {{0}, {0}};
        struct buf text[2] = {{0}, {0}};
        simple_answer(nano, &with, 14, true, &said[0]);
        simple_answer(nano, &without, 14, true, &said[1]);
        for (size_t j = 0; j < 2; j++) {
            buf_add_text(&text[j], "");
            token_decode_all(model_tokenizer(nano), said[j].data, said[j].count, &text[j]);
        }
        const char *short_text = text[1].data + strspn(text[1].data, " ");
        bool same = strcmp(text[0].data + strspn(text[0].data, " "), short_text) == 0;
        struct probe_set set = simple_set(&probe, 1);
        struct audit_options options = {1, 0, METRIC_MARGIN, METRIC_SAME, 0, 1};
        struct audit *audit = audit_of(nano, &set, &options);
        assert_int_equal(strstr(why(audit, 0, AUDIT_TRAILING_SPACE), "the same answer") != NULL,
                         same);
        audit_free(audit);
        for (size_t j = 0; j < 2; j++) {
            ids_free(&said[j]);
            buf_free(&text[j]);
        }
        ids_free(&with);
        ids_free(&without);
        free(trimmed);
    }
}

/* ---- what probes have in common ---------------------------------------------------- */

static void audit_run__pairs_of_probes__duplicates_and_near_ones(void **state)
{
    (void)state;
    const struct {
        const char *first[2], *second[2]; /* prompt, answer */
        enum audit_code code;             /* AUDIT_CODE_COUNT: none */
        enum audit_severity severity;
    } pairs[] = {
        {{"d/dx [x^4] =", " a"}, {"d/dx (x^4)=", " a"}, AUDIT_DUPLICATE, AUDIT_WARNING},
        {{"Name a COLOR", " a"}, {"name a color?", " b"}, AUDIT_DUPLICATE, AUDIT_WARNING},
        {{"d/dx [x^4] =", " a"}, {"d/dx [x^5] =", " a"}, AUDIT_CODE_COUNT, AUDIT_NOTE},
        /* 18 characters without spaces: one edit is near, two are not */
        {{"Henry took the hat home", " a"}, {"Henry took the cat home", " a"},
         AUDIT_NEAR_DUPLICATE, AUDIT_NOTE},
        {{"Henry took the hat home", " a"}, {"Henry took the cap home", " a"},
         AUDIT_CODE_COUNT, AUDIT_NOTE},
        {{"Henry took the hat home", " a"}, {"Henry took the cat home", " b"},
         AUDIT_CODE_COUNT, AUDIT_NOTE},
        {{"one", " a"}, {"ones", " a"}, AUDIT_CODE_COUNT, AUDIT_NOTE},
        {{"?", " a"}, {":", " a"}, AUDIT_CODE_COUNT, AUDIT_NOTE},
    };
    for (size_t i = 0; i < countof(pairs); i++)
        for (size_t targets = 1; targets <= 2; targets++) { /* the second: held-out or not */
            struct probe probes[] = {simple_probe(pairs[i].first[0], pairs[i].first[1], ""),
                                     simple_probe(pairs[i].second[0], pairs[i].second[1], "")};
            struct probe_set set = simple_set(probes, 2);
            struct audit_options options = {targets, 0, METRIC_MARGIN, METRIC_SAME, 0, 1};
            struct audit *audit = audit_of(nano, &set, &options);
            for (int code = AUDIT_DUPLICATE; code <= AUDIT_NEAR_DUPLICATE; code++) {
                const struct audit_finding *finding = find(audit, 1, (enum audit_code)code);
                if ((finding != NULL) != (pairs[i].code == (enum audit_code)code))
                    fail_msg("pair %zu", i);
                if (finding)
                    assert_int_equal(finding->severity,
                                     targets == 1 ? AUDIT_WARNING : pairs[i].severity);
                assert_null(find(audit, 0, (enum audit_code)code));
            }
            audit_free(audit);
        }
}

static void audit_run__one_contrast_in_a_category__told_of_each(void **state)
{
    (void)state;
    struct probe probes[12];
    for (size_t i = 0; i < countof(probes); i++) {
        char *prompt = x_copy("Is it so? a", 11);
        prompt[10] = (char)('a' + i);
        bool yes = i < 4; /* 4 of 12: a third; the others are 2 of each */
        char right[] = {' ', (char)('1' + i / 2), '\0'};
        probes[i] = yes ? simple_probe(prompt, " Yes", " No")
                        : simple_probe(prompt, x_copy(right, 2), " 9");
    }
    struct probe_set set = simple_set(probes, countof(probes));
    struct audit_options options = {12, 0, METRIC_SEQ_LOGPROB, METRIC_SAME, 0, 1};
    for (size_t round = 0; round < 2; round++) {
        size_t count = round == 0 ? 12 : 2; /* two of two are too few */
        set.count = options.target_count = count;
        struct audit *audit = audit_of(nano, &set, &options);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(find(audit, i, AUDIT_SAME_CONTRAST) != NULL, count == 12 && i < 4);
        if (count == 12)
            assert_string_equal(why(audit, 0, AUDIT_SAME_CONTRAST),
                                "it comes down to \" Yes\" against \" No\", as do 4 of the 12 "
                                "probes of its category: a constant preference wins them all");
        audit_free(audit);
    }
    for (size_t i = 0; i < countof(probes); i++) {
        free(probes[i].prompt);
        if (i >= 4)
            free(probes[i].correct);
    }
}

/* ---- published probes -------------------------------------------------------------- */

/* The errata of experiment 6 speak of 7 to 8 dead probes of 90 and of 68 answers of
 * several tokens; these eight are those whose answers end with the same digit. */
static void audit_run__published_experiment_6__its_dead_probes(void **state)
{
    (void)state;
    static const char *const dead[] = {
        "sd_train_1", "sd_train_4", "sd_train_7", "sd_train_9",
        "pd_val_3", "sd_val_2", "sd_val_4", "ed_val_0",
    };
    struct buf train = {0}, val = {0}, spec = {0};
    struct err err;
    if (!document_published("bankai/probes/exp6_train.json", &train) ||
        !document_published("bankai/probes/exp6_val.json", &val)) {
        buf_free(&train);
        buf_free(&val);
        skip();
    }
    buf_add_format(&spec, "%s,%s", train.data, val.data);
    struct probe_set *set = probe_set_load(spec.data, &err);
    t_ok(set != NULL, &err);
    assert_int_equal(set->count, 90);
    struct audit_options options = {60, 0, METRIC_TOKEN_GAP, METRIC_SAME, 14, 2};
    struct audit *audit = audit_of(nano, set, &options);
    size_t found = 0, several = 0, bare = 0, integrals = 0;
    for (size_t i = 0; i < set->count; i++) {
        bool listed = false;
        for (size_t j = 0; j < countof(dead); j++)
            listed = listed || strcmp(set->probes[i].name, dead[j]) == 0;
        assert_int_equal(find(audit, i, AUDIT_DEAD_PAIR) != NULL, listed);
        found += listed;
        several += find(audit, i, AUDIT_SEVERAL_TOKENS) != NULL;
        bare += find(audit, i, AUDIT_BARE_SPACE) != NULL;
        integrals += find(audit, i, AUDIT_SAME_CONTRAST) != NULL &&
                     strcmp(set->probes[i].category, "integral") == 0;
    }
    assert_int_equal(found, 8);
    assert_int_equal(several, 68);
    assert_int_equal(bare, 68);
    assert_int_equal(integrals, 15); /* "one contrast fifteen times" */
    audit_free(audit);
    probe_set_free(set);
    buf_free(&train);
    buf_free(&val);
    buf_free(&spec);
}

/* ---- as a job ---------------------------------------------------------------------- */

struct seen {
    size_t done, total;
};

static void note_progress(void *user, size_t done, size_t total)
{
    struct seen *seen = user;
    assert_true(done >= seen->done && done <= total);
    assert_true(seen->total == 0 || seen->total == total);
    *seen = (struct seen){done, total};
}

static void audit_run__threads_and_progress__same_findings_and_to_the_end(void **state)
{
    (void)state;
    struct err err;
    struct probe_set *set = probe_set_load("math,code,calculus-heldout", &err);
    t_ok(set != NULL, &err);
    struct audit *first = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        struct audit_options options = {8, 6, METRIC_SEQ_LOGPROB, METRIC_SAME, 0, threads};
        struct seen seen = {0};
        struct work_progress progress = {note_progress, &seen};
        struct audit *audit = audit_run(nano, set, &options, &progress, NULL, &err);
        t_ok(audit != NULL, &err);
        assert_int_equal(seen.done, seen.total);
        if (!first) {
            first = audit;
            continue;
        }
        assert_int_equal(audit->count, first->count);
        for (size_t i = 0; i < audit->count; i++)
            assert_string_equal(audit->findings[i].why, first->findings[i].why);
        audit_free(audit);
    }
    audit_free(first);
    probe_set_free(set);
}

static cancel_flag cancel;

static void cancel_soon(void *user, size_t done, size_t total)
{
    const size_t *when = user;
    (void)total;
    if (done >= *when)
        atomic_store(&cancel, true);
}

static void audit_run__cancelled_at_any_stage__fails(void **state)
{
    (void)state;
    struct err err;
    struct probe_set *set = probe_set_load("math", &err);
    t_ok(set != NULL, &err);
    for (size_t when = 1; when < 31; when += 5) { /* 3 * 8 + 8 in all */
        struct audit_options options = {8, 0, METRIC_SEQ_LOGPROB, METRIC_SAME, 0, 1};
        struct work_progress progress = {cancel_soon, &when};
        atomic_store(&cancel, false);
        assert_null(audit_run(nano, set, &options, &progress, &cancel, &err));
        assert_int_equal(err.code, ERR_CANCELLED);
    }
    probe_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit_run__one_probe__what_the_table_says),
        cmocka_unit_test(audit_run__reasons__name_what_was_found),
        cmocka_unit_test(audit_run__built_in_sets__as_sequences_alone_say),
        cmocka_unit_test(audit_run__one_answer_begins_the_other__the_end_is_a_token),
        cmocka_unit_test(audit_run__prompt_ends_with_a_space__warned_if_the_answer_changes),
        cmocka_unit_test(audit_run__pairs_of_probes__duplicates_and_near_ones),
        cmocka_unit_test(audit_run__one_contrast_in_a_category__told_of_each),
        cmocka_unit_test(audit_run__published_experiment_6__its_dead_probes),
        cmocka_unit_test(audit_run__threads_and_progress__same_findings_and_to_the_end),
        cmocka_unit_test(audit_run__cancelled_at_any_stage__fails),
    };
    return cmocka_run_group_tests_name("audit", tests, open_nano, close_nano);
}
