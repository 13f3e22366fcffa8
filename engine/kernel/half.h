/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/half.h - IEEE 754 half precision to single, exact for all
 * 65,536 values (infinities and NaNs included).
 */
#ifndef ENGINE_KERNEL_HALF_H
#define ENGINE_KERNEL_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_value(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1Fu;
    uint32_t fraction = half & 0x3FFu;
    if (exponent == 0) {
        float tiny = (float)fraction * 0x1p-24f; /* exact: 10 bits */
        return sign ? -tiny : tiny;
    }
    uint32_t bits = sign | fraction << 13;
    bits |= exponent == 31 ? 0x7F800000u : (exponent + 112) << 23;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
