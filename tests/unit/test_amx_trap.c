/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The AMX level as it was compiled, on a CPU without AMX: its tile instructions
 * are undefined there, and the handler of SIGILL does what they would.  This
 * sees what test_amx cannot: the instructions themselves, and whether a compiler
 * moved memory accesses past them.  With AMX, test_kernel tests this level.
 */
#define AMX_EMULATED

#include "engine/kernel/amx_tiles.h"

#include "engine/kernel/kernel.h"
#include "src/base/rng.h"
#include "tests/t.h"

#if defined(__x86_64__) && defined(__linux__)

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct tile_state tile_state;
static size_t trap_count;

void tile_fault(const char *what)
{
    fail_msg("a tile instruction would fault: %s", what);
}

/* ---- instructions ------------------------------------------------------------------ */

enum { PREFIX_NONE, PREFIX_66, PREFIX_F3, PREFIX_F2 };
enum { OP_CONFIG = 0x49, OP_MEMORY = 0x4B, OP_PRODUCT = 0x5E };

/* VEX.128.prefix.0F38.W0 opcode, in its form of three bytes. */
struct instruction {
    int prefix, opcode, mode, reg, rm, source;
    uint8_t *address; /* of memory operands */
    size_t stride;    /* the index register */
    size_t size;
};

static uint64_t register_of(const ucontext_t *context, int number)
{
    static const int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                   REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                   REG_R12, REG_R13, REG_R14, REG_R15};
    return (uint64_t)context->uc_mcontext.gregs[places[number]];
}

/* Address, index and size of a memory operand; code points behind ModRM. */
static void decode_memory(const ucontext_t *context, const uint8_t *start, const uint8_t *code,
                          struct instruction *out)
{
    int high_base = start[1] & 0x20 ? 0 : 8, high_index = start[1] & 0x40 ? 0 : 8;
    int base = out->rm, index = 4;
    uint64_t address = 0;
    if (out->rm == 4) {
        base = *code & 7;
        index = (*code >> 3 & 7) | high_index;
        assert_int_equal(*code++ >> 6, 0); /* the stride in bytes */
    }
    int32_t offset = 0;
    bool nowhere = out->mode == 0 && base == 5; /* no register but 32 bits */
    if (out->mode == 2 || nowhere) {
        memcpy(&offset, code, sizeof offset);
        code += sizeof offset;
    } else if (out->mode == 1) {
        offset = (int8_t)*code++;
    }
    if (!nowhere)
        address = register_of(context, base | high_base);
    else if (out->rm == 5)
        address = (uint64_t)(uintptr_t)code; /* relative to the next instruction */
    out->stride = index == 4 ? 0 : register_of(context, index);
    address += (uint64_t)(int64_t)offset;
    memcpy(&out->address, &address, sizeof out->address);
    out->size = (size_t)(code - start);
}

static struct instruction decode(const ucontext_t *context, const uint8_t *code)
{
    if (code[0] != 0xC4 || (code[1] & 0x1F) != 2 || (code[2] & 0x84) != 0)
        fail_msg("an undefined instruction that is none of AMX: %02x %02x", code[0], code[1]);
    struct instruction out = {.prefix = code[2] & 3,
                              .opcode = code[3],
                              .mode = code[4] >> 6,
                              .reg = code[4] >> 3 & 7,
                              .rm = code[4] & 7,
                              .source = ~code[2] >> 3 & 15,
                              .size = 5};
    if (out.mode != 3)
        decode_memory(context, code, code + 5, &out);
    return out;
}

/* Intel's manual, volume 2: LDTILECFG to TILEZERO. */
static void execute(const struct instruction *in)
{
    int what = in->opcode << 8 | in->prefix;
    if (what == (OP_CONFIG << 8 | PREFIX_NONE) && in->mode != 3)
        tile_configure(in->address);
    else if (what == (OP_CONFIG << 8 | PREFIX_NONE))
        tile_release();
    else if (what == (OP_CONFIG << 8 | PREFIX_F2))
        tile_zero(in->reg);
    else if (what == (OP_MEMORY << 8 | PREFIX_F2) || what == (OP_MEMORY << 8 | PREFIX_66))
        tile_load(in->reg, in->address, in->stride);
    else if (what == (OP_MEMORY << 8 | PREFIX_F3))
        tile_store(in->reg, in->address, in->stride);
    else if (what == (OP_PRODUCT << 8 | PREFIX_66))
        tile_dp_us(in->reg, in->rm, in->source);
    else if (what == (OP_PRODUCT << 8 | PREFIX_F3))
        tile_dp_su(in->reg, in->rm, in->source);
    else
        fail_msg("a tile instruction the level does not use: %x", (unsigned)what);
}

static void on_undefined(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    ucontext_t *state = context;
    const uint8_t *code = NULL;
    memcpy(&code, &state->uc_mcontext.gregs[REG_RIP], sizeof code);
    struct instruction instruction = decode(state, code);
    execute(&instruction);
    state->uc_mcontext.gregs[REG_RIP] += (greg_t)instruction.size;
    trap_count++;
}

/* ---- products ------------------------------------------------------------------------ */

static struct activations random_activations(struct rng *rng, size_t tokens, size_t groups)
{
    size_t padded = (tokens + TOKEN_PAD - 1) / TOKEN_PAD * TOKEN_PAD * groups;
    struct activations x = {.tokens = tokens, .groups = groups};
    x.q = aligned_alloc(64, padded * KERNEL_GROUP * sizeof *x.q);
    memset(x.q, 0, padded * KERNEL_GROUP * sizeof *x.q);
    x.a = x_new(padded, sizeof *x.a);
    x.total = x_new(padded, sizeof *x.total);
    x.tables = aligned_alloc(64, padded * kernel_amx.table_bytes);
    float *values = x_new(groups * KERNEL_GROUP, sizeof *values);
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < groups * KERNEL_GROUP; i++)
            values[i] = (float)rng_unit(rng) - 0.5f;
        assert_true(kernel_ref.quantize(values, &x, t));
    }
    free(values);
    return x;
}

static uint8_t *random_blocks(struct rng *rng, size_t count)
{
    uint8_t *blocks = x_new(count, KERNEL_GROUP_BYTES);
    for (size_t i = 0; i < count * KERNEL_GROUP_BYTES; i++)
        blocks[i] = (uint8_t)rng_next(rng);
    for (size_t i = 0; i < count; i++)
        blocks[i * KERNEL_GROUP_BYTES + 1] = (uint8_t)(0x20 + rng_below(rng, 8)); /* finite */
    return blocks;
}

/* Random bytes are as good as panels as they are as blocks, but for the scales. */
static void random_panel_scales(struct rng *rng, size_t panels, size_t groups, uint8_t *bytes)
{
    for (size_t row = 0; row < panels * PANEL_ROWS; row++)
        for (size_t g = 0; g < groups; g++)
            bytes[panel_scale_place(row, g, groups) + 1] = (uint8_t)(0x20 + rng_below(rng, 8));
}

static void compare(struct rng *rng, size_t rows, size_t groups, size_t tokens)
{
    size_t panels = (rows + PANEL_ROWS - 1) / PANEL_ROWS, bytes = tokens * rows * sizeof(float);
    uint8_t *blocks = random_blocks(rng, panels * PANEL_ROWS * groups);
    struct activations x = random_activations(rng, tokens, groups);
    float *expected = x_new(tokens * rows, sizeof *expected);
    float *y = x_new(tokens * rows, sizeof *y);
    kernel_amx.tabulate(&x, 0, groups);
    kernel_ref.product(blocks, rows, &x, expected, rows);
    kernel_amx.product(blocks, rows, &x, y, rows);
    assert_memory_equal(expected, y, bytes);
    random_panel_scales(rng, panels, groups, blocks);
    kernel_ref.product_panels(blocks, rows, &x, expected, rows);
    kernel_amx.product_panels(blocks, rows, &x, y, rows);
    assert_memory_equal(expected, y, bytes);
    assert_false(tile_state.configured);
    free(y);
    free(expected);
    free(blocks);
    free(x.q);
    free(x.a);
    free(x.total);
    free(x.tables);
}

static bool has_level(const struct kernel *kernel)
{
    const struct kernel *levels[KERNEL_LEVELS_MAX];
    size_t count = kernel_levels(levels);
    for (size_t i = 0; i < count; i++)
        if (levels[i] == kernel)
            return true;
    return false;
}

static void product__instructions_trapped__equal_to_ref(void **state)
{
    (void)state;
    if (!has_level(&kernel_avx512) || has_level(&kernel_amx)) {
        print_message("skipped: for CPUs with AVX-512, but without AMX\n");
        skip();
    }
    struct sigaction action = {.sa_sigaction = on_undefined, .sa_flags = SA_SIGINFO}, before;
    struct rng rng;
    rng_seed(&rng, 1);
    assert_int_equal(sigaction(SIGILL, &action, &before), 0);
    compare(&rng, 1, 1, 6);
    compare(&rng, 32, 2, 16);
    compare(&rng, 64, 8, 128);
    compare(&rng, 33, 3, 140);
    for (int round = 0; round < 20; round++)
        compare(&rng, 1 + rng_below(&rng, 70), 1 + rng_below(&rng, 6), 1 + rng_below(&rng, 80));
    assert_int_equal(sigaction(SIGILL, &before, NULL), 0);
    assert_true(trap_count > 1000);
}

#else

static void product__instructions_trapped__equal_to_ref(void **state)
{
    (void)state;
    print_message("skipped: AMX exists on x86-64 only\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product__instructions_trapped__equal_to_ref),
    };
    return cmocka_run_group_tests_name("amx_trap", tests, NULL, NULL);
}
