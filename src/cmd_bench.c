/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/text.h"
#include "src/bench/bench.h"
#include "src/cli/cli_int.h"

extern const struct command command_bench;

/* In this order: memory is looked at before others have taken any. */
static const struct bench_group *const groups[] = {
    &bench_open_group,   &bench_memory_group, &bench_kernels_group,    &bench_prompt_group,
    &bench_decode_group, &bench_probes_group, &bench_candidates_group, &bench_patch_group,
};

struct job {
    struct bench bench;
    bool wanted[countof(groups)];
    char processor[128];
    bool json;
};

/* ---- what is asked for -------------------------------------------------------------- */

static bool want_group(struct job *job, const char *word)
{
    for (size_t i = 0; i < countof(groups); i++)
        if (strcmp(groups[i]->name, word) == 0) {
            job->wanted[i] = true;
            return true;
        }
    return false;
}

static bool is_model(const char *word)
{
    return strcmp(word, "nano") == 0 || strpbrk(word, "/.") || access(word, F_OK) == 0;
}

static bool refuse_word(const char *word, struct err *err)
{
    const char *names[countof(groups)];
    struct buf list = {0};
    for (size_t i = 0; i < countof(groups); i++) {
        names[i] = groups[i]->name;
        buf_add_format(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *meant = cli_suggest(word, names, countof(groups));
    if (meant)
        (void)err_set(err, ERR_USAGE, "unknown group '%s'; did you mean %s?", word, meant);
    else
        (void)err_set(err, ERR_USAGE, "unknown group '%s', expected %s or a model", word,
                      list.data);
    buf_free(&list);
    return false;
}

static bool read_words(const struct arguments *arguments, struct job *job, struct err *err)
{
    int count = arguments_positional_count(arguments), group_count = 0;
    const char *model = arguments_text(arguments, "model", NULL);
    for (int i = 0; i < count; i++) {
        const char *word = arguments_positional(arguments, i);
        if (want_group(job, word))
            group_count++;
        else if (!is_model(word))
            return refuse_word(word, err);
        else if (model)
            return err_set(err, ERR_USAGE, "two models are given, '%s' and '%s'", model, word);
        else
            model = word;
    }
    for (size_t i = 0; group_count == 0 && i < countof(groups); i++)
        job->wanted[i] = true;
    job->bench.model_path = model ? model : "nano";
    return true;
}

static void read_processor(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    (void)snprintf(out, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');
        if (!value || strncmp(line, "model name", strlen("model name")) != 0)
            continue;
        value += 1 + strspn(value + 1, " \t");
        text_visible_into(out, size, value, strcspn(value, "\n"));
        break;
    }
    if (file)
        (void)fclose(file);
}

/* Everything that can be refused is refused here, before anything takes time. */
static bool load(const struct arguments *arguments, struct job *job, struct err *err)
{
    int threads = arguments_threads(arguments);
    job->json = arguments_json(arguments);
    job->bench.threads = threads > 0 ? threads : omp_get_max_threads();
    read_processor(job->processor, sizeof job->processor);
    if (!read_words(arguments, job, err) || !kernel_pick(err))
        return false;
    for (size_t i = 0; i < countof(groups); i++)
        if (job->wanted[i] && groups[i]->needs_model)
            return bench_model(&job->bench, err) != NULL;
    return true;
}

/* ---- text ---------------------------------------------------------------------------- */

static uint64_t machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

static void print_head(const struct job *job)
{
    struct buf out = {0};
    buf_add_format(&out, "machine    %s, %d processors, %.1f GiB\n", job->processor,
                   omp_get_num_procs(), (double)machine_bytes() / (1 << 30));
    buf_add_format(&out, "CPU level  %s, %d thread%s\n", engine_cpu_level(), job->bench.threads,
                   job->bench.threads == 1 ? "" : "s");
    if (job->bench.model) {
        const struct model_shape *shape = model_shape(job->bench.model);
        buf_add_text(&out, "model      ");
        text_visible(&out, job->bench.model_path, strlen(job->bench.model_path));
        buf_add_format(&out, ", %u layers, width %u, ffn %u, %u tokens, %.1f MiB of weights\n",
                       (unsigned)shape->layers, (unsigned)shape->width, (unsigned)shape->ffn,
                       (unsigned)shape->vocab,
                       bench_weight_bytes(job->bench.model) / (1 << 20));
    }
    output_print(&out);
}

/* Four digits that count. */
static void add_value(struct buf *out, double value)
{
    int digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : value >= 0.1 ? 3 : 5;
    buf_add_format(out, " %10.*f", digits, value);
}

static void print_group(const struct job *job, size_t first)
{
    const struct bench *bench = &job->bench;
    struct buf out = {0};
    buf_add_format(&out, "\n%-32s %10s %-12s %10s %6s %7s\n", bench->group, "median", "", "floor",
                   "share", "spread");
    for (size_t i = first; i < bench->result_count; i++) {
        const struct bench_result *result = &bench->results[i];
        buf_add_format(&out, "%-32s", result->name);
        add_value(&out, result->value);
        buf_add_format(&out, " %-12s", result->unit);
        if (result->floor > 0) {
            add_value(&out, result->floor);
            buf_add_format(&out, " %4.1f %%", 100 * result->share);
        } else {
            buf_add_format(&out, " %17s", "");
        }
        if (result->runs > 1)
            buf_add_format(&out, " %5.1f %%", 100 * result->spread);
        while (out.data[out.len - 1] == ' ')
            out.len--;
        buf_add_text(&out, "\n");
    }
    output_print(&out);
    (void)fflush(stdout);
}

/* ---- JSON ------------------------------------------------------------------------------ */

static json_t *result_json(const struct bench_result *result)
{
    json_t *object = json_object();
    char name[128];
    (void)snprintf(name, sizeof name, "%s: %s", result->group, result->name);
    (void)json_object_set_new(object, "name", json_string(name));
    (void)json_object_set_new(object, "value", json_real(result->value));
    (void)json_object_set_new(object, "unit", json_string(result->unit));
    if (result->floor > 0) {
        (void)json_object_set_new(object, "floor", json_real(result->floor));
        (void)json_object_set_new(object, "share", json_real(result->share));
    }
    if (result->runs > 1)
        (void)json_object_set_new(object, "spread", json_real(result->spread));
    (void)json_object_set_new(object, "runs", json_integer((json_int_t)result->runs));
    return object;
}

static json_t *model_json(const struct bench *bench)
{
    const struct model_shape *shape = model_shape(bench->model);
    json_t *object = json_object();
    (void)json_object_set_new(object, "path",
                              json_text(bench->model_path, strlen(bench->model_path)));
    (void)json_object_set_new(object, "layers", json_integer(shape->layers));
    (void)json_object_set_new(object, "width", json_integer(shape->width));
    (void)json_object_set_new(object, "ffn", json_integer(shape->ffn));
    (void)json_object_set_new(object, "vocab", json_integer(shape->vocab));
    (void)json_object_set_new(object, "weight_bytes",
                              json_integer((json_int_t)bench_weight_bytes(bench->model)));
    return object;
}

static void print_json(const struct job *job)
{
    json_t *object = json_object(), *results = json_array();
    for (size_t i = 0; i < job->bench.result_count; i++)
        (void)json_array_append_new(results, result_json(&job->bench.results[i]));
    (void)json_object_set_new(object, "version", json_string(BANKAI_VERSION));
    (void)json_object_set_new(object, "machine", json_text(job->processor, strlen(job->processor)));
    (void)json_object_set_new(object, "processors", json_integer(omp_get_num_procs()));
    (void)json_object_set_new(object, "memory_bytes", json_integer((json_int_t)machine_bytes()));
    (void)json_object_set_new(object, "cpu", json_string(engine_cpu_level()));
    (void)json_object_set_new(object, "threads", json_integer(job->bench.threads));
    if (job->bench.model)
        (void)json_object_set_new(object, "model", model_json(&job->bench));
    (void)json_object_set_new(object, "results", results);
    cli_print_json(object, true);
}

/* ---- running ------------------------------------------------------------------------------- */

static bool run_groups(struct job *job, struct err *err)
{
    struct bench *bench = &job->bench;
    double plans[countof(groups)] = {0}, all = 0;
    for (size_t i = 0; i < countof(groups); i++) {
        plans[i] = job->wanted[i] ? groups[i]->plan(bench) : 0;
        all += plans[i];
    }
    progress_start(&bench->progress, "measuring", (uint64_t)(all * 100) + 1);
    bool ok = true;
    for (size_t i = 0; ok && i < countof(groups); i++) {
        size_t first = bench->result_count;
        if (!job->wanted[i])
            continue;
        bench->group = groups[i]->name;
        bench->group_plan_s = plans[i];
        ok = groups[i]->run(bench, err);
        bench->planned_s += plans[i];
        progress_clear(&bench->progress);
        if (ok && !job->json)
            print_group(job, first);
    }
    progress_end(&bench->progress);
    return ok;
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    bool ok = load(arguments, &job, err);
    if (ok && !job.json)
        print_head(&job);
    ok = ok && run_groups(&job, err);
    if (ok && job.json)
        print_json(&job);
    model_free(job.bench.model);
    free(job.bench.results);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"model", 'm', "MODEL", "a GGUF file instead of the embedded model"},
    {NULL, 0, NULL, NULL},
};

const struct command command_bench = {
    .name = "bench",
    .synopsis = "[WHAT...] [MODEL]",
    .summary = "Measure this machine, the kernels and a model",
    .details =
        "WHAT is any of these; without it all of them:\n"
        "  memory      reading memory and cache; instructions in registers\n"
        "  kernels     1-bit products of every CPU level (BANKAI_CPU: of one)\n"
        "  prompt      reading 64, 512 and 1024 tokens\n"
        "  decode      generating, one token after another; also with repacked weights\n"
        "  probes      evaluating 60 probes in one batch\n"
        "  candidates  measuring row flips exactly, by layer\n"
        "  patch       putting 93 row flips on, taking them off, switching\n"
        "  open        opening a file, and the memory it takes\n"
        "Numbers are medians of several runs; spread is (largest - smallest) / median.\n"
        "Floor is what the machine allows, measured in the same run: memory for one\n"
        "token, the instructions of the CPU level for blocks of tokens; share is how\n"
        "much of it is reached.  T is 1e12 operations per second, a multiply-add counts\n"
        "two.  The embedded model is measured unless another is given.",
    .options = options,
    .positional_min = 0,
    .positional_max = 9,
    .takes_model = false,
    .run = run,
};
