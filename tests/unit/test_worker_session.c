/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker and its session file: what comes back when it is opened again, names, notes,
 * viewers beside a writer, what is offered, and disks that refuse.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patches/patch.h"
#include "src/base/file.h"
#include "tests/fault.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "ui/worker.h"

enum { PATIENCE_MS = 60000, TRIES_MAX = 64 }; /* for machines that are busy */

static char folder[] = "/tmp/bankai-worker-session-XXXXXX";

static const char *at(const char *name)
{
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    fault_install();
    return mkdtemp(folder) && setenv("XDG_STATE_HOME", folder, 1) == 0 &&
                   setenv("XDG_CACHE_HOME", folder, 1) == 0
               ? 0
               : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    struct buf command = {0};
    buf_add_format(&command, "rm -r %s", folder);
    int status = system(command.data);
    buf_free(&command);
    return status;
}

/* ---- a worker and what it told -------------------------------------------------- */

struct desk {
    struct worker *worker;
    struct event *last[EVENT_PAUSED + EVENT_ERROR]; /* of each type */
    unsigned count[EVENT_PAUSED + EVENT_ERROR];
    struct flip tried[TRIES_MAX];
    bool rejected[TRIES_MAX];
    size_t tried_count;
    size_t past_count; /* in all EVENT_PAST */
};

static struct worker_options options_of(const char *session)
{
    struct worker_options options = {
        .model = "nano", .session = session, .targets = "math", .controls = "knowledge",
        .heldout = "code", .output = at("out.json"), .search = search_default_options(),
    };
    options.search.iterations = UINT64_MAX;
    options.search.seed = 6;
    return options;
}

static struct event *next_event(struct desk *desk)
{
    struct pollfd wait = {.fd = worker_fd(desk->worker), .events = POLLIN};
    if (poll(&wait, 1, PATIENCE_MS) != 1)
        fail_msg("no event came");
    struct event *event = worker_event(desk->worker);
    if (event->type == EVENT_TRIED && desk->tried_count < TRIES_MAX) {
        desk->tried[desk->tried_count] = event->tried.flip;
        desk->rejected[desk->tried_count++] = !event->tried.accepted;
    }
    if (event->type == EVENT_PAST)
        desk->past_count += event->past.count;
    event_free(desk->last[event->type]);
    desk->count[event->type]++;
    return desk->last[event->type] = event;
}

static const struct event *until(struct desk *desk, enum event_type type)
{
    for (;;) {
        struct event *event = next_event(desk);
        if (event->type == type)
            return event;
        if (event->type == EVENT_ERROR)
            fail_msg("%s: %s", event->err.file, event->err.message);
    }
}

/* What is told behind the flips comes before anything that is asked for. */
static void desk_open(struct desk *desk, const struct worker_options *options)
{
    struct err err = {0};
    *desk = (struct desk){.worker = worker_start(options, &err)};
    t_ok(desk->worker != NULL, &err);
    (void)until(desk, EVENT_FLIPS);
    assert_true(worker_post(desk->worker, &(struct job){.type = JOB_ABOUT}));
    (void)until(desk, EVENT_FINISHED);
}

static void desk_close(struct desk *desk)
{
    worker_stop(desk->worker);
    for (size_t i = 0; i < countof(desk->last); i++)
        event_free(desk->last[i]);
}

static void do_job(struct desk *desk, struct job job)
{
    assert_true(worker_post(desk->worker, &job));
    (void)until(desk, EVENT_FINISHED);
}

/* Returns what was wrong, "" for nothing. */
static const char *try_job(struct desk *desk, struct job job)
{
    unsigned before = desk->count[EVENT_ERROR];
    assert_true(worker_post(desk->worker, &job));
    while (next_event(desk)->type != EVENT_FINISHED)
        ;
    return desk->count[EVENT_ERROR] > before ? desk->last[EVENT_ERROR]->err.message : "";
}

static const struct event_flips *flips_now(const struct desk *desk)
{
    return &desk->last[EVENT_FLIPS]->flips;
}

static const struct flip some_row = {1, PROJ_DOWN, 5, FLIP_WHOLE_ROW, {0, 0}};

static struct flip row(uint32_t number)
{
    struct flip flip = some_row;
    flip.row = number;
    return flip;
}

/* ---- opened again ------------------------------------------------------------------ */

static void same_past(const struct desk *before, const struct event_past *past)
{
    assert_int_equal(past->count, before->tried_count);
    for (size_t i = 0; i < past->count; i++) {
        assert_true(flip_equal(&past->tried[i].flip, &before->tried[i]));
        assert_true(past->tried[i].rejected == before->rejected[i]);
    }
}

static void same_texts(const struct generation *a, const struct generation *b)
{
    assert_int_equal(a->text.len, b->text.len);
    if (a->text.len > 0)
        assert_memory_equal(a->text.data, b->text.data, a->text.len);
}

static void same_answers(const struct event_answers *a, const struct event_answers *b)
{
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->flip_count, b->flip_count);
    for (size_t i = 0; i < a->count; i++) {
        same_texts(&a->base->generation[i], &b->base->generation[i]);
        same_texts(&a->now->generation[i], &b->now->generation[i]);
        assert_true(a->now->right[i] == b->now->right[i]);
        assert_true(a->base->right[i] == b->base->right[i]);
    }
}

static void worker_start__session_with_a_past__all_is_told_again(void **state)
{
    (void)state;
    struct desk desk, again;
    struct worker_options options = options_of(at("past.bankai"));
    double history[TRIES_MAX];
    size_t accepted = 0;
    desk_open(&desk, &options);
    assert_int_equal(desk.count[EVENT_PAST], 0); /* a new one has none */
    for (int i = 0; i < 20; i++) {
        do_job(&desk, (struct job){.type = JOB_STEP, .count = 1});
        for (; accepted < flips_now(&desk)->count; accepted++)
            history[accepted] = flips_now(&desk)->fitness;
    }
    assert_true(accepted > 0);
    do_job(&desk, (struct job){.type = JOB_TEXT, .text = "Two and two is"});
    do_job(&desk, (struct job){.type = JOB_ANSWERS});
    worker_keep_view(desk.worker, "{\"screen\":\"probes\"}");
    worker_stop(desk.worker);
    desk_open(&again, &options);
    same_past(&desk, &again.last[EVENT_PAST]->past);
    assert_int_equal(again.last[EVENT_PAST]->past.history_count, accepted);
    assert_memory_equal(again.last[EVENT_PAST]->past.history, history, accepted * sizeof *history);
    assert_string_equal(again.last[EVENT_OPENED]->opened.view, "{\"screen\":\"probes\"}");
    assert_true(again.last[EVENT_ANSWERS]->answers.kept);
    same_answers(&again.last[EVENT_ANSWERS]->answers, &desk.last[EVENT_ANSWERS]->answers);
    const struct event_text *text = &again.last[EVENT_TEXT]->text;
    assert_true(text->kept);
    assert_string_equal(text->prompt, "Two and two is");
    same_texts(&text->base, &desk.last[EVENT_TEXT]->text.base);
    same_texts(&text->now, &desk.last[EVENT_TEXT]->text.now);
    assert_int_equal(text->flip_count, flips_now(&again)->count);
    do_job(&again, (struct job){.type = JOB_UNDO});
    do_job(&again, (struct job){.type = JOB_HELDOUT});
    desk_close(&again);
    desk.worker = NULL;
    desk_open(&again, &options); /* other flips now: of what was answered only held-out ones fit */
    assert_int_equal(again.last[EVENT_TEXT]->text.flip_count, SIZE_MAX);
    assert_int_equal(again.count[EVENT_ANSWERS], 1);
    assert_true(again.last[EVENT_ANSWERS]->answers.heldout);
    assert_int_equal(again.last[EVENT_OPENED]->opened.heldout_looks, 1);
    desk_close(&again);
    for (size_t i = 0; i < countof(desk.last); i++)
        event_free(desk.last[i]);
}

/* A rejected candidate of several flips is kept and taken back by hand as it would have been
 * before the session was closed: the same flips, fitness and gaps, together. */
static void job_accept__several_flips_opened_again__as_if_never_closed(void **state)
{
    (void)state;
    struct desk desk, again;
    struct worker_options options = options_of(at("several.bankai"));
    options.search.method = SEARCH_GUIDED;
    options.search.projs = search_all_projs;
    options.search.together = 8;
    desk_open(&desk, &options);
    do {
        do_job(&desk, (struct job){.type = JOB_STEP, .count = 1});
    } while (desk.last[EVENT_TRIED]->tried.accepted ||
             desk.last[EVENT_TRIED]->tried.flip_count < 2);
    size_t before = flips_now(&desk)->count, several = desk.last[EVENT_TRIED]->tried.flip_count;
    struct err err = {0};
    struct session *session = session_open(options.session, SESSION_READ, &err);
    t_ok(session != NULL && session_copy(session, at("closed.bankai"), &err), &err);
    session_close(session);
    do_job(&desk, (struct job){.type = JOB_ACCEPT});
    options.session = at("closed.bankai");
    options.output = at("again.json");
    desk_open(&again, &options);
    assert_string_equal(try_job(&again, (struct job){.type = JOB_REJECT}),
                        "the last candidate is not accepted");
    assert_string_equal(try_job(&again, (struct job){.type = JOB_ACCEPT}), "");
    const struct event_flips *now = flips_now(&again), *fresh = flips_now(&desk);
    assert_int_equal(now->count, before + several);
    assert_int_equal(now->count, fresh->count);
    for (size_t i = 0; i < now->count; i++)
        assert_true(flip_equal(&now->flips[i], &fresh->flips[i]));
    assert_memory_equal(&now->fitness, &fresh->fitness, sizeof now->fitness);
    assert_memory_equal(now->gaps, fresh->gaps, desk.last[EVENT_OPENED]->opened.target_count *
                                                    sizeof *now->gaps);
    assert_int_equal(again.last[EVENT_TRIED]->tried.flip_count, several);
    assert_string_equal(try_job(&again, (struct job){.type = JOB_ACCEPT}),
                        "the last candidate is accepted already");
    desk_close(&again);
    desk_open(&again, &options); /* kept already: taken back as a whole */
    assert_string_equal(try_job(&again, (struct job){.type = JOB_REJECT}), "");
    assert_int_equal(flips_now(&again)->count, before);
    assert_string_equal(try_job(&again, (struct job){.type = JOB_ACCEPT}), "");
    assert_int_equal(flips_now(&again)->count, before + several);
    desk_close(&again);
    desk_close(&desk);
}

/* ---- names, notes ------------------------------------------------------------------ */

static void job_rename__a_free_name__goes_on_there(void **state)
{
    (void)state;
    struct desk desk;
    struct err err = {0};
    struct worker_options options = options_of(at("old.bankai"));
    const char *name = at("new name.bankai"), *taken = at("taken");
    desk_open(&desk, &options);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    t_ok(file_write(taken, "x", 1, &err), &err);
    assert_string_equal(try_job(&desk, (struct job){.type = JOB_RENAME, .text = taken}),
                        "exists already: nothing is moved");
    assert_int_equal(access(at("taken.lock"), F_OK), -1);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = row(6)});
    assert_string_equal(try_job(&desk, (struct job){.type = JOB_RENAME, .text = name}), "");
    assert_string_equal(desk.last[EVENT_SESSION]->message, name);
    assert_int_equal(access(at("old.bankai"), F_OK), -1);
    assert_int_equal(access(at("old.bankai.lock"), F_OK), -1);
    assert_int_equal(access(at("old.bankai-wal"), F_OK), -1);
    assert_null(session_open(name, SESSION_WRITE, &err)); /* the lock has come along */
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = row(7)});
    desk_close(&desk);
    struct session *session = session_open(name, SESSION_WRITE, &err);
    struct buf reasons = {0};
    t_ok(session != NULL, &err);
    assert_int_equal(session_head(session), 3);
    assert_int_equal(session_missing_steps(session), 0);
    t_ok(session_verify(session, &reasons, &err), &err);
    session_close(session);
}

static void job_rename__somebody_looks__stays(void **state)
{
    (void)state;
    struct desk desk;
    struct err err = {0};
    struct worker_options options = options_of(at("looked.bankai"));
    desk_open(&desk, &options);
    struct session *viewer = session_open(options.session, SESSION_READ, &err);
    t_ok(viewer != NULL, &err);
    const char *said =
        try_job(&desk, (struct job){.type = JOB_RENAME, .text = at("other.bankai")});
    assert_string_equal(said, "somebody looks at the session (-R); it is moved when nobody does");
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    t_ok(session_refresh(viewer, &err), &err);
    assert_int_equal(session_head(viewer), 1);
    session_close(viewer);
    assert_string_equal(
        try_job(&desk, (struct job){.type = JOB_RENAME, .text = at("other.bankai")}), "");
    desk_close(&desk);
}

struct last_two {
    char text[2][64];
    enum session_kind kind[2];
    int64_t step[2], status;
};

static bool keep_last(void *user, const struct session_event *event)
{
    struct last_two *last = user;
    last->kind[0] = last->kind[1];
    last->step[0] = last->step[1];
    (void)memcpy(last->text[0], last->text[1], sizeof last->text[0]);
    last->kind[1] = event->kind;
    last->step[1] = event->step;
    (void)snprintf(last->text[1], sizeof last->text[1], "%s", event->text ? event->text : "");
    if (event->data)
        last->status = json_integer_value(json_object_get(event->data, "status"));
    return true;
}

static void job_note_and_shell__written_down__not_run(void **state)
{
    (void)state;
    struct desk desk;
    struct err err = {0};
    struct worker_options options = options_of(at("notes.bankai"));
    desk_open(&desk, &options);
    do_job(&desk, (struct job){.type = JOB_NOTES});
    assert_string_equal(desk.last[EVENT_NOTES]->message, "");
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    do_job(&desk, (struct job){.type = JOB_NOTE, .text = "the first"});
    do_job(&desk, (struct job){.type = JOB_NOTES});
    assert_non_null(strstr(desk.last[EVENT_NOTES]->message, "  step 1     the first\n"));
    do_job(&desk, (struct job){.type = JOB_SHELL, .text = "touch ran", .count = 3});
    assert_int_equal(access("ran", F_OK), -1);
    desk_close(&desk);
    struct session *session = session_open(options.session, SESSION_READ, &err);
    struct last_two last = {0};
    t_ok(session && session_each_event(session, 1, keep_last, &last, &err), &err);
    assert_int_equal(last.kind[0], EVENT_KIND_NOTE);
    assert_int_equal(last.kind[1], EVENT_KIND_SHELL);
    assert_string_equal(last.text[0], "the first");
    assert_string_equal(last.text[1], "touch ran");
    assert_int_equal(last.step[0], 1);
    assert_int_equal(last.status, 3);
    session_close(session);
}

/* ---- viewers -------------------------------------------------------------------------- */

static void worker_start__read_only__follows_the_writer(void **state)
{
    (void)state;
    struct desk writer, viewer;
    struct worker_options options = options_of(at("watched.bankai")), looking = options;
    looking.read_only = true;
    looking.output = at("never.json");
    desk_open(&writer, &options);
    do_job(&writer, (struct job){.type = JOB_KEEP, .flip = some_row});
    desk_open(&viewer, &looking);
    assert_true(viewer.last[EVENT_OPENED]->opened.read_only);
    assert_int_equal(flips_now(&viewer)->count, 1);
    const struct job refused[] = {
        {.type = JOB_STEP, .count = 1}, {.type = JOB_KEEP, .flip = some_row}, {.type = JOB_UNDO},
        {.type = JOB_ANSWERS}, {.type = JOB_HELDOUT}, {.type = JOB_NOTE, .text = "x"},
        {.type = JOB_RENAME, .text = at("x.bankai")}, {.type = JOB_TEXT, .text = "x"},
    };
    for (size_t i = 0; i < countof(refused); i++)
        assert_string_equal(try_job(&viewer, refused[i]),
                            "the session is open for reading only (-R): nothing is changed");
    do_job(&writer, (struct job){.type = JOB_STEP, .count = 12});
    do_job(&writer, (struct job){.type = JOB_UNDO});
    while (flips_now(&viewer)->step != flips_now(&writer)->step ||
           flips_now(&viewer)->tried != flips_now(&writer)->tried)
        (void)until(&viewer, EVENT_FLIPS);
    assert_int_equal(flips_now(&viewer)->count, flips_now(&writer)->count);
    assert_true(flips_now(&viewer)->fitness == flips_now(&writer)->fitness);
    assert_int_equal(viewer.past_count, 12); /* in one or more parts */
    assert_true(flip_equal(&viewer.last[EVENT_NEXT]->next.flips[0],
                           &writer.last[EVENT_NEXT]->next.flips[0]));
    desk_close(&writer);
    desk_close(&viewer);
    assert_int_equal(access(looking.output, F_OK), -1);
    assert_int_equal(access(options.session, F_OK), 0);
}

static void worker_start__read_only_and_nothing_there__one_line(void **state)
{
    (void)state;
    struct desk desk = {0};
    struct err err = {0};
    struct worker_options options = options_of(at("nothing.bankai"));
    options.read_only = true;
    desk.worker = worker_start(&options, &err);
    while (next_event(&desk)->type != EVENT_ERROR)
        ;
    assert_true(desk.last[EVENT_ERROR]->fatal);
    assert_int_equal(access(options.session, F_OK), -1);
    desk_close(&desk);
}

/* ---- what is offered ------------------------------------------------------------------------ */

static void worker_start__offer__the_last_with_flips(void **state)
{
    (void)state;
    struct desk first, second;
    struct worker_options options = options_of(NULL);
    options.offer = true;
    assert_int_equal(setenv("XDG_STATE_HOME", at("offers"), 1), 0);
    desk_open(&first, &options);
    assert_int_equal(first.count[EVENT_OFFER], 0); /* there is none */
    do_job(&first, (struct job){.type = JOB_TRY, .flip = some_row});
    desk_open(&second, &options);
    assert_int_equal(second.count[EVENT_OFFER], 0); /* no flip yet */
    desk_close(&second);
    do_job(&first, (struct job){.type = JOB_KEEP, .flip = some_row});
    desk_open(&second, &options);
    assert_int_equal(second.count[EVENT_OFFER], 0); /* somebody is at it */
    desk_close(&second);
    char *path = x_copy(first.last[EVENT_OPENED]->opened.session,
                        strlen(first.last[EVENT_OPENED]->opened.session));
    desk_close(&first);
    desk_open(&second, &options);
    assert_int_equal(second.count[EVENT_OFFER], 1);
    assert_string_equal(second.last[EVENT_OFFER]->offer, path);
    const char *text = second.last[EVENT_OFFER]->message;
    assert_ptr_equal(strstr(text, "last session: 1 flip, "), text);
    assert_non_null(strstr(text, " ago - :resume goes on with it"));
    desk_close(&second);
    free(path);
    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
}

/* ---- disks that refuse ---------------------------------------------------------------- */

/* [W1] [W6] the patch file has what was told, the session's head is what was told. */
static void check_agreement(const struct desk *desk, const struct worker_options *options)
{
    struct err err = {0};
    struct session *session = session_open(options->session, SESSION_READ, &err);
    t_ok(session != NULL, &err);
    assert_int_equal(session_head(session), flips_now(desk)->step);
    session_close(session);
    if (access(options->output, F_OK) != 0) {
        assert_int_equal(flips_now(desk)->count, 0);
        return;
    }
    struct patch *patch = patch_read(options->output, &err);
    t_ok(patch != NULL, &err);
    assert_int_equal(patch->flip_count, flips_now(desk)->count);
    for (size_t i = 0; i < patch->flip_count; i++)
        assert_true(flip_equal(&patch->flips[i], &flips_now(desk)->flips[i]));
    patch_free(patch);
}

/* A job while the patch file cannot be written and the n-th call of the session and all
 * after it fail; then everything works again.  Returns whether one failed. */
static bool break_once(struct desk *desk, const struct worker_options *options, struct job job,
                       uint64_t n, bool block)
{
    if (block) {
        (void)unlink(options->output);
        assert_int_equal(mkdir(options->output, 0700), 0);
    }
    fault_arm(FAULT_FULL, n, UINT64_MAX / 2);
    const char *said = try_job(desk, job);
    bool failed = fault_happened();
    (void)fault_disarm();
    bool io = *said && desk->last[EVENT_ERROR]->err.code == ERR_IO; /* not: nothing to undo */
    if (io)
        assert_true(desk->last[EVENT_PAUSED] && desk->last[EVENT_PAUSED]->message);
    if (block)
        assert_int_equal(rmdir(options->output), 0);
    assert_string_equal(try_job(desk, (struct job){.type = JOB_NOTE, .text = "works"}), "");
    if (desk->last[EVENT_PAUSED])
        assert_null(desk->last[EVENT_PAUSED]->message); /* it goes on */
    if (block && access(options->output, F_OK) != 0) /* nobody could put it back: take it back */
        (void)try_job(desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    check_agreement(desk, options);
    return failed;
}

static void any_flip__session_and_patch_file_fail__paused_then_whole(void **state)
{
    (void)state;
    struct desk desk;
    struct worker_options options = options_of(at("broken.bankai"));
    options.output = at("broken.json");
    desk_open(&desk, &options);
    for (int block = 0; block < 2; block++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            struct flip flip = row(10 + (uint32_t)n);
            failed = break_once(&desk, &options, (struct job){.type = JOB_KEEP, .flip = flip}, n,
                                block);
            (void)break_once(&desk, &options, (struct job){.type = JOB_UNDO}, n, block);
            (void)break_once(&desk, &options, (struct job){.type = JOB_REDO}, n, block);
            (void)break_once(&desk, &options, (struct job){.type = JOB_GOTO, .count = 0}, n, block);
        }
    }
    assert_true(desk.count[EVENT_PAUSED] > 4);
    desk_close(&desk);
}

/* The accepted flips can be had as a patch whatever became of the session. */
static void expect_written(struct desk *desk, const char *path, size_t flips)
{
    struct err err = {0};
    assert_string_equal(try_job(desk, (struct job){.type = JOB_WRITE, .text = path}), "");
    struct patch *patch = patch_read(path, &err);
    t_ok(patch != NULL, &err);
    assert_int_equal(patch->flip_count, flips);
    patch_free(patch);
}

static void job_step__disk_is_full__pauses_and_goes_on(void **state)
{
    (void)state;
    struct desk desk;
    struct worker_options options = options_of(at("full.bankai"));
    desk_open(&desk, &options);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    unsigned tried = desk.count[EVENT_TRIED];
    fault_arm(FAULT_FULL, 1, UINT64_MAX / 2);
    const char *said = try_job(&desk, (struct job){.type = JOB_STEP, .count = 0}); /* it ends */
    assert_string_equal(said, "cannot write: no space left on the disk");
    assert_non_null(strstr(desk.last[EVENT_PAUSED]->message, "no space left on the disk"));
    assert_int_equal(desk.count[EVENT_TRIED], tried);
    expect_written(&desk, at("full-saved.json"), 1);
    (void)fault_disarm();
    do_job(&desk, (struct job){.type = JOB_STEP, .count = 1});
    assert_null(desk.last[EVENT_PAUSED]->message);
    assert_int_equal(desk.last[EVENT_TRIED]->tried.tried, 1); /* the same candidate */
    desk_close(&desk);
}

static void any_flip__session_deleted_or_replaced__paused_and_written(void **state)
{
    (void)state;
    static const char *const said[] = {
        "the session was deleted or moved while it was open; nothing more is written, what is on "
        "the screen can be saved as a patch",
        "the session was replaced by another file while it was open; nothing more is written, "
        "what is on the screen can be saved as a patch",
    };
    for (size_t replaced = 0; replaced < 2; replaced++) {
        struct desk desk;
        struct err err = {0};
        struct worker_options options = options_of(at(replaced ? "swapped.bankai" : "gone.bankai"));
        desk_open(&desk, &options);
        do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
        assert_int_equal(unlink(options.session), 0);
        if (replaced)
            t_ok(file_write(options.session, "mine", 4, &err), &err);
        const struct job refused[] = {{.type = JOB_KEEP, .flip = row(6)}, {.type = JOB_UNDO},
                                      {.type = JOB_STEP, .count = 1}};
        for (size_t i = 0; i < countof(refused); i++) {
            assert_string_equal(try_job(&desk, refused[i]), said[replaced]);
            assert_ptr_equal(strstr(desk.last[EVENT_PAUSED]->message, said[replaced]),
                             desk.last[EVENT_PAUSED]->message);
            assert_int_equal(flips_now(&desk)->count, 1);
        }
        expect_written(&desk, at(replaced ? "other-saved.json" : "gone-saved.json"), 1);
        desk_close(&desk);
        struct buf left = {0};
        assert_int_equal(file_read(options.session, 100, &left, &err), replaced);
        assert_int_equal(left.len, replaced ? 4 : 0); /* what somebody put there stays */
        buf_free(&left);
    }
}

/* ---- nothing can be written -------------------------------------------------------------- */

/* Without checks that end the test: this runs in a child. */
static enum event_type next_type(struct worker *worker, size_t *flips)
{
    struct pollfd wait = {.fd = worker_fd(worker), .events = POLLIN};
    struct event *event = poll(&wait, 1, PATIENCE_MS) == 1 ? worker_event(worker) : NULL;
    enum event_type type = event ? event->type : EVENT_ERROR;
    if (type == EVENT_FLIPS)
        *flips = event->flips.count;
    event_free(event);
    return type;
}

/* Opens, shows the flip, and refuses to keep another. */
static bool nobody_can_look(const struct worker_options *options)
{
    struct err err;
    size_t flips = 0;
    enum event_type type = EVENT_OPENED;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return false;
    struct worker *worker = worker_start(options, &err);
    while (worker && type != EVENT_FLIPS && type != EVENT_ERROR)
        type = next_type(worker, &flips);
    bool shown = type == EVENT_FLIPS && flips == 1;
    bool posted = shown && worker_post(worker, &(struct job){.type = JOB_KEEP, .flip = row(6)});
    while (posted && type != EVENT_ERROR && type != EVENT_FINISHED)
        type = next_type(worker, &flips);
    worker_stop(worker);
    return posted && type == EVENT_ERROR && flips == 1;
}

static void worker_start__read_only_folder__shown_after_a_clean_close(void **state)
{
    (void)state;
    struct desk desk;
    const char *shut = at("shut");
    assert_int_equal(mkdir(shut, 0755), 0);
    struct worker_options options = options_of(at("shut/closed.bankai"));
    desk_open(&desk, &options);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    desk_close(&desk);
    assert_int_equal(access(at("shut/closed.bankai-wal"), F_OK), -1); /* one file */
    assert_int_equal(chmod(options.session, 0444), 0);
    assert_int_equal(chmod(shut, 0555), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    options.read_only = true;
    options.output = at("never-either.json");
    pid_t child = fork();
    if (child == 0)
        _exit(nobody_can_look(&options) ? 0 : 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(shut, 0755), 0);
    assert_int_equal(status, 0);
    assert_int_equal(access(options.output, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_start__session_with_a_past__all_is_told_again),
        cmocka_unit_test(job_accept__several_flips_opened_again__as_if_never_closed),
        cmocka_unit_test(job_rename__a_free_name__goes_on_there),
        cmocka_unit_test(job_rename__somebody_looks__stays),
        cmocka_unit_test(job_note_and_shell__written_down__not_run),
        cmocka_unit_test(worker_start__read_only__follows_the_writer),
        cmocka_unit_test(worker_start__read_only_and_nothing_there__one_line),
        cmocka_unit_test(worker_start__offer__the_last_with_flips),
        cmocka_unit_test(any_flip__session_and_patch_file_fail__paused_then_whole),
        cmocka_unit_test(job_step__disk_is_full__pauses_and_goes_on),
        cmocka_unit_test(any_flip__session_deleted_or_replaced__paused_and_written),
        cmocka_unit_test(worker_start__read_only_folder__shown_after_a_clean_close),
    };
    return cmocka_run_group_tests_name("worker and session", tests, make_folder, remove_folder);
}
