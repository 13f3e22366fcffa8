/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The built-in probe sets: the files probes/sets/NAME.json, linked in whole by
 * the assembler (paths are relative to the folder the compiler runs in, the
 * project's root).  They are read by the same parser as everybody's files.
 */
#include <string.h>

#include "probes/probe.h"
#include "probes/probe_int.h"
#include "src/base/num.h"

/* symbol, name */
#define BUILTIN_SETS(set)                          \
    set(math, "math")                              \
    set(code, "code")                              \
    set(knowledge, "knowledge")                    \
    set(calculus_train, "calculus-train")          \
    set(calculus_heldout, "calculus-heldout")      \
    set(nano_train, "nano-train")                  \
    set(nano_heldout, "nano-heldout")

#define EMBED(symbol, name)                                      \
    __asm__(".pushsection .rodata\n"                             \
            "probe_set_" #symbol "_start:\n"                     \
            ".incbin \"probes/sets/" name ".json\"\n"            \
            "probe_set_" #symbol "_end:\n"                       \
            ".popsection\n");                                    \
    extern const char probe_set_##symbol##_start[], probe_set_##symbol##_end[];

BUILTIN_SETS(EMBED)

struct builtin {
    const char *name;
    const char *start;
    const char *end;
};

#define ENTRY(symbol, name) {name, probe_set_##symbol##_start, probe_set_##symbol##_end},
#define NAME(symbol, name) name,

static const struct builtin builtins[] = {BUILTIN_SETS(ENTRY)};
static const char *const names[] = {BUILTIN_SETS(NAME) NULL};

const char *const *probe_set_builtin_names(void)
{
    return names;
}

bool probe_builtin_text(const char *name, const char **text, size_t *len)
{
    for (size_t i = 0; i < countof(builtins); i++)
        if (strcmp(name, builtins[i].name) == 0) {
            *text = builtins[i].start;
            *len = (size_t)(builtins[i].end - builtins[i].start);
            return true;
        }
    return false;
}
