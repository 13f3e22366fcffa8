/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Parts of a row: what is on, which are chosen and in which order they are tried; and that
 * methods group and bit take off what costs nothing, and nothing else.
 */
#include <stdlib.h>

#include "engine/search/refine.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "tests/tiny.h"

static const struct flip row = {1, PROJ_UP, 9, FLIP_WHOLE_ROW, {0, 0}};

static void refine_on__row_group_and_bits__by_hand(void **state)
{
    (void)state;
    uint64_t on[2];
    struct flip flips[] = {
        row, {1, PROJ_UP, 9, 0, {UINT64_MAX, 0}}, {1, PROJ_UP, 9, 1, {3, 0}},
        {1, PROJ_UP, 8, 0, {5, 5}}, {0, PROJ_UP, 9, 0, {5, 5}}, {1, PROJ_GATE, 9, 0, {5, 5}},
    };
    refine_on(flips, countof(flips), &row, 0, on);
    assert_true(on[0] == 0 && on[1] == UINT64_MAX);
    refine_on(flips, countof(flips), &row, 1, on);
    assert_true(on[0] == ~(uint64_t)3 && on[1] == UINT64_MAX);
    refine_on(flips, 0, &row, 1, on);
    assert_true(on[0] == 0 && on[1] == 0);
}

static void refine_tried__halves__by_hand(void **state)
{
    (void)state;
    struct refine refine = {.place = {.parts = {5}, .part_count = 1}};
    assert_int_equal(refine_count(&refine), 5);
    assert_false(refine_tried(&refine, 4, true));
    assert_true(refine_tried(&refine, 5, false));
    assert_int_equal(refine_count(&refine), 3); /* 0 1 2 */
    assert_true(refine_tried(&refine, 3, false));
    assert_int_equal(refine_count(&refine), 2); /* 0 1 */
    assert_true(refine_tried(&refine, 2, true));
    assert_int_equal(refine.place.at, 2);
    assert_int_equal(refine_count(&refine), 1); /* 2 */
    assert_true(refine_tried(&refine, 1, false));
    assert_int_equal(refine.place.at, 3);
    assert_int_equal(refine_count(&refine), 2); /* 3 4 */
    assert_true(refine_tried(&refine, 2, true));
    assert_int_equal(refine_count(&refine), 0);
    refine.place = (struct refine_place){.parts = {1 << 20}, .part_count = 1};
    for (int i = 0; i < REFINE_TRIES; i++)
        assert_true(refine_tried(&refine, refine_count(&refine), false));
    assert_int_equal(refine_count(&refine), 0); /* patience */
    refine_free(&refine);
}

/* ---- the methods -------------------------------------------------------------------------- */

enum { PROBES = 5 };

static struct search *begin(struct model *model, enum search_method method, uint64_t chunk)
{
    static const char *const texts[PROBES][3] = {
        {"ab", "c", "d"}, {"xy z", "1", "2"}, {"hello", " w", " v"}, {"3+4=", "7", "8"},
        {"the", " a", " b"},
    };
    static struct probe probes[PROBES];
    static struct probe_set targets, controls;
    struct err err;
    for (size_t i = 0; i < PROBES; i++)
        probes[i] = simple_probe(texts[i][0], texts[i][1], texts[i][2]);
    targets = simple_set(probes, 3);
    controls = simple_set(probes + 3, 2);
    struct search_options options = search_default_options();
    options.method = method;
    options.projs = search_all_projs;
    options.chunk = chunk;
    struct search *search = search_new(model, &targets, &controls, &options, NULL, &err);
    t_ok(search != NULL, &err);
    return search;
}

/* Weights in all of a candidate's flips, which are parts of the row in chunks of so many. */
static unsigned parts_of(const struct search_try *tried, const struct flip *of, unsigned chunk)
{
    unsigned bits = 0;
    for (size_t i = 0; i < tried->count; i++) {
        const struct flip *flip = &tried->flips[i];
        unsigned own = (unsigned)(__builtin_popcountll(flip->mask[0]) +
                                  __builtin_popcountll(flip->mask[1]));
        assert_true(flip->layer == of->layer && flip->proj == of->proj && flip->row == of->row);
        assert_true(own == GROUP_WEIGHTS || own == chunk);
        bits += own;
    }
    return bits;
}

static void rows_then_parts(enum search_method method, unsigned chunk)
{
    struct err err;
    struct search_try tried;
    struct model *model = simple_model(&tiny_default);
    struct search *search = begin(model, method, chunk);
    struct flip last = {0};
    bool on = false;
    unsigned taken = 0, rows = 0;
    for (size_t i = 0; i < 120; i++) {
        double before = search_fitness(search);
        uint64_t groups, bits = model_flipped_bits(model, &groups);
        assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
        if (tried.flip.group == FLIP_WHOLE_ROW) {
            assert_int_equal(tried.count, 1);
            assert_true(tried.accepted == (tried.fitness > before));
            last = tried.flip;
            on = tried.accepted;
            rows += tried.accepted;
            continue;
        }
        assert_true(on && tried.accepted == (tried.fitness >= before));
        unsigned parts = parts_of(&tried, &last, chunk);
        assert_true(tried.promised > 0);
        if (tried.accepted) /* they were on and are off */
            assert_int_equal(model_flipped_bits(model, &groups), bits - parts);
        taken += tried.accepted;
    }
    assert_true(rows >= 3 && taken >= 1);
    search_free(search);
    model_free(model);
}

static void methods_group_and_bit__parts_come_off_where_that_costs_nothing(void **state)
{
    (void)state;
    rows_then_parts(SEARCH_GROUP, GROUP_WEIGHTS);
    rows_then_parts(SEARCH_BIT, 8);
    rows_then_parts(SEARCH_BIT, 1);
}

static void search_new__odd_chunk__refused(void **state)
{
    (void)state;
    struct err err;
    struct probe probe = simple_probe("ab", "c", "d");
    struct probe_set targets = simple_set(&probe, 1), none = {0};
    struct search_options options = search_default_options();
    struct model *model = simple_model(&tiny_default);
    options.method = SEARCH_BIT;
    options.chunk = 12;
    assert_null(search_new(model, &targets, &none, &options, NULL, &err));
    t_err_is(&err, ERR_USAGE, "",
             "--chunk 12 is no power of two, expected 1, 2, 4, ... 64");
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refine_on__row_group_and_bits__by_hand),
        cmocka_unit_test(refine_tried__halves__by_hand),
        cmocka_unit_test(methods_group_and_bit__parts_come_off_where_that_costs_nothing),
        cmocka_unit_test(search_new__odd_chunk__refused),
    };
    return cmocka_run_group_tests_name("refine", tests, NULL, NULL);
}
