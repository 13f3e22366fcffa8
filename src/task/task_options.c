/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/task/task_options.h"

#include <stdlib.h>
#include <string.h>

static const char plain_template[] = "Question: {question}\nAnswer:";
static const char plain_stop[] = "\nQuestion:";

/* A copy with \n, \t and \\ read; any other backslash stays. */
static char *unescape(const char *text)
{
    static const char letters[] = "nt\\", meant[] = "\n\t\\";
    struct buf out = {0};
    for (const char *at = text; *at; at++) {
        const char *letter = at[0] == '\\' && at[1] ? strchr(letters, at[1]) : NULL;
        buf_add(&out, letter ? &meant[letter - letters] : at, 1);
        at += letter != NULL;
    }
    return out.data ? out.data : x_copy("", 0);
}

bool task_request_read(const struct arguments *arguments, const char *path, bool chat,
                       struct task_request *request, struct err *err)
{
    int64_t tokens = 0, limit = 0;
    const char *template = arguments_text(arguments, "template", NULL);
    const char *stop = arguments_text(arguments, "stop", NULL);
    *request = (struct task_request){.path = path, .threads = arguments_threads(arguments)};
    request->texts[0] = template ? unescape(template)
                                 : x_copy(plain_template, strlen(plain_template));
    request->texts[1] = stop ? unescape(stop) : x_copy(plain_stop, strlen(plain_stop));
    bool plain = !chat && !template;
    struct task_options *task = &request->task;
    *task = (struct task_options){
        .template = chat && !template ? NULL : request->texts[0],
        .stop = stop || plain ? request->texts[1] : NULL,
        .question = arguments_text(arguments, "question", NULL),
        .answer = arguments_text(arguments, "answer", NULL),
        .answer_extract = arguments_text(arguments, "answer-extract", NULL),
        .extract = arguments_text(arguments, "extract", NULL),
    };
    if (!arguments_int(arguments, "tokens", 1, 1 << 20, 400, &tokens, err) ||
        !arguments_int(arguments, "limit", 1, 1000000, 1000000, &limit, err))
        return false;
    request->tokens_max = (size_t)tokens;
    task->limit = (size_t)limit;
    return answer_rule_parse(arguments_text(arguments, "mode", "number"), &task->rule, err) ||
           err_where(err, "--mode");
}

void task_request_free(struct task_request *request)
{
    for (size_t i = 0; i < sizeof request->texts / sizeof *request->texts; i++)
        free(request->texts[i]);
    *request = (struct task_request){0};
}
