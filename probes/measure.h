/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/measure.h - what a metric says of probes: right minus wrong.
 *
 * token_gap    logit of the last token of the right answer minus that of the
 *              wrong one, both directly after the prompt: the rule as it was
 *              first published.  Unsound for answers of several tokens; kept
 *              to compare with old results.
 * seq_logprob  log-probability of the whole right answer after its prompt minus
 *              that of the wrong one, summed over tokens.
 *
 * A gap is a search signal, never a result: what the model says is judged by
 * generation (probes/evaluate.h).
 *
 * A measure is made once for a list of probes and run as often as wanted; each
 * run computes every prompt once and its answers after it, in one batch, with
 * the flips that are on the model at that moment.
 */
#ifndef PROBES_MEASURE_H
#define PROBES_MEASURE_H

#include "probes/probe.h"

enum metric { METRIC_TOKEN_GAP, METRIC_SEQ_LOGPROB };

const char *metric_name(enum metric metric);
bool metric_parse(const char *name, enum metric *metric);

struct measure;

/* The probes are borrowed for the call only, the model as long as it lives. */
struct measure *measure_new(struct model *model, const struct probe *const *probes, size_t count,
                            enum metric metric, int threads, struct err *err);

/* gaps: [count]; NAN for a probe without a wrong answer. */
bool measure_run(struct measure *measure, double *gaps, cancel_flag *cancel, struct err *err);

/* Does the tokenizer merge across the end of the prompt, so that the answer had
 * to be tokenized apart? */
bool measure_is_merged(const struct measure *measure, size_t probe);

/* Tokens that one run computes. */
size_t measure_tokens(const struct measure *measure);

void measure_free(struct measure *measure);

/* Token ids of an answer in the context of its prompt.  prompt_ids are those of
 * the prompt alone.  *merged as above. */
bool answer_encode(const struct tokenizer *tokenizer, const char *prompt,
                   const struct ids *prompt_ids, const char *answer, struct ids *out, bool *merged,
                   struct err *err);

#endif
