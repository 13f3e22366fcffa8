/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is said of a probe set: limits of the answers, right and wrong, verdicts
 * and tallies counted by hand.
 */
#include <math.h>
#include <stdlib.h>

#include "probes/evaluate.h"
#include "tests/simple.h"
#include "tests/t.h"

static struct evaluation *ask(struct model *model, struct probe *probes, size_t count)
{
    struct err err;
    struct probe_set set = simple_set(probes, count);
    struct evaluate_options options = {.metric = METRIC_SEQ_LOGPROB};
    struct evaluation *evaluation = evaluate(model, &set, &options, NULL, NULL, &err);
    t_ok(evaluation != NULL, &err);
    assert_int_equal(evaluation->count, count);
    return evaluation;
}

/* At most max(14, longest accepted answer + 4) tokens; every byte is a token here. */
static void evaluate__answer_limit__by_the_longest_accepted_one(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    char *longer[] = {(char[]){"wxyzwxyzwxyzwxyzwxyz"}};                 /* 20 tokens */
    char *longest[] = {(char[]){"x"}, (char[]){"wxyzwxyzwxyzwxyzwxyzwxyzwxyzwx"}}; /* 30 */
    const size_t limits[] = {14, 14, 15, 24, 34};
    size_t reached = 0;
    for (int prompt = 0; prompt < 8; prompt++) {
        const char text[] = {(char)('a' + prompt), 'q', '\0'};
        struct probe probes[] = {
            simple_probe(text, "x", ""),
            simple_probe(text, "wxyzwxyzwx", ""),  /* 10 + 4 */
            simple_probe(text, "wxyzwxyzwxy", ""), /* 11 + 4 */
            simple_probe(text, "x", ""),
            simple_probe(text, "x", "wxyzwxyzwxyzwxyzwxyzwxyzwxyzwxyzwxyzwxyzwxyz"),
        };
        probes[3].alternates = longer;
        probes[3].alternate_count = 1;
        probes[4].alternates = longest;
        probes[4].alternate_count = 2;
        struct evaluation *evaluation = ask(model, probes, countof(probes));
        for (size_t i = 0; i < countof(probes); i++) {
            struct ids tokens = simple_encode(model, text), expected = {0};
            simple_answer(model, &tokens, limits[i], true, &expected);
            assert_int_equal(evaluation->generation[i].ids.count, expected.count);
            assert_memory_equal(evaluation->generation[i].ids.data, expected.data,
                                expected.count * sizeof *expected.data);
            reached += expected.count == limits[i];
            ids_free(&tokens);
            ids_free(&expected);
        }
        evaluation_free(evaluation);
    }
    assert_true(reached >= countof(limits)); /* the limits were met at all */
    model_free(model);
}

static void evaluate__nano_says_7__right_by_answer_or_alternate(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    char *alternates[] = {(char[]){"nine"}, (char[]){" 7"}};
    struct probe probes[] = {
        simple_probe("3 + 4 =", " 7", " 8"), simple_probe("3 + 4 =", " 8", " 7"),
        simple_probe("3 + 4 =", " 8", ""),   simple_probe("3 + 4 =", "7.", ""),
        simple_probe("3 + 4 =", " 77", ""),
    };
    probes[2].alternates = alternates;
    probes[2].alternate_count = 2;
    const bool right[] = {true, false, true, false, false};
    struct evaluation *evaluation = ask(model, probes, countof(probes));
    assert_true(strncmp(evaluation->generation[0].text.data, " 7\n", 3) == 0);
    for (size_t i = 0; i < countof(probes); i++) {
        if (evaluation->right[i] != right[i])
            fail_msg("probe %zu", i);
        assert_int_equal(isnan(evaluation->gap[i]), probes[i].wrong[0] == '\0');
        if (probes[i].wrong[0] != '\0')
            assert_true(evaluation->gap[i] == simple_gap(model, &probes[i], METRIC_SEQ_LOGPROB));
    }
    assert_true(evaluation->gap[0] == -evaluation->gap[1]);
    evaluation_free(evaluation);
    model_free(model);
}

/* More probes than one batch of gaps or answers takes. */
static void evaluate__many_probes__as_in_small_sets(void **state)
{
    (void)state;
    enum { COUNT = 300, PART = 37 };
    struct model *model = simple_model(&tiny_default);
    struct probe probes[COUNT];
    char prompts[COUNT][8];
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(prompts[i], sizeof prompts[i], "p%zu", i);
        probes[i] = simple_probe(prompts[i], i % 5 ? "a" : "ab", i % 3 ? "b" : "");
    }
    struct evaluation *all = ask(model, probes, COUNT);
    for (size_t first = 0; first < COUNT; first += PART) {
        size_t n = COUNT - first < PART ? COUNT - first : PART;
        struct evaluation *part = ask(model, probes + first, n);
        for (size_t i = 0; i < n; i++) {
            const struct ids *a = &all->generation[first + i].ids, *b = &part->generation[i].ids;
            assert_memory_equal(&all->gap[first + i], &part->gap[i], sizeof part->gap[i]);
            assert_int_equal(a->count, b->count);
            assert_memory_equal(a->data, b->data, a->count * sizeof *a->data);
        }
        evaluation_free(part);
    }
    evaluation_free(all);
    model_free(model);
}

static void count_calls(void *user, size_t done, size_t total)
{
    size_t *seen = user; /* calls, last done, last total */
    assert_true(done >= seen[1] && done <= total);
    assert_true(seen[2] == 0 || seen[2] == total);
    seen[0]++;
    seen[1] = done;
    seen[2] = total;
}

/* Gaps take as long as answers: they are part of the progress. */
static void evaluate__progress__gaps_and_answers(void **state)
{
    (void)state;
    enum { COUNT = 80 };
    struct model *model = simple_model(&tiny_default);
    struct probe probes[COUNT];
    struct err err;
    size_t seen[3] = {0};
    struct work_progress progress = {count_calls, seen};
    for (size_t i = 0; i < COUNT; i++)
        probes[i] = simple_probe("ab", "a", "b");
    struct probe_set set = simple_set(probes, COUNT);
    struct evaluate_options options = {.metric = METRIC_SEQ_LOGPROB};
    struct evaluation *evaluation = evaluate(model, &set, &options, &progress, NULL, &err);
    t_ok(evaluation != NULL, &err);
    assert_true(seen[0] >= 3 + 14); /* gaps of 32, 32 and 16 probes, then steps of answers */
    assert_int_equal(seen[1], seen[2]);
    evaluation_free(evaluation);
    memset(seen, 0, sizeof seen);
    options.without_gaps = true;
    evaluation = evaluate(model, &set, &options, &progress, NULL, &err);
    t_ok(evaluation != NULL, &err);
    assert_true(seen[0] >= 2);
    assert_int_equal(seen[1], seen[2]);
    assert_true(isnan(evaluation->gap[0]));
    evaluation_free(evaluation);
    model_free(model);
}

static void evaluate__cancelled__fails(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct probe probe = simple_probe("ab", "a", "b");
    struct probe_set set = simple_set(&probe, 1);
    struct evaluate_options options = {.without_gaps = true};
    struct err err;
    cancel_flag cancel = true;
    assert_null(evaluate(model, &set, &options, NULL, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    options.without_gaps = false;
    assert_null(evaluate(model, &set, &options, NULL, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    model_free(model);
}

/* ---- verdicts ------------------------------------------------------------------- */

static void verdict_of__before_and_after__four_words(void **state)
{
    (void)state;
    assert_string_equal(verdict_name(verdict_of(false, true)), "fixed");
    assert_string_equal(verdict_name(verdict_of(true, false)), "broke");
    assert_string_equal(verdict_name(verdict_of(true, true)), "stayed_right");
    assert_string_equal(verdict_name(verdict_of(false, false)), "stayed_wrong");
}

static void tally_is(const struct tally *tally, const char *name, const size_t expected[5])
{
    assert_string_equal(tally->name, name);
    const size_t found[] = {tally->n, tally->right_base, tally->right_now, tally->fixed,
                            tally->broke};
    for (size_t i = 0; i < countof(found); i++)
        assert_int_equal(found[i], expected[i]);
}

static void tally_results__two_sets__counted_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *set, *category;
        bool base, now;
    } rows[] = {
        {"one", "easy", true, true},  {"one", "hard", false, true}, {"one", "easy", true, false},
        {"two", "hard", false, true}, {"two", "hard", false, false}, {"one", "hard", false, true},
        {"two", "", true, true},
    };
    struct probe probes[countof(rows)];
    bool base_right[countof(rows)], now_right[countof(rows)];
    for (size_t i = 0; i < countof(rows); i++) {
        probes[i] = simple_probe("p", "a", "b");
        probes[i].set = (char *)(uintptr_t)rows[i].set;
        probes[i].category = (char *)(uintptr_t)rows[i].category;
        base_right[i] = rows[i].base;
        now_right[i] = rows[i].now;
    }
    struct probe_set set = simple_set(probes, countof(rows));
    struct evaluation base = {.count = countof(rows), .right = base_right};
    struct evaluation now = {.count = countof(rows), .right = now_right};
    struct tally *tallies = NULL; /* n, right before, right after, fixed, broke */
    assert_int_equal(tally_results(&set, &base, &now, TALLY_BY_SET, &tallies), 2);
    tally_is(&tallies[0], "one", (size_t[]){4, 2, 3, 2, 1});
    tally_is(&tallies[1], "two", (size_t[]){3, 1, 2, 1, 0});
    free(tallies);
    assert_int_equal(tally_results(&set, &base, &now, TALLY_BY_CATEGORY, &tallies), 3);
    tally_is(&tallies[0], "easy", (size_t[]){2, 2, 1, 0, 1});
    tally_is(&tallies[1], "hard", (size_t[]){4, 0, 3, 3, 0});
    tally_is(&tallies[2], "", (size_t[]){1, 1, 1, 0, 0});
    free(tallies);
    assert_int_equal(tally_results(&set, &base, &base, TALLY_BY_SET, &tallies), 2);
    tally_is(&tallies[0], "one", (size_t[]){4, 2, 2, 0, 0});
    free(tallies);
    set.count = 0;
    assert_int_equal(tally_results(&set, &base, &now, TALLY_BY_SET, &tallies), 0);
    free(tallies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluate__answer_limit__by_the_longest_accepted_one),
        cmocka_unit_test(evaluate__nano_says_7__right_by_answer_or_alternate),
        cmocka_unit_test(evaluate__many_probes__as_in_small_sets),
        cmocka_unit_test(evaluate__progress__gaps_and_answers),
        cmocka_unit_test(evaluate__cancelled__fails),
        cmocka_unit_test(verdict_of__before_and_after__four_words),
        cmocka_unit_test(tally_results__two_sets__counted_by_hand),
    };
    return cmocka_run_group_tests_name("evaluate", tests, NULL, NULL);
}
