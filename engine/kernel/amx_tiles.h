/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/kernel/amx_tiles.h - the AMX instructions that amx_product.c uses, or,
 * with AMX_EMULATED, the same in plain C for tests on CPUs without AMX.
 *
 * Eight tiles of up to 16 rows of 64 bytes (palette 1).  A product is
 *   dst[m][n] += sum over k of a[m][k] * b[k / 4][4 n + k % 4],
 * bytes times bytes in 32-bit integers that wrap; us: a is unsigned, b signed;
 * su: a is signed, b unsigned.  Intel, "Architectures Software Developer's
 * Manual", volume 2, TDPBSSD.  Tiles are named by literals, which some compilers
 * paste into the instruction.
 *
 * [T1] whatever is not configured, or is not of a fitting shape, is a fault.
 * [T2] loads read, and stores write, only the rows and bytes configured.
 */
#ifndef ENGINE_KERNEL_AMX_TILES_H
#define ENGINE_KERNEL_AMX_TILES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum { TILES = 8, TILE_ROWS = 16, TILE_ROW_BYTES = 64, TILE_BYTES = TILE_ROWS * TILE_ROW_BYTES };

/* What LDTILECFG reads. */
struct tile_config {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
static_assert(sizeof(struct tile_config) == 64, "the size that LDTILECFG reads");

#if !defined(AMX_EMULATED)

#include <immintrin.h>

#define tile_configure _tile_loadconfig
#define tile_release _tile_release
#define tile_load _tile_loadd
#define tile_load_streamed _tile_stream_loadd
#define tile_store _tile_stored
#define tile_zero _tile_zero
#define tile_dp_us _tile_dpbusd
#define tile_dp_su _tile_dpbsud

/* gcc 12 does not know that a tile load reads memory: what was written before
 * this line is there for the loads behind it. */
static inline void tile_fence(void)
{
    __asm__ volatile("" ::: "memory");
}

#else

#include <stdbool.h>
#include <string.h>

/* The emulated kernel lives beside the real one in a test. */
#define amx_tokens_at_once emulated_amx_tokens_at_once
#define amx_tabulate emulated_amx_tabulate
#define amx_product emulated_amx_product
#define amx_product_panels emulated_amx_product_panels

struct tile_state {
    bool configured;
    struct tile_config config;
    uint8_t tiles[TILES][TILE_ROWS][TILE_ROW_BYTES];
};

/* Both are defined by the test. */
extern struct tile_state tile_state;
void tile_fault(const char *what);

static inline void tile_require(bool condition, const char *what)
{
    if (!condition)
        tile_fault(what);
}

static inline bool tile_is_usable(int tile)
{
    return tile_state.configured && tile >= 0 && tile < TILES && tile_state.config.rows[tile] > 0;
}

static inline void tile_configure(const void *memory)
{
    struct tile_config config;
    memcpy(&config, memory, sizeof config);
    tile_require(config.palette == 1 && config.start_row == 0, "palette 1 from row 0");
    for (size_t i = 0; i < sizeof config.reserved; i++)
        tile_require(config.reserved[i] == 0, "reserved bytes are 0");
    for (size_t i = 0; i < 16; i++) {
        size_t most = i < TILES ? TILE_ROWS : 0;
        tile_require(config.rows[i] <= most, "rows of a tile");
        tile_require(config.row_bytes[i] <= most * 4, "bytes of a row");
        tile_require((config.rows[i] == 0) == (config.row_bytes[i] == 0), "empty in both ways");
    }
    memset(&tile_state, 0, sizeof tile_state);
    tile_state.configured = true;
    tile_state.config = config;
}

static inline void tile_release(void)
{
    memset(&tile_state, 0, sizeof tile_state);
}

static inline void tile_zero(int tile)
{
    tile_require(tile_is_usable(tile), "tile_zero: configured");
    memset(tile_state.tiles[tile], 0, TILE_BYTES);
}

static inline void tile_load(int tile, const void *base, size_t stride)
{
    tile_zero(tile);
    for (size_t r = 0; r < tile_state.config.rows[tile]; r++)
        memcpy(tile_state.tiles[tile][r], (const uint8_t *)base + r * stride,
               tile_state.config.row_bytes[tile]);
}

static inline void tile_load_streamed(int tile, const void *base, size_t stride)
{
    tile_load(tile, base, stride);
}

static inline void tile_store(int tile, void *base, size_t stride)
{
    tile_require(tile_is_usable(tile), "tile_store: configured");
    for (size_t r = 0; r < tile_state.config.rows[tile]; r++)
        memcpy((uint8_t *)base + r * stride, tile_state.tiles[tile][r],
               tile_state.config.row_bytes[tile]);
}

static inline void tile_require_shapes(int dst, int a, int b)
{
    const struct tile_config *config = &tile_state.config;
    tile_require(tile_is_usable(dst) && tile_is_usable(a) && tile_is_usable(b), "dp: configured");
    tile_require(dst != a && dst != b && a != b, "dp: three tiles");
    tile_require(config->rows[dst] == config->rows[a], "dp: rows of the first operand");
    tile_require(config->row_bytes[dst] == config->row_bytes[b], "dp: columns of the second");
    tile_require(config->row_bytes[a] == 4 * config->rows[b], "dp: depth");
    tile_require(config->row_bytes[dst] % 4 == 0, "dp: whole integers");
}

/* A byte as the integer it stands for. */
static inline uint32_t tile_byte(uint8_t byte, bool is_signed)
{
    return is_signed ? (uint32_t)(int32_t)(int8_t)byte : byte;
}

static inline void tile_dp(int dst, int a, int b, bool a_signed, bool b_signed)
{
    tile_require_shapes(dst, a, b);
    size_t columns = tile_state.config.row_bytes[dst] / 4u, depth = tile_state.config.row_bytes[a];
    for (size_t m = 0; m < tile_state.config.rows[dst]; m++) {
        uint32_t sums[TILE_ROWS];
        memcpy(sums, tile_state.tiles[dst][m], sizeof sums);
        for (size_t k = 0; k < depth; k++) {
            const uint8_t *row = tile_state.tiles[b][k / 4] + k % 4;
            uint32_t factor = tile_byte(tile_state.tiles[a][m][k], a_signed);
            for (size_t n = 0; n < columns; n++)
                sums[n] += factor * tile_byte(row[4 * n], b_signed);
        }
        memcpy(tile_state.tiles[dst][m], sums, sizeof sums);
    }
}

static inline void tile_dp_us(int dst, int a, int b)
{
    tile_dp(dst, a, b, false, true);
}

static inline void tile_dp_su(int dst, int a, int b)
{
    tile_dp(dst, a, b, true, false);
}

static inline void tile_fence(void)
{
}

#endif

#endif
