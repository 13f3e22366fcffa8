/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A profile is a list of matrices with what is flipped of each.  A draw first takes
 * whole rows, without replacement, then groups from what they left: a row by its
 * weight times its free groups, then one of these.
 */
#include "engine/search/null.h"

#include <stdlib.h>
#include <string.h>

#include "engine/search/draw.h"

enum {
    WEIGHT_BITS_MAX = 28, /* times 2^9 groups and 2^26 rows stays below 2^63 */
};

struct matrix {
    int32_t layer;
    enum proj proj;
    uint32_t rows;
    uint32_t groups;   /* of a row */
    uint64_t *weights; /* [rows] mean |scale| in units of 2^-24, at least 1 */
    size_t row_flips;  /* whole ones */
    int *group_bits;   /* [group_flips] bits of each flipped group, 128 for all */
    size_t group_flips;
};

struct null_profile {
    struct matrix *matrices;
    size_t matrix_count;
    size_t flip_count;
};

const char *null_kind_name(enum null_kind kind)
{
    return kind == NULL_UNIFORM ? "uniform" : "scale";
}

/* ---- the profile ------------------------------------------------------------------ */

static int compare_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
    const struct flip *x = a, *y = b;
    int order = compare_int(x->layer, y->layer);
    order = order ? order : compare_int((int64_t)x->proj, (int64_t)y->proj);
    order = order ? order : compare_int(x->row, y->row);
    return order ? order : compare_int(x->group, y->group);
}

static bool same_row(const struct flip *a, const struct flip *b)
{
    return a->layer == b->layer && a->proj == b->proj && a->row == b->row;
}

/* A copy sorted by place; head and embedding of a tied model are one matrix. */
static struct flip *sorted_copy(const struct model *model, const struct flip *flips, size_t count)
{
    struct flip *sorted = x_new(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = flips[i];
        if (sorted[i].proj == PROJ_HEAD && model_shape(model)->tied)
            sorted[i].proj = PROJ_EMBED;
    }
    qsort(sorted, count, sizeof *sorted, by_place);
    return sorted;
}

/* The mean |scale| of a row, never 0: every row can be drawn when the others are taken. */
static uint64_t row_weight(const struct model *model, const struct matrix *matrix, uint32_t row)
{
    uint64_t sum = model_row_scale_sum(model, matrix->layer, matrix->proj, row);
    uint64_t mean = sum / matrix->groups, limit = UINT64_C(1) << WEIGHT_BITS_MAX;
    return mean == 0 ? 1 : mean < limit ? mean : limit;
}

static struct matrix *add_matrix(struct null_profile *profile, const struct model *model,
                                 const struct flip *flip)
{
    uint32_t columns = 0;
    profile->matrices =
        x_grow(profile->matrices, profile->matrix_count + 1, sizeof *profile->matrices);
    struct matrix *matrix = &profile->matrices[profile->matrix_count++];
    *matrix = (struct matrix){.layer = flip->layer, .proj = flip->proj};
    (void)model_matrix_size(model, flip->layer, flip->proj, &matrix->rows, &columns);
    matrix->groups = columns / GROUP_WEIGHTS;
    matrix->weights = x_new(matrix->rows, sizeof *matrix->weights);
    for (uint32_t row = 0; row < matrix->rows; row++)
        matrix->weights[row] = row_weight(model, matrix, row);
    return matrix;
}

static int mask_bits(const uint64_t mask[2])
{
    return __builtin_popcountll(mask[0]) + __builtin_popcountll(mask[1]);
}

/* Takes the flips of one group together; *used is how many they are. */
static bool merge_group(const struct flip *flips, size_t count, size_t *used, int *bits)
{
    uint64_t mask[2] = {flips[0].mask[0], flips[0].mask[1]};
    for (*used = 1; *used < count && by_place(&flips[0], &flips[*used]) == 0; ++*used)
        for (int i = 0; i < 2; i++) {
            if (mask[i] & flips[*used].mask[i])
                return false;
            mask[i] |= flips[*used].mask[i];
        }
    *bits = mask_bits(mask);
    return true;
}

/* The flips at the beginning that are one row or are in one group. */
static bool add_first(struct null_profile *profile, struct matrix *matrix,
                      const struct flip *flips, size_t count, size_t *used)
{
    if (flips->group == FLIP_WHOLE_ROW) {
        *used = 1;
        matrix->row_flips++;
        profile->flip_count++;
        return count == 1 || !same_row(&flips[0], &flips[1]);
    }
    int bits = 0;
    if (!merge_group(flips, count, used, &bits))
        return false;
    if (bits == 0)
        return true;
    matrix->group_bits =
        x_grow(matrix->group_bits, matrix->group_flips + 1, sizeof *matrix->group_bits);
    matrix->group_bits[matrix->group_flips++] = bits;
    profile->flip_count++;
    return true;
}

static bool collect(struct null_profile *profile, const struct model *model,
                    const struct flip *sorted, size_t count, struct err *err)
{
    struct matrix *matrix = NULL;
    for (size_t i = 0, used = 0; i < count; i += used) {
        const struct flip *flip = &sorted[i];
        if (!model_flip_fits(model, flip, err))
            return false;
        if (!matrix || matrix->layer != flip->layer || matrix->proj != flip->proj)
            matrix = add_matrix(profile, model, flip);
        if (!add_first(profile, matrix, flip, count - i, &used))
            return err_set(err, ERR_MISMATCH, "%s row %u is flipped twice", proj_name(flip->proj),
                           (unsigned)flip->row);
    }
    return true;
}

struct null_profile *null_profile_new(const struct model *model, const struct flip *flips,
                                      size_t count, struct err *err)
{
    struct null_profile *profile = x_new(1, sizeof *profile);
    struct flip *sorted = sorted_copy(model, flips, count);
    bool ok = collect(profile, model, sorted, count, err);
    free(sorted);
    if (ok)
        return profile;
    null_profile_free(profile);
    return NULL;
}

size_t null_profile_flips(const struct null_profile *profile)
{
    return profile->flip_count;
}

void null_profile_free(struct null_profile *profile)
{
    if (!profile)
        return;
    for (size_t i = 0; i < profile->matrix_count; i++) {
        free(profile->matrices[i].weights);
        free(profile->matrices[i].group_bits);
    }
    free(profile->matrices);
    free(profile);
}

/* ---- a draw --------------------------------------------------------------------------- */

struct state {
    const struct matrix *matrix;
    enum null_kind kind;
    struct rng rng;
    uint32_t *left;   /* [rows] groups that are not flipped */
    uint64_t *weights; /* [rows] */
};

static uint64_t weight_of(const struct state *state, size_t row)
{
    return state->kind == NULL_UNIFORM ? 1 : state->matrix->weights[row];
}

static struct flip *draw_rows(struct state *state, struct flip *out)
{
    const struct matrix *matrix = state->matrix;
    for (size_t row = 0; row < matrix->rows; row++) {
        state->left[row] = matrix->groups;
        state->weights[row] = weight_of(state, row);
    }
    struct draw *draw = draw_new(state->weights, matrix->rows);
    for (size_t i = 0; i < matrix->row_flips; i++) {
        size_t row = 0;
        BUG_ON(!draw_next(draw, &state->rng, &row)); /* each row was flipped once at most */
        state->left[row] = 0;
        *out++ = (struct flip){matrix->layer, matrix->proj, (uint32_t)row, FLIP_WHOLE_ROW, {0, 0}};
    }
    draw_free(draw);
    return out;
}

/* One of the row's free groups; which are taken is a bit each. */
static uint32_t take_group(struct state *state, uint8_t *taken, size_t row)
{
    uint64_t which = rng_below(&state->rng, state->left[row]);
    size_t first = row * state->matrix->groups, at = first;
    for (;; at++) {
        bool is_free = !(taken[at / 8] >> at % 8 & 1);
        if (is_free && which-- == 0)
            break;
    }
    taken[at / 8] = (uint8_t)(taken[at / 8] | 1u << at % 8);
    state->left[row]--;
    return (uint32_t)(at - first);
}

static void random_mask(struct rng *rng, int bits, uint64_t mask[2])
{
    bool most = bits > GROUP_WEIGHTS / 2; /* then find those that stay */
    uint64_t found[2] = {0, 0};
    while (mask_bits(found) < (most ? GROUP_WEIGHTS - bits : bits)) {
        uint64_t bit = rng_below(rng, GROUP_WEIGHTS);
        found[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    mask[0] = most ? ~found[0] : found[0];
    mask[1] = most ? ~found[1] : found[1];
}

static struct flip *draw_groups(struct state *state, struct flip *out)
{
    const struct matrix *matrix = state->matrix;
    for (size_t row = 0; row < matrix->rows; row++)
        state->weights[row] = weight_of(state, row) * state->left[row];
    struct draw *draw = draw_new(state->weights, matrix->rows);
    uint8_t *taken = x_new((size_t)matrix->rows * matrix->groups / 8 + 1, 1);
    for (size_t i = 0; i < matrix->group_flips; i++) {
        size_t row = 0;
        BUG_ON(!draw_next(draw, &state->rng, &row));
        struct flip flip = {.layer = matrix->layer, .proj = matrix->proj, .row = (uint32_t)row};
        flip.group = (int32_t)take_group(state, taken, row);
        random_mask(&state->rng, matrix->group_bits[i], flip.mask);
        if (state->left[row] > 0)
            draw_return(draw, row, weight_of(state, row) * state->left[row]);
        *out++ = flip;
    }
    free(taken);
    draw_free(draw);
    return out;
}

static struct flip *draw_matrix(struct state *state, struct flip *out)
{
    state->left = x_new(state->matrix->rows, sizeof *state->left);
    state->weights = x_new(state->matrix->rows, sizeof *state->weights);
    out = draw_rows(state, out);
    if (state->matrix->group_flips > 0)
        out = draw_groups(state, out);
    free(state->left);
    free(state->weights);
    return out;
}

void null_profile_draw(const struct null_profile *profile, enum null_kind kind, uint64_t seed,
                       uint64_t index, struct flip *out)
{
    struct state state = {.kind = kind};
    struct flip *end = out;
    rng_seed(&state.rng, rng_mix(seed) ^ rng_mix(~(NULL_KIND_COUNT * index + (uint64_t)kind)));
    for (size_t i = 0; i < profile->matrix_count; i++) {
        state.matrix = &profile->matrices[i];
        end = draw_matrix(&state, end);
    }
    BUG_ON((size_t)(end - out) != profile->flip_count);
}
