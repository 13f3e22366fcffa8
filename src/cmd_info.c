/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/cli/cli.h"

extern const struct command command_info;

static json_t *tensor_json(const struct tensor_info *tensor)
{
    json_t *object = json_object(), *shape = json_array();
    for (uint32_t i = 0; i < tensor->dim_count; i++)
        (void)json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    (void)json_object_set_new(object, "name", json_text(tensor->name, tensor->name_len));
    (void)json_object_set_new(object, "type", json_string(tensor->type));
    (void)json_object_set_new(object, "shape", shape);
    (void)json_object_set_new(object, "bytes", json_integer((json_int_t)tensor->bytes));
    return object;
}

static void print_json(const struct model *model, const char *sha256)
{
    const struct model_shape *shape = model_shape(model);
    json_t *object = json_object(), *tensors = json_array();
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"layers", shape->layers},     {"width", shape->width},
        {"ffn", shape->ffn},           {"heads", shape->heads},
        {"kv_heads", shape->kv_heads}, {"head_dim", shape->head_dim},
        {"vocab", shape->vocab},       {"file_bytes", model_file_bytes(model)},
        {"patchable_rows", model_patchable_rows(model)},
    };
    (void)json_object_set_new(object, "architecture", json_string(model_architecture(model)));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)json_object_set_new(object, numbers[i].name,
                                  json_integer((json_int_t)numbers[i].value));
    (void)json_object_set_new(object, "tied", json_boolean(shape->tied));
    (void)json_object_set_new(object, "sha256", json_string(sha256));
    for (size_t i = 0; i < model_tensor_count(model); i++) {
        struct tensor_info tensor = model_tensor(model, i);
        (void)json_array_append_new(tensors, tensor_json(&tensor));
    }
    (void)json_object_set_new(object, "tensors", tensors);
    cli_print_json(object, true);
}

static void add_tensors(struct buf *out, const struct model *model)
{
    buf_add_format(out, "\n%-6s %14s  %-18s %s\n", "type", "bytes", "shape", "tensor");
    for (size_t i = 0; i < model_tensor_count(model); i++) {
        struct tensor_info tensor = model_tensor(model, i);
        struct buf shape = {0};
        for (uint32_t d = 0; d < tensor.dim_count; d++)
            buf_add_format(&shape, "%s%" PRIu64, d ? " x " : "", tensor.shape[d]);
        buf_add_format(out, "%-6s %14" PRIu64 "  %-18s ", tensor.type, tensor.bytes, shape.data);
        text_visible(out, tensor.name, tensor.name_len);
        buf_add_text(out, "\n");
        buf_free(&shape);
    }
}

/* All but the hash, which may take a while. */
static void print_facts(const struct model *model)
{
    const struct model_shape *shape = model_shape(model);
    struct buf out = {0};
    buf_add_text(&out, "model           ");
    text_visible(&out, model_path(model), strlen(model_path(model)));
    buf_add_format(&out, "\narchitecture    %s, %u layers, width %u, ffn %u\n",
                   model_architecture(model), (unsigned)shape->layers, (unsigned)shape->width,
                   (unsigned)shape->ffn);
    buf_add_format(&out, "attention       %u query heads, %u KV heads of %u\n",
                   (unsigned)shape->heads, (unsigned)shape->kv_heads, (unsigned)shape->head_dim);
    buf_add_format(&out, "vocabulary      %u tokens, head %s\n", (unsigned)shape->vocab,
                   shape->tied ? "tied to the embedding" : "separate from the embedding");
    buf_add_format(&out, "file            %" PRIu64 " bytes, %zu tensors\n",
                   model_file_bytes(model), model_tensor_count(model));
    buf_add_format(&out, "patchable rows  %" PRIu64 "\n", model_patchable_rows(model));
    cli_print_text(out.data, out.len);
    (void)fflush(stdout);
    buf_free(&out);
}

static void print_rest(const struct model *model, const char *sha256, bool tensors)
{
    struct buf out = {0};
    buf_add_format(&out, "sha256          %s\n", sha256);
    if (tensors)
        add_tensors(&out, model);
    cli_print_text(out.data, out.len);
    buf_free(&out);
}

static int run(struct arguments *arguments, struct err *err)
{
    struct model *model = model_open(arguments_positional(arguments, 0), err);
    if (!model)
        return cli_fail(err);
    bool json = arguments_json(arguments);
    if (!json)
        print_facts(model);
    const char *sha256 = model_sha256(model, err);
    if (sha256 && json)
        print_json(model, sha256);
    else if (sha256)
        print_rest(model, sha256, arguments_has(arguments, "tensors"));
    model_free(model);
    return sha256 ? EXIT_DONE : cli_fail(err);
}

static const struct option_spec options[] = {
    {"tensors", 0, NULL, "list all tensors (--json always does)"},
    {NULL, 0, NULL, NULL},
};

const struct command command_info = {
    .name = "info",
    .synopsis = "MODEL [--tensors]",
    .summary = "Show what a model file holds",
    .details = "MODEL is a GGUF file, or nano for the embedded model.",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .takes_model = true,
    .run = run,
};
