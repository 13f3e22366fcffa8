/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/measure.h - what a metric says of probes, as one number each: a gap.
 *
 * seq_logprob  log-probability of the whole right answer after its prompt minus
 *              that of the wrong one, summed over tokens; sums over the whole
 *              vocabulary, in a fixed order.
 * margin       by how much greedy decoding says the right answer and then ends: at
 *              each of its tokens, and at its end, the logit of the right token minus
 *              the largest of the others; of these the smallest.  At the end the
 *              right ones are the end tokens and those that begin with a line feed
 *              (where the vocabulary has none, the end is not looked at).  Above 0 if
 *              and only if greedy decoding says just these tokens and ends; at 0
 *              two tokens are equal, and the lower id is said.  Needs no wrong answer.
 * soft_margin  the same with a soft minimum, -t log(sum(exp(-m / t))), t 0.3, which every
 *              place has a share in; at most the margin.  Searches give no credit for
 *              more than 1.5 (metric_cap): a probe that is won is won.
 * logprob      log-probability of the whole right answer and then of any of its ends.
 *              Needs no wrong answer.
 * kl           minus the Kullback-Leibler divergence KL(base || now) of the next-token
 *              distribution, over the whole vocabulary, mean over the positions of
 *              the prompt: 0 for the base, below 0 for whatever differs from it.  The
 *              base is the model when measure_set_base was called.  For controls
 *              that have no right answer; the answers are not looked at.
 * token_gap    logit of the last token of the right answer minus that of the
 *              wrong one, both directly after the prompt: the rule as it was
 *              first published.  Unsound for answers of several tokens; kept
 *              to compare with old results.
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

enum metric {
    METRIC_TOKEN_GAP,
    METRIC_SEQ_LOGPROB,
    METRIC_MARGIN,
    METRIC_KL,
    METRIC_SOFT_MARGIN,
    METRIC_LOGPROB,
    METRIC_COUNT,
    METRIC_SAME = METRIC_COUNT, /* where a second metric may be that of the first: no name */
    METRIC_MIX,                 /* of measures by several metrics (measure_new_mix): "mix" */
};

const char *metric_name(enum metric metric);
bool metric_parse(const char *name, enum metric *metric);

/* For messages and help: "seq_logprob, margin, ... or token_gap", with kl, too, if it is
 * for controls. */
const char *metric_choices(bool for_controls);

/* Has a probe without a wrong answer no gap? */
bool metric_needs_wrong(enum metric metric);

/* Are the places behind the right answer looked at, where it should end? */
bool metric_looks_at_end(enum metric metric);

/* The gap above which a search sees no further gain; HUGE_VAL: there is none. */
double metric_cap(enum metric metric);

static const double metric_soft = 0.3; /* t of soft_margin */

/* What has to be said wherever its gaps are shown ("unsound: ..."), or NULL.  The
 * first word up to the colon is the label for narrow places. */
const char *metric_note(enum metric metric);

struct measure;
struct mix; /* probes/mix.h */

struct measure_options {
    enum metric metric;
    int threads;
    uint64_t keep_bytes; /* as in struct batch_options: 0 where it is run once */
};

/* The probes are borrowed for the call only, the model as long as it lives.  With kl
 * it takes 4 bytes for each position and token of the vocabulary, which are refused
 * if the machine does not have them. */
struct measure *measure_new(struct model *model, const struct probe *const *probes, size_t count,
                            const struct measure_options *options, struct err *err);

/* Several metrics read from the same logits: a gap is what the mix credits their values
 * with.  options.metric is not looked at. */
struct measure *measure_new_mix(struct model *model, const struct probe *const *probes,
                                size_t count, const struct mix *mix,
                                const struct measure_options *options, struct err *err);

/* kl: what later runs are compared with is the model as it is now.  To be called before
 * the first run; with other metrics nothing is done. */
bool measure_set_base(struct measure *measure, cancel_flag *cancel, struct err *err);

/* gaps: [count]; NAN for a probe without a wrong answer where the metric needs one. */
bool measure_run(struct measure *measure, double *gaps, cancel_flag *cancel, struct err *err);

/* By metric, before they are credited: values [measure_parts][count]. */
bool measure_run_parts(struct measure *measure, double *values, cancel_flag *cancel,
                       struct err *err);
size_t measure_parts(const struct measure *measure); /* metrics; 1 unless it is a mix */
/* Gaps of such values, as measure_run has them. */
void measure_fold(const struct measure *measure, const double *values, double *gaps);
/* What each gap changes by, by each of its values: slopes [measure_parts][count]. */
void measure_slopes(const struct measure *measure, const double *values, double *slopes);

/* As measure_run for flips each of which is on the model alone, without touching it; at
 * most measure_at_once.  gaps: [flip_count][count], to the bit what measure_run
 * says after model_flip. */
bool measure_try(struct measure *measure, const struct flip *flips, size_t flip_count,
                 double *gaps, cancel_flag *cancel, struct err *err);

/* Flips that are worth measuring together. */
size_t measure_at_once(const struct measure *measure);

/* Does the tokenizer merge across the end of the prompt, so that the answer had
 * to be tokenized apart? */
bool measure_is_merged(const struct measure *measure, size_t probe);

/* Tokens of the batch, and places whose logits are looked at. */
size_t measure_tokens(const struct measure *measure);
size_t measure_rows(const struct measure *measure);

void measure_free(struct measure *measure);

/* ---- what it looks at: for derivatives ------------------------------------------ */

enum { LOOK_END = -1 }; /* look.id: any token that an answer may end with */

/* One place of a sequence whose logits a probe's gap depends on. */
struct measure_look {
    size_t sequence, position;
    size_t row; /* for measure_base_logits */
    int32_t id; /* the token that should follow, or LOOK_END; of no meaning with kl */
    uint32_t probe;
    bool wrong; /* of the wrong answer */
};

struct measure_plan {
    struct sequence *sequences; /* [sequence_count], owner is the probe */
    size_t sequence_count;
    struct measure_look *looks; /* [look_count] of one probe in the order of positions */
    size_t look_count;
    struct ids *ids; /* of the sequences */
};

/* Of one of its metrics, by its place among them. */
struct measure_plan *measure_plan_new(const struct measure *measure, size_t part);
void measure_plan_free(struct measure_plan *plan);
enum metric measure_metric(const struct measure *measure); /* METRIC_MIX: several */
enum metric measure_part_metric(const struct measure *measure, size_t part);
size_t measure_count(const struct measure *measure); /* probes */
/* [vocab] may an answer end with this token?  NULL with metrics that do not look at it */
const bool *measure_ends(const struct measure *measure);
/* kl: logits of the base, [vocab], of a look's row. */
const float *measure_base_logits(const struct measure *measure, size_t row);

/* Token ids of an answer in the context of its prompt.  prompt_ids are those of
 * the prompt alone.  *merged as above. */
bool answer_encode(const struct tokenizer *tokenizer, const char *prompt,
                   const struct ids *prompt_ids, const char *answer, struct ids *out, bool *merged,
                   struct err *err);

/* May an answer end with this token, as `margin` sees it? */
bool answer_ends_with(const struct tokenizer *tokenizer, int32_t id);

#endif
