/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/search/search_compare_int.h"

const char *compare_role_name(enum compare_role role)
{
    static const char *const names[ROLE_COUNT] = {"train", "controls", "validation", "heldout"};
    return names[role];
}

const char *compare_method_name(int method)
{
    return method == COMPARE_TRAIN ? "train" : search_method_name((enum search_method)method);
}

bool compare_method_parse(const char *name, int *method)
{
    enum search_method found = SEARCH_GREEDY;
    bool ok = search_method_parse(name, &found);
    *method = ok ? (int)found : COMPARE_TRAIN;
    return ok || strcmp(name, "train") == 0;
}

typedef double number_of(const struct compare_run *run, size_t group);

static double fitness_of(const struct compare_run *run, size_t group)
{
    (void)group;
    return run->fitness;
}

static double flips_of(const struct compare_run *run, size_t group)
{
    (void)group;
    return (double)run->flips;
}

static double tried_of(const struct compare_run *run, size_t group)
{
    (void)group;
    return (double)run->tried;
}

static double passes_of(const struct compare_run *run, size_t group)
{
    (void)group;
    return (double)run->passes;
}

static double cost_of(const struct compare_run *run, size_t group)
{
    (void)group;
    return run->cost;
}

static double seconds_of(const struct compare_run *run, size_t group)
{
    (void)group;
    return run->seconds;
}

static double right_of(const struct compare_run *run, size_t group)
{
    return (double)comparison_right_now(&run->groups[group]);
}

static double fixed_of(const struct compare_run *run, size_t group)
{
    return (double)run->groups[group].fixed;
}

static double broke_of(const struct compare_run *run, size_t group)
{
    return (double)run->groups[group].broke;
}

static double change_of(const struct compare_run *run, size_t group)
{
    return fixed_of(run, group) - broke_of(run, group);
}

struct runs {
    const struct compare_run **of; /* one method */
    size_t count;
};

static struct spread spread_of(const struct runs *runs, number_of *number, size_t group)
{
    double *values = x_new(runs->count, sizeof *values);
    for (size_t i = 0; i < runs->count; i++)
        values[i] = number(runs->of[i], group);
    struct spread spread = statistics_spread(values, runs->count);
    free(values);
    return spread;
}

static struct compare_answers answers_of(const struct runs *runs, size_t group)
{
    const struct comparison *first = &runs->of[0]->groups[group];
    struct compare_answers answers = {
        .n = first->n,
        .right_base = comparison_right_base(first),
        .right = spread_of(runs, right_of, group),
        .fixed = spread_of(runs, fixed_of, group),
        .broke = spread_of(runs, broke_of, group),
        .change = spread_of(runs, change_of, group),
    };
    for (size_t i = 0; i < runs->count; i++)
        answers.p_most = fmax(answers.p_most, runs->of[i]->groups[group].mcnemar_p);
    return answers;
}

struct compare_summary compare_summarize(const struct compare_run *runs, size_t count,
                                         int method, size_t groups)
{
    struct runs own = {x_new(count + 1, sizeof(const struct compare_run *)), 0};
    for (size_t i = 0; i < count; i++)
        if (runs[i].method == method)
            own.of[own.count++] = &runs[i];
    BUG_ON(own.count == 0);
    struct compare_summary summary = {
        .fitness = spread_of(&own, fitness_of, ROLE_TRAIN),
        .flips = spread_of(&own, flips_of, ROLE_TRAIN),
        .tried = spread_of(&own, tried_of, ROLE_TRAIN),
        .passes = spread_of(&own, passes_of, ROLE_TRAIN),
        .cost = spread_of(&own, cost_of, ROLE_TRAIN),
        .seconds = spread_of(&own, seconds_of, ROLE_TRAIN),
    };
    for (size_t group = 0; group < groups; group++)
        summary.groups[group] = answers_of(&own, group);
    free(own.of);
    return summary;
}
