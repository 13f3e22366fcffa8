/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Units of every size: what they are made of, and what is picked of them.
 */
#include "engine/search/units.h"

#include <math.h>
#include <stdlib.h>

#include "tests/prop.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/train_fixture.h"

static const uint32_t chunks[] = {UNITS_ROWS, 128, 64, 32, 16, 8, 4, 2, 1};

static struct units *some_units(struct model *model, uint32_t chunk, uint32_t projs, double price)
{
    struct err err;
    struct units_options of = {chunk, projs, RANK_RAW, 12, 2, price, 0};
    struct units *units = units_new(model, &of, &err);
    t_ok(units != NULL, &err);
    return units;
}

static int bits_of(const struct flip *flip)
{
    return __builtin_popcountll(flip->mask[0]) + __builtin_popcountll(flip->mask[1]);
}

/* nano: 6 layers; down is 256 x 768, k is 128 x 256. */
static void units__every_size__weights_are_divided(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    for (size_t i = 0; i < countof(chunks); i++) {
        struct units *units = some_units(model, chunks[i], 1u << PROJ_DOWN | 1u << PROJ_K, 0);
        uint64_t weights = UINT64_C(6) * (256 * 768 + 128 * 256);
        assert_int_equal(units_count(units), chunks[i] ? weights / chunks[i] : 6 * (256 + 128));
        units_free(units);
    }
    model_free(model);
}

/* Numbers to flips and back; a number that stands there twice is off. */
static void units__flips_and_numbers__there_and_back(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct rng rng;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < countof(chunks); i++) {
        struct units *units = some_units(model, chunks[i], search_all_projs, 0);
        uint64_t numbers[60], *back = NULL;
        struct flip *flips = NULL;
        size_t count = 0, bits = 0;
        for (size_t n = 0; n < 50; n++)
            numbers[n] = rng_below(&rng, units_count(units) / 50) * 50 + n; /* distinct */
        for (size_t n = 50; n < 60; n++)
            numbers[n] = numbers[n - 50];
        size_t flip_count = units_flips_of(units, numbers, 60, &flips);
        for (size_t n = 0; n < flip_count; n++)
            bits += flips[n].group == FLIP_WHOLE_ROW ? 0 : (size_t)bits_of(&flips[n]);
        assert_int_equal(bits, 40 * chunks[i]); /* rows: none */
        assert_true(units_chunk(flips, flip_count) >= chunks[i]);
        t_ok(units_of_flips(units, flips, flip_count, &back, &count, &err), &err);
        assert_int_equal(count, 40);
        for (size_t n = 0; n < count; n++) {
            size_t found = 0;
            for (size_t k = 10; k < 50; k++)
                found += numbers[k] == back[n];
            assert_int_equal(found, 1);
        }
        free(flips);
        free(back);
        units_free(units);
    }
    model_free(model);
}

static void units__parts_of_units_and_other_matrices__refused(void **state)
{
    (void)state;
    struct err err;
    struct model *model = simple_nano();
    struct units *units = some_units(model, 8, 1u << PROJ_UP, 0);
    const struct flip four = {0, PROJ_UP, 1, 0, {0x0f, 0}};
    const struct flip down = {0, PROJ_DOWN, 1, 0, {0xff, 0}};
    const struct flip beyond = {0, PROJ_UP, 768, 0, {0xff, 0}};
    uint64_t *numbers = NULL;
    size_t count = 0;
    assert_int_equal(units_chunk(&four, 1), 4);
    assert_false(units_of_flips(units, &four, 1, &numbers, &count, &err));
    t_err_is(&err, ERR_RANGE, "flips[0]", "is not made of whole units of 8 weights");
    assert_false(units_of_flips(units, &down, 1, &numbers, &count, &err));
    t_err_is(&err, ERR_RANGE, "flips[0]", "is of down_proj, expected a projection that is trained");
    assert_false(units_of_flips(units, &beyond, 1, &numbers, &count, &err));
    units_free(units);
    model_free(model);
}

static void units__random_picks__all_different_and_off(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct model *model = simple_nano();
    struct units *units = some_units(model, 128, 1u << PROJ_K, 0); /* 6 x 128 x 2 */
    struct unit_pick *picks = x_new(MANY, sizeof *picks), *more = x_new(MANY, sizeof *more);
    struct rng rng;
    bool seen[1536] = {false};
    rng_seed(&rng, 1);
    size_t first = units_pick_random(units, 500, &rng, picks);
    assert_int_equal(first, 500);
    units_flip(units, picks, first);
    assert_int_equal(units_on(units), 500); /* so no unit was picked twice */
    for (size_t i = 0; i < first; i++)
        seen[units_number(units, &picks[i])] = true;
    size_t rest = units_pick_random(units, MANY, &rng, more);
    assert_int_equal(rest, (1536 - 500) / 2);
    for (size_t i = 0; i < rest; i++)
        assert_false(seen[units_number(units, &more[i])]);
    units_flip(units, picks, first);
    /* every matrix is drawn from: of 500, 6 x 83 are expected */
    size_t of_layer[6] = {0};
    for (size_t i = 0; i < first; i++)
        of_layer[picks[i].flip.layer]++;
    for (size_t i = 0; i < 6; i++)
        assert_in_range(of_layer[i], 40, 130);
    free(picks);
    free(more);
    units_free(units);
    model_free(model);
}

/* log2 of n choose k / 8, by Python's math.comb; within Stirling's error. */
static void units__bytes__are_the_logarithm_of_the_number_of_sets(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct units *units = some_units(model, 128, 1u << PROJ_K, 0); /* 1536 */
    assert_true(fabs(units_bytes_of(units_count(units), 10) - 10.502) < 0.02);
    assert_true(fabs(units_bytes_of(units_count(units), 768) - 191.298) < 0.02);
    assert_true(units_bytes_of(units_count(units), 0) == 0);
    assert_true(fabs(units_next_bytes(units) - units_bytes_of(units_count(units), 1)) < 1e-9);
    units_free(units);
    model_free(model);
}

/* ---- prices ---------------------------------------------------------------------------- */

/* The same units with another price; one gradient taken in. */
static size_t picks_at(double price, struct unit_pick *picks, size_t most, double *next_bytes)
{
    static const size_t index[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    struct err err;
    struct objective ignored;
    struct minibatch_options options = {.threads = 2};
    struct model *model = simple_nano();
    struct items *targets = train_fixture_items(model, 0, 12);
    struct units *units = some_units(model, 8, 1u << PROJ_DOWN, price);
    struct minibatch *minibatch =
        minibatch_new(model, targets, index, 12, NULL, NULL, 0, NULL, &options, &err);
    t_ok(minibatch != NULL, &err);
    t_ok(minibatch_gradient(minibatch, &ignored, units_visit, units, NULL, &err), &err);
    units_taken(units);
    size_t count = units_pick(units, most, picks);
    *next_bytes = units_next_bytes(units);
    minibatch_free(minibatch);
    units_free(units);
    items_free(targets);
    model_free(model);
    return count;
}

static void units__price__only_what_is_worth_its_bytes(void **state)
{
    (void)state;
    enum { MOST = 20000 };
    struct unit_pick *all = x_new(MOST, sizeof *all), *dear = x_new(MOST, sizeof *dear);
    double bytes = 0;
    size_t count = picks_at(0, all, MOST, &bytes), worth = 0;
    assert_true(count == MOST || count > 1000);
    double price = all[300].predicted / bytes; /* what the 301st promises */
    size_t left = picks_at(price, dear, MOST, &bytes);
    while (worth < count && all[worth].predicted - price * bytes > 0)
        worth++;
    assert_int_equal(left, worth);
    assert_in_range(left, 290, 310);
    for (size_t i = 0; i < left; i++)
        assert_true(fabs(dear[i].predicted - (all[i].predicted - price * bytes)) < 1e-12);
    free(all);
    free(dear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units__every_size__weights_are_divided),
        cmocka_unit_test(units__flips_and_numbers__there_and_back),
        cmocka_unit_test(units__parts_of_units_and_other_matrices__refused),
        cmocka_unit_test(units__random_picks__all_different_and_off),
        cmocka_unit_test(units__bytes__are_the_logarithm_of_the_number_of_sets),
        cmocka_unit_test(units__price__only_what_is_worth_its_bytes),
    };
    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
