/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/fuzz/fuzz.h - what every fuzz target is.
 *
 * tests/fuzz/fuzz_NAME.c defines the function; its seeds lie in
 * tests/fuzz/corpus/NAME/, words it should try in tests/fuzz/NAME.dict
 * (optional).  `make check` replays the seeds, `make fuzz T=600` looks for
 * more.  A broken rule is reported by BUG_ON.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_INPUT_MAX = 1 << 24 };

/* Returns 0, always (libFuzzer wants it so). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
