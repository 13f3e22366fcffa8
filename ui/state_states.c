/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Named states: which there are, where the last one was left, and what differs.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/state_int.h"

void states_take(struct app *app, struct event_states *states)
{
    named_states_free(&app->states.named);
    app->states.named = *states;
    *states = (struct event_states){0};
}

void states_take_diff(struct app *app, struct event_diff *diff)
{
    event_diff_free(&app->diff.found);
    app->diff.found = *diff;
    app->diff.scroll = 0;
    *diff = (struct event_diff){0};
    app->overlay = OVERLAY_DIFF;
}

void states_leave(struct app *app, int64_t step, enum job_type job)
{
    if ((job != JOB_GOTO && job != JOB_PATCH) || step == app->search.step)
        return;
    app->states.has_previous = true;
    app->states.previous = app->search.step;
}

void states_free(struct app *app)
{
    named_states_free(&app->states.named);
    event_diff_free(&app->diff.found);
    app->states = (struct states_state){0};
    app->diff = (struct diff_state){0};
    app->overlay = OVERLAY_NONE;
}

const char *app_state_name(const struct app *app, int64_t step)
{
    const struct event_states *named = &app->states.named;
    for (size_t i = 0; i < named->count; i++)
        if (named->items[i].step == step)
            return named->items[i].name;
    return NULL;
}
