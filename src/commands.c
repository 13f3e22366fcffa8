/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "src/base/num.h"
#include "src/cli/cli_int.h"

/* Each is src/cmd_NAME.c. */
extern const struct command command_open;
extern const struct command command_info;
extern const struct command command_tokenize;
extern const struct command command_logits;
extern const struct command command_gen;
extern const struct command command_eval;
extern const struct command command_audit;
extern const struct command command_search;
extern const struct command command_train;
extern const struct command command_map;
extern const struct command command_patch;
extern const struct command command_ppl;
extern const struct command command_probes;
extern const struct command command_task;
extern const struct command command_score;
extern const struct command command_bench;
extern const struct command command_synth;
extern const struct command command_session;
extern const struct command command_experiment;
extern const struct command command_demo;
extern const struct command command_help;

const struct command *const cli_commands[] = {
    &command_open,
    &command_info,
    &command_tokenize,
    &command_logits,
    &command_gen,
    &command_eval,
    &command_audit,
    &command_search,
    &command_train,
    &command_map,
    &command_patch,
    &command_probes,
    &command_ppl,
    &command_task,
    &command_score,
    &command_bench,
    &command_synth,
    &command_session,
    &command_experiment,
    &command_demo,
    &command_help,
    NULL,
};

const struct command *command_find(const char *name, struct err *err)
{
    const char *names[countof(cli_commands)];
    size_t count = 0;
    for (; cli_commands[count]; count++) {
        if (strcmp(cli_commands[count]->name, name) == 0)
            return cli_commands[count];
        names[count] = cli_commands[count]->name;
    }
    const char *meant = cli_suggest(name, names, count);
    if (meant)
        (void)err_set(err, ERR_USAGE, "unknown command '%s'; did you mean %s?", name, meant);
    else
        (void)err_set(err, ERR_USAGE, "unknown command '%s'", name);
    return NULL;
}
