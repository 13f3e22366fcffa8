/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A model that was moved is known by its hash.  Only files of its size are hashed, and
 * what was hashed before comes from the cache.
 */
#include "src/session/model_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct hunt {
    const struct session_origin *origin;
    cancel_flag *cancel;
    char **folders; /* [folder_count] to be looked through, each once */
    size_t folder_count;
    struct buf *found;
};

/* ---- where to look -------------------------------------------------------------------- */

static void add_folder(struct hunt *hunt, const char *path, size_t len)
{
    char *folder = len > 0 ? x_copy(path, len) : x_copy(".", 1);
    for (size_t i = 0; i < hunt->folder_count; i++) {
        if (strcmp(hunt->folders[i], folder) != 0)
            continue;
        free(folder);
        return;
    }
    hunt->folders = x_grow(hunt->folders, hunt->folder_count + 1, sizeof *hunt->folders);
    hunt->folders[hunt->folder_count++] = folder;
}

static void add_folder_of(struct hunt *hunt, const char *file)
{
    const char *slash = strrchr(file, '/');
    add_folder(hunt, file, slash == file ? 1 : slash ? (size_t)(slash - file) : 0);
}

static bool add_known(void *user, const struct model_known *known)
{
    add_folder_of(user, known->path);
    return true;
}

static void add_listed(struct hunt *hunt, const char *list)
{
    while (list && *list) {
        size_t len = strcspn(list, ":");
        if (len > 0)
            add_folder(hunt, list, len);
        list += len + (list[len] == ':');
    }
}

/* ---- looking -------------------------------------------------------------------------- */

static bool has_size(const struct hunt *hunt, const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           (uint64_t)status.st_size == hunt->origin->model_bytes;
}

/* Is it this model? */
static bool look_at(struct hunt *hunt, const char *path)
{
    struct err ignored;
    if (!has_size(hunt, path))
        return false;
    struct model *model = model_open(path, &ignored);
    const char *sha256 = model ? model_sha256_unless(model, hunt->cancel, &ignored) : NULL;
    bool same = sha256 && strcmp(sha256, hunt->origin->model_sha256) == 0;
    if (same)
        buf_add_text(hunt->found, path);
    model_free(model);
    return same;
}

/* Files that had this hash come first. */
static bool look_at_known(void *user, const struct model_known *known)
{
    struct hunt *hunt = user;
    return strcmp(known->sha256, hunt->origin->model_sha256) != 0 || !look_at(hunt, known->path);
}

static bool look_into(struct hunt *hunt, const char *folder)
{
    bool found = false;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        struct buf path = {0};
        buf_add_format(&path, "%s/%s", folder, entry->d_name);
        found = !(hunt->cancel && atomic_load(hunt->cancel)) && look_at(hunt, path.data);
        buf_free(&path);
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

static bool look_everywhere(struct hunt *hunt, const char *session_path)
{
    size_t before = hunt->found->len;
    model_each_known(look_at_known, hunt);
    if (hunt->found->len > before)
        return true;
    add_folder_of(hunt, hunt->origin->model_path);
    add_folder_of(hunt, session_path);
    add_listed(hunt, getenv("BANKAI_MODELS"));
    model_each_known(add_known, hunt);
    bool found = false;
    for (size_t i = 0; i < hunt->folder_count && !found; i++)
        found = look_into(hunt, hunt->folders[i]);
    return found;
}

bool session_find_model(struct session *session, const char *how, struct buf *path,
                        cancel_flag *cancel, struct err *err)
{
    const struct session_origin *origin = session_origin(session, err);
    if (!origin)
        return false;
    if (strcmp(origin->model_path, "nano") == 0 || access(origin->model_path, F_OK) == 0) {
        buf_add_text(path, origin->model_path);
        return true;
    }
    struct hunt hunt = {.origin = origin, .cancel = cancel, .found = path};
    bool found = look_everywhere(&hunt, session_path(session));
    for (size_t i = 0; i < hunt.folder_count; i++)
        free(hunt.folders[i]);
    free(hunt.folders);
    if (found)
        return true;
    if (cancel && atomic_load(cancel))
        return err_set(err, ERR_CANCELLED, "interrupted");
    (void)err_set(err, ERR_USAGE, "the session's model is not there any more, and was not found by "
                  "its SHA-256 %s beside it, the session, or models used before, nor in "
                  "BANKAI_MODELS; %s", origin->model_sha256, how);
    return err_file(err, origin->model_path);
}
