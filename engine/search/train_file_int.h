/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/train_file_int.h - what the files of struct train_file share.
 *
 *   train_format.c  the format, in both directions
 *   train_file.c    saving, reading, do all parts agree?
 *   train_resume.c  going on
 */
#ifndef ENGINE_SEARCH_TRAIN_FILE_INT_H
#define ENGINE_SEARCH_TRAIN_FILE_INT_H

#include "engine/search/train_file.h"
#include "engine/search/train_int.h"
#include "engine/search/train_pass.h"
#include "src/base/sha256.h"

enum { TRAIN_MAGIC_BYTES = 8, TRAIN_HASHES = 3 };
static const char train_magic[TRAIN_MAGIC_BYTES + 1] = "bnktrain";

struct train_file {
    struct train *saved; /* NULL once resumed */
    char *settings, *name;
    char hashes[TRAIN_HASHES][SHA256_TEXT_SIZE]; /* of model, targets, controls */
    uint64_t units, taken;
    struct buf bytes;
    size_t numbers; /* where they begin in bytes: float [2 * units] */
};

/* All but units' numbers and check. */
void train_file_pass(struct pass *pass, struct train_file *file);

/* Controls there were. */
size_t train_file_controls(const struct train_file *file);

#endif
