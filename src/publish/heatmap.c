/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * heatmap.svg: layers by projections, what was tried there and the best gain.  Darker is
 * better, also without colour; each cell has its numbers; a thick frame is an accepted
 * flip.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/publish/publish_int.h"

enum { CELL_WIDTH = 84, CELL_HEIGHT = 34, LEFT = 70, TOP = 84, BOTTOM = 16, SHADES = 5 };

static const struct {
    const char *ground, *text;
} shades[SHADES] = {
    {"#eff3ff", "#222"}, {"#bdd7e7", "#222"}, {"#6baed6", "#222"}, {"#2171b5", "#fff"},
    {"#08306b", "#fff"},
};

struct cell {
    uint64_t tried, accepted;
    double best; /* gain of a candidate that was measured fully; NAN: none */
};

struct heatmap {
    struct cell (*rows)[PROJ_COUNT];
    int32_t *layers;   /* [count] of rows, ascending; NO_LAYER (embed, head) last */
    size_t count;
    double best;
    struct buf *out;
};

/* ---- counting ------------------------------------------------------------------------ */

/* Embed and head come last. */
static int64_t order(int32_t layer)
{
    return layer == NO_LAYER ? INT64_MAX : layer;
}

static int compare_layers(const void *a, const void *b)
{
    int64_t left = order(*(const int32_t *)a), right = order(*(const int32_t *)b);
    return (left > right) - (left < right);
}

/* All layers of the model where it says a likely number, and all that were tried. */
static void list_layers(struct heatmap *map, const struct story *story)
{
    json_int_t said = json_integer_value(json_object_get(story->origin->shape, "layers"));
    size_t likely = said > 0 && said <= 256 ? (size_t)said : 0;
    map->layers = x_new(likely + story->candidate_count + 1, sizeof *map->layers);
    for (size_t i = 0; i < likely; i++)
        map->layers[map->count++] = (int32_t)i;
    for (size_t i = 0; i < story->candidate_count; i++)
        map->layers[map->count++] = story->candidates[i].flip.layer;
    if (map->count > 0)
        qsort(map->layers, map->count, sizeof *map->layers, compare_layers);
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++)
        if (kept == 0 || map->layers[kept - 1] != map->layers[i])
            map->layers[kept++] = map->layers[i];
    map->count = kept;
}

static void count_candidate(struct heatmap *map, const struct candidate *candidate)
{
    const int32_t *at = bsearch(&candidate->flip.layer, map->layers, map->count,
                                sizeof *map->layers, compare_layers);
    if (!at)
        return;
    struct cell *cell = &map->rows[at - map->layers][candidate->flip.proj];
    double gain = candidate->fitness - candidate->before;
    cell->tried++;
    cell->accepted += candidate->accepted;
    bool fully = !candidate->screened && !candidate->stopped && isfinite(gain);
    if (fully && (isnan(cell->best) || gain > cell->best))
        cell->best = gain;
    if (fully && (isnan(map->best) || gain > map->best))
        map->best = gain;
}

static void count(struct heatmap *map, const struct story *story)
{
    list_layers(map, story);
    map->best = (double)NAN;
    map->rows = x_new(map->count, sizeof *map->rows);
    for (size_t row = 0; row < map->count; row++)
        for (size_t proj = 0; proj < PROJ_COUNT; proj++)
            map->rows[row][proj].best = (double)NAN;
    for (size_t i = 0; i < story->candidate_count; i++)
        count_candidate(map, &story->candidates[i]);
}

/* ---- drawing ------------------------------------------------------------------------- */

static size_t shade_of(const struct heatmap *map, const struct cell *cell)
{
    if (!(cell->best > 0) || !(map->best > 0))
        return 0;
    size_t shade = 1 + (size_t)(cell->best / map->best * (SHADES - 1));
    return shade < SHADES ? shade : SHADES - 1;
}

static void draw_cell(const struct heatmap *map, const struct cell *cell, int x, int y)
{
    char text[64], fill[32];
    size_t shade = shade_of(map, cell);
    buf_add_format(map->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\""
                   " stroke=\"%s\" stroke-width=\"%d\"/>\n", x + 2, y + 2, CELL_WIDTH - 4,
                   CELL_HEIGHT - 4, cell->tried ? shades[shade].ground : "#fff",
                   cell->accepted ? "#D55E00" : "#ccc", cell->accepted ? 3 : 1);
    if (cell->tried == 0)
        return;
    (void)snprintf(fill, sizeof fill, "fill=\"%s\"", shades[shade].text);
    (void)snprintf(text, sizeof text, "%" PRIu64 " of %" PRIu64, cell->accepted, cell->tried);
    svg_text(map->out, x + CELL_WIDTH / 2.0, y + 15, "middle", fill, text);
    if (isnan(cell->best))
        return;
    (void)snprintf(text, sizeof text, "%+.4f", cell->best);
    svg_text(map->out, x + CELL_WIDTH / 2.0, y + 28, "middle", fill, text);
}

static void draw_row(const struct heatmap *map, size_t row, int columns)
{
    char text[32];
    int y = TOP + (int)row * CELL_HEIGHT;
    bool in_layer = map->layers[row] != NO_LAYER;
    (void)snprintf(text, sizeof text, "layer %d", (int)map->layers[row]);
    svg_text(map->out, LEFT - 8, y + CELL_HEIGHT / 2.0 + 4, "end", "",
             in_layer ? text : "no layer");
    for (int proj = 0; proj < columns; proj++)
        if (in_layer == (proj < PROJ_LAYER_COUNT))
            draw_cell(map, &map->rows[row][proj], LEFT + proj * CELL_WIDTH, y);
}

static void draw(const struct heatmap *map)
{
    static const char title[] = "Where flips were tried (gain of the fitness, a search signal)";
    bool outside = map->count > 0 && map->layers[map->count - 1] == NO_LAYER;
    int columns = outside ? PROJ_COUNT : PROJ_LAYER_COUNT;
    svg_begin(map->out, LEFT + columns * CELL_WIDTH + 20,
              TOP + (int)map->count * CELL_HEIGHT + BOTTOM, title,
              "For each layer and projection: accepted of tried candidates, and the best gain.");
    svg_text(map->out, 12, 22, "start", "font-size=\"15\"", title);
    svg_text(map->out, 12, 40, "start", "", "accepted of tried candidates; best gain of one, "
             "darker is more;");
    svg_text(map->out, 12, 56, "start", "", "thick frame: something was accepted; empty: nothing "
             "was tried");
    for (int proj = 0; proj < columns; proj++)
        svg_text(map->out, LEFT + (proj + 0.5) * CELL_WIDTH, TOP - 8, "middle", "",
                 proj_name((enum proj)proj));
    for (size_t row = 0; row < map->count; row++)
        draw_row(map, row, columns);
    svg_end(map->out);
}

bool write_heatmap(const struct story *story, const char *folder, struct err *err)
{
    struct buf out = {0};
    struct heatmap map = {.out = &out};
    count(&map, story);
    draw(&map);
    bool ok = write_text(folder, "heatmap.svg", &out, err);
    buf_free(&out);
    free(map.rows);
    free(map.layers);
    return ok;
}
