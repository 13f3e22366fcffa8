/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Null models: the profile of what was given, other places, drawn as promised.
 */
#include <stdlib.h>

#include "engine/search/null.h"
#include "src/base/rng.h"
#include "tests/simple.h"
#include "tests/t.h"

static struct flip row_flip(int32_t layer, enum proj proj, uint32_t row)
{
    return (struct flip){layer, proj, row, FLIP_WHOLE_ROW, {0, 0}};
}

static struct flip part_flip(int32_t layer, enum proj proj, uint32_t row, int32_t group,
                             uint64_t low, uint64_t high)
{
    return (struct flip){layer, proj, row, group, {low, high}};
}

static struct null_profile *profile_of(const struct model *model, const struct flip *flips,
                                       size_t count)
{
    struct err err;
    struct null_profile *profile = null_profile_new(model, flips, count, &err);
    t_ok(profile != NULL, &err);
    return profile;
}

static int bits_of(const struct flip *flip)
{
    return flip->group == FLIP_WHOLE_ROW ? -1
                                         : __builtin_popcountll(flip->mask[0]) +
                                               __builtin_popcountll(flip->mask[1]);
}

/* How many of the flips are in this matrix and of so many bits (-1: rows). */
static size_t how_many(const struct flip *flips, size_t count, const struct flip *like)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += flips[i].layer == like->layer && flips[i].proj == like->proj &&
                 bits_of(&flips[i]) == bits_of(like);
    return found;
}

static bool overlap(const struct flip *a, const struct flip *b)
{
    return a->layer == b->layer && a->proj == b->proj && a->row == b->row &&
           (a->group == b->group || a->group == FLIP_WHOLE_ROW || b->group == FLIP_WHOLE_ROW);
}

/* [U1] */
static void expect_profile(const struct model *model, const struct flip *given,
                           const struct flip *drawn, size_t count)
{
    struct err err;
    for (size_t i = 0; i < count; i++) {
        t_ok(model_flip_fits(model, &drawn[i], &err), &err);
        assert_int_equal(how_many(drawn, count, &given[i]), how_many(given, count, &given[i]));
        for (size_t j = 0; j < i; j++)
            assert_false(overlap(&drawn[i], &drawn[j]));
    }
}

/* tiny_default: layers of 128 columns, one group a row; down has as many as ffn gives. */
static void null_profile_draw__mixed_patch__same_profile(void **state)
{
    (void)state;
    struct tiny tiny = tiny_default;
    tiny.width = 256;
    struct model *model = simple_model(&tiny);
    const struct flip given[] = {
        row_flip(1, PROJ_UP, 3), row_flip(0, PROJ_GATE, 7), row_flip(1, PROJ_UP, 5),
        part_flip(1, PROJ_UP, 9, 1, UINT64_MAX, UINT64_MAX),
        part_flip(1, PROJ_UP, 9, 0, 1, 0), part_flip(0, PROJ_DOWN, 0, 0, 7, 1),
        part_flip(0, PROJ_DOWN, 2, 0, UINT64_MAX, UINT64_MAX >> 3),
        row_flip(NO_LAYER, PROJ_HEAD, 200),
    };
    struct null_profile *profile = profile_of(model, given, countof(given));
    assert_int_equal(null_profile_flips(profile), countof(given));
    for (uint64_t index = 0; index < 200; index++) {
        struct flip drawn[countof(given)];
        null_profile_draw(profile, index % 2 ? NULL_UNIFORM : NULL_SCALE, 5, index, drawn);
        expect_profile(model, given, drawn, countof(given));
    }
    null_profile_free(profile);
    model_free(model);
}

/* All but one group of a matrix: rows first, then all the groups that are left. */
static void null_profile_draw__nearly_everything__still_no_overlap(void **state)
{
    (void)state;
    struct tiny tiny = tiny_default;
    tiny.width = 256;
    struct model *model = simple_model(&tiny);
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, 0, PROJ_K, &rows, &columns));
    assert_int_equal(columns, 256);
    size_t count = rows / 2 + (rows - rows / 2) * 2 - 1, at = 0;
    struct flip *given = x_new(count, sizeof *given), *drawn = x_new(count, sizeof *drawn);
    for (uint32_t row = 0; row < rows && at < count; row++) {
        if (row < rows / 2)
            given[at++] = row_flip(0, PROJ_K, row);
        for (int32_t group = 0; row >= rows / 2 && group < 2 && at < count; group++)
            given[at++] = part_flip(0, PROJ_K, row, group, UINT64_MAX, UINT64_MAX);
    }
    struct null_profile *profile = profile_of(model, given, count);
    for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
        null_profile_draw(profile, (enum null_kind)kind, 1, 0, drawn);
        expect_profile(model, given, drawn, count);
    }
    null_profile_free(profile);
    free(given);
    free(drawn);
    model_free(model);
}

/* [U2] */
static void null_profile_draw__seed_and_index__reproducible(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    const struct flip given[] = {row_flip(1, PROJ_UP, 3), row_flip(0, PROJ_GATE, 7)};
    struct null_profile *profile = profile_of(model, given, 2);
    struct flip first[2], again[2], other[2];
    size_t same = 0;
    for (uint64_t index = 0; index < 50; index++) {
        for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
            null_profile_draw(profile, (enum null_kind)kind, 3, index, first);
            model_flip(model, &given[0]); /* flips that are on change nothing */
            null_profile_draw(profile, (enum null_kind)kind, 3, index, again);
            assert_memory_equal(first, again, sizeof first);
            null_profile_draw(profile, (enum null_kind)kind, 3, index + 1, other);
            same += first[0].row == other[0].row;
            null_profile_draw(profile, (enum null_kind)kind, 4, index, other);
            same += first[0].row == other[0].row;
        }
        null_profile_draw(profile, NULL_UNIFORM, 3, index, first);
        null_profile_draw(profile, NULL_SCALE, 3, index, other);
        same += first[0].row == other[0].row;
    }
    assert_true(same <= 5); /* of 250 pairs of 768 rows */
    null_profile_free(profile);
    model_free(model);
}

/* Chi-square against expected shares of the first flip; with f degrees of freedom its
 * mean is f and its standard deviation sqrt(2 f): limit is 5 of them above. */
static double chi_square(const size_t *hits, const double *shares, size_t count, double draws)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double expected = shares[i] * draws, off = (double)hits[i] - expected;
        sum += off * off / expected;
    }
    return sum;
}

static void null_profile_draw__one_row__uniform_or_by_scale(void **state)
{
    (void)state;
    enum { DRAWS = 60000, ROWS_MAX = 1024 };
    struct model *model = simple_nano();
    const struct flip given = row_flip(2, PROJ_Q, 0);
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, 2, PROJ_Q, &rows, &columns) && rows <= ROWS_MAX);
    struct null_profile *profile = profile_of(model, &given, 1);
    double sum = 0, shares[NULL_KIND_COUNT][ROWS_MAX];
    for (uint32_t row = 0; row < rows; row++)
        sum += (double)model_row_scale_sum(model, 2, PROJ_Q, row);
    for (uint32_t row = 0; row < rows; row++) {
        shares[NULL_UNIFORM][row] = 1.0 / rows;
        shares[NULL_SCALE][row] = (double)model_row_scale_sum(model, 2, PROJ_Q, row) / sum;
    }
    for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
        size_t hits[ROWS_MAX] = {0};
        for (uint64_t index = 0; index < DRAWS; index++) {
            struct flip drawn;
            null_profile_draw(profile, (enum null_kind)kind, 11, index, &drawn);
            hits[drawn.row]++;
        }
        double own = chi_square(hits, shares[kind], rows, DRAWS);
        double other = chi_square(hits, shares[1 - kind], rows, DRAWS);
        /* 255 degrees of freedom, 5 * sqrt(510) = 113 */
        if (rows != 256 || own > 255 + 113 || other < 255 + 4 * 113)
            fail_msg("%s: chi-square %g, of the other kind %g",
                     null_kind_name((enum null_kind)kind), own, other);
    }
    null_profile_free(profile);
    model_free(model);
}

static void null_profile_draw__bits_and_groups__every_place_alike(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    struct model *model = simple_nano();
    const struct flip given = part_flip(0, PROJ_DOWN, 1, 2, 5, 0);
    uint32_t rows = 0, columns = 0;
    assert_true(model_matrix_size(model, 0, PROJ_DOWN, &rows, &columns));
    assert_int_equal(columns, 768);
    struct null_profile *profile = profile_of(model, &given, 1);
    size_t groups[6] = {0}, bits[GROUP_WEIGHTS] = {0};
    for (uint64_t index = 0; index < DRAWS; index++) {
        struct flip drawn;
        null_profile_draw(profile, NULL_SCALE, 2, index, &drawn);
        groups[drawn.group]++;
        for (size_t i = 0; i < GROUP_WEIGHTS; i++)
            bits[i] += drawn.mask[i / 64] >> i % 64 & 1;
    }
    double shares[GROUP_WEIGHTS];
    for (size_t i = 0; i < GROUP_WEIGHTS; i++)
        shares[i] = 1.0 / 6;
    assert_true(chi_square(groups, shares, 6, DRAWS) < 5 + 5 * 3.2);
    for (size_t i = 0; i < GROUP_WEIGHTS; i++)
        shares[i] = 2.0 / GROUP_WEIGHTS;
    assert_true(chi_square(bits, shares, GROUP_WEIGHTS, DRAWS) < 127 + 5 * 16);
    null_profile_free(profile);
    model_free(model);
}

static void null_profile_new__parts_of_a_group__one_flip(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    const struct flip given[] = {part_flip(0, PROJ_UP, 4, 1, 1, 0),
                                 part_flip(0, PROJ_UP, 4, 0, 1, 0),
                                 part_flip(0, PROJ_UP, 4, 1, 6, 0)};
    struct null_profile *profile = profile_of(model, given, 3);
    struct flip drawn[2];
    assert_int_equal(null_profile_flips(profile), 2);
    null_profile_draw(profile, NULL_UNIFORM, 1, 0, drawn);
    assert_int_equal(bits_of(&drawn[0]) + bits_of(&drawn[1]), 4);
    assert_int_equal(bits_of(&drawn[0]) * bits_of(&drawn[1]), 3);
    null_profile_free(profile);
    profile = profile_of(model, NULL, 0);
    assert_int_equal(null_profile_flips(profile), 0);
    null_profile_draw(profile, NULL_SCALE, 1, 0, drawn);
    null_profile_free(profile);
    model_free(model);
}

static void null_profile_new__what_is_no_patch__refused(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct err err;
    const struct flip outside = row_flip(6, PROJ_UP, 4);
    assert_null(null_profile_new(model, &outside, 1, &err));
    assert_string_equal(err_code_name(err.code), "range");
    const struct flip twice[] = {row_flip(0, PROJ_UP, 4), part_flip(0, PROJ_UP, 4, 1, 1, 0)};
    assert_null(null_profile_new(model, twice, 2, &err));
    t_err_is(&err, ERR_MISMATCH, "", "up_proj row 4 is flipped twice");
    const struct flip bits[] = {part_flip(0, PROJ_UP, 4, 1, 3, 0),
                                part_flip(0, PROJ_UP, 4, 1, 2, 0)};
    assert_null(null_profile_new(model, bits, 2, &err));
    t_err_is(&err, ERR_MISMATCH, "", "up_proj row 4 is flipped twice");
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_profile_draw__mixed_patch__same_profile),
        cmocka_unit_test(null_profile_draw__nearly_everything__still_no_overlap),
        cmocka_unit_test(null_profile_draw__seed_and_index__reproducible),
        cmocka_unit_test(null_profile_draw__one_row__uniform_or_by_scale),
        cmocka_unit_test(null_profile_draw__bits_and_groups__every_place_alike),
        cmocka_unit_test(null_profile_new__parts_of_a_group__one_flip),
        cmocka_unit_test(null_profile_new__what_is_no_patch__refused),
    };
    return cmocka_run_group_tests_name("null", tests, NULL, NULL);
}
