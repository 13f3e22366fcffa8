/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Writing the binary form (FORMAT.md): which flips are written as units of which size.
 *
 * Sizes are chosen matrix by matrix or for all alike, and whole groups are units of their
 * own or several chunks: whatever is shortest.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "patches/packed_int.h"
#include "src/base/num.h"
#include "src/base/sha256.h"
#include "src/base/text.h"

/* ---- flips as they are packed ---------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    return patch_compare_flips(left, right);
}

static struct packing packing_of(const struct patch *patch)
{
    struct packing packing = {x_new(patch->flip_count, sizeof(struct flip)), 0,
                              x_new(patch->flip_count, 1)};
    struct flip *flips = packing.flips;
    for (size_t i = 0; i < patch->flip_count; i++)
        flips[i] = patch->flips[i];
    qsort(flips, patch->flip_count, sizeof *flips, compare);
    for (size_t i = 0; i < patch->flip_count; i++) {
        size_t last = packing.count - 1;
        if (i > 0 && compare(&flips[last], &flips[i]) == 0) {
            flips[last].mask[0] |= flips[i].mask[0];
            flips[last].mask[1] |= flips[i].mask[1];
        } else {
            flips[packing.count++] = flips[i];
        }
    }
    return packing;
}

static void packing_free(struct packing *packing)
{
    free(packing->flips);
    free(packing->units);
}

static bool is_part(const struct flip *flip)
{
    return flip->group != FLIP_WHOLE_ROW && (flip->mask[0] & flip->mask[1]) != UINT64_MAX;
}

/* ---- the size of units ----------------------------------------------------------- */

/* The largest chunk of which all parts of groups in [from, to) are made; PACKED_UNIT_GROUP
 * where there are none. */
static unsigned chunk_of(const struct packing *packing, size_t from, size_t to)
{
    bool parts = false;
    uint64_t edges = 0; /* weights that differ from the one before, in any half group */
    for (size_t i = from; i < to; i++)
        if (is_part(&packing->flips[i])) {
            const uint64_t *mask = packing->flips[i].mask;
            edges |= (mask[0] ^ mask[0] << 1) | (mask[1] ^ mask[1] << 1);
            parts = true;
        }
    unsigned unit = PACKED_UNIT_GROUP + parts;
    while (parts && (edges & ~UINT64_C(1) & ~packed_every(packed_unit_weights(unit))) != 0)
        unit++;
    return unit;
}

/* One choice of sizes. */
struct plan {
    bool alike;  /* chunks of one size in all matrices */
    bool joined; /* whole groups as chunks, where there are chunks */
};

static size_t matrix_end(const struct packing *packing, size_t from)
{
    size_t end = from + 1;
    while (end < packing->count && packing->flips[end].layer == packing->flips[from].layer &&
           packing->flips[end].proj == packing->flips[from].proj)
        end++;
    return end;
}

static void choose_units(struct packing *packing, const struct plan *plan)
{
    for (size_t from = 0, to = 0; from < packing->count; from = to) {
        to = plan->alike ? packing->count : matrix_end(packing, from);
        unsigned chunk = chunk_of(packing, from, to);
        for (size_t i = from; i < to; i++) {
            const struct flip *flip = &packing->flips[i];
            unsigned whole = plan->joined ? chunk : PACKED_UNIT_GROUP;
            unsigned unit = is_part(flip) ? chunk : whole;
            packing->units[i] =
                (uint8_t)(flip->group == FLIP_WHOLE_ROW ? PACKED_UNIT_ROW : unit);
        }
    }
}

/* ---- all sections ---------------------------------------------------------------- */

/* ln x! by Stirling's series, exact to 1e-3 from x = 1 on, less its x ln x - x. */
static double factorial_rest(double x)
{
    return x < 1 ? 0 : 0.5 * log(6.283185307179586 * x) + 1 / (12 * x);
}

/* log2 of the number of sets of k out of n. */
static double set_bits(double n, double k)
{
    double left = n - k;
    double nats = k * log(n / k) - (left > 0 ? left * log1p(-k / n) : 0) + factorial_rest(n) -
                  factorial_rest(k) - factorial_rest(left);
    return nats > 0 ? nats / 0.6931471805599453 : 0;
}

struct sections {
    struct buf bytes;
    double least_bits; /* that as many flips need in any form, on average */
};

static struct sections sections_of(const struct packing *packing)
{
    struct sections sections = {0};
    struct packed_section section[PACKED_UNIT_COUNT];
    unsigned count = 0;
    for (unsigned unit = 0; unit < PACKED_UNIT_COUNT; unit++)
        count += packed_section_of(packing, unit, &section[count]);
    packed_put_byte(&sections.bytes, count);
    for (unsigned i = 0; i < count; i++) {
        packed_put_section(&sections.bytes, packing, &section[i]);
        sections.least_bits += set_bits((double)section[i].space, (double)section[i].count);
    }
    return sections;
}

/* Of plans that are equally short the first. */
static struct sections best_sections(const struct patch *patch)
{
    static const struct plan plans[] = {
        {false, false}, {false, true}, {true, false}, {true, true}};
    struct packing packing = packing_of(patch);
    struct sections best = {0};
    uint8_t *before = x_new(packing.count, 1);
    for (size_t i = 0; i < countof(plans); i++) {
        choose_units(&packing, &plans[i]);
        if (i > 0 && packing.count > 0 && memcmp(before, packing.units, packing.count) == 0)
            continue;
        struct sections sections = sections_of(&packing);
        if (i == 0 || sections.bytes.len < best.bytes.len) {
            buf_free(&best.bytes);
            best = sections;
        } else {
            buf_free(&sections.bytes);
        }
        if (packing.count == 0)
            break;
        memcpy(before, packing.units, packing.count);
    }
    free(before);
    packing_free(&packing);
    return best;
}

/* ---- the file -------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *text)
{
    struct buf valid = {0};
    text_valid(&valid, text, strlen(text));
    packed_put_number(out, valid.len);
    buf_add(out, valid.data ? valid.data : "", valid.len);
    buf_free(&valid);
}

static void put_hash(struct buf *out, const char *hex)
{
    unsigned char bytes[PACKED_HASH_BYTES];
    bool stated = sha256_is_text(hex);
    packed_put_number(out, stated ? sizeof bytes : 0);
    if (!stated)
        return;
    packed_from_hex(hex, bytes, sizeof bytes);
    buf_add(out, bytes, sizeof bytes);
}

/* In one line without spaces, keys in their order. */
static void put_metadata(struct buf *out, const json_t *metadata)
{
    char *text = json_object_size(metadata) ? json_dumps(metadata, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    packed_put_number(out, len);
    buf_add(out, text ? text : "", len);
    free(text);
}

/* They are counted where there are no whole rows. */
static uint64_t bits_to_state(const struct patch *patch)
{
    for (size_t i = 0; i < patch->flip_count; i++)
        if (patch->flips[i].group == FLIP_WHOLE_ROW)
            return patch->bits_flipped;
    return 0;
}

static void put_header(struct buf *out, const struct patch *patch)
{
    buf_add(out, packed_magic, sizeof packed_magic);
    packed_put_byte(out, PACKED_VERSION);
    put_text(out, patch->name);
    put_text(out, patch->description);
    put_text(out, patch->base_model);
    put_hash(out, patch->base_sha256);
    put_hash(out, patch->rows_sha256);
    put_metadata(out, patch->metadata);
    packed_put_number(out, bits_to_state(patch));
}

bool patch_pack(const struct patch *patch, struct buf *out, struct err *err)
{
    size_t begin = out->len;
    struct sections sections = best_sections(patch);
    put_header(out, patch);
    buf_add(out, sections.bytes.data, sections.bytes.len);
    buf_free(&sections.bytes);
    unsigned char check[PACKED_CHECK_BYTES];
    if (!packed_check(out->data + begin, out->len - begin, check, err))
        return false;
    buf_add(out, check, sizeof check);
    return true;
}

/* Magic, version, six empty texts, no bits stated, and the checksum. */
enum { EMPTY_BYTES = PACKED_MAGIC_BYTES + 1 + 6 + 1 + PACKED_CHECK_BYTES };

struct patch_bytes patch_packed_bytes(const struct patch *patch)
{
    struct sections sections = best_sections(patch);
    struct buf header = {0};
    put_header(&header, patch);
    struct patch_bytes bytes = {.flips = EMPTY_BYTES + sections.bytes.len,
                                .file = header.len + sections.bytes.len + PACKED_CHECK_BYTES,
                                .least = sections.least_bits / 8};
    buf_free(&header);
    buf_free(&sections.bytes);
    return bytes;
}
