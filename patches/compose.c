/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Composing two patches.  Flips of both are sorted by row; within a row the
 * masks of its groups are XORed together, and what is left is written down
 * again in the largest words: a row, whole groups, bits of groups.
 */
#include <stdlib.h>
#include <string.h>

#include "patches/patch_int.h"
#include "src/base/json.h"

struct row_masks {
    uint64_t (*groups)[2]; /* [group][2] */
    size_t count;
};

static int compare(const void *left, const void *right)
{
    return patch_compare_flips(left, right);
}

/* All flips of both, the head of a tied model as its embedding. */
static struct flip *sorted_union(const struct patch *a, const struct patch *b, bool tied)
{
    size_t count = a->flip_count + b->flip_count;
    struct flip *flips = x_new(count, sizeof *flips);
    for (size_t i = 0; i < count; i++) {
        flips[i] = i < a->flip_count ? a->flips[i] : b->flips[i - a->flip_count];
        if (tied && flips[i].proj == PROJ_HEAD)
            flips[i].proj = PROJ_EMBED;
    }
    qsort(flips, count, sizeof *flips, compare);
    return flips;
}

static void toggle(struct row_masks *row, const struct flip *flip)
{
    bool whole = flip->group == FLIP_WHOLE_ROW;
    size_t first = whole ? 0 : (size_t)flip->group;
    size_t end = whole ? row->count : first + 1;
    BUG_ON(end > row->count); /* both patches fit the model */
    for (size_t group = first; group < end; group++) {
        row->groups[group][0] ^= whole ? UINT64_MAX : flip->mask[0];
        row->groups[group][1] ^= whole ? UINT64_MAX : flip->mask[1];
    }
}

static bool is_whole(const struct row_masks *row)
{
    for (size_t group = 0; group < row->count; group++)
        if (row->groups[group][0] != UINT64_MAX || row->groups[group][1] != UINT64_MAX)
            return false;
    return true;
}

/* like names the row. */
static void add_row(struct patch *patch, const struct row_masks *row, struct flip like)
{
    if (is_whole(row)) {
        like.group = FLIP_WHOLE_ROW;
        patch_add(patch, like);
        return;
    }
    for (size_t group = 0; group < row->count; group++) {
        if (row->groups[group][0] == 0 && row->groups[group][1] == 0)
            continue;
        like.group = (int32_t)group;
        memcpy(like.mask, row->groups[group], sizeof like.mask);
        patch_add(patch, like);
    }
}

/* flips[0..count) are of one row. */
static void compose_row(struct patch *patch, const struct flip *flips, size_t count,
                        const struct model *model)
{
    uint32_t rows = 0, columns = 0;
    bool known = model_matrix_size(model, flips[0].layer, flips[0].proj, &rows, &columns);
    BUG_ON(!known || flips[0].row >= rows);
    struct row_masks row = {.count = columns / GROUP_WEIGHTS};
    row.groups = x_new(row.count, sizeof *row.groups);
    for (size_t i = 0; i < count; i++)
        toggle(&row, &flips[i]);
    add_row(patch, &row, flips[0]);
    free(row.groups);
}

/* What both state alike stays stated; what only one states is taken over. */
static void merge_text(char **field, const char *a, const char *b)
{
    bool agree = *a == '\0' || *b == '\0' || strcmp(a, b) == 0;
    patch_set_text(field, !agree ? "" : *a ? a : b);
}

static void describe(struct patch *patch, const struct patch *a, const struct patch *b)
{
    struct buf name = {0};
    buf_add_format(&name, "%s + %s", a->name, b->name);
    patch_set_text(&patch->name, name.data);
    buf_free(&name);
    merge_text(&patch->base_model, a->base_model, b->base_model);
    merge_text(&patch->base_sha256, a->base_sha256, b->base_sha256);
    json_t *names = json_array();
    (void)json_array_append_new(names, json_text(a->name, strlen(a->name)));
    (void)json_array_append_new(names, json_text(b->name, strlen(b->name)));
    (void)json_object_set_new(patch->metadata, "composed_of", names);
}

struct patch *patch_compose(const struct patch *a, const struct patch *b,
                            const struct model *model)
{
    struct patch *patch = patch_new();
    size_t count = a->flip_count + b->flip_count;
    struct flip *flips = sorted_union(a, b, model_shape(model)->tied);
    for (size_t start = 0, end = 0; start < count; start = end) {
        for (end = start + 1; end < count; end++)
            if (patch_compare_rows(&flips[start], &flips[end]) != 0)
                break;
        compose_row(patch, &flips[start], end - start, model);
    }
    free(flips);
    describe(patch, a, b);
    patch->bits_flipped = patch_totals(patch, model).bits_flipped;
    return patch;
}
