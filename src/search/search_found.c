/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_found.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/bfs.h"
#include "engine/search/joint.h"
#include "engine/search/starts.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"
#include "src/search/search_from.h"

bool search_found_check(const struct search_found_request *request, enum search_method method,
                        struct err *err)
{
    if ((request->stack || request->search_alone) && method != SEARCH_JOINT)
        return err_set(err, ERR_USAGE, "%s is for --method joint, found %s",
                       request->stack ? "--stack" : "--compare-stacking",
                       search_method_name(method));
    return true;
}

/* ---- the front ----------------------------------------------------------------------- */

static json_t *flips_json(const struct flip_bag *bag)
{
    json_t *flips = json_array();
    for (size_t i = 0; i < bag->count; i++)
        (void)json_array_append_new(flips, report_flip_json(&bag->flips[i]));
    return flips;
}

static json_t *values_json(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, report_real_json(values[i]));
    return array;
}

static json_t *point_json(const struct front_point *point, size_t domains,
                          const struct flip_bag *on)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "candidate", json_integer((json_int_t)point->number));
    (void)json_object_set_new(object, "fitness", values_json(point->values, domains));
    (void)json_object_set_new(object, "flips", flips_json(&point->bag));
    (void)json_object_set_new(object, "on", json_boolean(flip_bag_equal(&point->bag, on)));
    return object;
}

static bool add_front(json_t *found, struct search *search, struct err *err)
{
    const struct front *front = search_front(search, &cli_cancel, err);
    size_t count = 0, domains = search_domains(search);
    const struct flip *flips = search_accepted(search, &count);
    json_t *names = json_array(), *points = json_array();
    struct flip_bag on = {0};
    flip_bag_xor(&on, flips, count);
    for (size_t i = 0; i < domains; i++) {
        const char *name = search_domain_name(search, i);
        (void)json_array_append_new(names, json_text(name, strlen(name)));
    }
    for (size_t i = 0; front && i < front->count; i++)
        (void)json_array_append_new(points, point_json(&front->points[i], domains, &on));
    (void)json_object_set_new(found, "domains", names);
    (void)json_object_set_new(found, "front", points);
    flip_bag_free(&on);
    return front != NULL;
}

/* ---- stacking --------------------------------------------------------------------------- */

struct stacking {
    struct search *search;
    struct model *model;
    const struct search_inputs *probes;
    const struct search_options *options;
    json_t *rows;
    struct flip_bag all; /* the stack */
    double *values;      /* [domains] of the last row */
};

/* What the flips do to each domain, on a model without others. */
static bool add_row(struct stacking *stacking, const char *name, const struct flip_bag *bag,
                    struct err *err)
{
    struct search *search = stacking->search;
    size_t probes = stacking->probes->targets->count + stacking->probes->controls->count;
    double *gaps = x_new(probes, sizeof *gaps), fitness = 0;
    memcpy(gaps, search_gaps_before(search), probes * sizeof *gaps);
    bool ok = bag->count == 0 || search_measure_alone(search, bag->flips, bag->count, gaps,
                                                      &fitness, &cli_cancel, err);
    if (ok) {
        json_t *row = json_object();
        search_domain_values(search, gaps, stacking->values);
        (void)json_object_set_new(row, "name", json_text(name, strlen(name)));
        (void)json_object_set_new(row, "fitness",
                                  values_json(stacking->values, search_domains(search)));
        (void)json_object_set_new(row, "flips", flips_json(bag));
        (void)json_array_append_new(stacking->rows, row);
    }
    free(gaps);
    return ok;
}

static bool add_patches(struct stacking *stacking, const char *paths, struct err *err)
{
    struct buf starts = {0};
    struct flip_bag bag = {0};
    bool ok = search_from_read(paths, stacking->model, &starts, err);
    size_t count = ok ? starts_count(starts.data) : 0;
    for (size_t i = 0; ok && i < count; i++) {
        char *path = x_copy(paths, strcspn(paths, ","));
        ok = starts_read(starts.data, i, stacking->model, &bag, err) &&
             add_row(stacking, path, &bag, err);
        flip_bag_xor(&stacking->all, bag.flips, bag.count);
        paths += strlen(path) + (i + 1 < count);
        free(path);
    }
    flip_bag_free(&bag);
    buf_free(&starts);
    return ok;
}

static void flip_all(struct model *model, const struct flip *flips, size_t count)
{
    for (size_t i = 0; i < count; i++)
        model_flip(model, &flips[i]);
}

/* Guided, for these targets alone; the model is as before when it returns. */
static bool search_for(struct stacking *stacking, const struct probe_set *targets,
                       struct flip_bag *out, struct err *err)
{
    struct search_options options = *stacking->options;
    struct search_try tried;
    struct progress line;
    uint64_t tries = search_tried(stacking->search) / search_domains(stacking->search);
    options.method = SEARCH_GUIDED;
    options.starts = NULL;
    options.iterations = tries > 0 ? tries : 1;
    progress_start(&line, "searching for one domain alone", options.iterations);
    struct search *search = search_new(stacking->model, targets, stacking->probes->controls,
                                       &options, &cli_cancel, err);
    enum search_status status = SEARCH_FAILED;
    size_t count = 0;
    while (search &&
           (status = search_step(search, &tried, &cli_cancel, err)) == SEARCH_TRIED)
        progress_update(&line, tried.number, targets->probes[0].set);
    progress_end(&line);
    out->count = 0;
    const struct flip *flips = search ? search_accepted(search, &count) : NULL;
    flip_all(stacking->model, flips, count);
    flip_bag_xor(out, flips, count);
    search_free(search);
    return status == SEARCH_FINISHED;
}

/* The targets of one domain, texts borrowed; the caller frees the probes. */
static struct probe_set domain_targets(const struct probe_set *targets, const char *domain)
{
    struct probe_set one = *targets;
    one.probes = x_new(targets->count, sizeof *one.probes);
    one.count = 0;
    for (size_t i = 0; i < targets->count; i++)
        if (strcmp(targets->probes[i].set, domain) == 0)
            one.probes[one.count++] = targets->probes[i];
    return one;
}

static bool search_domain(struct stacking *stacking, const char *domain, struct flip_bag *out,
                          struct err *err)
{
    struct probe_set targets = domain_targets(stacking->probes->targets, domain);
    size_t count = 0;
    const struct flip *on = search_accepted(stacking->search, &count);
    flip_all(stacking->model, on, count);
    bool ok = search_for(stacking, &targets, out, err);
    flip_all(stacking->model, on, count);
    free(targets.probes);
    return ok;
}

static bool add_searches(struct stacking *stacking, struct err *err)
{
    struct flip_bag bag = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < search_domains(stacking->search); i++) {
        const char *domain = search_domain_name(stacking->search, i);
        struct buf name = {0};
        buf_add_format(&name, "%s alone", domain);
        ok = search_domain(stacking, domain, &bag, err) &&
             add_row(stacking, name.data, &bag, err);
        flip_bag_xor(&stacking->all, bag.flips, bag.count);
        buf_free(&name);
    }
    flip_bag_free(&bag);
    return ok;
}

/* Points of the front that no domain is worse off with than with the stack. */
static json_t *above(struct search *search, const double *stack, struct err *err)
{
    const struct front *front = search_front(search, &cli_cancel, err);
    json_t *numbers = json_array();
    for (size_t i = 0; front && i < front->count; i++)
        if (front_dominates(front->points[i].values, stack, front->dimensions))
            (void)json_array_append_new(numbers,
                                        json_integer((json_int_t)front->points[i].number));
    return numbers;
}

static bool add_stacking(json_t *found, struct stacking *stacking,
                         const struct search_found_request *request, struct err *err)
{
    if (!request->stack && !request->search_alone)
        return true;
    stacking->rows = json_array();
    stacking->values = x_new(search_domains(stacking->search), sizeof *stacking->values);
    bool ok = (!request->stack || add_patches(stacking, request->stack, err)) &&
              (!request->search_alone || add_searches(stacking, err)) &&
              add_row(stacking, "stacked", &stacking->all, err);
    (void)json_object_set_new(found, "stacking", stacking->rows);
    if (ok)
        (void)json_object_set_new(found, "above_stack",
                                  above(stacking->search, stacking->values, err));
    flip_bag_free(&stacking->all);
    free(stacking->values);
    return ok;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static bool add_check(json_t *found, struct search *search, struct err *err)
{
    struct search_check check;
    if (!search_check(search, &check, &cli_cancel, err))
        return false;
    json_t *object = json_object();
    (void)json_object_set_new(object, "units", json_integer((json_int_t)check.count));
    (void)json_object_set_new(object, "spearman", report_real_json(check.spearman));
    (void)json_object_set_new(found, "check", object);
    return true;
}

json_t *search_found(struct search *search, struct model *model,
                     const struct search_inputs *probes, const struct search_options *options,
                     const struct search_found_request *request, struct err *err)
{
    json_t *found = json_object();
    struct stacking stacking = {
        .search = search, .model = model, .probes = probes, .options = options};
    bool ok = true;
    if (options->method == SEARCH_BFS)
        ok = add_check(found, search, err);
    if (options->method == SEARCH_JOINT)
        ok = add_front(found, search, err) && add_stacking(found, &stacking, request, err);
    if (ok)
        return found;
    json_decref(found);
    return NULL;
}

/* ---- as text --------------------------------------------------------------------------------- */

enum { COLUMN = 16 };

static void add_values(struct buf *out, const json_t *row)
{
    const json_t *values = json_object_get(row, "fitness");
    for (size_t i = 0; i < json_array_size(values); i++)
        buf_add_format(out, " %+*.4f", COLUMN - 1, json_number_value(json_array_get(values, i)));
    buf_add_format(out, "  %5zu", json_array_size(json_object_get(row, "flips")));
}

static void add_head(struct buf *out, const json_t *found, const char *first)
{
    const json_t *names = json_object_get(found, "domains");
    buf_add_format(out, "%-28s", first);
    for (size_t i = 0; i < json_array_size(names); i++) {
        struct buf name = {0};
        const char *text = json_string_value(json_array_get(names, i));
        text_visible(&name, text, strlen(text));
        buf_add_format(out, " %*.*s", COLUMN - 1, COLUMN - 1, name.data);
        buf_free(&name);
    }
    buf_add_text(out, "  flips\n");
}

static void front_text(struct buf *out, const json_t *found)
{
    const json_t *front = json_object_get(found, "front");
    buf_add_format(out, "\nPareto front of all that was tried: %zu patch%s, fitness by domain "
                        "(a search signal)\n",
                   json_array_size(front), json_array_size(front) == 1 ? "" : "es");
    add_head(out, found, "candidate");
    for (size_t i = 0; i < json_array_size(front); i++) {
        const json_t *point = json_array_get(front, i);
        json_int_t number = json_integer_value(json_object_get(point, "candidate"));
        bool on = json_is_true(json_object_get(point, "on"));
        char label[64];
        (void)snprintf(label, sizeof label, "%" JSON_INTEGER_FORMAT "%s%s", number,
                       number == 0 ? " (as it began)" : "", on ? " (the patch)" : "");
        buf_add_format(out, "%-28s", label);
        add_values(out, point);
        buf_add_text(out, "\n");
    }
}

static void stacking_text(struct buf *out, const json_t *found)
{
    const json_t *rows = json_object_get(found, "stacking");
    buf_add_text(out, "\npatches for one domain, alone and stacked\n");
    add_head(out, found, "patch");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *text = json_string_value(json_object_get(row, "name"));
        struct buf name = {0};
        text_visible(&name, text, strlen(text));
        buf_add_format(out, "%-28.28s", name.data);
        add_values(out, row);
        buf_add_text(out, "\n");
        buf_free(&name);
    }
    buf_add_format(out, "%zu of the front's patches are better than the stack for a domain and "
                        "worse for none\n",
                   json_array_size(json_object_get(found, "above_stack")));
}

static void check_text(struct buf *out, const json_t *check)
{
    const json_t *spearman = json_object_get(check, "spearman");
    buf_add_format(out, "\n%" JSON_INTEGER_FORMAT " random flips: rank correlation (Spearman) of "
                        "predicted and measured |change| ",
                   json_integer_value(json_object_get(check, "units")));
    if (json_is_number(spearman))
        buf_add_format(out, "%.3f\n", json_number_value(spearman));
    else
        buf_add_text(out, "unknown\n");
}

void search_found_text(struct buf *out, const json_t *found)
{
    const json_t *check = json_object_get(found, "check");
    if (check)
        check_text(out, check);
    if (json_object_get(found, "front"))
        front_text(out, found);
    if (json_object_get(found, "stacking"))
        stacking_text(out, found);
}
