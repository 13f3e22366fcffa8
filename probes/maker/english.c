/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Family english, as engine/nano/english_family.py has it: short sentences whose last word
 * follows from the first ones.  The instance is the sentence as far as it goes.
 */
#include "probes/maker/maker_int.h"
#include "src/base/num.h"

static const char *const names[] = {
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Iris", "Jack",
    "Karen", "Leo", "Mary", "Noah", "Olga", "Paul"};
static const char *const things[] = {
    "ball", "book", "cup", "hat", "key", "lamp", "pen", "box", "coat", "map", "coin", "shoe",
    "bag", "ring", "kite"};
static const char *const colors[] = {
    "red", "blue", "green", "yellow", "black", "white", "brown", "pink"};
static const char *const places[] = {
    "kitchen", "garden", "school", "park", "library", "office", "barn", "market", "station",
    "church"};
static const char *const animals[] = {
    "cat", "dog", "horse", "cow", "bird", "fox", "bear", "rabbit", "mouse", "duck"};
static const char *const foods[] = {
    "bread", "soup", "cheese", "rice", "apples", "fish", "cake", "eggs"};

/* Start of a sentence, last word, a noun that would fit badly. */
static const char *const fixed[][3] = {
    {"In winter the lake was covered with", "ice", "sand"},
    {"The farmer milks the cows every", "morning", "year"},
    {"She opened the window because the room was too", "hot", "cold"},
    {"The train was late, so we had to", "wait", "sleep"},
    {"He drank a glass of cold", "water", "bread"},
    {"The children played in the snow until it got", "dark", "hot"},
    {"When it rains, people carry an", "umbrella", "apple"},
    {"The sun rises in the", "east", "west"},
    {"The sun sets in the", "west", "east"},
    {"Fish live in the", "water", "trees"},
    {"A carpenter works with", "wood", "bread"},
    {"A baker makes", "bread", "shoes"},
    {"We read the letter twice and then wrote an", "answer", "egg"},
    {"The old clock on the wall stopped at", "noon", "sea"},
    {"After the long walk everybody was", "tired", "blue"},
    {"My grandmother tells the best", "stories", "stones"},
    {"The cat slept on the warm", "roof", "rain"},
    {"They planted a tree in front of the", "house", "sea"},
    {"Bees make", "honey", "milk"},
    {"The ship sailed across the", "sea", "roof"},
};

/* Two different ones of a list. */
struct two {
    const char *first, *second;
};

static struct two draw_two(struct rng *rng, const char *const *list, size_t count)
{
    size_t a = rng_below(rng, count), b = rng_below(rng, count - 1);
    return (struct two){list[a], list[b + (b >= a)]};
}

#define DRAW_TWO(rng, list) draw_two(rng, list, countof(list))

static const char *draw_name(struct rng *rng)
{
    return names[rng_below(rng, countof(names))];
}

static void end(struct draft *draft, const char *correct, const char *wrong)
{
    struct buf guess = {0};
    buf_add_format(&draft->correct, "%s.", correct);
    buf_add_format(&guess, "%s.", wrong);
    draft_guess(draft, guess.data);
    buf_free(&guess);
}

static void color_task(struct rng *rng, struct draft *draft)
{
    struct two thing = DRAW_TWO(rng, things), color = DRAW_TWO(rng, colors);
    buf_add_format(&draft->prompt, "%s has a %s %s and a %s %s. The %s is", draw_name(rng),
                   color.first, thing.first, color.second, thing.second, thing.first);
    end(draft, color.first, color.second);
}

static void place_task(struct rng *rng, struct draft *draft)
{
    struct two name = DRAW_TWO(rng, names), place = DRAW_TWO(rng, places);
    buf_add_format(&draft->prompt, "%s is in the %s and %s is in the %s. %s is in the", name.first,
                   place.first, name.second, place.second, name.first);
    end(draft, place.first, place.second);
}

static void put_task(struct rng *rng, struct draft *draft)
{
    struct two place = DRAW_TWO(rng, places);
    const char *thing = things[rng_below(rng, countof(things))];
    buf_add_format(&draft->prompt, "%s took the %s from the %s to the %s. Now the %s is in the",
                   draw_name(rng), thing, place.second, place.first, thing);
    end(draft, place.first, place.second);
}

static void older_task(struct rng *rng, struct draft *draft)
{
    struct two name = DRAW_TWO(rng, names);
    bool older = draw_chance(rng, 50);
    buf_add_format(&draft->prompt,
                   older ? "%s is older than %s. The younger one is"
                         : "%s is taller than %s. The taller one is",
                   name.first, name.second);
    end(draft, older ? name.second : name.first, older ? name.first : name.second);
}

static void food_task(struct rng *rng, struct draft *draft)
{
    struct two name = DRAW_TWO(rng, names), food = DRAW_TWO(rng, foods);
    buf_add_format(&draft->prompt, "%s likes %s, but %s likes %s. So %s eats", name.first,
                   food.first, name.second, food.second, name.first);
    end(draft, food.first, food.second);
}

static void see_task(struct rng *rng, struct draft *draft)
{
    struct two animal = DRAW_TWO(rng, animals);
    buf_add_format(&draft->prompt, "%s saw a %s and a %s. First came the", draw_name(rng),
                   animal.first, animal.second);
    end(draft, animal.first, animal.second);
}

void draw_english(struct rng *rng, struct draft *draft)
{
    static void (*const tasks[])(struct rng *, struct draft *) = {
        color_task, place_task, put_task, older_task, food_task, see_task};
    if (draw_chance(rng, 15)) {
        const char *const *row = fixed[rng_below(rng, countof(fixed))];
        buf_add_text(&draft->prompt, row[0]);
        end(draft, row[1], row[2]);
        buf_add_text(&draft->instance, "fixed"); /* cannot be guessed */
        draft->fixed = true;
        return;
    }
    tasks[rng_below(rng, countof(tasks))](rng, draft);
    buf_add_text(&draft->instance, draft->prompt.data);
}
