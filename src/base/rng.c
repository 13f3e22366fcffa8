/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/rng.h"

#include "src/base/err.h"

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9E3779B97F4A7C15);
        rng->state[i] = rng_mix(seed);
    }
}

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t carried = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= carried;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
    BUG_ON(limit == 0);
    /* Numbers below 2^64 mod limit would make the small results likelier. */
    uint64_t unfair = (0 - limit) % limit;
    uint64_t value = rng_next(rng);
    while (value < unfair)
        value = rng_next(rng);
    return value % limit;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}
