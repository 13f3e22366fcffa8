/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Family exp_deriv: derivatives of exponentials, sines, cosines and logarithms, as
 * engine/nano/calculus.py has them.  The instance is the function.
 */
#include "probes/maker/maker_int.h"
#include "src/base/num.h"

/* factor * text as a person writes it: 3e^x, -e^x, e^x. */
static void scaled(struct buf *out, int factor, const char *text)
{
    if (factor == -1)
        buf_add_text(out, "-");
    else if (factor != 1)
        buf_add_format(out, "%d", factor);
    buf_add_text(out, text);
}

static void guess_scaled(struct draft *draft, int factor, const char *text)
{
    struct buf guess = {0};
    scaled(&guess, factor, text);
    draft_guess(draft, guess.data);
    buf_free(&guess);
}

static int pick(struct rng *rng, const int *from, size_t count)
{
    return from[rng_below(rng, count)];
}

/* a e^(kx) */
static void chain_exponential(struct rng *rng, struct draft *draft)
{
    static const int factors[] = {1, 1, 1, 2, 3, 4, 5, 6};
    int k = draw_between(rng, 1, 12);
    k = rng_below(rng, 4) == 0 ? -k : k;
    int a = pick(rng, factors, countof(factors));
    bool star = a > 1 && draw_chance(rng, 30);
    struct buf body = {0};
    buf_add_text(&body, k == 1 ? "e^x" : "e^(");
    if (k != 1)
        scaled(&body, k, "x)");
    if (a > 1)
        buf_add_format(&draft->instance, "%d%s", a, star ? "*" : "");
    buf_add_text(&draft->instance, body.data);
    scaled(&draft->correct, a * k, body.data);
    guess_scaled(draft, a, k != 1 ? body.data : "xe^(x-1)");
    buf_free(&body);
}

/* "4x^3", "2x": n times x to the power of n - 1, for n > 1. */
static void add_power_derivative(struct buf *out, int factor, int n)
{
    buf_add_format(out, n > 2 ? "%dx^%d" : "%dx", factor * n, n - 1);
}

static void exponential_of_power(struct rng *rng, struct draft *draft)
{
    int n = draw_between(rng, 2, 6);
    buf_add_format(&draft->instance, "e^(x^%d)", n);
    add_power_derivative(&draft->correct, 1, n);
    buf_add_text(&draft->correct, draft->instance.data);
    draft_guess(draft, draft->instance.data);
}

static void exponential_of_ratio(struct rng *rng, struct draft *draft)
{
    int n = draw_between(rng, 2, 6);
    buf_add_format(&draft->instance, "e^(x/%d)", n);
    buf_add_format(&draft->correct, "%s/%d", draft->instance.data, n);
    draft_guess(draft, draft->instance.data);
}

static void exponential_of_shift(struct rng *rng, struct draft *draft)
{
    int n = draw_between(rng, 2, 6);
    buf_add_format(&draft->instance, "e^(%dx + %d)", n, draw_between(rng, 1, 9));
    buf_add_format(&draft->correct, "%d%s", n, draft->instance.data);
    draft_guess(draft, draft->instance.data);
}

static void exponential_and_power(struct rng *rng, struct draft *draft)
{
    struct buf power = {0}, derivative = {0}, wrong = {0};
    int n = draw_between(rng, 2, 6), c = draw_between(rng, 1, 5);
    scaled(&power, c, "x");
    add_power_derivative(&derivative, c, n);
    buf_add_format(&draft->instance, "e^x + %s^%d", power.data, n);
    buf_add_format(&draft->correct, "e^x + %s", derivative.data);
    buf_add_format(&wrong, "xe^(x-1) + %s", derivative.data);
    draft_guess(draft, wrong.data);
    buf_free(&power);
    buf_free(&derivative);
    buf_free(&wrong);
}

static void power_exponential(struct rng *rng, struct draft *draft)
{
    static void (*const kinds[])(struct rng *, struct draft *) = {
        exponential_of_power, exponential_of_ratio, exponential_of_shift, exponential_and_power};
    kinds[rng_below(rng, countof(kinds))](rng, draft);
}

/* a sin(kx), a cos(kx) */
static void circular(struct rng *rng, struct draft *draft)
{
    static const int inner[] = {1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9}, outer[] = {1, 1, 1, 2, 3, 4, 5};
    int k = pick(rng, inner, countof(inner)), a = pick(rng, outer, countof(outer));
    bool is_sine = rng_below(rng, 2) == 0;
    int sign = is_sine ? 1 : -1;
    struct buf own = {0}, other = {0};
    buf_add_text(&own, is_sine ? "sin(" : "cos(");
    buf_add_text(&other, is_sine ? "cos(" : "sin(");
    scaled(&own, k, "x)");
    scaled(&other, k, "x)");
    scaled(&draft->instance, a, own.data);
    scaled(&draft->correct, sign * a * k, other.data);
    guess_scaled(draft, k > 1 ? sign * a : -sign * a * k, other.data);
    buf_free(&own);
    buf_free(&other);
}

static void guess_over(struct draft *draft, int numerator)
{
    struct buf text = {0};
    buf_add_format(&text, "%d/x", numerator);
    draft_guess(draft, text.data);
    buf_free(&text);
}

static void logarithm(struct rng *rng, struct draft *draft)
{
    static const int factors[] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    int a = pick(rng, factors, countof(factors));
    if (draw_chance(rng, 50)) {
        scaled(&draft->instance, a, "ln(x)");
        buf_add_format(&draft->correct, "%d/x", a);
        struct buf below = {0};
        buf_add_format(&below, "1/%dx", a);
        draft_guess(draft, a > 1 ? below.data : "1/x^2");
        buf_free(&below);
        return;
    }
    buf_add_text(&draft->instance, "ln(");
    scaled(&draft->instance, a, "x)");
    buf_add_text(&draft->correct, "1/x");
    if (a > 1)
        guess_over(draft, a);
    else
        draft_guess(draft, "1/x^2");
}

static void guess_other_sign(struct draft *draft)
{
    struct buf text = {0};
    const char *correct = draft->correct.data;
    buf_add_format(&text, "%s%s", correct[0] == '-' ? "" : "-",
                   correct[0] == '-' ? correct + 1 : correct);
    draft_guess(draft, text.data);
    buf_free(&text);
}

void draw_exp_deriv(struct rng *rng, struct draft *draft)
{
    static void (*const kinds[])(struct rng *, struct draft *) = {
        chain_exponential, power_exponential, circular, logarithm};
    static const unsigned weights[] = {5, 3, 2, 1, 0};
    kinds[draw_weighted(rng, weights)](rng, draft);
    guess_other_sign(draft);
    draft_ask(draft, derivative_phrases.texts[rng_below(rng, derivative_phrases.count)],
              (const struct slot[]){{'f', draft->instance.data}, {0, NULL}});
}
