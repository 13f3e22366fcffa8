/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Byte-level byte pair encoding of one piece.  Every byte starts as a symbol;
 * of all neighbours that some merge joins, the pair with the lowest rank (of
 * equal ones the leftmost) becomes one symbol, until no merge fits.
 *
 * Symbols form a doubly linked list in an array; the pairs that may be joined
 * wait in a heap.  A pair whose symbols have changed since is recognised when
 * it comes up: a rank names exactly one (left, right).  n bytes cost
 * O(n log n), also for a piece of a million equal letters.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/token/token_int.h"
#include "src/base/num.h"
#include "src/base/rng.h"

static const uint32_t no_symbol = UINT32_MAX;
static const uint32_t no_rank = UINT32_MAX;

/* ---- the table ------------------------------------------------------------- */

/* The slot that holds this pair, or the empty one where it belongs. */
static size_t slot_of(const struct merges *merges, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = (size_t)rng_mix(pair) & merges->slot_mask;
    for (; merges->slots[slot] != 0; slot = (slot + 1) & merges->slot_mask) {
        const struct merge *merge = &merges->list[merges->slots[slot] - 1];
        if (merge->left == left && merge->right == right)
            break;
    }
    return slot;
}

static uint32_t rank_of(const struct merges *merges, int32_t left, int32_t right)
{
    return merges->slots[slot_of(merges, left, right)] - 1; /* 0 - 1 is no_rank */
}

bool merges_reserve(struct merges *merges, size_t count, struct err *err)
{
    size_t slot_count = 1024;
    while (slot_count < 2 * count) /* count < UINT32_MAX */
        slot_count *= 2;
    merges->list = calloc(count ? count : 1, sizeof merges->list[0]);
    merges->slots = calloc(slot_count, sizeof merges->slots[0]);
    merges->slot_mask = slot_count - 1;
    if (!merges->list || !merges->slots)
        return err_set(err, ERR_MEMORY, "no memory for %zu merges", count);
    return true;
}

void merges_add(struct merges *merges, struct merge merge)
{
    uint32_t rank = (uint32_t)merges->count++;
    merges->list[rank] = merge;
    size_t slot = slot_of(merges, merge.left, merge.right);
    if (merges->slots[slot] == 0)
        merges->slots[slot] = rank + 1;
}

void merges_free(struct merges *merges)
{
    free(merges->list);
    free(merges->slots);
    *merges = (struct merges){0};
}

/* ---- the heap ---------------------------------------------------------------- */

static void sift_down(uint64_t *heap, size_t count, size_t hole, uint64_t value)
{
    for (;;) {
        size_t child = 2 * hole + 1;
        if (child >= count)
            break;
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (value <= heap[child])
            break;
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = value;
}

static void heap_push(struct merge_room *room, uint64_t value)
{
    uint64_t *heap = room->candidates;
    BUG_ON(room->candidate_count >= 2 * room->capacity);
    size_t hole = room->candidate_count++;
    for (; hole > 0 && value < heap[(hole - 1) / 2]; hole = (hole - 1) / 2)
        heap[hole] = heap[(hole - 1) / 2];
    heap[hole] = value;
}

static uint64_t heap_pop(struct merge_room *room)
{
    uint64_t best = room->candidates[0];
    uint64_t last = room->candidates[--room->candidate_count];
    if (room->candidate_count > 0)
        sift_down(room->candidates, room->candidate_count, 0, last);
    return best;
}

/* ---- one piece ----------------------------------------------------------------- */

static bool room_reserve(struct merge_room *room, size_t len, struct err *err)
{
    if (len <= room->capacity)
        return true;
    size_t capacity = len + len / 2 + 64;
    struct symbol *symbols = malloc(capacity * sizeof *symbols);
    uint64_t *candidates = malloc(2 * capacity * sizeof *candidates);
    if (!symbols || !candidates) {
        free(symbols);
        free(candidates);
        return err_set(err, ERR_MEMORY, "no memory to merge a piece of %zu bytes", len);
    }
    free(room->symbols);
    free(room->candidates);
    room->symbols = symbols;
    room->candidates = candidates;
    room->capacity = capacity;
    return true;
}

static void add_candidate(const struct merges *merges, struct merge_room *room, uint32_t left)
{
    const struct symbol *symbol = &room->symbols[left];
    if (symbol->next == no_symbol)
        return;
    uint32_t rank = rank_of(merges, symbol->id, room->symbols[symbol->next].id);
    if (rank != no_rank)
        heap_push(room, (uint64_t)rank << 32 | left);
}

/* Join the pair of a candidate, unless one of its symbols has changed since.
 * At most 2 candidates come for each that goes, and len - 1 pairs can be
 * joined, so the heap never holds more than 2 * len. */
static void join(const struct merges *merges, struct merge_room *room, uint64_t candidate)
{
    const struct merge *merge = &merges->list[candidate >> 32];
    uint32_t left_index = (uint32_t)candidate;
    struct symbol *left = &room->symbols[left_index];
    if (left->id != merge->left || left->next == no_symbol)
        return;
    struct symbol *right = &room->symbols[left->next];
    if (right->id != merge->right)
        return;

    left->id = merge->result;
    left->next = right->next;
    right->id = NO_TOKEN;
    if (left->next != no_symbol)
        room->symbols[left->next].previous = left_index;
    if (left->previous != no_symbol)
        add_candidate(merges, room, left->previous);
    add_candidate(merges, room, left_index);
}

bool merge_piece(const struct merges *merges, const int32_t *bytes, const char *piece, size_t len,
                 struct merge_room *room, struct ids *out, struct err *err)
{
    BUG_ON(len == 0 || len >= no_symbol);
    if (!room_reserve(room, len, err))
        return false;
    for (size_t i = 0; i < len; i++)
        room->symbols[i] = (struct symbol){
            .id = bytes[(unsigned char)piece[i]],
            .previous = i > 0 ? (uint32_t)i - 1 : no_symbol,
            .next = i + 1 < len ? (uint32_t)i + 1 : no_symbol,
        };
    room->candidate_count = 0;
    for (size_t i = 0; i + 1 < len; i++)
        add_candidate(merges, room, (uint32_t)i);
    while (room->candidate_count > 0)
        join(merges, room, heap_pop(room));
    for (uint32_t i = 0; i != no_symbol; i = room->symbols[i].next)
        ids_add(out, room->symbols[i].id);
    return true;
}

void merge_room_free(struct merge_room *room)
{
    free(room->symbols);
    free(room->candidates);
    *room = (struct merge_room){0};
}
