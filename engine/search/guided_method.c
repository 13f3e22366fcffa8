/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `guided`: the candidates of guided.h as they come.
 */
#include "engine/search/guided.h"
#include "engine/search/method.h"

static bool begin(struct search *search, const struct search_options *options, struct err *err)
{
    search->plan =
        guided_new(search->model, options, options->granularity, options->together, err);
    return search->plan != NULL;
}

static void end(struct search *search)
{
    guided_free(search->plan);
}

static enum search_status next(struct search *search, cancel_flag *cancel, struct err *err)
{
    return guided_next(search, search->plan, cancel, err);
}

static void note(struct search *search, const struct search_try *tried)
{
    guided_tried(search, search->plan, tried);
}

static void give_up(struct search *search)
{
    guided_give_up(search->plan);
}

static void untry(struct search *search, const struct search_try *tried)
{
    (void)tried;
    guided_untry(search, search->plan);
}

static double promised(const struct search *search, const struct flip *flip)
{
    return guided_promised(search->plan, flip);
}

static size_t peek(const struct search *search, size_t count, struct flip *out)
{
    return guided_peek(search->plan, count, out);
}

static uint64_t left(const struct search *search)
{
    return guided_left(search->plan);
}

static uint64_t candidates(const struct search *search)
{
    return guided_units(search->plan);
}

static bool resume(struct search *search, const struct search_past *past, struct err *err)
{
    return guided_resume(search->plan, past, err);
}

/* Groups of gate and up are what costs answers to other prompts least (README). */
const struct method method_guided = {
    .name = "guided",
    .help = "by what one backward pass promises, refreshed as flips are accepted",
    .whole_model = true,
    .projs = 1u << PROJ_GATE | 1u << PROJ_UP,
    .replays = true,
    .granularities = 1u << GRANULARITY_ROW | 1u << GRANULARITY_GROUP | 1u << GRANULARITY_BIT,
    .usual = GRANULARITY_GROUP,
    .begin = begin,
    .free = end,
    .next = next,
    .tried = note,
    .give_up = give_up,
    .untry = untry,
    .promised = promised,
    .peek = peek,
    .left = left,
    .candidates = candidates,
    .resume = resume,
};
