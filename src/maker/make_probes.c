/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/maker/make_probes.h"

#include <string.h>

#include "probes/maker/maker.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* ---- families -------------------------------------------------------------------------- */

static struct probe_set *example_of(size_t family, struct err *err)
{
    const struct maker_request request = {family, 1, MAKER_USUAL_SEED, MAKER_TRAIN};
    return maker_make(&request, err);
}

static void add_family(const struct maker_family *family, const struct probe *example,
                       json_t *array, struct buf *out)
{
    buf_add_format(out, "%-13s %-48s %s%s\n", family->name, family->help, example->prompt,
                   example->correct);
    (void)json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "name", family->name, "what",
                                                 family->help, "example",
                                                 probe_print_json(example)));
}

int families_run(const struct arguments *arguments, struct err *err)
{
    const struct maker_family *families = maker_families();
    json_t *array = json_array();
    struct buf out = {0};
    bool ok = true;
    for (size_t i = 0; ok && families[i].name; i++) {
        struct probe_set *set = example_of(i, err);
        ok = set != NULL;
        if (ok)
            add_family(&families[i], &set->probes[0], array, &out);
        probe_set_free(set);
    }
    if (ok && arguments_json(arguments))
        cli_print_json(json_incref(array), true);
    else if (ok)
        cli_print_text(out.data, out.len);
    json_decref(array);
    buf_free(&out);
    return ok ? EXIT_DONE : cli_fail(err);
}

/* ---- make ---------------------------------------------------------------------------------- */

static bool read_request(const struct arguments *arguments, struct maker_request *request,
                         struct err *err)
{
    int64_t count = 0, seed = 0;
    const char *side = arguments_text(arguments, "split", "train");
    if (!maker_family_parse(arguments_positional(arguments, 1), &request->family, err) ||
        !arguments_int(arguments, "count", 1, MAKER_COUNT_MAX, MAKER_USUAL_COUNT, &count, err) ||
        !arguments_int(arguments, "seed", 0, INT64_MAX, MAKER_USUAL_SEED, &seed, err))
        return false;
    if (!maker_side_parse(side, &request->side))
        return err_set(err, ERR_USAGE, "--split: '%.40s' is unknown, expected train or heldout",
                       side);
    request->count = (size_t)count;
    request->seed = (uint64_t)seed;
    return true;
}

static bool is_lines(const char *path)
{
    size_t len = strlen(path), ending = strlen(".jsonl");
    return len > ending && strcmp(path + len - ending, ".jsonl") == 0;
}

static void print_lines(const struct probe_set *set, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        json_t *object = probe_print_json(&set->probes[i]);
        json_print(out, object, false);
        buf_add_text(out, "\n");
        json_decref(object);
    }
}

static void tell_written(const struct arguments *arguments, const struct probe_set *set,
                         size_t asked, const char *path)
{
    struct buf out = {0};
    if (arguments_json(arguments)) {
        cli_print_json(json_pack("{s:s, s:o, s:I, s:I}", "set", set->name, "path",
                                 json_text(path, strlen(path)), "probes", (json_int_t)set->count,
                                 "asked", (json_int_t)asked),
                       true);
        return;
    }
    buf_add_format(&out, "%s: %zu probes in ", set->name, set->count);
    text_visible(&out, path, strlen(path));
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

/* To the file, or to standard output: lines, with --json a set. */
static bool write_set(const struct arguments *arguments, const struct probe_set *set,
                      size_t asked, struct err *err)
{
    const char *path = arguments_text(arguments, "output", NULL);
    bool lines = path ? is_lines(path) : !arguments_json(arguments);
    struct buf text = {0};
    if (lines)
        print_lines(set, &text);
    else
        probe_set_print(set, &text);
    bool ok = !path || file_write(path, text.data, text.len, err);
    if (ok && path)
        tell_written(arguments, set, asked, path);
    else if (ok)
        cli_print_text(text.data, text.len);
    buf_free(&text);
    return ok;
}

int make_probes_run(const struct arguments *arguments, struct err *err)
{
    struct maker_request request;
    struct probe_set *set = read_request(arguments, &request, err) ? maker_make(&request, err)
                                                                   : NULL;
    bool ok = set && write_set(arguments, set, request.count, err);
    bool all = ok && set->count == request.count;
    if (ok && !all)
        cli_warn("%s has only %zu different prompts on this side",
                 maker_families()[request.family].name, set->count);
    probe_set_free(set);
    return !ok ? cli_fail(err) : all ? EXIT_DONE : EXIT_NO;
}
