/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A process that adds steps and events is killed at random moments; what it had said to
 * be committed is there, whole, and at most one step more.  BANKAI_SOAK=1000 kills that
 * often; otherwise it is a short form.
 */
#include "tests/t.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/session_fixture.h"

enum { KILLS = 60, FILES_EVERY = 10 /* kills, then a new file */ };

struct counted {
    uint64_t kills, steps, unprinted, fresh;
};

/* ---- the child -------------------------------------------------------------------------- */

static void say(int fd, int64_t id)
{
    if (write(fd, &id, sizeof id) != sizeof id)
        _exit(3);
}

/* Says 0 for the origin and the id of every step that was committed. */
static _Noreturn void work(const char *path, int fd)
{
    struct err err = {0};
    struct session *session = session_open(path, SESSION_WRITE, &err);
    if (!session || (session_is_new(session) && !fixture_set_origin(session, &err)))
        _exit(1);
    say(fd, 0);
    for (;;) {
        int64_t id = (int64_t)session_step_count(session);
        for (int64_t i = 0; i < id % 4; i++)
            if (!fixture_add_event(session, (uint64_t)id, &err))
                _exit(1);
        if (!fixture_add_step(session, (uint64_t)id, &id, &err))
            _exit(1);
        say(fd, id);
        if (id % 7 == 0 && !session_move_head(session, id / 2, "goto", &err))
            _exit(1);
        if (id % 50 == 0) { /* closing and opening are moments too */
            session_close(session);
            session = session_open(path, SESSION_WRITE, &err);
            if (!session)
                _exit(1);
        }
    }
}

/* ---- the parent ------------------------------------------------------------------------- */

static void wait_us(uint64_t us)
{
    struct timespec time = {.tv_sec = (time_t)(us / 1000000),
                            .tv_nsec = (long)(us % 1000000) * 1000};
    (void)nanosleep(&time, NULL);
}

/* The last id it said, or -1. */
static int64_t run_and_kill(const char *path, uint64_t us)
{
    int ends[2], status = 0;
    int64_t last = -1, id;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        work(path, ends[1]);
    }
    (void)close(ends[1]);
    wait_us(us);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &id, sizeof id) == sizeof id)
        last = id > 0 || last < 0 ? id : last;
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* it did not fail before */
    return last;
}

static void check_step(struct session *session, int64_t id)
{
    struct err err = {0};
    struct session_step step;
    t_ok(session_step(session, id, &step, &err), &err);
    assert_int_equal(step.flips[0].row, id);
    assert_int_equal(step.gap_count, FIXTURE_GAPS);
}

/* before: steps that were there when it began.  Returns how many are now. */
static int64_t check(const char *path, int64_t said, int64_t before, struct counted *counted)
{
    struct session *session = fixture_open(path, SESSION_WRITE);
    int64_t there = (int64_t)session_step_count(session) - 1;
    counted->kills++;
    if (said < 0 && there < 0) {
        counted->fresh++; /* killed before there was anything */
        session_close(session);
        return -1;
    }
    assert_false(session_is_new(session));
    int64_t known = said > before ? said : before;
    assert_true(there == known || there == known + 1);
    assert_int_equal(session_missing_steps(session), 0);
    for (int64_t id = before > 0 ? before : 1; id <= there; id++)
        check_step(session, id);
    fixture_verify(session);
    counted->steps += (uint64_t)(there - (before > 0 ? before : 0));
    counted->unprinted += (uint64_t)(there - known);
    session_close(session);
    return there;
}

static uint64_t kills_wanted(void)
{
    int64_t count = 0;
    const char *text = getenv("BANKAI_SOAK");
    return text && num_parse_int(text, &count) && count > 0 ? (uint64_t)count : KILLS;
}

static void session__killed_at_random_moments__committed_is_there(void **state)
{
    (void)state;
    struct counted counted = {0};
    struct rng rng;
    rng_seed(&rng, (uint64_t)getpid());
    uint64_t kills = kills_wanted();
    const char *path = NULL;
    int64_t there = -1;
    for (uint64_t i = 0; i < kills; i++) {
        if (i % FILES_EVERY == 0) {
            path = fixture_path(".bankai");
            there = -1;
        }
        int64_t said = run_and_kill(path, rng_below(&rng, i % 3 ? 30000 : 4000));
        there = check(path, said, there, &counted);
    }
    print_message("%llu kills, %llu steps, lost 0; %llu committed but not said yet, %llu before "
                  "there was a session\n", (unsigned long long)counted.kills,
                  (unsigned long long)counted.steps, (unsigned long long)counted.unprinted,
                  (unsigned long long)counted.fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session__killed_at_random_moments__committed_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
