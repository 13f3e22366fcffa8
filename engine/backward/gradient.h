/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/backward/gradient.h - how an objective of the logits depends on every output
 * of every matrix: one backward pass through the frozen 1-bit network.
 *
 * Weights are bits and have no gradient; outputs are real numbers and have one.
 * Negating a row negates one output, so that the derivative by this output (or, where
 * the step behind it is known exactly, the change itself) predicts what a flip does,
 * for all rows of the model at once.  A prediction only ranks: whatever is reported is
 * measured.
 *
 * Sequences are packed like those of a batch, but each token belongs to one owner (a
 * probe), so that a sum over an owner's tokens is what the owner's own objective says:
 * one pass over the sum of all objectives predicts each of them apart.
 *
 * [G1] the same bits come out for every thread count and CPU level, and whatever was kept.
 * [G2] the model is not touched; flips that are on it count.
 */
#ifndef ENGINE_BACKWARD_GRADIENT_H
#define ENGINE_BACKWARD_GRADIENT_H

#include "engine/engine.h"

struct gradient;

#define GRADIENT_KEEP_DEFAULT UINT64_MAX /* as much as the machine can spare, where it pays */

struct gradient_options {
    int threads;         /* 0: as many as the machine has */
    uint64_t keep_bytes; /* for what the way forward leaves to the way back, at most and no
                          * more than half of what is free; 0: nothing */
};

/* Sequences are borrowed for the call only, the model as long as the gradient lives.
 * Memory: the residual stream before every layer, 4 x tokens x width x layers bytes, and
 * the inside of one layer; refused if the machine does not have it.  Beside that, of as many
 * layers as keep_bytes allows, what their matrices gave, 4 x tokens x rows bytes each: nearly
 * three quarters of an evaluation that need not be computed again.  A gradient that only
 * measures has no use for them. */
struct gradient *gradient_new(struct model *model, const struct sequence *sequences, size_t count,
                              const struct gradient_options *options, struct err *err);

size_t gradient_tokens(const struct gradient *gradient);
size_t gradient_rows(const struct gradient *gradient); /* places whose logits are wanted */
size_t gradient_row(const struct gradient *gradient, size_t sequence, size_t position);

/* A matrix as the backward pass meets it.  Arrays are valid during the call. */
struct gradient_visit {
    int32_t layer;
    enum proj proj;
    uint32_t rows, columns; /* of the matrix */
    const uint8_t *blocks;  /* [rows][columns / 128][18] its weights, as in kernel.h */
    size_t tokens;          /* of this call: all, or for the head up to 128 wanted places */
    const uint32_t *owners; /* [tokens] */
    const float *x;         /* [tokens][columns] inputs; NULL for the embedding */
    const float *y;         /* [tokens][rows] outputs; of the embedding [tokens][columns] */
    const float *dy;        /* same: derivative of the objective by y */
    /* [tokens][rows] change of the objective if this output is negated for this token;
     * exact up to the next step for gate, q and k, else -2 y dy.  NULL for the embedding. */
    const float *negated;
    const int32_t *ids;     /* [tokens] of the embedding: its rows; else NULL */
};

struct gradient_job {
    /* The derivatives of the objective by the logits of a wanted place: seed[vocab] is
     * zero and is filled in.  Called from several threads. */
    void (*seed)(void *user, size_t row, const float *logits, float *seed);
    /* Called for one matrix after another, from the head down to the embedding, from the
     * thread that called gradient_run.  A tied head is visited as PROJ_HEAD with NO_LAYER,
     * and its rows are those of the embedding. */
    void (*visit)(void *user, const struct gradient_visit *visit);
    void *user;
};

/* Forward to the model as it is (only what changed since the last time), then back. */
bool gradient_run(struct gradient *gradient, const struct gradient_job *job, cancel_flag *cancel,
                  struct err *err);

/* The forward part alone, then logits as batch_logits. */
bool gradient_logits(struct gradient *gradient, size_t first, size_t count, float *out,
                     cancel_flag *cancel, struct err *err);

uint64_t gradient_bytes(const struct gradient *gradient);
void gradient_free(struct gradient *gradient);

#endif
