/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Family trig, as engine/nano/numbers_family.py has it: exact values of sine, cosine
 * and tangent.
 */
#include <string.h>

#include "probes/maker/maker_int.h"
#include "src/base/num.h"

static const char *const texts[] = {
    "{f}({a}) =",
    "The value of {f}({a}) is",
    "Evaluate {f}({a}):",
    "What is {f}({a})? Answer:",
    "{f}({a}) equals",
    "The exact value of {f}({a}) is",
    "Compute {f}({a}). Answer:",
    "If x = {a}, then {f}(x) =",
};

static const struct {
    int degrees;
    const char *text;
} angles[] = {
    {0, "0"},         {30, "pi/6"},     {45, "pi/4"},     {60, "pi/3"},     {90, "pi/2"},
    {120, "2*pi/3"},  {135, "3*pi/4"},  {150, "5*pi/6"},  {180, "pi"},      {210, "7*pi/6"},
    {225, "5*pi/4"},  {240, "4*pi/3"},  {270, "3*pi/2"},  {300, "5*pi/3"},  {315, "7*pi/4"},
    {330, "11*pi/6"}, {360, "2*pi"},
};

/* A value without its sign, and what counts as right, too. */
struct value {
    const char *text;
    const char *others[DRAFT_ALTERNATES + 1];
};
static const struct value zero = {"0", {NULL}}, half = {"1/2", {"0.5", NULL}}, one = {"1", {NULL}};
static const struct value half_root_2 = {"sqrt(2)/2", {"1/sqrt(2)", "0.7071", "0.707", NULL}};
static const struct value half_root_3 = {"sqrt(3)/2", {"0.8660", "0.866", NULL}};
static const struct value third_root_3 = {"sqrt(3)/3", {"1/sqrt(3)", "0.5774", "0.577", NULL}};
static const struct value root_3 = {"sqrt(3)", {"1.7321", "1.732", NULL}};

struct signed_value {
    bool negative;
    const struct value *value; /* NULL: there is none */
};

static struct signed_value sine(int degrees)
{
    degrees %= 360;
    int folded = degrees % 180 > 90 ? 180 - degrees % 180 : degrees % 180;
    const struct value *value = folded == 0    ? &zero
                                : folded == 30 ? &half
                                : folded == 45 ? &half_root_2
                                : folded == 60 ? &half_root_3
                                               : &one;
    return (struct signed_value){degrees > 180 && value != &zero, value};
}

static struct signed_value cosine(int degrees)
{
    return sine(degrees + 90);
}

static struct signed_value tangent(int degrees)
{
    degrees %= 180;
    int folded = degrees > 90 ? 180 - degrees : degrees;
    const struct value *value = folded == 0    ? &zero
                                : folded == 30 ? &third_root_3
                                : folded == 45 ? &one
                                : folded == 60 ? &root_3
                                               : NULL;
    return (struct signed_value){degrees > 90, value};
}

static const struct {
    const char *name;
    struct signed_value (*of)(int degrees);
    struct signed_value (*confused)(int degrees); /* the neighbour's value is a likely slip */
} functions[] = {{"sin", sine, cosine}, {"cos", cosine, sine}, {"tan", tangent, sine}};
static const unsigned function_weights[] = {2, 2, 1, 0};

static void guess(struct draft *draft, struct signed_value value)
{
    struct buf text = {0};
    buf_add_format(&text, "%s%s", value.negative ? "-" : "", value.value->text);
    draft_guess(draft, text.data);
    buf_free(&text);
}

static void answer(struct draft *draft, struct signed_value value)
{
    const char *sign = value.negative ? "-" : "";
    buf_add_format(&draft->correct, "%s%s", sign, value.value->text);
    for (const char *const *other = value.value->others; *other; other++)
        draft_accept(draft, sign, *other);
}

static void ask(struct rng *rng, struct draft *draft, const char *name, size_t angle)
{
    struct buf text = {0};
    if (draw_chance(rng, 20))
        buf_add_format(&text, "%d degrees", angles[angle].degrees);
    else
        buf_add_text(&text, angles[angle].text);
    buf_add_format(&draft->instance, "%s(%s)", name, text.data);
    draft_ask(draft, texts[rng_below(rng, countof(texts))],
              (const struct slot[]){{'f', name}, {'a', text.data}, {0, NULL}});
    buf_free(&text);
}

void draw_trig(struct rng *rng, struct draft *draft)
{
    size_t function, angle;
    struct signed_value value;
    do {
        function = draw_weighted(rng, function_weights);
        angle = rng_below(rng, countof(angles));
        value = functions[function].of(angles[angle].degrees);
    } while (!value.value);
    ask(rng, draft, functions[function].name, angle);
    answer(draft, value);
    guess(draft, functions[function].confused(angles[angle].degrees));
    if (value.value != &zero)
        guess(draft, (struct signed_value){!value.negative, value.value});
    draft_guess(draft, "1");
    draft_guess(draft, "2");
}
