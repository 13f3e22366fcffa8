/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/audit.h"

#include <string.h>

#include "engine/search/record.h"
#include "src/cli/answer_option.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/cli/metric_option.h"
#include "src/report/report.h"

extern const struct command command_audit;

struct job {
    struct model *model;
    struct search_inputs probes;
    struct audit_options options;
    struct audit *audit;
};

static bool read_options(const struct arguments *arguments, struct job *job, struct err *err)
{
    int64_t tokens = 0;
    job->options.threads = arguments_threads(arguments);
    if (!metric_option_read(arguments, "metric", METRIC_SEQ_LOGPROB, false, &job->options.metric,
                            err) ||
        !metric_option_read(arguments, "control-metric", METRIC_SAME, true,
                            &job->options.control_metric, err) ||
        !arguments_int(arguments, "tokens", 1, INT32_MAX, 0, &tokens, err))
        return false;
    job->options.tokens_max = (size_t)tokens;
    return true;
}

static bool load(const struct arguments *arguments, struct job *job, struct err *err)
{
    const char *probes = arguments_text(arguments, "probes", NULL);
    if (!read_options(arguments, job, err))
        return false;
    if (!probes)
        return err_set(err, ERR_USAGE, "no probes given, expected --probes SET,...");
    if (!search_inputs_load(&job->probes, probes, arguments_text(arguments, "control", NULL),
                            arguments_text(arguments, "heldout", NULL), err) ||
        !labels_refuse(job->probes.controls, "those of an audit", err) ||
        !search_inputs_use_mode(&job->probes, arguments_text(arguments, "mode", NULL), err))
        return false;
    job->options.target_count = job->probes.targets->count;
    job->options.control_count = job->probes.controls->count;
    job->model = model_open(arguments_positional(arguments, 0), err);
    return job->model != NULL;
}

static bool work(struct job *job, struct err *err)
{
    struct progress line;
    const struct work_progress progress = {report_work, &line};
    progress_start(&line, "auditing", 0);
    report_at_once(&line);
    job->audit = audit_run(job->model, &job->probes.all, &job->options, &progress, &cli_cancel,
                           err);
    progress_end(&line);
    return job->audit != NULL;
}

/* ---- output ---------------------------------------------------------------------- */

static const char *role_of(const struct job *job, size_t probe)
{
    if (probe < job->options.target_count)
        return "target";
    return probe < job->options.target_count + job->options.control_count ? "control" : "heldout";
}

static void add_finding(struct buf *out, const struct job *job,
                        const struct audit_finding *finding)
{
    const struct probe *probe = &job->probes.all.probes[finding->probe];
    buf_add_format(out, "%-8s %-18s ", audit_severity_name(finding->severity),
                   audit_code_name(finding->code));
    text_visible(out, probe->set, strlen(probe->set));
    buf_add_text(out, " ");
    text_visible(out, probe->name, strlen(probe->name));
    buf_add_text(out, ": ");
    text_visible(out, finding->why, strlen(finding->why));
    buf_add_text(out, "\n");
}

/* How often each code was found. */
static void add_summary(struct buf *out, const struct job *job)
{
    const struct audit *audit = job->audit;
    size_t counts[AUDIT_CODE_COUNT] = {0};
    for (size_t i = 0; i < audit->count; i++)
        counts[audit->findings[i].code]++;
    buf_add_format(out, "%s%zu probes, metric %s", audit->count ? "\n" : "",
                   job->probes.all.count, metric_name(job->options.metric));
    const char *note = metric_note(job->options.metric);
    if (note)
        buf_add_format(out, " (%s)", note);
    buf_add_format(out, ": %zu fatal, %zu warnings, %zu notes\n", audit->by_severity[AUDIT_FATAL],
                   audit->by_severity[AUDIT_WARNING], audit->by_severity[AUDIT_NOTE]);
    for (int code = 0; code < AUDIT_CODE_COUNT; code++)
        if (counts[code] > 0)
            buf_add_format(out, "  %-18s %5zu\n", audit_code_name((enum audit_code)code),
                           counts[code]);
}

static void print_text(const struct arguments *arguments, const struct job *job)
{
    struct buf out = {0};
    enum audit_severity least = arguments_has(arguments, "list") ? AUDIT_NOTE : AUDIT_WARNING;
    for (size_t i = 0; i < job->audit->count; i++)
        if (job->audit->findings[i].severity >= least)
            add_finding(&out, job, &job->audit->findings[i]);
    add_summary(&out, job);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static json_t *finding_json(const struct job *job, const struct audit_finding *finding)
{
    const struct probe *probe = &job->probes.all.probes[finding->probe];
    json_t *object = json_object();
    (void)json_object_set_new(object, "name", json_text(probe->name, strlen(probe->name)));
    (void)json_object_set_new(object, "set", json_text(probe->set, strlen(probe->set)));
    (void)json_object_set_new(object, "role", json_string(role_of(job, finding->probe)));
    (void)json_object_set_new(object, "code", json_string(audit_code_name(finding->code)));
    (void)json_object_set_new(object, "severity",
                              json_string(audit_severity_name(finding->severity)));
    (void)json_object_set_new(object, "why", json_text(finding->why, strlen(finding->why)));
    return object;
}

static void print_json(const struct job *job)
{
    const struct audit *audit = job->audit;
    json_t *object = json_object(), *findings = json_array();
    for (size_t i = 0; i < audit->count; i++)
        (void)json_array_append_new(findings, finding_json(job, &audit->findings[i]));
    (void)json_object_set_new(object, "metric", json_string(metric_name(job->options.metric)));
    const char *note = metric_note(job->options.metric);
    if (note)
        (void)json_object_set_new(object, "metric_note", json_string(note));
    (void)json_object_set_new(object, "probes",
                              json_integer((json_int_t)job->probes.all.count));
    for (int i = 0; i < AUDIT_SEVERITY_COUNT; i++)
        (void)json_object_set_new(object, audit_severity_name((enum audit_severity)i),
                                  json_integer((json_int_t)audit->by_severity[i]));
    (void)json_object_set_new(object, "findings", findings);
    cli_print_json(object, true);
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    int status = EXIT_DONE;
    bool ok = load(arguments, &job, err) && work(&job, err);
    if (ok && arguments_json(arguments))
        print_json(&job);
    else if (ok)
        print_text(arguments, &job);
    if (ok && job.audit->by_severity[AUDIT_FATAL] > 0)
        status = EXIT_NO;
    audit_free(job.audit);
    search_inputs_free(&job.probes);
    model_free(job.model);
    return ok ? status : cli_fail(err);
}

static const struct option_spec options[] = {
    {"probes", 0, "SET,...", "targets: built-in sets or JSON files"},
    {"control", 0, "SET,...", "controls"},
    {"heldout", 0, "SET,...", "held-out probes, which the model is not asked"},
    ANSWER_MODE_OPTION,
    {"metric", 0, "M", "what they are for: seq_logprob (default), margin, soft_margin, logprob "
                        "or token_gap"},
    {"control-metric", 0, "M", "one of these or kl (as --metric)"},
    {"tokens", 0, "N", "so many are generated, at most (as eval does: enough for each answer)"},
    {"list", 'l', NULL, "print the notes too"},
    {NULL, 0, NULL, NULL},
};

const struct command command_audit = {
    .name = "audit",
    .synopsis = "MODEL --probes SET,... [--control SET,...] [--heldout SET,...] [--metric M]",
    .summary = "Look for probes that do not measure what they seem to",
    .details = "Prints for each finding its severity (fatal, warning, note), its code, the probe\n"
               "and why, then how often each code was found; probes/FORMAT.md states the rules.\n"
               "Fatal are probes that measure nothing, such as dead pairs, whose two answers\n"
               "always have the same score.  The model is asked once, as it is.  Exit status 1\n"
               "if anything is fatal.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};
