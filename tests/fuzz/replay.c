/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Feeds the files named on the command line to a fuzz target, one after the
 * other: `make check` replays every corpus without libFuzzer.
 */
#include <stdint.h>
#include <stdio.h>

#include "src/base/file.h"
#include "tests/fuzz/fuzz.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct buf input = {0};
        struct err err = {0};
        if (!file_read(argv[i], FUZZ_INPUT_MAX, &input, &err)) {
            (void)fprintf(stderr, "%s: %s\n", err.file, err.message);
            return 2;
        }
        (void)fprintf(stderr, "%s\n", argv[i]); /* seen only when the next line crashes */
        (void)LLVMFuzzerTestOneInput((const uint8_t *)(input.data ? input.data : ""), input.len);
        buf_free(&input);
    }
    return 0;
}
