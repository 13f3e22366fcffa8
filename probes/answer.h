/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/answer.h - is a generated text the right answer?
 *
 * Six modes, which probes/FORMAT.md states in full.  Texts are any bytes; accepted
 * answers are alternatives, one of which is enough.
 */
#ifndef PROBES_ANSWER_H
#define PROBES_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"
#include "src/base/err.h"

enum answer_mode {
    ANSWER_MATH,       /* the first line begins with the answer, read as a formula */
    ANSWER_EXACT,      /* the text is the answer */
    ANSWER_CONTAINS,   /* the answer is somewhere in the text */
    ANSWER_NUMBER,     /* the last number of the text has the answer's value */
    ANSWER_REGEX,      /* the answer is a pattern that matches somewhere in the text */
    ANSWER_JSON_FIELD, /* the first JSON object of the text has the answer in a field */
    ANSWER_MODE_COUNT,
};

enum { ANSWER_FIELD_SIZE = 128 };

/* {0} is the default: math. */
struct answer_rule {
    enum answer_mode mode;
    char field[ANSWER_FIELD_SIZE]; /* of json_field: keys and indexes with '.' between */
};

/* "math", ..., "json_field" */
const char *answer_mode_name(enum answer_mode mode);

/* As people write it: a mode's name, "json_field:FIELD" for that mode. */
bool answer_rule_parse(const char *text, struct answer_rule *rule, struct err *err);
/* Append it as answer_rule_parse reads it. */
void answer_rule_name(const struct answer_rule *rule, struct buf *out);

/* Can these answers be right at all?  False for a pattern that does not compile
 * (regex) and an answer without exactly one number (number): to be asked before
 * long work. */
bool answer_check(const struct answer_rule *rule, const char *const *accepted, size_t count,
                  struct err *err);

/* Fails where answer_check does, and where a pattern takes more than its limits of
 * time and memory. */
bool answer_judge(const struct answer_rule *rule, const char *generated, size_t generated_len,
                  const char *const *accepted, size_t count, bool *right, struct err *err);

/* The part of a generated text that is what was answered: with number the last number as it
 * is written, else the first line that is not empty, without white space at its ends.
 * Returns its length (0: there is none) and where it starts. */
size_t answer_said(const struct answer_rule *rule, const char *text, size_t len, size_t *start);

/* The math mode alone, which cannot fail. */
bool answer_math(const char *generated, size_t generated_len, const char *const *accepted,
                 size_t accepted_count);

#endif
