/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/sha256.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"

enum { DIGEST_BYTES = 32 };

struct sha256 {
    EVP_MD_CTX *context;
};

/* What libcrypto wants of an allocator: none for no bytes, and the place that asks. */
static void *crypto_new(size_t len, const char *file, int line)
{
    (void)file, (void)line;
    return len > 0 ? x_bytes(len) : NULL;
}

static void crypto_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

static void *crypto_grow(void *memory, size_t len, const char *file, int line)
{
    if (len > 0)
        return x_grow(memory, len, 1);
    crypto_free(memory, file, line);
    return NULL;
}

void sha256_need_memory(void)
{
    (void)CRYPTO_set_mem_functions(crypto_new, crypto_grow, crypto_free);
}

static bool hash_err(struct err *err)
{
    return err_set(err, ERR_MEMORY, "SHA-256 failed in libcrypto");
}

static void print_digest(const unsigned char digest[DIGEST_BYTES], char out[SHA256_TEXT_SIZE])
{
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

bool sha256_text(const void *bytes, size_t len, char out[SHA256_TEXT_SIZE], struct err *err)
{
    unsigned char digest[DIGEST_BYTES];
    unsigned digest_len = 0;
    if (EVP_Digest(bytes, len, digest, &digest_len, EVP_sha256(), NULL) != 1 ||
        digest_len != DIGEST_BYTES)
        return hash_err(err);
    print_digest(digest, out);
    return true;
}

struct sha256 *sha256_new(struct err *err)
{
    struct sha256 *hash = x_new(1, sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    if (hash->context && EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) == 1)
        return hash;
    (void)hash_err(err);
    sha256_free(hash);
    return NULL;
}

bool sha256_add(struct sha256 *hash, const void *bytes, size_t len, struct err *err)
{
    return EVP_DigestUpdate(hash->context, bytes, len) == 1 || hash_err(err);
}

bool sha256_end(struct sha256 *hash, char out[SHA256_TEXT_SIZE], struct err *err)
{
    unsigned char digest[DIGEST_BYTES];
    if (EVP_DigestFinal_ex(hash->context, digest, NULL) != 1)
        return hash_err(err);
    print_digest(digest, out);
    return true;
}

void sha256_free(struct sha256 *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

bool sha256_is_text(const char *text)
{
    if (strlen(text) != SHA256_TEXT_SIZE - 1)
        return false;
    for (; *text; text++)
        if (!isxdigit((unsigned char)*text))
            return false;
    return true;
}
