/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/simple.h - gaps and answers in the simplest possible way: what the
 * batches of probes/ must agree with.
 *
 * Every sequence is computed alone, in a context of its own, by one thread, and
 * the answer's tokens are found as FORMAT.md and the metrics' definitions say,
 * with nothing of measure.c, generate.c or evaluate.c.
 */
#ifndef TESTS_SIMPLE_H
#define TESTS_SIMPLE_H

#include "probes/measure.h"
#include "tests/tiny.h"

/* The model of these bytes; the test ends if there is none. */
struct model *simple_model(const struct tiny *tiny);
struct model *simple_nano(void);

/* Texts are borrowed; wrong may be "". */
struct probe simple_probe(const char *prompt, const char *correct, const char *wrong);

/* A set around an array of such probes; nothing is owned. */
struct probe_set simple_set(struct probe *probes, size_t count);

/* Logits after every token of the sequence, [count][vocab]; owned by the caller. */
float *simple_logits(struct model *model, const int32_t *ids, size_t count);

/* The gap by its definition: bit for bit what a measure must say.  Not kl. */
double simple_gap(struct model *model, const struct probe *probe, enum metric metric);

/* KL(base || now) by its definition, mean over the positions of the prompt, with the C
 * library's functions: close, not the same bits. */
double simple_kl(struct model *base, struct model *now, const char *prompt);

/* A gap in double precision (tests/truth.h).  *size is the root mean square
 * of the logits that were looked at, *terms how many tokens were. */
double simple_gap_truth(const struct model *model, const struct probe *probe, enum metric metric,
                        double *size, size_t *terms);

/* Greedy continuation: the whole sequence again for every token.  Stops before
 * the end token, after limit tokens, or (newline) behind a token with a line feed. */
void simple_answer(struct model *model, const struct ids *prompt, size_t limit, bool newline,
                   struct ids *out);

struct ids simple_encode(const struct model *model, const char *text);

/* A hash of all weight bytes as they are in memory. */
uint64_t simple_bytes_hash(const struct model *model);

#endif
