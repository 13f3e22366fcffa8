/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The workbench's state: events are fed by hand, there is no worker.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/t.h"
#include "tests/ui_fixture.h"
#include "ui/view_int.h"

static const struct map_matrix *gate(struct ui_fixture *fixture, int32_t layer)
{
    return app_matrix(fixture->app, layer, PROJ_GATE);
}

static void app_event__opened__lists_matrices_and_probes(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    struct app *app = fixture->app;
    assert_true(app->opened);
    assert_string_equal(app->model_name, "nano");
    assert_int_equal(app->map.matrix_count, 6 * 7 + 2);
    assert_int_equal(app->probe_count, 82);
    assert_int_equal(app->probes[11].role, ROLE_TARGET);
    assert_int_equal(app->probes[12].role, ROLE_CONTROL);
    assert_int_equal(app->probes[52].role, ROLE_HELDOUT);
    assert_true(isnan(app->probes[0].now));
    assert_null(gate(fixture, 0)->mean);
    assert_null(app_matrix(app, 6, PROJ_Q));
    ui_fixture_free(fixture);
}

static void app_event__scales__give_average_range_and_rank(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    uint32_t rows = gate(fixture, 3)->rows;
    float *mean = x_new(rows, sizeof(*mean));
    for (uint32_t i = 0; i < rows; i++)
        mean[i] = i == 5 ? 3 : i == 7 ? 2 : 1;
    struct event event = {.type = EVENT_SCALES};
    event.scales = (struct event_scales){3, PROJ_GATE, rows, mean};
    app_event(fixture->app, &event);
    free(mean); /* it was copied */
    const struct map_matrix *matrix = gate(fixture, 3);
    assert_true(fabsf(matrix->average - (1 + 3.0F / (float)rows)) < 1e-6F);
    assert_true(matrix->low >= 1 && matrix->low <= 1 && matrix->high >= 3);
    assert_int_equal(app_row_rank(matrix, 5), 0);
    assert_int_equal(app_row_rank(matrix, 7), 1);
    assert_int_equal(app_row_rank(matrix, 0), 2);
    ui_fixture_free(fixture);
}

static void app_event__scales_of_other_size__are_ignored(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    float mean[2] = {1, 2};
    struct event event = {.type = EVENT_SCALES};
    event.scales = (struct event_scales){3, PROJ_GATE, 2, mean};
    app_event(fixture->app, &event);
    event.scales.layer = 77;
    app_event(fixture->app, &event);
    assert_null(gate(fixture, 3)->mean);
    ui_fixture_free(fixture);
}

static void app_event__tried__marks_the_row(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    ui_fixture_gaps(fixture);
    const struct map_matrix *matrix = gate(fixture, 2);
    ui_fixture_by_hand(fixture, ui_row(2, PROJ_GATE, 1), 0.5);
    ui_fixture_screened(fixture, ui_row(2, PROJ_GATE, 2));
    ui_fixture_try(fixture, ui_row(2, PROJ_GATE, 3), -0.1);
    ui_fixture_try(fixture, ui_row(2, PROJ_GATE, 3), -0.1); /* counted once */
    ui_fixture_try(fixture, ui_row(2, PROJ_GATE, 4), 0.1);
    assert_int_equal(matrix->marks[1], ROW_TRIED);
    assert_int_equal(matrix->marks[2], ROW_TRIED | ROW_REJECTED);
    assert_int_equal(matrix->marks[3], ROW_TRIED | ROW_REJECTED);
    assert_int_equal(matrix->marks[4], ROW_TRIED | ROW_ACCEPTED);
    assert_int_equal(matrix->tried, 4);
    assert_int_equal(matrix->rejected, 2);
    assert_int_equal(matrix->accepted, 1);
    ui_fixture_free(fixture);
}

static void app_event__flips__undo_clears_the_mark_and_the_history(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    ui_fixture_gaps(fixture);
    struct flip flip = ui_row(1, PROJ_UP, 9);
    ui_fixture_try(fixture, ui_row(1, PROJ_GATE, 8), 0.1);
    ui_fixture_try(fixture, flip, 0.2);
    const struct search_state *search = &fixture->app->search;
    assert_int_equal(search->accepted_count, 2);
    assert_int_equal(search->history_count, 2);
    assert_true(fabs(search->history[1] - 0.3) < 1e-12);
    assert_true(search->last.accepted);

    ui_fixture_flips(fixture, search->accepted, 1, 0.1, JOB_UNDO);
    const struct map_matrix *up = app_matrix(fixture->app, 1, PROJ_UP);
    assert_int_equal(search->accepted_count, 1);
    assert_int_equal(search->history_count, 1);
    assert_int_equal(up->marks[9], ROW_TRIED);
    assert_int_equal(up->accepted, 0);
    assert_false(search->last.accepted);
    ui_fixture_free(fixture);
}

static bool shows(struct ui_fixture *fixture, const char *text)
{
    char *dump = ui_fixture_dump(fixture, 24, 80);
    bool found = strstr(dump, text) != NULL;
    free(dump);
    return found;
}

/* A method may refuse what gains, and may accept that a flip goes. */
static void app_event__tried__verdict_is_the_searchs(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    ui_fixture_gaps(fixture);
    const struct search_state *search = &fixture->app->search;
    struct flip flip = ui_row(1, PROJ_UP, 9);
    struct event refused = {.type = EVENT_TRIED, .job = JOB_STEP};
    refused.tried = (struct event_tried){.flip = flip, .flip_count = 1, .fitness = 0.5};
    app_event(fixture->app, &refused);
    assert_true(shows(fixture, "rejected +0.5000"));

    ui_fixture_try(fixture, flip, 0.2);
    struct event prunes = {.type = EVENT_TRIED, .job = JOB_STEP};
    prunes.tried = (struct event_tried){
        .flip = flip, .flip_count = 1, .accepted = true, .fitness = 0.3, .fitness_before = 0.2};
    app_event(fixture->app, &prunes);
    ui_fixture_flips(fixture, NULL, 0, 0.3, JOB_STEP);
    assert_true(search->last.accepted);
    assert_true(shows(fixture, "accepted +0.1000"));
    ui_fixture_flips(fixture, &flip, 1, 0.2, JOB_UNDO);
    assert_false(search->last.accepted);
    assert_true(shows(fixture, "taken back +0.1000"));
    ui_fixture_free(fixture);
}

static void app_event__next_without_end__said(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    ui_fixture_gaps(fixture);
    ui_fixture_next(fixture, 0, UINT64_MAX);
    assert_true(shows(fixture, "left no end"));
    ui_fixture_next(fixture, 0, UINT64_MAX - 3); /* so many were tried */
    assert_true(shows(fixture, "left no end"));
    assert_true(shows(fixture, "the first step looks for candidates"));
    ui_fixture_try(fixture, ui_row(1, PROJ_UP, 9), -0.2);
    assert_true(shows(fixture, "the next step looks for candidates"));
    assert_false(fixture->app->search.finished);
    ui_fixture_free(fixture);
}

static void app_event__flips__override_swaps_accepted_and_rejected(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    ui_fixture_gaps(fixture);
    struct flip flip = ui_row(0, PROJ_GATE, 5);
    ui_fixture_try(fixture, flip, -0.1);
    ui_fixture_flips(fixture, &flip, 1, -0.1, JOB_ACCEPT);
    assert_int_equal(gate(fixture, 0)->marks[5], ROW_TRIED | ROW_ACCEPTED);
    assert_int_equal(gate(fixture, 0)->rejected, 0);
    assert_true(fixture->app->search.last.accepted);
    ui_fixture_flips(fixture, NULL, 0, 0, JOB_REJECT);
    assert_int_equal(gate(fixture, 0)->marks[5], ROW_TRIED | ROW_REJECTED);
    assert_int_equal(gate(fixture, 0)->accepted, 0);
    ui_fixture_free(fixture);
}

static void app_event__flips_from_a_file__have_no_history(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    struct flip flips[2] = {ui_row(0, PROJ_GATE, 5), ui_row(NO_LAYER, PROJ_HEAD, 3)};
    ui_fixture_flips(fixture, flips, 2, 0.4, JOB_STEP);
    assert_int_equal(fixture->app->search.history_count, 2);
    assert_true(isnan(fixture->app->search.history[0]));
    assert_true(fixture->app->search.history[1] > 0.39);
    free(ui_fixture_dump(fixture, 40, 120));
    ui_fixture_free(fixture);
}

static void app_event__gaps__keep_before_previous_and_candidate(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    ui_fixture_gaps(fixture);
    const struct probe_state *probe = &fixture->app->probes[0];
    double before = probe->before;
    assert_true(fabs(probe->now - before) < 1e-12);
    ui_fixture_try(fixture, ui_row(0, PROJ_GATE, 1), -1);
    assert_true(!isnan(probe->candidate));
    assert_true(fabs(probe->now - before) < 1e-12);
    ui_fixture_try(fixture, ui_row(0, PROJ_GATE, 2), 1);
    assert_true(fabs(probe->previous - before) < 1e-12);
    assert_true(fabs(probe->now - probe->candidate) < 1e-12);
    ui_fixture_screened(fixture, ui_row(0, PROJ_GATE, 3));
    assert_true(isnan(probe->candidate));
    assert_true(isnan(fixture->app->probes[60].now)); /* held-out ones are never measured */
    ui_fixture_free(fixture);
}

static bool stale(const struct ui_fixture *fixture)
{
    return fixture->app->probes[0].answer.flip_count != fixture->app->search.accepted_count;
}

static void app_event__answers__are_stale_with_other_flips(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    struct flip a = ui_row(0, PROJ_GATE, 1), b = ui_row(0, PROJ_GATE, 2);
    ui_fixture_flips(fixture, &a, 1, 0.1, JOB_STEP);
    ui_fixture_answers(fixture, false);
    assert_true(fixture->app->probes[0].answer.known);
    assert_false(stale(fixture));
    ui_fixture_flips(fixture, (struct flip[]){a, b}, 2, 0.2, JOB_STEP);
    assert_true(stale(fixture));
    ui_fixture_flips(fixture, &a, 1, 0.1, JOB_UNDO); /* the very flips it was asked with */
    assert_false(stale(fixture));
    ui_fixture_flips(fixture, NULL, 0, 0, JOB_UNDO);
    ui_fixture_flips(fixture, &b, 1, 0.1, JOB_STEP); /* as many, but others */
    assert_true(stale(fixture));
    ui_fixture_answers(fixture, false);
    assert_false(stale(fixture));
    ui_fixture_free(fixture);
}

static void app_event__heldout__is_counted_and_only_then_listed(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    app->screen = app->focus = VIEW_PROBES;
    view_of(VIEW_PROBES)->move(app, MOVE_LAST);
    assert_int_equal(app->probe_cursor, 11); /* the last target */
    app_command(app, "tab held-out");
    view_of(VIEW_PROBES)->move(app, MOVE_LAST);
    assert_null(app_selected_probe(app));
    char *dump = ui_fixture_dump(fixture, 24, 80);
    assert_non_null(strstr(dump, "hidden: H answers"));
    assert_non_null(strstr(dump, "held-out seen 0 times"));
    assert_null(strstr(dump, fixture->probes->probes[52].name));
    free(dump);
    ui_fixture_answers(fixture, true);
    ui_fixture_answers(fixture, true);
    assert_true(app->heldout_asked);
    assert_int_equal(app->heldout_looks, 2);
    view_of(VIEW_PROBES)->move(app, MOVE_LAST);
    assert_int_equal(app->probe_cursor, 81);
    dump = ui_fixture_dump(fixture, 24, 80);
    assert_non_null(strstr(dump, fixture->probes->probes[81].name));
    assert_non_null(strstr(dump, "held-out seen 2 times"));
    free(dump);
    ui_fixture_free(fixture);
}

static void app_event__text__is_taken_only_for_the_prompt_that_is_asked(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    struct compare_state *compare = &fixture->app->compare;
    ui_fixture_text(fixture, "nobody asked", "a", "b");
    assert_false(compare->known);
    compare->prompt = x_copy("two", 3);
    ui_fixture_text(fixture, "one", "a", "b");
    assert_false(compare->known);
    ui_fixture_text(fixture, "two", "a", "b");
    assert_true(compare->known);
    assert_string_equal(compare->now, "b");
    ui_fixture_free(fixture);
}

static void app_event__states_and_diff__are_taken_and_named(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    assert_null(app_state_name(app, 4));
    ui_fixture_states(fixture, 4);
    assert_string_equal(app_state_name(app, 4), "calculus");
    assert_string_equal(app_state_name(app, 0), "start");
    assert_null(app_state_name(app, 5));
    ui_fixture_states(fixture, 9); /* again: the old ones are gone */
    assert_int_equal(app->states.named.count, 3);
    assert_false(app->states.has_previous);
    app->diff.scroll = 5;
    ui_fixture_diff(fixture);
    assert_int_equal(app->overlay, OVERLAY_DIFF);
    assert_int_equal(app->diff.scroll, 0);
    assert_string_equal(app->diff.found.b, "two rows");
    app_key(app, KEY_CODE_ESC);
    assert_int_equal(app->overlay, OVERLAY_NONE);
    ui_fixture_free(fixture);
}

static void app_event__job__runs_from_started_to_finished(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    struct app *app = fixture->app;
    char what[] = "searching\x1b[2J", path[] = "some/patch.json", end[] = "finished";
    struct event event = {.type = EVENT_STARTED, .job = JOB_STEP, .total = 300};
    app_event(app, &event);
    assert_true(app->job.running);
    app->now += 100;
    event = (struct event){.type = EVENT_PROGRESS, .done = 50, .total = 300, .message = what};
    app_event(app, &event);
    assert_string_equal(app->job.what, "searching\\x1B[2J");
    char *dump = ui_fixture_dump(fixture, 24, 120);
    assert_non_null(strstr(dump, "50/300  0.5/s  8:20 left"));
    free(dump);
    event = (struct event){.type = EVENT_FINISHED, .job = JOB_STEP, .message = end};
    app_event(app, &event);
    assert_false(app->job.running);
    assert_string_equal(app->message, "finished");
    event = (struct event){.type = EVENT_WRITTEN, .message = path};
    app_event(app, &event);
    assert_string_equal(app->message, "wrote 0 flips to some/patch.json");
    ui_fixture_free(fixture);
}

static void says(struct ui_fixture *fixture, const char *message)
{
    assert_string_equal(fixture->app->message, message);
    app_say(fixture->app, "%s", "");
}

static void app_event__outcomes__are_said(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    struct flip flips[] = {ui_row(1, PROJ_UP, 58), ui_row(3, PROJ_GATE, 514)};
    char stopped[] = "stopped";
    ui_fixture_flips(fixture, flips, 1, 0.01, JOB_STEP);
    says(fixture, "");
    ui_fixture_flips(fixture, flips, 2, 0.0142, JOB_KEEP);
    says(fixture, "kept L3 gate_proj row 514: fitness +0.0042");
    ui_fixture_flips(fixture, flips, 1, 0.01, JOB_UNDO);
    says(fixture, "took back L3 gate_proj row 514: fitness -0.0042");
    ui_fixture_flips(fixture, flips, 0, 0, JOB_KEEP);
    says(fixture, "took back L1 up_proj row 58: fitness -0.0100");
    ui_fixture_flips(fixture, flips, 1, 0.01, JOB_UNDO);
    says(fixture, "put back L1 up_proj row 58: fitness +0.0100");
    ui_fixture_flips(fixture, flips, 2, 0.02, JOB_STEP);
    says(fixture, "");
    ui_fixture_answers(fixture, false);
    says(fixture, "answers: targets 3 \u2192 5 right, controls 22 \u2192 28");
    ui_fixture_answers(fixture, true);
    says(fixture, "held-out: 15 \u2192 21 right of 30");
    app_event(fixture->app, &(struct event){.type = EVENT_STARTED, .job = JOB_STEP});
    ui_fixture_try(fixture, ui_row(0, PROJ_Q, 3), -0.01);
    ui_fixture_try(fixture, ui_row(0, PROJ_Q, 4), 0.02);
    app_event(fixture->app,
              &(struct event){.type = EVENT_FINISHED, .job = JOB_STEP, .message = stopped});
    says(fixture, "stopped: 2 tried, 1 accepted");
    ui_fixture_free(fixture);
}

static void app_event__error__is_said_and_fatal_ones_quit(void **state)
{
    (void)state;
    struct app *app = app_new();
    struct event event = {.type = EVENT_ERROR};
    (void)err_set(&event.err, ERR_IO, "cannot be read");
    (void)err_file(&event.err, "a.gguf");
    app_event(app, &event);
    assert_string_equal(app->message, "a.gguf: cannot be read");
    assert_true(app->message_is_error);
    assert_false(app->quit);
    event.fatal = true;
    app_event(app, &event);
    assert_true(app->quit);
    app_free(app);
}

static void app_say__control_characters__are_visible(void **state)
{
    (void)state;
    struct app *app = app_new();
    app_complain(app, "bad %s", "\x1b]0;x\x07\n");
    assert_string_equal(app->message, "bad \\x1B]0;x\\x07\\n");
    app_say(app, "%0500d", 1);
    assert_false(app->message_is_error);
    assert_int_equal(strlen(app->message), sizeof(app->message) - 1);
    app_free(app);
}

static void app_gap_word__every_case__is_named(void **state)
{
    (void)state;
    static const struct {
        double before, now;
        const char *word;
    } cases[] = {
        {-1, 1, "won"},     {1, -1, "lost"},     {0, 0.001, "won"},   {0.001, 0, "lost"},
        {1, 1.2, "up"},     {1, 0.8, "down"},    {-2, -1.5, "up"},    {-1, -1.004, "same"},
        {2, 2, "same"},     {(double)NAN, 1, ""}, {1, (double)NAN, ""},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct probe_state probe = {.before = cases[i].before, .now = cases[i].now};
        assert_string_equal(app_gap_word(&probe), cases[i].word);
    }
}

/* ---- sets and orders of probes ------------------------------------------------------- */

static void command_tab__sets__cursor_stays_in_each(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    app->focus = VIEW_PROBES;
    app->probe_cursor = 3;
    app_command(app, "tab controls");
    assert_int_equal(app->probe_cursor, 12);
    view_of(VIEW_PROBES)->move(app, MOVE_DOWN);
    app_key(app, '[');
    assert_int_equal(app->probe_cursor, 3);
    view_of(VIEW_PROBES)->move(app, MOVE_RIGHT);
    assert_int_equal(app->probe_cursor, 13);
    view_of(VIEW_PROBES)->move(app, MOVE_RIGHT);
    assert_int_equal(app_probe_tab(app), ROLE_HELDOUT);
    assert_null(app_selected_probe(app)); /* nothing of it is shown unasked */
    app_key(app, ']');
    assert_int_equal(app_probe_tab(app), ROLE_TARGET);
    app->control_count = 0; /* sets without probes are left out */
    app_command(app, "tab controls");
    assert_string_equal(app->message, "there are no controls probes");
    app_command(app, "tab sideways");
    assert_true(app->message_is_error);
    ui_fixture_free(fixture);
}

/* The order is checked by its definition, pair by pair. */
static void check_order(struct app *app, double (*value)(const struct probe_state *probe))
{
    size_t count = 0, *order = probes_order(app, ROLE_CONTROL, &count);
    bool seen[82] = {false};
    assert_int_equal(count, 40);
    for (size_t i = 0; i < count; i++) {
        assert_true(order[i] >= 12 && order[i] < 52 && !seen[order[i]]);
        seen[order[i]] = true;
        if (i == 0)
            continue;
        double one = value(&app->probes[order[i - 1]]), next = value(&app->probes[order[i]]);
        assert_true(one < next || (!(next < one) && order[i - 1] < order[i]));
    }
    free(order);
}

static double gap_now(const struct probe_state *probe)
{
    return probe->now;
}

static double less_gain(const struct probe_state *probe)
{
    return probe->before - probe->now;
}

static double worse_verdict(const struct probe_state *probe)
{
    const struct answer *answer = &probe->answer;
    return answer->right_base && !answer->right_now   ? 0
           : !answer->right_base && answer->right_now ? 1
           : !answer->right_now                       ? 2
                                                      : 3;
}

static double fewer_notes(const struct probe_state *probe)
{
    return probe->note_count > 0 ? -1 : 0;
}

static void probes_order__every_order__by_its_value(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    ui_fixture_audit(fixture);
    app_command(app, "sort gap");
    check_order(app, gap_now);
    app_command(app, "sort delta");
    check_order(app, less_gain);
    app_command(app, "sort verdict");
    check_order(app, worse_verdict);
    app_command(app, "sort badge");
    check_order(app, fewer_notes);
    app_command(app, "sort");
    assert_int_equal(app->order, ORDER_SET);
    app_command(app, "sort name");
    size_t count = 0, *order = probes_order(app, ROLE_TARGET, &count);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(app->probes[order[i - 1]].probe->name,
                           app->probes[order[i]].probe->name) < 0);
    free(order);
    ui_fixture_free(fixture);
}

static void probes_order__reversed__unknown_ones_stay_last(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    app->probes[4].now = (double)NAN;
    app_command(app, "sort gap");
    app_command(app, "sort reverse");
    assert_string_equal(app->message, "probes by gap, reversed");
    size_t count = 0, *order = probes_order(app, ROLE_TARGET, &count);
    assert_int_equal(order[11], 4);
    for (size_t i = 1; i < 11; i++)
        assert_true(app->probes[order[i - 1]].now >= app->probes[order[i]].now);
    free(order);
    order = probes_order(app, ROLE_HELDOUT, &count);
    assert_int_equal(count, 0); /* hidden */
    free(order);
    ui_fixture_free(fixture);
}

static void app_event__audit__badges_worst_first(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    app->screen = app->focus = VIEW_PROBES;
    assert_false(app->audited);
    ui_fixture_audit(fixture);
    assert_string_equal(app->message, "audit of 82 probes: 2 fatal, 4 warnings, 4 notes");
    assert_int_equal(app->probes[3].note_count, 4);
    assert_int_equal(app->probes[3].notes[0].severity, AUDIT_FATAL);
    char *dump = ui_fixture_dump(fixture, 24, 80);
    assert_non_null(strstr(dump, "times_4_3  MC "));
    assert_non_null(strstr(dump, "times_5_3  !DM+"));
    assert_non_null(strstr(dump, "times_2_3  r "));
    free(dump);
    ui_fixture_audit(fixture); /* again: not twice */
    assert_int_equal(app->probes[3].note_count, 4);
    ui_fixture_free(fixture);
}

/* Fresh, then stale, then for ever with other flips; and what is wished for. */
static void app_event__probe__known_until_flips_change(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    struct flip flips[6];
    size_t count = app->search.accepted_count;
    memcpy(flips, app->search.accepted, count * sizeof *flips);
    app->screen = app->focus = VIEW_PROBES;
    assert_true(app_wished_probe(app) == SIZE_MAX); /* nobody looks at a detail */
    app_key(app, KEY_CODE_ENTER);
    assert_true(app->detail.open);
    assert_int_equal(app_wished_probe(app), 0);
    assert_int_equal(fixture->jobs[fixture->job_count - 1].type, JOB_PROBE);
    ui_fixture_detail(fixture, 0);
    assert_true(app_wished_probe(app) == SIZE_MAX);
    assert_true(detail_is_fresh(app, &app->probes[0]));
    flips[count] = ui_row(2, PROJ_UP, 9);
    ui_fixture_flips(fixture, flips, count + 1, 0.5, JOB_STEP);
    assert_false(detail_is_fresh(app, &app->probes[0]));
    char *dump = ui_fixture_dump(fixture, 24, 80);
    assert_non_null(strstr(dump, "~ stale: measured with other flips"));
    free(dump);
    ui_fixture_flips(fixture, flips, count, 0.5, JOB_UNDO); /* as they were */
    assert_true(detail_is_fresh(app, &app->probes[0]));
    flips[count - 1] = ui_row(2, PROJ_UP, 9);
    ui_fixture_flips(fixture, flips, count, 0.5, JOB_GOTO); /* as many, but others */
    assert_false(detail_is_fresh(app, &app->probes[0]));
    ui_fixture_free(fixture);
}

static void view_probes__detail__keys_move_scroll_and_close(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    const struct view_ops *view = view_of(VIEW_PROBES);
    app->screen = app->focus = VIEW_PROBES;
    ui_fixture_detail(fixture, 0);
    app_key(app, KEY_CODE_ENTER);
    assert_int_equal(fixture->job_count, 0); /* it is known */
    view->move(app, MOVE_DOWN);
    assert_int_equal(app->detail.scroll, 1);
    view->move(app, MOVE_LAST);
    int last = app->detail.scroll;
    view->move(app, MOVE_DOWN);
    assert_true(last > 1 && app->detail.scroll == last);
    view->move(app, MOVE_RIGHT);
    assert_int_equal(app->probe_cursor, 1);
    assert_int_equal(app->detail.scroll, 0);
    view->move(app, MOVE_LEFT);
    assert_int_equal(app->probe_cursor, 0);
    app_key(app, 'i');
    assert_true(app->detail.ids);
    assert_true(view->back(app));
    assert_false(app->detail.open || view->back(app));
    app_command(app, "tab held-out");
    app_command(app, "detail");
    assert_string_equal(app->message, "no probe is selected");
    ui_fixture_answers(fixture, true);
    app_key(app, KEY_CODE_ENTER); /* a look that nobody asked for is none */
    assert_true(app->detail.open);
    assert_true(app_wished_probe(app) == SIZE_MAX);
    assert_int_equal(fixture->job_count, 0);
    app_command(app, "detail");
    assert_int_equal(fixture->jobs[0].type, JOB_PROBE);
    assert_int_equal(fixture->jobs[0].count, 52);
    ui_fixture_free(fixture);
}

/* ---- cursors --------------------------------------------------------------------------- */

static void view_map__motions__stay_on_the_map(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    struct flip flip;
    for (int motion = MOVE_UP; motion <= MOVE_LINE_END; motion++)
        for (int i = 0; i < 20; i++) {
            view_map.move(app, (enum motion)motion);
            assert_non_null(app_matrix_at_cursor(app));
            assert_false(app_row_at_cursor(app, &flip));
        }
    view_map.move(app, MOVE_LAST);
    view_map.move(app, MOVE_LINE_END);
    assert_int_equal(app_matrix_at_cursor(app)->proj, PROJ_HEAD);
    assert_true(view_map.enter(app));
    assert_false(view_map.enter(app));
    for (int motion = MOVE_UP; motion <= MOVE_LINE_END; motion++)
        for (int i = 0; i < 20; i++) {
            view_map.move(app, (enum motion)motion);
            assert_true(app_row_at_cursor(app, &flip));
            assert_true(model_flip_fits(fixture->model, &flip, &(struct err){0}));
        }
    assert_true(view_map.back(app));
    assert_false(view_map.back(app));
    ui_fixture_free(fixture);
}

static bool is_shown(struct ui_fixture *fixture, const char *text)
{
    char *dump = ui_fixture_dump(fixture, 24, 80);
    bool shown = strstr(dump, text) != NULL;
    free(dump);
    return shown;
}

static void hints_draw__as_things_stand__only_what_can_be_done(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    assert_false(is_shown(fixture, "y accept"));
    assert_false(is_shown(fixture, "u undo"));
    ui_fixture_try(fixture, ui_row(0, PROJ_UP, 7), -0.01);
    assert_true(is_shown(fixture, "y accept"));
    ui_fixture_try(fixture, ui_row(0, PROJ_UP, 8), 0.01);
    assert_true(is_shown(fixture, "n reject"));
    assert_false(is_shown(fixture, "y accept"));
    assert_true(is_shown(fixture, "u undo"));
    assert_true(is_shown(fixture, "Enter zoom"));
    fixture->app->map.zoomed = true;
    assert_false(is_shown(fixture, "Enter zoom"));
    assert_true(is_shown(fixture, "BS zoom out"));
    ui_fixture_free(fixture);
}

static void view_map__readout__names_the_row(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    struct buf out = {0};
    app->map.layer = 2;
    app->map.column = PROJ_GATE;
    assert_true(view_map.enter(app));
    view_map.move(app, MOVE_RIGHT);
    view_map.readout(app, &out);
    assert_non_null(strstr(out.data, "L2 gate_proj row 1  scale 0.0"));
    assert_non_null(strstr(out.data, "not in patch, not tried"));
    buf_free(&out);
    ui_fixture_free(fixture);
}

/* Each has a word of its own in the status line. */
static void app_draw__every_job__is_named(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    for (int type = 0; type <= (int)JOB_RENAME; type++) {
        struct event event = {.type = EVENT_STARTED, .job = (enum job_type)type};
        app_event(fixture->app, &event);
        free(ui_fixture_dump(fixture, 24, 80));
    }
    ui_fixture_free(fixture);
}

/* A title says that gaps are no result, and which of them are unsound. */
static void probes__metrics__title_and_controls_say_so(void **state)
{
    (void)state;
    const struct {
        enum metric metric, control;
        const char *title, *controls;
    } rows[] = {
        {METRIC_SEQ_LOGPROB, METRIC_SEQ_LOGPROB, "Probes: gaps are a search signal ",
         "  gaps \u00B7"},
        {METRIC_MARGIN, METRIC_KL, "Probes: gaps are a search signal ", "  gaps by kl \u00B7"},
        {METRIC_TOKEN_GAP, METRIC_TOKEN_GAP, "Probes: unsound signal, token_gap ", "  gaps \u00B7"},
        {METRIC_MARGIN, METRIC_TOKEN_GAP, "Probes: unsound signal, token_gap ",
         "  gaps by token_gap \u00B7"},
    };
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    fixture->app->screen = fixture->app->focus = VIEW_PROBES;
    app_command(fixture->app, "tab controls");
    for (size_t i = 0; i < countof(rows); i++) {
        fixture->app->metric = rows[i].metric;
        fixture->app->control_metric = rows[i].control;
        char *dump = ui_fixture_dump(fixture, 24, 80);
        if (!strstr(dump, rows[i].title) || !strstr(dump, rows[i].controls))
            fail_msg("row %zu: %s", i, dump);
        free(dump);
    }
    ui_fixture_free(fixture);
}

/* ---- a session that is gone on with ---------------------------------------------- */

static void app_event__past__marks_rows_and_draws_the_curve(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    struct app *app = fixture->app;
    struct event event = {.type = EVENT_PAST};
    double history[2] = {0.25, 0.5};
    struct flip flips[2] = {ui_row(1, PROJ_UP, 3), ui_row(1, PROJ_UP, 9)};
    event.past.tried = x_new(3, sizeof *event.past.tried);
    event.past.tried[0].flip = flips[0];
    event.past.tried[1].flip = ui_row(1, PROJ_UP, 4);
    event.past.tried[1].rejected = true;
    event.past.tried[2].flip = flips[1]; /* rejected, then accepted by hand */
    event.past.tried[2].rejected = true;
    event.past.count = 3;
    event.past.history = history;
    event.past.history_count = 2;
    app_event(app, &event);
    free(event.past.tried);
    ui_fixture_flips(fixture, flips, 2, 0.5, JOB_STEP);
    const struct map_matrix *matrix = app_matrix(app, 1, PROJ_UP);
    assert_int_equal(matrix->marks[3], ROW_TRIED | ROW_ACCEPTED);
    assert_int_equal(matrix->marks[4], ROW_TRIED | ROW_REJECTED);
    assert_int_equal(matrix->marks[9], ROW_TRIED | ROW_ACCEPTED);
    assert_int_equal(matrix->tried, 3);
    assert_int_equal(app->search.history_count, 2);
    assert_true(app->search.history[0] == 0.25 && app->search.history[1] == 0.5);
    ui_fixture_free(fixture);
}

static void app_view__as_text_and_back__the_same(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80), *other = ui_fixture_new(24, 80);
    app_command(fixture->app, "goto 3.gate.514");
    app_command(fixture->app, "probe times_3_3");
    app_command(fixture->app, "maximise");
    char *text = app_view_text(fixture->app);
    app_take_view(other->app, text);
    assert_int_equal(other->app->map.layer, 3);
    assert_int_equal(other->app->map.row, 514);
    assert_true(other->app->map.zoomed && other->app->maximised);
    assert_int_equal(other->app->focus, VIEW_PROBES);
    assert_int_equal(other->app->probe_cursor, 1);
    char *again = app_view_text(other->app);
    assert_string_equal(again, text);
    free(again);
    free(text);
    ui_fixture_free(fixture);
    ui_fixture_free(other);
}

/* It may come from anybody's file. */
static void app_take_view__nonsense__is_left_out(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "[]", "{", "{\"screen\": 7, \"focus\": \"x\"}", "{\"layer\": -1, \"column\": 99}",
        "{\"layer\": 6, \"column\": 2, \"row\": 99999999999, \"zoomed\": true}",
        "{\"layer\": 7}", "{\"probe\": 9999}", "{\"next\": 1e99, \"row\": \"5\"}",
    };
    for (size_t i = 0; i < countof(texts); i++) {
        struct ui_fixture *fixture = ui_fixture_new(24, 80);
        app_take_view(fixture->app, texts[i]);
        app_draw(fixture->app);
        app_command(fixture->app, "try");
        assert_true(fixture->app->map.layer <= 6 && fixture->app->map.column < 7);
        assert_true(fixture->app->probe_cursor < fixture->app->probe_count);
        ui_fixture_free(fixture);
    }
}

static void app_forget__everything__can_be_opened_again(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    app_forget(fixture->app);
    assert_false(fixture->app->opened);
    assert_int_equal(fixture->app->probe_count, 0);
    assert_int_equal(fixture->app->search.accepted_count, 0);
    app_draw(fixture->app);
    app_command(fixture->app, "step");
    assert_true(fixture->app->message_is_error);
    ui_fixture_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(app_event__opened__lists_matrices_and_probes),
        cmocka_unit_test(app_event__past__marks_rows_and_draws_the_curve),
        cmocka_unit_test(app_view__as_text_and_back__the_same),
        cmocka_unit_test(app_take_view__nonsense__is_left_out),
        cmocka_unit_test(app_forget__everything__can_be_opened_again),
        cmocka_unit_test(app_event__scales__give_average_range_and_rank),
        cmocka_unit_test(app_event__scales_of_other_size__are_ignored),
        cmocka_unit_test(app_event__tried__marks_the_row),
        cmocka_unit_test(app_event__flips__undo_clears_the_mark_and_the_history),
        cmocka_unit_test(app_event__tried__verdict_is_the_searchs),
        cmocka_unit_test(app_event__next_without_end__said),
        cmocka_unit_test(app_event__flips__override_swaps_accepted_and_rejected),
        cmocka_unit_test(app_event__flips_from_a_file__have_no_history),
        cmocka_unit_test(app_event__gaps__keep_before_previous_and_candidate),
        cmocka_unit_test(app_event__answers__are_stale_with_other_flips),
        cmocka_unit_test(app_event__heldout__is_counted_and_only_then_listed),
        cmocka_unit_test(app_event__text__is_taken_only_for_the_prompt_that_is_asked),
        cmocka_unit_test(app_event__states_and_diff__are_taken_and_named),
        cmocka_unit_test(app_event__job__runs_from_started_to_finished),
        cmocka_unit_test(app_event__outcomes__are_said),
        cmocka_unit_test(app_event__error__is_said_and_fatal_ones_quit),
        cmocka_unit_test(app_say__control_characters__are_visible),
        cmocka_unit_test(app_gap_word__every_case__is_named),
        cmocka_unit_test(command_tab__sets__cursor_stays_in_each),
        cmocka_unit_test(probes_order__every_order__by_its_value),
        cmocka_unit_test(probes_order__reversed__unknown_ones_stay_last),
        cmocka_unit_test(app_event__audit__badges_worst_first),
        cmocka_unit_test(app_event__probe__known_until_flips_change),
        cmocka_unit_test(view_probes__detail__keys_move_scroll_and_close),
        cmocka_unit_test(view_map__motions__stay_on_the_map),
        cmocka_unit_test(hints_draw__as_things_stand__only_what_can_be_done),
        cmocka_unit_test(view_map__readout__names_the_row),
        cmocka_unit_test(app_draw__every_job__is_named),
        cmocka_unit_test(probes__metrics__title_and_controls_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
