/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cli/metric_option.h"

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

static const char *note_of(enum metric metric, enum metric control)
{
    return metric_note(metric) ? metric_note(metric) : metric_note(control);
}

void metrics_text(struct buf *out, enum metric metric, enum metric control)
{
    const char *note = note_of(metric, control);
    buf_add_text(out, metric_name(metric));
    if (control != metric)
        buf_add_format(out, ", of controls %s", metric_name(control));
    buf_add_text(out, "\n");
    if (note)
        buf_add_format(out, "%s is %s\n", metric_name(metric_note(metric) ? metric : control),
                       note);
}

void metrics_json(json_t *object, enum metric metric, enum metric control)
{
    const char *note = note_of(metric, control);
    (void)json_object_set_new(object, "metric", json_string(metric_name(metric)));
    (void)json_object_set_new(object, "control_metric", json_string(metric_name(control)));
    if (note)
        (void)json_object_set_new(object, "metric_note", json_string(note));
}
