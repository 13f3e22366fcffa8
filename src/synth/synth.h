/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/synth/synth.h - models of random weights, in the shapes of real ones.
 *
 * What such a model says means nothing; how long it takes, how much memory it
 * needs and whether a kernel is right at this size is what it is for.  Keys,
 * names, shapes, tied heads and the number of tokens and merges are those of
 * the published files.
 *
 * [Y1] the bytes are a function of shape and seed alone, on every machine.
 * [Y2] the vocabulary depends on its size alone; the merges of a smaller one
 *      are the first of a larger one.
 * [Y3] a model is written in pieces of about a megabyte, whatever its size.
 */
#ifndef SRC_SYNTH_SYNTH_H
#define SRC_SYNTH_SYNTH_H

#include "engine/gguf/write.h"
#include "src/base/rng.h"

/* ---- shapes (src/synth/synth_shape.c) ------------------------------------------- */

enum {
    SYNTH_SPECIALS = 26, /* special tokens, the last ids */
    SYNTH_VOCAB_MIN = 256 + SYNTH_SPECIALS,
    SYNTH_VOCAB_MAX = 1 << 18,
};

struct synth_shape {
    const char *name;
    uint32_t layers, width, ffn, heads, kv_heads, head_dim, vocab;
    uint32_t context;
    uint32_t yarn_context; /* positions before YaRN stretched them by yarn_factor; 0: no YaRN */
    float yarn_factor;
    bool tied;
};

/* "1.7B", "4B", "8B", "custom", upper or lower case. */
bool synth_shape_find(const char *name, struct synth_shape *shape, struct err *err);

/* Is it a shape that the engine takes?  Each number is within its own limits
 * already; this looks at how they go together. */
bool synth_shape_check(const struct synth_shape *shape, struct err *err);

struct synth_tensor {
    char name[40];
    uint32_t type; /* GGML_Q1_0 or GGML_F32 */
    uint32_t columns;
    uint32_t rows; /* 0: a vector */
    double weight; /* root of the mean square of its weights */
    double spread; /* of scales from row to row: standard deviation of their logarithm */
};

/* All tensors in the order of the file; owned by the caller (free). */
struct synth_tensor *synth_tensors(const struct synth_shape *shape, size_t *count);

/* ---- vocabulary (src/synth/synth_vocab.c) ---------------------------------------- */

/* Add all keys of a tokenizer of this size. */
bool synth_vocab_keys(struct gguf_head *head, uint32_t vocab, struct err *err);

/* ---- weights (src/synth/synth_weights.c) ------------------------------------------ */

/* Where the writing of a tensor is. */
struct synth_stream {
    const struct synth_tensor *tensor;
    uint32_t next_row;
    struct rng rng;
};

/* index: of the tensor in the file, which gives it random numbers of its own. */
void synth_stream_start(struct synth_stream *stream, const struct synth_tensor *tensor,
                        size_t index, uint64_t seed);

/* The next rows, as many as fit into size bytes and at least one (out grows
 * for it); out is overwritten.  False when nothing was left. */
bool synth_stream_next(struct synth_stream *stream, size_t size, struct buf *out);

/* ---- the whole file (src/synth/synth_file.c) -------------------------------------- */

struct synth_file {
    struct synth_tensor *tensors;
    size_t tensor_count;
    struct buf head; /* all bytes before the first tensor's */
    uint64_t bytes;  /* of the whole file */
    uint64_t seed;
};

/* All but the weights.  Free it also after a failure. */
bool synth_file_plan(const struct synth_shape *shape, uint64_t seed, struct synth_file *file,
                     struct err *err);

/* Takes the next bytes of the file; false ends the writing. */
typedef bool synth_put(void *user, const void *bytes, size_t len, struct err *err);

/* Give the file to put, piece by piece [Y3]. */
bool synth_file_write(const struct synth_file *file, synth_put *put, void *user, struct err *err);
void synth_file_free(struct synth_file *file);

#endif
