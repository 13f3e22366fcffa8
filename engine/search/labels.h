/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/labels.h - controls that a model labels itself: any prompts, with its own
 * greedy answers as the right ones.  They say "stay as you are", where nobody knows or
 * cares what is right.
 *
 * In a list of controls an item with "self:" in front is one:
 *
 *   self:SET        the prompts of any set (probe.h), whatever their answers
 *   self:FILE       whose name does not end in .json or .jsonl: text, a prompt a line
 *   self:N          N generated prompts of all families (gen:mixed:N)
 *
 * They are loaded without an answer and a wrong one (pending) and labelled when there is
 * a model.  From then on they are probes as any others, judged by mode `exact`.
 */
#ifndef ENGINE_SEARCH_LABELS_H
#define ENGINE_SEARCH_LABELS_H

#include "engine/search/goal.h"
#include "probes/generate.h"
#include "probes/probe.h"

/* As probe_set_load, "self:" allowed.  The name of such a set is the whole item. */
struct probe_set *labels_load(const char *spec, struct err *err);

/* Length of the first line of what was said, 0 where it is no text or only white space. */
size_t label_line(const char *text, size_t text_len);

/* Does the probe wait for a label? */
bool label_is_pending(const struct probe *probe);
/* Is there one?  Then err says that `what` cannot do with it. */
bool labels_refuse(const struct probe_set *set, const char *what, struct err *err);

/* Refused if there is one, and the goal needs wrong answers. */
bool labels_fit(const struct probe_set *set, const struct goal *goal, struct err *err);

/* Leave out what is pending and has the prompt of one of these. */
size_t labels_leave_out(struct probe_set *set, const struct probe_set *prompts);

struct labels_told {
    size_t labelled;
    size_t without_answer; /* left out: nothing was said, or only white space */
    size_t without_end;    /* left out: the answer did not end, and the metric looks there */
    size_t seen_elsewhere; /* left out: prompts of targets and held-out probes */
};

/* Label all that are pending with what the model says now, and leave out what cannot be
 * labelled.  Refused as labels_fit does, and where nothing would be left.  What was told
 * before is kept. */
bool labels_make(struct model *model, struct probe_set *set, const struct goal *goal, int threads,
                 struct labels_told *told, const struct work_progress *progress,
                 cancel_flag *cancel, struct err *err);

/* Append "150 controls labelled ... (2 left out: ...)"; nothing where none were. */
void labels_text(const struct labels_told *told, struct buf *out);

/* ---- greedy answers to the prompts of a set ---------------------------------------- */

struct own_answers {
    struct ids *prompts;           /* [count] */
    struct generation *generations; /* [count] */
    size_t count;
    size_t tokens_max;
};

/* Of probes[index[i]]; at most tokens_max tokens each, up to a line feed.
 * own_answers_free is due in any case. */
bool own_answers_make(struct own_answers *answers, struct model *model,
                      const struct probe_set *set, size_t tokens_max, int threads,
                      const struct work_progress *progress, cancel_flag *cancel,
                      struct err *err);
void own_answers_free(struct own_answers *answers);

/* The prompt's tokens, at least one. */
bool probe_encode_prompt(const struct model *model, const struct probe *probe, struct ids *out,
                         struct err *err);

#endif
