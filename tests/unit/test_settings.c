/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Settings of the search as words, `:set`, and their list.  There is no worker.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/t.h"
#include "tests/ui_fixture.h"
#include "ui/command_int.h"
#include "ui/prompt.h"
#include "ui/view_int.h"

static struct settings usual(void)
{
    struct settings settings = {0};
    struct search_options options = search_default_options();
    settings_take(&settings, &options);
    return settings;
}

static void value_is(const struct settings *settings, const char *name, const char *expected)
{
    struct settings_item item;
    struct buf value = {0};
    assert_true(settings_find(name, &item));
    settings_get(&item, &settings->options, &value);
    assert_string_equal(value.data, expected);
    buf_free(&value);
}

static bool put(struct settings *settings, const char *name, const char *text, struct err *err)
{
    struct settings_item item;
    assert_true(settings_find(name, &item));
    *err = (struct err){0};
    return settings_put(&item, settings, text, err);
}

static void settings_put__each__is_what_is_read(void **state)
{
    (void)state;
    struct settings settings = usual();
    struct err err;
    static const char *const all[][2] = {
        {"seed", "7"},          {"penalty", "0.25"},   {"layers", "0,2-4,9"},
        {"layers", "default"},  {"layers", "3"},       {"proj", "q,down"},
        {"method", "guided"},   {"granularity", "group"}, {"objective", "margin"},
        {"objective", "min"},   {"controls", "kl"},    {"controls", "same"},
        {"objective", "gap"},   {"price", "0.5"},
    };
    for (size_t i = 0; i < countof(all); i++) {
        t_ok(put(&settings, all[i][0], all[i][1], &err), &err);
        value_is(&settings, all[i][0], all[i][1]);
    }
    assert_int_equal(settings.options.layer_count, 1);
    assert_int_equal(settings.options.layers[0], 3);
    struct settings copy;
    settings_copy(&copy, &settings);
    assert_ptr_equal(copy.options.layers, copy.layers);
}

static void settings_put__nonsense__says_what_was_expected(void **state)
{
    (void)state;
    struct settings settings = usual(), before = settings;
    struct err err;
    static const char *const all[][3] = {
        {"method", "clever", "cannot be 'clever': expected "},
        {"granularity", "word", "cannot be 'word': expected row, group or bit"},
        {"objective", "luck", ""}, /* goal.h says it in its words */
        {"controls", "none", "cannot be 'none': expected "},
        {"penalty", "-1", "cannot be '-1': expected a number from 0 to 1e6"},
        {"penalty", "2x", "cannot be '2x': expected a number from 0 to 1e6"},
        {"layers", "", "cannot be '': expected default or layers such as 0,2-4"},
        {"layers", "4-2", "cannot be '4-2': expected default or layers such as 0,2-4"},
        {"layers", "1;2", "cannot be '1;2': expected default or layers such as 0,2-4"},
        {"layers", "99999", "cannot be '99999': expected default or layers such as 0,2-4"},
        {"proj", "gate,,up", "cannot be 'gate,,up': expected such as q,k,v,o,gate,up,down"},
        {"seed", "-1", "cannot be '-1': expected a whole number"},
    };
    for (size_t i = 0; i < countof(all); i++) {
        assert_false(put(&settings, all[i][0], all[i][1], &err));
        assert_int_equal(strncmp(err.message, all[i][2], strlen(all[i][2])), 0);
        assert_true(*all[i][2] || strstr(err.message, all[i][1]));
    }
    assert_memory_equal(&settings.options, &before.options, sizeof settings.options);
}

/* Matrices and granularity that were usual follow the method; others stay. */
static void settings_put__method__brings_what_is_usual(void **state)
{
    (void)state;
    struct settings settings = usual();
    struct err err;
    assert_true(put(&settings, "method", "guided", &err));
    value_is(&settings, "proj", "gate,up");
    value_is(&settings, "granularity", "group");
    assert_true(put(&settings, "method", "swap", &err));
    value_is(&settings, "proj", "q,k,v,o,gate,up,down");
    value_is(&settings, "granularity", "row");
    assert_true(put(&settings, "method", "greedy", &err));
    value_is(&settings, "proj", "gate,up");
    value_is(&settings, "granularity", "row");
    assert_true(put(&settings, "proj", "v", &err) && put(&settings, "method", "guided", &err));
    value_is(&settings, "proj", "v");
    assert_true(put(&settings, "granularity", "group", &err));
    assert_true(put(&settings, "method", "greedy", &err));
    value_is(&settings, "granularity", "row");
    assert_false(put(&settings, "granularity", "group", &err)); /* greedy knows rows */
}

static void settings_turn__around__every_choice_that_goes(void **state)
{
    (void)state;
    struct settings settings = usual();
    struct settings_item item;
    struct err err;
    assert_true(settings_find("method", &item));
    for (int i = 0; i < SEARCH_METHOD_COUNT; i++) {
        value_is(&settings, "method", search_method_name((enum search_method)i));
        assert_true(settings_turn(&item, &settings, 1, &err));
    }
    value_is(&settings, "method", search_method_name((enum search_method)0));
    assert_true(settings_find("granularity", &item));
    assert_true(settings_turn(&item, &settings, 1, &err)); /* greedy has one */
    value_is(&settings, "granularity", "row");
    assert_true(put(&settings, "penalty", "3", &err)); /* none of the choices */
    assert_true(settings_find("penalty", &item));
    assert_true(settings_turn(&item, &settings, -1, &err));
    value_is(&settings, "penalty", "20");
}

static void settings_fit__what_the_model_lacks__is_refused(void **state)
{
    (void)state;
    struct settings settings = usual();
    static const bool none[2], controls[] = {false, true};
    struct err err = {0};
    t_ok(settings_fit(&settings, 6, none, &err), &err);
    assert_false(settings_fit(&settings, 6, controls, &err));
    t_err_is(&err, ERR_MISMATCH, "",
             "controls have no wrong answers, which a seq_logprob gap needs");
    assert_true(put(&settings, "controls", "kl", &err));
    t_ok(settings_fit(&settings, 6, controls, &err), &err);
    assert_true(put(&settings, "layers", "6", &err));
    assert_false(settings_fit(&settings, 6, none, &err));
    t_err_is(&err, ERR_RANGE, "", "there is no layer 6: this model has layers 0 to 5");
}

/* ---- in the workbench ------------------------------------------------------------------- */

static void press(struct ui_fixture *fixture, const char *keys)
{
    for (size_t used = 0; *keys; keys += used) {
        key_code key = KEY_CODE_NONE;
        used = key_parse(keys, &key);
        app_key(fixture->app, key);
    }
}

static void command_set__words__ask_for_another_search(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    app_command(app, "set method guided penalty=5");
    assert_true(app->settings.asked);
    value_is(&app->settings.pending, "method", "guided");
    value_is(&app->settings.pending, "penalty", "5");
    value_is(&app->settings.now, "method", "greedy");
    app->settings.asked = false;
    static const char *const refused[][2] = {
        {"set method greedy", "these settings are in use already"},
        {"set weather fine", "no setting 'weather'; :set lists them"},
        {"set penalty much", "penalty cannot be 'much': expected a number from 0 to 1e6"},
        {"set layers 7", "there is no layer 7: this model has layers 0 to 5"},
        {"set granularity", "granularity is row; of row, group, bit"},
    };
    for (size_t i = 0; i < countof(refused); i++) {
        app_command(app, refused[i][0]);
        assert_string_equal(app->message, refused[i][1]);
        assert_false(app->settings.asked);
    }
    app->read_only = true;
    app_command(app, "set seed 3");
    assert_false(app->settings.asked);
    ui_fixture_free(fixture);
}

static void keys__in_the_list__turn_type_and_use(void **state)
{
    (void)state;
    struct ui_fixture *fixture = ui_fixture_new(24, 80);
    struct app *app = fixture->app;
    press(fixture, "2o");
    assert_int_equal(app->overlay, OVERLAY_SETTINGS);
    press(fixture, "<Enter>");
    assert_string_equal(app->message, "these settings are in use already");
    press(fixture, "ljj<Right>h<Right>"); /* guided; margin */
    value_is(&app->settings.pending, "method", "guided");
    value_is(&app->settings.pending, "objective", "margin");
    press(fixture, "jje");
    assert_true(prompt_is_open());
    prompt_feed("0.75\r", 5);
    value_is(&app->settings.pending, "penalty", "0.75");
    assert_false(app->settings.asked); /* the list is still open */
    press(fixture, "<Enter>");
    assert_true(app->settings.asked);
    assert_int_equal(app->overlay, OVERLAY_NONE);
    ui_fixture_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_put__each__is_what_is_read),
        cmocka_unit_test(settings_put__nonsense__says_what_was_expected),
        cmocka_unit_test(settings_put__method__brings_what_is_usual),
        cmocka_unit_test(settings_turn__around__every_choice_that_goes),
        cmocka_unit_test(settings_fit__what_the_model_lacks__is_refused),
        cmocka_unit_test(command_set__words__ask_for_another_search),
        cmocka_unit_test(keys__in_the_list__turn_type_and_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
