/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Activations for AVX-512: quantization, and the tables that products look up
 * (avx512_table.h).  A register of 32 q is eight quads; its entries are sums of
 * what two shuffles select, one for the first two columns of a quad, one for the
 * last two.
 */
#include <immintrin.h>
#include <string.h>

#include "engine/kernel/avx512_table.h"

/* ---- quantization --------------------------------------------------------------- */

/* Largest |x| as bits: compared as integers, a NaN is larger than everything. */
static inline uint32_t largest_magnitude(const float *x)
{
    const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
    __m512i largest = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (size_t i = 0; i < KERNEL_GROUP; i += 16)
        largest = _mm512_max_epu32(largest,
                                   _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
    return _mm512_reduce_max_epu32(largest);
}

static inline bool quantize_group(const float *x, int16_t *q, float *a, int32_t *total)
{
    uint32_t bits = largest_magnitude(x);
    float largest = 0;
    memcpy(&largest, &bits, sizeof largest);
    if (bits >= 0x7F800000u || largest < 0x1p-100f) {
        *a = 0;
        *total = 0;
        memset(q, 0, KERNEL_GROUP * sizeof *q);
        return bits < 0x7F800000u;
    }
    *a = largest / (float)A15_MAX;
    __m512 divisor = _mm512_set1_ps(*a);
    __m512i sum = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (size_t i = 0; i < KERNEL_GROUP; i += 16) {
        __m512i values = _mm512_cvtps_epi32(_mm512_div_ps(_mm512_loadu_ps(x + i), divisor));
        sum = _mm512_add_epi32(sum, values);
        _mm256_store_si256((__m256i *)(q + i), _mm512_cvtepi32_epi16(values));
    }
    *total = _mm512_reduce_add_epi32(sum); /* |total| <= 128 * 16383 < 2^21 */
    return true;
}

bool avx512_quantize(const float *x, struct activations *out, size_t token)
{
    bool finite = true;
    for (size_t g = 0; g < out->groups; g++) {
        size_t place = activations_place(out, token, g);
        int16_t *q = out->q + (token * out->groups + g) * KERNEL_GROUP;
        finite &= quantize_group(x + g * KERNEL_GROUP, q, &out->a[place], &out->total[place]);
    }
    return finite;
}

/* ---- tables ----------------------------------------------------------------------- */

/* What builds the entries of a dword's eight tables: 32 q, quads of lanes. */
struct builder {
    __m512i low[4];  /* [nibble * 2 + half]: lane -> q0, q1, their sum or 0 */
    __m512i high[4]; /* lane -> the same of q2, q3, minus the half sum */
    __m512i even, odd;
};

/* Lane i of half h is entry i % 16 of byte 2 * h + i / 16. */
static void builder_init(struct builder *out)
{
    static const uint8_t place[4] = {33, 0, 1, 32}; /* from 32 on: the second register */
    uint16_t low[4][32], high[4][32];
    uint8_t even[64], odd[64];
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < 32; i++) {
            size_t quad = k % 2 * 16 + i / 16 * 8 + k / 2 * 4, entry = i % 16;
            low[k][i] = (uint16_t)(quad + place[entry & 3]);
            high[k][i] = (uint16_t)(quad + 2 + place[entry >> 2]);
        }
    for (size_t i = 0; i < 64; i++) {
        even[i] = (uint8_t)(2 * i);
        odd[i] = (uint8_t)(2 * i + 1);
    }
    for (size_t k = 0; k < 4; k++) {
        out->low[k] = _mm512_loadu_si512(low[k]);
        out->high[k] = _mm512_loadu_si512(high[k]);
    }
    out->even = _mm512_loadu_si512(even);
    out->odd = _mm512_loadu_si512(odd);
}

/* The tables of 32 columns, 4 x 64 bytes; returns how many sums of four are odd.
 * Intermediate sums are modulo 2^16, the entries fit. */
static inline int32_t tabulate_dword(const struct builder *builder, __m512i q, uint8_t *out)
{
    const __mmask32 first = 0x55555555, upper = 0xCCCCCCCC; /* of a pair, of a quad */
    __m512i pair = _mm512_add_epi16(q, _mm512_rol_epi32(q, 16)); /* |pair| <= 32766 */
    __m512i other = _mm512_rol_epi64(pair, 32);
    __m512i both = _mm512_and_si512(_mm512_and_si512(pair, other), _mm512_set1_epi16(1));
    __m512i half = _mm512_add_epi16(
        _mm512_add_epi16(_mm512_srai_epi16(pair, 1), _mm512_srai_epi16(other, 1)), both);
    __m512i single = _mm512_mask_sub_epi16(q, upper, q, half);
    __m512i none = _mm512_maskz_mov_epi16(first, pair);
    none = _mm512_mask_sub_epi16(none, upper, none, half);
#pragma GCC unroll 2
    for (size_t nibble = 0; nibble < 2; nibble++) {
        __m512i entries[2];
#pragma GCC unroll 2
        for (size_t h = 0; h < 2; h++) {
            size_t k = 2 * nibble + h;
            entries[h] = _mm512_add_epi16(
                _mm512_permutex2var_epi16(single, builder->low[k], none),
                _mm512_permutex2var_epi16(single, builder->high[k], none));
        }
        _mm512_store_si512(out + 128 * nibble,
                           _mm512_permutex2var_epi8(entries[0], builder->even, entries[1]));
        _mm512_store_si512(out + 128 * nibble + 64,
                           _mm512_permutex2var_epi8(entries[0], builder->odd, entries[1]));
    }
    __mmask32 odd = _mm512_test_epi16_mask(_mm512_xor_si512(pair, other), _mm512_set1_epi16(1));
    return (int32_t)_mm_popcnt_u32(odd) / 4; /* all four lanes of a quad */
}

void avx512_tabulate(struct activations *x, size_t first, size_t count)
{
    struct builder builder;
    builder_init(&builder);
    for (size_t token = 0; token < x->tokens; token++)
        for (size_t g = first; g < first + count; g++) {
            const int16_t *q = x->q + (token * x->groups + g) * KERNEL_GROUP;
            uint8_t *out = tables_at(x, token, g);
            int32_t odd = 0;
            for (size_t d = 0; d < DWORDS; d++)
                odd += tabulate_dword(&builder, _mm512_load_si512(q + 32 * d), out + 256 * d);
            _mm512_store_si512(out + PLANES_BYTES, _mm512_set1_epi32(-odd));
        }
}
