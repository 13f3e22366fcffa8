/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/predictions.h"

#include <stdlib.h>

const struct predicted_matrix *predictions_of(const struct predictions *predictions,
                                              int32_t layer, enum proj proj)
{
    for (size_t i = 0; predictions && i < predictions->matrix_count; i++)
        if (predictions->matrices[i].layer == layer && predictions->matrices[i].proj == proj)
            return &predictions->matrices[i];
    return NULL;
}

struct flip predicted_best(const struct predicted_matrix *matrix, uint32_t row)
{
    struct predicted all = {.layer = matrix->layer, .proj = matrix->proj,
                            .granularity = matrix->granularity, .rows = matrix->rows,
                            .per_row = matrix->per_row, .count = matrix->rows};
    uint64_t unit = matrix->unit ? matrix->unit[row] : 0;
    return predicted_flip(&all, (uint64_t)row * matrix->per_row + unit);
}

uint64_t predictions_above(const struct predictions *predictions, float change)
{
    uint64_t low = 0, high = predictions->rows;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (predictions->sorted[middle] > change)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void predictions_free(struct predictions *predictions)
{
    if (!predictions)
        return;
    for (size_t i = 0; i < predictions->matrix_count; i++) {
        free(predictions->matrices[i].change);
        free(predictions->matrices[i].impact);
        free(predictions->matrices[i].unit);
    }
    free(predictions->matrices);
    free(predictions->best);
    free(predictions->sorted);
    free(predictions);
}
