/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/map_output.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file_writer.h"
#include "src/base/json.h"
#include "src/base/num.h"

struct map_output {
    enum map_format format;
    enum flip_map_what what;
    enum granularity granularity;
    struct file_writer *writer;
    struct sha256 *hash; /* binary */
    struct buf pending;
    size_t matrices; /* so far */
    bool failed;
    struct err err;
};

bool map_format_parse(const char *name, enum map_format *format)
{
    static const char *const names[] = {"csv", "json", "binary"};
    for (size_t i = 0; i < countof(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *format = (enum map_format)i;
            return true;
        }
    return false;
}

static bool ends_in(const char *path, const char *end)
{
    size_t len = strlen(path), tail = strlen(end);
    return len > tail && strcmp(path + len - tail, end) == 0;
}

enum map_format map_format_of(const char *path)
{
    return ends_in(path, ".json") ? MAP_JSON : ends_in(path, ".map") ? MAP_BINARY : MAP_CSV;
}

/* ---- pieces ------------------------------------------------------------------------------ */

static void put(struct map_output *output)
{
    const struct buf *pending = &output->pending;
    if (!output->failed && output->hash)
        output->failed = !sha256_add(output->hash, pending->data, pending->len, &output->err);
    if (!output->failed)
        output->failed =
            !file_writer_put(output->writer, pending->data, pending->len, &output->err);
    output->pending.len = 0;
}

static void add_json_head(struct map_output *output, const struct map_file_head *head)
{
    buf_add_format(&output->pending, "{\"format\": \"bankai_map_v1\", \"model\": \"%s\",\n",
                   head->model);
    buf_add_text(&output->pending, "\"values\": [");
}

static void add_json_matrix(struct map_output *output, const struct predicted *values)
{
    struct buf *out = &output->pending;
    uint64_t units = (uint64_t)values->rows * values->per_row;
    buf_add_format(out, "%s\n{\"layer\": ", output->matrices > 0 ? "," : "");
    if (values->layer == NO_LAYER)
        buf_add_text(out, "null");
    else
        buf_add_format(out, "%d", (int)values->layer);
    buf_add_format(out,
                   ", \"proj\": \"%s\", \"rows\": %" PRIu32 ", \"per_row\": %" PRIu32
                   ", \"values\": [",
                   proj_name(values->proj), values->rows, values->per_row);
    for (uint64_t i = 0; i < units; i++) {
        double value = values->change[i];
        buf_add_format(out, "%s%.9g", i > 0 ? "," : "",
                       output->what == FLIP_MAP_IMPACT ? fabs(value) : value);
    }
    buf_add_text(out, "]}");
}

/* ---- from beginning to end ---------------------------------------------------------------- */

struct map_output *map_output_open(const char *path, enum map_format format,
                                   const struct map_file_head *head, struct err *err)
{
    struct map_output *output = x_new(1, sizeof *output);
    *output = (struct map_output){.format = format, .what = head->what,
                                  .granularity = head->granularity};
    output->writer = file_writer_open(path, err);
    output->hash = format == MAP_BINARY && output->writer ? sha256_new(err) : NULL;
    if (!output->writer || (format == MAP_BINARY && !output->hash)) {
        map_output_abandon(output);
        return NULL;
    }
    if (format == MAP_BINARY)
        map_file_head(&output->pending, head);
    else if (format == MAP_JSON)
        add_json_head(output, head);
    else if (head->granularity != GRANULARITY_BIT)
        map_csv_head(&output->pending);
    put(output);
    return output;
}

void map_output_matrix(struct map_output *output, const struct predicted *values)
{
    if (output->granularity == GRANULARITY_BIT || output->failed)
        return;
    if (output->format == MAP_BINARY)
        map_file_values(&output->pending, values, output->what);
    else if (output->format == MAP_JSON)
        add_json_matrix(output, values);
    else
        map_csv_matrix(&output->pending, values, output->what);
    output->matrices++;
    put(output);
}

static void add_binary_end(struct map_output *output, const struct map_report *report)
{
    char sha256[SHA256_TEXT_SIZE] = "";
    map_file_tail(&output->pending, report->map);
    put(output);
    if (!output->failed)
        output->failed = !sha256_end(output->hash, sha256, &output->err);
    sha256_free(output->hash);
    output->hash = NULL;
    map_file_end(&output->pending, sha256);
}

static void add_json_end(struct map_output *output, const struct map_report *report)
{
    json_t *json = map_report_json(report);
    buf_add_text(&output->pending, "],\n\"report\": ");
    json_print(&output->pending, json, false);
    buf_add_text(&output->pending, "}\n");
    json_decref(json);
}

bool map_output_close(struct map_output *output, const struct map_report *report, struct err *err)
{
    if (output->format == MAP_BINARY)
        add_binary_end(output, report);
    else if (output->format == MAP_JSON)
        add_json_end(output, report);
    else if (output->granularity == GRANULARITY_BIT)
        map_report_csv(&output->pending, report);
    put(output);
    struct file_writer *writer = output->writer;
    bool ok = !output->failed;
    if (ok)
        output->writer = NULL;
    else
        *err = output->err;
    ok = ok && file_writer_commit(writer, err);
    map_output_abandon(output);
    return ok;
}

void map_output_abandon(struct map_output *output)
{
    if (!output)
        return;
    file_writer_abandon(output->writer);
    sha256_free(output->hash);
    buf_free(&output->pending);
    free(output);
}
