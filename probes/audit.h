/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/audit.h - what is wrong with probes before anything is measured with them.
 *
 * The first results of flip searches had to be taken back because probes did not measure
 * what they seemed to.  An audit looks at each probe as its metric will, asks the model
 * once, and tells what it found.  The rules are stated in probes/FORMAT.md.
 *
 *     struct audit *audit = audit_run(model, &set, &options, NULL, cancel, &err);
 *     for (size_t i = 0; i < audit->count; i++)
 *         ... audit->findings[i].probe, audit_code_name(audit->findings[i].code) ...
 *     audit_free(audit);
 *
 * [A1] findings are in the order of their probes, and of a probe in that of enum
 *      audit_code; no two have the same probe and code.
 * [A2] the model is used as it is, and not changed; the same findings for every number
 *      of threads.
 */
#ifndef PROBES_AUDIT_H
#define PROBES_AUDIT_H

#include "probes/evaluate.h"

enum audit_code {
    AUDIT_DEAD_PAIR,         /* both answers have the same score whatever the model is */
    AUDIT_NO_DISTRACTOR,     /* no wrong answer, and the metric needs one */
    AUDIT_UNANSWERABLE,      /* its right answer is not right by its own rule */
    AUDIT_WRONG_COUNTS_RIGHT, /* its wrong answer is right by its rule */
    AUDIT_LONG_ANSWER,       /* longer than what is generated */
    AUDIT_SEVERAL_TOKENS,    /* an answer of several tokens, the metric looks at one */
    AUDIT_BARE_SPACE,        /* the answer's first token is a lone space */
    AUDIT_MERGED,            /* prompt and answer share a token */
    AUDIT_WEAK_DISTRACTOR,   /* the model prefers others to the wrong answer */
    AUDIT_ALREADY_RIGHT,     /* a target that needs no fixing */
    AUDIT_CONTROL_WRONG,     /* a control that cannot break */
    AUDIT_DUPLICATE,         /* asks what a probe before it asks */
    AUDIT_NEAR_DUPLICATE,    /* nearly so, with the same answer */
    AUDIT_SAME_CONTRAST,     /* one contrast goes through the category */
    AUDIT_TRAILING_SPACE,    /* white space at the end of a prompt or answer matters */
    AUDIT_CODE_COUNT,
};

enum audit_severity {
    AUDIT_NOTE,    /* to know */
    AUDIT_WARNING, /* it measures something else than it seems to */
    AUDIT_FATAL,   /* it measures nothing */
    AUDIT_SEVERITY_COUNT,
};

/* "dead_pair", ... and "note", "warning", "fatal" */
const char *audit_code_name(enum audit_code code);
const char *audit_severity_name(enum audit_severity severity);

struct audit_finding {
    enum audit_code code;
    enum audit_severity severity;
    size_t probe; /* index in the set */
    char *why;    /* one line; quotes texts of the set and of the model as they are */
};

struct audit {
    struct audit_finding *findings;
    size_t count;
    size_t by_severity[AUDIT_SEVERITY_COUNT];
    struct evaluation *baseline; /* answers of targets and controls, without gaps */
};

/* The set is targets, then controls, then held-out probes, which the model is not asked. */
struct audit_options {
    size_t target_count;
    size_t control_count;
    enum metric metric;         /* of targets and held-out probes */
    enum metric control_metric; /* may be METRIC_SAME */
    size_t tokens_max; /* of a generated answer; 0: as evaluate generates, never too few */
    int threads;
};

/* NULL on failure.  progress (may be NULL) goes through all stages as one work. */
struct audit *audit_run(struct model *model, const struct probe_set *set,
                        const struct audit_options *options,
                        const struct work_progress *progress, cancel_flag *cancel,
                        struct err *err);
void audit_free(struct audit *audit);

#endif
