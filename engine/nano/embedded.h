/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/nano/embedded.h - the embedded model's file, linked into the program.
 */
#ifndef ENGINE_NANO_EMBEDDED_H
#define ENGINE_NANO_EMBEDDED_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t nano_bytes[];
size_t nano_len(void);

#endif
