/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/shell.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int of_the_terminal[] = {SIGINT, SIGQUIT, SIGTSTP};

static void set_of_terminal(sigset_t *set)
{
    (void)sigemptyset(set);
    for (size_t i = 0; i < sizeof of_the_terminal / sizeof *of_the_terminal; i++)
        (void)sigaddset(set, of_the_terminal[i]);
}

/* The command gets signals as a shell would give it them: none blocked, none ignored. */
static int start(const char *command, pid_t *process)
{
    const char *named = getenv("SHELL");
    const char *shell = named && *named ? named : "/bin/sh";
    char *const words[] = {(char *)(uintptr_t)shell, (char *)(uintptr_t)"-c",
                           (char *)(uintptr_t)command, NULL};
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    (void)sigemptyset(&none);
    set_of_terminal(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    (void)sigaddset(&defaults, SIGTERM);
    (void)sigaddset(&defaults, SIGWINCH);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int problem = posix_spawn(process, shell, NULL, &attributes, words, environ);
    (void)posix_spawnattr_destroy(&attributes);
    return problem;
}

/* Where the command is stopped (C-z), so is this program: fg goes on with both. */
static int wait_for(pid_t process)
{
    int status = 0;
    for (;;) {
        if (waitpid(process, &status, WUNTRACED) < 0 && errno != EINTR)
            return 127;
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        if (WIFSTOPPED(status))
            (void)raise(SIGSTOP);
    }
}

static void forget_signals(void)
{
    const struct timespec now = {0, 0};
    sigset_t set;
    set_of_terminal(&set);
    while (sigtimedwait(&set, NULL, &now) > 0)
        ;
}

/* Past the standard streams: nothing of this may wait in a buffer. */
static void write_status(const char *what, int number)
{
    char text[128];
    (void)snprintf(text, sizeof text, "\n[%s %d] Enter goes back to the workbench ", what, number);
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        return; /* nobody looks */
}

static void wait_for_enter(void)
{
    char byte = 0;
    while (byte != '\n') {
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got == 0 || (got < 0 && errno != EINTR))
            return;
    }
}

int shell_run(const char *command)
{
    pid_t process = 0;
    int problem = start(command, &process);
    int status = problem == 0 ? wait_for(process) : 127;
    forget_signals();
    write_status(problem != 0 ? "no shell: error" : "exit status", problem != 0 ? problem : status);
    wait_for_enter();
    forget_signals();
    return status;
}
