/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiment 2: rows with high scales against random rows of the same gate matrix.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "probes/statistics.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/experiment/published.h"

extern const struct experiment experiment_scale_guided;

enum { PUBLISHED_SIZE = 64 };
static const uint64_t published_sizes[] = {1, 4, 16, 64, 256, 1024};

/* ---- planning ---------------------------------------------------------------------- */

static uint64_t rows_of(const struct lab *lab)
{
    return model_shape(lab->model)->ffn;
}

/* So many rows are the same share of ours as of the published matrix. */
static uint64_t scaled(const struct lab *lab, uint64_t size)
{
    uint64_t rows = (size * rows_of(lab) + PUBLISHED_ROWS / 2) / PUBLISHED_ROWS;
    return rows > 0 ? rows : 1;
}

static int compare_sizes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The published numbers of rows, and those of the same shares: as many as there are. */
static void take_sizes(struct lab *lab)
{
    struct lab_settings *settings = &lab->settings;
    uint64_t sizes[2 * countof(published_sizes)];
    size_t count = 0;
    if (settings->size_count > 0)
        return;
    for (size_t i = 0; i < countof(published_sizes); i++) {
        sizes[count++] = scaled(lab, published_sizes[i]);
        sizes[count++] = published_sizes[i];
    }
    qsort(sizes, count, sizeof *sizes, compare_sizes);
    for (size_t i = 0; i < count; i++)
        if (sizes[i] <= rows_of(lab) && (i == 0 || sizes[i] != sizes[i - 1]))
            settings->sizes[settings->size_count++] = sizes[i];
}

/* Published was the layer of highest impact, the penultimate; small models can do all. */
static void take_layers(struct lab *lab)
{
    struct lab_settings *settings = &lab->settings;
    uint32_t layers = model_shape(lab->model)->layers;
    if (settings->layer_count > 0 || layers > LAB_LAYERS_MAX)
        return;
    for (uint32_t i = 0; i < layers; i++)
        if (!lab->full_size || i + 2 == layers)
            settings->layers[settings->layer_count++] = (int32_t)i;
}

static bool plan(struct lab *lab, struct err *err)
{
    const struct lab_settings *settings = &lab->settings;
    lab_take_metric(lab, METRIC_SEQ_LOGPROB);
    lab_take_seed(lab);
    lab_take_repeats(lab, 20, 5);
    take_layers(lab);
    take_sizes(lab);
    if (settings->sizes[settings->size_count - 1] > rows_of(lab))
        return err_set(err, ERR_RANGE, "%" PRIu64 " rows are more than the %" PRIu64
                       " of gate_proj", settings->sizes[settings->size_count - 1], rows_of(lab));
    return lab_take_set(&lab->settings.probes, "calculus-train,calculus-heldout", &lab->probes,
                        err);
}

static double cost(const struct lab *lab)
{
    const struct lab_settings *settings = &lab->settings;
    double runs = (double)(settings->layer_count * settings->size_count) *
                  (double)(settings->repeats + 1);
    return lab_gap_tokens(lab, lab->probes) * (1 + runs / 2); /* from its layer on */
}

/* ---- rows -------------------------------------------------------------------------- */

struct ranked {
    uint64_t scale;
    uint32_t row;
};

/* Highest scale first, of equal ones the first row. */
static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->scale != y->scale)
        return x->scale < y->scale ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static struct ranked *rank_rows(const struct lab *lab, int32_t layer)
{
    size_t count = rows_of(lab);
    struct ranked *rows = x_new(count, sizeof *rows);
    for (uint32_t row = 0; row < count; row++)
        rows[row] = (struct ranked){model_row_scale_sum(lab->model, layer, PROJ_GATE, row), row};
    qsort(rows, count, sizeof *rows, compare_ranked);
    return rows;
}

/* Bring `size` random ones to the front. */
static void shuffle(struct ranked *rows, size_t count, uint64_t size, struct rng *rng)
{
    for (size_t i = 0; i < size; i++) {
        size_t other = i + rng_below(rng, count - i);
        struct ranked swapped = rows[i];
        rows[i] = rows[other];
        rows[other] = swapped;
    }
}

/* ---- units ------------------------------------------------------------------------- */

struct request {
    int32_t layer;
    uint64_t size;
};

/* Mean |change| with the first `size` of these rows flipped. */
static bool measure_flipped(struct lab *lab, const struct request *request,
                               const struct ranked *rows, double *mean, struct err *err)
{
    struct flips flips = {0};
    struct shift shift = {0};
    for (uint64_t i = 0; i < request->size; i++)
        flips_add(&flips, (struct flip){request->layer, PROJ_GATE, rows[i].row, FLIP_WHOLE_ROW,
                                        {0, 0}});
    bool ok = lab_shift(lab, lab->probes, &flips, &shift, err);
    *mean = shift.mean;
    flips_free(&flips);
    return ok;
}

static json_t *measure_size(struct lab *lab, const void *user, struct err *err)
{
    const struct request *request = user;
    struct ranked *rows = rank_rows(lab, request->layer);
    json_t *high_rows = json_array(), *random = json_array();
    double high = 0, mean = 0;
    bool ok = measure_flipped(lab, request, rows, &high, err);
    for (uint64_t i = 0; i < request->size; i++)
        (void)json_array_append_new(high_rows, json_integer(rows[i].row));
    struct rng rng;
    rng_seed(&rng, rng_mix(lab->settings.seed) ^ rng_mix((uint64_t)request->layer << 32 |
                                                         request->size));
    for (uint64_t i = 0; ok && i < lab->settings.repeats; i++) {
        shuffle(rows, rows_of(lab), request->size, &rng);
        ok = measure_flipped(lab, request, rows, &mean, err);
        (void)json_array_append_new(random, lab_real(mean));
    }
    free(rows);
    json_t *result = json_pack("{s:o, s:o, s:o}", "high", lab_real(high), "high_rows", high_rows,
                               "random", random);
    if (ok)
        return result;
    json_decref(result);
    return NULL;
}

static const char *unit_name(char name[LAB_NAME_MAX], int32_t layer, uint64_t size)
{
    return lab_name(name, "layer %d, %" PRIu64 " rows", (int)layer, size);
}

static bool run(struct lab *lab, struct err *err)
{
    const struct lab_settings *settings = &lab->settings;
    double tokens = lab_gap_tokens(lab, lab->probes);
    bool ok = lab_base(lab, lab->probes, err);
    for (size_t i = 0; i < settings->layer_count; i++)
        for (size_t j = 0; ok && j < settings->size_count; j++) {
            char name[LAB_NAME_MAX];
            const struct request request = {settings->layers[i], settings->sizes[j]};
            ok = lab_unit(lab, unit_name(name, request.layer, request.size),
                          tokens * (double)(settings->repeats + 1) / 2, measure_size, &request,
                          err);
        }
    return ok;
}

/* ---- report ------------------------------------------------------------------------ */

static const struct column columns[] = {
    {"layer", "layer", SIDE_NONE, NULL},
    {"rows", "rows", SIDE_NONE, NULL},
    {"share", "of the matrix", SIDE_NONE, "%.2f %%"},
    {"high", "high-scale", SIDE_OURS, "%.4f"},
    {"random", "random, mean", SIDE_OURS, "%.4f"},
    {"random_sd", "sd", SIDE_OURS, "%.4f"},
    {"ratio", "ratio", SIDE_OURS, "%.2f"},
    {"p", "p", SIDE_OURS, "%.3f"},
    {"published_high", "high-scale", SIDE_PUBLISHED, "%.3f"},
    {"published_random", "random", SIDE_PUBLISHED, "%.3f"},
    {"published_ratio", "ratio", SIDE_PUBLISHED, "%.2f"},
};

struct outcome {
    double high;
    struct spread random;
    struct standing standing;
    double ratio;
};

static struct outcome outcome_of(const struct lab *lab, int32_t layer, uint64_t size)
{
    char name[LAB_NAME_MAX];
    size_t count = lab->settings.repeats;
    double *random = x_new(count, sizeof *random);
    const json_t *result = lab_result(lab, unit_name(name, layer, size));
    (void)gaps_read(json_object_get(result, "random"), random, count);
    struct outcome outcome = {.high = lab_number(lab, name, "high")};
    outcome.random = statistics_spread(random, count);
    outcome.standing = statistics_standing(outcome.high, random, count);
    outcome.ratio = outcome.high / outcome.random.mean;
    free(random);
    return outcome;
}

static json_t *size_row(const struct lab *lab, int32_t layer, uint64_t size)
{
    struct outcome outcome = outcome_of(lab, layer, size);
    char name[LAB_NAME_MAX];
    json_t *row = json_copy((json_t *)lab_result(lab, unit_name(name, layer, size)));
    (void)json_object_set_new(row, "draws", json_incref(json_object_get(row, "random")));
    (void)json_object_set_new(row, "layer", json_integer(layer));
    (void)json_object_set_new(row, "rows", json_integer((json_int_t)size));
    (void)json_object_set_new(row, "share", json_real(100.0 * (double)size / (double)rows_of(lab)));
    (void)json_object_set_new(row, "random", lab_real(outcome.random.mean));
    (void)json_object_set_new(row, "random_sd", lab_real(outcome.random.sd));
    (void)json_object_set_new(row, "ratio", lab_real(outcome.ratio));
    (void)json_object_set_new(row, "p", lab_real(outcome.standing.p));
    bool penultimate = (uint32_t)layer + 2 == model_shape(lab->model)->layers;
    if (penultimate && size == scaled(lab, PUBLISHED_SIZE)) {
        (void)json_object_set_new(row, "published_high", json_real(0.459));
        (void)json_object_set_new(row, "published_random", json_real(0.118));
        (void)json_object_set_new(row, "published_ratio", json_real(3.88));
    }
    return row;
}

/* The size whose share is the published one's, or the nearest that was measured. */
static uint64_t compared_size(const struct lab *lab)
{
    const struct lab_settings *settings = &lab->settings;
    uint64_t wanted = scaled(lab, PUBLISHED_SIZE), best = settings->sizes[0];
    for (size_t i = 0; i < settings->size_count; i++)
        if (settings->sizes[i] <= wanted)
            best = settings->sizes[i];
    return best;
}

static void claim_all(const struct lab *lab, struct account *account)
{
    const struct lab_settings *settings = &lab->settings;
    uint64_t size = compared_size(lab);
    double high = 0, random = 0;
    size_t above = 0;
    for (size_t i = 0; i < settings->layer_count; i++) {
        struct outcome outcome = outcome_of(lab, settings->layers[i], size);
        high += outcome.high;
        random += outcome.random.mean;
        above += outcome.high > outcome.random.mean;
    }
    bool same = size == scaled(lab, PUBLISHED_SIZE);
    double ratio = high / random;
    struct claim more = {
        .verdict = same ? claim_if(2 * above > settings->layer_count) : CLAIM_OPEN,
        .what = "high-scale rows move the gaps more than random rows",
        .rule = "like if they do, at the published share of 64/12288 rows, in more than half of "
                "the layers measured",
    };
    struct claim factor = {
        .verdict = same ? claim_if(ratio >= 3.88 / 1.5 && ratio <= 3.88 * 1.5) : CLAIM_OPEN,
        .what = "by a factor of 3.88",
        .rule = "like if the ratio of the means over the layers is within 3.88 / 1.5 .. 3.88 * 1.5",
    };
    account_claim(account, more, "0.459 against 0.118 (64 rows of 12288 in layer 34)",
                  "in %zu of %zu layers (%" PRIu64 " rows of %" PRIu64 ")", above,
                  settings->layer_count, size, rows_of(lab));
    account_claim(account, factor, "3.88", "%.2f", ratio);
}

static void report(const struct lab *lab, struct account *account)
{
    const struct lab_settings *settings = &lab->settings;
    account_table(account, "rows", "mean |gap change| (search signal) when rows of gate_proj are "
                                   "flipped", columns, countof(columns));
    for (size_t i = 0; i < settings->layer_count; i++)
        for (size_t j = 0; j < settings->size_count; j++)
            account_row(account, size_row(lab, settings->layers[i], settings->sizes[j]));
    claim_all(lab, account);
    account_note(account, "p: how often %" PRIu64 " random draws moved the gaps as far as the "
                          "high-scale rows; (1 + as far) / (draws + 1)", settings->repeats);
    account_note(account, "the published matrix has 12288 rows: 64 are 0.52 %%, here %" PRIu64
                          " of %" PRIu64, scaled(lab, PUBLISHED_SIZE), rows_of(lab));
}

const struct experiment experiment_scale_guided = {
    .name = "scale-guided",
    .numbers = "2",
    .title = "High-scale rows against random rows",
    .shows = "whether the scales tell which rows move the gaps",
    .published = "64 rows of layer 34: 0.459 against 0.118 mean |gap change|, 3.88 times",
    .source = "README, experiment 2 (8 probes, token_gap; one random draw)",
    .options = LAB_PROBES | LAB_METRIC | LAB_LAYERS | LAB_SIZES | LAB_REPEATS | LAB_SEED,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
