/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Products of tiles: 2 x 2 of them share two tiles of each operand, so that four
 * independent sums hide the latency.
 */
#include <immintrin.h>

#include "engine/kernel/peak.h"

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64 };

/* What LDTILECFG reads. */
struct config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

static void tile_products(size_t rounds)
{
    struct config config = {.palette = 1};
    for (size_t i = 0; i < TILES; i++) {
        config.row_bytes[i] = ROW_BYTES;
        config.rows[i] = ROWS;
    }
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (size_t i = 0; i < rounds; i++) {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    }
    _tile_release();
}

enum { OPERATIONS = 4 * 2 * 16 * 16 * 64 };

/* A product with 15-bit activations multiplies two planes of bytes. */
const struct kernel_peak amx_peaks[] = {
    {"amx", "byte products of tiles", OPERATIONS, OPERATIONS / 2.0, 0, tile_products},
    {0},
};
