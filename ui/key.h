/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ui/key.h - keys, and their names in keymaps, help and scripts.
 *
 * A key is a Unicode code point, or one of the codes below.  Names: the
 * character itself, or <Enter> <Esc> <Tab> <S-Tab> <Space> <BS> <Up> <Down>
 * <Left> <Right> <Home> <End> <PgUp> <PgDn> <F1> <C-l> ... (<C-x> is control).
 */
#ifndef UI_KEY_H
#define UI_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"

typedef uint32_t key_code;

enum {
    KEY_CODE_NONE = 0,
    KEY_CODE_ENTER = 13,
    KEY_CODE_ESC = 27,
    KEY_CODE_TAB = 9,
    KEY_CODE_BACKSPACE = 127,
    KEY_CODE_BASE = 0x200000, /* above all code points */
    KEY_CODE_UP = KEY_CODE_BASE,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_SHIFT_TAB,
    KEY_CODE_F1,
    KEY_CODE_RESIZE, /* the terminal has another size */
};

/* Control keys are 1 .. 26 (<C-a> is 1) but for Tab and Enter. */

/* Read one key's name at text; returns the bytes used, 0 if there is none. */
size_t key_parse(const char *text, key_code *key);
void key_add_name(key_code key, struct buf *out); /* ncurses has a key_name */

/* The bytes a terminal sends for it, for prompts. */
void key_bytes(key_code key, struct buf *out);

#endif
