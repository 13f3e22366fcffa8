/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/experiment/hunts.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

/* ---- searching and answering ------------------------------------------------------- */

bool hunts_base(struct lab *lab, struct err *err)
{
    const struct flips none = {0};
    return lab_answer_all(lab, "base", &none, err);
}

bool hunts_one(struct lab *lab, const struct hunt *hunt, struct err *err)
{
    struct flips flips = {0};
    bool ok = lab_hunt(lab, hunt, err) && lab_hunted(lab, hunt->unit, &flips, err) &&
              lab_answer_all(lab, hunt->unit, &flips, err);
    flips_free(&flips);
    return ok;
}

double hunts_cost(const struct lab *lab, const struct hunt *hunt)
{
    return lab_hunt_tokens(lab, hunt) + lab_answer_tokens(lab, lab->all);
}

struct hunt hunts_of(const struct lab *lab, const char *unit, unsigned projs, enum metric metric)
{
    return (struct hunt){
        .unit = unit,
        .targets = lab->targets,
        .controls = lab->controls,
        .iterations = lab->settings.iterations,
        .projs = projs,
        .metric = metric,
    };
}

/* ---- experiments 3 and 4 ----------------------------------------------------------- */

/* Targets come first in lab->all. */
static size_t take_wrong(const struct lab *lab, const char *right, bool *mask, size_t taken,
                         bool one_each)
{
    const struct probe *probes = lab->all->probes;
    for (size_t i = 0; i < lab->targets->count && taken < HUNT_SIX; i++) {
        bool had = mask[i] || right[i] == '1';
        for (size_t j = 0; one_each && !had && j < i; j++)
            had = mask[j] && strcmp(probes[j].category, probes[i].category) == 0;
        mask[i] = mask[i] || !had;
        taken += !had;
    }
    return taken;
}

void hunts_six(const struct lab *lab, bool *mask)
{
    char unit[LAB_NAME_MAX];
    const char *right = json_string_value(
        json_object_get(lab_result(lab, answers_unit(unit, "base")), "right"));
    memset(mask, 0, lab->all->count * sizeof *mask);
    BUG_ON(!right || strlen(right) != lab->all->count);
    size_t taken = take_wrong(lab, right, mask, 0, true);
    taken = take_wrong(lab, right, mask, taken, false);
    for (size_t i = 0; i < lab->targets->count && taken < HUNT_SIX; i++) {
        taken += !mask[i];
        mask[i] = true;
    }
}

static bool in_mask(const struct probe *probe, size_t index, void *user)
{
    (void)probe;
    return ((const bool *)user)[index];
}

bool hunts_calculus(struct lab *lab, struct err *err)
{
    bool *mask = x_new(lab->all->count, sizeof *mask);
    hunts_six(lab, mask);
    struct probe_set *six = subset_new(lab->all, in_mask, mask);
    struct hunt hunt = hunts_of(lab, "calculus search", HUNT_MLP, METRIC_SEQ_LOGPROB);
    hunt.targets = six;
    bool ok = hunts_one(lab, &hunt, err);
    subset_free(six);
    free(mask);
    return ok;
}

/* Two thirds of the candidates: 200 against 300. */
static struct hunt arithmetic(const struct lab *lab)
{
    struct hunt hunt = hunts_of(lab, "arithmetic search", HUNT_MLP, METRIC_SEQ_LOGPROB);
    hunt.targets = lab->probes;
    hunt.seed_added = 1; /* with one seed for both they would draw the same rows */
    hunt.iterations = (hunt.iterations * 2 + 2) / 3;
    return hunt;
}

bool hunts_arithmetic(struct lab *lab, struct err *err)
{
    const struct hunt hunt = arithmetic(lab);
    return hunts_one(lab, &hunt, err);
}

double hunts_two_cost(const struct lab *lab)
{
    const struct hunt first = arithmetic(lab);
    struct hunt second = hunts_of(lab, "calculus search", HUNT_MLP, METRIC_SEQ_LOGPROB);
    second.targets = lab->probes; /* about as many */
    return lab_hunt_tokens(lab, &first) + lab_hunt_tokens(lab, &second);
}

/* ---- answers ----------------------------------------------------------------------- */

struct paired hunts_masked(const struct lab *lab, const char *name, const bool *mask)
{
    char base[LAB_NAME_MAX], now[LAB_NAME_MAX];
    const struct lab_filter filter = {.mask = mask};
    return lab_paired(lab, answers_unit(base, "base"), answers_unit(now, name), lab->all,
                      &filter);
}

/* Probes first to first + count - 1 of lab->all. */
static struct paired part(const struct lab *lab, const char *name, size_t first, size_t count)
{
    bool *mask = x_new(lab->all->count, sizeof *mask);
    memset(mask + first, 1, count);
    struct paired paired = hunts_masked(lab, name, mask);
    free(mask);
    return paired;
}

struct paired hunts_targets(const struct lab *lab, const char *name)
{
    return part(lab, name, 0, lab->targets->count);
}

struct paired hunts_controls(const struct lab *lab, const char *name)
{
    return part(lab, name, lab->targets->count, lab->controls->count);
}

struct paired hunts_heldout(const struct lab *lab, const char *name)
{
    size_t first = lab->targets->count + lab->controls->count;
    return part(lab, name, first, lab->all->count - first);
}

/* ---- report ------------------------------------------------------------------------ */

static const struct column columns[] = {
    {"search", "search", SIDE_NONE, NULL},
    {"tried", "tried", SIDE_OURS, NULL},
    {"screened", "screened", SIDE_OURS, NULL},
    {"accepted", "accepted", SIDE_OURS, NULL},
    {"percent", "of tried", SIDE_OURS, "%.1f %%"},
    {"fitness", "fitness", SIDE_OURS, "%+.4f"},
    {"bytes", "bytes", SIDE_OURS, NULL},
    {"published_tried", "tried", SIDE_PUBLISHED, NULL},
    {"published_accepted", "accepted", SIDE_PUBLISHED, NULL},
    {"published_percent", "of tried", SIDE_PUBLISHED, "%.1f %%"},
    {"published_fitness", "fitness", SIDE_PUBLISHED, "%+.4f"},
};

void account_hunts(struct account *account)
{
    account_table(account, "searches", "searches (fitness is a search signal; 12 bytes a row, as "
                                       "published)", columns, countof(columns));
}

static void set_percent(json_t *row, const char *key, const char *part, const char *whole)
{
    double parts = json_number_value(json_object_get(row, part));
    double of = json_number_value(json_object_get(row, whole));
    if (json_object_get(row, part) && of > 0)
        (void)json_object_set_new(row, key, json_real(100 * parts / of));
}

void account_hunt(struct account *account, const struct lab *lab, const char *unit,
                  json_t *published)
{
    enum { FLIP_BYTES = 12 };
    json_t *row = json_copy((json_t *)lab_result(lab, unit));
    json_int_t accepted = json_integer_value(json_object_get(row, "accepted"));
    (void)json_object_set_new(row, "search", json_string(unit));
    (void)json_object_set_new(row, "bytes", json_integer(FLIP_BYTES * accepted));
    if (published)
        (void)json_object_update(row, published);
    json_decref(published);
    set_percent(row, "percent", "accepted", "tried");
    set_percent(row, "published_percent", "published_accepted", "published_tried");
    account_row(account, row);
}

void account_answer_table(struct account *account, const char *title)
{
    account_table(account, "answers", title, answer_columns, ANSWER_COLUMNS);
}
