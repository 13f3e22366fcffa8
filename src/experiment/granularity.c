/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiment 11: the greedy search with whole rows, with groups of 128 weights, and with
 * 1/32 of a row, which is what a group is in the published model.
 *
 * A candidate of the finer kinds is a place drawn by the scale of its group; it is
 * measured fully (no screening) and kept if the fitness rises, as rows are.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/draw.h"
#include "src/base/clock.h"
#include "src/experiment/hunts.h"

extern const struct experiment experiment_granularity;

enum { PUBLISHED_PARTS = 32, ROW_TRIES = 800, PART_TRIES = 1500 };
static const char rows_unit[] = "rows search";

struct kind {
    const char *unit;
    uint32_t weights; /* of a candidate, a divisor of GROUP_WEIGHTS */
};

/* Gate and up rows have as many columns as the model is wide. */
static uint32_t part_weights(const struct lab *lab)
{
    uint32_t weights = model_shape(lab->model)->width / PUBLISHED_PARTS;
    uint32_t power = 1;
    while (power * 2 <= weights && power < GROUP_WEIGHTS)
        power *= 2;
    return power;
}

/* Groups, and where they are a larger part of a row than published, 1/32 of a row. */
static size_t kinds_of(const struct lab *lab, struct kind kinds[2])
{
    size_t count = 0;
    kinds[count++] = (struct kind){"groups search", GROUP_WEIGHTS};
    if (part_weights(lab) < GROUP_WEIGHTS)
        kinds[count++] = (struct kind){"1/32 rows search", part_weights(lab)};
    return count;
}

/* ---- planning ---------------------------------------------------------------------- */

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_layers(lab);
    lab_take_iterations(lab, 500, PART_TRIES);
    return lab_take_search_sets(lab, "calculus-train", "math,code,knowledge",
                                lab->full_size ? "calculus-heldout"
                                               : "calculus-heldout,nano-heldout", err);
}

/* Rows: as many fewer as were published, 800 against 1500. */
static struct hunt rows_of(const struct lab *lab)
{
    struct hunt hunt = hunts_of(lab, rows_unit, HUNT_MLP, METRIC_SEQ_LOGPROB);
    hunt.iterations = (hunt.iterations * ROW_TRIES + PART_TRIES - 1) / PART_TRIES;
    return hunt;
}

static double part_tokens(const struct lab *lab)
{
    return (lab_gap_tokens(lab, lab->targets) + lab_gap_tokens(lab, lab->controls)) / 2;
}

static double cost(const struct lab *lab)
{
    struct kind kinds[2];
    const struct hunt rows = rows_of(lab);
    size_t count = kinds_of(lab, kinds);
    return hunts_cost(lab, &rows) + lab_answer_tokens(lab, lab->all) +
           (double)count * (part_tokens(lab) * (double)lab->settings.iterations +
                            lab_answer_tokens(lab, lab->all));
}

/* ---- candidates -------------------------------------------------------------------- */

struct pool { /* of groups */
    struct flip *groups;
    uint64_t *weights;
    size_t count;
};

static void add_group(struct pool *pool, const struct lab *lab, struct flip flip)
{
    pool->groups[pool->count] = flip;
    pool->weights[pool->count++] = model_group_scale(lab->model, flip.layer, flip.proj, flip.row,
                                                     (uint32_t)flip.group);
}

static void add_groups(struct pool *pool, const struct lab *lab, int32_t layer, enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(lab->model, layer, proj, &rows, &columns);
    uint32_t groups = columns / GROUP_WEIGHTS;
    size_t count = pool->count + (size_t)rows * groups;
    pool->groups = x_grow(pool->groups, count, sizeof *pool->groups);
    pool->weights = x_grow(pool->weights, count, sizeof *pool->weights);
    for (uint32_t row = 0; row < rows; row++)
        for (uint32_t group = 0; group < groups; group++)
            add_group(pool, lab, (struct flip){layer, proj, row, (int32_t)group, {0, 0}});
}

static void pool_free(struct pool *pool)
{
    free(pool->groups);
    free(pool->weights);
}

/* Part `index` of the group, `weights` bits. */
static void set_mask(struct flip *flip, uint32_t weights, uint32_t index)
{
    flip->mask[0] = flip->mask[1] = 0;
    for (uint32_t i = index * weights; i < (index + 1) * weights; i++)
        flip->mask[i / 64] |= UINT64_C(1) << i % 64;
}

/* ---- the search -------------------------------------------------------------------- */

struct parts { /* one search */
    struct lab *lab;
    const struct kind *kind;
    struct pool pool;
    struct draw *draw;
    struct rng rng;
    struct search *search;
    double *gaps;
    struct flips accepted;
    uint64_t tried;
    double change; /* sum over the candidates of the mean |change| of target gaps */
};

static bool next_candidate(struct parts *parts, struct flip *flip)
{
    size_t item = 0;
    if (!draw_next(parts->draw, &parts->rng, &item))
        return false;
    *flip = parts->pool.groups[item];
    uint32_t weights = parts->kind->weights;
    set_mask(flip, weights, (uint32_t)rng_below(&parts->rng, GROUP_WEIGHTS / weights));
    return true;
}

static bool try_candidate(struct parts *parts, const struct flip *flip, struct err *err)
{
    struct lab *lab = parts->lab;
    struct search_try kept;
    double fitness = 0;
    if (!search_measure(parts->search, flip, parts->gaps, &fitness, lab->cancel, err))
        return false;
    struct shift shift = shift_of(search_gaps_now(parts->search), parts->gaps,
                                  lab->targets->count);
    parts->change += shift.mean;
    lab_progress(lab, parts->kind->unit, part_tokens(lab));
    if (!(fitness > search_fitness(parts->search)))
        return true;
    flips_add(&parts->accepted, *flip);
    if (search_keep(parts->search, flip, &kept, lab->cancel, err))
        return true;
    parts->accepted.count--; /* it is not on the model */
    return false;
}

static json_t *parts_json(const struct parts *parts)
{
    size_t candidates = parts->pool.count * (GROUP_WEIGHTS / parts->kind->weights);
    return json_pack("{s:o, s:f, s:I, s:I, s:i, s:f, s:I}", "flips",
                     flips_json(&parts->accepted), "fitness", search_fitness(parts->search),
                     "tried", (json_int_t)parts->tried, "accepted",
                     (json_int_t)parts->accepted.count, "weights", (int)parts->kind->weights,
                     "sum_abs_change", parts->change, "candidates",
                     (json_int_t)candidates);
}

static const char *so_far(const struct parts *parts, char name[LAB_NAME_MAX])
{
    return lab_name(name, "%s so far", parts->kind->unit);
}

static bool note(struct parts *parts, struct err *err)
{
    char name[LAB_NAME_MAX];
    return record_put(parts->lab->record, so_far(parts, name), parts_json(parts), err);
}

/* Draw what was drawn, keep what was kept: measured again, to the same bits [S4]. */
static bool go_on(struct parts *parts, struct err *err)
{
    char name[LAB_NAME_MAX];
    struct flips past = {0};
    struct flip flip;
    struct search_try kept;
    const json_t *far = record_get(parts->lab->record, so_far(parts, name));
    if (!far)
        return true;
    json_int_t tried = json_integer_value(json_object_get(far, "tried"));
    bool ok = flips_read(json_object_get(far, "flips"), parts->lab->model, &past, err);
    for (; ok && (json_int_t)parts->tried < tried && next_candidate(parts, &flip);)
        parts->tried++;
    for (size_t i = 0; ok && i < past.count; i++) {
        ok = search_keep(parts->search, &past.data[i], &kept, parts->lab->cancel, err);
        if (ok)
            flips_add(&parts->accepted, past.data[i]);
    }
    parts->change = json_number_value(json_object_get(far, "sum_abs_change"));
    flips_free(&past);
    return ok;
}

static bool try_all(struct parts *parts, struct err *err)
{
    double noted = clock_seconds();
    struct flip flip;
    while (parts->tried < parts->lab->settings.iterations && next_candidate(parts, &flip)) {
        if (!try_candidate(parts, &flip, err)) {
            struct err ignored = {0}; /* the first failure is the one to tell */
            (void)note(parts, &ignored);
            return false;
        }
        parts->tried++;
        if (clock_seconds() - noted < parts->lab->save_seconds)
            continue;
        if (!note(parts, err))
            return false;
        noted = clock_seconds();
    }
    return true;
}

static json_t *run_parts(struct parts *parts, struct err *err)
{
    bool ok = go_on(parts, err) && try_all(parts, err);
    json_t *result = ok ? parts_json(parts) : NULL;
    flips_toggle(&parts->accepted, parts->lab->model);
    return result;
}

static json_t *work(struct lab *lab, const void *request, struct err *err)
{
    struct hunt hunt = hunts_of(lab, "", HUNT_MLP, METRIC_SEQ_LOGPROB);
    struct search_options options = lab_search_options(lab, &hunt);
    struct parts parts = {.lab = lab, .kind = request};
    parts.search = search_new(lab->model, lab->targets, lab->controls, &options, lab->cancel, err);
    if (!parts.search)
        return NULL;
    for (size_t i = 0; i < lab->settings.layer_count; i++)
        for (int proj = PROJ_GATE; proj <= PROJ_UP; proj++)
            add_groups(&parts.pool, lab, lab->settings.layers[i], (enum proj)proj);
    parts.draw = draw_new(parts.pool.weights, parts.pool.count);
    parts.gaps = x_new(lab->targets->count + lab->controls->count, sizeof *parts.gaps);
    rng_seed(&parts.rng, lab->settings.seed);
    json_t *result = run_parts(&parts, err);
    search_free(parts.search);
    draw_free(parts.draw);
    pool_free(&parts.pool);
    flips_free(&parts.accepted);
    free(parts.gaps);
    return result;
}

static bool run_kind(struct lab *lab, const struct kind *kind, struct err *err)
{
    struct flips flips = {0};
    double tokens = part_tokens(lab) * (double)lab->settings.iterations;
    bool ok = lab_unit(lab, kind->unit, tokens, work, kind, err) &&
              lab_hunted(lab, kind->unit, &flips, err) &&
              lab_answer_all(lab, kind->unit, &flips, err);
    flips_free(&flips);
    return ok;
}

static bool run(struct lab *lab, struct err *err)
{
    struct kind kinds[2];
    const struct hunt rows = rows_of(lab);
    bool ok = hunts_base(lab, err) && hunts_one(lab, &rows, err);
    size_t count = kinds_of(lab, kinds);
    for (size_t i = 0; ok && i < count; i++)
        ok = run_kind(lab, &kinds[i], err);
    return ok;
}

/* ---- report ------------------------------------------------------------------------ */

static double accepted_share(const struct lab *lab, const char *unit)
{
    return lab_number(lab, unit, "accepted") / lab_number(lab, unit, "tried");
}

static const char *finest(const struct lab *lab)
{
    struct kind kinds[2];
    return kinds[kinds_of(lab, kinds) - 1].unit;
}

static void claims(const struct lab *lab, struct account *account)
{
    double rows = accepted_share(lab, rows_unit), parts = accepted_share(lab, finest(lab));
    double high = lab_number(lab, rows_unit, "fitness");
    double low = lab_number(lab, finest(lab), "fitness");
    struct paired answers = hunts_heldout(lab, finest(lab));
    struct claim rare = {
        .verdict = claim_if(parts * 4 < rows),
        .what = "of fine candidates (1/32 of a row) hardly any is accepted",
        .rule = "like if their share is below a quarter of that of rows",
    };
    struct claim small = {
        .verdict = claim_if(low * 10 < high),
        .what = "and they lead nowhere",
        .rule = "like if the fitness is below a tenth of that of rows",
    };
    struct claim none = {
        .verdict = claim_if(answers.fixed + answers.broke == 0),
        .what = "no held-out answer changes",
        .rule = "like if none is fixed and none breaks",
    };
    account_claim(account, rare, "6 of 1500 (0.4 %) against 73 of 800 (9.1 %)",
                  "%.1f %% against %.1f %%", 100 * parts, 100 * rows);
    account_claim(account, small, "+0.0067 against +0.3286", "%+.4f against %+.4f", low, high);
    account_claim(account, none, "0 fixed, 0 broke of 30", "%zu fixed, %zu broke of %zu (p %.4f)",
                  answers.fixed, answers.broke, answers.n, answers.p);
}

static void report(const struct lab *lab, struct account *account)
{
    struct kind kinds[2];
    char base[LAB_NAME_MAX], now[LAB_NAME_MAX];
    size_t count = kinds_of(lab, kinds);
    account_hunts(account);
    account_hunt(account, lab, rows_unit,
                 json_pack("{s:i, s:i, s:f}", "published_tried", 800, "published_accepted", 73,
                           "published_fitness", 0.3286));
    for (size_t i = 0; i < count; i++)
        account_hunt(account, lab, kinds[i].unit,
                     i + 1 < count ? NULL
                                   : json_pack("{s:i, s:i, s:f}", "published_tried", 1500,
                                               "published_accepted", 6, "published_fitness",
                                               0.006672));
    account_answer_table(account, "greedy answers");
    account_answers(account, lab, "rows: ", answers_unit(base, "base"),
                    answers_unit(now, rows_unit), lab->all);
    for (size_t i = 0; i < count; i++)
        account_answers(account, lab, i == 0 ? "groups: " : "1/32 rows: ",
                        answers_unit(base, "base"), answers_unit(now, kinds[i].unit), lab->all);
    claims(lab, account);
    account_note(account, "a published row has 32 groups of 128 weights, here %u",
                 (unsigned)(model_shape(lab->model)->width / GROUP_WEIGHTS));
    account_note(account, "bytes of groups and parts are of 12 bytes a flip, too; finer candidates "
                          "are not screened");
}

const struct experiment experiment_granularity = {
    .name = "granularity",
    .numbers = "11",
    .title = "Groups against rows",
    .shows = "whether finer flips than rows can be found by the same search",
    .published = "6 of 1500 groups accepted, fitness +0.0067 (rows: 73 of 800, +0.3286); no "
                 "answer changed",
    .source = "README, experiments 9 and 11 (token_gap); patches/calculus_group_v1.json",
    .options = LAB_TARGET | LAB_CONTROL | LAB_HELDOUT | LAB_ITERS | LAB_SEED | LAB_LAYERS,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
