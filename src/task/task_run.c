/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/task/task_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/report/report.h"

enum {
    GROUP_ITEMS = 32,
    GROUP_TOKENS = 4096, /* of a group, unless one item has more */
};

/* ---- settings ------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *text)
{
    (void)json_object_set_new(object, key, text ? json_text(text, strlen(text)) : json_null());
}

/* The state's name with the patches on: the same for the same flips, however made. */
static void add_state(json_t *object, const struct task_run *run)
{
    struct state_name state = model_state(run->model);
    char text[40];
    (void)snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, state.word[0], state.word[1]);
    set_text(object, "patched_state", run->patches->count > 0 ? text : NULL);
}

json_t *task_run_settings(struct task_run *run, struct err *err)
{
    const struct task_options *task = &run->request->task;
    const char *sha256 = model_sha256(run->model, err);
    if (!sha256 || !patch_list_apply(run->patches, run->model, err))
        return NULL;
    struct buf mode = {0};
    json_t *object = json_object();
    set_text(object, "format", "bankai_task_v1");
    set_text(object, "task", run->task->set->name);
    set_text(object, "task_sha256", run->task->sha256);
    set_text(object, "model_sha256", sha256);
    add_state(object, run);
    patch_list_remove(run->patches, run->model);
    set_text(object, "chat", run->chat.kind == CHAT_CHATML ? "chatml" : "off");
    set_text(object, "system", run->system);
    (void)json_object_set_new(object, "think", json_boolean(run->think));
    set_text(object, "template", task->template ? task->template : "{question}");
    set_text(object, "question", task->question ? task->question : "question");
    set_text(object, "answer", task->answer ? task->answer : "answer");
    set_text(object, "answer_extract", task->answer_extract);
    set_text(object, "extract", task->extract);
    set_text(object, "stop", task->stop);
    answer_rule_name(&task->rule, &mode);
    set_text(object, "mode", mode.data);
    (void)json_object_set_new(object, "tokens", json_integer((json_int_t)run->request->tokens_max));
    buf_free(&mode);
    return object;
}

/* ---- questions ---------------------------------------------------------------------- */

static bool encode(const struct task_run *run, size_t item, struct ids *out, struct err *err)
{
    const struct probe *probe = &run->task->set->probes[item];
    const struct encode_options options = {0};
    const struct chat_question question = {run->system, probe->prompt, run->think};
    bool ok = run->chat.kind == CHAT_CHATML
                  ? chat_encode(run->model, &run->chat, &question, out, err)
                  : token_encode(model_tokenizer(run->model), probe->prompt,
                                 strlen(probe->prompt), &options, out, err);
    if (ok && out->count == 0)
        ok = err_set(err, ERR_FORMAT, "the question has no tokens");
    return ok || err_where(err, "item %s", probe->name);
}

/* Items from first on that are asked together: their questions in tokens. */
struct group {
    size_t first, count;
    struct ids prompts[GROUP_ITEMS];
    struct generate_request requests[GROUP_ITEMS];
};

static void group_free(struct group *group)
{
    for (size_t i = 0; i < GROUP_ITEMS; i++)
        ids_free(&group->prompts[i]);
}

static bool group_fill(const struct task_run *run, size_t first, struct group *group,
                       struct err *err)
{
    size_t tokens = 0;
    *group = (struct group){.first = first};
    while (group->count < GROUP_ITEMS && first + group->count < run->task->set->count) {
        struct ids *prompt = &group->prompts[group->count];
        if (!encode(run, first + group->count, prompt, err))
            return false;
        tokens += prompt->count + run->request->tokens_max;
        if (group->count > 0 && tokens > GROUP_TOKENS)
            break;
        group->requests[group->count++] = (struct generate_request){
            .prompt = prompt,
            .tokens_max = run->request->tokens_max,
            .stop = run->task->stop,
        };
    }
    return true;
}

/* ---- answers ------------------------------------------------------------------------- */

struct asking {
    struct progress line;
    size_t done; /* answers before this group */
};

static void report_group(void *user, size_t done, size_t total)
{
    struct asking *asking = user;
    (void)total;
    progress_update(&asking->line, asking->done + done, NULL);
}

static bool judge(const struct task_run *run, const struct group *group,
                  struct evaluation *evaluation, struct err *err)
{
    for (size_t i = group->first; i < group->first + group->count; i++) {
        const struct buf *text = &evaluation->generation[i].text;
        struct task_said said;
        if (!task_judge(run->task, i, text->data, text->len, &said, err))
            return false;
        evaluation->right[i] = said.right;
    }
    return true;
}

static bool answer(struct task_run *run, const struct group *group, struct evaluation *evaluation,
                   struct asking *asking, struct err *err)
{
    const struct work_progress progress = {report_group, asking};
    bool ok = generate_greedy(run->model, group->requests, group->count, run->request->threads,
                              evaluation->generation + group->first, &progress, &cli_cancel, err);
    asking->done += group->count;
    return ok && judge(run, group, evaluation, err);
}

static bool answer_both(struct task_run *run, const struct group *group, struct asking *asking,
                        struct err *err)
{
    if (!answer(run, group, run->base, asking, err))
        return false;
    if (run->now == run->base)
        return true;
    if (!patch_list_apply(run->patches, run->model, err))
        return false;
    bool ok = answer(run, group, run->now, asking, err);
    patch_list_remove(run->patches, run->model);
    return ok;
}

static bool answer_all(struct task_run *run, struct task_results *results, struct err *err)
{
    size_t count = run->task->set->count, sides = run->now == run->base ? 1 : 2;
    struct asking asking = {0};
    bool ok = true;
    progress_start(&asking.line, "answering", (count - run->kept) * sides);
    if (run->kept < count)
        report_at_once(&asking.line);
    for (size_t first = run->kept, n = 0; ok && first < count; first += n) {
        struct group group;
        ok = group_fill(run, first, &group, err) && answer_both(run, &group, &asking, err) &&
             (!results || task_results_add(results, run, first, group.count, err));
        n = group.count;
        group_free(&group);
    }
    progress_end(&asking.line);
    return ok;
}

/* ---- the whole ------------------------------------------------------------------------- */

static struct evaluation *evaluation_new(size_t count)
{
    struct evaluation *evaluation = x_new(1, sizeof *evaluation);
    evaluation->count = count;
    evaluation->gap = x_new(count, sizeof *evaluation->gap);
    evaluation->merged = x_new(count, sizeof *evaluation->merged);
    evaluation->generation = x_new(count, sizeof *evaluation->generation);
    evaluation->right = x_new(count, sizeof *evaluation->right);
    for (size_t i = 0; i < count; i++)
        evaluation->gap[i] = (double)NAN;
    return evaluation;
}

bool task_run(struct task_run *run, struct err *err)
{
    struct task_results *results = NULL;
    size_t count = run->task->set->count;
    run->base = evaluation_new(count);
    run->now = run->patches->count > 0 ? evaluation_new(count) : run->base;
    if (run->results) {
        json_t *settings = task_run_settings(run, err);
        results = settings ? task_results_open(run, settings, err) : NULL;
        json_decref(settings);
        if (!results)
            return false;
    }
    bool ok = answer_all(run, results, err);
    task_results_close(results);
    return ok;
}

void task_run_free(struct task_run *run)
{
    if (run->now != run->base)
        evaluation_free(run->now);
    evaluation_free(run->base);
    run->base = run->now = NULL;
}
