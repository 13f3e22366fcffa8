/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "src/cli/cli_int.h"
#include "src/search/search_from.h"
#include "src/search/search_options.h"
#include "ui/ui.h"

extern const struct command command_open;

/* "80x24" */
static bool read_size(const char *text, int *rows, int *columns, struct err *err)
{
    int end = 0;
    if (sscanf(text, "%4dx%4d%n", columns, rows, &end) != 2 || text[end] || *columns < 1 ||
        *rows < 1 || *columns > 1000 || *rows > 1000)
        return err_set(err, ERR_USAGE, "--headless: '%s' is no size, expected such as 80x24",
                       text);
    return true;
}

static bool open_workbench(const struct arguments *arguments, const struct ui_options *options,
                           struct err *err)
{
    const char *size = arguments_text(arguments, "headless", NULL);
    int rows = 0, columns = 0;
    struct buf said = {0};
    if (size && !options->script)
        return err_set(err, ERR_USAGE, "--headless has no script, expected --script FILE");
    bool ok = !size || read_size(size, &rows, &columns, err);
    if (ok && size)
        ok = ui_run_headless(options, rows, columns, &said, err);
    else if (ok)
        ok = ui_run(options, &said, err);
    if (said.len > 0)
        cli_print_text(said.data, said.len);
    buf_free(&said);
    return ok;
}

/* Flips that a method wants may come later, by :e. */
static bool from_fits(const struct worker_options *options, struct err *err)
{
    return !options->from || search_from_check(options->search.method, options->from, err);
}

/* As a search has them; greedy those that it always had here. */
static const char *controls_of(const struct arguments *arguments,
                               const struct worker_options *options, struct buf *out)
{
    const char *given = arguments_text(arguments, "control", NULL);
    const char *controls =
        search_controls(given, options->targets, options->heldout, &options->search, out);
    return given || controls ? controls : "math,code,knowledge";
}

/* `bankai open FILE.bankai`, `bankai -R FILE` */
static bool is_session(const char *word, bool read_only)
{
    const char *dot = strrchr(word, '.');
    return (read_only && strcmp(word, "nano") != 0) || (dot && strcmp(dot, ".bankai") == 0);
}

static int run(struct arguments *arguments, struct err *err)
{
    const char *model = arguments_positional(arguments, 0);
    const char *session = arguments_text(arguments, "session", NULL);
    bool read_only = arguments_has(arguments, "read-only");
    if (model && !session && is_session(model, read_only)) {
        session = model;
        model = NULL;
    }
    bool going_on = read_only || search_options_going_on(session);
    if (read_only && !session) {
        (void)err_set(err, ERR_USAGE, "--read-only has no session, expected -s FILE");
        return cli_fail(err);
    }
    int32_t layers[SEARCH_LAYERS_MAX];
    if (going_on && !search_options_leave_session(arguments, err))
        return cli_fail(err);
    struct ui_options options = {
        .worker =
            {
                .model = model || session ? model : "nano",
                .session = session,
                .targets = arguments_text(arguments, "target", "calculus-train"),
                .heldout = arguments_text(arguments, "heldout", "calculus-heldout"),
                .mode = arguments_text(arguments, "mode", NULL),
                .output = arguments_text(arguments, "output", NULL),
                .search = search_default_options(),
                .answers_unasked = true,
                .from = arguments_text(arguments, "from", NULL),
                .read_only = read_only,
                .offer = !session,
            },
        .theme = arguments_text(arguments, "theme", NULL),
        .colour = arguments_text(arguments, "color", NULL),
        .script = arguments_text(arguments, "script", NULL),
    };
    options.worker.search.iterations = UINT64_MAX; /* until somebody stops it */
    bool nano = !options.worker.model || strcmp(options.worker.model, "nano") == 0;
    if (nano)
        options.worker.search.seed = SEARCH_NANO_SEED;
    if (!search_options_read(arguments, &options.worker.search, layers, err) ||
        !from_fits(&options.worker, err))
        return cli_fail(err);
    struct buf controls = {0};
    options.worker.controls = controls_of(arguments, &options.worker, &controls);
    bool done = open_workbench(arguments, &options, err);
    buf_free(&controls);
    return done ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    SEARCH_PROBE_OPTIONS,
    {"output", 'o', "PATCH", "patch file, rewritten at every accepted flip (last.json in the "
                             "state folder)"},
    {"session", 's', "FILE", "session to begin, or to go on with as it was left"},
    {"read-only", 'R', NULL, "look at a session, beside its writer or where nothing can be "
                              "written"},
    SEARCH_OPTIONS,
    {"theme", 0, "NAME", "dark (default), light, a file, or one of ~/.config/bankai/themes"},
    {"color", 0, "C", "auto (default), 256, 16 or none"},
    {"script", 0, "FILE", "commands to run first, as :source does"},
    {"headless", 0, "COLSxROWS", "no terminal: run the script on a screen of this size"},
    {NULL, 0, NULL, NULL},
};

const struct command command_open = {
    .name = "open",
    .synopsis = "[MODEL] [--target SET] [--control SET] [--heldout SET] [-s SESSION] [-o PATCH]",
    .summary = "Look at a model and search it by hand, in the terminal",
    .details = "The workbench: the model as a map, a search to step or let run, and the answers\n"
               "to all probes before and after each flip.  ? shows its keys.  Without MODEL, the\n"
               "embedded one.  Targets are calculus-train, controls math, code and knowledge,\n"
               "held out is calculus-heldout where nothing else is given.  Every accepted flip\n"
               "is in the patch file at once, and the last line printed says where that is.\n"
               "Everything that is tried is in a session, which -s opens again as it was left.\n"
               "-R FILE looks at one without changing anything, also while it is being written.\n"
               "The map colours rows by scale, by what a backward pass predicts (R) or by what\n"
               "was measured; b lists the best.  o, or :set, changes how it searches: a new\n"
               "search with the same probes, with the flips that are on.\n"
               "'bankai' alone, 'bankai MODEL' and 'bankai -s FILE' are short for it.",
    .options = options,
    .positional_min = 0,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};
