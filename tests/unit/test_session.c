/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The session file: what comes back, the tree, several at once, and what is refused.
 */
#include "tests/t.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/file.h"
#include "tests/session_fixture.h"

static const char locked[] = "the session is open in another bankai (process %ld), use -R to look "
                             "at it";

static bool same_bits(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* ---- origin ----------------------------------------------------------------- */

static void check_origin(const struct session_origin *origin)
{
    assert_string_equal(origin->program_version, "0.1.0");
    assert_string_equal(origin->model_path, "nano");
    assert_int_equal(strncmp(origin->model_sha256, "b5bb9d80", 8), 0);
    assert_int_equal(origin->model_bytes, 123456789012);
    assert_int_equal(json_integer_value(json_object_get(origin->shape, "layers")), 6);
    assert_true(same_bits(json_real_value(json_object_get(origin->settings, "penalty")), 0.1));
    assert_string_equal(json_object_iter_key(json_object_iter(origin->settings)), "seed");
    assert_int_equal(origin->target_count, 2);
    assert_int_equal(origin->control_count, 1);
    assert_int_equal(origin->heldout_count, 1);
    assert_true(same_bits(origin->gaps_before[0], -0.125));
    assert_true(same_bits(origin->gaps_before[1], -0.0));
    assert_true(same_bits(origin->gaps_before[2], 1.0 / 3));
    assert_string_equal(origin->probes->name, "easy,know,more");
    assert_int_equal(origin->probes->count, 4);
    const struct probe *probe = &origin->probes->probes[0];
    assert_string_equal(probe->set, "easy");
    assert_string_equal(probe->category, "sums");
    assert_string_equal(probe->correct, " 5");
    assert_int_equal(probe->alternate_count, 2);
    assert_string_equal(probe->alternates[1], "5\xc2\xa0");
    assert_string_equal(origin->probes->probes[1].prompt, "3+3=\n");
    assert_string_equal(origin->probes->probes[3].wrong, "");
    static const enum answer_mode modes[] = {ANSWER_MATH, ANSWER_NUMBER, ANSWER_MATH,
                                             ANSWER_JSON_FIELD};
    for (size_t i = 0; i < countof(modes); i++)
        assert_int_equal(origin->probes->probes[i].rule.mode, modes[i]);
    assert_string_equal(origin->probes->probes[3].rule.field, "a.0");
}

static void session_origin__set__comes_back(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("-origin.bankai");
    struct session *session = fixture_new(path);
    assert_false(session_is_new(session));
    assert_string_equal(session_path(session), path);
    check_origin(session_origin(session, &err));
    assert_false(fixture_set_origin(session, &err));
    t_err_is(&err, ERR_USAGE, "", "the session has an origin already");
    t_ok(session_set_model_path(session, "/models/\xff.gguf", &err), &err);
    assert_string_equal(session_origin(session, &err)->model_path, "/models/\xff.gguf");
    session_close(session);

    session = fixture_open(path, SESSION_READ);
    assert_false(session_is_new(session));
    assert_string_equal(session_origin(session, &err)->model_path, "/models/\xff.gguf");
    assert_int_equal(session_head(session), SESSION_ROOT);
    assert_int_equal(session_step_count(session), 1);
    fixture_verify(session);
    session_close(session);
}

static void session_origin__none__everything_else_refused(void **state)
{
    (void)state;
    static const char expected[] = "the session has no origin yet: no model, no probes";
    struct err err = {0};
    struct session *session = fixture_open(fixture_path("-bare.bankai"), SESSION_WRITE);
    struct session_step step;
    assert_true(session_is_new(session));
    assert_null(session_origin(session, &err));
    t_err_is(&err, ERR_USAGE, "", expected);
    assert_false(fixture_add_step(session, 1, NULL, &err));
    t_err_is(&err, ERR_USAGE, "", expected);
    assert_false(fixture_add_event(session, 1, &err));
    t_err_is(&err, ERR_USAGE, "", expected);
    assert_false(session_move_head(session, 0, "goto", &err));
    t_err_is(&err, ERR_USAGE, "", expected);
    assert_false(session_step(session, 0, &step, &err));
    t_err_is(&err, ERR_USAGE, "", expected);
    fixture_verify(session);
    session_close(session);
}

/* ---- events ----------------------------------------------------------------- */

struct seen {
    size_t count;
    uint64_t next;
    size_t limit;
};

static bool check_fixture_event(void *user, const struct session_event *event)
{
    struct seen *seen = user;
    assert_int_equal(event->seq, seen->next++);
    assert_int_equal(event->kind, EVENT_KIND_TRIED);
    assert_int_equal(event->number, event->seq);
    assert_true(event->has_flip && event->flip.proj == PROJ_EMBED && event->flip.row == 7);
    assert_int_equal(event->flip.layer, NO_LAYER);
    assert_int_equal(event->flip.group, FLIP_WHOLE_ROW);
    assert_int_equal(event->screened, event->seq % 2);
    assert_int_equal(event->gap_count, FIXTURE_GAPS);
    for (size_t i = 0; i < FIXTURE_GAPS; i++)
        assert_true(same_bits(event->gaps[i], fixture_gap(event->seq, i)));
    assert_true(same_bits(event->fitness, fixture_gap(event->seq, 1)));
    assert_null(event->text);
    assert_null(event->data);
    return ++seen->count != seen->limit;
}

static void session_add_event__many__come_back_to_the_bit(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("-events.bankai");
    struct session *session = fixture_new(path);
    for (uint64_t number = 1; number <= 200; number++)
        t_ok(fixture_add_event(session, number, &err), &err);
    assert_int_equal(session_tried(session), 200);
    assert_int_equal(session_screened(session), 100);
    session_close(session);

    session = fixture_open(path, SESSION_READ);
    assert_int_equal(session_event_count(session), 200);
    assert_int_equal(session_tried(session), 200);
    assert_int_equal(session_screened(session), 100);
    struct seen all = {.next = 1}, some = {.next = 150, .limit = 3};
    t_ok(session_each_event(session, 1, check_fixture_event, &all, &err), &err);
    assert_int_equal(all.count, 200);
    t_ok(session_each_event(session, 150, check_fixture_event, &some, &err), &err);
    assert_int_equal(some.count, 3);
    fixture_verify(session);
    assert_false(fixture_add_event(session, 1, &err));
    t_err_is(&err, ERR_USAGE, "", "is open for looking only (-R)");
    session_close(session);
}

/* Texts of any bytes, every kind, empty lists, the ends of ranges. */
static bool check_odd_event(void *user, const struct session_event *event)
{
    (void)user;
    if (event->seq == 1) {
        assert_int_equal(event->kind, EVENT_KIND_NOTE);
        assert_string_equal(event->text, "\x1b[31m\xff\n");
        assert_int_equal(event->time_ms, -5);
        assert_true(event->gaps != NULL && event->gap_count == 0);
        assert_true(event->flip.mask[0] == UINT64_MAX && event->flip.mask[1] == 1ULL << 63);
        assert_int_equal(event->flip.row, UINT32_MAX);
        assert_int_equal(event->flip.group, INT32_MAX);
        assert_int_equal(event->number, INT64_MAX);
    } else {
        assert_int_equal(event->kind, EVENT_KIND_ANSWERS);
        assert_string_equal(event->text, "");
        assert_null(event->gaps);
        assert_false(event->has_flip);
        assert_string_equal(json_string_value(json_object_get(event->data, "a")), "\xc3\xa4");
        assert_true(signbit(event->fitness) && same_bits(event->fitness, -0.0));
    }
    return true;
}

static void session_add_event__odd_values__come_back(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("-odd.bankai");
    struct session *session = fixture_new(path);
    double none;
    struct session_event first = {
        .kind = EVENT_KIND_NOTE, .text = "\x1b[31m\xff\n", .time_ms = -5, .gaps = &none,
        .number = INT64_MAX, .has_flip = true, .fitness = (double)INFINITY,
        .flip = {.layer = INT32_MAX, .proj = PROJ_DOWN, .row = UINT32_MAX, .group = INT32_MAX,
                 .mask = {UINT64_MAX, 1ULL << 63}},
    };
    struct session_event second = {
        .kind = EVENT_KIND_ANSWERS, .text = "", .data = json_pack("{s:s}", "a", "\xc3\xa4"),
        .fitness = -0.0,
    };
    t_ok(session_add_event(session, &first, &err), &err);
    t_ok(session_add_event(session, &second, &err), &err);
    json_decref(second.data);
    session_close(session);
    session = fixture_open(path, SESSION_READ);
    t_ok(session_each_event(session, 0, check_odd_event, NULL, &err), &err);
    session_close(session);
}

/* ---- candidates of several flips ---------------------------------------------- */

static const struct flip together[] = {
    {2, PROJ_UP, 17, FLIP_WHOLE_ROW, {0, 0}},
    {NO_LAYER, PROJ_EMBED, UINT32_MAX, FLIP_WHOLE_ROW, {0, 0}},
    {0, PROJ_K, 3, 1, {1, UINT64_MAX}},
};

static bool check_together(void *user, const struct session_event *event)
{
    size_t *seen = user;
    assert_true(flip_equal(&event->flip, &together[0]));
    if (event->seq == 2) {
        assert_int_equal(event->flip_count, countof(together));
        for (size_t i = 0; i < countof(together); i++)
            assert_true(flip_equal(&event->flips[i], &together[i]));
    } else {
        assert_null(event->flips);
        assert_int_equal(event->flip_count, 0);
    }
    ++*seen;
    return true;
}

static struct session_event together_event(size_t count)
{
    return (struct session_event){
        .kind = EVENT_KIND_TRIED, .has_flip = true, .flip = together[0], .flips = together,
        .flip_count = count, .fitness = 1,
    };
}

static void session_add_event__several_flips__all_come_back(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("-together.bankai");
    struct session *session = fixture_new(path);
    for (uint64_t number = 1; number <= 3; number++) {
        struct session_event event = together_event(number == 2 ? countof(together) : 1);
        event.number = number;
        t_ok(session_add_event(session, &event, &err), &err);
    }
    session_close(session);
    session = fixture_open(path, SESSION_READ);
    size_t all = 0, brief = 0;
    t_ok(session_each_event(session, 1, check_together, &all, &err), &err);
    t_ok(session_each_briefly(session, 1, check_together, &brief, &err), &err);
    assert_true(all == 3 && brief == 3);
    fixture_verify(session);
    session_close(session);
}

static void session_each_event__flips_that_are_none__refused(void **state)
{
    (void)state;
    static const char *const data[] = {
        "{\"flips\": []}",
        "{\"flips\": 7}",
        "{\"flips\": [{\"layer\": 2, \"proj\": \"up_proj\", \"row\": 17}]}",
        "{\"flips\": [{\"layer\": 2, \"proj\": \"up_proj\", \"row\": 18}, {\"proj\": \"head\", "
        "\"row\": 1}]}",
        "{\"flips\": [{\"layer\": 2, \"proj\": \"up_proj\", \"row\": 17}, {\"proj\": \"up\", "
        "\"layer\": 1, \"row\": 1}]}",
        "{\"flips\": [{\"layer\": 2, \"proj\": \"up_proj\", \"row\": 17}, {\"proj\": \"head\", "
        "\"row\": 1, \"grp\": 0}]}",
        "{\"flips\": [{\"layer\": 2, \"proj\": \"up_proj\", \"row\": 17}, {\"proj\": \"head\", "
        "\"row\": -1}]}",
        "{\"flips\": [{\"layer\": 2, \"proj\": \"up_proj\", \"row\": 17}, {\"proj\": \"head\", "
        "\"row\": 1, \"more\": 0}]}",
    };
    for (size_t i = 0; i < countof(data); i++) {
        struct err err = {0};
        size_t seen = 0;
        struct buf sql = {0}, reasons = {0};
        const char *path = fixture_path("-flips.bankai");
        struct session *session = fixture_new(path);
        struct session_event event = together_event(2);
        event.number = 1;
        t_ok(session_add_event(session, &event, &err), &err);
        session_close(session);
        buf_add_format(&sql, "UPDATE event SET data = '%s'", data[i]);
        fixture_sql(path, sql.data);
        session = fixture_open(path, SESSION_READ);
        assert_false(session_each_event(session, 1, check_together, &seen, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_non_null(strstr(err.message, "expected two flips or more"));
        assert_false(session_verify(session, &reasons, &err));
        session_close(session);
        buf_free(&sql);
        buf_free(&reasons);
    }
}

/* ---- the tree --------------------------------------------------------------- */

static void check_step(struct session *session, int64_t id, int64_t parent, int64_t redo)
{
    struct err err = {0};
    struct session_step step;
    t_ok(session_step(session, id, &step, &err), &err);
    assert_int_equal(step.id, id);
    assert_int_equal(step.parent, parent);
    assert_int_equal(step.redo, redo);
}

static void check_way(struct session *session, int64_t step, const int64_t *expected,
                      size_t expected_count)
{
    struct err err = {0};
    int64_t *ids = NULL;
    size_t count = 0;
    t_ok(session_way(session, step, &ids, &count, &err), &err);
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ids[i], expected[i]);
    free(ids);
}

static void session_add_step__one__comes_back_to_the_bit(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t id = 0;
    const char *path = fixture_path("-step.bankai");
    struct session *session = fixture_new(path);
    t_ok(fixture_add_step(session, 6, &id, &err), &err);
    assert_int_equal(id, 1);
    assert_int_equal(session_tried(session), 6);
    session_close(session);

    struct session_step step;
    session = fixture_open(path, SESSION_READ);
    assert_int_equal(session_head(session), 1);
    assert_int_equal(session_event_count(session), 2);
    t_ok(session_step(session, 1, &step, &err), &err);
    assert_string_equal(step.by, "search");
    assert_string_equal(step.note, "a note");
    assert_int_equal(step.tried, 6);
    assert_int_equal(step.flip_count, 1);
    assert_int_equal(step.flips[0].layer, 0);
    assert_int_equal(step.flips[0].row, 6);
    assert_int_equal(step.flips[0].group, 3);
    assert_true(step.flips[0].mask[0] == 6 && step.flips[0].mask[1] == 1);
    assert_int_equal(step.gap_count, FIXTURE_GAPS);
    for (size_t i = 0; i < FIXTURE_GAPS; i++)
        assert_true(same_bits(step.gaps[i], fixture_gap(6, i)));
    t_ok(session_step(session, 0, &step, &err), &err);
    assert_string_equal(step.by, "origin");
    assert_true(same_bits(step.gaps[1], -0.0));
    assert_false(session_step(session, 2, &step, &err));
    t_err_is(&err, ERR_RANGE, "", "there is no step 2, expected 0 to 1");
    session_close(session);
}

static void session_move_head__undo_redo_branch__tree(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("-tree.bankai");
    struct session *session = fixture_new(path);
    for (uint64_t number = 1; number <= 3; number++)
        t_ok(fixture_add_step(session, number, NULL, &err), &err);
    t_ok(session_move_head(session, 1, "goto", &err), &err); /* from 3: as undo, undo */
    check_step(session, 1, 0, 2);
    check_step(session, 2, 1, 3);
    t_ok(fixture_add_step(session, 4, NULL, &err), &err); /* a branch: 0 - 1 - 4 */
    check_step(session, 1, 0, 4);
    check_way(session, 4, (const int64_t[]){1, 4}, 2);
    check_way(session, 3, (const int64_t[]){1, 2, 3}, 3);
    check_way(session, 0, NULL, 0);
    session_close(session);

    session = fixture_open(path, SESSION_WRITE);
    assert_int_equal(session_head(session), 4);
    t_ok(session_move_head(session, 3, "goto", &err), &err);
    t_ok(session_move_head(session, 0, "goto", &err), &err);
    check_step(session, 0, -1, 1);
    check_step(session, 1, 0, 2); /* redo leads back to where the head was */
    assert_false(session_move_head(session, 5, "goto", &err));
    t_err_is(&err, ERR_RANGE, "", "there is no step 5, expected 0 to 4");
    assert_false(session_move_head(session, -1, "undo", &err));
    assert_int_equal(session_head(session), 0);
    fixture_verify(session);
    session_close(session);
}

struct naming {
    uint64_t count;
    int64_t step, head; /* of the last */
};

static bool count_naming(void *user, const struct session_event *event)
{
    struct naming *naming = user;
    assert_int_equal(event->kind, EVENT_KIND_NAME);
    assert_string_equal(event->text, "best");
    naming->count++;
    naming->step = json_integer_value(json_object_get(event->data, "step"));
    naming->head = event->step;
    return true;
}

static void session_name_step__again__moved(void **state)
{
    (void)state;
    struct err err = {0};
    int64_t step = -1;
    struct session *session = fixture_new(fixture_path("-name.bankai"));
    t_ok(fixture_add_step(session, 1, NULL, &err), &err);
    t_ok(session_name_step(session, "best", 1, &err), &err);
    t_ok(session_name_step(session, "best", 0, &err), &err);
    t_ok(session_named(session, "best", &step, &err), &err);
    assert_int_equal(step, 0);
    assert_false(session_named(session, "\x1b[2J", &step, &err));
    t_err_is(&err, ERR_USAGE, "", "no step is named '\\x1B[2J'");
    assert_false(session_name_step(session, "x", 2, &err));
    t_err_is(&err, ERR_RANGE, "", "there is no step 2, expected 0 to 1");
    struct naming told = {0};
    t_ok(session_each_of(session, EVENT_KIND_NAME, count_naming, &told, &err), &err);
    assert_int_equal(told.count, 2); /* what was refused is not told */
    assert_int_equal(told.step, 0);
    assert_int_equal(told.head, 1);
    t_ok(session_put(session, "view", "a", &err), &err);
    t_ok(session_put(session, "view", "b", &err), &err);
    char *value = session_get(session, "view");
    assert_string_equal(value, "b");
    free(value);
    assert_null(session_get(session, "none"));
    session_close(session);
}

/* ---- generations ------------------------------------------------------------ */

static bool check_answer(void *user, const struct session_answer *answer)
{
    size_t *count = user;
    static const char bytes[] = "\xff\0x";
    assert_int_equal(answer->step, 0);
    assert_int_equal(answer->probe, *count);
    assert_int_equal(answer->right, *count == 1);
    assert_int_equal(answer->text_len, *count == 0 ? 3 : 0);
    assert_memory_equal(answer->text, bytes, answer->text_len);
    (*count)++;
    return true;
}

static void session_add_answers__any_bytes__come_back(void **state)
{
    (void)state;
    struct err err = {0};
    size_t count = 0;
    struct session *session = fixture_new(fixture_path("-answers.bankai"));
    struct session_answer answers[] = {
        {.probe = 1, .text = "old", .text_len = 3},
        {.probe = 0, .text = "\xff\0x", .text_len = 3},
        {.probe = 1, .text = "", .right = true},
    };
    t_ok(session_add_answers(session, answers, 3, &err), &err);
    t_ok(session_each_answer(session, 0, check_answer, &count, &err), &err);
    assert_int_equal(count, 2);
    answers[2].probe = 4; /* there is none: nothing of the three is written */
    answers[0].probe = 2;
    assert_false(session_add_answers(session, answers, 3, &err));
    t_err_is(&err, ERR_MISMATCH, "",
             "does not fit what the session holds: FOREIGN KEY constraint failed");
    count = 0;
    t_ok(session_each_answer(session, 0, check_answer, &count, &err), &err);
    assert_int_equal(count, 2);
    fixture_verify(session);
    session_close(session);
}

/* ---- several at once -------------------------------------------------------- */

static void session_open__second_writer__refused(void **state)
{
    (void)state;
    struct err err = {0};
    char expected[120];
    const char *path = fixture_path("-lock.bankai");
    struct session *session = fixture_new(path);
    (void)snprintf(expected, sizeof expected, locked, (long)getpid());
    assert_null(session_open(path, SESSION_WRITE, &err));
    t_err_is(&err, ERR_IO, "", expected);
    assert_string_equal(err.file, path);
    t_ok(fixture_add_step(session, 1, NULL, &err), &err);
    session_close(session);
    session = fixture_open(path, SESSION_WRITE);
    session_close(session);
}

static void session_refresh__beside_a_writer__follows(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("-beside.bankai");
    struct session *writer = fixture_new(path);
    struct session *reader = fixture_open(path, SESSION_READ);
    assert_int_equal(session_step_count(reader), 1);
    t_ok(fixture_add_step(writer, 1, NULL, &err), &err);
    t_ok(session_refresh(reader, &err), &err);
    assert_int_equal(session_head(reader), 1);
    fixture_verify(reader);
    session_close(writer);
    check_step(reader, 1, 0, -1);
    session_close(reader); /* the last one leaves one file */
    struct buf wal = {0};
    buf_add_format(&wal, "%s-wal", path);
    assert_int_equal(fixture_size(wal.data), -1);
    buf_free(&wal);
}

static void session_copy__open_session__whole_with_its_own_id(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = fixture_path("-from.bankai"), *to = fixture_path("-to.bankai");
    struct session *session = fixture_new(path);
    t_ok(fixture_add_step(session, 1, NULL, &err), &err);
    t_ok(session_copy(session, to, &err), &err);
    assert_false(session_copy(session, to, &err));
    t_err_is(&err, ERR_USAGE, "", "exists already, and may be a session: nothing is written");
    assert_false(session_copy(session, "/dev/null/x", &err));
    t_err_is(&err, ERR_IO, "", "cannot open: Not a directory");
    assert_string_equal(err.file, "/dev/null/x");
    t_ok(fixture_add_step(session, 2, NULL, &err), &err);
    struct session *reader = fixture_open(path, SESSION_READ);
    const char *second = fixture_path(".bankai");
    t_ok(session_copy(reader, second, &err), &err);
    session_close(reader);
    session_close(session);
    session = fixture_open(second, SESSION_READ);
    assert_int_equal(session_head(session), 2);
    fixture_verify(session);
    session_close(session);
    session = fixture_open(to, SESSION_WRITE);
    assert_int_equal(session_head(session), 1);
    assert_int_equal(session_missing_steps(session), 0);
    check_origin(session_origin(session, &err));
    t_ok(fixture_add_step(session, 3, NULL, &err), &err);
    fixture_verify(session);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_origin__set__comes_back),
        cmocka_unit_test(session_origin__none__everything_else_refused),
        cmocka_unit_test(session_add_event__many__come_back_to_the_bit),
        cmocka_unit_test(session_add_event__odd_values__come_back),
        cmocka_unit_test(session_add_event__several_flips__all_come_back),
        cmocka_unit_test(session_each_event__flips_that_are_none__refused),
        cmocka_unit_test(session_add_step__one__comes_back_to_the_bit),
        cmocka_unit_test(session_move_head__undo_redo_branch__tree),
        cmocka_unit_test(session_name_step__again__moved),
        cmocka_unit_test(session_add_answers__any_bytes__come_back),
        cmocka_unit_test(session_open__second_writer__refused),
        cmocka_unit_test(session_refresh__beside_a_writer__follows),
        cmocka_unit_test(session_copy__open_session__whole_with_its_own_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
