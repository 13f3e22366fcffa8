/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The `qwen2` pre-tokenizer: a text is cut into pieces by a pattern, and no
 * token reaches over a cut.  In order, the first alternative that fits:
 *
 *   English contractions      's 't 're 've 'm 'll 'd
 *   letters                   with at most one other character before them
 *   one digit                 any character of category N
 *   punctuation               with a space before, line ends after it
 *   line ends                 with white space before them
 *   white space               all but the last character if a word follows
 *
 * White space is the Unicode property White_Space, spelled out: PCRE2's \s has
 * U+180E besides, which it has not been since Unicode 6.3.
 *
 * Letters and numbers are those of PCRE2's Unicode version (10.42: 14.0), so a
 * character that is newer than the library counts as punctuation.
 *
 * A long run of one kind is one piece and can be the whole text, so the match
 * and depth limits that protect against bad patterns are taken away: this
 * pattern backtracks linearly in the length of a run, and without recursion (3
 * MB of spaces pass in a JIT stack of 32 KiB and in the interpreter).
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>

#include "engine/token/token_int.h"

#define SPACE "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}" \
              "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

static const char pattern[] = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
                              "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
                              "|\\p{N}"
                              "|\\x{20}?[^" SPACE "\\p{L}\\p{N}]+[\\r\\n]*"
                              "|[" SPACE "]*[\\r\\n]+"
                              "|[" SPACE "]+(?![^" SPACE "])"
                              "|[" SPACE "]+";

enum {
    JIT_STACK_START = 32 << 10,
    JIT_STACK_MAX = 1 << 20,
};

struct splitter {
    pcre2_code *code;
    bool jit;
};

struct cutter {
    const struct splitter *splitter;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack; /* NULL without JIT */
};

static bool pcre2_err(struct err *err, const char *what, int code)
{
    PCRE2_UCHAR text[128] = {0};
    (void)pcre2_get_error_message(code, text, sizeof text);
    bool memory = code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAPLIMIT;
    return err_set(err, memory ? ERR_MEMORY : ERR_UNSUPPORTED, "%s: PCRE2: %s", what,
                   (const char *)text);
}

struct splitter *splitter_new(struct err *err)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    struct splitter *splitter = x_new(1, sizeof *splitter);
    splitter->code = pcre2_compile((PCRE2_SPTR)pattern, sizeof pattern - 1, PCRE2_UTF | PCRE2_UCP,
                                   &code, &offset, NULL);
    if (!splitter->code) {
        (void)pcre2_err(err, "cannot compile the pattern of the tokenizer", code);
        splitter_free(splitter);
        return NULL;
    }
    /* Not every machine has or allows it; matching is only slower without. */
    splitter->jit = pcre2_jit_compile(splitter->code, PCRE2_JIT_COMPLETE) == 0;
    return splitter;
}

void splitter_free(struct splitter *splitter)
{
    if (!splitter)
        return;
    pcre2_code_free(splitter->code);
    free(splitter);
}

struct cutter *cutter_new(const struct splitter *splitter, struct err *err)
{
    struct cutter *cutter = x_new(1, sizeof *cutter);
    cutter->splitter = splitter;
    cutter->match = pcre2_match_data_create_from_pattern(splitter->code, NULL);
    cutter->context = pcre2_match_context_create(NULL);
    if (!cutter->match || !cutter->context) {
        (void)err_set(err, ERR_MEMORY, "no memory to split a text");
        cutter_free(cutter);
        return NULL;
    }
    (void)pcre2_set_match_limit(cutter->context, UINT32_MAX);
    (void)pcre2_set_depth_limit(cutter->context, UINT32_MAX);
    if (splitter->jit)
        cutter->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    if (cutter->stack)
        pcre2_jit_stack_assign(cutter->context, NULL, cutter->stack);
    return cutter;
}

bool cutter_next(struct cutter *cutter, const char *text, size_t len, size_t start, size_t *piece,
                 struct err *err)
{
    /* The text was proven to be UTF-8; checking again at each piece would
     * make the whole quadratic. */
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    const pcre2_code *code = cutter->splitter->code;
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    int found = pcre2_match(code, subject, len, start, options, cutter->match, cutter->context);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code, subject, len, start, options | PCRE2_NO_JIT, cutter->match,
                            cutter->context);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
        return pcre2_err(err, "cannot split the text", found);

    /* Every character starts some alternative, so there is no gap before a
     * match; should there be one, it is a piece of its own [T1]. */
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(cutter->match);
    if (found == PCRE2_ERROR_NOMATCH)
        *piece = len - start;
    else
        *piece = (ends[0] > start ? ends[0] : ends[1]) - start;
    return true;
}

void cutter_free(struct cutter *cutter)
{
    if (!cutter)
        return;
    pcre2_jit_stack_free(cutter->stack);
    pcre2_match_context_free(cutter->context);
    pcre2_match_data_free(cutter->match);
    free(cutter);
}
