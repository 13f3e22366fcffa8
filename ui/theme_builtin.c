/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The built-in themes: the files themes/NAME.theme, linked in whole by the
 * assembler (paths are relative to the folder the compiler runs in, the project's
 * root).  They are read by the same parser as everybody's files.
 */
#include <string.h>

#include "src/base/num.h"
#include "ui/theme_int.h"

#define THEMES(theme) theme(dark) theme(light)

#define EMBED(name)                                   \
    __asm__(".pushsection .rodata\n"                  \
            "theme_" #name "_start:\n"                \
            ".incbin \"themes/" #name ".theme\"\n"    \
            "theme_" #name "_end:\n"                  \
            ".popsection\n");                         \
    extern const char theme_##name##_start[], theme_##name##_end[];

THEMES(EMBED)

#define ENTRY(name) {#name, theme_##name##_start, theme_##name##_end},

static const struct {
    const char *name;
    const char *start;
    const char *end;
} builtins[] = {THEMES(ENTRY)};

const char *theme_builtin_text(const char *name, size_t *len)
{
    for (size_t i = 0; i < countof(builtins); i++)
        if (strcmp(name, builtins[i].name) == 0) {
            *len = (size_t)(builtins[i].end - builtins[i].start);
            return builtins[i].start;
        }
    return NULL;
}
