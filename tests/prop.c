/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Shrinking takes away ever smaller stretches of the counterexample, then makes
 * its bytes plain, as long as the rule stays broken.  It is greedy and bounded:
 * the result is small, not smallest.
 */
#include "tests/prop.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/text.h"

static const size_t shrink_checks_max = 20000;

struct shrinking {
    const struct prop *prop;
    struct buf best;
    struct buf trial;
    size_t checks;
};

static bool still_broken(struct shrinking *shrinking)
{
    struct buf why = {0};
    const char *bytes = shrinking->trial.data ? shrinking->trial.data : "";
    bool broken = !shrinking->prop->holds(shrinking->prop->user, bytes, shrinking->trial.len, &why);
    buf_free(&why);
    shrinking->checks++;
    return broken;
}

static bool keep_if_broken(struct shrinking *shrinking)
{
    if (!still_broken(shrinking))
        return false;
    struct buf better = shrinking->trial;
    shrinking->trial = shrinking->best;
    shrinking->best = better;
    return true;
}

static bool exhausted(const struct shrinking *shrinking)
{
    return shrinking->checks >= shrink_checks_max;
}

/* Try to do without every stretch of that many bytes. */
static bool remove_stretches(struct shrinking *shrinking, size_t stretch)
{
    bool any = false;
    for (size_t at = 0; at + stretch <= shrinking->best.len && !exhausted(shrinking);) {
        const struct buf *best = &shrinking->best;
        buf_clear(&shrinking->trial);
        buf_add(&shrinking->trial, best->data, at);
        buf_add(&shrinking->trial, best->data + at + stretch, best->len - at - stretch);
        if (keep_if_broken(shrinking))
            any = true;
        else
            at += stretch;
    }
    return any;
}

static bool make_plain(struct shrinking *shrinking)
{
    bool any = false;
    for (size_t at = 0; at < shrinking->best.len && !exhausted(shrinking); at++) {
        if (shrinking->best.data[at] == 'a')
            continue;
        buf_clear(&shrinking->trial);
        buf_add(&shrinking->trial, shrinking->best.data, at);
        buf_add(&shrinking->trial, "a", 1);
        buf_add(&shrinking->trial, shrinking->best.data + at + 1, shrinking->best.len - at - 1);
        any = keep_if_broken(shrinking) || any;
    }
    return any;
}

static void shrink(struct shrinking *shrinking)
{
    bool any = true;
    while (any && !exhausted(shrinking)) {
        any = false;
        for (size_t stretch = shrinking->best.len; stretch > 0; stretch /= 2)
            any = remove_stretches(shrinking, stretch) || any;
        any = make_plain(shrinking) || any;
    }
}

static void add_report(const struct prop *prop, uint64_t seed, size_t number,
                       const struct buf *found, struct buf *report)
{
    struct buf why = {0};
    const char *bytes = found->data ? found->data : "";
    (void)prop->holds(prop->user, bytes, found->len, &why);
    buf_add_format(report, "%s: seed %llu, case %zu: broken by %zu bytes: \"", prop->name,
                   (unsigned long long)seed, number, found->len);
    text_visible(report, bytes, found->len);
    buf_add_text(report, "\" =");
    for (size_t i = 0; i < found->len && i < 200; i++)
        buf_add_format(report, " %02X", (unsigned char)bytes[i]);
    buf_add_format(report, "\n  %s", why.data ? why.data : "(no reason given)");
    buf_free(&why);
}

static uint64_t setting(const char *variable, uint64_t fallback)
{
    int64_t value = 0;
    return num_parse_int(getenv(variable), &value) && value >= 0 ? (uint64_t)value : fallback;
}

bool prop_run(const struct prop *prop, struct buf *report)
{
    uint64_t seed = setting("BANKAI_PROP_SEED", prop->seed);
    uint64_t cases = setting("BANKAI_PROP_CASES", prop->cases);
    struct rng rng;
    rng_seed(&rng, seed);
    struct shrinking shrinking = {.prop = prop};
    bool ok = true;
    for (size_t number = 0; ok && number < cases; number++) {
        buf_clear(&shrinking.trial);
        prop->generate(&rng, prop->user, &shrinking.trial);
        ok = !keep_if_broken(&shrinking);
        if (!ok) {
            shrink(&shrinking);
            add_report(prop, seed, number, &shrinking.best, report);
        }
        shrinking.checks = 0;
    }
    buf_free(&shrinking.best);
    buf_free(&shrinking.trial);
    return ok;
}

/* ---- generators --------------------------------------------------------- */

void prop_add_utf8(struct buf *out, uint32_t point)
{
    char bytes[4];
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len; i-- > 1; point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3F));
    bytes[0] = (char)(marks[len] | point);
    buf_add(out, bytes, len);
}

void prop_add_point(struct rng *rng, struct buf *out)
{
    static const uint32_t starts[] = {0, 0x80, 0x800, 0x10000, 0x110000};
    size_t length = (size_t)rng_below(rng, 4);
    uint32_t span = starts[length + 1] - starts[length];
    uint32_t point = starts[length] + (uint32_t)rng_below(rng, span);
    bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    prop_add_utf8(out, surrogate ? 0xFFFD : point);
}

static void add_run(struct rng *rng, const char *alphabet, size_t len, struct buf *out)
{
    size_t size = strlen(alphabet);
    for (size_t i = 0; i < len; i++)
        buf_add(out, alphabet + rng_below(rng, size), 1);
}

/* Any byte.  The draws are statements of their own: C leaves open which argument
 * of a call comes first, and a seed must mean the same cases everywhere. */
static void add_long_run(struct rng *rng, const struct prop_text *shape, struct buf *out)
{
    unsigned char byte = (unsigned char)rng_below(rng, 256);
    size_t len = 1 + (size_t)rng_below(rng, shape->run_max);
    for (size_t i = 0; i < len; i++)
        buf_add(out, &byte, 1);
}

static void add_part(struct rng *rng, const struct prop_text *shape, struct buf *out)
{
    size_t few = 1 + (size_t)rng_below(rng, 8);
    size_t before = out->len;
    switch (rng_below(rng, 9)) {
    case 0: add_run(rng, "abcdefghijklmnopqrstuvwxyzABIT", few, out); break;
    case 1: add_run(rng, "0123456789.,", few, out); break;
    case 2: add_run(rng, " \n\r\t", few, out); break;
    case 3: add_run(rng, "'stremvld", few, out); break;
    case 4: add_run(rng, "!?<|>/=+-*_#\"", few, out); break;
    case 5: prop_add_point(rng, out); break;
    case 6: /* a cut code point */
        prop_add_point(rng, out);
        if (out->len - before > 1)
            out->data[--out->len] = '\0';
        break;
    case 7: add_long_run(rng, shape, out); break;
    default:
        if (shape->word_count > 0)
            buf_add_text(out, shape->words[rng_below(rng, shape->word_count)]);
        else
            buf_add(out, "", 1);
        break;
    }
}

void prop_add_text(struct rng *rng, const struct prop_text *shape, struct buf *out)
{
    size_t parts = 1 + (size_t)rng_below(rng, shape->parts_max);
    for (size_t i = 0; i < parts; i++)
        add_part(rng, shape, out);
}
