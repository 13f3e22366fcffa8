/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/cli/metric_option.h"

#include <string.h>

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

static enum metric control_of(const struct goal *goal)
{
    return goal->control_metric == METRIC_SAME ? goal->metric : goal->control_metric;
}

/* Do two metrics say it all? */
static bool is_plain(const struct goal *goal)
{
    struct buf controls = {0};
    goal_controls_text(goal, &controls);
    bool mixed = goal_is_mix(goal) || (controls.len > 0 && strchr(controls.data, ':'));
    buf_free(&controls);
    return !mixed;
}

void goals_text(struct buf *out, const struct goal *goal)
{
    if (is_plain(goal)) {
        metrics_text(out, goal->metric, control_of(goal));
        return;
    }
    goal_text(goal, out);
    if (goal->aims.weight[AIM_GAP] > 0 || !goal_is_mix(goal))
        buf_add_format(out, " of %s", metric_name(goal->metric));
    size_t before = out->len;
    buf_add_text(out, ", of controls ");
    size_t begin = out->len;
    goal_controls_text(goal, out);
    if (out->len == begin) /* as the targets */
        out->len = before;
    buf_add_text(out, "\n");
}

void goals_json(json_t *object, const struct goal *goal)
{
    struct buf text = {0};
    metrics_json(object, goal->metric, control_of(goal));
    goal_text(goal, &text);
    (void)json_object_set_new(object, "objective", json_string(text.data));
    text.len = 0;
    goal_controls_text(goal, &text);
    if (text.len > 0)
        (void)json_object_set_new(object, "control_metric", json_string(text.data));
    else if (goal_is_mix(goal)) /* judged by it, too */
        (void)json_object_set_new(object, "control_metric", json_null());
    buf_free(&text);
}
