/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session handed on, and taken in again: a clean copy, lines of JSON, a folder to
 * publish, or the patch of one of its states.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/publish/publish.h"
#include "src/report/report.h"
#include "src/session/session.h"
#include "src/session/state.h"
#include "src/session_cli/session_actions.h"

/* ---- export ------------------------------------------------------------------------------ */

enum export_kind { EXPORT_COPY, EXPORT_LINES, EXPORT_FOLDER, EXPORT_KIND_COUNT };

static const char *const kind_names[EXPORT_KIND_COUNT] = {"copy", "lines", "dir"};

static bool ends_in(const char *text, const char *ending)
{
    size_t len = strlen(text), end = strlen(ending);
    return len >= end && strcmp(text + len - end, ending) == 0;
}

/* What was asked for, or what the name of the output says. */
static bool choose_kind(const struct session_request *request, enum export_kind *kind,
                        struct err *err)
{
    *kind = ends_in(request->output, ".jsonl") ? EXPORT_LINES
            : ends_in(request->output, "/")    ? EXPORT_FOLDER
                                               : EXPORT_COPY;
    if (!request->as)
        return true;
    for (int i = 0; i < EXPORT_KIND_COUNT; i++) {
        *kind = (enum export_kind)i;
        if (strcmp(request->as, kind_names[i]) == 0)
            return true;
    }
    return err_set(err, ERR_USAGE, "--as is '%s', expected copy, lines or dir", request->as);
}

static bool export_copy(struct session *session, const struct session_request *request,
                        struct err *err)
{
    return session_copy(session, request->output, err);
}

static bool export_lines(struct session *session, const struct session_request *request,
                         struct err *err)
{
    struct progress line;
    struct work_progress progress = {report_work, &line};
    if (access(request->output, F_OK) == 0 && strncmp(request->output, "/dev/", 5) != 0) {
        (void)err_set(err, ERR_USAGE, "exists already: nothing is written");
        return err_file(err, request->output);
    }
    progress_start(&line, "exporting", session_event_count(session));
    bool ok = session_dump(session, request->output, BANKAI_VERSION, &progress, &cli_cancel, err);
    progress_end(&line);
    return ok;
}

static bool export_folder(struct session *session, const struct session_request *request,
                          struct err *err)
{
    struct progress line;
    struct work_progress progress = {report_work, &line};
    progress_start(&line, "exporting", 0);
    bool ok = publish_folder(session, request->output, BANKAI_VERSION, &progress, &cli_cancel,
                             err);
    progress_end(&line);
    return ok;
}

/* A patch replaces a file as everywhere, but not the session it comes from. */
static bool is_session_itself(const struct session_request *request)
{
    struct stat a, b;
    return stat(request->path, &a) == 0 && stat(request->output, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool export_patch(struct session *session, const struct session_request *request,
                         struct err *err)
{
    int64_t step = session_head(session);
    if (request->as)
        return err_set(err, ERR_USAGE, "--as and --patch or --step: expected one of them");
    if (is_session_itself(request))
        return err_set(err, ERR_USAGE, "--output is the session itself, expected another file");
    if (request->step && !session_state(session, request->step, &step, err))
        return false;
    struct patch *patch = publish_patch(session, step, BANKAI_VERSION, err);
    bool ok = patch && patch_write(patch, request->output, err);
    patch_free(patch);
    return ok;
}

static bool export_as(struct session *session, const struct session_request *request,
                      struct err *err)
{
    static bool (*const exports[EXPORT_KIND_COUNT])(struct session *,
                                                    const struct session_request *,
                                                    struct err *) = {
        [EXPORT_COPY] = export_copy,
        [EXPORT_LINES] = export_lines,
        [EXPORT_FOLDER] = export_folder,
    };
    enum export_kind kind = EXPORT_COPY;
    if (request->patch || request->step)
        return export_patch(session, request, err);
    return choose_kind(request, &kind, err) && exports[kind](session, request, err);
}

int session_export(const struct session_request *request, struct err *err)
{
    if (!request->output) {
        (void)err_set(err, ERR_USAGE, "no output given, expected -o FILE");
        return cli_fail(err);
    }
    struct session *session = session_open(request->path, SESSION_READ, err);
    bool ok = session && export_as(session, request, err);
    session_close(session);
    return ok ? EXIT_DONE : cli_fail(err);
}

/* ---- import ------------------------------------------------------------------------------ */

int session_take_in(const struct session_request *request, struct err *err)
{
    struct progress line;
    struct work_progress progress = {report_work, &line};
    if (!request->output) {
        (void)err_set(err, ERR_USAGE, "no output given, expected -o FILE.bankai");
        return cli_fail(err);
    }
    progress_start(&line, "importing", 0);
    bool ok = session_import(request->path, request->output, &progress, &cli_cancel, err);
    progress_end(&line);
    return ok ? EXIT_DONE : cli_fail(err);
}
