/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The last words of the workbench: where the flips and the session are.
 */
#include "tests/t.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ui/crash.h"

#define FILES                                                                                  \
    "; the accepted flips are in /p/\\x1B.json\nbankai: go on with: bankai open -s /s/x.bankai\n"

/* What a child that ends so says, and its status as of waitpid. */
static struct buf last_words(void (*end)(void), int *status)
{
    int words[2];
    struct buf out = {0};
    assert_int_equal(pipe(words), 0);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit none = {0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)dup2(words[1], STDERR_FILENO);
        crash_guard();
        crash_set_files("/p/\x1b.json", "/s/x.bankai");
        end();
        _exit(0);
    }
    (void)close(words[1]);
    char part[512];
    for (ssize_t got; (got = read(words[0], part, sizeof part)) > 0;)
        buf_add(&out, part, (size_t)got);
    (void)close(words[0]);
    assert_int_equal(waitpid(child, status, 0), child);
    buf_add(&out, "", 1);
    return out;
}

static void fail_for_our_fault(void)
{
    BUG_ON(getpid() > 0);
}

static void crash__no_memory__says_where_the_session_is(void **state)
{
    (void)state;
    int status = 0;
    struct buf words = last_words(err_no_memory, &status);
    assert_string_equal(words.data, "bankai: out of memory" FILES);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    buf_free(&words);
}

static void crash__abort_or_bug__says_where_the_session_is_once(void **state)
{
    (void)state;
    void (*const ends[])(void) = {abort, fail_for_our_fault};
    for (size_t i = 0; i < countof(ends); i++) {
        int status = 0;
        struct buf words = last_words(ends[i], &status);
        const char *files = strstr(words.data, "bankai: crashed" FILES);
        if (!files || strstr(files + 10, "crashed;"))
            fail_msg("%s", words.data);
        assert_true(i == 0 ? files == words.data : strstr(words.data, "getpid() > 0") != NULL);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        buf_free(&words);
    }
}

static void crash_unguard__no_memory__nothing_of_files(void **state)
{
    (void)state;
    int status = 0;
    struct buf words = last_words(crash_unguard, &status);
    assert_string_equal(words.data, "");
    assert_int_equal(status, 0);
    buf_free(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crash__no_memory__says_where_the_session_is),
        cmocka_unit_test(crash__abort_or_bug__says_where_the_session_is_once),
        cmocka_unit_test(crash_unguard__no_memory__nothing_of_files),
    };
    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
