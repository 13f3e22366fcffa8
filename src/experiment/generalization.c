/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiments 6 and 12: the same search under the published metric and under a sound one,
 * and what each does to questions it never saw.
 */
#include <stdlib.h>
#include <string.h>

#include "src/experiment/hunts.h"

extern const struct experiment experiment_generalization;

static const char by_token_gap[] = "token_gap search", by_logprob[] = "seq_logprob search";

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_layers(lab);
    lab_take_iterations(lab, 300, 300);
    return lab_take_search_sets(lab, "calculus-train", "math,code,knowledge",
                                lab->full_size ? "calculus-heldout"
                                               : "calculus-heldout,nano-heldout", err);
}

static struct hunt hunt_by(const struct lab *lab, enum metric metric)
{
    return hunts_of(lab, metric == METRIC_TOKEN_GAP ? by_token_gap : by_logprob, HUNT_MLP,
                    metric);
}

static double cost(const struct lab *lab)
{
    const struct hunt hunt = hunt_by(lab, METRIC_SEQ_LOGPROB);
    return 2 * hunts_cost(lab, &hunt) + lab_answer_tokens(lab, lab->all);
}

static bool run(struct lab *lab, struct err *err)
{
    const struct hunt first = hunt_by(lab, METRIC_TOKEN_GAP);
    const struct hunt second = hunt_by(lab, METRIC_SEQ_LOGPROB);
    return hunts_base(lab, err) && hunts_one(lab, &first, err) && hunts_one(lab, &second, err);
}

/* ---- report ------------------------------------------------------------------------ */

static const struct column columns[] = {
    {"label", "greedy answers", SIDE_NONE, NULL},
    {"n", "n", SIDE_OURS, NULL},
    {"right_base", "before", SIDE_OURS, NULL},
    {"right_now", "after", SIDE_OURS, NULL},
    {"fixed", "fixed", SIDE_OURS, NULL},
    {"broke", "broke", SIDE_OURS, NULL},
    {"p", "McNemar p", SIDE_OURS, "%.4f"},
    {"published_n", "n", SIDE_PUBLISHED, NULL},
    {"published_base", "before", SIDE_PUBLISHED, NULL},
    {"published_now", "after", SIDE_PUBLISHED, NULL},
    {"published_fixed", "fixed", SIDE_PUBLISHED, NULL},
    {"published_broke", "broke", SIDE_PUBLISHED, NULL},
    {"published_p", "McNemar p", SIDE_PUBLISHED, "%.4f"},
};

static void add_total(struct account *account, const char *label, const struct paired *paired,
                      json_t *published)
{
    json_t *row = paired_json(label, paired);
    (void)json_object_update(row, published);
    json_decref(published);
    account_row(account, row);
}

static json_t *counts(int n, int base, int now, int fixed, int broke, double p)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:f}", "published_n", n, "published_base", base,
                     "published_now", now, "published_fixed", fixed, "published_broke", broke,
                     "published_p", p);
}

static void claim_sound(struct account *account, const struct paired *sound)
{
    struct claim claim = {
        .verdict = claim_if(sound->fixed > sound->broke && sound->p < 0.1),
        .what = "with seq_logprob the patch helps questions it never saw",
        .rule = "like if more are fixed than break, with McNemar p below 0.1 (published: 0.0625)",
    };
    account_claim(account, claim, "5 fixed, 0 broke of 30 (14 -> 19), p 0.0625",
                  "%zu fixed, %zu broke of %zu (%zu -> %zu), p %.4f", sound->fixed, sound->broke,
                  sound->n, sound->right_base, sound->right_now, sound->p);
}

static void claim_better(struct account *account, const struct paired *old,
                         const struct paired *sound)
{
    double before = (double)old->right_now - (double)old->right_base;
    double after = (double)sound->right_now - (double)sound->right_base;
    struct claim claim = {
        .verdict = claim_if(after > before),
        .what = "the sound metric finds the better patch",
        .rule = "like if its net change on held-out answers is above that of token_gap",
    };
    account_claim(account, claim, "+5 against -1 of 30", "%+.0f against %+.0f of %zu", after,
                  before, sound->n);
}

static void report(const struct lab *lab, struct account *account)
{
    struct paired old = hunts_heldout(lab, by_token_gap), sound = hunts_heldout(lab, by_logprob);
    struct paired seen_old = hunts_targets(lab, by_token_gap);
    struct paired seen = hunts_targets(lab, by_logprob);
    char base[LAB_NAME_MAX], now[LAB_NAME_MAX];
    account_hunts(account);
    account_hunt(account, lab, by_token_gap,
                 json_pack("{s:i, s:i, s:f}", "published_tried", 300, "published_accepted", 93,
                           "published_fitness", 0.3863));
    account_hunt(account, lab, by_logprob,
                 json_pack("{s:i, s:i, s:f}", "published_tried", 300, "published_accepted", 78,
                           "published_fitness", 0.3604));
    account_table(account, "answers", "greedy answers", columns,
                  sizeof columns / sizeof columns[0]);
    add_total(account, "token_gap: targets", &seen_old, json_object());
    add_total(account, "token_gap: held-out", &old, counts(30, 14, 13, 2, 3, 1.0));
    add_total(account, "seq_logprob: targets", &seen, counts(60, 30, 33, 4, 1, 0.375));
    add_total(account, "seq_logprob: held-out", &sound, counts(30, 14, 19, 5, 0, 0.0625));
    account_answer_table(account, "the same by set");
    account_answers(account, lab, "token_gap: ", answers_unit(base, "base"),
                    answers_unit(now, by_token_gap), lab->all);
    account_answers(account, lab, "seq_logprob: ", answers_unit(base, "base"),
                    answers_unit(now, by_logprob), lab->all);
    claim_sound(account, &sound);
    claim_better(account, &old, &sound);
    account_note(account, "as first published, by token_gap: 4 fixed, 0 broke of 30; p is ours, "
                          "from the published counts");
}

const struct experiment experiment_generalization = {
    .name = "generalization",
    .numbers = "6, 12",
    .title = "Sixty targets, and questions the search never saw",
    .shows = "whether a patch from many probes helps others, and what the metric does to that",
    .published = "held-out: token_gap 14 -> 13 of 30 (2 fixed, 3 broke), seq_logprob 14 -> 19 "
                 "(5 fixed, 0 broke)",
    .source = "README, experiments 12 and 14; results/experiment14_headtohead.json",
    .options = LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_ITERS | LAB_SEED | LAB_LAYERS,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
