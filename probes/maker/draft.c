/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "probes/maker/maker_int.h"
#include "src/base/sha256.h"

void draft_clear(struct draft *draft)
{
    struct buf *const texts[] = {&draft->instance, &draft->prompt, &draft->correct, &draft->wrong};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        buf_clear(texts[i]);
        buf_add_text(texts[i], ""); /* ended by a zero */
    }
    draft->phrase = "";
    draft->alternate_count = 0;
    draft->attached = draft->fixed = false;
}

void draft_free(struct draft *draft)
{
    buf_free(&draft->instance);
    buf_free(&draft->prompt);
    buf_free(&draft->correct);
    buf_free(&draft->wrong);
    for (size_t i = 0; i < DRAFT_ALTERNATES; i++)
        buf_free(&draft->alternates[i]);
}

/* What stands in "{x}" here; NULL: no slot of these begins here. */
static const char *slot_at(const char *text, const struct slot *slots)
{
    if (text[0] != '{' || text[1] == '\0' || text[2] != '}')
        return NULL;
    for (; slots->letter; slots++)
        if (slots->letter == text[1])
            return slots->text;
    return NULL;
}

void draft_fill(struct buf *out, const char *text, const struct slot *slots)
{
    while (*text) {
        const char *filled = slot_at(text, slots);
        if (filled)
            buf_add_text(out, filled);
        else
            buf_add(out, text, 1);
        text += filled ? 3 : 1;
    }
}

void draft_ask(struct draft *draft, const char *phrase, const struct slot *slots)
{
    draft->phrase = phrase;
    draft_fill(&draft->prompt, phrase, slots);
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

void draft_guess(struct draft *draft, const char *guess)
{
    const char *correct = draft->correct.data;
    if (draft->wrong.len == 0 && !begins(guess, correct) && !begins(correct, guess))
        buf_add_text(&draft->wrong, guess);
}

void draft_guess_number(struct draft *draft, int64_t guess)
{
    struct buf text = {0};
    buf_add_format(&text, "%" PRId64, guess);
    draft_guess(draft, text.data);
    buf_free(&text);
}

void draft_accept(struct draft *draft, const char *before, const char *after)
{
    BUG_ON(draft->alternate_count == DRAFT_ALTERNATES);
    struct buf *text = &draft->alternates[draft->alternate_count++];
    buf_clear(text);
    buf_add_format(text, "%s%s", before, after);
}

uint64_t draft_hash(struct draft *draft, const char *text)
{
    char digits[SHA256_TEXT_SIZE];
    if (!sha256_text(text, strlen(text), digits, draft->err)) {
        draft->failed = true;
        return 0;
    }
    digits[12] = '\0'; /* the first 6 bytes */
    return strtoull(digits, NULL, 16);
}

/* ---- chance ------------------------------------------------------------------------ */

int draw_between(struct rng *rng, int low, int high)
{
    return low + (int)rng_below(rng, (uint64_t)(high - low) + 1);
}

bool draw_chance(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

size_t draw_weighted(struct rng *rng, const unsigned *weights)
{
    uint64_t sum = 0;
    for (const unsigned *weight = weights; *weight; weight++)
        sum += *weight;
    uint64_t point = rng_below(rng, sum);
    size_t i = 0;
    for (; point >= weights[i]; i++)
        point -= weights[i];
    return i;
}
