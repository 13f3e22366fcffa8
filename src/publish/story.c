/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Everything that tables, drawings and the page say more than once, read once.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/num.h"
#include "src/publish/publish_int.h"
#include "src/session/state.h"

/* ---- words ---------------------------------------------------------------------- */

size_t story_part(const struct story *story, size_t probe)
{
    return session_probe_part(story->origin, probe);
}

const char *part_word(size_t part)
{
    static const char *const words[PARTS] = {"target", "control", "heldout"};
    return words[part];
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void time_text(int64_t time_ms, char out[TIME_TEXT_SIZE])
{
    int64_t rest = (time_ms % 1000 + 1000) % 1000;
    time_t when = (time_t)(time_ms / 1000 - (time_ms % 1000 < 0));
    struct tm parts;
    size_t used = 0;
    if (gmtime_r(&when, &parts) && parts.tm_year < 8000) /* of a hostile file: any number */
        used = strftime(out, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + used, TIME_TEXT_SIZE - used, ".%03dZ", (int)rest);
    if (used == 0)
        (void)snprintf(out, TIME_TEXT_SIZE, "%lld", (long long)time_ms);
}

/* ---- steps ------------------------------------------------------------------------ */

static bool read_steps(struct story *story, struct err *err)
{
    story->steps = (size_t)session_step_count(story->session);
    story->fitness = x_new(story->steps, sizeof *story->fitness);
    story->is_on = x_new(story->steps, sizeof *story->is_on);
    for (size_t id = 0; id < story->steps; id++) {
        struct session_step step;
        if (!session_step(story->session, (int64_t)id, &step, err))
            return false;
        story->fitness[id] = step.fitness;
    }
    if (!session_way(story->session, story->head, &story->way, &story->way_count, err))
        return false;
    story->is_on[SESSION_ROOT] = true;
    for (size_t i = 0; i < story->way_count; i++)
        story->is_on[story->way[i]] = true;
    return true;
}

/* ---- events ----------------------------------------------------------------------- */

/* Room for one more in an array whose capacity is the next power of two. */
static void *room(void *array, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0; /* 0, 1, 2, 4, 8, ... */
    return full ? x_grow(array, count ? 2 * count : 1, size) : array;
}

static double fitness_at(const struct story *story, int64_t step)
{
    return step >= 0 && (size_t)step < story->steps ? story->fitness[step] : (double)NAN;
}

static void add_candidate(struct story *story, const struct session_event *event)
{
    if (!event->has_flip)
        return;
    story->candidates = room(story->candidates, story->candidate_count, sizeof(struct candidate));
    story->candidates[story->candidate_count++] = (struct candidate){
        .seq = event->seq,
        .number = event->number,
        .time_ms = event->time_ms,
        .step = event->step,
        .flip = event->flip,
        .by_hand = event->kind == EVENT_KIND_MEASURED,
        .accepted = event->accepted,
        .screened = event->screened,
        .stopped = event->stopped,
        .fitness = event->fitness,
        .before = fitness_at(story, event->step),
    };
    if (event->kind != EVENT_KIND_TRIED)
        return;
    story->tried = event->number;
    story->accepted += event->accepted;
    story->screened += event->screened;
}

static void add_change(struct story *story, const struct session_event *event)
{
    bool made = event->kind == EVENT_KIND_STEP;
    story->changes = room(story->changes, story->change_count, sizeof(struct change));
    story->changes[story->change_count++] = (struct change){
        .tried = story->tried,
        .step = event->step,
        .made = made,
        .by_search = made && event->text && strcmp(event->text, "search") == 0,
        .fitness = fitness_at(story, event->step),
    };
}

static bool each_event(void *user, const struct session_event *event)
{
    struct story *story = user;
    if (event->kind == EVENT_KIND_TRIED || event->kind == EVENT_KIND_MEASURED)
        add_candidate(story, event);
    else if (event->kind == EVENT_KIND_STEP || event->kind == EVENT_KIND_HEAD)
        add_change(story, event);
    story->shells += event->kind == EVENT_KIND_SHELL;
    return true;
}

/* ---- answers ---------------------------------------------------------------------- */

struct telling {
    struct told *told;
    size_t count;
};

static bool each_answer(void *user, const struct session_answer *answer)
{
    struct telling *telling = user;
    if (answer->probe >= telling->count)
        return true;
    struct told *told = &telling->told[answer->probe];
    free(told->text);
    *told = (struct told){x_copy(answer->text, answer->text_len), answer->text_len,
                          answer->right};
    return true;
}

static bool read_answers(struct story *story, struct err *err)
{
    story->probes = story->origin->probes->count;
    story->base = x_new(story->probes, sizeof *story->base);
    story->now = x_new(story->probes, sizeof *story->now);
    struct telling base = {story->base, story->probes}, now = {story->now, story->probes};
    return session_each_answer(story->session, SESSION_ROOT, each_answer, &base, err) &&
           session_each_answer(story->session, story->head, each_answer, &now, err);
}

/* ---- all of it -------------------------------------------------------------------- */

bool story_read(struct session *session, struct story *out, struct err *err)
{
    out->session = session;
    out->head = session_head(session);
    out->origin = session_origin(session, err);
    return out->origin && read_steps(out, err) &&
           session_each_event(session, 1, each_event, out, err) &&
           session_looks(session, &out->looks, err) && read_answers(out, err);
}

void story_free(struct story *story)
{
    for (size_t i = 0; i < story->probes; i++) {
        free(story->base ? story->base[i].text : NULL);
        free(story->now ? story->now[i].text : NULL);
    }
    free(story->base);
    free(story->now);
    free(story->fitness);
    free(story->is_on);
    free(story->way);
    free(story->candidates);
    free(story->changes);
}
