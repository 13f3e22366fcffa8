/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiments 3 and 4: two small patches by greedy search, one for arithmetic, one for six
 * calculus questions that the model answers wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "src/experiment/hunts.h"

extern const struct experiment experiment_patch_search;

static const char arithmetic[] = "arithmetic search", calculus[] = "calculus search";

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_layers(lab);
    lab_take_iterations(lab, 300, 300);
    return lab_take_set(&lab->settings.probes, "math", &lab->probes, err) &&
           lab_take_search_sets(lab, "calculus-train", "knowledge", lab->settings.probes, err);
}

static double cost(const struct lab *lab)
{
    return hunts_two_cost(lab) + 3 * lab_answer_tokens(lab, lab->all);
}

static bool run(struct lab *lab, struct err *err)
{
    return hunts_base(lab, err) && hunts_arithmetic(lab, err) && hunts_calculus(lab, err);
}

/* ---- report ------------------------------------------------------------------------ */

static struct paired six_of(const struct lab *lab)
{
    bool *mask = x_new(lab->all->count, sizeof *mask);
    hunts_six(lab, mask);
    struct paired paired = hunts_masked(lab, calculus, mask);
    free(mask);
    return paired;
}

static void add(struct account *account, const char *label, const struct paired *paired,
                int base, int now)
{
    json_t *row = paired_json(label, paired);
    if (base >= 0) {
        (void)json_object_set_new(row, "published_base", json_integer(base));
        (void)json_object_set_new(row, "published_now", json_integer(now));
    }
    account_row(account, row);
}

static void claim_accepted(const struct lab *lab, struct account *account, const char *search,
                           double published, const char *said)
{
    double share = lab_number(lab, search, "accepted") / lab_number(lab, search, "tried");
    struct claim claim = {
        .verdict = claim_if(share >= published / 2 && share <= published * 2),
        .what = search == arithmetic
                    ? "arithmetic: the search accepts about a third of its candidates"
                    : "calculus: the search accepts about a quarter of its candidates",
        .rule = "like if the share is within half and twice the published one",
    };
    account_claim(account, claim, said, "%.1f %%", 100 * share);
}

static void claim_fixed(struct account *account, const struct paired *six)
{
    struct claim claim = {
        .verdict = claim_if(six->fixed > 0),
        .what = "the calculus patch turns some of its six wrong answers into right ones",
        .rule = "like if greedy generation fixes at least one of the six",
    };
    account_claim(account, claim, "2 of 6 are right with the patch", "%zu fixed, %zu broke, p %.4f",
                  six->fixed, six->broke, six->p);
}

static void claim_controls(struct account *account, const struct paired *a,
                           const struct paired *b)
{
    struct claim claim = {
        .verdict = claim_if(a->broke + b->broke == 0),
        .what = "no damage to the controls",
        .rule = "like if no control answer breaks (published was: no gap falls far)",
    };
    account_claim(account, claim, "none on 4 and 5 control probes", "%zu of %zu answers broke",
                  a->broke + b->broke, a->n + b->n);
}

static void report(const struct lab *lab, struct account *account)
{
    struct paired math = hunts_heldout(lab, arithmetic), six = six_of(lab);
    struct paired first = hunts_controls(lab, arithmetic);
    struct paired second = hunts_controls(lab, calculus);
    account_hunts(account);
    account_hunt(account, lab, arithmetic, json_pack("{s:i, s:i}", "published_tried", 200,
                                                     "published_accepted", 72));
    account_hunt(account, lab, calculus, json_pack("{s:i, s:i, s:f}", "published_tried", 300,
                                                   "published_accepted", 72, "published_fitness",
                                                   0.8099));
    account_answer_table(account, "answers to what was searched for, and to the controls");
    add(account, "arithmetic: its targets", &math, -1, -1);
    add(account, "arithmetic: controls", &first, -1, -1);
    add(account, "calculus: its six", &six, 0, 2);
    add(account, "calculus: controls", &second, -1, -1);
    claim_accepted(lab, account, arithmetic, 72.0 / 200, "72 of 200: 36 %");
    claim_accepted(lab, account, calculus, 72.0 / 300, "72 of 300: 24 % (README: 70)");
    claim_fixed(account, &six);
    claim_controls(account, &first, &second);
    account_note(account, "the six: the first wrong answer of each target category, then further "
                          "wrong ones; published were six chosen by hand");
}

const struct experiment experiment_patch_search = {
    .name = "patch-search",
    .numbers = "3, 4",
    .title = "Two small patches by greedy search",
    .shows = "whether a search over few probes finds flips, and what they do to the answers",
    .published = "72 of 200 and 72 of 300 candidates accepted; 2 of 6 calculus answers right",
    .source = "README, experiments 3 and 4 (token_gap); patches/calculus_v1.json",
    .options = LAB_PROBES | LAB_TARGET | LAB_CONTROL | LAB_ITERS | LAB_SEED | LAB_LAYERS,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
