/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/train_fixture.h"

#include "tests/t.h"

static struct probe_set *some_probes(size_t first, size_t count)
{
    struct err err;
    struct probe_set *set = probe_set_load("nano-train", &err);
    t_ok(set != NULL, &err);
    assert_true(first + count <= set->count);
    struct probe swap;
    for (size_t i = 0; i < count; i++) { /* the rest goes behind, where it is freed */
        swap = set->probes[i];
        set->probes[i] = set->probes[first + i];
        set->probes[first + i] = swap;
    }
    return set;
}

struct items *train_fixture_items(struct model *model, size_t first, size_t count)
{
    struct err err;
    struct probe_set *set = some_probes(first, count);
    size_t all = set->count;
    set->count = count;
    struct items *items = items_from_probes(model, set, &err);
    t_ok(items != NULL, &err);
    set->count = all;
    probe_set_free(set);
    return items;
}

struct items *train_fixture_own(struct model *model, size_t first, size_t count)
{
    struct err err;
    struct probe_set *set = some_probes(first, count);
    size_t all = set->count;
    set->count = count;
    struct items *items = items_self_labelled(model, set, 16, 1, NULL, NULL, &err);
    t_ok(items != NULL, &err);
    set->count = all;
    probe_set_free(set);
    return items;
}

/* "The second derivative of ax^n + bx^m is": a n (n - 1) x^(n - 2) + b m (m - 1) x^(m - 2) */
struct items *train_fixture_second(const struct model *model, size_t count)
{
    struct err err;
    struct buf json = {0};
    for (size_t i = 0; i < count; i++) {
        unsigned n = 5 + i % 4, m = 4, a = 2 + (unsigned)(i / 4 % 8), b = 2 + (unsigned)(i / 32);
        buf_add_format(&json,
                       "%s{\"prompt\": \"The second derivative of %ux^%u + %ux^%u is\", "
                       "\"correct\": \" %ux^%u + %ux^%u\"}",
                       i == 0 ? "[" : ",", a, n, b, m, a * n * (n - 1), n - 2, b * m * (m - 1),
                       m - 2);
    }
    buf_add_text(&json, "]");
    struct probe_set *set = probe_set_parse(json.data, json.len, "second", &err);
    t_ok(set != NULL, &err);
    struct items *items = items_from_probes(model, set, &err);
    t_ok(items != NULL, &err);
    probe_set_free(set);
    buf_free(&json);
    return items;
}

struct train_options train_fixture_options(int threads)
{
    struct train_options options = train_default_options();
    options.batch_targets = 16;
    options.batch_controls = 8;
    options.first_k = 8;
    options.most_k = 40;
    options.steps = 4;
    options.validation = 10;
    options.threads = threads;
    return options;
}
