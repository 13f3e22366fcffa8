/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "patches/patch.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/patch/patch_convert.h"
#include "src/report/report.h"

extern const struct command command_patch;

/* ---- info ----------------------------------------------------------------- */

/* As the bits are named: the head of a tied model is its embedding. */
static json_t *flip_json(const struct flip *flip, const struct model *model)
{
    struct flip shown = *flip;
    if (model && model_shape(model)->tied && flip->proj == PROJ_HEAD)
        shown.proj = PROJ_EMBED;
    return report_flip_json(&shown);
}

/* How much larger it is than random flips make it, in percent. */
static double above_least(const struct patch_bytes *bytes)
{
    return bytes->least > 0 ? 100 * ((double)bytes->flips / bytes->least - 1) : 0;
}

static void set_bytes(json_t *object, const struct patch *patch)
{
    struct patch_bytes bytes = patch_packed_bytes(patch);
    (void)json_object_set_new(object, "bytes", json_integer((json_int_t)bytes.flips));
    (void)json_object_set_new(object, "bytes_with_texts", json_integer((json_int_t)bytes.file));
    (void)json_object_set_new(object, "bytes_least", json_real(bytes.least));
}

static void print_info_json(const struct patch *patch, const struct model *model)
{
    struct patch_totals totals = patch_totals(patch, model);
    json_t *flips = json_array();
    for (size_t i = 0; i < patch->flip_count; i++)
        (void)json_array_append_new(flips, flip_json(&patch->flips[i], model));
    bool counted = totals.has_model;
    json_t *object = json_object();
    (void)json_object_set_new(object, "format", json_string(patch->format));
    (void)json_object_set_new(object, "name", json_string(patch->name));
    (void)json_object_set_new(object, "base_model", json_string(patch->base_model));
    (void)json_object_set_new(object, "flips", flips);
    (void)json_object_set_new(object, "rows", json_integer((json_int_t)totals.rows));
    (void)json_object_set_new(object, "groups", json_integer((json_int_t)totals.groups));
    (void)json_object_set_new(object, "bits", json_integer((json_int_t)totals.bits));
    set_bytes(object, patch);
    (void)json_object_set_new(object, "bits_flipped",
                              counted ? json_integer((json_int_t)totals.bits_flipped)
                                      : json_null());
    (void)json_object_set_new(object, "share_of_mlp",
                              counted ? json_real(totals.share_of_mlp) : json_null());
    (void)json_object_set_new(object, "share_of_all",
                              counted ? json_real(totals.share_of_all) : json_null());
    cli_print_json(object, true);
}

static void add_line(struct buf *out, const char *label, const char *text)
{
    buf_add_format(out, "%-13s ", label);
    text_visible(out, text, strlen(text));
    buf_add_text(out, "\n");
}

static size_t count_flips(const struct patch *patch, int32_t layer, enum proj proj)
{
    size_t count = 0;
    for (size_t i = 0; i < patch->flip_count; i++)
        count += patch->flips[i].layer == layer && patch->flips[i].proj == proj;
    return count;
}

/* The lowest layer above `above` that has flips; false if there is none. */
static bool next_layer(const struct patch *patch, int64_t above, int32_t *layer)
{
    bool found = false;
    for (size_t i = 0; i < patch->flip_count; i++) {
        int32_t candidate = patch->flips[i].layer;
        if (candidate <= above || (found && candidate >= *layer))
            continue;
        *layer = candidate;
        found = true;
    }
    return found;
}

/* One line for each layer that has flips: how many in which projection. */
static void add_layers(struct buf *out, const struct patch *patch)
{
    int32_t layer = 0;
    for (int64_t above = NO_LAYER - 1; next_layer(patch, above, &layer); above = layer) {
        char label[32] = "no layer";
        if (layer != NO_LAYER)
            (void)snprintf(label, sizeof label, "layer %" PRId32, layer);
        buf_add_format(out, "  %-11s", label);
        for (int proj = 0; proj < PROJ_COUNT; proj++) {
            size_t count = count_flips(patch, layer, (enum proj)proj);
            if (count > 0)
                buf_add_format(out, " %s %zu", proj_name((enum proj)proj), count);
        }
        buf_add_text(out, "\n");
    }
}

/* As the binary form: what is said of the flips, all of it, and the least it could be. */
static void add_bytes(struct buf *out, const struct patch *patch)
{
    struct patch_bytes bytes = patch_packed_bytes(patch);
    buf_add_format(out, "%-13s %zu, with its texts %zu", "bytes", bytes.flips, bytes.file);
    if (bytes.least > 0)
        buf_add_format(out, "; as many random flips need %.1f (%+.1f %%)", bytes.least,
                       above_least(&bytes));
    buf_add_text(out, "\n");
}

static void add_totals(struct buf *out, const struct patch_totals *totals)
{
    if (!totals->has_model) {
        add_line(out, "bits flipped", "MODEL is needed to count them (patch info FILE MODEL)");
        return;
    }
    const double percent = 100;
    buf_add_format(out, "%-13s %" PRIu64 "\n", "bits flipped", totals->bits_flipped);
    buf_add_format(out, "%-13s %.6f %%\n", "share of MLP", percent * totals->share_of_mlp);
    buf_add_format(out, "%-13s %.6f %%\n", "share of all", percent * totals->share_of_all);
}

static void print_info(const struct patch *patch, const struct model *model)
{
    struct patch_totals totals = patch_totals(patch, model);
    struct buf out = {0};
    add_line(&out, "name", patch->name[0] ? patch->name : "not stated");
    if (patch->description[0])
        add_line(&out, "description", patch->description);
    add_line(&out, "format", patch->format);
    add_line(&out, "base model", patch->base_model[0] ? patch->base_model : "not stated");
    add_line(&out, "base SHA-256", patch->base_sha256[0] ? patch->base_sha256 : "not stated");
    buf_add_format(&out, "%-13s %zu (%" PRIu64 " rows, %" PRIu64 " groups, %" PRIu64 " bits)\n",
                   "flips", patch->flip_count, totals.rows, totals.groups, totals.bits);
    add_layers(&out, patch);
    add_bytes(&out, patch);
    add_totals(&out, &totals);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* A patch of another model is shown nonetheless, with a warning. */
static bool check_model(const struct patch *patch, struct model *model, const char *path,
                        struct err *err)
{
    bool unstated = false;
    if (!patch_matches(patch, model, &unstated, err)) {
        if (err->code != ERR_MISMATCH)
            return false;
        cli_warn("%s: %s: %s", path, err->where, err->message);
        *err = (struct err){0};
    }
    return patch_fits(patch, model, err) || err_file(err, path);
}

static int run_info(const struct arguments *arguments, const char *path, struct model *model,
                    struct err *err)
{
    struct patch *patch = patch_read(path, err);
    bool ok = patch && (!model || check_model(patch, model, path, err));
    if (ok && arguments_json(arguments))
        print_info_json(patch, model);
    else if (ok)
        print_info(patch, model);
    patch_free(patch);
    return ok ? EXIT_DONE : cli_fail(err);
}

/* ---- verify --------------------------------------------------------------- */

/* Is the failure something that can be said of the patch, not of the machine? */
static bool is_reason(const struct err *err)
{
    return err->code == ERR_FORMAT || err->code == ERR_UNSUPPORTED || err->code == ERR_RANGE ||
           err->code == ERR_MISMATCH;
}

/* Moves it from err to the reasons. */
static bool add_reason(json_t *reasons, struct err *err)
{
    if (!is_reason(err))
        return false;
    struct buf text = {0};
    buf_add_format(&text, "%s%s%s", err->where, err->where[0] ? ": " : "", err->message);
    (void)json_array_append_new(reasons, json_text(text.data, text.len));
    buf_free(&text);
    *err = (struct err){0};
    return true;
}

/* Put it on and take it off: the bits that are counted change, none stays changed. */
static bool restores(const struct patch *patch, struct model *model, struct err *err)
{
    uint64_t groups = 0;
    struct state_name before = model_state(model);
    if (!patch_apply(patch, model, err))
        return false;
    uint64_t changed = model_flipped_bits(model, &groups);
    uint64_t counted = patch_totals(patch, model).bits_flipped;
    if (!patch_apply(patch, model, err))
        return false;
    uint64_t left = model_flipped_bits(model, &groups);
    if (changed != counted)
        return err_set(err, ERR_MISMATCH, "changes %" PRIu64 " bits, expected %" PRIu64, changed,
                       counted);
    if (left != 0 || !state_name_equal(before, model_state(model)))
        return err_set(err, ERR_MISMATCH, "leaves %" PRIu64 " bits changed when it is taken off",
                       left);
    return true;
}

/* Collects what speaks against the patch; false is a failure to find out. */
static bool collect(const char *path, struct model *model, json_t *reasons, struct err *err)
{
    struct patch *patch = patch_read(path, err);
    if (!patch)
        return add_reason(reasons, err);
    bool ok = true, unstated = false;
    if (model && !patch_matches(patch, model, &unstated, err))
        ok = add_reason(reasons, err);
    else if (unstated)
        cli_warn("%s: does not state the hash of its model", path);
    if (ok && model && !restores(patch, model, err))
        ok = add_reason(reasons, err);
    patch_free(patch);
    return ok;
}

static void print_verdict(const json_t *reasons, const char *path, bool with_model)
{
    struct buf out = {0};
    bool good = json_array_size(reasons) == 0;
    text_visible(&out, path, strlen(path));
    if (!good)
        buf_add_text(&out, ": not ok\n");
    else if (with_model)
        buf_add_text(&out, ": ok: it fits the model, and comes off again without a trace\n");
    else
        buf_add_text(&out, ": ok as a file; MODEL is needed to see whether it fits\n");
    for (size_t i = 0; i < json_array_size(reasons); i++)
        buf_add_format(&out, "  %s\n", json_string_value(json_array_get(reasons, i)));
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static int run_verify(const struct arguments *arguments, const char *path, struct model *model,
                      struct err *err)
{
    json_t *reasons = json_array();
    if (!collect(path, model, reasons, err)) {
        json_decref(reasons);
        return cli_fail(err);
    }
    bool good = json_array_size(reasons) == 0;
    if (arguments_json(arguments))
        cli_print_json(json_pack("{s:b, s:O}", "ok", good, "reasons", reasons), true);
    else
        print_verdict(reasons, path, model != NULL);
    json_decref(reasons);
    return good ? EXIT_DONE : EXIT_NO;
}

/* ---- the command ---------------------------------------------------------- */

/* *model is NULL where none is asked for. */
static bool open_model(const struct arguments *arguments, struct model **model, struct err *err)
{
    const char *positional = arguments_positional(arguments, 2);
    const char *option = arguments_text(arguments, "model", NULL);
    *model = NULL;
    if (positional && option)
        return err_set(err, ERR_USAGE, "MODEL and -m MODEL are both given, expected one of them");
    if (!positional && !option)
        return true;
    *model = model_open(positional ? positional : option, err);
    return *model != NULL;
}

static int run_convert(const struct arguments *arguments, bool packed, struct err *err)
{
    struct patch_convert request = {.input = arguments_positional(arguments, 1),
                                    .output = arguments_text(arguments, "output", NULL),
                                    .packed = packed, .json = arguments_json(arguments)};
    if (!arguments_positional(arguments, 2) && !arguments_has(arguments, "model"))
        return patch_convert(&request, err);
    (void)err_set(err, ERR_USAGE, "a MODEL is given, expected FILE -o OUT alone");
    return cli_fail(err);
}

static int run_look(const struct arguments *arguments, bool info, struct err *err)
{
    const char *path = arguments_positional(arguments, 1);
    struct model *model = NULL;
    bool ok = !arguments_has(arguments, "output") ||
              err_set(err, ERR_USAGE, "-o is given, which only pack and unpack take");
    if (!ok || !open_model(arguments, &model, err))
        return cli_fail(err);
    int status = info ? run_info(arguments, path, model, err)
                      : run_verify(arguments, path, model, err);
    model_free(model);
    return status;
}

static int run(struct arguments *arguments, struct err *err)
{
    const char *action = arguments_positional(arguments, 0);
    if (strcmp(action, "info") == 0 || strcmp(action, "verify") == 0)
        return run_look(arguments, action[0] == 'i', err);
    if (strcmp(action, "pack") == 0 || strcmp(action, "unpack") == 0)
        return run_convert(arguments, action[0] == 'p', err);
    (void)err_set(err, ERR_USAGE, "unknown action '%s', expected info, verify, pack or unpack",
                  action);
    return cli_fail(err);
}

static const struct option_spec options[] = {
    {"model", 'm', "MODEL", "model file, or nano; stands in for the last argument"},
    {"output", 'o', "OUT", "pack, unpack: the file to write"},
    {NULL, 0, NULL, NULL},
};

const struct command command_patch = {
    .name = "patch",
    .synopsis = "info|verify FILE [MODEL] | pack|unpack FILE -o OUT",
    .summary = "Show what a patch flips, check it, pack it",
    .details = "info prints name, format, base model, the number of flips in each layer and the\n"
               "bytes of the patch: of the binary form, without and with its texts; with MODEL\n"
               "also how many bits they change and which share that is.  With --json all flips\n"
               "are listed.\n"
               "verify says whether the file can be read and, with MODEL, whether every flip\n"
               "fits it, its hash agrees, and putting the patch on and taking it off restores\n"
               "the model.  If not, the reasons are printed and the exit status is 1.\n"
               "pack writes the binary form (by custom OUT.xor), unpack JSON.  Nothing is lost\n"
               "either way; flips are sorted.  All commands read both forms, and those that\n"
               "write a patch write the binary one to a file whose name ends in .xor.",
    .options = options,
    .positional_min = 2,
    .positional_max = 3,
    .takes_model = false,
    .run = run,
};
