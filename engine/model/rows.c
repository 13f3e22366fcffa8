/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The hash of some rows as they are in the file: it tells at once whether a model is
 * the one that a patch or session was made for, where the whole file takes a while.
 */
#include <string.h>

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

bool model_rows_sha256(const struct model *model, const struct flip *flips, size_t count,
                       char out[SHA256_TEXT_SIZE], struct err *err)
{
    struct sha256 *hash = sha256_new(err);
    bool ok = hash != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = (model_flip_fits(model, &flips[i], err) && add_flip(model, &flips[i], hash, err)) ||
             err_where(err, "flips[%zu]", i);
    ok = ok && sha256_end(hash, out, err);
    sha256_free(hash);
    return ok;
}
