/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Syllables that look a little like English, common ones more often: merges
 * learned from them make about as few tokens of a real text as one can hope for
 * without learning from one.
 */
#include "src/synth/synth_word.h"

#include <ctype.h>

#include "src/base/num.h"

/* The most common first. */
static const char *const onsets[] = {
    "t",  "s",  "d",  "r",  "c",  "m",  "p",  "f",  "l",  "b",  "w",  "h",  "n",  "th", "g",
    "st", "pr", "v",  "tr", "ch", "sh", "gr", "pl", "fr", "cr", "br", "sp", "wh", "y",  "cl",
    "qu", "j",  "k",  "fl", "dr", "bl", "str", "sc", "sl", "z", "sm", "gl", "sw", "ph", "kn",
};
static const char *const vowels[] = {
    "e", "a", "i", "o", "u", "io", "ea", "ou", "ai", "ee", "y", "ie", "oo", "ue", "au", "oi",
};
static const char *const codas[] = {
    "n",  "r",  "s",  "t",  "l",  "d",  "ng", "nt", "st", "m",  "c",  "ly", "ll", "ck", "p",
    "ss", "ve", "ty", "nd", "rt", "ct", "te", "se", "re", "ne", "le", "ce", "sh", "th", "ble",
    "x",  "b",  "f",  "g",  "rd", "rs", "ns", "ts", "ght", "rm", "ment", "k", "rn", "mp", "z",
};
static const char *const marks[] = {
    ",", ".", "(", ")", "=", "-", "_", "\"", "'", ":", ";", "/", "*", "{", "}", "<",
    ">", "[", "]", "+", "#", "$", "\\", "|", "&", "!", "?", "@", "%", "^", "~", "`",
};

/* The product of two uniform numbers: the first few come most of the time. */
static const char *pick(struct rng *rng, const char *const *list, size_t count)
{
    return list[rng_below(rng, count) * rng_below(rng, count) / count];
}

static bool one_in(struct rng *rng, uint64_t count)
{
    return rng_below(rng, count) == 0;
}

static void add_letters(struct rng *rng, struct buf *out)
{
    size_t start = out->len;
    for (uint64_t i = 1 + rng_below(rng, 4) * rng_below(rng, 4) / 3; i > 0; i--) {
        if (!one_in(rng, 5))
            buf_add_text(out, pick(rng, onsets, countof(onsets)));
        buf_add_text(out, pick(rng, vowels, countof(vowels)));
        if (!one_in(rng, 3))
            buf_add_text(out, pick(rng, codas, countof(codas)));
    }
    if (one_in(rng, 8))
        out->data[start] = (char)toupper((unsigned char)out->data[start]);
}

static void add_marks(struct rng *rng, struct buf *out)
{
    for (uint64_t i = 1 + rng_below(rng, 3); i > 0; i--)
        buf_add_text(out, pick(rng, marks, countof(marks)));
    if (one_in(rng, 6))
        buf_add_text(out, "\n");
}

/* Line feeds, or the indentation of a line. */
static void add_space(struct rng *rng, struct buf *out)
{
    bool feeds = one_in(rng, 3);
    for (uint64_t i = 1 + rng_below(rng, feeds ? 4 : 24); i > 0; i--)
        buf_add(out, feeds ? "\n" : " ", 1);
}

void synth_word(struct rng *rng, struct buf *out)
{
    buf_clear(out);
    uint64_t kind = rng_below(rng, 32);
    if (kind == 0) {
        add_space(rng, out);
        return;
    }
    if (!one_in(rng, 4))
        buf_add(out, " ", 1);
    if (kind <= 2)
        add_marks(rng, out);
    else
        add_letters(rng, out);
}
