/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/sparse.h - models of any size that take no room on the disk.
 *
 * Head and vocabulary of `bankai synth`, all weights zero: the file is a hole.  Such a
 * model opens and computes like a real one of its shape.
 */
#ifndef TESTS_SPARSE_H
#define TESTS_SPARSE_H

#include <stdint.h>

#include "src/synth/synth.h"

/* Make the file from a template of mkstemp; the caller unlinks it.  Returns its bytes,
 * 0 where the file system has no files of that size. */
uint64_t sparse_write(const struct synth_shape *shape, char *path);

/* "1.7B", "4B", "8B" */
struct synth_shape sparse_shape(const char *name);

/* 0.9 TB in 32 layers. */
extern const struct synth_shape sparse_giant;

#endif
