/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Trimming: a patch of helpful and harmful flips loses the harmful ones.
 */
#include "engine/search/trim.h"

#include <stdlib.h>

#include "patches/patch.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/train_fixture.h"

struct work {
    struct model *model;
    struct items *targets, *controls;
    struct flip *flips; /* half chosen by gradients, half against them */
    size_t count;
    struct trim_options options;
};

static struct work make_work(void)
{
    struct err err;
    struct train_step step;
    struct work work = {.model = simple_model(&tiny_default), .options = trim_default_options()};
    work.targets = train_fixture_second(work.model, 60);
    work.controls = train_fixture_own(work.model, 100, 12);
    work.options.train = train_fixture_options(1);
    work.options.train.batch_targets = 40;
    work.options.places = 4;
    struct train_options options = work.options.train;
    options.first_k = options.most_k = 40;
    options.steps = 3;
    struct train *train =
        train_new(work.model, work.targets, work.controls, &options, NULL, &err);
    t_ok(train != NULL, &err);
    while (train_step(train, &step, NULL, &err) == SEARCH_TRIED)
        ;
    work.count = train_flips(train, &work.flips);
    assert_true(work.count > 20);
    for (size_t i = 0; i < work.count; i++)
        model_flip(work.model, &work.flips[i]);
    train_free(train);
    return work;
}

static void free_work(struct work *work)
{
    free(work->flips);
    items_free(work->targets);
    items_free(work->controls);
    model_free(work->model);
}

static void run(struct work *work, struct trim *trim)
{
    struct err err;
    struct state_name before = model_state(work->model);
    t_ok(trim_run(trim, work->model, work->targets, work->controls, work->flips, work->count,
                  &work->options, NULL, &err), &err);
    assert_true(state_name_equal(model_state(work->model), before));
}

static size_t bytes_of(const struct flip *flips, size_t count)
{
    struct patch *patch = patch_new();
    for (size_t i = 0; i < count; i++)
        patch_add(patch, flips[i]);
    size_t bytes = patch_packed_bytes(patch).flips;
    patch_free(patch);
    return bytes;
}

static void trim__byte_budget__kept_and_nearly_used(void **state)
{
    (void)state;
    struct work work = make_work();
    struct trim trim;
    size_t whole = bytes_of(work.flips, work.count);
    work.options.bytes_max = whole / 2;
    run(&work, &trim);
    assert_int_equal(trim.chunk, 8);
    assert_int_equal(trim.patched.bytes, whole);
    assert_int_equal(trim.trimmed.bytes, bytes_of(trim.flips, trim.flip_count));
    assert_in_range(trim.trimmed.bytes, whole / 2 - 8, whole / 2);
    assert_true(trim.trimmed.units < trim.patched.units);
    assert_int_equal(trim.base.units, 0);
    assert_int_equal(trim.base.broken, 0);
    /* a part of the patch, nothing else */
    for (size_t i = 0; i < trim.flip_count; i++) {
        const struct flip *left = &trim.flips[i];
        size_t found = 0;
        for (size_t k = 0; k < work.count; k++)
            found += work.flips[k].layer == left->layer && work.flips[k].proj == left->proj &&
                     work.flips[k].row == left->row && work.flips[k].group == left->group &&
                     (left->mask[0] & ~work.flips[k].mask[0]) == 0 &&
                     (left->mask[1] & ~work.flips[k].mask[1]) == 0;
        assert_int_equal(found, 1);
    }
    /* the better half of what was learned does more than half of it */
    double gain = trim.patched.validation.target - trim.base.validation.target;
    double left = trim.trimmed.validation.target - trim.base.validation.target;
    assert_true(gain > 0 && left > gain / 2);
    trim_free(&trim);
    free_work(&work);
}

/* Flips that were drawn blindly come off before those that were learned. */
static void trim__harmful_flips__off_first(void **state)
{
    (void)state;
    struct work work = make_work();
    struct trim trim;
    struct rng rng;
    size_t learned = work.count, blind = 0;
    rng_seed(&rng, 8);
    work.flips = x_grow(work.flips, 2 * learned, sizeof *work.flips);
    for (size_t i = 0; i < learned; i++) {
        struct flip flip = {(int32_t)rng_below(&rng, 2), PROJ_O, (uint32_t)rng_below(&rng, 128), 0,
                            {UINT64_C(0xff) << 8 * rng_below(&rng, 8), 0}};
        bool known = false;
        for (size_t k = 0; k < work.count; k++)
            known |= work.flips[k].layer == flip.layer && work.flips[k].proj == flip.proj &&
                     work.flips[k].row == flip.row;
        if (!known)
            work.flips[work.count++] = flip;
    }
    run(&work, &trim); /* no budget: what contributes nothing */
    for (size_t i = 0; i < trim.flip_count; i++)
        for (size_t k = learned; k < work.count; k++)
            blind += flip_equal(&trim.flips[i], &work.flips[k]);
    assert_true(work.count - learned > 10);
    assert_true(trim.flip_count - blind > learned * 3 / 4);
    assert_true(blind < (work.count - learned) * 3 / 4);
    assert_true(trim.trimmed.validation.target > trim.patched.validation.target);
    trim_free(&trim);
    free_work(&work);
}

static void trim__cancelled_or_refused__model_is_as_before(void **state)
{
    (void)state;
    struct err err;
    struct work work = make_work();
    struct trim trim;
    struct state_name before = model_state(work.model);
    cancel_flag cancel = true;
    assert_false(trim_run(&trim, work.model, work.targets, work.controls, work.flips, work.count,
                          &work.options, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_true(state_name_equal(model_state(work.model), before));
    const struct flip head = {NO_LAYER, PROJ_HEAD, 3, FLIP_WHOLE_ROW, {0, 0}};
    assert_false(trim_run(&trim, work.model, work.targets, NULL, &head, 1, &work.options, NULL,
                          &err));
    t_err_is(&err, ERR_RANGE, "flips[0]", "is of head, expected a projection that is trained");
    assert_true(state_name_equal(model_state(work.model), before));
    free_work(&work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trim__byte_budget__kept_and_nearly_used),
        cmocka_unit_test(trim__harmful_flips__off_first),
        cmocka_unit_test(trim__cancelled_or_refused__model_is_as_before),
    };
    return cmocka_run_group_tests_name("trim", tests, NULL, NULL);
}
