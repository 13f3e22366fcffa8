/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One thread waits in poll for keys, the worker's events and signals, changes the
 * state, and draws.  While something the worker said waits for its frame, the
 * worker is left out of the poll: a chatty search must not keep this thread busy.
 *
 * Signals are blocked in all threads and read from a descriptor, so that none of
 * them interrupts anything.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/num.h"
#include "ui/crash.h"
#include "ui/loop_int.h"
#include "ui/prompt_int.h"
#include "ui/script.h"
#include "ui/term.h"
#include "ui/ui.h"

enum { KEY_INTERRUPT = 3, ESCAPE_MS = 25, EVENTS_AT_ONCE = 512 };

static const double frame_s = 1.0 / 30;
static const double tick_s = 1;
static const double script_s = 0.005; /* how often a script asks whether all is idle */

/* ---- painting ------------------------------------------------------------------- */

static void keep_view(struct loop *loop)
{
    if (!loop->app->opened || loop->app->read_only)
        return;
    char *view = app_view_text(loop->app);
    worker_keep_view(loop->worker, view);
    free(view);
}

static void paint(void *user)
{
    struct loop *loop = user;
    loop->app->now = loop->painted_at = clock_seconds();
    app_draw(loop->app);
    keep_view(loop);
    worker_wish_probe(loop->worker, app_wished_probe(loop->app));
    if (!loop->headless)
        term_show(loop->app->grid, loop->app->theme);
    loop->dirty = loop->reported = false;
}

void loop_fit_terminal(struct loop *loop)
{
    int rows = 0, columns = 0;
    term_size(&rows, &columns);
    struct grid *grid = loop->app->grid;
    if (rows > 0 && columns > 0 && (rows != grid->rows || columns != grid->columns))
        grid_resize(grid, rows, columns);
    loop->dirty = true;
}

/* ---- keys ----------------------------------------------------------------------- */

/* A lone ESC is a key; the beginning of another one has more behind it. */
static size_t read_raw(char *bytes, size_t size)
{
    size_t len = term_raw_bytes(bytes, size);
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (len == 1 && bytes[0] == KEY_CODE_ESC && poll(&input, 1, ESCAPE_MS) > 0)
        len += term_raw_bytes(bytes + len, size - len);
    return len;
}

/* Bytes behind the line's end are keys again, or those of the next prompt. */
static void feed_lines(const char *bytes, size_t len)
{
    while (len > 0 && prompt_is_open()) {
        const char *end = memchr(bytes, '\r', len);
        size_t used = end ? (size_t)(end - bytes) + 1 : len;
        prompt_feed(bytes, used);
        bytes += used;
        len -= used;
    }
    if (!prompt_is_open()) {
        term_raw_mode(false);
        term_unread(bytes, len);
    }
}

static bool take_prompt_bytes(void)
{
    char bytes[4096];
    size_t len = read_raw(bytes, sizeof bytes);
    if (len > 0)
        feed_lines(bytes, len);
    return len > 0;
}

static bool take_key(struct loop *loop)
{
    if (prompt_is_open())
        return take_prompt_bytes();
    key_code key = term_key();
    if (key == KEY_CODE_NONE)
        return false;
    if (key == KEY_CODE_RESIZE)
        loop_fit_terminal(loop);
    else
        app_key(loop->app, key);
    if (prompt_is_open())
        term_raw_mode(true);
    return true;
}

static void take_keys(struct loop *loop)
{
    loop->app->now = clock_seconds();
    while (!loop->app->quit && take_key(loop))
        loop->dirty = true;
}

/* Of a script: a prompt gets what a terminal would send. */
static void press_key(void *user, key_code key)
{
    struct loop *loop = user;
    if (prompt_is_open()) {
        struct buf bytes = {0};
        key_bytes(key, &bytes);
        if (bytes.len > 0)
            prompt_feed(bytes.data, bytes.len);
        buf_free(&bytes);
    } else {
        app_key(loop->app, key);
        if (!loop->headless && prompt_is_open())
            term_raw_mode(true);
    }
}

static void resize_screen(void *user, int rows, int columns)
{
    struct loop *loop = user;
    grid_resize(loop->app->grid, rows, columns);
    loop->dirty = true;
}

/* ---- the worker ----------------------------------------------------------------- */

static void take_event(struct loop *loop, struct event *event)
{
    if (event->type == EVENT_ERROR && event->fatal && !loop_take_failure(loop, &event->err)) {
        loop->failed = true;
        loop->err = event->err;
    }
    app_event(loop->app, event);
    loop_take_opened(loop, event->type);
    if ((event->type == EVENT_OPENED || event->type == EVENT_SESSION) && loop->app->output)
        crash_set_files(loop->app->output, loop->app->session);
    event_free(event);
    loop->reported = true;
}

/* idle is asked first: what comes after the answer is another matter. */
static void take_events(struct loop *loop)
{
    bool idle = worker_is_idle(loop->worker);
    int count = 0;
    struct event *event = NULL;
    loop->app->now = clock_seconds();
    while (count < EVENTS_AT_ONCE && (event = worker_event(loop->worker))) {
        take_event(loop, event);
        count++;
    }
    loop->idle = idle && count < EVENTS_AT_ONCE;
}

static void post_job(struct app *app, const struct job *job)
{
    if (!worker_post(app->worker, job))
        app_complain(app, "too many jobs wait already; C-c stops them");
}

/* ---- signals -------------------------------------------------------------------- */

static void signal_set(sigset_t *set, bool headless)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT, SIGWINCH, SIGTSTP, SIGCONT};
    (void)sigemptyset(set);
    for (size_t i = 0; i < (headless ? 3 : countof(numbers)); i++)
        (void)sigaddset(set, numbers[i]);
}

/* Stop as programs do that know nothing of this signal, with all of the job: make
 * or a script around this program too. */
void loop_stop_here(void)
{
    struct sigaction stop = {.sa_handler = SIG_DFL}, old;
    sigset_t set;
    (void)sigemptyset(&stop.sa_mask);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTSTP);
    term_suspend();
    (void)sigaction(SIGTSTP, &stop, &old);
    (void)kill(0, SIGTSTP);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* stops here */
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)sigaction(SIGTSTP, &old, NULL);
    term_resume();
}

static void take_signal(struct loop *loop, int number)
{
    if (number == SIGTSTP)
        loop_stop_here();
    if (number == SIGINT && !loop->headless) {
        app_key(loop->app, KEY_INTERRUPT);
        loop->dirty = true;
    } else if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
        loop->ended_by = number;
    } else { /* another size, or back from a stop */
        if (number == SIGCONT)
            term_redraw_all();
        loop_fit_terminal(loop);
    }
}

static void take_signals(struct loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->signals, &info, sizeof info) == (ssize_t)sizeof info)
        take_signal(loop, (int)info.ssi_signo);
}

/* ---- one turn ------------------------------------------------------------------- */

/* When to go on though nothing happens; HUGE_VAL for never [U1]. */
static double deadline(const struct loop *loop)
{
    double when = HUGE_VAL;
    if (loop->dirty)
        when = 0;
    if (loop->reported)
        when = fmin(when, loop->painted_at + frame_s);
    if (loop->app->job.running && loop->app->job.total == 0 && !loop->headless)
        when = fmin(when, loop->painted_at + tick_s);
    if (script_deadline() > 0)
        when = fmin(when, script_deadline());
    else if (script_is_running())
        when = fmin(when, clock_seconds() + script_s);
    return when;
}

/* Milliseconds for poll; rounded up, or the last one would be spent spinning. */
static int poll_ms(double when)
{
    if (isinf(when))
        return -1;
    double left = ceil((when - clock_seconds()) * 1000);
    return left < 0 ? 0 : left > 1000 ? 1000 : (int)left;
}

static void run_script(struct loop *loop)
{
    const struct script_host host = {loop->app, loop->idle,    loop->headless, paint,
                                     press_key, resize_screen, loop};
    struct err err = {0};
    if (!script_is_running())
        return;
    bool ok = script_run(&host, &err);
    if (!ok && loop->headless) {
        loop->failed = true;
        loop->err = err;
    } else if (!ok) {
        app_complain(loop->app, "%s: %s: %s", err.file, err.where, err.message);
    }
    loop->dirty = true;
}

static void turn(struct loop *loop)
{
    bool waits_for_frame = loop->reported;
    struct pollfd wait[] = {
        {loop->headless ? -1 : STDIN_FILENO, POLLIN, 0},
        {loop->signals, POLLIN, 0},
        {waits_for_frame ? -1 : worker_fd(loop->worker), POLLIN, 0},
    };
    loop->idle = false;
    if (poll(wait, countof(wait), poll_ms(deadline(loop))) < 0 && errno != EINTR)
        loop->ended_by = SIGHUP;
    if (wait[1].revents)
        take_signals(loop);
    if (wait[0].revents & POLLIN)
        take_keys(loop);
    else if (wait[0].revents & (POLLHUP | POLLERR | POLLNVAL))
        loop->ended_by = SIGHUP;
    if (wait[2].revents || (!waits_for_frame && script_is_running()))
        take_events(loop);
    run_script(loop);
    if (!loop_do_what_was_asked(loop))
        return;
    double now = clock_seconds();
    bool tick = loop->app->job.running && loop->app->job.total == 0 && !loop->headless &&
                now >= loop->painted_at + tick_s;
    if (loop->dirty || tick || (loop->reported && now >= loop->painted_at + frame_s))
        paint(loop);
}

static bool goes_on(const struct loop *loop)
{
    return !loop->app->quit && !loop->failed && !loop->ended_by &&
           (!loop->headless || script_is_running());
}

/* ---- from start to end ---------------------------------------------------------- */

static void run_loop(struct loop *loop)
{
    paint(loop);
    while (goes_on(loop))
        turn(loop);
    script_stop();
    prompt_cancel();
    if (loop->worker)
        keep_view(loop);
    if (!loop->failed && !loop->app->quit)
        app_command(loop->app, "quit"); /* for what it says at the end */
}

/* A patch to begin with is opened as :e does, unless the method makes more of it. */
static void start_worker(struct loop *loop, struct err *err)
{
    struct worker_options *options = &loop->options;
    const char *from = options->from;
    if (from && search_method_starts_max(options->search.method) == 1)
        options->from = NULL;
    loop->worker = loop->app->worker = worker_start(options, err);
    loop->app->post = post_job;
    if (!loop->worker || options->from == from)
        return;
    struct buf text = {0};
    buf_add_format(&text, "\n%s", from);
    loop->app->post(loop->app, &(struct job){.type = JOB_PATCH, .text = text.data});
    buf_free(&text);
}

/* Signals are blocked before the worker is there, which inherits that. */
static bool start(struct loop *loop, const struct ui_options *options, int rows, int columns,
                  struct err *err)
{
    struct app *app = loop->app;
    sigset_t set;
    signal_set(&set, loop->headless);
    loop->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (loop->signals < 0)
        return err_set(err, ERR_IO, "cannot watch signals: %s", strerror(errno));
    app->theme = theme_load(options->theme ? options->theme : "dark", err);
    if (!app->theme || (options->script && !script_push(options->script, err)))
        return false;
    if (!loop->headless && !term_open(options->colour ? options->colour : "auto", err))
        return false;
    app->colours = loop->headless ? COLOUR_256 : term_colour_mode();
    if (!loop->headless)
        term_size(&rows, &columns);
    grid_resize(app->grid, rows, columns);
    loop->options = options->worker;
    start_worker(loop, err);
    return loop->worker != NULL;
}

static bool finish(struct loop *loop, struct buf *said, struct err *err)
{
    if (loop->failed) {
        *err = loop->err;
        return false;
    }
    if (loop->app->said_at_exit)
        buf_add_format(said, "%s\n", loop->app->said_at_exit);
    if (loop->ended_by)
        return err_set(err, ERR_CANCELLED, "ended by a signal: %s", strsignal(loop->ended_by));
    return true;
}

/* ncurses puts handlers on some signals when it starts; they go with it. */
static const int handled[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

/* ncurses leaves SIGTSTP alone where it has a handler; else it is ignored while
 * something is drawn, and one that waits to be read is lost. */
static void on_stop(int number)
{
    (void)number;
}

static void keep_stop_signal(void)
{
    struct sigaction action = {.sa_handler = on_stop};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTSTP, &action, NULL);
}

static bool run(const struct ui_options *options, bool headless, int rows, int columns,
                struct buf *said, struct err *err)
{
    struct loop loop = {.app = app_new(), .headless = headless, .signals = -1};
    struct sigaction actions[countof(handled)];
    sigset_t set, old_set;
    signal_set(&set, headless);
    for (size_t i = 0; i < countof(handled); i++)
        (void)sigaction(handled[i], NULL, &actions[i]);
    (void)pthread_sigmask(SIG_BLOCK, &set, &old_set);
    crash_guard();
    prompt_start();
    if (!headless) {
        keep_stop_signal();
        prompt_history_load();
    }
    bool ok = start(&loop, options, rows, columns, err);
    if (ok)
        run_loop(&loop);
    if (loop.worker)
        worker_stop(loop.worker);
    loop_free_asked(&loop);
    term_close();
    if (!headless)
        prompt_history_save();
    ok = ok && finish(&loop, said, err);
    crash_unguard();
    script_stop();
    app_free(loop.app);
    if (loop.signals >= 0)
        (void)close(loop.signals);
    for (size_t i = 0; i < countof(handled); i++)
        (void)sigaction(handled[i], &actions[i], NULL);
    (void)pthread_sigmask(SIG_SETMASK, &old_set, NULL);
    return ok;
}

bool ui_run(const struct ui_options *options, struct buf *said, struct err *err)
{
    return term_usable(err) && run(options, false, 0, 0, said, err);
}

bool ui_run_headless(const struct ui_options *options, int rows, int columns, struct buf *said,
                     struct err *err)
{
    return run(options, true, rows, columns, said, err);
}
