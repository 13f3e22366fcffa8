/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/synth/synth_word.h - made-up words, from which a synthetic vocabulary learns
 * its merges.
 */
#ifndef SRC_SYNTH_SYNTH_WORD_H
#define SRC_SYNTH_SYNTH_WORD_H

#include "src/base/buf.h"
#include "src/base/rng.h"

/* One piece of a text, as the qwen2 pre-tokenizer would cut it; out is overwritten. */
void synth_word(struct rng *rng, struct buf *out);

#endif
