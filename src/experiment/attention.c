/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiment 10: the search of experiment 9, with and without the attention matrices.
 */
#include <stdlib.h>
#include <string.h>

#include "src/experiment/hunts.h"

extern const struct experiment experiment_attention;

static const char mlp_only[] = "MLP search", with_attention[] = "attention search";

/* Published were layers 1 to 6, 10 and 34 of 36. */
static void take_layers(struct lab *lab)
{
    static const int32_t published[] = {1, 2, 3, 4, 5, 6, 10};
    struct lab_settings *settings = &lab->settings;
    int32_t layers = (int32_t)model_shape(lab->model)->layers;
    if (!lab->full_size || settings->layer_count > 0 || layers < 13) {
        lab_take_layers(lab);
        return;
    }
    memcpy(settings->layers, published, sizeof published);
    settings->layer_count = sizeof published / sizeof published[0];
    settings->layers[settings->layer_count++] = layers - 2;
}

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    take_layers(lab);
    lab_take_iterations(lab, 800, 800);
    return lab_take_search_sets(lab, "calculus-train", "math,code,knowledge",
                                lab->full_size ? "calculus-heldout"
                                               : "calculus-heldout,nano-heldout", err);
}

static double cost(const struct lab *lab)
{
    const struct hunt hunt = hunts_of(lab, mlp_only, HUNT_MLP, METRIC_SEQ_LOGPROB);
    return 2 * hunts_cost(lab, &hunt) + lab_answer_tokens(lab, lab->all);
}

static bool run(struct lab *lab, struct err *err)
{
    const struct hunt first = hunts_of(lab, mlp_only, HUNT_MLP, METRIC_SEQ_LOGPROB);
    const struct hunt second = hunts_of(lab, with_attention, HUNT_ATTENTION, METRIC_SEQ_LOGPROB);
    return hunts_base(lab, err) && hunts_one(lab, &first, err) && hunts_one(lab, &second, err);
}

/* ---- report ------------------------------------------------------------------------ */

static size_t flips_in(const struct lab *lab, enum proj first, enum proj last)
{
    const json_t *flips = json_object_get(lab_result(lab, with_attention), "flips");
    size_t count = 0, i;
    json_t *flip;
    json_array_foreach(flips, i, flip) {
        const char *name = json_string_value(json_object_get(flip, "proj"));
        enum proj proj = PROJ_COUNT;
        count += name && proj_parse(name, &proj) && proj >= first && proj <= last;
    }
    return count;
}

static const struct column columns[] = {
    {"proj", "accepted in", SIDE_NONE, NULL},
    {"accepted", "flips", SIDE_OURS, NULL},
    {"published_accepted", "flips", SIDE_PUBLISHED, NULL},
};

static void table_of_projs(const struct lab *lab, struct account *account)
{
    static const struct {
        enum proj proj;
        int published;
    } projs[] = {{PROJ_GATE, 37}, {PROJ_UP, 32}, {PROJ_Q, 7}, {PROJ_K, 3}, {PROJ_V, 2},
                 {PROJ_O, 4}};
    account_table(account, "projections", "where the attention search accepted flips", columns,
                  sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < sizeof projs / sizeof projs[0]; i++) {
        size_t accepted = flips_in(lab, projs[i].proj, projs[i].proj);
        account_row(account, json_pack("{s:s, s:i, s:i}", "proj", proj_name(projs[i].proj),
                                       "accepted", (int)accepted, "published_accepted",
                                       projs[i].published));
    }
}

static void claims(const struct lab *lab, struct account *account)
{
    struct paired mlp = hunts_heldout(lab, mlp_only), both = hunts_heldout(lab, with_attention);
    double net_mlp = (double)mlp.right_now - (double)mlp.right_base;
    double net_both = (double)both.right_now - (double)both.right_base;
    size_t taken = flips_in(lab, PROJ_Q, PROJ_O);
    struct claim accepts = {
        .verdict = claim_if(taken > 0),
        .what = "the search finds flips in attention matrices, too",
        .rule = "like if it accepts at least one in q, k, v or o",
    };
    struct claim worse = {
        .verdict = claim_if(net_both < net_mlp),
        .what = "attention flips hurt questions the search never saw",
        .rule = "like if the net change of held-out answers is below that of the MLP search",
    };
    account_claim(account, accepts, "16 of 85", "%zu of %.0f", taken,
                  lab_number(lab, with_attention, "accepted"));
    account_claim(account, worse, "0 fixed, 0 broke of 30 instead of 3 fixed, 0 broke",
                  "%zu fixed, %zu broke of %zu (p %.4f) instead of %zu fixed, %zu broke (p %.4f)",
                  both.fixed, both.broke, both.n, both.p, mlp.fixed, mlp.broke, mlp.p);
}

static void report(const struct lab *lab, struct account *account)
{
    char base[LAB_NAME_MAX], now[LAB_NAME_MAX];
    account_hunts(account);
    account_hunt(account, lab, mlp_only,
                 json_pack("{s:i, s:i, s:f}", "published_tried", 800, "published_accepted", 73,
                           "published_fitness", 0.3286));
    account_hunt(account, lab, with_attention,
                 json_pack("{s:i, s:i, s:f}", "published_tried", 800, "published_accepted", 85,
                           "published_fitness", 0.3105));
    table_of_projs(lab, account);
    account_answer_table(account, "greedy answers (published: held-out 13 -> 16 of 30, and 13 -> "
                                  "13 with attention)");
    account_answers(account, lab, "MLP: ", answers_unit(base, "base"),
                    answers_unit(now, mlp_only), lab->all);
    account_answers(account, lab, "attention: ", answers_unit(base, "base"),
                    answers_unit(now, with_attention), lab->all);
    claims(lab, account);
    account_note(account, "published was measured with token_gap throughout, whose counts are "
                          "unsound; ours is searched by seq_logprob and counted by greedy answers");
}

const struct experiment experiment_attention = {
    .name = "attention",
    .numbers = "9, 10",
    .title = "Searching attention matrices, too",
    .shows = "whether flips of q, k, v and o rows help as those of gate and up do",
    .published = "85 flips, 16 of them attention; held-out 13 -> 13 of 30 instead of 13 -> 16",
    .source = "README, experiments 9 and 10 (token_gap); patches/calculus_beefy_v1.json and "
              "calculus_attn_v1.json",
    .options = LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_ITERS | LAB_SEED | LAB_LAYERS,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
