/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/record.h - what a search is run on and what is written down of it:
 * the same on the command line and in the workbench.
 */
#ifndef ENGINE_SEARCH_RECORD_H
#define ENGINE_SEARCH_RECORD_H

#include "engine/search/labels.h"
#include "engine/search/search.h"
#include "patches/patch.h"

struct search_inputs {
    struct probe_set *targets;
    size_t neighbours; /* the last so many targets are skills beside those to be learned */
    struct probe_set *controls; /* these two may be empty, never NULL */
    struct probe_set *heldout;
    struct probe_set all; /* the three together, in this order, texts borrowed */
    struct labels_told labels; /* of controls that the model labelled itself */
};

/* Specs as of probe_set_load, of controls as of labels_load; controls and heldout may be
 * NULL.  Refused are a set that is given twice (answers are told apart by set and name)
 * and a held-out probe with the prompt of a target or control, which the search sees;
 * controls that wait for a label are left out there instead, and where they are targets.
 * search_inputs_free is due in any case. */
bool search_inputs_load(struct search_inputs *probes, const char *targets, const char *controls,
                        const char *heldout, struct err *err);
/* The same with neighbours, a further spec or NULL, behind the targets. */
bool search_inputs_load_beside(struct search_inputs *probes, const char *targets,
                               const char *neighbours, const char *controls, const char *heldout,
                               struct err *err);
/* Label the controls that wait for it, by the model as it is (labels_make).
 * Where there are none it does nothing. */
bool search_inputs_label(struct search_inputs *probes, struct model *model, const struct goal *goal,
                         int threads, const struct work_progress *progress, cancel_flag *cancel,
                         struct err *err);
bool search_inputs_are_labelled(const struct search_inputs *probes);
/* Judge all answers by this mode (answer_rule_parse) from now on; NULL: as the sets say. */
bool search_inputs_use_mode(struct search_inputs *probes, const char *mode, struct err *err);
/* Copies of probes that were kept: targets, then controls, then held-out. */
void search_inputs_copy(struct search_inputs *probes, const struct probe_set *kept,
                        size_t target_count, size_t control_count);
void search_inputs_free(struct search_inputs *probes);

/* Append the path of the patch file: output, or (NULL) last.json in the state
 * folder.  Refused where no patch could be written. */
bool search_output_path(const char *output, struct buf *path, struct err *err);

struct search_origin {
    const char *name;     /* of the patch */
    const char *model;    /* as it was named */
    const char *targets;
    const char *controls; /* or NULL */
    const struct search_inputs *probes; /* what they are, or NULL */
    const struct search_options *options;
};

/* A patch without flips that says where they come from; the model is asked for
 * its default layers. */
struct patch *search_patch_new(const struct search_origin *origin, const struct model *model);

/* Put the first `count` accepted flips into the patch, in order; what is flipped
 * twice is off and left out. */
void search_patch_fill(struct patch *patch, const struct search *search, size_t count);

/* The same, then write it with how far the search came and the model's hash, for
 * which the first of these may have to wait. */
bool search_patch_write(struct patch *patch, const struct search *search, size_t count,
                        const char *path, struct err *err);
/* All accepted flips, as they were written when so many candidates were tried. */
bool search_patch_write_again(struct patch *patch, const struct search *search, uint64_t tried,
                              uint64_t screened, const char *path, struct err *err);

#endif
