/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/parts.h"

#include <inttypes.h>
#include <stdlib.h>

static int compare_rows(const void *a, const void *b)
{
    const struct flip *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->proj != y->proj)
        return x->proj < y->proj ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

struct parts parts_of(const struct patch *patch, const struct model *model)
{
    struct parts parts = {.bits = patch_totals(patch, model).bits_flipped};
    size_t count = patch->flip_count;
    struct flip *flips = x_new(count, sizeof *flips);
    for (size_t i = 0; i < count; i++)
        flips[i] = patch->flips[i];
    if (count > 0)
        qsort(flips, count, sizeof *flips, compare_rows);
    for (size_t i = 0; i < count; i++) {
        uint32_t rows = 0, columns = 0;
        if (i > 0 && compare_rows(&flips[i - 1], &flips[i]) == 0)
            continue;
        (void)model_matrix_size(model, flips[i].layer, flips[i].proj, &rows, &columns);
        parts.row_bits += columns;
        parts.rows++;
    }
    free(flips);
    return parts;
}

void parts_text(struct buf *out, const struct parts *parts)
{
    if (parts->bits == parts->row_bits)
        return;
    buf_add_format(out, "%" PRIu64 " of the %" PRIu64 " weights of %" PRIu64
                        " rows are flipped (%.1f %%)\n",
                   parts->bits, parts->row_bits, parts->rows,
                   100.0 * (double)parts->bits / (double)parts->row_bits);
}

void parts_json(json_t *object, const struct parts *parts)
{
    (void)json_object_set_new(object, "bits_flipped", json_integer((json_int_t)parts->bits));
    (void)json_object_set_new(object, "row_bits", json_integer((json_int_t)parts->row_bits));
}
