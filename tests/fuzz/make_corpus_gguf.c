/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * make_corpus_gguf FOLDER - write the seeds of the GGUF fuzzer: the smallest
 * models of several kinds, and one of them damaged in several ways.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/num.h"
#include "tests/tiny.h"

static const char *folder;

static void write_seed(const char *name, const char *bytes, size_t len)
{
    struct err err = {0};
    struct buf path = {0};
    buf_add_format(&path, "%s/%s", folder, name);
    if (!file_write(path.data, bytes, len, &err)) {
        (void)fprintf(stderr, "%s: %s\n", err.file, err.message);
        exit(err_exit_status(err.code));
    }
    buf_free(&path);
}

/* Overwrite bytes after the first occurrence of text. */
static void write_damaged(const char *name, const struct buf *model, const char *text,
                          const void *bytes, size_t len)
{
    struct buf copy = {0};
    buf_add(&copy, model->data, model->len);
    memcpy(copy.data + tiny_find(&copy, text) + strlen(text), bytes, len);
    write_seed(name, copy.data, copy.len);
    buf_free(&copy);
}

static void write_damages(const struct buf *model)
{
    static const unsigned char full[8] = {255, 255, 255, 255, 255, 255, 255, 127};
    write_seed("cut_header.gguf", model->data, 20);
    write_seed("cut_keys.gguf", model->data, 700);
    write_seed("cut_data.gguf", model->data, model->len - 5);
    write_damaged("version.gguf", model, "GGUF", "\2", 1);
    write_damaged("counts.gguf", model, "GGUF\3", full, 8);
    write_damaged("key_type.gguf", model, "qwen3.block_count", "\11", 1);
    write_damaged("layers.gguf", model, "qwen3.block_count\4\0\0", "\0\0\3", 3);
    write_damaged("string.gguf", model, "tokenizer.ggml.pre\10", full + 1, 7);
    write_damaged("dims.gguf", model, "output_norm.weight", "\4", 1);
    write_damaged("shape.gguf", model, "token_embd.weight\2", full + 1, 7);
}

int main(int argc, char **argv)
{
    const struct tiny tied = {.layers = 1, .width = 128, .ffn = 128, .heads = 2, .kv_heads = 1,
                              .head_dim = 64, .vocab = 262, .seed = 1, .tied = true};
    const struct {
        const char *name;
        struct tiny tiny;
    } seeds[] = {
        {"tied.gguf", tied},
        {"separate_bf16.gguf", {.layers = 1, .width = 128, .ffn = 128, .heads = 8, .kv_heads = 2,
                                .head_dim = 16, .vocab = 261, .seed = 2, .norm_type = 30}},
        {"yarn_f16.gguf", {.layers = 2, .width = 128, .ffn = 128, .heads = 32, .kv_heads = 1,
                           .head_dim = 4, .vocab = 260, .seed = 3, .norm_type = 1, .tied = true,
                           .yarn = true}},
        {"ternary.gguf", {.layers = 1, .width = 128, .ffn = 128, .heads = 2, .kv_heads = 1,
                          .head_dim = 64, .vocab = 262, .seed = 4, .matrix_type = 42}},
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_corpus_gguf FOLDER\n");
        return 2;
    }
    folder = argv[1];
    struct buf model = {0};
    for (size_t i = 0; i < countof(seeds); i++) {
        buf_clear(&model);
        tiny_write(&seeds[i].tiny, &model);
        write_seed(seeds[i].name, model.data, model.len);
    }
    buf_clear(&model);
    tiny_write(&tied, &model);
    write_damages(&model);
    buf_free(&model);
    return 0;
}
