/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/sha256.h"
#include "src/cli/cli_int.h"

#ifndef BANKAI_VERSION
#error "BANKAI_VERSION comes from the Makefile"
#endif

/* ---- signals -------------------------------------------------------------- */

static bool json_errors; /* how to fail; set before work begins */

static void write_line(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* nothing is left to be done about it */
}

static void leave_progress_line(void)
{
    if (progress_on_screen())
        write_line("\n");
}

static void on_interrupt(int number)
{
    (void)number;
    atomic_store(&cli_cancel, true);
}

/* A page of a mapped file that is no longer there was read. */
static void on_bus_error(int number)
{
    (void)number;
    leave_progress_line();
    if (json_errors)
        write_line("{\"error\": {\"code\": \"io\", \"message\": \"the model file was cut short "
                   "while it was mapped\", \"file\": null, \"where\": null}}\n");
    else
        write_line("bankai: the model file was cut short while it was mapped\n");
    _exit(err_exit_status(ERR_IO));
}

static void set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

static void set_up_signals(void)
{
    /* SA_RESETHAND: whoever asks a second time is not asked to wait. */
    set_handler(SIGINT, on_interrupt, (int)(SA_RESETHAND | SA_RESTART));
    set_handler(SIGTERM, on_interrupt, (int)(SA_RESETHAND | SA_RESTART));
    set_handler(SIGBUS, on_bus_error, 0);
    set_handler(SIGPIPE, SIG_IGN, 0); /* writing reports EPIPE instead */
    bug_set_hook(leave_progress_line);
}

static void set_json_errors(bool json)
{
    json_errors = json;
    output_set_json(json);
    err_set_no_memory_line(json ? "{\"error\": {\"code\": \"memory\", \"message\": \"out of "
                                  "memory\", \"file\": null, \"where\": null}}\n"
                                : NULL);
}

/* ---- the command ----------------------------------------------------------- */

/* Of a command, or of the program. */
static int print_help(const struct command *command)
{
    struct buf text = {0};
    if (command)
        help_command(&text, command);
    else
        help_program(&text, cli_commands);
    output_print(&text);
    return EXIT_DONE;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct err err = {0};
    struct arguments *arguments = arguments_parse(command, argc, argv, &err);
    if (!arguments) {
        char hint[64];
        (void)snprintf(hint, sizeof hint, "try 'bankai %s --help'", command->name);
        output_print_error(&err, hint);
        return cli_fail(&err);
    }
    set_json_errors(arguments_json(arguments));
    int status = arguments_help(arguments) ? print_help(command) : command->run(arguments, &err);
    arguments_free(arguments);
    if (err.code != ERR_NONE)
        output_print_error(&err, NULL);
    return status;
}

static int print_version(void)
{
    if (json_errors)
        cli_print_json(json_pack("{s:s}", "version", BANKAI_VERSION), false);
    else
        (void)puts("bankai " BANKAI_VERSION);
    return EXIT_DONE;
}

/* `bankai`, `bankai MODEL`, `bankai -s FILE` and `bankai -R FILE` open the workbench. */
static bool opens_workbench(const char *word)
{
    bool is_session = strncmp(word, "-s", 2) == 0 || strcmp(word, "-R") == 0 ||
                      strcmp(word, "--read-only") == 0 || strcmp(word, "--session") == 0 ||
                      strncmp(word, "--session=", 10) == 0;
    bool is_model = *word != '-' && (strcmp(word, "nano") == 0 || strpbrk(word, "/.") != NULL);
    return is_session || is_model;
}

static int open_workbench(int argc, char **argv)
{
    struct err err = {0};
    return run_command(command_find("open", &err), argc, argv);
}

/* The command, or what stands instead of it. */
static int run_program(int argc, char **argv)
{
    struct err err = {0};
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word || opens_workbench(word))
        return open_workbench(argc, argv);
    if (strcmp(word, "--version") == 0)
        return print_version();
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return print_help(NULL);
    const struct command *command = NULL;
    if (*word == '-')
        (void)err_set(&err, ERR_USAGE, "option %s stands before the command", word);
    else
        command = command_find(word, &err);
    if (command)
        return run_command(command, argc - 1, argv + 1);
    output_print_error(&err, "try 'bankai --help'");
    return cli_fail(&err);
}

/* Errors of parsing are to be JSON too, so --json is looked for before. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

/* Threads that spin while they wait for the others (the default) cost a busy machine
 * more than the work itself: with four other busy processes on two cores 7 s instead of
 * 0.6 s for one evaluation of 82 probes.  Threads that sleep at once cost a quiet one a
 * waking each time: 1.3 s instead of 0.5 s for 60 candidates of a search on the embedded
 * model, 22 to 25 instead of 30 tokens/s from an 8B.  So they look a thousand times,
 * some 15 microseconds, and then sleep.  The OpenMP library reads its environment before
 * main, so it takes a restart. */
static void wait_without_spinning(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    if (setenv("OMP_WAIT_POLICY", "passive", 1) == 0 &&
        setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        (void)execv("/proc/self/exe", argv); /* goes on as it is where that fails */
}

int main(int argc, char **argv)
{
    wait_without_spinning(argv);
    (void)prctl(PR_SET_NAME, "bankai"); /* else it would be "exe" after that */
    /* Only character types: numbers are written and read with a dot everywhere. */
    (void)setlocale(LC_CTYPE, "");
    set_up_signals();
    json_need_memory();
    sha256_need_memory();
    set_json_errors(asks_for_json(argc, argv));
    return output_finish(run_program(argc, argv));
}
