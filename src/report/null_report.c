/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "probes/statistics.h"
#include "src/base/json.h"
#include "src/report/null_run.h"
#include "src/report/null_score.h"
#include "src/report/report.h"

/* One number of the patch among those of the null models. */
struct place {
    double patch;
    const double *values; /* [draws] */
    struct spread spread;
    struct standing standing;
};

static struct place place_of(double patch, const double *values, size_t draws)
{
    return (struct place){
        .patch = patch,
        .values = values,
        .spread = statistics_spread(values, draws),
        .standing = statistics_standing(patch, values, draws),
    };
}

static struct place place_of_right(const struct null_run *run, const struct null_scores *scores,
                                   int kind, const struct probe_set *set,
                                   const struct evaluation *now)
{
    return place_of(null_score_right(set, scores->set, now), scores->right[kind], run->draws);
}

static struct place place_of_gap(const struct null_run *run, const struct null_scores *scores,
                                 int kind, const struct probe_set *set,
                                 const struct evaluation *base, const struct evaluation *now)
{
    return place_of(null_score_gap_change(set, scores->set, base, now), scores->gap_change[kind],
                    run->draws);
}

/* ---- text ------------------------------------------------------------------------------ */

static void add_rank(struct buf *out, const struct standing *standing)
{
    char rank[64];
    (void)snprintf(rank, sizeof rank, "%zu of %zu", standing->rank, standing->n + 1);
    buf_add_format(out, " %12s ", rank);
    report_p(out, standing->p);
    buf_add_text(out, "\n");
}

static void add_right(struct buf *out, enum null_kind kind, const struct place *place)
{
    buf_add_format(out, "  right, %-13s %9.0f %9.2f %9.0f %9.0f", null_kind_name(kind),
                   place->patch, place->spread.mean, place->spread.min, place->spread.max);
    add_rank(out, &place->standing);
}

static void add_gap(struct buf *out, enum null_kind kind, const struct place *place)
{
    if (isnan(place->patch) || place->spread.n == 0)
        return;
    buf_add_format(out, "  gap, %-15s %+9.3f %+9.3f %+9.3f %+9.3f", null_kind_name(kind),
                   place->patch, place->spread.mean, place->spread.min, place->spread.max);
    add_rank(out, &place->standing);
}

static void add_set(struct buf *out, const struct null_run *run, const struct null_scores *scores,
                    const struct probe_set *set, const struct evaluation *base,
                    const struct evaluation *now)
{
    report_cell(out, "", scores->set, 0);
    buf_add_text(out, "\n");
    for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
        struct place place = place_of_right(run, scores, kind, set, now);
        add_right(out, (enum null_kind)kind, &place);
    }
    for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
        struct place place = place_of_gap(run, scores, kind, set, base, now);
        add_gap(out, (enum null_kind)kind, &place);
    }
}

void null_run_text(struct buf *out, const struct null_run *run, const struct probe_set *set,
                   const struct evaluation *base, const struct evaluation *now)
{
    buf_add_format(out, "null models: %zu times %zu random flips in the patch's layers and "
                        "projections, seed %" PRIu64 "\n",
                   run->draws, run->flip_count, run->seed);
    buf_add_format(out, "%-22s %9s %9s %9s %9s %12s %6s\n", "", "patch", "mean", "least", "most",
                   "rank", "p");
    for (size_t i = 0; i < run->set_count; i++)
        add_set(out, run, &run->sets[i], set, base, now);
    buf_add_text(out, "rows drawn uniformly or by their mean scale; rank 1 is best; p: share of "
                      "all, the\npatch included, that are at least as good; gap: mean change, a "
                      "search signal\n");
}

/* ---- JSON ------------------------------------------------------------------------------- */

static json_t *place_json(const struct place *place, size_t draws)
{
    json_t *object = json_object(), *values = json_array();
    for (size_t i = 0; i < draws; i++)
        (void)json_array_append_new(values, report_real_json(place->values[i]));
    (void)json_object_set_new(object, "patch", report_real_json(place->patch));
    (void)json_object_set_new(object, "mean", report_real_json(place->spread.mean));
    (void)json_object_set_new(object, "min", report_real_json(place->spread.min));
    (void)json_object_set_new(object, "max", report_real_json(place->spread.max));
    (void)json_object_set_new(object, "rank", json_integer((json_int_t)place->standing.rank));
    (void)json_object_set_new(object, "of", json_integer((json_int_t)place->standing.n + 1));
    (void)json_object_set_new(object, "p", report_real_json(place->standing.p));
    (void)json_object_set_new(object, "values", values);
    return object;
}

static json_t *set_json(const struct null_run *run, const struct null_scores *scores,
                        const struct probe_set *set, const struct evaluation *base,
                        const struct evaluation *now)
{
    json_t *kinds = json_object();
    for (int kind = 0; kind < NULL_KIND_COUNT; kind++) {
        struct place right = place_of_right(run, scores, kind, set, now);
        struct place gap = place_of_gap(run, scores, kind, set, base, now);
        json_t *one = json_object();
        (void)json_object_set_new(one, "right", place_json(&right, run->draws));
        (void)json_object_set_new(one, "gap_change", place_json(&gap, run->draws));
        (void)json_object_set_new(kinds, null_kind_name((enum null_kind)kind), one);
    }
    return kinds;
}

json_t *null_run_json(const struct null_run *run, const struct probe_set *set,
                      const struct evaluation *base, const struct evaluation *now)
{
    json_t *object = json_object(), *sets = json_object();
    (void)json_object_set_new(object, "draws", json_integer((json_int_t)run->draws));
    (void)json_object_set_new(object, "flips", json_integer((json_int_t)run->flip_count));
    (void)json_object_set_new(object, "seed", json_integer((json_int_t)run->seed));
    for (size_t i = 0; i < run->set_count; i++) {
        json_t *name = json_text(run->sets[i].set, strlen(run->sets[i].set));
        (void)json_object_set_new(sets, json_string_value(name),
                                  set_json(run, &run->sets[i], set, base, now));
        json_decref(name);
    }
    (void)json_object_set_new(object, "sets", sets);
    return object;
}
