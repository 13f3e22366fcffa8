/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * search --method prune, swap, evolve, joint, bfs: from patches, stopped and resumed to the
 * bit, what is told besides, refusals.
 */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "tests/cli/look.h"
#include "tests/t.h"

static const char *kept_path(const char *name)
{
    static char paths[8][4096];
    static size_t next;
    char *path = paths[next++ % countof(paths)];
    (void)snprintf(path, sizeof paths[0], "%s", run_path(name));
    return path;
}

static size_t flips_of(const json_t *end)
{
    return json_array_size(json_object_get(end, "flips"));
}

/* Two patches that short guided searches find, for the others to begin with. */
static int find_patches(void **state)
{
    (void)state;
    run_free(run_ok("search", "nano", "--objective", "gap", "--target", "knowledge", "--control",
                    "code", "--method", "guided", "--iters", "12", "-o", run_path("a.json"),
                    NULL));
    run_free(run_ok("search", "nano", "--objective", "gap", "--target", "knowledge", "--control",
                    "code", "--method", "guided", "--proj", "gate,up", "--iters", "6", "-o",
                    run_path("b.json"), NULL));
    return 0;
}

/* In two parts and in one: the same flips and fitness. */
static void in_parts(const char *method, const char *from)
{
    const char *session = kept_path("m.session"), *parts = kept_path("parts.json");
    const char *whole = kept_path("whole.json");
    (void)remove(session);
    struct run *first = run_ok("search", "nano", "--objective", "gap", "--target", "knowledge",
                               "--control", "code", "--method", method, "--from", from, "--iters",
                               "5", "-s", session, "-o", parts, "--json", NULL);
    json_t *a = look_end(run_ok("search", "-s", session, "--iters", "11", "-o", parts, "--threads",
                              "1", "--json", NULL));
    json_t *b = look_end(run_ok("search", "nano", "--objective", "gap", "--target", "knowledge",
                              "--control", "code", "--method", method, "--from", from, "--iters",
                              "11", "-o", whole, "--json", NULL));
    assert_true(json_equal(json_object_get(a, "flips"), json_object_get(b, "flips")));
    assert_true(json_equal(json_object_get(a, "fitness"), json_object_get(b, "fitness")));
    assert_true(flips_of(b) >= 1);
    run_free(run_ok("session", "replay", session, NULL));
    run_refused("usage", "is decided by the session", "search", "-s", session, "--from", from,
                NULL);
    json_decref(a);
    json_decref(b);
    run_free(first);
}

static void methods__stopped_and_resumed__as_never_stopped(void **state)
{
    (void)state;
    struct buf both = {0};
    in_parts("prune", kept_path("a.json"));
    in_parts("swap", kept_path("a.json"));
    in_parts("bfs", kept_path("b.json"));
    buf_add_format(&both, "%s,%s", kept_path("a.json"), kept_path("b.json"));
    in_parts("evolve", both.data);
    buf_free(&both);
}

/* kill -9 as soon as the next candidate but `apart` was shown, until it is done: what a search
 * that nobody stopped wrote. */
static void killed(const char *const begin[], const char *iterations, int apart)
{
    const char *session = kept_path("k.session"), *parts = kept_path("killed.json");
    const char *whole = kept_path("unbroken.json"), *words[RUN_WORDS_MAX];
    size_t count = 0, kills = 0;
    (void)remove(session);
    while (begin[count]) {
        words[count] = begin[count];
        count++;
    }
    const char *const rest[] = {"--iters", iterations, "--threads", "1", "--json", "-o", whole};
    memcpy(words + count, rest, sizeof rest);
    words[count + countof(rest)] = NULL;
    struct run *run = run_bankai_words(NULL, words);
    run_expect_status(run, 0);
    run_free(run);
    words[count + countof(rest) - 1] = parts;
    words[count + countof(rest)] = "-s";
    words[count + countof(rest) + 1] = session;
    words[count + countof(rest) + 2] = NULL;
    for (bool done = false; !done; kills += !done) {
        char after[32];
        (void)snprintf(after, sizeof after, "\"number\": %d,", (int)(kills + 1) * apart);
        const struct run_options options = {.interrupt_after = after, .interrupt_signal = SIGKILL};
        run = kills == 0 ? run_bankai_words(&options, words)
                         : run_bankai(&options, "search", "-s", session, "--iters", iterations,
                                      "--threads", "1", "--json", "-o", parts, NULL);
        done = run->killed_by == 0;
        if (done)
            run_expect_status(run, 0);
        run_free(run);
        assert_true(kills < 20);
    }
    assert_true(kills >= 3);
    look_same_files(parts, whole);
    run_free(run_ok("session", "verify", session, NULL));
    run_free(run_ok("session", "replay", session, NULL));
}

static void guided_together__killed_again_and_again__same_patch_in_the_end(void **state)
{
    (void)state;
    const char *const begin[] = {"search", "nano", "--objective", "gap", "--target",
                                 "knowledge", "--control", "code", "--method", "guided",
                                 "--together", "8", NULL};
    killed(begin, "28", 4);
}

static void evolve__killed_again_and_again__same_patch_in_the_end(void **state)
{
    (void)state;
    struct buf both = {0};
    buf_add_format(&both, "%s,%s", kept_path("a.json"), kept_path("b.json"));
    const char *const begin[] = {"search", "nano", "--objective", "gap", "--target",
                                 "knowledge", "--control", "code", "--method", "evolve",
                                 "--from", both.data, NULL};
    killed(begin, "16", 3);
    buf_free(&both);
}

static double fitness_of(const char *patch)
{
    json_t *end = look_end(run_ok("search", "nano", "--objective", "gap", "--target", "knowledge",
                                "--control", "code", "--method", "prune", "--from", patch,
                                "--iters", "1", "-o", run_path("f.json"), "--json", NULL));
    double fitness = look_real(end, "fitness");
    json_decref(end);
    return fitness;
}

static void prune__to_its_end__fewer_flips_and_no_less_fitness(void **state)
{
    (void)state;
    const char *patch = kept_path("a.json"), *pruned = kept_path("pruned.json");
    struct run *run = run_ok("search", "nano", "--objective", "gap", "--target", "knowledge",
                             "--control", "code", "--method", "prune", "--from", patch, "-o",
                             pruned, "--json", NULL);
    json_t *end = look_end(run);
    assert_true(look_real(end, "fitness") >= fitness_of(patch));
    json_int_t tried = json_integer_value(json_object_get(end, "evaluations"));
    assert_true(tried >= (json_int_t)flips_of(end));
    assert_true(fabs(fitness_of(pruned) - look_real(end, "fitness")) < 1e-12);
    json_decref(end);
}

static void swap__some__as_many_flips_and_a_patch(void **state)
{
    (void)state;
    const char *patch = kept_path("b.json"), *swapped = kept_path("swapped.json");
    struct run *before = run_ok("patch", "info", patch, "nano", "--json", NULL);
    json_t *info = run_json(before);
    struct run *run = run_ok("search", "nano", "--objective", "gap", "--target", "knowledge",
                             "--control", "code", "--method", "swap", "--from", patch, "--iters",
                             "12", "-o", swapped, NULL);
    run_expect_out(run, " + 1 more");
    run_expect_out(run, "after 12 candidates");
    json_t *after = run_json(run_ok("patch", "info", swapped, "nano", "--json", NULL));
    assert_int_equal(flips_of(info), flips_of(after));
    json_decref(info);
    json_decref(after);
    run_free(run);
    run_free(before);
}

/* Does some value of a stand below that of b? */
static bool below_somewhere(const json_t *a, const json_t *b)
{
    const json_t *x = json_object_get(a, "fitness"), *y = json_object_get(b, "fitness");
    bool below = false;
    for (size_t i = 0; i < json_array_size(x); i++)
        below = below || json_number_value(json_array_get(x, i)) <
                             json_number_value(json_array_get(y, i));
    return below;
}

static void joint__two_sets__a_front_beside_what_is_stacked(void **state)
{
    (void)state;
    struct buf both = {0};
    buf_add_format(&both, "%s,%s", kept_path("a.json"), kept_path("b.json"));
    json_t *end = look_end(run_ok("search", "nano", "--objective", "gap", "--target",
                                "math,knowledge", "--control", "code", "--method", "joint",
                                "--iters", "16", "--stack", both.data, "--compare-stacking", "-o",
                                kept_path("j.json"), "--json", NULL));
    const json_t *front = json_object_get(end, "front");
    const json_t *domains = json_object_get(end, "domains");
    const json_t *stacking = json_object_get(end, "stacking");
    assert_int_equal(json_array_size(domains), 2);
    assert_string_equal(json_string_value(json_array_get(domains, 0)), "math");
    assert_string_equal(json_string_value(json_array_get(domains, 1)), "knowledge");
    assert_true(json_array_size(front) >= 2); /* 3: what helps one harms the other */
    for (size_t i = 0; i < json_array_size(front); i++)
        for (size_t k = 0; k < json_array_size(front); k++)
            assert_true(i == k || below_somewhere(json_array_get(front, i),
                                                  json_array_get(front, k)));
    assert_int_equal(json_array_size(stacking), 5); /* two patches, two searches, the stack */
    assert_string_equal(look_text(json_array_get(stacking, 4), "name"), "stacked");
    const json_t *alone = json_array_get(stacking, 2);
    assert_string_equal(look_text(alone, "name"), "math alone");
    assert_true(json_number_value(json_array_get(json_object_get(alone, "fitness"), 0)) > 0);
    assert_true(json_is_array(json_object_get(end, "above_stack")));
    json_decref(end);
    buf_free(&both);
}

static void joint__resumed_at_its_end__the_same_front(void **state)
{
    (void)state;
    const char *session = kept_path("j.session"), *path = kept_path("j2.json");
    struct run *run = run_ok("search", "nano", "--objective", "gap", "--target", "math,knowledge",
                             "--method", "joint", "--iters", "12", "-s", session, "-o", path,
                             NULL);
    run_expect_out(run, "Pareto front of all that was tried");
    run_expect_out(run, "(the patch)");
    run_free(run);
    json_t *a = look_end(run_ok("search", "-s", session, "--iters", "12", "-o", path, "--json",
                              NULL));
    json_t *b = look_end(run_ok("search", "nano", "--objective", "gap", "--target",
                              "math,knowledge", "--method", "joint", "--iters", "12", "-o", path,
                              "--json", NULL));
    assert_true(json_equal(json_object_get(a, "front"), json_object_get(b, "front")));
    json_decref(a);
    json_decref(b);
}

static void bfs__a_sample__its_rank_correlation_is_told(void **state)
{
    (void)state;
    static const struct run_options as_usual;
    struct run *run = run_bankai(&as_usual, "search", "nano", "--objective", "gap", "--target",
                                 "knowledge", "--control", "code", "--method", "bfs", "--iters",
                                 "36", "-o", run_path("s.json"), NULL);
    run_expect_out(run, "32 random flips: rank correlation (Spearman) of predicted and measured");
    run_free(run); /* it may accept nothing: most flips that move the fitness far lower it */
}

static void methods__bad_options__refused(void **state)
{
    (void)state;
    const char *path = kept_path("n.json"), *patch = kept_path("a.json");
    struct buf both = {0};
    buf_add_format(&both, "%s,%s", patch, patch);
    run_refused("usage", "method prune works on flips that are on, expected --from PATCH",
                "search", "nano", "--target", "math", "-o", path, "--method", "prune", NULL);
    run_refused("usage", "method swap works on flips that are on", "search", "nano", "--target",
                "math", "-o", path, "--method", "swap", NULL);
    run_refused("usage", "--from: method guided begins with one patch, found 2", "search", "nano",
                "--target", "math", "-o", path, "--method", "guided", "--from", both.data, NULL);
    run_refused("usage", "cannot open", "search", "nano", "--target", "math", "-o", path,
                "--method",
                "prune", "--from", "nowhere.json", NULL);
    run_refused("usage", "expected two or more sets as targets, found one ('math')", "search",
                "nano", "--target", "math", "-o", path, "--method", "joint", NULL);
    run_refused("usage", "--stack is for --method joint, found bfs", "search", "nano", "--target",
                "math", "-o", path, "--method", "bfs", "--stack", patch, NULL);
    run_refused("usage", "stacking is told of one search", "search", "nano", "--target", "math",
                "-o", path, "--method", "joint", "--stack", patch, "--seeds", "2", NULL);
    buf_free(&both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods__stopped_and_resumed__as_never_stopped),
        cmocka_unit_test(guided_together__killed_again_and_again__same_patch_in_the_end),
        cmocka_unit_test(evolve__killed_again_and_again__same_patch_in_the_end),
        cmocka_unit_test(prune__to_its_end__fewer_flips_and_no_less_fitness),
        cmocka_unit_test(swap__some__as_many_flips_and_a_patch),
        cmocka_unit_test(joint__two_sets__a_front_beside_what_is_stacked),
        cmocka_unit_test(joint__resumed_at_its_end__the_same_front),
        cmocka_unit_test(bfs__a_sample__its_rank_correlation_is_told),
        cmocka_unit_test(methods__bad_options__refused),
    };
    return cmocka_run_group_tests_name("methods", tests, find_patches, NULL);
}
