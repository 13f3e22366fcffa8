/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The model's identity: SHA-256 of its file, which is what model hubs publish.
 *
 * Hashing a gigabyte takes a second, so results are kept in the cache folder,
 * one line a file: "SHA256 SIZE MTIME_NS PATH".  A line counts only when path,
 * size and time are all the same.  A cache that cannot be read or written is
 * no failure: the hash is then computed.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/model_int.h"
#include "src/base/file.h"
#include "src/base/sha256.h"

enum { CACHE_BYTES_MAX = 1 << 20, CACHE_LINES_MAX = 200 };

static bool hash_file(const struct model *model, EVP_MD_CTX *digest, char out[SHA256_TEXT_SIZE],
                      struct err *err)
{
    enum { CHUNK = 1 << 20 };
    unsigned char hash[32];
    uint8_t *chunk = x_new(CHUNK, 1);
    bool ok = EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
    for (size_t pos = 0; ok && pos < model->len;) {
        ssize_t got = pread(model->fd, chunk, CHUNK, (off_t)pos);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            free(chunk);
            return err_set(err, ERR_IO, "cannot read the model: %s",
                           got < 0 ? strerror(errno) : "it ends early");
        }
        ok = EVP_DigestUpdate(digest, chunk, (size_t)got) == 1;
        pos += (size_t)got;
    }
    free(chunk);
    ok = ok && EVP_DigestFinal_ex(digest, hash, NULL) == 1;
    if (!ok)
        return err_set(err, ERR_MEMORY, "SHA-256 failed in libcrypto");
    for (size_t i = 0; i < sizeof hash; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    return true;
}

static void line_tail(const struct model *model, const char *path, struct buf *out)
{
    buf_add_format(out, " %zu %" PRId64 " %s\n", model->len, model->file_mtime_ns, path);
}

/* Look for the line that ends in tail. */
static bool cache_find(const struct buf *cache, const struct buf *tail,
                       char out[SHA256_TEXT_SIZE])
{
    const size_t hash_len = SHA256_TEXT_SIZE - 1;
    const char *line = cache->data;
    while (line && *line) {
        const char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) + 1 : strlen(line);
        if (len == hash_len + tail->len && memcmp(line + hash_len, tail->data, tail->len) == 0) {
            memcpy(out, line, hash_len);
            out[hash_len] = '\0';
            return sha256_is_text(out);
        }
        line = end ? end + 1 : NULL;
    }
    return false;
}

/* The new line goes first; old ones fall off the end. */
static void cache_store(const char *cache_path, const struct buf *cache, const struct buf *tail,
                        const char *hash)
{
    struct buf out = {0};
    buf_add_text(&out, hash);
    buf_add(&out, tail->data, tail->len);
    const char *line = cache->data;
    for (int lines = 1; line && *line && lines < CACHE_LINES_MAX; lines++) {
        const char *end = strchr(line, '\n');
        if (!end)
            break;
        buf_add(&out, line, (size_t)(end - line) + 1);
        line = end + 1;
    }
    struct err ignored;
    (void)file_write(cache_path, out.data, out.len, &ignored);
    buf_free(&out);
}

static bool compute(struct model *model, struct err *err)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (!digest)
        return err_set(err, ERR_MEMORY, "SHA-256 failed in libcrypto");
    bool ok = hash_file(model, digest, model->sha256, err);
    EVP_MD_CTX_free(digest);
    if (!ok)
        model->sha256[0] = '\0';
    return ok;
}

const char *model_sha256(struct model *model, struct err *err)
{
    if (model->sha256[0] != '\0')
        return model->sha256;
    if (!model_unchanged(model, err))
        return NULL;
    struct buf path = {0}, cache = {0}, tail = {0};
    struct err ignored;
    char *absolute = realpath(model->path, NULL);
    /* a path with a line break in it would spoil the cache */
    bool cached = absolute && !strchr(absolute, '\n') &&
                  file_cache_path("sha256", &path, &ignored);
    bool found = false;
    if (cached) {
        line_tail(model, absolute, &tail);
        found = file_read(path.data, CACHE_BYTES_MAX, &cache, &ignored) &&
                cache_find(&cache, &tail, model->sha256);
    }
    bool ok = found || compute(model, err);
    if (ok && cached && !found)
        cache_store(path.data, &cache, &tail, model->sha256);
    free(absolute);
    buf_free(&path);
    buf_free(&cache);
    buf_free(&tail);
    return ok ? model->sha256 : (err_file(err, model->path), NULL);
}
