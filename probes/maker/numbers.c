/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Families prime and arithmetic, as engine/nano/numbers_family.py has them.
 */
#include <inttypes.h>

#include "probes/maker/maker_int.h"
#include "src/base/num.h"

/* ---- prime -------------------------------------------------------------------------- */

static const char *const prime_texts[] = {
    "Is {n} prime? Answer:",
    "Is {n} a prime number? Answer:",
    "Is the number {n} prime? Answer:",
    "{n} is a prime number. True or false? Answer:",
    "Prime or composite: {n}. Answer:",
    "Question: is {n} prime? Answer:",
};
/* If it is, if it is not. */
static const char *const prime_answers[][2] = {
    {"Yes", "No"}, {"Yes", "No"},           {"Yes", "No"},
    {"True", "False"}, {"prime", "composite"}, {"Yes", "No"},
};
const struct phrases prime_phrases = {prime_texts, countof(prime_texts)};

enum { PRIME_LIMIT = 250 };

static bool is_prime(int n)
{
    for (int d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n > 1;
}

void draw_prime(struct rng *rng, struct draft *draft)
{
    /* Half the questions are about primes, or "No" would be a good guess. */
    bool wanted = draw_chance(rng, 50);
    int n;
    do
        n = draw_between(rng, 2, PRIME_LIMIT - 1);
    while (is_prime(n) != wanted);
    size_t phrase = rng_below(rng, prime_phrases.count);
    buf_add_format(&draft->instance, "%d", n);
    draft_ask(draft, prime_texts[phrase],
              (const struct slot[]){{'n', draft->instance.data}, {0, NULL}});
    buf_add_text(&draft->correct, prime_answers[phrase][!wanted]);
    draft_guess(draft, prime_answers[phrase][wanted]);
}

/* ---- arithmetic ----------------------------------------------------------------------- */

static const char *const plus_texts[] = {"{a} + {b} =", "What is {a} + {b}? Answer:",
                                         "{a} plus {b} is", "The sum of {a} and {b} is"};
static const char *const minus_texts[] = {"{a} - {b} =", "What is {a} - {b}? Answer:",
                                          "{a} minus {b} is"};
static const char *const times_texts[] = {"{a} * {b} =", "What is {a} * {b}? Answer:",
                                          "{a} times {b} is", "The product of {a} and {b} is"};
static const char *const divide_texts[] = {"{a} / {b} =", "What is {a} / {b}? Answer:",
                                           "{a} divided by {b} is"};
static const char *const square_texts[] = {"{a}^2 =", "The square of {a} is",
                                           "If x = {a}, then x^2 =", "{a} squared is"};
static const char *const root_texts[] = {"The square root of {a} is", "sqrt({a}) =",
                                         "What is the square root of {a}? Answer:"};
static const char *const letter_texts[] = {"If x = {a}, then x + {b} =", "x = {a}, x + {b} ="};

enum kind { ADD, SUBTRACT, MULTIPLY, DIVIDE, SQUARE, ROOT, LETTER };

static const struct phrases kind_phrases[] = {
    {plus_texts, countof(plus_texts)},     {minus_texts, countof(minus_texts)},
    {times_texts, countof(times_texts)},   {divide_texts, countof(divide_texts)},
    {square_texts, countof(square_texts)}, {root_texts, countof(root_texts)},
    {letter_texts, countof(letter_texts)},
};
static const unsigned kind_weights[] = {5, 4, 5, 3, 1, 1, 1, 0};

enum { NO_NUMBER = -1 }; /* b, where there is only a */

struct sum {
    int a, b, result;
};

static int small_or_large(struct rng *rng)
{
    return draw_chance(rng, 85) ? draw_between(rng, 0, 10) : draw_between(rng, 10, 40);
}

static struct sum draw_term(struct rng *rng, bool minus)
{
    int a = small_or_large(rng), b = small_or_large(rng);
    if (!minus)
        return (struct sum){a, b, a + b};
    return a > b ? (struct sum){a, b, a - b} : (struct sum){b, a, b - a};
}

static struct sum draw_factor(struct rng *rng, bool divide)
{
    static const int factors[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 25};
    int a = factors[rng_below(rng, countof(factors))], b = draw_between(rng, 1, 10);
    return divide ? (struct sum){a * b, b, a} : (struct sum){a, b, a * b};
}

static struct sum draw_sum(struct rng *rng, enum kind kind)
{
    int a = draw_between(rng, 1, 12), b = draw_between(rng, 1, 12);
    switch (kind) {
    case ADD:
    case SUBTRACT: return draw_term(rng, kind == SUBTRACT);
    case MULTIPLY:
    case DIVIDE: return draw_factor(rng, kind == DIVIDE);
    case SQUARE: return (struct sum){a, NO_NUMBER, a * a};
    case ROOT: return (struct sum){a * a, NO_NUMBER, a};
    case LETTER: break;
    }
    return (struct sum){a, b, a + b};
}

static void guess_near(struct draft *draft, int result)
{
    static const int offsets[] = {1, -1, 2, 10};
    int wrong = result + offsets[draft_hash(draft, draft->instance.data) % countof(offsets)];
    draft_guess_number(draft, wrong >= 0 ? wrong : result + 1);
    draft_guess_number(draft, result + 1);
    draft_guess_number(draft, result + 2);
}

void draw_arithmetic(struct rng *rng, struct draft *draft)
{
    enum kind kind = (enum kind)draw_weighted(rng, kind_weights);
    const struct phrases *phrases = &kind_phrases[kind];
    const struct sum sum = draw_sum(rng, kind);
    struct buf a = {0}, b = {0};
    buf_add_format(&a, "%d", sum.a);
    if (sum.b == NO_NUMBER)
        buf_add_text(&b, "None"); /* as the embedded model's split has it */
    else
        buf_add_format(&b, "%d", sum.b);
    /* The same sum is the same instance in every phrase. */
    buf_add_format(&draft->instance, "%s %s %s", phrases->texts[0], a.data, b.data);
    draft_ask(draft, phrases->texts[rng_below(rng, phrases->count)],
              (const struct slot[]){{'a', a.data}, {'b', b.data}, {0, NULL}});
    buf_add_format(&draft->correct, "%d", sum.result);
    guess_near(draft, sum.result);
    buf_free(&a);
    buf_free(&b);
}
