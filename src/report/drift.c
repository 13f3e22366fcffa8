/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/drift.h"

#include "src/cli/cli.h"
#include "src/report/report.h"

bool drift_begin(struct drift *drift, struct model *model, int threads, struct err *err)
{
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, "reading neutral text", 0);
    report_at_once(&line);
    drift->kl = neutral_kl_new(model, threads, &progress, &cli_cancel, err);
    progress_end(&line);
    if (drift->kl || err->code != ERR_MEMORY)
        return drift->kl != NULL;
    cli_warn("the divergence on neutral text is left out: %s", err->message);
    return true;
}

bool drift_end(struct drift *drift, struct err *err)
{
    struct progress line;
    struct work_progress progress = {report_work, &line};
    if (!drift->kl)
        return true;
    progress_start(&line, "reading neutral text, patched", 0);
    report_at_once(&line);
    drift->measured = neutral_kl_measure(drift->kl, &drift->mean, &progress, &cli_cancel, err);
    progress_end(&line);
    return drift->measured;
}

bool drift_measure(struct drift *drift, struct model *model, const struct patch *patch,
                   int threads, struct err *err)
{
    struct err untouched = {0};
    if (!drift_begin(drift, model, threads, err) || !patch_apply(patch, model, err))
        return false;
    bool ok = drift_end(drift, err);
    return patch_apply(patch, model, ok ? err : &untouched) && ok;
}

void drift_text(const struct drift *drift, struct buf *out)
{
    if (drift->measured)
        buf_add_format(out, "neutral text (%zu sentences, %zu positions): mean KL(base || "
                            "patched) %.6f nats\n",
                       neutral_kl_sentences(drift->kl), neutral_kl_positions(drift->kl),
                       drift->mean);
}

json_t *drift_json(const struct drift *drift)
{
    if (!drift->measured)
        return json_null();
    return json_pack("{s:f, s:I, s:I}", "kl", drift->mean, "sentences",
                     (json_int_t)neutral_kl_sentences(drift->kl), "positions",
                     (json_int_t)neutral_kl_positions(drift->kl));
}

void drift_free(struct drift *drift)
{
    neutral_kl_free(drift->kl);
}
