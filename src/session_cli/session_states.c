/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Named states of a session.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/session/state.h"
#include "src/session_cli/session_actions.h"

struct listing {
    struct session *session;
    json_t *array; /* or NULL: as text */
    struct err *err;
    bool ok;
};

static void list_text(const char *name, const struct session_step *step, size_t flips)
{
    struct buf out = {0};
    buf_add_format(&out, "%6" PRId64 "  %6zu flip%s  ", step->id, flips, flips == 1 ? " " : "s");
    if (isfinite(step->fitness))
        buf_add_format(&out, "fitness %+.4f  ", step->fitness);
    text_visible(&out, name, strlen(name));
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static json_t *list_json(const char *name, const struct session_step *step, size_t flips)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "name", json_text(name, strlen(name)));
    (void)json_object_set_new(object, "step", json_integer((json_int_t)step->id));
    (void)json_object_set_new(object, "flips", json_integer((json_int_t)flips));
    if (isfinite(step->fitness))
        (void)json_object_set_new(object, "fitness", json_real(step->fitness));
    return object;
}

static bool list_name(void *user, const char *name, int64_t id)
{
    struct listing *listing = user;
    struct session_step step;
    struct flip_set flips;
    listing->ok = session_state_flips(listing->session, id, &flips, listing->err) &&
                  session_step(listing->session, id, &step, listing->err);
    if (listing->ok && listing->array)
        (void)json_array_append_new(listing->array, list_json(name, &step, flips.count));
    else if (listing->ok)
        list_text(name, &step, flips.count);
    flip_set_free(&flips);
    return listing->ok;
}

static int list_names(const struct session_request *request, struct err *err)
{
    struct session *session = session_open(request->path, SESSION_READ, err);
    struct listing listing = {
        .session = session,
        .array = request->json ? json_array() : NULL,
        .err = err,
        .ok = true,
    };
    bool ok = session && session_each_name(session, list_name, &listing, err) && listing.ok;
    session_close(session);
    if (ok && listing.array)
        cli_print_json(listing.array, true);
    else
        json_decref(listing.array);
    return ok ? EXIT_DONE : cli_fail(err);
}

/* Opening to write would make a file where there is none. */
static struct session *open_to_write(const char *path, struct err *err)
{
    struct session *there = session_open(path, SESSION_READ, err);
    session_close(there);
    return there ? session_open(path, SESSION_WRITE, err) : NULL;
}

int session_name(const struct session_request *request, struct err *err)
{
    const char *name = request->words[0];
    int64_t step = 0;
    if (!name)
        return list_names(request, err);
    struct session *session =
        session_state_name_fits(name, err) ? open_to_write(request->path, err) : NULL;
    bool ok = session &&
              session_state(session, request->words[1] ? request->words[1] : "head", &step, err) &&
              session_name_step(session, name, step, err);
    session_close(session);
    return ok ? EXIT_DONE : cli_fail(err);
}
