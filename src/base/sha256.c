/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/sha256.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool sha256_text(const void *bytes, size_t len, char out[SHA256_TEXT_SIZE], struct err *err)
{
    unsigned char digest[32];
    unsigned digest_len = 0;
    if (EVP_Digest(bytes, len, digest, &digest_len, EVP_sha256(), NULL) != 1 || digest_len != 32)
        return err_set(err, ERR_MEMORY, "SHA-256 failed in libcrypto");
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return true;
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
