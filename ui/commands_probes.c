/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands on the list of probes: which set, in which order, what is wrong with them.
 */
#include "ui/command_int.h"
#include "ui/view_int.h"

enum { ROLE_COUNT = 3, WORD_NEXT = ROLE_COUNT, WORD_REVERSE = ORDER_COUNT };

/* ---- sets ------------------------------------------------------------------------------ */

/* The next set that has probes; the same one if there is no other. */
static enum role neighbour(const struct app *app, int by)
{
    int role = (int)app_probe_tab(app);
    for (int i = 0; i < ROLE_COUNT; i++) {
        role = (role + by + ROLE_COUNT) % ROLE_COUNT;
        if (probes_section_count(app, (enum role)role) > 0)
            break;
    }
    return (enum role)role;
}

/* The cursor goes where it was in that set. */
static void show_set(struct app *app, enum role role)
{
    size_t first = probes_section_first(app, role), last = app->probe_last[role];
    enum role here = app_probe_tab(app);
    if (role == here)
        return;
    app->probe_last[here] = app->probe_cursor;
    bool known = last >= first && last < first + probes_section_count(app, role);
    app->probe_cursor = known ? last : first;
}

void command_tab(struct app *app, const struct command_call *call)
{
    int word = command_needs_model(app, call)
                   ? command_word(app, call, call->argument[0], command_tabs)
                   : -1;
    if (word < 0)
        return;
    int by = word == WORD_NEXT ? 1 : -1;
    enum role role = word < WORD_NEXT ? (enum role)word : neighbour(app, by);
    if (probes_section_count(app, role) == 0) {
        app_complain(app, "there are no %s probes", probes_role_names[role]);
        return;
    }
    show_set(app, role);
    command_show(app, VIEW_PROBES);
}

/* ---- order ------------------------------------------------------------------------------ */

void command_sort(struct app *app, const struct command_call *call)
{
    int word = call->count > 0 ? command_word(app, call, call->argument[0], command_orders)
                               : ((int)app->order + 1) % ORDER_COUNT;
    if (word < 0)
        return;
    if (word == WORD_REVERSE)
        app->order_reversed = !app->order_reversed;
    else
        app->order = (enum probe_order)word;
    app_say(app, "probes by %s%s", probes_order_name(app->order),
            app->order_reversed ? ", reversed" : "");
}

/* ---- audit ------------------------------------------------------------------------------ */

void command_run_audit(struct app *app, const struct command_call *call)
{
    if (command_needs_model(app, call))
        command_post_before_run(app, (struct job){.type = JOB_AUDIT});
}

/* ---- one probe ---------------------------------------------------------------------------- */

void command_run_detail(struct app *app, const struct command_call *call)
{
    if (!command_needs_model(app, call))
        return;
    if (!app_selected_probe(app)) {
        app_complain(app, "no probe is selected");
        return;
    }
    app->detail.open = true;
    app->detail.scroll = 0;
    app->screen = app->focus = VIEW_PROBES;
    command_post_before_run(app, (struct job){.type = JOB_PROBE, .count = app->probe_cursor});
}

void command_ids(struct app *app, const struct command_call *call)
{
    (void)call;
    app->detail.ids = !app->detail.ids;
}
