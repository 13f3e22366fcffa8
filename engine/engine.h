/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/engine.h - the 1-bit engine: all of it that others see.
 *
 * Four objects:
 *   struct model      an open GGUF file whose sign bits can be flipped
 *   struct tokenizer  text to token ids and back (belongs to its model)
 *   struct context    a tree of token sequences and what was computed for them
 *   struct sampler    picks the next token (plain data)
 *
 * The engine prints nothing, never exits, knows no terminal.  Whatever can fail
 * because of a file or the machine returns false (or NULL) with a struct err.
 * Numbers are a function of model bits and tokens alone: see
 * engine/kernel/README.md for the exact arithmetic.
 *
 * [N1] the same bits come out for every thread count, batch shape and CPU level.
 * [N2] a flip applied twice restores every byte and the model's state name.
 * [N3] a virtual flip gives the same bits as the applied one.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/sha256.h"

/* Set from another thread or a signal handler to stop long work soon. */
typedef atomic_bool cancel_flag;

/* ---- matrices and flips ------------------------------------------------- */

enum proj {
    PROJ_Q,
    PROJ_K,
    PROJ_V,
    PROJ_O,
    PROJ_GATE,
    PROJ_UP,
    PROJ_DOWN,
    PROJ_EMBED,
    PROJ_HEAD,
    PROJ_COUNT,
    PROJ_LAYER_COUNT = PROJ_EMBED, /* the first seven exist in every layer */
};

enum {
    FLIP_WHOLE_ROW = -1, /* flip.group: every group of the row */
    NO_LAYER = -1,       /* flip.layer of embed and head */
    GROUP_WEIGHTS = 128, /* weights that share a scale */
};

/* Weights to negate: a whole row, or the bits of one group that are set in
 * mask (bit i of the group is bit i % 64 of mask[i / 64]).  With
 * FLIP_WHOLE_ROW the mask is not looked at and should be zero. */
struct flip {
    int32_t layer; /* 0-based, or NO_LAYER */
    enum proj proj;
    uint32_t row;
    int32_t group; /* index within the row, or FLIP_WHOLE_ROW */
    uint64_t mask[2];
};

static const uint64_t flip_mask_all[2] = {UINT64_MAX, UINT64_MAX};

/* Do they name the same weights in the same words? */
bool flip_equal(const struct flip *a, const struct flip *b);

/* "q_proj", ..., "embed", "head". */
const char *proj_name(enum proj proj);

/* "q", "q_proj" and the GGUF spelling "attn_q" alike; false if unknown. */
bool proj_parse(const char *name, enum proj *proj);

/* ---- model -------------------------------------------------------------- */

struct model;
struct tokenizer;

struct model_shape {
    uint32_t layers;
    uint32_t width;    /* residual stream */
    uint32_t ffn;      /* neurons of a layer's MLP */
    uint32_t heads;    /* query heads */
    uint32_t kv_heads;
    uint32_t head_dim;
    uint32_t vocab;    /* rows of the embedding */
    uint32_t context;  /* positions the model was made for, 0 if not stated */
    bool tied;         /* head and embedding are the same matrix */
};

/* 128-bit name of the set of flips that is on; zero for the file as it is. */
struct state_name {
    uint64_t word[2];
};

struct tensor_info {
    const char *name; /* not terminated */
    size_t name_len;
    const char *type; /* as ggml names it: "Q1_0", "F32", "F16", "BF16" */
    uint32_t dim_count;
    uint64_t shape[4]; /* GGUF order: shape[0] runs fastest */
    uint64_t bytes;
};

/* Open a GGUF file ("nano" is the embedded model).  The file is mapped private:
 * flips never reach it. */
struct model *model_open(const char *path, struct err *err);

/* The same from memory (copied); name is for messages. */
struct model *model_open_memory(const void *bytes, size_t len, const char *name, struct err *err);

const char *model_path(const struct model *model);
const struct model_shape *model_shape(const struct model *model);
const char *model_architecture(const struct model *model);
const struct tokenizer *model_tokenizer(const struct model *model);
/* Text of a key of the file ("tokenizer.chat_template"), not terminated, valid as long as the
 * model; NULL where it has none such or it is no text. */
const char *model_key_text(const struct model *model, const char *key, size_t *len);
uint64_t model_file_bytes(const struct model *model);
size_t model_tensor_count(const struct model *model);
struct tensor_info model_tensor(const struct model *model, size_t index);

/* Is the file still the one that was opened (size and time)?  To be asked
 * before each job: its untouched pages are read from it. */
bool model_unchanged(const struct model *model, struct err *err);

/* SHA-256 of the file (of the bytes on disk, not of flipped memory), as hex;
 * computed once, cached by path, size and time.  Valid until model_free. */
const char *model_sha256(struct model *model, struct err *err);

/* The same, given up when cancel is set (ERR_CANCELLED; it may be NULL).  What was
 * computed by then goes on in the background. */
const char *model_sha256_unless(struct model *model, cancel_flag *cancel, struct err *err);

/* Begin to compute it in the background: model_sha256, which may be called from any
 * thread, waits for the rest. */
void model_hash_start(struct model *model);
/* Is it known by now, so that model_sha256 does not wait?  Also true where it failed. */
bool model_hash_ready(struct model *model);

/* SHA-256, as hex, of the weights that the flips touch, as they are in the file whatever
 * is flipped now: of the 18 bytes (scale and signs) of each group that is touched, each once,
 * by layer (embed and head first), projection, row and group.  The order of the flips is
 * nothing to it.  Flips that do not fit are refused. */
bool model_rows_sha256(const struct model *model, const struct flip *flips, size_t count,
                       char out[SHA256_TEXT_SIZE], struct err *err);

/* A file whose hash is in the cache; it may be gone or another one by now. */
struct model_known {
    const char *sha256;
    const char *path; /* absolute */
};

/* Calls each() for them, newest first, until it returns false. */
void model_each_known(bool (*each)(void *user, const struct model_known *known), void *user);

/* Rows and columns of a matrix; false if the model has none such (a layer or
 * projection out of range). */
bool model_matrix_size(const struct model *model, int32_t layer, enum proj proj, uint32_t *rows,
                       uint32_t *columns);

/* Rows of all 1-bit matrices; on tied models the embedding counts once. */
uint64_t model_patchable_rows(const struct model *model);

/* 2^24 times the sum of |scale| over the row's groups: an exact integer, since
 * an fp16 number is a multiple of 2^-24.  A scale that is not finite counts 0. */
uint64_t model_row_scale_sum(const struct model *model, int32_t layer, enum proj proj,
                             uint32_t row);

/* 2^24 times |scale| of one group: as above, exact. */
uint64_t model_group_scale(const struct model *model, int32_t layer, enum proj proj, uint32_t row,
                           uint32_t group);

/* Does the flip name weights of this model?  On failure err says which value
 * is out of which range (err->where is left to the caller). */
bool model_flip_fits(const struct model *model, const struct flip *flip, struct err *err);

/* XOR the flip into the model; it must fit.  [N2] */
void model_flip(struct model *model, const struct flip *flip);

struct state_name model_state(const struct model *model);
/* The name the state would have with the flip applied to it. */
struct state_name model_state_with(const struct model *model, const struct flip *flip);
bool state_name_equal(struct state_name a, struct state_name b);

/* Bits that differ from the file, and in how many groups. */
uint64_t model_flipped_bits(const struct model *model, uint64_t *groups);

/* Make a second copy of the weights in an order that few tokens at a time (decoding)
 * are multiplied with faster; flips keep both.  It is refused before it is allocated
 * if it does not fit the machine's memory.  Numbers stay what they are [N1].
 * threads 0: as many as the machine has; cancel may be NULL. */
bool model_repack(struct model *model, int threads, cancel_flag *cancel, struct err *err);
/* Bytes of that copy, 0 if there is none; give it back. */
uint64_t model_panels_bytes(const struct model *model);
void model_unpack(struct model *model);

void model_free(struct model *model);

/* ---- tokenizer ---------------------------------------------------------- */

struct ids {
    int32_t *data;
    size_t count;
    size_t capacity;
};

void ids_add(struct ids *ids, int32_t id);
void ids_free(struct ids *ids);

struct encode_options {
    bool special;   /* control tokens in the text are tokens, not plain text */
    bool no_bos;    /* leave out the start token even if the model asks for one */
};

/* Append the ids of text[0..len), any bytes.  decode(encode(x)) == x. */
bool token_encode(const struct tokenizer *tokenizer, const char *text, size_t len,
                  const struct encode_options *options, struct ids *out, struct err *err);

/* Append the bytes of one token; ids outside the vocabulary add nothing. */
void token_decode(const struct tokenizer *tokenizer, int32_t id, struct buf *out);
void token_decode_all(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                      struct buf *out);

size_t token_count(const struct tokenizer *tokenizer);
/* Does generation end here?  (end of sequence or end of turn) */
bool token_is_end(const struct tokenizer *tokenizer, int32_t id);
/* -1 where the model names none. */
int32_t token_end(const struct tokenizer *tokenizer);

/* ---- context: sequences and their evaluation ----------------------------- */

/* A tree of token sequences.  A branch is a sequence; a new branch may share
 * the first tokens of an older one, which are then computed once.  Every token
 * has a slot (0, 1, 2, ... in order of arrival) under which its residual stream
 * and its K and V are kept.
 *
 * [C1] a context belongs to one state of its model: running it after the model
 *      was flipped is refused until context_reset.
 * [C2] a failed or cancelled run leaves the context to be reset.
 */
struct context;

struct context_options {
    size_t tokens_max; /* room for this many tokens in all branches together */
    int threads;       /* 0: as many as the machine has */
};

/* The model is borrowed and must outlive the context.  All of its memory is allocated
 * here, or refused before that if it does not fit the machine's; only paths of branches,
 * 4 bytes a token, come later. */
struct context *context_new(struct model *model, const struct context_options *options,
                            struct err *err);
/* Bytes of that memory. */
uint64_t context_bytes(const struct context *context);

/* Forget all branches. */
void context_reset(struct context *context);

/* Pretend for all later runs that the flip is applied [N3]; NULL ends it.
 * Resets the context. */
void context_set_virtual(struct context *context, const struct flip *flip);

/* New branch that shares the first `shared` tokens of branch `parent`; parent
 * is ignored when shared is 0.  Returns the branch. */
size_t context_branch(struct context *context, size_t parent, size_t shared);

/* Add tokens at the end of a branch, to be computed by the next run.  Ids
 * outside the vocabulary and more than tokens_max tokens are refused. */
bool context_push(struct context *context, size_t branch, const int32_t *ids, size_t count,
                  struct err *err);

/* Compute all tokens that were added since the last run; cancel may be NULL. */
bool context_run(struct context *context, cancel_flag *cancel, struct err *err);

size_t context_length(const struct context *context, size_t branch);
size_t context_slot(const struct context *context, size_t branch, size_t position);

/* Next-token logits after each of the given (computed) slots.
 * out: [count][vocab] */
bool context_logits(struct context *context, const size_t *slots, size_t count, float *out,
                    cancel_flag *cancel, struct err *err);

void context_free(struct context *context);

/* ---- batch: sequences that are evaluated again and again ------------------- */

/* Many sequences packed into one batch of tokens, in which a beginning that some
 * have in common is there once; and what an evaluation leaves behind, so that the
 * next one starts at the first layer that changed.  Candidate flips are measured
 * beside the model without touching it, several at once.
 *
 * [B1] logits are, bit for bit, those of a context that computes the same sequence
 *      on a model with the flip applied.
 * [B2] what is kept carries the names of the model's parts it was computed with:
 *      whatever is flipped, nothing stale is used and nothing valid thrown away.
 * [B3] a run that fails or is cancelled can be repeated.
 */
struct batch;

struct sequence {
    const int32_t *ids;
    size_t count;
    size_t wanted; /* logits are wanted at positions wanted .. count - 1 */
    uint32_t owner; /* only sequences of one owner have their beginnings in common */
};

struct batch_options {
    int threads;         /* 0: as many as the machine has */
    uint64_t keep_bytes; /* to keep between evaluations, at most and if the rest leaves
                          * so much; 0: nothing */
    bool keep_inputs;    /* instead: the input of every layer, and nothing else */
};

enum { BATCH_MODEL = -1 }; /* the world without a candidate */

/* As much as the machine can spare. */
uint64_t batch_keep_default(void);

/* Sequences are borrowed for the call only, the model as long as the batch lives. */
struct batch *batch_new(struct model *model, const struct sequence *sequences, size_t count,
                        const struct batch_options *options, struct err *err);

size_t batch_tokens(const struct batch *batch); /* common beginnings counted once */
size_t batch_rows(const struct batch *batch);   /* places whose logits are wanted */
/* The row (0 to batch_rows - 1) of a wanted place. */
size_t batch_row(const struct batch *batch, size_t sequence, size_t position);
/* Bytes of all its memory so far (the first batch_try adds that of its candidates),
 * and of those what is kept between evaluations. */
uint64_t batch_bytes(const struct batch *batch);
uint64_t batch_kept_bytes(const struct batch *batch);
/* Layers that the next batch_run computes anew. */
size_t batch_stale_layers(const struct batch *batch);
/* Candidates that are worth measuring at once. */
size_t batch_worlds(const struct batch *batch);

/* Bring everything up to the model as it is. */
bool batch_run(struct batch *batch, cancel_flag *cancel, struct err *err);

/* Count candidates, each the model with one flip on it.  Of the model itself only what they
 * need is computed: its own logits want a batch_run. */
bool batch_try(struct batch *batch, const struct flip *flips, size_t count, cancel_flag *cancel,
               struct err *err);

/* Next-token logits of rows first to first + count - 1, of the model (BATCH_MODEL) or of
 * a candidate of the last batch_try (0, 1, ...).  out: [count][vocab] */
bool batch_logits(struct batch *batch, int world, size_t first, size_t count, float *out,
                  cancel_flag *cancel, struct err *err);
/* Those of a few tokens of one row. */
bool batch_logits_of(struct batch *batch, int world, size_t row, const int32_t *ids, size_t count,
                     float *out, struct err *err);

void batch_free(struct batch *batch);

/* ---- from logits to tokens ---------------------------------------------- */

/* Index of the largest logit; of equal ones the lowest. */
int32_t logits_argmax(const float *logits, size_t count);

/* Natural logarithm of the sum of exp(logit): fixed order, own exp and log. */
double logits_log_sum_exp(const float *logits, size_t count);

/* The same in double precision: slower, for what becomes of differences. */
double logits_log_sum_exp_double(const float *logits, size_t count);

/* KL(base || now) of two next-token distributions, in double precision and fixed order;
 * the sums are their logits_log_sum_exp_double.  At least 0, and 0 where the logits are
 * the same. */
double logits_kl(const float *base, double base_sum, const float *now, double now_sum,
                 size_t count);

/* -t log(exp(-a / t) + exp(-b / t)); the other where one is HUGE_VAL. */
double logits_soft_min(double a, double b, double t);

/* 1 / (1 + exp(-x)) */
double logits_sigmoid(double x);

/* log p(id) */
double logits_log_prob(const float *logits, size_t count, int32_t id);

struct sampler_options {
    double temperature; /* 0: greedy */
    uint32_t top_k;     /* 0: off */
    double top_p;       /* 1: off */
};

struct rng;
int32_t sampler_pick(const struct sampler_options *options, const float *logits, size_t count,
                     struct rng *rng);

/* Name of the kernels in use: "ref", "avx2", "avx512", "amx", "neon". */
const char *engine_cpu_level(void);

#endif
