/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "engine/token/token_int.h"
#include "src/base/rng.h"

static uint64_t hash_of(const char *text, size_t len)
{
    uint64_t hash = rng_mix(len + 1);
    uint64_t word = 0;
    for (; len >= sizeof word; text += sizeof word, len -= sizeof word) {
        memcpy(&word, text, sizeof word);
        hash = rng_mix(hash ^ word);
    }
    word = 0;
    if (len > 0)
        memcpy(&word, text, len);
    return rng_mix(hash ^ word);
}

/* The slot that holds this spelling, or the empty one where it belongs. */
static size_t slot_of(const struct vocabulary *vocabulary, const char *spelling, size_t len)
{
    size_t slot = (size_t)hash_of(spelling, len) & vocabulary->slot_mask;
    for (; vocabulary->slots[slot] != 0; slot = (slot + 1) & vocabulary->slot_mask) {
        const struct text_span *token = &vocabulary->tokens[vocabulary->slots[slot] - 1];
        if (token->len == len && (len == 0 || memcmp(token->data, spelling, len) == 0))
            break;
    }
    return slot;
}

bool vocabulary_build(struct vocabulary *vocabulary, const struct text_span *tokens, size_t count,
                      struct err *err)
{
    size_t slot_count = 1024;
    while (slot_count < 2 * count) /* count <= INT32_MAX */
        slot_count *= 2;
    vocabulary->tokens = tokens;
    vocabulary->slot_mask = slot_count - 1;
    vocabulary->slots = calloc(slot_count, sizeof vocabulary->slots[0]);
    if (!vocabulary->slots)
        return err_set(err, ERR_MEMORY, "no memory for a vocabulary of %zu tokens", count);

    for (size_t id = 0; id < count; id++) {
        size_t slot = slot_of(vocabulary, tokens[id].data, tokens[id].len);
        uint32_t same = vocabulary->slots[slot];
        if (same != 0) {
            (void)err_set(err, ERR_FORMAT, "is \"%.*s\", which tokens[%u] is already",
                          (int)(tokens[id].len < 60 ? tokens[id].len : 60),
                          tokens[id].len > 0 ? tokens[id].data : "", same - 1);
            return err_where(err, "tokenizer.ggml.tokens[%zu]", id);
        }
        vocabulary->slots[slot] = (uint32_t)id + 1;
    }
    return true;
}

int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *spelling, size_t len)
{
    return (int32_t)vocabulary->slots[slot_of(vocabulary, spelling, len)] - 1;
}

void vocabulary_free(struct vocabulary *vocabulary)
{
    free(vocabulary->slots);
    *vocabulary = (struct vocabulary){0};
}
