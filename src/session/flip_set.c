/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Flips as sets of weights.  A set is sorted, and says each thing in one way: a row is
 * there as a whole, or as the groups of it that have weights in the set.
 */
#include <stdlib.h>
#include <string.h>

#include "src/session/flip_set.h"

void flip_set_free(struct flip_set *set)
{
    free(set->flips);
    *set = (struct flip_set){0};
}

static void add(struct flip_set *set, const struct flip *flip)
{
    if ((set->count & (set->count - 1)) == 0) /* full: 0, 1, 2, 4, 8, ... */
        set->flips = x_grow(set->flips, set->count ? set->count * 2 : 1, sizeof *set->flips);
    set->flips[set->count++] = *flip;
}

/* ---- order -------------------------------------------------------------------------- */

static int compare_ints(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_rows(const struct flip *a, const struct flip *b)
{
    int by = compare_ints(a->layer, b->layer);
    by = by ? by : compare_ints((int64_t)a->proj, (int64_t)b->proj);
    return by ? by : compare_ints(a->row, b->row);
}

static int compare_flips(const void *a, const void *b)
{
    const struct flip *x = a, *y = b;
    int by = compare_rows(x, y);
    return by ? by : compare_ints(x->group, y->group);
}

/* Flips of one row: flips[0 .. count). */
static struct flip_set run_at(const struct flip_set *set, size_t first)
{
    size_t end = first;
    while (end < set->count && compare_rows(&set->flips[end], &set->flips[first]) == 0)
        end++;
    return (struct flip_set){set->flips + first, end - first};
}

/* ---- one way to say it -------------------------------------------------------------- */

static uint64_t dimension(const json_t *shape, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(shape, name));
    return value > 0 ? (uint64_t)value : 0;
}

/* Groups of a row; 0 where the shape does not tell. */
static uint64_t groups_of(const json_t *shape, enum proj proj)
{
    uint64_t columns = proj == PROJ_DOWN ? dimension(shape, "ffn")
                       : proj == PROJ_O ? dimension(shape, "heads") * dimension(shape, "head_dim")
                                        : dimension(shape, "width");
    return columns / GROUP_WEIGHTS;
}

static bool is_full(const uint64_t mask[2])
{
    return mask[0] == UINT64_MAX && mask[1] == UINT64_MAX;
}

static void add_mask(struct flip_set *out, struct flip flip, int32_t group, uint64_t low,
                     uint64_t high)
{
    flip.group = group;
    flip.mask[0] = low;
    flip.mask[1] = high;
    if (low || high)
        add(out, &flip);
}

static void add_row(struct flip_set *out, struct flip flip)
{
    flip.group = FLIP_WHOLE_ROW;
    flip.mask[0] = flip.mask[1] = 0;
    add(out, &flip);
}

/* A row without the weights of its groups in `groups`, which are sorted. */
static void add_complement(struct flip_set *out, const struct flip_set *groups, uint64_t count)
{
    size_t at = 0;
    for (uint64_t group = 0; group < count; group++) {
        const struct flip *flip = at < groups->count ? &groups->flips[at] : NULL;
        bool here = flip && (uint64_t)flip->group == group;
        at += here;
        add_mask(out, groups->flips[0], (int32_t)group,
                 UINT64_MAX ^ (here ? flip->mask[0] : 0), UINT64_MAX ^ (here ? flip->mask[1] : 0));
    }
}

/* Masks of the groups of a run, whatever occurs twice XORed; were there odd whole rows? */
static bool merge_run(const struct flip_set *run, struct flip_set *groups)
{
    bool row = false;
    for (size_t i = 0; i < run->count;) {
        const struct flip *flip = &run->flips[i];
        uint64_t low = 0, high = 0;
        for (; i < run->count && run->flips[i].group == flip->group; i++) {
            row ^= flip->group == FLIP_WHOLE_ROW;
            low ^= run->flips[i].mask[0];
            high ^= run->flips[i].mask[1];
        }
        if (flip->group != FLIP_WHOLE_ROW)
            add_mask(groups, *flip, flip->group, low, high);
    }
    return row;
}

static bool all_full(const struct flip_set *groups, uint64_t count)
{
    bool full = count > 0 && groups->count == count;
    for (size_t i = 0; full && i < groups->count; i++)
        full = is_full(groups->flips[i].mask);
    return full;
}

static void settle_run(const struct flip_set *run, uint64_t count, struct flip_set *out)
{
    struct flip_set groups = {0};
    bool row = merge_run(run, &groups);
    bool full = all_full(&groups, count);
    if (row && groups.count > 0 && count > 0)
        add_complement(out, &groups, count);
    else if (row || full)
        add_row(out, run->flips[0]);
    for (size_t i = 0; !full && !(row && count > 0) && i < groups.count; i++)
        add(out, &groups.flips[i]);
    flip_set_free(&groups);
}

void flip_set_add(struct flip_set *set, const struct flip *flips, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(set, &flips[i]);
}

void flip_set_settle(struct flip_set *set, const json_t *shape)
{
    struct flip_set out = {0};
    bool tied = json_is_true(json_object_get(shape, "tied"));
    for (size_t i = 0; tied && i < set->count; i++)
        if (set->flips[i].proj == PROJ_HEAD)
            set->flips[i].proj = PROJ_EMBED; /* the same rows */
    if (set->count > 1)
        qsort(set->flips, set->count, sizeof *set->flips, compare_flips);
    for (size_t i = 0; i < set->count;) {
        struct flip_set run = run_at(set, i);
        settle_run(&run, groups_of(shape, run.flips[0].proj), &out);
        i += run.count;
    }
    flip_set_free(set);
    *set = out;
}

/* ---- two sets ------------------------------------------------------------------------- */

static bool is_row(const struct flip_set *run)
{
    return run->flips[0].group == FLIP_WHOLE_ROW;
}

/* Groups of a by those of b: what they share, or what b lacks. */
static void pair_groups(const struct flip_set *a, const struct flip_set *b, bool shared,
                        struct flip_set *out)
{
    size_t at = 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct flip *flip = &a->flips[i];
        while (at < b->count && b->flips[at].group < flip->group)
            at++;
        bool here = at < b->count && b->flips[at].group == flip->group;
        uint64_t low = here ? b->flips[at].mask[0] : 0, high = here ? b->flips[at].mask[1] : 0;
        add_mask(out, *flip, flip->group, flip->mask[0] & (shared ? low : ~low),
                 flip->mask[1] & (shared ? high : ~high));
    }
}

static void pair_runs(const struct flip_set *a, const struct flip_set *b, const json_t *shape,
                      bool shared, struct flip_set *out)
{
    if (is_row(b) && shared)
        flip_set_add(out, a->flips, a->count);
    else if (is_row(a) && shared)
        flip_set_add(out, b->flips, b->count);
    else if (is_row(a) && !is_row(b))
        add_complement(out, b, groups_of(shape, a->flips[0].proj));
    else if (!is_row(a) && !is_row(b))
        pair_groups(a, b, shared, out);
}

void flip_set_pair(const struct flip_set *a, const struct flip_set *b, const json_t *shape,
                   bool shared, struct flip_set *out)
{
    size_t at = 0;
    for (size_t i = 0; i < a->count;) {
        struct flip_set run = run_at(a, i);
        while (at < b->count && compare_rows(&b->flips[at], run.flips) < 0)
            at++;
        bool here = at < b->count && compare_rows(&b->flips[at], run.flips) == 0;
        struct flip_set other = here ? run_at(b, at) : (struct flip_set){0};
        if (here)
            pair_runs(&run, &other, shape, shared, out);
        else if (!shared)
            flip_set_add(out, run.flips, run.count);
        i += run.count;
    }
}
