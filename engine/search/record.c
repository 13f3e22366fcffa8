/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A patch is rewritten from the accepted flips each time: a search that is steered
 * can go back, and flips of one row may lie on top of each other.
 */
#include "engine/search/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/search/search_int.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/num.h"
#include "src/base/unfinished.h"

/* ---- the patch file ---------------------------------------------------------------- */

/* A patch is written beside its place and renamed (file_write), so a file beside
 * it has to be possible: it is made and taken away, as what access() says is not
 * the whole truth.  Devices and pipes are written to as they are. */
static bool can_write(const char *path)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode))
        return access(path, W_OK) == 0;
    char *real = exists ? realpath(path, NULL) : NULL;
    struct buf beside = {0};
    buf_add_format(&beside, "%s.%ld.tmp", real ? real : path, (long)getpid());
    struct unfinished unfinished = {.path = beside.data};
    int fd = unfinished_create(&unfinished, 0600);
    int problem = errno;
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(beside.data);
    }
    unfinished_end(&unfinished);
    buf_free(&beside);
    free(real);
    errno = problem;
    return fd >= 0;
}

/* Nobody should wait for a search whose patch cannot be kept. */
static bool check_output(const char *path, struct err *err)
{
    struct stat status;
    if (*path == '\0')
        return err_set(err, ERR_USAGE, "--output: the path is empty");
    bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (folder)
        (void)err_set(err, ERR_USAGE, "is a folder, expected a file");
    else if (can_write(path))
        return true;
    else
        (void)err_set(err, ERR_IO, "cannot write a patch there: %s", strerror(errno));
    return err_file(err, path);
}

bool search_output_path(const char *output, struct buf *path, struct err *err)
{
    if (output)
        buf_add_text(path, output);
    else if (!file_state_path("last.json", path, err))
        return false;
    return check_output(path->data, err);
}

/* ---- the patch -------------------------------------------------------------------- */

/* Which layers and projections were drawn from, in the words of published patches. */
static void set_scope(json_t *metadata, const struct search_options *options,
                      const struct model *model)
{
    size_t room = model_shape(model)->layers;
    room = room > options->layer_count ? room : options->layer_count;
    int32_t *layers = x_new(room, sizeof *layers);
    size_t count = search_layers(model, options, layers);
    json_t *layer_list = json_array(), *proj_list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(layer_list, json_integer(layers[i]));
    for (int proj = 0; proj < PROJ_COUNT; proj++)
        if (options->projs >> proj & 1)
            (void)json_array_append_new(proj_list, json_string(proj_name((enum proj)proj)));
    (void)json_object_set_new(metadata, "search_layers", layer_list);
    (void)json_object_set_new(metadata, "search_projs", proj_list);
    free(layers);
}

static void set_goal(json_t *metadata, const struct search_options *options)
{
    struct goal goal = search_goal(options);
    struct buf text = {0};
    goal_text(&goal, &text);
    (void)json_object_set_new(metadata, "objective", json_string(text.data));
    text.len = 0;
    goal_controls_text(&goal, &text);
    if (text.len > 0 && strcspn(text.data, ":") < text.len)
        (void)json_object_set_new(metadata, "control_mix", json_string(text.data));
    if (options->price > 0)
        (void)json_object_set_new(metadata, "price", json_real(options->price));
    buf_free(&text);
}

/* A hash that cannot be computed is left out, as where nobody knows the probes. */
static void set_probe_hash(json_t *metadata, const char *key, const struct probe_set *probes)
{
    char hash[SHA256_TEXT_SIZE];
    struct err ignored;
    if (probes->count > 0 && probe_set_sha256(probes, hash, &ignored))
        (void)json_object_set_new(metadata, key, json_string(hash));
}

static void set_metadata(json_t *metadata, const struct search_origin *origin)
{
    const struct search_options *options = origin->options;
    const char *controls = origin->controls ? origin->controls : "";
    (void)json_object_set_new(metadata, "program", json_string("bankai " BANKAI_VERSION));
    (void)json_object_set_new(metadata, "search_algorithm",
                              json_string(search_method_name(options->method)));
    if (options->method == SEARCH_GUIDED)
        (void)json_object_set_new(metadata, "granularity",
                                  json_string(granularity_name(options->granularity)));
    set_goal(metadata, options);
    (void)json_object_set_new(metadata, "metric", json_string(metric_name(options->metric)));
    (void)json_object_set_new(metadata, "control_metric",
                              json_string(metric_name(search_control_metric(options))));
    (void)json_object_set_new(metadata, "fitness",
                              json_string(options->fitness == FITNESS_MIN ? "min" : "mean"));
    (void)json_object_set_new(metadata, "control_penalty", json_real(options->penalty));
    if (options->iterations <= INT64_MAX) /* else there is no limit to state */
        (void)json_object_set_new(metadata, "max_iters",
                                  json_integer((json_int_t)options->iterations));
    (void)json_object_set_new(metadata, "seed", json_integer((json_int_t)options->seed));
    (void)json_object_set_new(metadata, "targets",
                              json_text(origin->targets, strlen(origin->targets)));
    (void)json_object_set_new(metadata, "controls", json_text(controls, strlen(controls)));
    if (!origin->probes)
        return;
    set_probe_hash(metadata, "targets_sha256", origin->probes->targets);
    set_probe_hash(metadata, "controls_sha256", origin->probes->controls);
}

struct patch *search_patch_new(const struct search_origin *origin, const struct model *model)
{
    struct patch *patch = patch_new();
    patch_set_text(&patch->name, origin->name);
    patch_set_text(&patch->base_model, origin->model);
    set_metadata(patch->metadata, origin);
    set_scope(patch->metadata, origin->options, model);
    return patch;
}

static bool same_row(const struct flip *a, const struct flip *b)
{
    return a->layer == b->layer && a->proj == b->proj && a->row == b->row;
}

/* Parts of a row were flipped on top of each other: let composing sort it out. */
static void merge(struct patch *patch, const struct flip *flip, const struct model *model)
{
    struct patch *one = patch_new();
    patch_add(one, *flip);
    struct patch *both = patch_compose(patch, one, model);
    patch->flip_count = 0;
    for (size_t i = 0; i < both->flip_count; i++)
        patch_add(patch, both->flips[i]);
    patch_free(both);
    patch_free(one);
}

/* [P3] no weight occurs in two flips of a patch. */
static void toggle(struct patch *patch, struct flip flip, const struct model *model)
{
    size_t at = 0;
    if (flip.proj == PROJ_HEAD && model_shape(model)->tied)
        flip.proj = PROJ_EMBED; /* the same rows */
    while (at < patch->flip_count && !same_row(&patch->flips[at], &flip))
        at++;
    if (at == patch->flip_count) {
        patch_add(patch, flip);
    } else if (flip.group == FLIP_WHOLE_ROW && patch->flips[at].group == FLIP_WHOLE_ROW) {
        patch->flip_count--;
        memmove(&patch->flips[at], &patch->flips[at + 1],
                (patch->flip_count - at) * sizeof *patch->flips);
    } else {
        merge(patch, &flip, model);
    }
}

void search_patch_fill(struct patch *patch, const struct search *search, size_t count)
{
    BUG_ON(count > search->accepted_count);
    patch->flip_count = 0;
    for (size_t i = 0; i < count; i++)
        toggle(patch, search->accepted[i], search->model);
    patch->bits_flipped = patch_totals(patch, search->model).bits_flipped;
}

/* candidates: tried and screened out by then. */
static bool write_as_of(struct patch *patch, const struct search *search, size_t count,
                        const uint64_t candidates[2], const char *path, struct err *err)
{
    double fitness = count > 0 ? search->history[count - 1] : 0;
    const char *sha256 = model_sha256(search->model, err);
    if (!sha256)
        return false;
    patch_set_text(&patch->base_sha256, sha256);
    search_patch_fill(patch, search, count);
    char rows[SHA256_TEXT_SIZE];
    if (!model_rows_sha256(search->model, patch->flips, patch->flip_count, rows, err))
        return false;
    patch_set_text(&patch->rows_sha256, rows);
    (void)json_object_set_new(patch->metadata, "tried", json_integer((json_int_t)candidates[0]));
    (void)json_object_set_new(patch->metadata, "screened_out",
                              json_integer((json_int_t)candidates[1]));
    (void)json_object_set_new(patch->metadata, "final_fitness", json_real(fitness));
    return patch_write(patch, path, err);
}

bool search_patch_write(struct patch *patch, const struct search *search, size_t count,
                        const char *path, struct err *err)
{
    const uint64_t candidates[2] = {search->tried, search->screened};
    return write_as_of(patch, search, count, candidates, path, err);
}

bool search_patch_write_again(struct patch *patch, const struct search *search, uint64_t tried,
                              uint64_t screened, const char *path, struct err *err)
{
    const uint64_t candidates[2] = {tried, screened};
    return write_as_of(patch, search, search->accepted_count, candidates, path, err);
}
