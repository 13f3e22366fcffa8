/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Flips and the name of the state they lead to.
 *
 * The state's name is the XOR, over all groups that differ from the file, of a
 * 128-bit hash of (tensor, group, mask).  XOR makes it independent of the order
 * of flips, and undoing a flip gives the old name back.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"
#include "engine/model/model_int.h"
#include "src/base/rng.h"

static const struct {
    const char *name;
    const char *short_name;
    const char *gguf_name;
} proj_names[PROJ_COUNT] = {
    [PROJ_Q] = {"q_proj", "q", "attn_q"},
    [PROJ_K] = {"k_proj", "k", "attn_k"},
    [PROJ_V] = {"v_proj", "v", "attn_v"},
    [PROJ_O] = {"o_proj", "o", "attn_output"},
    [PROJ_GATE] = {"gate_proj", "gate", "ffn_gate"},
    [PROJ_UP] = {"up_proj", "up", "ffn_up"},
    [PROJ_DOWN] = {"down_proj", "down", "ffn_down"},
    [PROJ_EMBED] = {"embed", "embed", "token_embd"},
    [PROJ_HEAD] = {"head", "head", "output"},
};

bool flip_equal(const struct flip *a, const struct flip *b)
{
    return a->layer == b->layer && a->proj == b->proj && a->row == b->row &&
           a->group == b->group && a->mask[0] == b->mask[0] && a->mask[1] == b->mask[1];
}

const char *proj_name(enum proj proj)
{
    BUG_ON((unsigned)proj >= PROJ_COUNT);
    return proj_names[proj].name;
}

bool proj_parse(const char *name, enum proj *proj)
{
    for (size_t i = 0; i < PROJ_COUNT; i++)
        if (strcmp(name, proj_names[i].name) == 0 || strcmp(name, proj_names[i].short_name) == 0 ||
            strcmp(name, proj_names[i].gguf_name) == 0) {
            *proj = (enum proj)i;
            return true;
        }
    return false;
}

const struct matrix *model_matrix(const struct model *model, int32_t layer, enum proj proj)
{
    if (proj == PROJ_EMBED && layer == NO_LAYER)
        return &model->embed;
    if (proj == PROJ_HEAD && layer == NO_LAYER)
        return &model->head;
    bool inside = (unsigned)proj < PROJ_LAYER_COUNT && layer >= 0 &&
                  (uint32_t)layer < model->shape.layers;
    return inside ? &model->layers[layer].matrix[proj] : NULL;
}

bool model_matrix_size(const struct model *model, int32_t layer, enum proj proj, uint32_t *rows,
                       uint32_t *columns)
{
    const struct matrix *matrix = model_matrix(model, layer, proj);
    if (!matrix)
        return false;
    *rows = matrix->rows;
    *columns = matrix->columns;
    return true;
}

uint32_t model_groups_max(const struct model *model)
{
    const struct model_shape *shape = &model->shape;
    uint32_t widest = shape->heads * shape->head_dim;
    widest = shape->ffn > widest ? shape->ffn : widest;
    widest = shape->width > widest ? shape->width : widest;
    return widest / GROUP_WEIGHTS;
}

uint64_t model_patchable_rows(const struct model *model)
{
    uint64_t rows = model->embed.rows;
    if (!model->shape.tied)
        rows += model->head.rows;
    for (uint32_t i = 0; i < model->shape.layers; i++)
        for (size_t j = 0; j < PROJ_LAYER_COUNT; j++)
            rows += model->layers[i].matrix[j].rows;
    return rows;
}

/* |half| in units of 2^-24, exact; 0 if not finite. */
static uint64_t half_magnitude(uint16_t half)
{
    uint32_t exponent = half >> 10 & 0x1Fu;
    uint64_t fraction = half & 0x3FFu;
    if (exponent == 31)
        return 0;
    return exponent == 0 ? fraction : (fraction | 0x400u) << (exponent - 1);
}

uint64_t model_row_scale_sum(const struct model *model, int32_t layer, enum proj proj,
                             uint32_t row)
{
    const struct matrix *matrix = model_matrix(model, layer, proj);
    BUG_ON(!matrix || row >= matrix->rows);
    const uint8_t *block = matrix->blocks + (size_t)row * matrix->groups * GROUP_BYTES;
    uint64_t sum = 0; /* <= 8192 groups * 2^40 */
    for (uint32_t g = 0; g < matrix->groups; g++, block += GROUP_BYTES)
        sum += half_magnitude(block_scale(block));
    return sum;
}

uint64_t model_group_scale(const struct model *model, int32_t layer, enum proj proj, uint32_t row,
                           uint32_t group)
{
    const struct matrix *matrix = model_matrix(model, layer, proj);
    BUG_ON(!matrix || row >= matrix->rows || group >= matrix->groups);
    size_t index = (size_t)row * matrix->groups + group;
    return half_magnitude(block_scale(matrix->blocks + index * GROUP_BYTES));
}

bool model_flip_fits(const struct model *model, const struct flip *flip, struct err *err)
{
    if ((unsigned)flip->proj >= PROJ_COUNT)
        return err_set(err, ERR_RANGE, "projection number %d is unknown", (int)flip->proj);
    const struct matrix *matrix = model_matrix(model, flip->layer, flip->proj);
    const char *name = proj_names[flip->proj].name;
    if (!matrix && flip->proj >= PROJ_LAYER_COUNT)
        return err_set(err, ERR_RANGE, "%s has layer %d, expected none", name, (int)flip->layer);
    if (!matrix)
        return err_set(err, ERR_RANGE, "layer %d is outside 0 .. %u", (int)flip->layer,
                       (unsigned)(model->shape.layers - 1));
    if (flip->row >= matrix->rows)
        return err_set(err, ERR_RANGE, "row %u of %s is outside 0 .. %u", (unsigned)flip->row,
                       name, (unsigned)(matrix->rows - 1));
    if (flip->group != FLIP_WHOLE_ROW &&
        (flip->group < 0 || (uint32_t)flip->group >= matrix->groups))
        return err_set(err, ERR_RANGE, "group %d of %s is outside 0 .. %u", (int)flip->group,
                       name, (unsigned)(matrix->groups - 1));
    return true;
}

/* ---- the overlay: which groups differ from the file [M2] ------------------- */

enum { OVERLAY_FIRST = 8192 }; /* groups of some 90 rows of an 8B model */

static struct overlay_entry *overlay_slot(const struct overlay *overlay, uint64_t key)
{
    size_t index = (size_t)rng_mix(key) & (overlay->capacity - 1);
    while (overlay->entries[index].key != 0 && overlay->entries[index].key != key)
        index = (index + 1) & (overlay->capacity - 1);
    return &overlay->entries[index];
}

/* Double the room; entries that came back to the file's bits are dropped. */
static void overlay_grow(struct overlay *overlay)
{
    struct overlay old = *overlay;
    overlay->capacity = old.capacity ? old.capacity * 2 : OVERLAY_FIRST;
    overlay->entries = x_new(overlay->capacity, sizeof *overlay->entries);
    overlay->used = 0;
    for (size_t i = 0; i < old.capacity; i++) {
        const struct overlay_entry *entry = &old.entries[i];
        if (entry->key == 0 || (entry->mask[0] | entry->mask[1]) == 0)
            continue;
        *overlay_slot(overlay, entry->key) = *entry;
        overlay->used++;
    }
    free(old.entries);
}

/* What a group with this mask adds to a name; nothing where it is as in the file. */
static struct state_name group_name(uint64_t key, const uint64_t mask[2])
{
    if ((mask[0] | mask[1]) == 0)
        return (struct state_name){{0, 0}};
    uint64_t a = rng_mix(key + UINT64_C(0x9E3779B97F4A7C15)) ^ mask[0];
    uint64_t b = rng_mix(a + UINT64_C(0xD1B54A32D192ED03)) ^ mask[1];
    uint64_t c = rng_mix(b + UINT64_C(0x8CB92BA72F3D8DD7));
    return (struct state_name){{c, rng_mix(c + a)}};
}

static void name_toggle(struct state_name *name, struct state_name change)
{
    name->word[0] ^= change.word[0];
    name->word[1] ^= change.word[1];
}

static uint64_t group_key(const struct matrix *matrix, uint32_t row, uint32_t group)
{
    return ((uint64_t)matrix->tensor << 40 | ((uint64_t)row * matrix->groups + group)) + 1;
}

/* 16 bytes, bit 0 of the mask first. */
static void flip_signs(uint8_t *signs, const uint64_t mask[2])
{
    uint64_t words[2];
    memcpy(words, signs, sizeof words);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    words[0] ^= __builtin_bswap64(mask[0]);
    words[1] ^= __builtin_bswap64(mask[1]);
#else
    words[0] ^= mask[0];
    words[1] ^= mask[1];
#endif
    memcpy(signs, words, sizeof words);
}

/* Keep the panels as the blocks are. */
static void flip_panel(const struct matrix *matrix, uint32_t row, uint32_t group,
                       const uint64_t mask[2])
{
    for (size_t dword = 0; dword < 4; dword++) {
        uint8_t *at = matrix->panels + panel_signs_place(row, group, matrix->groups, dword);
        uint32_t bits = (uint32_t)(mask[dword / 2] >> 32 * (dword % 2));
        for (size_t i = 0; i < 4; i++)
            at[i] ^= (uint8_t)(bits >> 8 * i);
    }
}

/* The first patch should not pay for memory that is touched for the first time. */
void model_overlay_prepare(struct model *model)
{
    overlay_grow(&model->overlay);
    memset(model->overlay.entries, 0, model->overlay.capacity * sizeof *model->overlay.entries);
}

static void flip_group(struct model *model, const struct matrix *matrix, size_t part, uint32_t row,
                       uint32_t group, const uint64_t mask[2])
{
    struct overlay *overlay = &model->overlay;
    if ((overlay->used + 1) * 2 > overlay->capacity)
        overlay_grow(overlay);
    uint64_t key = group_key(matrix, row, group);
    struct overlay_entry *entry = overlay_slot(overlay, key);
    if (entry->key == 0) {
        entry->key = key;
        overlay->used++;
    }
    struct state_name change = group_name(key, entry->mask);
    entry->mask[0] ^= mask[0];
    entry->mask[1] ^= mask[1];
    name_toggle(&change, group_name(key, entry->mask));
    name_toggle(&model->state, change);
    name_toggle(&model->part_states[part], change);

    uint8_t *signs = matrix->blocks + ((size_t)row * matrix->groups + group) * GROUP_BYTES + 2;
    flip_signs(signs, mask);
    if (matrix->panels)
        flip_panel(matrix, row, group, mask);
}

void model_flip(struct model *model, const struct flip *flip)
{
    BUG_ON(!model_flip_fits(model, flip, NULL));
    const struct matrix *matrix = model_matrix(model, flip->layer, flip->proj);
    size_t part = model_part(model, flip->layer, flip->proj);
    if (flip->group != FLIP_WHOLE_ROW) {
        flip_group(model, matrix, part, flip->row, (uint32_t)flip->group, flip->mask);
        return;
    }
    for (uint32_t g = 0; g < matrix->groups; g++)
        flip_group(model, matrix, part, flip->row, g, flip_mask_all);
}

static void name_with_group(const struct model *model, const struct matrix *matrix, uint32_t row,
                            uint32_t group, const uint64_t mask[2], struct state_name *name)
{
    uint64_t key = group_key(matrix, row, group);
    uint64_t now[2] = {0, 0};
    if (model->overlay.capacity > 0) {
        const struct overlay_entry *entry = overlay_slot(&model->overlay, key);
        if (entry->key != 0)
            memcpy(now, entry->mask, sizeof now);
    }
    name_toggle(name, group_name(key, now));
    now[0] ^= mask[0];
    now[1] ^= mask[1];
    name_toggle(name, group_name(key, now));
}

struct state_name model_state_with(const struct model *model, const struct flip *flip)
{
    BUG_ON(!model_flip_fits(model, flip, NULL));
    const struct matrix *matrix = model_matrix(model, flip->layer, flip->proj);
    struct state_name name = model->state;
    if (flip->group != FLIP_WHOLE_ROW) {
        name_with_group(model, matrix, flip->row, (uint32_t)flip->group, flip->mask, &name);
        return name;
    }
    for (uint32_t g = 0; g < matrix->groups; g++)
        name_with_group(model, matrix, flip->row, g, flip_mask_all, &name);
    return name;
}

void model_group_in_file(const struct model *model, const struct matrix *matrix, uint32_t row,
                         uint32_t group, uint8_t out[GROUP_BYTES])
{
    size_t index = (size_t)row * matrix->groups + group;
    memcpy(out, matrix->blocks + index * GROUP_BYTES, GROUP_BYTES);
    if (model->overlay.capacity == 0)
        return;
    const struct overlay_entry *entry = overlay_slot(&model->overlay,
                                                     group_key(matrix, row, group));
    if (entry->key != 0)
        flip_signs(out + 2, entry->mask);
}

struct state_name model_state(const struct model *model)
{
    return model->state;
}

bool state_name_equal(struct state_name a, struct state_name b)
{
    return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}

uint64_t model_flipped_bits(const struct model *model, uint64_t *groups)
{
    uint64_t bits = 0;
    *groups = 0;
    for (size_t i = 0; i < model->overlay.capacity; i++) {
        const uint64_t *mask = model->overlay.entries[i].mask;
        bits += (uint64_t)__builtin_popcountll(mask[0]) + (uint64_t)__builtin_popcountll(mask[1]);
        *groups += (mask[0] | mask[1]) != 0;
    }
    return bits;
}
