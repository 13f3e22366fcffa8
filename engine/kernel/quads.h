/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/quads.h - the transposed product by looking up sums of four rows: the part
 * that levels with shuffles of 16 bytes share.  Who includes it defines the functions
 * declared as missing here and in transposed.h.
 *
 * The four signs that a column has in a quad of rows select one of 16 sums of +-q, made
 * for each token and quad: words, kept as a plane of low bytes and one of high bytes.  No
 * sum of 80 rows leaves 16 bits.
 */
#ifndef ENGINE_KERNEL_QUADS_H
#define ENGINE_KERNEL_QUADS_H

#include <string.h>

#include "engine/kernel/transposed.h"

enum { QUAD = 4, QUADS = TRANSPOSED_ROWS / QUAD, QUAD_ENTRIES = 16 };

/* Up to 80 rows of one group. */
struct quads {
    uint8_t index[QUADS][KERNEL_GROUP]; /* bit i: the sign of row i of the quad */
    float factors[TRANSPOSED_ROWS];
    float most;
};

/* Missing: the indices of four rows of 16 bytes of signs. */
static inline void quad_read(const uint8_t *const row[QUAD], uint8_t out[KERNEL_GROUP]);

/* Missing: q of a token. */
static inline void quantize_rows(const float *shares, const float *factors, int16_t *q);

/* Missing: the 16 sums, low bytes, then high bytes. */
static inline void quad_table(const int16_t q[QUAD], uint8_t out[2 * QUAD_ENTRIES]);

/* Missing: x[column] = fma(sum of what all quads select, unit, x[column]). */
static inline void add_quads(const struct quads *quads, const uint8_t (*tables)[2 * QUAD_ENTRIES],
                             float unit, float *x);

static inline void quads_read(struct quads *out, const struct transposed_rows *rows)
{
    static const uint8_t nothing[KERNEL_GROUP / 8];
    out->most = transposed_factors(rows, out->factors);
    for (size_t k = 0; k < QUADS; k++) {
        const uint8_t *row[QUAD];
        for (size_t i = 0; i < QUAD; i++)
            row[i] = k * QUAD + i < rows->rows
                         ? rows->at + (k * QUAD + i) * rows->row_bytes + 2
                         : nothing;
        quad_read(row, out->index[k]);
    }
}

static inline void transposed_add(const struct transposed_rows *rows, const float *shares,
                                  const float *units, size_t tokens, float (*x)[KERNEL_GROUP])
{
    struct quads quads;
    uint8_t tables[QUADS][2 * QUAD_ENTRIES];
    int16_t q[TRANSPOSED_ROWS];
    quads_read(&quads, rows);
    for (size_t t = 0; t < tokens; t++) {
        quantize_rows(shares + t * TRANSPOSED_ROWS, quads.factors, q);
        for (size_t k = 0; k < QUADS; k++)
            quad_table(q + k * QUAD, tables[k]);
        add_quads(&quads, (const uint8_t(*)[2 * QUAD_ENTRIES])tables, units[t] * quads.most,
                  x[t]);
    }
}

#endif
