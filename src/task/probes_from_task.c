/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/task/probes_from_task.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"
#include "src/report/report.h"

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

static struct probe_set *new_set(const struct task_run *run, const char *ending)
{
    struct probe_set *set = x_new(1, sizeof *set);
    struct buf name = {0};
    buf_add_format(&name, "%s-%s", run->task->set->name, ending);
    set->name = name.data;
    set->probes = x_new(run->task->set->count, sizeof *set->probes);
    return set;
}

/* A copy of the item with a wrong answer. */
static void add_probe(struct probe_set *set, const struct probe *item, const char *wrong)
{
    struct probe *probe = &set->probes[set->count++];
    *probe = (struct probe){
        .name = copy_text(item->name),
        .set = copy_text(set->name),
        .category = copy_text(item->category),
        .prompt = copy_text(item->prompt),
        .correct = copy_text(item->correct),
        .wrong = copy_text(wrong),
        .alternates = x_new(item->alternate_count + 1, sizeof *probe->alternates),
        .alternate_count = item->alternate_count,
        .rule = item->rule,
    };
    for (size_t i = 0; i < item->alternate_count; i++)
        probe->alternates[i] = copy_text(item->alternates[i]);
}

/* A gap between answers of which one begins the other only says how the longer goes on. */
static bool apart(const char *a, const char *b)
{
    size_t left = strlen(a), right = strlen(b);
    return memcmp(a, b, left < right ? left : right) != 0;
}

/* What the model said to the item, with the right answer's leading space; the caller frees
 * it.  NULL if that has no answer in it. */
static char *said(const struct task_run *run, size_t item, struct err *err)
{
    const struct probe *probe = &run->task->set->probes[item];
    const struct buf *text = &run->base->generation[item].text;
    struct task_said part;
    struct buf out = {0};
    size_t start = 0;
    if (!task_judge(run->task, item, text->data, text->len, &part, err))
        return NULL;
    const char *data = text->data && part.found ? text->data + part.start : "";
    size_t len = answer_said(&probe->rule, data, part.found ? part.len : 0, &start);
    if (len == 0)
        return NULL;
    buf_add_text(&out, probe->correct[0] == ' ' ? " " : "");
    text_valid(&out, data + start, len);
    return out.data;
}

static void add_target(const struct task_run *run, size_t item, struct made_probes *made,
                       struct err *err)
{
    const struct probe *probe = &run->task->set->probes[item];
    char *wrong = said(run, item, err);
    if (!wrong)
        made->left_out.nothing_said++;
    else if (!apart(wrong, probe->correct))
        made->left_out.not_apart++;
    else
        add_probe(made->targets, probe, wrong);
    free(wrong);
}

/* The right answer of the next item that has another. */
static const char *other_answer(const struct probe_set *set, size_t item)
{
    for (size_t i = 1; i < set->count; i++) {
        const char *answer = set->probes[(item + i) % set->count].correct;
        if (apart(answer, set->probes[item].correct))
            return answer;
    }
    return NULL;
}

static void add_control(const struct task_run *run, size_t item, struct made_probes *made)
{
    const char *wrong = other_answer(run->task->set, item);
    if (wrong)
        add_probe(made->controls, &run->task->set->probes[item], wrong);
    else
        made->left_out.not_apart++;
}

/* ---- asked again ------------------------------------------------------------------- */

static void free_probe(struct probe *probe)
{
    for (size_t i = 0; i < probe->alternate_count; i++)
        free(probe->alternates[i]);
    char *texts[] = {probe->name, probe->set, probe->category, probe->prompt, probe->correct,
                     probe->wrong};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    free(probe->alternates);
}

/* Keep the probes whose answer is right, or those whose answer is wrong. */
static bool keep_only(const struct task_run *run, struct probe_set *set, bool right,
                      size_t *dropped, struct err *err)
{
    const struct evaluate_options options = {.threads = run->request->threads,
                                             .without_gaps = true};
    struct progress line;
    struct work_progress progress = {report_work, &line};
    if (set->count == 0)
        return true;
    progress_start(&line, right ? "asking controls" : "asking targets", set->count);
    struct evaluation *answers = evaluate(run->model, set, &options, &progress, &cli_cancel, err);
    progress_end(&line);
    if (!answers)
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < answers->count; i++) {
        if (answers->right[i] == right)
            set->probes[kept++] = set->probes[i];
        else
            free_probe(&set->probes[i]);
    }
    *dropped += set->count - kept;
    set->count = kept;
    evaluation_free(answers);
    return true;
}

bool probes_from_task(const struct task_run *run, struct made_probes *made, struct err *err)
{
    struct err ignored; /* the same texts were judged before */
    *made = (struct made_probes){.targets = new_set(run, "targets"),
                                 .controls = new_set(run, "controls")};
    for (size_t i = 0; i < run->task->set->count; i++) {
        if (run->base->right[i])
            add_control(run, i, made);
        else
            add_target(run, i, made, &ignored);
    }
    size_t *dropped = &made->left_out.other_verdict;
    return keep_only(run, made->targets, false, dropped, err) &&
           keep_only(run, made->controls, true, dropped, err);
}

void made_probes_free(struct made_probes *made)
{
    probe_set_free(made->targets);
    probe_set_free(made->controls);
    *made = (struct made_probes){0};
}
