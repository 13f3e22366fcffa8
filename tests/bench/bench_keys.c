/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Time from a key to its effect on the screen, through a pseudo-terminal, while
 * a search runs on the embedded model.
 *
 * The keys are letters that are bound to nothing: the workbench answers each
 * with a line that names it.  That goes the way of every key (table of keys,
 * state, all views drawn, changed cells sent), and the letter's bytes cannot come
 * from anything else.  The program is $BANKAI, or that of this build.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"

enum { KEYS = 400, LETTERS = 24 };

static const double first_wait_s = 30; /* until there is a screen */
static const double key_wait_s = 2;

static char seen[1 << 16]; /* the last bytes that the terminal got */
static size_t seen_len;

static void forget(void)
{
    seen_len = 0;
}

/* Bytes of the terminal until a text is among them.  Returns the seconds it
 * took, or -1. */
static double wait_for(int terminal, const char *text, double limit_s)
{
    double start = clock_seconds();
    for (;;) {
        if (memmem(seen, seen_len, text, strlen(text)))
            return clock_seconds() - start;
        double left = start + limit_s - clock_seconds();
        struct pollfd wait = {.fd = terminal, .events = POLLIN};
        if (left <= 0 || poll(&wait, 1, (int)(left * 1000) + 1) < 0)
            return -1;
        if (seen_len > sizeof seen / 2) { /* keep the end: a text may be cut there */
            memmove(seen, seen + seen_len - 64, 64);
            seen_len = 64;
        }
        ssize_t got = wait.revents ? read(terminal, seen + seen_len, sizeof seen - seen_len) : 0;
        if (got < 0 || (got == 0 && wait.revents))
            return -1;
        seen_len += (size_t)got;
    }
}

static void type(int terminal, const char *keys)
{
    if (write(terminal, keys, strlen(keys)) < 0)
        (void)fprintf(stderr, "bench_keys: %s\n", strerror(errno));
}

/* Read what comes for a while. */
static void idle(int terminal, double seconds)
{
    forget();
    (void)wait_for(terminal, "\x01", seconds);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, double *ms, size_t count)
{
    qsort(ms, count, sizeof *ms, compare);
    (void)printf("%s,%zu,%.2f,%.2f,%.2f,%.2f\n", what, count, ms[count / 2], ms[count * 95 / 100],
                 ms[count * 99 / 100], ms[count - 1]);
    (void)fflush(stdout);
}

/* Small Greek letters, none twice in a row. */
static bool measure(int terminal, const char *what)
{
    static double ms[KEYS];
    for (int i = 0; i < KEYS; i++) {
        char letter[3] = {(char)0xCE, (char)(0xB1 + i % (LETTERS / 2)), '\0'};
        forget();
        type(terminal, letter);
        double took = wait_for(terminal, letter, key_wait_s);
        if (took < 0) {
            (void)fprintf(stderr, "bench_keys: key %d was not answered within %.0f s\n", i,
                          key_wait_s);
            return false;
        }
        ms[i] = took * 1000;
        idle(terminal, 0.005 + 0.001 * (i * 7 % 23)); /* at no fixed rate */
    }
    report(what, ms, KEYS);
    return true;
}

static void become_workbench(const char *program)
{
    char folder[] = "/tmp/bankai-bench-XXXXXX";
    if (mkdtemp(folder))
        (void)setenv("XDG_STATE_HOME", folder, 1);
    (void)setenv("TERM", "xterm-256color", 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)unsetenv("NO_COLOR");
    (void)execl(program, program, "open", "nano", (char *)NULL);
    _exit(127);
}

static bool run(int terminal)
{
    if (wait_for(terminal, "fitness", first_wait_s) < 0) {
        (void)fprintf(stderr, "bench_keys: no screen within %.0f s\n", first_wait_s);
        return false;
    }
    idle(terminal, 2);
    bool ok = measure(terminal, "idle");
    type(terminal, "c");
    idle(terminal, 1);
    ok = ok && measure(terminal, "search");
    type(terminal, "Q");
    idle(terminal, 1);
    return ok;
}

int main(int argc, char **argv)
{
    (void)argc;
    char program[4096];
    const char *given = getenv("BANKAI"), *tail = strstr(argv[0], "tests/bench/");
    if (given)
        (void)snprintf(program, sizeof program, "%s", given);
    else
        (void)snprintf(program, sizeof program, "%.*sbankai", tail ? (int)(tail - argv[0]) : 0,
                       argv[0]);
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int terminal = -1;
    pid_t child = forkpty(&terminal, NULL, NULL, &size);
    if (child < 0)
        return 3;
    if (child == 0)
        become_workbench(program);
    (void)printf("keys while,count,p50 ms,p95 ms,p99 ms,max ms\n");
    bool ok = run(terminal);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return ok ? 0 : 1;
}
