/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two states of a session told apart: flips, gaps, generations.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/report/report.h"
#include "src/session/state.h"
#include "src/session_cli/session_actions.h"

struct two_states {
    struct session *session;
    const struct session_origin *origin;
    struct session_diff diff;
    size_t *order; /* [gap_count] of probes, the largest change first */
};

static double change_of(const struct session_diff *diff, size_t probe)
{
    return diff->gaps_b[probe] - diff->gaps_a[probe];
}

static const char *outcome_word(const struct diff_answer *answer)
{
    if (answer->right_a)
        return answer->right_b ? "stayed_right" : "broke";
    return answer->right_b ? "fixed" : "stayed_wrong";
}

/* Characters before the byte from which on two texts differ. */
static size_t characters_before(const struct diff_answer *answer)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->differs; i++)
        count += ((unsigned char)answer->a[i] & 0xC0) != 0x80;
    return count;
}

/* ---- text ----------------------------------------------------------------------------- */

static size_t flips_of(const struct session_diff *diff, bool is_b)
{
    return diff->both.count + (is_b ? diff->only_b.count : diff->only_a.count);
}

static void add_state(struct buf *out, struct two_states *compare, bool is_b)
{
    const struct session_diff *diff = &compare->diff;
    int64_t step = is_b ? diff->b : diff->a;
    struct buf name = {0};
    session_state_text(compare->session, step, &name);
    buf_add_format(out, "%s  step %" PRId64, is_b ? "B" : "A", step);
    if (name.data[0] < '0' || name.data[0] > '9')
        buf_add_format(out, " (%s)", name.data);
    size_t flips = flips_of(diff, is_b);
    buf_add_format(out, ", %zu flip%s, fitness %+.4f\n", flips, flips == 1 ? "" : "s",
                   is_b ? diff->fitness_b : diff->fitness_a);
    buf_free(&name);
}

static void add_flips(struct buf *out, const char *title, const struct flip_set *flips)
{
    buf_add_format(out, "\n%s: %zu\n", title, flips->count);
    for (size_t i = 0; i < flips->count; i++) {
        buf_add_text(out, "  ");
        report_flip_text(out, &flips->flips[i]);
        buf_add_text(out, "\n");
    }
}

static void add_part(struct buf *out, const struct two_states *compare, size_t part)
{
    const struct session_diff *diff = &compare->diff;
    size_t n = 0, up = 0, down = 0;
    double sum = 0;
    for (size_t i = 0; i < diff->gap_count; i++) {
        double change = change_of(diff, i);
        if (session_probe_part(compare->origin, i) != part || !isfinite(change))
            continue;
        n++;
        up += change > 0;
        down += change < 0;
        sum += change;
    }
    if (n > 0)
        buf_add_format(out, "%-9s %5zu  %+12.4f  %5zu  %5zu\n", session_part_name(part), n,
                       sum / (double)n, up, down);
    else
        buf_add_format(out, "%-9s never measured\n", session_part_name(part));
}

static void add_gaps(struct buf *out, const struct two_states *compare)
{
    const struct session_diff *diff = &compare->diff;
    buf_add_text(out, "\ngaps (search signal)\n              n   mean change     up   down\n");
    for (size_t part = 0; part < DIFF_PARTS; part++)
        add_part(out, compare, part);
    for (size_t i = 0; i < diff->gap_count; i++) {
        size_t probe = compare->order[i];
        const struct probe *of = &compare->origin->probes->probes[probe];
        buf_add_format(out, "  %-9s %+9.4f -> %+9.4f  %+9.4f  ",
                       session_part_name(session_probe_part(compare->origin, probe)),
                       diff->gaps_a[probe], diff->gaps_b[probe], change_of(diff, probe));
        text_visible(out, of->name, strlen(of->name));
        buf_add_text(out, "\n");
    }
}

static void add_answer(struct buf *out, const struct two_states *compare,
                       const struct diff_answer *answer)
{
    const struct probe *of = &compare->origin->probes->probes[answer->probe];
    size_t part = session_probe_part(compare->origin, answer->probe);
    buf_add_format(out, "  %-12s %-9s ", outcome_word(answer), session_part_name(part));
    text_visible(out, of->name, strlen(of->name));
    buf_add_format(out, ": different from character %zu on\n    A \"",
                   characters_before(answer) + 1);
    text_visible(out, answer->a, answer->a_len);
    buf_add_text(out, "\"\n    B \"");
    text_visible(out, answer->b, answer->b_len);
    buf_add_text(out, "\"\n");
}

static void add_answers(struct buf *out, const struct two_states *compare)
{
    const struct session_diff *diff = &compare->diff;
    size_t same = 0;
    buf_add_text(out, "\ngenerations   n  right A  right B  fixed  broke\n");
    for (size_t part = 0; part < DIFF_PARTS; part++) {
        const struct diff_totals *totals = &diff->totals[part];
        if (totals->n > 0)
            buf_add_format(out, "%-9s %5zu  %7zu  %7zu  %5zu  %5zu\n", session_part_name(part),
                           totals->n, totals->right_a, totals->right_b, totals->fixed,
                           totals->broke);
        else
            buf_add_format(out, "%-9s not stored of both\n", session_part_name(part));
    }
    for (size_t i = 0; i < diff->answer_count; i++) {
        same += diff->answers[i].differs == SIZE_MAX;
        if (diff->answers[i].differs != SIZE_MAX)
            add_answer(out, compare, &diff->answers[i]);
    }
    if (same > 0)
        buf_add_format(out, "  %zu the same in A and B\n", same);
}

static void print_text(struct two_states *compare)
{
    struct buf out = {0};
    add_state(&out, compare, false);
    add_state(&out, compare, true);
    add_flips(&out, "flips only in A", &compare->diff.only_a);
    add_flips(&out, "flips only in B", &compare->diff.only_b);
    add_flips(&out, "flips in both", &compare->diff.both);
    add_gaps(&out, compare);
    add_answers(&out, compare);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* ---- JSON ----------------------------------------------------------------------------- */

static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *state_json(struct two_states *compare, bool is_b)
{
    const struct session_diff *diff = &compare->diff;
    struct buf name = {0};
    session_state_text(compare->session, is_b ? diff->b : diff->a, &name);
    json_t *object = json_pack(
        "{s:I, s:o, s:I, s:o}", "step", (json_int_t)(is_b ? diff->b : diff->a), "name",
        json_text(name.data, name.len), "flips",
        (json_int_t)flips_of(diff, is_b),
        "fitness", number_json(is_b ? diff->fitness_b : diff->fitness_a));
    buf_free(&name);
    return object;
}

static json_t *flips_json(const struct flip_set *flips)
{
    json_t *array = json_array();
    for (size_t i = 0; i < flips->count; i++)
        (void)json_array_append_new(array, report_flip_json(&flips->flips[i]));
    return array;
}

static json_t *probe_json(const struct two_states *compare, size_t probe)
{
    const struct probe *of = &compare->origin->probes->probes[probe];
    size_t part = session_probe_part(compare->origin, probe);
    return json_pack("{s:o, s:o, s:s}", "name", json_text(of->name, strlen(of->name)), "set",
                     json_text(of->set, strlen(of->set)), "part", session_part_name(part));
}

static json_t *gaps_json(const struct two_states *compare)
{
    const struct session_diff *diff = &compare->diff;
    json_t *array = json_array();
    for (size_t i = 0; i < diff->gap_count; i++) {
        size_t probe = compare->order[i];
        json_t *object = probe_json(compare, probe);
        (void)json_object_set_new(object, "gap", json_pack("{s:o, s:o}", "a",
                                                           number_json(diff->gaps_a[probe]), "b",
                                                           number_json(diff->gaps_b[probe])));
        (void)json_object_set_new(object, "change", number_json(change_of(diff, probe)));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *answers_json(const struct two_states *compare)
{
    const struct session_diff *diff = &compare->diff;
    json_t *array = json_array();
    for (size_t i = 0; i < diff->answer_count; i++) {
        const struct diff_answer *answer = &diff->answers[i];
        bool same = answer->differs == SIZE_MAX;
        json_t *object = probe_json(compare, answer->probe);
        (void)json_object_set_new(object, "text",
                                  json_pack("{s:o, s:o}", "a", json_text(answer->a, answer->a_len),
                                            "b", json_text(answer->b, answer->b_len)));
        (void)json_object_set_new(object, "right", json_pack("{s:b, s:b}", "a",
                                                             (int)answer->right_a, "b",
                                                             (int)answer->right_b));
        (void)json_object_set_new(object, "verdict", json_string(outcome_word(answer)));
        (void)json_object_set_new(
            object, "differs_at",
            same ? json_null() : json_integer((json_int_t)characters_before(answer)));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *totals_json(const struct session_diff *diff)
{
    json_t *object = json_object();
    for (size_t part = 0; part < DIFF_PARTS; part++) {
        const struct diff_totals *totals = &diff->totals[part];
        json_t *one = json_pack("{s:I, s:I, s:I, s:I, s:I}", "n", (json_int_t)totals->n,
                                "right_a", (json_int_t)totals->right_a, "right_b",
                                (json_int_t)totals->right_b, "fixed", (json_int_t)totals->fixed,
                                "broke", (json_int_t)totals->broke);
        (void)json_object_set_new(object, session_part_name(part), one);
    }
    return object;
}

static void print_json(struct two_states *compare)
{
    const struct session_diff *diff = &compare->diff;
    json_t *object = json_object();
    (void)json_object_set_new(object, "a", state_json(compare, false));
    (void)json_object_set_new(object, "b", state_json(compare, true));
    (void)json_object_set_new(object, "flips",
                              json_pack("{s:o, s:o, s:o}", "only_a", flips_json(&diff->only_a),
                                        "only_b", flips_json(&diff->only_b), "both",
                                        flips_json(&diff->both)));
    (void)json_object_set_new(object, "search_signal", gaps_json(compare));
    (void)json_object_set_new(object, "generations", answers_json(compare));
    (void)json_object_set_new(object, "totals", totals_json(diff));
    cli_print_json(object, true);
}

/* ---- all of it ---- */

int session_compare(const struct session_request *request, struct err *err)
{
    struct two_states compare = {0};
    int64_t a = 0, b = 0;
    compare.session = session_open(request->path, SESSION_READ, err);
    compare.origin = compare.session ? session_origin(compare.session, err) : NULL;
    bool ok = compare.origin &&
              session_state_pair(compare.session, request->words[0], &a, &b, err) &&
              session_diff(compare.session, a, b, &compare.diff, err);
    if (ok) {
        compare.order = session_diff_order(&compare.diff);
        if (request->json)
            print_json(&compare);
        else
            print_text(&compare);
    }
    free(compare.order);
    session_diff_free(&compare.diff);
    session_close(compare.session);
    return ok ? EXIT_DONE : cli_fail(err);
}
