/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A heap with the last of the best at its root; the order is total, so that what is in
 * does not depend on when it was offered.
 */
#include <stdlib.h>

#include "engine/search/predict.h"

/* Lower bits first. */
static int compare_masks(const uint64_t a[2], const uint64_t b[2])
{
    for (size_t i = 0; i < 2; i++) {
        uint64_t apart = a[i] ^ b[i];
        if (apart)
            return a[i] & (apart & (~apart + 1)) ? -1 : 1;
    }
    return 0;
}

static int sign(int64_t difference)
{
    return difference < 0 ? -1 : difference > 0;
}

int promise_compare(const void *a, const void *b)
{
    const struct promise *left = a, *right = b;
    if (left->change > right->change || left->change < right->change)
        return left->change > right->change ? -1 : 1;
    int order = sign((int64_t)left->flip.layer - right->flip.layer);
    order = order ? order : sign((int64_t)left->flip.proj - (int64_t)right->flip.proj);
    order = order ? order : sign((int64_t)left->flip.row - right->flip.row);
    order = order ? order : sign((int64_t)left->flip.group - right->flip.group);
    return order ? order : compare_masks(left->flip.mask, right->flip.mask);
}

void best_init(struct best *best, size_t capacity)
{
    *best = (struct best){.heap = x_new(capacity + 1, sizeof *best->heap), .capacity = capacity};
}

bool best_wants(const struct best *best, double change)
{
    return best->count < best->capacity ||
           (best->capacity > 0 && change >= best->heap[0].change);
}

static void swap(struct best *best, size_t a, size_t b)
{
    struct promise kept = best->heap[a];
    best->heap[a] = best->heap[b];
    best->heap[b] = kept;
}

static void rise(struct best *best, size_t at)
{
    while (at > 0 && promise_compare(&best->heap[at], &best->heap[(at - 1) / 2]) > 0) {
        swap(best, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void sink(struct best *best)
{
    for (size_t at = 0;;) {
        size_t last = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < best->count; child++)
            if (promise_compare(&best->heap[child], &best->heap[last]) > 0)
                last = child;
        if (last == at)
            return;
        swap(best, at, last);
        at = last;
    }
}

void best_offer(struct best *best, const struct promise *promise)
{
    if (best->count < best->capacity) {
        best->heap[best->count] = *promise;
        rise(best, best->count++);
    } else if (best->capacity > 0 && promise_compare(promise, &best->heap[0]) < 0) {
        best->heap[0] = *promise;
        sink(best);
    }
}

void best_sort(struct best *best)
{
    qsort(best->heap, best->count, sizeof *best->heap, promise_compare);
}

void best_free(struct best *best)
{
    free(best->heap);
    *best = (struct best){0};
}
