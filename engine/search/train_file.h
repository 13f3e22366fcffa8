/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/train_file.h - a training that was saved, and going on with it.
 *
 *     train_save(train, settings, "run.train", err);                 after a step
 *     struct train_file *file = train_file_read("run.train", err);
 *     train_file_settings(file)                                      what the saver wrote
 *     struct train *train = train_resume(model, targets, controls, file, cancel, err);
 *     train_file_free(file);
 *
 * A file holds all that the next step depends on: options, random state, decks, what
 * gradients left of each unit, and every step with the units it flipped (TRAINING.md has
 * each byte).  It is written atomically and ends with its SHA-256.
 *
 * [TF1] what follows after going on is, to the bit, what would have followed without a break.
 * [TF2] any bytes are refused with an error, or are a training all of whose parts agree.
 */
#ifndef ENGINE_SEARCH_TRAIN_FILE_H
#define ENGINE_SEARCH_TRAIN_FILE_H

#include "engine/search/train.h"
#include "src/base/buf.h"

struct train_file;

/* settings: any text, which the reader gets back. */
bool train_save(const struct train *train, const char *settings, const char *path,
                struct err *err);

/* Does the file begin as one does?  Not where it cannot be read. */
bool train_file_is(const char *path);

struct train_file *train_file_read(const char *path, struct err *err);
/* The same of bytes in memory (copied); name is for messages. */
struct train_file *train_file_parse(const void *bytes, size_t len, const char *name,
                                    struct err *err);

/* Valid as long as the file. */
const char *train_file_settings(const struct train_file *file);
/* Limits (steps, bytes_max, broken_*, patience) and threads may be changed before going on. */
struct train_options *train_file_options(struct train_file *file);
/* What was saved, to be asked what was done (train_steps, train_step_at, ..._before, ..._count,
 * train_controls_judged); NULL once gone on with. */
const struct train *train_file_saved(const struct train_file *file);

struct train_file_facts {
    const char *model_sha256;    /* valid as long as the file */
    size_t targets, controls;    /* all of them; neighbours are targets, too */
    uint64_t units;              /* of the model */
    enum train_stop stop;        /* the limit that is reached: going on needs another */
};

/* Of a file that was not gone on with. */
struct train_file_facts train_file_facts(const struct train_file *file);

/* Go on with the same model (without flips), targets and controls; others are refused.  Once
 * for each file.  NULL leaves the model without flips. */
struct train *train_resume(struct model *model, const struct items *targets,
                           const struct items *controls, struct train_file *file,
                           cancel_flag *cancel, struct err *err);

/* The flips after a step, without going on: as train_flips_at; the model is asked for its
 * shape.  False where the file is not of this model. */
bool train_file_flips(const struct train_file *file, struct model *model, uint64_t step,
                      struct flip **out, size_t *count, struct err *err);

void train_file_free(struct train_file *file);

#endif
