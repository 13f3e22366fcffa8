/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/setting.h"

#include <string.h>

#include "src/base/num.h"

#define ONE_OF(method) (1u << SEARCH_##method)
#define ALL UINT32_MAX
#define FIELD(name) offsetof(struct search_options, name)

static const char *const accept_words[] = {"any", "better", NULL};
static const char *const order_words[] = {"scale", "attribution", NULL};

const struct setting search_settings[] = {
    {"order", SETTING_WORD, FIELD(order), ONE_OF(GREEDY), 0, 0, order_words, ORDER_SCALE},
    {"price", SETTING_NUMBER, FIELD(price), ALL, 0, 1e6, NULL, 0},
    {"accept", SETTING_WORD, FIELD(accept), ONE_OF(RANDOM), 0, 0, accept_words, ACCEPT_ANY},
    {"chunk", SETTING_COUNT, FIELD(chunk), ONE_OF(BIT), 1, 64, NULL, 8},
    {"together", SETTING_COUNT, FIELD(together), ONE_OF(GUIDED), 1, SEARCH_TOGETHER_MAX, NULL, 1},
};
const size_t search_setting_count = countof(search_settings);

bool setting_applies(const struct setting *setting, const struct search_options *options)
{
    return setting->methods >> options->method & 1;
}

double setting_get(const struct setting *setting, const struct search_options *options)
{
    const char *field = (const char *)options + setting->offset;
    uint64_t count = 0;
    double number = 0;
    int word = 0;
    switch (setting->kind) {
    case SETTING_COUNT:
        memcpy(&count, field, sizeof count);
        return (double)count;
    case SETTING_NUMBER:
        memcpy(&number, field, sizeof number);
        return number;
    case SETTING_WORD:
        memcpy(&word, field, sizeof word);
        return word;
    }
    return 0;
}

void setting_set(const struct setting *setting, struct search_options *options, double value)
{
    char *field = (char *)options + setting->offset;
    uint64_t count = setting->kind == SETTING_COUNT ? (uint64_t)value : 0;
    int word = setting->kind == SETTING_WORD ? (int)value : 0;
    switch (setting->kind) {
    case SETTING_COUNT:
        memcpy(field, &count, sizeof count);
        break;
    case SETTING_NUMBER:
        memcpy(field, &value, sizeof value);
        break;
    case SETTING_WORD:
        memcpy(field, &word, sizeof word);
        break;
    }
}

int setting_word(const struct setting *setting, const char *word)
{
    for (int i = 0; setting->words[i]; i++)
        if (strcmp(setting->words[i], word) == 0)
            return i;
    return -1;
}

void setting_choices(const struct setting *setting, struct buf *out)
{
    if (setting->kind != SETTING_WORD) {
        buf_add_format(out, "%g to %g", setting->min, setting->max);
        return;
    }
    for (size_t i = 0; setting->words[i]; i++)
        buf_add_format(out, "%s%s", i == 0 ? "" : setting->words[i + 1] ? ", " : " or ",
                       setting->words[i]);
}
