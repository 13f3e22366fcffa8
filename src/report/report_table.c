/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Evaluations by set and category, as tables of 79 columns and as JSON.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/compare.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"

enum { NAME_COLUMNS = 22 };

/* ---- pieces of a row -------------------------------------------------------------- */

void report_cell(struct buf *out, const char *indent, const char *text, size_t columns)
{
    struct buf cell = {0};
    buf_add_text(&cell, indent);
    text_visible(&cell, text, strlen(text));
    size_t used = text_columns(cell.data, cell.len);
    buf_add(out, cell.data, cell.len);
    for (; used < columns; used++)
        buf_add_text(out, " ");
    buf_free(&cell);
}

static void add_name(struct buf *out, const struct comparison *row)
{
    const char *name = row->category ? row->category : row->set;
    report_cell(out, row->category ? "  " : "", name[0] ? name : "(none)", NAME_COLUMNS);
}

static void add_share(struct buf *out, size_t part, size_t whole)
{
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;
    buf_add_format(out, "  %5zu %5.1f %%", part, percent);
}

void report_p(struct buf *out, double p)
{
    if (p < 0.001)
        buf_add_text(out, "<0.001");
    else
        buf_add_format(out, "%6.3f", p);
}

/* Eleven columns: "  71.9-90.6" */
static void add_interval(struct buf *out, struct interval interval)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.1f-%.1f", 100 * interval.low, 100 * interval.high);
    buf_add_format(out, " %10s", text);
}

/* ---- tables ------------------------------------------------------------------------- */

static void add_answers_row(struct buf *out, const struct comparison *row)
{
    add_name(out, row);
    buf_add_format(out, " %5zu", row->n);
    add_share(out, comparison_right_base(row), row->n);
    add_share(out, comparison_right_now(row), row->n);
    buf_add_format(out, "  %5zu  %5zu ", row->fixed, row->broke);
    report_p(out, row->mcnemar_p);
    buf_add_text(out, "\n");
}

static void add_sureness_row(struct buf *out, const struct comparison *row)
{
    add_name(out, row);
    add_interval(out, row->wilson_base);
    add_interval(out, row->wilson_now);
    buf_add_format(out, " %5zu %5zu", row->stayed_right, row->stayed_wrong);
    if (row->gap_change.n > 0)
        buf_add_format(out, "  %+6.3f %+6.3f %+6.3f", row->gap_change.mean, row->gap_change.low,
                       row->gap_change.high);
    buf_add_text(out, "\n");
}

static void add_single_row(struct buf *out, const struct comparison *row)
{
    add_name(out, row);
    buf_add_format(out, " %5zu", row->n);
    add_share(out, comparison_right_base(row), row->n);
    buf_add_text(out, "  ");
    add_interval(out, row->wilson_base);
    buf_add_text(out, "\n");
}

/* Comparisons of sets and of their categories. */
struct rows {
    struct comparison *sets;
    size_t set_count;
    struct comparison *categories;
    size_t category_count;
};

static struct rows rows_of(const struct probe_set *set, const struct evaluation *base,
                           const struct evaluation *now)
{
    struct rows rows = {0};
    rows.set_count = compare_results(set, base, now, COMPARE_SETS, &rows.sets);
    rows.category_count = compare_results(set, base, now, COMPARE_CATEGORIES, &rows.categories);
    return rows;
}

static void rows_free(struct rows *rows)
{
    free(rows->sets);
    free(rows->categories);
}

/* A set's only category is the set once more. */
static void add_rows(struct buf *out, const struct rows *rows,
                     void (*add)(struct buf *out, const struct comparison *row))
{
    for (size_t i = 0; i < rows->set_count; i++) {
        const struct comparison *set = &rows->sets[i];
        add(out, set);
        for (size_t j = 0; j < rows->category_count; j++) {
            const struct comparison *category = &rows->categories[j];
            if (strcmp(category->set, set->set) == 0 && category->n < set->n)
                add(out, category);
        }
    }
}

static size_t gaps_skipped(const struct rows *rows)
{
    size_t skipped = 0;
    for (size_t i = 0; i < rows->set_count; i++)
        skipped += rows->sets[i].gap_change.skipped;
    return skipped;
}

static void add_both(struct buf *out, const struct rows *rows)
{
    buf_add_format(out, "%-22s %5s  %13s          after  fixed  broke      p\n", "greedy answers",
                   "n", "before");
    add_rows(out, rows, add_answers_row);
    buf_add_format(out,
                   "\n%-22s %10s %10s %11s  search signal, no result\n"
                   "%-22s %10s %10s %11s  gap change, low, high\n",
                   "95 % intervals", "right", "right", "stayed", "", "before, %", "after, %",
                   "right wrong");
    add_rows(out, rows, add_sureness_row);
    buf_add_format(out,
                   "p: exact two-sided McNemar test of fixed against broke; right: Wilson; gap "
                   "change:\nbootstrap of its mean, %d resamples\n",
                   STATISTICS_RESAMPLES);
    size_t skipped = gaps_skipped(rows);
    if (skipped > 0)
        buf_add_format(out, "%zu probes have no gap and are left out of its change\n", skipped);
}

void report_table(struct buf *out, const struct probe_set *set, const struct evaluation *base,
                  const struct evaluation *now)
{
    struct rows rows = rows_of(set, base, now);
    if (base != now) {
        add_both(out, &rows);
    } else {
        buf_add_format(out, "%-22s %5s  %13s   95 %% (Wilson)\n", "greedy answers", "n",
                       "right");
        add_rows(out, &rows, add_single_row);
    }
    rows_free(&rows);
}

/* ---- JSON ----------------------------------------------------------------------------- */

json_t *report_real_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *report_spread_json(const struct spread *spread)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "n", json_integer((json_int_t)spread->n));
    (void)json_object_set_new(object, "mean", report_real_json(spread->mean));
    (void)json_object_set_new(object, "sd", report_real_json(spread->sd));
    (void)json_object_set_new(object, "low", report_real_json(spread->low));
    (void)json_object_set_new(object, "high", report_real_json(spread->high));
    (void)json_object_set_new(object, "min", report_real_json(spread->min));
    (void)json_object_set_new(object, "max", report_real_json(spread->max));
    return object;
}

static json_t *interval_json(struct interval interval)
{
    return json_pack("{s:f, s:f}", "low", interval.low, "high", interval.high);
}

static json_t *change_json(const struct bootstrap *change)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "mean", report_real_json(change->mean));
    (void)json_object_set_new(object, "low", report_real_json(change->low));
    (void)json_object_set_new(object, "high", report_real_json(change->high));
    (void)json_object_set_new(object, "n", json_integer((json_int_t)change->n));
    (void)json_object_set_new(object, "skipped", json_integer((json_int_t)change->skipped));
    (void)json_object_set_new(object, "resamples", json_integer(STATISTICS_RESAMPLES));
    return object;
}

json_t *report_comparison_json(const struct comparison *comparison)
{
    const struct {
        const char *name;
        size_t value;
    } counts[] = {
        {"n", comparison->n},
        {"right_base", comparison_right_base(comparison)},
        {"right_now", comparison_right_now(comparison)},
        {"fixed", comparison->fixed},
        {"broke", comparison->broke},
        {"stayed_right", comparison->stayed_right},
        {"stayed_wrong", comparison->stayed_wrong},
    };
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        (void)json_object_set_new(object, counts[i].name,
                                  json_integer((json_int_t)counts[i].value));
    (void)json_object_set_new(object, "mcnemar_p", json_real(comparison->mcnemar_p));
    (void)json_object_set_new(object, "wilson_base", interval_json(comparison->wilson_base));
    (void)json_object_set_new(object, "wilson_now", interval_json(comparison->wilson_now));
    (void)json_object_set_new(object, "gap_change", change_json(&comparison->gap_change));
    return object;
}

/* Names are texts of files: any bytes. */
static void set_by_name(json_t *object, const char *name, json_t *value)
{
    json_t *text = json_text(name, strlen(name));
    (void)json_object_set_new(object, json_string_value(text), value);
    json_decref(text);
}

static json_t *get_by_name(const json_t *object, const char *name)
{
    json_t *text = json_text(name, strlen(name));
    json_t *value = json_object_get(object, json_string_value(text));
    json_decref(text);
    return value;
}

json_t *report_totals_json(const struct probe_set *set, const struct evaluation *base,
                           const struct evaluation *now)
{
    struct comparison *sets = NULL;
    size_t count = compare_results(set, base, now, COMPARE_SETS, &sets);
    json_t *totals = json_object();
    for (size_t i = 0; i < count; i++)
        set_by_name(totals, sets[i].set, report_comparison_json(&sets[i]));
    free(sets);
    return totals;
}

json_t *report_categories_json(const struct probe_set *set, const struct evaluation *base,
                               const struct evaluation *now)
{
    struct comparison *rows = NULL;
    size_t count = compare_results(set, base, now, COMPARE_CATEGORIES, &rows);
    json_t *sets = json_object();
    for (size_t i = 0; i < count; i++) {
        if (!get_by_name(sets, rows[i].set))
            set_by_name(sets, rows[i].set, json_object());
        set_by_name(get_by_name(sets, rows[i].set), rows[i].category,
                    report_comparison_json(&rows[i]));
    }
    free(rows);
    return sets;
}
