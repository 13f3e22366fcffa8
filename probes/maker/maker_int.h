/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/maker/maker_int.h - what families and their maker share.
 *
 * A family draws a draft: what is asked about (the instance) and how (the phrase), the
 * prompt made of both, the right answer and a wrong one.  Texts have no space in front.
 */
#ifndef PROBES_MAKER_MAKER_INT_H
#define PROBES_MAKER_MAKER_INT_H

#include "probes/maker/maker.h"
#include "src/base/rng.h"

enum { DRAFT_ALTERNATES = 3 };

struct draft {
    struct buf instance, prompt, correct, wrong;
    const char *phrase; /* valid as long as the draft */
    struct buf alternates[DRAFT_ALTERNATES]; /* further right answers */
    size_t alternate_count;
    bool attached;  /* answers follow the prompt without a space */
    bool fixed;     /* cannot be told from others: never held out */
    bool failed;    /* *err says why */
    struct err *err;
};

void draft_clear(struct draft *draft);
void draft_free(struct draft *draft);

/* What the slots {f}, {g}, ... of a phrase stand for. */
struct slot {
    char letter; /* 0 ends a list of them */
    const char *text;
};
/* Append the text, slots filled. */
void draft_fill(struct buf *out, const char *text, const struct slot *slots);
/* The phrase, filled, is the prompt. */
void draft_ask(struct draft *draft, const char *phrase, const struct slot *slots);

/* A wrong answer, unless there is one already, or this one begins the right answer or is
 * begun by it: then a gap would only say how the longer one goes on. */
void draft_guess(struct draft *draft, const char *guess);
void draft_guess_number(struct draft *draft, int64_t guess);

/* One more right answer: before and after it joined. */
void draft_accept(struct draft *draft, const char *before, const char *after);

/* A number of 48 bits that depends on the text alone (SHA-256); draft->failed where that
 * cannot be had. */
uint64_t draft_hash(struct draft *draft, const char *text);

/* ---- chance ------------------------------------------------------------------------
 * One draw in an expression at most: C leaves open which of two comes first [M1]. */

int draw_between(struct rng *rng, int low, int high); /* both included */
bool draw_chance(struct rng *rng, unsigned percent);
/* An index, by weights that end at 0. */
size_t draw_weighted(struct rng *rng, const unsigned *weights);

/* ---- families ------------------------------------------------------------------------ */

struct phrases {
    const char *const *texts;
    size_t count;
};

struct family {
    struct maker_family told;
    void (*draw)(struct rng *rng, struct draft *draft); /* NULL: all families in turn */
    const struct phrases *phrases; /* where instances are read back from prompts, or NULL */
    bool keyed_by_phrase;   /* few instances: instance and phrase decide the side */
    bool instance_reserved; /* instances of calculus-heldout are, in every phrase */
};

const struct family *family_at(size_t index);
size_t family_find(const char *name); /* SIZE_MAX: there is none */

extern const struct phrases derivative_phrases, second_phrases, integral_phrases;
extern const struct phrases prime_phrases;

void draw_poly_deriv(struct rng *rng, struct draft *draft);
void draw_second_deriv(struct rng *rng, struct draft *draft);
void draw_integral(struct rng *rng, struct draft *draft);
void draw_exp_deriv(struct rng *rng, struct draft *draft);
void draw_trig(struct rng *rng, struct draft *draft);
void draw_prime(struct rng *rng, struct draft *draft);
void draw_arithmetic(struct rng *rng, struct draft *draft);
void draw_facts(struct rng *rng, struct draft *draft);
void draw_code(struct rng *rng, struct draft *draft);
void draw_english(struct rng *rng, struct draft *draft);

/* ---- sides --------------------------------------------------------------------------- */

/* Knows the prompts that are never written, and those that were. */
struct sides;
struct sides *sides_new(struct err *err);
/* Is the draft on this side, and its prompt new?  Then it is new no more. */
bool sides_take(struct sides *sides, const struct family *family, struct draft *draft,
                enum maker_side side);
void sides_free(struct sides *sides);

#endif
