/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sessions of the state folder: what is there, and clearing it up.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/session/session.h"
#include "src/session_cli/session_actions.h"

struct found {
    char *path;
    uint64_t bytes;
    int64_t changed; /* seconds since 1970 */
};

struct folder {
    struct found *found; /* oldest first: names begin with the date */
    size_t count;
};

static void folder_free(struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        free(folder->found[i].path);
    free(folder->found);
}

static int compare_found(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->path, ((const struct found *)b)->path);
}

static void add_found(struct folder *folder, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    folder->found = x_grow(folder->found, folder->count + 1, sizeof *folder->found);
    folder->found[folder->count++] = (struct found){
        .path = x_copy(path, strlen(path)),
        .bytes = (uint64_t)status.st_size,
        .changed = (int64_t)status.st_mtime,
    };
}

static bool is_session_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot > name && strcmp(dot, ".bankai") == 0;
}

/* An absent folder is an empty one. */
static bool folder_read(struct folder *out, struct err *err)
{
    struct buf path = {0};
    *out = (struct folder){0};
    if (!file_state_path("sessions/x", &path, err)) {
        buf_free(&path);
        return false;
    }
    path.data[path.len - 2] = '\0'; /* without "/x" */
    DIR *dir = opendir(path.data);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct buf file = {0};
        buf_add_format(&file, "%s/%s", path.data, entry->d_name);
        if (is_session_name(entry->d_name))
            add_found(out, file.data);
        buf_free(&file);
    }
    if (dir)
        (void)closedir(dir);
    if (out->count > 1)
        qsort(out->found, out->count, sizeof *out->found, compare_found);
    buf_free(&path);
    return true;
}

/* ---- list ------------------------------------------------------------------------------- */

static void list_text(const struct found *found, struct session *session)
{
    char when[32];
    time_t changed = (time_t)found->changed;
    struct tm parts;
    (void)localtime_r(&changed, &parts);
    (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M", &parts);
    struct buf out = {0};
    buf_add_format(&out, "%s  ", when);
    if (session)
        buf_add_format(&out, "%6" PRIu64 " steps %7" PRIu64 " tried  ",
                       session_step_count(session) - 1, session_tried(session));
    else
        buf_add_format(&out, "%-29s", "cannot be read");
    text_visible(&out, found->path, strlen(found->path));
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static json_t *list_json(const struct found *found, struct session *session)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "path", json_text(found->path, strlen(found->path)));
    (void)json_object_set_new(object, "bytes", json_integer((json_int_t)found->bytes));
    (void)json_object_set_new(object, "readable", json_boolean(session != NULL));
    if (!session)
        return object;
    (void)json_object_set_new(object, "steps",
                              json_integer((json_int_t)session_step_count(session) - 1));
    (void)json_object_set_new(object, "tried", json_integer((json_int_t)session_tried(session)));
    return object;
}

int session_list(const struct session_request *request, struct err *err)
{
    struct folder folder;
    if (!folder_read(&folder, err))
        return cli_fail(err);
    json_t *array = json_array();
    for (size_t i = 0; i < folder.count; i++) {
        struct err ignored;
        struct session *session = session_open(folder.found[i].path, SESSION_READ, &ignored);
        if (request->json)
            (void)json_array_append_new(array, list_json(&folder.found[i], session));
        else
            list_text(&folder.found[i], session);
        session_close(session);
    }
    if (request->json)
        cli_print_json(array, true);
    else
        json_decref(array);
    if (folder.count == 0 && !request->json)
        cli_print_text("no sessions are kept\n", 21);
    folder_free(&folder);
    return EXIT_DONE;
}

/* ---- prune -------------------------------------------------------------------------------- */

/* Opening to write takes the lock: whoever has it open keeps it. */
static bool remove_session(const char *path)
{
    struct err ignored;
    struct session *session = session_open(path, SESSION_WRITE, &ignored);
    return session && session_remove(session);
}

int session_prune(const struct session_request *request, struct err *err)
{
    struct folder folder;
    size_t removed = 0;
    if (!folder_read(&folder, err))
        return cli_fail(err);
    int64_t limit = (int64_t)time(NULL) - (int64_t)request->days * 86400;
    for (size_t i = 0; i < folder.count; i++)
        removed += folder.found[i].changed <= limit && remove_session(folder.found[i].path);
    if (request->json) {
        cli_print_json(json_pack("{s:I, s:I}", "removed", (json_int_t)removed, "kept",
                                 (json_int_t)(folder.count - removed)),
                       true);
    } else {
        struct buf out = {0};
        buf_add_format(&out, "%zu removed, %zu kept\n", removed, folder.count - removed);
        cli_print_text(out.data, out.len);
        buf_free(&out);
    }
    folder_free(&folder);
    return EXIT_DONE;
}
