/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/level.h - parts of levels that lie in a file of their own.
 *
 * A level is NAME.c (quantization, the steps of a layer, its table) and
 * NAME_product.c (tables and products).  Where a level has no faster way it uses
 * a weaker level's function.  Contracts: engine/kernel/kernel.h.
 */
#ifndef ENGINE_KERNEL_LEVEL_H
#define ENGINE_KERNEL_LEVEL_H

#include "engine/kernel/kernel.h"

void ref_product_panels(const uint8_t *panels, size_t rows, const struct activations *x, float *y,
                        size_t stride);
void ref_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride,
                         size_t block, struct cotangents *out);
void ref_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                            const struct cotangents *dy, size_t token, size_t tokens, float *dx,
                            size_t dx_stride);

#if defined(__x86_64__)
enum { AVX2_TABLE_BYTES = 1040 }; /* 32 tables of 32 bytes, a correction, padding */
bool avx2_quantize(const float *x, struct activations *out, size_t token);
size_t avx2_tokens_at_once(size_t groups);
void avx2_tabulate(struct activations *x, size_t first, size_t count);
void avx2_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                  size_t stride);
void avx2_product_panels(const uint8_t *panels, size_t rows, const struct activations *x, float *y,
                         size_t stride);
void avx2_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride,
                          size_t block, struct cotangents *out);
void avx2_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                             const struct cotangents *dy, size_t token, size_t tokens, float *dx,
                             size_t dx_stride);
void avx2_attend(const struct attention *attention);

/* Tables of 128 columns in two planes of bytes, and a correction. */
enum { AVX512_TABLE_BYTES = 1024 + 64 };
bool avx512_quantize(const float *x, struct activations *out, size_t token);
size_t avx512_tokens_at_once(size_t groups);
void avx512_tabulate(struct activations *x, size_t first, size_t count);
void avx512_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                    size_t stride);
void avx512_product_panels(const uint8_t *panels, size_t rows, const struct activations *x,
                           float *y, size_t stride);
void avx512_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride,
                            size_t block, struct cotangents *out);
void avx512_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                               const struct cotangents *dy, size_t token, size_t tokens, float *dx,
                               size_t dx_stride);
void avx512_attend(const struct attention *attention);

/* Tiles of activations take 256 bytes; the tables of a few tokens are AVX-512's. */
enum { AMX_TABLE_BYTES = AVX512_TABLE_BYTES };
size_t amx_tokens_at_once(size_t groups);
void amx_tabulate(struct activations *x, size_t first, size_t count);
void amx_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                 size_t stride);
void amx_product_panels(const uint8_t *panels, size_t rows, const struct activations *x, float *y,
                        size_t stride);
#elif defined(__aarch64__)
enum { NEON_TABLE_BYTES = 1040 }; /* as AVX2 */
size_t neon_tokens_at_once(size_t groups);
void neon_tabulate(struct activations *x, size_t first, size_t count);
void neon_product(const uint8_t *blocks, size_t rows, const struct activations *x, float *y,
                  size_t stride);
void neon_product_panels(const uint8_t *panels, size_t rows, const struct activations *x, float *y,
                         size_t stride);
void neon_cotangents_fill(const uint8_t *blocks, size_t groups, const float *dy, size_t dy_stride,
                          size_t block, struct cotangents *out);
void neon_product_transposed(const uint8_t *blocks, size_t groups, size_t first, size_t count,
                             const struct cotangents *dy, size_t token, size_t tokens, float *dx,
                             size_t dx_stride);
#endif

#endif
