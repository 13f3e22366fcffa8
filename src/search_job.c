/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "patches/patch.h"
#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/text.h"
#include "src/report.h"

struct job {
    const struct search_request *request;
    struct model *model;
    struct probe_set *targets;
    struct probe_set *controls; /* these two may be empty */
    struct probe_set *heldout;
    struct probe_set all; /* the three together, texts borrowed: for the answers */
    struct search *search;
    struct patch *patch;
    struct buf output; /* path of the patch file */
    struct evaluation *base;
    struct evaluation *now;
    double seconds; /* of the search alone */
    struct progress line;
};

/* ---- probes ------------------------------------------------------------------------- */

static const char *set_of(const struct probe_set *set, size_t i)
{
    return set->probes[i].set;
}

/* The first probe of each set that was joined into this one. */
static bool begins_set(const struct probe_set *set, size_t i)
{
    return i == 0 || strcmp(set_of(set, i - 1), set_of(set, i)) != 0;
}

/* Answers are told apart by the name of their set. */
static bool sets_differ(const struct probe_set *a, const struct probe_set *b, struct err *err)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; begins_set(a, i) && j < b->count; j++)
            if (begins_set(b, j) && strcmp(set_of(a, i), set_of(b, j)) == 0)
                return err_set(err, ERR_USAGE,
                               "probe set '%.100s' is given twice, expected different sets as "
                               "targets, controls and held-out probes",
                               set_of(a, i));
    return true;
}

static int compare_prompts(const void *a, const void *b)
{
    const struct probe *const *left = a, *const *right = b;
    return strcmp((*left)->prompt, (*right)->prompt);
}

/* A prompt the search works on is no held-out prompt. */
static bool heldout_is_apart(const struct job *job, struct err *err)
{
    size_t seen = job->targets->count + job->controls->count;
    const struct probe **sorted = x_new(seen, sizeof(struct probe *));
    const struct probe **twin = NULL;
    for (size_t i = 0; i < seen; i++)
        sorted[i] = &job->all.probes[i];
    qsort(sorted, seen, sizeof(struct probe *), compare_prompts);
    for (size_t i = seen; !twin && i < job->all.count; i++) {
        const struct probe *held = &job->all.probes[i];
        twin = bsearch(&held, sorted, seen, sizeof(struct probe *), compare_prompts);
        if (twin)
            (void)err_set(err, ERR_MISMATCH,
                          "held-out probe '%.60s' of %.60s has the prompt of '%.60s' of %.60s, "
                          "expected prompts that the search never sees",
                          held->name, held->set, (*twin)->name, (*twin)->set);
    }
    free(sorted);
    return !twin;
}

/* Every source is read once only: it may be a pipe. */
static struct probe_set *load_set(const char *spec, struct err *err)
{
    return spec ? probe_set_load(spec, err) : x_new(1, sizeof(struct probe_set));
}

/* Their texts stay with the sets they came from. */
static void join_sets(struct job *job)
{
    const struct probe_set *const sets[] = {job->targets, job->controls, job->heldout};
    size_t count = 0;
    for (size_t i = 0; i < countof(sets); i++)
        count += sets[i]->count;
    job->all.probes = x_new(count, sizeof *job->all.probes);
    for (size_t i = 0; i < countof(sets); i++) {
        if (sets[i]->count > 0)
            memcpy(job->all.probes + job->all.count, sets[i]->probes,
                   sets[i]->count * sizeof *job->all.probes);
        job->all.count += sets[i]->count;
    }
}

static bool load_probes(struct job *job, struct err *err)
{
    const struct search_request *request = job->request;
    job->targets = load_set(request->targets, err);
    job->controls = job->targets ? load_set(request->controls, err) : NULL;
    job->heldout = job->controls ? load_set(request->heldout, err) : NULL;
    if (!job->heldout || !sets_differ(job->targets, job->controls, err) ||
        !sets_differ(job->targets, job->heldout, err) ||
        !sets_differ(job->controls, job->heldout, err))
        return false;
    join_sets(job);
    return heldout_is_apart(job, err);
}

/* ---- the patch file -------------------------------------------------------------------- */

/* A patch is written beside its place and renamed (file_write), so a file beside
 * it has to be possible: it is made and taken away, as what access() says is not
 * the whole truth.  Devices and pipes are written to as they are. */
static bool can_write(const char *path)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode))
        return access(path, W_OK) == 0;
    char *real = exists ? realpath(path, NULL) : NULL;
    struct buf beside = {0};
    buf_add_format(&beside, "%s.%ld.tmp", real ? real : path, (long)getpid());
    int fd = open(beside.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int problem = errno;
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(beside.data);
    }
    buf_free(&beside);
    free(real);
    errno = problem;
    return fd >= 0;
}

/* Nobody should wait for a search whose patch cannot be kept. */
static bool check_output(const char *path, struct err *err)
{
    struct stat status;
    if (*path == '\0')
        return err_set(err, ERR_USAGE, "--output: the path is empty");
    bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (folder)
        (void)err_set(err, ERR_USAGE, "is a folder, expected a file");
    else if (can_write(path))
        return true;
    else
        (void)err_set(err, ERR_IO, "cannot write a patch there: %s", strerror(errno));
    return err_file(err, path);
}

static bool choose_output(struct job *job, struct err *err)
{
    const char *state_name = job->request->state_name ? job->request->state_name : "last.json";
    if (job->request->output)
        buf_add_text(&job->output, job->request->output);
    else if (!file_state_path(state_name, &job->output, err))
        return false;
    return check_output(job->output.data, err);
}

/* Which layers and projections were drawn from, in the words of published patches. */
static void set_scope(const struct job *job, json_t *metadata)
{
    const struct search_options *options = &job->request->options;
    int32_t *layers = x_new(model_shape(job->model)->layers, sizeof *layers);
    size_t count = options->layers ? options->layer_count
                                   : search_default_layers(job->model, layers);
    json_t *layer_list = json_array(), *proj_list = json_array();
    for (size_t i = 0; i < count; i++) {
        int32_t layer = options->layers ? options->layers[i] : layers[i];
        (void)json_array_append_new(layer_list, json_integer(layer));
    }
    for (int proj = 0; proj < PROJ_COUNT; proj++)
        if (options->projs >> proj & 1)
            (void)json_array_append_new(proj_list, json_string(proj_name((enum proj)proj)));
    (void)json_object_set_new(metadata, "search_layers", layer_list);
    (void)json_object_set_new(metadata, "search_projs", proj_list);
    free(layers);
}

static void set_metadata(struct job *job)
{
    const struct search_request *request = job->request;
    json_t *metadata = job->patch->metadata;
    (void)json_object_set_new(metadata, "program", json_string("bankai " BANKAI_VERSION));
    (void)json_object_set_new(metadata, "search_algorithm", json_string("greedy"));
    (void)json_object_set_new(metadata, "metric",
                              json_string(metric_name(request->options.metric)));
    (void)json_object_set_new(
        metadata, "fitness",
        json_string(request->options.fitness == FITNESS_MIN ? "min" : "mean"));
    (void)json_object_set_new(metadata, "control_penalty", json_real(request->options.penalty));
    (void)json_object_set_new(metadata, "max_iters",
                              json_integer((json_int_t)request->options.iterations));
    (void)json_object_set_new(metadata, "seed", json_integer((json_int_t)request->options.seed));
    (void)json_object_set_new(metadata, "targets",
                              json_text(request->targets, strlen(request->targets)));
    const char *controls = request->controls ? request->controls : "";
    (void)json_object_set_new(metadata, "controls", json_text(controls, strlen(controls)));
}

static bool load(struct job *job, struct err *err)
{
    if (!load_probes(job, err))
        return false;
    job->model = model_open(job->request->model, err);
    const char *sha256 = job->model ? model_sha256(job->model, err) : NULL;
    if (!sha256 || !choose_output(job, err))
        return false;
    job->patch = patch_new();
    patch_set_text(&job->patch->name, job->request->name ? job->request->name : "search");
    patch_set_text(&job->patch->base_model, job->request->model);
    patch_set_text(&job->patch->base_sha256, sha256);
    set_metadata(job);
    set_scope(job, job->patch->metadata);
    report_long_prompts(job->model, &job->all);
    return true;
}

/* The gaps before the search; of a big model that takes a while. */
static bool prepare(struct job *job, struct err *err)
{
    progress_start(&job->line, "measuring the gaps before the search", 0);
    report_at_once(&job->line);
    job->search = search_new(job->model, job->targets, job->controls, &job->request->options,
                             &cli_cancel, err);
    progress_end(&job->line);
    return job->search != NULL;
}

/* ---- the search ---------------------------------------------------------------------- */

static bool write_patch(struct job *job, struct err *err)
{
    json_t *metadata = job->patch->metadata;
    (void)json_object_set_new(metadata, "tried",
                              json_integer((json_int_t)search_tried(job->search)));
    (void)json_object_set_new(metadata, "screened_out",
                              json_integer((json_int_t)search_screened(job->search)));
    (void)json_object_set_new(metadata, "final_fitness",
                              json_real(search_fitness(job->search)));
    job->patch->bits_flipped = patch_totals(job->patch, job->model).bits_flipped;
    return patch_write(job->patch, job->output.data, err);
}

/* The target that the flip helped most, and how far. */
static void add_best_target(struct buf *out, const struct job *job, const double *before)
{
    const double *now = search_gaps_now(job->search);
    size_t best = 0;
    for (size_t i = 1; i < job->targets->count; i++)
        if (now[i] - before[i] > now[best] - before[best])
            best = i;
    const char *name = job->targets->probes[best].name;
    buf_add_text(out, "  most: ");
    text_visible(out, name, strlen(name));
    buf_add_format(out, " %+.3f -> %+.3f", before[best], now[best]);
}

static void print_accepted(struct job *job, const struct search_try *tried, const double *before,
                           double fitness_before)
{
    struct buf out = {0}, flip = {0};
    report_flip_text(&flip, &tried->flip);
    buf_add_format(&out, "%4" PRIu64 "  flip %-26s  fitness %+.4f (%+.4f)", tried->number,
                   flip.data, tried->fitness, tried->fitness - fitness_before);
    add_best_target(&out, job, before);
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&flip);
    buf_free(&out);
}

static void print_tried_json(const struct search_try *tried)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "event", json_string("tried"));
    (void)json_object_set_new(object, "number", json_integer((json_int_t)tried->number));
    (void)json_object_set_new(object, "flip", report_flip_json(&tried->flip));
    (void)json_object_set_new(object, "fitness", json_real(tried->fitness));
    (void)json_object_set_new(object, "accepted", json_boolean(tried->accepted));
    (void)json_object_set_new(object, "screened", json_boolean(tried->screened));
    cli_print_json(object, false);
}

static void show_try(struct job *job, const struct search_try *tried, const double *before,
                     double fitness_before)
{
    char note[64];
    if (job->request->json)
        print_tried_json(tried);
    else if (tried->accepted)
        print_accepted(job, tried, before, fitness_before);
    (void)snprintf(note, sizeof note, "%zu accepted, fitness %+.4f", job->patch->flip_count,
                   search_fitness(job->search));
    progress_update(&job->line, search_tried(job->search), note);
}

/* One candidate: tried, saved, shown, in this order [J1]. */
static enum search_status step(struct job *job, double *before, struct err *err)
{
    struct search_try tried;
    double fitness_before = search_fitness(job->search);
    memcpy(before, search_gaps_now(job->search), job->targets->count * sizeof *before);
    enum search_status status = search_step(job->search, &tried, &cli_cancel, err);
    if (status != SEARCH_TRIED)
        return status;
    if (tried.accepted) {
        patch_add(job->patch, tried.flip);
        if (!write_patch(job, err))
            return SEARCH_FAILED;
    }
    show_try(job, &tried, before, fitness_before);
    return status;
}

static bool run_search(struct job *job, struct err *err)
{
    double *before = x_new(job->targets->count, sizeof *before);
    double start = clock_seconds();
    enum search_status status = SEARCH_FINISHED;
    progress_start(&job->line, "searching", job->request->options.iterations);
    report_at_once(&job->line);
    do
        status = step(job, before, err);
    while (status == SEARCH_TRIED);
    progress_end(&job->line);
    job->seconds = clock_seconds() - start;
    free(before);
    return status == SEARCH_FINISHED;
}

/* ---- answers before and after ---------------------------------------------------------- */

static struct evaluation *answers(struct job *job, const char *what, struct err *err)
{
    struct evaluate_options options = {
        .metric = job->request->options.metric,
        .threads = job->request->options.threads,
    };
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, what, job->all.count);
    struct evaluation *result =
        evaluate(job->model, &job->all, &options, &progress, &cli_cancel, err);
    progress_end(&line);
    return result;
}

static bool compare(struct job *job, struct err *err)
{
    job->now = answers(job, "answering, patched", err);
    if (job->now && job->patch->flip_count == 0) {
        job->base = job->now; /* nothing was patched */
        return true;
    }
    if (!job->now || !patch_apply(job->patch, job->model, err)) /* takes the flips off */
        return false;
    job->base = answers(job, "answering, base", err);
    return job->base != NULL;
}

/* ---- output ------------------------------------------------------------------------------ */

static void print_start(const struct job *job)
{
    struct buf out = {0};
    buf_add_format(&out,
                   "greedy search: %zu targets, %zu controls, %zu tokens an evaluation; "
                   "%" PRIu64 " candidate rows, %" PRIu64 " to try, seed %" PRIu64 "\n",
                   job->targets->count, job->controls->count, search_tokens(job->search),
                   search_candidates(job->search), job->request->options.iterations,
                   job->request->options.seed);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_end(const struct job *job)
{
    struct buf out = {0};
    uint64_t tried = search_tried(job->search);
    buf_add_format(&out,
                   "\n%zu of %" PRIu64 " candidates accepted (%" PRIu64
                   " screened out), fitness %+.4f, %.1f s, %.1f candidates/s\n",
                   job->patch->flip_count, tried, search_screened(job->search),
                   search_fitness(job->search), job->seconds,
                   job->seconds > 0 ? (double)tried / job->seconds : 0.0);
    if (job->patch->flip_count > 0) {
        buf_add_text(&out, "patch: ");
        text_visible(&out, job->output.data, job->output.len);
        buf_add_text(&out, "\n\n");
        report_table(&out, &job->all, job->base, job->now);
        buf_add_text(&out, "\n");
        report_answers(&out, &job->all, job->base, job->now, false);
    } else {
        buf_add_text(&out, "nothing was accepted: no patch was written\n");
    }
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static void print_end_json(const struct job *job)
{
    json_t *object = json_object(), *flips = json_array();
    for (size_t i = 0; i < job->patch->flip_count; i++)
        (void)json_array_append_new(flips, report_flip_json(&job->patch->flips[i]));
    (void)json_object_set_new(object, "event", json_string("done"));
    (void)json_object_set_new(object, "flips", flips);
    (void)json_object_set_new(object, "fitness", json_real(search_fitness(job->search)));
    (void)json_object_set_new(object, "evaluations",
                              json_integer((json_int_t)search_tried(job->search)));
    (void)json_object_set_new(object, "screened",
                              json_integer((json_int_t)search_screened(job->search)));
    (void)json_object_set_new(object, "seconds", json_real(job->seconds));
    bool written = job->patch->flip_count > 0;
    (void)json_object_set_new(object, "patch",
                              written ? json_text(job->output.data, job->output.len)
                                      : json_null());
    bool answered = job->base && job->now;
    (void)json_object_set_new(object, "interrupted", json_boolean(!answered));
    (void)json_object_set_new(object, "totals",
                              answered ? report_totals_json(&job->all, job->base, job->now)
                                       : json_null());
    cli_print_json(object, false);
}

/* Whoever interrupts is told what is safe; a script gets its last event. */
static void tell_interrupted(const struct job *job)
{
    if (job->search && job->request->json)
        print_end_json(job);
    if (job->search && job->patch->flip_count > 0)
        cli_warn("stopped after %" PRIu64 " candidates; the %zu accepted flips are in %s",
                 search_tried(job->search), job->patch->flip_count, job->output.data);
    else if (job->search)
        cli_warn("stopped after %" PRIu64 " candidates; nothing was accepted yet",
                 search_tried(job->search));
}

static void job_free(struct job *job)
{
    if (job->now != job->base)
        evaluation_free(job->now);
    evaluation_free(job->base);
    search_free(job->search);
    patch_free(job->patch);
    probe_set_free(job->targets);
    probe_set_free(job->controls);
    probe_set_free(job->heldout);
    free(job->all.probes);
    model_free(job->model);
    buf_free(&job->output);
}

int search_job_run(const struct search_request *request, struct err *err)
{
    struct job job = {.request = request};
    bool ok = load(&job, err) && prepare(&job, err);
    if (ok && !request->json)
        print_start(&job);
    ok = ok && run_search(&job, err) && compare(&job, err);
    if (ok && request->json)
        print_end_json(&job);
    else if (ok)
        print_end(&job);
    else if (err->code == ERR_CANCELLED)
        tell_interrupted(&job);
    int status = !ok ? cli_fail(err) : job.patch->flip_count > 0 ? EXIT_DONE : EXIT_NO;
    job_free(&job);
    return status;
}
