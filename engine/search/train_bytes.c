/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bytes of a training's patch: as its file has them.  That is more than the logarithm of the
 * number of sets (units_bytes) by what coding costs: 16 to 46 % of 300 to 100 bytes.
 */
#include <stdlib.h>

#include "engine/search/train_int.h"
#include "patches/patch.h"

size_t train_bytes(const struct train *train)
{
    struct flip *flips = NULL;
    size_t count = units_flips(train->units, &flips), bytes = 0;
    struct patch *patch = patch_new();
    for (size_t i = 0; i < count; i++)
        patch_add(patch, flips[i]);
    bytes = count > 0 ? patch_packed_bytes(patch).flips : 0;
    patch_free(patch);
    free(flips);
    return bytes;
}

static bool fits(struct train *train, size_t count)
{
    units_flip(train->units, train->picks, count);
    size_t bytes = train_bytes(train);
    units_flip(train->units, train->picks, count);
    return (double)bytes <= train->options.bytes_max;
}

/* Bytes rise with the units but for a few bits, and for picks that go off. */
size_t train_within_budget(struct train *train, size_t count)
{
    size_t fit = 0, most = count;
    if (count == 0 || train->options.bytes_max <= 0 || fits(train, count))
        return count;
    while (most - fit > 1) {
        size_t middle = fit + (most - fit) / 2;
        *(fits(train, middle) ? &fit : &most) = middle;
    }
    return fit;
}
