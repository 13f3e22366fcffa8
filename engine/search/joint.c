/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `joint`: several domains at once.
 *
 *   order     one backward pass lists the units that promise most for the sum of the
 *             domains, each with equal weight
 *   odd       candidates add the best of the list to what is on,
 *   even      ones add a unit of the list to a point of the front, or take one off it, at
 *             random: the front grows where the accepted flips do not go
 *   accepted  if no domain's fitness is lower than with what is on, and one is higher
 *   front     all that was tried and is not dominated
 *
 * A candidate is the difference to what is on.
 */
#include "engine/search/joint.h"

#include <stdlib.h>
#include <string.h>

#include "engine/search/method.h"
#include "engine/search/outlook.h"

enum {
    LIST_MOST = 128,
    ACCEPTED_EVERY = 4, /* accepted: then a new list */
    PATIENCE = 32,      /* candidates: the same, if one was accepted */
    ATTEMPTS = 64,      /* at a child of the front that was not tried yet */
};

struct outcome {
    bool known;
    uint64_t number;
    bool accepted;
    struct flip_bag child;
    double *values; /* [domain_count]; not known of what was not measured */
    bool measured;
};

struct joint {
    struct outlook outlook; /* first: outlook_candidates */
    uint64_t outlook_for, list_for; /* candidates; as in evolve.c */
    struct flip_bag listed;
    uint64_t tried, accepted;       /* since the list */
    char **names;                   /* [domain_count] */
    size_t domain_count;
    double **weights;               /* [domain_count][probes] */
    double *sum_weights;            /* [probes] of the sum of all */
    struct front front;
    bool front_begun;               /* are what was on at first, and no flips, in it? */
    struct front_point *early;      /* [early_count] what came before that (resume) */
    size_t early_count;
    struct flip_bag first;          /* on when the first candidate was chosen */
    uint64_t *seen;
    size_t seen_count;
    struct outcome last;
    struct flip_bag child, on;
};

/* ---- making ---------------------------------------------------------------------- */

static bool begin(struct search *search, const struct search_options *options, struct err *err)
{
    struct joint *joint = x_new(1, sizeof *joint);
    search->plan = joint;
    return outlook_init(&joint->outlook, search->model, options, err);
}

static void end(struct search *search)
{
    struct joint *joint = search->plan;
    outlook_free(&joint->outlook);
    for (size_t i = 0; i < joint->domain_count; i++) {
        free(joint->names[i]);
        free(joint->weights[i]);
    }
    free(joint->names);
    free(joint->weights);
    free(joint->sum_weights);
    front_free(&joint->front);
    for (size_t i = 0; i < joint->early_count; i++) {
        flip_bag_free(&joint->early[i].bag);
        free(joint->early[i].values);
    }
    free(joint->early);
    flip_bag_free(&joint->listed);
    flip_bag_free(&joint->first);
    flip_bag_free(&joint->child);
    flip_bag_free(&joint->on);
    flip_bag_free(&joint->last.child);
    free(joint->last.values);
    free(joint->seen);
    free(joint);
}

static size_t domain_of(struct joint *joint, const char *name, size_t probes)
{
    for (size_t i = 0; i < joint->domain_count; i++)
        if (strcmp(joint->names[i], name) == 0)
            return i;
    size_t at = joint->domain_count++;
    joint->names = x_grow(joint->names, at + 1, sizeof *joint->names);
    joint->weights = x_grow(joint->weights, at + 1, sizeof *joint->weights);
    joint->names[at] = x_copy(name, strlen(name));
    joint->weights[at] = x_new(probes, sizeof **joint->weights);
    return at;
}

/* In the sum each domain has the weight 1, whatever its size. */
static void weigh_sum(struct joint *joint, size_t targets, size_t probes)
{
    joint->sum_weights = x_new(probes, sizeof *joint->sum_weights);
    for (size_t domain = 0; domain < joint->domain_count; domain++) {
        double size = 0;
        for (size_t i = 0; i < targets; i++)
            size += joint->weights[domain][i];
        for (size_t i = 0; i < targets; i++)
            joint->sum_weights[i] += joint->weights[domain][i] / size;
    }
    for (size_t i = targets; i < probes; i++)
        joint->sum_weights[i] = 1;
}

static bool take_probes(struct search *search, const struct probe *const *probes,
                        struct err *err)
{
    struct joint *joint = search->plan;
    size_t targets = search->target_count, count = search->probe_count;
    for (size_t i = 0; i < targets; i++) {
        size_t domain = domain_of(joint, probes[i]->set, count);
        joint->weights[domain][i] = 1;
    }
    for (size_t domain = 0; domain < joint->domain_count; domain++)
        for (size_t i = targets; i < count; i++)
            joint->weights[domain][i] = 1;
    weigh_sum(joint, targets, count);
    front_init(&joint->front, joint->domain_count);
    joint->last.values = x_new(joint->domain_count, sizeof *joint->last.values);
    return joint->domain_count >= 2 ||
           err_set(err, ERR_USAGE, "method joint searches for several domains, expected two or "
                                   "more sets as targets, found one ('%.64s')",
                   joint->names[0]);
}

/* ---- what was tried -------------------------------------------------------------- */

static void values_of(const struct search *search, const double *gaps, double *values)
{
    const struct joint *joint = search->plan;
    struct judge judge = search_judge_of(search);
    for (size_t i = 0; i < joint->domain_count; i++) {
        judge.weights = joint->weights[i];
        values[i] = judge_fitness(&judge, gaps);
    }
}

static void add_early(struct joint *joint, const struct outcome *outcome)
{
    joint->early = x_grow(joint->early, joint->early_count + 1, sizeof *joint->early);
    struct front_point *point = &joint->early[joint->early_count++];
    *point = (struct front_point){.number = outcome->number};
    point->values = x_new(joint->domain_count, sizeof *point->values);
    memcpy(point->values, outcome->values, joint->domain_count * sizeof *point->values);
    flip_bag_copy(&point->bag, &outcome->child);
}

static void settle(struct joint *joint)
{
    struct outcome *last = &joint->last;
    if (!last->known)
        return;
    last->known = false;
    joint->tried++;
    joint->accepted += last->accepted;
    joint->seen = x_grow(joint->seen, joint->seen_count + 1, sizeof *joint->seen);
    joint->seen[joint->seen_count++] = flip_bag_key(&last->child);
    if (last->measured && !joint->front_begun)
        add_early(joint, last);
    else if (last->measured)
        (void)front_offer(&joint->front, &last->child, last->values, last->number);
}

/* Is a new list due? */
static bool is_due(const struct joint *joint)
{
    return joint->list_for == 0 || joint->accepted >= ACCEPTED_EVERY ||
           (joint->accepted > 0 && joint->tried >= PATIENCE);
}

static void list_anew(struct joint *joint, uint64_t number, const struct flip_bag *on)
{
    flip_bag_copy(&joint->listed, on);
    joint->list_for = number;
    joint->tried = joint->accepted = 0;
}

/* ---- the list -------------------------------------------------------------------- */

static bool make_list(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct joint *joint = search->plan;
    if (joint->outlook.made && joint->outlook_for == joint->list_for)
        return true;
    const struct outlook_question question = {
        .on = &joint->listed, .weights = joint->sum_weights, .most = LIST_MOST};
    bool ok = outlook_make(&joint->outlook, search, &question, cancel, err);
    joint->outlook_for = joint->list_for;
    return ok;
}

/* What the first candidate was chosen for, and the model without flips; then what an
 * earlier run tried. */
static bool begin_front(struct search *search, cancel_flag *cancel, struct err *err)
{
    static const struct flip_bag empty;
    struct joint *joint = search->plan;
    if (joint->front_begun)
        return true;
    double *gaps = x_new(search->probe_count, sizeof *gaps);
    double *values = x_new(joint->domain_count, sizeof *values);
    bool ok = search_gaps_at(search, &joint->first, gaps, cancel, err);
    if (ok) {
        values_of(search, gaps, values);
        (void)front_offer(&joint->front, &joint->first, values, 0);
        values_of(search, search->before, values);
        (void)front_offer(&joint->front, &empty, values, 0);
        joint->front_begun = true;
    }
    for (size_t i = 0; ok && i < joint->early_count; i++)
        (void)front_offer(&joint->front, &joint->early[i].bag, joint->early[i].values,
                          joint->early[i].number);
    free(values);
    free(gaps);
    return ok;
}

/* ---- children -------------------------------------------------------------------- */

static bool is_new(const struct joint *joint)
{
    uint64_t key = flip_bag_key(&joint->child);
    for (size_t i = 0; i < joint->seen_count; i++)
        if (joint->seen[i] == key)
            return false;
    return joint->child.count > 0 && !flip_bag_equal(&joint->child, &joint->on);
}

static bool main_child(struct joint *joint)
{
    for (size_t i = 0; i < joint->outlook.list.count; i++) {
        const struct flip *flip = &joint->outlook.list.heap[i].flip;
        if (flip_bag_has(&joint->on, flip))
            continue;
        flip_bag_copy(&joint->child, &joint->on);
        flip_bag_toggle(&joint->child, flip);
        if (is_new(joint))
            return true;
    }
    return false;
}

static bool front_child(struct search *search, uint64_t number)
{
    struct joint *joint = search->plan;
    const struct best *list = &joint->outlook.list;
    struct rng rng = method_rng(search, number);
    for (int attempt = 0; attempt < ATTEMPTS && list->count > 0; attempt++) {
        double unit = rng_unit(&rng);
        size_t at = (size_t)rng_below(&rng, joint->front.count);
        flip_bag_copy(&joint->child, &joint->front.points[at].bag);
        size_t place = (size_t)(unit * unit * (double)list->count);
        flip_bag_toggle(&joint->child, &list->heap[place].flip);
        if (is_new(joint))
            return true;
    }
    return false;
}

/* ---- steps ----------------------------------------------------------------------- */

static enum search_status next(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct joint *joint = search->plan;
    uint64_t number = search->tried + 1;
    search_on(search, &joint->on);
    if (search->tried == 0)
        flip_bag_copy(&joint->first, &joint->on);
    if (!begin_front(search, cancel, err))
        return SEARCH_FAILED;
    settle(joint);
    if (is_due(joint))
        list_anew(joint, number, &joint->on);
    if (!make_list(search, cancel, err))
        return SEARCH_FAILED;
    bool odd = number % 2 == 1;
    bool found = odd ? main_child(joint) || front_child(search, number)
                     : front_child(search, number) || main_child(joint);
    if (!found)
        return SEARCH_FINISHED;
    search_aim(search, &joint->child);
    return SEARCH_TRIED;
}

static void note(struct search *search, const struct flip_bag *child, uint64_t number,
                 bool accepted, const double *gaps)
{
    struct joint *joint = search->plan;
    struct outcome *last = &joint->last;
    last->known = true;
    last->number = number;
    last->accepted = accepted;
    last->measured = gaps != NULL;
    flip_bag_copy(&last->child, child);
    if (gaps)
        values_of(search, gaps, last->values);
}

static void tried(struct search *search, const struct search_try *tried)
{
    struct joint *joint = search->plan;
    note(search, &joint->child, tried->number, tried->accepted, search->trial);
}

static void untry(struct search *search, const struct search_try *tried)
{
    struct joint *joint = search->plan;
    (void)tried;
    joint->last.known = false;
}

/* Of search->trial. */
static bool accepts(const struct search *search, double fitness)
{
    const struct joint *joint = search->plan;
    size_t domains = joint->domain_count;
    double *values = x_new(2 * domains, sizeof *values);
    (void)fitness;
    values_of(search, search->trial, values);
    values_of(search, search->now, values + domains);
    bool better = front_dominates(values, values + domains, domains);
    free(values);
    return better;
}

static size_t peek(const struct search *search, size_t count, struct flip *out)
{
    const struct joint *joint = search->plan;
    size_t found = 0;
    for (size_t i = 0; joint->outlook.made && i < joint->outlook.list.count && found < count; i++)
        if (!flip_bag_has(&joint->on, &joint->outlook.list.heap[i].flip))
            out[found++] = joint->outlook.list.heap[i].flip;
    return found;
}

static bool resume(struct search *search, const struct search_past *past, struct err *err)
{
    struct joint *joint = search->plan;
    if (past->tried > 0 && !past_on(past, 1, &joint->first, err))
        return false;
    for (uint64_t i = 0; i < past->tried; i++) {
        const struct search_tried *tried = &past->tries[i];
        size_t count = 0;
        const struct flip *flips = tried_flips(tried, &count);
        settle(joint);
        if (!past_on(past, i + 1, &joint->child, err))
            return false;
        if (is_due(joint))
            list_anew(joint, i + 1, &joint->child);
        flip_bag_xor(&joint->child, flips, count);
        note(search, &joint->child, i + 1, tried->accepted, tried->gaps);
    }
    return true;
}

/* ---- the front ------------------------------------------------------------------- */

size_t search_domains(const struct search *search)
{
    const struct joint *joint = search->plan;
    return search->method == &method_joint ? joint->domain_count : 0;
}

const char *search_domain_name(const struct search *search, size_t domain)
{
    const struct joint *joint = search->plan;
    BUG_ON(domain >= search_domains(search));
    return joint->names[domain];
}

void search_domain_values(const struct search *search, const double *gaps, double *values)
{
    BUG_ON(search_domains(search) == 0);
    values_of(search, gaps, values);
}

const struct front *search_front(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct joint *joint = search->plan;
    BUG_ON(search_domains(search) == 0);
    if (!begin_front(search, cancel, err))
        return NULL;
    settle(joint);
    return &joint->front;
}

const struct method method_joint = {
    .name = "joint",
    .help = "several sets of targets at once: none may fall; shows the Pareto front",
    .whole_model = true,
    .replays = true,
    .draws = method_draws,
    .measures_all = true,
    .granularities = (1u << GRANULARITY_COUNT) - 1,
    .begin = begin,
    .free = end,
    .take_probes = take_probes,
    .next = next,
    .tried = tried,
    .untry = untry,
    .accepts = accepts,
    .peek = peek,
    .candidates = outlook_candidates,
    .resume = resume,
};
