/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The stages of an audit, and the list of what they find.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/audit_int.h"
#include "src/base/num.h"

static const char *const code_names[AUDIT_CODE_COUNT] = {
    [AUDIT_DEAD_PAIR] = "dead_pair",
    [AUDIT_NO_DISTRACTOR] = "no_distractor",
    [AUDIT_UNANSWERABLE] = "unanswerable",
    [AUDIT_WRONG_COUNTS_RIGHT] = "wrong_counts_right",
    [AUDIT_LONG_ANSWER] = "long_answer",
    [AUDIT_SEVERAL_TOKENS] = "several_tokens",
    [AUDIT_BARE_SPACE] = "bare_space",
    [AUDIT_MERGED] = "merged",
    [AUDIT_WEAK_DISTRACTOR] = "weak_distractor",
    [AUDIT_ALREADY_RIGHT] = "already_right",
    [AUDIT_CONTROL_WRONG] = "control_wrong",
    [AUDIT_DUPLICATE] = "duplicate",
    [AUDIT_NEAR_DUPLICATE] = "near_duplicate",
    [AUDIT_SAME_CONTRAST] = "same_contrast",
    [AUDIT_TRAILING_SPACE] = "trailing_space",
};

static const char *const severity_names[AUDIT_SEVERITY_COUNT] = {"note", "warning", "fatal"};

const char *audit_code_name(enum audit_code code)
{
    BUG_ON(code >= AUDIT_CODE_COUNT);
    return code_names[code];
}

const char *audit_severity_name(enum audit_severity severity)
{
    BUG_ON(severity >= AUDIT_SEVERITY_COUNT);
    return severity_names[severity];
}

/* ---- findings ------------------------------------------------------------------ */

void audit_find(struct auditor *auditor, size_t probe, enum audit_code code,
                enum audit_severity severity, struct buf *why)
{
    struct audit *audit = auditor->audit;
    audit->findings = x_grow(audit->findings, audit->count + 1, sizeof *audit->findings);
    audit->findings[audit->count++] = (struct audit_finding){code, severity, probe, why->data};
    audit->by_severity[severity]++;
    *why = (struct buf){0};
}

void audit_say(struct auditor *auditor, size_t probe, enum audit_code code,
               enum audit_severity severity, const char *format, ...)
{
    char line[512];
    struct buf why = {0};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buf_add_text(&why, line);
    audit_find(auditor, probe, code, severity, &why);
}

void audit_add_token(const struct auditor *auditor, int32_t id, struct buf *out)
{
    const struct tokenizer *tokenizer = model_tokenizer(auditor->model);
    if (id == AUDIT_END || token_is_end(tokenizer, id)) {
        buf_add_text(out, "the end");
        return;
    }
    buf_add_text(out, "\"");
    token_decode(tokenizer, id, out);
    buf_add_text(out, "\"");
}

static int compare_findings(const void *a, const void *b)
{
    const struct audit_finding *left = a, *right = b;
    if (left->probe != right->probe)
        return left->probe < right->probe ? -1 : 1;
    return (int)left->code - (int)right->code; /* [A1] */
}

/* ---- stages -------------------------------------------------------------------- */

bool audit_step(struct auditor *auditor, size_t n, struct err *err)
{
    auditor->done += n;
    if (auditor->progress && n > 0)
        auditor->progress->report(auditor->progress->user, auditor->done, auditor->total);
    if (auditor->cancel && atomic_load(auditor->cancel))
        return err_set(err, ERR_CANCELLED, "interrupted");
    return true;
}

static bool look_at_each(struct auditor *auditor, struct err *err)
{
    for (size_t i = 0; i < auditor->set->count; i++) {
        audit_tokens(auditor, i);
        if (!audit_rule(auditor, i, err))
            return false;
    }
    return true;
}

static bool all_stages(struct auditor *auditor, struct err *err)
{
    bool ok = audit_encode(auditor, err) && look_at_each(auditor, err) &&
              audit_duplicates(auditor, err) && audit_competitors(auditor, err) &&
              audit_baseline(auditor, err) && audit_spaces(auditor, err);
    if (!ok)
        return false;
    audit_contrasts(auditor);
    if (auditor->audit->count > 0) /* else there is no array */
        qsort(auditor->audit->findings, auditor->audit->count, sizeof *auditor->audit->findings,
              compare_findings);
    return true;
}

static void free_probes(struct auditor *auditor)
{
    for (size_t i = 0; i < auditor->set->count; i++) {
        ids_free(&auditor->probes[i].prompt);
        ids_free(&auditor->probes[i].side[0]);
        ids_free(&auditor->probes[i].side[1]);
    }
    free(auditor->probes);
}

struct audit *audit_run(struct model *model, const struct probe_set *set,
                        const struct audit_options *options,
                        const struct work_progress *progress, cancel_flag *cancel,
                        struct err *err)
{
    size_t asked = options->target_count + options->control_count;
    BUG_ON(asked > set->count || options->metric >= METRIC_COUNT);
    struct auditor auditor = {
        .model = model,
        .set = set,
        .options = *options,
        .probes = x_new(set->count, sizeof *auditor.probes),
        .audit = x_new(1, sizeof *auditor.audit),
        .cancel = cancel,
        .progress = progress,
        .total = 3 * set->count + asked, /* tokens, duplicates, competitors; answers */
    };
    bool ok = all_stages(&auditor, err);
    free_probes(&auditor);
    if (ok)
        return auditor.audit;
    audit_free(auditor.audit);
    return NULL;
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    for (size_t i = 0; i < audit->count; i++)
        free(audit->findings[i].why);
    free(audit->findings);
    evaluation_free(audit->baseline);
    free(audit);
}
