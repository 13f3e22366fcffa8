/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which sequences a metric computes, and which of their places it looks at:
 *
 *   token_gap    the prompt; after its end, the last token of each answer
 *   seq_logprob  the prompt with each answer less its last token, whose logits
 *                nobody needs; every token of the answers
 *   margin       the prompt with the right answer; every token of it, and its end
 *   soft_margin, logprob  as margin
 *   kl           the prompt; every position
 */
#include <stdlib.h>
#include <string.h>

#include "probes/measure_int.h"

/* ---- tokens ------------------------------------------------------------------ */

bool answer_encode(const struct tokenizer *tokenizer, const char *prompt,
                   const struct ids *prompt_ids, const char *answer, struct ids *out, bool *merged,
                   struct err *err)
{
    struct encode_options apart = {.no_bos = true}, together = {0};
    struct buf text = {0};
    struct ids whole = {0};
    buf_add_text(&text, prompt);
    buf_add_text(&text, answer);
    bool ok = token_encode(tokenizer, text.data, text.len, &together, &whole, err);
    *merged = ok && (whole.count <= prompt_ids->count ||
                     memcmp(whole.data, prompt_ids->data,
                            prompt_ids->count * sizeof *whole.data) != 0);
    if (ok && *merged)
        ok = token_encode(tokenizer, answer, strlen(answer), &apart, out, err);
    for (size_t i = prompt_ids->count; ok && !*merged && i < whole.count; i++)
        ids_add(out, whole.data[i]);
    buf_free(&text);
    ids_free(&whole);
    return ok;
}

bool terms_encode(const struct tokenizer *tokenizer, const struct probe *probe,
                  struct answers *answers, struct err *err)
{
    struct encode_options options = {0};
    bool merged[2] = {false, false};
    bool ok = token_encode(tokenizer, probe->prompt, strlen(probe->prompt), &options,
                           &answers->prompt, err) &&
              answer_encode(tokenizer, probe->prompt, &answers->prompt, probe->correct,
                            &answers->side[0], &merged[0], err);
    if (ok && probe->wrong[0] != '\0')
        ok = answer_encode(tokenizer, probe->prompt, &answers->prompt, probe->wrong,
                           &answers->side[1], &merged[1], err);
    answers->merged = merged[0] || merged[1];
    return ok ? true : err_where(err, "probe %s", probe->name);
}

bool answer_ends_with(const struct tokenizer *tokenizer, int32_t id)
{
    struct buf text = {0};
    if (token_is_end(tokenizer, id))
        return true;
    token_decode(tokenizer, id, &text);
    bool newline = text.len > 0 && text.data[0] == '\n';
    buf_free(&text);
    return newline;
}

/* ---- sequences --------------------------------------------------------------- */

bool terms_have(const struct measure *measure, size_t part, size_t probe, int side)
{
    if (!metric_needs_wrong(measure->metrics[part]))
        return side == 0;
    return measure->answers[probe].side[1].count > 0;
}

bool terms_have_any(const struct measure *measure, unsigned parts, size_t probe, int side)
{
    for (size_t i = 0; i < measure->parts; i++)
        if (parts >> i & 1 && terms_have(measure, i, probe, side))
            return true;
    return false;
}

/* Tokens of the answer that are computed behind the prompt. */
static size_t computed_tokens(enum metric metric, size_t answer_tokens)
{
    if (metric_looks_at_end(metric))
        return answer_tokens;
    if (metric == METRIC_SEQ_LOGPROB && answer_tokens > 0)
        return answer_tokens - 1;
    return 0;
}

/* As long as the one of the metrics that needs most of it has it, from where the one on
 * that looks at it first does. */
static struct sequence make_sequence(const struct measure *measure, unsigned parts, size_t probe,
                                     int side, struct ids *room)
{
    const struct answers *answers = &measure->answers[probe];
    const struct ids *answer = &answers->side[side];
    size_t more = 0, wanted = answers->prompt.count - 1;
    for (size_t i = 0; i < measure->parts; i++) {
        if (!(parts >> i & 1) || !terms_have(measure, i, probe, side))
            continue;
        size_t tokens = computed_tokens(measure->metrics[i], answer->count);
        more = tokens > more ? tokens : more;
        wanted = measure->metrics[i] == METRIC_KL ? 0 : wanted;
    }
    for (size_t i = 0; i < answers->prompt.count; i++)
        ids_add(room, answers->prompt.data[i]);
    for (size_t i = 0; i < more; i++)
        ids_add(room, answer->data[i]);
    return (struct sequence){.ids = room->data, .count = room->count, .wanted = wanted};
}

size_t terms_sequences(const struct measure *measure, unsigned parts, struct ids *room,
                       struct sequence *sequences)
{
    size_t count = 0;
    for (size_t i = 0; i < measure->count; i++)
        for (int side = 0; side < 2; side++)
            if (terms_have_any(measure, parts, i, side)) {
                sequences[count] = make_sequence(measure, parts, i, side, &room[count]);
                count++;
            }
    return count;
}

/* ---- terms --------------------------------------------------------------------- */

static void add_term(struct measure *measure, size_t sequence, size_t position, struct term term)
{
    term.row = batch_row(measure->batch, sequence, position);
    term.sequence = sequence;
    term.position = position;
    measure->terms[measure->term_count++] = term;
}

/* sequence: the number of the probe's sequence for that side. */
static void add_terms(struct measure *measure, size_t part, size_t probe, int side,
                      size_t sequence)
{
    const struct answers *answers = &measure->answers[probe];
    const struct ids *ids = &answers->side[side];
    enum metric metric = measure->metrics[part];
    size_t end = answers->prompt.count - 1;
    struct term term = {.id = TERM_END, .probe = (uint32_t)probe, .part = (uint8_t)part,
                        .wrong = side == 1};
    for (size_t i = 0; metric == METRIC_KL && i <= end; i++)
        add_term(measure, sequence, i, term);
    if (metric_looks_at_end(metric) && measure->has_end)
        add_term(measure, sequence, end + ids->count, term);
    if (metric == METRIC_TOKEN_GAP) {
        term.id = ids->data[ids->count - 1];
        add_term(measure, sequence, end, term);
    }
    bool every = metric == METRIC_SEQ_LOGPROB || metric_looks_at_end(metric);
    for (size_t i = 0; every && i < ids->count; i++) {
        term.id = ids->data[i];
        add_term(measure, sequence, end + i, term);
    }
}

static int compare_terms(const void *a, const void *b)
{
    const struct term *left = a, *right = b;
    if (left->row != right->row)
        return left->row < right->row ? -1 : 1;
    if (left->probe != right->probe)
        return left->probe < right->probe ? -1 : 1;
    return left->part != right->part ? (int)left->part - (int)right->part
                                     : (int)left->wrong - (int)right->wrong;
}

static void add_all_terms(struct measure *measure, size_t probe, int side, size_t sequence)
{
    for (size_t part = 0; part < measure->parts; part++)
        if (terms_have(measure, part, probe, side))
            add_terms(measure, part, probe, side, sequence);
}

void terms_collect(struct measure *measure)
{
    size_t most = 0, sequence = 0;
    for (size_t i = 0; i < measure->count; i++)
        most += measure->answers[i].prompt.count + measure->answers[i].side[0].count + 1 +
                measure->answers[i].side[1].count;
    measure->terms = x_new(most * measure->parts, sizeof *measure->terms);
    for (size_t i = 0; i < measure->count; i++)
        for (int side = 0; side < 2; side++)
            if (terms_have_any(measure, terms_all_parts(measure), i, side))
                add_all_terms(measure, i, side, sequence++);
    qsort(measure->terms, measure->term_count, sizeof *measure->terms, compare_terms);
}

/* ---- for derivatives ------------------------------------------------------------- */

/* Of one probe first the right answer's sequence, then the wrong one's.  Returns, for the
 * batch's sequences, which one of the plan each is; the caller frees it. */
static size_t *own_sequences(const struct measure *measure, size_t part,
                             struct sequence *sequences)
{
    size_t *place = x_new(2 * measure->count, sizeof *place), in_batch = 0, in_plan = 0;
    for (uint32_t i = 0; i < measure->count; i++)
        for (int side = 0; side < 2; side++) {
            if (!terms_have_any(measure, terms_all_parts(measure), i, side))
                continue;
            place[in_batch++] = in_plan;
            if (terms_have(measure, part, i, side))
                sequences[in_plan++].owner = i;
        }
    return place;
}

struct measure_plan *measure_plan_new(const struct measure *measure, size_t part)
{
    struct measure_plan *plan = x_new(1, sizeof *plan);
    plan->ids = x_new(2 * measure->count, sizeof *plan->ids);
    plan->sequences = x_new(2 * measure->count, sizeof *plan->sequences);
    plan->sequence_count = terms_sequences(measure, 1u << part, plan->ids, plan->sequences);
    size_t *place = own_sequences(measure, part, plan->sequences);
    plan->looks = x_new(measure->term_count, sizeof *plan->looks);
    for (size_t i = 0; i < measure->term_count; i++) {
        const struct term *term = &measure->terms[i];
        if (term->part == part)
            plan->looks[plan->look_count++] =
                (struct measure_look){place[term->sequence], term->position, term->row,
                                      term->id,              term->probe,    term->wrong};
    }
    free(place);
    return plan;
}

void measure_plan_free(struct measure_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->sequence_count; i++)
        ids_free(&plan->ids[i]);
    free(plan->ids);
    free(plan->sequences);
    free(plan->looks);
    free(plan);
}

enum metric measure_metric(const struct measure *measure)
{
    return measure->options.metric;
}

enum metric measure_part_metric(const struct measure *measure, size_t part)
{
    return measure->metrics[part];
}

size_t measure_count(const struct measure *measure)
{
    return measure->count;
}

const bool *measure_ends(const struct measure *measure)
{
    return measure->ends;
}

const float *measure_base_logits(const struct measure *measure, size_t row)
{
    BUG_ON(!measure->has_base);
    return measure->base + row * model_shape(measure->model)->vocab;
}
