/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What methods of a search are made of, without a model: sets of flips, crossing, fronts,
 * the orders of prune and swap.
 */
#include <math.h>
#include <stdlib.h>

#include "engine/search/breed.h"
#include "engine/search/front.h"
#include "engine/search/pairs.h"
#include "engine/search/prune.h"
#include "tests/t.h"

static struct flip row(uint32_t number)
{
    return (struct flip){0, PROJ_UP, number, FLIP_WHOLE_ROW, {0, 0}};
}

/* The rows of the bits of `rows`. */
static struct flip_bag bag_of(uint64_t rows)
{
    struct flip_bag bag = {0};
    for (uint32_t i = 64; i-- > 0;) {
        struct flip flip = row(i);
        if (rows >> i & 1)
            flip_bag_toggle(&bag, &flip);
    }
    return bag;
}

static uint64_t rows_of(const struct flip_bag *bag)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < bag->count; i++)
        rows |= UINT64_C(1) << bag->flips[i].row;
    return rows;
}

/* ---- sets ------------------------------------------------------------------------ */

static void flip_bag__toggled__as_a_word_of_bits(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    struct flip_bag bag = {0}, other = {0};
    uint64_t rows = 0;
    for (int i = 0; i < 500; i++) {
        struct flip flip = row((uint32_t)rng_below(&rng, 64));
        flip_bag_toggle(&bag, &flip);
        rows ^= UINT64_C(1) << flip.row;
        assert_true(rows_of(&bag) == rows);
        assert_true(flip_bag_has(&bag, &flip) == (rows >> flip.row & 1));
        for (size_t k = 1; k < bag.count; k++)
            assert_true(flip_order(&bag.flips[k - 1], &bag.flips[k]) < 0);
    }
    flip_bag_copy(&other, &bag);
    assert_true(flip_bag_equal(&bag, &other) && flip_bag_key(&bag) == flip_bag_key(&other));
    flip_bag_xor(&other, bag.flips, bag.count);
    assert_int_equal(other.count, 0);
    assert_int_equal(flip_bag_key(&other), 0);
    flip_bag_free(&bag);
    flip_bag_free(&other);
}

static void flip_order__other_words__other_flips(void **state)
{
    (void)state;
    static const struct flip flips[] = {
        {NO_LAYER, PROJ_EMBED, 1, FLIP_WHOLE_ROW, {0, 0}},
        {0, PROJ_Q, 1, FLIP_WHOLE_ROW, {0, 0}}, {0, PROJ_Q, 1, 0, {1, 0}},
        {0, PROJ_Q, 1, 0, {1, 1}},              {0, PROJ_Q, 1, 0, {2, 0}},
        {0, PROJ_Q, 1, 1, {1, 0}},              {0, PROJ_Q, 2, FLIP_WHOLE_ROW, {0, 0}},
        {0, PROJ_K, 0, FLIP_WHOLE_ROW, {0, 0}}, {1, PROJ_Q, 0, FLIP_WHOLE_ROW, {0, 0}},
    };
    for (size_t i = 0; i < countof(flips); i++)
        for (size_t k = 0; k < countof(flips); k++)
            assert_int_equal(flip_order(&flips[i], &flips[k]), (i > k) - (i < k));
    /* what a whole row has as a mask does not count */
    const struct flip a = {0, PROJ_Q, 1, FLIP_WHOLE_ROW, {1, 2}}, b = flips[1];
    assert_int_equal(flip_order(&a, &b), 0);
}

/* ---- crossing [B1] --------------------------------------------------------------- */

static void breed_cross__random_parents__no_flip_that_no_parent_has(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    size_t taken[5] = {0}, differing[5] = {0}; /* by rarity */
    for (int i = 0; i < 400; i++) {
        uint64_t a = rng_next(&rng) & rng_next(&rng), b = rng_next(&rng) & rng_next(&rng);
        struct flip_bag first = bag_of(a), second = bag_of(b), child = {0};
        unsigned rarity = 1 + (unsigned)i % 4;
        breed_cross(&first, &second, rarity, &rng, &child);
        uint64_t rows = rows_of(&child);
        assert_true((rows & ~(a | b)) == 0);
        assert_true((a & b & ~rows) == 0);
        taken[rarity] += (size_t)__builtin_popcountll(rows ^ a); /* as in b */
        differing[rarity] += (size_t)__builtin_popcountll(a ^ b);
        flip_bag_free(&first);
        flip_bag_free(&second);
        flip_bag_free(&child);
    }
    for (unsigned rarity = 1; rarity <= 4; rarity++) { /* within six standard deviations */
        double chance = 1 / (double)(1 << rarity), coins = (double)differing[rarity];
        assert_true(coins > 2000 && fabs((double)taken[rarity] - coins * chance) <
                                        6 * sqrt(coins * chance * (1 - chance)));
    }
}

static void breed_drop__until_empty__one_less_each_time(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    struct flip_bag bag = bag_of(0xF00F);
    for (size_t left = 8; left-- > 0;) {
        breed_drop(&bag, &rng);
        assert_int_equal(bag.count, left);
        assert_true((rows_of(&bag) & ~UINT64_C(0xF00F)) == 0);
    }
    breed_drop(&bag, &rng);
    assert_int_equal(bag.count, 0);
    flip_bag_free(&bag);
}

static void population_offer__more_than_it_holds__the_fittest_stay(void **state)
{
    (void)state;
    struct population population = {0};
    for (uint64_t i = 0; i < 30; i++) { /* fitness 0, 7, 14, 21, 28, 5, 12, ... of 30 */
        struct flip_bag bag = bag_of(i + 1);
        if (population_offer(&population, &bag, (double)(i * 7 % 30)))
            assert_false(population_offer(&population, &bag, 99)); /* it is in already */
        flip_bag_free(&bag);
    }
    assert_int_equal(population.count, POPULATION_MAX);
    for (size_t i = 0; i < POPULATION_MAX; i++)
        assert_true(population.members[i].fitness == (double)(29 - i));
    struct rng rng;
    rng_seed(&rng, 1);
    size_t picked[POPULATION_MAX] = {0};
    for (int i = 0; i < 2000; i++) {
        size_t at = population_pick(&population, 4, &rng);
        assert_true(at < POPULATION_MAX && at != 4);
        picked[at]++;
    }
    assert_true(picked[0] > picked[5] && picked[5] > picked[POPULATION_MAX - 1]);
    population_free(&population);
}

/* ---- fronts ---------------------------------------------------------------------- */

static void front_offer__random_points__as_found_by_comparing_all(void **state)
{
    (void)state;
    enum { COUNT = 200, DIMENSIONS = 3 };
    static double values[COUNT][DIMENSIONS];
    struct rng rng;
    struct front front;
    rng_seed(&rng, 2);
    front_init(&front, DIMENSIONS);
    for (uint64_t i = 0; i < COUNT; i++) {
        struct flip_bag bag = bag_of(i + 1);
        for (size_t k = 0; k < DIMENSIONS; k++)
            values[i][k] = (double)rng_below(&rng, 12);
        (void)front_offer(&front, &bag, values[i], i + 1);
        flip_bag_free(&bag);
    }
    size_t expected = 0;
    for (size_t i = 0; i < COUNT; i++) {
        bool beaten = false; /* by a better one, or by an equal one that came first */
        for (size_t k = 0; k < COUNT; k++) {
            int above = 0, below = 0;
            for (size_t d = 0; d < DIMENSIONS; d++) {
                above += values[k][d] > values[i][d];
                below += values[k][d] < values[i][d];
            }
            beaten = beaten || (below == 0 && (above > 0 || k < i));
        }
        if (beaten)
            continue;
        assert_int_equal(front.points[expected].number, i + 1);
        assert_true(rows_of(&front.points[expected].bag) == i + 1);
        expected++;
    }
    assert_int_equal(front.count, expected);
    for (size_t i = 0; i < front.count; i++)
        for (size_t k = 0; k < front.count; k++)
            assert_false(front_dominates(front.points[i].values, front.points[k].values,
                                         DIMENSIONS));
    front_free(&front);
}

/* ---- prune ----------------------------------------------------------------------- */

/* What each of 8 flips gives; 3 and 6 are useless, 5 does harm. */
static const double worth[8] = {0.5, 0.25, 1, 0, 0.125, -0.5, 0, 2};

static double fitness_of(uint64_t rows)
{
    double fitness = 0;
    for (int i = 0; i < 8; i++)
        fitness += rows >> i & 1 ? worth[i] : 0;
    return rows >> 1 & rows >> 4 & 1 ? fitness - 0.125 : fitness; /* 1 does what 4 does */
}

static void prune_choose__made_up_fitness__just_the_useless_go(void **state)
{
    (void)state;
    struct prune_order order = {0};
    struct flip_bag on = bag_of(0xFF);
    struct flip flip;
    uint64_t tried[64], count = 0;
    double fitness = fitness_of(0xFF);
    for (uint32_t i = 0; i < 8; i++) {
        flip = row(i);
        if (i != 2) /* not predicted: behind the others */
            prune_promise(&order, &flip, i == 0 ? 3 : -worth[i]);
    }
    while (prune_choose(&order, &on, &flip)) {
        uint64_t rows = rows_of(&on) ^ UINT64_C(1) << flip.row;
        bool goes = fitness_of(rows) >= fitness;
        assert_true(count < countof(tried) && (rows_of(&on) >> flip.row & 1));
        tried[count++] = flip.row;
        prune_tried(&order, &flip, count, fitness_of(rows), goes);
        if (goes) {
            flip_bag_toggle(&on, &flip);
            fitness = fitness_of(rows);
        }
    }
    /* By promise: 0 (which is wrong), 5 goes, 3 and 6 go, 4 goes (1 does the same), 1, 7, 2;
     * then 0, which was tried before 4 went, once more; 1, 7 and 2 not. */
    static const uint64_t expected[] = {0, 5, 3, 6, 4, 1, 7, 2, 0};
    assert_int_equal(count, countof(expected));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tried[i], expected[i]);
    assert_true(rows_of(&on) == 0x87);
    assert_int_equal(prune_open(&order, &on), 0);
    flip = row(5); /* by hand: what went is left alone */
    flip_bag_toggle(&on, &flip);
    assert_int_equal(prune_open(&order, &on), 0);
    flip = row(20);
    flip_bag_toggle(&on, &flip);
    assert_true(prune_choose(&order, &on, &flip) && flip.row == 20);
    flip_bag_free(&on);
    prune_order_free(&order);
}

/* ---- swap ------------------------------------------------------------------------ */

static void pairs_next__two_and_three__by_their_sums(void **state)
{
    (void)state;
    const struct promise off[] = {{row(0), -1}, {row(1), -0.25}};
    const struct promise on[] = {{row(10), 0.5}, {row(11), 2}, {row(12), 1}};
    static const uint32_t expected[][2] = {{1, 11}, {0, 11}, {1, 12}, {1, 10}, {0, 12}, {0, 10}};
    struct pairs pairs;
    struct pair pair;
    pairs_init(&pairs, off, 2, on, 3);
    struct flip_bag bag = bag_of(3);
    for (size_t i = 0; i < countof(expected); i++) {
        assert_true(pairs_next(&pairs, &bag, &pair));
        assert_int_equal(pair.off.row, expected[i][0]);
        assert_int_equal(pair.on.row, expected[i][1]);
        pairs_tried(&pairs, &pair, true);
        if (i == 1) { /* back again */
            pairs_tried(&pairs, &pair, false);
            assert_true(pairs_next(&pairs, &bag, &pair) && pair.off.row == 0);
            pairs_tried(&pairs, &pair, true);
        }
    }
    assert_false(pairs_next(&pairs, &bag, &pair));
    pairs_free(&pairs);

    /* 1 went off and 11 came on: what is left of the list is without them */
    pairs_init(&pairs, off, 2, on, 3);
    flip_bag_free(&bag);
    bag = bag_of(1 | 1 << 11);
    assert_true(pairs_next(&pairs, &bag, &pair));
    assert_true(pair.off.row == 0 && pair.on.row == 12);
    pairs_free(&pairs);
    flip_bag_free(&bag);
}

static void pairs_next__many__each_flip_so_often(void **state)
{
    (void)state;
    struct promise off[20], on[40];
    for (uint32_t i = 0; i < 40; i++)
        on[i] = (struct promise){row(20 + i), 100 - (double)i};
    for (uint32_t i = 0; i < 20; i++)
        off[i] = (struct promise){row(i), -1000 * (double)i}; /* the first is always best */
    struct pairs pairs;
    struct pair pair;
    struct flip_bag bag = bag_of(0xFFFFF);
    size_t uses[60] = {0}, count = 0;
    pairs_init(&pairs, off, 20, on, 40);
    for (; pairs_next(&pairs, &bag, &pair); count++) {
        assert_true(++uses[pair.off.row] <= PAIRS_EACH);
        assert_true(++uses[pair.on.row] <= PAIRS_EACH);
        pairs_tried(&pairs, &pair, true);
    }
    assert_int_equal(uses[0], PAIRS_EACH);
    assert_int_equal(uses[20], PAIRS_EACH);
    assert_true(count >= 20 * PAIRS_EACH / 2);
    pairs_free(&pairs);
    flip_bag_free(&bag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flip_bag__toggled__as_a_word_of_bits),
        cmocka_unit_test(flip_order__other_words__other_flips),
        cmocka_unit_test(breed_cross__random_parents__no_flip_that_no_parent_has),
        cmocka_unit_test(breed_drop__until_empty__one_less_each_time),
        cmocka_unit_test(population_offer__more_than_it_holds__the_fittest_stay),
        cmocka_unit_test(front_offer__random_points__as_found_by_comparing_all),
        cmocka_unit_test(prune_choose__made_up_fitness__just_the_useless_go),
        cmocka_unit_test(pairs_next__two_and_three__by_their_sums),
        cmocka_unit_test(pairs_next__many__each_flip_so_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
