/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "src/session_cli/session_actions.h"

extern const struct command command_session;

static const struct {
    const char *name;
    bool needs_file;
    int words_min, words_max; /* behind the file */
    const char *usage;        /* of these */
    int (*run)(const struct session_request *request, struct err *err);
} actions[] = {
    {"list", false, 0, 0, "", session_list},
    {"show", true, 0, 0, "", session_show},
    {"log", true, 0, 0, "", session_log},
    {"diff", true, 1, 1, " A..B", session_compare},
    {"name", true, 0, 2, " [NAME [STEP]]", session_name},
    {"verify", true, 0, 0, "", session_check},
    {"replay", true, 0, 0, "", session_replay},
    {"export", true, 0, 0, "", session_export},
    {"import", true, 0, 0, "", session_take_in},
    {"prune", false, 0, 0, "", session_prune},
};

/* The words of the command line behind its action. */
static bool takes(size_t action, const struct session_request *request, struct err *err)
{
    int words = (request->words[0] != NULL) + (request->words[1] != NULL);
    const char *name = actions[action].name;
    if (!actions[action].needs_file)
        return !request->path ||
               err_set(err, ERR_USAGE, "too many arguments, expected: bankai session %s", name);
    if (!request->path)
        return err_set(err, ERR_USAGE, "no session given, expected: bankai session %s FILE%s",
                       name, actions[action].usage);
    return (words >= actions[action].words_min && words <= actions[action].words_max) ||
           err_set(err, ERR_USAGE, "found %d arguments behind the file, expected: bankai "
                   "session %s FILE%s", words, name, actions[action].usage);
}

static int run(struct arguments *arguments, struct err *err)
{
    const char *action = arguments_positional(arguments, 0);
    int64_t days = 0;
    struct session_request request = {
        .path = arguments_positional(arguments, 1),
        .words = {arguments_positional(arguments, 2), arguments_positional(arguments, 3)},
        .output = arguments_text(arguments, "output", NULL),
        .as = arguments_text(arguments, "as", NULL),
        .step = arguments_text(arguments, "step", NULL),
        .patch = arguments_has(arguments, "patch"),
        .model = arguments_text(arguments, "model", NULL),
        .threads = arguments_threads(arguments),
        .json = arguments_json(arguments),
    };
    if (!arguments_int(arguments, "days", 0, 36500, 30, &days, err))
        return cli_fail(err);
    request.days = (uint64_t)days;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(action, actions[i].name) != 0)
            continue;
        return takes(i, &request, err) ? actions[i].run(&request, err) : cli_fail(err);
    }
    (void)err_set(err, ERR_USAGE,
                  "unknown action '%s', expected list, show, log, diff, name, verify, replay, "
                  "export, import or prune",
                  action);
    return cli_fail(err);
}

static const struct option_spec options[] = {
    {"output", 'o', "FILE", "export, import: where to write it"},
    {"as", 0, "KIND", "export: copy, lines or dir (as the name in -o says)"},
    {"patch", 0, NULL, "export: the patch of the head instead"},
    {"step", 0, "STATE", "export: the patch of that state: 12, best, head~3"},
    {"model", 'm', "MODEL", "replay: the model, where it is not at its old place"},
    {"days", 0, "N", "prune: sessions of the state folder older than N days (30)"},
    {NULL, 0, NULL, NULL},
};

const struct command command_session = {
    .name = "session",
    .synopsis = "list|show|log|diff|name|verify|replay|export|import|prune [FILE] "
                "[A..B | NAME [STEP]]",
    .summary = "Look at sessions, check them, run them again",
    .details = "list shows the sessions of the state folder.  show says where a session came\n"
               "from and what it holds, log prints its events in order.  verify checks the file.\n"
               "diff tells two states apart: flips, gaps, and answers where both are stored.  A\n"
               "state is a step, base (step 0), head, a name, or head~3: the third above it.\n"
               "Of a training's session (train -s) there are show (model, options, steps, gains\n"
               "and the front), log and verify; train --resume FILE --point N writes its patches.\n"
               "name lists the named states, or names one: the head, or STEP.\n"
               "replay measures every candidate again, in order, on the model, and stops at the\n"
               "first number that is not the stored one: exit status 1.\n"
               "export writes a session, also one that is open or crashed, to OUT: as lines of\n"
               "JSON where OUT ends in .jsonl, as a folder to publish where it ends in / (the\n"
               "same lines, patch, probes, tables, drawings and a report), else as a clean copy;\n"
               "with --patch or --step STATE the patch of a state.  import makes a session of\n"
               "such lines or of such a folder again, -o FILE.  prune removes sessions of the\n"
               "state folder that are old and open nowhere.",
    .options = options,
    .positional_min = 1,
    .positional_max = 4,
    .takes_model = false,
    .run = run,
};
