/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * demo: what `make run` shows, to a pipe as to a person.
 */
#include "tests/cli/look.h"
#include "tests/t.h"

static void demo__short__search_and_table_of_heldout_answers(void **state)
{
    (void)state;
    const char *last = run_path("state/bankai/last.json");
    struct run *run = run_ok("demo", "--iters", "10", NULL);
    run_expect_out(run, "guided search: 60 targets, 322 controls, ");
    run_expect_out(run, " 10 candidates ");
    run_expect_out(run, "300 controls labelled with the model's own answers\n");
    run_expect_out(run, "  flip layer ");
    run_expect_out(run, "calculus-heldout          30  ");
    run_expect_out(run, "nano-heldout             ");
    run_free(run);
    assert_false(look_exists(last)); /* that is the place of somebody's own search */
    assert_true(look_exists(run_path("state/bankai/demo.json")));
    run_free(run_ok("patch", "verify", run_path("state/bankai/demo.json"), "nano", NULL));
}

static void demo__json__events_and_status_0(void **state)
{
    (void)state;
    struct run *run = run_ok("demo", "--iters", "1", "--json", NULL);
    json_t *events = run_json_lines(run), *done = look_last(events);
    assert_int_equal(json_array_size(events), 2);
    assert_string_equal(look_text(done, "event"), "done");
    assert_int_equal(json_object_size(look(done, "totals", JSON_OBJECT)), 7); /* 1 + 4 + 2 sets */
    json_decref(events);
    run_free(run);
    run_refused("usage", "unexpected argument 'nano'", "demo", "nano", NULL);
    run_refused("usage", "--iters: 0 is outside 1 .. ", "demo", "--iters", "0", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo__short__search_and_table_of_heldout_answers),
        cmocka_unit_test(demo__json__events_and_status_0),
    };
    return cmocka_run_group_tests_name("demo", tests, NULL, NULL);
}
