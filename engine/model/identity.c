/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The model's identity: SHA-256 of its file, which is what model hubs publish.
 *
 * Hashing an 8B takes 0.6 s, opening it 0.05 s, so nobody waits for the hash who does
 * not need it: a thread reads the file (not the mapping, which flips change) while the
 * model is already at work.
 *
 * Results are kept in the cache folder, one line a file: "SHA256 SIZE MTIME_NS PATH".
 * A line counts only when path, size and time are all the same.  A cache that
 * cannot be read or written is no failure: the hash is then computed.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/model/model_int.h"
#include "src/base/file.h"
#include "src/base/num.h"

enum { CACHE_BYTES_MAX = 1 << 20, CACHE_LINES_MAX = 200, CHUNK_BYTES = 1 << 18 };

/* Where the hash of one file is kept. */
struct cache_place {
    struct buf path; /* of the cache; empty: there is none */
    struct buf tail; /* of the file's line */
};

struct hash_job {
    const struct model *model;
    struct cache_place place;
    pthread_t thread;
    bool threaded;
    atomic_bool stop;
    atomic_bool done; /* the thread has nothing more to do */
    bool ok;
    char sha256[SHA256_TEXT_SIZE];
    struct err err;
};

/* ---- the cache ------------------------------------------------------------ */

static void place_find(const struct model *model, struct cache_place *place)
{
    struct err ignored;
    char *absolute = realpath(model->path, NULL);
    /* a path with a line break in it would spoil the cache */
    if (absolute && !strchr(absolute, '\n') && file_cache_path("sha256", &place->path, &ignored))
        buf_add_format(&place->tail, " %zu %" PRId64 " %s\n", model->len, model->file_mtime_ns,
                       absolute);
    else
        buf_clear(&place->path);
    free(absolute);
}

static void cache_read(const struct cache_place *place, struct buf *cache)
{
    struct err ignored;
    if (place->path.len > 0 && !file_read(place->path.data, CACHE_BYTES_MAX, cache, &ignored))
        buf_clear(cache);
}

/* Look for the line that ends in tail. */
static bool cache_find(const struct cache_place *place, char out[SHA256_TEXT_SIZE])
{
    const size_t hash_len = SHA256_TEXT_SIZE - 1;
    const struct buf *tail = &place->tail;
    struct buf cache = {0};
    bool found = false;
    cache_read(place, &cache);
    const char *line = cache.len > 0 ? cache.data : NULL;
    while (line && *line && !found) {
        const char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) + 1 : strlen(line);
        if (len == hash_len + tail->len && memcmp(line + hash_len, tail->data, tail->len) == 0) {
            memcpy(out, line, hash_len);
            out[hash_len] = '\0';
            found = sha256_is_text(out);
        }
        line = end ? end + 1 : NULL;
    }
    buf_free(&cache);
    return found;
}

/* "SHA256 SIZE MTIME_NS PATH", to be cut apart; false if it is none. */
static bool split_line(char *line, struct model_known *out)
{
    char *at = line;
    for (int field = 0; field < 3; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        *at++ = '\0';
    }
    *out = (struct model_known){.sha256 = line, .path = at};
    return *at == '/' && sha256_is_text(line);
}

void model_each_known(bool (*each)(void *user, const struct model_known *known), void *user)
{
    struct cache_place place = {0};
    struct buf cache = {0};
    struct err ignored;
    if (!file_cache_path("sha256", &place.path, &ignored))
        return;
    cache_read(&place, &cache);
    bool more = true;
    for (char *line = cache.data; more && line && *line;) {
        char *end = strchr(line, '\n');
        struct model_known known;
        if (end)
            *end = '\0';
        more = !split_line(line, &known) || each(user, &known);
        line = end ? end + 1 : NULL;
    }
    buf_free(&cache);
    buf_free(&place.path);
}

/* The new line goes first; old ones fall off the end. */
static void cache_store(const struct cache_place *place, const char *hash)
{
    struct buf out = {0}, cache = {0};
    struct err ignored;
    if (place->path.len == 0)
        return;
    cache_read(place, &cache);
    buf_add_text(&out, hash);
    buf_add(&out, place->tail.data, place->tail.len);
    const char *line = cache.len > 0 ? cache.data : NULL;
    for (int lines = 1; line && *line && lines < CACHE_LINES_MAX; lines++) {
        const char *end = strchr(line, '\n');
        if (!end)
            break;
        buf_add(&out, line, (size_t)(end - line) + 1);
        line = end + 1;
    }
    (void)file_write(place->path.data, out.data, out.len, &ignored);
    buf_free(&cache);
    buf_free(&out);
}

/* ---- hashing --------------------------------------------------------------- */

static bool add_chunk(struct hash_job *job, struct sha256 *hash, uint8_t *chunk, size_t *pos)
{
    ssize_t got = pread(job->model->fd, chunk, CHUNK_BYTES, (off_t)*pos);
    if (got < 0 && errno == EINTR)
        return true;
    if (got <= 0)
        return err_set(&job->err, ERR_IO, "cannot read the model: %s",
                       got < 0 ? strerror(errno) : "it ends early");
    *pos += (size_t)got;
    return sha256_add(hash, chunk, (size_t)got, &job->err);
}

static bool hash_file(struct hash_job *job)
{
    uint8_t *chunk = x_new(CHUNK_BYTES, 1);
    struct sha256 *hash = sha256_new(&job->err);
    bool ok = hash != NULL;
    for (size_t pos = 0; ok && pos < job->model->len;)
        ok = atomic_load(&job->stop) ? err_set(&job->err, ERR_CANCELLED, "interrupted")
                                     : add_chunk(job, hash, chunk, &pos);
    ok = ok && sha256_end(hash, job->sha256, &job->err);
    sha256_free(hash);
    free(chunk);
    return ok;
}

static void *run(void *user)
{
    struct hash_job *job = user;
    job->ok = hash_file(job) && model_unchanged(job->model, &job->err);
    if (job->ok)
        cache_store(&job->place, job->sha256);
    atomic_store(&job->done, true);
    return NULL;
}

/* Signals that are sent (not raised by a fault) are for other threads. */
static bool start_thread(struct hash_job *job)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t blocked, before;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < countof(faults); i++)
        (void)sigdelset(&blocked, faults[i]);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    int problem = pthread_create(&job->thread, NULL, run, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return problem == 0;
}

static void job_free(struct hash_job *job)
{
    buf_free(&job->place.path);
    buf_free(&job->place.tail);
    free(job);
}

/* ---- under the lock --------------------------------------------------------- */

/* From the cache, or by a job that finish() waits for (and does, if no thread does). */
static void begin(struct model *model, bool background)
{
    struct identity *identity = &model->identity;
    struct hash_job *job = x_new(1, sizeof *job);
    job->model = model;
    place_find(model, &job->place);
    if (cache_find(&job->place, identity->sha256)) {
        job_free(job);
        return;
    }
    identity->sha256[0] = '\0';
    identity->job = job;
    job->threaded = background && start_thread(job);
}

static bool finish(struct model *model, struct err *err)
{
    struct identity *identity = &model->identity;
    struct hash_job *job = identity->job;
    if (job->threaded)
        (void)pthread_join(job->thread, NULL);
    else
        (void)run(job);
    bool ok = job->ok;
    if (ok)
        memcpy(identity->sha256, job->sha256, sizeof identity->sha256);
    else
        *err = job->err;
    identity->job = NULL;
    job_free(job);
    return ok;
}

/* ---- from outside ------------------------------------------------------------ */

void identity_open(struct identity *identity)
{
    (void)pthread_mutex_init(&identity->lock, NULL);
}

void identity_close(struct identity *identity)
{
    struct hash_job *job = identity->job;
    if (job) {
        atomic_store(&job->stop, true);
        (void)pthread_join(job->thread, NULL); /* only threads outlive the lock */
        job_free(job);
    }
    (void)pthread_mutex_destroy(&identity->lock);
}

void model_hash_start(struct model *model)
{
    struct identity *identity = &model->identity;
    (void)pthread_mutex_lock(&identity->lock);
    if (identity->sha256[0] == '\0' && !identity->job) {
        begin(model, true);
        if (identity->job && !identity->job->threaded) { /* whoever asks will compute it */
            job_free(identity->job);
            identity->job = NULL;
        }
    }
    (void)pthread_mutex_unlock(&identity->lock);
}

bool model_hash_ready(struct model *model)
{
    struct identity *identity = &model->identity;
    (void)pthread_mutex_lock(&identity->lock);
    bool ready = identity->sha256[0] != '\0' ||
                 (identity->job && atomic_load(&identity->job->done));
    (void)pthread_mutex_unlock(&identity->lock);
    return ready;
}

static bool under_way(struct model *model)
{
    struct identity *identity = &model->identity;
    (void)pthread_mutex_lock(&identity->lock);
    bool at_work = identity->job && !atomic_load(&identity->job->done);
    (void)pthread_mutex_unlock(&identity->lock);
    return at_work;
}

const char *model_sha256_unless(struct model *model, cancel_flag *cancel, struct err *err)
{
    const struct timespec moment = {.tv_nsec = 2000000};
    model_hash_start(model);
    while (under_way(model)) {
        if (cancel && atomic_load(cancel)) {
            (void)err_set(err, ERR_CANCELLED, "interrupted");
            return NULL;
        }
        (void)nanosleep(&moment, NULL);
    }
    return model_sha256(model, err);
}

const char *model_sha256(struct model *model, struct err *err)
{
    struct identity *identity = &model->identity;
    bool ok = true;
    (void)pthread_mutex_lock(&identity->lock);
    if (identity->sha256[0] == '\0') {
        ok = model_unchanged(model, err);
        if (ok && !identity->job)
            begin(model, false);
        if (ok && identity->job)
            ok = finish(model, err);
    }
    (void)pthread_mutex_unlock(&identity->lock);
    return ok ? identity->sha256 : (err_file(err, model->path), NULL);
}
