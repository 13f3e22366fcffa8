/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/maker/make_probes.h"
#include "src/task/probes_from_task.h"

extern const struct command command_probes;

/* ---- list and show ------------------------------------------------------------ */

static void add_set(const struct probe_set *set, const char *name, bool json, json_t *array,
                    struct buf *out)
{
    size_t without = 0;
    for (size_t i = 0; i < set->count; i++)
        without += set->probes[i].wrong[0] == '\0';
    if (json) {
        (void)json_array_append_new(array, json_pack("{s:s, s:I, s:I}", "name", name, "probes",
                                                     (json_int_t)set->count, "without_wrong",
                                                     (json_int_t)without));
        return;
    }
    buf_add_format(out, "%-18s %5zu probes", name, set->count);
    if (without > 0)
        buf_add_format(out, ", %zu without a wrong answer", without);
    buf_add_text(out, "\n");
}

static int run_list(const struct arguments *arguments, struct err *err)
{
    json_t *array = json_array();
    struct buf out = {0};
    bool ok = true, json = arguments_json(arguments);
    for (const char *const *name = probe_set_builtin_names(); ok && *name; name++) {
        struct probe_set *set = probe_set_load(*name, err);
        ok = set != NULL;
        if (ok)
            add_set(set, *name, json, array, &out);
        probe_set_free(set);
    }
    if (ok && json)
        cli_print_json(json_incref(array), true);
    else if (ok)
        cli_print_text(out.data, out.len);
    json_decref(array);
    buf_free(&out);
    return ok ? EXIT_DONE : cli_fail(err);
}

static void add_quoted(struct buf *out, const char *label, const char *text)
{
    buf_add_format(out, "  %s \"", label);
    text_visible(out, text, strlen(text));
    buf_add_text(out, "\"\n");
}

static void add_probe(struct buf *out, const struct probe *probe)
{
    struct buf mode = {0};
    answer_rule_name(&probe->rule, &mode);
    text_visible(out, probe->name, strlen(probe->name));
    if (*probe->category) {
        buf_add_text(out, "  ");
        text_visible(out, probe->category, strlen(probe->category));
    }
    buf_add_text(out, "  ");
    text_visible(out, mode.data, mode.len);
    buf_add_text(out, "\n");
    add_quoted(out, "prompt ", probe->prompt);
    add_quoted(out, "correct", probe->correct);
    for (size_t i = 0; i < probe->alternate_count; i++)
        add_quoted(out, "or     ", probe->alternates[i]);
    if (*probe->wrong)
        add_quoted(out, "wrong  ", probe->wrong);
    buf_free(&mode);
}

static int run_show(const struct arguments *arguments, struct err *err)
{
    struct probe_set *set = probe_set_load(arguments_positional(arguments, 1), err);
    if (!set)
        return cli_fail(err);
    struct buf out = {0};
    if (arguments_json(arguments))
        probe_set_print(set, &out); /* a probe set again */
    for (size_t i = 0; i < set->count && !arguments_json(arguments); i++)
        add_probe(&out, &set->probes[i]);
    cli_print_text(out.data, out.len);
    buf_free(&out);
    probe_set_free(set);
    return EXIT_DONE;
}

/* ---- from a task ----------------------------------------------------------------- */

struct job {
    struct task_request request;
    struct task_run run;
    struct patch_list none;
    struct made_probes made;
    const char *targets, *controls; /* paths; controls may be NULL */
};

/* Can a file be made in the folder of this path? */
static bool check_output(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? x_copy(path, (size_t)(slash - path) + 1) : x_copy(".", 1);
    int problem = access(folder, W_OK | X_OK) == 0 ? 0 : errno;
    free(folder);
    if (problem == 0)
        return true;
    (void)err_set(err, ERR_IO, "cannot write there: %s", strerror(problem));
    return err_file(err, path);
}

/* The same file by other names is one, too; of files that are not there names must do. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat left, right;
    if (!a || !b || strcmp(a, "-") == 0)
        return false;
    return strcmp(a, b) == 0 ||
           (stat(a, &left) == 0 && stat(b, &right) == 0 && S_ISREG(left.st_mode) &&
            left.st_dev == right.st_dev && left.st_ino == right.st_ino);
}

/* One would write over the other. */
static bool is_apart(const char *output, const char *other, const char *what, struct err *err)
{
    if (!is_same_file(output, other))
        return true;
    (void)err_set(err, ERR_USAGE, "is also named as %s, expected a file of its own", what);
    return err_file(err, output);
}

static bool outputs_are_apart(const struct job *job, const char *task, struct err *err)
{
    const char *results = job->run.results;
    return is_apart(job->targets, job->controls, "--controls", err) &&
           is_apart(job->targets, task, "the task", err) &&
           is_apart(job->controls, task, "the task", err) &&
           is_apart(job->targets, results, "--results", err) &&
           is_apart(job->controls, results, "--results", err);
}

/* Nobody should wait for sets that cannot be kept. */
static bool check_outputs(const struct job *job, const char *task, struct err *err)
{
    if (!job->targets)
        return err_set(err, ERR_USAGE, "no output given, expected -o SET.json");
    return check_output(job->targets, err) &&
           (!job->controls || check_output(job->controls, err)) &&
           outputs_are_apart(job, task, err);
}

static bool make(const struct arguments *arguments, struct job *job, struct err *err)
{
    job->targets = arguments_text(arguments, "output", NULL);
    job->controls = arguments_text(arguments, "controls", NULL);
    job->run.results = arguments_text(arguments, "results", NULL);
    const char *task = arguments_positional(arguments, 2);
    if (check_outputs(job, task, err))
        job->run.model = model_open(arguments_positional(arguments, 1), err);
    if (!job->run.model || !task_request_read(arguments, task, false, &job->request, err))
        return false;
    job->run.task = task_read(job->request.path, &job->request.task, err);
    job->run.request = &job->request;
    job->run.patches = &job->none;
    return job->run.task && task_run(&job->run, err) &&
           probes_from_task(&job->run, &job->made, err);
}

static bool write_set(const struct probe_set *set, const char *path, struct err *err)
{
    struct buf text = {0};
    if (!path || set->count == 0)
        return true;
    probe_set_print(set, &text);
    bool ok = file_write(path, text.data, text.len, err);
    buf_free(&text);
    return ok;
}

static json_t *written_json(const struct probe_set *set, const char *path)
{
    bool written = path && set->count > 0;
    return json_pack("{s:o, s:I}", "path", written ? json_text(path, strlen(path)) : json_null(),
                     "probes", (json_int_t)set->count);
}

static void print_json(const struct job *job)
{
    const struct left_out *left = &job->made.left_out;
    cli_print_json(
        json_pack("{s:I, s:o, s:o, s:{s:I, s:I, s:I}}", "items",
                  (json_int_t)job->run.task->set->count, "targets",
                  written_json(job->made.targets, job->targets), "controls",
                  written_json(job->made.controls, job->controls), "left_out", "nothing_said",
                  (json_int_t)left->nothing_said, "not_apart", (json_int_t)left->not_apart,
                  "other_verdict", (json_int_t)left->other_verdict),
        true);
}

static void add_written(struct buf *out, const char *what, const struct probe_set *set,
                        const char *path)
{
    buf_add_format(out, "%-9s %5zu  ", what, set->count);
    if (path && set->count > 0)
        text_visible(out, path, strlen(path));
    else
        buf_add_text(out, "not written");
    buf_add_text(out, "\n");
}

static void print_text(const struct job *job)
{
    const struct left_out *left = &job->made.left_out;
    struct buf out = {0};
    buf_add_format(&out, "items     %5zu\n", job->run.task->set->count);
    add_written(&out, "targets", job->made.targets, job->targets);
    add_written(&out, "controls", job->made.controls, job->controls);
    if (left->nothing_said > 0)
        buf_add_format(&out, "left out  %5zu  wrong without saying an answer\n",
                       left->nothing_said);
    if (left->not_apart > 0)
        buf_add_format(&out, "left out  %5zu  right and wrong answer begin alike\n",
                       left->not_apart);
    if (left->other_verdict > 0)
        buf_add_format(&out, "left out  %5zu  asked as a probe the verdict is another\n",
                       left->other_verdict);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static int run_from_task(const struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    bool ok = make(arguments, &job, err) && write_set(job.made.targets, job.targets, err) &&
              write_set(job.made.controls, job.controls, err);
    int status = ok && job.made.targets->count > 0 ? EXIT_DONE : EXIT_NO;
    if (ok && arguments_json(arguments))
        print_json(&job);
    else if (ok)
        print_text(&job);
    made_probes_free(&job.made);
    task_run_free(&job.run);
    task_free(job.run.task);
    task_request_free(&job.request);
    model_free(job.run.model);
    return ok ? status : cli_fail(err);
}

/* ---- the command ------------------------------------------------------------------ */

static const struct {
    const char *name, *usage;
    int words; /* action included */
    int (*run)(const struct arguments *arguments, struct err *err);
} actions[] = {
    {"list", "list", 1, run_list},
    {"show", "show SET", 2, run_show},
    {"families", "families", 1, families_run},
    {"make", "make FAMILY [--count N] [--seed N] [--split heldout] [-o FILE.jsonl]", 2,
     make_probes_run},
    {"from-task", "from-task MODEL FILE.jsonl -o SET.json", 3, run_from_task},
};

static int run(struct arguments *arguments, struct err *err)
{
    const char *action = arguments_positional(arguments, 0);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(action, actions[i].name) != 0)
            continue;
        if (arguments_positional_count(arguments) == actions[i].words)
            return actions[i].run(arguments, err);
        (void)err_set(err, ERR_USAGE, "found %d arguments, expected: bankai probes %s",
                      arguments_positional_count(arguments), actions[i].usage);
        return cli_fail(err);
    }
    (void)err_set(err, ERR_USAGE,
                  "unknown action '%s', expected list, show, families, make or from-task", action);
    return cli_fail(err);
}

static const struct option_spec options[] = {
    {"output", 'o', "SET", "from-task: the targets, SET.json; make: SET.json or SET.jsonl "
                           "(standard output)"},
    MAKE_PROBES_OPTIONS,
    {"controls", 0, "SET.json", "from-task: the controls (not written)"},
    {"results", 0, "RESULTS", "from-task: as task -o has written it, or will be gone on with"},
    TASK_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const struct command command_probes = {
    .name = "probes",
    .synopsis = "list | show SET | families | make FAMILY [--count N] [-o SET.jsonl] | "
                "from-task MODEL FILE.jsonl -o SET.json [--controls SET.json]",
    .summary = "List, show and make probe sets",
    .details = "show --json prints a set as a probe file.  make writes further probes of a family\n"
               "(families lists them), the same for the same seed; where a set is named they go\n"
               "by gen:FAMILY[:N[:SEED[:train|heldout]]].  None has a prompt of nano-heldout or\n"
               "calculus-heldout.  from-task puts a task's questions to\n"
               "the model (see task; without a chat template, which a probe cannot have) and\n"
               "makes targets of what it gets wrong, with what it said as the wrong answer, and\n"
               "controls of what it gets right, with another item's answer as the wrong one.\n"
               "Each is asked again as a probe and left out if the verdict is another.  Exit\n"
               "status 1: there are no targets, or not so many probes of a family.",
    .options = options,
    .positional_min = 1,
    .positional_max = 3,
    .takes_model = false,
    .run = run,
};
