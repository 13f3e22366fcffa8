/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiments 5 and 13: what a patch made for six probes does to others of the same kind.
 */
#include <stdlib.h>
#include <string.h>

#include "src/experiment/hunts.h"

extern const struct experiment experiment_variations;

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_layers(lab);
    lab_take_iterations(lab, 300, 300);
    if (lab->settings.patch_count > 1)
        return err_set(err, ERR_USAGE, "variations takes at most one patch");
    return lab_take_search_sets(lab, "calculus-train", "knowledge",
                                lab->full_size ? "calculus-heldout"
                                               : "calculus-heldout,nano-heldout", err);
}

static bool searches(const struct lab *lab)
{
    return lab->settings.patch_count == 0;
}

static double cost(const struct lab *lab)
{
    const struct hunt hunt = hunts_of(lab, "", HUNT_MLP, METRIC_SEQ_LOGPROB);
    return (searches(lab) ? lab_hunt_tokens(lab, &hunt) / 10 : 0) + /* six of sixty */
           2 * lab_answer_tokens(lab, lab->all);
}

static const char *now_name(const struct lab *lab)
{
    return searches(lab) ? "calculus search" : "patch";
}

static bool run(struct lab *lab, struct err *err)
{
    if (!hunts_base(lab, err))
        return false;
    if (searches(lab))
        return hunts_calculus(lab, err);
    const struct patch *patch = lab->settings.patches[0];
    const struct flips flips = {patch->flips, patch->flip_count};
    return lab_answer_all(lab, now_name(lab), &flips, err);
}

/* ---- report ------------------------------------------------------------------------ */

static bool target_category(const struct lab *lab, const char *category)
{
    for (size_t i = 0; i < lab->targets->count; i++)
        if (strcmp(lab->targets->probes[i].category, category) == 0)
            return true;
    return false;
}

/* Every probe of a category of the targets but those the patch was made for. */
static bool *variations(const struct lab *lab)
{
    bool *six = x_new(lab->all->count, sizeof *six);
    bool *mask = x_new(lab->all->count, sizeof *mask);
    if (searches(lab))
        hunts_six(lab, six);
    for (size_t i = 0; i < lab->all->count; i++)
        mask[i] = !six[i] && target_category(lab, lab->all->probes[i].category);
    free(six);
    return mask;
}

static const struct column columns[] = {
    {"label", "variations", SIDE_NONE, NULL},
    {"n", "n", SIDE_OURS, NULL},
    {"right_base", "before", SIDE_OURS, NULL},
    {"right_now", "after", SIDE_OURS, NULL},
    {"fixed", "fixed", SIDE_OURS, NULL},
    {"broke", "broke", SIDE_OURS, NULL},
    {"p", "McNemar p", SIDE_OURS, "%.4f"},
    {"published_base", "before", SIDE_PUBLISHED, NULL},
    {"published_now", "after", SIDE_PUBLISHED, NULL},
    {"published_n", "of", SIDE_PUBLISHED, NULL},
};

/* Experiment 13, greedy generation, 15 of each category. */
static const struct {
    const char *category;
    int before, after;
} published[] = {
    {"poly_deriv", 11, 6}, {"second_deriv", 1, 0}, {"integral", 8, 6},
    {"prime", 7, 7},       {"trig", 10, 6},        {"exp_deriv", 12, 11},
};

static void add_published(json_t *row, int before, int after, int n)
{
    (void)json_object_set_new(row, "published_base", json_integer(before));
    (void)json_object_set_new(row, "published_now", json_integer(after));
    (void)json_object_set_new(row, "published_n", json_integer(n));
}

static void add_category(const struct lab *lab, struct account *account, const bool *mask,
                         const char *category)
{
    char base[LAB_NAME_MAX], now[LAB_NAME_MAX];
    const struct lab_filter filter = {.category = category, .mask = mask};
    struct paired paired = lab_paired(lab, answers_unit(base, "base"),
                                      answers_unit(now, now_name(lab)), lab->all, &filter);
    json_t *row = paired_json(category, &paired);
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
        if (strcmp(published[i].category, category) == 0)
            add_published(row, published[i].before, published[i].after, 15);
    account_row(account, row);
}

static void add_categories(const struct lab *lab, struct account *account, const bool *mask)
{
    for (size_t i = 0; i < lab->targets->count; i++) {
        const char *category = lab->targets->probes[i].category;
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || strcmp(lab->targets->probes[j].category, category) == 0;
        if (!seen)
            add_category(lab, account, mask, category);
    }
}

static void claims(struct account *account, const struct paired *paired)
{
    struct claim harm = {
        .verdict = claim_if(paired->broke > paired->fixed && paired->p < 0.05),
        .what = "a patch made for six probes harms others of their kind",
        .rule = "like if more break than are fixed, with McNemar p below 0.05",
    };
    struct claim none = {
        .verdict = claim_if(!(paired->fixed > paired->broke && paired->p < 0.05)),
        .what = "it does not generalize",
        .rule = "like unless more are fixed than break, with McNemar p below 0.05",
    };
    account_claim(account, harm, "2 fixed, 15 broke of 90 (McNemar p 0.0023)",
                  "%zu fixed, %zu broke of %zu (p %.4f)", paired->fixed, paired->broke, paired->n,
                  paired->p);
    account_claim(account, none, "49/90 -> 36/90", "%zu/%zu -> %zu/%zu", paired->right_base,
                  paired->n, paired->right_now, paired->n);
}

static void report(const struct lab *lab, struct account *account)
{
    bool *mask = variations(lab);
    struct paired all = hunts_masked(lab, now_name(lab), mask);
    if (searches(lab)) {
        account_hunts(account);
        account_hunt(account, lab, now_name(lab),
                     json_pack("{s:i, s:i, s:f}", "published_tried", 300, "published_accepted",
                               72, "published_fitness", 0.8099));
    }
    account_table(account, "answers", "greedy answers to variations the search never saw",
                  columns, sizeof columns / sizeof columns[0]);
    add_categories(lab, account, mask);
    json_t *row = paired_json("all", &all);
    add_published(row, 49, 36, 90);
    account_row(account, row);
    claims(account, &all);
    account_note(account, "as first published, by token_gap: 2 fixed, 5 broke, 62/90 -> 59/90");
    free(mask);
}

const struct experiment experiment_variations = {
    .name = "variations",
    .numbers = "5, 13",
    .title = "A patch for six probes, on others of their kind",
    .shows = "whether a patch made for few probes learns or memorizes",
    .published = "2 fixed, 15 broke of 90: 49 -> 36 right",
    .source = "README, experiment 13; results/experiment13_results.json",
    .options = LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_ITERS | LAB_SEED | LAB_LAYERS |
               LAB_PATCHES,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
