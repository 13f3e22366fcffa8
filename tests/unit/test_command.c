/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tables of commands and keys, lines and what is said about bad ones,
 * completion, and every command in every view.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/t.h"
#include "tests/ui_fixture.h"
#include "ui/command_int.h"
#include "ui/prompt.h"
#include "ui/script.h"
#include "ui/view_int.h"

/* ---- jobs that commands post ---------------------------------------------------- */

enum { JOBS_MAX = 64 };

static struct {
    struct job job[JOBS_MAX];
    char text[JOBS_MAX][128];
    size_t count;
} posted;

static void record(struct app *app, const struct job *job)
{
    (void)app;
    assert_true(posted.count < JOBS_MAX);
    posted.job[posted.count] = *job;
    (void)snprintf(posted.text[posted.count], sizeof posted.text[0], "%s",
                   job->text ? job->text : "");
    posted.count++;
}

static struct ui_fixture *fixture; /* of the one app in use */

static struct app *new_app(void)
{
    fixture = ui_fixture_new(24, 80);
    fixture->app->post = record;
    posted.count = 0;
    return fixture->app;
}

static void end_app(struct app *app)
{
    assert_ptr_equal(app, fixture->app);
    prompt_cancel();
    script_stop();
    ui_fixture_free(fixture);
}

static void says(struct app *app, const char *line, const char *message)
{
    app_command(app, line);
    assert_string_equal(app->message, message);
}

/* ---- the tables ------------------------------------------------------------------ */

static void ui_commands__all__sorted_and_unique(void **state)
{
    (void)state;
    for (const struct ui_command *command = ui_commands; command[1].name; command++)
        assert_true(strcmp(command[0].name, command[1].name) < 0); /* [K2] */
}

static void ui_commands__all__are_whole(void **state)
{
    (void)state;
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        assert_ptr_equal(command_named(command->name), command);
        assert_non_null(command->run);
        assert_true(strlen(command->help) >= 4 && strlen(command->help) <= 46);
        assert_true(command->min >= 0 && command->min <= COMMAND_ARGUMENTS_MAX);
        assert_true(command->max <= COMMAND_ARGUMENTS_MAX);
        assert_int_equal(command->max == 0, *command->arguments == '\0');
        assert_null(strchr(command->name, ' '));
    }
}

static void ui_bindings__all__name_keys_and_commands(void **state)
{
    (void)state;
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++) {
        key_code key;
        assert_int_equal(key_parse(binding->key, &key), strlen(binding->key));
        char *name = x_copy(binding->line, strcspn(binding->line, " "));
        assert_non_null(command_named(name)); /* [K1] */
        free(name);
        assert_true(binding->where != 0 && (binding->where & ~(unsigned)IN_ALL) == 0);
    }
}

static void ui_bindings__each_context__binds_a_key_once(void **state)
{
    (void)state;
    for (const struct key_binding *one = ui_bindings; one->key; one++) {
        for (const struct key_binding *other = one + 1; other->key; other++) { /* [K2] */
            key_code a = 0, b = 0;
            assert_true(key_parse(one->key, &a) > 0 && key_parse(other->key, &b) > 0);
            assert_true(a != b || (one->where & other->where) == 0);
        }
    }
}

/* Every line of the table of keys is a good call: name and number of arguments. */
static void ui_bindings__all_lines__are_accepted(void **state)
{
    (void)state;
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++) {
        struct app *app = new_app();
        for (int view = 0; view < VIEW_COUNT; view++) {
            if (!(binding->where & 1U << view))
                continue;
            app->focus = (enum view_id)view;
            app_command(app, binding->line);
            assert_null(strstr(app->message, "no command"));
            assert_null(strstr(app->message, "argument"));
            assert_null(strstr(app->message, "cannot be"));
            prompt_cancel();
        }
        end_app(app);
    }
}

/* ---- keys ------------------------------------------------------------------------- */

static void app_key__unbound__says_so(void **state)
{
    (void)state;
    struct app *app = new_app();
    app_key(app, '/');
    assert_string_equal(app->message, "/ is not bound here, ? shows the keys");
    assert_true(app->message_is_error);
    app_key(app, 'x' & 31);
    assert_string_equal(app->message, "<C-x> is not bound here, ? shows the keys");
    app->focus = VIEW_PROBES;
    app_key(app, 'f');
    assert_string_equal(app->message, "f is not bound here, ? shows the keys");
    app_key(app, 'j');
    assert_string_equal(app->message, ""); /* forgotten by the next key */
    assert_false(app->message_is_error);
    end_app(app);
}

static void app_key__help_open__goes_to_help(void **state)
{
    (void)state;
    struct app *app = new_app();
    app_key(app, '?');
    assert_true(app->help_open);
    app_key(app, 'u');
    app_key(app, 'n');
    app_key(app, 'q');
    assert_string_equal(app->help_filter, "unq");
    app_key(app, KEY_CODE_BACKSPACE);
    assert_string_equal(app->help_filter, "un");
    assert_int_equal(posted.count, 0);
    app_key(app, KEY_CODE_ESC);
    assert_false(app->help_open);
    app_key(app, '?');
    assert_string_equal(app->help_filter, "");
    app_key(app, 'q');
    assert_false(app->help_open);
    assert_false(app->quit);
    end_app(app);
}

static void app_key__help_scrolled__stays_in_the_list(void **state)
{
    (void)state;
    struct app *app = new_app();
    app_key(app, '?');
    app_key(app, KEY_CODE_UP);
    assert_int_equal(app->help_scroll, 0);
    app_key(app, KEY_CODE_DOWN);
    assert_int_equal(app->help_scroll, 1);
    app_key(app, KEY_CODE_END);
    int last = app->help_scroll;
    app_key(app, KEY_CODE_PAGE_DOWN);
    assert_int_equal(app->help_scroll, last);
    app_key(app, KEY_CODE_HOME);
    assert_int_equal(app->help_scroll, 0);
    end_app(app);
}

static void app_key__digits__choose_views(void **state)
{
    (void)state;
    struct app *app = new_app();
    for (int view = VIEW_COUNT - 1; view >= 0; view--) {
        app_key(app, (key_code)('1' + view));
        assert_int_equal(app->screen, view);
        assert_int_equal(app->focus, view);
    }
    end_app(app);
}

static void app_key__tab__goes_around_and_back(void **state)
{
    (void)state;
    struct app *app = new_app();
    enum view_id first = app->focus;
    int steps = 0;
    do
        app_key(app, KEY_CODE_TAB);
    while (app->focus != first && ++steps < 10);
    assert_in_range(steps, 1, VIEW_COUNT - 1);
    app_key(app, KEY_CODE_TAB);
    assert_int_not_equal(app->focus, first);
    app_key(app, KEY_CODE_SHIFT_TAB);
    assert_int_equal(app->focus, first);
    end_app(app);
}

static void app_key__q__closes_then_quits(void **state)
{
    (void)state;
    struct app *app = new_app();
    app->focus = app->screen = VIEW_MAP;
    app->map.zoomed = true;
    app->maximised = true;
    app_key(app, 'q');
    assert_false(app->map.zoomed);
    app_key(app, 'q');
    assert_false(app->maximised);
    assert_false(app->quit);
    app_key(app, 'q');
    assert_true(app->quit);
    end_app(app);
}

/* A zoomed map is closed from another view, but only where it is seen. */
static void app_key__q_beside_the_zoomed_map__zooms_out(void **state)
{
    (void)state;
    struct app *app = new_app();
    app->map.zoomed = true;
    grid_resize(app->grid, 24, 80);
    app->screen = app->focus = VIEW_PROBES;
    assert_int_equal(command_closing(app), CLOSING_PROGRAM);
    app->screen = VIEW_MAP;
    app_key(app, 'q');
    assert_false(app->map.zoomed);
    assert_false(app->quit);
    app_key(app, 'q');
    assert_true(app->quit);
    end_app(app);
}

/* ---- what commands post -------------------------------------------------------------- */

struct posting {
    const char *line;
    enum view_id focus;
    enum job_type type;
    uint64_t count;
    const char *text;
};

static void command_run__working_commands__post_jobs(void **state)
{
    (void)state;
    static const struct posting cases[] = {
        {"step", VIEW_MAP, JOB_STEP, 1, ""},
        {"step 12", VIEW_MAP, JOB_STEP, 12, ""},
        {"run", VIEW_PROBES, JOB_STEP, 0, ""},
        {"try 1.gate.3", VIEW_MAP, JOB_TRY, 0, ""},
        {"try", VIEW_SEARCH, JOB_TRY, 0, ""},
        {"keep 1.gate.3", VIEW_MAP, JOB_KEEP, 0, ""},
        {"undo", VIEW_MAP, JOB_UNDO, 0, ""},
        {"state 3", VIEW_MAP, JOB_GOTO, 3, ""},
        {"state 0", VIEW_PROBES, JOB_GOTO, 0, ""},
        {"state best", VIEW_MAP, JOB_GOTO, 0, "best"},
        {"state head~2", VIEW_MAP, JOB_GOTO, 0, "head~2"},
        {"e /nonexistent/a b.json", VIEW_MAP, JOB_PATCH, 0, "\n/nonexistent/a b.json"},
        {"patch open x.json", VIEW_MAP, JOB_PATCH, 0, "\nx.json"},
        {"patch open x.json mine", VIEW_MAP, JOB_PATCH, 0, "mine\nx.json"},
        {"name my best", VIEW_MAP, JOB_NAME, 0, "my best"},
        {"diff base..my best", VIEW_MAP, JOB_DIFF, 0, "base..my best"},
        {"answers", VIEW_MAP, JOB_ANSWERS, 0, ""},
        {"heldout", VIEW_MAP, JOB_HELDOUT, 0, ""},
        {"gen  two words ", VIEW_COMPARE, JOB_TEXT, 0, "two words "},
        {" : w  /nonexistent/a b.json ", VIEW_MAP, JOB_WRITE, 0, "/nonexistent/a b.json"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct app *app = new_app();
        app->focus = cases[i].focus;
        app_command(app, cases[i].line);
        if (posted.count != 1)
            fail_msg("%s posted %zu jobs: %s", cases[i].line, posted.count, app->message);
        assert_int_equal(posted.job[0].type, cases[i].type);
        assert_int_equal(posted.job[0].count, cases[i].count);
        assert_string_equal(posted.text[0], cases[i].text);
        end_app(app);
    }
}

/* ---- the list of patches ---------------------------------------------------------------- */

static void patches__keys__move_switch_and_close(void **state)
{
    (void)state;
    struct app *app = new_app();
    ui_fixture_states(fixture, 4);
    app_key(app, 'B');
    assert_int_equal(app->overlay, OVERLAY_PATCHES);
    assert_int_equal(patches_count(app), 3);
    assert_int_equal(app->states.cursor, 1); /* on what is on */
    app_key(app, KEY_CODE_ENTER);            /* there already */
    assert_int_equal(posted.count, 0);
    assert_int_equal(app->overlay, OVERLAY_NONE);
    app_key(app, 'B');
    app_key(app, 'G');
    app_key(app, 'j');
    assert_int_equal(app->states.cursor, 2);
    app_key(app, KEY_CODE_ENTER);
    assert_int_equal(posted.count, 1);
    assert_int_equal(posted.job[0].type, JOB_GOTO);
    assert_int_equal(posted.job[0].count, 9);
    app->search.step = 7; /* has no name: a line of its own */
    app_key(app, 'B');
    assert_int_equal(patches_count(app), 4);
    assert_int_equal(patches_step(app, 3), 7);
    app_key(app, 'g');
    assert_int_equal(app->states.cursor, 0);
    app_key(app, 'q');
    assert_int_equal(app->overlay, OVERLAY_NONE);
    assert_false(app->quit);
    says(app, "patches", "");
    says(app, "close", "");
    assert_int_equal(app->overlay, OVERLAY_NONE);
    end_app(app);
}

/* Back and forth between the two states that were on last, as C-^ does in vi. */
static void patch_previous__after_going__posts_the_step_left(void **state)
{
    (void)state;
    struct app *app = new_app();
    key_code key = KEY_CODE_NONE;
    assert_int_equal(key_parse("<C-^>", &key), 5);
    assert_int_equal(key, 30); /* what terminals send for it */
    ui_fixture_states(fixture, 4);
    struct event event = {.type = EVENT_FLIPS, .job = JOB_GOTO, .flips = {.step = 9}};
    double gaps[FIXTURE_TARGETS + FIXTURE_CONTROLS] = {0};
    event.flips.gaps = gaps;
    app_event(app, &event);
    assert_string_equal(app->message, "two rows: 0 flips, fitness +0.0000");
    app_key(app, key);
    assert_int_equal(posted.count, 1);
    assert_int_equal(posted.job[0].type, JOB_GOTO);
    assert_int_equal(posted.job[0].count, 4);
    event.job = JOB_UNDO; /* is no going to another state */
    event.flips.step = 8;
    app_event(app, &event);
    app_key(app, key);
    assert_int_equal(posted.job[1].count, 4);
    end_app(app);
}

static void command_run__undo_n__posts_n(void **state)
{
    (void)state;
    struct app *app = new_app();
    size_t accepted = app->search.accepted_count;
    assert_true(accepted > 0);
    char line[32];
    (void)snprintf(line, sizeof line, "undo %zu", accepted);
    app_command(app, line);
    assert_int_equal(posted.count, accepted);
    end_app(app);
}

static void command_run__nothing_and_comments__do_nothing(void **state)
{
    (void)state;
    struct app *app = new_app();
    app_say(app, "before");
    command_run(app, "");
    command_run(app, "   ");
    command_run(app, "# step");
    command_run(app, ":");
    assert_int_equal(posted.count, 0);
    assert_string_equal(app->message, "before");
    end_app(app);
}

/* ---- places ---------------------------------------------------------------------------- */

static void goto__rows__put_the_cursor_there(void **state)
{
    (void)state;
    struct app *app = new_app();
    says(app, "goto 1.gate.3", "");
    assert_int_equal(app->map.layer, 1);
    assert_int_equal(app->map.column, PROJ_GATE);
    assert_int_equal(app->map.row, 3);
    assert_true(app->map.zoomed);
    assert_int_equal(app->focus, VIEW_MAP);
    says(app, "goto L0.attn_q.2", "");
    assert_int_equal(app->map.layer, 0);
    assert_int_equal(app->map.column, PROJ_Q);
    says(app, "goto embed.17", "");
    assert_int_equal(app->map.layer, app->shape->layers);
    assert_int_equal(app->map.column, 0);
    assert_int_equal(app->map.row, 17);
    says(app, "goto 1.down_proj", ""); /* a matrix */
    assert_int_equal(app->map.column, PROJ_DOWN);
    assert_int_equal(app->map.row, 0);
    end_app(app);
}

static void layer_and_proj__ends__stay(void **state)
{
    (void)state;
    struct app *app = new_app();
    says(app, "goto 0.q.0", "");
    says(app, "layer previous", "this is the first layer");
    says(app, "proj previous", "this is the first matrix of the layer");
    says(app, "proj next", "");
    assert_int_equal(app->map.column, PROJ_K);
    says(app, "layer next", "");
    assert_int_equal(app->map.layer, 1);
    assert_true(app->map.zoomed);
    for (uint32_t i = 0; i + 2 < app->shape->layers; i++)
        says(app, "layer next", "");
    says(app, "layer next", "this is the last layer");
    says(app, "goto embed.0", "");
    says(app, "layer previous", "");
    assert_int_equal(app->map.layer, app->shape->layers - 1);
    end_app(app);
}

/* ---- what is said ------------------------------------------------------------------------ */

static void command_run__bad_lines__say_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"flup", "no command 'flup'; ? lists them"},
        {"stpe", "no command 'stpe'; did you mean 'step'?"},
        {"unod 3", "no command 'unod'; did you mean 'undo'?"},
        {"thme", "no command 'thme'; did you mean 'theme'?"},
        {"accept now", "accept takes no argument, found 1"},
        {"step 1 2", "step takes at most 1 argument, found 2: step [N]"},
        {"goto", "goto needs an argument: goto L.PROJ.ROW"},
        {"gen   ", "gen needs an argument: gen TEXT"},
        {"step x", "step cannot take 'x': expected a whole number from 1 to 1000000"},
        {"step 0", "step cannot take '0': expected a whole number from 1 to 1000000"},
        {"undo -1", "undo cannot take '-1': expected a whole number from 1 to 32"},
        {"view log", "view cannot be 'log': expected map, search, probes or compare"},
        {"focus left", "focus cannot be 'left': expected next or previous"},
        {"move around", "move cannot be 'around': expected up, down, left, right, page-up, "
                        "page-down, half-up, half-down, first, last, line-start or line-end"},
        {"goto x", "'x' is no row: expected LAYER.PROJ.ROW as in 3.gate.514, or embed.17"},
        {"goto gate.1",
         "'gate.1' is no row: expected LAYER.PROJ.ROW as in 3.gate.514, or embed.17"},
        {"goto 1.embed.1",
         "'1.embed.1' is no row: expected LAYER.PROJ.ROW as in 3.gate.514, or embed.17"},
        {"goto 1.gate.x",
         "'1.gate.x' is no row: expected LAYER.PROJ.ROW as in 3.gate.514, or embed.17"},
        {"try 1.gate", "try needs a row: try 1.gate.ROW"},
        {"map sideways", "map cannot be 'sideways': expected attribution, impact, scale, row, "
                         "group, bit or colour"},
        {"map colour red", "map cannot be 'red': expected scale, predicted, impact, measured or "
                           "difference"},
        {"measure 0", "measure cannot take '0': expected a whole number from 1 to 1000"},
        {"probe nobody", "no probe 'nobody'; Tab completes names"},
        {"prompt flup", "no command 'flup' to type for; ? lists them"},
        {"source /nonexistent/x", "/nonexistent/x: cannot open: No such file or directory"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct app *app = new_app();
        says(app, cases[i].line, cases[i].message);
        assert_true(app->message_is_error);
        assert_int_equal(posted.count, 0);
        end_app(app);
    }
}

static void command_run__out_of_range__says_the_range(void **state)
{
    (void)state;
    struct app *app = new_app();
    char expected[128];
    (void)snprintf(expected, sizeof expected,
                   "layer 99 is out of range: this model has layers 0 to %u",
                   app->shape->layers - 1);
    says(app, "goto 99.gate.0", expected);
    (void)snprintf(expected, sizeof expected,
                   "row 999999 of 1.gate.999999 is out of range: its matrix has rows 0 to %u",
                   app_matrix(app, 1, PROJ_GATE)->rows - 1);
    says(app, "goto 1.gate.999999", expected);
    end_app(app);
}

static void command_run__no_model__says_so(void **state)
{
    (void)state;
    static const char *const lines[] = {"step", "run", "accept", "reject", "try", "keep",
                                        "undo", "answers", "heldout", "gen x", "goto 0.q.0",
                                        "layer next", "proj next", "probe x", "w x"};
    struct app *app = app_new();
    app->post = record;
    posted.count = 0;
    for (size_t i = 0; i < countof(lines); i++) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%.*s needs a model, and none is open yet",
                       (int)strcspn(lines[i], " "), lines[i]);
        says(app, lines[i], expected);
    }
    assert_int_equal(posted.count, 0);
    app_free(app);
}

static void command_run__nothing_to_judge__says_so(void **state)
{
    (void)state;
    struct app *app = new_app();
    app->search.has_last = false;
    says(app, "accept", "no candidate was tried yet; s tries the next one");
    says(app, "reject", "no candidate was tried yet; s tries the next one");
    app->search.accepted_count = 0;
    says(app, "undo", "nothing to undo: no flip is accepted");
    says(app, "redo", "nothing to redo");
    says(app, "diff head", "diff cannot take 'head': expected A..B as in base..head");
    says(app, "name 12", "'12' means a step already, expected another name");
    says(app, "patch previous", "there is no previous patch; patch open FILE opens one");
    says(app, "patch open", "patch open needs a file: patch open FILE [NAME]");
    says(app, "patch previous x", "patch previous takes no argument, found 1");
    says(app, "patch close", "patch cannot be 'close': expected open or previous");
    says(app, "w", "w has nothing to write: no flip is accepted");
    says(app, "w x", "w has nothing to write: no flip is accepted");
    says(app, "pause", "nothing is running");
    app->search.finished = true;
    says(app, "step", "the search is finished: no candidate is left to try");
    app->heldout_count = 0;
    says(app, "heldout", "there is no held-out set; open with --heldout SET");
    assert_int_equal(posted.count, 0);
    end_app(app);
}

static void write__existing_file__is_refused_without_force(void **state)
{
    (void)state;
    struct app *app = new_app();
    char path[] = "/tmp/bankai-command-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    char line[64], expected[128];
    (void)snprintf(line, sizeof line, "w %s", path);
    (void)snprintf(expected, sizeof expected, "%s exists; w! %s replaces it", path, path);
    says(app, line, expected);
    assert_int_equal(posted.count, 0);
    (void)snprintf(line, sizeof line, "w! %s", path);
    says(app, line, "");
    assert_int_equal(posted.count, 1);
    assert_string_equal(posted.text[0], path);
    (void)unlink(path);
    end_app(app);
}

static void quit__accepted_flips__says_where_they_are(void **state)
{
    (void)state;
    struct app *app = new_app();
    struct buf expected = {0};
    size_t count = app->search.accepted_count;
    app_command(app, "q");
    assert_true(app->quit);
    buf_add_format(&expected, "%zu accepted flip%s: %s", count, count == 1 ? "" : "s",
                   app->output);
    assert_string_equal(app->said_at_exit, expected.data);
    app->search.accepted_count = 0;
    app_command(app, "quit");
    assert_string_equal(app->said_at_exit, "no flip is accepted");
    buf_free(&expected);
    end_app(app);
}

/* A run that never ends would keep what a person asks for waiting. */
static void command_run__while_the_search_runs__is_said(void **state)
{
    (void)state;
    struct app *app = new_app();
    app->job = (struct job_state){.running = true, .type = JOB_STEP};
    says(app, "run", "the search is running; p pauses it");
    assert_int_equal(posted.count, 0);
    says(app, "answers", "the search is paused for this; c goes on");
    assert_int_equal(posted.count, 1);
    says(app, "cancel", "stopping this job; C-c again: all that wait, too");
    says(app, "cancel", "stopping this job and all that wait");
    end_app(app);
}

/* ---- every command in every view ------------------------------------------------------- */

static void run_everywhere(const char *line)
{
    for (int view = 0; view < VIEW_COUNT; view++) {
        for (int kind = 0; kind < 2; kind++) {
            struct app *app = new_app();
            app->screen = app->focus = (enum view_id)view;
            app->maximised = kind == 1;
            app->map.zoomed = kind == 0;
            app_command(app, line);
            app_draw(app);
            end_app(app);
        }
    }
}

static void commands__every_view__do_not_crash(void **state)
{
    (void)state;
    static const char *const arguments[] = {"", "next", "3", "1.gate.2", "embed.1", "map", "light"};
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        for (size_t i = 0; i < countof(arguments); i++) {
            bool writes = strcmp(command->name, "screen") == 0;
            char line[64];
            (void)snprintf(line, sizeof line, "%s %s%s", command->name,
                           writes ? "/nonexistent/" : "", arguments[i]);
            run_everywhere(line);
        }
    }
    for (size_t i = 0; command_motions[i]; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "move %s", command_motions[i]);
        run_everywhere(line);
    }
}

static void commands__empty_app__do_not_crash(void **state)
{
    (void)state;
    for (const struct ui_command *command = ui_commands; command->name; command++) {
        for (int view = 0; view < VIEW_COUNT; view++) {
            struct app *app = app_new();
            app->post = record;
            posted.count = 0;
            grid_resize(app->grid, 24, 80);
            app->focus = (enum view_id)view;
            app_command(app, command->name);
            app_draw(app);
            prompt_cancel();
            app_free(app);
        }
    }
}

/* ---- completion ----------------------------------------------------------------------- */

static void completes(struct app *app, const char *text, const char *expected)
{
    const char *space = strrchr(text, ' ');
    char **found = command_complete(app, text, space ? (size_t)(space - text) + 1 : 0);
    struct buf all = {0};
    buf_add_text(&all, "");
    for (size_t i = 0; found && found[i]; i++) {
        buf_add_format(&all, "%s%s", i ? " " : "", found[i]);
        free(found[i]);
    }
    free(found);
    assert_string_equal(all.data ? all.data : "", expected);
    buf_free(&all);
}

static void command_complete__names__are_found(void **state)
{
    (void)state;
    struct app *app = new_app();
    completes(app, "s", "screen session set sort source state step suspend");
    completes(app, "th", "theme");
    completes(app, "xyz", "");
    completes(app, "view ", "map search probes compare");
    completes(app, "view p", "probes");
    completes(app, "theme ", "dark light");
    completes(app, "tab ", "targets controls held-out next previous");
    completes(app, "sort v", "verdict");
    completes(app, "focus n", "next");
    completes(app, "move page", "page-up page-down");
    completes(app, "goto e", "embed.");
    completes(app, "goto 1", "1.");
    completes(app, "goto 1.", "1.q. 1.k. 1.v. 1.o. 1.gate. 1.up. 1.down.");
    completes(app, "goto 1.g", "1.gate.");
    completes(app, "step ", "");
    completes(app, "map ", "attribution impact scale row group bit colour");
    completes(app, "set ",
              "method granularity objective controls penalty layers proj seed order price");
    completes(app, "set g", "granularity");
    completes(app, "set granularity ", "row group bit");
    completes(app, "set granularity row see", "seed");
    completes(app, "set objective margin seed 4", "4 42");
    completes(app, "map g", "group");
    completes(app, "map colour ", "scale predicted impact measured difference");
    ui_fixture_states(fixture, 4);
    completes(app, "state ", "base head start calculus two rows");
    completes(app, "diff c", "calculus");
    completes(app, "diff calculus..s", "calculus..start");
    completes(app, "patch ", "open previous");
    completes(app, "patch open /nonexistent/", "");
    completes(app, "w /nonexistent/", "");
    completes(app, "source /etc/pass", access("/etc/passwd-", F_OK) == 0
                                             ? "/etc/passwd /etc/passwd-"
                                             : "/etc/passwd");
    end_app(app);
}

static void command_complete__heldout_probes__only_once_asked(void **state)
{
    (void)state;
    struct app *app = new_app();
    assert_true(app->heldout_count > 0);
    const char *hidden = app->probes[app->probe_count - 1].probe->name;
    char line[128], expected[128];
    (void)snprintf(line, sizeof line, "probe %s", hidden);
    app->heldout_asked = false;
    completes(app, line, "");
    (void)snprintf(expected, sizeof expected, "probe '%s' is held out; H asks for its answers",
                   hidden);
    says(app, line, expected);
    app->heldout_asked = true;
    completes(app, line, hidden);
    says(app, line, "");
    assert_int_equal(app->probe_cursor, app->probe_count - 1);
    end_app(app);
}

/* ---- the session ------------------------------------------------------------------------ */

static void shell__not_typed__is_refused(void **state)
{
    (void)state;
    struct app *app = new_app();
    says(app, "!touch x", "shell commands run only when they are typed after :");
    assert_null(app->shell);
    for (const struct key_binding *binding = ui_bindings; binding->key; binding++)
        assert_null(strchr(binding->line, '!'));
    app_key(app, ':');
    prompt_feed("!touch x\r", 9);
    assert_string_equal(app->shell, "touch x");
    free(app->shell);
    app->shell = NULL;
    app->by_script = true; /* a script types that */
    app_key(app, ':');
    prompt_feed("!touch x\r", 9);
    assert_null(app->shell);
    says(app, "!", "! needs an argument: ! CMD");
    end_app(app);
}

static void commands__read_only__what_changes_is_refused(void **state)
{
    (void)state;
    struct app *app = new_app();
    static const char *const refused[] = {
        "step", "run", "accept", "reject", "keep 3.gate.1", "redo", "try 3.gate.1", "undo",
        "state 0", "answers", "heldout", "gen x", "note x", "session name x", "!ls",
    };
    app->read_only = true;
    for (size_t i = 0; i < countof(refused); i++) {
        app_command(app, refused[i]);
        assert_true(app->message_is_error);
        assert_non_null(strstr(app->message, "is refused: the session is open for reading only"));
    }
    assert_int_equal(posted.count, 0);
    app_command(app, "session");
    app_command(app, "notes");
    app_command(app, "goto 3.gate.5");
    assert_int_equal(posted.count, 2);
    assert_false(app->message_is_error);
    app_command(app, "quit");
    assert_string_equal(app->said_at_exit, "nothing was changed");
    end_app(app);
}

static void session__lines__post_jobs_or_complain(void **state)
{
    (void)state;
    struct app *app = new_app();
    char folder[] = "/tmp/bankai-command-XXXXXX", expected[128];
    const char *old = getenv("XDG_STATE_HOME");
    char *kept = old ? x_copy(old, strlen(old)) : NULL;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
    app_command(app, "note  two words ");
    assert_int_equal(posted.job[0].type, JOB_NOTE);
    assert_string_equal(posted.text[0], "two words");
    app_command(app, "session name first");
    assert_int_equal(posted.job[1].type, JOB_RENAME);
    (void)snprintf(expected, sizeof expected, "%s/bankai/sessions/first.bankai", folder);
    assert_string_equal(posted.text[1], expected);
    app_command(app, "session name ./x.db");
    assert_string_equal(posted.text[2], "./x.db");
    says(app, "session name", "session takes nothing or a name: session name NAME");
    says(app, "session rename x", "session takes nothing or a name: session name NAME");
    says(app, "session name /etc/passwd", "/etc/passwd exists already: choose another name");
    says(app, "resume", "there is no last session to go on with: resume NAME, Tab lists them");
    app_command(app, "resume first");
    assert_non_null(strstr(app->message, "first.bankai: cannot open: No such file"));
    assert_null(app->reopen);
    assert_int_equal(posted.count, 3);
    FILE *file = fopen(expected, "w");
    assert_non_null(file);
    (void)fclose(file);
    completes(app, "resume ", "first");
    completes(app, "session n", "name");
    (void)unlink(expected);
    (void)snprintf(expected, sizeof expected, "rm -r %s", folder);
    assert_int_equal(system(expected), 0);
    assert_int_equal(kept ? setenv("XDG_STATE_HOME", kept, 1) : unsetenv("XDG_STATE_HOME"), 0);
    free(kept);
    end_app(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ui_commands__all__sorted_and_unique),
        cmocka_unit_test(ui_commands__all__are_whole),
        cmocka_unit_test(ui_bindings__all__name_keys_and_commands),
        cmocka_unit_test(ui_bindings__each_context__binds_a_key_once),
        cmocka_unit_test(ui_bindings__all_lines__are_accepted),
        cmocka_unit_test(app_key__unbound__says_so),
        cmocka_unit_test(app_key__help_open__goes_to_help),
        cmocka_unit_test(app_key__help_scrolled__stays_in_the_list),
        cmocka_unit_test(app_key__digits__choose_views),
        cmocka_unit_test(app_key__tab__goes_around_and_back),
        cmocka_unit_test(app_key__q__closes_then_quits),
        cmocka_unit_test(app_key__q_beside_the_zoomed_map__zooms_out),
        cmocka_unit_test(command_run__working_commands__post_jobs),
        cmocka_unit_test(patches__keys__move_switch_and_close),
        cmocka_unit_test(patch_previous__after_going__posts_the_step_left),
        cmocka_unit_test(command_run__undo_n__posts_n),
        cmocka_unit_test(command_run__nothing_and_comments__do_nothing),
        cmocka_unit_test(goto__rows__put_the_cursor_there),
        cmocka_unit_test(layer_and_proj__ends__stay),
        cmocka_unit_test(command_run__bad_lines__say_what_was_expected),
        cmocka_unit_test(command_run__out_of_range__says_the_range),
        cmocka_unit_test(command_run__no_model__says_so),
        cmocka_unit_test(command_run__nothing_to_judge__says_so),
        cmocka_unit_test(write__existing_file__is_refused_without_force),
        cmocka_unit_test(quit__accepted_flips__says_where_they_are),
        cmocka_unit_test(command_run__while_the_search_runs__is_said),
        cmocka_unit_test(commands__every_view__do_not_crash),
        cmocka_unit_test(commands__empty_app__do_not_crash),
        cmocka_unit_test(command_complete__names__are_found),
        cmocka_unit_test(shell__not_typed__is_refused),
        cmocka_unit_test(commands__read_only__what_changes_is_refused),
        cmocka_unit_test(session__lines__post_jobs_or_complain),
        cmocka_unit_test(command_complete__heldout_probes__only_once_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
