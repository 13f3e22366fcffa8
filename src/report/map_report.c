/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/map_report.h"

#include <inttypes.h>
#include <math.h>

#include "src/cli/metric_option.h"
#include "src/report/report.h"

/* ---- text ---------------------------------------------------------------------------- */

static const char *column_name(enum flip_map_what what)
{
    return what == FLIP_MAP_SCALE ? "scale" : what == FLIP_MAP_IMPACT ? "impact" : "predicted";
}

static void add_head(struct buf *out, const struct map_report *report)
{
    const struct flip_map *map = report->map;
    const struct flip_map_options *options = report->options;
    buf_add_format(out, "%s of %" PRIu64 " %ss in %zu matrices", flip_map_what_name(options->what),
                   map->units, granularity_name(options->units.granularity), map->matrix_count);
    if (report->targets > 0)
        buf_add_format(out,
                       "; %zu targets, %zu controls, %zu tokens; predicted in %.2f s, evaluated "
                       "once in %.2f s\n",
                       report->targets, report->controls, map->tokens, map->seconds,
                       map->seconds_forward);
    else
        buf_add_text(out, "\n");
    if (report->targets == 0)
        return;
    buf_add_text(out, "predicted and measured changes of the fitness are a search signal, not a "
                      "result: ");
    struct goal goal = flip_map_goal(options);
    goals_text(out, &goal);
}

/* Of fitness: what bits do is smaller. */
static int digits_of(const struct map_report *report)
{
    return report->options->units.granularity == GRANULARITY_BIT ? 6 : 4;
}

static void add_measured(struct buf *out, double measured, int digits)
{
    if (isnan(measured))
        buf_add_text(out, "          -");
    else
        buf_add_format(out, "  %+9.*f", digits, measured);
}

static void add_top(struct buf *out, const struct map_report *report)
{
    const struct flip_map *map = report->map;
    int digits = digits_of(report);
    buf_add_format(out, "\n rank  flip                                 %9s   measured\n",
                   column_name(report->options->what));
    for (size_t i = 0; i < map->top_count; i++) {
        struct buf flip = {0};
        report_flip_text(&flip, &map->top[i].flip);
        buf_add_format(out, "%5zu  %-36s %+9.*f", i + 1, flip.data, digits, map->top[i].value);
        add_measured(out, map->top[i].measured, digits);
        buf_add_text(out, "\n");
        buf_free(&flip);
    }
}

static void add_rank(struct buf *out, double spearman)
{
    if (isnan(spearman))
        buf_add_text(out, "       -");
    else
        buf_add_format(out, "  %+6.3f", spearman);
}

static void add_matrices(struct buf *out, const struct map_report *report)
{
    const struct flip_map *map = report->map;
    int digits = digits_of(report);
    buf_add_text(out, "\nmatrix              units  positive      least       mean       most  "
                      "measured   rank\n");
    for (size_t i = 0; i < map->matrix_count; i++) {
        const struct flip_map_matrix *matrix = &map->matrices[i];
        char name[32];
        if (matrix->layer == NO_LAYER)
            (void)snprintf(name, sizeof name, "%s", proj_name(matrix->proj));
        else
            (void)snprintf(name, sizeof name, "L%d %s", (int)matrix->layer,
                           proj_name(matrix->proj));
        buf_add_format(out, "%-14s %10" PRIu64 " %9" PRIu64 "  %+9.*f  %+9.*f  %+9.*f  %8zu", name,
                       matrix->units, matrix->positive, digits, matrix->least, digits,
                       matrix->mean, digits, matrix->most, matrix->sample_count);
        add_rank(out, matrix->spearman);
        buf_add_text(out, "\n");
    }
}

static void add_projs(struct buf *out, const struct map_report *report)
{
    if (report->options->exact == 0)
        return;
    buf_add_text(out, "\nrank correlation (Spearman) with what was measured, all layers:");
    for (enum proj proj = 0; proj < PROJ_COUNT; proj++)
        if (!isnan(report->map->by_proj[proj]))
            buf_add_format(out, "  %s %.3f", proj_name(proj), report->map->by_proj[proj]);
    buf_add_text(out, "\n");
}

void map_report_text(struct buf *out, const struct map_report *report)
{
    add_head(out, report);
    add_top(out, report);
    add_matrices(out, report);
    add_projs(out, report);
}

/* ---- JSON ----------------------------------------------------------------------------- */

static json_t *unit_json(const struct flip_map_unit *unit, const char *name)
{
    json_t *object = report_flip_json(&unit->flip);
    (void)json_object_set_new(object, name, json_real(unit->value));
    (void)json_object_set_new(object, "measured", report_real_json(unit->measured));
    return object;
}

static json_t *units_json(const struct flip_map_unit *units, size_t count, const char *name)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, unit_json(&units[i], name));
    return array;
}

static json_t *matrix_json(const struct map_report *report, const struct flip_map_matrix *matrix)
{
    json_t *bins = json_array();
    for (size_t i = 0; i < FLIP_MAP_BINS; i++)
        (void)json_array_append_new(bins, json_integer((json_int_t)matrix->bins[i]));
    json_t *object = json_pack("{s:i, s:s, s:I, s:I, s:f, s:f, s:f, s:o}", "layer",
                               (int)matrix->layer, "proj", proj_name(matrix->proj), "units",
                               (json_int_t)matrix->units, "positive", (json_int_t)matrix->positive,
                               "least", matrix->least, "mean", matrix->mean, "most", matrix->most,
                               "histogram", bins);
    (void)json_object_set_new(object, "spearman", report_real_json(matrix->spearman));
    (void)json_object_set_new(object, "samples",
                              units_json(report->map->samples + matrix->sample_first,
                                         matrix->sample_count,
                                         column_name(report->options->what)));
    return object;
}

static json_t *projs_json(const struct flip_map *map)
{
    json_t *object = json_object();
    for (enum proj proj = 0; proj < PROJ_COUNT; proj++)
        if (!isnan(map->by_proj[proj]))
            (void)json_object_set_new(object, proj_name(proj), json_real(map->by_proj[proj]));
    return object;
}

json_t *map_report_json(const struct map_report *report)
{
    const struct flip_map *map = report->map;
    const struct flip_map_options *options = report->options;
    json_t *object = json_object(), *matrices = json_array(), *edges = json_array();
    for (size_t i = 0; i < map->matrix_count; i++)
        (void)json_array_append_new(matrices, matrix_json(report, &map->matrices[i]));
    for (size_t i = 0; i < FLIP_MAP_BINS - 1; i++)
        (void)json_array_append_new(edges, json_real(flip_map_bin_edges[i]));
    (void)json_object_set_new(object, "what", json_string(flip_map_what_name(options->what)));
    (void)json_object_set_new(object, "granularity",
                              json_string(granularity_name(options->units.granularity)));
    struct goal goal = flip_map_goal(options);
    goals_json(object, &goal);
    (void)json_object_set_new(object, "units", json_integer((json_int_t)map->units));
    (void)json_object_set_new(object, "tokens", json_integer((json_int_t)map->tokens));
    (void)json_object_set_new(object, "seconds", json_real(map->seconds));
    (void)json_object_set_new(object, "seconds_forward", json_real(map->seconds_forward));
    (void)json_object_set_new(object, "top",
                              units_json(map->top, map->top_count, column_name(options->what)));
    (void)json_object_set_new(object, "histogram_edges", edges);
    (void)json_object_set_new(object, "matrices", matrices);
    (void)json_object_set_new(object, "spearman", projs_json(map));
    return object;
}

/* ---- CSV ------------------------------------------------------------------------------- */

/* The only one of its mask. */
static int bit_of(const struct flip *flip)
{
    int bit = 0;
    while (bit < GROUP_WEIGHTS - 1 && !(flip->mask[bit / 64] >> (bit % 64) & 1))
        bit++;
    return bit;
}

static void add_flip_cells(struct buf *out, const struct flip *flip, enum granularity granularity)
{
    if (flip->layer != NO_LAYER)
        buf_add_format(out, "%d", (int)flip->layer);
    buf_add_format(out, ",%s,%" PRIu32 ",", proj_name(flip->proj), flip->row);
    if (flip->group != FLIP_WHOLE_ROW)
        buf_add_format(out, "%d", (int)flip->group);
    buf_add_text(out, ",");
    if (granularity == GRANULARITY_BIT)
        buf_add_format(out, "%d", bit_of(flip));
}

void map_report_csv(struct buf *out, const struct map_report *report)
{
    buf_add_text(out, "layer,proj,row,group,bit,value,measured\n");
    for (size_t i = 0; i < report->map->top_count; i++) {
        const struct flip_map_unit *unit = &report->map->top[i];
        add_flip_cells(out, &unit->flip, report->options->units.granularity);
        buf_add_format(out, ",%.9g,", unit->value);
        if (!isnan(unit->measured))
            buf_add_format(out, "%.9g", unit->measured);
        buf_add_text(out, "\n");
    }
}

void map_csv_head(struct buf *out)
{
    buf_add_text(out, "layer,proj,row,group,bit,value\n");
}

void map_csv_matrix(struct buf *out, const struct predicted *values, enum flip_map_what what)
{
    uint64_t units = (uint64_t)values->count * values->per_row;
    for (uint64_t unit = 0; unit < units; unit++) {
        struct flip flip = predicted_flip(values, unit);
        double value = values->change[unit];
        add_flip_cells(out, &flip, values->granularity);
        buf_add_format(out, ",%.9g\n", what == FLIP_MAP_IMPACT ? fabs(value) : value);
    }
}
