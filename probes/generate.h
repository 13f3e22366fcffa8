/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/generate.h - greedy answers to many prompts at once.
 */
#ifndef PROBES_GENERATE_H
#define PROBES_GENERATE_H

#include "engine/engine.h"

/* Called now and then from the calling thread; may be NULL. */
struct work_progress {
    void (*report)(void *user, size_t done, size_t total);
    void *user;
};

struct generation {
    struct ids ids;  /* without the end token */
    struct buf text; /* bytes of ids */
};

struct generate_request {
    const struct ids *prompt; /* at least one token */
    size_t tokens_max;        /* stop after so many */
    bool stop_at_newline;     /* stop after the first token that contains one */
    const char *stop;         /* stop after the first token with which the text contains
                               * this; NULL: nothing */
};

/* out: [count], zeroed by the caller, owned by the caller (generation_free). */
bool generate_greedy(struct model *model, const struct generate_request *requests, size_t count,
                     int threads, struct generation *out, const struct work_progress *progress,
                     cancel_flag *cancel, struct err *err);

void generation_free(struct generation *generation);

#endif
