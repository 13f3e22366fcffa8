/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a session knows of its search, in memory, so that nothing can fail on the way.
 */
#include <stdlib.h>
#include <string.h>

#include "src/session/journal_int.h"

void journal_past_free(struct journal_past *past)
{
    free(past->flips);
    free(past->counts);
    free(past->fitness);
    free(past->gaps);
    for (uint64_t i = 0; i < past->try_count; i++) {
        free((void *)past->tries[i].flips);
        free((void *)past->tries[i].gaps);
    }
    free(past->tries);
    free(past->heads);
}

/* What a file says of a step is proven before it is put on. */
bool journal_step_fits(const struct session_step *step, const struct model *model, size_t probes,
                       struct err *err)
{
    if (step->flip_count == 0)
        return err_set(err, ERR_FORMAT, "step %lld has no flips, expected one or more",
                       (long long)step->id);
    if (step->gap_count != probes)
        return err_set(err, ERR_FORMAT, "step %lld has %zu gaps, expected %zu",
                       (long long)step->id, step->gap_count, probes);
    for (size_t i = 0; i < step->flip_count; i++)
        if (!model_flip_fits(model, &step->flips[i], err))
            return err_where(err, "step %lld", (long long)step->id);
    return true;
}

static void add_flips(struct journal_past *past, const struct session_step *step)
{
    size_t first = past->flip_count;
    past->flip_count += step->flip_count;
    past->flips = x_grow(past->flips, past->flip_count, sizeof *past->flips);
    memcpy(past->flips + first, step->flips, step->flip_count * sizeof *past->flips);
}

/* The steps ids[0..count) in memory, so that nothing can fail on the way. */
bool journal_load_steps(struct session *session, const struct model *model, const int64_t *ids,
                       size_t count, size_t probes, struct journal_past *out, struct err *err)
{
    out->counts = x_new(count, sizeof *out->counts);
    out->fitness = x_new(count, sizeof *out->fitness);
    out->gaps = x_new(count * probes, sizeof *out->gaps);
    for (size_t i = 0; i < count; i++) {
        struct session_step step;
        if (!session_step(session, ids[i], &step, err) ||
            !journal_step_fits(&step, model, probes, err))
            return false;
        add_flips(out, &step);
        out->counts[i] = step.flip_count;
        out->fitness[i] = step.fitness;
        memcpy(out->gaps + i * probes, step.gaps, probes * sizeof *out->gaps);
    }
    return true;
}

bool journal_load_past(struct session *session, const struct model *model, size_t probes,
                      struct journal_past *out, struct err *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    bool ok = session_hold(session, err) &&
              session_way(session, session_head(session), &ids, &count, err) &&
              journal_load_steps(session, model, ids, count, probes, out, err);
    session_release(session);
    free(ids);
    out->past = (struct search_past){
        .tried = session_tried(session),
        .screened = session_screened(session),
        .accepted = out->flips,
        .fitness = out->fitness,
        .gaps = out->gaps,
        .accepted_count = count,
        .flip_counts = out->counts,
    };
    return ok;
}

/* ---- what was tried, and on what -------------------------------------------- */

static void *copy_of(const void *bytes, size_t size)
{
    void *copy = x_new(size, 1);
    memcpy(copy, bytes, size);
    return copy;
}

static struct search_tried tried_of(const struct session_event *event, size_t probes)
{
    bool measured = event->gaps && event->gap_count == probes;
    struct search_tried tried = {
        .flip = event->flip,
        .accepted = event->accepted,
        .screened = event->screened,
        .stopped = event->stopped,
        .fitness = event->fitness,
        .promised = event->promised,
        .gaps = measured ? copy_of(event->gaps, probes * sizeof *event->gaps) : NULL,
    };
    if (event->flips) {
        tried.flips = copy_of(event->flips, event->flip_count * sizeof *event->flips);
        tried.count = event->flip_count;
    }
    return tried;
}

static bool add_try(void *user, const struct session_event *event)
{
    struct journal_past *past = user;
    if (event->number != past->try_count + 1)
        return true; /* told apart by their count */
    past->tries = x_grow(past->tries, past->try_count + 1, sizeof *past->tries);
    past->heads = x_grow(past->heads, past->try_count + 1, sizeof *past->heads);
    past->tries[past->try_count] = tried_of(event, past->probes);
    past->heads[past->try_count++] = event->step;
    return true;
}

static bool flips_at(void *user, uint64_t number, struct flip **flips, size_t *count,
                     struct err *err)
{
    struct journal_past *past = user;
    int64_t *ids = NULL;
    size_t steps = 0;
    bool ok = session_way(past->session, past->heads[number - 1], &ids, &steps, err);
    *count = 0;
    for (size_t i = 0; ok && i < steps; i++) {
        struct session_step step;
        ok = session_step(past->session, ids[i], &step, err);
        if (!ok)
            break;
        *flips = x_grow(*flips, *count + step.flip_count, sizeof **flips);
        memcpy(*flips + *count, step.flips, step.flip_count * sizeof **flips);
        *count += step.flip_count;
    }
    free(ids);
    return ok;
}

/* What a file says of a try is proven before it is believed. */
static bool tries_fit(const struct journal_past *past, const struct model *model, struct err *err)
{
    for (uint64_t i = 0; i < past->try_count; i++) {
        const struct search_tried *tried = &past->tries[i];
        for (size_t j = 0; j < tried->count; j++)
            if (!model_flip_fits(model, &tried->flips[j], err))
                return err_where(err, "candidate %llu", (unsigned long long)i + 1);
        if (tried->count == 0 && !model_flip_fits(model, &tried->flip, err))
            return err_where(err, "candidate %llu", (unsigned long long)i + 1);
    }
    return true;
}

static bool take_fitness_below(struct journal_past *past, struct err *err)
{
    struct session_step step = {.id = -1};
    for (uint64_t i = 0; i < past->try_count; i++) {
        if (step.id != past->heads[i] &&
            !session_step(past->session, past->heads[i], &step, err))
            return false;
        past->tries[i].below = past->heads[i] == SESSION_ROOT ? 0 : step.fitness;
    }
    return true;
}

bool journal_load_tries(struct session *session, const struct model *model, size_t probes,
                       struct journal_past *past, struct err *err)
{
    past->session = session;
    past->probes = probes;
    if (!session_each_of(session, EVENT_KIND_TRIED, add_try, past, err))
        return false;
    if (past->try_count != past->past.tried)
        return err_set(err, ERR_FORMAT, "%llu candidates were tried, but only %llu are told of",
                       (unsigned long long)past->past.tried,
                       (unsigned long long)past->try_count);
    if (!tries_fit(past, model, err) || !take_fitness_below(past, err))
        return false;
    past->past.tries = past->tries;
    past->past.flips_at = flips_at;
    past->past.user = past;
    return true;
}

