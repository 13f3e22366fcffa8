/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/task.h - question and answer items, one JSON object a line, as probes.
 *
 * Format and options: probes/FORMAT.md, "Tasks".
 */
#ifndef PROBES_TASK_H
#define PROBES_TASK_H

#include "probes/pattern.h"
#include "probes/probe.h"
#include "src/base/sha256.h"

/* Texts are borrowed for the call of task_read. */
struct task_options {
    const char *template;       /* with {FIELD} in it; NULL: {question} */
    const char *question;       /* field of an item; NULL: question */
    const char *answer;         /* field of an item; NULL: answer */
    const char *answer_extract; /* pattern; NULL: what follows the last #### if there is one */
    const char *extract;        /* pattern for what the model says; NULL: all of it */
    const char *stop;           /* what the model says ends before this; NULL: nothing */
    struct answer_rule rule;
    size_t limit;               /* first so many items; 0: all */
};

struct task {
    struct probe_set *set;   /* prompt: the filled template; correct, alternates: what was
                              * extracted, with a space before it if the template ends
                              * without white space */
    struct pattern *extract; /* or NULL */
    char *stop;              /* or NULL */
    char sha256[SHA256_TEXT_SIZE]; /* of the whole file */
};

/* "-" is standard input. */
struct task *task_read(const char *path, const struct task_options *options, struct err *err);
struct task *task_parse(const char *text, size_t len, const char *name,
                        const struct task_options *options, struct err *err);
void task_free(struct task *task);

struct task_said { /* part of a generated text */
    size_t start;
    size_t len;
    bool found; /* false: the pattern is not in the text */
    bool right; /* never, where it was not found */
};

/* Cut the text at the stop, extract, and judge what is left.  Fails as answer_judge. */
bool task_judge(const struct task *task, size_t item, const char *text, size_t len,
                struct task_said *out, struct err *err);

#endif
