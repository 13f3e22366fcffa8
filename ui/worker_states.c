/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Named states: what the front end is told of them, and two states compared.
 *
 * What lies on the way to a step never changes, so it is looked up once for each name;
 * only the stored answers are counted again.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/worker_int.h"

/* ---- one state ------------------------------------------------------------------- */

static size_t patch_bytes(const struct flip_set *flips)
{
    struct patch *patch = patch_new();
    for (size_t i = 0; i < flips->count; i++)
        patch_add(patch, flips->flips[i]);
    size_t bytes = patch_packed_bytes(patch).flips;
    patch_free(patch);
    return bytes;
}

struct right_tally {
    struct named_state *state;
    size_t targets;
};

static bool count_answer(void *user, const struct session_answer *answer)
{
    struct right_tally *tally = user;
    tally->state->answered += answer->probe < tally->targets;
    tally->state->right += answer->probe < tally->targets && answer->right;
    return true;
}

static const struct named_state *known_state(const struct worker *worker, const char *name,
                                             int64_t step)
{
    const struct event_states *states = &worker->states;
    for (size_t i = 0; i < states->count; i++)
        if (states->items[i].step == step && strcmp(states->items[i].name, name) == 0)
            return &states->items[i];
    return NULL;
}

static bool look_up(struct worker *worker, struct named_state *out, struct err *err)
{
    struct session_step step;
    struct flip_set flips;
    bool ok = session_state_flips(worker->session, out->step, &flips, err) &&
              session_step(worker->session, out->step, &step, err);
    if (ok) {
        out->flips = flips.count;
        out->bytes = patch_bytes(&flips);
        out->fitness = step.parent < 0 ? 0 : step.fitness;
    }
    flip_set_free(&flips);
    return ok;
}

static bool read_state(struct worker *worker, const char *name, struct named_state *out,
                       struct err *err)
{
    const struct named_state *known = known_state(worker, name, out->step);
    struct right_tally tally = {out, worker->probes.targets->count};
    if (known)
        *out = *known;
    else if (!look_up(worker, out, err))
        return false;
    out->name = NULL;
    out->answered = out->right = 0;
    return session_each_answer(worker->session, out->step, count_answer, &tally, err);
}

/* ---- all of them ----------------------------------------------------------------- */

static bool add_name(void *user, const char *name, int64_t step)
{
    struct event_states *found = user;
    found->items = x_grow(found->items, found->count + 1, sizeof *found->items);
    found->items[found->count++] =
        (struct named_state){.name = x_copy(name, strlen(name)), .step = step};
    return true;
}

static struct event_states states_now(struct worker *worker)
{
    struct event_states found = {0};
    struct err none;
    size_t kept = 0;
    (void)session_each_name(worker->session, add_name, &found, &none);
    for (size_t i = 0; i < found.count; i++) {
        struct named_state state = found.items[i];
        char *name = state.name;
        bool ok = read_state(worker, name, &state, &none);
        state.name = name;
        if (ok)
            found.items[kept++] = state;
        else
            free(name);
    }
    found.count = kept;
    return found;
}

static struct event_states states_copy(const struct event_states *from)
{
    struct event_states copy = {x_new(from->count, sizeof *copy.items), from->count};
    for (size_t i = 0; i < from->count; i++) {
        copy.items[i] = from->items[i];
        copy.items[i].name = x_copy(from->items[i].name, strlen(from->items[i].name));
    }
    return copy;
}

void worker_emit_states(struct worker *worker)
{
    struct event_states now = states_now(worker);
    if (now.count == 0 && worker->states.count == 0)
        return; /* there are none, as everybody knows */
    named_states_free(&worker->states);
    worker->states = now;
    struct event *event = event_new(EVENT_STATES, worker->job);
    event->states = states_copy(&now);
    worker_emit(worker, event);
}

bool worker_name_state(struct worker *worker, const char *name, struct err *err)
{
    if (!session_state_name_fits(name, err) ||
        !session_name_step(worker->session, name, session_head(worker->session), err))
        return false;
    worker_emit_states(worker);
    return true;
}

/* ---- two states --------------------------------------------------------------------- */

static char *called(struct worker *worker, int64_t step)
{
    struct buf name = {0};
    session_state_text(worker->session, step, &name);
    return name.data; /* moved */
}

bool worker_diff(struct worker *worker, const char *states, struct err *err)
{
    int64_t a = 0, b = 0;
    struct event *event = event_new(EVENT_DIFF, worker->job);
    if (!session_state_pair(worker->session, states, &a, &b, err) ||
        !session_diff(worker->session, a, b, &event->diff.diff, err)) {
        event_free(event);
        return false;
    }
    event->diff.a = called(worker, a);
    event->diff.b = called(worker, b);
    worker_emit(worker, event);
    return true;
}
