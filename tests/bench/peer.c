/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * llama.cpp on a GGUF file, through its C API: what bankai is compared with.
 * peer.sh builds it against headers and library of an npm package and runs it;
 * nothing else uses it.
 *
 *   peer speed MODEL THREADS            tokens/s, medians of three runs, and the share
 *                                       of THREADS processors that it got
 *   peer greedy MODEL N OUT ID...       N tokens behind these; prints all ids, writes
 *                                       the logits after each but the last as float32
 */
#include <dlfcn.h>
#include <ggml-backend.h>
#include <llama.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 3, DECODE_CONTEXT = 64, DECODE_TOKENS = 16, IDS_MAX = 512 };

static _Noreturn void fail(const char *what, const char *which)
{
    (void)fprintf(stderr, "peer: %s%s%s\n", what, which ? ": " : "", which ? which : "");
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void log_errors(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR)
        (void)fputs(text, stderr);
}

/* ---- opening ---------------------------------------------------------------------- */

/* Variants for CPUs are plug-ins beside the library, which picks the best. */
static void load_variants(void)
{
    Dl_info info;
    char folder[4096];
    if (!dladdr((void *)(uintptr_t)llama_decode, &info) || !info.dli_fname)
        fail("cannot find the library's folder", NULL);
    (void)snprintf(folder, sizeof folder, "%s", info.dli_fname);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    ggml_backend_load_all_from_path(folder);
}

/* The variant that was picked, by the name of its file. */
static void print_variant(void)
{
    char line[4400];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        char *name = strstr(line, "libggml-cpu-");
        if (!name)
            continue;
        name += strlen("libggml-cpu-");
        (void)printf("variant %.*s\n", (int)strcspn(name, "."), name);
        break;
    }
    if (maps)
        (void)fclose(maps);
}

static struct llama_model *open_model(const char *path)
{
    struct llama_model_params params = llama_model_default_params();
    llama_log_set(log_errors, NULL);
    ggml_log_set(log_errors, NULL);
    load_variants();
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(path, params);
    if (!model)
        fail("cannot open the model", path);
    return model;
}

static struct llama_context *open_context(struct llama_model *model, uint32_t tokens, int threads)
{
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = tokens;
    params.n_batch = params.n_ubatch = 512;
    params.n_threads = params.n_threads_batch = threads;
    params.no_perf = true;
    struct llama_context *context = llama_init_from_model(model, params);
    if (!context)
        fail("cannot make a context", NULL);
    return context;
}

static int32_t vocab_of(const struct llama_model *model)
{
    return llama_vocab_n_tokens(llama_model_get_vocab(model));
}

/* Add tokens from this position on; logits of all of them or of the last one. */
static void add_tokens(struct llama_context *context, const llama_token *ids, int count,
                       int position, bool all)
{
    struct llama_batch batch = llama_batch_init(count, 0, 1);
    for (int i = 0; i < count; i++) {
        batch.token[i] = ids[i];
        batch.pos[i] = position + i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = all || i == count - 1;
    }
    batch.n_tokens = count;
    if (llama_decode(context, batch) != 0)
        fail("cannot compute", NULL);
    llama_synchronize(context);
    llama_batch_free(batch);
}

static llama_token best_of(const float *logits, int32_t count)
{
    llama_token best = 0;
    for (int32_t i = 1; i < count; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* ---- speed ------------------------------------------------------------------------- */

/* Its workers spin while they wait: a share clearly below 1 is a disturbed run. */
struct run {
    double seconds, processors;
};

static void run_start(struct run *run)
{
    run->seconds = -seconds_of(CLOCK_MONOTONIC);
    run->processors = -seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void run_end(struct run *run)
{
    run->seconds += seconds_of(CLOCK_MONOTONIC);
    run->processors = (run->processors + seconds_of(CLOCK_PROCESS_CPUTIME_ID)) / run->seconds;
}

static int compare(const void *a, const void *b)
{
    double x = ((const struct run *)a)->seconds, y = ((const struct run *)b)->seconds;
    return (x > y) - (x < y);
}

static void print_speed(const char *name, int tokens, int threads, struct run runs[RUNS])
{
    qsort(runs, RUNS, sizeof *runs, compare);
    const struct run *median = &runs[RUNS / 2];
    (void)printf("%s %.3f %.2f\n", name, tokens / median->seconds, median->processors / threads);
}

static void forget(struct llama_context *context)
{
    llama_memory_clear(llama_get_memory(context), false);
}

static void time_prompt(struct llama_context *context, const llama_token *ids, int count,
                        int threads, const char *name)
{
    struct run runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        forget(context);
        run_start(&runs[i]);
        for (int at = 0; at < count; at += 512)
            add_tokens(context, ids + at, count - at < 512 ? count - at : 512, at, false);
        run_end(&runs[i]);
    }
    print_speed(name, count, threads, runs);
}

static void time_decode(struct llama_context *context, const llama_token *ids, int32_t vocab,
                        int threads, const char *name)
{
    struct run runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        forget(context);
        add_tokens(context, ids, DECODE_CONTEXT, 0, false);
        llama_token id = ids[0];
        run_start(&runs[i]);
        for (int k = 0; k < DECODE_TOKENS; k++) {
            add_tokens(context, &id, 1, DECODE_CONTEXT + k, false);
            id = best_of(llama_get_logits_ith(context, -1), vocab);
        }
        run_end(&runs[i]);
    }
    print_speed(name, DECODE_TOKENS, threads, runs);
}

static void run_speed(struct llama_model *model, int threads)
{
    struct llama_context *context = open_context(model, 1024, threads);
    int32_t vocab = vocab_of(model);
    llama_token ids[512];
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        random = random * 1664525u + 1013904223u;
        ids[i] = (llama_token)((random >> 8) % (uint32_t)vocab);
    }
    print_variant();
    add_tokens(context, ids, DECODE_CONTEXT, 0, false); /* the file is read */
    time_prompt(context, ids, 64, threads, "prompt-64");
    time_prompt(context, ids, 512, threads, "prompt-512");
    time_decode(context, ids, vocab, threads, "decode-64");
    llama_free(context);
}

/* ---- logits --------------------------------------------------------------------------- */

static void write_logits(FILE *out, struct llama_context *context, int rows, int32_t vocab)
{
    for (int i = 0; i < rows; i++)
        if (fwrite(llama_get_logits_ith(context, i), sizeof(float), (size_t)vocab, out) !=
            (size_t)vocab)
            fail("cannot write the logits", NULL);
}

static void run_greedy(struct llama_model *model, int more, const char *path, char **words,
                       int count)
{
    struct llama_context *context = open_context(model, 1024, 2);
    int32_t vocab = vocab_of(model);
    llama_token ids[IDS_MAX];
    FILE *out = fopen(path, "wb");
    if (!out || count < 1 || more < 1 || count + more > IDS_MAX)
        fail("no file for the logits, or too many tokens", path);
    for (int i = 0; i < count; i++)
        ids[i] = (llama_token)strtol(words[i], NULL, 10);
    add_tokens(context, ids, count, 0, true);
    write_logits(out, context, count, vocab);
    for (int i = 0; i < more; i++) {
        ids[count + i] = best_of(llama_get_logits_ith(context, -1), vocab);
        if (i + 1 == more)
            break;
        add_tokens(context, ids + count + i, 1, count + i, true);
        write_logits(out, context, 1, vocab);
    }
    if (fclose(out) != 0)
        fail("cannot write the logits", path);
    for (int i = 0; i < count + more; i++)
        (void)printf("%s%d", i ? " " : "", (int)ids[i]);
    (void)printf("\n");
    llama_free(context);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "speed") == 0)
        run_speed(open_model(argv[2]), atoi(argv[3]));
    else if (argc >= 6 && strcmp(argv[1], "greedy") == 0)
        run_greedy(open_model(argv[2]), atoi(argv[3]), argv[4], argv + 5, argc - 5);
    else
        fail("expected speed MODEL THREADS, or greedy MODEL N OUT ID...", NULL);
    return 0;
}
