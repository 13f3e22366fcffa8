/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/patch/patch_convert.h - patch pack and patch unpack: a patch file in the other form.
 */
#ifndef SRC_PATCH_PATCH_CONVERT_H
#define SRC_PATCH_PATCH_CONVERT_H

#include "src/cli/cli.h"

/* Whichever form input has, output is the binary form (packed) or JSON, whatever its name.
 * Prints what was written; returns the exit status. */
struct patch_convert {
    const char *input;
    const char *output; /* NULL: none is given, which is refused */
    bool packed;
    bool json;
};

int patch_convert(const struct patch_convert *request, struct err *err);

#endif
