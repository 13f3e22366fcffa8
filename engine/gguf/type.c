/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Names and sizes of ggml's tensor types (ggml.h, enum ggml_type).  Sizes are
 * given only for types this program reads; the rest have a name for messages.
 */
#include "engine/gguf/gguf.h"
#include "src/base/num.h"

static const struct {
    uint32_t type;
    const char *name;
    uint32_t block_weights; /* 0: foreign */
    uint32_t block_bytes;
} types[] = {
    {GGML_F32, "F32", 1, 4},
    {GGML_F16, "F16", 1, 2},
    {2, "Q4_0", 0, 0},
    {3, "Q4_1", 0, 0},
    {6, "Q5_0", 0, 0},
    {7, "Q5_1", 0, 0},
    {8, "Q8_0", 0, 0},
    {9, "Q8_1", 0, 0},
    {10, "Q2_K", 0, 0},
    {11, "Q3_K", 0, 0},
    {12, "Q4_K", 0, 0},
    {13, "Q5_K", 0, 0},
    {14, "Q6_K", 0, 0},
    {15, "Q8_K", 0, 0},
    {16, "IQ2_XXS", 0, 0},
    {17, "IQ2_XS", 0, 0},
    {18, "IQ3_XXS", 0, 0},
    {19, "IQ1_S", 0, 0},
    {20, "IQ4_NL", 0, 0},
    {21, "IQ3_S", 0, 0},
    {22, "IQ2_S", 0, 0},
    {23, "IQ4_XS", 0, 0},
    {24, "I8", 0, 0},
    {25, "I16", 0, 0},
    {26, "I32", 0, 0},
    {27, "I64", 0, 0},
    {28, "F64", 0, 0},
    {29, "IQ1_M", 0, 0},
    {GGML_BF16, "BF16", 1, 2},
    {34, "TQ1_0", 0, 0},
    {35, "TQ2_0", 0, 0},
    {39, "MXFP4", 0, 0},
    {40, "NVFP4", 0, 0},
    {GGML_Q1_0, "Q1_0", GROUP_WEIGHTS, 18},
    {142, "PQ2_0", 0, 0},
    {143, "PTQ1_0", 0, 0},
};

const char *ggml_type_name(uint32_t type)
{
    for (size_t i = 0; i < countof(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown";
}

bool ggml_type_granule(uint32_t type, uint64_t *weights)
{
    for (size_t i = 0; i < countof(types); i++)
        if (types[i].type == type) {
            *weights = types[i].block_weights;
            return *weights > 0;
        }
    return false;
}

bool ggml_type_bytes(uint32_t type, uint64_t count, uint64_t *bytes)
{
    for (size_t i = 0; i < countof(types); i++) {
        if (types[i].type != type)
            continue;
        if (types[i].block_weights == 0 || count % types[i].block_weights != 0)
            return false;
        return num_mul(count / types[i].block_weights, types[i].block_bytes, bytes);
    }
    return false;
}
