/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Family code, as engine/nano/code_family.py has it: a line of Python whose continuation is
 * determined.  The instance is the prompt.
 */
#include <ctype.h>
#include <string.h>

#include "probes/maker/maker_int.h"
#include "src/base/num.h"

static const char *const words[] = {
    "cat", "dog", "tree", "blue", "sun", "moon", "bread", "river", "stone", "apple", "bird",
    "fish", "house", "green", "light", "winter", "paper", "music", "table", "ab"};
static const char *const names[] = {
    "x", "y", "n", "a", "b", "total", "count", "size", "value", "width"};
static const char *const lists[] = {
    "items", "names", "rows", "words", "lines", "numbers", "files", "keys"};

/* The text before, what follows, a plausible wrong one. */
static const char *const idioms[][3] = {
    {"import numpy as", "np", "pd"},
    {"import pandas as", "pd", "np"},
    {"import sys; args =", "sys.argv", "sys.path"},
    {"import json; data =", "json.loads(text)", "json.dumps(text)"},
    {"from math import sqrt; root = sqrt(16) # root is", "4.0", "8.0"},
    {"try: run() # then catch it with", "except", "catch"},
    {"In Python, the keyword that defines a function is", "def", "class"},
    {"In Python, the keyword that defines a class is", "class", "def"},
    {"In Python, a file is opened with the function", "open", "close"},
    {"In Python, the length of a list is given by", "len", "sum"},
    {"In Python, a loop is left early with", "break", "pass"},
    {"In Python, the value for nothing is", "None", "True"},
    {"In Python, a comment starts with", "#", "//"},
    {"In C, a line comment starts with", "//", "#"},
    {"In C, memory from malloc is given back with", "free", "delete"},
    {"In C, the program starts in the function", "main", "start"},
    {"with open(path) as", "file:", "path:"},
    {"if __name__ ==", "\"__main__\":", "\"main\":"},
    {"class Point: def __init__", "(self, x, y):", "(x, y):"},
    {"while", "True:", "False:"},
};

#define PICK(rng, list) ((list)[rng_below(rng, countof(list))])

static void answer_number(struct draft *draft, int correct, int wrong)
{
    buf_add_format(&draft->correct, "%d", correct);
    draft_guess_number(draft, wrong);
    draft_guess_number(draft, correct + 1);
    draft_guess_number(draft, correct + 2);
}

static void length_task(struct rng *rng, struct draft *draft)
{
    static const char *const endings[] = {"", "", "s", "y"};
    struct buf word = {0};
    buf_add_text(&word, PICK(rng, words));
    buf_add_text(&word, PICK(rng, endings));
    int len = (int)word.len;
    buf_add_format(&draft->prompt, "len(\"%s\") ==", word.data);
    answer_number(draft, len, draft_hash(draft, word.data) % 2 ? len - 1 : len + 1);
    buf_free(&word);
}

static void extreme_task(struct rng *rng, struct draft *draft)
{
    int a = draw_between(rng, 0, 20), b = draw_between(rng, 0, 20);
    bool largest = draw_chance(rng, 50);
    b += a == b;
    buf_add_format(&draft->prompt, "%s(%d, %d) ==", largest ? "max" : "min", a, b);
    answer_number(draft, (a > b) == largest ? a : b, (a > b) == largest ? b : a);
}

static void index_task(struct rng *rng, struct draft *draft)
{
    static const int positions[] = {0, 1, 2, -1};
    int position = PICK(rng, positions), place = position < 0 ? 2 : position;
    int numbers[3];
    numbers[0] = draw_between(rng, 0, 9);
    numbers[2] = draw_between(rng, 0, 9);
    numbers[1] = (numbers[0] + draw_between(rng, 1, 8)) % 10; /* another than the first */
    int wrong = numbers[place == 1 ? 0 : 1];
    buf_add_format(&draft->prompt, "[%d, %d, %d][%d] ==", numbers[0], numbers[1], numbers[2],
                   position);
    answer_number(draft, numbers[place], wrong == numbers[place] ? numbers[0] : wrong);
}

static void case_task(struct rng *rng, struct draft *draft)
{
    const char *word = PICK(rng, words);
    bool upper = draw_chance(rng, 50);
    buf_add_format(&draft->prompt, "\"%s\".%s() ==", word, upper ? "upper" : "title");
    buf_add_text(&draft->correct, "\"");
    for (const char *at = word; *at; at++) {
        char letter = at == word || upper ? (char)toupper((unsigned char)*at) : *at;
        buf_add(&draft->correct, &letter, 1);
    }
    buf_add_text(&draft->correct, "\"");
    struct buf guess = {0};
    buf_add_format(&guess, "\"%s\"", word);
    draft_guess(draft, guess.data);
    buf_free(&guess);
}

static void concat_task(struct rng *rng, struct draft *draft)
{
    const char *a = PICK(rng, words), *b = PICK(rng, words);
    struct buf guess = {0};
    buf_add_format(&draft->prompt, "\"%s\" + \"%s\" ==", a, b);
    buf_add_format(&draft->correct, "\"%s%s\"", a, b);
    buf_add_format(&guess, "\"%s\"", a);
    draft_guess(draft, guess.data);
    buf_free(&guess);
}

static void compare_task(struct rng *rng, struct draft *draft)
{
    static const char *const operators[] = {"<", ">", "=="};
    int a = draw_between(rng, 0, 20), b = draw_between(rng, 0, 20);
    size_t which = rng_below(rng, countof(operators));
    bool value = which == 0 ? a < b : which == 1 ? a > b : a == b;
    buf_add_format(&draft->prompt, "%d %s %d is", a, operators[which], b);
    buf_add_text(&draft->correct, value ? "True" : "False");
    draft_guess(draft, value ? "False" : "True");
}

static void loop_task(struct rng *rng, struct draft *draft)
{
    const char *list = PICK(rng, lists), *ending = draw_chance(rng, 50) ? "]" : ":";
    int one = (int)strlen(list) - 1; /* "item" of "items" */
    struct buf guess = {0};
    if (*ending == ']')
        buf_add_format(&draft->prompt, "result = [f(%.*s) ", one, list);
    buf_add_format(&draft->prompt, "for %.*s in", one, list);
    buf_add_format(&draft->correct, "%s%s", list, ending);
    buf_add_format(&guess, "%.*s%s", one, list, ending);
    draft_guess(draft, guess.data);
    buf_free(&guess);
}

/* The body must use the parameter, and the operator its name promises. */
static void function_task(struct rng *rng, struct draft *draft)
{
    static const char *const functions[][3] = {
        {"double", "2 * {n}", "{n} + 2"}, {"square", "{n} * {n}", "2 * {n}"},
        {"negate", "-{n}", "{n}"},        {"half", "{n} / 2", "{n} * 2"},
        {"next", "{n} + 1", "{n} - 1"},   {"previous", "{n} - 1", "{n} + 1"}};
    const char *name = PICK(rng, names), *const *row = PICK(rng, functions);
    const struct slot slots[] = {{'n', name}, {0, NULL}};
    struct buf guess = {0};
    buf_add_format(&draft->prompt, "def %s(%s): return", row[0], name);
    draft_fill(&draft->correct, row[1], slots);
    draft_fill(&guess, row[2], slots);
    draft_guess(draft, guess.data);
    buf_free(&guess);
}

static void assign_task(struct rng *rng, struct draft *draft)
{
    const char *name = PICK(rng, names);
    int a = draw_between(rng, 1, 9), b = draw_between(rng, 1, 9);
    buf_add_format(&draft->prompt, "%s = %d; %s += %d; print(%s) # prints", name, a, name, b, name);
    answer_number(draft, a + b, b);
}

static void idiom_task(struct rng *rng, struct draft *draft)
{
    const char *const *row = PICK(rng, idioms);
    buf_add_text(&draft->prompt, row[0]);
    buf_add_text(&draft->correct, row[1]);
    draft_guess(draft, row[2]);
    draft->attached = row[1][0] == '(';
    draft->fixed = true; /* cannot be guessed from others */
    buf_add_text(&draft->instance, "idiom");
}

void draw_code(struct rng *rng, struct draft *draft)
{
    static void (*const tasks[])(struct rng *, struct draft *) = {
        length_task,  extreme_task, index_task,    case_task,   concat_task,
        compare_task, loop_task,    function_task, assign_task, idiom_task};
    static const unsigned weights[] = {2, 2, 2, 1, 1, 2, 2, 2, 2, 4, 0};
    tasks[draw_weighted(rng, weights)](rng, draft);
    if (!draft->fixed)
        buf_add_text(&draft->instance, draft->prompt.data);
}
