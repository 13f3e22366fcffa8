/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A short run, once for every call to the file system and to the allocator in it, with
 * that call failing, alone and with all that follow: nothing crashes, what was told to
 * be committed is there when the file is opened again, and the file is whole.
 */
#include "tests/t.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/fault.h"
#include "tests/session_fixture.h"

/* What a run was told. */
struct told {
    bool origin;
    int64_t step;      /* the newest one */
    uint64_t events;
    int64_t head;
    size_t failures;
};

static void note(struct told *told, bool ok, const struct err *err)
{
    if (ok)
        return;
    told->failures++;
    assert_true(err->code != ERR_NONE && err->message[0] != '\0');
}

static void try_step(struct session *session, struct told *told)
{
    struct err err = {0};
    int64_t id = -1;
    bool ok = fixture_add_step(session, (uint64_t)told->step + 1, &id, &err);
    note(told, ok, &err);
    if (ok) {
        assert_int_equal(id, told->step + 1); /* what failed has left no trace */
        told->step = told->head = id;
        told->events = session_event_count(session);
    }
    assert_int_equal(session_head(session), told->head);
    assert_int_equal(session_event_count(session), told->events);
}

static void try_event(struct session *session, struct told *told)
{
    struct err err = {0};
    bool ok = fixture_add_event(session, 1000, &err);
    note(told, ok, &err);
    told->events += ok ? 1 : 0;
    assert_int_equal(session_event_count(session), told->events);
}

static void try_move(struct session *session, struct told *told, int64_t to)
{
    struct err err = {0};
    if (to > told->step)
        return;
    bool ok = session_move_head(session, to, "goto", &err);
    note(told, ok, &err);
    if (ok)
        told->head = to;
    told->events += ok ? 1 : 0;
    assert_int_equal(session_head(session), told->head);
}

static bool pass(void *user, const struct session_event *event)
{
    (void)event;
    (*(uint64_t *)user)++;
    return true;
}

static void try_reading(struct session *session, struct told *told)
{
    struct err err = {0};
    struct session_step step;
    struct buf reasons = {0};
    uint64_t seen = 0;
    bool ok = session_step(session, told->head, &step, &err);
    note(told, ok, &err);
    ok = session_each_event(session, 1, pass, &seen, &err);
    note(told, ok, &err);
    assert_true(!ok || seen == told->events);
    ok = session_verify(session, &reasons, &err);
    note(told, ok, &err);
    buf_free(&reasons);
    free(session_get(session, "view"));
}

static void run(const char *path, struct told *told)
{
    struct err err = {0};
    struct session_answer answer = {.probe = 1, .text = "5", .text_len = 1, .right = true};
    struct session *session = session_open(path, SESSION_WRITE, &err);
    note(told, session != NULL, &err);
    if (!session)
        return;
    told->origin = fixture_set_origin(session, &err);
    note(told, told->origin, &err);
    if (told->origin) {
        try_event(session, told);
        try_step(session, told);
        try_step(session, told);
        try_move(session, told, 1);
        note(told, session_add_answers(session, &answer, 1, &err), &err);
        note(told, session_put(session, "view", "x", &err), &err);
        try_step(session, told);
        try_event(session, told);
        try_reading(session, told);
    }
    session_close(session);
}

/* Afterwards, with nothing failing any more. */
static void check(const char *path, const struct told *told)
{
    struct err err = {0};
    struct session *session = fixture_open(path, SESSION_WRITE);
    if (told->origin) {
        assert_false(session_is_new(session));
        /* One that was not told of may be there, whole: the last of all. */
        int64_t there = (int64_t)session_step_count(session) - 1;
        assert_true(there >= told->step && there <= told->step + 1);
        assert_true(session_event_count(session) >= told->events);
        for (int64_t id = 1; id <= there; id++) {
            struct session_step step;
            t_ok(session_step(session, id, &step, &err), &err);
            assert_int_equal(step.flips[0].row, id);
        }
    } else if (session_is_new(session)) {
        t_ok(fixture_set_origin(session, &err), &err);
    }
    fixture_verify(session);
    t_ok(fixture_add_step(session, 50, NULL, &err), &err);
    fixture_verify(session);
    assert_int_equal(session_missing_steps(session), 0);
    session_close(session);
}

/* Returns how many calls a run makes. */
static uint64_t run_with(enum fault_kind kind, uint64_t n, uint64_t more)
{
    struct told told = {0};
    const char *path = fixture_path("");
    fault_arm(kind, n, more);
    run(path, &told);
    int happened = fault_happened();
    uint64_t calls = fault_disarm();
    assert_true(happened || told.failures == 0);
    check(path, &told);
    (void)unlink(path);
    (void)unlink(fixture_with(path, ".lock"));
    return calls;
}

/* For every n, or in the short form for every stride-th.  (A run asks for memory some
 * thousand times: most of it for the texts of tables and statements.) */
static void run_all(enum fault_kind kind, uint64_t more, uint64_t stride)
{
    uint64_t runs = 0, calls = run_with(kind, UINT64_MAX, 0);
    assert_true(calls > 50);
    if (getenv("BANKAI_SOAK"))
        stride = 1;
    for (uint64_t n = 1; n <= calls; n += stride, runs++)
        (void)run_with(kind, n, more);
    if (getenv("BANKAI_SOAK"))
        print_message("%llu calls, %llu runs\n", (unsigned long long)calls,
                      (unsigned long long)runs);
}

static void session__disk_full_once__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_FULL, 0, 1);
}

static void session__disk_full_for_good__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_FULL, UINT64_MAX, 1);
}

static void session__disk_full_for_a_while__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_FULL, 10, 1);
}

static void session__io_error_once__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_IO, 0, 1);
}

static void session__io_errors_for_good__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_IO, UINT64_MAX, 1);
}

static void session__short_write__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_SHORT, 0, 1);
}

static void session__no_memory_once__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_MEMORY, 0, 23);
}

static void session__no_memory_for_good__committed_is_there(void **state)
{
    (void)state;
    run_all(FAULT_MEMORY, UINT64_MAX, 29);
}

static void session_add_step__returned__is_synced(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("");
    struct session *session = fixture_new(path);
    t_ok(fixture_add_step(session, 1, NULL, &err), &err);
    for (uint64_t number = 2; number < 10; number++) {
        uint64_t before = fault_syncs();
        t_ok(fixture_add_event(session, number, &err), &err);
        t_ok(session_move_head(session, 0, "goto", &err), &err);
        assert_int_equal(fault_syncs(), before);
        t_ok(fixture_add_step(session, number, NULL, &err), &err);
        assert_int_equal(fault_syncs(), before + 1);
    }
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_add_step__returned__is_synced),
        cmocka_unit_test(session__disk_full_once__committed_is_there),
        cmocka_unit_test(session__disk_full_for_good__committed_is_there),
        cmocka_unit_test(session__disk_full_for_a_while__committed_is_there),
        cmocka_unit_test(session__io_error_once__committed_is_there),
        cmocka_unit_test(session__io_errors_for_good__committed_is_there),
        cmocka_unit_test(session__short_write__committed_is_there),
        cmocka_unit_test(session__no_memory_once__committed_is_there),
        cmocka_unit_test(session__no_memory_for_good__committed_is_there),
    };
    fault_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
