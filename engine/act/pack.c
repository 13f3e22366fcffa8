/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From sequences to a trie of tokens for each owner.  In lexicographic order the longest
 * beginning a sequence shares with any earlier one is the one it shares with its
 * predecessor, so that one pass builds the whole trie.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/act/batch_int.h"

static int compare_sequences(const void *a, const void *b)
{
    const struct sequence *left = *(const struct sequence *const *)a;
    const struct sequence *right = *(const struct sequence *const *)b;
    size_t n = left->count < right->count ? left->count : right->count;
    if (left->owner != right->owner)
        return left->owner < right->owner ? -1 : 1;
    for (size_t i = 0; i < n; i++)
        if (left->ids[i] != right->ids[i])
            return left->ids[i] < right->ids[i] ? -1 : 1;
    if (left->count != right->count)
        return left->count < right->count ? -1 : 1;
    return left < right ? -1 : left > right;
}

static size_t common(const struct sequence *a, const struct sequence *b)
{
    size_t n = a->count < b->count ? a->count : b->count, i = 0;
    while (a->owner == b->owner && i < n && a->ids[i] == b->ids[i])
        i++;
    return i;
}

static void allocate(const struct sequence *sequences, size_t count, struct packed *out)
{
    size_t places = 0;
    out->sequences = count;
    out->starts = x_new(count + 1, sizeof *out->starts);
    for (size_t i = 0; i < count; i++) {
        BUG_ON(sequences[i].count == 0);
        out->starts[i] = places;
        places += sequences[i].count;
        if (sequences[i].count > out->longest)
            out->longest = sequences[i].count;
    }
    out->starts[count] = places;
    out->path_memory = x_new(places, sizeof *out->path_memory);
    out->ids = x_new(places, sizeof *out->ids);
    out->positions = x_new(places, sizeof *out->positions);
    out->owners = x_new(places, sizeof *out->owners);
    out->paths = x_new(places, sizeof *out->paths);
    out->row_of = x_new(places, sizeof *out->row_of);
    out->wanted = x_new(places, sizeof *out->wanted);
}

/* Tokens of a sequence behind the `shared` ones that are there already. */
static void add_sequence(struct packed *out, const struct sequence *sequence, int32_t *path,
                         size_t shared)
{
    for (size_t i = shared; i < sequence->count; i++) {
        size_t slot = out->tokens++;
        path[i] = (int32_t)slot;
        out->ids[slot] = sequence->ids[i];
        out->positions[slot] = (uint32_t)i;
        out->owners[slot] = sequence->owner;
        out->paths[slot] = path;
        out->row_of[slot] = SIZE_MAX;
    }
    for (size_t i = sequence->wanted; i < sequence->count; i++)
        out->row_of[path[i]] = 0; /* numbered at the end */
}

void pack_sequences(const struct sequence *sequences, size_t count, struct packed *out)
{
    memset(out, 0, sizeof *out);
    allocate(sequences, count, out);
    const struct sequence **sorted = x_new(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &sequences[i];
    qsort(sorted, count, sizeof *sorted, compare_sequences);
    const int32_t *before = NULL;
    for (size_t i = 0; i < count; i++) {
        int32_t *path = out->path_memory + out->starts[sorted[i] - sequences];
        size_t shared = i > 0 ? common(sorted[i - 1], sorted[i]) : 0;
        if (shared > 0)
            memcpy(path, before, shared * sizeof *path);
        add_sequence(out, sorted[i], path, shared);
        before = path;
    }
    free(sorted);
    for (size_t slot = 0; slot < out->tokens; slot++)
        if (out->row_of[slot] == 0) {
            out->row_of[slot] = out->rows;
            out->wanted[out->rows++] = slot;
        }
}

void pack_free(struct packed *packed)
{
    free(packed->ids);
    free(packed->positions);
    free(packed->owners);
    free(packed->paths);
    free(packed->wanted);
    free(packed->row_of);
    free(packed->starts);
    free(packed->path_memory);
}
