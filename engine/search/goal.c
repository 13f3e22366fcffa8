/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/goal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

static const double weight_max = 1e6;

/* ---- names ---------------------------------------------------------------------------- */

static const struct {
    const char *name, *help;
} aim_table[AIM_COUNT] = {
    [AIM_GAP] = {"gap", "the gap by --metric, as first published"},
    [AIM_MARGIN] = {"margin", "soft margin of greedy decoding, up to 1.5: won is won"},
    [AIM_FOCAL] = {"focal", "the margin where it is not yet won counts most"},
    [AIM_LOGPROB] = {"logprob", "log-probability of the whole right answer"},
    [AIM_MIN] = {"min", "the smallest gain instead of the mean; in a mix: also"},
};

const char *aim_name(enum aim aim)
{
    return aim_table[aim].name;
}

const char *aim_help(enum aim aim)
{
    return aim_table[aim].help;
}

static const char *aim_at(int i)
{
    return aim_table[i].name;
}

static const char *metric_at(int i)
{
    return metric_name((enum metric)i);
}

/* ---- weights by name: to text and back ------------------------------------------------ */

/* The shortest digits that say it. */
static void add_number(struct buf *out, double value)
{
    char text[32];
    double back = 0;
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (num_parse_double(text, &back) && !(back < value) && !(back > value))
            break;
    }
    buf_add_text(out, text);
}

static void add_weights(struct buf *out, const char *(*name_at)(int), const double *weights,
                        int count)
{
    size_t begin = out->len;
    for (int i = 0; i < count; i++)
        if (weights[i] > 0) {
            buf_add_format(out, "%s%s:", out->len > begin ? "," : "", name_at(i));
            add_number(out, weights[i]);
        }
}

/* "name" or "name:weight", len bytes. */
static bool parse_item(const char *item, size_t len, const char *(*name_at)(int),
                       double *weights, int count)
{
    char number[32] = "1";
    const char *colon = memchr(item, ':', len);
    size_t name_len = colon ? (size_t)(colon - item) : len;
    int at = 0;
    while (at < count && (strlen(name_at(at)) != name_len ||
                          strncmp(name_at(at), item, name_len) != 0))
        at++;
    if (at == count || weights[at] > 0)
        return false;
    if (colon) {
        size_t digits = len - name_len - 1;
        if (digits == 0 || digits >= sizeof number)
            return false;
        memcpy(number, colon + 1, digits);
        number[digits] = '\0';
    }
    return num_parse_double(number, &weights[at]) && weights[at] > 0 &&
           weights[at] <= weight_max;
}

/* On failure *bad is the item that was not understood, *len its length. */
static bool parse_weights(const char *text, const char *(*name_at)(int), double *weights,
                          int count, const char **bad, int *len)
{
    for (;;) {
        size_t item = strcspn(text, ",");
        *bad = text;
        *len = item < 60 ? (int)item : 60;
        if (!parse_item(text, item, name_at, weights, count))
            return false;
        if (text[item] == '\0')
            return true;
        text += item + 1;
    }
}

bool aims_parse(const char *text, struct aims *aims, struct err *err)
{
    const char *bad = NULL;
    int len = 0;
    *aims = (struct aims){{0}};
    return parse_weights(text, aim_at, aims->weight, AIM_COUNT, &bad, &len) ||
           err_set(err, ERR_USAGE,
                   "--objective: '%.*s' is unknown, expected gap, margin, focal, logprob or min, "
                   "or several with weights such as margin:1,gap:0.2", len, bad);
}

bool goal_controls_parse(const char *text, struct mix *mix, struct err *err)
{
    const char *bad = NULL;
    int len = 0;
    *mix = (struct mix){.focal = 0};
    return parse_weights(text, metric_at, mix->weight, METRIC_COUNT, &bad, &len) ||
           err_set(err, ERR_USAGE,
                   "--control-metric: '%.*s' is unknown, expected %s, or several with weights "
                   "such as kl:1,soft_margin:0.5", len, bad, metric_choices(true));
}

static bool is_mixed(const struct mix *mix)
{
    enum metric metrics[METRIC_COUNT];
    return mix_metrics(mix, metrics) > 0;
}

bool goal_is_mix(const struct goal *goal)
{
    for (int i = 0; i < AIM_COUNT; i++)
        if (goal->aims.weight[i] > 0)
            return true;
    return false;
}

/* The only one there is, with weight 1; AIM_COUNT: there are others. */
static enum aim only_aim(const struct aims *aims)
{
    enum aim only = AIM_COUNT;
    for (int i = 0; i < AIM_COUNT; i++) {
        bool is_one = aims->weight[i] > 0 && !(aims->weight[i] < 1) && !(aims->weight[i] > 1);
        if (aims->weight[i] > 0 && (only != AIM_COUNT || !is_one))
            return AIM_COUNT;
        only = is_one ? (enum aim)i : only;
    }
    return only;
}

void goal_text(const struct goal *goal, struct buf *out)
{
    enum aim only = only_aim(&goal->aims);
    if (!goal_is_mix(goal))
        only = goal->fitness == FITNESS_MIN                ? AIM_MIN
               : goal->metric == METRIC_SOFT_MARGIN ? AIM_MARGIN
               : goal->metric == METRIC_LOGPROB     ? AIM_LOGPROB
                                                    : AIM_GAP;
    if (only != AIM_COUNT)
        buf_add_text(out, aim_name(only));
    else
        add_weights(out, aim_at, goal->aims.weight, AIM_COUNT);
}

void goal_controls_text(const struct goal *goal, struct buf *out)
{
    if (is_mixed(&goal->control_mix))
        add_weights(out, metric_at, goal->control_mix.weight, METRIC_COUNT);
    else if (goal->control_metric != METRIC_SAME)
        buf_add_text(out, metric_name(goal->control_metric));
}

/* ---- what follows ------------------------------------------------------------------------ */

void goal_aim(struct goal *goal, const struct aims *aims, enum metric metric)
{
    const double *weight = aims->weight;
    enum aim only = only_aim(aims);
    bool soft = weight[AIM_MARGIN] > 0 || weight[AIM_FOCAL] > 0;
    bool said = only != AIM_COUNT && only != AIM_FOCAL;
    goal->aims = said ? (struct aims){{0}} : *aims;
    goal->metric = weight[AIM_GAP] > 0        ? metric
                   : soft                     ? METRIC_SOFT_MARGIN
                   : weight[AIM_LOGPROB] > 0 ? METRIC_LOGPROB
                                              : metric;
    if (only == AIM_MIN)
        goal->fitness = FITNESS_MIN;
}

struct mix goal_mix(const struct goal *goal, bool controls)
{
    const double *weight = goal->aims.weight;
    struct mix mix = {.focal = 0};
    if (controls && is_mixed(&goal->control_mix))
        return goal->control_mix;
    if (controls && goal->control_metric != METRIC_SAME) {
        mix.weight[goal->control_metric] = 1;
        return mix;
    }
    mix.focal = weight[AIM_FOCAL];
    mix.weight[METRIC_SOFT_MARGIN] = weight[AIM_MARGIN];
    mix.weight[METRIC_LOGPROB] = weight[AIM_LOGPROB];
    mix.weight[goal->metric] += weight[AIM_GAP];
    if (!is_mixed(&mix))
        mix.weight[goal->metric] = 1;
    return mix;
}

bool goal_needs_wrong(const struct goal *goal, bool controls)
{
    struct mix mix = goal_mix(goal, controls);
    return mix_needs_wrong(&mix);
}

/* The metric where there is but one, else METRIC_MIX. */
static enum metric measured(const struct mix *mix)
{
    enum metric metrics[METRIC_COUNT] = {0};
    return mix_metrics(mix, metrics) == 1 ? metrics[0] : METRIC_MIX;
}

const char *goal_measured(const struct goal *goal, bool controls)
{
    struct mix mix = goal_mix(goal, controls);
    return metric_name(measured(&mix));
}

struct measure *goal_measure(const struct goal *goal, bool controls, struct model *model,
                             const struct probe *const *probes, size_t count,
                             const struct measure_options *options, struct err *err)
{
    struct mix mix = goal_mix(goal, controls);
    struct measure_options plain = *options;
    plain.metric = measured(&mix);
    return plain.metric == METRIC_MIX
               ? measure_new_mix(model, probes, count, &mix, options, err)
               : measure_new(model, probes, count, &plain, err);
}

/* Gaps of a mix are credits already. */
static struct credit judged(const struct mix *mix)
{
    enum metric metric = measured(mix);
    return metric == METRIC_MIX ? (struct credit){.weight = 1, .cap = HUGE_VAL}
                                : mix_credit(mix, metric);
}

struct judge goal_judge(const struct goal *goal, const double *before, size_t target_count,
                        size_t control_count)
{
    struct mix targets = goal_mix(goal, false), controls = goal_mix(goal, true);
    const double *weight = goal->aims.weight;
    bool mixed = goal_is_mix(goal);
    bool only_min = mixed ? weight[AIM_GAP] + weight[AIM_MARGIN] + weight[AIM_FOCAL] +
                                    weight[AIM_LOGPROB] <= 0
                          : goal->fitness == FITNESS_MIN;
    return (struct judge){
        .before = before,
        .target_count = target_count,
        .control_count = control_count,
        .penalty = goal->penalty,
        .mean = only_min ? 0 : 1,
        .least = mixed ? weight[AIM_MIN] : only_min ? 1 : 0,
        .target = judged(&targets),
        .control = judged(&controls),
    };
}
