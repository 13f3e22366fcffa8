/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Greedy answers in batches against one token after the other, each time from
 * the start.
 */
#include <stdlib.h>

#include "engine/model/model_int.h"
#include "probes/generate.h"
#include "tests/simple.h"
#include "tests/t.h"

static void same_ids(const struct ids *got, const struct ids *expected)
{
    assert_int_equal(got->count, expected->count);
    for (size_t i = 0; i < got->count; i++)
        assert_int_equal(got->data[i], expected->data[i]);
}

/* Text is the bytes of the ids, nothing else. */
static void text_fits(const struct model *model, const struct generation *generation)
{
    struct buf text = {0};
    token_decode_all(model_tokenizer(model), generation->ids.data, generation->ids.count, &text);
    assert_int_equal(text.len, generation->text.len);
    if (text.len > 0)
        assert_memory_equal(text.data, generation->text.data, text.len);
    buf_free(&text);
}

static void each_as_alone(struct model *model, const struct generate_request *requests,
                          size_t count, int threads, struct generation *out)
{
    struct err err;
    t_ok(generate_greedy(model, requests, count, threads, out, NULL, NULL, &err), &err);
    for (size_t i = 0; i < count; i++) {
        struct ids expected = {0};
        simple_answer(model, requests[i].prompt, requests[i].tokens_max,
                      requests[i].stop_at_newline, &expected);
        same_ids(&out[i].ids, &expected);
        text_fits(model, &out[i]);
        ids_free(&expected);
    }
}

/* More than two groups of 128, all lengths and limits, some beginnings shared. */
static void generate__many_prompts__as_one_at_a_time(void **state)
{
    (void)state;
    enum { COUNT = 270 };
    struct model *model = simple_model(&tiny_default);
    struct ids prompts[COUNT] = {{0}};
    struct generate_request requests[COUNT];
    struct generation out[COUNT] = {0};
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t t = 0; t <= i % 9; t++)
            ids_add(&prompts[i], i % 5 > 1 && t < prompts[i - 1].count && t < i % 5
                                     ? prompts[i - 1].data[t]
                                     : (int32_t)rng_below(&rng, 256));
        requests[i] = (struct generate_request){&prompts[i], i % 7, i % 2 == 0, NULL};
    }
    each_as_alone(model, requests, COUNT, 2, out);
    for (size_t i = 0; i < COUNT; i++) {
        generation_free(&out[i]);
        ids_free(&prompts[i]);
    }
    model_free(model);
}

/* The end token wins about every second time where its scale is large. */
static void make_end_likely(const struct model *model)
{
    const struct matrix *head = model_matrix(model, NO_LAYER, PROJ_HEAD);
    int32_t end = token_end(model_tokenizer(model));
    uint8_t *block = head->blocks + (size_t)end * head->groups * GROUP_BYTES;
    for (uint32_t group = 0; group < head->groups; group++)
        block[group * GROUP_BYTES + 1] += 0x08; /* the exponent plus 2: four times */
}

static void generate__end_of_text__stops_and_is_left_out(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct model *model = simple_model(&tiny_default);
    make_end_likely(model);
    struct ids prompts[COUNT] = {{0}};
    struct generate_request requests[COUNT];
    struct generation out[COUNT] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        ids_add(&prompts[i], (int32_t)(i * 5));
        requests[i] = (struct generate_request){&prompts[i], 12, false, NULL};
    }
    each_as_alone(model, requests, COUNT, 1, out);
    size_t ended = 0, at_once = 0, full = 0;
    for (size_t i = 0; i < COUNT; i++) {
        ended += out[i].ids.count < 12;
        at_once += out[i].ids.count == 0;
        full += out[i].ids.count == 12;
        for (size_t t = 0; t < out[i].ids.count; t++)
            assert_false(token_is_end(model_tokenizer(model), out[i].ids.data[t]));
        generation_free(&out[i]);
        ids_free(&prompts[i]);
    }
    print_message("%zu of %d ended, %zu at once, %zu ran to the limit\n", ended, COUNT, at_once,
                  full);
    assert_true(ended > 0 && ended > at_once && full > 0);
    model_free(model);
}

static void generate__nano__as_one_at_a_time(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct probe_set *set = probe_set_load("math,code", &err);
    t_ok(set != NULL, &err);
    struct ids *prompts = x_new(set->count, sizeof *prompts);
    struct generate_request *requests = x_new(set->count, sizeof *requests);
    struct generation *out = x_new(set->count, sizeof *out);
    size_t newlines = 0;
    for (size_t i = 0; i < set->count; i++) {
        prompts[i] = simple_encode(model, set->probes[i].prompt);
        requests[i] = (struct generate_request){&prompts[i], 14, true, NULL};
    }
    each_as_alone(model, requests, set->count, 2, out);
    for (size_t i = 0; i < set->count; i++) {
        const char *end = memchr(out[i].text.data, '\n', out[i].text.len);
        newlines += end != NULL;
        generation_free(&out[i]);
        ids_free(&prompts[i]);
    }
    assert_true(newlines > set->count / 2); /* nano ends its answers with one */
    free(prompts);
    free(requests);
    free(out);
    probe_set_free(set);
    model_free(model);
}

struct seen {
    size_t calls, done, total;
};

static void note(void *user, size_t done, size_t total)
{
    struct seen *seen = user;
    assert_true(done >= seen->done && done <= total);
    *seen = (struct seen){seen->calls + 1, done, total};
}

static void generate__progress__up_to_all(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct model *model = simple_model(&tiny_default);
    struct ids prompt = simple_encode(model, "ab");
    struct generate_request requests[COUNT];
    struct generation out[COUNT] = {0};
    struct err err;
    struct seen seen = {0};
    struct work_progress progress = {note, &seen};
    for (size_t i = 0; i < COUNT; i++)
        requests[i] = (struct generate_request){&prompt, 2, true, NULL};
    t_ok(generate_greedy(model, requests, COUNT, 1, out, &progress, NULL, &err), &err);
    assert_true(seen.calls >= 2);
    assert_int_equal(seen.done, COUNT);
    assert_int_equal(seen.total, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        generation_free(&out[i]);
    ids_free(&prompt);
    model_free(model);
}

static void generate__cancelled__fails(void **state)
{
    (void)state;
    struct model *model = simple_model(&tiny_default);
    struct ids prompt = simple_encode(model, "ab");
    struct generate_request request = {&prompt, 5, true, NULL};
    struct generation out = {0};
    struct err err;
    cancel_flag cancel = true;
    assert_false(generate_greedy(model, &request, 1, 1, &out, NULL, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    generation_free(&out);
    ids_free(&prompt);
    model_free(model);
}

/* Stops with the first token after which the text contains what it was told to stop at,
 * in however many tokens that came. */
static void generate__stop_text__ends_with_the_token_that_completes_it(void **state)
{
    (void)state;
    enum { LIMIT = 24 };
    struct model *model = simple_nano();
    struct ids prompt = simple_encode(model, "Anna has a"), whole = {0};
    struct buf text = {0};
    struct err err;
    simple_answer(model, &prompt, LIMIT, false, &whole);
    token_decode_all(model_tokenizer(model), whole.data, whole.count, &text);
    for (size_t start = 0; start < text.len; start++)
        for (size_t len = 1; len <= 9 && start + len <= text.len; len += 4) {
            char *stop = x_copy(text.data + start, len);
            struct generate_request request = {&prompt, LIMIT, false, stop};
            struct generation out = {0};
            struct buf so_far = {0};
            size_t expected = 0;
            while (!so_far.data || !strstr(so_far.data, stop))
                token_decode(model_tokenizer(model), whole.data[expected++], &so_far);
            t_ok(generate_greedy(model, &request, 1, 1, &out, NULL, NULL, &err), &err);
            assert_int_equal(out.ids.count, expected);
            assert_memory_equal(out.ids.data, whole.data, expected * sizeof *whole.data);
            generation_free(&out);
            buf_free(&so_far);
            free(stop);
        }
    assert_true(whole.count > 4);
    buf_free(&text);
    ids_free(&whole);
    ids_free(&prompt);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate__many_prompts__as_one_at_a_time),
        cmocka_unit_test(generate__end_of_text__stops_and_is_left_out),
        cmocka_unit_test(generate__nano__as_one_at_a_time),
        cmocka_unit_test(generate__progress__up_to_all),
        cmocka_unit_test(generate__stop_text__ends_with_the_token_that_completes_it),
        cmocka_unit_test(generate__cancelled__fails),
    };
    return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
