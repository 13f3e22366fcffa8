/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/units_int.h"

const char *ranking_name(enum ranking ranking)
{
    static const char *const names[] = {"fisher", "snr", "raw"};
    return names[ranking];
}

bool ranking_parse(const char *name, enum ranking *ranking)
{
    for (int i = RANK_FISHER; i <= RANK_RAW; i++)
        if (strcmp(name, ranking_name((enum ranking)i)) == 0) {
            *ranking = (enum ranking)i;
            return true;
        }
    return false;
}

/* What is missing in running numbers that began at zero. */
struct corrections {
    double mean, square;
};

static struct corrections corrections_of(const struct units *units)
{
    double mean = 1, square = 1;
    for (uint32_t i = 0; i < units->taken; i++) {
        mean *= (double)unit_mean_keep;
        square *= (double)unit_square_keep;
    }
    return (struct corrections){1 / (1 - mean), 1 / (1 - square)};
}

static double rank_of(const struct units *units, double mean, double square)
{
    double variance = square - mean * mean;
    if (units->options.ranking == RANK_RAW)
        return mean;
    if (units->options.ranking == RANK_SNR)
        return square > 0 ? mean / sqrt(square) : 0;
    return mean - units->options.targets / 2 * (variance > 0 ? variance : 0);
}

/* A heap whose root is the worst of those picked; of equal ones the later one goes. */
static bool is_worse(const struct unit_pick *a, const struct unit_pick *b)
{
    if (a->rank < b->rank || a->rank > b->rank)
        return a->rank < b->rank;
    return a->matrix != b->matrix ? a->matrix > b->matrix : a->index > b->index;
}

static void sift_down(struct unit_pick *heap, size_t count, size_t at)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_worse(&heap[child + 1], &heap[child]))
            child++;
        if (!is_worse(&heap[child], &heap[at]))
            return;
        struct unit_pick swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static void offer(struct unit_pick *heap, size_t *count, size_t most, const struct unit_pick *pick)
{
    if (*count < most) {
        heap[(*count)++] = *pick;
        for (size_t i = *count == most ? most / 2 + 1 : 0; i-- > 0;)
            sift_down(heap, most, i); /* a heap once it is full */
    } else if (is_worse(&heap[0], pick)) {
        heap[0] = *pick;
        sift_down(heap, most, 0);
    }
}

static int compare_picks(const void *a, const void *b)
{
    const struct unit_pick *left = a, *right = b;
    return is_worse(left, right) ? 1 : is_worse(right, left) ? -1 : 0;
}

size_t units_pick(const struct units *units, size_t count, struct unit_pick *out)
{
    struct corrections correct = corrections_of(units);
    size_t picked = 0;
    for (size_t m = 0; units->taken > 0 && count > 0 && m < units->matrix_count; m++) {
        const struct unit_matrix *of = &units->matrices[m];
        for (uint64_t i = 0; i < of->units; i++) {
            double mean = (double)of->mean[i] * correct.mean;
            if (!(mean > 0))
                continue;
            double rank = rank_of(units, mean, (double)of->square[i] * correct.square);
            struct unit_pick pick = {{0}, mean, rank, (uint32_t)m, i};
            if (rank > 0)
                offer(out, &picked, count, &pick);
        }
    }
    qsort(out, picked, sizeof *out, compare_picks);
    for (size_t i = 0; i < picked; i++)
        out[i].flip = unit_flip(units, &units->matrices[out[i].matrix], out[i].index);
    return picked;
}
