/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * States in words: read, and written.
 */
#include "src/session/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/text.h"

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* UTF-8 that is shown as it is: no control characters. */
static bool is_plain(const char *text, size_t len)
{
    struct buf shown = {0};
    text_visible(&shown, text, len);
    bool plain = shown.len == len && memcmp(shown.data, text, len) == 0;
    buf_free(&shown);
    return plain;
}

bool session_state_name_fits(const char *name, struct err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > SESSION_STATE_NAME_MAX)
        return err_set(err, ERR_USAGE, "a name has %zu bytes, expected 1 to %d", len,
                       (int)SESSION_STATE_NAME_MAX);
    if (!is_plain(name, len))
        return err_set(err, ERR_USAGE,
                       "'%s' is no name: expected UTF-8 without control characters", name);
    if (name[0] == ' ' || name[len - 1] == ' ')
        return err_set(err, ERR_USAGE, "'%s' is no name: expected no blank at its ends", name);
    if (is_number(name) || strcmp(name, "base") == 0 || strcmp(name, "head") == 0)
        return err_set(err, ERR_USAGE, "'%s' means a step already, expected another name", name);
    if (strstr(name, "..") || strchr(name, '~'))
        return err_set(err, ERR_USAGE, "'%s' is no name: expected none with '..' or '~'", name);
    return true;
}

/* ---- reading ------------------------------------------------------------------------ */

/* Without what stands behind '~'. */
static bool plain_state(struct session *session, const char *text, int64_t *step, struct err *err)
{
    struct err none;
    int64_t last = (int64_t)session_step_count(session) - 1;
    if (strcmp(text, "base") == 0)
        *step = SESSION_ROOT;
    else if (strcmp(text, "head") == 0)
        *step = session_head(session);
    else if (!is_number(text))
        return session_named(session, text, step, &none) ||
               err_set(err, ERR_USAGE,
                       "there is no state '%.80s', expected a step, a name, head, base or head~N",
                       text);
    else if (!num_parse_int(text, step) || *step > last)
        return err_set(err, ERR_RANGE, "there is no step %.20s, expected 0 to %" PRId64, text,
                       last);
    return true;
}

static bool climb(struct session *session, const char *text, int64_t *step, struct err *err)
{
    int64_t up = 1, at = *step;
    if (*text && (!is_number(text) || !num_parse_int(text, &up)))
        return err_set(err, ERR_USAGE, "'~%.40s' is no way up, expected ~ and a number", text);
    for (int64_t i = 0; i < up; i++) {
        struct session_step of;
        if (at == SESSION_ROOT)
            return err_set(err, ERR_RANGE,
                           "step %" PRId64 " is %" PRId64 " above the base, expected ~0 to ~%"
                           PRId64, *step, i, i);
        if (!session_step(session, at, &of, err))
            return false;
        at = of.parent;
    }
    *step = at;
    return true;
}

static bool state_of(struct session *session, const char *text, size_t len, int64_t *step,
                     struct err *err)
{
    char *copy = x_copy(text, len);
    char *tilde = strchr(copy, '~');
    if (tilde)
        *tilde = '\0';
    bool ok = plain_state(session, copy, step, err) &&
              (!tilde || climb(session, tilde + 1, step, err));
    free(copy);
    return ok;
}

bool session_state(struct session *session, const char *text, int64_t *step, struct err *err)
{
    return state_of(session, text, strlen(text), step, err);
}

bool session_state_pair(struct session *session, const char *text, int64_t *a, int64_t *b,
                        struct err *err)
{
    const char *dots = strstr(text, "..");
    if (!dots)
        return err_set(err, ERR_USAGE, "'%.80s' is no comparison, expected A..B as in base..head",
                       text);
    *a = *b = session_head(session);
    return (dots == text || state_of(session, text, (size_t)(dots - text), a, err)) &&
           (dots[2] == '\0' || session_state(session, dots + 2, b, err));
}

/* ---- writing ------------------------------------------------------------------------ */

struct named {
    int64_t step;
    struct buf *out;
    bool found;
};

static bool take_name(void *user, const char *name, int64_t step)
{
    struct named *named = user;
    named->found = step == named->step;
    if (named->found)
        text_visible(named->out, name, strlen(name));
    return !named->found && step < named->step;
}

void session_state_text(struct session *session, int64_t step, struct buf *out)
{
    struct named named = {.step = step, .out = out};
    struct err none;
    if (!session_each_name(session, take_name, &named, &none) || !named.found)
        buf_add_format(out, step == SESSION_ROOT ? "base" : "%" PRId64, step);
}
