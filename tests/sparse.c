/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sparse.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/t.h"

const struct synth_shape sparse_giant = {
    .name = "giant",
    .layers = 32,
    .width = 1 << 16,
    .ffn = 1 << 20,
    .heads = 64,
    .kv_heads = 8,
    .head_dim = 128,
    .vocab = 512,
    .context = 1 << 16,
};

struct synth_shape sparse_shape(const char *name)
{
    struct synth_shape shape;
    struct err err = {0};
    t_ok(synth_shape_find(name, &shape, &err), &err);
    return shape;
}

uint64_t sparse_write(const struct synth_shape *shape, char *path)
{
    struct synth_file file;
    struct err err = {0};
    t_ok(synth_file_plan(shape, 1, &file, &err), &err);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file.head.data, file.head.len), file.head.len);
    bool fits = ftruncate(fd, (off_t)file.bytes) == 0;
    uint64_t bytes = fits ? file.bytes : 0;
    assert_int_equal(close(fd), 0);
    synth_file_free(&file);
    return bytes;
}
