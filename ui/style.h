/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/style.h - styles are meanings; themes map them to colours and attributes.
 */
#ifndef UI_STYLE_H
#define UI_STYLE_H

#include <stdint.h>

typedef uint16_t style_id; /* an enum style, or a heat style */

/*       id              name in themes   letter in dumps */
#define STYLE_TABLE(X)                        \
    X(STYLE_TEXT,          "text",          '.') \
    X(STYLE_DIM,           "dim",           ',') \
    X(STYLE_TITLE,         "title",         'T') \
    X(STYLE_BORDER,        "border",        'b') \
    X(STYLE_BORDER_FOCUS,  "border.focus",  'B') \
    X(STYLE_TAB,           "tab",           't') \
    X(STYLE_TAB_ACTIVE,    "tab.active",    'A') \
    X(STYLE_HINT,          "hint",          'h') \
    X(STYLE_HINT_KEY,      "hint.key",      'k') \
    X(STYLE_STATUS,        "status",        's') \
    X(STYLE_MESSAGE,       "message",       'm') \
    X(STYLE_ERROR,         "error",         'e') \
    X(STYLE_PROMPT,        "prompt",        'p') \
    X(STYLE_SELECTED,      "selected",      'S') \
    X(STYLE_GOOD,          "good",          '+') \
    X(STYLE_BAD,           "bad",           '-') \
    X(STYLE_PENDING,       "pending",       '?') \
    X(STYLE_STALE,         "stale",         '~') \
    X(STYLE_TARGET,        "target",        '1') \
    X(STYLE_CONTROL,       "control",       '2') \
    X(STYLE_HELDOUT,       "heldout",       '3') \
    X(STYLE_MARK_TRIED,    "mark.tried",    'r') \
    X(STYLE_MARK_ACCEPTED, "mark.accepted", 'a') \
    X(STYLE_DIFF,          "diff",          'd') \
    X(STYLE_CURSOR,        "cursor",        'C')

enum style {
#define X(id, name, letter) id,
    STYLE_TABLE(X)
#undef X
    STYLE_COUNT,
};

/* Heat: numbers as colours.  Levels 0 to HEAT_LEVELS - 1 go from little to much; the
 * DIVERGE_LEVELS from DIVERGE_FIRST on from loss over none (the middle one) to gain; NONE
 * is where nothing is known, and has no colour. */
enum {
    HEAT_LEVELS = 16,
    DIVERGE_FIRST = HEAT_LEVELS,
    DIVERGE_LEVELS = 15,
    HEAT_NONE = DIVERGE_FIRST + DIVERGE_LEVELS,
    HEAT_ALL, /* levels there are */
    STYLE_HEAT = 0x1000,
};

/* A half block '▀' whose upper half has level `top` and lower half
 * `bottom`.  A heat cell drawn with a space shows
 * `bottom` only as background; other block elements (U+2580 to U+259F) have `top`
 * as foreground; any other character is drawn on `bottom` in black or white,
 * whatever can be read. */
static inline style_id style_heat(int top, int bottom)
{
    return (style_id)(STYLE_HEAT + top * HEAT_ALL + bottom);
}

static inline int style_is_heat(style_id style)
{
    return style >= STYLE_HEAT;
}

static inline int style_heat_top(style_id style)
{
    return (style - STYLE_HEAT) / HEAT_ALL;
}

static inline int style_heat_bottom(style_id style)
{
    return (style - STYLE_HEAT) % HEAT_ALL;
}

/* Letter of the style plane of a dump; heat styles are by the level of the
 * upper half: '0'-'9', 'A'-'F'; of those that diverge the 15 lower-case letters that no
 * other style has, from 'c' (loss) over 'o' (none) to 'z' (gain); NONE is '_'. */
char style_letter(style_id style);
const char *style_name(enum style style);

#endif
