/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/model/model_int.h - the inside of struct model, for the engine only.
 *
 * The file is mapped private and copy-on-write: a flip XORs sign bytes in the
 * mapping, the kernel copies the touched pages, the file is never written.
 *
 * [M1] every matrix' blocks lie inside the mapping, rows x groups x 18 bytes.
 * [M2] overlay holds exactly the groups whose bits differ from the file.
 */
#ifndef ENGINE_MODEL_MODEL_INT_H
#define ENGINE_MODEL_MODEL_INT_H

#include <pthread.h>
#include <time.h>

#include "engine/engine.h"
#include "engine/gguf/gguf.h"
#include "src/base/sha256.h"

enum {
    GROUP_BYTES = 18,       /* fp16 scale, then 16 sign bytes, LSB first; 1 means + */
    PANELS_TOKENS_MAX = 4,  /* tokens up to which products read panels where there are some */
};

/* y[row] = sum over columns of weight[row][column] * x[column] */
struct matrix {
    uint8_t *blocks; /* [row][group][18] in the mapping */
    uint8_t *panels; /* the same as panels (engine/kernel/kernel.h), or NULL */
    uint32_t rows;
    uint32_t columns;
    uint32_t groups; /* columns / 128 */
    uint32_t tensor; /* index in the file: names the matrix in state names */
};

struct layer {
    struct matrix matrix[PROJ_LAYER_COUNT];
    float *attn_norm; /* [width] */
    float *ffn_norm;  /* [width] */
    float *q_norm;    /* [head_dim] */
    float *k_norm;    /* [head_dim] */
};

enum rope_scaling { ROPE_PLAIN, ROPE_LINEAR, ROPE_YARN };

struct rope {
    double base;
    enum rope_scaling scaling;
    double factor;
    double original_context;
};

/* One group whose bits differ from the file. */
struct overlay_entry {
    uint64_t key; /* tensor << 40 | (row * groups + group) + 1; 0: free */
    uint64_t mask[2];
};

struct overlay {
    struct overlay_entry *entries; /* open addressing, size a power of two */
    size_t capacity;
    size_t used; /* entries with a key; some may have come back to mask 0 */
};

/* What is known of the file's hash (engine/model/identity.c). */
struct identity {
    pthread_mutex_t lock;          /* of the rest */
    char sha256[SHA256_TEXT_SIZE]; /* "" until known; then it stays */
    struct hash_job *job;          /* a thread at work, or NULL */
};

struct model {
    char *path;
    uint8_t *bytes; /* the mapping */
    size_t len;
    int fd; /* of the file, or -1 */
    int64_t file_mtime_ns;
    struct identity identity;
    struct gguf *gguf;
    struct model_shape shape;
    float eps;
    struct rope rope;
    struct tokenizer *tokenizer;
    struct layer *layers; /* [layers] */
    struct matrix embed;
    struct matrix head; /* same blocks as embed when tied */
    float *final_norm;  /* [width] */
    float *norms;       /* one block behind all norm pointers */
    struct overlay overlay;
    struct state_name state;
    /* The same by part: embedding (and a tied head), then each layer, then an untied
     * head; [PART_LAYER + layers + 1]. */
    struct state_name *part_states;
    uint8_t *panels; /* one allocation behind all matrices' panels, or NULL */
    size_t panels_bytes;
};

enum { PART_EMBED = 0, PART_LAYER = 1 };

/* The part of the model a flip of this place changes. */
static inline size_t model_part(const struct model *model, int32_t layer, enum proj proj)
{
    if (layer >= 0)
        return PART_LAYER + (size_t)layer;
    return proj == PROJ_HEAD && !model->shape.tied ? PART_LAYER + model->shape.layers : PART_EMBED;
}

/* NULL if the model has no such matrix. */
const struct matrix *model_matrix(const struct model *model, int32_t layer, enum proj proj);

/* Groups in the longest row. */
uint32_t model_groups_max(const struct model *model);

void identity_open(struct identity *identity);
/* Stops what is at work. */
void identity_close(struct identity *identity);

/* engine/model/flip.c: room for the first flips. */
void model_overlay_prepare(struct model *model);

/* engine/model/flip.c: a group's bytes without the flips that are on. */
void model_group_in_file(const struct model *model, const struct matrix *matrix, uint32_t row,
                         uint32_t group, uint8_t out[GROUP_BYTES]);

/* engine/model/keys.c: shape and numbers from the parsed file's keys. */
bool model_read_keys(struct model *model, struct err *err);

/* engine/model/read.c: all of that, norms and matrices from the parsed file. */
bool model_read(struct model *model, struct err *err);

/* The scale of the block at `block`. */
static inline uint16_t block_scale(const uint8_t *block)
{
    return (uint16_t)(block[0] | block[1] << 8);
}

#endif
