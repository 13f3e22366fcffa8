/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The weighted draw against a linear scan that makes the same calls of the
 * random numbers.
 */
#include <stdlib.h>

#include "engine/search/draw.h"
#include "tests/t.h"

struct scan {
    uint64_t weights[64];
    size_t count;
};

static bool scan_next(struct scan *scan, struct rng *rng, size_t *item)
{
    uint64_t total = 0;
    for (size_t i = 0; i < scan->count; i++)
        total += scan->weights[i];
    if (total == 0)
        return false;
    uint64_t ticket = rng_below(rng, total);
    for (*item = 0; ticket >= scan->weights[*item]; (*item)++)
        ticket -= scan->weights[*item];
    scan->weights[*item] = 0;
    return true;
}

static size_t scan_left(const struct scan *scan)
{
    size_t left = 0;
    for (size_t i = 0; i < scan->count; i++)
        left += scan->weights[i] > 0;
    return left;
}

static void any_bytes(struct rng *rng, void *user, struct buf *out)
{
    (void)user;
    size_t len = 2 + rng_below(rng, 120);
    for (size_t i = 0; i < len; i++) {
        char byte = (char)rng_below(rng, 256);
        buf_add(out, &byte, 1);
    }
}

/* The first byte says how many items, the next ones their weights (many zero,
 * some huge), the rest when to put one back. */
static bool draws_alike(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    struct scan scan = {.count = len ? (uint8_t)bytes[0] % 64 : 0};
    uint64_t original[64] = {0};
    for (size_t i = 0; i < scan.count; i++) {
        uint64_t byte = 1 + i < len ? (uint8_t)bytes[1 + i] : 3;
        scan.weights[i] = byte % 4 == 0 ? 0 : byte % 4 == 1 ? byte << 48 : byte;
        original[i] = scan.weights[i];
    }
    struct draw *draw = draw_new(scan.weights, scan.count);
    struct rng fast, slow;
    rng_seed(&fast, len);
    rng_seed(&slow, len);
    bool same = true;
    for (size_t i = 0; same && i < 2 * scan.count + 3; i++) {
        size_t got = 999, expected = 999;
        bool any = draw_next(draw, &fast, &got);
        same = any == scan_next(&scan, &slow, &expected) && (!any || got == expected);
        if (any && same && i < len && (uint8_t)bytes[len - 1 - i] % 3 == 0) {
            draw_return(draw, got, original[got]);
            scan.weights[got] = original[got];
        }
        same = same && draw_left(draw) == scan_left(&scan);
        if (!same)
            buf_add_format(why, "draw %zu of %zu: item %zu, expected %zu", i, scan.count, got,
                           expected);
    }
    same = same && rng_next(&fast) == rng_next(&slow); /* as many numbers were used */
    draw_free(draw);
    return same;
}

static void draw__any_weights_and_returns__as_a_linear_scan(void **state)
{
    (void)state;
    t_prop(&(struct prop){.name = "draw", .seed = 5, .cases = 2000, .generate = any_bytes,
                          .holds = draws_alike});
}

static void draw__until_empty__each_item_of_weight_once(void **state)
{
    (void)state;
    for (size_t count = 0; count < 70; count++) {
        uint64_t weights[70];
        bool seen[70] = {false};
        size_t expected = 0, drawn = 0, item = 0;
        for (size_t i = 0; i < count; i++) {
            weights[i] = i % 3;
            expected += weights[i] > 0;
        }
        struct draw *draw = draw_new(weights, count);
        struct rng rng;
        rng_seed(&rng, count);
        assert_int_equal(draw_left(draw), expected);
        for (; draw_next(draw, &rng, &item); drawn++) {
            assert_true(item < count && weights[item] > 0 && !seen[item]);
            seen[item] = true;
        }
        assert_int_equal(drawn, expected);
        assert_int_equal(draw_left(draw), 0);
        draw_free(draw);
    }
}

/* Chi-square of first draws; 4 degrees of freedom, 33 is exceeded once in a million. */
static void draw__first_draws__proportional_to_weight(void **state)
{
    (void)state;
    const uint64_t weights[] = {1, 0, 2, 3, 10, 0, 4};
    enum { DRAWS = 20000 };
    size_t hits[countof(weights)] = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct draw *draw = draw_new(weights, countof(weights));
        struct rng rng;
        size_t item = 0;
        rng_seed(&rng, seed);
        assert_true(draw_next(draw, &rng, &item));
        hits[item]++;
        draw_free(draw);
    }
    double chi_square = 0;
    for (size_t i = 0; i < countof(weights); i++) {
        double expected = DRAWS * (double)weights[i] / 20;
        if (weights[i] == 0)
            assert_int_equal(hits[i], 0);
        else
            chi_square += ((double)hits[i] - expected) * ((double)hits[i] - expected) / expected;
    }
    if (!(chi_square < 33))
        fail_msg("chi-square %g", chi_square);
}

/* The second draw of an item that was passed over, by the definition of drawing
 * without replacement: P(1 then 0) = 2/3 of weights 1 and 2. */
static void draw__second_draws__without_replacement(void **state)
{
    (void)state;
    const uint64_t weights[] = {1, 2, 1};
    size_t last[3] = {0};
    enum { DRAWS = 12000 };
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct draw *draw = draw_new(weights, 3);
        struct rng rng;
        size_t item = 0;
        rng_seed(&rng, seed);
        for (int i = 0; i < 3; i++)
            assert_true(draw_next(draw, &rng, &item));
        last[item]++;
        draw_free(draw);
    }
    /* item 1 is last when 0 and 2 come first: 2 * 1/4 * 1/3 = 1/6 */
    double share = (double)last[1] / DRAWS;
    assert_true(share > 1.0 / 6 - 0.017 && share < 1.0 / 6 + 0.017); /* 5 sigma */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draw__any_weights_and_returns__as_a_linear_scan),
        cmocka_unit_test(draw__until_empty__each_item_of_weight_once),
        cmocka_unit_test(draw__first_draws__proportional_to_weight),
        cmocka_unit_test(draw__second_draws__without_replacement),
    };
    return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
