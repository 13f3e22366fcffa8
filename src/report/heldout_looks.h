/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/heldout_looks.h - how often the answers to held-out probes were looked at.
 *
 * Held-out probes prove less with every look that decides what is tried next, so each
 * look is counted and told.  In a session the count is that of its `heldout` events.
 * Elsewhere it is in the state folder: `heldout-looks` gets one line at each look, the
 * SHA-256 of what was asked and of which model.  A line is one write to the end of the
 * file: two programs at once lose none, and one that was cut off harms no other.
 *
 *     struct heldout_looks looks;
 *     heldout_looks_count(&looks, model, heldout);
 *     heldout_looks_text(&out, &looks);      "held-out nano-heldout seen 3 times"
 *     heldout_looks_free(&looks);
 *
 * A count that cannot be kept is a warning, and the look goes on.
 */
#ifndef SRC_REPORT_HELDOUT_LOOKS_H
#define SRC_REPORT_HELDOUT_LOOKS_H

#include <jansson.h>

#include "patches/patch.h"
#include "probes/evaluate.h"
#include "src/session/session.h"

struct heldout_looks {
    size_t count;      /* sets, in order of first appearance */
    const char **sets; /* names, borrowed from the probes */
    uint64_t *seen;    /* this look included; 0: not known */
};

/* One more look at every set of these probes with this model.  Sets are told apart by
 * what they ask and accept, not by their names. */
void heldout_looks_count(struct heldout_looks *out, struct model *model,
                         const struct probe_set *heldout);

/* The same in a session that is open to WRITE; base and now are of all of its probes,
 * the held-out ones last. */
void heldout_looks_in_session(struct heldout_looks *out, struct session *session,
                              const struct probe_set *heldout, const struct evaluation *base,
                              const struct evaluation *now);

/* "held-out SET seen once" / "... seen 3 times", a line each; nothing without sets. */
void heldout_looks_text(struct buf *out, const struct heldout_looks *looks);
/* {SET: 3}, null where it is not known */
json_t *heldout_looks_json(const struct heldout_looks *looks);

/* Warn if the patch says that it was searched with a set of one of these names. */
void heldout_looks_warn(const struct probe_set *heldout, const struct patch *patch);

void heldout_looks_free(struct heldout_looks *looks);

#endif
