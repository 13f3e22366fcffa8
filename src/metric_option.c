/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/metric_option.h"

bool metric_option_read(const struct arguments *arguments, const char *name,
                        enum metric fallback, bool for_controls, enum metric *metric,
                        struct err *err)
{
    const char *given = arguments_text(arguments, name, NULL);
    *metric = fallback;
    if (!given)
        return true;
    if (!metric_parse(given, metric))
        return err_set(err, ERR_USAGE, "--%s: '%s' is unknown, expected %s", name, given,
                       metric_choices(for_controls));
    if (*metric == METRIC_KL && !for_controls)
        return err_set(err, ERR_USAGE, "--%s: kl has no right answer to measure, expected %s",
                       name, metric_choices(false));
    return true;
}
