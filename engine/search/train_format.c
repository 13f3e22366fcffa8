/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * TRAINING.md describes the bytes; the functions stand in its order.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/train_file_int.h"

enum {
    VERSION = 1,
    MOST = 1000000, /* of a step: targets, controls, flips */
    STEP_BYTES = 8, /* of a step in the file: at least */
};

static void pass_options(struct pass *pass, struct train_options *options)
{
    size_t chunk = options->chunk, projs = options->projs;
    size_t ranking = options->ranking, objective = options->objective;
    pass_size(pass, &chunk, GROUP_WEIGHTS, "no size of units");
    pass_size(pass, &projs, (1u << PROJ_LAYER_COUNT) - 1, "unknown projections");
    pass_size(pass, &ranking, RANK_GUARDED, "an unknown ranking");
    pass_size(pass, &objective, ITEM_MARGIN, "an unknown objective");
    options->chunk = (uint32_t)chunk;
    options->projs = (uint32_t)projs;
    options->ranking = (enum ranking)ranking;
    options->objective = (enum item_objective)objective;
    pass_size(pass, &options->batch_targets, MOST, "too many targets of a step");
    pass_size(pass, &options->batch_controls, MOST, "too many controls of a step");
    pass_size(pass, &options->neighbours, SIZE_MAX, "");
    pass_double(pass, &options->control_weight);
    pass_double(pass, &options->price);
    pass_size(pass, &options->first_k, MOST, "too many flips of a step");
    pass_size(pass, &options->most_k, MOST, "too many flips of a step");
    pass_u64(pass, &options->steps);
    pass_double(pass, &options->bytes_max);
    pass_size(pass, &options->validation, SIZE_MAX, "");
    pass_size(pass, &options->control_validation, SIZE_MAX, "");
    pass_size(pass, &options->broken_max, SIZE_MAX, "");
    pass_double(pass, &options->broken_share_max);
    pass_u64(pass, &options->patience);
    pass_u64(pass, &options->seed);
}

static void pass_deck(struct pass *pass, struct deck *deck)
{
    pass_sizes(pass, &deck->cards, &deck->count, UINT32_MAX, "no item");
    pass_size(pass, &deck->next, deck->count, "more was dealt than there is");
}

static void pass_objective(struct pass *pass, struct objective *objective)
{
    pass_double(pass, &objective->value);
    pass_double(pass, &objective->target);
    pass_double(pass, &objective->control);
    pass_size(pass, &objective->targets_right, SIZE_MAX, "");
    pass_size(pass, &objective->controls_right, SIZE_MAX, "");
}

static void pass_step(struct pass *pass, struct train_step *step)
{
    pass_u64(pass, &step->number);
    pass_size(pass, &step->tried, MOST, "too many flips of a step");
    pass_size(pass, &step->kept, step->tried, "more was kept than tried");
    pass_bool(pass, &step->undone);
    pass_double(pass, &step->predicted);
    pass_double(pass, &step->measured);
    pass_double(pass, &step->noise);
    pass_objective(pass, &step->validation);
    pass_objective(pass, &step->neighbours);
    pass_double(pass, &step->control);
    pass_size(pass, &step->broken, SIZE_MAX, "");
    pass_u64(pass, &step->flips);
    pass_double(pass, &step->bytes);
}

static void pass_past(struct pass *pass, struct train_past *past, uint64_t number,
                      uint64_t units)
{
    pass_step(pass, &past->step);
    if (pass->ok && past->step.number != number)
        (void)pass_refuse(pass, "steps are not in their order");
    if (pass->reading && past->step.kept > pass_left(pass) / sizeof *past->numbers)
        (void)pass_refuse(pass, "the file ends too early");
    if (!pass->ok)
        past->step.kept = 0;
    if (pass->reading)
        past->numbers = x_new(past->step.kept, sizeof *past->numbers);
    for (size_t i = 0; i < past->step.kept; i++) {
        pass_u64(pass, &past->numbers[i]);
        if (past->numbers[i] >= units)
            (void)pass_refuse(pass, "no such unit");
    }
}

static void pass_all_past(struct pass *pass, struct train *train, uint64_t units)
{
    size_t steps = (size_t)train->step;
    pass_size(pass, &steps, pass->reading ? pass_left(pass) / STEP_BYTES : SIZE_MAX,
              "more steps than the file has bytes");
    if (pass->reading)
        train->past = x_new(steps, sizeof *train->past);
    train->step = steps;
    for (size_t i = 0; pass->ok && i < steps; i++)
        pass_past(pass, &train->past[i], i + 1, units);
}

static void pass_state(struct pass *pass, struct train *train)
{
    for (size_t i = 0; i < 4; i++)
        pass_u64(pass, &train->rng.state[i]);
    pass_deck(pass, &train->target_deck);
    pass_deck(pass, &train->neighbour_deck);
    pass_deck(pass, &train->control_deck);
    pass_sizes(pass, &train->validation.index, &train->validation.count, UINT32_MAX, "no item");
    pass_sizes(pass, &train->neighbours.index, &train->neighbours.count, UINT32_MAX, "no item");
    pass_sizes(pass, &train->judged.index, &train->judged.count, UINT32_MAX, "no item");
    pass_objective(pass, &train->before);
    pass_objective(pass, &train->last);
    pass_objective(pass, &train->neighbours_before);
    pass_objective(pass, &train->neighbours_last);
    pass_double(pass, &train->control_last);
    pass_size(pass, &train->broken_last, SIZE_MAX, "");
    pass_u64(pass, &train->best_step);
    pass_double(pass, &train->best);
    pass_size(pass, &train->k, MOST, "too many flips of a step");
}

static void pass_text(struct pass *pass, char **text)
{
    size_t len = pass->reading ? 0 : strlen(*text);
    pass_size(pass, &len, pass->reading ? pass_left(pass) : SIZE_MAX,
              "a text is longer than the file");
    if (pass->reading)
        *text = x_new(len + 1, 1);
    pass_bytes(pass, *text, len);
    if (memchr(*text, '\0', len))
        (void)pass_refuse(pass, "U+0000 in a text");
}

static void pass_head(struct pass *pass)
{
    char first[TRAIN_MAGIC_BYTES];
    uint64_t version = VERSION;
    memcpy(first, train_magic, TRAIN_MAGIC_BYTES);
    pass_bytes(pass, first, TRAIN_MAGIC_BYTES);
    if (memcmp(first, train_magic, TRAIN_MAGIC_BYTES) != 0)
        (void)pass_refuse(pass, "is no saved training");
    pass_u64(pass, &version);
    if (version != VERSION)
        (void)pass_refuse(pass, "is of another version, expected 1");
}

void train_file_pass(struct pass *pass, struct train_file *file)
{
    pass_head(pass);
    pass_text(pass, &file->settings);
    for (size_t i = 0; i < TRAIN_HASHES; i++)
        pass_bytes(pass, file->hashes[i], SHA256_TEXT_SIZE - 1);
    pass_options(pass, &file->saved->options);
    pass_state(pass, file->saved);
    pass_u64(pass, &file->units);
    pass_all_past(pass, file->saved, file->units);
    pass_u64(pass, &file->taken);
}
