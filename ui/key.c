/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/key.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/text.h"

static const struct {
    const char *name;
    key_code key;
} names[] = {
    {"<Enter>", KEY_CODE_ENTER},
    {"<Esc>", KEY_CODE_ESC},
    {"<Tab>", KEY_CODE_TAB},
    {"<S-Tab>", KEY_CODE_SHIFT_TAB},
    {"<Space>", ' '},
    {"<BS>", KEY_CODE_BACKSPACE},
    {"<Up>", KEY_CODE_UP},
    {"<Down>", KEY_CODE_DOWN},
    {"<Left>", KEY_CODE_LEFT},
    {"<Right>", KEY_CODE_RIGHT},
    {"<Home>", KEY_CODE_HOME},
    {"<End>", KEY_CODE_END},
    {"<PgUp>", KEY_CODE_PAGE_UP},
    {"<PgDn>", KEY_CODE_PAGE_DOWN},
    {"<F1>", KEY_CODE_F1},
    {"<Resize>", KEY_CODE_RESIZE},
};

/* "<C-x>", x from a to z or ^; <C-i> is Tab and <C-m> is Enter, as terminals have it. */
static bool parse_control(const char *text, key_code *key)
{
    bool letter = strncmp(text, "<C-", 3) == 0 && text[3] >= 'a' && text[3] <= 'z';
    bool caret = strncmp(text, "<C-^", 4) == 0;
    if ((!letter && !caret) || text[4] != '>')
        return false;
    *key = (key_code)(caret ? '^' & 31 : text[3] - 'a' + 1);
    return true;
}

size_t key_parse(const char *text, key_code *key)
{
    for (size_t i = 0; i < countof(names); i++) {
        size_t len = strlen(names[i].name);
        if (strncmp(text, names[i].name, len) == 0) {
            *key = names[i].key;
            return len;
        }
    }
    if (parse_control(text, key))
        return strlen("<C-x>");
    uint32_t point = 0;
    size_t len = text_decode(text, strlen(text), &point);
    if (len > 0)
        *key = point;
    return len;
}

void key_add_name(key_code key, struct buf *out)
{
    for (size_t i = 0; i < countof(names); i++)
        if (names[i].key == key) {
            buf_add_text(out, names[i].name);
            return;
        }
    if (key >= 1 && key <= 26)
        buf_add_format(out, "<C-%c>", (int)('a' + key - 1));
    else if (key == ('^' & 31))
        buf_add_text(out, "<C-^>");
    else if (key < KEY_CODE_BASE)
        text_add_point(out, key);
    else
        buf_add_text(out, "<?>");
}

void key_bytes(key_code key, struct buf *out)
{
    static const char *const sequences[] = {
        "\033[A", "\033[B", "\033[D", "\033[C", "\033[H",
        "\033[F", "\033[5~", "\033[6~", "\033[Z", "\033OP",
    };
    if (key < KEY_CODE_BASE)
        text_add_point(out, key);
    else if (key - KEY_CODE_BASE < countof(sequences))
        buf_add_text(out, sequences[key - KEY_CODE_BASE]);
}
