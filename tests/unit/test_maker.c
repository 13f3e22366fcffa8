/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Generated probe sets: specs, seeds, and families that run out.  What the answers are
 * and which side a prompt is on is checked by tests/test_maker.py, on its own.
 */
#include <string.h>

#include "probes/maker/maker.h"
#include "src/base/num.h"
#include "tests/t.h"

static void maker_parse__specs__request(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *family;
        size_t count;
        uint64_t seed;
        enum maker_side side;
    } rows[] = {
        {"gen:trig", "trig", 100, 1, MAKER_TRAIN},
        {"gen:prime:7", "prime", 7, 1, MAKER_TRAIN},
        {"gen:poly_deriv:1000000:0", "poly_deriv", 1000000, 0, MAKER_TRAIN},
        {"gen:exp_deriv:1:9223372036854775807:heldout", "exp_deriv", 1, INT64_MAX, MAKER_HELDOUT},
        {"gen:integral:05:3:train", "integral", 5, 3, MAKER_TRAIN},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        struct maker_request request;
        t_ok(maker_parse(rows[i].spec, &request, &err), &err);
        assert_string_equal(maker_families()[request.family].name, rows[i].family);
        assert_int_equal(request.count, rows[i].count);
        assert_int_equal(request.seed, rows[i].seed);
        assert_int_equal(request.side, rows[i].side);
    }
}

static void maker_parse__bad_specs__refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *message;
    } rows[] = {
        {"gen:", "there is no family '', expected one of poly_deriv, "},
        {"gen:Trig", "there is no family 'Trig', expected one of poly_deriv, "},
        {"gen:trig:", "the number of probes is '', expected a whole number from 1 to 1000000"},
        {"gen:trig:0", "the number of probes is '0', expected"},
        {"gen:trig:-1", "the number of probes is '-1', expected"},
        {"gen:trig:+5", "the number of probes is '+5', expected"},
        {"gen:trig: 5", "the number of probes is ' 5', expected"},
        {"gen:trig:5.0", "the number of probes is '5.0', expected"},
        {"gen:trig:1000001", "the number of probes is '1000001', expected"},
        {"gen:trig:99999999999999999999", "the number of probes is '99999999999999999999', "},
        {"gen:trig:5:x", "the seed is 'x', expected a whole number from 0 to 9223372036854775807"},
        {"gen:trig:5:9223372036854775808", "the seed is '9223372036854775808', expected"},
        {"gen:trig:5:1:test", "the side is 'test', expected train or heldout"},
        {"gen:trig:5:1:", "the side is '', expected train or heldout"},
        {"gen:trig:5:1:train:", "there is more behind the side, expected gen:FAMILY[:N[:SEED"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct err err = {0};
        assert_null(maker_load(rows[i].spec, &err));
        assert_int_equal(err.code, ERR_USAGE);
        assert_string_equal(err.where, rows[i].spec);
        assert_non_null(strstr(err.message, rows[i].message));
    }
}

static struct probe_set *load(const char *spec)
{
    struct err err = {0};
    struct probe_set *set = probe_set_load(spec, &err);
    t_ok(set != NULL, &err);
    return set;
}

static bool same_probe(const struct probe *a, const struct probe *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->prompt, b->prompt) == 0 &&
           strcmp(a->correct, b->correct) == 0 && strcmp(a->wrong, b->wrong) == 0;
}

static void maker_load__every_family__seeded_and_first_of_more(void **state)
{
    (void)state;
    for (const struct maker_family *family = maker_families(); family->name; family++) {
        struct buf few = {0}, many = {0}, other = {0};
        buf_add_format(&few, "gen:%s:20:7", family->name);
        buf_add_format(&many, "gen:%s:40:7:train", family->name);
        buf_add_format(&other, "gen:%s:40:8", family->name);
        struct probe_set *sets[] = {load(few.data), load(many.data), load(other.data)};
        size_t same = 0;
        assert_int_equal(sets[0]->count, 20);
        assert_int_equal(sets[1]->count, 40);
        for (size_t i = 0; i < 20; i++)
            assert_true(same_probe(&sets[0]->probes[i], &sets[1]->probes[i])); /* [M1] */
        for (size_t i = 0; i < 40; i++)
            same += strcmp(sets[1]->probes[i].prompt, sets[2]->probes[i].prompt) == 0;
        assert_true(same < 40);
        for (size_t i = 0; i < countof(sets); i++)
            probe_set_free(sets[i]);
        buf_free(&few);
        buf_free(&many);
        buf_free(&other);
    }
}

static void maker_load__beside_other_sets__named_by_the_whole_spec(void **state)
{
    (void)state;
    struct probe_set *set = load("gen:trig:3,math,gen:trig:2:5:heldout");
    assert_int_equal(set->count, 3 + 8 + 2);
    assert_string_equal(set->name, "gen:trig:3:1:train,math,gen:trig:2:5:heldout");
    assert_string_equal(set->probes[0].set, "gen:trig:3:1:train");
    assert_string_equal(set->probes[0].category, "trig");
    assert_string_equal(set->probes[0].name, "trig_train_s1_0");
    assert_string_equal(set->probes[12].set, "gen:trig:2:5:heldout");
    assert_string_equal(set->probes[12].name, "trig_heldout_s5_1");
    probe_set_free(set);
    struct err err = {0};
    assert_null(probe_set_load("gen:trig,gen:trig:100:1", &err));
    t_err_is(&err, ERR_USAGE, "", "there are two probe sets named 'gen:trig:100:1:train', "
                                  "expected one");
}

/* Each family gives what it gives alone, until it has no more. */
static void maker_load__mixed__every_family_in_turn(void **state)
{
    (void)state;
    size_t families = 0;
    while (strcmp(maker_families()[families].name, "mixed") != 0)
        families++;
    struct buf spec = {0};
    buf_add_format(&spec, "gen:mixed:%zu:4", 3 * families);
    struct probe_set *mixed = load(spec.data);
    for (size_t i = 0; i < families; i++) {
        buf_clear(&spec);
        buf_add_format(&spec, "gen:%s:3:4", maker_families()[i].name);
        struct probe_set *alone = load(spec.data);
        for (size_t j = 0; j < 3; j++) {
            const struct probe *probe = &mixed->probes[j * families + i];
            assert_string_equal(probe->prompt, alone->probes[j].prompt);
            assert_string_equal(probe->category, maker_families()[i].name);
        }
        probe_set_free(alone);
    }
    probe_set_free(mixed);
    buf_free(&spec);
    struct probe_set *many = load("gen:mixed:9000"); /* more of each than there are of trig */
    assert_int_equal(many->count, 9000);
    probe_set_free(many);
}

/* 248 numbers in six phrases are 1,488 prompts on both sides. */
static void maker_load__more_than_there_are__refused_with_their_number(void **state)
{
    (void)state;
    struct err err = {0};
    struct maker_request request = {.count = 1488, .seed = 2};
    t_ok(maker_family_parse("prime", &request.family, &err), &err);
    struct probe_set *all = maker_make(&request, &err);
    t_ok(all != NULL, &err);
    struct buf message = {0};
    buf_add_format(&message, "prime has only %zu different prompts on this side, expected at most "
                             "so many", all->count);
    assert_true(all->count > 1000 && all->count < 1488);
    assert_null(maker_load("gen:prime:1488:2", &err));
    t_err_is(&err, ERR_RANGE, "gen:prime:1488:2:train", message.data);
    buf_free(&message);
    probe_set_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maker_parse__specs__request),
        cmocka_unit_test(maker_parse__bad_specs__refused),
        cmocka_unit_test(maker_load__every_family__seeded_and_first_of_more),
        cmocka_unit_test(maker_load__beside_other_sets__named_by_the_whole_spec),
        cmocka_unit_test(maker_load__mixed__every_family_in_turn),
        cmocka_unit_test(maker_load__more_than_there_are__refused_with_their_number),
    };
    return cmocka_run_group_tests_name("maker", tests, NULL, NULL);
}
