/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/search/search_results.h"
#include "src/search/train_job_int.h"

/* ---- where it comes from ------------------------------------------------------------ */

static void set(json_t *metadata, const char *key, json_t *value)
{
    (void)json_object_set_new(metadata, key, value);
}

bool train_probes_sha256(const struct train_job *job, const char *key,
                         const struct probe_set *probes, char out[SHA256_TEXT_SIZE],
                         struct err *err)
{
    const char *kept = json_string_value(json_object_get(job->settings, key));
    out[0] = '\0';
    if (kept && sha256_is_text(kept))
        memcpy(out, kept, SHA256_TEXT_SIZE);
    return !probes || probes->count == 0 || probe_set_sha256(probes, out, err);
}

/* The name of a set and the hash of what it asks; nothing where there is none. */
static bool set_probes(const struct train_job *job, json_t *metadata, const char *key,
                       const char *spec, const struct probe_set *probes, struct err *err)
{
    char hash[SHA256_TEXT_SIZE], hash_key[32];
    (void)snprintf(hash_key, sizeof hash_key, "%s_sha256", key);
    if (!spec)
        return true;
    set(metadata, key, json_text(spec, strlen(spec)));
    if (!train_probes_sha256(job, hash_key, probes, hash, err))
        return false;
    if (hash[0])
        set(metadata, hash_key, json_string(hash));
    return true;
}

static bool set_metadata(const struct train_job *job, json_t *metadata, struct err *err)
{
    const struct train_request *now = &job->now;
    const struct train_options *options = &now->options;
    set(metadata, "program", json_string("bankai " BANKAI_VERSION));
    set(metadata, "method", json_string(job->request->trim ? "trim" : "train"));
    set(metadata, "objective", json_string(item_objective_name(options->objective)));
    set(metadata, "ranking", json_string(ranking_name(options->ranking)));
    set(metadata, "chunk", json_integer(options->chunk));
    set(metadata, "seed", json_integer((json_int_t)options->seed));
    if (now->neighbours)
        set(metadata, "neighbours", json_text(now->neighbours, strlen(now->neighbours)));
    set(metadata, "control_weight", json_real(options->control_weight));
    if (options->price > 0)
        set(metadata, "price", json_real(options->price));
    return set_probes(job, metadata, "targets", now->targets, job->probes.targets, err) &&
           set_probes(job, metadata, "controls", now->controls, job->probes.controls, err);
}

struct patch *train_patch_new(struct train_job *job, const struct flip *flips, size_t count,
                              struct err *err)
{
    char rows[SHA256_TEXT_SIZE];
    const char *sha256 = model_sha256(job->model, err), *name = job->now.name;
    struct patch *patch = patch_new();
    if (!sha256 || !model_rows_sha256(job->model, flips, count, rows, err) ||
        !set_metadata(job, patch->metadata, err)) {
        patch_free(patch);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        patch_add(patch, flips[i]);
    patch_set_text(&patch->name, name ? name : job->request->trim ? "trim" : "train");
    patch_set_text(&patch->base_model, model_path(job->model));
    patch_set_text(&patch->base_sha256, sha256);
    patch_set_text(&patch->rows_sha256, rows);
    patch->bits_flipped = patch_totals(patch, job->model).bits_flipped;
    return patch;
}

/* ---- what it does ------------------------------------------------------------------- */

static json_t *validated(struct objective before, struct objective now, size_t count)
{
    return json_pack("{s:I, s:I, s:I, s:f, s:f}", "n", (json_int_t)count, "right_base",
                     (json_int_t)before.targets_right, "right_now", (json_int_t)now.targets_right,
                     "log_prob_base", before.target, "log_prob_now", now.target);
}

static json_t *results_of(const struct train *train, const struct train_step *step)
{
    json_t *results = json_object();
    if (train_validation_count(train) > 0)
        set(results, "validation", validated(train_validation_before(train), step->validation,
                                             train_validation_count(train)));
    if (train_neighbours_count(train) > 0)
        set(results, "neighbours", validated(train_neighbours_before(train), step->neighbours,
                                             train_neighbours_count(train)));
    if (train_controls_judged(train) > 0)
        set(results, "controls",
            json_pack("{s:I, s:I, s:f}", "n", (json_int_t)train_controls_judged(train), "broken",
                      (json_int_t)step->broken, "kl", step->control));
    return results;
}

/* ---- writing ------------------------------------------------------------------------ */

static void set_step(struct patch *patch, const struct train *train, uint64_t step)
{
    set(patch->metadata, "steps", json_integer((json_int_t)step));
    if (step > 0)
        set(patch->metadata, "results", results_of(train, train_step_at(train, step)));
}

static struct patch *patch_after(struct train_job *job, uint64_t step, struct err *err)
{
    struct flip *flips = NULL;
    size_t count = train_flips_at(job->train, step, &flips);
    struct patch *patch = train_patch_new(job, flips, count, err);
    free(flips);
    if (patch)
        set_step(patch, job->train, step);
    return patch;
}

bool train_patch_of_file(struct train_job *job, struct err *err)
{
    struct flip *flips = NULL;
    size_t count = 0;
    uint64_t step = job->request->point;
    if (!train_file_flips(job->file, job->model, step, &flips, &count, err))
        return false;
    job->patch = train_patch_new(job, flips, count, err);
    free(flips);
    if (job->patch)
        set_step(job->patch, train_file_saved(job->file), step);
    return job->patch && patch_write(job->patch, job->output.data, err);
}

bool train_patch_write(struct train_job *job, struct err *err)
{
    uint64_t step = train_steps(job->train);
    while (step > 0 && train_step_at(job->train, step)->kept == 0)
        step--; /* the last that kept flips, so that the same patch has the same bytes */
    patch_free(job->patch);
    job->patch = patch_after(job, step, err);
    return job->patch && patch_write(job->patch, job->output.data, err);
}

bool train_patch_write_results(struct train_job *job, struct err *err)
{
    json_t *results = json_object_get(job->patch->metadata, "results");
    if (!job->base || !job->answers)
        return true;
    set(results, "heldout", search_results_json(job->probes.heldout, job->base, job->answers));
    return patch_write(job->patch, job->output.data, err);
}

/* FOLDER/step-0012.xor, or .json, as the patch itself. */
static bool write_point(struct train_job *job, uint64_t step, struct err *err)
{
    struct buf path = {0};
    size_t len = job->output.len;
    bool packed = len >= 4 && strcmp(job->output.data + len - 4, ".xor") == 0;
    buf_add_format(&path, "%s/step-%04" PRIu64 "%s", job->request->front, step,
                   packed ? ".xor" : ".json");
    struct patch *patch = patch_after(job, step, err);
    bool ok = patch && patch_write(patch, path.data, err);
    patch_free(patch);
    buf_free(&path);
    return ok;
}

bool train_patch_write_front(struct train_job *job, struct err *err)
{
    struct train_step *steps = NULL;
    bool *front = NULL, ok = true;
    if (!job->request->front)
        return true;
    if (mkdir(job->request->front, 0777) != 0 && errno != EEXIST) {
        (void)err_set(err, ERR_IO, "cannot make the folder: %s", strerror(errno));
        return err_file(err, job->request->front);
    }
    size_t count = train_steps_of(job, &steps, &front);
    for (size_t i = 0; ok && i < count; i++)
        ok = !front[i] || write_point(job, steps[i].number, err);
    free(steps);
    free(front);
    return ok;
}
