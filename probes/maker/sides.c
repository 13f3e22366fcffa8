/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which side a probe is on: the rule of engine/nano/split.py, by which the embedded
 * model's training text was chosen.
 *
 *   reserved   prompts of calculus-heldout and of every second probe of calculus-train
 *              (the 1st, 3rd, ...); of some families what the former ask about, too, in
 *              every phrase
 *   train      prompts of the control sets, whatever the hash says
 *   held out   the hash of what is asked about falls into the lowest 12 percent
 */
#include <stdlib.h>
#include <string.h>

#include "probes/maker/maker_int.h"
#include "probes/maker/text_set.h"

enum { SALT = 192, HELD_OUT_PER_MILLE = 120 };

struct sides {
    struct text_set reserved; /* prompts */
    struct text_set instances; /* reserved, too: "family|instance" */
    struct text_set controls; /* prompts */
    struct text_set taken;    /* prompts */
};

/* ---- what is reserved ---------------------------------------------------------------- */

/* What stands in the only slot of a phrase that is this prompt; NULL: it is not. */
static char *slot_text(const char *phrase, const char *prompt)
{
    const char *slot = strchr(phrase, '{'), *rest = slot + strlen("{f}");
    size_t before = (size_t)(slot - phrase), after = strlen(rest), len = strlen(prompt);
    if (len <= before + after || memcmp(prompt, phrase, before) != 0 ||
        strcmp(prompt + len - after, rest) != 0)
        return NULL;
    const char *text = prompt + before;
    len -= before + after;
    bool bracketed = text[0] == '(' && text[len - 1] == ')';
    return x_copy(text + bracketed, len - 2 * bracketed);
}

/* What a prompt asks about, by the longest phrase that fits: a short one may have too
 * much in its slot.  NULL: it has none of these phrases. */
static char *read_instance(const struct phrases *phrases, const char *prompt)
{
    char *instance = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < phrases->count; i++) {
        size_t len = strlen(phrases->texts[i]);
        char *found = len > longest ? slot_text(phrases->texts[i], prompt) : NULL;
        if (!found)
            continue;
        free(instance);
        instance = found;
        longest = len;
    }
    return instance;
}

static void add_instance(struct buf *out, const char *family, const char *instance)
{
    buf_add_format(out, "%s|%s", family, instance);
}

static void reserve_instance(struct sides *sides, const struct probe *probe)
{
    size_t index = family_find(probe->category);
    const struct family *family = index == SIZE_MAX ? NULL : family_at(index);
    if (!family || !family->instance_reserved)
        return;
    char *instance = read_instance(family->phrases, probe->prompt);
    struct buf key = {0};
    if (instance) {
        add_instance(&key, family->told.name, instance);
        (void)text_set_add(&sides->instances, key.data);
    }
    free(instance);
    buf_free(&key);
}

/* Every step-th prompt of built-in sets. */
static bool add_prompts(struct text_set *to, const char *spec, size_t step, struct err *err)
{
    struct probe_set *set = probe_set_load(spec, err);
    for (size_t i = 0; set && i < set->count; i += step)
        (void)text_set_add(to, set->probes[i].prompt);
    probe_set_free(set);
    return set != NULL;
}

static bool reserve_instances(struct sides *sides, struct err *err)
{
    struct probe_set *set = probe_set_load("calculus-heldout", err);
    for (size_t i = 0; set && i < set->count; i++)
        reserve_instance(sides, &set->probes[i]);
    probe_set_free(set);
    return set != NULL;
}

struct sides *sides_new(struct err *err)
{
    struct sides *sides = x_new(1, sizeof *sides);
    if (add_prompts(&sides->reserved, "calculus-heldout", 1, err) &&
        add_prompts(&sides->reserved, "calculus-train", 2, err) &&
        add_prompts(&sides->controls, "math,code,knowledge", 1, err) &&
        add_prompts(&sides->taken, "nano-heldout", 1, err) && reserve_instances(sides, err))
        return sides;
    sides_free(sides);
    return NULL;
}

void sides_free(struct sides *sides)
{
    if (!sides)
        return;
    text_set_free(&sides->reserved);
    text_set_free(&sides->instances);
    text_set_free(&sides->controls);
    text_set_free(&sides->taken);
    free(sides);
}

/* ---- one draft ------------------------------------------------------------------------- */

static bool is_reserved(const struct sides *sides, const struct family *family,
                        const struct draft *draft)
{
    struct buf key = {0};
    add_instance(&key, family->told.name, draft->instance.data);
    bool reserved = text_set_has(&sides->reserved, draft->prompt.data) ||
                    text_set_has(&sides->instances, key.data);
    buf_free(&key);
    return reserved;
}

static bool is_held_out(const struct family *family, struct draft *draft)
{
    if (draft->fixed)
        return false;
    struct buf key = {0};
    buf_add_format(&key, "%d|%s|%s", SALT, family->told.name, draft->instance.data);
    if (family->keyed_by_phrase)
        buf_add_format(&key, "|%s", draft->phrase);
    bool held_out = draft_hash(draft, key.data) % 1000 < HELD_OUT_PER_MILLE;
    buf_free(&key);
    return held_out;
}

bool sides_take(struct sides *sides, const struct family *family, struct draft *draft,
                enum maker_side side)
{
    if (text_set_has(&sides->taken, draft->prompt.data) || is_reserved(sides, family, draft))
        return false;
    bool held_out = !text_set_has(&sides->controls, draft->prompt.data) &&
                    is_held_out(family, draft);
    if (draft->failed || held_out != (side == MAKER_HELDOUT))
        return false;
    return text_set_add(&sides->taken, draft->prompt.data);
}
