/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Trainings that were saved: going on is as if nothing had happened [TF1], and bytes are
 * refused or whole [TF2].  On a tiny model of random weights.
 */
#include "engine/search/train_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/sha256.h"
#include "tests/document.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/train_fixture.h"

enum { CHECK = SHA256_TEXT_SIZE - 1 };

struct work {
    struct model *model;
    struct items *targets, *controls;
    char path[64];
};

static struct work make_work(void)
{
    struct work work = {.model = simple_model(&tiny_default)};
    work.targets = train_fixture_second(work.model, 50);
    items_join(work.targets, NULL);
    work.controls = train_fixture_own(work.model, 100, 12);
    (void)snprintf(work.path, sizeof work.path, "/tmp/bankai-train-%ld.train", (long)getpid());
    return work;
}

static void free_work(struct work *work)
{
    (void)unlink(work->path);
    items_free(work->targets);
    items_free(work->controls);
    model_free(work->model);
}

static struct train_options options_of(enum ranking ranking)
{
    struct train_options options = train_fixture_options(1);
    options.ranking = ranking;
    options.neighbours = 15;
    options.control_validation = 3;
    options.price = 1e-6;
    options.steps = 6;
    return options;
}

static struct train *begin(const struct work *work, enum ranking ranking)
{
    struct err err;
    struct train_options options = options_of(ranking);
    struct train *train =
        train_new(work->model, work->targets, work->controls, &options, NULL, &err);
    t_ok(train != NULL, &err);
    return train;
}

/* The flips that are on come off. */
static void undo(const struct work *work, struct train *train)
{
    struct flip *flips = NULL;
    size_t count = train_flips(train, &flips);
    for (size_t i = 0; i < count; i++)
        model_flip(work->model, &flips[i]);
    free(flips);
    train_free(train);
}

static struct train *resume(const struct work *work)
{
    struct err err;
    struct train_file *file = train_file_read(work->path, &err);
    t_ok(file != NULL, &err);
    assert_string_equal(train_file_settings(file), "{\"a\": 1}");
    train_file_options(file)->threads = 1;
    struct train *train =
        train_resume(work->model, work->targets, work->controls, file, NULL, &err);
    t_ok(train != NULL, &err);
    train_file_free(file);
    return train;
}

static bool steps_equal(const struct train_step *a, const struct train_step *b)
{
    return a->number == b->number && a->tried == b->tried && a->kept == b->kept &&
           a->predicted == b->predicted && a->measured == b->measured && a->noise == b->noise &&
           a->validation.target == b->validation.target &&
           a->neighbours.target == b->neighbours.target && a->control == b->control &&
           a->broken == b->broken && a->flips == b->flips && a->bytes == b->bytes;
}

/* Stopped and gone on with after every single step: the same steps, the same model. */
static void check_broken_off(enum ranking ranking)
{
    struct err err;
    struct work work = make_work();
    struct train_step step;
    struct train *whole = begin(&work, ranking);
    while (train_step(whole, &step, NULL, &err) == SEARCH_TRIED)
        ;
    struct state_name expected = model_state(work.model);
    size_t steps = (size_t)train_steps(whole);
    struct train_step *all = x_new(steps, sizeof *all);
    for (size_t i = 0; i < steps; i++)
        all[i] = *train_step_at(whole, i + 1);
    undo(&work, whole);
    assert_true(steps > 2);
    struct train *train = begin(&work, ranking);
    for (size_t i = 0;; i++) {
        t_ok(train_save(train, "{\"a\": 1}", work.path, &err), &err);
        undo(&work, train);
        train = resume(&work);
        assert_int_equal(train_steps(train), i);
        if (train_step(train, &step, NULL, &err) != SEARCH_TRIED)
            break;
        assert_true(steps_equal(&step, &all[i]));
    }
    assert_int_equal(train_steps(train), steps);
    assert_true(state_name_equal(model_state(work.model), expected));
    for (size_t i = 0; i < steps; i++)
        assert_true(steps_equal(train_step_at(train, i + 1), &all[i]));
    undo(&work, train);
    free(all);
    free_work(&work);
}

static void train_resume__after_every_step__as_without_a_break(void **state)
{
    (void)state;
    check_broken_off(RANK_SNR);
    check_broken_off(RANK_RANDOM);
    check_broken_off(RANK_GUARDED);
}

/* A file with two steps. */
static struct work saved_work(void)
{
    struct err err;
    struct train_step step;
    struct work work = make_work();
    struct train *train = begin(&work, RANK_FISHER);
    for (int i = 0; i < 2; i++)
        assert_int_equal(train_step(train, &step, NULL, &err), SEARCH_TRIED);
    t_ok(train_save(train, "{\"a\": 1}", work.path, &err), &err);
    undo(&work, train);
    return work;
}

static void train_file_flips__of_a_step__without_going_on(void **state)
{
    (void)state;
    struct err err;
    struct work work = saved_work();
    struct train_file *file = train_file_read(work.path, &err);
    struct train *train = resume(&work);
    t_ok(file != NULL, &err);
    assert_int_equal(train_steps(train_file_saved(file)), 2);
    for (uint64_t i = 0; i <= 2; i++) {
        struct flip *flips = NULL, *expected = NULL;
        size_t count = 0;
        t_ok(train_file_flips(file, work.model, i, &flips, &count, &err), &err);
        assert_int_equal(count, train_flips_at(train, i, &expected));
        for (size_t k = 0; k < count; k++)
            assert_true(flip_equal(&flips[k], &expected[k]));
        free(flips);
        free(expected);
    }
    size_t count = 0;
    struct flip *flips = NULL;
    assert_false(train_file_flips(file, work.model, 3, &flips, &count, &err));
    t_err_is(&err, ERR_RANGE, "", "there is no step 3, expected 0 to 2");
    undo(&work, train);
    train_file_free(file);
    free_work(&work);
}

static void train_resume__other_inputs__refused(void **state)
{
    (void)state;
    struct err err;
    struct work work = saved_work();
    struct train_file *file = train_file_read(work.path, &err);
    t_ok(file != NULL, &err);
    assert_null(train_resume(work.model, work.controls, work.controls, file, NULL, &err));
    assert_int_equal(err.code, ERR_MISMATCH);
    assert_non_null(strstr(err.message, "other targets"));
    assert_null(train_resume(work.model, work.targets, NULL, file, NULL, &err));
    assert_non_null(strstr(err.message, "other controls"));
    struct tiny shape = tiny_default;
    shape.seed++;
    struct model *other = simple_model(&shape);
    assert_null(train_resume(other, work.targets, work.controls, file, NULL, &err));
    assert_non_null(strstr(err.message, "other model"));
    struct flip *flips = NULL;
    size_t count = 0;
    assert_false(train_file_flips(file, other, 1, &flips, &count, &err));
    model_free(other);
    train_file_free(file);
    free_work(&work);
}

/* Cut short anywhere, or with any bit changed: the checksum tells. */
static void train_file__damaged__refused(void **state)
{
    (void)state;
    struct err err;
    struct work work = saved_work();
    struct buf bytes = document_read(work.path);
    struct rng rng;
    rng_seed(&rng, 4);
    for (size_t i = 0; i < 40; i++) {
        size_t len = i == 0 ? bytes.len - 1 : rng_below(&rng, bytes.len);
        assert_null(train_file_parse(bytes.data, len, "cut", &err));
        assert_int_equal(err.code, ERR_FORMAT);
        size_t at = rng_below(&rng, bytes.len);
        bytes.data[at] ^= 4;
        assert_null(train_file_parse(bytes.data, bytes.len, "changed", &err));
        assert_int_equal(err.code, ERR_FORMAT);
        bytes.data[at] ^= 4;
    }
    struct train_file *file = train_file_parse(bytes.data, bytes.len, "whole", &err);
    t_ok(file != NULL, &err);
    train_file_free(file);
    buf_free(&bytes);
    free_work(&work);
}

/* With the checksum made right again: whatever is accepted is whole enough to be asked. */
static void train_file__changed_with_right_checksum__refused_or_whole(void **state)
{
    (void)state;
    struct err err;
    struct work work = saved_work();
    struct buf bytes = document_read(work.path);
    struct rng rng;
    size_t refused = 0, head = bytes.len < 4000 ? bytes.len - CHECK : 4000;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < 300; i++) {
        char check[SHA256_TEXT_SIZE];
        size_t at = rng_below(&rng, head);
        char old = bytes.data[at];
        bytes.data[at] = (char)rng_next(&rng);
        t_ok(sha256_text(bytes.data, bytes.len - CHECK, check, &err), &err);
        memcpy(bytes.data + bytes.len - CHECK, check, CHECK);
        struct train_file *file = train_file_parse(bytes.data, bytes.len, "changed", &err);
        if (file) {
            const struct train *saved = train_file_saved(file);
            for (uint64_t k = 1; k <= train_steps(saved); k++)
                assert_true(train_step_at(saved, k)->kept <= 1000000);
        }
        refused += !file;
        train_file_free(file);
        bytes.data[at] = old;
    }
    assert_in_range(refused, 20, 299);
    buf_free(&bytes);
    free_work(&work);
}

/* The gradient of the step that was not taken is in the units' numbers. */
static void train_file__nothing_promised_a_gain__read_again(void **state)
{
    (void)state;
    struct err err;
    struct work work = make_work();
    struct train_step step;
    struct train_options options = options_of(RANK_SNR);
    options.price = 1e6;
    struct train *train =
        train_new(work.model, work.targets, work.controls, &options, NULL, &err);
    t_ok(train != NULL, &err);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(train_step(train, &step, NULL, &err), SEARCH_FINISHED);
        assert_int_equal(train_stop(train), TRAIN_STOP_NO_GAIN);
        t_ok(train_save(train, "{\"a\": 1}", work.path, &err), &err);
        undo(&work, train);
        train = resume(&work);
    }
    undo(&work, train);
    free_work(&work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train_resume__after_every_step__as_without_a_break),
        cmocka_unit_test(train_file_flips__of_a_step__without_going_on),
        cmocka_unit_test(train_resume__other_inputs__refused),
        cmocka_unit_test(train_file__nothing_promised_a_gain__read_again),
        cmocka_unit_test(train_file__damaged__refused),
        cmocka_unit_test(train_file__changed_with_right_checksum__refused_or_whole),
    };
    return cmocka_run_group_tests_name("train file", tests, NULL, NULL);
}
