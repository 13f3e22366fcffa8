/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probes/maker/maker.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "probes/maker/maker_int.h"
#include "src/base/num.h"

/* After so many draws in a row without anything new a family has run out. */
enum { PATIENCE = 20000 };

static const char prefix[] = "gen:";

/* ---- specs ------------------------------------------------------------------------- */

static const char *side_name(enum maker_side side)
{
    return side == MAKER_TRAIN ? "train" : "heldout";
}

bool maker_side_parse(const char *name, enum maker_side *side)
{
    *side = strcmp(name, "heldout") == 0 ? MAKER_HELDOUT : MAKER_TRAIN;
    return strcmp(name, side_name(*side)) == 0;
}

bool maker_is_spec(const char *spec)
{
    return strncmp(spec, prefix, strlen(prefix)) == 0;
}

/* Digits only: no sign, no space. */
static bool parse_number(const char *text, int64_t min, int64_t max, const char *what,
                         int64_t *out, struct err *err)
{
    if (isdigit((unsigned char)*text) && num_parse_int(text, out) && *out >= min && *out <= max)
        return true;
    return err_set(err, ERR_USAGE, "%s is '%.40s', expected a whole number from %" PRId64
                   " to %" PRId64, what, text, min, max);
}

/* parts: FAMILY, N, SEED, SIDE, as many as there are, the rest NULL */
static bool parse_parts(char *const parts[4], struct maker_request *request, struct err *err)
{
    int64_t count = MAKER_USUAL_COUNT, seed = MAKER_USUAL_SEED;
    request->side = MAKER_TRAIN;
    if (!maker_family_parse(parts[0], &request->family, err) ||
        (parts[1] && !parse_number(parts[1], 1, MAKER_COUNT_MAX, "the number of probes", &count,
                                   err)) ||
        (parts[2] && !parse_number(parts[2], 0, INT64_MAX, "the seed", &seed, err)))
        return false;
    if (parts[3] && !maker_side_parse(parts[3], &request->side))
        return err_set(err, ERR_USAGE, "the side is '%.40s', expected train or heldout", parts[3]);
    request->count = (size_t)count;
    request->seed = (uint64_t)seed;
    return true;
}

bool maker_parse(const char *spec, struct maker_request *request, struct err *err)
{
    char *parts[4] = {NULL};
    size_t count = 0;
    BUG_ON(!maker_is_spec(spec));
    char *copy = x_copy(spec, strlen(spec)), *rest = copy + strlen(prefix);
    for (char *part; count < countof(parts) && (part = strsep(&rest, ":"));)
        parts[count++] = part;
    bool ok = rest ? err_set(err, ERR_USAGE, "there is more behind the side, expected "
                                             "gen:FAMILY[:N[:SEED[:train|heldout]]]")
                   : parse_parts(parts, request, err);
    free(copy);
    return ok || err_where(err, "%.60s", spec);
}

static char *spec_of(const struct maker_request *request)
{
    struct buf spec = {0};
    buf_add_format(&spec, "%s%s:%zu:%" PRIu64 ":%s", prefix,
                   family_at(request->family)->told.name, request->count, request->seed,
                   side_name(request->side));
    return spec.data;
}

/* ---- making ------------------------------------------------------------------------- */

/* Draws of one family. */
struct stream {
    const struct family *family;
    struct rng rng;
    bool dry;
};

/* What a set is made from. */
struct making {
    const struct maker_request *request;
    struct stream *streams; /* in turn */
    size_t stream_count;
    struct sides *sides;
    struct draft draft;
};

static void add_stream(struct making *making, size_t family)
{
    struct stream *stream = &making->streams[making->stream_count++];
    stream->family = family_at(family);
    rng_seed(&stream->rng, making->request->seed);
}

static void open_streams(struct making *making)
{
    size_t count = 0, chosen = making->request->family;
    while (maker_families()[count].name)
        count++;
    making->streams = x_new(count, sizeof *making->streams);
    if (family_at(chosen)->draw)
        add_stream(making, chosen);
    for (size_t i = 0; i < count && !family_at(chosen)->draw; i++)
        if (family_at(i)->draw)
            add_stream(making, i);
}

/* The next draft of the stream that is new and on the right side; false: there are no
 * more, or draft.failed. */
static bool draw_next(struct making *making, struct stream *stream)
{
    struct draft *draft = &making->draft;
    for (int misses = 0; misses < PATIENCE && !draft->failed; misses++) {
        draft_clear(draft);
        stream->family->draw(&stream->rng, draft);
        BUG_ON(draft->wrong.len == 0 && !draft->failed);
        if (sides_take(making->sides, stream->family, draft, making->request->side))
            return true;
    }
    return false;
}

static char *answer_text(const struct draft *draft, const struct buf *answer)
{
    struct buf text = {0};
    buf_add_format(&text, "%s%s", draft->attached ? "" : " ", answer->data);
    return text.data;
}

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

static void add_probe(struct probe_set *set, const struct making *making, const char *family)
{
    const struct maker_request *request = making->request;
    const struct draft *draft = &making->draft;
    struct buf name = {0};
    buf_add_format(&name, "%s_%s_s%" PRIu64 "_%zu", family, side_name(request->side),
                   request->seed, set->count);
    struct probe *probe = &set->probes[set->count++];
    *probe = (struct probe){
        .name = name.data,
        .set = copy_text(set->name),
        .category = copy_text(family),
        .prompt = copy_text(draft->prompt.data),
        .correct = answer_text(draft, &draft->correct),
        .wrong = answer_text(draft, &draft->wrong),
        .alternates = x_new(draft->alternate_count, sizeof(char *)),
        .alternate_count = draft->alternate_count,
    };
    for (size_t i = 0; i < draft->alternate_count; i++)
        probe->alternates[i] = answer_text(draft, &draft->alternates[i]);
    if (strcasecmp(probe->correct, probe->wrong) == 0)
        probe->rule.mode = ANSWER_EXACT; /* the usual rule does not tell letter case */
}

/* From every stream in turn, until there are enough or all are dry. */
static void fill(struct probe_set *set, struct making *making)
{
    size_t dry = 0;
    for (size_t i = 0; set->count < making->request->count && dry < making->stream_count; i++) {
        struct stream *stream = &making->streams[i % making->stream_count];
        if (stream->dry)
            continue;
        if (draw_next(making, stream)) {
            add_probe(set, making, stream->family->told.name);
        } else {
            stream->dry = true;
            dry++;
        }
    }
}

struct probe_set *maker_make(const struct maker_request *request, struct err *err)
{
    struct making making = {.request = request, .draft = {.err = err}};
    making.sides = sides_new(err);
    if (!making.sides)
        return NULL;
    struct probe_set *set = x_new(1, sizeof *set);
    set->name = spec_of(request);
    set->probes = x_new(request->count, sizeof *set->probes);
    open_streams(&making);
    fill(set, &making);
    if (making.draft.failed) {
        probe_set_free(set);
        set = NULL;
    }
    free(making.streams);
    draft_free(&making.draft);
    sides_free(making.sides);
    return set;
}

struct probe_set *maker_load(const char *spec, struct err *err)
{
    struct maker_request request;
    struct probe_set *set = maker_parse(spec, &request, err) ? maker_make(&request, err) : NULL;
    if (!set || set->count == request.count)
        return set;
    (void)err_set(err, ERR_RANGE, "%s has only %zu different prompts on this side, expected at "
                  "most so many", family_at(request.family)->told.name, set->count);
    (void)err_where(err, "%s", set->name);
    probe_set_free(set);
    return NULL;
}
