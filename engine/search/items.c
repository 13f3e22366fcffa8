/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/items.h"

#include <stdlib.h>
#include <string.h>

#include "engine/search/labels.h"
#include "probes/measure.h"

static void add_ids(struct ids *to, const struct ids *from)
{
    for (size_t i = 0; i < from->count; i++)
        ids_add(to, from->data[i]);
}

/* The right answer with a line feed, in the context of its prompt. */
static bool encode_item(const struct model *model, const struct probe *probe, struct item *item,
                        struct err *err)
{
    struct ids answer = {0};
    struct buf line = {0};
    bool merged = false;
    buf_add_text(&line, probe->correct);
    buf_add_text(&line, "\n");
    bool ok = probe_encode_prompt(model, probe, &item->ids, err) &&
              answer_encode(model_tokenizer(model), probe->prompt, &item->ids, line.data, &answer,
                            &merged, err);
    item->first = item->ids.count;
    add_ids(&item->ids, &answer);
    ids_free(&answer);
    buf_free(&line);
    return ok;
}

struct items *items_from_probes(const struct model *model, const struct probe_set *set,
                                struct err *err)
{
    struct items *items = x_new(1, sizeof *items);
    items->items = x_new(set->count, sizeof *items->items);
    for (; items->count < set->count; items->count++)
        if (!encode_item(model, &set->probes[items->count], &items->items[items->count], err)) {
            items->count++; /* its ids are freed, too */
            items_free(items);
            return NULL;
        }
    return items;
}

/* Takes the prompts' tokens. */
static struct items *items_of_answers(struct own_answers *answers)
{
    struct items *items = x_new(1, sizeof *items);
    items->items = x_new(answers->count, sizeof *items->items);
    for (size_t i = 0; i < answers->count; i++) {
        const struct ids *said = &answers->generations[i].ids;
        if (said->count == 0)
            continue;
        struct item *item = &items->items[items->count++];
        *item = (struct item){answers->prompts[i], answers->prompts[i].count};
        answers->prompts[i] = (struct ids){0};
        add_ids(&item->ids, said);
    }
    return items;
}

struct items *items_self_labelled(struct model *model, const struct probe_set *set,
                                  size_t tokens_max, int threads,
                                  const struct work_progress *progress, cancel_flag *cancel,
                                  struct err *err)
{
    struct own_answers answers;
    bool ok = own_answers_make(&answers, model, set, tokens_max, threads, progress, cancel, err);
    struct items *items = ok ? items_of_answers(&answers) : NULL;
    own_answers_free(&answers);
    return items;
}

size_t items_answer_tokens(const struct items *items)
{
    size_t tokens = 0;
    for (size_t i = 0; i < items->count; i++)
        tokens += items->items[i].ids.count - items->items[i].first;
    return tokens;
}

static bool hash_item(struct sha256 *hash, const struct item *item, struct err *err)
{
    struct buf bytes = {0};
    buf_add_format(&bytes, "%zu:", item->first);
    for (size_t i = 0; i < item->ids.count; i++)
        buf_add_format(&bytes, "%d,", (int)item->ids.data[i]);
    buf_add_text(&bytes, ";");
    bool ok = sha256_add(hash, bytes.data, bytes.len, err);
    buf_free(&bytes);
    return ok;
}

bool items_sha256(const struct items *items, char out[SHA256_TEXT_SIZE], struct err *err)
{
    struct sha256 *hash = sha256_new(err);
    bool ok = hash != NULL;
    for (size_t i = 0; ok && items && i < items->count; i++)
        ok = hash_item(hash, &items->items[i], err);
    ok = ok && sha256_end(hash, out, err);
    sha256_free(hash);
    return ok;
}

void items_join(struct items *a, struct items *b)
{
    if (!b)
        return;
    a->items = x_grow(a->items, a->count + b->count, sizeof *a->items);
    for (size_t i = 0; i < b->count; i++)
        a->items[a->count++] = b->items[i];
    b->count = 0;
}

void items_free(struct items *items)
{
    if (!items)
        return;
    for (size_t i = 0; i < items->count; i++)
        ids_free(&items->items[i].ids);
    free(items->items);
    free(items);
}
