/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How far a search came is noted in the record now and then, as the unit "NAME so far";
 * going on is to the bit what would have followed (search_resume).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/json_field.h"
#include "src/experiment/lab.h"

struct search_options lab_search_options(const struct lab *lab, const struct hunt *hunt)
{
    struct search_options options = search_default_options();
    options.layers = lab->settings.layers;
    options.layer_count = lab->settings.layer_count;
    options.projs = hunt->projs;
    options.iterations = hunt->iterations;
    options.metric = hunt->metric;
    options.seed = lab->settings.seed + hunt->seed_added;
    options.threads = lab->settings.threads;
    options.early_stop = true;
    return options;
}

/* A candidate restarts at its own layer, half-way on average, and many are given up on
 * their targets. */
static double candidate_tokens(const struct lab *lab, const struct hunt *hunt)
{
    return (lab_gap_tokens(lab, hunt->targets) + lab_gap_tokens(lab, hunt->controls)) / 2;
}

double lab_hunt_tokens(const struct lab *lab, const struct hunt *hunt)
{
    return candidate_tokens(lab, hunt) * (double)hunt->iterations;
}

/* ---- how far it came --------------------------------------------------------------- */

static const char *so_far(const struct hunt *hunt, char name[LAB_NAME_MAX])
{
    return lab_name(name, "%s so far", hunt->unit);
}

static size_t probe_count(const struct hunt *hunt)
{
    return hunt->targets->count + hunt->controls->count;
}

/* The gaps with each accepted flip: only those of the last are needed to go on. */
static json_t *far_json(const struct search *search, const struct hunt *hunt)
{
    size_t count = 0;
    const struct flip *accepted = search_accepted(search, &count);
    const struct flips flips = {(struct flip *)accepted, count};
    json_t *object = json_object();
    (void)json_object_set_new(object, "tried", json_integer((json_int_t)search_tried(search)));
    (void)json_object_set_new(object, "screened",
                              json_integer((json_int_t)search_screened(search)));
    (void)json_object_set_new(object, "flips", flips_json(&flips));
    (void)json_object_set_new(object, "history", gaps_json(search_history(search), count));
    (void)json_object_set_new(object, "before",
                              gaps_json(search_gaps_before(search), probe_count(hunt)));
    (void)json_object_set_new(object, "now",
                              gaps_json(search_gaps_now(search), probe_count(hunt)));
    return object;
}

struct past { /* owns what search_past borrows */
    struct search_past past;
    struct flips flips;
    double *before, *history, *gaps;
};

static void past_free(struct past *past)
{
    flips_free(&past->flips);
    free(past->before);
    free(past->history);
    free(past->gaps);
}

/* The gaps below the last flip are those of nobody: a search is never undone here. */
static bool past_read(struct past *past, const struct lab *lab, const struct hunt *hunt,
                      const json_t *far, struct err *err)
{
    size_t probes = probe_count(hunt);
    int64_t tried = 0, screened = 0;
    *past = (struct past){0};
    if (!flips_read(json_object_get(far, "flips"), lab->model, &past->flips, err) ||
        !json_field_int(far, "", "tried", 0, (int64_t)hunt->iterations, &tried, err) ||
        !json_field_int(far, "", "screened", 0, tried, &screened, err))
        return false;
    size_t count = past->flips.count;
    past->before = x_new(probes, sizeof *past->before);
    past->history = x_new(count + 1, sizeof *past->history);
    past->gaps = x_new((count + 1) * probes, sizeof *past->gaps);
    double *last = past->gaps + (count > 0 ? count - 1 : 0) * probes;
    past->past = (struct search_past){
        .gaps_before = past->before,
        .tried = (uint64_t)tried,
        .screened = (uint64_t)screened,
        .accepted = past->flips.data,
        .fitness = past->history,
        .gaps = past->gaps,
        .accepted_count = count,
    };
    return (gaps_read(json_object_get(far, "before"), past->before, probes) &&
            gaps_read(json_object_get(far, "history"), past->history, count) &&
            gaps_read(json_object_get(far, "now"), last, probes) && count <= (size_t)tried) ||
           err_set(err, ERR_FORMAT, "unit %s of the record is damaged", hunt->unit);
}

static struct search *begin(struct lab *lab, const struct hunt *hunt, struct err *err)
{
    char name[LAB_NAME_MAX];
    struct search_options options = lab_search_options(lab, hunt);
    const json_t *far = record_get(lab->record, so_far(hunt, name));
    if (!far)
        return search_new(lab->model, hunt->targets, hunt->controls, &options, lab->cancel, err);
    struct past past;
    struct state_name before = model_state(lab->model);
    struct search *search =
        past_read(&past, lab, hunt, far, err)
            ? search_resume(lab->model, hunt->targets, hunt->controls, &options, &past.past,
                            lab->cancel, err)
            : NULL;
    if (!search && !state_name_equal(before, model_state(lab->model)))
        flips_toggle(&past.flips, lab->model); /* it failed behind putting them on */
    past_free(&past);
    if (search)
        lab_progress(lab, hunt->unit, candidate_tokens(lab, hunt) * (double)search_tried(search));
    return search;
}

static bool note(struct lab *lab, const struct hunt *hunt, const struct search *search,
                 struct err *err)
{
    char name[LAB_NAME_MAX];
    return record_put(lab->record, so_far(hunt, name), far_json(search, hunt), err);
}

/* ---- the unit ---------------------------------------------------------------------- */

static bool step_all(struct lab *lab, const struct hunt *hunt, struct search *search,
                     struct err *err)
{
    double noted = clock_seconds();
    struct search_try tried;
    for (;;) {
        enum search_status status = search_step(search, &tried, lab->cancel, err);
        if (status == SEARCH_FINISHED)
            return true;
        if (status == SEARCH_FAILED) {
            struct err ignored = {0}; /* the first failure is the one to tell */
            (void)note(lab, hunt, search, &ignored);
            return false;
        }
        lab_progress(lab, hunt->unit, candidate_tokens(lab, hunt));
        if (clock_seconds() - noted < lab->save_seconds)
            continue;
        if (!note(lab, hunt, search, err))
            return false;
        noted = clock_seconds();
    }
}

/* What the search leaves, with its flips off. */
static json_t *take_result(struct lab *lab, struct search *search)
{
    size_t count = 0;
    const struct flip *accepted = search_accepted(search, &count);
    const struct flips flips = {(struct flip *)accepted, count};
    json_t *object = json_object();
    (void)json_object_set_new(object, "flips", flips_json(&flips));
    (void)json_object_set_new(object, "fitness", json_real(search_fitness(search)));
    (void)json_object_set_new(object, "tried", json_integer((json_int_t)search_tried(search)));
    (void)json_object_set_new(object, "screened",
                              json_integer((json_int_t)search_screened(search)));
    (void)json_object_set_new(object, "accepted", json_integer((json_int_t)count));
    flips_toggle(&flips, lab->model);
    return object;
}

static json_t *work(struct lab *lab, const void *request, struct err *err)
{
    const struct hunt *hunt = request;
    struct search *search = begin(lab, hunt, err);
    if (!search)
        return NULL;
    bool ok = step_all(lab, hunt, search, err);
    json_t *result = take_result(lab, search);
    search_free(search);
    if (ok)
        return result;
    json_decref(result);
    return NULL;
}

bool lab_hunt(struct lab *lab, const struct hunt *hunt, struct err *err)
{
    struct flips flips = {0};
    bool ok = lab_unit(lab, hunt->unit, lab_hunt_tokens(lab, hunt), work, hunt, err) &&
              lab_hunted(lab, hunt->unit, &flips, err);
    flips_free(&flips);
    return ok;
}

bool lab_hunted(const struct lab *lab, const char *unit, struct flips *out, struct err *err)
{
    return flips_read(json_object_get(lab_result(lab, unit), "flips"), lab->model, out, err);
}
