/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/experiment/experiment.h"

#include <string.h>

/* Each is a file of this folder. */
extern const struct experiment experiment_random_flips;
extern const struct experiment experiment_layer_impact;
extern const struct experiment experiment_scale_guided;
extern const struct experiment experiment_patch_search;
extern const struct experiment experiment_variations;
extern const struct experiment experiment_generalization;
extern const struct experiment experiment_stacking;
extern const struct experiment experiment_safety;
extern const struct experiment experiment_attention;
extern const struct experiment experiment_granularity;
extern const struct experiment experiment_head_to_head;
extern const struct experiment experiment_bfs;

const struct experiment *const experiments[] = {
    &experiment_random_flips,
    &experiment_layer_impact,
    &experiment_scale_guided,
    &experiment_patch_search,
    &experiment_variations,
    &experiment_generalization,
    &experiment_stacking,
    &experiment_safety,
    &experiment_attention,
    &experiment_granularity,
    &experiment_head_to_head,
    &experiment_bfs,
    NULL,
};

void experiment_title(const struct experiment *experiment, struct buf *out)
{
    if (strcmp(experiment->numbers, "none") == 0)
        buf_add_format(out, "%s (described, but no published experiment): %s", experiment->name,
                       experiment->title);
    else
        buf_add_format(out, "%s (published as experiment %s): %s", experiment->name,
                       experiment->numbers, experiment->title);
}

const struct experiment *experiment_find(const char *name, struct err *err)
{
    struct buf names = {0};
    for (size_t i = 0; experiments[i]; i++) {
        if (strcmp(experiments[i]->name, name) == 0) {
            buf_free(&names);
            return experiments[i];
        }
        buf_add_format(&names, "%s%s", i > 0 ? ", " : "", experiments[i]->name);
    }
    (void)err_set(err, ERR_USAGE, "unknown experiment '%s', expected list or one of %s", name,
                  names.data);
    buf_free(&names);
    return NULL;
}
