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
 * A measure is made once for a list of probes and run as often as wanted.  All
 * prompts and answers are one batch, what they begin with in common computed once;
 * what is kept of a run shortens the next (engine/engine.h, struct batch).
 */
#ifndef PROBES_MEASURE_H
#define PROBES_MEASURE_H

#include "probes/probe.h"

enum metric { METRIC_TOKEN_GAP, METRIC_SEQ_LOGPROB };

const char *metric_name(enum metric metric);
bool metric_parse(const char *name, enum metric *metric);

struct measure;

struct measure_options {
    enum metric metric;
    int threads;
    uint64_t keep_bytes; /* as in struct batch_options: 0 where it is run once */
};

/* The probes are borrowed for the call only, the model as long as it lives. */
struct measure *measure_new(struct model *model, const struct probe *const *probes, size_t count,
                            const struct measure_options *options, struct err *err);

/* gaps: [count]; NAN for a probe without a wrong answer. */
bool measure_run(struct measure *measure, double *gaps, cancel_flag *cancel, struct err *err);

/* The same for flips each of which is on the model alone, without touching it; at
 * most measure_at_once.  gaps: [flip_count][count], to the bit what measure_run
 * says after model_flip. */
bool measure_try(struct measure *measure, const struct flip *flips, size_t flip_count,
                 double *gaps, cancel_flag *cancel, struct err *err);

/* Flips that are worth measuring together. */
size_t measure_at_once(const struct measure *measure);

/* Does the tokenizer merge across the end of the prompt, so that the answer had
 * to be tokenized apart? */
bool measure_is_merged(const struct measure *measure, size_t probe);

/* Tokens of the batch. */
size_t measure_tokens(const struct measure *measure);

void measure_free(struct measure *measure);

/* Token ids of an answer in the context of its prompt.  prompt_ids are those of
 * the prompt alone.  *merged as above. */
bool answer_encode(const struct tokenizer *tokenizer, const char *prompt,
                   const struct ids *prompt_ids, const char *answer, struct ids *out, bool *merged,
                   struct err *err);

#endif
