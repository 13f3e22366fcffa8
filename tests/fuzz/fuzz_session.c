/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a session file: refused with an error, or everything in it can be asked
 * for, and each answer is what src/session/session.h promises or an error.  A session
 * that verify finds whole can be read to its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/session/session.h"
#include "tests/fuzz/fuzz.h"

enum { STEPS_LOOKED_AT = 50 };

static char path[64];

/* In memory where there is such a folder. */
static void begin(void)
{
    if (path[0])
        return;
    (void)setenv("XDG_STATE_HOME", "/dev/null", 1); /* no counters */
    (void)snprintf(path, sizeof path, "%s/bankai-fuzz-%ld.bankai",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
}

static void remove_files(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < 4; i++) {
        struct buf name = {0};
        buf_add_format(&name, "%s%s", path, endings[i]);
        (void)unlink(name.data);
        buf_free(&name);
    }
}

static bool check_event(void *user, const struct session_event *event)
{
    uint64_t *last = user;
    BUG_ON(event->seq != *last + 1);
    BUG_ON((int)event->kind < 0 || event->kind >= EVENT_KIND_COUNT || event->step < 0);
    BUG_ON(event->has_flip && (event->flip.proj < 0 || event->flip.proj >= PROJ_COUNT));
    BUG_ON(!event->gaps && event->gap_count > 0);
    BUG_ON(event->data && !json_is_object(event->data));
    *last = event->seq;
    return true;
}

static bool check_answer(void *user, const struct session_answer *answer)
{
    (void)user;
    BUG_ON(!answer->text || answer->text[answer->text_len] != '\0');
    return true;
}

static void check_step(struct session *session, int64_t id, bool whole)
{
    struct err err = {0};
    struct session_step step;
    int64_t *ids = NULL;
    size_t count = 0;
    bool ok = session_step(session, id, &step, &err);
    BUG_ON(!ok && whole);
    BUG_ON(ok && (step.parent >= id || !step.by || (!step.gaps && step.gap_count > 0)));
    ok = session_way(session, id, &ids, &count, &err);
    BUG_ON(!ok && whole);
    BUG_ON(ok && id > 0 && ids[count - 1] != id);
    free(ids);
    ok = session_each_answer(session, id, check_answer, NULL, &err);
    BUG_ON(!ok && whole);
}

static void check_origin(struct session *session, bool whole)
{
    struct err err = {0};
    const struct session_origin *origin = session_origin(session, &err);
    BUG_ON(!origin && whole);
    if (!origin)
        return;
    BUG_ON(origin->target_count + origin->control_count + origin->heldout_count !=
           origin->probes->count);
    BUG_ON(!json_is_object(origin->shape) || !json_is_object(origin->settings));
    for (size_t i = 0; i < origin->probes->count; i++)
        BUG_ON(!origin->probes->probes[i].prompt);
}

static void check_all(struct session *session)
{
    struct err err = {0};
    struct buf reasons = {0};
    uint64_t last = 0;
    bool whole = session_verify(session, &reasons, &err);
    BUG_ON(whole != (reasons.len == 0) && err.code == ERR_NONE);
    BUG_ON(reasons.data && memchr(reasons.data, '\x1b', reasons.len));
    bool ok = session_each_event(session, 1, check_event, &last, &err);
    BUG_ON(whole && (!ok || last != session_event_count(session)));
    if (!session_is_new(session)) {
        check_origin(session, whole);
        for (int64_t id = 0; id < STEPS_LOOKED_AT; id++)
            if ((uint64_t)id < session_step_count(session))
                check_step(session, id, whole);
        check_step(session, session_head(session), whole);
    }
    free(session_get(session, "view"));
    buf_free(&reasons);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    begin();
    remove_files();
    if (!file_write(path, data, size, &err))
        return 0;
    struct session *session = session_open(path, SESSION_READ, &err);
    BUG_ON(!session != (err.code != ERR_NONE));
    if (session)
        check_all(session);
    session_close(session);
    remove_files();
    return 0;
}
