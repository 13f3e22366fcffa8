/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "probes/probe.h"

/* Its length tells where a text ends. */
static void add_text(struct buf *out, const char *text)
{
    buf_add_format(out, "%zu:", strlen(text));
    buf_add_text(out, text);
}

static bool add_probe(struct sha256 *hash, const struct probe *probe, struct err *err)
{
    struct buf bytes = {0};
    add_text(&bytes, probe->prompt);
    add_text(&bytes, probe->correct);
    add_text(&bytes, probe->wrong);
    for (size_t i = 0; i < probe->alternate_count; i++)
        add_text(&bytes, probe->alternates[i]);
    buf_add_text(&bytes, ";");
    bool ok = sha256_add(hash, bytes.data, bytes.len, err);
    buf_free(&bytes);
    return ok;
}

bool probe_set_sha256(const struct probe_set *set, char out[SHA256_TEXT_SIZE], struct err *err)
{
    struct sha256 *hash = sha256_new(err);
    bool ok = hash != NULL;
    for (size_t i = 0; ok && i < set->count; i++)
        ok = add_probe(hash, &set->probes[i], err);
    ok = ok && sha256_end(hash, out, err);
    sha256_free(hash);
    return ok;
}
