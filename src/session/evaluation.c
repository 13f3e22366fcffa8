/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What was generated without flips and with those of the head, as answers and an event.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "probes/evaluate.h"
#include "src/base/num.h"
#include "src/session/session.h"

static bool add_answers(struct session *session, const struct evaluation *evaluation,
                        size_t first, int64_t step, struct err *err)
{
    struct session_answer *answers = x_new(evaluation->count, sizeof *answers);
    for (size_t i = 0; i < evaluation->count; i++) {
        const struct buf *text = &evaluation->generation[i].text;
        answers[i] = (struct session_answer){
            .step = step,
            .probe = first + i,
            .text = text->data ? text->data : "",
            .text_len = text->len,
            .right = evaluation->right[i],
        };
    }
    bool ok = session_add_answers(session, answers, evaluation->count, err);
    free(answers);
    return ok;
}

static json_int_t count_right(const struct evaluation *evaluation)
{
    size_t right = 0;
    for (size_t i = 0; i < evaluation->count; i++)
        right += evaluation->right[i];
    return (json_int_t)right;
}

bool session_add_generations(struct session *session, size_t first,
                             const struct evaluation *base, const struct evaluation *now,
                             struct err *err)
{
    int64_t head = session_head(session);
    return add_answers(session, base, first, SESSION_ROOT, err) &&
           (head == SESSION_ROOT || add_answers(session, now, first, head, err));
}

bool session_add_evaluation(struct session *session, enum session_kind kind, size_t first,
                            const struct evaluation *base, const struct evaluation *now,
                            bool unasked, struct err *err)
{
    struct session_event event = {
        .kind = kind,
        .fitness = (double)NAN,
        .data = json_pack("{s:I, s:I, s:I, s:b}", "n", (json_int_t)base->count, "right_base",
                          count_right(base), "right_now", count_right(now), "unasked",
                          (int)unasked),
    };
    bool ok = session_add_event(session, &event, err) &&
              session_add_generations(session, first, base, now, err);
    json_decref(event.data);
    return ok;
}

/* ---- looks at held-out answers -------------------------------------------------- */

static const char looks_key[] = "heldout looks before";

static bool add_look(void *user, const struct session_event *event)
{
    (void)event;
    ++*(uint64_t *)user;
    return true;
}

bool session_looks(struct session *session, uint64_t *looks, struct err *err)
{
    int64_t before = 0;
    char *kept = session_get(session, looks_key);
    *looks = kept && num_parse_int(kept, &before) && before > 0 ? (uint64_t)before : 0;
    free(kept);
    return session_each_of(session, EVENT_KIND_HELDOUT, add_look, looks, err);
}

bool session_carry_looks(struct session *session, uint64_t looks, struct err *err)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, looks);
    return session_put(session, looks_key, text, err);
}
