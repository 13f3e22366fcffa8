/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/null.h - null models of a patch: random flips of the same profile.
 *
 * What a patch does proves something only beside what random flips do.  The profile of
 * a patch is, for each matrix (layer and projection) it touches, how many whole rows,
 * whole groups, and parts of groups of how many bits it flips.  A null model has the
 * same profile and random places:
 *
 *   uniform  every row (every group) of the matrix is as likely as the others
 *   scale    rows with probability proportional to their mean |scale|, as the search
 *            draws them; a group by the scale of its row
 *
 * Bits of a partly flipped group are always uniform.
 *
 *     struct null_profile *profile = null_profile_new(model, flips, flip_count, &err);
 *     struct flip *drawn = x_new(null_profile_flips(profile), sizeof *drawn);
 *     for (size_t i = 0; i < n; i++) {
 *         null_profile_draw(profile, NULL_UNIFORM, seed, i, drawn);
 *         ... model_flip each, measure, model_flip each again ...
 *     }
 *
 * src/report/null_run.h does this for probe sets, src/null_report.h prints where a patch stands.
 *
 * [U1] a draw has exactly the profile, and no weight occurs in two of its flips.
 * [U2] a draw is a function of the file, profile, kind, seed and index alone: not of
 *      how many are drawn, of their order, or of flips that are on the model.
 */
#ifndef ENGINE_SEARCH_NULL_H
#define ENGINE_SEARCH_NULL_H

#include "engine/engine.h"

enum null_kind { NULL_UNIFORM, NULL_SCALE, NULL_KIND_COUNT };

/* "uniform", "scale" */
const char *null_kind_name(enum null_kind kind);

struct null_profile;

/* flips: such as a patch has (none of their weights twice), copied.  Parts of one group
 * count as one.  The model is read here only.  Refused: a flip that the model has no
 * place for, and a weight that is flipped twice by whole rows or groups. */
struct null_profile *null_profile_new(const struct model *model, const struct flip *flips,
                                      size_t count, struct err *err);

/* Flips of one draw: as many as were given, less those merged in one group. */
size_t null_profile_flips(const struct null_profile *profile);

/* out: [null_profile_flips], by layer and projection. */
void null_profile_draw(const struct null_profile *profile, enum null_kind kind, uint64_t seed,
                       uint64_t index, struct flip *out);

void null_profile_free(struct null_profile *profile);

#endif
