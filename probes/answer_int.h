/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/answer_int.h - the modes of probes/answer.h, one by one.
 */
#ifndef PROBES_ANSWER_INT_H
#define PROBES_ANSWER_INT_H

#include <stdint.h>

#include "probes/answer.h"

struct slice { /* of a text; not terminated */
    const char *data;
    size_t len;
};

/* Without white space (every character of that Unicode property) at both ends. */
struct slice answer_trim(const char *text, size_t len);

/* Unicode property White_Space (PropList.txt). */
bool answer_is_space(uint32_t point);
/* Letters of the scripts that answers are likely to go on in. */
bool answer_is_letter(uint32_t point);

/* ---- numbers (answer_number.c) -------------------------------------------- */

/* +-0.DIGITS times 10 to the power; zero has no digits. */
struct number {
    struct buf digits; /* the first and the last are no zero */
    long power;
    bool negative;
    size_t start, len; /* in the text, sign and currency included */
};

/* The last number of the text, if there is one; *found is how many there are (0, 1, 2
 * for more).  The caller frees digits. */
size_t number_last(const char *text, size_t len, struct number *out);
bool number_equal(const struct number *a, const struct number *b);

bool answer_number(const char *generated, size_t len, const char *accepted);
bool answer_number_check(const char *accepted, struct err *err);

/* ---- JSON (answer_json.c) ---------------------------------------------------- */

bool answer_json_field(const char *generated, size_t len, const char *field, const char *accepted);

#endif
