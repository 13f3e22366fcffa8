/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The binary form of maps: written and read again [F2]; anything damaged is refused [F1].
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/map_file_int.h"
#include "src/base/rng.h"
#include "tests/t.h"

enum { ROWS = 3, GROUPS = 2, BEST = 4, SAMPLES = 3 };

static const double changes[ROWS * GROUPS] = {0.5, -0.25, 1e-9, 2, -1, 0.125};

static struct flip_map_unit unit_of(uint32_t row, int32_t group, double value, double measured)
{
    return (struct flip_map_unit){{1, PROJ_UP, row, group, {UINT64_MAX, UINT64_MAX}}, value,
                                  measured};
}

/* By hand: what mapping these six groups gives. */
static struct flip_map example(struct flip_map_matrix *matrix, struct flip_map_unit *units)
{
    *matrix = (struct flip_map_matrix){.layer = 1, .proj = PROJ_UP, .units = 6, .per_row = 2,
                                       .positive = 4, .least = -1, .mean = 0.22916666683,
                                       .most = 2, .sample_count = SAMPLES, .spearman = 0.5};
    matrix->bins[1] = 2; /* -1 and -0.25 */
    matrix->bins[8] = 1;
    matrix->bins[15] = 2;
    matrix->bins[16] = 1;
    units[0] = unit_of(1, 1, 2, 1.75);
    units[1] = unit_of(0, 0, 0.5, (double)NAN);
    units[2] = unit_of(2, 1, 0.125, 0.25);
    struct flip_map map = {.matrices = matrix, .matrix_count = 1, .samples = units,
                           .sample_count = SAMPLES, .top = units, .top_count = 2, .units = 6,
                           .tokens = 77, .seconds = 0.5, .seconds_forward = 0.25};
    for (size_t i = 0; i < PROJ_COUNT; i++)
        map.by_proj[i] = (double)NAN;
    map.by_proj[PROJ_UP] = 0.5;
    return map;
}

static void end_file(struct buf *out)
{
    struct err err;
    char sha256[SHA256_TEXT_SIZE];
    t_ok(sha256_text(out->data, out->len, sha256, &err), &err);
    map_file_end(out, sha256);
}

static struct buf written(enum granularity granularity)
{
    struct flip_map_matrix matrix;
    struct flip_map_unit units[SAMPLES];
    struct flip_map map = example(&matrix, units);
    struct map_file_head head = {.what = FLIP_MAP_ATTRIBUTION, .granularity = granularity,
                                 .seed = 42, .exact = 3, .targets = 60, .controls = 22};
    head.goal = (struct goal){.metric = METRIC_SOFT_MARGIN, .control_metric = METRIC_KL,
                              .penalty = 2.5};
    memset(head.model, 'a', SHA256_TEXT_SIZE - 1);
    struct predicted predicted = {.layer = 1, .proj = PROJ_UP, .granularity = granularity,
                                  .rows = ROWS, .per_row = GROUPS, .count = ROWS,
                                  .change = changes};
    struct buf out = {0};
    map_file_head(&out, &head);
    map_file_values(&out, &predicted, FLIP_MAP_ATTRIBUTION);
    map_file_tail(&out, &map);
    return out;
}

static void map_file__written__read_again(void **state)
{
    (void)state;
    struct err err;
    struct buf bytes = written(GRANULARITY_GROUP);
    end_file(&bytes);
    struct map_file *file = map_file_parse(bytes.data, bytes.len, "x", &err);
    t_ok(file != NULL, &err);
    assert_int_equal(file->head.granularity, GRANULARITY_GROUP);
    assert_int_equal(file->head.goal.metric, METRIC_SOFT_MARGIN);
    assert_int_equal(file->head.goal.control_metric, METRIC_KL);
    assert_int_equal(file->head.targets, 60);
    assert_true(file->head.goal.penalty == 2.5 && strlen(file->head.model) == 64);
    assert_int_equal(file->matrix_count, 1);
    for (size_t i = 0; i < countof(changes); i++)
        assert_true(file->matrices[0].values[i] == (float)changes[i]);
    struct buf tail = {0};
    map_file_tail(&tail, file->map);
    assert_int_equal(file->map->units, 6);
    assert_memory_equal(tail.data, bytes.data + bytes.len - MAP_END_BYTES - tail.len, tail.len);
    buf_free(&tail);
    map_file_free(file);
    buf_free(&bytes);
}

static void map_file_rank__fewer_and_more__of_the_values(void **state)
{
    (void)state;
    struct err err;
    static const double best[] = {2, 0.5, 0.125, 1e-9, -0.25, -1};
    struct buf bytes = written(GRANULARITY_GROUP);
    end_file(&bytes);
    for (size_t count = 0; count <= 8; count++) {
        struct map_file *file = map_file_parse(bytes.data, bytes.len, "x", &err);
        t_ok(file != NULL, &err);
        map_file_rank(file, count);
        assert_int_equal(file->map->top_count, count < 6 ? count : 6);
        for (size_t i = 0; i < file->map->top_count; i++)
            assert_true(file->map->top[i].value == (double)(float)best[i]);
        if (count > 0)
            assert_true(file->map->top[0].measured == 1.75);
        map_file_free(file);
    }
    buf_free(&bytes);
}

static void map_file_parse__every_byte_and_length__refused(void **state)
{
    (void)state;
    struct err err;
    struct buf bytes = written(GRANULARITY_GROUP);
    end_file(&bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] = (char)(bytes.data[i] ^ 0x20);
        assert_null(map_file_parse(bytes.data, bytes.len, "x", &err));
        assert_int_equal(err.code, ERR_FORMAT);
        bytes.data[i] = (char)(bytes.data[i] ^ 0x20);
        assert_null(map_file_parse(bytes.data, i, "x", &err));
    }
    buf_free(&bytes);
}

/* With a right checksum: each byte of the sections changed must not crash, and what is read
 * must be written the same. */
static void map_file_parse__random_damage__refused_or_read(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 9);
    size_t refused = 0;
    for (size_t i = 0; i < 3000; i++) {
        struct err err = {0};
        struct buf bytes = written(GRANULARITY_GROUP);
        size_t at = MAP_PREAMBLE + (size_t)rng_below(&rng, bytes.len - MAP_PREAMBLE);
        bytes.data[at] = (char)rng_below(&rng, 256);
        end_file(&bytes);
        struct map_file *file = map_file_parse(bytes.data, bytes.len, "x", &err);
        refused += file == NULL;
        assert_true(!file == (err.code != ERR_NONE));
        map_file_free(file);
        buf_free(&bytes);
    }
    assert_in_range(refused, 500, 2999);
}

struct wrong {
    size_t at; /* behind the head */
    unsigned char byte;
    const char *message;
};

static void map_file_parse__wrong_sections__say_what(void **state)
{
    (void)state;
    static const struct wrong list[] = {
        {0, 9, "an unknown section"},
        {0, 1, "a section comes twice"},
        {4, 1, "longer than the file"},
        {8, 255, "rows and units"},
        {15, 1, "longer than the file"},
        {20, 7, "there is no such matrix"},
        {20, 200, "there is no such matrix"},
        {24, 2, "rows and units"},
        {28, 0, "rows and units"},
        {35, 0x7F, "a value is not finite"},
    };
    for (size_t i = 0; i < countof(list); i++) {
        struct err err = {0};
        struct buf bytes = written(GRANULARITY_GROUP);
        size_t head = MAP_PREAMBLE + MAP_SECTION_HEAD +
                      (unsigned char)bytes.data[MAP_PREAMBLE + 8] +
                      256u * (unsigned char)bytes.data[MAP_PREAMBLE + 9];
        bytes.data[head + list[i].at] = (char)list[i].byte;
        if (i + 1 == countof(list))
            bytes.data[head + 34] = (char)0x80; /* 0x7F80....: infinite or no number */
        end_file(&bytes);
        assert_null(map_file_parse(bytes.data, bytes.len, "x", &err));
        if (!strstr(err.message, list[i].message))
            fail_msg("row %zu: %s", i, err.message);
        buf_free(&bytes);
    }
    struct err err = {0};
    struct buf bytes = written(GRANULARITY_ROW); /* two units of a row */
    end_file(&bytes);
    assert_null(map_file_parse(bytes.data, bytes.len, "x", &err));
    assert_non_null(strstr(err.message, "other units"));
    buf_free(&bytes);
    bytes = written(GRANULARITY_BIT); /* without values */
    end_file(&bytes);
    struct map_file *file = map_file_parse(bytes.data, bytes.len, "x", &err);
    t_ok(file != NULL, &err);
    assert_int_equal(file->matrix_count, 0);
    map_file_rank(file, 9);
    assert_int_equal(file->map->top_count, 2);
    map_file_free(file);
    buf_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_file__written__read_again),
        cmocka_unit_test(map_file_rank__fewer_and_more__of_the_values),
        cmocka_unit_test(map_file_parse__every_byte_and_length__refused),
        cmocka_unit_test(map_file_parse__random_damage__refused_or_read),
        cmocka_unit_test(map_file_parse__wrong_sections__say_what),
    };
    return cmocka_run_group_tests_name("map_file", tests, NULL, NULL);
}
