/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/neutral.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

static const char *const sentences[] = {
    "Anna has a red cup and a green coat. The cup is red.",
    "Leo is in the garden and Mary is in the library. Leo is in the garden.",
    "Paul took the lamp from the barn to the kitchen. Now the lamp is in the kitchen.",
    "Iris likes soup, but Jack likes fish. So Iris eats soup.",
    "Karen is older than Felix, so the younger one is Felix.",
    "Olga saw a fox and a duck. First came the fox.",
    "David has a black hat and a white shoe. The hat is black.",
    "Emma is taller than Henry, so the taller one is Emma.",
    "Noah took the book from the office to the school. Now the book is in the school.",
    "Grace likes bread, but Clara likes rice. So Grace eats bread.",
    "In the evening the garden was quiet and the air was cool.",
    "The old man sat in front of the house and read a long letter.",
    "When the rain stopped, the children went back to the river.",
    "We waited at the station until the last train was gone.",
    "The bird sang in the tree every morning before the sun came up.",
    "She put the warm bread on the table and closed the window.",
    "The road goes over the hill and down to a small town by the sea.",
    "My brother found a key in the snow and gave it to his teacher.",
    "A cold wind came from the north, and the boats stayed in the harbour.",
    "They built a wall of stone around the field to keep the horses in.",
    "The museum is closed on Mondays, so we went to the market instead.",
    "After dinner he washed the plates and his sister dried them.",
    "Nobody knew who had left the bag under the chair in the office.",
    "The doctor asked her to rest for a week and to drink more water.",
};

const char *const *neutral_sentences(size_t *count)
{
    *count = countof(sentences);
    return sentences;
}

struct ids *neutral_encode(const struct tokenizer *tokenizer, size_t *count, struct err *err)
{
    const struct encode_options options = {0};
    struct ids *out = x_new(countof(sentences), sizeof *out);
    *count = countof(sentences);
    for (size_t i = 0; i < countof(sentences); i++)
        if (!token_encode(tokenizer, sentences[i], strlen(sentences[i]), &options, &out[i], err)) {
            neutral_free(out, countof(sentences));
            return NULL;
        }
    return out;
}

void neutral_free(struct ids *ids, size_t count)
{
    for (size_t i = 0; ids && i < count; i++)
        ids_free(&ids[i]);
    free(ids);
}
