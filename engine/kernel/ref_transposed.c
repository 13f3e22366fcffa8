/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The definition of the transposed product in plain C.
 */
#include <math.h>
#include <string.h>

#include "engine/kernel/half.h"
#include "engine/kernel/level.h"

enum { ROWS = TRANSPOSED_ROWS };

static uint16_t half_of(const uint8_t *block)
{
    return (uint16_t)(block[0] | block[1] << 8);
}

/* By the bits without the sign, so that a NaN is larger than all else. */
static float largest_scale(const uint8_t *row, size_t groups)
{
    int largest = 0;
    for (size_t g = 0; g < groups; g++) {
        int magnitude = half_of(row + g * KERNEL_GROUP_BYTES) & 0x7FFF;
        largest = magnitude > largest ? magnitude : largest;
    }
    return half_value((uint16_t)largest);
}

/* 16 lanes and a tree */
static float sum_of_magnitudes(const float *x)
{
    float lanes[LANES] = {0};
    for (size_t i = 0; i < ROWS; i++)
        lanes[i % LANES] = lanes[i % LANES] + fabsf(x[i]);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] = lanes[i] + lanes[i + half];
    return lanes[0];
}

/* So that the magnitudes of all q of a token add up to less than 2^15: no more than
 * 32640.5 (2^15 / 1.00390625) and a little, and 1/2 for each of 80 that are rounded. */
static float unit_of(float sum)
{
    if (sum < 0x1p-100f)
        return 0;
    return sum < INFINITY ? sum * 0x1.01p-15f : NAN;
}

static void fill_token(const float *dy, size_t rows, const float *largest, float *shares,
                       float *unit)
{
    float c[ROWS] = {0};
    for (size_t r = 0; r < rows; r++)
        c[r] = dy[r] * largest[r];
    *unit = unit_of(sum_of_magnitudes(c));
    for (size_t r = 0; r < ROWS; r++)
        shares[r] = *unit > 0 ? c[r] / *unit : 0;
}

void ref_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride,
                         size_t block, struct cotangents *out)
{
    size_t first = block * ROWS, rows = out->rows - first < ROWS ? out->rows - first : ROWS;
    float *largest = out->largest + first;
    for (size_t r = 0; r < ROWS; r++)
        largest[r] = r < rows ? largest_scale(blocks + (first + r) * groups * KERNEL_GROUP_BYTES,
                                              groups)
                              : 0;
    for (size_t t = 0; t < out->tokens; t++)
        fill_token(dy + t * dy_stride + first, rows, largest,
                   out->shares + (block * out->tokens + t) * ROWS,
                   &out->units[block * out->tokens + t]);
}

/* factors[r]: the scale as a part of the row's largest, divided by the largest of these,
 * which is returned. */
static float factors_of(const uint8_t *at, size_t row_bytes, size_t rows, const float *largest,
                        float factors[ROWS])
{
    float most = 0;
    for (size_t r = 0; r < rows; r++) {
        float d = half_value(half_of(at + r * row_bytes));
        factors[r] = largest[r] > 0 && largest[r] < INFINITY ? d / largest[r] : 0;
        most = fabsf(factors[r]) > most ? fabsf(factors[r]) : most;
    }
    for (size_t r = 0; r < rows; r++)
        factors[r] = most > 0 ? factors[r] / most : 0;
    return most;
}

/* Add a block of rows to the 128 columns of a group. */
static void add_block(const uint8_t *at, size_t row_bytes, size_t rows, const float factors[ROWS],
                      const float *shares, float unit, float *dx)
{
    int32_t q[ROWS];
    for (size_t r = 0; r < rows; r++)
        q[r] = (int32_t)rintf(shares[r] * factors[r]);
    for (size_t j = 0; j < KERNEL_GROUP; j++) {
        int32_t sum = 0; /* |sum| < 2^15 */
        for (size_t r = 0; r < rows; r++)
            sum += (at[r * row_bytes + 2 + j / 8] >> (j % 8) & 1) ? q[r] : -q[r];
        dx[j] = fmaf((float)sum, unit, dx[j]);
    }
}

void ref_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                            const struct cotangents *dy, size_t token, size_t tokens, float *dx,
                            size_t dx_stride)
{
    size_t row_bytes = groups * KERNEL_GROUP_BYTES;
    for (size_t t = 0; t < tokens; t++)
        memset(dx + t * dx_stride + first * KERNEL_GROUP, 0, count * KERNEL_GROUP * sizeof *dx);
    for (size_t row = 0; row < dy->rows; row += ROWS)
        for (size_t g = first; g < first + count; g++) {
            const uint8_t *at = blocks + row * row_bytes + g * KERNEL_GROUP_BYTES;
            size_t rows = dy->rows - row < ROWS ? dy->rows - row : ROWS;
            float factors[ROWS];
            float most = factors_of(at, row_bytes, rows, dy->largest + row, factors);
            for (size_t t = 0; t < tokens; t++) {
                size_t place = row / ROWS * dy->tokens + token + t;
                add_block(at, row_bytes, rows, factors, dy->shares + place * ROWS,
                          dy->units[place] * most, dx + t * dx_stride + g * KERNEL_GROUP);
            }
        }
}
