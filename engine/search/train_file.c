/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/search/train_file_int.h"
#include "src/base/file.h"
#include "src/base/file_writer.h"
#include "src/base/num.h"

enum { CHECK_BYTES = SHA256_TEXT_SIZE - 1 };
static const size_t file_bytes_max = (size_t)1 << 40;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "units' numbers are saved as they lie");

/* ---- saving ------------------------------------------------------------------------- */

static bool hash_all(const struct train *train, char hashes[TRAIN_HASHES][SHA256_TEXT_SIZE],
                     struct err *err)
{
    const char *model = model_sha256(train->model, err);
    if (!model)
        return false;
    memcpy(hashes[0], model, SHA256_TEXT_SIZE);
    return items_sha256(train->targets, hashes[1], err) &&
           items_sha256(train->controls, hashes[2], err);
}

static bool put(struct file_writer *writer, struct sha256 *hash, const void *bytes, size_t len,
                struct err *err)
{
    return sha256_add(hash, bytes, len, err) && file_writer_put(writer, bytes, len, err);
}

static bool put_all(const struct train *train, const struct buf *head, struct file_writer *writer,
                    struct err *err)
{
    char check[SHA256_TEXT_SIZE];
    uint32_t *taken = NULL;
    const float *numbers = units_numbers(train->units, &taken);
    size_t len = 2 * units_count(train->units) * sizeof *numbers;
    struct sha256 *hash = sha256_new(err);
    bool ok = hash && put(writer, hash, head->data, head->len, err) &&
              put(writer, hash, numbers, len, err) && sha256_end(hash, check, err) &&
              file_writer_put(writer, check, CHECK_BYTES, err);
    sha256_free(hash);
    return ok;
}

bool train_save(const struct train *train, const char *settings, const char *path,
                struct err *err)
{
    struct train copy = *train; /* writing changes nothing, but the description is for both */
    struct buf head = {0};
    struct pass pass = {.out = &head, .ok = true, .err = err};
    uint32_t *taken = NULL;
    (void)units_numbers(train->units, &taken);
    struct train_file file = {.saved = &copy, .settings = x_copy(settings, strlen(settings)),
                              .units = units_count(train->units), .taken = *taken};
    bool ok = hash_all(train, file.hashes, err);
    if (ok)
        train_file_pass(&pass, &file);
    struct file_writer *writer = ok ? file_writer_open(path, err) : NULL;
    ok = writer && put_all(train, &head, writer, err);
    if (ok)
        ok = file_writer_commit(writer, err);
    else
        file_writer_abandon(writer);
    buf_free(&head);
    free(file.settings);
    return ok;
}

/* ---- reading ------------------------------------------------------------------------ */

/* Each of 0 .. total - 1 stands in the lists once: seen is [total], zero at first. */
static bool mark(bool *seen, size_t total, const size_t *list, size_t count, size_t from,
                 size_t below)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] < from || list[i] >= below || list[i] >= total || seen[list[i]])
            return false;
        seen[list[i]] = true;
    }
    return true;
}

static bool targets_agree(const struct train *train)
{
    size_t beside = train->neighbour_deck.count + train->neighbours.count;
    size_t own = train->target_deck.count + train->validation.count, total = own + beside;
    bool *seen = x_new(total, sizeof *seen);
    bool ok = beside == train->options.neighbours &&
              train->validation.count == train->options.validation &&
              train->target_deck.count > 0 &&
              mark(seen, total, train->target_deck.cards, train->target_deck.count, 0, own) &&
              mark(seen, total, train->validation.index, train->validation.count, 0, own) &&
              mark(seen, total, train->neighbour_deck.cards, train->neighbour_deck.count, own,
                   total) &&
              mark(seen, total, train->neighbours.index, train->neighbours.count, own, total);
    free(seen);
    return ok;
}

size_t train_file_controls(const struct train_file *file)
{
    const struct train *train = file->saved;
    bool apart = train->options.control_validation != TRAIN_A_SAMPLE;
    return train->control_deck.count + (apart ? train->judged.count : 0);
}

static bool controls_agree(const struct train_file *file)
{
    const struct train *train = file->saved;
    size_t total = train_file_controls(file);
    bool apart = train->options.control_validation != TRAIN_A_SAMPLE;
    bool *seen = x_new(total, sizeof *seen), *judged = x_new(total, sizeof *judged);
    bool ok = (!apart || train->judged.count == train->options.control_validation) &&
              mark(seen, total, train->control_deck.cards, train->control_deck.count, 0, total) &&
              mark(apart ? seen : judged, total, train->judged.index, train->judged.count, 0,
                   total);
    free(seen);
    free(judged);
    return ok;
}

static bool parts_agree(struct pass *pass, const struct train_file *file)
{
    const struct train *train = file->saved;
    const struct train_options *options = &train->options;
    size_t numbers = 0, left = pass_left(pass);
    if ((options->chunk & (options->chunk - 1)) != 0 || options->projs == 0)
        return pass_refuse(pass, "no size of units");
    if (options->batch_targets == 0 || options->first_k == 0 ||
        options->first_k > options->most_k || train->k == 0 || train->k > options->most_k ||
        train->best_step > train->step)
        return pass_refuse(pass, "sizes of steps do not agree");
    if (!targets_agree(train) || !controls_agree(file))
        return pass_refuse(pass, "items do not stand once in their lists");
    for (size_t i = 0; i < train->step; i++)
        if (train->past[i].step.kept > options->most_k)
            return pass_refuse(pass, "a step has more flips than it may");
    if (options->ranking == RANK_RANDOM ? file->taken != 0 : file->taken < train->step)
        return pass_refuse(pass, "gradients and steps do not agree");
    if (!num_mul(file->units, 2 * sizeof(float), &numbers) || left < CHECK_BYTES ||
        numbers != left - CHECK_BYTES)
        return pass_refuse(pass, "units and bytes do not agree");
    return true;
}

static bool check_sum(struct pass *pass)
{
    char check[SHA256_TEXT_SIZE];
    if (pass->len < CHECK_BYTES + TRAIN_MAGIC_BYTES ||
        memcmp(pass->bytes, train_magic, TRAIN_MAGIC_BYTES) != 0)
        return pass_refuse(pass, "is no saved training");
    size_t len = pass->len - CHECK_BYTES;
    if (!sha256_text(pass->bytes, len, check, pass->err))
        return false;
    pass->at = memcmp(check, pass->bytes + len, CHECK_BYTES) == 0 ? 0 : len;
    return pass->at == 0 || pass_refuse(pass, "the checksum is wrong");
}

static bool parse(struct train_file *file, struct err *err)
{
    struct pass pass = {.reading = true, .bytes = (const unsigned char *)file->bytes.data,
                        .len = file->bytes.len, .ok = true, .err = err};
    if (!check_sum(&pass))
        return false;
    train_file_pass(&pass, file);
    for (size_t i = 0; pass.ok && i < TRAIN_HASHES; i++)
        if (!sha256_is_text(file->hashes[i]))
            (void)pass_refuse(&pass, "a hash is no hash");
    file->numbers = pass.at;
    return pass.ok && parts_agree(&pass, file);
}

static struct train_file *file_of(struct buf bytes, const char *name, struct err *err)
{
    struct train_file *file = x_new(1, sizeof *file);
    file->bytes = bytes;
    file->saved = x_new(1, sizeof *file->saved);
    file->name = x_copy(name, strlen(name));
    if (parse(file, err))
        return file;
    (void)err_file(err, name);
    train_file_free(file);
    return NULL;
}

struct train_file *train_file_parse(const void *bytes, size_t len, const char *name,
                                    struct err *err)
{
    struct buf copy = {0};
    buf_add(&copy, bytes, len);
    return file_of(copy, name, err);
}

bool train_file_is(const char *path)
{
    char bytes[TRAIN_MAGIC_BYTES] = "";
    struct stat status;
    FILE *file = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "rb") : NULL;
    bool whole = file && fread(bytes, 1, sizeof bytes, file) == sizeof bytes;
    if (file)
        (void)fclose(file);
    return whole && memcmp(bytes, train_magic, TRAIN_MAGIC_BYTES) == 0;
}

struct train_file *train_file_read(const char *path, struct err *err)
{
    struct buf bytes = {0};
    if (file_read(path, file_bytes_max, &bytes, err))
        return file_of(bytes, path, err);
    buf_free(&bytes);
    return NULL;
}

const char *train_file_settings(const struct train_file *file)
{
    return file->settings;
}

struct train_options *train_file_options(struct train_file *file)
{
    return &file->saved->options;
}

struct train_file_facts train_file_facts(const struct train_file *file)
{
    const struct train *train = file->saved;
    return (struct train_file_facts){
        .model_sha256 = file->hashes[0],
        .targets = train->target_deck.count + train->validation.count +
                   train->neighbour_deck.count + train->neighbours.count,
        .controls = train_file_controls(file),
        .units = file->units,
        .stop = train_stop_of(train, file->units),
    };
}

const struct train *train_file_saved(const struct train_file *file)
{
    return file->saved;
}

void train_file_free(struct train_file *file)
{
    if (!file)
        return;
    train_free(file->saved);
    free(file->settings);
    free(file->name);
    buf_free(&file->bytes);
    free(file);
}
