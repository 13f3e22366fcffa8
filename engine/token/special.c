/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Special tokens in a text.  The list is sorted, so the tokens that agree with
 * the text so far are a range of it, and each further byte narrows the range:
 * a match costs its length times the logarithm of the list.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/token/token_int.h"

/* By bytes; a prefix comes before what it is a prefix of. */
static int compare(const void *a, const void *b)
{
    const struct text_span *left = &((const struct special *)a)->text;
    const struct text_span *right = &((const struct special *)b)->text;
    size_t shared = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, shared);
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

void specials_build(struct specials *specials, struct special *list, size_t count)
{
    if (count > 0)
        qsort(list, count, sizeof list[0], compare);
    *specials = (struct specials){.list = list, .count = count};
    for (size_t i = 0; i < count; i++)
        specials->starts[(unsigned char)list[i].text.data[0]] = true;
}

/* The byte at that depth of a token that is longer than that, else -1. */
static int byte_at(const struct special *special, size_t depth)
{
    return depth < special->text.len ? (unsigned char)special->text.data[depth] : -1;
}

/* The first in [low, high) whose byte at that depth is at least value. */
static size_t lower_bound(const struct special *list, size_t low, size_t high, size_t depth,
                          int value)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (byte_at(&list[middle], depth) < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct special *specials_match(const struct specials *specials, const char *text, size_t len,
                                     bool with_control)
{
    const struct special *longest = NULL;
    if (len == 0 || !specials->starts[(unsigned char)text[0]])
        return NULL;
    size_t low = 0;
    size_t high = specials->count;
    for (size_t depth = 0; low < high; depth++) {
        /* All of [low, high) start with text[0..depth); the shortest is first. */
        const struct special *first = &specials->list[low];
        if (first->text.len == depth && (first->always || with_control))
            longest = first;
        if (depth == len)
            break;
        int value = (unsigned char)text[depth];
        low = lower_bound(specials->list, low, high, depth, value);
        high = lower_bound(specials->list, low, high, depth, value + 1);
    }
    return longest;
}

void specials_free(struct specials *specials)
{
    free(specials->list);
    *specials = (struct specials){0};
}
