/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"
#include "src/search/train_job_int.h"

enum { FRONT_LINES = 16 }; /* of the table; JSON has them all */

size_t train_steps_of(const struct train_job *job, struct train_step **steps, bool **front)
{
    size_t count = (size_t)train_steps(job->train);
    *steps = x_new(count, sizeof **steps);
    *front = x_new(count, sizeof **front);
    for (size_t i = 0; i < count; i++)
        (*steps)[i] = *train_step_at(job->train, i + 1);
    train_front(*steps, count, train_validation_before(job->train), *front);
    return count;
}

static void print(struct buf *out)
{
    cli_print_text(out->data, out->len);
    buf_free(out);
}

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

/* ---- the start ---------------------------------------------------------------------- */

void train_add_unit(struct buf *out, uint32_t chunk)
{
    if (chunk == UNITS_ROWS)
        buf_add_text(out, "a row");
    else
        buf_add_format(out, "%u bit%s", (unsigned)chunk, chunk == 1 ? "" : "s");
}

void train_print_start(const struct train_job *job)
{
    struct buf out = {0};
    const struct train_options *options = &job->now.options;
    buf_add_format(&out, "training: %zu targets (%zu of them for validation), ",
                   job->targets->count - options->neighbours, train_validation_count(job->train));
    if (options->neighbours > 0)
        buf_add_format(&out, "%zu neighbours (%zu), ", options->neighbours,
                       train_neighbours_count(job->train));
    buf_add_format(&out, "%zu controls (%zu judged); %" PRIu64 " units of ",
                   job->controls ? job->controls->count : 0, train_controls_judged(job->train),
                   train_units(job->train));
    train_add_unit(&out, options->chunk);
    buf_add_format(&out, ", ranked by %s, objective %s, seed %" PRIu64 "\n",
                   ranking_name(options->ranking), item_objective_name(options->objective),
                   options->seed);
    if (job->done > 0)
        buf_add_format(&out, "going on after step %" PRIu64 "\n", job->done);
    print(&out);
}

/* ---- a step ------------------------------------------------------------------------- */

json_t *train_step_json(const struct train_job *job, const struct train_step *step)
{
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:I, s:b, s:f, s:f, s:f, s:I, s:f, s:f, s:I}", "event", "step", "number",
        (json_int_t)step->number, "tried", (json_int_t)step->tried, "kept",
        (json_int_t)step->kept, "undone", (int)step->undone, "predicted", step->predicted,
        "measured", step->measured, "noise", step->noise, "units", (json_int_t)step->flips,
        "bytes", step->bytes, "validation", step->validation.target, "validation_right",
        (json_int_t)step->validation.targets_right);
    if (train_neighbours_count(job->train) > 0) {
        set(object, "neighbours", json_real(step->neighbours.target));
        set(object, "neighbours_right", json_integer((json_int_t)step->neighbours.targets_right));
    }
    if (train_controls_judged(job->train) > 0) {
        set(object, "control", json_real(step->control));
        set(object, "broken", json_integer((json_int_t)step->broken));
    }
    return object;
}

static void add_validated(struct buf *out, const char *name, struct objective now, size_t count)
{
    if (count > 0)
        buf_add_format(out, "  %s %zu of %zu, %+.3f", name, now.targets_right, count, now.target);
}

void train_print_step(const struct train_job *job, const struct train_step *step)
{
    struct buf out = {0};
    buf_add_format(&out,
                   "%4" PRIu64 "  %4zu of %4zu flips  objective %+.4f ± %.4f (predicted %+.4f)  "
                   "%" PRIu64 " on, %.0f bytes",
                   step->number, step->kept, step->tried, step->measured, step->noise,
                   step->predicted, step->flips, step->bytes);
    add_validated(&out, "validation", step->validation, train_validation_count(job->train));
    add_validated(&out, "neighbours", step->neighbours, train_neighbours_count(job->train));
    if (train_controls_judged(job->train) > 0)
        buf_add_format(&out, "  controls broken %zu of %zu, KL %.4f", step->broken,
                       train_controls_judged(job->train), fabs(step->control));
    if (step->undone)
        buf_add_text(&out, ": undone");
    buf_add_text(&out, "\n");
    print(&out);
}

/* ---- the front ---------------------------------------------------------------------- */

static void add_point(const struct train_job *job, const struct train_step *step, struct buf *out)
{
    buf_add_format(out, "  %4" PRIu64 "  %6" PRIu64 "  %7.0f", step->number, step->flips,
                   step->bytes);
    if (train_validation_count(job->train) > 0)
        buf_add_format(out, "  %+8.3f  %5zu",
                       step->validation.target - train_validation_before(job->train).target,
                       step->validation.targets_right);
    if (train_controls_judged(job->train) > 0)
        buf_add_format(out, "  %8.4f  %6zu", fabs(step->control), step->broken);
    buf_add_text(out, "\n");
}

/* All of a few points; of many a few, from the first to the last. */
void train_add_front(const struct train_job *job, struct buf *out)
{
    struct train_step *steps = NULL;
    bool *front = NULL;
    size_t count = train_steps_of(job, &steps, &front), points = 0, shown = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        points += front[i];
    size_t lines = points < FRONT_LINES ? points : FRONT_LINES;
    if (points > 0)
        buf_add_format(out, "\nnothing better at their price: %zu of %zu steps\n"
                            "  step   units    bytes%s%s\n", points, count,
                       train_validation_count(job->train) > 0 ? "      gain  right" : "",
                       train_controls_judged(job->train) > 0 ? "        KL  broken" : "");
    for (size_t i = 0; i < count; i++)
        if (front[i] && at++ == shown * (points - 1) / (lines > 1 ? lines - 1 : 1)) {
            add_point(job, &steps[i], out);
            shown++;
        }
    free(steps);
    free(front);
}

json_t *train_front_json(const struct train_job *job)
{
    struct train_step *steps = NULL;
    bool *front = NULL;
    size_t count = train_steps_of(job, &steps, &front);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++)
        if (front[i])
            (void)json_array_append_new(
                out,
                json_pack("{s:I, s:I, s:f, s:f, s:I, s:f, s:I}", "step",
                          (json_int_t)steps[i].number, "units", (json_int_t)steps[i].flips,
                          "bytes", steps[i].bytes, "gain",
                          steps[i].validation.target - train_validation_before(job->train).target,
                          "validation_right", (json_int_t)steps[i].validation.targets_right,
                          "control", steps[i].control, "broken", (json_int_t)steps[i].broken));
    free(steps);
    free(front);
    return out;
}

/* ---- the end ------------------------------------------------------------------------ */

void train_add_judged(const struct train_job *job, struct buf *out)
{
    if (job->base && job->answers) {
        buf_add_text(out, "\n");
        report_table(out, job->probes.heldout, job->base, job->answers);
        heldout_looks_text(out, &job->looks);
        buf_add_text(out, "\n");
    }
    if (job->null) {
        null_run_text(out, job->null, job->probes.heldout, job->base, job->answers);
        buf_add_text(out, "\n");
    }
    drift_text(&job->drift, out);
}

static void add_stop(const struct train_job *job, struct buf *out)
{
    buf_add_format(out, "\n%" PRIu64 " steps in %.1f s", train_steps(job->train), job->seconds);
    if (job->interrupted)
        buf_add_text(out, " (interrupted)");
    else if (train_stop(job->train) != TRAIN_STOP_NONE)
        buf_add_format(out, " (ended by: %s)", train_stop_name(train_stop(job->train)));
}

static uint64_t units_on_now(const struct train_job *job)
{
    uint64_t steps = train_steps(job->train);
    return steps > 0 ? train_step_at(job->train, steps)->flips : 0;
}

void train_print_end(const struct train_job *job)
{
    struct buf out = {0};
    add_stop(job, &out);
    if (!job->patch) {
        buf_add_text(&out, ", nothing was kept: no patch was written\n");
    } else {
        buf_add_format(&out, ", %" PRIu64 " units flipped, %zu bytes; patch: ",
                       units_on_now(job), patch_packed_bytes(job->patch).flips);
        text_visible(&out, job->output.data, job->output.len);
        buf_add_text(&out, "\n");
        train_add_front(job, &out);
    }
    train_add_judged(job, &out);
    print(&out);
}

void train_set_judged(const struct train_job *job, json_t *object)
{
    bool answered = job->base && job->answers;
    set(object, "patch",
        job->patch ? json_text(job->output.data, job->output.len) : json_null());
    set(object, "totals",
        answered ? report_totals_json(job->probes.heldout, job->base, job->answers)
                 : json_object());
    set(object, "categories",
        answered ? report_categories_json(job->probes.heldout, job->base, job->answers)
                 : json_object());
    if (answered)
        set(object, "heldout_looks", heldout_looks_json(&job->looks));
    set(object, "neutral", drift_json(&job->drift));
    if (job->null)
        set(object, "null",
            null_run_json(job->null, job->probes.heldout, job->base, job->answers));
}

void train_print_end_json(const struct train_job *job)
{
    json_t *object = json_object();
    uint64_t steps = train_steps(job->train);
    set(object, "event", json_string("done"));
    set(object, "steps", json_integer((json_int_t)steps));
    set(object, "units", json_integer((json_int_t)units_on_now(job)));
    set(object, "bytes", json_real(steps > 0 ? train_step_at(job->train, steps)->bytes : 0));
    set(object, "patch_bytes",
        job->patch ? json_integer((json_int_t)patch_packed_bytes(job->patch).flips)
                   : json_null());
    set(object, "seconds", json_real(job->seconds));
    set(object, "interrupted", json_boolean(job->interrupted));
    set(object, "ended_by", train_stop(job->train) == TRAIN_STOP_NONE
                                ? json_null()
                                : json_string(train_stop_name(train_stop(job->train))));
    set(object, "front", train_front_json(job));
    train_set_judged(job, object);
    cli_print_json(object, false);
}
