/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of keys.  Its order is that of the hint bar and of help: what a
 * person needs first stands first.  Lower case is safe, upper case is bigger or
 * lasts; `u` takes back what `y` and `F` did.
 */
#include "ui/command.h"

const struct key_binding ui_bindings[] = {
    {"?", IN_ALL, "help", "help"},
    {"<Enter>", IN_MAP, "enter", "zoom"},
    {"<Enter>", IN_SEARCH, "enter", "to the map"},
    {"<Enter>", IN_PROBES, "enter", "detail"},
    {"<Enter>", IN_COMPARE, "enter", NULL},
    {"<BS>", IN_ALL, "back", "zoom out"},
    {"i", IN_COMPARE, "prompt gen", "type a text"},
    {"s", IN_ALL, "step", "step"},
    {"c", IN_ALL, "run", "run"},
    {"p", IN_ALL, "pause", "pause"},
    {"f", IN_MAP | IN_SEARCH, "try", "try"},
    {"y", IN_ALL, "accept", "accept"},
    {"n", IN_ALL, "reject", "reject"},
    {"u", IN_ALL, "undo", "undo"},
    {"<Tab>", IN_ALL, "focus next", "view"},
    {"q", IN_ALL, "close", "quit"},
    {"]", IN_PROBES, "tab next", "set"},
    {"o", IN_PROBES, "sort", "sort"},
    {"d", IN_PROBES, "detail", "measure"},
    {"i", IN_PROBES, "ids", "token ids"},
    {"R", IN_ALL, "answers", "answers"},
    {"F", IN_MAP | IN_SEARCH, "keep", "keep"},
    {":", IN_ALL, "prompt", "command"},
    {"Z", IN_ALL, "maximise", "full size"},
    {"H", IN_ALL, "heldout", "held-out"},
    {"S", IN_ALL, "prompt step", "steps"},
    {"t", IN_ALL, "theme", "colours"},
    {"B", IN_ALL, "patches", "patches"},

    /* around the screen */
    {"<Esc>", IN_ALL, "back", NULL},
    {"[", IN_PROBES, "tab previous", NULL},
    {"O", IN_PROBES, "sort reverse", NULL},
    {"{", IN_MAP, "layer previous", NULL},
    {"}", IN_MAP, "layer next", NULL},
    {"(", IN_MAP, "proj previous", NULL},
    {")", IN_MAP, "proj next", NULL},
    {"<S-Tab>", IN_ALL, "focus previous", NULL},
    {"1", IN_ALL, "view map", NULL},
    {"2", IN_ALL, "view search", NULL},
    {"3", IN_ALL, "view probes", NULL},
    {"4", IN_ALL, "view compare", NULL},
    {"Q", IN_ALL, "quit", NULL},
    {"<F1>", IN_ALL, "help", NULL},

    /* motions */
    {"k", IN_ALL, "move up", NULL},
    {"<Up>", IN_ALL, "move up", NULL},
    {"j", IN_ALL, "move down", NULL},
    {"<Down>", IN_ALL, "move down", NULL},
    {"h", IN_ALL, "move left", NULL},
    {"<Left>", IN_ALL, "move left", NULL},
    {"l", IN_ALL, "move right", NULL},
    {"<Right>", IN_ALL, "move right", NULL},
    {"<C-u>", IN_ALL, "move half-up", NULL},
    {"<C-d>", IN_ALL, "move half-down", NULL},
    {"<PgUp>", IN_ALL, "move page-up", NULL},
    {"<C-b>", IN_ALL, "move page-up", NULL},
    {"<PgDn>", IN_ALL, "move page-down", NULL},
    {"<C-f>", IN_ALL, "move page-down", NULL},
    {"g", IN_ALL, "move first", NULL},
    {"G", IN_ALL, "move last", NULL},
    {"0", IN_ALL, "move line-start", NULL},
    {"<Home>", IN_ALL, "move line-start", NULL},
    {"$", IN_ALL, "move line-end", NULL},
    {"<End>", IN_ALL, "move line-end", NULL},

    /* the program */
    {"<C-c>", IN_ALL, "cancel", NULL},
    {"<C-^>", IN_ALL, "patch previous", NULL},
    {"<C-l>", IN_ALL, "redraw", NULL},
    {"<C-r>", IN_ALL, "redo", NULL},
    {"<C-z>", IN_ALL, "suspend", NULL},
    {NULL, 0, NULL, NULL},
};
