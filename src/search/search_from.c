/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_from.h"

#include <stdlib.h>
#include <string.h>

#include "engine/search/starts.h"
#include "patches/patch.h"
#include "src/cli/cli.h"

/* The next path of a list; NULL at its end.  The caller frees it. */
static char *next_path(const char **list)
{
    if (!*list)
        return NULL;
    size_t len = strcspn(*list, ",");
    char *path = x_copy(*list, len);
    *list = (*list)[len] == ',' ? *list + len + 1 : NULL;
    return path;
}

static size_t count_paths(const char *paths)
{
    size_t count = paths != NULL;
    for (; paths && *paths; paths++)
        count += *paths == ',';
    return count;
}

bool search_from_check(enum search_method method, const char *paths, struct err *err)
{
    size_t count = count_paths(paths), most = search_method_starts_max(method);
    if (count == 0 && search_method_wants_flips(method))
        return err_set(err, ERR_USAGE, "method %s works on flips that are on, expected "
                                       "--from PATCH", search_method_name(method));
    if (count > most)
        return err_set(err, ERR_USAGE, "--from: method %s begins with one patch, found %zu",
                       search_method_name(method), count);
    return true;
}

static bool suits(const struct patch *patch, struct model *model, const char *path,
                  struct err *err)
{
    bool unstated = false;
    if (!patch_matches(patch, model, &unstated, err) || !patch_fits(patch, model, err))
        return err_file(err, path);
    if (patch->flip_count == 0) {
        (void)err_set(err, ERR_FORMAT, "the patch has no flips, expected one or more");
        return err_file(err, path);
    }
    if (unstated)
        cli_warn("%s: does not state the hash of its model", path);
    return true;
}

bool search_from_read(const char *paths, struct model *model, struct buf *starts,
                      struct err *err)
{
    char *path;
    bool ok = true;
    while (ok && (path = next_path(&paths))) {
        struct patch *patch = patch_read(path, err);
        ok = patch && suits(patch, model, path, err) &&
             starts_add(starts, patch->flips, patch->flip_count, err);
        patch_free(patch);
        free(path);
    }
    return ok;
}
