/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a mode, an accepted answer and a generated text, each but the last
 * ended by a line feed: a verdict or an error, never both, and rules that hold for
 * every text.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/answer.h"
#include "src/base/buf.h"
#include "tests/fuzz/fuzz.h"

static char *take_line(const char *text, size_t len, size_t *at)
{
    const char *end = *at < len ? memchr(text + *at, '\n', len - *at) : NULL;
    size_t size = end ? (size_t)(end - text) - *at : len - *at;
    char *line = x_copy(text + *at, size);
    *at += size + (end != NULL);
    return line;
}

static bool judged(enum answer_mode mode, const char *text, size_t len, const char *accepted)
{
    const struct answer_rule rule = {.mode = mode};
    struct err err = {0};
    bool right = false;
    return answer_judge(&rule, text, len, &accepted, 1, &right, &err) && right;
}

/* What is exactly the answer contains it; a number that was said is its own value. */
static void check_rules(const char *text, size_t len, const char *accepted)
{
    bool exact = judged(ANSWER_EXACT, text, len, accepted);
    BUG_ON(exact && !judged(ANSWER_CONTAINS, text, len, accepted));
    const struct answer_rule number = {.mode = ANSWER_NUMBER};
    size_t start = 0, said = answer_said(&number, text, len, &start);
    BUG_ON(start > len || said > len - start);
    if (said > 0) {
        char *copy = x_copy(text + start, said);
        BUG_ON(!judged(ANSWER_NUMBER, text, len, copy));
        free(copy);
    }
    const struct answer_rule math = {0};
    said = answer_said(&math, text, len, &start);
    BUG_ON(start > len || said > len - start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t at = 0;
    char *mode = take_line(text, size, &at), *accepted = take_line(text, size, &at);
    struct answer_rule rule;
    struct err err = {0};
    bool right = true;
    if (answer_rule_parse(mode, &rule, &err)) {
        struct buf name = {0};
        answer_rule_name(&rule, &name);
        BUG_ON(strcmp(name.data, mode) != 0);
        buf_free(&name);
        const char *const list = accepted;
        bool ok = answer_judge(&rule, text + at, size - at, &list, 1, &right, &err);
        BUG_ON(ok != (err.code == ERR_NONE));
        BUG_ON(!ok && right);
    }
    check_rules(text + at, size - at, accepted);
    free(mode);
    free(accepted);
    return 0;
}
