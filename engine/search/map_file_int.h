/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/map_file_int.h - sizes of the sections (FORMAT.md), for writing and reading.
 */
#ifndef ENGINE_SEARCH_MAP_FILE_INT_H
#define ENGINE_SEARCH_MAP_FILE_INT_H

#include "engine/search/map_file.h"

enum map_section { MAP_END, MAP_HEAD, MAP_VALUES, MAP_COUNTS, MAP_BEST, MAP_SAMPLES };

enum {
    MAP_BYTE_ORDER = 0x01020304, /* as a little-endian number: 04 03 02 01 */
    MAP_PREAMBLE = 16,           /* magic, version, byte order */
    MAP_SECTION_HEAD = 16,
    MAP_VALUES_HEAD = 16,
    MAP_COUNTS_HEAD = 8 * (3 + PROJ_COUNT),
    MAP_COUNTS_BYTES = 16 + 8 * (8 + FLIP_MAP_BINS),
    MAP_UNIT_BYTES = 48,
    MAP_END_BYTES = MAP_SECTION_HEAD + SHA256_TEXT_SIZE - 1,
};

#endif
