/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/map_file.h - the binary form of a map: what every unit is expected to do,
 * statistics, the best and what was measured, in one file (FORMAT.md).
 *
 * It is written piece by piece as matrices come, and read whole.
 *
 * [F1] what is read was proven: sizes add up to the file's, the checksum is right, numbers
 *      are numbers.  Anything else is refused with the offset of what is wrong.
 * [F2] what was written and read again is the same, units rounded to float32.
 */
#ifndef ENGINE_SEARCH_MAP_FILE_H
#define ENGINE_SEARCH_MAP_FILE_H

#include "engine/search/flip_map.h"

enum { MAP_FILE_VERSION = 1 };
static const char map_file_magic[8] = {'\x89', 'b', 'k', 'm', 'a', 'p', '\r', '\n'};

/* What the map was made of. */
struct map_file_head {
    char model[SHA256_TEXT_SIZE]; /* SHA-256 of the model file, "" if it is not known */
    enum flip_map_what what;
    enum granularity granularity;
    struct goal goal;
    uint64_t seed, exact;
    size_t targets, controls; /* probes */
};

/* In this order: head, values for each matrix (not of bits), tail, and at last the end with
 * the SHA-256, in hex, of everything before it.  All append to out. */
void map_file_head(struct buf *out, const struct map_file_head *head);
void map_file_values(struct buf *out, const struct predicted *values, enum flip_map_what what);
void map_file_tail(struct buf *out, const struct flip_map *map);
void map_file_end(struct buf *out, const char sha256[SHA256_TEXT_SIZE]);

/* The numbers of a matrix. */
struct map_file_matrix {
    int32_t layer;
    enum proj proj;
    uint32_t rows, per_row;
    float *values; /* [rows][per_row] */
};

struct map_file {
    struct map_file_head head;
    struct flip_map *map;
    struct map_file_matrix *matrices; /* in the order of the file; none of bits */
    size_t matrix_count;
};

/* name is for messages. */
struct map_file *map_file_parse(const void *bytes, size_t len, const char *name, struct err *err);
struct map_file *map_file_read(const char *path, struct err *err);
void map_file_free(struct map_file *file);

/* Let map->top be the best `count`: fewer of those stored, or more, from the values. */
void map_file_rank(struct map_file *file, size_t count);

#endif
