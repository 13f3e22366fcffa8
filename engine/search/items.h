/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/items.h - prompts with the answers a model should give, as tokens:
 * what methods train on that need thousands of examples instead of probes.
 *
 * An answer is the right text and the line feed behind it, so that a model also learns
 * where to stop.  Items that a model labelled itself carry its own greedy answer: as
 * controls they say "stay as you are" of any prompt, without a label.
 */
#ifndef ENGINE_SEARCH_ITEMS_H
#define ENGINE_SEARCH_ITEMS_H

#include "probes/generate.h"
#include "probes/probe.h"
#include "src/base/sha256.h"

struct item {
    struct ids ids; /* prompt and answer */
    size_t first;   /* the answer's first token, at least 1 */
};

struct items {
    struct item *items;
    size_t count;
};

/* Right answers of a set.  NULL and err (with the probe's name) where a prompt has no
 * token. */
struct items *items_from_probes(const struct model *model, const struct probe_set *set,
                                struct err *err);

/* The model's own answers as it is now, at most tokens_max tokens each; prompts with an
 * empty answer are left out (labels.h does the same for probes). */
struct items *items_self_labelled(struct model *model, const struct probe_set *set,
                                  size_t tokens_max, int threads,
                                  const struct work_progress *progress, cancel_flag *cancel,
                                  struct err *err);

/* Answer tokens of all items. */
size_t items_answer_tokens(const struct items *items);
/* SHA-256, as hex, of all tokens and of where the answers begin.  NULL: of no items. */
bool items_sha256(const struct items *items, char out[SHA256_TEXT_SIZE], struct err *err);
/* Those of b behind those of a; b is empty then.  b may be NULL. */
void items_join(struct items *a, struct items *b);
void items_free(struct items *items);

#endif
