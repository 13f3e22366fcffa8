/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Method `swap`: a candidate takes one flip off that contributes least and puts one on that
 * promises most; it is accepted if the fitness rises.
 *
 * One backward pass lists both sides.  The list is made anew when some were accepted: a
 * quarter of the flips that were on, at most 4, or one and then no more for long.  When that
 * is follows from what was accepted and how many flips were on, so that a search that was
 * stopped finds its list again.
 */
#include <stdlib.h>

#include "engine/search/method.h"
#include "engine/search/outlook.h"
#include "engine/search/pairs.h"

enum { ACCEPTED_MOST = 4, PATIENCE = 64 };

struct swap_pace {
    bool listed;
    uint64_t tried, accepted; /* since the list was made */
    size_t on;                /* flips that were on then */
};

struct swap {
    struct outlook outlook; /* first: outlook_candidates */
    struct pairs pairs;
    struct swap_pace pace, pace_before; /* the step */
    struct flip_bag listed; /* on when the list was made */
    struct flip_bag on;
    bool fresh;             /* did this step make the list? */
    struct pair *since;     /* [pace.tried] of an earlier run, tried since the list */
};

/* ---- pace ------------------------------------------------------------------------ */

static bool is_due(const struct swap_pace *pace)
{
    uint64_t every = pace->on / 4 + 1, patience = 4 * (uint64_t)pace->on;
    every = every < ACCEPTED_MOST ? every : ACCEPTED_MOST;
    patience = patience < PATIENCE ? patience : PATIENCE;
    return !pace->listed || pace->accepted >= every ||
           (pace->accepted > 0 && pace->tried >= patience);
}

static void note_list(struct swap_pace *pace, size_t on)
{
    *pace = (struct swap_pace){.listed = true, .on = on};
}

static void note_try(struct swap_pace *pace, bool accepted)
{
    pace->tried++;
    pace->accepted += accepted;
}

/* ---- making ---------------------------------------------------------------------- */

static bool begin(struct search *search, const struct search_options *options, struct err *err)
{
    struct swap *swap = x_new(1, sizeof *swap);
    search->plan = swap;
    return outlook_init(&swap->outlook, search->model, options, err);
}

static void end(struct search *search)
{
    struct swap *swap = search->plan;
    outlook_free(&swap->outlook);
    pairs_free(&swap->pairs);
    flip_bag_free(&swap->listed);
    flip_bag_free(&swap->on);
    free(swap->since);
    free(swap);
}

/* ---- the list -------------------------------------------------------------------- */

static bool make_list(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct swap *swap = search->plan;
    struct outlook *outlook = &swap->outlook;
    const struct outlook_question question = {
        .on = &swap->listed, .about = &swap->listed, .most = PAIRS_SIDE};
    if (!outlook_make(outlook, search, &question, cancel, err))
        return false;
    pairs_free(&swap->pairs);
    pairs_init(&swap->pairs, outlook->asked, outlook->asked_count, outlook->list.heap,
               outlook->list.count);
    for (uint64_t i = 0; swap->since && i < swap->pace.tried; i++)
        pairs_tried(&swap->pairs, &swap->since[i], true);
    return true;
}

static bool update_list(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct swap *swap = search->plan;
    swap->fresh = is_due(&swap->pace);
    swap->pace_before = swap->pace;
    if (!swap->fresh)
        return swap->outlook.made || make_list(search, cancel, err);
    flip_bag_copy(&swap->listed, &swap->on);
    free(swap->since);
    swap->since = NULL;
    if (!make_list(search, cancel, err)) {
        swap->outlook.made = false;
        return false;
    }
    note_list(&swap->pace, swap->on.count);
    return true;
}

/* ---- steps ----------------------------------------------------------------------- */

static enum search_status next(struct search *search, cancel_flag *cancel, struct err *err)
{
    struct swap *swap = search->plan;
    struct pair pair;
    search_on(search, &swap->on);
    if (swap->on.count == 0)
        return SEARCH_FINISHED;
    if (!update_list(search, cancel, err))
        return SEARCH_FAILED;
    if (!pairs_next(&swap->pairs, &swap->on, &pair))
        return SEARCH_FINISHED;
    search_add(search, &pair.off);
    search_add(search, &pair.on);
    return SEARCH_TRIED;
}

static struct pair pair_of(const struct flip *flips)
{
    return (struct pair){flips[0], flips[1]};
}

static void tried(struct search *search, const struct search_try *tried)
{
    struct swap *swap = search->plan;
    struct pair pair = pair_of(tried->flips);
    note_try(&swap->pace, tried->accepted);
    pairs_tried(&swap->pairs, &pair, true);
}

/* A list of this step is to be made of the model as it is then. */
static void give_up(struct search *search)
{
    struct swap *swap = search->plan;
    swap->pace = swap->pace_before;
}

static void untry(struct search *search, const struct search_try *tried)
{
    struct swap *swap = search->plan;
    struct pair pair = pair_of(tried->flips);
    pairs_tried(&swap->pairs, &pair, false);
    give_up(search);
}

static size_t peek(const struct search *search, size_t count, struct flip *out)
{
    const struct swap *swap = search->plan;
    struct flip_bag on = {0};
    struct pair pair;
    size_t found = 0;
    search_on(search, &on);
    if (count >= 2 && swap->outlook.made && !is_due(&swap->pace) &&
        pairs_next(&swap->pairs, &on, &pair)) {
        out[found++] = pair.off;
        out[found++] = pair.on;
    }
    flip_bag_free(&on);
    return found;
}

/* Pairs of the list, as many lists as may come. */
static uint64_t left(const struct search *search)
{
    return search->accepted_count > 0 ? UINT64_MAX : 0;
}

static bool resume(struct search *search, const struct search_past *past, struct err *err)
{
    struct swap *swap = search->plan;
    swap->since = x_new((size_t)past->tried + 1, sizeof *swap->since);
    for (uint64_t i = 0; i < past->tried; i++) {
        size_t count = 0;
        const struct flip *flips = tried_flips(&past->tries[i], &count);
        if (count != 2)
            return err_set(err, ERR_MISMATCH, "a candidate of swap has %zu flips, expected 2",
                           count);
        if (is_due(&swap->pace)) {
            if (!past_on(past, i + 1, &swap->listed, err))
                return false;
            note_list(&swap->pace, swap->listed.count);
        }
        swap->since[swap->pace.tried] = pair_of(flips);
        note_try(&swap->pace, past->tries[i].accepted);
    }
    return true;
}

const struct method method_swap = {
    .name = "swap",
    .help = "replace flips of a patch (--from) by better ones",
    .whole_model = true,
    .replays = true,
    .wants_flips = true,
    .granularities = (1u << GRANULARITY_COUNT) - 1,
    .begin = begin,
    .free = end,
    .next = next,
    .tried = tried,
    .give_up = give_up,
    .untry = untry,
    .peek = peek,
    .left = left,
    .candidates = outlook_candidates,
    .resume = resume,
};
