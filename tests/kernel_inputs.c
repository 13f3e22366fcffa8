/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernel_inputs.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/err.h"

void inputs_fill(struct rng *rng, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* a rough bell: enough to have small and large values in one group */
        double sum = 0;
        for (int k = 0; k < 4; k++)
            sum += rng_unit(rng) - 0.5;
        x[i] = (float)(sum * exp2((double)rng_below(rng, 12) - 6));
    }
}

void inputs_extreme_group(int kind, float *x)
{
    for (size_t i = 0; i < KERNEL_GROUP; i++) {
        float sign = i % 3 ? 1.0f : -1.0f;
        switch (kind) {
        case 0: x[i] = 0; break;                                    /* all zero */
        case 1: x[i] = sign * 3.0f; break;                          /* all maximal */
        case 2: x[i] = sign * 0x1p-149f * (float)i; break;          /* denormal */
        case 3: x[i] = sign * 0x1p-100f; break;                     /* just not zero */
        case 4: x[i] = sign * 0x1.fffffep-101f; break;              /* just zero */
        case 5: x[i] = sign * 3.402823466e38f; break;               /* largest floats */
        case 6: x[i] = i == 77 ? 16383.0f : (float)i + 0.5f; break; /* ties to even */
        case 7: x[i] = i == 5 ? -1e30f : 1e-30f; break;             /* one giant */
        default: x[i] = i == 127 ? 1e-20f : -0.0f; break;           /* one, last */
        }
    }
}

void inputs_blocks(struct rng *rng, uint8_t *out, size_t rows, size_t groups, bool extreme)
{
    static const uint16_t scales[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03FF,
                                      0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF};
    for (size_t i = 0; i < rows * groups; i++, out += KERNEL_GROUP_BYTES) {
        uint64_t signs[2];
        signs[0] = rng_next(rng);
        signs[1] = rng_next(rng);
        uint16_t scale = (uint16_t)(0x2000 + rng_below(rng, 0x1000));
        if (extreme)
            scale = scales[rng_below(rng, sizeof scales / sizeof *scales)];
        memcpy(out, &scale, sizeof scale);
        memcpy(out + 2, signs, sizeof signs);
        if (extreme && rng_below(rng, 4) == 0)
            memset(out + 2, rng_below(rng, 2) ? 0xFF : 0, sizeof signs);
    }
}

struct fenced fenced_make(size_t bytes, bool at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inside = (bytes + page - 1) / page * page;
    struct fenced out = {.mapped = inside + 2 * page};
    out.base = mmap(NULL, out.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    BUG_ON(out.base == MAP_FAILED);
    BUG_ON(mprotect(out.base + page, inside, PROT_READ | PROT_WRITE) != 0);
    out.data = out.base + page + (at_end ? inside - bytes : 0);
    return out;
}

void fenced_drop(struct fenced *fenced)
{
    if (fenced->base)
        BUG_ON(munmap(fenced->base, fenced->mapped) != 0);
    *fenced = (struct fenced){0};
}

struct inputs inputs_make(size_t tokens, size_t groups, bool at_end)
{
    size_t padded = (tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD;
    struct inputs out = {.x = {.tokens = tokens, .groups = groups}};
    out.memory[0] = fenced_make(padded * groups * KERNEL_GROUP * sizeof(int16_t), at_end);
    out.memory[1] = fenced_make(padded * groups * sizeof(float), at_end);
    out.memory[2] = fenced_make(padded * groups * sizeof(int32_t), at_end);
    out.x.q = out.memory[0].data;
    out.x.a = out.memory[1].data;
    out.x.total = out.memory[2].data;
    return out;
}

void inputs_tables(struct inputs *inputs, const struct kernel *kernel, bool at_end)
{
    fenced_drop(&inputs->memory[3]);
    inputs->x.tables = NULL;
    if (kernel->table_bytes == 0)
        return;
    size_t padded = (inputs->x.tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD;
    size_t bytes = padded * inputs->x.groups * kernel->table_bytes;
    inputs->memory[3] = fenced_make((bytes + 63) / 64 * 64, at_end);
    inputs->x.tables = inputs->memory[3].data;
    memset(inputs->x.tables, 0xA5, bytes);
}

void inputs_drop(struct inputs *inputs)
{
    for (size_t i = 0; i < 4; i++)
        fenced_drop(&inputs->memory[i]);
}

struct fenced_cotangents cotangents_make(size_t rows, size_t tokens, bool at_end)
{
    size_t blocks = transposed_blocks(rows), f = sizeof(float);
    const size_t bytes[3] = {blocks * TRANSPOSED_ROWS * f, blocks * tokens * TRANSPOSED_ROWS * f,
                             blocks * tokens * f};
    struct fenced_cotangents out = {.dy = {.rows = rows, .tokens = tokens}};
    for (size_t i = 0; i < 3; i++) {
        out.memory[i] = fenced_make(bytes[i], at_end);
        memset(out.memory[i].data, 0xA5, bytes[i]);
    }
    out.dy.largest = out.memory[0].data;
    out.dy.shares = out.memory[1].data;
    out.dy.units = out.memory[2].data;
    return out;
}

void cotangents_fill(struct fenced_cotangents *out, const struct kernel *kernel,
                     const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride)
{
    for (size_t block = transposed_blocks(out->dy.rows); block-- > 0;)
        kernel->cotangents_fill(blocks, groups, dy, dy_stride, block, &out->dy);
}

void cotangents_drop(struct fenced_cotangents *cotangents)
{
    for (size_t i = 0; i < 3; i++)
        fenced_drop(&cotangents->memory[i]);
}
