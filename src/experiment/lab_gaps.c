/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/experiment/lab.h"

enum { CHARACTERS_OF_TOKEN = 3, ANSWER_TOKENS = 14 };

/* Prompts with both answers, what they have in common once; before tokenizing, so about. */
double lab_gap_tokens(const struct lab *lab, const struct probe_set *set)
{
    size_t characters = 0;
    (void)lab;
    for (size_t i = 0; i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        characters += strlen(probe->prompt) + strlen(probe->correct) + strlen(probe->wrong);
    }
    return (double)characters / CHARACTERS_OF_TOKEN;
}

double lab_answer_tokens(const struct lab *lab, const struct probe_set *set)
{
    return lab_gap_tokens(lab, set) + (double)ANSWER_TOKENS * (double)set->count;
}

/* One measure is kept: what an evaluation leaves behind shortens the next. */
static struct measure *measure_of(struct lab *lab, const struct probe_set *set, struct err *err)
{
    if (lab->measure && lab->measured == set)
        return lab->measure;
    struct measure_options options = {
        .metric = lab->settings.metric,
        .threads = lab->settings.threads,
        .keep_bytes = batch_keep_default(),
    };
    const struct probe **probes = x_new(set->count, sizeof *probes);
    for (size_t i = 0; i < set->count; i++)
        probes[i] = &set->probes[i];
    measure_free(lab->measure);
    lab->measure = measure_new(lab->model, probes, set->count, &options, err);
    lab->measured = set;
    free(probes);
    if (lab->measure && !measure_set_base(lab->measure, lab->cancel, err)) { /* for kl */
        measure_free(lab->measure);
        lab->measure = NULL;
    }
    return lab->measure;
}

bool lab_gaps(struct lab *lab, const struct probe_set *set, const struct flips *flips,
              double *gaps, struct err *err)
{
    struct measure *measure = measure_of(lab, set, err);
    if (!measure)
        return false;
    flips_toggle(flips, lab->model);
    bool ok = measure_run(measure, gaps, lab->cancel, err);
    flips_toggle(flips, lab->model);
    return ok;
}

struct shift shift_of(const double *before, const double *now, size_t count)
{
    struct shift shift = {0};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double change = fabs(now[i] - before[i]);
        if (!isfinite(change))
            continue;
        sum += change;
        shift.max = change > shift.max ? change : shift.max;
        shift.signs += (now[i] > 0) != (before[i] > 0);
        shift.n++;
    }
    shift.mean = shift.n > 0 ? sum / (double)shift.n : (double)NAN;
    return shift;
}

static json_t *measure_base(struct lab *lab, const void *request, struct err *err)
{
    const struct probe_set *set = request;
    const struct flips none = {0};
    double *gaps = x_new(set->count, sizeof *gaps);
    bool ok = lab_gaps(lab, set, &none, gaps, err);
    json_t *result = ok ? json_pack("{s:o}", "gaps", gaps_json(gaps, set->count)) : NULL;
    free(gaps);
    return result;
}

bool lab_base(struct lab *lab, const struct probe_set *set, struct err *err)
{
    return lab_unit(lab, "base", lab_gap_tokens(lab, set), measure_base, set, err);
}

bool lab_shift(struct lab *lab, const struct probe_set *set, const struct flips *flips,
               struct shift *out, struct err *err)
{
    double *before = x_new(set->count, sizeof *before), *now = x_new(set->count, sizeof *now);
    bool ok = gaps_read(json_object_get(lab_result(lab, "base"), "gaps"), before, set->count) ||
              err_set(err, ERR_FORMAT, "unit base of the record is damaged");
    ok = ok && lab_gaps(lab, set, flips, now, err);
    if (ok)
        *out = shift_of(before, now, set->count);
    free(before);
    free(now);
    return ok;
}

json_t *shift_json(const struct shift *shift)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "mean_abs_change", lab_real(shift->mean));
    (void)json_object_set_new(object, "max_abs_change", lab_real(shift->max));
    (void)json_object_set_new(object, "sign_changes", json_integer((json_int_t)shift->signs));
    return object;
}

json_t *gaps_json(const double *gaps, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, lab_real(gaps[i]));
    return array;
}

bool gaps_read(const json_t *array, double *gaps, size_t count)
{
    bool whole = json_array_size(array) == count;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = whole ? json_array_get(array, i) : NULL;
        gaps[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    return whole;
}
