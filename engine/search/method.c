/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of methods, and what others may ask of it.
 */
#include "engine/search/method.h"

#include <string.h>

#define METHOD_ENTRY(upper, lower) [SEARCH_##upper] = &method_##lower,
const struct method *const search_methods[SEARCH_METHOD_COUNT] = {SEARCH_METHODS(METHOD_ENTRY)};
#undef METHOD_ENTRY

static const struct method *method_of(enum search_method method)
{
    BUG_ON((int)method < 0 || method >= SEARCH_METHOD_COUNT);
    return search_methods[method];
}

const char *search_method_name(enum search_method method)
{
    return method_of(method)->name;
}

const char *search_method_help(enum search_method method)
{
    return method_of(method)->help;
}

bool search_method_parse(const char *name, enum search_method *method)
{
    for (int i = 0; i < SEARCH_METHOD_COUNT; i++)
        if (strcmp(name, search_methods[i]->name) == 0) {
            *method = (enum search_method)i;
            return true;
        }
    return false;
}

const char *search_method_choices(void)
{
#define METHOD_NAME(upper, lower) " " #lower
    return "one of" SEARCH_METHODS(METHOD_NAME);
#undef METHOD_NAME
}

uint32_t search_method_projs(enum search_method method)
{
    uint32_t projs = method_of(method)->projs;
    return projs ? projs : search_all_projs;
}

enum granularity search_method_granularity(enum search_method method)
{
    return method_of(method)->usual;
}

bool search_method_knows(enum search_method method, enum granularity granularity)
{
    return method_of(method)->granularities >> granularity & 1;
}

bool search_method_replays(enum search_method method)
{
    return method_of(method)->replays;
}

bool search_method_wants_flips(enum search_method method)
{
    return method_of(method)->wants_flips;
}

size_t search_method_starts_max(enum search_method method)
{
    return method_of(method)->takes_starts ? SIZE_MAX : 1;
}

bool search_method_draws(const struct search_options *options)
{
    const struct method *method = method_of(options->method);
    return method->draws && method->draws(options);
}

bool method_draws(const struct search_options *options)
{
    (void)options;
    return true;
}

struct rng method_rng(const struct search *search, uint64_t number)
{
    struct rng rng;
    rng_seed(&rng, search->options.seed ^ rng_mix(number + 1));
    return rng;
}

const struct flip *tried_flips(const struct search_tried *tried, size_t *count)
{
    *count = tried->flips ? tried->count : 1;
    return tried->flips ? tried->flips : &tried->flip;
}
