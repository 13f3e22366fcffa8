/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiment 14: any patches on the same questions.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/null.h"
#include "src/experiment/hunts.h"

extern const struct experiment experiment_head_to_head;

/* Without patches: what the two metrics find, and random flips of the same profile. */
static const char by_token_gap[] = "token_gap search", by_logprob[] = "seq_logprob search";
static const char random_flips[] = "random flips";

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_layers(lab);
    lab_take_iterations(lab, 300, 300);
    return lab_take_search_sets(lab, "calculus-train", "math,code,knowledge",
                                lab->full_size ? "calculus-heldout"
                                               : "calculus-heldout,nano-heldout", err);
}

static bool searches(const struct lab *lab)
{
    return lab->settings.patch_count == 0;
}

static double cost(const struct lab *lab)
{
    const struct hunt hunt = hunts_of(lab, by_logprob, HUNT_MLP, METRIC_SEQ_LOGPROB);
    double answers = lab_answer_tokens(lab, lab->all);
    return searches(lab) ? 2 * hunts_cost(lab, &hunt) + 2 * answers
                         : (double)(lab->settings.patch_count + 1) * answers;
}

/* ---- units ------------------------------------------------------------------------- */

static bool answer_random(struct lab *lab, struct err *err)
{
    struct flips like = {0}, drawn = {0};
    if (!lab_hunted(lab, by_logprob, &like, err))
        return false;
    struct null_profile *profile = null_profile_new(lab->model, like.data, like.count, err);
    if (profile) {
        drawn.count = null_profile_flips(profile);
        drawn.data = x_new(drawn.count, sizeof *drawn.data);
        null_profile_draw(profile, NULL_SCALE, lab->settings.seed, 0, drawn.data);
    }
    bool ok = profile && lab_answer_all(lab, random_flips, &drawn, err);
    null_profile_free(profile);
    flips_free(&like);
    flips_free(&drawn);
    return ok;
}

static const char *patch_unit(char name[LAB_NAME_MAX], size_t index)
{
    return lab_name(name, "patch %zu", index + 1);
}

static bool run(struct lab *lab, struct err *err)
{
    char name[LAB_NAME_MAX];
    if (!hunts_base(lab, err))
        return false;
    if (searches(lab)) {
        struct hunt hunt = hunts_of(lab, by_token_gap, HUNT_MLP, METRIC_TOKEN_GAP);
        struct hunt sound = hunts_of(lab, by_logprob, HUNT_MLP, METRIC_SEQ_LOGPROB);
        return hunts_one(lab, &hunt, err) && hunts_one(lab, &sound, err) &&
               answer_random(lab, err);
    }
    bool ok = true;
    for (size_t i = 0; ok && i < lab->settings.patch_count; i++) {
        const struct patch *patch = lab->settings.patches[i];
        const struct flips flips = {patch->flips, patch->flip_count};
        ok = lab_answer_all(lab, patch_unit(name, i), &flips, err);
    }
    return ok;
}

/* ---- report ------------------------------------------------------------------------ */

static const struct column columns[] = {
    {"label", "patch", SIDE_NONE, NULL},
    {"flips", "flips", SIDE_NONE, NULL},
    {"bytes", "bytes", SIDE_NONE, NULL},
    {"n", "held-out", SIDE_NONE, NULL},
    {"right_now", "right", SIDE_NONE, NULL},
    {"fixed", "fixed", SIDE_NONE, NULL},
    {"broke", "broke", SIDE_NONE, NULL},
    {"net", "net", SIDE_NONE, "%+.0f"},
    {"p", "McNemar p", SIDE_NONE, "%.4f"},
    {"controls_broke", "controls broke", SIDE_NONE, NULL},
};

static void add_patch(const struct lab *lab, struct account *account, const char *label,
                      const char *unit, size_t flips)
{
    const json_int_t flip_bytes = 12;
    struct paired paired = hunts_heldout(lab, unit), controls = hunts_controls(lab, unit);
    json_t *row = paired_json(label, &paired);
    (void)json_object_set_new(row, "flips", json_integer((json_int_t)flips));
    (void)json_object_set_new(row, "bytes", json_integer(flip_bytes * (json_int_t)flips));
    (void)json_object_set_new(row, "net",
                              json_real((double)paired.fixed - (double)paired.broke));
    (void)json_object_set_new(row, "controls_broke", json_integer((json_int_t)controls.broke));
    account_row(account, row);
}

static void add_published(struct account *account)
{
    static const struct {
        const char *label;
        int flips, right, fixed, broke;
        double p;
    } rows[] = {
        {"no patch", 0, 14, 0, 0, 1},
        {"experiment 6 (token_gap)", 93, 13, 2, 3, 1},
        {"experiment 12 (seq_logprob)", 78, 19, 5, 0, 0.0625},
        {"experiment 12, more layers", 95, 17, 3, 0, 0.25},
    };
    account_table(account, "published", "published, on Bonsai 8B (held-out 30; p is ours, from "
                                        "the counts)", columns,
                  sizeof columns / sizeof columns[0] - 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        account_row(account, json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f}", "label",
                                       rows[i].label, "flips", rows[i].flips, "bytes",
                                       12 * rows[i].flips, "n", 30, "right_now", rows[i].right,
                                       "fixed", rows[i].fixed, "broke", rows[i].broke, "net",
                                       rows[i].fixed - rows[i].broke, "p", rows[i].p));
}

static size_t accepted(const struct lab *lab, const char *unit)
{
    return json_array_size(json_object_get(lab_result(lab, unit), "flips"));
}

static double net_of(const struct lab *lab, const char *unit)
{
    struct paired paired = hunts_heldout(lab, unit);
    return (double)paired.fixed - (double)paired.broke;
}

static void claims(const struct lab *lab, struct account *account)
{
    double old = net_of(lab, by_token_gap), sound = net_of(lab, by_logprob);
    struct claim claim = {
        .verdict = claim_if(sound > old),
        .what = "on one yardstick the patch of the sound metric is the better one",
        .rule = "like if its net change of held-out answers is above that of token_gap",
    };
    account_claim(account, claim, "+5 against -1 of 30", "%+.0f against %+.0f; random flips %+.0f",
                  sound, old, net_of(lab, random_flips));
}

static void report(const struct lab *lab, struct account *account)
{
    char name[LAB_NAME_MAX];
    account_table(account, "patches", "ours: greedy answers, all patches on the same questions",
                  columns, sizeof columns / sizeof columns[0]);
    add_patch(lab, account, "no patch", "base", 0);
    for (size_t i = 0; i < lab->settings.patch_count; i++)
        add_patch(lab, account, lab->settings.patches[i]->name, patch_unit(name, i),
                  lab->settings.patches[i]->flip_count);
    if (searches(lab)) {
        add_patch(lab, account, by_token_gap, by_token_gap, accepted(lab, by_token_gap));
        add_patch(lab, account, by_logprob, by_logprob, accepted(lab, by_logprob));
        add_patch(lab, account, "random flips of its profile", random_flips,
                  accepted(lab, by_logprob));
    }
    add_published(account);
    if (searches(lab))
        claims(lab, account);
}

const struct experiment experiment_head_to_head = {
    .name = "head-to-head",
    .numbers = "14",
    .title = "Patches on one yardstick",
    .shows = "which patch is the better one: all on the same held-out questions, by generation",
    .published = "held-out of 30: 14 without, 13 (exp. 6), 19 (exp. 12), 17 (more layers)",
    .source = "results/experiment14_headtohead.json",
    .options = LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_ITERS | LAB_SEED | LAB_LAYERS |
               LAB_PATCHES,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
