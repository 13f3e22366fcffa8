/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The order in which the probes of a set are listed.
 *
 * Probes that have no value to sort by stand at the end whatever the direction; equal ones
 * stay in the order of their files.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui/state_int.h"
#include "ui/view_int.h"

struct sorted {
    size_t probe;
    bool known;
    double number;
    const char *text;
};

/* What broke is looked for first. */
static double verdict_place(const struct answer *answer)
{
    static const double places[] = {
        [VERDICT_BROKE] = 0,
        [VERDICT_FIXED] = 1,
        [VERDICT_STAYED_WRONG] = 2,
        [VERDICT_STAYED_RIGHT] = 3,
    };
    return places[verdict_of(answer->right_base, answer->right_now)];
}

/* The worst finding first, then how many there are. */
static double badge_place(const struct probe_state *probe)
{
    return -((double)probe->notes[0].severity * AUDIT_CODE_COUNT + (double)probe->note_count);
}

static struct sorted sorted_of(const struct app *app, size_t i)
{
    const struct probe_state *probe = &app->probes[i];
    struct sorted sorted = {.probe = i, .known = true, .text = ""};
    switch (app->order) {
    case ORDER_NAME:
        sorted.text = probe->probe->name;
        break;
    case ORDER_CATEGORY:
        sorted.text = probe->probe->category;
        break;
    case ORDER_GAP:
        sorted.known = !isnan(probe->now);
        sorted.number = sorted.known ? probe->now : 0;
        break;
    case ORDER_DELTA:
        sorted.known = !isnan(probe->now) && !isnan(probe->before);
        sorted.number = sorted.known ? probe->before - probe->now : 0;
        break;
    case ORDER_VERDICT:
        sorted.known = probe->answer.known;
        sorted.number = sorted.known ? verdict_place(&probe->answer) : 0;
        break;
    case ORDER_BADGE:
        sorted.known = probe->note_count > 0;
        sorted.number = sorted.known ? badge_place(probe) : 0;
        break;
    case ORDER_SET: case ORDER_COUNT:
        break;
    }
    return sorted;
}

static int compare(const void *a, const void *b)
{
    const struct sorted *left = a, *right = b;
    if (left->known != right->known)
        return left->known ? -1 : 1;
    if (left->number < right->number || left->number > right->number)
        return left->number < right->number ? -1 : 1;
    int by_text = strcmp(left->text, right->text);
    if (by_text != 0)
        return by_text;
    return left->probe < right->probe ? -1 : left->probe > right->probe;
}

/* Those that have a value. */
static void reverse(struct sorted *sorted, size_t count)
{
    while (count > 0 && !sorted[count - 1].known)
        count--;
    for (size_t i = 0; i < count / 2; i++) {
        struct sorted swapped = sorted[i];
        sorted[i] = sorted[count - 1 - i];
        sorted[count - 1 - i] = swapped;
    }
}

size_t *probes_order(const struct app *app, enum role role, size_t *count)
{
    size_t first = probes_section_first(app, role), n = probes_section_count(app, role);
    if (role == ROLE_HELDOUT && !app->heldout_asked)
        n = 0;
    struct sorted *sorted = x_new(n, sizeof *sorted);
    size_t *order = x_new(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        sorted[i] = sorted_of(app, first + i);
    if (n > 0)
        qsort(sorted, n, sizeof *sorted, compare);
    if (app->order_reversed)
        reverse(sorted, n);
    for (size_t i = 0; i < n; i++)
        order[i] = sorted[i].probe;
    free(sorted);
    *count = n;
    return order;
}

const char *probes_order_name(enum probe_order order)
{
    static const char *const names[ORDER_COUNT] = {
        [ORDER_SET] = "set",         [ORDER_NAME] = "name",         [ORDER_GAP] = "gap",
        [ORDER_DELTA] = "delta",     [ORDER_VERDICT] = "verdict",   [ORDER_CATEGORY] = "category",
        [ORDER_BADGE] = "badge",
    };
    return names[order];
}
