/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state of the probes: gaps before, now and under the last candidate, and
 * greedy answers with the number of flips they were measured with.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state_int.h"
#include "ui/view_int.h"

/* Smaller changes print as 0.00: they are called the same. */
static const double gap_change_min = 0.005;

bool probes_is_no_change(double change)
{
    return fabs(change) < gap_change_min;
}

static enum role role_of(const struct event_opened *opened, size_t i)
{
    if (i < opened->target_count)
        return ROLE_TARGET;
    return i < opened->target_count + opened->control_count ? ROLE_CONTROL : ROLE_HELDOUT;
}

/* Of the probes of one role before this one, one has its category, or it is a new one. */
static size_t category_of(struct app *app, size_t i)
{
    const struct probe_state *probe = &app->probes[i];
    for (size_t j = i; j > 0 && app->probes[j - 1].role == probe->role; j--)
        if (strcmp(app->probes[j - 1].probe->category, probe->probe->category) == 0)
            return app->probes[j - 1].category;
    return app->category_count[probe->role]++;
}

void probes_open(struct app *app, const struct event_opened *opened)
{
    probes_free(app);
    app->target_count = opened->target_count;
    app->control_count = opened->control_count;
    app->heldout_count = opened->heldout_count;
    app->probe_count = opened->probes->count;
    BUG_ON(app->probe_count != app->target_count + app->control_count + app->heldout_count);
    app->probes = x_new(app->probe_count, sizeof(*app->probes));
    for (size_t i = 0; i < app->probe_count; i++) {
        double unknown = (double)NAN;
        app->probes[i] = (struct probe_state){.probe = &opened->probes->probes[i],
                                              .role = role_of(opened, i),
                                              .before = unknown,
                                              .now = unknown,
                                              .previous = unknown,
                                              .candidate = unknown};
        app->probes[i].category = category_of(app, i);
    }
}

static void forget_notes(struct probe_state *probe)
{
    for (size_t i = 0; i < probe->note_count; i++)
        free(probe->notes[i].why);
    free(probe->notes);
    probe->notes = NULL;
    probe->note_count = 0;
}

static void forget_detail(struct probe_state *probe)
{
    for (size_t i = 0; i < 2; i++) {
        probe_detail_free(probe->detail[i]);
        probe->detail[i] = NULL;
    }
}

void probes_free(struct app *app)
{
    for (size_t i = 0; i < app->probe_count; i++) {
        free(app->probes[i].answer.base);
        free(app->probes[i].answer.now);
        forget_notes(&app->probes[i]);
        forget_detail(&app->probes[i]);
    }
    free(app->probes);
    app->probes = NULL;
    app->probe_count = 0;
    for (size_t role = 0; role < 3; role++)
        app->category_count[role] = app->probe_last[role] = 0;
    app->audited = false;
}

/* ---- what the audit found ------------------------------------------------------ */

void probes_take_detail(struct app *app, struct event_probe *event)
{
    if (event->probe >= app->probe_count)
        return;
    struct probe_state *probe = &app->probes[event->probe];
    forget_detail(probe);
    probe->detail[0] = event->base; /* moved */
    probe->detail[1] = event->now;
    probe->detail_flips = event->flip_count;
    event->base = event->now = NULL;
}

/* Before those that are less severe. */
static void add_note(struct probe_state *probe, const struct audit_finding *finding)
{
    probe->notes = x_grow(probe->notes, probe->note_count + 1, sizeof *probe->notes);
    size_t at = probe->note_count++;
    for (; at > 0 && probe->notes[at - 1].severity < finding->severity; at--)
        probe->notes[at] = probe->notes[at - 1];
    const char *why = finding->why ? finding->why : "";
    probe->notes[at] = (struct probe_note){finding->code, finding->severity,
                                           x_copy(why, strlen(why))};
}

void probes_take_audit(struct app *app, const struct audit *audit)
{
    for (size_t i = 0; i < app->probe_count; i++)
        forget_notes(&app->probes[i]);
    for (size_t i = 0; i < audit->count; i++)
        if (audit->findings[i].probe < app->probe_count)
            add_note(&app->probes[audit->findings[i].probe], &audit->findings[i]);
    app->audited = true;
}

/* ---- gaps: of targets and controls only ---------------------------------------- */

static size_t measured(const struct app *app)
{
    return app->probe_count - app->heldout_count;
}

void probes_take_gaps(struct app *app, const double *gaps)
{
    for (size_t i = 0; gaps && i < measured(app); i++)
        app->probes[i].before = app->probes[i].now = app->probes[i].previous = gaps[i];
}

void probes_take_now(struct app *app, const double *gaps)
{
    for (size_t i = 0; gaps && i < measured(app); i++) {
        app->probes[i].previous = app->probes[i].now;
        app->probes[i].now = gaps[i];
    }
}

void probes_take_candidate(struct app *app, const double *gaps)
{
    for (size_t i = 0; i < measured(app); i++)
        app->probes[i].candidate = gaps ? gaps[i] : (double)NAN;
}

/* ---- answers ------------------------------------------------------------------------ */

static void take_answer(struct answer *answer, const struct event_answers *answers, size_t i)
{
    const struct buf *base = &answers->base->generation[i].text;
    const struct buf *now = &answers->now->generation[i].text;
    state_set_text(&answer->base, base->data ? base->data : "", base->len);
    state_set_text(&answer->now, now->data ? now->data : "", now->len);
    answer->right_base = answers->base->right[i];
    answer->right_now = answers->now->right[i];
    answer->flip_count = answers->flip_count;
    answer->known = true;
}

void probes_take_answers(struct app *app, const struct event_answers *answers)
{
    if (answers->first > app->probe_count || answers->count > app->probe_count - answers->first)
        return;
    for (size_t i = 0; i < answers->count; i++)
        take_answer(&app->probes[answers->first + i].answer, answers, i);
    if (!answers->heldout)
        return;
    app->heldout_asked = true;
    /* A look that comes in parts counts once. */
    if (answers->first == measured(app) && !answers->kept)
        app->heldout_looks++;
}

void probes_forget_after(struct app *app, size_t common)
{
    for (size_t i = 0; i < app->probe_count; i++) {
        struct answer *answer = &app->probes[i].answer;
        if (answer->known && answer->flip_count > common)
            answer->flip_count = SIZE_MAX;
        if (app->probes[i].detail_flips > common)
            app->probes[i].detail_flips = SIZE_MAX;
    }
}

bool view_is_stale(const struct app *app, size_t flip_count)
{
    return flip_count != app->search.accepted_count;
}

/* ---- questions ------------------------------------------------------------------------ */

size_t probes_listed(const struct app *app)
{
    return app->heldout_asked ? app->probe_count : measured(app);
}

enum role app_probe_tab(const struct app *app)
{
    return app->probe_cursor < app->probe_count ? app->probes[app->probe_cursor].role
                                                : ROLE_TARGET;
}

struct probe_state *app_selected_probe(struct app *app)
{
    return app->probe_cursor < probes_listed(app) ? &app->probes[app->probe_cursor] : NULL;
}

const char *app_gap_word(const struct probe_state *probe)
{
    double before = probe->before, now = probe->now;
    if (isnan(before) || isnan(now))
        return "";
    if (before <= 0 && now > 0)
        return "won";
    if (before > 0 && now <= 0)
        return "lost";
    if (probes_is_no_change(now - before))
        return "same";
    return now > before ? "up" : "down";
}
