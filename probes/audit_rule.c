/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A probe's rule (probes/answer.h) applied to its own answers.
 */
#include <string.h>

#include "probes/audit_int.h"

/* Are accepted answers texts, so that a text can be one? */
static bool takes_texts(enum answer_mode mode)
{
    return mode != ANSWER_REGEX && mode != ANSWER_JSON_FIELD;
}

bool audit_rule(struct auditor *auditor, size_t i, struct err *err)
{
    const struct probe *probe = &auditor->set->probes[i];
    struct buf rule = {0};
    bool right = true, wrong = false;
    if (takes_texts(probe->rule.mode) &&
        !probe_judge(probe, probe->correct, strlen(probe->correct), &right, err))
        return false;
    if (probe->wrong[0] != '\0' &&
        !probe_judge(probe, probe->wrong, strlen(probe->wrong), &wrong, err))
        return false;
    answer_rule_name(&probe->rule, &rule);
    if (!right)
        audit_say(auditor, i, AUDIT_UNANSWERABLE, AUDIT_FATAL,
                  "its own right answer \"%.100s\" is not right by the rule %s", probe->correct,
                  rule.data);
    if (wrong)
        audit_say(auditor, i, AUDIT_WRONG_COUNTS_RIGHT, AUDIT_FATAL,
                  "its wrong answer \"%.100s\" is right by the rule %s", probe->wrong, rule.data);
    buf_free(&rule);
    return true;
}
