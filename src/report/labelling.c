/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/labelling.h"

#include "src/report/report.h"

bool labelling_shown(struct search_inputs *probes, struct model *model, const struct goal *goal,
                     int threads, struct err *err)
{
    struct progress line;
    const struct work_progress progress = {report_work, &line};
    if (search_inputs_are_labelled(probes))
        return true;
    progress_start(&line, "labelling controls", 0);
    report_at_once(&line);
    bool ok = search_inputs_label(probes, model, goal, threads, &progress, &cli_cancel, err);
    progress_end(&line);
    return ok;
}

bool labelling_set_shown(struct probe_set *set, struct model *model, const struct goal *goal,
                         int threads, struct labels_told *told, struct err *err)
{
    struct progress line;
    const struct work_progress progress = {report_work, &line};
    progress_start(&line, "labelling controls", 0);
    bool ok = labels_make(model, set, goal, threads, told, &progress, &cli_cancel, err);
    progress_end(&line);
    return ok;
}

json_t *labelling_json(const struct labels_told *told)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "labelled", (json_int_t)told->labelled,
                     "without_answer", (json_int_t)told->without_answer, "without_end",
                     (json_int_t)told->without_end, "seen_elsewhere",
                     (json_int_t)told->seen_elsewhere);
}
