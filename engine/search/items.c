/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/items.h"

#include <stdlib.h>
#include <string.h>

#include "probes/generate.h"
#include "probes/measure.h"

static void add_ids(struct ids *to, const struct ids *from)
{
    for (size_t i = 0; i < from->count; i++)
        ids_add(to, from->data[i]);
}

static bool encode_prompt(const struct model *model, const struct probe *probe, struct ids *out,
                          struct err *err)
{
    struct encode_options options = {0};
    if (!token_encode(model_tokenizer(model), probe->prompt, strlen(probe->prompt), &options, out,
                      err))
        return err_where(err, "probe %s", probe->name);
    if (out->count > 0)
        return true;
    (void)err_set(err, ERR_FORMAT, "the prompt has no token");
    return err_where(err, "probe %s", probe->name);
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
    bool ok = encode_prompt(model, probe, &item->ids, err) &&
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

/* Prompts become items, their answers to be added; requests for all of them. */
static bool open_prompts(const struct model *model, const struct probe_set *set,
                         size_t tokens_max, struct items *items,
                         struct generate_request *requests, struct err *err)
{
    for (size_t i = 0; i < set->count; i++) {
        struct item *item = &items->items[items->count++];
        if (!encode_prompt(model, &set->probes[i], &item->ids, err))
            return false;
        item->first = item->ids.count;
        requests[i] = (struct generate_request){&item->ids, tokens_max, true, NULL};
    }
    return true;
}

static void close_answers(struct items *items, struct generation *generations)
{
    size_t kept = 0;
    for (size_t i = 0; i < items->count; i++) {
        struct item *item = &items->items[i];
        if (generations[i].ids.count > 0) {
            add_ids(&item->ids, &generations[i].ids);
            items->items[kept++] = *item;
        } else {
            ids_free(&item->ids);
        }
        generation_free(&generations[i]);
    }
    items->count = kept;
}

struct items *items_self_labelled(struct model *model, const struct probe_set *set,
                                  size_t tokens_max, int threads, cancel_flag *cancel,
                                  struct err *err)
{
    struct items *items = x_new(1, sizeof *items);
    struct generate_request *requests = x_new(set->count, sizeof *requests);
    struct generation *generations = x_new(set->count, sizeof *generations);
    items->items = x_new(set->count, sizeof *items->items);
    bool ok = open_prompts(model, set, tokens_max, items, requests, err) &&
              generate_greedy(model, requests, set->count, threads, generations, NULL, cancel,
                              err);
    if (ok)
        close_answers(items, generations);
    free(requests);
    free(generations);
    if (ok)
        return items;
    items_free(items);
    return NULL;
}

size_t items_answer_tokens(const struct items *items)
{
    size_t tokens = 0;
    for (size_t i = 0; i < items->count; i++)
        tokens += items->items[i].ids.count - items->items[i].first;
    return tokens;
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
