/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/drift.h - how far a patch moves the model on neutral text (probes/neutral_kl.h),
 * beside what it does to probes.
 *
 *     struct drift drift = {0};
 *     drift_begin(&drift, model, threads, err);      base, before the patch is put on
 *     drift_end(&drift, threads, err);               with it
 *     drift_text(&drift, &out); drift_json(&drift);
 *     drift_free(&drift);
 *
 * Of one patch, with the model as it is without it: drift_measure does both.
 */
#ifndef SRC_REPORT_DRIFT_H
#define SRC_REPORT_DRIFT_H

#include "patches/patch.h"
#include "probes/neutral_kl.h"
#include "src/base/json.h"

struct drift {
    struct neutral_kl *kl; /* NULL: not measured */
    double mean;           /* nats */
    bool measured;
};

/* With progress and cancel of the command line.  Where the memory is not there, a warning
 * is printed and nothing is measured; false only if it failed otherwise. */
bool drift_begin(struct drift *drift, struct model *model, int threads, struct err *err);
bool drift_end(struct drift *drift, struct err *err);

/* Begin, put the patch on, end; the model is left without it, also on failure. */
bool drift_measure(struct drift *drift, struct model *model, const struct patch *patch,
                   int threads, struct err *err);

/* A line, or nothing. */
void drift_text(const struct drift *drift, struct buf *out);
/* {"kl": nats, "sentences": n, "positions": n}, or null. */
json_t *drift_json(const struct drift *drift);

void drift_free(struct drift *drift);

#endif
