/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/draw.h"

#include <stdlib.h>

#include "src/base/buf.h"
#include "src/base/err.h"

struct draw {
    size_t count;
    size_t left; /* items of positive weight */
    size_t top;  /* largest power of two <= count */
    uint64_t total;
    uint64_t *weights; /* [count] */
    uint64_t *sums;    /* [count + 1]; sums[i] covers the i & -i items that end at i */
};

static size_t lowest_bit(size_t i)
{
    return i & (~i + 1);
}

struct draw *draw_new(const uint64_t *weights, size_t count)
{
    struct draw *draw = x_new(1, sizeof *draw);
    draw->count = count;
    draw->weights = x_new(count, sizeof *draw->weights);
    draw->sums = x_new(count + 1, sizeof *draw->sums);
    for (draw->top = 1; draw->top * 2 <= count;)
        draw->top *= 2;
    for (size_t i = 0; i < count; i++) {
        BUG_ON(weights[i] > INT64_MAX - draw->total);
        draw->weights[i] = weights[i];
        draw->sums[i + 1] += weights[i];
        draw->total += weights[i];
        draw->left += weights[i] > 0;
        size_t parent = i + 1 + lowest_bit(i + 1);
        if (parent <= count)
            draw->sums[parent] += draw->sums[i + 1];
    }
    return draw;
}

/* The item that the ticket-th unit of weight belongs to. */
static size_t find(const struct draw *draw, uint64_t ticket)
{
    size_t index = 0;
    for (size_t bit = draw->top; bit > 0; bit /= 2)
        if (index + bit <= draw->count && draw->sums[index + bit] <= ticket) {
            index += bit;
            ticket -= draw->sums[index];
        }
    return index;
}

/* Sums are modulo 2^64, so adding 0 - weight takes it away. */
static void add(struct draw *draw, size_t item, uint64_t weight)
{
    for (size_t i = item + 1; i <= draw->count; i += lowest_bit(i))
        draw->sums[i] += weight;
    draw->weights[item] += weight;
    draw->total += weight;
}

bool draw_next(struct draw *draw, struct rng *rng, size_t *item)
{
    if (draw->total == 0)
        return false;
    *item = find(draw, rng_below(rng, draw->total));
    BUG_ON(draw->weights[*item] == 0);
    add(draw, *item, 0 - draw->weights[*item]);
    draw->left--;
    return true;
}

void draw_return(struct draw *draw, size_t item, uint64_t weight)
{
    BUG_ON(draw->weights[item] != 0 || weight == 0);
    add(draw, item, weight);
    draw->left++;
}

size_t draw_left(const struct draw *draw)
{
    return draw->left;
}

void draw_free(struct draw *draw)
{
    if (!draw)
        return;
    free(draw->weights);
    free(draw->sums);
    free(draw);
}
