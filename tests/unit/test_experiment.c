/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The record of an experiment [X1] [X2] [X3], its account, flips as JSON, and all
 * experiments at a tiny size: interrupted ones go on to the same numbers [Y1], and the
 * model's bytes are what they were [Y2].
 */
#include "tests/t.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/experiment/published.h"
#include "tests/simple.h"

/* ---- the record -------------------------------------------------------------------- */

struct file {
    char path[40];
};

static struct file temporary(void)
{
    struct file file = {"/tmp/experiment_XXXXXX"};
    int fd = mkstemp(file.path);
    assert_true(fd >= 0);
    (void)close(fd);
    return file;
}

static void write_text(const struct file *file, const char *text)
{
    struct err err = {0};
    t_ok(file_write(file->path, text, strlen(text), &err), &err);
}

static json_t *header(int seed)
{
    return json_pack("{s:s, s:i}", "experiment", "test", "seed", seed);
}

static struct record *open_record(const struct file *file, int seed, bool fresh, struct err *err)
{
    json_t *object = header(seed);
    struct record *record = record_open(file->path, object, fresh, err);
    json_decref(object);
    return record;
}

static void record__written__found_again_as_the_same_bits(void **state)
{
    (void)state;
    struct file file = temporary();
    struct err err = {0};
    struct record *record = open_record(&file, 1, true, &err);
    t_ok(record != NULL, &err);
    assert_int_equal(record_found(record), 0);
    assert_null(record_get(record, "a"));
    double third = 1.0 / 3, tiny = 4.9e-324, big = 1.7976931348623157e308;
    t_ok(record_put(record, "a", json_pack("[f, f, f]", third, tiny, big), &err), &err);
    t_ok(record_put(record, "b", json_integer(1), &err), &err);
    t_ok(record_put(record, "b", json_integer(2), &err), &err); /* takes its place */
    record_close(record);
    record = open_record(&file, 1, false, &err);
    t_ok(record != NULL, &err);
    assert_int_equal(record_found(record), 2);
    const json_t *a = record_get(record, "a");
    assert_true(json_real_value(json_array_get(a, 0)) == third);
    assert_true(json_real_value(json_array_get(a, 1)) == tiny);
    assert_true(json_real_value(json_array_get(a, 2)) == big);
    assert_int_equal(json_integer_value(record_get(record, "b")), 2);
    record_remove(record);
    assert_int_not_equal(access(file.path, F_OK), 0);
    record_close(record);
}

static void record__cut_anywhere__whole_lines_are_kept(void **state)
{
    (void)state;
    static const char first[] = "{\"experiment\": \"test\", \"seed\": 1}\n";
    static const char second[] = "{\"unit\": \"a\", \"result\": 7}\n";
    static const char third[] = "{\"unit\": \"b\", \"result\": 8}\n";
    struct file file = temporary();
    char text[256];
    (void)snprintf(text, sizeof text, "%s%s%s", first, second, third);
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct err err = {0};
        t_ok(file_write(file.path, text, cut, &err), &err);
        struct record *record = open_record(&file, 1, false, &err);
        t_ok(record != NULL, &err);
        size_t whole = cut == strlen(text) ? 2 : cut >= strlen(first) + strlen(second);
        assert_int_equal(record_found(record), whole);
        t_ok(record_put(record, "c", json_integer(9), &err), &err);
        record_close(record);
        record = open_record(&file, 1, false, &err); /* nothing of the half line is left */
        t_ok(record != NULL, &err);
        assert_int_equal(record_found(record), whole + 1);
        assert_int_equal(json_integer_value(record_get(record, "c")), 9);
        record_close(record);
    }
    (void)unlink(file.path);
}

static void record__of_something_else__refused_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_code code;
        const char *where, *message;
    } rows[] = {
        {"{\"experiment\": \"test\", \"seed\": 2}\n", ERR_MISMATCH, "line 1",
         "the record is one of another experiment, model or settings; --fresh begins it again"},
        {"{\"name\": \"my patch\"}\n", ERR_FORMAT, "line 1",
         "this is no record of an experiment"},
        {"{\"experiment\": \"test\", \"seed\": 1}\n{\"unit\": 3}\n", ERR_FORMAT, "line 2",
         "is an integer (3), expected a string"},
        {"{\"experiment\": \"test\", \"seed\": 1}\n{\"unit\": \"a\"}\n", ERR_FORMAT, "line 2",
         "is missing, expected the result of the unit"},
    };
    struct file file = temporary();
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        write_text(&file, rows[i].text);
        assert_null(open_record(&file, 1, false, &err));
        assert_int_equal(err.code, rows[i].code);
        assert_string_equal(err.where, rows[i].where);
        assert_string_equal(err.message, rows[i].message);
        assert_string_equal(err.file, file.path);
        struct record *record = open_record(&file, 1, true, &err); /* --fresh */
        t_ok(record != NULL, &err);
        assert_int_equal(record_found(record), 0);
        record_close(record);
    }
    struct err err = {0};
    write_text(&file, "{\"experiment\": \"test\", \"seed\": 1}\nnot json\n");
    assert_null(open_record(&file, 1, false, &err));
    assert_int_equal(err.code, ERR_FORMAT);
    (void)unlink(file.path);
}

static void record__open_twice__second_refused(void **state)
{
    (void)state;
    struct file file = temporary();
    struct err err = {0};
    struct record *first = open_record(&file, 1, true, &err);
    t_ok(first != NULL, &err);
    assert_null(open_record(&file, 1, false, &err));
    assert_string_equal(err.message, "another bankai is running this experiment");
    record_close(first);
    err = (struct err){0};
    struct record *second = open_record(&file, 1, false, &err);
    t_ok(second != NULL, &err);
    record_remove(second);
    record_close(second);
}

/* ---- the account ------------------------------------------------------------------- */

static const struct column columns[] = {
    {"name", "name", SIDE_NONE, NULL},
    {"n", "n", SIDE_OURS, NULL},
    {"x", "x", SIDE_OURS, "%.2f"},
    {"there", "n", SIDE_PUBLISHED, NULL},
};

static void account__printed__columns_stand_below_each_other(void **state)
{
    (void)state;
    struct account *account = account_new();
    account_table(account, "t", "a title", columns, countof(columns));
    account_row(account, json_pack("{s:s, s:i, s:f, s:i}", "name", "one", "n", 7, "x", 1.5,
                                   "there", 12345));
    account_row(account, json_pack("{s:s, s:i, s:n, s:i}", "name", "a \x1b row", "n", 1000, "x",
                                   "hidden", 1));
    struct claim claim = {CLAIM_LIKE, "it holds", "like if so"};
    account_claim(account, claim, "5", "%d of %d", 5, 6);
    claim.verdict = CLAIM_OPEN;
    account_claim(account, claim, "6", "nothing");
    account_note(account, "%s", "the end");
    struct buf out = {0};
    account_print(account, &out);
    t_buf_is(&out, "\n"
                   "a title\n"
                   "            ours        published\n"
                   "name           n     x      n\n"
                   "one            7  1.50  12345\n"
                   "a \\x1B row  1000     -      -\n"
                   "\n"
                   "like and unlike the published result\n"
                   "like    it holds\n"
                   "        published  5\n"
                   "        ours       5 of 6\n"
                   "        rule       like if so\n"
                   "open    it holds\n"
                   "        published  6\n"
                   "        ours       nothing\n"
                   "        rule       like if so\n"
                   "\n"
                   "note: the end\n");
    json_t *object = json_object();
    account_json(account, object);
    json_t *table = json_array_get(json_object_get(object, "tables"), 0);
    assert_int_equal(json_array_size(json_object_get(table, "rows")), 2);
    json_t *first = json_array_get(json_object_get(object, "claims"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "verdict")), "like");
    assert_string_equal(json_string_value(json_object_get(first, "ours")), "5 of 6");
    json_decref(object);
    buf_free(&out);
    account_free(account);
}

/* ---- flips ------------------------------------------------------------------------- */

static void flips__as_json__come_back(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    struct flips flips = {0}, back = {0};
    struct err err = {0};
    flips_add(&flips, (struct flip){3, PROJ_GATE, 514, FLIP_WHOLE_ROW, {0, 0}});
    flips_add(&flips, (struct flip){0, PROJ_Q, 1, 1, {UINT64_MAX, UINT64_MAX}});
    flips_add(&flips, (struct flip){0, PROJ_Q, 1, 0, {0, UINT64_C(1) << 63}});
    flips_add(&flips, (struct flip){0, PROJ_DOWN, 1, 5, {UINT64_C(0x8000000000000001), 6}});
    flips_add(&flips, (struct flip){NO_LAYER, PROJ_HEAD, 2, FLIP_WHOLE_ROW, {0, 0}});
    json_t *json = flips_json(&flips);
    t_ok(flips_read(json, model, &back, &err), &err);
    assert_int_equal(back.count, flips.count);
    for (size_t i = 0; i < flips.count; i++)
        assert_true(flip_equal(&flips.data[i], &back.data[i]));
    /* in order; 0x8..1 and 6 have two bits each */
    assert_int_equal(flips_bits(&flips, model), 256 + 128 + 1 + 4 + 256);
    json_decref(json);
    flips_free(&flips);
    flips_free(&back);
    static const char *const bad[] = {
        "{}", "[{\"proj\": \"gate\"}]", "[{\"proj\": \"gate\", \"row\": 1}]",
        "[{\"layer\": 9, \"proj\": \"gate\", \"row\": 1}]",
        "[{\"layer\": 0, \"proj\": \"gat\", \"row\": 1}]",
        "[{\"layer\": 0, \"proj\": \"gate\", \"row\": 1, \"group\": 0, \"bit\": 128}]",
        "[{\"layer\": 0, \"proj\": \"gate\", \"row\": 1, \"group\": 0, \"mask\": \"12\"}]",
        "[{\"layer\": 0, \"proj\": \"gate\", \"row\": 1, \"group\": 0, "
        "\"mask\": \"00000000000000000000000000000000\"}]",
        "[{\"layer\": 0, \"proj\": \"gate\", \"row\": 1, \"group\": 0, "
        "\"mask\": \"0000000000000000000000000000000g\"}]",
    };
    for (size_t i = 0; i < countof(bad); i++) {
        err = (struct err){0};
        json = json_parse(bad[i], strlen(bad[i]), "test", &err);
        assert_non_null(json);
        assert_false(flips_read(json, model, &back, &err));
        assert_int_not_equal(err.code, ERR_NONE);
        json_decref(json);
    }
    model_free(model);
}

/* ---- all experiments, at a tiny size ----------------------------------------------- */

/* A set of its own: those of the program are long. */
static char one_heldout[48];

static void write_heldout(void)
{
    struct err err = {0};
    static const char text[] = "[{\"prompt\": \"2 + 2 =\", \"correct\": \" 4\", "
                               "\"wrong\": \" 5\", \"category\": \"knowledge\"}]";
    (void)snprintf(one_heldout, sizeof one_heldout, "/tmp/heldout_%ld.json", (long)getpid());
    t_ok(file_write(one_heldout, text, strlen(text), &err), &err);
}

static struct lab_settings tiny_settings(void)
{
    return (struct lab_settings){
        .probes = "math",
        .targets = "knowledge",
        .controls = "code",
        .heldout = one_heldout,
        .iterations = 6,
        .repeats = 2,
        .size_count = 2,
        .sizes = {1, 3},
        .layer_count = 2,
        .layers = {1, 4},
    };
}

/* Cancels at the n-th report. */
struct stop {
    size_t reports, at;
    cancel_flag cancel;
};

static void count_report(void *user, const char *what, double done, double total)
{
    struct stop *stop = user;
    (void)what;
    (void)total;
    assert_true(isfinite(done));
    if (++stop->reports == stop->at)
        atomic_store(&stop->cancel, true);
}

/* What the experiment says after it was stopped at these reports, one after the other. */
static json_t *say(const struct experiment *experiment, struct model *model, const char *path,
                   size_t at, size_t *reports, size_t *found)
{
    const struct lab_settings settings = tiny_settings();
    struct stop stop = {.at = at};
    const struct lab_watch watch = {count_report, &stop};
    struct err err = {0};
    struct lab *lab = lab_new(experiment, model, &settings, &err);
    t_ok(lab != NULL, &err);
    assert_true(lab_cost(lab) > 0);
    t_ok(lab_open(lab, path, false, 0, &err), &err);
    bool ok = lab_run(lab, &watch, &stop.cancel, &err);
    json_t *result = NULL;
    if (ok) {
        struct account *account = lab_account(lab);
        result = json_object();
        account_json(account, result);
        account_free(account);
    } else
        assert_int_equal(err.code, ERR_CANCELLED);
    *reports = stop.reports;
    *found = record_found(lab_record(lab));
    lab_free(lab);
    return result;
}

static void experiment_goes_on(const struct experiment *experiment, struct model *model)
{
    struct file file = temporary();
    uint64_t bytes = simple_bytes_hash(model);
    size_t reports = 0, found = 0, some = 0;
    json_t *whole = say(experiment, model, NULL, 0, &reports, &found);
    assert_non_null(whole);
    assert_int_equal(found, 0);
    assert_int_equal(simple_bytes_hash(model), bytes); /* [Y2] */
    /* A piece at a time, the stops at different places of the work. */
    (void)unlink(file.path);
    json_t *pieces = NULL;
    for (size_t at = reports * 3 / 4 + 1; !pieces; at = at / 2 + 1) {
        size_t ignored = 0;
        pieces = say(experiment, model, file.path, some < 2 ? at : 0, &ignored, &found);
        assert_int_equal(simple_bytes_hash(model), bytes);
        some++;
    }
    assert_true(some > 1);
    assert_true(found > 0);
    if (!json_equal(whole, pieces))
        fail_msg("%s: interrupted it says something else", experiment->name);
    json_decref(whole);
    json_decref(pieces);
    (void)unlink(file.path);
}

static void experiments__interrupted__say_the_same(void **state)
{
    (void)state;
    struct model *model = simple_nano();
    write_heldout();
    for (size_t i = 0; experiments[i]; i++)
        experiment_goes_on(experiments[i], model);
    (void)unlink(one_heldout);
    model_free(model);
}

static void experiments__table__complete(void **state)
{
    (void)state;
    size_t count = 0;
    for (; experiments[count]; count++) {
        const struct experiment *one = experiments[count];
        struct err err = {0};
        assert_true(one->name[0] && one->numbers[0] && one->title[0] && one->shows[0]);
        assert_true(one->published[0] && one->source[0] && one->options != 0);
        assert_ptr_equal(experiment_find(one->name, &err), one);
    }
    assert_int_equal(count, 12);
    struct err err = {0};
    assert_null(experiment_find("nothing", &err));
    assert_int_equal(err.code, ERR_USAGE);
}

/* ---- published numbers ------------------------------------------------------------------- */

static double mean_of(const double *values, size_t first, size_t last)
{
    double sum = 0;
    for (size_t i = first; i <= last; i++)
        sum += values[i];
    return sum / (double)(last - first + 1);
}

/* What texts elsewhere say of these tables, computed from them. */
static void published__tables__as_they_are_told(void **state)
{
    (void)state;
    static const size_t order[] = {34, 2, 1, 3, 4, 0, 9, 5, 10, 8, 11, 6}; /* experiment 15 */
    for (size_t i = 1; i < countof(order); i++)
        assert_true(published_impact_15[order[i - 1]] > published_impact_15[order[i]]);
    size_t below = 0;
    for (size_t i = 0; i < PUBLISHED_LAYERS; i++)
        below += published_impact_15[i] < published_impact_15[6];
    assert_int_equal(below, PUBLISHED_LAYERS - countof(order));
    char text[128];
    (void)snprintf(text, sizeof text, "%.2f against %.2f (exp. 15), %.2f against %.2f (exp. 2)",
                   mean_of(published_impact_15, 0, 4), mean_of(published_impact_15, 12, 23),
                   mean_of(published_impact_2, 0, 4), mean_of(published_impact_2, 12, 23));
    assert_string_equal(text, "8.98 against 2.72 (exp. 15), 5.76 against 1.47 (exp. 2)");
    double most = 0;
    for (size_t kind = 0; kind < 4; kind++)
        for (size_t i = 0; i < PUBLISHED_BIT_COUNTS; i++)
            most = fmax(most, fabs(published_perplexities[kind][i] - published_perplexity));
    assert_true(most < 0.08); /* the README's words */
    (void)snprintf(text, sizeof text, "%.2f %%, %+.2f %%, %+.2f %%",
                   100 * most / published_perplexity,
                   100 * (published_perplexities[3][5] / published_perplexity - 1),
                   100 * (published_perplexities[2][5] / published_perplexity - 1));
    assert_string_equal(text, "0.75 %, +0.55 %, +0.33 %");
    assert_true(published_middle_bits == published_mlp_bits * 9 / 36);
    assert_true(published_mlp_bits == 3.0 * 36 * 4096 * 12288);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record__written__found_again_as_the_same_bits),
        cmocka_unit_test(record__cut_anywhere__whole_lines_are_kept),
        cmocka_unit_test(record__of_something_else__refused_in_one_line),
        cmocka_unit_test(record__open_twice__second_refused),
        cmocka_unit_test(account__printed__columns_stand_below_each_other),
        cmocka_unit_test(flips__as_json__come_back),
        cmocka_unit_test(published__tables__as_they_are_told),
        cmocka_unit_test(experiments__table__complete),
        cmocka_unit_test(experiments__interrupted__say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
