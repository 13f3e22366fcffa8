/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "tests/t.h"

/* ---- the temporary folder -------------------------------------------------- */

static char folder[64];
static pid_t folder_owner;
static char *paths[1024]; /* handed out, to be freed at the end */
static size_t path_count;

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() != folder_owner)
        return; /* a child that could not be started */
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    while (path_count > 0)
        free(paths[--path_count]);
}

static void need_folder(void)
{
    if (folder[0])
        return;
    (void)snprintf(folder, sizeof folder, "/tmp/bankai-test-XXXXXX");
    BUG_ON(!mkdtemp(folder));
    folder_owner = getpid();
    (void)atexit(remove_folder);
}

const char *run_path(const char *name)
{
    need_folder();
    struct buf path = {0};
    buf_add_format(&path, "%s/%s", folder, name);
    for (size_t i = 0; i < path_count; i++) {
        if (strcmp(paths[i], path.data) != 0)
            continue;
        buf_free(&path);
        return paths[i];
    }
    BUG_ON(path_count == countof(paths));
    paths[path_count++] = path.data;
    return path.data;
}

const char *run_write(const char *name, const void *bytes, size_t len)
{
    const char *path = run_path(name);
    struct err err = {0};
    t_ok(file_write(path, bytes, len, &err), &err);
    return path;
}

const char *run_write_text(const char *name, const char *text)
{
    return run_write(name, text, strlen(text));
}

/* ---- the child -------------------------------------------------------------- */

/* Two ends of a pipe or of a terminal: ours and the child's. */
struct channel {
    int ours;
    int theirs;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static struct channel open_pipe(bool child_writes)
{
    int ends[2];
    BUG_ON(pipe2(ends, O_CLOEXEC) != 0);
    return child_writes ? (struct channel){ends[0], ends[1]} : (struct channel){ends[1], ends[0]};
}

static struct channel open_terminal(unsigned short columns)
{
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    BUG_ON(ours < 0 || grantpt(ours) != 0 || unlockpt(ours) != 0);
    int theirs = open(ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    BUG_ON(theirs < 0);
    struct termios mode;
    BUG_ON(tcgetattr(theirs, &mode) != 0);
    cfmakeraw(&mode);
    BUG_ON(tcsetattr(theirs, TCSANOW, &mode) != 0);
    struct winsize size = {.ws_row = 24, .ws_col = columns ? columns : 80};
    BUG_ON(ioctl(theirs, TIOCSWINSZ, &size) != 0);
    return (struct channel){ours, theirs};
}

static struct channel open_output(const struct run_options *options)
{
    if (options->out_path) {
        int fd = open(options->out_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        BUG_ON(fd < 0);
        return (struct channel){-1, fd};
    }
    struct channel out = options->out_terminal ? open_terminal(options->columns)
                                               : open_pipe(true);
    if (options->out_closed)
        close_fd(&out.ours);
    return out;
}

/* What the child keeps of our environment: where its libraries and sanitizers
 * are told what to do, and the kernels that the caller wants tested. */
static const char *const kept[] = {
    "PATH",         "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
    "TSAN_OPTIONS", "OMP_NUM_THREADS", "BANKAI_CPU",   "TMPDIR",
};

static void set_environment(const char *const *added)
{
    const char *values[countof(kept)];
    for (size_t i = 0; i < countof(kept); i++) {
        const char *value = getenv(kept[i]);
        values[i] = value ? x_copy(value, strlen(value)) : NULL;
    }
    (void)clearenv();
    for (size_t i = 0; i < countof(kept); i++) {
        if (values[i])
            (void)setenv(kept[i], values[i], 1);
    }
    (void)setenv("HOME", folder, 1);
    (void)setenv("XDG_CONFIG_HOME", run_path("config"), 1);
    (void)setenv("XDG_STATE_HOME", run_path("state"), 1);
    (void)setenv("XDG_CACHE_HOME", run_path("cache"), 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)setenv("TERM", "xterm-256color", 1);
    for (; added && *added; added++)
        (void)putenv(x_copy(*added, strlen(*added)));
}

static const char *program(void)
{
    const char *path = getenv("BANKAI");
    return path ? path : "build/bankai";
}

static _Noreturn void be_child(const struct run_options *options, const char *const *words,
                               const int fds[3])
{
    const char *path = program();
    const char *argv[RUN_WORDS_MAX + 2] = {path};
    for (size_t i = 0; words[i]; i++)
        argv[i + 1] = words[i];
    for (int i = 0; i < 3; i++)
        (void)dup2(fds[i], i);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    set_environment(options->environment);
    (void)execv(path, (char *const *)(uintptr_t)argv);
    (void)dprintf(STDERR_FILENO, "cannot run %s: %s\n", path, strerror(errno));
    _exit(127);
}

/* ---- talking to it ---------------------------------------------------------- */

struct talk {
    const struct run_options *options;
    struct run *run;
    pid_t child;
    int input; /* -1 once all is written */
    int outputs[2];
    size_t written;
    bool interrupted;
    double started;
    double deadline;
};

static void write_input(struct talk *talk)
{
    const struct run_options *options = talk->options;
    ssize_t put = 0;
    if (talk->written < options->input_len)
        put = write(talk->input, options->input + talk->written,
                    options->input_len - talk->written);
    if (put > 0)
        talk->written += (size_t)put;
    bool again = put < 0 && (errno == EAGAIN || errno == EINTR);
    if (!again && (put <= 0 || talk->written == options->input_len))
        close_fd(&talk->input); /* all of it, or nobody reads it */
}

static void read_output(int *fd, struct buf *out)
{
    char chunk[4096];
    ssize_t got = read(*fd, chunk, sizeof chunk);
    if (got > 0)
        buf_add(out, chunk, (size_t)got);
    else if (got == 0 || errno != EINTR)
        close_fd(fd); /* a terminal whose other end was closed says EIO */
}

static void interrupt_when_due(struct talk *talk)
{
    const char *sign = talk->options->interrupt_after;
    if (!sign || talk->interrupted)
        return;
    if (!*sign && clock_seconds() < talk->started + 0.3)
        return;
    if (!strstr(talk->run->out.data, sign) && !strstr(talk->run->err.data, sign))
        return;
    int number = talk->options->interrupt_signal;
    (void)kill(talk->child, number ? number : SIGINT);
    talk->interrupted = true;
}

/* One wait for something to happen; false when both outputs are closed. */
static bool talk_once(struct talk *talk)
{
    if (talk->outputs[0] < 0 && talk->outputs[1] < 0)
        return false;
    struct pollfd fds[3] = {
        {.fd = talk->outputs[0], .events = POLLIN},
        {.fd = talk->outputs[1], .events = POLLIN},
        {.fd = talk->input, .events = POLLOUT},
    };
    (void)poll(fds, countof(fds), 50);
    if (fds[0].revents)
        read_output(&talk->outputs[0], &talk->run->out);
    if (fds[1].revents)
        read_output(&talk->outputs[1], &talk->run->err);
    if (fds[2].revents)
        write_input(talk);
    interrupt_when_due(talk);
    if (clock_seconds() > talk->deadline && !talk->run->timed_out) {
        talk->run->timed_out = true;
        (void)kill(talk->child, SIGKILL);
    }
    return true;
}

static void wait_for(pid_t child, struct run *run)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        BUG_ON(errno != EINTR);
    run->killed_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    run->status = WIFSIGNALED(status) ? 128 + run->killed_by : WEXITSTATUS(status);
}

static void start_and_talk(const struct run_options *options, const char *const *words,
                           struct run *run)
{
    struct channel in = open_pipe(false);
    struct channel out = open_output(options);
    struct channel err = options->err_terminal ? open_terminal(options->columns)
                                               : open_pipe(true);
    (void)fflush(NULL); /* nothing buffered twice */
    pid_t child = fork();
    BUG_ON(child < 0);
    if (child == 0)
        be_child(options, words, (const int[3]){in.theirs, out.theirs, err.theirs});
    close_fd(&in.theirs);
    close_fd(&out.theirs);
    close_fd(&err.theirs);
    (void)fcntl(in.ours, F_SETFL, O_NONBLOCK);
    struct talk talk = {
        .options = options,
        .run = run,
        .child = child,
        .input = in.ours,
        .outputs = {out.ours, err.ours},
        .started = clock_seconds(),
    };
    talk.deadline = talk.started + (options->timeout_s > 0 ? options->timeout_s : 120);
    while (talk_once(&talk)) {
    }
    close_fd(&talk.input);
    wait_for(child, run);
}

/* ---- running ---------------------------------------------------------------- */

struct run *run_bankai_words(const struct run_options *options, const char *const *words)
{
    static const struct run_options none;
    struct run *run = x_new(1, sizeof *run);
    struct buf line = {0};
    buf_add_text(&line, "bankai");
    for (size_t i = 0; words[i]; i++)
        buf_add_format(&line, " '%s'", words[i]);
    run->line = line.data;
    buf_add_text(&run->out, "");
    buf_add_text(&run->err, "");
    need_folder();
    (void)signal(SIGPIPE, SIG_IGN);
    double started = clock_seconds();
    start_and_talk(options ? options : &none, words, run);
    run->seconds = clock_seconds() - started;
    return run;
}

/* The words of a variable argument list, up to its NULL. */
static void collect(const char **words, size_t used, va_list args)
{
    do {
        BUG_ON(used == RUN_WORDS_MAX);
        words[used] = va_arg(args, const char *);
    } while (words[used++]);
}

struct run *run_bankai(const struct run_options *options, ...)
{
    const char *words[RUN_WORDS_MAX];
    va_list args;
    va_start(args, options);
    collect(words, 0, args);
    va_end(args);
    return run_bankai_words(options, words);
}

struct run *run_ok(const char *word, ...)
{
    const char *words[RUN_WORDS_MAX] = {word};
    va_list args;
    va_start(args, word);
    collect(words, 1, args);
    va_end(args);
    struct run *run = run_bankai_words(NULL, words);
    run_expect_status(run, 0);
    return run;
}

/* "FILE: WHERE: message" */
static char *whole_message(const json_t *error)
{
    struct buf whole = {0};
    const char *const keys[] = {"file", "where", "message"};
    for (size_t i = 0; i < countof(keys); i++) {
        const char *part = json_string_value(json_object_get(error, keys[i]));
        if (part)
            buf_add_format(&whole, "%s%s", whole.len > 0 ? ": " : "", part);
    }
    buf_add_text(&whole, "");
    return whole.data;
}

void run_refused(const char *code, const char *text, ...)
{
    const char *words[RUN_WORDS_MAX];
    va_list args;
    va_start(args, text);
    words[0] = va_arg(args, const char *);
    words[1] = "--json"; /* before any "--" */
    collect(words, 2, args);
    va_end(args);

    struct run *run = run_bankai_words(NULL, words);
    run_expect_status(run, 2);
    assert_string_equal(run->out.data, "");
    json_t *error = run_json_error(run);
    char *message = whole_message(error);
    if (!strstr(message, text))
        fail_msg("%s\nexpected an error with: %s\nbut it is: %s", run->line, text, message);
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    free(message);
    json_decref(error);
    run_free(run);
}

/* ---- looking ---------------------------------------------------------------- */

static void show_and_fail(const struct run *run, const char *what, const char *expected)
{
    fail_msg("%s\n%s%s\nexit status %d%s%s\n--- standard output\n%s\n--- standard error\n%s\n---",
             run->line, what, expected, run->status, run->killed_by ? " (killed)" : "",
             run->timed_out ? " (timed out)" : "", run->out.data, run->err.data);
}

void run_expect_status(const struct run *run, int status)
{
    char expected[16];
    (void)snprintf(expected, sizeof expected, "%d", status);
    if (run->status != status || run->killed_by)
        show_and_fail(run, "expected exit status ", expected);
}

void run_expect_out(const struct run *run, const char *text)
{
    if (!strstr(run->out.data, text))
        show_and_fail(run, "expected on standard output: ", text);
}

void run_expect_err(const struct run *run, const char *text)
{
    if (!strstr(run->err.data, text))
        show_and_fail(run, "expected on standard error: ", text);
}

static json_t *parse_or_fail(const struct run *run, const char *text, size_t len)
{
    json_error_t problem;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (!value)
        show_and_fail(run, "expected JSON: ", problem.text);
    return value;
}

json_t *run_json(const struct run *run)
{
    return parse_or_fail(run, run->out.data, run->out.len);
}

json_t *run_json_lines(const struct run *run)
{
    json_t *values = json_array();
    const char *line = run->out.data;
    while (*line) {
        size_t len = strcspn(line, "\n");
        (void)json_array_append_new(values, parse_or_fail(run, line, len));
        line += len + (line[len] == '\n');
    }
    return values;
}

json_t *run_json_error(const struct run *run)
{
    size_t end = run->err.len;
    if (end > 0 && run->err.data[end - 1] == '\n')
        end--;
    size_t start = end;
    while (start > 0 && run->err.data[start - 1] != '\n')
        start--;
    json_t *line = parse_or_fail(run, run->err.data + start, end - start);
    json_t *error = json_incref(json_object_get(line, "error"));
    json_decref(line);
    if (!error)
        show_and_fail(run, "expected on standard error: ", "{\"error\": ...}");
    return error;
}

void run_free(struct run *run)
{
    if (!run)
        return;
    free(run->line);
    buf_free(&run->out);
    buf_free(&run->err);
    free(run);
}
