/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bit-flip sensitivity: rank rows by how far a flip moves the loss, |L(w xor 1) - L(w)|,
 * and spend a budget of flips on the most sensitive ones that lower it.
 *
 * Exact: every row is measured with its flip on, not predicted.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/experiment/hunts.h"
#include "src/experiment/loss.h"

extern const struct experiment experiment_bfs;

enum { ROWS_FULL = 256 }; /* ranked of each matrix of a full-size model */

/* ---- planning ---------------------------------------------------------------------- */

static uint64_t rows_per_matrix(const struct lab *lab)
{
    uint64_t rows = model_shape(lab->model)->ffn;
    return lab->settings.iterations < rows ? lab->settings.iterations : rows;
}

/* Rows of a unit: of a big model a row takes seconds. */
static size_t block_rows(const struct lab *lab)
{
    enum { BLOCK = 256, BLOCK_FULL = 16 };
    return lab->full_size ? BLOCK_FULL : BLOCK;
}

static size_t candidate_count(const struct lab *lab)
{
    return 2 * lab->settings.layer_count * rows_per_matrix(lab); /* gate and up */
}

static bool plan(struct lab *lab, struct err *err)
{
    static const uint64_t budgets[] = {4, 16, 64, 256};
    struct lab_settings *settings = &lab->settings;
    lab_take_layers(lab);
    lab_take_iterations(lab, model_shape(lab->model)->ffn, ROWS_FULL);
    for (size_t i = 0; settings->size_count == 0 && i < countof(budgets); i++)
        settings->sizes[i] = budgets[i];
    settings->size_count = settings->size_count ? settings->size_count : countof(budgets);
    return lab_take_search_sets(lab, "calculus-train", "math,code,knowledge",
                                lab->full_size ? "calculus-heldout"
                                               : "calculus-heldout,nano-heldout", err);
}

static double row_tokens(const struct lab *lab)
{
    return lab_gap_tokens(lab, lab->targets) / 3; /* one answer, from its own layer on */
}

static double cost(const struct lab *lab)
{
    return row_tokens(lab) * (double)candidate_count(lab) +
           (double)(lab->settings.size_count + 1) * lab_answer_tokens(lab, lab->all);
}

/* ---- ranking ----------------------------------------------------------------------- */

struct ranked {
    struct flip flip;
    double change; /* of the loss */
    uint64_t scale;
};

static int compare_scales(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->scale != y->scale)
        return x->scale < y->scale ? 1 : -1;
    return (x->flip.row > y->flip.row) - (x->flip.row < y->flip.row);
}

/* The rows of one matrix that are measured, highest scale first. */
static struct ranked *rows_of(const struct lab *lab, int32_t layer, enum proj proj)
{
    uint32_t rows = model_shape(lab->model)->ffn;
    struct ranked *ranked = x_new(rows, sizeof *ranked);
    for (uint32_t row = 0; row < rows; row++) {
        ranked[row].flip = (struct flip){layer, proj, row, FLIP_WHOLE_ROW, {0, 0}};
        ranked[row].scale = model_row_scale_sum(lab->model, layer, proj, row);
    }
    qsort(ranked, rows, sizeof *ranked, compare_scales);
    return ranked;
}

struct request {
    struct loss *loss;
    int32_t layer;
    enum proj proj;
    size_t first, count;
    const char *unit;
};

static json_t *base_work(struct lab *lab, const void *user, struct err *err)
{
    const struct request *request = user;
    double value = 0;
    return loss_run(request->loss, &value, lab->cancel, err) ? json_pack("{s:f}", "loss", value)
                                                             : NULL;
}

static bool measure_block(struct lab *lab, const struct request *request,
                          const struct ranked *rows, double *losses, struct err *err)
{
    size_t at_once = loss_at_once(request->loss);
    struct flip *flips = x_new(request->count, sizeof *flips);
    bool ok = true;
    for (size_t i = 0; i < request->count; i++)
        flips[i] = rows[request->first + i].flip;
    for (size_t i = 0; ok && i < request->count; i += at_once) {
        size_t n = request->count - i < at_once ? request->count - i : at_once;
        ok = loss_try(request->loss, flips + i, n, losses + i, lab->cancel, err);
        lab_progress(lab, request->unit, row_tokens(lab) * (double)n);
    }
    free(flips);
    return ok;
}

static json_t *rows_work(struct lab *lab, const void *user, struct err *err)
{
    const struct request *request = user;
    struct ranked *rows = rows_of(lab, request->layer, request->proj);
    double *losses = x_new(request->count, sizeof *losses);
    bool ok = measure_block(lab, request, rows, losses, err);
    json_t *result = ok ? json_pack("{s:o}", "losses", gaps_json(losses, request->count)) : NULL;
    free(losses);
    free(rows);
    return result;
}

static const char *block_unit(char name[LAB_NAME_MAX], int32_t layer, enum proj proj,
                              size_t first)
{
    return lab_name(name, "layer %d %s, rows from rank %zu", (int)layer, proj_name(proj),
                    first + 1);
}

static bool rank_matrix(struct lab *lab, struct loss *loss, int32_t layer, enum proj proj,
                        struct err *err)
{
    size_t rows = rows_per_matrix(lab), block = block_rows(lab);
    bool ok = true;
    for (size_t first = 0; ok && first < rows; first += block) {
        char name[LAB_NAME_MAX];
        size_t count = rows - first < block ? rows - first : block;
        const struct request request = {loss, layer, proj, first, count, name};
        (void)block_unit(name, layer, proj, first);
        ok = lab_unit(lab, name, row_tokens(lab) * (double)count, rows_work, &request, err);
    }
    return ok;
}

/* ---- the budget -------------------------------------------------------------------- */

static int compare_changes(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    double p = fabs(x->change), q = fabs(y->change);
    if (p != q)
        return p < q ? 1 : -1;
    if (x->flip.layer != y->flip.layer)
        return x->flip.layer < y->flip.layer ? -1 : 1;
    if (x->flip.proj != y->flip.proj)
        return x->flip.proj < y->flip.proj ? -1 : 1;
    return (x->flip.row > y->flip.row) - (x->flip.row < y->flip.row);
}

static size_t take_matrix(const struct lab *lab, int32_t layer, enum proj proj,
                          struct ranked *out)
{
    size_t count = rows_per_matrix(lab), block = block_rows(lab);
    double base = lab_number(lab, "base loss", "loss");
    struct ranked *rows = rows_of(lab, layer, proj);
    for (size_t i = 0; i < count; i++) {
        char name[LAB_NAME_MAX];
        const json_t *losses = json_object_get(
            lab_result(lab, block_unit(name, layer, proj, i / block * block)), "losses");
        const json_t *value = json_array_get(losses, i % block);
        out[i] = rows[i];
        out[i].change = json_is_number(value) ? json_number_value(value) - base : 0;
    }
    free(rows);
    return count;
}

/* All measured rows, the most sensitive first; of equal ones the first of the model. */
static struct ranked *rank_all(const struct lab *lab)
{
    struct ranked *all = x_new(candidate_count(lab), sizeof *all);
    size_t count = 0;
    for (size_t i = 0; i < lab->settings.layer_count; i++)
        for (int proj = PROJ_GATE; proj <= PROJ_UP; proj++)
            count += take_matrix(lab, lab->settings.layers[i], (enum proj)proj, all + count);
    qsort(all, count, sizeof *all, compare_changes);
    return all;
}

/* From the top, those that lower the loss, until the budget is spent. */
static struct flips spend(const struct lab *lab, const struct ranked *all, uint64_t budget,
                          double *predicted)
{
    struct flips flips = {0};
    *predicted = 0;
    for (size_t i = 0; i < candidate_count(lab) && flips.count < budget; i++)
        if (all[i].change < 0) {
            flips_add(&flips, all[i].flip);
            *predicted += all[i].change;
        }
    return flips;
}

struct spending {
    struct loss *loss;
    const struct flips *flips;
    double predicted;
};

static json_t *budget_work(struct lab *lab, const void *user, struct err *err)
{
    const struct spending *spending = user;
    double value = 0;
    flips_toggle(spending->flips, lab->model);
    bool ok = loss_run(spending->loss, &value, lab->cancel, err);
    flips_toggle(spending->flips, lab->model);
    return ok ? json_pack("{s:f, s:f, s:o, s:I}", "loss", value, "predicted_change",
                          spending->predicted, "flips", flips_json(spending->flips), "bits",
                          (json_int_t)flips_bits(spending->flips, lab->model))
              : NULL;
}

static const char *budget_unit(char name[LAB_NAME_MAX], uint64_t budget)
{
    return lab_name(name, "budget %" PRIu64, budget);
}

static bool run_budgets(struct lab *lab, struct loss *loss, struct err *err)
{
    struct ranked *all = rank_all(lab);
    bool ok = true;
    for (size_t i = 0; ok && i < lab->settings.size_count; i++) {
        char name[LAB_NAME_MAX];
        struct spending spending = {.loss = loss};
        struct flips flips = spend(lab, all, lab->settings.sizes[i], &spending.predicted);
        spending.flips = &flips;
        (void)budget_unit(name, lab->settings.sizes[i]);
        ok = lab_unit(lab, name, row_tokens(lab), budget_work, &spending, err) &&
             lab_answer_all(lab, name, &flips, err);
        flips_free(&flips);
    }
    free(all);
    return ok;
}

static bool run(struct lab *lab, struct err *err)
{
    struct loss *loss = loss_new(lab->model, lab->targets, lab->settings.threads, err);
    const struct request request = {.loss = loss};
    bool ok = loss && hunts_base(lab, err) &&
              lab_unit(lab, "base loss", row_tokens(lab), base_work, &request, err);
    for (size_t i = 0; i < lab->settings.layer_count; i++)
        for (int proj = PROJ_GATE; ok && proj <= PROJ_UP; proj++)
            ok = rank_matrix(lab, loss, lab->settings.layers[i], (enum proj)proj, err);
    ok = ok && run_budgets(lab, loss, err);
    loss_free(loss);
    return ok;
}

/* ---- report ------------------------------------------------------------------------ */

static const struct column budget_columns[] = {
    {"budget", "budget", SIDE_NONE, NULL},
    {"flips", "rows taken", SIDE_NONE, NULL},
    {"percent", "of MLP bits", SIDE_NONE, "%.4f %%"},
    {"predicted_change", "loss: sum of single changes", SIDE_NONE, "%+.4f"},
    {"change", "measured", SIDE_NONE, "%+.4f"},
    {"n", "held-out", SIDE_NONE, NULL},
    {"right_base", "before", SIDE_NONE, NULL},
    {"right_now", "after", SIDE_NONE, NULL},
    {"fixed", "fixed", SIDE_NONE, NULL},
    {"broke", "broke", SIDE_NONE, NULL},
    {"p", "McNemar p", SIDE_NONE, "%.4f"},
    {"controls_broke", "controls broke", SIDE_NONE, NULL},
};

static json_t *budget_row(const struct lab *lab, uint64_t budget)
{
    char name[LAB_NAME_MAX];
    const json_t *result = lab_result(lab, budget_unit(name, budget));
    struct paired paired = hunts_heldout(lab, name), controls = hunts_controls(lab, name);
    const struct model_shape *shape = model_shape(lab->model);
    double mlp = 3.0 * shape->layers * shape->width * shape->ffn;
    json_t *row = paired_json(name, &paired);
    (void)json_object_set_new(row, "budget", json_integer((json_int_t)budget));
    (void)json_object_set_new(
        row, "flips",
        json_integer((json_int_t)json_array_size(json_object_get(result, "flips"))));
    (void)json_object_set_new(row, "percent", lab_real(100 * lab_number(lab, name, "bits") / mlp));
    (void)json_object_set_new(row, "predicted_change",
                              lab_real(lab_number(lab, name, "predicted_change")));
    (void)json_object_set_new(
        row, "change",
        lab_real(lab_number(lab, name, "loss") - lab_number(lab, "base loss", "loss")));
    (void)json_object_set_new(row, "controls_broke", json_integer((json_int_t)controls.broke));
    return row;
}

static const struct column top_columns[] = {
    {"rank", "rank", SIDE_NONE, NULL},
    {"row", "row", SIDE_NONE, NULL},
    {"change", "loss change", SIDE_NONE, "%+.5f"},
};

static void add_top(const struct lab *lab, struct account *account, const struct ranked *all)
{
    enum { TOP = 10 };
    account_table(account, "top", "the most sensitive rows", top_columns, countof(top_columns));
    for (size_t i = 0; i < TOP && i < candidate_count(lab); i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "layer %d %s row %u", (int)all[i].flip.layer,
                       proj_name(all[i].flip.proj), (unsigned)all[i].flip.row);
        account_row(account, json_pack("{s:i, s:s, s:f}", "rank", (int)i + 1, "row", text,
                                       "change", all[i].change));
    }
}

static const struct column share_columns[] = {
    {"percent", "of the rows", SIDE_NONE, "%.0f %%"},
    {"sensitivity", "share of the sensitivity", SIDE_NONE, "%.1f %%"},
};

static void add_shares(const struct lab *lab, struct account *account, const struct ranked *all)
{
    static const int percents[] = {1, 5, 10, 25, 50};
    size_t count = candidate_count(lab), at = 0;
    double total = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        total += fabs(all[i].change);
    account_table(account, "shares", "how the sensitivity |L(w xor 1) - L(w)| is spread",
                  share_columns, countof(share_columns));
    for (size_t i = 0; i < countof(percents); i++) {
        for (; at < count * (size_t)percents[i] / 100; at++)
            sum += fabs(all[at].change);
        account_row(account, json_pack("{s:i, s:o}", "percent", percents[i], "sensitivity",
                                       lab_real(100 * sum / total)));
    }
}

static void report(const struct lab *lab, struct account *account)
{
    struct ranked *all = rank_all(lab);
    size_t lower = 0, count = candidate_count(lab);
    for (size_t i = 0; i < count; i++)
        lower += all[i].change < 0;
    add_top(lab, account, all);
    add_shares(lab, account, all);
    account_table(account, "budgets", "greedy answers when the budget is spent on the most "
                                      "sensitive rows that lower the loss", budget_columns,
                  countof(budget_columns));
    for (size_t i = 0; i < lab->settings.size_count; i++)
        account_row(account, budget_row(lab, lab->settings.sizes[i]));
    account_note(account, "loss of the targets' right answers without flips %.4f nats a token; "
                          "%zu rows measured, %zu lower it",
                 lab_number(lab, "base loss", "loss"), count, lower);
    account_note(account, "no numbers were published for this ranking: nothing to compare with");
    account_note(account, "exact for rows (gate and up); groups and bits: search --method bfs");
    free(all);
}

const struct experiment experiment_bfs = {
    .name = "bfs",
    .numbers = "none",
    .title = "Bit-flip sensitivity with a budget",
    .shows = "which rows move the loss when flipped, and what a budget of the best ones does",
    .published = "the ranking |L(w xor 1) - L(w)| is described, without numbers",
    .source = "a summary of the method at setupai.cc (April 2026); neither README nor paper has "
              "it",
    .options = LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_ITERS | LAB_LAYERS | LAB_SIZES,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
