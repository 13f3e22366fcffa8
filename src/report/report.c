/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"

/* ---- flips ----------------------------------------------------------------------- */

static int mask_bits(const struct flip *flip)
{
    return __builtin_popcountll(flip->mask[0]) + __builtin_popcountll(flip->mask[1]);
}

static int first_bit(const struct flip *flip)
{
    return flip->mask[0] ? __builtin_ctzll(flip->mask[0]) : 64 + __builtin_ctzll(flip->mask[1]);
}

/* 32 hex digits, bit 0 first: the bytes of the group in order. */
static json_t *mask_json(const struct flip *flip)
{
    char text[33];
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(text + 2 * i, 3, "%02x",
                       (unsigned)(flip->mask[i / 8] >> 8 * (i % 8) & 0xFF));
    return json_string(text);
}

json_t *report_flip_json(const struct flip *flip)
{
    json_t *object = json_object();
    if (flip->layer != NO_LAYER)
        (void)json_object_set_new(object, "layer", json_integer(flip->layer));
    (void)json_object_set_new(object, "proj", json_string(proj_name(flip->proj)));
    (void)json_object_set_new(object, "row", json_integer(flip->row));
    if (flip->group == FLIP_WHOLE_ROW)
        return object;
    (void)json_object_set_new(object, "group", json_integer(flip->group));
    if (mask_bits(flip) == 1)
        (void)json_object_set_new(object, "bit", json_integer(first_bit(flip)));
    else if (mask_bits(flip) < GROUP_WEIGHTS)
        (void)json_object_set_new(object, "mask", mask_json(flip));
    return object;
}

void report_flips_json(json_t *object, const struct flip *first, const struct flip *flips,
                       size_t count)
{
    (void)json_object_set_new(object, "flip", report_flip_json(first));
    if (!flips || count < 2)
        return;
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, report_flip_json(&flips[i]));
    (void)json_object_set_new(object, "flips", array);
}

json_t *report_tried_json(const struct search_try *tried)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "event", json_string("tried"));
    (void)json_object_set_new(object, "number", json_integer((json_int_t)tried->number));
    report_flips_json(object, &tried->flip, tried->flips, tried->count);
    (void)json_object_set_new(object, "fitness", json_real(tried->fitness));
    if (tried->promised != 0)
        (void)json_object_set_new(object, "promised", json_real(tried->promised));
    (void)json_object_set_new(object, "accepted", json_boolean(tried->accepted));
    (void)json_object_set_new(object, "screened", json_boolean(tried->screened));
    (void)json_object_set_new(object, "stopped", json_boolean(tried->stopped));
    return object;
}

void report_flip_text(struct buf *out, const struct flip *flip)
{
    if (flip->layer != NO_LAYER)
        buf_add_format(out, "layer %d ", (int)flip->layer);
    buf_add_format(out, "%s row %" PRIu32, proj_name(flip->proj), flip->row);
    if (flip->group != FLIP_WHOLE_ROW)
        buf_add_format(out, " group %d", (int)flip->group);
    if (flip->group != FLIP_WHOLE_ROW && mask_bits(flip) == 1)
        buf_add_format(out, " bit %d", first_bit(flip));
    else if (flip->group != FLIP_WHOLE_ROW && mask_bits(flip) < GROUP_WEIGHTS)
        buf_add_format(out, " %d bits", mask_bits(flip));
}

void report_flips_text(struct buf *out, const struct flip *first, size_t count)
{
    report_flip_text(out, first);
    if (count > 1)
        buf_add_format(out, " + %zu more", count - 1);
}

/* ---- answers ----------------------------------------------------------------------- */

static bool compared(const struct evaluation *base, const struct evaluation *now)
{
    return base != now;
}

static void add_quoted(struct buf *out, const char *text, size_t len)
{
    while (len > 0 && text[len - 1] == '\n')
        len--;
    buf_add_text(out, "\"");
    text_visible(out, text, len);
    buf_add_text(out, "\"");
}

static void add_generation(struct buf *out, const char *label, const struct generation *generation,
                           bool right)
{
    buf_add_format(out, "%s%s ", label, right ? "right" : "wrong");
    add_quoted(out, generation->text.data ? generation->text.data : "", generation->text.len);
    buf_add_text(out, "\n");
}

static void add_answer(struct buf *out, const struct probe *probe, const struct evaluation *base,
                       const struct evaluation *now, size_t i)
{
    enum verdict verdict = verdict_of(base->right[i], now->right[i]);
    bool both = compared(base, now);
    const char *word = both ? verdict_name(verdict) : base->right[i] ? "right" : "wrong";
    buf_add_format(out, "%-13s ", word);
    text_visible(out, probe->name, strlen(probe->name));
    buf_add_text(out, "  ");
    add_quoted(out, probe->prompt, strlen(probe->prompt));
    buf_add_text(out, "  expected ");
    add_quoted(out, probe->correct, strlen(probe->correct));
    buf_add_text(out, "\n");
    add_generation(out, both ? "    before: " : "    ", &base->generation[i], base->right[i]);
    if (both)
        add_generation(out, "    after:  ", &now->generation[i], now->right[i]);
}

void report_answers(struct buf *out, const struct probe_set *set, const struct evaluation *base,
                    const struct evaluation *now, bool all)
{
    for (size_t i = 0; i < set->count; i++)
        if (all || base->right[i] != now->right[i])
            add_answer(out, &set->probes[i], base, now, i);
}

/* ---- JSON ----------------------------------------------------------------------------- */

static json_t *pair(json_t *base, json_t *now)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "base", base);
    (void)json_object_set_new(object, "now", now);
    return object;
}

static json_t *generated_json(const struct generation *generation)
{
    return json_text(generation->text.data ? generation->text.data : "", generation->text.len);
}

/* What score needs to judge the texts again. */
static void add_rule(json_t *object, const struct probe *probe)
{
    struct buf mode = {0};
    json_t *accepted = json_array();
    (void)json_array_append_new(accepted, json_text(probe->correct, strlen(probe->correct)));
    for (size_t i = 0; i < probe->alternate_count; i++)
        (void)json_array_append_new(accepted, json_text(probe->alternates[i],
                                                        strlen(probe->alternates[i])));
    answer_rule_name(&probe->rule, &mode);
    (void)json_object_set_new(object, "accepted", accepted);
    (void)json_object_set_new(object, "mode", json_text(mode.data, mode.len));
    buf_free(&mode);
}

json_t *report_probes_json(const struct probe_set *set, const struct evaluation *base,
                           const struct evaluation *now)
{
    json_t *array = json_array();
    for (size_t i = 0; i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        json_t *object = json_object();
        enum verdict verdict = verdict_of(base->right[i], now->right[i]);
        (void)json_object_set_new(object, "name", json_text(probe->name, strlen(probe->name)));
        (void)json_object_set_new(object, "set", json_text(probe->set, strlen(probe->set)));
        (void)json_object_set_new(object, "category",
                                  json_text(probe->category, strlen(probe->category)));
        (void)json_object_set_new(object, "gap",
                                  pair(report_real_json(base->gap[i]),
                                       report_real_json(now->gap[i])));
        (void)json_object_set_new(object, "text", pair(generated_json(&base->generation[i]),
                                                       generated_json(&now->generation[i])));
        add_rule(object, probe);
        (void)json_object_set_new(
            object, "right", pair(json_boolean(base->right[i]), json_boolean(now->right[i])));
        (void)json_object_set_new(object, "verdict", json_string(verdict_name(verdict)));
        (void)json_object_set_new(object, "tokenized_apart", json_boolean(base->merged[i]));
        (void)json_array_append_new(array, object);
    }
    return array;
}

/* ---- progress and warnings --------------------------------------------------------------- */

void report_work(void *progress, size_t done, size_t total)
{
    struct progress *line = progress;
    line->total = total;
    progress_update(line, done, NULL);
}

void report_at_once(struct progress *progress)
{
    if (!progress->terminal)
        return;
    progress->shown = -HUGE_VAL;
    progress_update(progress, 0, NULL);
}

void report_long_text(const struct model *model, size_t tokens)
{
    uint32_t context = model_shape(model)->context;
    if (context > 0 && tokens > context)
        cli_warn("%zu tokens are more than the %" PRIu32 " that the model was made for", tokens,
                 context);
}

void report_long_prompts(const struct model *model, const struct probe_set *set)
{
    uint32_t context = model_shape(model)->context;
    size_t count = 0;
    struct ids ids = {0};
    struct err ignored; /* whoever evaluates the probe tells it */
    for (size_t i = 0; context > 0 && i < set->count && !atomic_load(&cli_cancel); i++) {
        const struct encode_options options = {0};
        const struct probe *probe = &set->probes[i];
        ids.count = 0;
        (void)token_encode(model_tokenizer(model), probe->prompt, strlen(probe->prompt), &options,
                           &ids, &ignored);
        count += ids.count >= context;
    }
    ids_free(&ids);
    if (count > 0)
        cli_warn("%zu prompts leave no room in the %" PRIu32 " tokens that the model was made for",
                 count, context);
}
