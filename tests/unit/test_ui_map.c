/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The map of what flips promise and did: what is taken from events, what is compared with
 * what, levels and ranges, keys.  There is no worker.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/t.h"
#include "tests/ui_fixture.h"
#include "ui/command_int.h"
#include "ui/view_int.h"

/* ---- a map of one matrix ------------------------------------------------------------- */

enum { LAYER = 2, ROWS = 256 };

/* q of one layer, all rows -0.25 but 3 (+0.5), 4 (+0.125) and 5 (-1). */
static struct predictions *simple(int64_t step, bool groups)
{
    struct predictions *made = x_new(1, sizeof *made);
    struct predicted_matrix *matrix = made->matrices = x_new(1, sizeof *matrix);
    *matrix = (struct predicted_matrix){.layer = LAYER, .proj = PROJ_Q, .rows = ROWS,
                                        .least = -1, .most = 0.5F, .strongest = 1,
                                        .promising = 2};
    matrix->change = x_new(ROWS, sizeof *matrix->change);
    matrix->impact = x_new(ROWS, sizeof *matrix->impact);
    matrix->unit = groups ? x_new(ROWS, sizeof *matrix->unit) : NULL;
    made->sorted = x_new(ROWS, sizeof *made->sorted);
    for (uint32_t row = 0; row < ROWS; row++) {
        float value = row == 3 ? 0.5F : row == 4 ? 0.125F : row == 5 ? -1 : -0.25F;
        matrix->change[row] = value;
        matrix->impact[row] = fabsf(value);
        made->sorted[row] = row == 0 ? 0.5F : row == 1 ? 0.125F : row == ROWS - 1 ? -1 : -0.25F;
    }
    if (groups)
        matrix->unit[3] = 1;
    matrix->per_row = groups ? 2 : 1;
    matrix->granularity = groups ? GRANULARITY_GROUP : GRANULARITY_ROW;
    made->granularity = groups ? GRANULARITY_GROUP : GRANULARITY_ROW;
    made->matrix_count = 1;
    made->best = x_new(2, sizeof *made->best);
    made->best[0] = (struct promise){ui_row(LAYER, PROJ_Q, 3), 0.5};
    made->best[1] = (struct promise){ui_row(LAYER, PROJ_Q, 4), 0.125};
    made->best_count = 2;
    made->rows = ROWS;
    made->promising = 2;
    made->step = step;
    return made;
}

static void send(struct ui_fixture *fixture, struct predictions *made)
{
    struct event event = {.type = EVENT_PREDICTED, .job = JOB_MAP, .predictions = made};
    app_event(fixture->app, &event);
    assert_null(event.predictions); /* taken */
}

static struct map_matrix *q(struct ui_fixture *fixture)
{
    return app_matrix(fixture->app, LAYER, PROJ_Q);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

/* ---- taking ------------------------------------------------------------------------------ */

static void app_event__predicted__values_ranks_and_message(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct flip best = ui_row(LAYER, PROJ_Q, 3), worst = ui_row(LAYER, PROJ_Q, 5);
    send(fixture, simple(0, false));
    struct flip_known known = app_known(fixture->app, &best);
    assert_true(near(known.predicted, 0.5) && isnan(known.measured) && isnan(known.difference));
    assert_int_equal(known.rank, 1);
    known = app_known(fixture->app, &worst);
    assert_int_equal(known.rank, ROWS);
    best.proj = PROJ_K;
    assert_true(isnan(app_known(fixture->app, &best).predicted));
    assert_string_equal(fixture->app->message, "256 rows ranked in 0.0 s: 2 promise a gain");
    send(fixture, simple(0, true)); /* another one instead */
    assert_string_equal(fixture->app->message,
                        "256 rows ranked by their groups in 0.0 s: 2 promise a gain");
    ui_fixture_free(fixture);
}

static void app_known__of_the_same_flips__differs_by_measured_minus_predicted(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct flip flip = ui_row(LAYER, PROJ_Q, 3);
    send(fixture, simple(0, false));
    ui_fixture_by_hand(fixture, flip, 0.375);
    struct flip_known known = app_known(fixture->app, &flip);
    assert_true(near(known.measured, 0.375) && near(known.difference, -0.125));
    assert_false(known.measured_before);
    assert_int_equal(q(fixture)->measured_count, 1);
    assert_int_equal(q(fixture)->compared, 1);
    fixture->app->search.step = 7; /* other flips are on */
    known = app_known(fixture->app, &flip);
    assert_true(known.measured_before);
    assert_true(near(known.difference, -0.125)); /* both are of the flips before */
    send(fixture, simple(7, false));
    assert_true(isnan(app_known(fixture->app, &flip).difference));
    assert_int_equal(q(fixture)->compared, 0);
    assert_int_equal(q(fixture)->measured_count, 1);
    ui_fixture_free(fixture);
}

static void app_event__tried__only_what_was_measured_alone_counts(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    double gaps[FIXTURE_TARGETS + FIXTURE_CONTROLS] = {0};
    struct flip two[] = {ui_row(LAYER, PROJ_Q, 3), ui_row(LAYER, PROJ_Q, 4)};
    struct event event = {.type = EVENT_TRIED, .job = JOB_STEP};
    event.tried = (struct event_tried){.flip = two[0], .flips = two, .flip_count = 2,
                                       .has_gaps = true, .gaps = gaps, .fitness = 1};
    app_event(fixture->app, &event);
    event.tried.flips = NULL;
    event.tried.flip_count = 1;
    event.tried.stopped = true;
    app_event(fixture->app, &event);
    ui_fixture_screened(fixture, two[0]);
    assert_int_equal(q(fixture)->measured_count, 0);
    assert_true(q(fixture)->marks[4] & ROW_TRIED); /* of the two */
    ui_fixture_try(fixture, two[0], -0.5);
    assert_int_equal(q(fixture)->measured_count, 1);
    ui_fixture_free(fixture);
}

static void app_event__past__knows_what_was_measured(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct event event = {.type = EVENT_PAST};
    event.past.tried = x_new(2, sizeof *event.past.tried);
    event.past.count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        event.past.tried[i].flip = ui_row(LAYER, PROJ_Q, 3 + i);
        event.past.tried[i].fitness = i ? (double)NAN : 1.5;
        event.past.tried[i].before = 1.25;
        event.past.tried[i].step = 4;
    }
    app_event(fixture->app, &event);
    free(event.past.tried);
    assert_int_equal(q(fixture)->measured_count, 1);
    struct flip flip = ui_row(LAYER, PROJ_Q, 3);
    assert_true(near(app_known(fixture->app, &flip).measured, 0.25));
    ui_fixture_free(fixture);
}

static void app_predictions_age__flips_that_came_and_went__are_counted(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct search_state *search = &fixture->app->search;
    assert_int_equal(app_predictions_age(fixture->app), 0); /* there are none */
    send(fixture, simple(search->step, false));
    assert_int_equal(app_predictions_age(fixture->app), 0);
    struct flip flips[3] = {search->accepted[0], ui_row(0, PROJ_K, 1), ui_row(0, PROJ_K, 2)};
    ui_fixture_flips(fixture, flips, 3, 0.1, JOB_STEP);
    search->step = 9;
    assert_int_equal(app_predictions_age(fixture->app), 2 + 3); /* two came, three went */
    ui_fixture_free(fixture);
}

/* ---- colours -------------------------------------------------------------------------------- */

static void map_level__signed_values__by_the_root_on_each_side(void **state)
{
    (void)state;
    int middle = DIVERGE_FIRST + 7;
    struct map_range range = {-4, 1, true, true};
    static const struct {
        float value;
        int off;
    } all[] = { /* the nearest of 7 steps to 7 x the root of the share */
        {0, 0}, {1, 7}, {-4, -7}, {0.25F, 3}, {-1, -3}, {0.0001F, 0}, {0.04F, 1}, {-0.16F, -1},
        {2, 7}, {0.49F, 5},
    };
    for (size_t i = 0; i < countof(all); i++)
        assert_int_equal(map_level(all[i].value, &range), middle + all[i].off);
    assert_int_equal(map_level(NAN, &range), HEAT_NONE);
    range.high = 0; /* nothing gains */
    assert_int_equal(map_level(0, &range), middle);
}

static void map_values__every_colour__of_rows_and_cells(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    send(fixture, simple(0, false));
    ui_fixture_by_hand(fixture, ui_row(LAYER, PROJ_Q, 3), 0.375);
    ui_fixture_by_hand(fixture, ui_row(LAYER, PROJ_Q, 5), -1.5);
    static const struct {
        enum map_colour colour;
        float row, cell, low, high;
        uint64_t count;
    } all[] = {
        {MAP_PREDICTED, -1, 0.5F, -1, 0.5F, 2},
        {MAP_IMPACT, 1, 1, 0.125F, 1, 2},
        {MAP_MEASURED, -1.5F, 0.375F, -1.5F, 0.375F, 2},
        {MAP_DIFFERENCE, -0.5F, -0.3125F, -0.5F, -0.125F, 2},
    };
    for (size_t i = 0; i < countof(all); i++) {
        app->map.colour = all[i].colour;
        struct map_range range = map_range_of_rows(app, q(fixture));
        assert_true(near((double)map_row_value(app, q(fixture), 5), (double)all[i].row));
        assert_true(near((double)map_cell_value(app, q(fixture)), (double)all[i].cell));
        assert_true(near((double)range.low, (double)all[i].low));
        assert_true(near((double)range.high, (double)all[i].high));
        assert_int_equal(map_cell_count(app, q(fixture)), all[i].count);
        assert_true(isnan(map_cell_value(app, app_matrix(app, 0, PROJ_O))));
    }
    ui_fixture_free(fixture);
}

/* ---- keys and commands ------------------------------------------------------------------ */

static void press(struct ui_fixture *fixture, const char *keys)
{
    for (size_t used = 0; *keys; keys += used) {
        key_code key = KEY_CODE_NONE;
        used = key_parse(keys, &key);
        app_key(fixture->app, key);
    }
}

static void keys__on_the_map__rank_colour_and_list(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    press(fixture, "R");
    assert_int_equal(fixture->jobs[0].type, JOB_MAP);
    assert_int_equal(fixture->jobs[0].count, GRANULARITY_ROW);
    assert_int_equal(app->map.colour, MAP_PREDICTED);
    press(fixture, "3R"); /* elsewhere */
    assert_int_equal(fixture->jobs[1].type, JOB_ANSWERS);
    press(fixture, "1MMM"); /* measured, difference, scale */
    assert_int_equal(app->map.colour, MAP_SCALE);
    assert_int_equal(fixture->job_count, 2); /* a large model is not ranked unasked */
    app->search.small = true;
    press(fixture, "M");
    assert_int_equal(fixture->job_count, 3);
    assert_int_equal(fixture->jobs[2].type, JOB_MAP);
    app_command(app, "map impact group");
    assert_int_equal(app->map.colour, MAP_IMPACT);
    assert_int_equal(fixture->jobs[3].count, GRANULARITY_GROUP);
    app_command(app, "map scale");
    assert_int_equal(fixture->job_count, 4);
    app_command(app, "measure 7");
    assert_int_equal(fixture->jobs[4].type, JOB_MEASURE);
    assert_int_equal(fixture->jobs[4].count, 7);
    app_command(app, "measure");
    assert_int_equal(fixture->jobs[5].count, 20);
    ui_fixture_free(fixture);
}

static void keys__in_the_list_of_the_best__try_keep_and_go(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    send(fixture, simple(0, false));
    press(fixture, "3bj"); /* bound on the map and in the search */
    assert_int_equal(app->overlay, OVERLAY_NONE);
    press(fixture, "1bjfF");
    assert_int_equal(app->overlay, OVERLAY_BEST);
    assert_int_equal(fixture->jobs[0].type, JOB_TRY);
    assert_int_equal(fixture->jobs[1].type, JOB_KEEP);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(fixture->jobs[i].flip.row, 4);
    press(fixture, "jjj<Enter>");
    assert_int_equal(app->overlay, OVERLAY_NONE);
    assert_true(app->map.zoomed);
    assert_int_equal(app->map.layer, LAYER);
    assert_int_equal(app->map.row, 4);
    assert_int_equal(app->map.colour, MAP_PREDICTED);
    ui_fixture_free(fixture);
}

/* With groups a row stands for its best one, and that is what a hand flips. */
static void try__map_of_groups__flips_the_group(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    send(fixture, simple(0, true));
    app_command(fixture->app, "goto 2.q.3");
    press(fixture, "f");
    assert_int_equal(fixture->jobs[0].flip.group, FLIP_WHOLE_ROW); /* the map shows scales */
    app_command(fixture->app, "map colour predicted");
    press(fixture, "f");
    assert_int_equal(fixture->jobs[1].flip.group, 1);
    assert_int_equal(fixture->jobs[1].flip.row, 3);
    assert_true(fixture->jobs[1].flip.mask[0] == UINT64_MAX);
    assert_true(fixture->jobs[1].flip.mask[1] == UINT64_MAX);
    ui_fixture_free(fixture);
}

static void readout__of_a_row__says_prediction_rank_and_measured(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 200);
    struct app *app = fixture->app;
    struct buf out = {0};
    send(fixture, simple(0, false));
    ui_fixture_by_hand(fixture, ui_row(LAYER, PROJ_Q, 3), 0.375);
    app_command(app, "goto 2.q.3");
    matrix_readout(app, &out);
    assert_non_null(strstr(out.data, "predicted +0.5000 #1/256  measured +0.3750 (-0.1250)"));
    app_command(app, "map colour predicted");
    grid_resize(app->grid, 24, 80);
    buf_clear(&out);
    matrix_readout(app, &out);
    assert_int_equal(strncmp(out.data, "L2 q_proj row 3  predicted +0.5000 #1/256  "
                                       "measured +0.3750 (-0.1250)", 69), 0);
    fixture->app->search.step = 5;
    buf_clear(&out);
    matrix_readout(app, &out);
    assert_non_null(strstr(out.data, "measured +0.3750~")); /* of other flips */
    buf_free(&out);
    ui_fixture_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(app_event__predicted__values_ranks_and_message),
        cmocka_unit_test(app_known__of_the_same_flips__differs_by_measured_minus_predicted),
        cmocka_unit_test(app_event__tried__only_what_was_measured_alone_counts),
        cmocka_unit_test(app_event__past__knows_what_was_measured),
        cmocka_unit_test(app_predictions_age__flips_that_came_and_went__are_counted),
        cmocka_unit_test(map_level__signed_values__by_the_root_on_each_side),
        cmocka_unit_test(map_values__every_colour__of_rows_and_cells),
        cmocka_unit_test(keys__on_the_map__rank_colour_and_list),
        cmocka_unit_test(keys__in_the_list_of_the_best__try_keep_and_go),
        cmocka_unit_test(try__map_of_groups__flips_the_group),
        cmocka_unit_test(readout__of_a_row__says_prediction_rank_and_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
