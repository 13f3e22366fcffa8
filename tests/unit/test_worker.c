/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker thread: what it tells, in which order, and what is in the patch file
 * and on the model by then.
 */
#include <dirent.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/search/flip_map.h"
#include "patches/patch.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "tests/simple.h"
#include "tests/t.h"
#include "ui/worker.h"

static const double patience_s = 60; /* for machines that are busy */

static char folder[] = "/tmp/bankai-worker-XXXXXX";

static const char probes_json[] =
    "[{\"name\": \"a\", \"prompt\": \"2+2=\", \"correct\": \"4\", \"wrong\": \"5\"},"
    " {\"name\": \"b\", \"prompt\": \"the cat\", \"correct\": \" sat\", \"wrong\": \" flew\"}]";
static const char controls_json[] =
    "[{\"name\": \"c\", \"prompt\": \"one\", \"correct\": \" two\", \"wrong\": \" ten\"}]";

/* A path in the test's folder; valid until the third call after this. */
static const char *at(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t len)
{
    struct err err;
    t_ok(file_write(at(name), bytes, len, &err), &err);
}

static int make_folder(void **state)
{
    (void)state;
    struct buf file = {0};
    if (!mkdtemp(folder) || setenv("XDG_STATE_HOME", folder, 1) != 0 ||
        setenv("XDG_CACHE_HOME", folder, 1) != 0)
        return -1;
    tiny_write(&tiny_default, &file);
    put("tiny.gguf", file.data, file.len);
    put("targets.json", probes_json, sizeof probes_json - 1);
    put("controls.json", controls_json, sizeof controls_json - 1);
    buf_free(&file);
    return 0;
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

/* ---- a worker and what it told ----------------------------------------------- */

struct desk {
    struct worker *worker;
    struct event *last[EVENT_ERROR + 1]; /* of each type */
    unsigned count[EVENT_ERROR + 1];
    char targets[256], controls[256], model[256], output[256];
    struct worker_options options;
};

static void desk_set_up(struct desk *desk, const char *output)
{
    *desk = (struct desk){0};
    (void)snprintf(desk->model, sizeof desk->model, "%s", at("tiny.gguf"));
    (void)snprintf(desk->targets, sizeof desk->targets, "%s", at("targets.json"));
    (void)snprintf(desk->controls, sizeof desk->controls, "%s", at("controls.json"));
    if (output)
        (void)snprintf(desk->output, sizeof desk->output, "%s", at(output));
    desk->options = (struct worker_options){
        .model = desk->model,
        .targets = desk->targets,
        .controls = desk->controls,
        .output = output ? desk->output : NULL,
        .search = search_default_options(),
    };
    desk->options.search.iterations = UINT64_MAX;
    desk->options.search.threads = 1;
}

static void take(struct desk *desk, struct event *event)
{
    event_free(desk->last[event->type]);
    desk->last[event->type] = event;
    desk->count[event->type]++;
}

/* The next event; the test fails if none comes. */
static struct event *next_event(struct desk *desk)
{
    struct pollfd wait = {.fd = worker_fd(desk->worker), .events = POLLIN};
    if (poll(&wait, 1, (int)(patience_s * 1000)) != 1)
        fail_msg("no event came");
    struct event *event = worker_event(desk->worker);
    assert_non_null(event);
    take(desk, event);
    return event;
}

/* Take events up to one of this type. */
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

static void desk_open(struct desk *desk)
{
    struct err err;
    desk->worker = worker_start(&desk->options, &err);
    t_ok(desk->worker != NULL, &err);
    (void)until(desk, EVENT_FLIPS);
}

static void desk_close(struct desk *desk)
{
    worker_stop(desk->worker);
    for (size_t i = 0; i < countof(desk->last); i++)
        event_free(desk->last[i]);
}

static void post(struct desk *desk, struct job job)
{
    assert_true(worker_post(desk->worker, &job));
}

static void do_job(struct desk *desk, struct job job)
{
    post(desk, job);
    const struct event *event = until(desk, EVENT_FINISHED);
    assert_int_equal(event->job, job.type);
}

/* The message of the error that the job ends with. */
static const struct err *failing_job(struct desk *desk, struct job job)
{
    post(desk, job);
    while (next_event(desk)->type != EVENT_ERROR)
        ;
    (void)until(desk, EVENT_FINISHED);
    return &desk->last[EVENT_ERROR]->err;
}

static const struct event_flips *flips_now(const struct desk *desk)
{
    return &desk->last[EVENT_FLIPS]->flips;
}

/* The patch file holds the flips that were told last; behind them there may be
 * others that are not told yet [W1]. */
static size_t check_written(const struct desk *desk)
{
    struct err err;
    struct patch *patch = patch_read(desk->last[EVENT_OPENED]->opened.output, &err);
    const struct event_flips *flips = flips_now(desk);
    t_ok(patch != NULL, &err);
    size_t count = patch->flip_count;
    assert_true(count >= flips->count);
    for (size_t i = 0; i < flips->count; i++)
        assert_memory_equal(&patch->flips[i], &flips->flips[i], sizeof *patch->flips);
    assert_string_equal(patch->base_sha256,
                        model_sha256(desk->last[EVENT_OPENED]->opened.model, &err));
    patch_free(patch);
    return count;
}

/* Between jobs there are no others. */
static void check_file(const struct desk *desk)
{
    assert_int_equal(check_written(desk), flips_now(desk)->count);
}

/* [W3] nobody else uses the model while nothing runs. */
static void check_model(const struct desk *desk)
{
    struct err err;
    const struct event_flips *flips = flips_now(desk);
    const struct model *model = desk->last[EVENT_OPENED]->opened.model;
    struct model *other = model_open(desk->options.model, &err);
    t_ok(other != NULL, &err);
    for (size_t i = 0; i < flips->count; i++)
        model_flip(other, &flips->flips[i]);
    while (!worker_is_idle(desk->worker))
        (void)usleep(1000);
    assert_true(state_name_equal(model_state(model), model_state(other)));
    assert_true(simple_bytes_hash(model) == simple_bytes_hash(other));
    model_free(other);
}

static const struct flip some_row = {1, PROJ_DOWN, 5, FLIP_WHOLE_ROW, {0, 0}};

/* ---- opening ----------------------------------------------------------------- */

static void worker_start__tiny__all_is_told_in_order(void **state)
{
    (void)state;
    struct desk desk;
    struct err err;
    const enum event_type order[] = {EVENT_OPENED, EVENT_SCALES, EVENT_GAPS, EVENT_NEXT,
                                     EVENT_FLIPS};
    desk_set_up(&desk, "open.json");
    desk.worker = worker_start(&desk.options, &err);
    t_ok(desk.worker != NULL, &err);
    for (size_t at_type = 0; at_type < countof(order);) {
        struct event *event = next_event(&desk);
        if (event->type != order[at_type])
            at_type++;
        assert_int_equal(event->type, order[at_type]);
        at_type += event->type == EVENT_FLIPS;
    }
    const struct event_opened *opened = &desk.last[EVENT_OPENED]->opened;
    assert_int_equal(opened->target_count, 2);
    assert_int_equal(opened->control_count, 1);
    assert_int_equal(opened->probes->count, 3);
    assert_int_equal(desk.count[EVENT_SCALES], 2 * 7 + 2);
    assert_int_equal(desk.last[EVENT_SCALES]->scales.proj, PROJ_HEAD);
    assert_true(desk.last[EVENT_SCALES]->scales.mean[3] ==
                (float)search_row_scale(opened->model, NO_LAYER, PROJ_HEAD, 3));
    assert_true(isfinite(desk.last[EVENT_GAPS]->gaps[2]));
    assert_true(desk.last[EVENT_NEXT]->next.count > 10);
    assert_int_equal(flips_now(&desk)->count, 0);
    assert_int_not_equal(access(desk.output, F_OK), 0); /* nothing is written yet */
    check_model(&desk);
    assert_null(worker_event(desk.worker));
    desk_close(&desk);
}

static unsigned long blocked_signals(const char *thread)
{
    char path[300], line[128];
    unsigned long blocked = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "SigBlk:", 7) == 0)
            blocked = strtoul(line + 7, NULL, 16);
    (void)fclose(file);
    return blocked;
}

/* All threads but the first belong to the worker. */
static void worker_thread__while_it_lives__nice_and_without_signals(void **state)
{
    (void)state;
    struct desk desk;
    unsigned threads = 0;
    int own = getpriority(PRIO_PROCESS, 0);
    desk_set_up(&desk, NULL);
    desk_open(&desk);
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));) {
        int64_t id = 0;
        if (!num_parse_int(entry->d_name, &id))
            continue;
        bool first = id == getpid();
        unsigned long signals = blocked_signals(entry->d_name);
        assert_int_equal(getpriority(PRIO_PROCESS, (id_t)id), first ? own : 10);
        assert_true((signals >> (SIGTERM - 1) & 1) == !first);
        assert_true((signals >> (SIGWINCH - 1) & 1) == !first);
        assert_false(signals >> (SIGSEGV - 1) & 1);
        threads += !first;
    }
    assert_true(threads >= 1);
    (void)closedir(tasks);
    desk_close(&desk);
}

static void fatal(struct desk *desk, enum err_code code)
{
    struct err err;
    struct job job = {.type = JOB_STEP, .count = 1};
    desk->worker = worker_start(&desk->options, &err);
    t_ok(desk->worker != NULL, &err);
    while (next_event(desk)->type != EVENT_ERROR)
        ;
    assert_true(desk->last[EVENT_ERROR]->fatal);
    assert_int_equal(desk->last[EVENT_ERROR]->err.code, code);
    while (!worker_is_idle(desk->worker))
        (void)usleep(1000);
    assert_false(worker_post(desk->worker, &job));
    worker_cancel(desk->worker, true);
    desk_close(desk);
}

static void worker_start__bad_input__fatal_error(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, NULL);
    desk.options.model = desk.targets; /* no model file */
    fatal(&desk, ERR_FORMAT);
    desk_set_up(&desk, NULL);
    desk.options.targets = "no-such-set";
    fatal(&desk, ERR_USAGE);
    desk_set_up(&desk, NULL);
    put("same.json", probes_json, sizeof probes_json - 1);
    desk.options.heldout = at("same.json"); /* the prompts of the targets */
    fatal(&desk, ERR_MISMATCH);
    desk_set_up(&desk, NULL);
    desk.options.output = "/no/such/folder/patch.json";
    fatal(&desk, ERR_IO);
}

static void worker_stop__at_once__ends(void **state)
{
    (void)state;
    struct err err;
    for (unsigned i = 0; i < 10; i++) {
        struct desk desk;
        desk_set_up(&desk, NULL);
        desk.worker = worker_start(&desk.options, &err);
        t_ok(desk.worker != NULL, &err);
        (void)usleep(i * 2000);
        desk_close(&desk);
    }
}

/* ---- steps ------------------------------------------------------------------- */

static bool same_flip(const struct flip *a, const struct flip *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void job_step__thirty__as_the_search_alone(void **state)
{
    (void)state;
    enum { STEPS = 30 };
    struct desk desk;
    struct err err;
    desk_set_up(&desk, "steps.json");
    desk_open(&desk);
    struct model *model = model_open(desk.model, &err);
    struct probe_set *targets = probe_set_load(desk.targets, &err);
    struct probe_set *controls = probe_set_load(desk.controls, &err);
    struct search *search = search_new(model, targets, controls, &desk.options.search, NULL, &err);
    t_ok(search != NULL, &err);
    size_t accepted = 0;
    post(&desk, (struct job){.type = JOB_STEP, .count = STEPS});
    for (uint64_t i = 1; i <= STEPS; i++) {
        struct search_try tried;
        assert_int_equal(search_step(search, &tried, NULL, &err), SEARCH_TRIED);
        const struct event_tried *told = &until(&desk, EVENT_TRIED)->tried;
        assert_true(same_flip(&told->flip, &tried.flip));
        assert_int_equal(told->tried, i);
        assert_true(told->accepted == tried.accepted && told->screened == tried.screened);
        assert_true(told->fitness == tried.fitness && told->has_gaps == !tried.screened);
        assert_false(told->by_hand);
        if (!tried.accepted)
            continue;
        const struct event_flips *flips = &until(&desk, EVENT_FLIPS)->flips;
        (void)check_written(&desk);
        assert_int_equal(flips->count, ++accepted);
        assert_true(flips->fitness == search_fitness(search));
        assert_memory_equal(flips->gaps, search_gaps_now(search), 3 * sizeof *flips->gaps);
    }
    (void)until(&desk, EVENT_FINISHED);
    assert_true(accepted > 0);
    check_file(&desk);
    struct flip next;
    assert_int_equal(search_peek(search, 1, &next, NULL), 1);
    assert_true(same_flip(&next, &desk.last[EVENT_NEXT]->next.flips[0]));
    assert_int_equal(desk.last[EVENT_NEXT]->next.left, search_left(search));
    check_model(&desk);
    search_free(search);
    probe_set_free(targets);
    probe_set_free(controls);
    model_free(model);
    desk_close(&desk);
}

static void job_step__no_candidate_left__finished(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "finish.json");
    desk.options.search.iterations = 5;
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_STEP, .count = 0});
    assert_non_null(desk.last[EVENT_FINISHED]->message);
    assert_int_equal(desk.count[EVENT_TRIED], 5);
    assert_int_equal(desk.last[EVENT_NEXT]->next.count, 0);
    assert_int_equal(desk.last[EVENT_NEXT]->next.left, 0);
    desk_close(&desk);
}

/* A reader that does not read holds the worker up after 256 events; cancelling
 * ends the job without it, and nothing is lost. */
static void worker_cancel__nobody_reads__ends_and_nothing_is_lost(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "slow.json");
    desk_open(&desk);
    post(&desk, (struct job){.type = JOB_STEP, .count = 0});
    (void)usleep(1500000);
    assert_false(worker_is_idle(desk.worker));
    worker_cancel(desk.worker, true);
    double start = clock_seconds();
    while (!worker_is_idle(desk.worker)) {
        assert_true(clock_seconds() - start < patience_s);
        (void)usleep(1000);
    }
    uint64_t number = 0;
    struct event *event = NULL;
    while ((event = next_event(&desk))->type != EVENT_FINISHED)
        if (event->type == EVENT_TRIED)
            assert_int_equal(event->tried.tried, ++number);
    assert_string_equal(event->message, "stopped");
    print_message("%u tries waited for the reader\n", (unsigned)number);
    check_file(&desk);
    check_model(&desk);
    post(&desk, (struct job){.type = JOB_STEP, .count = 0}); /* and stopping while it waits */
    (void)usleep(100000);
    desk_close(&desk);
}

static void worker_post__more_than_fit__refused(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "post.json");
    desk_open(&desk);
    post(&desk, (struct job){.type = JOB_STEP, .count = 0});
    (void)until(&desk, EVENT_STARTED);
    struct job job = {.type = JOB_TEXT, .text = "abc"};
    for (int i = 0; i < 64; i++)
        post(&desk, job);
    assert_false(worker_post(desk.worker, &job));
    worker_cancel(desk.worker, true);
    (void)until(&desk, EVENT_FINISHED);
    while (!worker_is_idle(desk.worker))
        (void)usleep(1000);
    assert_int_equal(desk.count[EVENT_TEXT], 0);
    worker_cancel(desk.worker, false); /* nothing runs: the next job is not meant */
    do_job(&desk, job);
    assert_int_equal(desk.count[EVENT_TEXT], 1);
    desk_close(&desk);
}

/* ---- the map ------------------------------------------------------------------ */

/* The engine's own map of the same model, which measures for itself. */
static struct flip_map *map_alone(const struct desk *desk)
{
    static const int32_t layers[] = {0, 1};
    struct err err;
    struct flip_map_options options = {
        .units = {layers, tiny_default.layers, (1u << PROJ_COUNT) - 1, GRANULARITY_GROUP, 1,
                  GRADIENT_KEEP_DEFAULT},
        .metric = METRIC_SEQ_LOGPROB,
        .control_metric = METRIC_SAME,
        .penalty = desk->options.search.penalty,
        .top = 5,
    };
    struct model *model = model_open(desk->model, &err);
    struct probe_set *targets = probe_set_load(desk->targets, &err);
    struct probe_set *controls = probe_set_load(desk->controls, &err);
    assert_true(model && targets && controls);
    struct flip_map *map = flip_map_new(model, targets, controls, &options, NULL, NULL, NULL, NULL,
                                        &err);
    t_ok(map != NULL, &err);
    probe_set_free(targets);
    probe_set_free(controls);
    model_free(model);
    return map;
}

static void job_map__groups__as_the_map_alone(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "map.json");
    desk_open(&desk);
    struct flip_map *alone = map_alone(&desk);
    do_job(&desk, (struct job){.type = JOB_MAP, .count = GRANULARITY_GROUP});
    const struct predictions *made = desk.last[EVENT_PREDICTED]->predictions;
    assert_int_equal(made->matrix_count, alone->matrix_count);
    for (size_t i = 0; i < made->matrix_count; i++) {
        assert_int_equal(made->matrices[i].proj, alone->matrices[i].proj);
        assert_true(made->matrices[i].most == (float)alone->matrices[i].most);
        assert_non_null(made->matrices[i].unit);
    }
    assert_true(made->best_count >= alone->top_count);
    for (size_t i = 0; i < alone->top_count; i++) {
        assert_memory_equal(&made->best[i].flip, &alone->top[i].flip, sizeof(struct flip));
        assert_true(made->best[i].change == alone->top[i].value);
    }
    for (uint64_t i = 1; i < made->rows; i++)
        assert_true(made->sorted[i - 1] >= made->sorted[i]);
    assert_int_equal(predictions_above(made, made->sorted[0]), 0);
    check_model(&desk);
    flip_map_free(alone);
    desk_close(&desk);
}

/* Of the last map, or of a first one; the same on the same state not twice. */
static void job_measure__best_ones__each_is_told_once(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "measure.json");
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_MEASURE, .count = 2});
    assert_int_equal(desk.count[EVENT_PREDICTED], 1);
    assert_int_equal(desk.count[EVENT_TRIED], 2);
    const struct predictions *made = desk.last[EVENT_PREDICTED]->predictions;
    const struct event_tried *tried = &desk.last[EVENT_TRIED]->tried;
    assert_memory_equal(&tried->flip, &made->best[1].flip, sizeof tried->flip);
    assert_true(tried->by_hand && tried->has_gaps && !tried->accepted);
    do_job(&desk, (struct job){.type = JOB_MEASURE, .count = 3});
    assert_int_equal(desk.count[EVENT_TRIED], 3);
    assert_int_equal(desk.count[EVENT_PREDICTED], 1);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    do_job(&desk, (struct job){.type = JOB_MEASURE, .count = 1}); /* on another state */
    assert_int_equal(desk.count[EVENT_TRIED], 5);
    check_model(&desk);
    desk_close(&desk);
}

/* Each candidate with what the pass that chose it said. */
static void job_step__guided__promises_are_told(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "guided.json");
    desk.options.search.method = SEARCH_GUIDED;
    desk.options.search.projs = search_method_projs(SEARCH_GUIDED);
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_MAP, .count = GRANULARITY_ROW});
    double best = desk.last[EVENT_PREDICTED]->predictions->best[0].change;
    struct flip first = desk.last[EVENT_PREDICTED]->predictions->best[0].flip;
    do_job(&desk, (struct job){.type = JOB_STEP, .count = 1});
    const struct event_tried *tried = &desk.last[EVENT_TRIED]->tried;
    if (first.proj < PROJ_LAYER_COUNT) /* the search takes those of layers alone */
        assert_true(tried->has_promise && tried->promised == best);
    const struct event_next *next = &desk.last[EVENT_NEXT]->next;
    assert_true(next->count > 1 && next->promised[0] <= tried->promised);
    for (size_t i = 1; i < next->count; i++)
        assert_true(next->promised[i] <= next->promised[i - 1]);
    do_job(&desk, (struct job){.type = JOB_TRY, .flip = some_row});
    assert_false(desk.last[EVENT_TRIED]->tried.has_promise); /* a hand chose it */
    desk_close(&desk);
}

/* ---- by hand ----------------------------------------------------------------- */

static void job_try_keep_undo__a_row__measured_kept_and_back(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "hand.json");
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_TRY, .flip = some_row});
    const struct event_tried *tried = &desk.last[EVENT_TRIED]->tried;
    assert_true(tried->by_hand && tried->has_gaps && !tried->accepted);
    double fitness = tried->fitness;
    assert_int_equal(desk.count[EVENT_FLIPS], 1); /* that of opening */
    check_model(&desk);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    tried = &desk.last[EVENT_TRIED]->tried;
    assert_true(tried->by_hand && tried->accepted && tried->fitness == fitness);
    assert_int_equal(flips_now(&desk)->count, 1);
    assert_true(flips_now(&desk)->fitness == fitness);
    check_file(&desk);
    check_model(&desk);
    do_job(&desk, (struct job){.type = JOB_UNDO});
    assert_int_equal(flips_now(&desk)->count, 0);
    assert_true(flips_now(&desk)->fitness == 0);
    assert_memory_equal(flips_now(&desk)->gaps, desk.last[EVENT_GAPS]->gaps, 3 * sizeof(double));
    check_file(&desk); /* an empty patch */
    check_model(&desk);
    assert_string_equal(failing_job(&desk, (struct job){.type = JOB_UNDO})->message,
                        "nothing to undo: no flip is accepted");
    desk_close(&desk);
}

/* Keeping a row twice takes it off; undoing puts it on again. */
static void job_keep__twice__off_and_undo_on(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "twice.json");
    desk_open(&desk);
    for (size_t i = 1; i <= 4; i++) {
        do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
        assert_int_equal(flips_now(&desk)->count, i % 2);
        check_file(&desk);
        check_model(&desk);
    }
    for (size_t i = 4; i-- > 0;) {
        do_job(&desk, (struct job){.type = JOB_UNDO});
        assert_int_equal(flips_now(&desk)->count, i % 2);
        check_file(&desk);
    }
    struct flip outside = some_row;
    outside.layer = 7;
    assert_int_equal(failing_job(&desk, (struct job){.type = JOB_KEEP, .flip = outside})->code,
                     ERR_RANGE);
    desk_close(&desk);
}

static void job_accept_reject__last_candidate__against_its_verdict(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "judge.json");
    desk_open(&desk);
    assert_string_equal(failing_job(&desk, (struct job){.type = JOB_ACCEPT})->message,
                        "no candidate was tried yet");
    for (int i = 0; i < 12; i++) {
        do_job(&desk, (struct job){.type = JOB_STEP, .count = 1});
        bool accepted = desk.last[EVENT_TRIED]->tried.accepted;
        size_t count = flips_now(&desk)->count;
        struct job against = {.type = accepted ? JOB_REJECT : JOB_ACCEPT};
        struct job back = {.type = accepted ? JOB_ACCEPT : JOB_REJECT};
        do_job(&desk, against);
        assert_true(desk.last[EVENT_TRIED]->tried.accepted == !accepted);
        assert_false(desk.last[EVENT_TRIED]->tried.screened && !accepted);
        assert_int_equal(flips_now(&desk)->count, accepted ? count - 1 : count + 1);
        check_file(&desk);
        check_model(&desk);
        if (i % 2 == 0) {
            do_job(&desk, back);
            assert_int_equal(flips_now(&desk)->count, count);
            check_file(&desk);
        }
    }
    desk_close(&desk);
}

/* What was tried by hand last is the last candidate. */
static void job_accept__after_try__keeps_the_row(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "tried.json");
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_STEP, .count = 1});
    size_t count = flips_now(&desk)->count;
    do_job(&desk, (struct job){.type = JOB_TRY, .flip = some_row});
    assert_string_equal(failing_job(&desk, (struct job){.type = JOB_REJECT})->message,
                        "the last candidate is not accepted");
    do_job(&desk, (struct job){.type = JOB_ACCEPT});
    assert_int_equal(flips_now(&desk)->count, count + 1);
    assert_true(same_flip(&flips_now(&desk)->flips[count], &some_row));
    do_job(&desk, (struct job){.type = JOB_REJECT});
    assert_int_equal(flips_now(&desk)->count, count);
    check_file(&desk);
    check_model(&desk);
    desk_close(&desk);
}

static void any_flip__patch_cannot_be_written__nothing_changed(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "blocked.json");
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    assert_int_equal(unlink(desk.output), 0);
    assert_int_equal(mkdir(desk.output, 0700), 0); /* not even root can write it now */
    struct flip other = some_row;
    other.row = 6;
    const struct job jobs[] = {
        {.type = JOB_KEEP, .flip = other}, {.type = JOB_UNDO}, {.type = JOB_REJECT},
        {.type = JOB_GOTO, .count = 0},
        {.type = JOB_STEP, .count = 0}, /* ends at its first acceptance */
        {.type = JOB_ACCEPT},
    };
    for (size_t i = 0; i < countof(jobs); i++) {
        const struct err *err = failing_job(&desk, jobs[i]);
        assert_string_equal(err->message, "is a folder, expected a file");
        assert_string_equal(err->file, desk.output);
        assert_int_equal(desk.count[EVENT_FLIPS], 2);
        check_model(&desk);
    }
    assert_false(desk.last[EVENT_TRIED]->tried.accepted);
    assert_int_equal(rmdir(desk.output), 0);
    do_job(&desk, (struct job){.type = JOB_ACCEPT}); /* once there is room again */
    assert_int_equal(flips_now(&desk)->count, 2);
    check_file(&desk);
    desk_close(&desk);
}

/* ---- several patches ------------------------------------------------------------------ */

static void put_patch(const char *name, const char *sha256, uint32_t row, size_t count)
{
    struct err err;
    struct patch *patch = patch_new();
    patch_set_text(&patch->name, "p");
    patch_set_text(&patch->base_sha256, sha256);
    for (uint32_t i = 0; i < count; i++)
        patch_add(patch, (struct flip){1, PROJ_DOWN, row + i, FLIP_WHOLE_ROW, {0, 0}});
    t_ok(patch_write(patch, at(name), &err), &err);
    patch_free(patch);
}

static void open_patch(struct desk *desk, const char *name, const char *file)
{
    char text[300];
    (void)snprintf(text, sizeof text, "%s\n%s", name, at(file));
    do_job(desk, (struct job){.type = JOB_PATCH, .text = text});
}

static void job_patch__two_files__open_at_once_and_switched(void **state)
{
    (void)state;
    struct desk desk;
    struct err err;
    desk_set_up(&desk, "patches.json");
    desk_open(&desk);
    const char *sha256 = model_sha256(desk.last[EVENT_OPENED]->opened.model, &err);
    assert_int_equal(desk.count[EVENT_STATES], 0);
    put_patch("one.xor", sha256, 3, 3);
    put_patch("other.json", "", 20, 2);
    open_patch(&desk, "", "one.xor");
    assert_int_equal(flips_now(&desk)->count, 3);
    check_file(&desk);
    check_model(&desk);
    assert_null(desk.last[EVENT_FINISHED]->message);
    open_patch(&desk, "my other", "other.json");
    assert_string_equal(desk.last[EVENT_FINISHED]->message,
                        "opened; the patch names no model that it is for");
    assert_int_equal(flips_now(&desk)->count, 2);
    assert_int_equal(flips_now(&desk)->flips[0].row, 20);
    check_file(&desk);
    check_model(&desk);
    const struct event_states *states = &desk.last[EVENT_STATES]->states;
    assert_int_equal(states->count, 2);
    assert_string_equal(states->items[0].name, "one");
    assert_int_equal(states->items[0].flips, 3);
    /* 21, and 8 of a section: 6 of sizes, and the gaps 9, 0, 0 in 10 bits */
    assert_int_equal(states->items[0].bytes, 29);
    assert_string_equal(states->items[1].name, "my other");
    assert_int_equal(states->items[1].step, 2);
    assert_true(states->items[1].fitness == flips_now(&desk)->fitness);
    do_job(&desk, (struct job){.type = JOB_GOTO, .text = "one"});
    assert_int_equal(flips_now(&desk)->step, 1);
    assert_int_equal(flips_now(&desk)->count, 3);
    check_file(&desk);
    check_model(&desk);
    do_job(&desk, (struct job){.type = JOB_UNDO}); /* all three */
    assert_int_equal(flips_now(&desk)->count, 0);
    do_job(&desk, (struct job){.type = JOB_REDO});
    assert_int_equal(flips_now(&desk)->count, 3);
    check_file(&desk);
    check_model(&desk);
    desk_close(&desk);
}

/* What prune takes off came after it began. */
static void job_patch__prune__there_is_something_to_do(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "pruned.json");
    desk.options.search.method = SEARCH_PRUNE;
    desk.options.search.projs = search_method_projs(SEARCH_PRUNE);
    desk_open(&desk);
    assert_int_equal(desk.last[EVENT_NEXT]->next.left, 0);
    put_patch("three.json", "", 3, 3);
    open_patch(&desk, "", "three.json");
    assert_int_equal(desk.last[EVENT_NEXT]->next.left, 6); /* 3 + 2 + 1 */
    do_job(&desk, (struct job){.type = JOB_STEP, .count = 1});
    bool went = desk.last[EVENT_TRIED]->tried.accepted;
    assert_int_equal(flips_now(&desk)->count, went ? 2 : 3);
    do_job(&desk, (struct job){.type = JOB_GOTO, .count = 0});
    assert_int_equal(desk.last[EVENT_NEXT]->next.left, 0);
    desk_close(&desk);
}

static void job_patch__refused__nothing_changed(void **state)
{
    (void)state;
    static const char wrong[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    struct desk desk;
    desk_set_up(&desk, "refused.json");
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    put_patch("wrong.json", wrong, 3, 1);
    put_patch("large.json", "", 999999, 1);
    static const char *const files[] = {"wrong.json", "large.json", "none.json"};
    static const enum err_code codes[] = {ERR_MISMATCH, ERR_RANGE, ERR_USAGE};
    for (size_t i = 0; i < countof(files); i++) {
        const struct err *err = failing_job(&desk, (struct job){.type = JOB_PATCH,
                                                                .text = at(files[i])});
        assert_int_equal(err->code, codes[i]);
        assert_non_null(strstr(err->file, files[i]));
        assert_int_equal(desk.count[EVENT_FLIPS], 2);
        check_file(&desk);
        check_model(&desk);
    }
    desk_close(&desk);
}

static void job_name_diff__states__told(void **state)
{
    (void)state;
    struct desk desk;
    struct flip other = some_row;
    other.row++;
    desk_set_up(&desk, "named.json");
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    do_job(&desk, (struct job){.type = JOB_NAME, .text = "first"});
    assert_string_equal(desk.last[EVENT_STATES]->states.items[0].name, "first");
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = other});
    do_job(&desk, (struct job){.type = JOB_DIFF, .text = "first..head"});
    const struct event_diff *diff = &desk.last[EVENT_DIFF]->diff;
    assert_string_equal(diff->a, "first");
    assert_string_equal(diff->b, "2");
    assert_int_equal(diff->diff.both.count, 1);
    assert_int_equal(diff->diff.only_a.count, 0);
    assert_true(flip_equal(&diff->diff.only_b.flips[0], &other));
    assert_int_equal(diff->diff.gap_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(diff->diff.gaps_b[i] == flips_now(&desk)->gaps[i]);
    const struct err *err = failing_job(&desk, (struct job){.type = JOB_DIFF, .text = "x..head"});
    assert_string_equal(err->message,
                        "there is no state 'x', expected a step, a name, head, base or head~N");
    err = failing_job(&desk, (struct job){.type = JOB_NAME, .text = "head"});
    assert_int_equal(err->code, ERR_USAGE);
    desk_close(&desk);
}

static void first_write__state_folder__earlier_file_is_kept(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < 2; run++) {
        struct desk desk;
        struct flip flip = some_row;
        desk_set_up(&desk, NULL);
        desk_open(&desk);
        flip.row = run;
        do_job(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
        flip.row = 9;
        do_job(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
        check_file(&desk);
        desk_close(&desk);
    }
    struct err err;
    struct patch *previous = patch_read(at("bankai/previous.json"), &err);
    t_ok(previous != NULL, &err);
    assert_int_equal(previous->flip_count, 2);
    assert_int_equal(previous->flips[0].row, 0);
    patch_free(previous);
}

static void job_write__other_file__named_after_it(void **state)
{
    (void)state;
    struct desk desk;
    struct err err;
    desk_set_up(&desk, "own.json");
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    do_job(&desk, (struct job){.type = JOB_WRITE, .text = at("better.v2.json")});
    assert_string_equal(desk.last[EVENT_WRITTEN]->message, at("better.v2.json"));
    struct patch *patch = patch_read(at("better.v2.json"), &err);
    struct patch *own = patch_read(desk.output, &err);
    t_ok(patch && own, &err);
    assert_string_equal(patch->name, "better.v2");
    assert_string_equal(patch->base_sha256,
                        model_sha256(desk.last[EVENT_OPENED]->opened.model, &err));
    assert_int_equal(patch->flip_count, 1);
    assert_true(json_equal(patch->metadata, own->metadata));
    assert_int_equal(json_integer_value(json_object_get(patch->metadata, "seed")), 42);
    patch_free(patch);
    patch_free(own);
    assert_int_equal(
        failing_job(&desk, (struct job){.type = JOB_WRITE, .text = "/no/such/x.json"})->code,
        ERR_IO);
    assert_int_equal(failing_job(&desk, (struct job){.type = JOB_WRITE, .text = ""})->code,
                     ERR_USAGE);
    desk_close(&desk);
}

/* ---- what the model says ----------------------------------------------------- */

static void same_answers(const struct evaluation *told, const struct evaluation *expected)
{
    assert_int_equal(told->count, expected->count);
    for (size_t i = 0; i < told->count; i++) {
        const struct buf *a = &told->generation[i].text, *b = &expected->generation[i].text;
        assert_string_equal(a->data, b->data ? b->data : "");
        assert_true(told->right[i] == expected->right[i]);
        assert_memory_equal(&told->gap[i], &expected->gap[i], sizeof *told->gap);
    }
}

static void answers__unasked__follow_the_flips_and_make_way(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "unasked.json");
    desk.options.model = "nano";
    desk.options.targets = "calculus-train";
    desk.options.controls = "math";
    desk.options.answers_unasked = true;
    desk_open(&desk);
    assert_int_equal(until(&desk, EVENT_ANSWERS)->answers.flip_count, 0);
    (void)until(&desk, EVENT_FINISHED);
    struct flip flip = {.layer = 1, .proj = PROJ_UP, .row = 5, .group = FLIP_WHOLE_ROW};
    post(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
    assert_int_equal(until(&desk, EVENT_ANSWERS)->answers.flip_count, 1);
    (void)until(&desk, EVENT_FINISHED);
    flip.row = 6;
    post(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
    while (until(&desk, EVENT_STARTED)->job != JOB_ANSWERS)
        ;
    size_t told = desk.count[EVENT_ANSWERS];
    post(&desk, (struct job){.type = JOB_TRY, .flip = flip}); /* does not wait for them */
    while (until(&desk, EVENT_FINISHED)->job != JOB_TRY)
        ;
    assert_int_equal(desk.count[EVENT_ANSWERS], told);
    assert_int_equal(until(&desk, EVENT_ANSWERS)->answers.flip_count, 2);
    desk_close(&desk);
}

static void job_answers_and_heldout__nano__as_evaluated_alone(void **state)
{
    (void)state;
    struct desk desk;
    struct err err;
    struct flip flip = {2, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}};
    desk_set_up(&desk, "answers.json");
    desk.options.model = "nano";
    desk.options.targets = "math";
    desk.options.controls = "knowledge";
    desk.options.heldout = "code";
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_ANSWERS});
    same_answers(desk.last[EVENT_ANSWERS]->answers.now, desk.last[EVENT_ANSWERS]->answers.base);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
    struct model *base = simple_nano(), *now = simple_nano();
    model_flip(now, &flip);
    for (int heldout = 0; heldout < 2; heldout++) {
        struct evaluate_options options = {.metric = METRIC_SEQ_LOGPROB};
        struct probe_set *set = probe_set_load(heldout ? "code" : "math,knowledge", &err);
        struct evaluation *before = evaluate(base, set, &options, NULL, NULL, &err);
        struct evaluation *after = evaluate(now, set, &options, NULL, NULL, &err);
        t_ok(before && after, &err);
        do_job(&desk, (struct job){.type = heldout ? JOB_HELDOUT : JOB_ANSWERS});
        const struct event_answers *told = &desk.last[EVENT_ANSWERS]->answers;
        assert_true(told->heldout == heldout);
        assert_int_equal(told->first, heldout ? 16 : 0);
        assert_int_equal(told->count, heldout ? 6 : 16);
        assert_int_equal(told->flip_count, 1);
        same_answers(told->base, before);
        same_answers(told->now, after);
        evaluation_free(before);
        evaluation_free(after);
        probe_set_free(set);
        check_model(&desk);
    }
    model_free(base);
    model_free(now);
    desk_close(&desk);
}

/* As audit_run finds it alone on the model without flips; [W3] after it. */
static void job_audit__nano__of_the_model_without_flips(void **state)
{
    (void)state;
    struct desk desk;
    struct err err;
    struct flip flip = {2, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}};
    desk_set_up(&desk, "audit.json");
    desk.options.model = "nano";
    desk.options.targets = "math";
    desk.options.controls = "knowledge";
    desk.options.heldout = "code";
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
    do_job(&desk, (struct job){.type = JOB_AUDIT});
    const struct audit *told = desk.last[EVENT_AUDIT]->audit;
    struct model *base = simple_nano();
    struct probe_set *set = probe_set_load("math,knowledge,code", &err);
    const struct event_opened *opened = &desk.last[EVENT_OPENED]->opened;
    struct audit_options options = {
        .target_count = opened->target_count,
        .control_count = opened->control_count,
        .metric = desk.options.search.metric,
        .control_metric = desk.options.search.control_metric,
    };
    struct audit *expected = audit_run(base, set, &options, NULL, NULL, &err);
    t_ok(expected != NULL, &err);
    assert_true(expected->count > 0);
    assert_int_equal(told->count, expected->count);
    for (size_t i = 0; i < told->count; i++) {
        assert_int_equal(told->findings[i].probe, expected->findings[i].probe);
        assert_int_equal(told->findings[i].code, expected->findings[i].code);
        assert_string_equal(told->findings[i].why, expected->findings[i].why);
    }
    check_model(&desk);
    audit_free(expected);
    probe_set_free(set);
    model_free(base);
    desk_close(&desk);
}

/* Once, after the answers, whatever the flips do later. */
static void audit__unasked__comes_once(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "audit-unasked.json");
    desk.options.answers_unasked = true;
    desk_open(&desk);
    (void)until(&desk, EVENT_AUDIT);
    assert_true(desk.last[EVENT_AUDIT]->unasked);
    assert_int_equal(desk.count[EVENT_ANSWERS], 1);
    (void)until(&desk, EVENT_FINISHED);
    post(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    assert_int_equal(until(&desk, EVENT_ANSWERS)->answers.flip_count, 1);
    (void)until(&desk, EVENT_FINISHED);
    while (!worker_is_idle(desk.worker))
        (void)usleep(1000);
    post(&desk, (struct job){.type = JOB_ABOUT});
    while (until(&desk, EVENT_FINISHED)->job != JOB_ABOUT)
        ;
    assert_int_equal(desk.count[EVENT_AUDIT], 1);
    desk_close(&desk);
}

static void same_side(const struct detail_side *told, const struct detail_side *expected)
{
    assert_int_equal(told->count, expected->count);
    for (size_t i = 0; i < told->count; i++) {
        assert_int_equal(told->places[i].id, expected->places[i].id);
        assert_true(told->places[i].logprob == expected->places[i].logprob);
        assert_true(told->places[i].margin == expected->places[i].margin);
        assert_int_equal(told->places[i].top[4].id, expected->places[i].top[4].id);
    }
}

/* To the bit what models of their own say; of a held-out probe it is a look. */
static void job_probe__nano__base_and_now(void **state)
{
    (void)state;
    struct desk desk;
    struct err err;
    struct flip flip = {2, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}};
    desk_set_up(&desk, "probe.json");
    desk.options.model = "nano";
    desk.options.targets = "math";
    desk.options.controls = "knowledge";
    desk.options.heldout = "code";
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
    struct model *models[] = {simple_nano(), simple_nano()};
    model_flip(models[1], &flip);
    static const size_t asked[] = {1, 9, 17};
    for (size_t i = 0; i < countof(asked); i++) {
        const struct probe *probe = &desk.last[EVENT_OPENED]->opened.probes->probes[asked[i]];
        do_job(&desk, (struct job){.type = JOB_PROBE, .count = asked[i]});
        const struct event_probe *told = &desk.last[EVENT_PROBE]->probe;
        assert_int_equal(told->probe, asked[i]);
        assert_int_equal(told->flip_count, 1);
        for (int now = 0; now < 2; now++) {
            struct probe_detail *expected =
                probe_detail_measure(models[now], probe, 1, NULL, &err);
            t_ok(expected != NULL, &err);
            same_side(&(now ? told->now : told->base)->side[0], &expected->side[0]);
            same_side(&(now ? told->now : told->base)->side[1], &expected->side[1]);
            probe_detail_free(expected);
        }
        check_model(&desk);
        assert_int_equal(desk.count[EVENT_ANSWERS], i == 2); /* of the held-out set */
    }
    assert_true(desk.last[EVENT_ANSWERS]->answers.heldout);
    (void)failing_job(&desk, (struct job){.type = JOB_PROBE, .count = 22});
    model_free(models[0]);
    model_free(models[1]);
    desk_close(&desk);
}

/* By itself, once for each state of the flips; never of a held-out one. */
static void worker_wish_probe__small_model__measured_unasked(void **state)
{
    (void)state;
    struct desk desk;
    desk_set_up(&desk, "wish.json");
    desk.options.answers_unasked = true;
    desk_open(&desk);
    (void)until(&desk, EVENT_AUDIT);
    worker_wish_probe(desk.worker, 2);
    const struct event *event = until(&desk, EVENT_PROBE);
    assert_true(event->unasked);
    assert_int_equal(event->probe.probe, 2);
    (void)until(&desk, EVENT_FINISHED);
    worker_wish_probe(desk.worker, 2); /* it is told already */
    post(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    assert_int_equal(until(&desk, EVENT_PROBE)->probe.flip_count, 1);
    assert_int_equal(desk.count[EVENT_PROBE], 2);
    worker_wish_probe(desk.worker, 3); /* there is none */
    post(&desk, (struct job){.type = JOB_ABOUT});
    while (until(&desk, EVENT_FINISHED)->job != JOB_ABOUT)
        ;
    assert_int_equal(desk.count[EVENT_PROBE], 2);
    desk_close(&desk);
}

static void job_text__nano__base_and_now(void **state)
{
    (void)state;
    struct desk desk;
    const char *prompt = "The capital of Italy is";
    struct flip flip = {2, PROJ_DOWN, 3, FLIP_WHOLE_ROW, {0, 0}};
    desk_set_up(&desk, "text.json");
    desk.options.model = "nano";
    desk.options.targets = "math";
    desk.options.controls = NULL;
    desk_open(&desk);
    do_job(&desk, (struct job){.type = JOB_TEXT, .text = prompt});
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = flip});
    do_job(&desk, (struct job){.type = JOB_TEXT, .text = prompt});
    const struct event_text *text = &desk.last[EVENT_TEXT]->text;
    assert_string_equal(text->prompt, prompt);
    assert_int_equal(text->flip_count, 1);
    struct model *model = simple_nano();
    for (int flipped = 0; flipped < 2; flipped++) {
        const struct generation *told = flipped ? &text->now : &text->base;
        struct ids ids = simple_encode(model, prompt), expected = {0};
        if (flipped)
            model_flip(model, &flip);
        simple_answer(model, &ids, 48, false, &expected);
        assert_int_equal(told->ids.count, expected.count);
        assert_memory_equal(told->ids.data, expected.data,
                            expected.count * sizeof *expected.data);
        ids_free(&ids);
        ids_free(&expected);
    }
    model_free(model);
    check_model(&desk);
    assert_string_equal(failing_job(&desk, (struct job){.type = JOB_HELDOUT})->message,
                        "there are no held-out probes");
    desk_close(&desk);
}

/* ---- speed, on nano ---------------------------------------------------------- */

/* How long the running job takes to end when it is cancelled after some time. */
static double cancel_after(struct desk *desk, unsigned microseconds)
{
    (void)until(desk, EVENT_STARTED);
    (void)usleep(microseconds);
    double start = clock_seconds();
    worker_cancel(desk->worker, false);
    (void)until(desk, EVENT_FINISHED);
    return clock_seconds() - start;
}

static void worker_cancel__nano__soon_and_flips_stay(void **state)
{
    (void)state;
    struct desk desk;
    double worst[3] = {0};
    desk_set_up(&desk, "nano.json");
    desk.options.model = "nano";
    desk.options.targets = "calculus-train";
    desk.options.controls = "math,code,knowledge";
    desk.options.heldout = "calculus-heldout,nano-heldout";
    desk.options.search.threads = 0;
    double start = clock_seconds();
    struct err err;
    desk.worker = worker_start(&desk.options, &err);
    (void)until(&desk, EVENT_OPENED);
    double opened = clock_seconds() - start;
    (void)until(&desk, EVENT_GAPS);
    double measured = clock_seconds() - start;
    (void)until(&desk, EVENT_FLIPS);
    const struct job jobs[] = {{.type = JOB_STEP, .count = 0}, {.type = JOB_HELDOUT},
                               {.type = JOB_ANSWERS}};
    do_job(&desk, (struct job){.type = JOB_KEEP, .flip = some_row});
    for (unsigned i = 0; i < 12; i++) {
        post(&desk, jobs[i % 3]);
        worst[i % 3] = fmax(worst[i % 3], cancel_after(&desk, 40000 + 17000 * i));
        check_model(&desk);
    }
    check_file(&desk);
    do_job(&desk, (struct job){.type = JOB_STEP, .count = 10});
    print_message("nano: opened %.3f s, gaps %.3f s, a step %.3f s; cancelled within %.0f ms "
                  "(search), %.0f ms (held-out), %.0f ms (answers)\n",
                  opened, measured, desk.last[EVENT_TRIED]->tried.seconds_each, 1e3 * worst[0],
                  1e3 * worst[1], 1e3 * worst[2]);
    assert_true(fmax(worst[0], fmax(worst[1], worst[2])) < 10);
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_start__tiny__all_is_told_in_order),
        cmocka_unit_test(worker_thread__while_it_lives__nice_and_without_signals),
        cmocka_unit_test(worker_start__bad_input__fatal_error),
        cmocka_unit_test(worker_stop__at_once__ends),
        cmocka_unit_test(job_step__thirty__as_the_search_alone),
        cmocka_unit_test(job_step__no_candidate_left__finished),
        cmocka_unit_test(worker_cancel__nobody_reads__ends_and_nothing_is_lost),
        cmocka_unit_test(worker_post__more_than_fit__refused),
        cmocka_unit_test(job_map__groups__as_the_map_alone),
        cmocka_unit_test(job_measure__best_ones__each_is_told_once),
        cmocka_unit_test(job_step__guided__promises_are_told),
        cmocka_unit_test(job_try_keep_undo__a_row__measured_kept_and_back),
        cmocka_unit_test(job_keep__twice__off_and_undo_on),
        cmocka_unit_test(job_accept_reject__last_candidate__against_its_verdict),
        cmocka_unit_test(job_accept__after_try__keeps_the_row),
        cmocka_unit_test(any_flip__patch_cannot_be_written__nothing_changed),
        cmocka_unit_test(job_patch__two_files__open_at_once_and_switched),
        cmocka_unit_test(job_patch__prune__there_is_something_to_do),
        cmocka_unit_test(job_patch__refused__nothing_changed),
        cmocka_unit_test(job_name_diff__states__told),
        cmocka_unit_test(first_write__state_folder__earlier_file_is_kept),
        cmocka_unit_test(job_write__other_file__named_after_it),
        cmocka_unit_test(answers__unasked__follow_the_flips_and_make_way),
        cmocka_unit_test(job_audit__nano__of_the_model_without_flips),
        cmocka_unit_test(audit__unasked__comes_once),
        cmocka_unit_test(job_probe__nano__base_and_now),
        cmocka_unit_test(worker_wish_probe__small_model__measured_unasked),
        cmocka_unit_test(job_answers_and_heldout__nano__as_evaluated_alone),
        cmocka_unit_test(job_text__nano__base_and_now),
        cmocka_unit_test(worker_cancel__nano__soon_and_flips_stay),
    };
    return cmocka_run_group_tests_name("worker", tests, make_folder, remove_folder);
}
