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
        free(predictions->matrices[i].group);
    }
    free(predictions->matrices);
    free(predictions->best);
    free(predictions->sorted);
    free(predictions);
}
