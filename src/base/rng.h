/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/rng.h - random numbers that are the same everywhere.
 *
 * xoshiro256** 1.0 (D. Blackman and S. Vigna, "Scrambled linear pseudorandom
 * number generators", 2018), seeded through splitmix64 as its authors advise.
 * The state is plain data: saving it and going on later gives the same numbers.
 */
#ifndef SRC_BASE_RNG_H
#define SRC_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* Uniform in 0 .. limit-1, without bias; limit > 0. */
uint64_t rng_below(struct rng *rng, uint64_t limit);

/* Uniform in [0, 1) with 53 bits. */
double rng_unit(struct rng *rng);

/* The finalizer of splitmix64: a good mixing of 64 bits. */
static inline uint64_t rng_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

#endif
