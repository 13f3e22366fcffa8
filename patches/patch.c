/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A patch in memory: building it, what it amounts to, whether it belongs to a
 * model, and putting it on.
 */
#include "patches/patch_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/buf.h"

struct patch *patch_new(void)
{
    struct patch *patch = x_new(1, sizeof *patch);
    patch_set_text(&patch->format, PATCH_FORMAT);
    patch_set_text(&patch->name, "");
    patch_set_text(&patch->description, "");
    patch_set_text(&patch->base_model, "");
    patch_set_text(&patch->base_sha256, "");
    patch_set_text(&patch->rows_sha256, "");
    patch->metadata = json_object();
    BUG_ON(!patch->metadata);
    return patch;
}

void patch_add(struct patch *patch, struct flip flip)
{
    if (flip.group == FLIP_WHOLE_ROW)
        memset(flip.mask, 0, sizeof flip.mask);
    if ((patch->flip_count & (patch->flip_count - 1)) == 0) /* full at each power of two */
        patch->flips = x_grow(patch->flips, patch->flip_count ? 2 * patch->flip_count : 1,
                              sizeof *patch->flips);
    patch->flips[patch->flip_count++] = flip;
    patch->bits_flipped = 0;
    patch->rows_sha256[0] = '\0';
}

void patch_set_text(char **field, const char *text)
{
    char *copy = x_copy(text, strlen(text)); /* text may be *field */
    free(*field);
    *field = copy;
}

void patch_free(struct patch *patch)
{
    if (!patch)
        return;
    free(patch->format);
    free(patch->name);
    free(patch->description);
    free(patch->base_model);
    free(patch->base_sha256);
    free(patch->rows_sha256);
    free(patch->flips);
    json_decref(patch->metadata);
    free(patch);
}

static bool flips_bits(const struct flip *flip)
{
    return flip->group != FLIP_WHOLE_ROW &&
           memcmp(flip->mask, flip_mask_all, sizeof flip->mask) != 0;
}

bool patch_flips_bits(const struct patch *patch)
{
    for (size_t i = 0; i < patch->flip_count; i++)
        if (flips_bits(&patch->flips[i]))
            return true;
    return false;
}

/* ---- the same weights twice ---------------------------------------------- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int patch_compare_rows(const struct flip *a, const struct flip *b)
{
    int order = compare_numbers(a->layer, b->layer);
    if (order == 0)
        order = compare_numbers(a->proj, b->proj);
    return order ? order : compare_numbers(a->row, b->row);
}

int patch_compare_flips(const struct flip *a, const struct flip *b)
{
    int order = patch_compare_rows(a, b);
    return order ? order : compare_numbers(a->group, b->group); /* FLIP_WHOLE_ROW < 0 */
}

/* Two flips that name the same weights. */
struct repeat {
    size_t first; /* indices in the patch, first < second */
    size_t second;
};

struct placed_flip {
    struct flip flip;
    size_t index;
};

static int compare_placed(const void *left, const void *right)
{
    const struct placed_flip *a = left, *b = right;
    int order = patch_compare_flips(&a->flip, &b->flip);
    return order ? order : compare_numbers((int64_t)a->index, (int64_t)b->index);
}

static bool overlap(const struct flip *a, const struct flip *b)
{
    if (a->group == FLIP_WHOLE_ROW || b->group == FLIP_WHOLE_ROW)
        return true;
    return a->group == b->group &&
           ((a->mask[0] & b->mask[0]) != 0 || (a->mask[1] & b->mask[1]) != 0);
}

static void note_repeat(size_t a, size_t b, struct repeat *repeat)
{
    struct repeat seen = {.first = a < b ? a : b, .second = a < b ? b : a};
    if (seen.second < repeat->second)
        *repeat = seen;
}

static struct placed_flip *sorted_flips(const struct patch *patch, bool tied)
{
    struct placed_flip *sorted = x_new(patch->flip_count, sizeof *sorted);
    for (size_t i = 0; i < patch->flip_count; i++) {
        sorted[i] = (struct placed_flip){.flip = patch->flips[i], .index = i};
        if (tied && sorted[i].flip.proj == PROJ_HEAD)
            sorted[i].flip.proj = PROJ_EMBED;
    }
    qsort(sorted, patch->flip_count, sizeof *sorted, compare_placed);
    return sorted;
}

/* The repeat whose second flip comes first in the patch; its second is SIZE_MAX
 * if there is none.
 *
 * The flips of a row stand together, its whole-row flip first.  Each flip is
 * compared with that one and with those of its own group: at most 128 of these
 * can be without overlap, so the inner loop stays short. */
static struct repeat find_repeat(const struct patch *patch, bool tied)
{
    struct placed_flip *sorted = sorted_flips(patch, tied);
    struct repeat repeat = {.second = SIZE_MAX};
    size_t row_start = 0;
    for (size_t i = 1; i < patch->flip_count; i++) {
        if (patch_compare_rows(&sorted[row_start].flip, &sorted[i].flip) != 0) {
            row_start = i;
            continue;
        }
        if (sorted[row_start].flip.group == FLIP_WHOLE_ROW)
            note_repeat(sorted[row_start].index, sorted[i].index, &repeat);
        for (size_t j = i; j-- > row_start && sorted[j].flip.group == sorted[i].flip.group;)
            if (overlap(&sorted[j].flip, &sorted[i].flip)) {
                note_repeat(sorted[j].index, sorted[i].index, &repeat);
                break;
            }
    }
    free(sorted);
    return repeat;
}

bool patch_refuse_repeats(const struct patch *patch, bool tied, struct err *err)
{
    struct repeat repeat = find_repeat(patch, tied);
    if (repeat.second == SIZE_MAX)
        return true;
    const struct flip *flip = &patch->flips[repeat.second];
    const char *proj = proj_name(flip->proj);
    if (flip->layer == NO_LAYER)
        (void)err_set(err, ERR_FORMAT, "flips the same weights as flips[%zu]: %s row %u",
                      repeat.first, proj, flip->row);
    else
        (void)err_set(err, ERR_FORMAT, "flips the same weights as flips[%zu]: layer %d %s row %u",
                      repeat.first, (int)flip->layer, proj, flip->row);
    return err_where(err, "flips[%zu]", repeat.second);
}

/* ---- with a model -------------------------------------------------------- */

/* The key of a flip that does not fit: the first of layer, row and group that
 * is out of range. */
static const char *misfit_key(const struct model *model, const struct flip *flip)
{
    uint32_t rows = 0, columns = 0;
    if (!model_matrix_size(model, flip->layer, flip->proj, &rows, &columns))
        return flip->proj < PROJ_LAYER_COUNT ? "layer" : "proj";
    if (flip->row >= rows)
        return "row";
    return "group";
}

bool patch_fits(const struct patch *patch, const struct model *model, struct err *err)
{
    for (size_t i = 0; i < patch->flip_count; i++)
        if (!model_flip_fits(model, &patch->flips[i], err))
            return err_where(err, "flips[%zu].%s", i, misfit_key(model, &patch->flips[i]));
    return patch_refuse_repeats(patch, model_shape(model)->tied, err);
}

/* Also where nothing is stated, or the weights are not there at all: patch_fits says
 * more of that. */
static bool rows_agree(const struct patch *patch, const struct model *model, struct err *err)
{
    char rows[SHA256_TEXT_SIZE];
    if (patch->rows_sha256[0] == '\0' || !patch_fits(patch, model, NULL))
        return true;
    if (!model_rows_sha256(model, patch->flips, patch->flip_count, rows, err))
        return false;
    if (strcmp(rows, patch->rows_sha256) == 0)
        return true;
    (void)err_set(err, ERR_MISMATCH, "is for another model: the weights it flips have the SHA-256 "
                  "%s there, and %s in this one", patch->rows_sha256, rows);
    return err_where(err, "metadata.rows_sha256");
}

bool patch_matches_rows(const struct patch *patch, struct model *model, bool *unstated,
                        struct err *err)
{
    if (patch->rows_sha256[0] == '\0' || model_hash_ready(model) ||
        !patch_fits(patch, model, NULL))
        return patch_matches(patch, model, unstated, err);
    *unstated = false;
    return rows_agree(patch, model, err);
}

bool patch_matches(const struct patch *patch, struct model *model, bool *unstated,
                   struct err *err)
{
    *unstated = patch->base_sha256[0] == '\0' && patch->rows_sha256[0] == '\0';
    if (!rows_agree(patch, model, err))
        return false;
    if (patch->base_sha256[0] == '\0')
        return true;
    const char *sha256 = model_sha256(model, err);
    if (!sha256)
        return false;
    if (strcasecmp(sha256, patch->base_sha256) == 0)
        return true;
    (void)err_set(err, ERR_MISMATCH, "is for the model with SHA-256 %s, this model has %s",
                  patch->base_sha256, sha256);
    return err_where(err, "metadata.base_sha256");
}

bool patch_apply(const struct patch *patch, struct model *model, struct err *err)
{
    if (!patch_fits(patch, model, err))
        return false; /* [P2] */
    for (size_t i = 0; i < patch->flip_count; i++)
        model_flip(model, &patch->flips[i]); /* [P1]: XOR is its own inverse, order is free */
    return true;
}

/* ---- what it amounts to -------------------------------------------------- */

static bool is_whole_group(const struct flip *flip)
{
    return flip->mask[0] == UINT64_MAX && flip->mask[1] == UINT64_MAX;
}

static uint64_t flip_bits(const struct flip *flip, uint32_t columns)
{
    if (flip->group == FLIP_WHOLE_ROW)
        return columns;
    return (uint64_t)__builtin_popcountll(flip->mask[0]) +
           (uint64_t)__builtin_popcountll(flip->mask[1]);
}

static uint64_t matrix_bits(const struct model *model, int32_t layer, enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    if (!model_matrix_size(model, layer, proj, &rows, &columns))
        return 0;
    return (uint64_t)rows * columns; /* both below 2^32 */
}

static bool is_mlp(enum proj proj)
{
    return proj == PROJ_GATE || proj == PROJ_UP || proj == PROJ_DOWN;
}

struct bit_counts {
    uint64_t mlp;
    uint64_t all;
};

static struct bit_counts model_bits(const struct model *model)
{
    const struct model_shape *shape = model_shape(model);
    struct bit_counts bits = {0};
    for (uint32_t layer = 0; layer < shape->layers; layer++)
        for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++) {
            uint64_t count = matrix_bits(model, (int32_t)layer, (enum proj)proj);
            bits.all += count;
            bits.mlp += is_mlp((enum proj)proj) ? count : 0;
        }
    bits.all += matrix_bits(model, NO_LAYER, PROJ_EMBED);
    bits.all += shape->tied ? 0 : matrix_bits(model, NO_LAYER, PROJ_HEAD);
    return bits;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

struct patch_totals patch_totals(const struct patch *patch, const struct model *model)
{
    struct patch_totals totals = {.has_model = model != NULL};
    struct bit_counts flipped = {0};
    for (size_t i = 0; i < patch->flip_count; i++) {
        const struct flip *flip = &patch->flips[i];
        if (flip->group == FLIP_WHOLE_ROW)
            totals.rows++;
        else if (is_whole_group(flip))
            totals.groups++;
        else
            totals.bits++;
        uint32_t rows = 0, columns = 0;
        if (!model || !model_matrix_size(model, flip->layer, flip->proj, &rows, &columns))
            continue;
        uint64_t count = flip_bits(flip, columns);
        flipped.all += count;
        flipped.mlp += is_mlp(flip->proj) ? count : 0;
    }
    if (!model)
        return totals;
    struct bit_counts bits = model_bits(model);
    totals.bits_flipped = flipped.all;
    totals.share_of_mlp = share(flipped.mlp, bits.mlp);
    totals.share_of_all = share(flipped.all, bits.all);
    return totals;
}
