/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/memory.h"
#include "src/base/num.h"
#include "src/base/text.h"
#include "src/report/report.h"

extern const struct command command_logits;

enum { TOP_MAX = 1000 };

/* "1,2,3"; white space around numbers is allowed. */
static bool parse_ids(const char *text, struct ids *ids, struct err *err)
{
    for (const char *at = text; at; ) {
        char *end = NULL;
        long long value = strtoll(at, &end, 10);
        end += strspn(end, " ");
        bool number = end != at && (*end == ',' || *end == '\0');
        if (!number || value < 0 || value > INT32_MAX)
            return err_set(err, ERR_USAGE,
                           "--ids: '%s' is not a list of token ids, expected such as 1,2,3", text);
        ids_add(ids, (int32_t)value);
        at = *end == ',' ? end + 1 : NULL;
    }
    return true;
}

/* Room for the logits of all positions, which may be gigabytes. */
static float *new_logits(size_t positions, size_t vocab, struct err *err)
{
    size_t bytes = 0;
    uint64_t available = memory_available();
    float *logits = NULL;
    if (num_mul(positions * sizeof *logits, vocab, &bytes) && bytes <= available)
        logits = malloc(bytes);
    if (!logits)
        (void)err_set(err, ERR_MEMORY,
                      "no memory for the logits of %zu tokens (%zu MiB, the machine has %zu MiB "
                      "left)",
                      positions, bytes >> 20, (size_t)(available >> 20));
    return logits;
}

/* Logits of all positions; owned by the caller. */
static float *compute(struct model *model, const struct ids *ids, int threads, struct err *err)
{
    struct context_options options = {.tokens_max = ids->count, .threads = threads};
    struct context *context = context_new(model, &options, err);
    if (!context)
        return NULL;
    size_t *slots = x_new(ids->count, sizeof *slots);
    float *logits = new_logits(ids->count, model_shape(model)->vocab, err);
    size_t branch = context_branch(context, 0, 0);
    bool ok = logits && context_push(context, branch, ids->data, ids->count, err) &&
         context_run(context, &cli_cancel, err);
    for (size_t i = 0; ok && i < ids->count; i++)
        slots[i] = context_slot(context, branch, i);
    ok = ok && context_logits(context, slots, ids->count, logits, &cli_cancel, err);
    context_free(context);
    free(slots);
    if (ok)
        return logits;
    free(logits);
    return NULL;
}

/* Ids of the k largest logits, best first. */
static size_t top_ids(const float *logits, size_t vocab, size_t k, int32_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < vocab; i++) {
        if (count == k && logits[i] <= logits[out[k - 1]])
            continue;
        size_t place = count < k ? count++ : k - 1;
        for (; place > 0 && logits[out[place - 1]] < logits[i]; place--)
            out[place] = out[place - 1];
        out[place] = (int32_t)i;
    }
    return count;
}

static json_t *top_json(const struct model *model, const float *logits, const int32_t *ids,
                        size_t count)
{
    json_t *array = json_array();
    size_t vocab = model_shape(model)->vocab;
    struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        buf_clear(&text);
        token_decode(model_tokenizer(model), ids[i], &text);
        json_t *object = json_object();
        (void)json_object_set_new(object, "id", json_integer(ids[i]));
        (void)json_object_set_new(object, "logit", json_real((double)logits[ids[i]]));
        (void)json_object_set_new(object, "log_prob",
                                  json_real(logits_log_prob(logits, vocab, ids[i])));
        (void)json_object_set_new(object, "text", json_text(text.data ? text.data : "", text.len));
        (void)json_array_append_new(array, object);
    }
    buf_free(&text);
    return array;
}

static void add_top(struct buf *out, const struct model *model, const float *logits,
                    const int32_t *ids, size_t count)
{
    size_t vocab = model_shape(model)->vocab;
    struct buf text = {0};
    buf_add_format(out, "%7s  %10s  %10s  %s\n", "id", "logit", "log prob", "text");
    for (size_t i = 0; i < count; i++) {
        buf_clear(&text);
        token_decode(model_tokenizer(model), ids[i], &text);
        buf_add_format(out, "%7" PRId32 "  %10.5f  %10.5f  \"", ids[i], (double)logits[ids[i]],
                       logits_log_prob(logits, vocab, ids[i]));
        text_visible(out, text.data, text.len);
        buf_add_text(out, "\"\n");
    }
    buf_free(&text);
}

static void print_last(const struct arguments *arguments, const struct model *model,
                       const float *logits, size_t positions, size_t k)
{
    size_t vocab = model_shape(model)->vocab;
    const float *last = logits + (positions - 1) * vocab;
    int32_t ids[TOP_MAX] = {0};
    size_t count = top_ids(last, vocab, k < vocab ? k : vocab, ids);
    if (arguments_json(arguments)) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "positions", json_integer((json_int_t)positions));
        (void)json_object_set_new(object, "vocab", json_integer((json_int_t)vocab));
        (void)json_object_set_new(object, "top", top_json(model, last, ids, count));
        cli_print_json(object, true);
        return;
    }
    struct buf out = {0};
    add_top(&out, model, last, ids, count);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static bool work(const struct arguments *arguments, struct model *model, struct err *err)
{
    struct ids ids = {0};
    int64_t k = 0;
    const char *output = arguments_text(arguments, "output", NULL);
    const char *text = arguments_text(arguments, "ids", NULL);
    if (!text)
        return err_set(err, ERR_USAGE, "no token ids given, expected --ids 1,2,3");
    bool ok = arguments_int(arguments, "top", 1, TOP_MAX, 10, &k, err) &&
              parse_ids(text, &ids, err);
    if (ok)
        report_long_text(model, ids.count);
    float *logits = ok ? compute(model, &ids, arguments_threads(arguments), err) : NULL;
    size_t bytes = ids.count * model_shape(model)->vocab * sizeof *logits;
    ok = logits && (!output || file_write(output, logits, bytes, err));
    if (ok)
        print_last(arguments, model, logits, ids.count, (size_t)k);
    free(logits);
    ids_free(&ids);
    return ok;
}

static int run(struct arguments *arguments, struct err *err)
{
    struct model *model = model_open(arguments_positional(arguments, 0), err);
    bool ok = model && work(arguments, model, err);
    model_free(model);
    return ok ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"ids", 0, "1,2,3", "token ids of the text (bankai tokenize gives them)"},
    {"output", 'o', "F", "write all logits to F: float32 little-endian, positions x vocabulary"},
    {"top", 'k', "K", "how many of the best next tokens to print (10)"},
    {NULL, 0, NULL, NULL},
};

const struct command command_logits = {
    .name = "logits",
    .synopsis = "MODEL --ids 1,2,3 [-o F]",
    .summary = "Print the best next tokens, write all logits",
    .details = NULL,
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};
