/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * map: what it predicts of the embedded model is what measuring says, and its three forms.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/num.h"
#include "tests/cli/look.h"
#include "tests/t.h"

static void map__nano_measured__ranks_agree(void **state)
{
    (void)state;
    struct run *run = run_ok("map", "nano", "--probes", "calculus-heldout", "--control", "math",
                             "--exact", "10", "--top", "5", "--json", NULL);
    json_t *out = run_json(run), *matrix, *unit;
    json_t *ranks = look(out, "spearman", JSON_OBJECT), *top = look(out, "top", JSON_ARRAY);
    static const char *const near[] = {"gate_proj", "up_proj", "down_proj", "o_proj"};
    static const char *const far[] = {"q_proj", "k_proj", "v_proj"};
    size_t i, better = 0;
    int64_t units = 0;
    for (i = 0; i < countof(near); i++)
        assert_true(look_real(ranks, near[i]) >= 0.9);
    for (i = 0; i < countof(far); i++)
        assert_true(look_real(ranks, far[i]) >= 0.7);
    assert_int_equal(json_array_size(look(out, "matrices", JSON_ARRAY)), 42);
    json_array_foreach(look(out, "matrices", JSON_ARRAY), i, matrix) {
        json_t *bins = look(matrix, "histogram", JSON_ARRAY), *bin;
        size_t b;
        int64_t sum = 0;
        json_array_foreach(bins, b, bin)
            sum += json_integer_value(bin);
        assert_int_equal(sum, look_int(matrix, "units"));
        assert_int_equal(json_array_size(look(matrix, "samples", JSON_ARRAY)), 10);
        assert_true(look_real(matrix, "most") <= look_real(json_array_get(top, 0), "predicted"));
        units += sum;
    }
    assert_int_equal(units, 6 * (256 + 128 + 128 + 256 + 768 + 768 + 256));
    assert_int_equal(json_array_size(top), 5);
    json_array_foreach(top, i, unit)
        better += look_real(unit, "measured") > 0;
    assert_true(better >= 3);
    json_decref(out);
    run_free(run);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void map__groups_and_scales__csv_text_and_file(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", run_path("whole.csv"));
    struct run *run = run_ok("map", "nano", "--probes", "math", "--granularity", "group",
                             "--layers", "2", "--proj", "k,down", "--objective", "margin", "--top",
                             "3", "--csv", "-o", path, NULL);
    assert_int_equal(count_lines(run->out.data), 4);
    assert_memory_equal(run->out.data, "layer,proj,row,group,bit,value,measured\n2,", 42);
    run_free(run);
    struct err err;
    struct buf file = {0};
    t_ok(file_read(path, 1 << 20, &file, &err), &err);
    assert_int_equal(count_lines(file.data), 1 + 128 * 2 + 256 * 6);
    buf_free(&file);
    run = run_ok("map", "nano", "--what", "scale", "--proj", "gate", "--top", "2", NULL);
    assert_non_null(strstr(run->out.data, "scale of 4608 rows in 6 matrices\n"));
    run_free(run);
    run = run_ok("map", "nano", "--what", "impact", "--probes", "math", "--control-metric", "kl",
                 "--control", "knowledge", "--proj", "o", "--top", "1", "--exact", "3", NULL);
    assert_non_null(strstr(run->out.data, "seq_logprob, of controls kl"));
    assert_non_null(strstr(run->out.data, "rank correlation (Spearman)"));
    run_free(run);
}

/* 1 MiB is room for one of nano's layers here, 100 for all. */
static void map__whatever_is_kept__same_numbers(void **state)
{
    (void)state;
    struct run *first = run_ok("map", "nano", "--probes", "math", "--csv", "--keep", "0", NULL);
    static const char *const rooms[] = {"1", "100"};
    assert_int_equal(count_lines(first->out.data), 21);
    for (size_t i = 0; i < countof(rooms); i++) {
        struct run *run = run_ok("map", "nano", "--probes", "math", "--csv", "--keep", rooms[i],
                                 "--threads", "1", NULL);
        assert_string_equal(run->out.data, first->out.data);
        run_free(run);
    }
    run_free(first);
}

/* Whatever is asked: the best and statistics, never all. */
static void map__bits__best_statistics_and_measured(void **state)
{
    (void)state;
    struct run *run = run_ok("map", "nano", "--probes", "calculus-heldout", "--granularity",
                             "bit", "--layers", "2,4", "--proj", "v,up", "--exact", "12",
                             "--top", "6", "--threads", "1", "--json", NULL);
    json_t *out = run_json(run), *matrix, *unit;
    json_t *ranks = look(out, "spearman", JSON_OBJECT);
    size_t i, better = 0;
    assert_int_equal(look_int(out, "units"), 2 * (128 + 768) * 256);
    assert_true(look_real(ranks, "v_proj") >= 0.8);
    assert_true(look_real(ranks, "up_proj") >= 0.8);
    json_array_foreach(look(out, "matrices", JSON_ARRAY), i, matrix) {
        json_t *bin;
        size_t b;
        int64_t sum = 0;
        json_array_foreach(look(matrix, "histogram", JSON_ARRAY), b, bin)
            sum += json_integer_value(bin);
        assert_int_equal(sum, look_int(matrix, "units"));
        assert_int_equal(json_array_size(look(matrix, "samples", JSON_ARRAY)), 12);
    }
    assert_int_equal(json_array_size(look(out, "histogram_edges", JSON_ARRAY)), 16);
    assert_int_equal(json_array_size(look(out, "top", JSON_ARRAY)), 6);
    json_array_foreach(look(out, "top", JSON_ARRAY), i, unit) {
        int64_t bit = look_int(unit, "bit");
        assert_true(bit >= 0 && bit < 128 && look_int(unit, "group") < 2);
        better += look_real(unit, "measured") > 0;
    }
    assert_true(better >= 4);
    json_decref(out);
    run_free(run);
    run = run_ok("map", "nano", "--probes", "math", "--granularity", "bit", "--layers", "0",
                 "--proj", "q", "--top", "1", "--csv", NULL);
    assert_memory_equal(run->out.data, "layer,proj,row,group,bit,value,measured\n0,q_proj,", 49);
    run_free(run);
}

static void map__all_nine_matrices__ranked_in_one_go(void **state)
{
    (void)state;
    struct run *run = run_ok("map", "nano", "--probes", "calculus-heldout", "--proj", "all",
                             "--exact", "40", "--top", "3", "--threads", "1", "--json", NULL);
    json_t *out = run_json(run);
    assert_int_equal(json_array_size(look(out, "matrices", JSON_ARRAY)), 44);
    assert_int_equal(look_int(out, "units"), 15360 + 2 * 512);
    assert_true(look_real(look(out, "spearman", JSON_OBJECT), "head") >= 0.99);
    (void)look_real(look(out, "spearman", JSON_OBJECT), "embed");
    json_decref(out);
    run_free(run);
    run = run_ok("map", "nano", "--what", "scale", "--proj", "embed,head", "--top", "1", NULL);
    assert_non_null(strstr(run->out.data, "scale of 1024 rows in 2 matrices\n"));
    assert_non_null(strstr(run->out.data, "\nhead                  512       512"));
    run_free(run);
}

/* As far as rows and bits of one layer are predicted by several metrics at once. */
static void map__mixes__predicted_as_measured(void **state)
{
    (void)state;
    static const char *const options[][3] = {
        {"focal", "soft_margin", "row"},
        {"gap:0.2,margin:1,min:0.1", "kl:2,logprob:0.5", "row"},
        {"focal:1,logprob:0.3", "kl:2,logprob:0.5", "bit"},
    };
    for (size_t i = 0; i < countof(options); i++) {
        struct run *run = run_ok("map", "nano", "--probes", "calculus-heldout", "--control", "math",
                                 "--layers", "3", "--proj", "gate", "--exact", "25", "--objective",
                                 options[i][0], "--control-metric", options[i][1],
                                 "--granularity", options[i][2], "--top", "3", "--json", NULL);
        json_t *map = run_json(run);
        assert_string_equal(look_text(map, "objective"), options[i][0]);
        assert_string_equal(look_text(map, "control_metric"), options[i][1]);
        double by_rank = look_real(json_object_get(map, "spearman"), "gate_proj");
        if (!(by_rank > 0.9))
            fail_msg("%s: rank correlation %g", options[i][0], by_rank);
        json_decref(map);
        run_free(run);
    }
}

/* ---- files ------------------------------------------------------------------------------ */

static void make_file(const char *granularity, const char *path)
{
    run_free(run_ok("map", "nano", "--probes", "math", "--granularity", granularity, "--layers",
                    "0", "--proj", "k,down,embed,head", "--top", "4", "--exact", "3",
                    "--threads", "1", "-o", path, NULL));
}

static struct buf read_file(const char *path)
{
    struct err err;
    struct buf file = {0};
    t_ok(file_read(path, 1 << 24, &file, &err), &err);
    buf_add(&file, "", 1);
    return file;
}

/* As tests/ref/flip_map.py reads it by the words of FORMAT.md: the values of the CSV. */
static void check_by_python(const char *path, const char *csv)
{
    char line[4096];
    (void)snprintf(line, sizeof line, "python3 -B tests/ref/flip_map.py '%s' >'%s.ref'", path,
                   path);
    assert_int_equal(system(line), 0); /* NOLINT: a test may use a shell */
    (void)snprintf(line, sizeof line, "%s.ref", path);
    struct buf expected = read_file(line), found = read_file(csv);
    char *ref = expected.data, *own = strchr(found.data, '\n') + 1;
    for (; *ref && *own; ref = strchr(ref, '\n') + 1, own = strchr(own, '\n') + 1) {
        char *ref_end = strchr(ref, '\n'), *own_end = strchr(own, '\n');
        size_t ref_value = 0, own_value = 0;
        for (char *at = ref; at < ref_end; at++)
            ref_value = *at == ',' ? (size_t)(at - ref) + 1 : ref_value;
        for (char *at = own; at < own_end; at++)
            own_value = *at == ',' ? (size_t)(at - own) + 1 : own_value;
        assert_int_equal(own_value, ref_value + 1); /* the empty cell of the bit */
        assert_memory_equal(own, ref, ref_value);
        double a = strtod(ref + ref_value, NULL), b = strtod(own + own_value, NULL);
        assert_true(a - b <= 1e-5 * (b < 0 ? -b : b) && b - a <= 1e-5 * (b < 0 ? -b : b));
    }
    assert_true(*ref == '\0' && *own == '\0');
    buf_free(&expected);
    buf_free(&found);
}

static void same_report(json_t *a, json_t *b)
{
    static const char *const keys[] = {"what", "granularity", "metric", "control_metric", "units",
                                       "tokens", "top", "histogram_edges", "matrices", "spearman"};
    for (size_t i = 0; i < countof(keys); i++) {
        assert_non_null(json_object_get(a, keys[i]));
        if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
            fail_msg("%s differs", keys[i]);
    }
}

/* The same map in three forms; the binary one again as it was reported. */
static void map__files__three_forms_of_the_same(void **state)
{
    (void)state;
    static const char *const granularities[] = {"row", "group", "bit"};
    for (size_t g = 0; g < countof(granularities); g++) {
        char binary[1000], csv[1000], text[1000];
        (void)snprintf(binary, sizeof binary, "%s", run_path("x.map"));
        (void)snprintf(csv, sizeof csv, "%s", run_path("x.csv"));
        (void)snprintf(text, sizeof text, "%s", run_path("x.json"));
        make_file(granularities[g], binary);
        make_file(granularities[g], text);
        make_file(granularities[g], csv);
        json_t *json = json_load_file(text, 0, NULL);
        struct run *run = run_ok("map", "--load", binary, "--json", "--top", "4", NULL);
        json_t *loaded = run_json(run);
        same_report(look(json, "report", JSON_OBJECT), loaded);
        assert_int_equal(json_array_size(look(json, "values", JSON_ARRAY)), g < 2 ? 4 : 0);
        struct buf lines = read_file(csv);
        assert_int_equal(count_lines(lines.data), g == 0   ? 1 + 128 + 256 + 1024
                                                  : g == 1 ? 1 + 256 + 1536 + 2048
                                                           : 1 + 4);
        if (g < 2)
            check_by_python(binary, csv);
        buf_free(&lines);
        json_decref(json);
        json_decref(loaded);
        run_free(run);
    }
}

static void map__load__refused(void **state)
{
    (void)state;
    char path[1000];
    (void)snprintf(path, sizeof path, "%s", run_path("y.json"));
    make_file("row", path);
    run_refused("format", "not a map", "map", "--load", path, NULL);
    run_refused("usage", "cannot open", "map", "--load", run_path("nothing.map"), NULL);
    run_refused("usage", "needs no model", "map", "nano", "--load", path, NULL);
    run_refused("usage", "no model given", "map", "--probes", "math", NULL);
    run_refused("usage", "expected csv, json or binary", "map", "nano", "--probes", "math",
                "--format", "x", "-o", path, NULL);
}

static void map__bad_words__refused(void **state)
{
    (void)state;
    run_refused("usage", "expected --probes", "map", "nano", NULL);
    run_refused("usage", "expected attribution, impact or scale", "map", "nano", "--probes", "math",
                "--what", "x", NULL);
    run_refused("usage", "expected row, group or bit", "map", "nano", "--probes", "math",
                "--granularity", "x", NULL);
    run_refused("usage", "a bit has the scale of its group", "map", "nano", "--what", "scale",
                "--granularity", "bit", NULL);
    run_refused("usage", "expected gap, margin, focal, logprob or min", "map", "nano",
                "--probes", "math",
                "--objective", "x", NULL);
    run_refused("usage", "a metric of its own", "map", "nano", "--probes", "math", "--objective",
                "margin", "--metric", "margin", NULL);
    run_refused("range", "layer 9 is outside", "map", "nano", "--probes", "math", "--layers", "9",
                NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map__nano_measured__ranks_agree),
        cmocka_unit_test(map__groups_and_scales__csv_text_and_file),
        cmocka_unit_test(map__whatever_is_kept__same_numbers),
        cmocka_unit_test(map__bits__best_statistics_and_measured),
        cmocka_unit_test(map__all_nine_matrices__ranked_in_one_go),
        cmocka_unit_test(map__mixes__predicted_as_measured),
        cmocka_unit_test(map__files__three_forms_of_the_same),
        cmocka_unit_test(map__load__refused),
        cmocka_unit_test(map__bad_words__refused),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
