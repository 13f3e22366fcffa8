/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "src/base/file_writer.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/sha256.h"
#include "src/base/text.h"
#include "src/cli/cli.h"
#include "src/synth/synth.h"

extern const struct command command_synth;

static const char progress_what[] = "writing, MiB";

enum { MIB_SHIFT = 20 };

struct job {
    struct synth_shape shape;
    const char *path;
    uint64_t seed;
    struct synth_file file;
    struct file_writer *writer;
    struct sha256 *hash;
    char sha256[SHA256_TEXT_SIZE];
    uint64_t written;
    struct progress progress;
};

/* ---- options ------------------------------------------------------------------- */

/* Limits of the engine (engine/model/keys.c), so that what is written opens. */
static bool read_numbers(const struct arguments *arguments, struct synth_shape *shape,
                         struct err *err)
{
    const struct {
        const char *name;
        int64_t min, max;
        uint32_t *number;
    } numbers[] = {
        {"layers", 1, 1024, &shape->layers},
        {"width", GROUP_WEIGHTS, 1 << 16, &shape->width},
        {"ffn", GROUP_WEIGHTS, 1 << 20, &shape->ffn},
        {"heads", 1, 1024, &shape->heads},
        {"kv-heads", 1, 1024, &shape->kv_heads},
        {"head-dim", 2, 1024, &shape->head_dim},
        {"vocab", SYNTH_VOCAB_MIN, SYNTH_VOCAB_MAX, &shape->vocab},
    };
    for (size_t i = 0; i < countof(numbers); i++) {
        int64_t value = 0;
        if (!arguments_int(arguments, numbers[i].name, numbers[i].min, numbers[i].max,
                           *numbers[i].number, &value, err))
            return false;
        *numbers[i].number = (uint32_t)value;
    }
    return true;
}

static bool read_options(const struct arguments *arguments, struct job *job, struct err *err)
{
    int64_t seed = 0;
    bool tied = arguments_has(arguments, "tied"), untied = arguments_has(arguments, "untied");
    job->path = arguments_text(arguments, "output", NULL);
    if (!job->path)
        return err_set(err, ERR_USAGE, "no file given, expected -o FILE");
    if (tied && untied)
        return err_set(err, ERR_USAGE, "both --tied and --untied are given, expected one of them");
    if (!synth_shape_find(arguments_positional(arguments, 0), &job->shape, err) ||
        !read_numbers(arguments, &job->shape, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, 42, &seed, err))
        return false;
    job->seed = (uint64_t)seed;
    job->shape.tied = tied || (job->shape.tied && !untied);
    return synth_shape_check(&job->shape, err);
}

/* ---- writing -------------------------------------------------------------------- */

static bool put(void *user, const void *bytes, size_t len, struct err *err)
{
    struct job *job = user;
    if (atomic_load(&cli_cancel))
        return err_set(err, ERR_CANCELLED, "interrupted");
    if (!file_writer_put(job->writer, bytes, len, err) || !sha256_add(job->hash, bytes, len, err))
        return false;
    job->written += len;
    progress_update(&job->progress, job->written >> MIB_SHIFT, NULL);
    return true;
}

static bool write_file(struct job *job, struct err *err)
{
    job->writer = file_writer_open(job->path, err);
    if (!job->writer)
        return false;
    progress_start(&job->progress, progress_what, job->file.bytes >> MIB_SHIFT);
    bool ok = synth_file_write(&job->file, put, job, err) &&
              sha256_end(job->hash, job->sha256, err);
    BUG_ON(ok && job->written != job->file.bytes);
    if (ok)
        ok = file_writer_commit(job->writer, err);
    else
        file_writer_abandon(job->writer);
    progress_end(&job->progress);
    return ok;
}

static bool work(struct job *job, struct err *err)
{
    job->hash = sha256_new(err);
    bool ok = job->hash && synth_file_plan(&job->shape, job->seed, &job->file, err) &&
              write_file(job, err);
    sha256_free(job->hash);
    return ok;
}

/* ---- output ----------------------------------------------------------------------- */

static void print_json(const struct job *job)
{
    const struct synth_shape *shape = &job->shape;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"layers", shape->layers},     {"width", shape->width},
        {"ffn", shape->ffn},           {"heads", shape->heads},
        {"kv_heads", shape->kv_heads}, {"head_dim", shape->head_dim},
        {"vocab", shape->vocab},       {"seed", job->seed},
        {"bytes", job->file.bytes},
    };
    json_t *object = json_object();
    (void)json_object_set_new(object, "path", json_text(job->path, strlen(job->path)));
    (void)json_object_set_new(object, "shape", json_string(shape->name));
    for (size_t i = 0; i < countof(numbers); i++)
        (void)json_object_set_new(object, numbers[i].name,
                                  json_integer((json_int_t)numbers[i].value));
    (void)json_object_set_new(object, "tied", json_boolean(shape->tied));
    (void)json_object_set_new(object, "sha256", json_string(job->sha256));
    cli_print_json(object, true);
}

static void print_text(const struct job *job)
{
    const struct synth_shape *shape = &job->shape;
    struct buf out = {0};
    buf_add_text(&out, "file          ");
    text_visible(&out, job->path, strlen(job->path));
    buf_add_format(&out, "\nbytes         %" PRIu64 "\nSHA-256       %s\n", job->file.bytes,
                   job->sha256);
    buf_add_format(&out, "architecture  qwen3, %u layers, width %u, ffn %u\n",
                   (unsigned)shape->layers, (unsigned)shape->width, (unsigned)shape->ffn);
    buf_add_format(&out, "attention     %u query heads, %u KV heads of %u\n",
                   (unsigned)shape->heads, (unsigned)shape->kv_heads, (unsigned)shape->head_dim);
    buf_add_format(&out, "vocabulary    %u tokens, head %s\n", (unsigned)shape->vocab,
                   shape->tied ? "tied to the embedding" : "separate from the embedding");
    buf_add_format(&out, "weights       random, seed %" PRIu64 "\n", job->seed);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static int run(struct arguments *arguments, struct err *err)
{
    struct job job = {0};
    bool ok = read_options(arguments, &job, err) && work(&job, err);
    if (ok && arguments_json(arguments))
        print_json(&job);
    else if (ok)
        print_text(&job);
    synth_file_free(&job.file);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"output", 'o', "FILE", "the GGUF file to write"},
    {"seed", 0, "N", "of the weights (42)"},
    {"layers", 0, "N", "instead of the shape's own, as all that follow"},
    {"width", 0, "N", "of the residual stream, a multiple of 128"},
    {"ffn", 0, "N", "neurons of a layer's MLP, a multiple of 128"},
    {"heads", 0, "N", "query heads"},
    {"kv-heads", 0, "N", "key and value heads"},
    {"head-dim", 0, "N", "numbers in a head"},
    {"vocab", 0, "N", "tokens, 282 to 262144"},
    {"tied", 0, NULL, "the head is the embedding"},
    {"untied", 0, NULL, "the head is a matrix of its own"},
    {NULL, 0, NULL, NULL},
};

const struct command command_synth = {
    .name = "synth",
    .synopsis = "1.7B|4B|8B|custom -o FILE [--layers N ...]",
    .summary = "Write a model of random weights in a real shape",
    .details =
        "SHAPE gives a Bonsai model's layers, widths, heads, keys and number of tokens\n"
        "and merges, custom a small model; the options change single numbers of it, so\n"
        "that `synth 8B --layers 2` is a slice of full width.  Weights are random signs\n"
        "with scales that differ by row, sized so that activations stay sane through\n"
        "the depth; the words of the vocabulary are made up.  Such a model says nothing\n"
        "of use: it is there to measure speed and memory, and to try things out at\n"
        "full size.  The same shape and seed give the same bytes on every machine.\n"
        "With --json {\"path\", \"shape\", \"layers\", ..., \"bytes\", \"sha256\"}.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = false,
    .run = run,
};
