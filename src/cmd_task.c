/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"
#include "src/task/task_chat.h"

extern const struct command command_task;

struct job {
    struct model *model;
    struct patch_list patches;
    struct task_request request;
    struct task *task;
    struct task_run run;
    json_t *settings;
};

static bool load(const struct arguments *arguments, struct job *job, struct err *err)
{
    job->model = model_open(arguments_positional(arguments, 0), err);
    if (!job->model || !patch_list_read(arguments, job->model, &job->patches, err) ||
        !task_chat_choose(arguments, job->model, &job->run, err))
        return false;
    bool chat = job->run.chat.kind == CHAT_CHATML;
    if (!task_request_read(arguments, arguments_positional(arguments, 1), chat, &job->request,
                           err))
        return false;
    job->task = task_read(job->request.path, &job->request.task, err);
    job->run.model = job->model;
    job->run.patches = &job->patches;
    job->run.request = &job->request;
    job->run.task = job->task;
    job->run.results = arguments_text(arguments, "output", NULL);
    return job->task != NULL;
}

static bool work(struct job *job, struct err *err)
{
    model_hash_start(job->model);
    if (!task_run(&job->run, err))
        return false;
    job->settings = task_run_settings(&job->run, err);
    return job->settings != NULL;
}

/* ---- output ------------------------------------------------------------------- */

static void print_json(const struct job *job)
{
    const struct task_run *run = &job->run;
    json_t *object = json_object();
    (void)json_object_set(object, "settings", job->settings);
    (void)json_object_set_new(object, "chat", task_chat_json(run, job->model));
    (void)json_object_set_new(object, "kept", json_integer((json_int_t)run->kept));
    (void)json_object_set_new(object, "probes",
                              report_probes_json(job->task->set, run->base, run->now));
    (void)json_object_set_new(object, "totals",
                              report_totals_json(job->task->set, run->base, run->now));
    cli_print_json(object, true);
}

static void print_text(const struct arguments *arguments, const struct job *job)
{
    struct buf out = {0}, mode = {0};
    const struct task_run *run = &job->run;
    bool all = arguments_has(arguments, "list");
    answer_rule_name(&job->request.task.rule, &mode);
    buf_add_format(&out, "%zu items, greedy, at most %zu tokens, judged by %s\n",
                   job->task->set->count, job->request.tokens_max, mode.data);
    task_chat_text(run, job->model, &out);
    if (run->kept > 0)
        buf_add_format(&out, "%zu items were in the results already\n", run->kept);
    buf_add_text(&out, "\n");
    report_table(&out, job->task->set, run->base, run->now);
    if (all || run->now != run->base) {
        buf_add_text(&out, "\n");
        report_answers(&out, job->task->set, run->base, run->now, all);
    }
    cli_print_text(out.data, out.len);
    buf_free(&mode);
    buf_free(&out);
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    bool ok = load(arguments, &job, err) && work(&job, err);
    if (ok && arguments_json(arguments))
        print_json(&job);
    else if (ok)
        print_text(arguments, &job);
    json_decref(job.settings);
    task_run_free(&job.run);
    task_free(job.task);
    task_request_free(&job.request);
    patch_list_free(&job.patches);
    model_free(job.model);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    TASK_OPTIONS,
    TASK_CHAT_OPTIONS,
    PATCH_LIST_OPTIONS,
    {"output", 'o', "RESULTS", "write every result there at once; a file that is there already "
                               "is gone on with"},
    {"list", 'l', NULL, "print every answer, not only those that changed"},
    {NULL, 0, NULL, NULL},
};

const struct command command_task = {
    .name = "task",
    .synopsis = "MODEL FILE.jsonl [--patch P]... [--chat auto|on|off] [--template T] [-o RESULTS]",
    .summary = "Put a file of questions, with and without patches",
    .details = "FILE has a JSON object a line with a question and an answer, as GSM8K has them\n"
               "({\"question\": ..., \"answer\": \"... #### 42\"}); fields, template and what of\n"
               "both answers is compared are options (probes/FORMAT.md).  Answers are greedy.\n"
               "With patches every item is answered before and after: fixed, broke, McNemar's\n"
               "p.  Whether the model's chat template was used is part of every output.\n"
               "With -o a run that was stopped goes on where it was.",
    .options = options,
    .positional_min = 2,
    .positional_max = 2,
    .takes_model = true,
    .run = run,
};
