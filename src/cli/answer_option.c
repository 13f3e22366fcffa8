/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cli/answer_option.h"

bool answer_option_read(const struct arguments *arguments, struct answer_rule *rule, bool *given,
                        struct err *err)
{
    const char *text = arguments_text(arguments, "mode", NULL);
    *given = text != NULL;
    return !text || answer_rule_parse(text, rule, err) || err_where(err, "--mode");
}

bool answer_option_apply(const struct arguments *arguments, struct probe_set *set,
                         struct err *err)
{
    struct answer_rule rule;
    bool given = false;
    return answer_option_read(arguments, &rule, &given, err) &&
           (!given || probe_set_use_rule(set, &rule, err));
}
