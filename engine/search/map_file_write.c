/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Little-endian whatever the machine is: numbers are put together byte by byte.
 */
#include <math.h>
#include <string.h>

#include "engine/search/map_file_int.h"
#include "src/base/json.h"

static void put_u32(struct buf *out, uint32_t value)
{
    unsigned char bytes[4];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    buf_add(out, bytes, sizeof bytes);
}

static void put_u64(struct buf *out, uint64_t value)
{
    put_u32(out, (uint32_t)value);
    put_u32(out, (uint32_t)(value >> 32));
}

static void put_f32(struct buf *out, float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_u32(out, bits);
}

static void put_f64(struct buf *out, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_u64(out, bits);
}

static void put_section(struct buf *out, enum map_section section, uint64_t bytes)
{
    put_u32(out, section);
    put_u32(out, 0);
    put_u64(out, bytes);
}

/* ---- head ------------------------------------------------------------------------------- */

void map_file_head(struct buf *out, const struct map_file_head *head)
{
    struct buf text = {0}, objective = {0}, controls = {0};
    goal_text(&head->goal, &objective);
    goal_controls_text(&head->goal, &controls);
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:s%, s:s%, s:f, s:I, s:I, s:I, s:I}", "model", head->model, "what",
        flip_map_what_name(head->what), "granularity", granularity_name(head->granularity),
        "metric", metric_name(head->goal.metric), "objective", objective.data, objective.len,
        "control_metric", controls.len > 0 ? controls.data : "", controls.len, "penalty",
        head->goal.penalty, "seed", (json_int_t)head->seed, "exact", (json_int_t)head->exact,
        "targets", (json_int_t)head->targets, "controls", (json_int_t)head->controls);
    buf_free(&objective);
    buf_free(&controls);
    json_print(&text, object, false);
    while (text.len % 4 != 0)
        buf_add_text(&text, " ");
    buf_add(out, map_file_magic, sizeof map_file_magic);
    put_u32(out, MAP_FILE_VERSION);
    put_u32(out, MAP_BYTE_ORDER);
    put_section(out, MAP_HEAD, text.len);
    buf_add(out, text.data, text.len);
    buf_free(&text);
    json_decref(object);
}

/* ---- values ------------------------------------------------------------------------------- */

void map_file_values(struct buf *out, const struct predicted *values, enum flip_map_what what)
{
    uint64_t units = (uint64_t)values->rows * values->per_row;
    if (values->granularity == GRANULARITY_BIT)
        return;
    put_section(out, MAP_VALUES, MAP_VALUES_HEAD + units * sizeof(float));
    put_u32(out, (uint32_t)values->layer);
    put_u32(out, values->proj);
    put_u32(out, values->rows);
    put_u32(out, values->per_row);
    for (uint64_t i = 0; i < units; i++) {
        double value = values->change[i];
        put_f32(out, (float)(what == FLIP_MAP_IMPACT ? fabs(value) : value));
    }
}

/* ---- tail ---------------------------------------------------------------------------------- */

static void put_counts(struct buf *out, const struct flip_map *map)
{
    put_section(out, MAP_COUNTS, MAP_COUNTS_HEAD + map->matrix_count * MAP_COUNTS_BYTES);
    put_u64(out, map->tokens);
    put_f64(out, map->seconds);
    put_f64(out, map->seconds_forward);
    for (enum proj proj = 0; proj < PROJ_COUNT; proj++)
        put_f64(out, map->by_proj[proj]);
    for (size_t m = 0; m < map->matrix_count; m++) {
        const struct flip_map_matrix *matrix = &map->matrices[m];
        put_u32(out, (uint32_t)matrix->layer);
        put_u32(out, matrix->proj);
        put_u32(out, matrix->per_row);
        put_u32(out, 0);
        put_u64(out, matrix->units);
        put_u64(out, matrix->positive);
        put_f64(out, matrix->least);
        put_f64(out, matrix->mean);
        put_f64(out, matrix->most);
        put_f64(out, matrix->spearman);
        put_u64(out, matrix->sample_first);
        put_u64(out, matrix->sample_count);
        for (size_t bin = 0; bin < FLIP_MAP_BINS; bin++)
            put_u64(out, matrix->bins[bin]);
    }
}

static void put_units(struct buf *out, enum map_section section, const struct flip_map_unit *units,
                      size_t count)
{
    put_section(out, section, (uint64_t)count * MAP_UNIT_BYTES);
    for (size_t i = 0; i < count; i++) {
        put_u32(out, (uint32_t)units[i].flip.layer);
        put_u32(out, units[i].flip.proj);
        put_u32(out, units[i].flip.row);
        put_u32(out, (uint32_t)units[i].flip.group);
        put_u64(out, units[i].flip.mask[0]);
        put_u64(out, units[i].flip.mask[1]);
        put_f64(out, units[i].value);
        put_f64(out, units[i].measured);
    }
}

void map_file_tail(struct buf *out, const struct flip_map *map)
{
    put_counts(out, map);
    put_units(out, MAP_BEST, map->top, map->top_count);
    put_units(out, MAP_SAMPLES, map->samples, map->sample_count);
}

void map_file_end(struct buf *out, const char sha256[SHA256_TEXT_SIZE])
{
    put_section(out, MAP_END, SHA256_TEXT_SIZE - 1);
    buf_add(out, sha256, SHA256_TEXT_SIZE - 1);
}
