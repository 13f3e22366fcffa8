/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/perplexity.h - how well a model foresees a text: exp of the mean negative
 * log-probability of its tokens.
 *
 * A sequence is read in windows of at most `window` tokens, each `stride` tokens
 * further than the one before.  A window is computed from its first token on, as if
 * nothing stood before it, and only those of its tokens are scored that no window
 * before it has scored.
 *
 * [X1] every token but the first of its sequence is scored exactly once: with all
 *      tokens before it as context in the first window, with at least
 *      window - stride of them in a later one.
 * [X2] the first token of a sequence is never scored, as nothing foresees it; a start
 *      token (where the model asks for one) is such a first token, and then the
 *      text's own first token is scored.  Later windows begin without one.
 * [X3] log-probabilities are over the full vocabulary and are added one by one
 *      in the order of the text: the same bits for every number of threads.
 */
#ifndef PROBES_PERPLEXITY_H
#define PROBES_PERPLEXITY_H

#include "probes/generate.h"

struct perplexity_options {
    size_t window; /* at least 2 */
    size_t stride; /* 1 to window - 1 */
    int threads;   /* 0: as many as the machine has */
};

/* The usual: a window of 512 tokens, or of what the model was made for if that is
 * less, and a stride of half of it. */
struct perplexity_options perplexity_defaults(const struct model *model);

struct perplexity {
    double nll;     /* sum of -log p over scored tokens, in nats */
    size_t scored;
    size_t tokens;  /* of all sequences, scored or not */
    size_t windows;
};

/* exp(nll / scored); NAN where nothing was scored. */
double perplexity_value(const struct perplexity *perplexity);

/* Of the model with the flips that are on it now.  each, if not NULL, receives -log p
 * of the scored tokens in their order; there are at most as many as tokens.
 * progress counts tokens. */
bool perplexity_measure(struct model *model, const struct ids *sequences, size_t count,
                        const struct perplexity_options *options, struct perplexity *out,
                        double *each, const struct work_progress *progress, cancel_flag *cancel,
                        struct err *err);

#endif
