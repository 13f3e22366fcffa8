/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "engine/search/train_file_int.h"

static bool is_same(const struct train_file *file, size_t which, const char *hash, struct err *err)
{
    static const char *const names[] = {"model", "targets", "controls"};
    if (strcmp(file->hashes[which], hash) == 0)
        return true;
    (void)err_set(err, ERR_MISMATCH, "was trained with other %s%s", names[which],
                  which == 0 ? " bytes (SHA-256)" : "");
    return err_file(err, file->name);
}

static bool model_is_same(const struct train_file *file, struct model *model, struct err *err)
{
    const char *hash = model_sha256(model, err);
    return hash && is_same(file, 0, hash, err);
}

static bool items_are_same(const struct train_file *file, const struct items *targets,
                           const struct items *controls, struct err *err)
{
    char hash[SHA256_TEXT_SIZE];
    const struct train *saved = file->saved;
    size_t own = saved->target_deck.count + saved->validation.count + saved->options.neighbours;
    return items_sha256(targets, hash, err) && is_same(file, 1, hash, err) &&
           items_sha256(controls, hash, err) && is_same(file, 2, hash, err) &&
           (targets->count == own && (controls ? controls->count : 0) == train_file_controls(file)
                ? true
                : err_set(err, ERR_MISMATCH, "%zu targets, expected %zu", targets->count, own));
}

static bool units_are_same(const struct train_file *file, const struct units *units,
                           struct err *err)
{
    return units_count(units) == file->units
               ? true
               : err_set(err, ERR_MISMATCH, "the model has %llu units, expected %llu",
                         (unsigned long long)units_count(units), (unsigned long long)file->units);
}

static void put_back(struct train *train, const struct train_file *file)
{
    uint32_t *taken = NULL;
    for (uint64_t i = 0; i < train->step; i++)
        units_flip_numbers(train->units, train->past[i].numbers, train->past[i].step.kept);
    float *numbers = units_numbers(train->units, &taken);
    memcpy(numbers, file->bytes.data + file->numbers, 2 * file->units * sizeof *numbers);
    *taken = (uint32_t)file->taken;
}

struct train *train_resume(struct model *model, const struct items *targets,
                           const struct items *controls, struct train_file *file,
                           cancel_flag *cancel, struct err *err)
{
    struct train *train = file->saved;
    BUG_ON(!train);
    if (!model_is_same(file, model, err) || !items_are_same(file, targets, controls, err))
        return NULL;
    train->model = model;
    train->targets = targets;
    train->controls = controls;
    if (!train_prepare(train, cancel, err) || !units_are_same(file, train->units, err))
        return NULL;
    put_back(train, file);
    file->saved = NULL;
    return train;
}

bool train_file_flips(const struct train_file *file, struct model *model, uint64_t step,
                      struct flip **out, size_t *count, struct err *err)
{
    const struct train_options *options = &file->saved->options;
    struct units_options units = {options->chunk, options->projs, options->ranking, 0,
                                  options->threads, 0, 0};
    if (step > file->saved->step)
        return err_set(err, ERR_RANGE, "there is no step %llu, expected 0 to %llu",
                       (unsigned long long)step, (unsigned long long)file->saved->step);
    if (!model_is_same(file, model, err))
        return false;
    struct train only = {.units = units_new(model, &units, err), .step = file->saved->step,
                         .past = file->saved->past};
    bool ok = only.units && units_are_same(file, only.units, err);
    if (ok)
        *count = train_flips_at(&only, step, out);
    units_free(only.units);
    return ok;
}
