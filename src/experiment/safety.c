/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiment 8: does a patch harm a task it was not made for?  Paired: the same items with
 * and without it.
 */
#include <stdlib.h>
#include <string.h>

#include "src/experiment/hunts.h"

extern const struct experiment experiment_safety;

static const char search[] = "search";

/* The task is what is held out, less the categories that were searched for. */
static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_layers(lab);
    lab_take_iterations(lab, 300, 300);
    if (lab->settings.patch_count > 1)
        return err_set(err, ERR_USAGE, "safety takes at most one patch");
    return lab_take_search_sets(lab, "calculus-train", "math,code,knowledge", "nano-heldout",
                                err);
}

static bool searches(const struct lab *lab)
{
    return lab->settings.patch_count == 0;
}

static struct hunt hunt_of(const struct lab *lab)
{
    return hunts_of(lab, search, HUNT_MLP, METRIC_SEQ_LOGPROB);
}

static double cost(const struct lab *lab)
{
    const struct hunt hunt = hunt_of(lab);
    return (searches(lab) ? lab_hunt_tokens(lab, &hunt) : 0) +
           2 * lab_answer_tokens(lab, lab->all);
}

static bool run(struct lab *lab, struct err *err)
{
    const struct hunt hunt = hunt_of(lab);
    if (!hunts_base(lab, err))
        return false;
    if (searches(lab))
        return hunts_one(lab, &hunt, err);
    const struct patch *patch = lab->settings.patches[0];
    const struct flips flips = {patch->flips, patch->flip_count};
    return lab_answer_all(lab, search, &flips, err);
}

/* ---- report ------------------------------------------------------------------------ */

static bool is_target(const struct lab *lab, const char *category)
{
    for (size_t i = 0; i < lab->targets->count; i++)
        if (strcmp(lab->targets->probes[i].category, category) == 0)
            return true;
    return false;
}

static bool *task_mask(const struct lab *lab)
{
    bool *mask = x_new(lab->all->count, sizeof *mask);
    size_t first = lab->targets->count + lab->controls->count;
    for (size_t i = first; i < lab->all->count; i++)
        mask[i] = !is_target(lab, lab->all->probes[i].category);
    return mask;
}

static void add_category(const struct lab *lab, struct account *account, const bool *mask,
                         size_t index)
{
    char base[LAB_NAME_MAX], now[LAB_NAME_MAX];
    const char *category = lab->all->probes[index].category;
    for (size_t i = 0; i < index; i++)
        if (mask[i] && strcmp(lab->all->probes[i].category, category) == 0)
            return;
    const struct lab_filter filter = {.category = category, .mask = mask};
    struct paired paired = lab_paired(lab, answers_unit(base, "base"), answers_unit(now, search),
                                      lab->all, &filter);
    account_row(account, paired_json(category, &paired));
}

static void claim_harm(struct account *account, const struct paired *task)
{
    struct claim claim = {
        .verdict = task->n > 0
                       ? claim_if(!(task->broke > task->fixed && task->p < 0.05)) : CLAIM_OPEN,
        .what = "the patch does not degrade a task it was not made for",
        .rule = "like unless more items break than are fixed, with McNemar p below 0.05",
    };
    struct claim gain = {
        .verdict = task->n > 0 ? claim_if(task->right_now > task->right_base) : CLAIM_OPEN,
        .what = "accuracy even rises a little",
        .rule = "like if more items are right with the patch (published calls it noise)",
    };
    account_claim(account, claim, "11 -> 14 of 50 GSM8K problems (22 -> 28 %)",
                  "%zu -> %zu of %zu; %zu fixed, %zu broke, p %.4f", task->right_base,
                  task->right_now, task->n, task->fixed, task->broke, task->p);
    account_claim(account, gain, "+6.0 % of 50", "%+.1f %% of %zu",
                  task->n > 0 ? 100 * ((double)task->right_now - (double)task->right_base) /
                                    (double)task->n : 0, task->n);
}

static void report(const struct lab *lab, struct account *account)
{
    bool *mask = task_mask(lab);
    struct paired task = hunts_masked(lab, search, mask);
    struct paired controls = hunts_controls(lab, search);
    if (searches(lab)) {
        account_hunts(account);
        account_hunt(account, lab, search,
                     json_pack("{s:i, s:i, s:f}", "published_tried", 300, "published_accepted",
                               93, "published_fitness", 0.3863));
    }
    account_answer_table(account, "greedy answers to what was not searched for, paired");
    for (size_t i = 0; i < lab->all->count; i++)
        if (mask[i])
            add_category(lab, account, mask, i);
    account_row(account, paired_json("the task", &task));
    account_row(account, paired_json("controls", &controls));
    claim_harm(account, &task);
    account_note(account, "published harness and benchmark disagree: 22 %% here, 88 %% in the "
                          "model's own report (GSM8K)");
    account_note(account, "items are probes of --heldout whose category is none of the targets'; "
                          "GSM8K-like files: bankai task, base against patch");
    free(mask);
}

const struct experiment experiment_safety = {
    .name = "safety",
    .numbers = "8",
    .title = "Paired accuracy on a task the patch was not made for",
    .shows = "whether a patch harms what it was not made for",
    .published = "50 GSM8K problems: 11 right without the patch of experiment 6, 14 with it",
    .source = "README, experiment 8",
    .options = LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_ITERS | LAB_SEED | LAB_LAYERS |
               LAB_PATCHES,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
