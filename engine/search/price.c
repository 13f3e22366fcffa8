/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The price of flips: each that is on takes options.price off the fitness.
 *
 * Flips are XORed, so that one is on which occurs an odd number of times.  They count as
 * they came: a row and a group of it are two.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/search_int.h"

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_flips(const void *a, const void *b)
{
    const struct flip *left = a, *right = b;
    int order = compare((uint64_t)(left->layer + INT64_C(1)),
                        (uint64_t)(right->layer + INT64_C(1)));
    order = order ? order : compare(left->proj, right->proj);
    order = order ? order : compare(left->row, right->row);
    order = order ? order
                  : compare((uint64_t)(left->group + INT64_C(1)),
                            (uint64_t)(right->group + INT64_C(1)));
    order = order ? order : compare(left->mask[0], right->mask[0]);
    return order ? order : compare(left->mask[1], right->mask[1]);
}

static size_t count_on(const struct flip *some, size_t some_count, const struct flip *more,
                       size_t more_count)
{
    size_t count = some_count + more_count, on = 0;
    struct flip *all = x_new(count + 1, sizeof *all);
    if (some_count > 0)
        memcpy(all, some, some_count * sizeof *all);
    if (more_count > 0)
        memcpy(all + some_count, more, more_count * sizeof *all);
    qsort(all, count, sizeof *all, compare_flips);
    for (size_t i = 0, next = 0; i < count; i = next) {
        while (next < count && compare_flips(&all[i], &all[next]) == 0)
            next++;
        on += (next - i) % 2;
    }
    free(all);
    return on;
}

double search_cost(const struct search *search, const struct flip *flips, size_t count)
{
    double price = search->options.price;
    return price > 0 ? price * (double)count_on(search->accepted, search->accepted_count, flips,
                                                count)
                     : 0;
}

double search_value(const struct search *search, const double *gaps, const struct flip *flips,
                    size_t count)
{
    struct judge judge = search_judge_of(search);
    return judge_fitness(&judge, gaps) - search_cost(search, flips, count);
}

double search_value_alone(const struct search *search, const double *gaps,
                          const struct flip *flips, size_t count)
{
    struct judge judge = search_judge_of(search);
    double price = search->options.price;
    double cost = price > 0 ? price * (double)count_on(NULL, 0, flips, count) : 0;
    return judge_fitness(&judge, gaps) - cost;
}
