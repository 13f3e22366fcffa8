/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Random commands on a session and on plain arrays: both say the same after each, also
 * across closing, opening, and being killed.
 */
#include "tests/t.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/file.h"
#include "tests/session_fixture.h"

enum { NODES_MAX = 256, EVENTS_MAX = 1024 };

/* The plain one.  Node 0 is the root. */
struct plain {
    int64_t parent[NODES_MAX], redo[NODES_MAX];
    uint64_t number[NODES_MAX];
    int64_t node_count, head, named;
    struct { enum session_kind kind; int64_t step; uint64_t number; } events[EVENTS_MAX];
    uint64_t event_count;
};

struct pair {
    struct plain plain;
    struct session *session;
    const char *path;
    struct buf *why;
};

static bool differs(struct pair *pair, const char *what)
{
    buf_add_format(pair->why, "%s differs after %llu events", what,
                   (unsigned long long)pair->plain.event_count);
    return false;
}

/* ---- the plain one ---------------------------------------------------------------------- */

static void plain_event(struct plain *plain, enum session_kind kind, uint64_t number)
{
    plain->events[plain->event_count].kind = kind;
    plain->events[plain->event_count].step = plain->head;
    plain->events[plain->event_count++].number = number;
}

static void plain_step(struct plain *plain, uint64_t number)
{
    int64_t id = plain->node_count++;
    if (number % 5)
        plain_event(plain, EVENT_KIND_TRIED, number); /* as fixture_add_step does */
    plain->parent[id] = plain->head;
    plain->redo[id] = -1;
    plain->number[id] = number;
    plain->redo[plain->head] = id;
    plain->head = id;
    plain_event(plain, EVENT_KIND_STEP, 0);
}

static bool is_above(const struct plain *plain, int64_t above, int64_t id)
{
    while (id > above)
        id = plain->parent[id];
    return id == above;
}

/* Undo until it is above or at the aim, then down. */
static void plain_move(struct plain *plain, int64_t to)
{
    while (!is_above(plain, plain->head, to)) {
        int64_t parent = plain->parent[plain->head];
        plain->redo[parent] = plain->head;
        plain->head = parent;
    }
    plain->head = to;
    plain_event(plain, EVENT_KIND_HEAD, 0);
}

/* ---- comparing -------------------------------------------------------------------------- */

static bool same_state(struct pair *pair)
{
    const struct plain *plain = &pair->plain;
    if (session_head(pair->session) != plain->head)
        return differs(pair, "head");
    if (session_step_count(pair->session) != (uint64_t)plain->node_count)
        return differs(pair, "number of steps");
    return session_event_count(pair->session) == plain->event_count ||
           differs(pair, "number of events");
}

static bool same_bits(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static bool same_step(struct pair *pair, int64_t id)
{
    struct session_step step;
    struct err err = {0};
    const struct plain *plain = &pair->plain;
    if (!session_step(pair->session, id, &step, &err))
        return differs(pair, err.message);
    if (step.parent != plain->parent[id] || step.redo != plain->redo[id])
        return differs(pair, "parent or redo");
    if (id == SESSION_ROOT)
        return true;
    uint64_t number = plain->number[id];
    bool same = step.gap_count == FIXTURE_GAPS && step.flip_count == 1 && step.tried == number &&
                step.flips[0].row == number && same_bits(step.fitness, fixture_gap(number, 0));
    for (size_t i = 0; same && i < FIXTURE_GAPS; i++)
        same = same_bits(step.gaps[i], fixture_gap(number, i));
    return same || differs(pair, "a step");
}

static bool same_event(void *user, const struct session_event *event)
{
    struct pair *pair = user;
    const struct plain *plain = &pair->plain;
    if (event->seq > plain->event_count)
        return differs(pair, "number of events read");
    size_t i = (size_t)event->seq - 1;
    return (event->kind == plain->events[i].kind && event->step == plain->events[i].step &&
            event->number == plain->events[i].number) || differs(pair, "an event");
}

static bool same_way(struct pair *pair)
{
    int64_t *ids = NULL, at = pair->plain.head;
    size_t count = 0;
    struct err err = {0};
    bool same = session_way(pair->session, at, &ids, &count, &err);
    for (; same && count > 0; count--) {
        same = ids[count - 1] == at;
        at = pair->plain.parent[at];
    }
    free(ids);
    return (same && at == SESSION_ROOT) || differs(pair, "the way to the head");
}

static bool same_all(struct pair *pair)
{
    struct err err = {0};
    int64_t named = -1;
    for (int64_t id = 0; id < pair->plain.node_count; id++)
        if (!same_step(pair, id))
            return false;
    if (!session_each_event(pair->session, 1, same_event, pair, &err))
        return differs(pair, err.message);
    bool found = session_named(pair->session, "name", &named, &err);
    if (found != (pair->plain.named >= 0) || named != pair->plain.named)
        return differs(pair, "the named step");
    if (!session_verify(pair->session, pair->why, &err))
        return differs(pair, err.message);
    return pair->why->len == 0 && same_way(pair);
}

/* ---- commands --------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    struct buf bytes = {0};
    struct err err = {0};
    if (file_read(from, (size_t)1 << 26, &bytes, &err))
        t_ok(file_write(to, bytes.data, bytes.len, &err), &err);
    buf_free(&bytes);
}

static void remove_files(const char *path)
{
    (void)unlink(path);
    (void)unlink(fixture_with(path, "-wal"));
    (void)unlink(fixture_with(path, ".lock"));
}

/* What a killed process leaves are the bytes of its files. */
static void reopen(struct pair *pair, bool killed)
{
    const char *path = killed ? fixture_path(".bankai") : pair->path;
    if (killed) {
        copy_file(pair->path, path);
        copy_file(fixture_with(pair->path, "-wal"), fixture_with(path, "-wal"));
    }
    session_close(pair->session);
    if (killed)
        remove_files(pair->path);
    pair->path = path;
    pair->session = fixture_open(path, SESSION_WRITE);
}

static bool do_step(struct pair *pair, uint64_t number, struct err *err)
{
    plain_step(&pair->plain, number);
    return fixture_add_step(pair->session, number, NULL, err);
}

static bool do_move(struct pair *pair, int64_t to, struct err *err)
{
    plain_move(&pair->plain, to);
    return session_move_head(pair->session, to, "goto", err);
}

static bool do_event(struct pair *pair, uint64_t number, struct err *err)
{
    plain_event(&pair->plain, EVENT_KIND_TRIED, number);
    return fixture_add_event(pair->session, number, err);
}

static bool do_name(struct pair *pair, struct err *err)
{
    pair->plain.named = pair->plain.head;
    plain_event(&pair->plain, EVENT_KIND_NAME, 0);
    return session_name_step(pair->session, "name", pair->plain.head, err);
}

/* One byte is a command and its argument. */
static bool command(struct pair *pair, unsigned char byte)
{
    struct err err = {0};
    struct plain *plain = &pair->plain;
    unsigned argument = byte / 16;
    bool ok = true;
    switch (byte % 16) {
    case 0: case 1: case 2: case 3: case 4: ok = do_step(pair, argument + 1, &err); break;
    case 5: case 6: case 7: ok = do_event(pair, argument + 1, &err); break;
    case 8: case 9: ok = do_move(pair, (int64_t)argument % plain->node_count, &err); break;
    case 10: /* undo */
        ok = plain->head == SESSION_ROOT || do_move(pair, plain->parent[plain->head], &err);
        break;
    case 11: /* redo */
        ok = plain->redo[plain->head] < 0 || do_move(pair, plain->redo[plain->head], &err);
        break;
    case 12: ok = do_name(pair, &err); break;
    case 13: ok = same_all(pair); break;
    case 14: reopen(pair, false); break;
    default: reopen(pair, true); break;
    }
    return (ok || differs(pair, err.message)) && same_state(pair);
}

static bool holds(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    struct pair pair = {.path = fixture_path(".bankai"), .why = why};
    pair.plain.parent[0] = pair.plain.redo[0] = pair.plain.named = -1;
    pair.plain.node_count = 1;
    pair.session = fixture_new(pair.path);
    bool ok = true;
    for (size_t i = 0; ok && i < len && pair.plain.node_count < NODES_MAX; i++)
        ok = command(&pair, (unsigned char)bytes[i]);
    ok = ok && same_all(&pair);
    session_close(pair.session);
    remove_files(pair.path);
    return ok;
}

static void generate(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    uint64_t len = 1 + rng_below(rng, 60);
    for (uint64_t i = 0; i < len; i++) {
        char byte = (char)rng_below(rng, 256);
        buf_add(out, &byte, 1);
    }
}

static void session__random_commands__same_as_plain_arrays(void **state)
{
    (void)state;
    const struct prop prop = {
        .name = "session", .seed = 11, .cases = 40, .generate = generate, .holds = holds,
    };
    t_prop(&prop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session__random_commands__same_as_plain_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
