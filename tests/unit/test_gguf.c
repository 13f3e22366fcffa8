/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Opening models: good files of every kind, and a table of bad ones with the
 * exact code, place and message of each refusal.
 */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/model/model_int.h"
#include "tests/t.h"
#include "tests/tiny.h"

/* ---- damage ------------------------------------------------------------------ */

/* Overwrite `len` bytes, `skip` bytes behind the first occurrence of `at`, or
 * behind the last one if `at` begins with '$' (which does not count). */
struct edit {
    const char *at;
    int skip;
    const char *bytes;
    size_t len;
};

struct bad_file {
    struct tiny tiny; /* width 0: tiny_default */
    struct edit edits[3];
    enum err_code code;
    const char *where;
    const char *message;
};

#define BYTES(text) (text), sizeof(text) - 1

static size_t place_behind(const struct buf *file, const char *at)
{
    if (*at != '$')
        return tiny_find(file, at) + strlen(at);
    size_t len = strlen(++at), place = file->len - len;
    while (memcmp(file->data + place, at, len) != 0)
        place--; /* the text is there */
    return place + len;
}

static void apply_edit(struct buf *file, const struct edit *edit)
{
    size_t place = place_behind(file, edit->at) + (size_t)edit->skip;
    assert_true(place + edit->len <= file->len);
    memcpy(file->data + place, edit->bytes, edit->len);
}

static void damaged(const struct bad_file *bad, struct buf *file)
{
    tiny_write(bad->tiny.width ? &bad->tiny : &tiny_default, file);
    for (size_t i = 0; i < countof(bad->edits) && bad->edits[i].at; i++)
        apply_edit(file, &bad->edits[i]);
}

/* The memory is exactly as long as the file: a sanitizer sees every byte read behind it. */
static struct model *open_exact(const char *bytes, size_t len, struct err *err)
{
    char *exact = x_new(len, 1);
    memcpy(exact, bytes, len);
    struct model *model = model_open_memory(exact, len, "tiny", err);
    free(exact);
    return model;
}

#define SHAPE .layers = 2, .width = 128, .ffn = 256, .heads = 2, .kv_heads = 1, .head_dim = 64, \
    .vocab = 264, .seed = 7

/* Places in tiny_default's file, from the end of a name: a key's type is at 0
 * and its value at 4 (a text's bytes at 12, an array's element type at 4, its
 * count at 8); a matrix' columns are at 4, rows at 12, type at 20, offset at 24;
 * a norm's type is at 12, its offset at 16. */
static const struct bad_file bad_files[] = {
    /* the header */
    {{0}, {{"", 0, BYTES("GGML")}}, ERR_FORMAT, "byte 0",
     "is not a GGUF file: it begins with 47 47 4d 4c, expected \"GGUF\""},
    {{0}, {{"GGUF", 0, BYTES("\2\0\0\0")}}, ERR_UNSUPPORTED, "byte 4",
     "GGUF version 2, supported is 3"},
    {{0}, {{"GGUF", 0, BYTES("\0\0\0\3")}}, ERR_UNSUPPORTED, "byte 4",
     "GGUF version 50331648 (big endian?), supported is 3"},
    {{0}, {{"GGUF", 4, BYTES("\1\0\1")}}, ERR_FORMAT, "byte 8",
     "says it has 65537 tensors and 17 keys, expected at most 65536 and 65536"},
    {{0}, {{"GGUF", 12, BYTES("\1\0\0\0\0\0\0\1")}}, ERR_FORMAT, "byte 8",
     "says it has 25 tensors and 72057594037927937 keys, expected at most 65536 and 65536"},
    {{0}, {{"GGUF", 4, BYTES("\0\1")}}, ERR_FORMAT, "byte 5891",
     "a tensor has a name of 0 bytes, expected 1 .. 1024"},
    {{0}, {{"GGUF", 12, BYTES("\0\1")}}, ERR_FORMAT, "byte 4488",
     "the file ends inside a key: 74309393851613184 bytes expected, 56008 left: it is cut short "
     "or damaged"},
    /* keys */
    {{0}, {{"GGUF", 20, BYTES("\0\0\0\0\0\0\0\1")}}, ERR_FORMAT, "byte 32",
     "the file ends inside a key: 72057594037927936 bytes expected, 60464 left: it is cut short "
     "or damaged"},
    {{0}, {{"GGUF", 20, BYTES("\0")}}, ERR_FORMAT, "byte 24",
     "a key has a name of 0 bytes, expected 1 .. 1024"},
    {{0}, {{"GGUF", 20, BYTES("\1\4")}}, ERR_FORMAT, "byte 24",
     "a key has a name of 1025 bytes, expected 1 .. 1024"},
    {{0}, {{"qwen3.block_count", 0, BYTES("\15")}}, ERR_FORMAT, "byte 94",
     "key 'qwen3.block_count' has value type 13, expected 0 (u8) .. 12 (f64)"},
    {{0}, {{"qwen3.block_count", 0, BYTES("\11")}, {"qwen3.block_count", 4, BYTES("\11\0\0\0")}},
     ERR_FORMAT, "byte 98",
     "key 'qwen3.block_count' is an array of value type 9, expected 0 (u8) .. 12 (f64) and no "
     "array (9)"},
    {{0}, {{"qwen3.block_count", 0, BYTES("\11")}, {"qwen3.block_count", 4, BYTES("\15\0\0\0")}},
     ERR_FORMAT, "byte 98",
     "key 'qwen3.block_count' is an array of value type 13, expected 0 (u8) .. 12 (f64) and no "
     "array (9)"},
    {{0}, {{"tokenizer.ggml.pre", 4, BYTES("\377\377\377\377\377\377\377\177")}},
     ERR_FORMAT, "byte 562",
     "the file ends inside an array of strings: 9223372036854775807 bytes expected, 59934 left: "
     "it is cut short or damaged"},
    {{0}, {{"tokenizer.ggml.token_type", 8, BYTES("\377\377\377\377\377\377\377\377")}},
     ERR_FORMAT, "byte 3260",
     "the file ends inside a value: 18446744073709551615 bytes expected, 57236 left: it is cut "
     "short or damaged"},
    {{0}, {{"tokenizer.ggml.tokens", 8, BYTES("\377\377\377\377\377\377\377\377")}},
     ERR_FORMAT, "byte 3252",
     "the file ends inside an array of strings: 21474836489 bytes expected, 57244 left: it is "
     "cut short or damaged"},
    {{0}, {{"qwen3.context_length", -14, BYTES("rope.freq_base")}}, ERR_FORMAT, "",
     "key 'qwen3.rope.freq_base' occurs twice, expected once"},
    /* types of keys */
    {{0}, {{"general.architecture", 0, BYTES("\12")}}, ERR_FORMAT, "byte 72",
     "the file ends inside a key: 18912593147761 bytes expected, 60424 left: it is cut short or "
     "damaged"},
    {{0}, {{"qwen3.block_count", 0, BYTES("\6")}}, ERR_FORMAT, "byte 98",
     "key 'qwen3.block_count' is of type f32, expected an integer"},
    {{0}, {{"qwen3.block_count", 0, BYTES("\5")},
      {"qwen3.block_count", 4, BYTES("\376\377\377\377")}},
     ERR_RANGE, "byte 98",
     "key 'qwen3.block_count' is -2, expected no negative number"},
    {{0}, {{"qwen3.rope.freq_base", 0, BYTES("\4")}}, ERR_FORMAT, "byte 476",
     "key 'qwen3.rope.freq_base' is of type u32, expected a floating-point number"},
    {{0}, {{"qwen3.context_length", 0, BYTES("\6")}}, ERR_FORMAT, "byte 134",
     "key 'qwen3.context_length' is of type f32, expected an integer"},
    {{0}, {{"tokenizer.ggml.token_type", 4, BYTES("\6")}}, ERR_FORMAT, "byte 3260",
     "key 'tokenizer.ggml.token_type' is an array of f32, expected an array of integers"},
    /* tensors */
    {{0}, {{"output_norm.weight", 0, BYTES("\5")}}, ERR_FORMAT, "byte 5788",
     "tensor 'output_norm.weight' has 5 dimensions, expected 1 .. 4"},
    {{0}, {{"output_norm.weight", 0, BYTES("\0")}}, ERR_FORMAT, "byte 5788",
     "tensor 'output_norm.weight' has 0 dimensions, expected 1 .. 4"},
    {{0}, {{"token_embd.weight", 4, BYTES("\0\0\0\0\0\0\0\0")}}, ERR_FORMAT, "byte 4478",
     "tensor 'token_embd.weight' has dimension 0, expected a positive one that keeps the number "
     "of weights below 2^64"},
    {{0}, {{"token_embd.weight", 4, BYTES("\0\0\0\0\0\0\0\1\0\1\0\0\0\0\0\0")}},
     ERR_FORMAT, "byte 4486",
     "tensor 'token_embd.weight' has dimension 256, expected a positive one that keeps the "
     "number of weights below 2^64"},
    {{0}, {{"output_norm.weight", 4, BYTES("\0\0\0\0\0\0\0\100")}}, ERR_FORMAT, "byte 5826",
     "tensor 'output_norm.weight' has 4611686018427387904 weights of type F32, more bytes than "
     "64 bits can count"},
    {{0}, {{"token_embd.weight", 4, BYTES("\177")}}, ERR_FORMAT, "byte 4494",
     "tensor 'token_embd.weight' of type Q1_0 has rows of 127 weights, expected a multiple of 128"},
    {{0}, {{"token_embd.weight", 24, BYTES("\1")}}, ERR_FORMAT, "",
     "tensor 'token_embd.weight' lies at offset 1, expected a multiple of 32"},
    {{0}, {{"$output.weight", 24, BYTES("\0\0\0\1")}}, ERR_FORMAT, "",
     "tensor 'output.weight' of 4752 bytes lies at offset 16777216 of the data, expected it "
     "inside the file of 60496 bytes: it is cut short or damaged"},
    {{0}, {{"$output.weight", 24, BYTES("\340\377\377\377\377\377\377\377")}}, ERR_FORMAT, "",
     "tensor 'output.weight' of 4752 bytes lies at offset 18446744073709551584 of the data, "
     "expected it inside the file of 60496 bytes: it is cut short or damaged"},
    {{0}, {{"$output.weight", 12, BYTES("\11")}}, ERR_FORMAT, "",
     "tensor 'output.weight' of 4770 bytes lies at offset 49824 of the data, expected it inside "
     "the file of 60496 bytes: it is cut short or damaged"},
    {{0}, {{"blk.0.attn_norm.weight", 16, BYTES("\0\0\0\0")}}, ERR_FORMAT, "",
     "tensors 'token_embd.weight' and 'blk.0.attn_norm.weight' overlap, expected bytes of their "
     "own"},
    {{0}, {{"blk.0.attn_k.weight", -8, BYTES("q")}}, ERR_FORMAT, "",
     "tensor 'blk.0.attn_q.weight' occurs twice, expected once"},
    {{SHAPE, .alignment = 7}, {{0}}, ERR_FORMAT, "",
     "key 'general.alignment' is 7, expected a power of two in 8 .. 1048576"},
    {{SHAPE, .alignment = 64}, {{"general.alignment", 4, BYTES("\0\0\40")}}, ERR_FORMAT, "",
     "key 'general.alignment' is 2097152, expected a power of two in 8 .. 1048576"},
    {{SHAPE, .alignment = 64}, {{"general.alignment", 0, BYTES("\5")},
      {"general.alignment", 4, BYTES("\377\377\377\377")}},
     ERR_RANGE, "byte 53",
     "key 'general.alignment' is -1, expected no negative number"},
    /* architecture and sizes */
    {{SHAPE, .skip_key = "general.architecture"}, {{0}}, ERR_FORMAT, "",
     "key 'general.architecture' is missing, expected \"qwen3\""},
    {{SHAPE, .architecture = "qwen35"}, {{0}}, ERR_UNSUPPORTED, "",
     "architecture is \"qwen35\", supported is qwen3 (dense 1-bit models such as Bonsai 1.7B, 4B "
     "and 8B)"},
    {{SHAPE, .architecture = "llama"}, {{0}}, ERR_UNSUPPORTED, "",
     "architecture is \"llama\", supported is qwen3 (dense 1-bit models such as Bonsai 1.7B, 4B "
     "and 8B)"},
    {{SHAPE, .architecture = ""}, {{0}}, ERR_UNSUPPORTED, "",
     "architecture is \"\", supported is qwen3 (dense 1-bit models such as Bonsai 1.7B, 4B and "
     "8B)"},
    {{SHAPE, .skip_key = "qwen3.block_count"}, {{0}}, ERR_FORMAT, "",
     "key 'qwen3.block_count' is missing, expected a number from 1 to 1024"},
    {{SHAPE, .skip_key = "qwen3.embedding_length"}, {{0}}, ERR_FORMAT, "",
     "key 'qwen3.embedding_length' is missing, expected a number from 1 to 65536"},
    {{SHAPE, .skip_key = "qwen3.feed_forward_length"}, {{0}}, ERR_FORMAT, "",
     "key 'qwen3.feed_forward_length' is missing, expected a number from 1 to 1048576"},
    {{SHAPE, .skip_key = "qwen3.attention.head_count"}, {{0}}, ERR_FORMAT, "",
     "key 'qwen3.attention.head_count' is missing, expected a number from 1 to 1024"},
    {{SHAPE, .skip_key = "qwen3.attention.head_count_kv"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.0.attn_k.weight' has shape 128 x 64, expected 128 x 128"},
    {{0}, {{"qwen3.block_count", 4, BYTES("\0")}}, ERR_RANGE, "",
     "key 'qwen3.block_count' is 0, expected a number from 1 to 1024"},
    {{0}, {{"qwen3.block_count", 4, BYTES("\1\4")}}, ERR_RANGE, "",
     "key 'qwen3.block_count' is 1025, expected a number from 1 to 1024"},
    {{0}, {{"qwen3.block_count", 4, BYTES("\0\4")}}, ERR_FORMAT, "",
     "has 1024 layers of width 128, whose norms alone do not fit into the file's 60496 bytes"},
    {{0}, {{"qwen3.block_count", 4, BYTES("\3")}}, ERR_FORMAT, "",
     "tensor 'blk.2.attn_q.weight' is missing, expected it in a qwen3 model"},
    {{0}, {{"qwen3.embedding_length", 4, BYTES("\1\0\1")}}, ERR_RANGE, "",
     "key 'qwen3.embedding_length' is 65537, expected a number from 1 to 65536"},
    {{0}, {{"qwen3.embedding_length", 4, BYTES("\0\1")}}, ERR_FORMAT, "",
     "tensor 'token_embd.weight' has shape 128 x 264, expected 256 x 264"},
    {{0}, {{"qwen3.embedding_length", 4, BYTES("\300")}}, ERR_UNSUPPORTED, "",
     "width is 192 and ffn 256, expected multiples of 128 (the group of Q1_0)"},
    {{0}, {{"qwen3.feed_forward_length", 4, BYTES("\1\1")}}, ERR_UNSUPPORTED, "",
     "width is 128 and ffn 257, expected multiples of 128 (the group of Q1_0)"},
    {{0}, {{"qwen3.attention.head_count", 4, BYTES("\1\4")}}, ERR_RANGE, "",
     "key 'qwen3.attention.head_count' is 1025, expected a number from 1 to 1024"},
    {{0}, {{"qwen3.attention.head_count_kv", 4, BYTES("\3")}}, ERR_FORMAT, "",
     "has 2 query heads and 3 KV heads, expected a multiple of the KV heads"},
    {{0}, {{"qwen3.attention.key_length", 4, BYTES("\77")}}, ERR_UNSUPPORTED, "",
     "head dimensions are 63 (key), 64 (value) and 63 (RoPE), expected the same even number"},
    {{0}, {{"qwen3.attention.value_length", 4, BYTES("\77")}}, ERR_UNSUPPORTED, "",
     "head dimensions are 64 (key), 63 (value) and 64 (RoPE), expected the same even number"},
    {{0}, {{"qwen3.attention.head_count", 4, BYTES("\3")}}, ERR_UNSUPPORTED, "",
     "query heads x head dimension is 192, expected a multiple of 128"},
    {{SHAPE, .skip_key = "qwen3.attention.key_length"},
     {{"qwen3.attention.head_count", 4, BYTES("\200\1")},
      {"qwen3.attention.head_count_kv", 4, BYTES("\200")}},
     ERR_RANGE, "",
     "key 'qwen3.attention.key_length' is 0, expected a number from 1 to 1024"},
    {{0}, {{"qwen3.context_length", 4, BYTES("\0\0")}}, ERR_RANGE, "",
     "key 'qwen3.context_length' is 0, expected a number from 1 to 4294967295"},
    /* numbers */
    {{0}, {{"layer_norm_rms_epsilon", 4, BYTES("\0\0\0\0")}}, ERR_RANGE, "",
     "key 'qwen3.attention.layer_norm_rms_epsilon' is 0, expected a number from 1e-30 to 1"},
    {{0}, {{"layer_norm_rms_epsilon", 4, BYTES("\0\0\300\177")}}, ERR_RANGE, "",
     "key 'qwen3.attention.layer_norm_rms_epsilon' is nan, expected a number from 1e-30 to 1"},
    {{0}, {{"layer_norm_rms_epsilon", 4, BYTES("\0\0\200\177")}}, ERR_RANGE, "",
     "key 'qwen3.attention.layer_norm_rms_epsilon' is inf, expected a number from 1e-30 to 1"},
    {{0}, {{"qwen3.rope.freq_base", 4, BYTES("\0\0\0\0")}}, ERR_RANGE, "",
     "key 'qwen3.rope.freq_base' is 0, expected a number from 1 to 1e+30"},
    {{0}, {{"qwen3.rope.freq_base", 4, BYTES("\0\0\300\377")}}, ERR_RANGE, "",
     "key 'qwen3.rope.freq_base' is -nan, expected a number from 1 to 1e+30"},
    {{SHAPE, .yarn = true}, {{"scaling.type", 12, BYTES("long")}}, ERR_UNSUPPORTED, "",
     "RoPE scaling is \"long\", supported are none, linear and yarn"},
    {{SHAPE, .yarn = true}, {{"scaling.type", 12, BYTES("\33[2J")}}, ERR_UNSUPPORTED, "",
     "RoPE scaling is \"\\x1B[2J\", supported are none, linear and yarn"},
    {{SHAPE, .yarn = true}, {{"scaling.factor", 4, BYTES("\0\0\0\77")}}, ERR_RANGE, "",
     "key 'qwen3.rope.scaling.factor' is 0.5, expected a number from 1 to 1e+06"},
    {{SHAPE, .yarn = true}, {{"original_context_length", 4, BYTES("\0")}}, ERR_RANGE, "",
     "key 'qwen3.rope.scaling.original_context_length' is 0, expected a number from 1 to "
     "4294967295"},
    {{SHAPE, .yarn = true, .skip_key = "qwen3.rope.scaling.original_context_length"}, {{0}},
     ERR_FORMAT, "",
     "key 'qwen3.rope.scaling.original_context_length' is missing, expected a number from 1 to "
     "4294967295"},
    {{SHAPE, .linear = true}, {{"scaling.factor", 4, BYTES("\0\0\200\177")}}, ERR_RANGE, "",
     "key 'qwen3.rope.scaling.factor' is inf, expected a number from 1 to 1e+06"},
    /* types of tensors */
    {{SHAPE, .matrix_type = 12}, {{0}}, ERR_UNSUPPORTED, "",
     "tensor 'token_embd.weight' has type Q4_K (12), supported are Q1_0 (41) for matrices and "
     "F32, F16, BF16 for norms"},
    {{SHAPE, .matrix_type = 34}, {{0}}, ERR_UNSUPPORTED, "",
     "tensor 'token_embd.weight' has type TQ1_0 (34), which is ternary or has several layouts; "
     "supported is Q1_0 (41): the XOR of a 2-bit code means nothing"},
    {{SHAPE, .matrix_type = 35}, {{0}}, ERR_UNSUPPORTED, "",
     "tensor 'token_embd.weight' has type TQ2_0 (35), which is ternary or has several layouts; "
     "supported is Q1_0 (41): the XOR of a 2-bit code means nothing"},
    {{SHAPE, .matrix_type = 42}, {{0}}, ERR_UNSUPPORTED, "",
     "tensor 'token_embd.weight' has type unknown (42), which is ternary or has several layouts; "
     "supported is Q1_0 (41): the XOR of a 2-bit code means nothing"},
    {{SHAPE, .matrix_type = 142}, {{0}}, ERR_UNSUPPORTED, "",
     "tensor 'token_embd.weight' has type PQ2_0 (142), which is ternary or has several layouts; "
     "supported is Q1_0 (41): the XOR of a 2-bit code means nothing"},
    {{SHAPE, .matrix_type = 143}, {{0}}, ERR_UNSUPPORTED, "",
     "tensor 'token_embd.weight' has type PTQ1_0 (143), which is ternary or has several layouts; "
     "supported is Q1_0 (41): the XOR of a 2-bit code means nothing"},
    {{SHAPE, .matrix_type = 77}, {{0}}, ERR_UNSUPPORTED, "",
     "tensor 'token_embd.weight' has type unknown (77), supported are Q1_0 (41) for matrices and "
     "F32, F16, BF16 for norms"},
    {{0}, {{"blk.1.ffn_up.weight", 20, BYTES("\14")}}, ERR_UNSUPPORTED, "",
     "tensor 'blk.1.ffn_up.weight' has type Q4_K (12), supported are Q1_0 (41) for matrices and "
     "F32, F16, BF16 for norms"},
    {{0}, {{"output_norm.weight", 12, BYTES("\10")}}, ERR_UNSUPPORTED, "",
     "tensor 'output_norm.weight' has type Q8_0 (8), supported are Q1_0 (41) for matrices and "
     "F32, F16, BF16 for norms"},
    {{0}, {{"output_norm.weight", 12, BYTES("\51")}}, ERR_UNSUPPORTED, "",
     "tensor 'output_norm.weight' has type Q1_0 (41), expected F32, F16 or BF16"},
    /* tensors that are missing, of a wrong shape, or too many */
    {{SHAPE, .skip_tensor = "token_embd.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'token_embd.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "output_norm.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'output_norm.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.0.attn_q.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.0.attn_q.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.0.attn_k.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.0.attn_k.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.0.attn_v.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.0.attn_v.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.0.attn_output.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.0.attn_output.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.1.ffn_gate.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.1.ffn_gate.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.1.ffn_up.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.1.ffn_up.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.1.ffn_down.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.1.ffn_down.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.1.attn_norm.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.1.attn_norm.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.1.ffn_norm.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.1.ffn_norm.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.1.attn_q_norm.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.1.attn_q_norm.weight' is missing, expected it in a qwen3 model"},
    {{SHAPE, .skip_tensor = "blk.1.attn_k_norm.weight"}, {{0}}, ERR_FORMAT, "",
     "tensor 'blk.1.attn_k_norm.weight' is missing, expected it in a qwen3 model"},
    {{0}, {{"blk.0.attn_q.weight", 12, BYTES("\177")}}, ERR_FORMAT, "",
     "tensor 'blk.0.attn_q.weight' has shape 128 x 127, expected 128 x 128"},
    {{0}, {{"output_norm.weight", 4, BYTES("\177")}}, ERR_FORMAT, "",
     "tensor 'output_norm.weight' has shape 127, expected 128"},
    {{0}, {{"$output.weight", 12, BYTES("\7\1")}}, ERR_FORMAT, "",
     "tensor 'output.weight' has shape 128 x 263, expected 128 x 264"},
    {{0}, {{"$output.weight", -6, BYTES("Weight")}}, ERR_UNSUPPORTED, "",
     "tensor 'output.Weight' is not part of a dense qwen3 model of 2 layers: what it does would "
     "be left out"},
    {{0}, {{"qwen3.block_count", 4, BYTES("\1")}}, ERR_UNSUPPORTED, "",
     "tensor 'blk.1.attn_norm.weight' is not part of a dense qwen3 model of 1 layers: what it "
     "does would be left out"},
    {{0}, {{"$output.weight", -13, BYTES("blk.00.attn_q")}}, ERR_UNSUPPORTED, "",
     "tensor 'blk.00.attn_q' is not part of a dense qwen3 model of 2 layers: what it does would "
     "be left out"},
    /* the tokenizer */
    {{0}, {{"token_embd.weight", 12, BYTES("\7\1")}, {"$output.weight", 12, BYTES("\7\1")}},
     ERR_FORMAT, "",
     "key 'tokenizer.ggml.tokens' has 264 entries, expected 263, the rows of the embedding"},
    {{SHAPE, .skip_key = "tokenizer.ggml.tokens"}, {{0}}, ERR_FORMAT, "",
     "key 'tokenizer.ggml.tokens' is missing, expected the spellings of 264 tokens"},
    {{SHAPE, .skip_key = "tokenizer.ggml.model"}, {{0}}, ERR_UNSUPPORTED, "tokenizer.ggml.model",
     "is \"\", expected \"gpt2\""},
    {{SHAPE, .skip_key = "tokenizer.ggml.pre"}, {{0}}, ERR_UNSUPPORTED, "tokenizer.ggml.pre",
     "is \"\", expected \"qwen2\""},
    {{0}, {{"tokenizer.ggml.eos_token_id", 4, BYTES("\10\1")}},
     ERR_FORMAT, "tokenizer.ggml.eos_token_id",
     "is 264, expected 0 to 263"},
    {{0}, {{"tokenizer.ggml.token_type", 20, BYTES("\7")}},
     ERR_FORMAT, "tokenizer.ggml.token_type[1]",
     "is 7, expected 1 to 6"},
};

static void model_open__bad_file__refused_with_code_place_and_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(bad_files); i++) {
        const struct bad_file *bad = &bad_files[i];
        struct buf file = {0};
        struct err err = {0};
        damaged(bad, &file);
        struct model *model = open_exact(file.data, file.len, &err);
        if (model)
            fail_msg("bad file %zu was accepted, expected: %s", i, bad->message);
        t_err_is(&err, bad->code, bad->where, bad->message);
        assert_string_equal(err.file, "tiny");
        buf_free(&file);
    }
}

/* ---- every prefix -------------------------------------------------------------- */

static void gguf_parse__every_prefix__refused(void **state)
{
    (void)state;
    struct tiny small = {.layers = 1, .width = 128, .ffn = 128, .heads = 2, .kv_heads = 1,
                         .head_dim = 64, .vocab = 260, .seed = 3, .tied = true};
    struct buf file = {0};
    tiny_write(&small, &file);
    for (size_t len = 0; len < file.len; len++) {
        struct err err = {0};
        uint8_t *exact = x_new(len, 1);
        memcpy(exact, file.data, len);
        struct gguf *gguf = gguf_parse(exact, len, &err);
        if (gguf || err.code != ERR_FORMAT)
            fail_msg("a prefix of %zu bytes was accepted, or refused with \"%s\"", len,
                     err.message);
        free(exact);
    }
    struct err err = {0};
    struct model *whole = open_exact(file.data, file.len, &err);
    t_ok(whole != NULL, &err);
    model_free(whole);
    buf_free(&file);
}

/* ---- keys put in --------------------------------------------------------------- */

static void add_text(struct buf *out, const char *text)
{
    uint64_t len = strlen(text);
    buf_add(out, &len, sizeof len);
    buf_add_text(out, text);
}

static void add_number(struct buf *out, uint64_t value, size_t bytes)
{
    buf_add(out, &value, bytes);
}

/* Put one key (type and value as they stand in the file) before the others; a
 * second one fills up to a multiple of 64, so that the data stay aligned. */
static void insert_key(struct buf *file, const char *name, const char *bytes, size_t len)
{
    struct buf keys = {0}, out = {0};
    add_text(&keys, name);
    buf_add(&keys, bytes, len);
    add_text(&keys, "filler");
    add_number(&keys, 8, 4);
    size_t gap = 64 - (keys.len + 8) % 64;
    add_number(&keys, gap, 8);
    while (gap-- > 0)
        buf_add(&keys, "", 1);
    buf_add(&out, file->data, 24);
    out.data[16] = (char)(out.data[16] + 2);
    buf_add(&out, keys.data, keys.len);
    buf_add(&out, file->data + 24, file->len - 24);
    buf_free(&keys);
    buf_free(file);
    *file = out;
}

static struct model *open_with_key(const char *skipped, const char *name, const char *bytes,
                                   size_t len, struct err *err)
{
    struct tiny tiny = tiny_default;
    struct buf file = {0};
    tiny.skip_key = skipped;
    tiny_write(&tiny, &file);
    insert_key(&file, name, bytes, len);
    struct model *model = open_exact(file.data, file.len, err);
    buf_free(&file);
    return model;
}

static void model_open__unknown_keys_of_every_type__ignored(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t len;
    } values[] = {
        {BYTES("\0\0\0\0" "\1")},
        {BYTES("\1\0\0\0" "\377")},
        {BYTES("\2\0\0\0" "\1\2")},
        {BYTES("\3\0\0\0" "\1\2")},
        {BYTES("\4\0\0\0" "\1\2\3\4")},
        {BYTES("\5\0\0\0" "\1\2\3\4")},
        {BYTES("\6\0\0\0" "\0\0\300\177")},
        {BYTES("\7\0\0\0" "\1")},
        {BYTES("\10\0\0\0" "\2\0\0\0\0\0\0\0" "\377\0")},
        {BYTES("\11\0\0\0" "\14\0\0\0" "\1\0\0\0\0\0\0\0" "12345678")},
        {BYTES("\11\0\0\0" "\10\0\0\0" "\1\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0")},
        {BYTES("\11\0\0\0" "\6\0\0\0" "\0\0\0\0\0\0\0\0")},
        {BYTES("\12\0\0\0" "12345678")},
        {BYTES("\13\0\0\0" "12345678")},
        {BYTES("\14\0\0\0" "12345678")},
    };
    for (size_t i = 0; i < countof(values); i++) {
        struct err err = {0};
        struct model *model =
            open_with_key(NULL, "some.other.key", values[i].bytes, values[i].len, &err);
        t_ok(model != NULL, &err);
        model_free(model);
    }
}

static void model_open__sizes_and_numbers_of_other_widths__read(void **state)
{
    (void)state;
    const struct {
        const char *name;
        const char *bytes;
        size_t len;
    } values[] = {
        {"qwen3.block_count", BYTES("\0\0\0\0" "\2")},
        {"qwen3.block_count", BYTES("\1\0\0\0" "\2")},
        {"qwen3.block_count", BYTES("\2\0\0\0" "\2\0")},
        {"qwen3.block_count", BYTES("\3\0\0\0" "\2\0")},
        {"qwen3.block_count", BYTES("\5\0\0\0" "\2\0\0\0")},
        {"qwen3.block_count", BYTES("\12\0\0\0" "\2\0\0\0\0\0\0\0")},
        {"qwen3.block_count", BYTES("\13\0\0\0" "\2\0\0\0\0\0\0\0")},
        {"qwen3.rope.freq_base", BYTES("\14\0\0\0" "\0\0\0\0\0\210\303\100")}, /* 10000 */
    };
    for (size_t i = 0; i < countof(values); i++) {
        struct err err = {0};
        struct model *model = open_with_key(values[i].name, values[i].name, values[i].bytes,
                                            values[i].len, &err);
        t_ok(model != NULL, &err);
        assert_int_equal(model_shape(model)->layers, 2);
        assert_true(model->rope.base == 10000.0);
        model_free(model);
    }
}

static void model_open__bad_values_of_other_types__refused(void **state)
{
    (void)state;
    const struct {
        const char *name;
        const char *bytes;
        size_t len;
        enum err_code code;
        const char *where;
        const char *message;
    } rows[] = {
        {"qwen3.block_count", BYTES("\12\0\0\0" "\0\0\0\0\0\0\0\200"), ERR_RANGE, "",
         "key 'qwen3.block_count' is 9223372036854775807, expected a number from 1 to 1024"},
        {"tokenizer.ggml.add_bos_token", BYTES("\4\0\0\0" "\1\0\0\0"), ERR_FORMAT, "byte 64",
         "key 'tokenizer.ggml.add_bos_token' is of type u32, expected a bool"},
        {"tokenizer.ggml.merges", BYTES("\11\0\0\0" "\4\0\0\0" "\0\0\0\0\0\0\0\0"), ERR_FORMAT,
         "byte 69",
         "key 'tokenizer.ggml.merges' is an array of u32, expected an array of strings"},
        {"tokenizer.ggml.merges", BYTES("\10\0\0\0" "\0\0\0\0\0\0\0\0"), ERR_FORMAT, "byte 57",
         "key 'tokenizer.ggml.merges' is of type string, expected an array of strings"},
        {"tokenizer.ggml.token_type", BYTES("\4\0\0\0" "\1\0\0\0"), ERR_FORMAT, "byte 61",
         "key 'tokenizer.ggml.token_type' is of type u32, expected an array of integers"},
        {"tokenizer.ggml.token_type", BYTES("\11\0\0\0" "\0\0\0\0" "\1\0\0\0\0\0\0\0" "\1"),
         ERR_FORMAT, "",
         "key 'tokenizer.ggml.token_type' has 1 entries, expected 264, one for each token"},
        {"qwen3.attention.head_count_kv",
         BYTES("\11\0\0\0" "\4\0\0\0" "\1\0\0\0\0\0\0\0" "\1\0\0\0"), ERR_FORMAT, "byte 77",
         "key 'qwen3.attention.head_count_kv' is an array of u32, expected an integer"},
        {"general.architecture", BYTES("\11\0\0\0" "\10\0\0\0" "\0\0\0\0\0\0\0\0"), ERR_FORMAT,
         "byte 68", "key 'general.architecture' is an array of string, expected a string"},
        {"qwen3.rope.scaling.type", BYTES("\4\0\0\0" "\1\0\0\0"), ERR_FORMAT, "byte 59",
         "key 'qwen3.rope.scaling.type' is of type u32, expected a string"},
        {"qwen3.rope.dimension_count", BYTES("\4\0\0\0" "\40\0\0\0"), ERR_UNSUPPORTED, "",
         "head dimensions are 64 (key), 64 (value) and 32 (RoPE), expected the same even number"},
        {"tokenizer.ggml.eot_token_id", BYTES("\7\0\0\0" "\1"), ERR_FORMAT, "byte 63",
         "key 'tokenizer.ggml.eot_token_id' is of type bool, expected an integer"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        assert_null(open_with_key(rows[i].name, rows[i].name, rows[i].bytes, rows[i].len, &err));
        t_err_is(&err, rows[i].code, rows[i].where, rows[i].message);
    }
}

/* ---- tensors moved to the end ---------------------------------------------------- */

/* Give a matrix another type and shape and a place behind all others. */
static void move_matrix(struct buf *file, const char *name, uint64_t columns, uint64_t rows,
                        uint32_t type)
{
    size_t info = tiny_find(file, name) + strlen(name) + 4;
    while (file->len % 32 != 0)
        buf_add(file, "", 1);
    uint64_t offset = file->len; /* of the data section, which begins later: behind all */
    memcpy(file->data + info, &columns, 8);
    memcpy(file->data + info + 8, &rows, 8);
    memcpy(file->data + info + 16, &type, 4);
    memcpy(file->data + info + 20, &offset, 8);
}

static void model_open__float_matrix__refused(void **state)
{
    (void)state;
    struct buf file = {0};
    struct err err = {0};
    tiny_write(&tiny_default, &file);
    move_matrix(&file, "blk.1.attn_k.weight", 128, 64, GGML_BF16);
    for (size_t i = 0; i < 40000; i++)
        buf_add(&file, "", 1);
    assert_null(open_exact(file.data, file.len, &err));
    t_err_is(&err, ERR_UNSUPPORTED, "",
             "tensor 'blk.1.attn_k.weight' has type BF16 (30), expected Q1_0 (41): every matrix "
             "of a true 1-bit model is one");
    buf_free(&file);
}

static void model_open__norm_not_finite__refused_with_element(void **state)
{
    (void)state;
    const struct {
        uint32_t norm_type;
        const char *bytes;
        size_t len;
    } cases[] = {
        {0, BYTES("\0\0\200\177")}, {0, BYTES("\0\0\200\377")}, {0, BYTES("\1\0\300\177")},
        {1, BYTES("\0\174")},       {30, BYTES("\200\177")},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct tiny tiny = tiny_default;
        struct buf file = {0};
        struct err err = {0};
        tiny.norm_type = cases[i].norm_type;
        tiny_write(&tiny, &file);
        struct model *model = open_exact(file.data, file.len, &err);
        t_ok(model != NULL, &err);
        const struct gguf_tensor *norm = gguf_find_tensor(model->gguf, "blk.1.ffn_norm.weight");
        memcpy(file.data + norm->offset + 9 * cases[i].len, cases[i].bytes, cases[i].len);
        model_free(model);
        assert_null(open_exact(file.data, file.len, &err));
        t_err_is(&err, ERR_NUMERIC, "element 9",
                 "tensor 'blk.1.ffn_norm.weight' holds a number that is not finite");
        buf_free(&file);
    }
}

/* ---- files ------------------------------------------------------------------------ */

static void refuse_path(const char *path, enum err_code code, const char *message)
{
    struct err err = {0};
    assert_null(model_open(path, &err));
    t_err_is(&err, code, "", message);
    assert_string_equal(err.file, path);
}

static void model_open__no_model_there__says_what_is(void **state)
{
    (void)state;
    char folder[] = "/tmp/bankai-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    refuse_path(folder, ERR_USAGE, "is not a regular file, expected a GGUF model");
    refuse_path("/dev/null", ERR_USAGE, "is not a regular file, expected a GGUF model");
    struct buf path = {0};
    buf_add_format(&path, "%s/model.gguf", folder);
    refuse_path(path.data, ERR_USAGE, "cannot open the model: No such file or directory");
    FILE *file = fopen(path.data, "w");
    assert_non_null(file);
    (void)fclose(file);
    refuse_path(path.data, ERR_FORMAT, "is empty, expected a GGUF model");
    if (geteuid() != 0) {
        assert_int_equal(chmod(path.data, 0), 0);
        refuse_path(path.data, ERR_IO, "cannot open the model: Permission denied");
    }
    struct err err = {0};
    assert_null(model_open_memory("", 0, "nothing", &err));
    t_err_is(&err, ERR_FORMAT, "", "is empty, expected a GGUF model");
    assert_string_equal(err.file, "nothing");
    assert_int_equal(unlink(path.data), 0);
    assert_int_equal(rmdir(folder), 0);
    buf_free(&path);
}

/* A vocabulary over the limit needs a file of 34 MB: one with a hole. */
static void model_open__vocabulary_too_large__refused(void **state)
{
    (void)state;
    struct buf file = {0};
    tiny_write(&tiny_default, &file);
    move_matrix(&file, "token_embd.weight", 1, (1 << 24) + 1, GGML_F16);
    char path[] = "/tmp/bankai-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len);
    assert_int_equal(ftruncate(fd, 40 << 20), 0);
    refuse_path(path, ERR_RANGE, "the vocabulary has 16777217 rows, expected at most 16777216");
    (void)close(fd);
    (void)unlink(path);
    buf_free(&file);
}

/* ---- good files -------------------------------------------------------------------- */

static void model_open__norm_types__same_values(void **state)
{
    (void)state;
    const uint32_t types[] = {GGML_F32, GGML_F16, GGML_BF16};
    struct model *models[3];
    for (size_t i = 0; i < countof(types); i++) {
        struct tiny tiny = tiny_default;
        struct buf file = {0};
        struct err err = {0};
        tiny.norm_type = types[i];
        tiny_write(&tiny, &file);
        models[i] = open_exact(file.data, file.len, &err);
        t_ok(models[i] != NULL, &err);
        buf_free(&file);
    }
    for (size_t i = 1; i < countof(types); i++) {
        const struct layer *a = &models[0]->layers[1], *b = &models[i]->layers[1];
        assert_memory_equal(a->attn_norm, b->attn_norm, 128 * sizeof(float));
        assert_memory_equal(a->ffn_norm, b->ffn_norm, 128 * sizeof(float));
        assert_memory_equal(a->q_norm, b->q_norm, 64 * sizeof(float));
        assert_memory_equal(a->k_norm, b->k_norm, 64 * sizeof(float));
        assert_memory_equal(models[0]->final_norm, models[i]->final_norm, 128 * sizeof(float));
        assert_true(a->attn_norm[0] >= 0.75f && a->attn_norm[0] < 1.25f);
    }
    for (size_t i = 0; i < countof(types); i++)
        model_free(models[i]);
}

static struct model *open_kind(const struct tiny *tiny)
{
    struct buf file = {0};
    struct err err = {0};
    tiny_write(tiny, &file);
    struct model *model = open_exact(file.data, file.len, &err);
    t_ok(model != NULL, &err);
    buf_free(&file);
    return model;
}

static void model_open__good_kinds__read_as_written(void **state)
{
    (void)state;
    struct model *model = open_kind(&(struct tiny){SHAPE, .alignment = 64});
    for (size_t i = 0; i < model_tensor_count(model); i++)
        assert_int_equal(gguf_tensor(model->gguf, i)->offset % 64, 0);
    assert_false(model_shape(model)->tied);
    assert_int_equal(model_shape(model)->context, 512);
    struct tensor_info first = model_tensor(model, 0);
    assert_int_equal(first.name_len, strlen("token_embd.weight"));
    assert_string_equal(first.type, "Q1_0");
    assert_int_equal(first.dim_count, 2);
    assert_int_equal(first.shape[1], 264);
    assert_int_equal(first.bytes, 264 * 18);
    model_free(model);

    model = open_kind(&(struct tiny){SHAPE, .tied = true});
    assert_true(model_shape(model)->tied);
    assert_ptr_equal(model->head.blocks, model->embed.blocks);
    model_free(model);

    model = open_kind(&(struct tiny){SHAPE, .linear = true});
    assert_int_equal(model->rope.scaling, ROPE_LINEAR);
    assert_true(model->rope.factor == 4.0);
    model_free(model);

    model = open_kind(&(struct tiny){SHAPE, .yarn = true});
    assert_int_equal(model->rope.scaling, ROPE_YARN);
    assert_true(model->rope.original_context == 128.0);
    model_free(model);

    model = open_kind(&(struct tiny){SHAPE, .skip_key = "qwen3.context_length"});
    assert_int_equal(model_shape(model)->context, 0); /* not stated */
    model_free(model);

    model = open_kind(&(struct tiny){SHAPE, .skip_key = "qwen3.rope.freq_base"});
    assert_true(model->rope.base == 10000.0);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_open__bad_file__refused_with_code_place_and_message),
        cmocka_unit_test(gguf_parse__every_prefix__refused),
        cmocka_unit_test(model_open__unknown_keys_of_every_type__ignored),
        cmocka_unit_test(model_open__sizes_and_numbers_of_other_widths__read),
        cmocka_unit_test(model_open__bad_values_of_other_types__refused),
        cmocka_unit_test(model_open__float_matrix__refused),
        cmocka_unit_test(model_open__norm_not_finite__refused_with_element),
        cmocka_unit_test(model_open__no_model_there__says_what_is),
        cmocka_unit_test(model_open__vocabulary_too_large__refused),
        cmocka_unit_test(model_open__norm_types__same_values),
        cmocka_unit_test(model_open__good_kinds__read_as_written),
    };
    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
