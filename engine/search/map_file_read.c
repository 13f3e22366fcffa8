/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The checksum first, then sections one after another.  Nothing is allocated that the
 * file's own size does not pay for.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/map_file_int.h"
#include "src/base/file.h"
#include "src/base/json_field.h"

struct reader {
    const unsigned char *bytes;
    size_t at, len; /* of the section at hand: at <= len */
    struct map_file *file;
    uint32_t seen; /* bit 1 << enum map_section */
    struct err *err;
};

/* Callers have proven that there is room. */
static uint32_t get_u32(struct reader *reader)
{
    uint32_t value = 0;
    BUG_ON(reader->len - reader->at < 4);
    for (size_t i = 0; i < 4; i++)
        value |= (uint32_t)reader->bytes[reader->at++] << 8 * i;
    return value;
}

static uint64_t get_u64(struct reader *reader)
{
    uint64_t low = get_u32(reader);
    return low | (uint64_t)get_u32(reader) << 32;
}

static double get_f64(struct reader *reader)
{
    uint64_t bits = get_u64(reader);
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float get_f32(struct reader *reader)
{
    uint32_t bits = get_u32(reader);
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool refuse(const struct reader *reader, const char *what)
{
    return err_set(reader->err, ERR_FORMAT, "at byte %zu: %s", reader->at, what);
}

/* ---- head ------------------------------------------------------------------------------- */

static bool read_word(const json_t *head, const char *key, const char **word, struct err *err)
{
    return json_field_text(head, "head", key, true, word, err);
}

static bool read_controls(struct goal *goal, const char *text, struct err *err)
{
    goal->control_metric = METRIC_SAME;
    return text[0] == '\0' || metric_parse(text, &goal->control_metric) ||
           goal_controls_parse(text, &goal->control_mix, err);
}

static bool read_goal(struct goal *goal, const json_t *json, struct err *err)
{
    const char *word = NULL, *objective = NULL, *controls = NULL;
    enum metric metric = METRIC_SEQ_LOGPROB;
    struct aims aims = {{0}};
    if (!read_word(json, "metric", &word, err) || !read_word(json, "objective", &objective, err) ||
        !read_word(json, "control_metric", &controls, err))
        return false;
    if (!metric_parse(word, &metric))
        return err_set(err, ERR_FORMAT, "head.metric: '%s' is unknown", word);
    if (!aims_parse(objective, &aims, err) || !read_controls(goal, controls, err)) {
        err->code = ERR_FORMAT;
        return false;
    }
    goal_aim(goal, &aims, metric);
    return true;
}

static bool read_words(struct map_file_head *head, const json_t *json, struct err *err)
{
    const char *model = NULL, *what = NULL, *granularity = NULL;
    if (!read_word(json, "model", &model, err) || !read_word(json, "what", &what, err) ||
        !read_word(json, "granularity", &granularity, err))
        return false;
    if (model[0] && !sha256_is_text(model))
        return err_set(err, ERR_FORMAT, "head.model: '%s' is not the SHA-256 of a file", model);
    memcpy(head->model, model, strlen(model) + 1);
    if (!flip_map_what_parse(what, &head->what))
        return err_set(err, ERR_FORMAT, "head.what: '%s' is unknown", what);
    if (!granularity_parse(granularity, &head->granularity))
        return err_set(err, ERR_FORMAT, "head.granularity: '%s' is unknown", granularity);
    return read_goal(&head->goal, json, err);
}

static bool read_numbers(struct map_file_head *head, const json_t *json, struct err *err)
{
    const json_t *penalty = json_object_get(json, "penalty");
    int64_t seed = 0, exact = 0, targets = 0, controls = 0;
    if (!json_field_int(json, "head", "seed", 0, INT64_MAX, &seed, err) ||
        !json_field_int(json, "head", "exact", 0, INT64_MAX, &exact, err) ||
        !json_field_int(json, "head", "targets", 0, INT32_MAX, &targets, err) ||
        !json_field_int(json, "head", "controls", 0, INT32_MAX, &controls, err))
        return false;
    if (!json_is_number(penalty))
        return json_refuse(penalty, "head", "penalty", "a number", err);
    head->seed = (uint64_t)seed;
    head->exact = (uint64_t)exact;
    head->targets = (size_t)targets;
    head->controls = (size_t)controls;
    head->goal.penalty = json_number_value(penalty);
    return true;
}

static bool read_head(struct reader *reader)
{
    struct map_file_head *head = &reader->file->head;
    json_t *json = json_parse((const char *)reader->bytes + reader->at, reader->len - reader->at,
                              "head", reader->err);
    bool ok = json && (json_is_object(json) || refuse(reader, "the head is not an object"));
    ok = ok && read_words(head, json, reader->err) && read_numbers(head, json, reader->err);
    json_decref(json);
    reader->at = reader->len;
    return ok;
}

/* ---- values ------------------------------------------------------------------------------- */

/* A matrix of a layer, or one that has none. */
static bool fits_proj(uint32_t layer, uint32_t proj)
{
    bool none = layer == (uint32_t)NO_LAYER;
    return proj < PROJ_COUNT && none == (proj >= PROJ_LAYER_COUNT) && (none || layer <= INT32_MAX);
}

static bool read_numbers_of(struct reader *reader, struct map_file_matrix *matrix)
{
    size_t units = (reader->len - reader->at) / sizeof(float);
    matrix->values = x_new(units, sizeof *matrix->values);
    for (size_t i = 0; i < units; i++) {
        matrix->values[i] = get_f32(reader);
        if (!isfinite(matrix->values[i]))
            return refuse(reader, "a value is not finite");
    }
    return true;
}

static bool read_values(struct reader *reader)
{
    struct map_file *file = reader->file;
    uint64_t bytes = reader->len - reader->at;
    if (bytes < MAP_VALUES_HEAD)
        return refuse(reader, "values are too short");
    uint32_t layer = get_u32(reader), proj = get_u32(reader);
    uint32_t rows = get_u32(reader), per_row = get_u32(reader);
    uint64_t units = (bytes - MAP_VALUES_HEAD) / sizeof(float);
    enum granularity granularity = file->head.granularity;
    if (!fits_proj(layer, proj))
        return refuse(reader, "there is no such matrix");
    if (granularity == GRANULARITY_BIT || (granularity == GRANULARITY_ROW && per_row != 1))
        return refuse(reader, "values of other units than the head says");
    if (rows == 0 || per_row == 0 || bytes % 4 != 0 || units % rows != 0 ||
        units / rows != per_row)
        return refuse(reader, "rows and units do not make up the values");
    file->matrices = x_grow(file->matrices, file->matrix_count + 1, sizeof *file->matrices);
    struct map_file_matrix *matrix = &file->matrices[file->matrix_count++];
    *matrix = (struct map_file_matrix){(int32_t)layer, (enum proj)proj, rows, per_row, NULL};
    return read_numbers_of(reader, matrix);
}

/* ---- statistics ------------------------------------------------------------------------------ */

static bool read_matrix(struct reader *reader, struct flip_map_matrix *matrix)
{
    uint64_t sum = 0;
    uint32_t layer = get_u32(reader), proj = get_u32(reader);
    if (!fits_proj(layer, proj))
        return refuse(reader, "there is no such matrix");
    matrix->layer = (int32_t)layer;
    matrix->proj = (enum proj)proj;
    matrix->per_row = get_u32(reader);
    if (get_u32(reader) != 0)
        return refuse(reader, "a reserved field is not 0");
    matrix->units = get_u64(reader);
    matrix->positive = get_u64(reader);
    matrix->least = get_f64(reader);
    matrix->mean = get_f64(reader);
    matrix->most = get_f64(reader);
    matrix->spearman = get_f64(reader);
    matrix->sample_first = (size_t)get_u64(reader);
    matrix->sample_count = (size_t)get_u64(reader);
    for (size_t bin = 0; bin < FLIP_MAP_BINS; bin++) {
        matrix->bins[bin] = get_u64(reader);
        if (matrix->bins[bin] > matrix->units - sum)
            return refuse(reader, "a histogram has more units than the matrix");
        sum += matrix->bins[bin];
    }
    return (sum == matrix->units && matrix->positive <= sum) ||
           refuse(reader, "a histogram has fewer units than the matrix");
}

static bool read_counts(struct reader *reader)
{
    struct flip_map *map = reader->file->map;
    size_t bytes = reader->len - reader->at;
    if (bytes < MAP_COUNTS_HEAD || (bytes - MAP_COUNTS_HEAD) % MAP_COUNTS_BYTES != 0)
        return refuse(reader, "statistics are not whole matrices");
    map->tokens = (size_t)get_u64(reader);
    map->seconds = get_f64(reader);
    map->seconds_forward = get_f64(reader);
    for (enum proj proj = 0; proj < PROJ_COUNT; proj++)
        map->by_proj[proj] = get_f64(reader);
    map->matrix_count = (bytes - MAP_COUNTS_HEAD) / MAP_COUNTS_BYTES;
    map->matrices = x_new(map->matrix_count + 1, sizeof *map->matrices);
    for (size_t i = 0; i < map->matrix_count; i++) {
        if (!read_matrix(reader, &map->matrices[i]))
            return false;
        if (map->matrices[i].units > UINT64_MAX - map->units)
            return refuse(reader, "more units than there can be");
        map->units += map->matrices[i].units;
    }
    return true;
}

/* ---- units --------------------------------------------------------------------------- */

static bool read_unit(struct reader *reader, struct flip_map_unit *unit)
{
    uint32_t layer = get_u32(reader), proj = get_u32(reader);
    struct flip *flip = &unit->flip;
    if (!fits_proj(layer, proj))
        return refuse(reader, "there is no such matrix");
    *flip = (struct flip){.layer = (int32_t)layer, .proj = (enum proj)proj};
    flip->row = get_u32(reader);
    uint32_t group = get_u32(reader);
    flip->mask[0] = get_u64(reader);
    flip->mask[1] = get_u64(reader);
    unit->value = get_f64(reader);
    unit->measured = get_f64(reader);
    bool whole = group == (uint32_t)FLIP_WHOLE_ROW, some = flip->mask[0] || flip->mask[1];
    if (whole == some || (!whole && group > INT32_MAX))
        return refuse(reader, "a group without a mask, or a row with one");
    flip->group = whole ? FLIP_WHOLE_ROW : (int32_t)group;
    return isfinite(unit->value) || refuse(reader, "a value is not finite");
}

static bool read_units(struct reader *reader, struct flip_map_unit **units, size_t *count)
{
    size_t bytes = reader->len - reader->at;
    if (bytes % MAP_UNIT_BYTES != 0)
        return refuse(reader, "not a whole number of units");
    *count = bytes / MAP_UNIT_BYTES;
    *units = x_new(*count + 1, sizeof **units);
    for (size_t i = 0; i < *count; i++)
        if (!read_unit(reader, &(*units)[i]))
            return false;
    return true;
}

static bool samples_fit(struct reader *reader)
{
    const struct flip_map *map = reader->file->map;
    for (size_t i = 0; i < map->matrix_count; i++) {
        const struct flip_map_matrix *matrix = &map->matrices[i];
        if (matrix->sample_first > map->sample_count ||
            matrix->sample_count > map->sample_count - matrix->sample_first)
            return refuse(reader, "a matrix has samples that are not there");
    }
    return true;
}

/* ---- sections ------------------------------------------------------------------------ */

static bool read_section(struct reader *reader, uint32_t section)
{
    struct flip_map *map = reader->file->map;
    bool again = section < 32 && (reader->seen >> section & 1) && section != MAP_VALUES;
    if (again)
        return refuse(reader, "a section comes twice");
    if (section != MAP_HEAD && !(reader->seen >> MAP_HEAD & 1))
        return refuse(reader, "the head does not come first");
    reader->seen |= section < 32 ? 1u << section : 0;
    switch (section) {
    case MAP_HEAD: return read_head(reader);
    case MAP_VALUES: return read_values(reader);
    case MAP_COUNTS: return read_counts(reader);
    case MAP_BEST: return read_units(reader, &map->top, &map->top_count);
    case MAP_SAMPLES: return read_units(reader, &map->samples, &map->sample_count);
    default: return refuse(reader, "an unknown section");
    }
}

static bool read_sections(struct reader *reader, size_t end)
{
    while (reader->at < end) {
        if (end - reader->at < MAP_SECTION_HEAD)
            return refuse(reader, "a section is cut off");
        reader->len = reader->at + MAP_SECTION_HEAD;
        uint32_t section = get_u32(reader), zero = get_u32(reader);
        uint64_t bytes = get_u64(reader);
        if (zero != 0 || bytes > end - reader->at)
            return refuse(reader, "a section is longer than the file");
        reader->len = reader->at + (size_t)bytes;
        if (!read_section(reader, section))
            return false;
    }
    uint32_t all = 1u << MAP_HEAD | 1u << MAP_COUNTS | 1u << MAP_BEST | 1u << MAP_SAMPLES;
    return ((reader->seen & all) == all || refuse(reader, "a section is missing")) &&
           samples_fit(reader);
}

/* Magic, version, and the end with its checksum. */
static bool check_frame(struct reader *reader, size_t len)
{
    char sha256[SHA256_TEXT_SIZE];
    if (len < MAP_PREAMBLE + MAP_END_BYTES ||
        memcmp(reader->bytes, map_file_magic, sizeof map_file_magic) != 0)
        return refuse(reader, "not a map: it does not begin or end like one");
    reader->at = sizeof map_file_magic;
    reader->len = len;
    uint32_t version = get_u32(reader), order = get_u32(reader);
    if (version != MAP_FILE_VERSION)
        return err_set(reader->err, ERR_FORMAT, "a map of version %" PRIu32 ", expected %d",
                       version, MAP_FILE_VERSION);
    if (order != MAP_BYTE_ORDER)
        return refuse(reader, "numbers are not little-endian");
    reader->at = len - MAP_END_BYTES;
    if (get_u32(reader) != MAP_END || get_u32(reader) != 0 ||
        get_u64(reader) != SHA256_TEXT_SIZE - 1)
        return refuse(reader, "the end is missing: cut off?");
    if (!sha256_text(reader->bytes, len - MAP_END_BYTES, sha256, reader->err))
        return false;
    if (memcmp(sha256, reader->bytes + reader->at, SHA256_TEXT_SIZE - 1) != 0)
        return refuse(reader, "the checksum is wrong: the file is damaged");
    reader->at = MAP_PREAMBLE;
    return true;
}

struct map_file *map_file_parse(const void *bytes, size_t len, const char *name, struct err *err)
{
    struct reader reader = {.bytes = bytes, .err = err};
    reader.file = x_new(1, sizeof *reader.file);
    reader.file->map = x_new(1, sizeof *reader.file->map);
    if (check_frame(&reader, len) && read_sections(&reader, len - MAP_END_BYTES))
        return reader.file;
    (void)err_file(err, name);
    map_file_free(reader.file);
    return NULL;
}

struct map_file *map_file_read(const char *path, struct err *err)
{
    struct buf bytes = {0};
    struct map_file *file = NULL;
    if (file_read(path, (size_t)1 << 32, &bytes, err))
        file = map_file_parse(bytes.data, bytes.len, path, err);
    buf_free(&bytes);
    return file;
}

void map_file_free(struct map_file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->matrix_count; i++)
        free(file->matrices[i].values);
    free(file->matrices);
    flip_map_free(file->map);
    free(file);
}

/* ---- the best ------------------------------------------------------------------------ */

static void offer_matrix(struct best *best, const struct map_file *file,
                         const struct map_file_matrix *matrix)
{
    struct predicted predicted = {.layer = matrix->layer, .proj = matrix->proj,
                                  .granularity = file->head.granularity, .rows = matrix->rows,
                                  .per_row = matrix->per_row, .count = matrix->rows};
    for (uint64_t i = 0; i < (uint64_t)matrix->rows * matrix->per_row; i++)
        if (best_wants(best, (double)matrix->values[i]))
            best_offer(best, &(struct promise){predicted_flip(&predicted, i),
                                               (double)matrix->values[i]});
}

/* What was measured of it is in the old list, if anywhere. */
static struct flip_map_unit unit_of(const struct flip_map *map, const struct promise *promise)
{
    for (size_t i = 0; i < map->top_count; i++)
        if (flip_equal(&map->top[i].flip, &promise->flip))
            return map->top[i];
    return (struct flip_map_unit){promise->flip, promise->change, (double)NAN};
}

void map_file_rank(struct map_file *file, size_t count)
{
    struct flip_map *map = file->map;
    struct best best;
    if (count <= map->top_count || file->matrix_count == 0) {
        map->top_count = count < map->top_count ? count : map->top_count;
        return;
    }
    best_init(&best, count);
    for (size_t i = 0; i < file->matrix_count; i++)
        offer_matrix(&best, file, &file->matrices[i]);
    best_sort(&best);
    struct flip_map_unit *top = x_new(best.count + 1, sizeof *top);
    for (size_t i = 0; i < best.count; i++)
        top[i] = unit_of(map, &best.heap[i]);
    free(map->top);
    map->top = top;
    map->top_count = best.count;
    best_free(&best);
}
