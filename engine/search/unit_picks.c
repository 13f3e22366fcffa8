/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/units_int.h"

const char *ranking_name(enum ranking ranking)
{
    static const char *const names[] = {"fisher", "snr", "raw", "random", "guarded"};
    return names[ranking];
}

bool ranking_parse(const char *name, enum ranking *ranking)
{
    for (int i = RANK_FISHER; i <= RANK_GUARDED; i++)
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

double units_mean(const struct units *units, uint64_t number)
{
    const struct unit_matrix *of = &units->matrices[units_matrix_of(units, number)];
    return units->taken > 0
               ? (double)of->mean[number - of->first] * corrections_of(units).mean
               : 0;
}

double units_control_loss(const struct units *units, uint64_t number)
{
    BUG_ON(units->guarded == 0);
    return (double)units->guards[number] / units->guarded / 2;
}

/* What is to be taken off for the controls; a unit that is on gives it back. */
static double guard_of(const struct units *units, const struct unit_matrix *of, uint64_t unit)
{
    if (units->guarded == 0)
        return 0;
    double loss = units->options.guard * units_control_loss(units, of->first + unit);
    return of->on[unit] ? -loss : loss;
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
    double cost = units->options.price * units_next_bytes(units);
    size_t picked = 0;
    for (size_t m = 0; units->taken > 0 && count > 0 && m < units->matrix_count; m++) {
        const struct unit_matrix *of = &units->matrices[m];
        for (uint64_t i = 0; i < of->units; i++) {
            double mean = (double)of->mean[i] * correct.mean;
            mean -= of->on[i] ? -cost : cost;
            if (!(mean > 0))
                continue;
            double rank = rank_of(units, mean, (double)of->square[i] * correct.square) -
                          guard_of(units, of, i);
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

/* Numbers that were drawn, plus 1, by their hash; never more than half full. */
struct drawn {
    uint64_t *slots;
    size_t mask;
};

static struct drawn drawn_new(size_t count)
{
    size_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    return (struct drawn){x_new(slots, sizeof(uint64_t)), slots - 1};
}

/* False: it was there. */
static bool drawn_add(struct drawn *drawn, uint64_t number)
{
    size_t at = rng_mix(number) & drawn->mask;
    for (; drawn->slots[at] != 0; at = (at + 1) & drawn->mask)
        if (drawn->slots[at] == number + 1)
            return false;
    drawn->slots[at] = number + 1;
    return true;
}

size_t units_pick_random(const struct units *units, size_t count, struct rng *rng,
                         struct unit_pick *out)
{
    uint64_t off = units->count - units->on;
    count = count < off / 2 ? count : (size_t)(off / 2); /* so that few draws are in vain */
    struct drawn drawn = drawn_new(count);
    for (size_t picked = 0; picked < count;) {
        uint64_t number = rng_below(rng, units->count);
        uint32_t matrix = units_matrix_of(units, number);
        const struct unit_matrix *of = &units->matrices[matrix];
        uint64_t index = number - of->first;
        if (!of->on[index] && drawn_add(&drawn, number))
            out[picked++] = (struct unit_pick){unit_flip(units, of, index), 0, 0, matrix, index};
    }
    free(drawn.slots);
    return count;
}
