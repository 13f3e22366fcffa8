/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The hash of some rows as they are in the file: it tells at once whether a model is
 * the one that a patch or session was made for, where the whole file takes a while.
 */
#include <stdlib.h>

#include "engine/model/model_int.h"

static bool add_group(const struct model *model, const struct matrix *matrix, uint32_t row,
                      uint32_t group, struct sha256 *hash, struct err *err)
{
    uint8_t bytes[GROUP_BYTES];
    model_group_in_file(model, matrix, row, group, bytes);
    return sha256_add(hash, bytes, sizeof bytes, err);
}

static bool add_flip(const struct model *model, const struct flip *flip, struct sha256 *hash,
                     struct err *err)
{
    const struct matrix *matrix = model_matrix(model, flip->layer, flip->proj);
    if (flip->group != FLIP_WHOLE_ROW)
        return add_group(model, matrix, flip->row, (uint32_t)flip->group, hash, err);
    for (uint32_t g = 0; g < matrix->groups; g++)
        if (!add_group(model, matrix, flip->row, g, hash, err))
            return false;
    return true;
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_rows(const struct flip *a, const struct flip *b)
{
    int order = compare_numbers(a->layer, b->layer);
    if (order == 0)
        order = compare_numbers(a->proj, b->proj);
    return order ? order : compare_numbers(a->row, b->row);
}

/* A whole row stands before its groups: FLIP_WHOLE_ROW is below 0. */
static int compare(const void *left, const void *right)
{
    const struct flip *a = left, *b = right;
    int order = compare_rows(a, b);
    return order ? order : compare_numbers(a->group, b->group);
}

static bool all_fit(const struct model *model, const struct flip *flips, size_t count,
                    struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!model_flip_fits(model, &flips[i], err))
            return err_where(err, "flips[%zu]", i);
    return true;
}

static struct flip *sorted_flips(const struct model *model, const struct flip *flips, size_t count)
{
    struct flip *sorted = x_new(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = flips[i];
        if (model_shape(model)->tied && sorted[i].proj == PROJ_HEAD)
            sorted[i].proj = PROJ_EMBED;
    }
    qsort(sorted, count, sizeof *sorted, compare);
    return sorted;
}

/* Each group once, however many flips name it. */
bool model_rows_sha256(const struct model *model, const struct flip *flips, size_t count,
                       char out[SHA256_TEXT_SIZE], struct err *err)
{
    if (!all_fit(model, flips, count, err))
        return false;
    struct sha256 *hash = sha256_new(err);
    struct flip *sorted = sorted_flips(model, flips, count);
    const struct flip *last = NULL;
    bool ok = hash != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        bool covered = last && compare_rows(last, &sorted[i]) == 0 &&
                       (last->group == FLIP_WHOLE_ROW || last->group == sorted[i].group);
        ok = covered || add_flip(model, &sorted[i], hash, err);
        last = covered ? last : &sorted[i];
    }
    ok = ok && sha256_end(hash, out, err);
    free(sorted);
    sha256_free(hash);
    return ok;
}
