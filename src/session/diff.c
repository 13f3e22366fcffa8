/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two states of a session side by side: flips, gaps, and what was generated.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/session/state.h"

size_t session_probe_part(const struct session_origin *origin, size_t probe)
{
    size_t searched = origin->target_count + origin->control_count;
    return probe < origin->target_count ? 0 : probe < searched ? 1 : 2;
}

const char *session_part_name(size_t part)
{
    static const char *const names[DIFF_PARTS] = {"target", "control", "held-out"};
    BUG_ON(part >= DIFF_PARTS);
    return names[part];
}

/* ---- flips ------------------------------------------------------------------------- */

bool session_state_flips(struct session *session, int64_t step, struct flip_set *out,
                         struct err *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    *out = (struct flip_set){0};
    const struct session_origin *origin = session_origin(session, err);
    bool ok = origin && session_way(session, step, &ids, &count, err);
    for (size_t i = 0; ok && i < count; i++) {
        struct session_step one;
        ok = session_step(session, ids[i], &one, err);
        if (ok)
            flip_set_add(out, one.flips, one.flip_count);
    }
    if (ok)
        flip_set_settle(out, origin->shape);
    free(ids);
    return ok;
}

static bool diff_flips(struct session *session, const json_t *shape, struct session_diff *diff,
                       struct err *err)
{
    struct flip_set a, b = {0};
    bool ok = session_state_flips(session, diff->a, &a, err) &&
              session_state_flips(session, diff->b, &b, err);
    if (ok) {
        flip_set_pair(&a, &b, shape, false, &diff->only_a);
        flip_set_pair(&b, &a, shape, false, &diff->only_b);
        flip_set_pair(&a, &b, shape, true, &diff->both);
    }
    flip_set_free(&a);
    flip_set_free(&b);
    return ok;
}

/* ---- gaps -------------------------------------------------------------------------- */

static bool gaps_at(struct session *session, const struct session_origin *origin, int64_t id,
                    double *gaps, double *fitness, struct err *err)
{
    struct session_step step;
    size_t count = origin->target_count + origin->control_count;
    if (!session_step(session, id, &step, err))
        return false;
    const double *known = id == SESSION_ROOT ? origin->gaps_before : step.gaps;
    for (size_t i = 0; i < count; i++)
        gaps[i] = known && (id == SESSION_ROOT || i < step.gap_count) ? known[i] : (double)NAN;
    *fitness = id == SESSION_ROOT ? 0 : step.fitness;
    return true;
}

static bool diff_gaps(struct session *session, const struct session_origin *origin,
                      struct session_diff *diff, struct err *err)
{
    diff->gap_count = origin->target_count + origin->control_count;
    diff->gaps_a = x_new(diff->gap_count, sizeof *diff->gaps_a);
    diff->gaps_b = x_new(diff->gap_count, sizeof *diff->gaps_b);
    return gaps_at(session, origin, diff->a, diff->gaps_a, &diff->fitness_a, err) &&
           gaps_at(session, origin, diff->b, diff->gaps_b, &diff->fitness_b, err);
}

struct placed {
    double size; /* of the change; -1: unknown */
    size_t probe;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return (x->probe > y->probe) - (x->probe < y->probe);
}

size_t *session_diff_order(const struct session_diff *diff)
{
    size_t count = diff->gap_count;
    struct placed *placed = x_new(count, sizeof *placed);
    size_t *order = x_new(count, sizeof *order);
    for (size_t i = 0; i < count; i++) {
        double size = fabs(diff->gaps_b[i] - diff->gaps_a[i]);
        placed[i] = (struct placed){isnan(size) ? -1 : size, i};
    }
    if (count > 1)
        qsort(placed, count, sizeof *placed, compare_placed);
    for (size_t i = 0; i < count; i++)
        order[i] = placed[i].probe;
    free(placed);
    return order;
}

/* ---- generations -------------------------------------------------------------------- */

struct taking {
    struct diff_answer *answers; /* [count] by probe */
    size_t count;
    bool is_b;
};

static bool take_answer(void *user, const struct session_answer *answer)
{
    struct taking *taking = user;
    if (answer->probe >= taking->count)
        return true; /* session_verify tells of it */
    struct diff_answer *one = &taking->answers[answer->probe];
    char **text = taking->is_b ? &one->b : &one->a;
    free(*text);
    *text = x_copy(answer->text, answer->text_len);
    *(taking->is_b ? &one->b_len : &one->a_len) = answer->text_len;
    *(taking->is_b ? &one->right_b : &one->right_a) = answer->right;
    return true;
}

static size_t first_difference(const struct diff_answer *answer)
{
    size_t at = 0;
    while (at < answer->a_len && at < answer->b_len && answer->a[at] == answer->b[at])
        at++;
    if (at == answer->a_len && at == answer->b_len)
        return SIZE_MAX;
    while (at > 0 && at < answer->a_len && ((unsigned char)answer->a[at] & 0xC0) == 0x80)
        at--; /* where the character begins */
    return at;
}

static void count_answer(struct diff_totals *totals, const struct diff_answer *answer)
{
    totals->n++;
    totals->right_a += answer->right_a;
    totals->right_b += answer->right_b;
    totals->fixed += !answer->right_a && answer->right_b;
    totals->broke += answer->right_a && !answer->right_b;
}

/* Those that are known of both states move to the front. */
static void keep_pairs(const struct session_origin *origin, struct session_diff *diff,
                       struct diff_answer *all, size_t count)
{
    diff->answers = all;
    for (size_t i = 0; i < count; i++) {
        struct diff_answer answer = all[i];
        answer.probe = i;
        if (!answer.a || !answer.b) {
            free(answer.a);
            free(answer.b);
            continue;
        }
        answer.differs = first_difference(&answer);
        count_answer(&diff->totals[session_probe_part(origin, i)], &answer);
        all[diff->answer_count++] = answer;
    }
}

static bool diff_answers(struct session *session, const struct session_origin *origin,
                         struct session_diff *diff, struct err *err)
{
    size_t count = origin->target_count + origin->control_count + origin->heldout_count;
    struct taking taking = {.answers = x_new(count, sizeof *taking.answers), .count = count};
    bool ok = session_each_answer(session, diff->a, take_answer, &taking, err);
    taking.is_b = true;
    ok = ok && session_each_answer(session, diff->b, take_answer, &taking, err);
    keep_pairs(origin, diff, taking.answers, count);
    return ok;
}

/* ---- all of it ---- */

bool session_diff(struct session *session, int64_t a, int64_t b, struct session_diff *out,
                  struct err *err)
{
    *out = (struct session_diff){.a = a, .b = b};
    const struct session_origin *origin = session_origin(session, err);
    return origin && diff_flips(session, origin->shape, out, err) &&
           diff_gaps(session, origin, out, err) && diff_answers(session, origin, out, err);
}

void session_diff_free(struct session_diff *diff)
{
    flip_set_free(&diff->only_a);
    flip_set_free(&diff->only_b);
    flip_set_free(&diff->both);
    for (size_t i = 0; i < diff->answer_count; i++) {
        free(diff->answers[i].a);
        free(diff->answers[i].b);
    }
    free(diff->answers);
    free(diff->gaps_a);
    free(diff->gaps_b);
    *diff = (struct session_diff){0};
}
