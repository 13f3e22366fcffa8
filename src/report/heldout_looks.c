/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/report/heldout_looks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/base/sha256.h"
#include "src/base/text.h"
#include "src/cli/cli.h"

enum { LOG_BYTES_MAX = 1 << 28 };

/* ---- what a set asks ------------------------------------------------------------------ */

/* Its length tells where a text ends. */
static void add_text(struct buf *out, const char *text)
{
    buf_add_format(out, "%zu:", strlen(text));
    buf_add_text(out, text);
}

static void add_probe(struct buf *out, const struct probe *probe)
{
    add_text(out, probe->prompt);
    add_text(out, probe->correct);
    for (size_t i = 0; i < probe->alternate_count; i++)
        add_text(out, probe->alternates[i]);
    buf_add_text(out, ";");
}

/* SHA-256 of the model's and of the probes that are in the set of this name. */
static bool key_of(const char *model_sha256, const struct probe_set *probes, const char *set,
                   char key[SHA256_TEXT_SIZE], struct err *err)
{
    struct buf bytes = {0};
    add_text(&bytes, model_sha256);
    for (size_t i = 0; i < probes->count; i++)
        if (strcmp(probes->probes[i].set, set) == 0)
            add_probe(&bytes, &probes->probes[i]);
    bool ok = sha256_text(bytes.data, bytes.len, key, err);
    buf_free(&bytes);
    return ok;
}

/* ---- the file in the state folder --------------------------------------------------------- */

static bool append_line(const char *path, const char *key, struct err *err)
{
    char line[SHA256_TEXT_SIZE + 1];
    int len = snprintf(line, sizeof line, "%s\n", key);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, line, (size_t)len) == len;
    int problem = errno;
    if (fd >= 0)
        (void)close(fd);
    return ok || err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(problem));
}

/* Keys are hashes: none begins within another. */
static bool count_lines(const char *path, const char *key, uint64_t *count, struct err *err)
{
    struct buf bytes = {0};
    bool ok = file_read(path, LOG_BYTES_MAX, &bytes, err);
    const char *at = bytes.data;
    for (*count = 0; ok && at && (at = strstr(at, key)); at += strlen(key))
        ++*count;
    buf_free(&bytes);
    return ok;
}

static bool count_look(struct model *model, const struct probe_set *heldout, const char *set,
                       uint64_t *seen, struct err *err)
{
    char key[SHA256_TEXT_SIZE];
    struct buf path = {0};
    const char *model_key = model_sha256(model, err);
    bool ok = model_key && key_of(model_key, heldout, set, key, err) &&
              file_state_path("heldout-looks", &path, err) && append_line(path.data, key, err) &&
              count_lines(path.data, key, seen, err);
    buf_free(&path);
    return ok;
}

/* ---- both kinds ---------------------------------------------------------------------------- */

static void begin(struct heldout_looks *out, const struct probe_set *heldout)
{
    *out = (struct heldout_looks){.count = 0};
    for (size_t i = 0; i < heldout->count; i++) {
        const char *set = heldout->probes[i].set;
        bool known = false;
        for (size_t j = 0; j < out->count; j++)
            known |= strcmp(out->sets[j], set) == 0;
        if (known)
            continue;
        out->sets = x_grow(out->sets, out->count + 1, sizeof *out->sets);
        out->sets[out->count++] = set;
    }
    out->seen = x_new(out->count, sizeof *out->seen);
}

static void warn(const struct err *err)
{
    cli_warn("this look at held-out answers could not be counted: %s", err->message);
}

void heldout_looks_count(struct heldout_looks *out, struct model *model,
                         const struct probe_set *heldout)
{
    struct err err = {0};
    begin(out, heldout);
    for (size_t i = 0; i < out->count; i++)
        if (!count_look(model, heldout, out->sets[i], &out->seen[i], &err)) {
            out->seen[i] = 0;
            warn(&err);
        }
}

static json_int_t count_right(const struct evaluation *evaluation, size_t first)
{
    size_t right = 0;
    for (size_t i = first; i < evaluation->count; i++)
        right += evaluation->right[i];
    return (json_int_t)right;
}

void heldout_looks_in_session(struct heldout_looks *out, struct session *session,
                              const struct probe_set *heldout, const struct evaluation *base,
                              const struct evaluation *now)
{
    struct err err = {0};
    begin(out, heldout);
    if (out->count == 0)
        return;
    size_t first = base->count - heldout->count;
    struct session_event event = {
        .kind = EVENT_KIND_HELDOUT,
        .fitness = (double)NAN,
        .data = json_pack("{s:I, s:I, s:I, s:b}", "n", (json_int_t)heldout->count, "right_base",
                          count_right(base, first), "right_now", count_right(now, first),
                          "unasked", 0),
    };
    uint64_t seen = 0;
    if (!session_add_event(session, &event, &err) ||
        !session_looks(session, &seen, &err)) {
        seen = 0;
        warn(&err);
    }
    json_decref(event.data);
    for (size_t i = 0; i < out->count; i++)
        out->seen[i] = seen;
}

void heldout_looks_text(struct buf *out, const struct heldout_looks *looks)
{
    for (size_t i = 0; i < looks->count; i++) {
        buf_add_text(out, "held-out ");
        text_visible(out, looks->sets[i], strlen(looks->sets[i]));
        if (looks->seen[i] == 0)
            buf_add_text(out, " seen, not counted\n");
        else if (looks->seen[i] == 1)
            buf_add_text(out, " seen once\n");
        else
            buf_add_format(out, " seen %" PRIu64 " times\n", looks->seen[i]);
    }
}

json_t *heldout_looks_json(const struct heldout_looks *looks)
{
    json_t *object = json_object();
    for (size_t i = 0; i < looks->count; i++) {
        json_t *name = json_text(looks->sets[i], strlen(looks->sets[i]));
        json_t *seen = looks->seen[i] ? json_integer((json_int_t)looks->seen[i]) : json_null();
        (void)json_object_set_new(object, json_string_value(name), seen);
        json_decref(name);
    }
    return object;
}

/* ---- what a patch was searched with ----------------------------------------------------- */

/* Is the set one of "math,../own/set.json"?  A set has its file's name without folder
 * and ".json". */
static bool names_set(const char *list, const char *set)
{
    size_t len = strlen(set);
    for (const char *at = list; (at = strstr(at, set)); at++) {
        bool begins = at == list || at[-1] == ',' || at[-1] == '/';
        bool ends = at[len] == '\0' || at[len] == ',' || strncmp(at + len, ".json", 5) == 0;
        if (begins && ends)
            return true;
    }
    return false;
}

void heldout_looks_warn(const struct probe_set *heldout, const struct patch *patch)
{
    static const char *const keys[] = {"targets", "controls"};
    struct heldout_looks sets;
    begin(&sets, heldout);
    for (size_t i = 0; i < sets.count; i++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            const char *list = json_string_value(json_object_get(patch->metadata, keys[k]));
            if (list && sets.sets[i][0] && names_set(list, sets.sets[i]))
                cli_warn("patch %s was searched with %s among its %s: no held-out probes",
                         patch->name, sets.sets[i], keys[k]);
        }
    heldout_looks_free(&sets);
}

void heldout_looks_free(struct heldout_looks *looks)
{
    free(looks->sets);
    free(looks->seen);
    *looks = (struct heldout_looks){.count = 0};
}
