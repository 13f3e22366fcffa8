/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiment 7: two patches alone and together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/experiment/hunts.h"

extern const struct experiment experiment_stacking;

static const char *const searched[] = {"arithmetic search", "calculus search"};

/* ---- planning ---------------------------------------------------------------------- */

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_layers(lab);
    lab_take_iterations(lab, 300, 300);
    lab_take_metric(lab, METRIC_SEQ_LOGPROB);
    if (lab->settings.patch_count != 0 && lab->settings.patch_count != 2)
        return err_set(err, ERR_USAGE, "stacking takes two patches, or none");
    if (!lab_take_set(&lab->settings.probes, "math", &lab->probes, err))
        return false;
    buf_add_format(&lab->spec, "%s,calculus-heldout%s", lab->settings.probes,
                   lab->full_size ? "" : ",nano-heldout");
    return lab_take_search_sets(lab, "calculus-train", "knowledge", lab->spec.data, err);
}

static bool searches(const struct lab *lab)
{
    return lab->settings.patch_count == 0;
}

static double cost(const struct lab *lab)
{
    return (searches(lab) ? hunts_two_cost(lab) : 0) + 4 * lab_answer_tokens(lab, lab->all) +
           6 * lab_gap_tokens(lab, lab->all);
}

/* ---- units ------------------------------------------------------------------------- */

struct pair {
    struct flips one[2];
};

static bool read_pair(const struct lab *lab, struct pair *pair, struct err *err)
{
    *pair = (struct pair){0};
    for (size_t i = 0; i < 2; i++) {
        const struct patch *patch = searches(lab) ? NULL : lab->settings.patches[i];
        for (size_t j = 0; patch && j < patch->flip_count; j++)
            flips_add(&pair->one[i], patch->flips[j]);
        if (!patch && !lab_hunted(lab, searched[i], &pair->one[i], err))
            return false;
    }
    return true;
}

static void free_pair(struct pair *pair)
{
    flips_free(&pair->one[0]);
    flips_free(&pair->one[1]);
}

static struct flips stack(const struct pair *pair, bool swapped)
{
    struct flips both = {0};
    for (size_t i = 0; i < 2; i++) {
        const struct flips *flips = &pair->one[swapped ? 1 - i : i];
        for (size_t j = 0; j < flips->count; j++)
            flips_add(&both, flips->data[j]);
    }
    return both;
}

static json_t *state_json(struct state_name name)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)name.word[0],
                   (unsigned long long)name.word[1]);
    return json_string(text);
}

/* Gaps with the flips on, and the names of the model's states with them and afterwards. */
static json_t *measure_flips(struct lab *lab, const struct flips *flips, struct err *err)
{
    size_t count = lab->all->count;
    double *gaps = x_new(count, sizeof *gaps);
    bool ok = lab_gaps(lab, lab->all, flips, gaps, err);
    flips_toggle(flips, lab->model);
    json_t *on = state_json(model_state(lab->model));
    flips_toggle(flips, lab->model);
    json_t *result = json_pack("{s:o, s:o, s:o}", "gaps", gaps_json(gaps, count), "state", on,
                               "state_after", state_json(model_state(lab->model)));
    free(gaps);
    if (ok)
        return result;
    json_decref(result);
    return NULL;
}

static json_t *measure_work(struct lab *lab, const void *request, struct err *err)
{
    return measure_flips(lab, request, err);
}

/* Rows that are in both patches are off when they are stacked. */
static size_t overlap(const struct pair *pair)
{
    size_t count = 0;
    for (size_t i = 0; i < pair->one[0].count; i++)
        for (size_t j = 0; j < pair->one[1].count; j++)
            count += flip_equal(&pair->one[0].data[i], &pair->one[1].data[j]);
    return count;
}

static json_t *count_work(struct lab *lab, const void *request, struct err *err)
{
    const struct pair *pair = request;
    (void)lab;
    (void)err;
    return json_pack("{s:i, s:i, s:i}", "first", (int)pair->one[0].count, "second",
                     (int)pair->one[1].count, "overlap", (int)overlap(pair));
}

static bool run_stacked(struct lab *lab, const struct pair *pair, struct err *err)
{
    double tokens = lab_gap_tokens(lab, lab->all);
    const struct flips none = {0};
    struct flips there = stack(pair, false), back = stack(pair, true);
    bool ok = lab_unit(lab, "flips", 0, count_work, pair, err) &&
              lab_unit(lab, "gaps, base", tokens, measure_work, &none, err) &&
              lab_unit(lab, "gaps, first", tokens, measure_work, &pair->one[0], err) &&
              lab_unit(lab, "gaps, second", tokens, measure_work, &pair->one[1], err) &&
              lab_unit(lab, "gaps, stacked", tokens, measure_work, &there, err) &&
              lab_unit(lab, "gaps, stacked the other way", tokens, measure_work, &back, err) &&
              lab_unit(lab, "gaps, all off again", tokens, measure_work, &none, err) &&
              lab_answer_all(lab, "first", &pair->one[0], err) &&
              lab_answer_all(lab, "second", &pair->one[1], err) &&
              lab_answer_all(lab, "stacked", &there, err);
    flips_free(&there);
    flips_free(&back);
    return ok;
}

static bool run(struct lab *lab, struct err *err)
{
    struct pair pair = {0};
    bool ok = hunts_base(lab, err) &&
              (!searches(lab) || (hunts_arithmetic(lab, err) && hunts_calculus(lab, err))) &&
              read_pair(lab, &pair, err) && run_stacked(lab, &pair, err);
    free_pair(&pair);
    return ok;
}

/* ---- report ------------------------------------------------------------------------ */

/* Bit for bit: JSON keeps numbers so [X3]. */
static bool same(const struct lab *lab, const char *a, const char *b, const char *key)
{
    return json_equal(json_object_get(lab_result(lab, a), key),
                      json_object_get(lab_result(lab, b), key));
}

/* Gaps that got their sign, and that lost it. */
static void count_signs(const struct lab *lab, const char *now, size_t *fixed, size_t *broke)
{
    size_t count = lab->all->count;
    double *before = x_new(count, sizeof *before), *after = x_new(count, sizeof *after);
    (void)gaps_read(json_object_get(lab_result(lab, "gaps, base"), "gaps"), before, count);
    (void)gaps_read(json_object_get(lab_result(lab, now), "gaps"), after, count);
    *fixed = *broke = 0;
    for (size_t i = 0; i < count; i++) {
        *fixed += before[i] <= 0 && after[i] > 0;
        *broke += before[i] > 0 && after[i] <= 0;
    }
    free(before);
    free(after);
}

static const struct column columns[] = {
    {"label", "patch", SIDE_NONE, NULL},
    {"flips", "flips", SIDE_OURS, NULL},
    {"right_base", "before", SIDE_OURS, NULL},
    {"right_now", "after", SIDE_OURS, NULL},
    {"fixed", "fixed", SIDE_OURS, NULL},
    {"broke", "broke", SIDE_OURS, NULL},
    {"p", "McNemar p", SIDE_OURS, "%.4f"},
    {"signs_fixed", "gap signs fixed", SIDE_OURS, NULL},
    {"signs_broke", "broke", SIDE_OURS, NULL},
    {"published_flips", "flips", SIDE_PUBLISHED, NULL},
    {"published_fixed", "gap signs fixed", SIDE_PUBLISHED, NULL},
    {"published_broke", "broke", SIDE_PUBLISHED, NULL},
};

static void add_patch(const struct lab *lab, struct account *account, const char *name,
                      double flips, const int published[3])
{
    char gaps[LAB_NAME_MAX];
    size_t fixed = 0, broke = 0;
    struct paired paired = hunts_masked(lab, name, NULL);
    json_t *row = paired_json(name, &paired);
    count_signs(lab, lab_name(gaps, "gaps, %s", name), &fixed, &broke);
    (void)json_object_set_new(row, "flips", lab_count(flips));
    (void)json_object_set_new(row, "signs_fixed", json_integer((json_int_t)fixed));
    (void)json_object_set_new(row, "signs_broke", json_integer((json_int_t)broke));
    (void)json_object_set_new(row, "published_flips", json_integer(published[0]));
    (void)json_object_set_new(row, "published_fixed", json_integer(published[1]));
    (void)json_object_set_new(row, "published_broke", json_integer(published[2]));
    account_row(account, row);
}

static void claim_mechanics(const struct lab *lab, struct account *account)
{
    bool order = same(lab, "gaps, stacked", "gaps, stacked the other way", "gaps") &&
                 same(lab, "gaps, stacked", "gaps, stacked the other way", "state");
    bool revert = same(lab, "gaps, base", "gaps, all off again", "gaps") &&
                  same(lab, "gaps, base", "gaps, stacked", "state_after");
    struct claim independent = {
        .verdict = claim_if(order),
        .what = "the order of stacking does not matter",
        .rule = "like if all gaps are the same bits and the model's state has the same name",
    };
    struct claim exact = {
        .verdict = claim_if(revert),
        .what = "taking both off restores the model exactly",
        .rule = "like if all gaps are the base's bits and the state has the base's name",
    };
    account_claim(account, independent, "identical gaps", "%s",
                  order ? "the same bits, the same name" : "different");
    account_claim(account, exact, "maximum drift 0.000000", "%s",
                  revert ? "the same bits, the same name" : "different");
}

static double net(const struct paired *paired)
{
    return (double)paired->fixed - (double)paired->broke;
}

static void claim_lossy(const struct lab *lab, struct account *account)
{
    struct paired first = hunts_masked(lab, "first", NULL);
    struct paired second = hunts_masked(lab, "second", NULL);
    struct paired both = hunts_masked(lab, "stacked", NULL);
    double shared = lab_number(lab, "flips", "overlap");
    struct claim lossy = {
        .verdict = first.fixed + second.fixed > 0
                       ? claim_if(both.fixed < first.fixed + second.fixed) : CLAIM_OPEN,
        .what = "stacked, the patches fix less than both alone",
        .rule = "like if fewer answers are fixed than by the two together",
    };
    struct claim disjoint = {
        .verdict = claim_if(shared == 0),
        .what = "the patches share no row",
        .rule = "like if no flip is in both",
    };
    account_claim(account, lossy, "1 gap sign fixed (2 and 2 alone), 0 broke (1 and 1)",
                  "%zu answers fixed (%zu and %zu alone), %zu broke (%zu and %zu); net %+.0f",
                  both.fixed, first.fixed, second.fixed, both.broke, first.broke, second.broke,
                  net(&both));
    account_claim(account, disjoint, "0 of 72 and 70", "%.0f of %.0f and %.0f", shared,
                  lab_number(lab, "flips", "first"), lab_number(lab, "flips", "second"));
}

static void report(const struct lab *lab, struct account *account)
{
    static const int published[3][3] = {{72, 2, 1}, {70, 2, 1}, {142, 1, 0}};
    double first = lab_number(lab, "flips", "first"), second = lab_number(lab, "flips", "second");
    double shared = lab_number(lab, "flips", "overlap");
    account_table(account, "patches", "greedy answers, and signs of gaps (search signal)", columns,
                  sizeof columns / sizeof columns[0]);
    add_patch(lab, account, "first", first, published[0]);
    add_patch(lab, account, "second", second, published[1]);
    add_patch(lab, account, "stacked", first + second - 2 * shared, published[2]);
    claim_mechanics(lab, account);
    claim_lossy(lab, account);
    account_note(account, "first: %s; second: %s",
                 searches(lab) ? searched[0] : lab->settings.patches[0]->name,
                 searches(lab) ? searched[1] : lab->settings.patches[1]->name);
}

const struct experiment experiment_stacking = {
    .name = "stacking",
    .numbers = "7",
    .title = "Two patches alone and together",
    .shows = "whether patches add up: order, exact revert, overlap, and what becomes of answers",
    .published = "order independent, exactly reversible, no overlap; 1 fixed stacked, 2 and 2 "
                 "alone",
    .source = "README, experiment 7 (token_gap, 14 probes)",
    .options = LAB_PROBES | LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_METRIC | LAB_ITERS |
               LAB_SEED | LAB_LAYERS | LAB_PATCHES,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
