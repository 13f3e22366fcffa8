/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Layout at every size from 1 x 1 to 70 x 210, and drawing at many of them.
 */
#include <stdlib.h>

#include "tests/t.h"
#include "tests/ui_fixture.h"

enum { ROWS_MAX = 70, COLUMNS_MAX = 210 };

static bool is_inside(struct rect rect, int rows, int columns)
{
    return rect.row >= 0 && rect.column >= 0 && rect.rows >= 0 && rect.columns >= 0 &&
           rect.row + rect.rows <= rows && rect.column + rect.columns <= columns;
}

static bool overlap(struct rect a, struct rect b)
{
    if (a.rows < 1 || b.rows < 1 || a.columns < 1 || b.columns < 1)
        return false;
    return a.row < b.row + b.rows && b.row < a.row + a.rows && a.column < b.column + b.columns &&
           b.column < a.column + a.columns;
}

/* tabs, readout, status, hints, views */
static void check_layout(const struct app *app)
{
    struct layout layout = layout_of(app);
    struct rect all[4 + VIEW_COUNT] = {layout.tabs, layout.readout, layout.status, layout.hints};
    memcpy(all + 4, layout.view, sizeof(layout.view));
    for (size_t i = 0; i < countof(all); i++) {
        assert_true(is_inside(all[i], app->grid->rows, app->grid->columns));
        for (size_t j = 0; j < i; j++)
            assert_false(overlap(all[i], all[j]));
    }
    assert_int_equal(layout.readout.rows, 1);
    if (app->grid->rows >= 5 && app->grid->columns >= 20)
        assert_true(layout.view[app->focus].rows > 0 && layout.view[app->focus].columns > 0);
}

static void layout_of__every_size__areas_are_inside_and_apart(void **state)
{
    (void)state;
    struct grid grid = {0};
    struct app app = {.grid = &grid};
    for (grid.rows = 1; grid.rows <= ROWS_MAX; grid.rows++)
        for (grid.columns = 1; grid.columns <= COLUMNS_MAX; grid.columns++)
            for (int i = 0; i < 2 * VIEW_COUNT * VIEW_COUNT; i++) {
                app.screen = (enum view_id)(i % VIEW_COUNT);
                app.focus = (enum view_id)(i / VIEW_COUNT % VIEW_COUNT);
                app.maximised = i >= VIEW_COUNT * VIEW_COUNT;
                check_layout(&app);
            }
}

static int views_shown(struct app *app, int rows, int columns)
{
    int count = 0;
    app->grid->rows = rows;
    app->grid->columns = columns;
    struct layout layout = layout_of(app);
    for (int id = 0; id < VIEW_COUNT; id++)
        count += layout.view[id].rows > 0;
    return count;
}

static void layout_of__sizes__decide_how_many_views_there_are(void **state)
{
    (void)state;
    struct grid grid = {0};
    struct app app = {.grid = &grid};
    assert_int_equal(views_shown(&app, 60, 200), 4);
    assert_int_equal(views_shown(&app, 40, 120), 3);
    assert_int_equal(views_shown(&app, 24, 80), 3);
    assert_int_equal(views_shown(&app, 16, 60), 1);
    assert_int_equal(views_shown(&app, 10, 40), 1);
    assert_int_equal(views_shown(&app, 5, 20), 1);
    assert_int_equal(views_shown(&app, 4, 20), 0);
    assert_int_equal(views_shown(&app, 1, 1), 0);
    app.maximised = true;
    assert_int_equal(views_shown(&app, 60, 200), 1);
}

/* ---- drawing ---------------------------------------------------------------------- */

static void draw_all(struct ui_fixture *fixture, int rows, int columns)
{
    struct app *app = fixture->app;
    grid_resize(app->grid, rows, columns);
    for (int i = 0; i < 2 * VIEW_COUNT * 2 * 2; i++) {
        app->screen = app->focus = (enum view_id)(i % VIEW_COUNT);
        app->map.zoomed = i / VIEW_COUNT % 2;
        app->colours = i / VIEW_COUNT / 2 % 2 ? COLOUR_MONO : COLOUR_256;
        app->maximised = i >= VIEW_COUNT * 4;
        app_draw(app);
    }
}

/* All small sizes, and some of the bigger ones. */
static void draw_sizes(struct ui_fixture *fixture)
{
    for (int rows = 1; rows <= ROWS_MAX; rows += rows < 30 ? 1 : 8)
        for (int columns = 1; columns <= COLUMNS_MAX; columns += columns < 44 ? 1 : 9)
            draw_all(fixture, rows, columns);
}

static void app_draw__full_state__every_size(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    ui_fixture_answers(fixture, true);
    fixture->app->map.row = 301;
    fixture->app->probe_cursor = 60;
    draw_sizes(fixture);
    ui_fixture_free(fixture);
}

static void app_draw__nothing_measured__every_size(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_bare(24, 80);
    fixture->app->map.layer = 6;
    draw_sizes(fixture);
    ui_fixture_free(fixture);
}

static void app_draw__not_opened__every_size(void **state)
{
    (void)state;
    struct app *app = app_new();
    for (int rows = 1; rows <= 30; rows++)
        for (int columns = 1; columns <= 130; columns++) {
            grid_resize(app->grid, rows, columns);
            app_draw(app);
        }
    app_free(app);
}

static void app_draw__twice__gives_the_same_grid(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    for (int i = 0; i < 2 * VIEW_COUNT; i++) {
        fixture->app->screen = fixture->app->focus = (enum view_id)(i % VIEW_COUNT);
        fixture->app->map.zoomed = i >= VIEW_COUNT;
        char *first = ui_fixture_dump(fixture, 40, 120);
        char *second = ui_fixture_dump(fixture, 40, 120);
        assert_string_equal(first, second);
        free(first);
        free(second);
    }
    ui_fixture_free(fixture);
}

/* What the model says must not reach the terminal as control characters. */
static void app_draw__escapes_of_the_model__are_shown(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    app->screen = app->focus = VIEW_COMPARE;
    app->compare.prompt = x_copy("say \x1b", 5);
    ui_fixture_text(fixture, "say \x1b", "one\x1b[2J\ntwo", "one\x1b[2J\nthree \xFF\xE2\x80\xAE");
    char *dump = ui_fixture_dump(fixture, 24, 80);
    assert_non_null(strstr(dump, "say \\x1B"));
    assert_non_null(strstr(dump, "one\\x1B[2J\\n"));
    assert_non_null(strstr(dump, "different from character 10 on"));
    assert_null(strchr(dump, 0x1b));
    free(dump);
    ui_fixture_free(fixture);
}

/* The cursor of the map is told by brackets also where there are no colours. */
static void app_draw__without_colours__cursor_and_marks_are_seen(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    fixture->app->colours = COLOUR_MONO;
    char *dump = ui_fixture_dump(fixture, 24, 80);
    assert_non_null(strstr(dump, "L0  ["));
    assert_non_null(strstr(dump, "\u25C62"));
    free(dump);
    ui_fixture_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_of__every_size__areas_are_inside_and_apart),
        cmocka_unit_test(layout_of__sizes__decide_how_many_views_there_are),
        cmocka_unit_test(app_draw__full_state__every_size),
        cmocka_unit_test(app_draw__nothing_measured__every_size),
        cmocka_unit_test(app_draw__not_opened__every_size),
        cmocka_unit_test(app_draw__twice__gives_the_same_grid),
        cmocka_unit_test(app_draw__escapes_of_the_model__are_shown),
        cmocka_unit_test(app_draw__without_colours__cursor_and_marks_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
