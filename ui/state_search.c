/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state of the search: what was tried, what is on, what comes next.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state_int.h"

bool search_holds(const struct flip *flips, size_t count, const struct flip *flip)
{
    for (size_t i = 0; i < count; i++)
        if (flip_equal(&flips[i], flip))
            return true;
    return false;
}

static void mark_tried(struct app *app, const struct flip *flip, bool rejected)
{
    map_mark(app, flip, ROW_TRIED, true);
    if (rejected)
        map_mark(app, flip, ROW_REJECTED, true);
}

/* Taking a candidate back does not change what it did when it was tried. */
static struct event_tried last_of(const struct search_state *search,
                                  const struct event_tried *tried, enum job_type job)
{
    struct event_tried last = *tried;
    if (job == JOB_REJECT && search->has_last && flip_equal(&search->last.flip, &tried->flip)) {
        last.fitness = search->last.fitness;
        last.fitness_before = search->last.fitness_before;
    }
    return last;
}

/* Of a session that is opened the flips are told later: there, by what the method does. */
static bool was_on(const struct app *app, const struct flip *flip)
{
    const struct search_state *search = &app->search;
    return search->flips_known ? search_holds(search->accepted, search->accepted_count, flip)
                               : search_method_wants_flips(app->settings.now.options.method);
}

void search_take_tried(struct app *app, const struct event_tried *tried, enum job_type job)
{
    struct search_state *search = &app->search;
    bool taken_back = job == JOB_REJECT && search->has_last &&
                      flip_equal(&search->last.flip, &tried->flip);
    if (!taken_back) {
        search->last_flips = search->accepted_count;
        search->last_was_on = was_on(app, &tried->flip);
    }
    search->last = last_of(search, tried, job);
    search->last.gaps = NULL;
    search->last.flips = NULL;
    search->has_last = true;
    search->taken_back = taken_back;
    search->tried = tried->tried;
    search->screened = tried->screened_total;
    search->seconds_each = tried->seconds_each;
    bool rejected = !tried->by_hand && !tried->accepted;
    for (size_t i = 0; i < (tried->flips ? tried->flip_count : 1); i++)
        mark_tried(app, tried->flips ? &tried->flips[i] : &tried->flip, rejected);
    if (!tried->flips && tried->has_gaps && !tried->stopped && !taken_back)
        map_take_measured(app, &tried->flip, tried->fitness - tried->fitness_before,
                          search->step);
    probes_take_candidate(app, tried->has_gaps ? tried->gaps : NULL);
}

/* ---- accepted flips ----------------------------------------------------------------- */

static size_t common_start(const struct search_state *search, const struct event_flips *flips)
{
    size_t common = 0;
    while (common < search->accepted_count && common < flips->count &&
           flip_equal(&search->accepted[common], &flips->flips[common]))
        common++;
    return common;
}

/* history[i] is the fitness with i + 1 flips on; NAN where that never was (flips
 * that came together). */
static void extend_history(struct search_state *search, const struct event_flips *flips)
{
    if (search->history_count > flips->count)
        search->history_count = flips->count;
    search->history = x_grow(search->history, flips->count, sizeof(*search->history));
    while (search->history_count < flips->count)
        search->history[search->history_count++] = (double)NAN;
    if (flips->count > 0)
        search->history[flips->count - 1] = flips->fitness;
}

/* Rows whose flip went or came between two lists of accepted flips. */
static void mark_changes(struct app *app, const struct event_flips *flips, enum job_type job)
{
    const struct search_state *search = &app->search;
    for (size_t i = 0; i < search->accepted_count; i++)
        map_mark(app, &search->accepted[i], ROW_ACCEPTED, false);
    for (size_t i = 0; job == JOB_REJECT && i < search->accepted_count; i++)
        if (!search_holds(flips->flips, flips->count, &search->accepted[i]))
            map_mark(app, &search->accepted[i], ROW_REJECTED, true);
    for (size_t i = 0; i < flips->count; i++) {
        map_mark(app, &flips->flips[i], ROW_TRIED, true);
        map_mark(app, &flips->flips[i], ROW_REJECTED, false);
        map_mark(app, &flips->flips[i], ROW_ACCEPTED, true);
    }
}

static void forget_text_after(struct compare_state *compare, size_t common)
{
    if (compare->known && compare->flip_count > common)
        compare->flip_count = SIZE_MAX;
}

/* Is the last candidate in it?  One about a flip that was on takes it off. */
static void take_verdict(struct search_state *search, const struct event_flips *flips)
{
    bool before = search->last.accepted;
    if (!search->has_last)
        return;
    search->last.accepted = search_holds(flips->flips, flips->count, &search->last.flip) !=
                            search->last_was_on;
    search->taken_back = !search->last.accepted && (before || search->taken_back);
}

void search_take_flips(struct app *app, const struct event_flips *flips, enum job_type job)
{
    struct search_state *search = &app->search;
    size_t common = common_start(search, flips);
    mark_changes(app, flips, job);
    if (search->last_flips > common)
        search->last_flips = SIZE_MAX;
    probes_forget_after(app, common);
    forget_text_after(&app->compare, common);
    extend_history(search, flips);
    search->accepted = x_grow(search->accepted, flips->count, sizeof(*search->accepted));
    if (flips->count > 0)
        memcpy(search->accepted, flips->flips, flips->count * sizeof(*search->accepted));
    search->accepted_count = flips->count;
    search->flips_known = true;
    search->fitness = flips->fitness;
    search->step = flips->step;
    search->can_redo = flips->can_redo;
    search->small = flips->small;
    search->tried = flips->tried;
    search->screened = flips->screened;
    take_verdict(search, flips);
    probes_take_now(app, flips->gaps);
}

/* ---- a session that is gone on with -------------------------------------------------- */

void search_take_past(struct app *app, const struct event_past *past)
{
    struct search_state *search = &app->search;
    for (size_t i = 0; i < past->count; i++) {
        mark_tried(app, &past->tried[i].flip, past->tried[i].rejected);
        map_take_measured(app, &past->tried[i].flip,
                          past->tried[i].fitness - past->tried[i].before, past->tried[i].step);
    }
    if (past->history_count == 0)
        return;
    search->history = x_grow(search->history, past->history_count, sizeof(*search->history));
    memcpy(search->history, past->history, past->history_count * sizeof(*search->history));
    search->history_count = past->history_count;
}

/* ---- what comes next ------------------------------------------------------------------ */

void search_take_next(struct app *app, const struct event_next *next)
{
    struct search_state *search = &app->search;
    size_t count = next->count;
    search->next = x_grow(search->next, count, sizeof(*search->next));
    search->next_scales = x_grow(search->next_scales, count, sizeof(*search->next_scales));
    if (count > 0) {
        memcpy(search->next, next->flips, count * sizeof(*search->next));
        memcpy(search->next_scales, next->scales, count * sizeof(*search->next_scales));
    }
    search->next_promised = x_grow(search->next_promised, count, sizeof(*search->next_promised));
    for (size_t i = 0; i < count; i++)
        search->next_promised[i] = next->promised ? next->promised[i] : (double)NAN;
    search->next_count = count;
    search->left = next->left;
    search->finished = count == 0 && next->left == 0;
    if (search->cursor >= count)
        search->cursor = count ? count - 1 : 0;
}

void search_free_state(struct search_state *search)
{
    free(search->accepted);
    free(search->history);
    free(search->next);
    free(search->next_scales);
    free(search->next_promised);
    *search = (struct search_state){0};
}
