/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/experiment/loss.h"

#include <stdlib.h>
#include <string.h>

#include "probes/measure.h"

enum { LOGITS_BYTES_MAX = 16 << 20 };

struct loss {
    struct model *model;
    struct batch *batch;
    int32_t *wanted; /* [rows] the token that is right at each row of the batch, or -1 */
    size_t rows;
    size_t tokens; /* of all answers */
    float *logits; /* [rows_per_step][vocab] */
    size_t rows_per_step;
};

struct answer { /* of one probe */
    struct ids ids; /* prompt and right answer */
    size_t prompt;  /* tokens of it */
};

static bool encode(const struct tokenizer *tokenizer, const struct probe *probe,
                   struct answer *answer, struct err *err)
{
    struct encode_options options = {0};
    struct ids right = {0};
    bool merged = false;
    bool ok = token_encode(tokenizer, probe->prompt, strlen(probe->prompt), &options,
                           &answer->ids, err) &&
              answer_encode(tokenizer, probe->prompt, &answer->ids, probe->correct, &right,
                            &merged, err);
    answer->prompt = answer->ids.count;
    for (size_t i = 0; ok && i < right.count; i++)
        ids_add(&answer->ids, right.data[i]);
    if (ok && (answer->prompt == 0 || right.count == 0))
        ok = err_set(err, ERR_MISMATCH, "probe %s has an empty prompt or answer", probe->name);
    ids_free(&right);
    return ok;
}

/* Each answer's tokens at the rows that foresee them. */
static void collect(struct loss *loss, const struct answer *answers, size_t count)
{
    loss->rows = batch_rows(loss->batch);
    loss->wanted = x_new(loss->rows, sizeof *loss->wanted);
    memset(loss->wanted, 0xFF, loss->rows * sizeof *loss->wanted);
    for (size_t i = 0; i < count; i++)
        for (size_t at = answers[i].prompt; at < answers[i].ids.count; at++)
            loss->wanted[batch_row(loss->batch, i, at - 1)] = answers[i].ids.data[at];
    for (size_t row = 0; row < loss->rows; row++)
        loss->tokens += loss->wanted[row] >= 0;
}

static bool prepare(struct loss *loss, const struct answer *answers, size_t count, int threads,
                    struct err *err)
{
    struct sequence *sequences = x_new(count, sizeof *sequences);
    for (size_t i = 0; i < count; i++)
        sequences[i] = (struct sequence){
            .ids = answers[i].ids.data,
            .count = answers[i].ids.count - 1,
            .wanted = answers[i].prompt - 1,
            .owner = (uint32_t)i, /* each row foresees one answer */
        };
    struct batch_options options = {.threads = threads, .keep_bytes = batch_keep_default()};
    loss->batch = batch_new(loss->model, sequences, count, &options, err);
    free(sequences);
    if (!loss->batch)
        return false;
    collect(loss, answers, count);
    size_t vocab = model_shape(loss->model)->vocab;
    loss->rows_per_step = LOGITS_BYTES_MAX / (vocab * sizeof(float)) + 1;
    if (loss->rows_per_step > loss->rows)
        loss->rows_per_step = loss->rows;
    loss->logits = x_new(loss->rows_per_step * vocab, sizeof *loss->logits);
    return true;
}

struct loss *loss_new(struct model *model, const struct probe_set *set, int threads,
                      struct err *err)
{
    struct loss *loss = x_new(1, sizeof *loss);
    struct answer *answers = x_new(set->count, sizeof *answers);
    bool ok = set->count > 0 || err_set(err, ERR_USAGE, "there are no probes");
    loss->model = model;
    for (size_t i = 0; ok && i < set->count; i++)
        ok = encode(model_tokenizer(model), &set->probes[i], &answers[i], err);
    ok = ok && prepare(loss, answers, set->count, threads, err);
    for (size_t i = 0; i < set->count; i++)
        ids_free(&answers[i].ids);
    free(answers);
    if (ok)
        return loss;
    loss_free(loss);
    return NULL;
}

static bool read_loss(struct loss *loss, int world, double *value, cancel_flag *cancel,
                      struct err *err)
{
    size_t vocab = model_shape(loss->model)->vocab;
    double sum = 0;
    for (size_t first = 0; first < loss->rows; first += loss->rows_per_step) {
        size_t n = loss->rows - first;
        n = n < loss->rows_per_step ? n : loss->rows_per_step;
        if (!batch_logits(loss->batch, world, first, n, loss->logits, cancel, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (loss->wanted[first + i] >= 0)
                sum -= logits_log_prob(loss->logits + i * vocab, vocab, loss->wanted[first + i]);
    }
    *value = sum / (double)loss->tokens;
    return true;
}

bool loss_run(struct loss *loss, double *value, cancel_flag *cancel, struct err *err)
{
    return batch_run(loss->batch, cancel, err) &&
           read_loss(loss, BATCH_MODEL, value, cancel, err);
}

bool loss_try(struct loss *loss, const struct flip *flips, size_t count, double *values,
              cancel_flag *cancel, struct err *err)
{
    if (!batch_try(loss->batch, flips, count, cancel, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_loss(loss, (int)i, &values[i], cancel, err))
            return false;
    return true;
}

size_t loss_at_once(const struct loss *loss)
{
    return batch_worlds(loss->batch);
}

void loss_free(struct loss *loss)
{
    if (!loss)
        return;
    batch_free(loss->batch);
    free(loss->wanted);
    free(loss->logits);
    free(loss);
}
