/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as the session of a training, with the checksum they have and with the right
 * one: refused with an error, or a training that can be asked for every step.
 */
#include "engine/search/train_file.h"
#include "src/base/sha256.h"
#include "tests/fuzz/fuzz.h"

static void ask(struct train_file *file)
{
    const struct train *saved = train_file_saved(file);
    const struct train_options *options = train_file_options(file);
    BUG_ON(options->first_k == 0 || options->first_k > options->most_k);
    BUG_ON(train_validation_count(saved) != options->validation);
    BUG_ON(!train_file_settings(file));
    for (uint64_t i = 1; i <= train_steps(saved); i++) {
        const struct train_step *step = train_step_at(saved, i);
        BUG_ON(step->number != i || step->kept > step->tried || step->kept > options->most_k);
    }
}

static void try_bytes(const struct buf *bytes)
{
    struct err err = {0};
    struct train_file *file = train_file_parse(bytes->data, bytes->len, "fuzz", &err);
    BUG_ON(!file != (err.code != ERR_NONE));
    if (file)
        ask(file);
    train_file_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct buf bytes = {0};
    char check[SHA256_TEXT_SIZE];
    buf_add(&bytes, "", 0);
    buf_add(&bytes, data, size);
    try_bytes(&bytes);
    bool ok = sha256_text(bytes.data, bytes.len, check, &err);
    BUG_ON(!ok);
    buf_add(&bytes, check, SHA256_TEXT_SIZE - 1);
    try_bytes(&bytes);
    buf_free(&bytes);
    return 0;
}
