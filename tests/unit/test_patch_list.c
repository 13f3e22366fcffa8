/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The --patch options of a command line on a model made from a seed [PL1].
 */
#include "tests/t.h"

#include <stdlib.h>
#include <unistd.h>

#include "src/cli/cli_int.h"
#include "src/report/patch_list.h"
#include "tests/tiny.h"

static int run_nothing(struct arguments *arguments, struct err *err)
{
    (void)arguments;
    (void)err;
    return 0;
}

static const struct option_spec options[] = {PATCH_LIST_OPTIONS, {NULL, 0, NULL, NULL}};
static const struct command command = {
    .name = "try", .synopsis = "", .options = options, .run = run_nothing};

/* A patch file of one row flip; sha256 may be NULL. */
struct file {
    char path[32];
};

static struct file write_patch(uint32_t row, const char *sha256)
{
    struct file file = {"/tmp/patch_list_XXXXXX"};
    int fd = mkstemp(file.path);
    assert_true(fd >= 0);
    (void)close(fd);
    struct patch *patch = patch_new();
    patch_add(patch, (struct flip){.proj = PROJ_GATE, .row = row, .group = FLIP_WHOLE_ROW});
    patch_set_text(&patch->base_sha256, sha256 ? sha256 : "");
    struct err err = {0};
    t_ok(patch_write(patch, file.path, &err), &err);
    patch_free(patch);
    return file;
}

struct fixture {
    struct model *model;
    struct file first;  /* row 1, names the model's hash */
    struct file second; /* row 2, names none */
    struct file other;  /* row 3, names another hash */
    struct file far;    /* a row that the model does not have */
};

static const char other_hash[] = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";

static int set_up(void **state)
{
    struct fixture *fixture = x_new(1, sizeof *fixture);
    struct buf bytes = {0};
    struct err err = {0};
    tiny_write(&tiny_default, &bytes);
    fixture->model = model_open_memory(bytes.data, bytes.len, "tiny", &err);
    t_ok(fixture->model != NULL, &err);
    buf_free(&bytes);
    fixture->first = write_patch(1, model_sha256(fixture->model, &err));
    fixture->second = write_patch(2, NULL);
    fixture->other = write_patch(3, other_hash);
    fixture->far = write_patch(1000000, NULL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlink(fixture->first.path);
    (void)unlink(fixture->second.path);
    (void)unlink(fixture->other.path);
    (void)unlink(fixture->far.path);
    model_free(fixture->model);
    free(fixture);
    return 0;
}

enum { WORDS_MAX = 8 };

/* words ends with NULL. */
static bool read_list(struct model *model, const char *const *words, struct patch_list *list,
                      struct err *err)
{
    char *argv[WORDS_MAX] = {0};
    int argc = 0;
    for (; words[argc]; argc++)
        argv[argc] = x_copy(words[argc], strlen(words[argc]));
    struct arguments *arguments = arguments_parse(&command, argc, argv, err);
    t_ok(arguments != NULL, err);
    bool ok = patch_list_read(arguments, model, list, err);
    arguments_free(arguments);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return ok;
}

static bool is_clean(const struct model *model)
{
    uint64_t groups = 0;
    struct state_name name = model_state(model);
    return model_flipped_bits(model, &groups) == 0 && name.word[0] == 0 && name.word[1] == 0;
}

static void patch_list__several__on_and_off(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct patch_list list;
    const char *const words[] = {"try", "--patch", fixture->first.path, "--patch",
                                 fixture->second.path, NULL};
    t_ok(read_list(fixture->model, words, &list, &err), &err);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.patches[0]->flips[0].row, 1);
    assert_int_equal(list.patches[1]->flips[0].row, 2);
    assert_true(is_clean(fixture->model)); /* reading flips nothing */
    t_ok(patch_list_apply(&list, fixture->model, &err), &err);
    uint64_t groups = 0;
    assert_int_equal(model_flipped_bits(fixture->model, &groups), 2 * 128);
    patch_list_remove(&list, fixture->model);
    assert_true(is_clean(fixture->model));
    patch_list_free(&list);
}

static void patch_list__none__empty(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct patch_list list;
    const char *const words[] = {"try", NULL};
    t_ok(read_list(fixture->model, words, &list, &err), &err);
    assert_int_equal(list.count, 0);
    t_ok(patch_list_apply(&list, fixture->model, &err), &err);
    patch_list_remove(&list, fixture->model);
    patch_list_free(&list);
}

/* The same patch twice is no patch: it is its own inverse. */
static void patch_list__same_twice__cancels(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct patch_list list;
    const char *const words[] = {"try", "--patch", fixture->first.path, "--patch",
                                 fixture->first.path, NULL};
    t_ok(read_list(fixture->model, words, &list, &err), &err);
    t_ok(patch_list_apply(&list, fixture->model, &err), &err);
    assert_true(is_clean(fixture->model));
    patch_list_remove(&list, fixture->model);
    assert_true(is_clean(fixture->model));
    patch_list_free(&list);
}

/* One patch of all of them does what they do one after the other. */
static void patch_list_join__several_one_twice__their_sum(void **state)
{
    struct fixture *fixture = *state;
    const char *const words[] = {"try", "--patch", fixture->first.path, "--patch",
                                 fixture->second.path, "--patch", fixture->first.path, NULL};
    struct patch_list list;
    struct err err = {0};
    t_ok(read_list(fixture->model, words, &list, &err), &err);
    struct patch *joined = patch_list_join(&list, fixture->model);
    assert_int_equal(joined->flip_count, 1);
    assert_int_equal(joined->flips[0].row, 2);
    t_ok(patch_list_apply(&list, fixture->model, &err), &err);
    struct state_name name = model_state(fixture->model);
    patch_list_remove(&list, fixture->model);
    t_ok(patch_apply(joined, fixture->model, &err), &err);
    assert_true(state_name_equal(name, model_state(fixture->model)));
    t_ok(patch_apply(joined, fixture->model, &err), &err);
    patch_free(joined);
    patch_list_free(&list);
}

static void patch_list__other_model__refused_unless_forced(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct patch_list list;
    const char *const words[] = {"try", "--patch", fixture->first.path, "--patch",
                                 fixture->other.path, NULL};
    assert_false(read_list(fixture->model, words, &list, &err));
    assert_int_equal(err.code, ERR_MISMATCH);
    assert_string_equal(err.file, fixture->other.path);
    assert_string_equal(err.where, "metadata.base_sha256");
    assert_int_equal(list.count, 0);
    assert_true(is_clean(fixture->model));

    const char *const forced[] = {"try", "--force", "--patch", fixture->other.path, NULL};
    t_ok(read_list(fixture->model, forced, &list, &err), &err);
    assert_int_equal(err.code, ERR_NONE);
    assert_int_equal(list.count, 1);
    patch_list_free(&list);
}

static void patch_list__last_does_not_fit__nothing_on(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    struct patch_list list;
    const char *const words[] = {"try", "--force", "--patch", fixture->first.path, "--patch",
                                 fixture->far.path, NULL};
    assert_false(read_list(fixture->model, words, &list, &err));
    t_err_is(&err, ERR_RANGE, "flips[0].row", "row 1000000 of gate_proj is outside 0 .. 255");
    assert_string_equal(err.file, fixture->far.path);
    assert_true(is_clean(fixture->model));

    const char *const missing[] = {"try", "--patch", "no/such.json", NULL};
    assert_false(read_list(fixture->model, missing, &list, &err));
    assert_string_equal(err.file, "no/such.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_list__several__on_and_off),
        cmocka_unit_test(patch_list__none__empty),
        cmocka_unit_test(patch_list__same_twice__cancels),
        cmocka_unit_test(patch_list_join__several_one_twice__their_sum),
        cmocka_unit_test(patch_list__other_model__refused_unless_forced),
        cmocka_unit_test(patch_list__last_does_not_fit__nothing_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
