/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/refine.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is on ---------------------------------------------------------------------- */

void refine_on(const struct flip *flips, size_t count, const struct flip *row, uint32_t group,
               uint64_t mask[2])
{
    mask[0] = mask[1] = 0;
    for (size_t i = 0; i < count; i++) {
        const struct flip *flip = &flips[i];
        bool whole = flip->group == FLIP_WHOLE_ROW;
        if (flip->layer != row->layer || flip->proj != row->proj || flip->row != row->row ||
            (!whole && flip->group != (int32_t)group))
            continue;
        mask[0] ^= whole ? UINT64_MAX : flip->mask[0];
        mask[1] ^= whole ? UINT64_MAX : flip->mask[1];
    }
}

/* Bits [first, first + chunk) of a group; chunks do not lie across the two words unless
 * they are the group. */
static void chunk_mask(unsigned first, unsigned chunk, uint64_t mask[2])
{
    mask[0] = mask[1] = 0;
    if (chunk == GROUP_WEIGHTS)
        mask[0] = mask[1] = UINT64_MAX;
    else
        mask[first / 64] = (chunk == 64 ? UINT64_MAX : (UINT64_C(1) << chunk) - 1) << first % 64;
}

/* ---- units ------------------------------------------------------------------------------ */

/* What the sweep is looking for. */
struct wanted {
    struct refine *refine;
    const struct flip *row;
    unsigned chunk;
    double *change; /* [units of the row] */
};

static void take_row(void *user, const struct predicted *predicted)
{
    const struct wanted *wanted = user;
    uint32_t row = wanted->row->row;
    if (predicted->layer != wanted->row->layer || predicted->proj != wanted->row->proj ||
        row < predicted->first || row >= predicted->first + predicted->count)
        return;
    const double *of = predicted->change + (size_t)(row - predicted->first) * predicted->per_row;
    unsigned bits = predicted->granularity == GRANULARITY_BIT ? wanted->chunk : 1;
    for (uint32_t i = 0; i < predicted->per_row; i++)
        wanted->change[i / bits] += of[i];
}

static bool sweep(struct search *search, struct refine *refine, struct wanted *wanted,
                  const double *gaps, cancel_flag *cancel, struct err *err)
{
    enum granularity granularity =
        wanted->chunk == GROUP_WEIGHTS ? GRANULARITY_GROUP : GRANULARITY_BIT;
    struct predict **predict = &refine->predict[granularity];
    struct predict_options options = {&refine->layer, 1, search->options.projs, granularity,
                                      search->options.threads,
                                      search->options.keep_bytes};
    struct judge judge = search_judge_of(search);
    refine->layer = wanted->row->layer;
    if (!*predict)
        *predict = predict_new(search->model, search->targets, search->controls, &options, err);
    if (!*predict || !predict_run(*predict, &judge, gaps, take_row, wanted, cancel, err))
        return false;
    search_note_pass(search, *predict);
    return true;
}

/* The larger change, then the earlier place in the row. */
static int compare_units(const void *a, const void *b)
{
    const struct refine_unit *x = a, *y = b;
    if (x->change != y->change)
        return x->change > y->change ? -1 : 1;
    if (x->flip.group != y->flip.group)
        return x->flip.group < y->flip.group ? -1 : 1;
    if (x->flip.mask[0] != y->flip.mask[0]) /* of chunks the lower has the smaller mask */
        return y->flip.mask[0] == 0 || (x->flip.mask[0] && x->flip.mask[0] < y->flip.mask[0])
                   ? -1
                   : 1;
    return x->flip.mask[1] < y->flip.mask[1] ? -1 : x->flip.mask[1] > y->flip.mask[1];
}

/* Those that are wholly on and that it may help to take off. */
static void choose_units(struct refine *refine, const struct wanted *wanted,
                         const struct refine_model *model, uint32_t groups)
{
    unsigned chunks = GROUP_WEIGHTS / wanted->chunk;
    refine->units = x_grow(refine->units, (size_t)groups * chunks, sizeof *refine->units);
    for (uint32_t i = 0; i < groups * chunks; i++) {
        uint64_t on[2];
        struct flip flip = *wanted->row;
        flip.group = (int32_t)(i / chunks);
        chunk_mask(i % chunks * wanted->chunk, wanted->chunk, flip.mask);
        refine_on(model->flips, model->count, wanted->row, i / chunks, on);
        bool is_on = (on[0] & flip.mask[0]) == flip.mask[0] &&
                     (on[1] & flip.mask[1]) == flip.mask[1];
        if (is_on && wanted->change[i] > 0)
            refine->units[refine->unit_count++] = (struct refine_unit){flip, wanted->change[i]};
    }
    if (refine->unit_count > 0)
        qsort(refine->units, refine->unit_count, sizeof *refine->units, compare_units);
}

bool refine_begin(struct search *search, struct refine *refine, const struct flip *row,
                  unsigned chunk, const struct refine_model *model, cancel_flag *cancel,
                  struct err *err)
{
    struct refine_place *place = &refine->place;
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(search->model, row->layer, row->proj, &rows, &columns);
    struct wanted wanted = {refine, row, chunk, x_new(columns / chunk, sizeof(double))};
    *place = (struct refine_place){0};
    refine->unit_count = 0;
    bool ok = sweep(search, refine, &wanted, model->gaps, cancel, err);
    if (ok)
        choose_units(refine, &wanted, model, columns / GROUP_WEIGHTS);
    if (refine->unit_count > 0)
        place->parts[place->part_count++] = refine->unit_count;
    free(wanted.change);
    return ok;
}

/* ---- candidates ---------------------------------------------------------------------------- */

size_t refine_count(const struct refine *refine)
{
    const struct refine_place *place = &refine->place;
    bool more = place->part_count > 0 && place->tries < REFINE_TRIES;
    return more ? place->parts[place->part_count - 1] : 0;
}

bool refine_tried(struct refine *refine, size_t count, bool accepted)
{
    struct refine_place *place = &refine->place;
    if (count == 0 || count != refine_count(refine))
        return false;
    place->part_count--;
    place->tries++;
    if (accepted || count == 1) {
        place->at += count;
        return true;
    }
    place->parts[place->part_count++] = count / 2;
    place->parts[place->part_count++] = count - count / 2;
    return true;
}

void refine_free(struct refine *refine)
{
    for (int i = 0; i < GRANULARITY_COUNT; i++)
        predict_free(refine->predict[i]);
    free(refine->units);
}
