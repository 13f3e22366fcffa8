/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Both answers behind their prompt are one batch; each place is read from one row of it.
 */
#include "probes/detail.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "probes/measure.h"

/* ---- tokens -------------------------------------------------------------------- */

static bool encode(const struct tokenizer *tokenizer, const struct probe *probe,
                   struct probe_detail *detail, struct ids side[2], struct err *err)
{
    struct encode_options options = {0};
    bool ok = token_encode(tokenizer, probe->prompt, strlen(probe->prompt), &options,
                           &detail->prompt, err) &&
              answer_encode(tokenizer, probe->prompt, &detail->prompt, probe->correct, &side[0],
                            &detail->side[0].merged, err);
    if (ok && probe->wrong[0])
        ok = answer_encode(tokenizer, probe->prompt, &detail->prompt, probe->wrong, &side[1],
                           &detail->side[1].merged, err);
    if (ok && detail->prompt.count == 0)
        ok = err_set(err, ERR_USAGE, "its prompt has no tokens");
    return ok ? true : err_where(err, "probe %s", probe->name);
}

static bool has_end(const bool *ends, size_t vocab)
{
    for (size_t i = 0; i < vocab; i++)
        if (ends[i])
            return true;
    return false;
}

/* What the answer says, and that it ends; nothing of an answer that has no tokens. */
static void name_places(struct detail_side *side, const struct ids *answer, bool ends)
{
    if (answer->count == 0)
        return;
    side->places = x_new(answer->count + 1, sizeof *side->places);
    for (size_t i = 0; i < answer->count; i++)
        side->places[side->count++].id = answer->data[i];
    if (ends)
        side->places[side->count++].id = DETAIL_END;
}

/* ---- one place ----------------------------------------------------------------- */

static bool is_said(int32_t said, const bool *ends, size_t id)
{
    return said == DETAIL_END ? ends[id] : id == (size_t)said;
}

/* Before those that are less likely; of equal ones the lower id comes first. */
static void add_rival(struct detail_place *place, const float *logits, size_t id)
{
    size_t at = place->top_count;
    while (at > 0 && logits[place->top[at - 1].id] < logits[id])
        at--;
    if (at == DETAIL_TOP)
        return;
    if (place->top_count < DETAIL_TOP)
        place->top_count++;
    for (size_t i = place->top_count - 1; i > at; i--)
        place->top[i] = place->top[i - 1];
    place->top[at].id = (int32_t)id;
}

static void read_place(struct detail_place *place, const float *logits, size_t vocab,
                       const bool *ends)
{
    float said = -HUGE_VALF, other = -HUGE_VALF;
    double sum = logits_log_sum_exp(logits, vocab);
    for (size_t i = 0; i < vocab; i++) {
        float *best = is_said(place->id, ends, i) ? &said : &other;
        *best = logits[i] > *best ? logits[i] : *best;
        add_rival(place, logits, i);
    }
    place->logprob = (double)said - sum;
    place->margin = (double)said - (double)other;
    place->rank = 1;
    for (size_t i = 0; i < vocab; i++)
        place->rank += logits[i] > said;
    for (size_t i = 0; i < place->top_count; i++)
        place->top[i].logprob = (double)logits[place->top[i].id] - sum;
}

/* ---- all places ---------------------------------------------------------------- */

/* The tokens behind which a place is looked at: all but the last that is said. */
static struct sequence sequence_of(const struct probe_detail *detail,
                                   const struct detail_side *side, struct ids *room)
{
    for (size_t i = 0; i < detail->prompt.count; i++)
        ids_add(room, detail->prompt.data[i]);
    for (size_t i = 0; i + 1 < side->count; i++)
        ids_add(room, side->places[i].id);
    return (struct sequence){
        .ids = room->data, .count = room->count, .wanted = detail->prompt.count - 1};
}

static bool read_side(struct batch *batch, size_t sequence, struct probe_detail *detail,
                      struct detail_side *side, const bool *ends, size_t vocab,
                      cancel_flag *cancel, struct err *err)
{
    float *logits = x_new(vocab, sizeof *logits);
    bool ok = true;
    for (size_t i = 0; ok && i < side->count; i++) {
        size_t row = batch_row(batch, sequence, detail->prompt.count - 1 + i);
        ok = batch_logits(batch, BATCH_MODEL, row, 1, logits, cancel, err);
        if (ok)
            read_place(&side->places[i], logits, vocab, ends);
    }
    free(logits);
    return ok;
}

static bool measure(struct model *model, struct probe_detail *detail, const bool *ends,
                    int threads, cancel_flag *cancel, struct err *err)
{
    size_t vocab = model_shape(model)->vocab, count = 0;
    struct ids room[2] = {{0}, {0}};
    struct sequence sequences[2];
    struct detail_side *sides[2];
    for (size_t i = 0; i < 2; i++) {
        if (detail->side[i].count == 0)
            continue;
        sides[count] = &detail->side[i];
        sequences[count] = sequence_of(detail, &detail->side[i], &room[count]);
        count++;
    }
    struct batch_options options = {.threads = threads};
    struct batch *batch = count ? batch_new(model, sequences, count, &options, err) : NULL;
    bool ok = count == 0 || (batch && batch_run(batch, cancel, err));
    for (size_t i = 0; ok && i < count; i++)
        ok = read_side(batch, i, detail, sides[i], ends, vocab, cancel, err);
    batch_free(batch);
    ids_free(&room[0]);
    ids_free(&room[1]);
    return ok;
}

struct probe_detail *probe_detail_measure(struct model *model, const struct probe *probe,
                                          int threads, cancel_flag *cancel, struct err *err)
{
    const struct tokenizer *tokenizer = model_tokenizer(model);
    size_t vocab = model_shape(model)->vocab;
    struct probe_detail *detail = x_new(1, sizeof *detail);
    struct ids side[2] = {{0}, {0}};
    bool *ends = x_new(vocab, sizeof *ends);
    for (size_t i = 0; i < vocab; i++)
        ends[i] = answer_ends_with(tokenizer, (int32_t)i);
    bool ok = encode(tokenizer, probe, detail, side, err);
    if (ok) {
        name_places(&detail->side[0], &side[0], has_end(ends, vocab));
        name_places(&detail->side[1], &side[1], false);
        ok = measure(model, detail, ends, threads, cancel, err);
    }
    ids_free(&side[0]);
    ids_free(&side[1]);
    free(ends);
    if (ok)
        return detail;
    probe_detail_free(detail);
    return NULL;
}

/* ---- what is made of it ---------------------------------------------------------- */

struct probe_detail *probe_detail_copy(const struct probe_detail *from)
{
    struct probe_detail *copy = x_new(1, sizeof *copy);
    for (size_t i = 0; i < from->prompt.count; i++)
        ids_add(&copy->prompt, from->prompt.data[i]);
    for (size_t i = 0; i < 2; i++) {
        const struct detail_side *side = &from->side[i];
        copy->side[i] = *side;
        copy->side[i].places = x_new(side->count, sizeof *side->places);
        if (side->count > 0)
            memcpy(copy->side[i].places, side->places, side->count * sizeof *side->places);
    }
    return copy;
}

void probe_detail_free(struct probe_detail *detail)
{
    if (!detail)
        return;
    ids_free(&detail->prompt);
    free(detail->side[0].places);
    free(detail->side[1].places);
    free(detail);
}

double detail_sum(const struct detail_side *side)
{
    double sum = 0;
    for (size_t i = 0; i < side->count; i++)
        if (side->places[i].id != DETAIL_END)
            sum += side->places[i].logprob;
    return sum;
}

size_t detail_least(const struct detail_side *side)
{
    size_t least = 0;
    for (size_t i = 1; i < side->count; i++)
        if (side->places[i].margin < side->places[least].margin)
            least = i;
    return least;
}
