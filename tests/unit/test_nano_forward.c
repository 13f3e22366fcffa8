/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The embedded model: logits and greedy texts against the network in double
 * precision, and generation token by token against prefill.
 */
#include <stdlib.h>

#include "engine/engine.h"
#include "probes/probe.h"
#include "tests/t.h"
#include "tests/truth.h"

enum {
    PROMPTS = 24,
    NEW_TOKENS = 12,
    TOKENS_MAX = 256,
};

static struct model *model;
static struct probe_set *probes;
static struct context *context;

static int open_all(void **state)
{
    (void)state;
    struct err err = {0};
    struct context_options options = {.tokens_max = TOKENS_MAX, .threads = 2};
    model = model_open("nano", &err);
    t_ok(model != NULL, &err);
    probes = probe_set_load("nano-heldout,calculus-heldout,knowledge", &err);
    t_ok(probes != NULL, &err);
    context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    context_free(context);
    probe_set_free(probes);
    model_free(model);
    return 0;
}

/* Prompts evenly spread over the probes. */
static void prompt_ids(size_t index, struct ids *ids)
{
    struct err err = {0};
    struct encode_options options = {0};
    const char *prompt = probes->probes[index * probes->count / PROMPTS].prompt;
    t_ok(token_encode(model_tokenizer(model), prompt, strlen(prompt), &options, ids, &err), &err);
    assert_true(ids->count > 0 && ids->count + NEW_TOKENS < TOKENS_MAX);
}

/* Logits after all tokens of one sequence: [count][vocab], prefill at once. */
static float *prefill(const int32_t *ids, size_t count)
{
    struct err err = {0};
    context_reset(context);
    size_t branch = context_branch(context, 0, 0);
    t_ok(context_push(context, branch, ids, count, &err), &err);
    t_ok(context_run(context, NULL, &err), &err);
    size_t slots[TOKENS_MAX];
    for (size_t i = 0; i < count; i++)
        slots[i] = context_slot(context, branch, i);
    float *logits = x_new(count * model_shape(model)->vocab, sizeof *logits);
    t_ok(context_logits(context, slots, count, logits, NULL, &err), &err);
    return logits;
}

/* Index of the largest, and by how much it leads. */
static int32_t truth_argmax(const double *logits, size_t count, double *lead)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (logits[i] > logits[best])
            best = i;
    *lead = 1e300;
    for (size_t i = 0; i < count; i++)
        if (i != best && logits[best] - logits[i] < *lead)
            *lead = logits[best] - logits[i];
    return (int32_t)best;
}

/* Add what greedy decoding says, one token at a time; steps [NEW_TOKENS][vocab]
 * are the logits it was taken from. */
static void generate(struct ids *ids, float *steps)
{
    size_t vocab = model_shape(model)->vocab;
    struct err err = {0};
    context_reset(context);
    size_t branch = context_branch(context, 0, 0);
    t_ok(context_push(context, branch, ids->data, ids->count, &err), &err);
    for (size_t step = 0; step < NEW_TOKENS; step++, steps += vocab) {
        t_ok(context_run(context, NULL, &err), &err);
        size_t slot = context_slot(context, branch, ids->count - 1);
        t_ok(context_logits(context, &slot, 1, steps, NULL, &err), &err);
        int32_t id = logits_argmax(steps, vocab);
        ids_add(ids, id);
        t_ok(context_push(context, branch, &id, 1, &err), &err);
    }
}

/* The text equals the truth's as long as the truth is clear: its context is the
 * same until then.  Returns the number of clear tokens. */
static size_t compare_text(const struct ids *ids, size_t first, const double *truth)
{
    size_t vocab = model_shape(model)->vocab;
    for (size_t i = first; i < ids->count; i++) {
        double lead = 0;
        int32_t best = truth_argmax(truth + (i - 1) * vocab, vocab, &lead);
        if (lead <= 1e-2)
            return i - first;
        assert_int_equal(ids->data[i], best);
    }
    return ids->count - first;
}

static void nano__logits_and_greedy_texts__as_in_double_precision(void **state)
{
    (void)state;
    size_t vocab = model_shape(model)->vocab, compared = 0, full = 0;
    double worst = 0;
    for (size_t p = 0; p < PROMPTS; p++) {
        struct ids ids = {0};
        prompt_ids(p, &ids);
        size_t first = ids.count, all = (first + NEW_TOKENS) * vocab;
        float *steps = x_new(NEW_TOKENS * vocab, sizeof *steps);
        generate(&ids, steps);
        double *truth = x_new(all, sizeof *truth);
        truth_logits(model, ids.data, ids.count, truth);
        float *logits = prefill(ids.data, ids.count);
        double error = truth_relative_rms(logits, truth, all);
        worst = error > worst ? error : worst;
        size_t clear = compare_text(&ids, first, truth);
        compared += clear;
        full += clear == NEW_TOKENS;
        free(logits);
        free(truth);
        free(steps);
        ids_free(&ids);
    }
    print_message("nano: largest relative RMS against double %.2g; %zu greedy tokens the same, "
                  "%zu of %d texts clear to the end\n",
                  worst, compared, full, PROMPTS);
    assert_true(worst < 1e-3);
    assert_true(full >= 20);
}

static void nano_generation__token_by_token__same_bits_as_prefill(void **state)
{
    (void)state;
    size_t vocab = model_shape(model)->vocab;
    for (size_t p = 0; p < PROMPTS; p++) {
        struct ids ids = {0};
        prompt_ids(p, &ids);
        size_t first = ids.count;
        float *steps = x_new(NEW_TOKENS * vocab, sizeof *steps);
        generate(&ids, steps);
        float *whole = prefill(ids.data, ids.count);
        assert_memory_equal(whole + (first - 1) * vocab, steps,
                            NEW_TOKENS * vocab * sizeof *steps);
        free(whole);
        free(steps);
        ids_free(&ids);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nano__logits_and_greedy_texts__as_in_double_precision),
        cmocka_unit_test(nano_generation__token_by_token__same_bits_as_prefill),
    };
    return cmocka_run_group_tests_name("nano_forward", tests, open_all, close_all);
}
