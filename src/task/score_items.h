/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/task/score_items.h - stored generations to be judged again, from wherever they are:
 *
 *   - an array of {name, generated, accepted: [...]}, perhaps with a mode
 *   - what `eval --json` has printed: the answers with the patches, or before them
 *   - a session: the answers at its head, or those of the model as it was
 */
#ifndef SRC_TASK_SCORE_ITEMS_H
#define SRC_TASK_SCORE_ITEMS_H

#include "probes/answer.h"

struct score_item {
    char *name;
    struct buf generated; /* any bytes */
    char **accepted;
    size_t accepted_count;
    struct answer_rule rule;
    bool correct;
};

struct score_items {
    struct score_item *list;
    size_t count;
};

/* before: the answers without patch or flips.  rule, unless it is NULL, goes before what
 * the file says.  "-" is standard input.  score_items_free is due in any case. */
bool score_items_read(struct score_items *items, const char *path, bool before,
                      const struct answer_rule *rule, struct err *err);
/* Fill in what is correct; a failure names the item. */
bool score_items_judge(struct score_items *items, struct err *err);
void score_items_free(struct score_items *items);

#endif
