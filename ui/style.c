/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/style.h"

#include "src/base/err.h"

static const char letters[STYLE_COUNT] = {
#define X(id, name, letter) [id] = (letter),
    STYLE_TABLE(X)
#undef X
};

static const char *const names[STYLE_COUNT] = {
#define X(id, name, letter) [id] = (name),
    STYLE_TABLE(X)
#undef X
};

char style_letter(style_id style)
{
    if (!style_is_heat(style)) {
        BUG_ON(style >= STYLE_COUNT);
        return letters[style];
    }
    int top = style_heat_top(style);
    BUG_ON(top >= HEAT_ALL);
    return "0123456789ABCDEFcfgijlnoquvwxyz_"[top];
}

const char *style_name(enum style style)
{
    BUG_ON(style >= STYLE_COUNT);
    return names[style];
}
