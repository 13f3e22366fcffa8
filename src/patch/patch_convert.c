/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/patch/patch_convert.h"

#include <string.h>

#include "patches/patch.h"
#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/text.h"

static void print_written(const struct patch_convert *request, const struct patch *patch,
                          size_t written)
{
    size_t bytes = patch_packed_bytes(patch).flips;
    if (request->json) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "output",
                                  json_text(request->output, strlen(request->output)));
        (void)json_object_set_new(object, "file_bytes", json_integer((json_int_t)written));
        (void)json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
        (void)json_object_set_new(object, "flips", json_integer((json_int_t)patch->flip_count));
        cli_print_json(object, true);
        return;
    }
    struct buf out = {0};
    text_visible(&out, request->output, strlen(request->output));
    buf_add_format(&out, ": %zu flips, %zu bytes", patch->flip_count, written);
    if (request->packed)
        buf_add_format(&out, " (%zu without texts)", bytes);
    buf_add_text(&out, "\n");
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static bool print_patch(const struct patch *patch, bool packed, struct buf *out, struct err *err)
{
    if (packed)
        return patch_pack(patch, out, err);
    patch_print(patch, out);
    return true;
}

int patch_convert(const struct patch_convert *request, struct err *err)
{
    if (!request->output) {
        (void)err_set(err, ERR_USAGE, "no output given, expected -o OUT.%s",
                      request->packed ? "xor" : "json");
        return cli_fail(err);
    }
    struct patch *patch = patch_read(request->input, err);
    struct buf text = {0};
    bool ok = patch && print_patch(patch, request->packed, &text, err) &&
              (file_write(request->output, text.data, text.len, err) ||
               err_file(err, request->output));
    if (ok)
        print_written(request, patch, text.len);
    buf_free(&text);
    patch_free(patch);
    return ok ? EXIT_DONE : cli_fail(err);
}
