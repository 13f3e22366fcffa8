/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "tests/predict_fixture.h"
#include "tests/simple.h"
#include "tests/t.h"

const struct tiny predict_fixture_shape = {.layers = 2, .width = 256, .ffn = 384, .heads = 4,
                                           .kv_heads = 2, .head_dim = 64, .vocab = 260,
                                           .seed = 21};

void predict_fixture_probes(struct probe *out)
{
    out[0] = simple_probe("2+2=", "4", "5");
    out[1] = simple_probe("the cat", " sat on it", " flew");
    out[2] = simple_probe("abc", "defg", "h");
    out[3] = simple_probe("abcd", "x\ny", "xy");
    out[4] = simple_probe("q", "longer than its prompt", "z");
}

struct measure *predict_fixture_measure(struct model *model, const struct probe *probes,
                                        size_t count, enum metric metric)
{
    struct err err;
    const struct probe *list[PREDICT_PROBES];
    struct measure_options options = {.metric = metric, .threads = 2};
    for (size_t i = 0; i < count; i++)
        list[i] = &probes[i];
    struct measure *measure = measure_new(model, list, count, &options, &err);
    t_ok(measure != NULL, &err);
    t_ok(measure_set_base(measure, NULL, &err), &err);
    return measure;
}

void predict_fixture_gaps(struct measure *measure, double *gaps)
{
    struct err err;
    t_ok(measure_run(measure, gaps, NULL, &err), &err);
}

static void *copied(const void *from, size_t bytes)
{
    void *to = x_new(bytes, 1);
    memcpy(to, from, bytes);
    return to;
}

void predict_fixture_keep(void *user, const struct gradient_visit *visit)
{
    struct predict_shown *all = user;
    if (visit->proj >= PROJ_LAYER_COUNT)
        return;
    assert_true(all->count < PREDICT_MATRICES);
    struct gradient_visit *to = &all->list[all->count++];
    size_t outputs = visit->tokens * visit->rows * sizeof(float);
    *to = *visit;
    to->owners = copied(visit->owners, visit->tokens * sizeof *visit->owners);
    to->x = copied(visit->x, visit->tokens * visit->columns * sizeof(float));
    to->y = copied(visit->y, outputs);
    to->dy = copied(visit->dy, outputs);
    to->negated = copied(visit->negated, outputs);
}

void predict_fixture_forget(struct predict_shown *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free((void *)(uintptr_t)all->list[i].owners);
        free((void *)(uintptr_t)all->list[i].x);
        free((void *)(uintptr_t)all->list[i].y);
        free((void *)(uintptr_t)all->list[i].dy);
        free((void *)(uintptr_t)all->list[i].negated);
    }
    all->count = 0;
}

double predict_fixture_weight(const struct gradient_visit *visit, size_t row, size_t column)
{
    const uint8_t *block = visit->blocks + (row * (visit->columns / 128) + column / 128) * 18;
    uint32_t half = (uint32_t)block[0] | (uint32_t)block[1] << 8, i = column % 128;
    double scale = ldexp(1024 + (half & 1023), (int)(half >> 10 & 31) - 25);
    return block[2 + i / 8] >> i % 8 & 1 ? scale : -scale;
}

double predict_fixture_pearson(const double *a, const double *b, size_t n)
{
    double sums[5] = {0};
    for (size_t i = 0; i < n; i++) {
        sums[0] += a[i];
        sums[1] += b[i];
        sums[2] += a[i] * a[i];
        sums[3] += b[i] * b[i];
        sums[4] += a[i] * b[i];
    }
    double count = (double)n;
    return (sums[4] - sums[0] * sums[1] / count) /
           sqrt((sums[2] - sums[0] * sums[0] / count) * (sums[3] - sums[1] * sums[1] / count));
}
