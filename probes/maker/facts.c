/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Family facts, as engine/nano/facts_family.py has it: small tables, each asked about in
 * several ways.  Instance: the table's name and the key.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/maker/maker_int.h"
#include "src/base/num.h"

struct table {
    const char *name;
    unsigned weight;
    const char *pairs;      /* "key:value;key:value" */
    const char *phrases[8]; /* {k} is the key; ended by NULL */
};

static const struct table tables[] = {
    {"capital", 10,
     "France:Paris;Japan:Tokyo;Italy:Rome;Spain:Madrid;Germany:Berlin;England:London;"
     "Russia:Moscow;China:Beijing;Egypt:Cairo;Greece:Athens;Norway:Oslo;Sweden:Stockholm;"
     "Denmark:Copenhagen;Finland:Helsinki;Poland:Warsaw;Austria:Vienna;Hungary:Budapest;"
     "Portugal:Lisbon;Ireland:Dublin;Turkey:Ankara;India:Delhi;Canada:Ottawa;Cuba:Havana;"
     "Peru:Lima;Chile:Santiago;Kenya:Nairobi;Iran:Tehran;Iraq:Baghdad;Belgium:Brussels;"
     "Ukraine:Kyiv;Thailand:Bangkok;Vietnam:Hanoi;Australia:Canberra;Iceland:Reykjavik",
     {"The capital of {k} is", "The capital city of {k} is",
      "What is the capital of {k}? Answer:", "{k} has its capital in",
      "Question: capital of {k}? Answer:", "The government of {k} sits in",
      "Capital of {k}:", NULL}},
    {"language", 3,
     "France:French;Japan:Japanese;Italy:Italian;Spain:Spanish;Germany:German;"
     "England:English;Russia:Russian;China:Chinese;Greece:Greek;Norway:Norwegian;"
     "Sweden:Swedish;Denmark:Danish;Finland:Finnish;Poland:Polish;Portugal:Portuguese;"
     "Turkey:Turkish;Hungary:Hungarian",
     {"In {k} people speak", "The language of {k} is",
      "What do people speak in {k}? Answer:", "The main language in {k} is", NULL}},
    {"continent", 3,
     "France:Europe;Japan:Asia;Italy:Europe;Germany:Europe;China:Asia;Egypt:Africa;"
     "Kenya:Africa;India:Asia;Peru:America;Canada:America;Cuba:America;Chile:America;"
     "Poland:Europe;Thailand:Asia;Norway:Europe;Iran:Asia;Greece:Europe",
     {"{k} is a country in", "The continent of {k} is", "On which continent is {k}? Answer:",
      "{k} lies in", NULL}},
    {"opposite", 4,
     "hot:cold;big:small;tall:short;fast:slow;happy:sad;day:night;up:down;open:closed;"
     "light:dark;wet:dry;old:young;rich:poor;hard:soft;full:empty;early:late;near:far;"
     "left:right;loud:quiet;clean:dirty;strong:weak;true:false;first:last",
     {"The opposite of {k} is", "What is the opposite of {k}? Answer:",
      "{k} is the opposite of", "Not {k} but", NULL}},
    {"symbol", 3,
     "hydrogen:H;oxygen:O;carbon:C;nitrogen:N;gold:Au;silver:Ag;iron:Fe;copper:Cu;"
     "sodium:Na;helium:He;lead:Pb;tin:Sn;zinc:Zn",
     {"The chemical symbol for {k} is", "The symbol of {k} is", "Chemists write {k} as",
      "What is the symbol for {k}? Answer:", NULL}},
    {"color", 2,
     "sky:blue;grass:green;snow:white;blood:red;coal:black;sea:blue;milk:white;"
     "lemon:yellow;chocolate:brown;tomato:red",
     {"The color of {k} is", "What color is {k}? Answer:", "The color of the {k} is",
      "Everybody knows that {k} is", NULL}},
    {"young", 2,
     "dog:puppy;cat:kitten;cow:calf;horse:foal;sheep:lamb;bear:cub;duck:duckling;goat:kid;"
     "frog:tadpole;hen:chick",
     {"A young {k} is called a", "A baby {k} is a", "The young of a {k} is a",
      "What is a young {k} called? Answer: a", NULL}},
    {"sides", 1,
     "triangle:three;square:four;pentagon:five;hexagon:six;octagon:eight;rectangle:four",
     {"The number of sides of a {k} is", "Sides of a {k}:",
      "How many sides has a {k}? Answer:", NULL}},
    {"formula", 2,
     "water:H2O;carbon dioxide:CO2;table salt:NaCl;methane:CH4;ammonia:NH3;ozone:O3",
     {"The chemical formula for {k} is", "The formula of {k} is",
      "What is the formula of {k}? Answer:", "Chemical formula of {k}:", NULL}},
    {"known for", 2,
     "Einstein:relativity;Darwin:evolution;Newton:gravity;Pasteur:germs;"
     "Wegener:drifting continents;Mendel:heredity",
     {"{k} is famous for the theory of", "{k} is known for his work on",
      "The scientist {k} studied", "{k} wrote about", NULL}},
    {"author", 2,
     "Hamlet:Shakespeare;Faust:Goethe;War and Peace:Tolstoy;Don Quixote:Cervantes;"
     "The Odyssey:Homer;Emma:Austen",
     {"The author of {k} is", "{k} was written by", "Who wrote {k}? Answer:",
      "The book {k} is by", NULL}},
    {"next day", 2,
     "Monday:Tuesday;Tuesday:Wednesday;Wednesday:Thursday;Thursday:Friday;Friday:Saturday;"
     "Saturday:Sunday;Sunday:Monday",
     {"The day after {k} is", "After {k} comes", "Which day follows {k}? Answer:", NULL}},
    {"day before", 1,
     "Monday:Sunday;Tuesday:Monday;Wednesday:Tuesday;Thursday:Wednesday;Friday:Thursday;"
     "Saturday:Friday;Sunday:Saturday",
     {"The day before {k} is", "Before {k} comes", NULL}},
    {"next month", 2,
     "January:February;February:March;March:April;April:May;May:June;June:July;July:August;"
     "August:September;September:October;October:November;November:December;"
     "December:January",
     {"The month after {k} is", "After {k} comes", "Which month follows {k}? Answer:", NULL}},
};

static const unsigned weights[] = {10, 3, 3, 4, 3, 2, 2, 1, 2, 2, 2, 2, 1, 2, 0};

/* A piece of a text that is not ended by a zero. */
struct piece {
    const char *text;
    size_t len;
};

static struct piece next_piece(const char **rest, const char *until)
{
    struct piece piece = {*rest, strcspn(*rest, until)};
    *rest += piece.len + ((*rest)[piece.len] != '\0');
    return piece;
}

static size_t count_pairs(const char *pairs)
{
    size_t count = 1;
    for (; *pairs; pairs++)
        count += *pairs == ';';
    return count;
}

static void pair_at(const char *pairs, size_t index, struct piece *key, struct piece *value)
{
    for (size_t i = 0; i <= index; i++) {
        *key = next_piece(&pairs, ":");
        *value = next_piece(&pairs, ";");
    }
}

/* Values of other keys; the first of them is always the same for the same question. */
static void guess_others(struct draft *draft, const char *pairs, size_t count)
{
    size_t first = draft_hash(draft, draft->instance.data) % count;
    for (size_t i = 0; i < count && draft->wrong.len == 0; i++) {
        struct piece key, value;
        pair_at(pairs, (first + i) % count, &key, &value);
        char *guess = x_copy(value.text, value.len);
        draft_guess(draft, guess);
        free(guess);
    }
}

void draw_facts(struct rng *rng, struct draft *draft)
{
    const struct table *table = &tables[draw_weighted(rng, weights)];
    size_t phrases = 0, count = count_pairs(table->pairs);
    struct piece key, value;
    while (table->phrases[phrases])
        phrases++;
    pair_at(table->pairs, rng_below(rng, count), &key, &value);
    char *asked = x_copy(key.text, key.len);
    buf_add_format(&draft->instance, "%s %s", table->name, asked);
    draft_ask(draft, table->phrases[rng_below(rng, phrases)],
              (const struct slot[]){{'k', asked}, {0, NULL}});
    buf_add(&draft->correct, value.text, value.len);
    guess_others(draft, table->pairs, count);
    free(asked);
}
