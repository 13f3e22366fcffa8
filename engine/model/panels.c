/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A second copy of the matrices, in the order in which decoding reads them
 * fastest: 16 rows side by side (engine/kernel/kernel.h).  It takes as much memory
 * as the weights, so it is made only where somebody asks for it.  flip.c keeps it
 * as the blocks are.
 *
 * Which rows a thread copies does not matter to the bytes.
 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/kernel/kernel.h"
#include "engine/model/model_int.h"
#include "src/base/memory.h"
#include "src/base/num.h"

enum { HUGE_BYTES = 2 << 20 };

static size_t panel_count(const struct matrix *matrix)
{
    return (matrix->rows + PANEL_ROWS - 1) / PANEL_ROWS;
}

static size_t panels_bytes(const struct matrix *matrix)
{
    return panel_count(matrix) * matrix->groups * PANEL_GROUP_BYTES;
}

/* Matrices that are multiplied with: those of the layers, then the head.  The embedding
 * is only looked up; a tied one is the head. */
static struct matrix *nth_matrix(struct model *model, size_t n)
{
    size_t layer = n / PROJ_LAYER_COUNT;
    return layer < model->shape.layers ? &model->layers[layer].matrix[n % PROJ_LAYER_COUNT]
                                       : &model->head;
}

static size_t matrix_count(const struct model *model)
{
    return (size_t)model->shape.layers * PROJ_LAYER_COUNT + 1;
}

static size_t all_bytes(struct model *model)
{
    size_t bytes = 0; /* at most 16 times the file's: rows are padded to 16 */
    for (size_t i = 0; i < matrix_count(model); i++)
        bytes += panels_bytes(nth_matrix(model, i));
    return bytes;
}

/* ---- copying ---------------------------------------------------------------- */

/* One group of up to 16 rows.  blocks: the first row's; row_bytes from one to the next */
static void copy_group(const uint8_t *blocks, size_t rows, size_t row_bytes, uint8_t *panel)
{
    memset(panel, 0, PANEL_GROUP_BYTES);
    for (size_t row = 0; row < rows; row++) {
        const uint8_t *block = blocks + row * row_bytes;
        memcpy(panel + panel_scale_place(row, 0, 1), block, 2);
        for (size_t dword = 0; dword < 4; dword++)
            memcpy(panel + panel_signs_place(row, 0, 1, dword), block + 2 + 4 * dword, 4);
    }
}

static void copy_panel(const struct matrix *matrix, size_t panel)
{
    size_t row = panel * PANEL_ROWS, rows = matrix->rows - row;
    size_t row_bytes = (size_t)matrix->groups * GROUP_BYTES;
    for (size_t group = 0; group < matrix->groups; group++)
        copy_group(matrix->blocks + row * row_bytes + group * GROUP_BYTES,
                   rows < PANEL_ROWS ? rows : PANEL_ROWS, row_bytes,
                   matrix->panels + (panel * matrix->groups + group) * PANEL_GROUP_BYTES);
}

static bool cancelled(cancel_flag *cancel)
{
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

static bool copy_matrix(const struct matrix *matrix, int threads, cancel_flag *cancel)
{
    size_t count = panel_count(matrix);
#pragma omp parallel for schedule(dynamic, 16) num_threads(threads)
    for (size_t panel = 0; panel < count; panel++)
        if (!cancelled(cancel))
            copy_panel(matrix, panel);
    return !cancelled(cancel);
}

/* ---- memory ------------------------------------------------------------------ */

/* The size is a multiple of a huge page's: a smaller model wastes at most one. */
static uint8_t *allocate(size_t bytes, struct err *err)
{
    size_t whole = 0;
    uint64_t available = memory_available();
    uint8_t *memory = NULL;
    if (num_add(bytes, HUGE_BYTES - 1, &whole) && bytes <= available)
        memory = aligned_alloc(HUGE_BYTES, whole / HUGE_BYTES * HUGE_BYTES);
    if (!memory) {
        (void)err_set(err, ERR_MEMORY,
                      "no memory for a second copy of the weights (%zu MiB, the machine has %zu "
                      "MiB left)",
                      bytes >> 20, (size_t)(available >> 20));
        return NULL;
    }
    (void)madvise(memory, whole / HUGE_BYTES * HUGE_BYTES, MADV_HUGEPAGE);
    return memory;
}

static void place_panels(struct model *model)
{
    uint8_t *at = model->panels;
    for (size_t i = 0; i < matrix_count(model); i++) {
        struct matrix *matrix = nth_matrix(model, i);
        matrix->panels = at;
        at += panels_bytes(matrix);
    }
    if (model->shape.tied)
        model->embed.panels = model->head.panels;
}

void model_unpack(struct model *model)
{
    for (size_t i = 0; model->panels && i < matrix_count(model); i++)
        nth_matrix(model, i)->panels = NULL;
    model->embed.panels = NULL;
    free(model->panels);
    model->panels = NULL;
    model->panels_bytes = 0;
}

bool model_repack(struct model *model, int threads, cancel_flag *cancel, struct err *err)
{
    if (model->panels)
        return true;
    if (!model_unchanged(model, err))
        return false;
    size_t bytes = all_bytes(model);
    model->panels = allocate(bytes, err);
    if (!model->panels)
        return err_file(err, model->path);
    model->panels_bytes = bytes;
    place_panels(model);
    threads = threads > 0 ? threads : omp_get_max_threads();
    for (size_t i = 0; i < matrix_count(model); i++)
        if (!copy_matrix(nth_matrix(model, i), threads, cancel)) {
            model_unpack(model);
            return err_set(err, ERR_CANCELLED, "interrupted");
        }
    return true;
}

uint64_t model_panels_bytes(const struct model *model)
{
    return model->panels_bytes;
}
