/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worker's session: begun or gone on with when the workbench opens, and left as
 * one file when it closes.  Without a name it lies in the folder `sessions` of the state
 * folder; one in which nothing happened is taken away again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/session/model_file.h"
#include "ui/worker_int.h"

/* "sessions/20261120-221530-4711.bankai": by the clock, so that they sort; the number
 * is that of the process, or the next that is free. */
static bool new_path(struct buf *path, struct err *err)
{
    char name[96];
    time_t now = time(NULL);
    struct tm parts;
    (void)gmtime_r(&now, &parts);
    size_t used = strftime(name, sizeof name, "sessions/%Y%m%d-%H%M%S", &parts);
    for (long number = (long)getpid();; number++) {
        (void)snprintf(name + used, sizeof name - used, "-%ld.bankai", number);
        buf_clear(path);
        if (!file_state_path(name, path, err))
            return false;
        if (access(path->data, F_OK) != 0)
            return true;
    }
}

bool worker_session_open(struct worker *worker, struct err *err)
{
    struct buf path = {0};
    const char *named = worker->options.session;
    if (named)
        buf_add_text(&path, named);
    else if (!new_path(&path, err)) {
        buf_free(&path);
        return false;
    }
    enum session_mode mode = worker->options.read_only ? SESSION_READ : SESSION_WRITE;
    worker->session = session_open(path.data, mode, err);
    bool empty = worker->session && mode == SESSION_READ && session_is_new(worker->session);
    if (empty)
        (void)err_file((err_set(err, ERR_USAGE, "nothing is in the session yet"), err), path.data);
    buf_free(&path);
    return worker->session && !empty;
}

static bool going_on(const struct worker *worker)
{
    return !session_is_new(worker->session);
}

/* As an option: owned, in the place of another text. */
static void put_option(const char **option, char *text)
{
    free((char *)(uintptr_t)*option);
    *option = text;
}

/* The probes of another session, as they were asked there, and what they were called. */
static bool take_probes_of(struct worker *worker, struct err *err)
{
    struct worker_options *options = &worker->options;
    struct session *from = session_open(options->probes_of, SESSION_READ, err);
    const struct session_origin *origin = from ? session_origin(from, err) : NULL;
    if (origin) {
        search_inputs_copy(&worker->probes, origin->probes, origin->target_count,
                           origin->control_count);
        put_option(&options->targets, session_get(from, "targets"));
        put_option(&options->controls, session_get(from, "controls"));
        put_option(&options->heldout, session_get(from, "heldout"));
    }
    session_close(from);
    return origin != NULL;
}

/* Everything but the model may come from the session; the model too, if none is named. */
bool worker_session_inputs(struct worker *worker, struct err *err)
{
    struct worker_options *options = &worker->options;
    if (!going_on(worker) && options->probes_of)
        return take_probes_of(worker, err);
    if (!going_on(worker))
        return search_inputs_load(&worker->probes, options->targets, options->controls,
                                  options->heldout, err) &&
               search_inputs_use_mode(&worker->probes, options->mode, err);
    const struct session_origin *origin = session_origin(worker->session, err);
    int32_t *layers = x_new(SESSION_LAYERS_MAX, sizeof *layers);
    struct search_options search = options->search;
    if (!origin || !journal_options(origin->settings, &search, layers, err)) {
        free(layers);
        return false;
    }
    free((int32_t *)(uintptr_t)options->search.layers);
    if (options->search.iterations > 0)
        search.iterations = options->search.iterations; /* as journal_resume has it */
    options->search = search;
    if (search.layers != layers)
        free(layers); /* the model's default layers */
    search_inputs_copy(&worker->probes, origin->probes, origin->target_count,
                       origin->control_count);
    return true;
}

struct model *worker_session_model(struct worker *worker, struct err *err)
{
    struct buf found = {0};
    const char *path = worker->options.model;
    if (!path && !going_on(worker))
        path = "nano";
    if (!path && !session_find_model(worker->session, "give its path as MODEL", &found,
                                     &worker->cancel, err))
        return NULL;
    struct model *model = model_open(path ? path : found.data, err);
    buf_free(&found);
    return model;
}

static bool put_names(struct worker *worker, struct err *err)
{
    const struct worker_options *options = &worker->options;
    if (options->heldout_looks > 0 &&
        !session_carry_looks(worker->session, options->heldout_looks, err))
        return false;
    return session_put(worker->session, "targets", options->targets ? options->targets : "",
                       err) &&
           session_put(worker->session, "controls", options->controls ? options->controls : "",
                       err) &&
           session_put(worker->session, "heldout", options->heldout ? options->heldout : "", err);
}

bool worker_session_begin(struct worker *worker, struct err *err)
{
    const struct search_options *search = &worker->options.search;
    if (going_on(worker))
        worker->journal = journal_resume(worker->session, worker->model, &worker->probes, search,
                                         BANKAI_VERSION, &worker->cancel, err);
    else if (put_names(worker, err))
        worker->journal = journal_begin(worker->session, worker->model, &worker->probes, search,
                                        BANKAI_VERSION, &worker->cancel, err);
    if (!worker->journal)
        return false;
    worker->search = journal_search(worker->journal);
    return true;
}

/* Answers that were kept fresh by themselves [W5] are nothing a person did. */
static bool is_deed(void *user, const struct session_event *event)
{
    bool unasked = event->data && json_is_true(json_object_get(event->data, "unasked"));
    *(bool *)user = event->kind != EVENT_KIND_OPEN && !unasked;
    return !*(bool *)user;
}

/* Opened and closed again: nobody wants to be offered that. */
static bool nothing_happened(struct session *session)
{
    bool deed = false;
    struct err ignored;
    return session_each_event(session, 1, is_deed, &deed, &ignored) && !deed;
}

/* What cannot be kept is no loss: failures are silent. */
void worker_session_put_view(struct worker *worker)
{
    struct err ignored;
    (void)pthread_mutex_lock(&worker->lock);
    char *view = worker->view_waits ? x_copy(worker->view, strlen(worker->view)) : NULL;
    worker->view_waits = false;
    (void)pthread_mutex_unlock(&worker->lock);
    if (view && session_is_writable(worker->session))
        (void)session_put(worker->session, "view", view, &ignored);
    free(view);
}

void worker_session_close(struct worker *worker)
{
    if (!worker->session)
        return;
    if (worker->journal)
        worker_session_put_view(worker);
    bool drop = !worker->options.session && session_is_writable(worker->session) &&
                nothing_happened(worker->session);
    journal_free(worker->journal);
    if (drop)
        (void)session_remove(worker->session);
    else
        session_close(worker->session);
    worker->journal = NULL;
    worker->session = NULL;
}

/* ---- what was generated ---------------------------------------------------------- */

/* An event without a flip; data is taken. */
bool worker_session_note(struct worker *worker, enum session_kind kind, const char *text,
                         json_t *data, struct err *err)
{
    struct session_event event = {
        .kind = kind,
        .step = session_head(worker->session),
        .fitness = (double)NAN,
        .text = text,
        .data = data,
    };
    bool ok = session_add_event(worker->session, &event, err);
    json_decref(data);
    return ok;
}

bool worker_session_answers(struct worker *worker, bool heldout, struct err *err)
{
    const struct worker_answers *answers = &worker->answers[heldout];
    return session_add_evaluation(worker->session,
                                  heldout ? EVENT_KIND_HELDOUT : EVENT_KIND_ANSWERS,
                                  heldout ? worker_searched(worker) : 0, answers->base,
                                  answers->now, worker->unasked, err);
}

bool worker_session_text(struct worker *worker, const char *prompt,
                         const struct generation *base, const struct generation *now,
                         struct err *err)
{
    const struct buf *texts[] = {&base->text, &now->text};
    json_t *data = json_object();
    (void)json_object_set_new(data, "prompt", json_text(prompt, strlen(prompt)));
    for (size_t i = 0; i < 2; i++)
        (void)json_object_set_new(data, i ? "now" : "base",
                                  json_text(texts[i]->data ? texts[i]->data : "", texts[i]->len));
    (void)json_object_set_new(data, "unasked", json_boolean(worker->unasked));
    return worker_session_note(worker, EVENT_KIND_TEXT, NULL, data, err);
}
