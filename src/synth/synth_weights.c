/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rows of random signs whose scales spread as those of real matrices do: near
 * log-normal from row to row, a little from group to group.
 *
 * A positive fp16 number read as an integer is 1024 times its logarithm to base
 * 2, straight between powers of two.  So a scale is a sum of integers: the
 * matrix' own, a near normal number for the row, a small one for the group.
 * That is fast, and the same on every machine [Y1].
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/math.h"
#include "src/synth/synth.h"

enum {
    BLOCK_BYTES = 18,       /* fp16 scale, 16 bytes of signs */
    HALF_STEPS = 1024,      /* of an fp16 number to twice its value */
    HALF_BIAS = 15,
    HALF_MIN = 1,           /* never zero: a group without weight would be no group */
    HALF_MAX = 0x7BFF,      /* the largest finite one */
    GROUP_STEPS = 128,      /* groups differ by up to an eighth of a power of two */
};

/* 1 / ln 2: from a natural logarithm to one of base 2. */
static const double octaves = 1.4426950408889634;

/* Nearest fp16 number of a positive double, as bits; clamped. */
static int32_t half_of(double value)
{
    int exponent = 0;
    double fraction = frexp(value, &exponent); /* in [0.5, 1): exact */
    double bits = (double)(HALF_STEPS * (exponent - 1 + HALF_BIAS)) +
                  floor((2.0 * fraction - 1.0) * HALF_STEPS + 0.5);
    return bits < HALF_MIN ? HALF_MIN : bits > HALF_MAX ? HALF_MAX : (int32_t)bits;
}

/* Near normal with this standard deviation: the sum of four uniform numbers. */
static int32_t row_steps(struct rng *rng, int32_t deviation)
{
    enum { BITS = 12, DEVIATION = 2365 }; /* sqrt(4 * 4096^2 / 12) */
    uint64_t random = rng_next(rng);
    int32_t sum = 0; /* 0 .. 4 * 4095 */
    for (int i = 0; i < 4; i++)
        sum += (int32_t)(random >> (i * BITS) & 4095);
    return (sum - 2 * 4095) * deviation / DEVIATION; /* |...| < 2^13 * 2^10 */
}

static void fill_row(struct rng *rng, int32_t row, uint32_t groups, uint8_t *out)
{
    uint64_t jitter = 0;
    for (uint32_t i = 0; i < groups; i++) {
        if (i % 8 == 0)
            jitter = rng_next(rng);
        int32_t bits = row + (int32_t)(jitter & (2 * GROUP_STEPS - 1)) - GROUP_STEPS;
        jitter >>= 8;
        bits = bits < HALF_MIN ? HALF_MIN : bits > HALF_MAX ? HALF_MAX : bits;
        uint64_t signs[2] = {rng_next(rng), rng_next(rng)};
        out[0] = (uint8_t)bits;
        out[1] = (uint8_t)(bits >> 8);
        memcpy(out + 2, signs, sizeof signs);
        out += BLOCK_BYTES;
    }
}

/* The gains of a norm: 0.875 to 1.125, in steps that float32 holds exactly. */
static void fill_vector(struct synth_stream *stream, struct buf *out)
{
    for (uint32_t i = 0; i < stream->tensor->columns; i++) {
        float gain = 0.875f + (float)rng_below(&stream->rng, 257) / 1024.0f;
        buf_add(out, &gain, sizeof gain);
    }
}

static void fill_rows(struct synth_stream *stream, uint32_t count, struct buf *out)
{
    const struct synth_tensor *tensor = stream->tensor;
    uint32_t groups = tensor->columns / GROUP_WEIGHTS;
    size_t row_bytes = (size_t)groups * BLOCK_BYTES;
    int32_t deviation = (int32_t)(tensor->spread * octaves * HALF_STEPS);
    /* The root of the mean square of a log-normal scale is e^(spread^2) times its median. */
    int32_t middle = half_of(tensor->weight / math_exp(tensor->spread * tensor->spread));
    uint8_t *row = x_new(row_bytes, 1);
    for (uint32_t i = 0; i < count; i++) {
        fill_row(&stream->rng, middle + row_steps(&stream->rng, deviation), groups, row);
        buf_add(out, row, row_bytes);
    }
    free(row);
}

void synth_stream_start(struct synth_stream *stream, const struct synth_tensor *tensor,
                        size_t index, uint64_t seed)
{
    *stream = (struct synth_stream){.tensor = tensor};
    rng_seed(&stream->rng, rng_mix(seed) + index);
}

bool synth_stream_next(struct synth_stream *stream, size_t size, struct buf *out)
{
    const struct synth_tensor *tensor = stream->tensor;
    uint32_t rows = tensor->rows ? tensor->rows : 1;
    uint32_t left = rows - stream->next_row;
    buf_clear(out);
    if (left == 0)
        return false;
    if (tensor->rows == 0) {
        fill_vector(stream, out);
        stream->next_row = rows;
        return true;
    }
    size_t fit = size / ((size_t)tensor->columns / GROUP_WEIGHTS * BLOCK_BYTES);
    uint32_t count = fit == 0 ? 1 : fit < left ? (uint32_t)fit : left;
    fill_rows(stream, count, out);
    stream->next_row += count;
    return true;
}
