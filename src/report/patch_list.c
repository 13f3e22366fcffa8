/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/patch_list.h"

#include <stdlib.h>

#include "src/base/buf.h"

/* A name that may be empty, in a warning. */
static const char *name_of(const struct patch *patch)
{
    return patch->name[0] ? patch->name : "without a name";
}

static bool belongs(const struct patch *patch, struct model *model, bool force, const char *path,
                    struct err *err)
{
    bool unstated = false;
    if (patch_matches_rows(patch, model, &unstated, err)) {
        if (unstated)
            cli_warn("%s: patch %s does not state the hash of its model; applied unchecked", path,
                     name_of(patch));
        return true;
    }
    if (err->code != ERR_MISMATCH)
        return false;
    if (!force)
        return err_file(err, path);
    cli_warn("%s: patch %s was made for another model; applied by force", path, name_of(patch));
    *err = (struct err){0};
    return true;
}

bool patch_list_add(const char *path, struct model *model, bool force, struct patch_list *list,
                    struct err *err)
{
    struct patch *patch = patch_read(path, err);
    if (!patch)
        return false;
    list->patches = x_grow(list->patches, list->count + 1, sizeof(struct patch *));
    list->patches[list->count++] = patch;
    return belongs(patch, model, force, path, err) &&
           (patch_fits(patch, model, err) || err_file(err, path));
}

bool patch_list_read(const struct arguments *arguments, struct model *model,
                     struct patch_list *list, struct err *err)
{
    bool force = arguments_has(arguments, "force");
    const char *path = NULL;
    *list = (struct patch_list){0};
    for (int i = 0; (path = arguments_each(arguments, "patch", i)) != NULL; i++)
        if (!patch_list_add(path, model, force, list, err)) {
            patch_list_free(list);
            return false;
        }
    return true;
}

bool patch_list_apply(const struct patch_list *list, struct model *model, struct err *err)
{
    for (size_t i = 0; i < list->count; i++)
        if (!patch_apply(list->patches[i], model, err)) {
            const struct patch_list done = {.patches = list->patches, .count = i};
            patch_list_remove(&done, model);
            return false;
        }
    return true;
}

void patch_list_remove(const struct patch_list *list, struct model *model)
{
    struct err err = {0};
    for (size_t i = list->count; i > 0; i--) {
        bool off = patch_apply(list->patches[i - 1], model, &err);
        BUG_ON(!off); /* it fitted when it went on */
    }
}

struct patch *patch_list_join(const struct patch_list *list, const struct model *model)
{
    struct patch *joined = patch_new();
    for (size_t i = 0; i < list->count; i++) {
        struct patch *more = patch_compose(joined, list->patches[i], model);
        patch_free(joined);
        joined = more;
    }
    return joined;
}

void patch_list_free(struct patch_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        patch_free(list->patches[i]);
    free(list->patches);
    *list = (struct patch_list){0};
}
