/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/answer.h - is a generated text the right answer?
 *
 * The `math` rule (probes/FORMAT.md states it in full).
 */
#ifndef PROBES_ANSWER_H
#define PROBES_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* True if generated is right by the `math` rule for one of the accepted texts. */
bool answer_math(const char *generated, size_t generated_len, const char *const *accepted,
                 size_t accepted_count);

#endif
