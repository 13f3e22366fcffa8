/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/train_look.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/train_file.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/search/train_job_int.h"

/* The job prints steps and front; nothing of it is run. */
struct look {
    struct train_file *file;
    struct train_file_facts facts;
    const struct train *train;
    const struct train_options *options;
    struct train_job job;
};

static void look_free(struct look *look)
{
    train_file_free(look->file);
    json_decref(look->job.settings);
}

static bool look_read(const char *path, struct look *look, struct err *err)
{
    *look = (struct look){.file = train_file_read(path, err)};
    if (!look->file)
        return false;
    const char *text = train_file_settings(look->file);
    look->facts = train_file_facts(look->file);
    look->train = train_file_saved(look->file);
    look->options = train_file_options(look->file);
    look->job.train = (struct train *)(uintptr_t)look->train; /* asked, not changed */
    look->job.settings = json_parse(text, strlen(text), path, err);
    if (look->job.settings)
        return true;
    look_free(look);
    return false;
}

/* What was written down of the command line; "" where it was not. */
static const char *word_of(const struct look *look, const char *key)
{
    const char *text = json_string_value(json_object_get(look->job.settings, key));
    return text ? text : "";
}

static const struct train_step *last_step(const struct look *look)
{
    uint64_t steps = train_steps(look->train);
    return steps > 0 ? train_step_at(look->train, steps) : NULL;
}

/* ---- as text ------------------------------------------------------------------------------ */

static void add_word(const struct look *look, const char *title, const char *key, struct buf *out)
{
    const char *text = word_of(look, key);
    if (!text[0])
        return;
    buf_add_format(out, "%-12s", title);
    text_visible(out, text, strlen(text));
    buf_add_text(out, "\n");
}

static void add_projs(const struct look *look, struct buf *out)
{
    for (int proj = 0, first = 1; proj < PROJ_LAYER_COUNT; proj++)
        if (look->options->projs >> proj & 1) {
            buf_add_format(out, "%s%s", first ? " of " : ", ", proj_name((enum proj)proj));
            first = 0;
        }
}

static void add_sizes(const struct look *look, struct buf *out)
{
    const struct train_options *options = look->options;
    buf_add_format(out, "probes      %zu targets (%zu set apart), %zu neighbours (%zu), %zu "
                        "controls (%zu judged)\nunits       ",
                   look->facts.targets - options->neighbours, train_validation_count(look->train),
                   options->neighbours, train_neighbours_count(look->train), look->facts.controls,
                   train_controls_judged(look->train));
    train_add_unit(out, options->chunk);
    add_projs(look, out);
    buf_add_format(out, "; the model has %" PRIu64 "\n", look->facts.units);
}

static void add_options(const struct look *look, struct buf *out)
{
    const struct train_options *options = look->options;
    buf_add_format(out,
                   "options     ranked by %s, objective %s, seed %" PRIu64 ", minibatches of %zu "
                   "targets and %zu controls\n            control weight %g, price %g, %zu to %zu "
                   "flips a step\nlimits      %" PRIu64 " steps",
                   ranking_name(options->ranking), item_objective_name(options->objective),
                   options->seed, options->batch_targets, options->batch_controls,
                   options->control_weight, options->price, options->first_k, options->most_k,
                   options->steps);
    if (options->bytes_max > 0)
        buf_add_format(out, ", %.0f bytes", options->bytes_max);
    if (options->patience > 0)
        buf_add_format(out, ", %" PRIu64 " steps without a gain", options->patience);
    if (options->broken_max != TRAIN_NO_LIMIT)
        buf_add_format(out, ", %zu broken controls", options->broken_max);
    if (options->broken_share_max < 1)
        buf_add_format(out, ", %g %% broken controls", 100 * options->broken_share_max);
    buf_add_text(out, "\n");
}

static void add_gain(const char *title, struct objective before, struct objective now,
                     size_t count, struct buf *out)
{
    if (count > 0)
        buf_add_format(out, "%-12s%zu -> %zu of %zu right, log p %+.3f -> %+.3f\n", title,
                       before.targets_right, now.targets_right, count, before.target, now.target);
}

static void add_steps(const struct look *look, struct buf *out)
{
    const struct train_step *last = last_step(look);
    size_t kept = 0;
    for (uint64_t i = 1; i <= train_steps(look->train); i++)
        kept += train_step_at(look->train, i)->kept;
    buf_add_format(out,
                   "steps       %" PRIu64 ", %zu flips kept; %" PRIu64 " units on, %.0f bytes\n",
                   train_steps(look->train), kept, last ? last->flips : 0, last ? last->bytes : 0);
    if (last) {
        add_gain("validation", train_validation_before(look->train), last->validation,
                 train_validation_count(look->train), out);
        add_gain("neighbours", train_neighbours_before(look->train), last->neighbours,
                 train_neighbours_count(look->train), out);
    }
    if (last && train_controls_judged(look->train) > 0)
        buf_add_format(out, "controls    %zu of %zu broken, KL %.4f\n", last->broken,
                       train_controls_judged(look->train), fabs(last->control));
    if (look->facts.stop == TRAIN_STOP_NONE)
        buf_add_text(out, "ended by    nothing yet\n");
    else
        buf_add_format(out, "ended by    %s\n", train_stop_name(look->facts.stop));
}

static void show_text(const struct look *look, const char *path)
{
    struct buf out = {0};
    buf_add_text(&out, "kind        training\n");
    add_word(look, "model", "model", &out);
    buf_add_format(&out, "sha256      %s\n", look->facts.model_sha256);
    add_word(look, "made by", "program", &out);
    add_word(look, "targets", "targets", &out);
    add_word(look, "neighbours", "neighbours", &out);
    add_word(look, "controls", "controls", &out);
    add_word(look, "held-out", "heldout", &out);
    add_word(look, "patch", "output", &out);
    add_sizes(look, &out);
    add_options(look, &out);
    add_steps(look, &out);
    train_add_front(&look->job, &out);
    buf_add_text(&out, "\nthe patch after step N: bankai train --resume ");
    text_visible(&out, path, strlen(path));
    buf_add_text(&out, " --point N -o PATCH\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* ---- as JSON ------------------------------------------------------------------------------- */

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *limit_json(size_t limit)
{
    return limit == TRAIN_NO_LIMIT ? json_null() : json_integer((json_int_t)limit);
}

static json_t *options_json(const struct train_options *options)
{
    json_t *object = json_object(), *projs = json_array();
    for (int proj = 0; proj < PROJ_LAYER_COUNT; proj++)
        if (options->projs >> proj & 1)
            (void)json_array_append_new(projs, json_string(proj_name((enum proj)proj)));
    set(object, "unit", options->chunk == UNITS_ROWS ? json_string("row")
                                                     : json_integer(options->chunk));
    set(object, "proj", projs);
    set(object, "rank", json_string(ranking_name(options->ranking)));
    set(object, "objective", json_string(item_objective_name(options->objective)));
    set(object, "batch", json_integer((json_int_t)options->batch_targets));
    set(object, "batch_controls", json_integer((json_int_t)options->batch_controls));
    set(object, "control_weight", json_real(options->control_weight));
    set(object, "price", json_real(options->price));
    set(object, "flips", json_integer((json_int_t)options->first_k));
    set(object, "flips_max", json_integer((json_int_t)options->most_k));
    set(object, "steps", json_integer((json_int_t)options->steps));
    set(object, "bytes", options->bytes_max > 0 ? json_real(options->bytes_max) : json_null());
    set(object, "patience", json_integer((json_int_t)options->patience));
    set(object, "max_broken", limit_json(options->broken_max));
    set(object, "max_broken_share", json_real(options->broken_share_max));
    set(object, "seed", json_integer((json_int_t)options->seed));
    return object;
}

static json_t *gain_json(struct objective before, struct objective now, size_t count)
{
    return json_pack("{s:I, s:I, s:I, s:f, s:f}", "n", (json_int_t)count, "right_base",
                     (json_int_t)before.targets_right, "right_now", (json_int_t)now.targets_right,
                     "log_prob_base", before.target, "log_prob_now", now.target);
}

static void set_steps(const struct look *look, json_t *object)
{
    static const struct train_step none = {0};
    const struct train_step *last = last_step(look);
    struct objective before = train_validation_before(look->train),
                     beside = train_neighbours_before(look->train);
    json_int_t judged = (json_int_t)train_controls_judged(look->train), kept = 0;
    for (uint64_t i = 1; i <= train_steps(look->train); i++)
        kept += (json_int_t)train_step_at(look->train, i)->kept;
    const struct train_step *now = last ? last : &none;
    set(object, "steps", json_integer((json_int_t)train_steps(look->train)));
    set(object, "kept", json_integer(kept));
    set(object, "units_on", json_integer((json_int_t)now->flips));
    set(object, "bytes", json_real(now->bytes));
    set(object, "validation", gain_json(before, last ? last->validation : before,
                                        train_validation_count(look->train)));
    set(object, "neighbours", gain_json(beside, last ? last->neighbours : beside,
                                        train_neighbours_count(look->train)));
    set(object, "judged", json_pack("{s:I, s:I, s:f}", "n", judged, "broken",
                                    (json_int_t)now->broken, "kl", now->control));
    set(object, "ended_by", look->facts.stop == TRAIN_STOP_NONE
                                ? json_null()
                                : json_string(train_stop_name(look->facts.stop)));
    set(object, "front", train_front_json(&look->job));
}

static void show_json(const struct look *look)
{
    json_t *object = json_object();
    set(object, "kind", json_string("training"));
    set(object, "model_sha256", json_string(look->facts.model_sha256));
    (void)json_object_set(object, "settings", look->job.settings);
    set(object, "options", options_json(look->options));
    set(object, "targets",
        json_integer((json_int_t)(look->facts.targets - look->options->neighbours)));
    set(object, "neighbour_targets", json_integer((json_int_t)look->options->neighbours));
    set(object, "controls", json_integer((json_int_t)look->facts.controls));
    set(object, "units", json_integer((json_int_t)look->facts.units));
    set_steps(look, object);
    cli_print_json(object, true);
}

/* ---- all ----------------------------------------------------------------------------------- */

int train_look_show(const char *path, bool json, struct err *err)
{
    struct look look;
    if (!look_read(path, &look, err))
        return cli_fail(err);
    if (json)
        show_json(&look);
    else
        show_text(&look, path);
    look_free(&look);
    return EXIT_DONE;
}

int train_look_log(const char *path, bool json, struct err *err)
{
    struct look look;
    if (!look_read(path, &look, err))
        return cli_fail(err);
    for (uint64_t i = 1; i <= train_steps(look.train) && !atomic_load(&cli_cancel); i++) {
        const struct train_step *step = train_step_at(look.train, i);
        if (json)
            cli_print_json(train_step_json(&look.job, step), false);
        else
            train_print_step(&look.job, step);
    }
    look_free(&look);
    return EXIT_DONE;
}

int train_look_check(const char *path, bool json, struct err *err)
{
    struct look look;
    if (!look_read(path, &look, err))
        return cli_fail(err);
    look_free(&look);
    if (json)
        cli_print_json(json_pack("{s:b, s:s}", "ok", 1, "reasons", ""), true);
    else
        cli_print_text("the session is whole\n", 21);
    return EXIT_DONE;
}
