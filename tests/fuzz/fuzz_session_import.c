/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as lines of a session: refused with an error and nothing written, or a
 * session that is whole, whose lines are read again, and are the same lines then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/session/session.h"
#include "tests/fuzz/fuzz.h"

static char folder[64];

/* In memory where there is such a folder. */
static void begin(void)
{
    if (folder[0])
        return;
    (void)setenv("XDG_STATE_HOME", "/dev/null", 1); /* no counters */
    (void)snprintf(folder, sizeof folder, "%s/bankai-fuzz-import-%ld",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
}

static const char *path(const char *ending)
{
    static char paths[4][96];
    static unsigned count;
    char *out = paths[count++ % 4];
    (void)snprintf(out, sizeof paths[0], "%s%s", folder, ending);
    return out;
}

static void remove_files(void)
{
    static const char *const endings[] = {".in", ".bankai", ".again", ".first", ".second"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        (void)unlink(path(endings[i]));
}

static void dump(const char *from, const char *to)
{
    struct err err = {0};
    struct buf reasons = {0};
    struct session *session = session_open(from, SESSION_READ, &err);
    BUG_ON(!session || !session_verify(session, &reasons, &err));
    BUG_ON(!session_dump(session, to, "0", NULL, NULL, &err));
    session_close(session);
    buf_free(&reasons);
}

static void check_again(void)
{
    struct err err = {0};
    struct buf first = {0}, second = {0};
    dump(path(".bankai"), path(".first"));
    BUG_ON(!session_import(path(".first"), path(".again"), NULL, NULL, &err));
    dump(path(".again"), path(".second"));
    BUG_ON(!file_read(path(".first"), SIZE_MAX, &first, &err));
    BUG_ON(!file_read(path(".second"), SIZE_MAX, &second, &err));
    BUG_ON(first.len != second.len || memcmp(first.data, second.data, first.len) != 0);
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    begin();
    remove_files();
    if (!file_write(path(".in"), data, size, &err))
        return 0;
    bool ok = session_import(path(".in"), path(".bankai"), NULL, NULL, &err);
    BUG_ON(ok != (err.code == ERR_NONE) || ok != (access(path(".bankai"), F_OK) == 0));
    if (ok)
        check_again();
    remove_files();
    return 0;
}
