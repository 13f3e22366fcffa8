/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/crash.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/num.h"
#include "src/base/text.h"
#include "ui/term.h"

enum { STACK_BYTES = 1 << 16 };

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction before[countof(fatal)];
static char line[8800]; /* what is said; made before it is needed */
static char no_memory[8800];
static char *stack;     /* for a handler when the program's own has run over */

/* Only calls that a signal handler may make: write, sigaction, raise. */
static void on_fatal(int number)
{
    term_emergency_restore();
    if (line[0] && write(STDERR_FILENO, line, strlen(line)) >= 0)
        line[0] = '\0'; /* said once */
    for (size_t i = 0; i < countof(fatal); i++)
        (void)sigaction(fatal[i], &before[i], NULL);
    (void)raise(number); /* it waits until this handler has returned */
}

static void on_bug(void)
{
    term_emergency_restore();
}

void crash_guard(void)
{
    stack = malloc(STACK_BYTES);
    const stack_t own = {.ss_sp = stack, .ss_size = STACK_BYTES};
    bool has_stack = stack && sigaltstack(&own, NULL) == 0;
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = has_stack ? SA_ONSTACK : 0};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < countof(fatal); i++)
        (void)sigaction(fatal[i], &action, &before[i]);
    bug_set_hook(on_bug);
}

static void compose(const char *what, const char *patch, const char *session, char *out,
                    size_t size)
{
    struct buf text = {0};
    buf_add_format(&text, "bankai: %s; the accepted flips are in ", what);
    text_visible(&text, patch, strlen(patch));
    if (session) {
        buf_add_text(&text, "\nbankai: go on with: bankai open -s ");
        text_visible(&text, session, strlen(session));
    }
    buf_add_text(&text, "\n");
    if (text.len < size)
        memcpy(out, text.data, text.len + 1);
    buf_free(&text);
}

void crash_set_files(const char *patch, const char *session)
{
    compose("crashed", patch, session, line, sizeof line);
    compose("out of memory", patch, session, no_memory, sizeof no_memory);
    if (no_memory[0])
        err_set_no_memory_line(no_memory);
}

void crash_unguard(void)
{
    for (size_t i = 0; i < countof(fatal); i++)
        (void)sigaction(fatal[i], &before[i], NULL);
    bug_set_hook(NULL);
    const stack_t none = {.ss_flags = SS_DISABLE};
    (void)sigaltstack(&none, NULL);
    free(stack);
    stack = NULL;
    line[0] = no_memory[0] = '\0';
    err_set_no_memory_line(NULL);
}
