/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/neutral.h - sentences that have nothing to do with any probe.
 *
 * What a patch should leave alone: perplexity and the divergence from the base
 * model are measured on them where no text is given.  They are short and use the
 * words and forms of everyday English that the embedded model was trained on, so
 * that it has an opinion of them too; none of them is a line of its training text.
 */
#ifndef PROBES_NEUTRAL_H
#define PROBES_NEUTRAL_H

#include "engine/engine.h"

/* [*count], valid for ever; each is one text of its own, without a line end. */
const char *const *neutral_sentences(size_t *count);

/* The same in tokens, with the start token where the model asks for one; NULL on
 * failure. */
struct ids *neutral_encode(const struct tokenizer *tokenizer, size_t *count, struct err *err);
/* NULL is fine. */
void neutral_free(struct ids *ids, size_t count);

#endif
