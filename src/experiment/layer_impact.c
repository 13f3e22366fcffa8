/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiments 2 and 15: flip the whole MLP of one layer at a time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/num.h"
#include "src/experiment/published.h"

extern const struct experiment experiment_layer_impact;

static bool plan(struct lab *lab, struct err *err)
{
    struct lab_settings *settings = &lab->settings;
    lab_take_metric(lab, METRIC_SEQ_LOGPROB);
    uint32_t layers = model_shape(lab->model)->layers;
    if (settings->layer_count == 0 && layers <= LAB_LAYERS_MAX)
        for (uint32_t i = 0; i < layers; i++)
            settings->layers[settings->layer_count++] = (int32_t)i;
    return lab_take_set(&settings->probes, "calculus-train,calculus-heldout", &lab->probes, err);
}

static double cost(const struct lab *lab)
{
    return lab_gap_tokens(lab, lab->probes) * (double)(lab->settings.layer_count + 1);
}

/* ---- units ------------------------------------------------------------------------- */

static json_t *measure_layer(struct lab *lab, const void *request, struct err *err)
{
    int32_t layer = *(const int32_t *)request;
    struct flips flips = {0};
    struct shift shift = {0};
    for (int proj = PROJ_GATE; proj <= PROJ_DOWN; proj++)
        flips_add_matrix(&flips, lab->model, layer, (enum proj)proj);
    bool ok = lab_shift(lab, lab->probes, &flips, &shift, err);
    flips_free(&flips);
    return ok ? shift_json(&shift) : NULL;
}

static bool run(struct lab *lab, struct err *err)
{
    double tokens = lab_gap_tokens(lab, lab->probes);
    bool ok = lab_base(lab, lab->probes, err);
    for (size_t i = 0; ok && i < lab->settings.layer_count; i++) {
        char name[LAB_NAME_MAX];
        ok = lab_unit(lab, lab_name(name, "layer %d", (int)lab->settings.layers[i]), tokens,
                      measure_layer, &lab->settings.layers[i], err);
    }
    return ok;
}

/* ---- report ------------------------------------------------------------------------ */

/* Layers of the published model at the depth of one of ours. */
struct depth {
    int32_t first, last;
};

static struct depth depth_of(const struct lab *lab, int32_t layer)
{
    int32_t layers = (int32_t)model_shape(lab->model)->layers;
    struct depth depth = {layer * PUBLISHED_LAYERS / layers,
                          (layer + 1) * PUBLISHED_LAYERS / layers - 1};
    depth.last = depth.last < depth.first ? depth.first : depth.last;
    return depth;
}

static double mean_at(const double published[PUBLISHED_LAYERS], struct depth depth)
{
    double sum = 0;
    for (int32_t i = depth.first; i <= depth.last; i++)
        sum += published[i];
    return sum / (depth.last - depth.first + 1);
}

static double impact(const struct lab *lab, size_t index)
{
    char name[LAB_NAME_MAX];
    return lab_number(lab, lab_name(name, "layer %d", (int)lab->settings.layers[index]),
                      "mean_abs_change");
}

/* 1 for the highest; equal ones share the better rank. */
static size_t rank_of(const double *values, size_t count, size_t index)
{
    size_t rank = 1;
    for (size_t i = 0; i < count; i++)
        rank += values[i] > values[index];
    return rank;
}

static const struct column columns[] = {
    {"layer", "layer", SIDE_OURS, NULL},
    {"mean_abs_change", "mean |change|", SIDE_OURS, "%.4f"},
    {"max_abs_change", "max", SIDE_OURS, "%.3f"},
    {"sign_changes", "sign changes", SIDE_OURS, NULL},
    {"rank", "rank", SIDE_OURS, NULL},
    {"published_layers", "layers", SIDE_PUBLISHED, NULL},
    {"published_15", "mean, exp. 15", SIDE_PUBLISHED, "%.2f"},
    {"published_2", "mean, exp. 2", SIDE_PUBLISHED, "%.2f"},
};

static json_t *layer_row(const struct lab *lab, size_t index, size_t rank)
{
    char name[LAB_NAME_MAX], layers[32];
    int32_t layer = lab->settings.layers[index];
    struct depth depth = depth_of(lab, layer);
    json_t *row = json_copy((json_t *)lab_result(lab, lab_name(name, "layer %d", (int)layer)));
    (void)snprintf(layers, sizeof layers, depth.first == depth.last ? "%d" : "%d-%d",
                   (int)depth.first, (int)depth.last);
    (void)json_object_set_new(row, "layer", json_integer(layer));
    (void)json_object_set_new(row, "rank", json_integer((json_int_t)rank));
    (void)json_object_set_new(row, "published_layers", json_string(layers));
    (void)json_object_set_new(row, "published_15",
                              json_real(mean_at(published_impact_15, depth)));
    (void)json_object_set_new(row, "published_2", json_real(mean_at(published_impact_2, depth)));
    return row;
}

static void claim_penultimate(const struct lab *lab, struct account *account,
                              const double *values)
{
    size_t count = lab->settings.layer_count, at = count;
    int32_t layers = (int32_t)model_shape(lab->model)->layers;
    for (size_t i = 0; i < count; i++)
        if (lab->settings.layers[i] == layers - 2)
            at = i;
    size_t rank = at < count ? rank_of(values, count, at) : 0;
    struct claim claim = {
        .verdict = at < count && (int32_t)count == layers ? claim_if(rank == 1) : CLAIM_OPEN,
        .what = "the penultimate layer moves the gaps most",
        .rule = "like if it has rank 1 of all layers",
    };
    account_claim(account, claim, "layer 34 of 36: rank 1 (25.96 in exp. 15, 9.03 in exp. 2)",
                  "layer %d of %d: rank %zu", (int)layers - 2, (int)layers, rank);
}

/* Mean over the layers whose middle lies between two depths (0: first, 1: behind the last). */
static double mean_between(const struct lab *lab, const double *values, double from, double to)
{
    double sum = 0, layers = model_shape(lab->model)->layers;
    size_t n = 0;
    for (size_t i = 0; i < lab->settings.layer_count; i++) {
        double depth = (lab->settings.layers[i] + 0.5) / layers;
        if (depth >= from && depth < to) {
            sum += values[i];
            n++;
        }
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static void claim_early(const struct lab *lab, struct account *account, const double *values)
{
    double early = mean_between(lab, values, 0, 5.0 / PUBLISHED_LAYERS);
    double middle = mean_between(lab, values, 1.0 / 3, 2.0 / 3);
    bool known = isfinite(early) && isfinite(middle);
    struct claim claim = {
        .verdict = known ? claim_if(early > middle) : CLAIM_OPEN,
        .what = "early layers move the gaps more than the middle of the network",
        .rule = "like if the mean over the first 5/36 of the depth is above that of the middle "
                "third",
    };
    account_claim(account, claim, "8.98 against 2.72 (exp. 15), 5.76 against 1.47 (exp. 2)",
                  "%.2f against %.2f", early, middle);
}

static double rank_correlation(const double *a, const double *b, size_t count)
{
    double sum = 0, n = (double)count;
    for (size_t i = 0; i < count; i++) {
        double apart = (double)rank_of(a, count, i) - (double)rank_of(b, count, i);
        sum += apart * apart;
    }
    return 1 - 6 * sum / (n * (n * n - 1));
}

static void claim_order(const struct lab *lab, struct account *account, const double *values)
{
    size_t count = lab->settings.layer_count;
    double *published = x_new(count, sizeof *published);
    for (size_t i = 0; i < count; i++)
        published[i] = mean_at(published_impact_15, depth_of(lab, lab->settings.layers[i]));
    double rho = count > 2 ? rank_correlation(values, published, count) : (double)NAN;
    free(published);
    struct claim claim = {
        .verdict = count > 2 ? claim_if(rho >= 0.5) : CLAIM_OPEN,
        .what = "which layers matter more: the order of the published map at the same depths",
        .rule = "like if Spearman's rank correlation with exp. 15 is 0.5 or more",
    };
    account_claim(account, claim, "the map above", "rank correlation %+.2f over %zu layers", rho,
                  count);
}

static void report(const struct lab *lab, struct account *account)
{
    size_t count = lab->settings.layer_count;
    double *values = x_new(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = impact(lab, i);
    account_table(account, "layers",
                  "gap change (search signal) when gate, up and down of one layer are flipped",
                  columns, countof(columns));
    for (size_t i = 0; i < count; i++)
        account_row(account, layer_row(lab, i, rank_of(values, count, i)));
    claim_penultimate(lab, account, values);
    claim_early(lab, account, values);
    claim_order(lab, account, values);
    if (model_shape(lab->model)->layers != PUBLISHED_LAYERS)
        account_note(account, "published numbers are means over the layers at the same depth "
                              "of 36");
    free(values);
}

const struct experiment experiment_layer_impact = {
    .name = "layer-impact",
    .numbers = "2, 15",
    .title = "Whole-MLP flip per layer",
    .shows = "how far the gaps of the probes move when all of one layer's MLP is negated",
    .published = "mean |gap change| per layer of 36: 34 highest (25.96), then 2 (11.77), 1, 3, 4",
    .source = "results/experiment15_calculus_layer_map.json (90 probes, seq_logprob) and "
              "results/experiment2_results.json (8 probes, token_gap)",
    .options = LAB_PROBES | LAB_METRIC | LAB_LAYERS,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
