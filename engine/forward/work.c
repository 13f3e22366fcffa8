/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory of a block of lanes.
 */
#include "engine/forward/work.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "src/base/memory.h"
#include "src/base/num.h"

enum {
    ALIGN_BYTES = 64,
    HUGE_BYTES = 2 << 20,
    TABLE_TOKENS_MAX = BLOCK_TOKENS,
};

void *carve(struct carver *carver, size_t element_bytes, size_t a, size_t b, size_t c)
{
    size_t bytes = 0, start = carver->used;
    bool fits = num_mul(a, b, &bytes) && num_mul(bytes, c, &bytes) &&
                num_mul(bytes, element_bytes, &bytes) && num_add(bytes, ALIGN_BYTES - 1, &bytes) &&
                num_add(start, bytes / ALIGN_BYTES * ALIGN_BYTES, &carver->used);
    carver->overflow |= !fits;
    return carver->base ? carver->base + start : NULL;
}

void *carve_allocate(struct carver *carver, size_t more_bytes, const char *what, struct err *err)
{
    size_t bytes = carver->used, whole = 0;
    bool fits = !carver->overflow && num_add(bytes, more_bytes, &whole) &&
                num_add(bytes, HUGE_BYTES, &bytes);
    uint64_t available = memory_available();
    void *memory = NULL;
    if (fits && whole <= available)
        memory = aligned_alloc(bytes > HUGE_BYTES * 2 ? HUGE_BYTES : ALIGN_BYTES,
                               bytes / HUGE_BYTES * HUGE_BYTES);
    if (!memory) {
        (void)err_set(err, ERR_MEMORY, "no memory for %s (%zu MiB, the machine has %zu MiB left)",
                      what, whole >> 20, (size_t)(available >> 20));
        return NULL;
    }
    if (bytes > HUGE_BYTES * 2) /* fewer page-table walks; no harm where it is refused */
        (void)madvise(memory, bytes / HUGE_BYTES * HUGE_BYTES, MADV_HUGEPAGE);
    *carver = (struct carver){.base = memory};
    return memory;
}

/* Tokens whose tables must fit at once, for every width of a matrix. */
static size_t table_bytes(const struct work *work)
{
    const struct model_shape *shape = &work->model->shape;
    const size_t columns[] = {shape->width, (size_t)shape->heads * shape->head_dim, shape->ffn};
    size_t most = 0;
    for (size_t i = 0; i < countof(columns); i++) {
        size_t groups = columns[i] / GROUP_WEIGHTS;
        size_t tokens = work->kernel->tokens_at_once(groups);
        tokens = tokens < TABLE_TOKENS_MAX ? tokens : TABLE_TOKENS_MAX;
        tokens = (tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD;
        size_t bytes = tokens * groups * work->kernel->table_bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void carve_work(struct work *work, struct carver *carver)
{
    const struct model_shape *shape = &work->model->shape;
    size_t n = BLOCK_TOKENS, f = sizeof(float), half = shape->head_dim / 2;
    size_t q_dim = (size_t)shape->heads * shape->head_dim;
    size_t kv_dim = (size_t)shape->kv_heads * shape->head_dim;
    size_t groups = model_groups_max(work->model);
    work->x = carve(carver, f, n, shape->width, 1);
    work->normed = carve(carver, f, n, shape->width, 1);
    work->q = carve(carver, f, n, q_dim, 1);
    work->k = carve(carver, f, n, kv_dim, 1);
    work->v = carve(carver, f, n, kv_dim, 1);
    work->mixed = carve(carver, f, n, q_dim, 1);
    work->out = carve(carver, f, n, shape->width, 1);
    work->gate = carve(carver, f, n, shape->ffn, 1);
    work->up = carve(carver, f, n, shape->ffn, 1);
    work->h = carve(carver, f, n, shape->ffn, 1);
    work->quantized.q = carve(carver, sizeof(int16_t), n, groups, GROUP_WEIGHTS);
    work->quantized.a = carve(carver, f, n, groups, 1);
    work->quantized.total = carve(carver, sizeof(int32_t), n, groups, 1);
    work->quantized_groups = groups;
    work->tables = carve(carver, 1, table_bytes(work), 1, 1);
    work->scratch = carve(carver, f, (size_t)work->threads, work->scratch_floats, 1);
    work->frequencies = carve(carver, sizeof(double), half, 1, 1);
    work->angles = carve(carver, f, work->positions_max, 2, half);
}

/* Everything but the memory, which is measured. */
static bool prepare(struct work *work, struct model *model, size_t positions_max, int threads,
                    struct carver *carver, struct err *err)
{
    const struct kernel *kernel = kernel_pick(err);
    if (!kernel)
        return false;
    const struct model_shape *shape = &model->shape;
    memset(work, 0, sizeof *work);
    work->model = model;
    work->kernel = kernel;
    work->threads = threads > 0 ? threads : omp_get_max_threads();
    work->positions_max = positions_max;
    size_t floats = attention_scratch(shape->heads / shape->kv_heads, positions_max,
                                      shape->head_dim);
    work->scratch_floats = (floats + LANES - 1) / LANES * LANES;
    carve_work(work, carver);
    return true;
}

bool work_measure(struct model *model, size_t positions_max, int threads, size_t *bytes,
                  struct err *err)
{
    struct work work;
    struct carver carver = {0};
    if (!prepare(&work, model, positions_max, threads, &carver, err))
        return false;
    *bytes = carver.overflow ? SIZE_MAX : carver.used;
    return true;
}

bool work_open(struct work *work, struct model *model, size_t positions_max, int threads,
               struct err *err)
{
    struct carver carver = {0};
    if (!prepare(work, model, positions_max, threads, &carver, err))
        return false;
    work->memory_bytes = carver.used;
    work->memory = carve_allocate(&carver, 0, "a block of tokens", err);
    if (!work->memory)
        return false;
    carve_work(work, &carver);
    rope_prepare(work);
    return true;
}

void work_close(struct work *work)
{
    free(work->memory);
    work->memory = NULL;
}
