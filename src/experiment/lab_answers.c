/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "probes/statistics.h"
#include "src/base/json.h"
#include "src/experiment/lab.h"

/* ---- the unit ---------------------------------------------------------------------- */

struct request {
    const char *unit;
    const struct probe_set *set;
    const struct flips *flips;
};

struct watch {
    struct lab *lab;
    const char *unit;
    double tokens; /* of all answers */
    size_t done;
};

static void report(void *user, size_t done, size_t total)
{
    struct watch *watch = user;
    if (total > 0 && done > watch->done)
        lab_progress(watch->lab, watch->unit,
                     watch->tokens * (double)(done - watch->done) / (double)total);
    watch->done = done;
}

static json_t *answers_json(const struct evaluation *answers)
{
    char *right = x_new(answers->count + 1, 1);
    json_t *texts = json_array();
    for (size_t i = 0; i < answers->count; i++) {
        const struct buf *text = &answers->generation[i].text;
        right[i] = answers->right[i] ? '1' : '0';
        (void)json_array_append_new(texts, json_text(text->data ? text->data : "", text->len));
    }
    json_t *object = json_pack("{s:s, s:o}", "right", right, "texts", texts);
    free(right);
    return object;
}

static json_t *answer(struct lab *lab, const void *user, struct err *err)
{
    const struct request *request = user;
    struct evaluate_options options = {
        .metric = METRIC_SEQ_LOGPROB,
        .threads = lab->settings.threads,
        .without_gaps = true,
    };
    struct watch watch = {lab, request->unit, lab_answer_tokens(lab, request->set), 0};
    struct work_progress progress = {report, &watch};
    flips_toggle(request->flips, lab->model);
    struct evaluation *answers =
        evaluate(lab->model, request->set, &options, &progress, lab->cancel, err);
    flips_toggle(request->flips, lab->model);
    json_t *result = answers ? answers_json(answers) : NULL;
    evaluation_free(answers);
    return result;
}

static const char *right_of(const struct lab *lab, const char *unit, size_t count)
{
    const char *right = json_string_value(json_object_get(lab_result(lab, unit), "right"));
    return right && strlen(right) == count ? right : NULL;
}

bool lab_answers(struct lab *lab, const char *unit, const struct probe_set *set,
                 const struct flips *flips, struct err *err)
{
    const struct request request = {unit, set, flips};
    if (!lab_unit(lab, unit, lab_answer_tokens(lab, set), answer, &request, err))
        return false;
    return right_of(lab, unit, set->count) ||
           err_set(err, ERR_FORMAT, "unit %s of the record is damaged", unit);
}

const char *answers_unit(char unit[LAB_NAME_MAX], const char *name)
{
    return lab_name(unit, "answers, %s", name);
}

bool lab_answer_all(struct lab *lab, const char *name, const struct flips *flips,
                    struct err *err)
{
    char unit[LAB_NAME_MAX];
    return lab_answers(lab, answers_unit(unit, name), lab->all, flips, err);
}

/* ---- before and after -------------------------------------------------------------- */

static bool same_or_any(const char *wanted, const char *name)
{
    return !wanted || strcmp(wanted, name) == 0;
}

struct paired lab_paired(const struct lab *lab, const char *base, const char *now,
                         const struct probe_set *set, const struct lab_filter *filter)
{
    const char *before = right_of(lab, base, set->count), *after = right_of(lab, now, set->count);
    struct paired paired = {0};
    for (size_t i = 0; before && after && i < set->count; i++) {
        const struct probe *probe = &set->probes[i];
        if (filter && !(same_or_any(filter->set, probe->set) &&
                        same_or_any(filter->category, probe->category) &&
                        (!filter->mask || filter->mask[i])))
            continue;
        bool was = before[i] == '1', is = after[i] == '1';
        paired.n++;
        paired.right_base += was;
        paired.right_now += is;
        paired.fixed += !was && is;
        paired.broke += was && !is;
    }
    paired.p = statistics_mcnemar(paired.fixed, paired.broke);
    return paired;
}

const struct column answer_columns[] = {
    {"label", "greedy answers", SIDE_NONE, NULL},
    {"n", "n", SIDE_NONE, NULL},
    {"right_base", "before", SIDE_NONE, NULL},
    {"right_now", "after", SIDE_NONE, NULL},
    {"fixed", "fixed", SIDE_NONE, NULL},
    {"broke", "broke", SIDE_NONE, NULL},
    {"p", "McNemar p", SIDE_NONE, "%.4f"},
};

json_t *paired_json(const char *label, const struct paired *paired)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "label", json_text(label, strlen(label)));
    (void)json_object_set_new(object, "n", json_integer((json_int_t)paired->n));
    (void)json_object_set_new(object, "right_base", json_integer((json_int_t)paired->right_base));
    (void)json_object_set_new(object, "right_now", json_integer((json_int_t)paired->right_now));
    (void)json_object_set_new(object, "fixed", json_integer((json_int_t)paired->fixed));
    (void)json_object_set_new(object, "broke", json_integer((json_int_t)paired->broke));
    (void)json_object_set_new(object, "p", json_real(paired->p));
    return object;
}

static bool seen_before(const struct probe_set *set, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(set->probes[i].set, set->probes[index].set) == 0)
            return true;
    return false;
}

void account_answers(struct account *account, const struct lab *lab, const char *label,
                     const char *base, const char *now, const struct probe_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const char *name = set->probes[i].set;
        if (seen_before(set, i))
            continue;
        struct buf text = {0};
        const struct lab_filter filter = {.set = name};
        struct paired paired = lab_paired(lab, base, now, set, &filter);
        buf_add_format(&text, "%s%s", label, name);
        account_row(account, paired_json(text.data, &paired));
        buf_free(&text);
    }
}
