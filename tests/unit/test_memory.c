/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the machine has, what is taken of it, and what is refused before it is taken.
 */
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/forward/work.h"
#include "src/base/memory.h"
#include "tests/sparse.h"
#include "tests/t.h"
#include "tests/tiny.h"

#if defined(__SANITIZE_ADDRESS__)
enum { HAS_SHADOW = true };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { HAS_SHADOW = true };
#else
enum { HAS_SHADOW = false };
#endif
#else
enum { HAS_SHADOW = false };
#endif

enum { MIB = 1 << 20 };

/* ---- src/base/memory --------------------------------------------------------------- */

static void memory_resident__written_and_freed__counted(void **state)
{
    (void)state;
    const size_t bytes = (size_t)64 * MIB, about = bytes / 8;
    uint64_t before = memory_resident();
    assert_in_range(before, 1, memory_resident_max());
    char *block = malloc(bytes);
    assert_non_null(block);
    memset(block, 1, bytes);
    __asm__ volatile("" : : "r"(block) : "memory"); /* it is written, not optimized away */
    uint64_t with = memory_resident();
    assert_true(with + about >= before + bytes);
    free(block);
    assert_true(memory_resident_max() + about >= with);
    if (!HAS_SHADOW) /* which keeps freed memory for a while */
        assert_true(memory_resident() <= with - bytes / 2);
}

static void memory_available__this_machine__some_and_not_all(void **state)
{
    (void)state;
    uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
    uint64_t all = pages * (uint64_t)sysconf(_SC_PAGESIZE), available = memory_available();
    assert_true(available > 0);
    assert_true(available < all || available == UINT64_MAX);
}

/* ---- refusals ------------------------------------------------------------------------ */

static struct model *open_file(const char *path)
{
    struct err err;
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    return model;
}

/* "no memory for WHAT (X MiB, the machine has Y MiB left)", X about `bytes` */
static void refused_with_figures(const struct err *err, const char *what, double bytes)
{
    char begin[128];
    unsigned long long whole = 0, left = 0;
    int len = snprintf(begin, sizeof begin, "no memory for %s (", what);
    assert_string_equal(err_code_name(err->code), "memory");
    if (strncmp(err->message, begin, (size_t)len) != 0)
        fail_msg("%s", err->message);
    assert_int_equal(sscanf(err->message + len, "%llu MiB, the machine has %llu MiB left)", &whole,
                            &left), 2);
    assert_true((double)whole * MIB > bytes * 0.9 && (double)whole * MIB < bytes * 1.1);
    assert_true(left < whole);
}

/* K and V of 36 layers, 8 heads of 128, and the residual stream: 311 KB a token. */
static void context_new__two_million_tokens_at_8b__refused_with_figures(void **state)
{
    (void)state;
    const struct synth_shape shape = sparse_shape("8B");
    const double bytes = (double)POSITIONS_MAX * 4 * (2.0 * 36 * 8 * 128 + 4096 + 128 + 4 + 6);
    char path[] = "/tmp/bankai-test-XXXXXX";
    uint64_t file_bytes = sparse_write(&shape, path);
    if (file_bytes == 0 || (double)memory_available() > bytes) {
        (void)unlink(path);
        skip();
    }
    struct err err = {0};
    struct model *model = open_file(path);
    uint64_t before = memory_resident();
    const struct context_options options = {.tokens_max = POSITIONS_MAX, .threads = 1};
    assert_null(context_new(model, &options, &err));
    refused_with_figures(&err, "a context of 2097152 tokens", bytes);
    assert_true(memory_resident() < before + 4 * MIB);
    model_free(model);
    (void)unlink(path);
}

/* A million tokens of 65536 floats. */
static void batch_new__more_than_the_machine_has__refused_with_figures(void **state)
{
    (void)state;
    enum { TOKENS = 1 << 20 };
    const double bytes = TOKENS * 4.0 * ((1 << 16) + 2 * 8 * 128 + 128 + 8);
    char path[] = "/tmp/bankai-test-XXXXXX";
    if (sparse_write(&sparse_giant, path) == 0 || (double)memory_available() > bytes) {
        (void)unlink(path);
        skip();
    }
    struct err err = {0};
    struct model *model = open_file(path);
    int32_t *ids = x_new(TOKENS, sizeof *ids);
    const struct sequence sequence = {.ids = ids, .count = TOKENS, .wanted = TOKENS - 1};
    const struct batch_options options = {.threads = 1};
    assert_null(batch_new(model, &sequence, 1, &options, &err));
    refused_with_figures(&err, "an evaluation of 1048576 tokens", bytes);
    free(ids);
    model_free(model);
    (void)unlink(path);
}

/* ---- what is stated -------------------------------------------------------------------- */

static struct model *open_tiny(void)
{
    struct buf file = {0};
    struct err err;
    tiny_write(&tiny_default, &file);
    struct model *model = model_open_memory(file.data, file.len, "tiny", &err);
    t_ok(model != NULL, &err);
    buf_free(&file);
    return model;
}

/* 2 layers, 1 KV head of 64, width 128; positions: 32 cosines and as many sines, and
 * scores of 2 heads. */
static void context_bytes__by_hand__grows_by_the_token(void **state)
{
    (void)state;
    struct err err;
    struct model *model = open_tiny();
    uint64_t bytes[2];
    for (size_t i = 0; i < 2; i++) {
        const struct context_options options = {.tokens_max = 1000 * (i + 1), .threads = 1};
        struct context *context = context_new(model, &options, &err);
        t_ok(context != NULL, &err);
        bytes[i] = context_bytes(context);
        context_free(context);
    }
    uint64_t floats = 2 * 2 * 64 + 128 + 2 * 32 + 2, token = 16;
    assert_in_range(bytes[1] - bytes[0], 1000 * (4 * floats + token) - 1000,
                    1000 * (4 * floats + token) + 1000);
    model_free(model);
}

/* Any budget: no more than there is. */
static void batch_bytes__all_that_is_kept__counted(void **state)
{
    (void)state;
    struct err err;
    struct model *model = open_tiny();
    int32_t ids[20] = {1, 2, 3};
    const struct sequence sequence = {.ids = ids, .count = countof(ids), .wanted = 1};
    struct batch_options options = {.threads = 1};
    struct batch *lean = batch_new(model, &sequence, 1, &options, &err);
    options.keep_bytes = UINT64_MAX;
    struct batch *fat = batch_new(model, &sequence, 1, &options, &err);
    t_ok(lean && fat, &err);
    assert_int_equal(batch_kept_bytes(lean), 0);
    assert_true(batch_kept_bytes(fat) > 0);
    assert_int_equal(batch_bytes(fat), batch_bytes(lean) + batch_kept_bytes(fat));
    uint64_t before = batch_bytes(lean);
    const struct flip flip = {0, PROJ_UP, 3, FLIP_WHOLE_ROW, {0, 0}};
    t_ok(batch_try(lean, &flip, 1, NULL, &err), &err);
    assert_true(batch_bytes(lean) > before);
    batch_free(lean);
    batch_free(fat);
    model_free(model);
}

/* ---- what is taken ---------------------------------------------------------------------- */

static void run_some(struct context *context, size_t vocab)
{
    struct err err;
    const int32_t ids[] = {1, 2, 3, 4, 5};
    size_t branch = context_branch(context, 0, 0);
    float *logits = x_new(vocab, sizeof *logits);
    t_ok(context_push(context, branch, ids, countof(ids), &err), &err);
    t_ok(context_run(context, NULL, &err), &err);
    size_t slot = context_slot(context, branch, countof(ids) - 1);
    t_ok(context_logits(context, &slot, 1, logits, NULL, &err), &err);
    free(logits);
}

/* The file's pages that were touched and what is stated; a second copy of the weights
 * only where it was asked for.  Slack: tokenizer, threads, logits. */
static void forward__real_shape__file_and_stated_memory_only(void **state)
{
    (void)state;
    const uint64_t slack = 24 * MIB;
    const struct synth_shape shape = sparse_shape("1.7B");
    char path[] = "/tmp/bankai-test-XXXXXX";
    (void)malloc_trim(0);
    uint64_t before = memory_resident(), file_bytes = sparse_write(&shape, path);
    if (HAS_SHADOW || file_bytes == 0 || memory_available() / 4 < file_bytes) {
        (void)unlink(path);
        skip();
    }
    struct err err;
    struct model *model = open_file(path);
    const struct context_options options = {.tokens_max = 256};
    struct context *context = context_new(model, &options, &err);
    t_ok(context != NULL, &err);
    run_some(context, model_shape(model)->vocab);
    uint64_t stated = file_bytes + context_bytes(context);
    uint64_t most = memory_resident_max(), now = memory_resident();
    assert_in_range(now - before, file_bytes * 9 / 10, stated + slack);
    assert_true(most < before + 64 * MIB + stated + slack); /* 64: an earlier test's */

    t_ok(model_repack(model, 0, NULL, &err), &err);
    context_reset(context);
    run_some(context, model_shape(model)->vocab);
    uint64_t panels = model_panels_bytes(model);
    assert_in_range(panels, file_bytes * 9 / 10, file_bytes);
    assert_in_range(memory_resident() - before, file_bytes + panels - slack,
                    stated + panels + slack);
    context_free(context);
    model_free(model);
    (void)malloc_trim(0); /* what is free, but kept for the next call */
    assert_true(memory_resident() < before + slack);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_resident__written_and_freed__counted),
        cmocka_unit_test(memory_available__this_machine__some_and_not_all),
        cmocka_unit_test(context_new__two_million_tokens_at_8b__refused_with_figures),
        cmocka_unit_test(batch_new__more_than_the_machine_has__refused_with_figures),
        cmocka_unit_test(context_bytes__by_hand__grows_by_the_token),
        cmocka_unit_test(batch_bytes__all_that_is_kept__counted),
        cmocka_unit_test(forward__real_shape__file_and_stated_memory_only),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
