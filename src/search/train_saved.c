/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The session of a training is one file of engine/search/train_file.h; its settings are a
 * JSON object with the words of the command line.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/search/train_job_int.h"

/* Of the time, at most, unless a step is the last. */
static const double saving_share = 0.1;

/* ---- writing --------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        (void)json_object_set_new(object, key, json_text(text, strlen(text)));
}

/* The caller frees it. */
static char *settings_of(const struct train_job *job, struct err *err)
{
    const struct train_request *now = &job->now;
    char hashes[2][SHA256_TEXT_SIZE];
    if (!train_probes_sha256(job, "targets_sha256", job->probes.targets, hashes[0], err) ||
        !train_probes_sha256(job, "controls_sha256", job->probes.controls, hashes[1], err))
        return NULL;
    json_t *object = json_object();
    (void)json_object_set_new(object, "program", json_string("bankai " BANKAI_VERSION));
    set_text(object, "model", model_path(job->model));
    set_text(object, "targets", now->targets);
    set_text(object, "neighbours", now->neighbours);
    set_text(object, "controls", now->controls);
    set_text(object, "heldout", now->heldout);
    set_text(object, "output", now->output);
    set_text(object, "name", now->name);
    set_text(object, "targets_sha256", hashes[0]);
    set_text(object, "controls_sha256", hashes[1]);
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

bool train_saved_write(struct train_job *job, bool forced, struct err *err)
{
    double start = clock_seconds();
    bool is_due = forced || job->saving <= saving_share * (start - job->saved_at);
    if (!job->request->session || !is_due || job->saved_steps == train_steps(job->train) + 1)
        return true;
    char *settings = settings_of(job, err);
    bool ok = settings && train_save(job->train, settings, job->request->session, err);
    free(settings);
    job->saved_steps = train_steps(job->train) + 1;
    job->saved_at = clock_seconds();
    job->saving = job->saved_at - start;
    return ok;
}

/* ---- reading ------------------------------------------------------------------------ */

static const char *text_of(const json_t *settings, const char *key)
{
    return json_string_value(json_object_get(settings, key));
}

/* Only what a training is begun with can be gone on with. */
static bool read_settings(struct train_job *job, struct err *err)
{
    struct train_request *now = &job->now;
    const char *text = train_file_settings(job->file);
    job->settings = json_parse(text, strlen(text), job->request->session, err);
    if (!job->settings)
        return false;
    now->model = now->model ? now->model : text_of(job->settings, "model");
    now->targets = text_of(job->settings, "targets");
    now->neighbours = text_of(job->settings, "neighbours");
    now->controls = text_of(job->settings, "controls");
    now->heldout = now->heldout ? now->heldout : text_of(job->settings, "heldout");
    now->output = now->output ? now->output : text_of(job->settings, "output");
    now->name = now->name ? now->name : text_of(job->settings, "name");
    if (now->model && now->targets && now->output)
        return true;
    (void)err_set(err, ERR_FORMAT, "its settings name no model, no targets or no patch");
    return err_file(err, job->request->session);
}

bool train_saved_open(struct train_job *job, struct err *err)
{
    const struct train_options given = job->request->options;
    if (!job->request->going_on)
        return true;
    job->file = train_file_read(job->request->session, err);
    if (!job->file || !read_settings(job, err))
        return false;
    job->now.options = *train_file_options(job->file);
    job->now.options.threads = given.threads;
    if (job->request->steps_given)
        job->now.options.steps = given.steps;
    return true;
}

/* ---- a patch of one step ---------------------------------------------------------------- */

static bool write_point(struct train_job *job, struct err *err)
{
    if (!train_saved_open(job, err) || !search_output_path(job->now.output, &job->output, err))
        return false;
    job->model = model_open(job->now.model, err);
    return job->model && train_patch_of_file(job, err);
}

static void print_point(const struct train_job *job)
{
    struct buf out = {0};
    size_t bytes = patch_packed_bytes(job->patch).flips;
    if (job->request->json) {
        cli_print_json(json_pack("{s:s, s:I, s:I, s:I, s:o}", "event", "point", "step",
                                 (json_int_t)job->request->point, "flips",
                                 (json_int_t)job->patch->flip_count, "patch_bytes",
                                 (json_int_t)bytes, "patch",
                                 json_text(job->output.data, job->output.len)), false);
        return;
    }
    buf_add_format(&out, "step %llu: %zu flips, %zu bytes; patch: %s\n",
                   (unsigned long long)job->request->point, job->patch->flip_count, bytes,
                   job->output.data);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

int train_point_run(const struct train_request *request, struct err *err)
{
    struct train_job job = {.request = request, .now = *request};
    bool ok = write_point(&job, err);
    if (ok)
        print_point(&job);
    train_job_free(&job);
    return ok ? EXIT_DONE : cli_fail(err);
}
