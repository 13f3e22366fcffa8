/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "ui/worker_int.h"

struct event *event_new(enum event_type type, enum job_type job)
{
    struct event *event = x_new(1, sizeof *event);
    event->type = type;
    event->job = job;
    return event;
}

/* ---- copies: events own what they point to [W4] ------------------------------ */

double *event_copy_gaps(const double *gaps, size_t count)
{
    double *copy = x_new(count, sizeof *copy);
    if (count > 0)
        memcpy(copy, gaps, count * sizeof *copy);
    return copy;
}

void generation_copy(struct generation *to, const struct generation *from)
{
    *to = (struct generation){0};
    for (size_t i = 0; i < from->ids.count; i++)
        ids_add(&to->ids, from->ids.data[i]);
    buf_add(&to->text, from->text.data, from->text.len);
}

struct evaluation *evaluation_copy(const struct evaluation *from)
{
    struct evaluation *copy = x_new(1, sizeof *copy);
    size_t count = from->count;
    copy->count = count;
    copy->gap = event_copy_gaps(from->gap, count);
    copy->merged = x_new(count, sizeof *copy->merged);
    copy->generation = x_new(count, sizeof *copy->generation);
    copy->right = x_new(count, sizeof *copy->right);
    for (size_t i = 0; i < count; i++) {
        copy->merged[i] = from->merged[i];
        copy->right[i] = from->right[i];
        generation_copy(&copy->generation[i], &from->generation[i]);
    }
    return copy;
}

/* ---- freeing ------------------------------------------------------------------- */

void named_states_free(struct event_states *states)
{
    for (size_t i = 0; i < states->count; i++)
        free(states->items[i].name);
    free(states->items);
    *states = (struct event_states){0};
}

void event_diff_free(struct event_diff *diff)
{
    free(diff->a);
    free(diff->b);
    session_diff_free(&diff->diff);
    *diff = (struct event_diff){0};
}

/* What was measured. */
static void free_measured(struct event *event)
{
    if (event->type == EVENT_SCALES) {
        free(event->scales.mean);
    } else if (event->type == EVENT_GAPS) {
        free(event->gaps);
    } else if (event->type == EVENT_ANSWERS) {
        evaluation_free(event->answers.base);
        evaluation_free(event->answers.now);
    } else if (event->type == EVENT_PROBE) {
        probe_detail_free(event->probe.base);
        probe_detail_free(event->probe.now);
    } else if (event->type == EVENT_AUDIT) {
        audit_free(event->audit);
    } else if (event->type == EVENT_PREDICTED) {
        predictions_free(event->predictions);
    } else if (event->type == EVENT_TEXT) {
        free(event->text.prompt);
        generation_free(&event->text.base);
        generation_free(&event->text.now);
    }
}

static void free_parts(struct event *event)
{
    switch (event->type) {
    case EVENT_OPENED:
        free(event->opened.output);
        free(event->opened.session);
        free(event->opened.view);
        if (event->opened.search)
            free((int32_t *)(uintptr_t)event->opened.search->layers);
        free(event->opened.search);
        break;
    case EVENT_SCALES: case EVENT_GAPS: case EVENT_ANSWERS: case EVENT_AUDIT: case EVENT_PROBE:
    case EVENT_TEXT: case EVENT_PREDICTED:
        free_measured(event);
        break;
    case EVENT_TRIED:
        free(event->tried.gaps);
        free(event->tried.flips);
        break;
    case EVENT_FLIPS:
        free(event->flips.flips);
        free(event->flips.gaps);
        break;
    case EVENT_NEXT:
        free(event->next.flips);
        free(event->next.scales);
        free(event->next.promised);
        break;
    case EVENT_STATES:
        named_states_free(&event->states);
        break;
    case EVENT_DIFF:
        event_diff_free(&event->diff);
        break;
    case EVENT_PAST:
        free(event->past.tried);
        free(event->past.history);
        break;
    case EVENT_OFFER:
        free(event->offer);
        break;
    case EVENT_SAID: case EVENT_SESSION: case EVENT_NOTES: case EVENT_PAUSED:
    case EVENT_WRITTEN: case EVENT_PROGRESS: case EVENT_STARTED: case EVENT_FINISHED:
    case EVENT_ERROR:
        break;
    }
}

void event_free(struct event *event)
{
    if (!event)
        return;
    free_parts(event);
    free(event->message);
    free(event);
}
