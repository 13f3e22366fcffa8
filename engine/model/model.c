/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Opening, questions, closing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/model/model_int.h"
#include "engine/nano/embedded.h"

static struct model *model_begin(const char *path)
{
    struct model *model = x_new(1, sizeof *model);
    model->path = x_copy(path, strlen(path));
    model->fd = -1;
    identity_open(&model->identity);
    return model;
}

/* Parse what is mapped; takes the model on failure. */
static struct model *model_finish(struct model *model, struct err *err)
{
    model->gguf = gguf_parse(model->bytes, model->len, err);
    if (model->gguf && model_read(model, err)) {
        model->part_states = x_new(PART_LAYER + (size_t)model->shape.layers + 1,
                                   sizeof *model->part_states);
        model_overlay_prepare(model);
        return model;
    }
    (void)err_file(err, model->path);
    model_free(model);
    return NULL;
}

static int64_t mtime_ns(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

/* Writable memory is counted as if all of it were written to, which a file larger than
 * the machine's memory could not be; flips write to a few pages of it.  MAP_NORESERVE
 * says so.  Should a page not be there for a flip, the kernel ends some process: it
 * has no way to refuse.
 *
 * No advice is given: where the kernel keeps files in large folios it maps them as
 * huge pages by itself (856 of 1072 MB of an 8B on Linux 6.18, ext4), and
 * MADV_HUGEPAGE changed nothing then.  MADV_POPULATE_READ takes the 18 ms before that
 * the first pass saves.  From one token to the next all were the same (61 ms, two
 * threads). */
static bool map_file(struct model *model, struct err *err)
{
    model->fd = open(model->path, O_RDONLY | O_CLOEXEC);
    if (model->fd < 0)
        return err_set(err, errno == ENOENT ? ERR_USAGE : ERR_IO, "cannot open the model: %s",
                       strerror(errno));
    struct stat status;
    if (fstat(model->fd, &status) != 0)
        return err_set(err, ERR_IO, "cannot look at the model: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_USAGE, "is not a regular file, expected a GGUF model");
    if (status.st_size == 0)
        return err_set(err, ERR_FORMAT, "is empty, expected a GGUF model");
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_NORESERVE, model->fd, 0);
    if (bytes == MAP_FAILED)
        return err_set(err, ERR_MEMORY, "cannot map the model: %s", strerror(errno));
    model->bytes = bytes;
    model->len = (size_t)status.st_size;
    model->file_mtime_ns = mtime_ns(&status);
    return true;
}

struct model *model_open(const char *path, struct err *err)
{
    if (strcmp(path, "nano") == 0)
        return model_open_memory(nano_bytes, nano_len(), "nano", err);
    struct model *model = model_begin(path);
    if (map_file(model, err))
        return model_finish(model, err);
    (void)err_file(err, path);
    model_free(model);
    return NULL;
}

struct model *model_open_memory(const void *bytes, size_t len, const char *name, struct err *err)
{
    struct model *model = model_begin(name);
    void *copy = MAP_FAILED;
    bool ok = len > 0 || err_set(err, ERR_FORMAT, "is empty, expected a GGUF model");
    if (ok) {
        copy = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ok = copy != MAP_FAILED || err_set(err, ERR_MEMORY, "no memory for %zu bytes", len);
    }
    if (ok) {
        model->bytes = memcpy(copy, bytes, len);
        model->len = len;
        ok = sha256_text(bytes, len, model->identity.sha256, err);
    }
    if (ok)
        return model_finish(model, err);
    (void)err_file(err, name);
    model_free(model);
    return NULL;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    identity_close(&model->identity);
    tokenizer_free(model->tokenizer);
    gguf_free(model->gguf);
    free(model->layers);
    free(model->norms);
    free(model->overlay.entries);
    free(model->part_states);
    free(model->panels);
    if (model->bytes)
        (void)munmap(model->bytes, model->len);
    if (model->fd >= 0)
        (void)close(model->fd);
    free(model->path);
    free(model);
}

bool model_unchanged(const struct model *model, struct err *err)
{
    if (model->fd < 0)
        return true;
    struct stat status;
    bool same = fstat(model->fd, &status) == 0 && (size_t)status.st_size == model->len &&
                mtime_ns(&status) == model->file_mtime_ns;
    if (same)
        return true;
    (void)err_set(err, ERR_MISMATCH,
                  "the model file changed while it was open, expected the same size and time");
    return err_file(err, model->path);
}

/* ---- questions ------------------------------------------------------------ */

const char *model_path(const struct model *model)
{
    return model->path;
}

const struct model_shape *model_shape(const struct model *model)
{
    return &model->shape;
}

const char *model_architecture(const struct model *model)
{
    (void)model;
    return "qwen3"; /* anything else is refused on opening */
}

const char *model_key_text(const struct model *model, const char *key, size_t *len)
{
    struct text_span text = {0};
    struct err ignored;
    bool found = gguf_text(model->gguf, key, &text, &ignored) == GGUF_FOUND;
    *len = found ? text.len : 0;
    return found ? text.data : NULL;
}

const struct tokenizer *model_tokenizer(const struct model *model)
{
    return model->tokenizer;
}

uint64_t model_file_bytes(const struct model *model)
{
    return model->len;
}

size_t model_tensor_count(const struct model *model)
{
    return gguf_tensor_count(model->gguf);
}

struct tensor_info model_tensor(const struct model *model, size_t index)
{
    const struct gguf_tensor *tensor = gguf_tensor(model->gguf, index);
    struct tensor_info info = {
        .name = tensor->name.data,
        .name_len = tensor->name.len,
        .type = ggml_type_name(tensor->type),
        .dim_count = tensor->dim_count,
        .bytes = tensor->bytes,
    };
    memcpy(info.shape, tensor->shape, sizeof info.shape);
    return info;
}
