/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/table.h - what an experiment found: tables with the published numbers
 * beside ours, what is like and unlike the published result, and notes.
 *
 * One account is printed as text and as JSON, so that both say the same.
 */
#ifndef SRC_EXPERIMENT_TABLE_H
#define SRC_EXPERIMENT_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/base/buf.h"

enum side { SIDE_NONE, SIDE_OURS, SIDE_PUBLISHED };

/* Texts are left-aligned, numbers right-aligned. */
struct column {
    const char *key;   /* of the value in a row, and its name in JSON */
    const char *title;
    enum side side;    /* named above the columns */
    const char *format; /* printf of one double; NULL: a text, or an integer */
};

struct account;

struct account *account_new(void);

/* Begin a table; columns are kept, not copied: static ones.  name is for programs,
 * title is the line above. */
void account_table(struct account *account, const char *name, const char *title,
                   const struct column *columns, size_t count);

/* A row of the last table: an object, taken over.  Keys without a column are in the JSON
 * only; null and missing values are printed as "-". */
void account_row(struct account *account, json_t *row);

enum verdict_of_claim { CLAIM_UNLIKE, CLAIM_LIKE, CLAIM_OPEN };

/* What was published, what we measured, and what the rule, which is stated, says of the
 * two.  CLAIM_OPEN: cannot be compared here. */
struct claim {
    enum verdict_of_claim verdict;
    const char *what;
    const char *rule;
};
void account_claim(struct account *account, struct claim claim, const char *published,
                   const char *ours, ...) __attribute__((format(printf, 4, 5)));
static inline enum verdict_of_claim claim_if(bool like)
{
    return like ? CLAIM_LIKE : CLAIM_UNLIKE;
}

void account_note(struct account *account, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Append all of it: tables, "like and unlike", notes. */
void account_print(const struct account *account, struct buf *out);
/* Add "tables", "claims" and "notes" to the object. */
void account_json(const struct account *account, json_t *object);

void account_free(struct account *account);

#endif
