/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/report/patch_list.h - the patches of a command line: `--patch P`, as often as
 * wanted, and `--force`.
 *
 * [PL1] nothing touches the model before every patch of the list was read, has
 *       been found to belong to the model and to fit it.
 */
#ifndef SRC_REPORT_PATCH_LIST_H
#define SRC_REPORT_PATCH_LIST_H

#include "patches/patch.h"
#include "src/cli/cli.h"

/* Rows for a command's option table. */
#define PATCH_LIST_OPTIONS                                                                  \
    {"patch", 0, "P", "put this patch on the model (may be repeated)"},                     \
    {"force", 0, NULL, "also where a patch was made for another model"}

struct patch_list {
    struct patch **patches; /* owned, in the order of the command line */
    size_t count;
};

/* Read all patches and check them against the model [PL1].  A patch of another
 * model is refused without --force; one that names no hash, and one that was
 * forced, get one line of warning. */
bool patch_list_read(const struct arguments *arguments, struct model *model,
                     struct patch_list *list, struct err *err);

/* One more, from a path that was given in another way. */
bool patch_list_add(const char *path, struct model *model, bool force, struct patch_list *list,
                    struct err *err);

/* Put all patches on the model, in order; on failure none is on. */
bool patch_list_apply(const struct patch_list *list, struct model *model, struct err *err);

/* Take off what patch_list_apply has put on. */
void patch_list_remove(const struct patch_list *list, struct model *model);

/* All of them as one patch, normalized: what is flipped twice is not in it. */
struct patch *patch_list_join(const struct patch_list *list, const struct model *model);

void patch_list_free(struct patch_list *list);

#endif
