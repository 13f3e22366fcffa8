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

/* Whatever is asked: the best and statistics, never all. */
static void map__bits__best_statistics_and_measured(void **state)
{
    (void)state;
    struct run *run = run_ok("map", "nano", "--probes", "calculus-heldout", "--granularity",
                             "bit", "--layers", "2,4", "--proj", "v,up", "--exact", "12",
                             "--top", "6", "--json", NULL);
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
                             "--exact", "40", "--top", "3", "--json", NULL);
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
        cmocka_unit_test(map__bits__best_statistics_and_measured),
        cmocka_unit_test(map__all_nine_matrices__ranked_in_one_go),
        cmocka_unit_test(map__mixes__predicted_as_measured),
        cmocka_unit_test(map__bad_words__refused),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
