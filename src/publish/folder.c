/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The folder: made beside its place, every file synced, then renamed.  A copy of the
 * session, taken first and taken away again, is what all files are made of: one state,
 * whoever writes meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/num.h"
#include "src/base/unfinished.h"
#include "src/publish/publish_int.h"

void add_path(struct buf *out, const char *folder, const char *name)
{
    buf_add_format(out, "%s/%s", folder, name);
}

bool write_text(const char *folder, const char *name, const struct buf *text, struct err *err)
{
    struct buf path = {0};
    add_path(&path, folder, name);
    bool ok = file_write(path.data, text->data ? text->data : "", text->len, err);
    buf_free(&path);
    return ok;
}

/* ---- files ----------------------------------------------------------------------------- */

static bool write_lines(const struct story *story, const char *folder, struct err *err)
{
    struct buf path = {0};
    add_path(&path, folder, "session.jsonl");
    bool ok = session_dump(story->session, path.data, story->version, NULL, NULL, err);
    buf_free(&path);
    return ok;
}

static bool write_patch(const struct story *story, const char *folder, struct err *err)
{
    struct patch *patch = publish_patch(story->session, story->head, story->version, err);
    struct buf text = {0};
    if (!patch)
        return false;
    patch_set_text(&patch->name, story->title);
    patch_print(patch, &text);
    bool ok = write_text(folder, "patch.json", &text, err);
    patch_free(patch);
    buf_free(&text);
    return ok;
}

static bool write_all(struct story *story, const char *folder,
                      const struct work_progress *progress, cancel_flag *cancel, struct err *err)
{
    static bool (*const writers[])(const struct story *, const char *, struct err *) = {
        write_lines, write_probes,      write_steps, write_flips,   write_tried,
        write_gaps,  write_generations, write_curve, write_heatmap, write_report,
    };
    bool ok = write_patch(story, folder, err);
    for (size_t i = 0; ok && i < countof(writers); i++) {
        if (progress)
            progress->report(progress->user, i, countof(writers));
        ok = (!cancel || !atomic_load(cancel) || err_set(err, ERR_CANCELLED, "interrupted")) &&
             writers[i](story, folder, err);
    }
    return ok;
}

/* "run" of "dir/run.bankai". */
static char *title_of(const struct session *session)
{
    const char *name = base_name(session_path(session));
    const char *dot = strrchr(name, '.');
    return x_copy(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

static bool fill(struct session *session, const char *folder, const char *version,
                 const struct work_progress *progress, cancel_flag *cancel, struct err *err)
{
    struct buf path = {0};
    add_path(&path, folder, ".state");
    char *title = title_of(session);
    struct story story = {.version = version, .title = title};
    struct session *copy = session_copy(session, path.data, err)
                               ? session_open(path.data, SESSION_READ, err)
                               : NULL;
    bool ok = copy && story_read(copy, &story, err) &&
              write_all(&story, folder, progress, cancel, err);
    story_free(&story);
    session_close(copy);
    (void)unlink(path.data);
    buf_free(&path);
    free(title);
    return ok;
}

/* ---- the folder ------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static void sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) { /* not every folder can be synced */
        (void)fsync(fd);
        (void)close(fd);
    }
}

static void sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash ? x_copy(path, (size_t)(slash - path) + 1) : x_copy(".", 1);
    sync_folder(parent);
    free(parent);
}

static bool fail_to_make(struct err *err)
{
    return err_set(err, ERR_IO, "cannot make the folder: %s", strerror(errno));
}

static bool make_beside(struct buf *beside, struct unfinished *unfinished, const char *path,
                        struct err *err)
{
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        buf_clear(beside);
        buf_add_format(beside, "%s.tmp-%ld-%u", path, (long)getpid(), attempt);
        if (mkdir(beside->data, 0777) == 0)
            break;
        if (errno != EEXIST) {
            buf_clear(beside);
            return fail_to_make(err);
        }
    }
    struct buf probes = {0};
    unfinished->path = beside->data;
    unfinished_begin(unfinished);
    add_path(&probes, beside->data, "probes");
    bool ok = mkdir(probes.data, 0777) == 0 || fail_to_make(err);
    buf_free(&probes);
    return ok;
}

/* Only nothing and an empty folder can be replaced by a folder. */
static bool put_in_place(const char *beside, const char *path, struct err *err)
{
    struct buf probes = {0};
    add_path(&probes, beside, "probes");
    sync_folder(probes.data);
    sync_folder(beside);
    buf_free(&probes);
    if (rename(beside, path) == 0) {
        sync_parent(path);
        return true;
    }
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
        return err_set(err, ERR_USAGE, "exists already, expected a new or an empty folder");
    return err_set(err, ERR_IO, "cannot write: %s", strerror(errno));
}

/* Looked at before the work; renaming decides. */
static bool is_free(const char *path, struct err *err)
{
    DIR *dir = opendir(path);
    int problem = errno;
    size_t entries = 0;
    while (dir && readdir(dir))
        entries++;
    if (dir)
        (void)closedir(dir);
    if (dir ? entries <= 2 : problem == ENOENT) /* "." and ".." */
        return true;
    return err_set(err, ERR_USAGE, "exists already, expected a new or an empty folder");
}

bool publish_folder(struct session *session, const char *path, const char *program_version,
                    const struct work_progress *progress, cancel_flag *cancel, struct err *err)
{
    struct buf beside = {0}, folder = {0};
    struct unfinished unfinished = {.folder = true};
    buf_add_text(&folder, path);
    while (folder.len > 1 && folder.data[folder.len - 1] == '/')
        folder.data[--folder.len] = '\0';
    bool ok = is_free(folder.data, err) &&
              make_beside(&beside, &unfinished, folder.data, err) &&
              fill(session, beside.data, program_version, progress, cancel, err) &&
              put_in_place(beside.data, folder.data, err);
    unfinished_end(&unfinished);
    if (!ok && beside.len > 0) {
        (void)nftw(beside.data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        if (strncmp(err->file, beside.data, beside.len) == 0)
            err->file[0] = '\0'; /* nobody knows it by that name */
    }
    (void)(ok || err_file(err, path));
    buf_free(&beside);
    buf_free(&folder);
    return ok;
}
