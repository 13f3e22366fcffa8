/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/audit_int.h - what the files of an audit share.
 */
#ifndef PROBES_AUDIT_INT_H
#define PROBES_AUDIT_INT_H

#include "probes/audit.h"

enum { AUDIT_END = -1 }; /* in place of a token: the answer ends here */

/* One probe as its metric sees it. */
struct audited {
    struct ids prompt;
    struct ids side[2]; /* right, wrong (empty if there is none) */
    bool merged[2];
    enum metric metric;
    bool has_contrast; /* the metric compares two different tokens: */
    size_t common;     /* tokens of the answers before them */
    int32_t contrast[2];
};

struct auditor {
    struct model *model;
    const struct probe_set *set;
    struct audit_options options;
    struct audited *probes; /* [set->count] */
    struct audit *audit;
    cancel_flag *cancel;
    const struct work_progress *progress; /* or NULL */
    size_t done, total;                   /* of all stages */
};

/* Takes over the text of why. */
void audit_find(struct auditor *auditor, size_t probe, enum audit_code code,
                enum audit_severity severity, struct buf *why);
/* printf into a finding. */
void audit_say(struct auditor *auditor, size_t probe, enum audit_code code,
               enum audit_severity severity, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Append a token's text in quotation marks, or that the answer ends. */
void audit_add_token(const struct auditor *auditor, int32_t id, struct buf *out);

/* n more are done; false if it was cancelled. */
bool audit_step(struct auditor *auditor, size_t n, struct err *err);

/* probes/audit_tokens.c: what the tokens tell. */
bool audit_encode(struct auditor *auditor, struct err *err);
void audit_tokens(struct auditor *auditor, size_t probe);
/* Without white space at the end; NULL if there is none there or nothing else. */
char *audit_trimmed(const char *text);

/* probes/audit_rule.c: what its rule says of its own answers. */
bool audit_rule(struct auditor *auditor, size_t probe, struct err *err);

/* probes/audit_model.c: what the model says. */
bool audit_competitors(struct auditor *auditor, struct err *err);
bool audit_baseline(struct auditor *auditor, struct err *err);
bool audit_spaces(struct auditor *auditor, struct err *err);

/* probes/audit_texts.c: what probes have in common. */
bool audit_duplicates(struct auditor *auditor, struct err *err);
void audit_contrasts(struct auditor *auditor);

#endif
