/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the model says, without the accepted flips and with them.
 *
 * What it says without them never changes, so it is computed once.  For that the
 * flips are taken off the model and put on again whatever happens [W3].
 */
#include <stdlib.h>
#include <string.h>

#include "ui/worker_int.h"

/* A flip is its own inverse: off when they are on, on when they are off. */
void worker_toggle_accepted(struct worker *worker)
{
    size_t count = 0;
    const struct flip *flips = search_accepted(worker->search, &count);
    for (size_t i = 0; i < count; i++)
        model_flip(worker->model, &flips[i]);
}

size_t worker_flips_on(struct worker *worker)
{
    size_t accepted = 0;
    (void)search_accepted(worker->search, &accepted);
    search_patch_fill(worker->patch, worker->search, accepted);
    return worker->patch->flip_count;
}

/* ---- answers of probes ---------------------------------------------------------- */

struct share { /* of the job's progress */
    struct worker *worker;
    size_t before;
    size_t total;
    const char *what;
};

static void report(void *user, size_t done, size_t total)
{
    const struct share *share = user;
    (void)total;
    worker_emit_progress(share->worker, share->before + done, share->total, share->what);
}

/* Of targets and controls the search knows the gaps already. */
static struct evaluation *answer(struct worker *worker, bool heldout, const double *gaps,
                                 struct share *share, struct err *err)
{
    size_t first = heldout ? worker_searched(worker) : 0;
    struct probe_set set = {
        .name = worker->probes.all.name,
        .probes = worker->probes.all.probes + first,
        .count = heldout ? worker->probes.heldout->count : worker_searched(worker),
    };
    struct evaluate_options options = {
        .metric = worker->options.search.metric,
        .threads = worker->options.search.threads,
        .without_gaps = !heldout,
    };
    struct work_progress progress = {report, share};
    struct evaluation *result =
        evaluate(worker->model, &set, &options, &progress, &worker->cancel, err);
    if (result && !heldout && set.count > 0)
        memcpy(result->gap, gaps, set.count * sizeof *gaps);
    return result;
}

static bool answer_base(struct worker *worker, bool heldout, struct share *share,
                        struct err *err)
{
    struct worker_answers *answers = &worker->answers[heldout];
    if (answers->base)
        return true;
    worker_toggle_accepted(worker);
    share->what = "answering without the flips";
    answers->base = answer(worker, heldout, search_gaps_before(worker->search), share, err);
    worker_toggle_accepted(worker);
    return answers->base != NULL;
}

static bool answer_now(struct worker *worker, bool heldout, struct share *share, struct err *err)
{
    struct worker_answers *answers = &worker->answers[heldout];
    struct state_name state = model_state(worker->model);
    if (answers->now && state_name_equal(answers->state, state))
        return true;
    share->what = "answering with the flips";
    struct evaluation *now = NULL;
    if (worker_flips_on(worker) == 0)
        now = evaluation_copy(answers->base);
    else
        now = answer(worker, heldout, search_gaps_now(worker->search), share, err);
    if (!now)
        return false;
    evaluation_free(answers->now);
    answers->now = now;
    answers->state = state;
    return true;
}

bool worker_is_small(const struct worker *worker)
{
    double tokens = (double)search_tokens(worker->search);
    return worker->options.answers_unasked &&
           tokens * (double)model_file_bytes(worker->model) <= worker_unasked_max;
}

bool worker_unasked_job(const struct worker *worker, struct job *job)
{
    struct state_name state = model_state(worker->model);
    const struct worker_answers *answers = &worker->answers[0];
    bool given_up = worker->has_given_up && state_name_equal(worker->given_up, state);
    if (!worker_is_small(worker) || worker->options.read_only || given_up)
        return false;
    if (worker->text_prompt && !state_name_equal(worker->text_state, state)) {
        *job = (struct job){.type = JOB_TEXT, .text = worker->text_prompt};
        return true;
    }
    bool stale = !answers->now || !state_name_equal(answers->state, state);
    *job = (struct job){.type = stale ? JOB_ANSWERS : JOB_AUDIT};
    bool told = worker->detail_told == worker->wish &&
                state_name_equal(worker->detail_state, state);
    if (!stale && worker->wish < worker_searched(worker) && !told)
        *job = (struct job){.type = JOB_PROBE, .count = worker->wish};
    return stale || job->type == JOB_PROBE || !worker->audited;
}

bool worker_answer(struct worker *worker, bool heldout, struct err *err)
{
    struct worker_answers *answers = &worker->answers[heldout];
    size_t searched = worker_searched(worker);
    size_t count = heldout ? worker->probes.heldout->count : searched;
    if (count == 0)
        return err_set(err, ERR_USAGE, "there are no held-out probes");
    struct share share = {.worker = worker, .total = answers->base ? count : 2 * count};
    if (!answer_base(worker, heldout, &share, err))
        return false;
    share.before = share.total - count;
    if (!answer_now(worker, heldout, &share, err) ||
        !worker_session_answers(worker, heldout, err))
        return false;
    struct event *event = event_new(EVENT_ANSWERS, worker->job);
    event->answers = (struct event_answers){
        .heldout = heldout,
        .first = heldout ? searched : 0,
        .count = count,
        .base = evaluation_copy(answers->base),
        .now = evaluation_copy(answers->now),
        .flip_count = worker_flips_on(worker),
    };
    worker_emit(worker, event);
    if (worker->states.count > 0)
        worker_emit_states(worker);
    return true;
}

/* ---- any text --------------------------------------------------------------------- */

static bool continue_text(struct worker *worker, const struct ids *prompt,
                          struct generation *out, struct err *err)
{
    struct generate_request request = {.prompt = prompt, .tokens_max = WORKER_TEXT_TOKENS};
    *out = (struct generation){0};
    if (generate_greedy(worker->model, &request, 1, worker->options.search.threads, out, NULL,
                        &worker->cancel, err))
        return true;
    generation_free(out);
    *out = (struct generation){0};
    return false;
}

/* The base text of the last prompt is kept: it is asked for again at each flip. */
static bool text_base(struct worker *worker, const char *text, const struct ids *prompt,
                      struct err *err)
{
    struct generation base;
    if (worker->text_prompt && strcmp(worker->text_prompt, text) == 0)
        return true;
    worker_toggle_accepted(worker);
    bool ok = continue_text(worker, prompt, &base, err);
    worker_toggle_accepted(worker);
    if (!ok)
        return false;
    generation_free(&worker->text_base);
    free(worker->text_prompt);
    worker->text_base = base;
    worker->text_prompt = x_copy(text, strlen(text));
    return true;
}

static bool text_now(struct worker *worker, const struct ids *prompt, struct generation *out,
                     struct err *err)
{
    if (worker_flips_on(worker) > 0)
        return continue_text(worker, prompt, out, err);
    generation_copy(out, &worker->text_base);
    return true;
}

static bool encode(const struct worker *worker, const char *text, struct ids *prompt,
                   struct err *err)
{
    struct encode_options options = {0};
    if (!token_encode(model_tokenizer(worker->model), text, strlen(text), &options, prompt, err))
        return false;
    return prompt->count > 0 || err_set(err, ERR_USAGE, "the prompt is empty");
}

bool worker_text(struct worker *worker, const char *text, struct err *err)
{
    struct ids prompt = {0};
    struct generation now = {0};
    bool ok = encode(worker, text, &prompt, err) && text_base(worker, text, &prompt, err) &&
              text_now(worker, &prompt, &now, err);
    ids_free(&prompt);
    if (!ok || !worker_session_text(worker, text, &worker->text_base, &now, err)) {
        generation_free(&now);
        return false;
    }
    worker->text_state = model_state(worker->model);
    struct event *event = event_new(EVENT_TEXT, worker->job);
    event->text.prompt = x_copy(text, strlen(text));
    generation_copy(&event->text.base, &worker->text_base);
    event->text.now = now;
    event->text.flip_count = worker_flips_on(worker);
    worker_emit(worker, event);
    return true;
}
