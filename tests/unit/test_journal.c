/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A search and its session stay in step [N1], whatever a person does, and what is
 * opened again is what was closed [N2].
 */
#include <stdlib.h>
#include <unistd.h>

#include "src/base/rng.h"
#include "src/session/journal.h"
#include "tests/session_fixture.h"
#include "tests/simple.h"
#include "tests/six_probes.h"
#include "tests/t.h"
#include "tests/tiny.h"

static char folder[64];

struct desk {
    struct probe probes[PROBES];
    struct probe_set targets, controls, heldout;
    struct search_inputs inputs;
    struct search_options options;
    struct model *model;
    struct session *session;
    struct journal *journal;
    char path[128];
};

static void desk_probes(struct desk *desk)
{
    six_probes_fill(desk->probes);
    for (size_t i = 0; i < PROBES; i++)
        desk->probes[i].set = (char *)(uintptr_t)(i < TARGETS ? "targets" : "controls");
    desk->targets = simple_set(desk->probes, TARGETS);
    desk->controls = simple_set(desk->probes + TARGETS, CONTROLS);
    desk->heldout = (struct probe_set){0};
    desk->inputs = (struct search_inputs){.targets = &desk->targets,
                                          .controls = &desk->controls,
                                          .heldout = &desk->heldout,
                                          .all = simple_set(desk->probes, PROBES)};
    desk->options = search_default_options();
    desk->options.threads = 1;
}

static void desk_open(struct desk *desk)
{
    struct err err;
    desk->model = simple_model(&tiny_default);
    desk->session = session_open(desk->path, SESSION_WRITE, &err);
    t_ok(desk->session != NULL, &err);
    desk->journal = session_is_new(desk->session)
                        ? journal_begin(desk->session, desk->model, &desk->inputs, &desk->options,
                                        "test", NULL, &err)
                        : journal_resume(desk->session, desk->model, &desk->inputs,
                                         &desk->options, "test", NULL, &err);
    t_ok(desk->journal != NULL, &err);
}

static void desk_close(struct desk *desk)
{
    search_free(journal_search(desk->journal));
    journal_free(desk->journal);
    session_close(desk->session);
    model_free(desk->model);
}

static void desk_set_up(struct desk *desk, const char *name)
{
    desk_probes(desk);
    (void)snprintf(desk->path, sizeof desk->path, "%s/%s.bankai", folder, name);
    desk_open(desk);
}

/* The model holds the flips on the way to the head, and the search knows their gaps. */
static void check(struct desk *desk)
{
    struct err err;
    struct search *search = journal_search(desk->journal);
    struct model *other = simple_model(&tiny_default);
    int64_t *ids = NULL;
    size_t count = 0, accepted = 0;
    double gaps[PROBES];
    t_ok(session_way(desk->session, session_head(desk->session), &ids, &count, &err), &err);
    (void)search_accepted(search, &accepted);
    assert_int_equal(search_levels(search), count);
    for (size_t i = 0; i < count; i++) {
        struct session_step step;
        t_ok(session_step(desk->session, ids[i], &step, &err), &err);
        for (size_t flip = 0; flip < step.flip_count; flip++)
            model_flip(other, &step.flips[flip]);
        accepted -= step.flip_count;
        if (i + 1 == count)
            assert_memory_equal(step.gaps, search_gaps_now(search), sizeof gaps);
    }
    assert_int_equal(accepted, 0);
    assert_int_equal(simple_bytes_hash(other), simple_bytes_hash(desk->model));
    free(ids);
    model_free(other);
}

static struct flip random_row(struct rng *rng)
{
    return (struct flip){(int32_t)rng_below(rng, 2), rng_below(rng, 2) ? PROJ_UP : PROJ_O,
                         (uint32_t)rng_below(rng, 128), FLIP_WHOLE_ROW, {0, 0}};
}

/* A patch of one to four rows, which may be the same, under a name of its own. */
static bool import_random(struct desk *desk, struct rng *rng, struct err *err)
{
    struct journal_imported imported;
    struct patch *patch = patch_new();
    char name[32];
    (void)snprintf(name, sizeof name, "patch %llu",
                   (unsigned long long)session_step_count(desk->session));
    for (uint64_t i = rng_below(rng, 4) + 1; i > 0; i--)
        patch_add(patch, random_row(rng));
    bool ok = journal_import(desk->journal, patch, name, &imported, NULL, err);
    patch_free(patch);
    return ok;
}

/* One thing a person may do; refusals are part of it. */
static void act(struct desk *desk, struct rng *rng)
{
    struct err err = {0};
    struct search_try tried;
    struct flip flip = random_row(rng);
    double gaps[PROBES], fitness = 0;
    uint64_t steps = session_step_count(desk->session);
    switch (rng_below(rng, 11)) {
    case 0: (void)journal_keep(desk->journal, &flip, &tried, NULL, &err); break;
    case 1: (void)journal_undo(desk->journal, &err); break;
    case 2: (void)journal_redo(desk->journal, &err); break;
    case 3: (void)journal_goto(desk->journal, (int64_t)rng_below(rng, steps + 1), &err); break;
    case 4: (void)journal_accept(desk->journal, &tried, NULL, &err); break;
    case 5: (void)journal_reject(desk->journal, &tried, &err); break;
    case 6: (void)journal_measure(desk->journal, &flip, gaps, &fitness, NULL, &err); break;
    case 7: t_ok(import_random(desk, rng, &err), &err); break;
    default: assert_int_equal(journal_step(desk->journal, &tried, NULL, &err), SEARCH_TRIED);
    }
    if (err.code != ERR_NONE && err.code != ERR_USAGE && err.code != ERR_RANGE)
        t_ok(false, &err);
    assert_true(session_step_count(desk->session) >= steps); /* nothing is thrown away */
}

static void journal__anything_in_any_order__file_and_search_agree(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 51);
    struct desk desk;
    desk_set_up(&desk, "anything");
    for (size_t i = 0; i < 150; i++) {
        act(&desk, &rng);
        check(&desk);
        if (rng_below(&rng, 12) == 0) {
            uint64_t tried = search_tried(journal_search(desk.journal));
            double fitness = search_fitness(journal_search(desk.journal));
            desk_close(&desk);
            desk_open(&desk);
            check(&desk);
            assert_int_equal(search_tried(journal_search(desk.journal)), tried);
            assert_true(search_fitness(journal_search(desk.journal)) == fitness);
        }
    }
    assert_true(session_step_count(desk.session) > 10);
    desk_close(&desk);
}

static void journal_redo__after_undo_and_restart__the_same_step(void **state)
{
    (void)state;
    struct err err;
    struct rng rng;
    rng_seed(&rng, 52);
    struct desk desk;
    struct search_try tried;
    desk_set_up(&desk, "redo");
    assert_false(journal_can_redo(desk.journal));
    assert_false(journal_redo(desk.journal, &err));
    t_err_is(&err, ERR_USAGE, "", "nothing to redo");
    assert_false(journal_undo(desk.journal, &err));
    t_err_is(&err, ERR_USAGE, "", "nothing to undo: no flip is accepted");
    for (int i = 0; i < 3; i++) {
        struct flip flip = random_row(&rng);
        t_ok(journal_keep(desk.journal, &flip, &tried, NULL, &err), &err);
    }
    uint64_t hash = simple_bytes_hash(desk.model);
    t_ok(journal_undo(desk.journal, &err), &err);
    t_ok(journal_undo(desk.journal, &err), &err);
    assert_int_equal(session_head(desk.session), 1);
    desk_close(&desk);
    desk_open(&desk);
    t_ok(journal_redo(desk.journal, &err), &err);
    t_ok(journal_redo(desk.journal, &err), &err);
    assert_int_equal(session_head(desk.session), 3);
    assert_int_equal(simple_bytes_hash(desk.model), hash);
    t_ok(journal_goto(desk.journal, 1, &err), &err); /* a branch */
    struct flip flip = random_row(&rng);
    t_ok(journal_keep(desk.journal, &flip, &tried, NULL, &err), &err);
    assert_int_equal(session_head(desk.session), 4);
    t_ok(journal_goto(desk.journal, 3, &err), &err); /* the old one is still there */
    assert_int_equal(simple_bytes_hash(desk.model), hash);
    check(&desk);
    desk_close(&desk);
}

/* A step is on another branch of a file that somebody changed: nothing is put on. */
static void journal__step_the_model_has_not__refused_and_unchanged(void **state)
{
    (void)state;
    static const char *const changes[] = {"UPDATE step_flip SET row = 99999 WHERE step = 2",
                                          "DELETE FROM step_flip WHERE step = 2"};
    for (size_t i = 0; i < countof(changes); i++) {
        struct err err;
        struct rng rng;
        rng_seed(&rng, 53);
        struct desk desk;
        struct search_try tried;
        desk_set_up(&desk, i == 0 ? "outside" : "empty");
        for (int steps = 0; steps < 2; steps++) {
            struct flip flip = random_row(&rng);
            t_ok(journal_keep(desk.journal, &flip, &tried, NULL, &err), &err);
        }
        t_ok(journal_undo(desk.journal, &err), &err);
        desk_close(&desk);
        fixture_sql(desk.path, changes[i]);
        desk_open(&desk);
        assert_false(journal_redo(desk.journal, &err));
        assert_int_equal(err.code, i == 0 ? ERR_RANGE : ERR_FORMAT);
        assert_false(journal_goto(desk.journal, 2, &err));
        assert_int_equal(err.code, i == 0 ? ERR_RANGE : ERR_FORMAT);
        assert_int_equal(session_head(desk.session), 1);
        check(&desk);
        desk_close(&desk);
    }
}

static struct patch *rows_patch(const uint32_t *rows, size_t count)
{
    struct patch *patch = patch_new();
    for (size_t i = 0; i < count; i++)
        patch_add(patch, (struct flip){(int32_t)(i % 2), PROJ_UP, rows[i], FLIP_WHOLE_ROW, {0, 0}});
    return patch;
}

/* Gaps of a model with these flips and nothing else, by a search of its own. */
static void gaps_of(struct desk *desk, const struct patch *patch, double gaps[PROBES])
{
    struct err err;
    struct model *model = simple_model(&tiny_default);
    t_ok(patch_apply(patch, model, &err), &err);
    struct search *search =
        search_new(model, &desk->targets, &desk->controls, &desk->options, NULL, &err);
    t_ok(search != NULL, &err);
    memcpy(gaps, search_gaps_before(search), PROBES * sizeof *gaps);
    search_free(search);
    model_free(model);
}

static void import(struct desk *desk, const struct patch *patch, const char *name, int64_t step,
                   bool known)
{
    struct err err;
    struct journal_imported imported;
    t_ok(journal_import(desk->journal, patch, name, &imported, NULL, &err), &err);
    assert_int_equal(imported.step, step);
    assert_int_equal(imported.known, known);
    assert_true(imported.unstated); /* rows_patch names no model */
    assert_int_equal(session_head(desk->session), step);
    check(desk);
}

static void journal_import__two_patches__named_steps_below_the_root(void **state)
{
    (void)state;
    static const uint32_t rows[] = {3, 17, 99, 4, 5};
    struct err err;
    struct desk desk;
    struct session_step step;
    struct search_try tried;
    struct flip flip = {1, PROJ_O, 7, FLIP_WHOLE_ROW, {0, 0}};
    struct patch *one = rows_patch(rows, 3), *two = rows_patch(rows + 3, 2);
    double gaps_one[PROBES], gaps_two[PROBES];
    int64_t named = -1;
    desk_set_up(&desk, "import");
    gaps_of(&desk, one, gaps_one);
    gaps_of(&desk, two, gaps_two);
    t_ok(journal_keep(desk.journal, &flip, &tried, NULL, &err), &err);
    import(&desk, one, "one", 2, false);
    assert_memory_equal(search_gaps_now(journal_search(desk.journal)), gaps_one, sizeof gaps_one);
    import(&desk, two, "two", 3, false);
    assert_memory_equal(search_gaps_now(journal_search(desk.journal)), gaps_two, sizeof gaps_two);
    import(&desk, one, "one", 2, true); /* the same patch again */
    assert_memory_equal(search_gaps_now(journal_search(desk.journal)), gaps_one, sizeof gaps_one);
    assert_int_equal(session_step_count(desk.session), 4);
    t_ok(session_named(desk.session, "two", &named, &err), &err);
    t_ok(session_step(desk.session, named, &step, &err), &err);
    assert_int_equal(step.id, 3);
    assert_int_equal(step.parent, SESSION_ROOT);
    assert_int_equal(step.flip_count, 2);
    assert_string_equal(step.by, "import");
    patch_free(one);
    patch_free(two);
    desk_close(&desk);
}

/* A step on top, undo, redo, restart: three flips are one step throughout. */
static void journal_import__then_anything__three_flips_are_one_step(void **state)
{
    (void)state;
    static const uint32_t rows[] = {3, 17, 99};
    struct err err;
    struct desk desk;
    struct search_try tried;
    struct flip flip = {1, PROJ_O, 7, FLIP_WHOLE_ROW, {0, 0}};
    struct patch *patch = rows_patch(rows, 3);
    desk_set_up(&desk, "as-one");
    uint64_t empty = simple_bytes_hash(desk.model);
    import(&desk, patch, "p", 1, false);
    uint64_t full = simple_bytes_hash(desk.model);
    assert_int_equal(search_newest(journal_search(desk.journal)), 3);
    t_ok(journal_keep(desk.journal, &flip, &tried, NULL, &err), &err);
    check(&desk);
    desk_close(&desk);
    desk_open(&desk);
    check(&desk);
    t_ok(journal_undo(desk.journal, &err), &err);
    assert_int_equal(simple_bytes_hash(desk.model), full);
    t_ok(journal_undo(desk.journal, &err), &err);
    assert_int_equal(simple_bytes_hash(desk.model), empty);
    assert_int_equal(search_newest(journal_search(desk.journal)), 0);
    check(&desk);
    t_ok(journal_redo(desk.journal, &err), &err);
    assert_int_equal(simple_bytes_hash(desk.model), full);
    check(&desk);
    patch_free(patch);
    desk_close(&desk);
}

static void journal_import__refused__nothing_has_changed(void **state)
{
    (void)state;
    static const uint32_t rows[] = {3, 99999};
    static const struct {
        size_t rows;
        const char *name, *sha256;
        enum err_code code;
        const char *where, *message;
    } cases[] = {
        {0, "x", "", ERR_FORMAT, "", "the patch has no flips, expected one or more"},
        {2, "x", "", ERR_RANGE, "flips[1].row", NULL},
        {1, "p", "", ERR_USAGE, "", "'p' is the name of step 1 already, expected another"},
        {1, "head", "", ERR_USAGE, "", "'head' means a step already, expected another name"},
        {1, "x", "00", ERR_MISMATCH, NULL, NULL},
    };
    struct desk desk;
    desk_set_up(&desk, "refused");
    struct patch *first = rows_patch((const uint32_t[]){8}, 1);
    import(&desk, first, "p", 1, false);
    for (size_t i = 0; i < countof(cases); i++) {
        struct err err = {0};
        struct journal_imported imported;
        struct patch *patch = rows_patch(rows, cases[i].rows);
        patch_set_text(&patch->base_sha256, cases[i].sha256);
        assert_false(journal_import(desk.journal, patch, cases[i].name, &imported, NULL, &err));
        assert_int_equal(err.code, cases[i].code);
        if (cases[i].where)
            assert_string_equal(err.where, cases[i].where);
        if (cases[i].message)
            assert_string_equal(err.message, cases[i].message);
        assert_int_equal(session_head(desk.session), 1);
        assert_int_equal(session_step_count(desk.session), 2);
        check(&desk);
        patch_free(patch);
    }
    patch_free(first);
    desk_close(&desk);
}

static void journal_import__cancelled__nothing_has_changed(void **state)
{
    (void)state;
    static const uint32_t rows[] = {3, 17};
    struct err err = {0};
    struct desk desk;
    struct journal_imported imported;
    cancel_flag cancel = true;
    desk_set_up(&desk, "cancelled");
    struct patch *patch = rows_patch(rows, 2);
    uint64_t events = session_event_count(desk.session);
    assert_false(journal_import(desk.journal, patch, "p", &imported, &cancel, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(session_event_count(desk.session), events);
    check(&desk);
    patch_free(patch);
    desk_close(&desk);
}

static void journal_resume__other_model__refused_with_both_hashes(void **state)
{
    (void)state;
    struct err err;
    struct desk desk;
    desk_set_up(&desk, "other");
    desk_close(&desk);
    struct tiny shape = tiny_default;
    shape.seed++;
    struct model *model = simple_model(&shape);
    desk.session = session_open(desk.path, SESSION_WRITE, &err);
    t_ok(desk.session != NULL, &err);
    assert_null(journal_resume(desk.session, model, &desk.inputs, &desk.options, "test", NULL,
                               &err));
    assert_int_equal(err.code, ERR_MISMATCH);
    assert_non_null(strstr(err.message, model_sha256(model, &err)));
    session_close(desk.session);
    model_free(model);
}

/* The model of the desk, from a file: nobody knows its hash. */
static struct model *unhashed_model(void)
{
    char path[] = "/tmp/bankai-test-XXXXXX";
    struct buf file = {0};
    struct err err;
    tiny_write(&tiny_default, &file);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, file.data, file.len) == (ssize_t)file.len);
    (void)close(fd);
    struct model *model = model_open(path, &err);
    t_ok(model != NULL, &err);
    (void)unlink(path);
    buf_free(&file);
    return model;
}

/* The weights agree, so it opens; the file does not, so nothing is measured with it. */
static void journal_resume__weights_agree__file_is_proven_before_the_first_step(void **state)
{
    (void)state;
    struct err err;
    struct desk desk;
    struct search_try tried;
    double gaps[PROBES];
    struct rng rng;
    rng_seed(&rng, 54);
    struct flip flip = random_row(&rng);
    desk_set_up(&desk, "unproven");
    t_ok(journal_keep(desk.journal, &flip, &tried, NULL, &err), &err);
    desk_close(&desk);
    for (int wrong = 0; wrong < 2; wrong++) {
        if (wrong)
            fixture_sql(desk.path, "UPDATE origin SET model_sha256 = lower(hex(zeroblob(32)))");
        desk.model = unhashed_model();
        desk.session = session_open(desk.path, SESSION_WRITE, &err);
        t_ok(desk.session != NULL, &err);
        desk.journal = journal_resume(desk.session, desk.model, &desk.inputs, &desk.options,
                                      "test", NULL, &err);
        t_ok(desk.journal != NULL, &err);
        uint64_t events = session_event_count(desk.session);
        bool kept = journal_measure(desk.journal, &flip, gaps, &tried.fitness, NULL, &err);
        assert_int_equal(kept, !wrong);
        if (wrong)
            assert_int_equal(err.code, ERR_MISMATCH);
        assert_int_equal(session_event_count(desk.session), events + (wrong ? 0 : 1));
        desk_close(&desk);
    }
}

/* A session that names other weights is refused, though the file is the right one. */
static void journal_resume__session_names_other_weights__refused(void **state)
{
    (void)state;
    struct err err;
    struct desk desk;
    struct search_try tried;
    struct rng rng;
    rng_seed(&rng, 55);
    struct flip flip = random_row(&rng);
    desk_set_up(&desk, "weights");
    t_ok(journal_keep(desk.journal, &flip, &tried, NULL, &err), &err);
    desk_close(&desk);
    fixture_sql(desk.path, "UPDATE kept SET value = 'other' WHERE key = 'rows 1'");
    struct model *model = unhashed_model();
    desk.session = session_open(desk.path, SESSION_WRITE, &err);
    assert_null(journal_resume(desk.session, model, &desk.inputs, &desk.options, "test", NULL,
                               &err));
    assert_int_equal(err.code, ERR_MISMATCH);
    assert_non_null(strstr(err.message, "the session says other"));
    session_close(desk.session);
    model_free(model);
}

static void journal_settings__there_and_back__the_same(void **state)
{
    (void)state;
    struct err err;
    const int32_t some[] = {3, 1};
    int32_t layers[SESSION_LAYERS_MAX];
    struct search_options options = search_default_options(), back = {0};
    options.layers = some;
    options.layer_count = 2;
    options.penalty = 0.1;
    options.metric = METRIC_MARGIN;
    options.control_metric = METRIC_KL;
    options.fitness = FITNESS_MIN;
    options.projs = 1u << PROJ_EMBED | 1u << PROJ_Q;
    options.iterations = UINT64_MAX;
    options.seed = 12345678901;
    json_t *settings = journal_settings(&options);
    t_ok(journal_options(settings, &back, layers, &err), &err);
    assert_int_equal(back.layer_count, 2);
    assert_int_equal(back.layers[0], 3);
    assert_int_equal(back.layers[1], 1);
    assert_true(back.penalty == options.penalty && back.seed == options.seed);
    assert_true(back.control_metric == METRIC_KL);
    assert_true(back.metric == options.metric && back.fitness == options.fitness);
    assert_true(back.projs == options.projs && back.iterations == UINT64_MAX);
    (void)json_object_set_new(settings, "penalty", json_real(-1));
    assert_false(journal_options(settings, &back, layers, &err));
    (void)json_object_set_new(settings, "penalty", json_real(1));
    (void)json_object_set_new(settings, "metric", json_string("vibes"));
    assert_false(journal_options(settings, &back, layers, &err));
    assert_non_null(strstr(err.message, "vibes"));
    (void)json_object_set_new(settings, "metric", json_string("margin"));
    (void)json_object_set_new(settings, "control_metric", json_string("calm"));
    assert_false(journal_options(settings, &back, layers, &err));
    assert_non_null(strstr(err.message, "calm"));
    (void)json_object_del(settings, "control_metric"); /* as older sessions are */
    t_ok(journal_options(settings, &back, layers, &err), &err);
    assert_true(back.control_metric == METRIC_SAME);
    json_decref(settings);
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/bankai-journal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return setenv("XDG_STATE_HOME", folder, 1);
}

static int drop_folder(void **state)
{
    (void)state;
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command); /* a name of our own making */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journal__anything_in_any_order__file_and_search_agree),
        cmocka_unit_test(journal_redo__after_undo_and_restart__the_same_step),
        cmocka_unit_test(journal__step_the_model_has_not__refused_and_unchanged),
        cmocka_unit_test(journal_import__two_patches__named_steps_below_the_root),
        cmocka_unit_test(journal_import__then_anything__three_flips_are_one_step),
        cmocka_unit_test(journal_import__refused__nothing_has_changed),
        cmocka_unit_test(journal_import__cancelled__nothing_has_changed),
        cmocka_unit_test(journal_resume__other_model__refused_with_both_hashes),
        cmocka_unit_test(journal_resume__weights_agree__file_is_proven_before_the_first_step),
        cmocka_unit_test(journal_resume__session_names_other_weights__refused),
        cmocka_unit_test(journal_settings__there_and_back__the_same),
    };
    return cmocka_run_group_tests_name("journal", tests, make_folder, drop_folder);
}
