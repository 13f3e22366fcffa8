/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The patch of a step, in the words in which a search writes its own
 * (engine/search/record.c), but without the model.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/publish/publish_int.h"
#include "src/session/state.h"

static void set_name(struct patch *patch, struct session *session, int64_t step)
{
    struct buf name = {0};
    const char *path = session_path(session), *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    buf_add(&name, base, strcspn(base, "."));
    buf_add_text(&name, "-");
    session_state_text(session, step, &name);
    patch_set_text(&patch->name, name.data);
    buf_free(&name);
}

/* The settings under the names that published patches have for them. */
static void set_settings(json_t *metadata, const json_t *settings)
{
    static const char *const names[][2] = {
        {"method", "search_algorithm"}, {"metric", "metric"},   {"fitness", "fitness"},
        {"penalty", "control_penalty"}, {"seed", "seed"},       {"layers", "search_layers"},
        {"proj", "search_projs"},       {"iterations", "max_iters"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(settings, names[i][0]);
        if (value && !json_is_null(value))
            (void)json_object_set(metadata, names[i][1], value);
    }
}

static void set_kept_text(json_t *metadata, struct session *session, const char *key)
{
    char *text = session_get(session, key);
    if (text)
        (void)json_object_set_new(metadata, key, json_text(text, strlen(text)));
    free(text);
}

static bool set_metadata(struct patch *patch, struct session *session, int64_t step,
                         const struct session_origin *origin, const char *version,
                         struct err *err)
{
    struct session_step state;
    struct buf program = {0};
    if (!session_step(session, step, &state, err))
        return false;
    buf_add_format(&program, "bankai %s", version);
    (void)json_object_set_new(patch->metadata, "program", json_text(program.data, program.len));
    buf_free(&program);
    set_settings(patch->metadata, origin->settings);
    set_kept_text(patch->metadata, session, "targets");
    set_kept_text(patch->metadata, session, "controls");
    (void)json_object_set_new(patch->metadata, "session_step", json_integer(step));
    (void)json_object_set_new(patch->metadata, "tried", json_integer((json_int_t)state.tried));
    (void)json_object_set_new(patch->metadata, "screened_out",
                              json_integer((json_int_t)state.screened));
    json_t *fitness = json_real(state.fitness); /* none of what is not finite */
    if (fitness)
        (void)json_object_set_new(patch->metadata, "final_fitness", fitness);
    return true;
}

struct patch *publish_patch(struct session *session, int64_t step, const char *program_version,
                            struct err *err)
{
    struct flip_set flips = {0};
    const struct session_origin *origin = session_origin(session, err);
    if (!origin || !session_state_flips(session, step, &flips, err)) {
        flip_set_free(&flips);
        return NULL;
    }
    struct patch *patch = patch_new();
    for (size_t i = 0; i < flips.count; i++)
        patch_add(patch, flips.flips[i]);
    flip_set_free(&flips);
    set_name(patch, session, step);
    patch_set_text(&patch->base_model, base_name(origin->model_path));
    patch_set_text(&patch->base_sha256, origin->model_sha256);
    if (set_metadata(patch, session, step, origin, program_version, err))
        return patch;
    patch_free(patch);
    return NULL;
}
