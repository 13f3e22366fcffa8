/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * patches/patch.h - a set of flips with a name and a history.
 *
 * The format is described in patches/FORMAT.md.  A patch is its own inverse:
 * applying it twice restores the model.  A patch owns its texts and flips; its
 * flips are in the order of the file.
 *
 * [P1] apply, then apply again: the model bytes are the original bytes.
 * [P2] a failed read or apply leaves the model unchanged.
 * [P3] no weight occurs in two flips of one patch (duplicates are refused on
 *      reading; composing takes the symmetric difference).
 */
#ifndef PATCHES_PATCH_H
#define PATCHES_PATCH_H

#include <jansson.h>

#include "engine/engine.h"

struct patch {
    char *format;      /* "bankai_row_xor_v1"; "bankai_row_xor_v1 (legacy row_flip)"; ... */
    char *name;        /* never NULL */
    char *description; /* never NULL */
    char *base_model;  /* name of the model it was made for, "" if not stated */
    char *base_sha256; /* its file's SHA-256 in lower-case hex, "" if not stated */
    char *rows_sha256; /* of the weights it touches (model_rows_sha256), "" if not stated */
    struct flip *flips;
    size_t flip_count;
    uint64_t bits_flipped; /* by these flips, 0 where not known; patch_add forgets it, and
                            * rows_sha256 */
    json_t *metadata; /* object, never NULL; without the hashes, which stand above */
};

struct patch_totals {
    uint64_t rows;   /* whole-row flips */
    uint64_t groups; /* whole-group flips */
    uint64_t bits;   /* flips of single bits or of several bits of a group */
    /* Only with a model (else 0 and has_model is false): */
    bool has_model;
    uint64_t bits_flipped;
    double share_of_mlp; /* flipped gate, up, down bits / all such bits */
    double share_of_all; /* flipped bits / bits of all 1-bit matrices (embedding once if tied) */
};

struct patch *patch_new(void);
void patch_add(struct patch *patch, struct flip flip);
void patch_set_text(char **field, const char *text);

/* Read any variant listed in FORMAT.md, told apart by what is in the file, not by its name.
 * Errors carry file, JSON path (or line and column; or byte), value and range. */
struct patch *patch_read(const char *path, struct err *err);
struct patch *patch_parse(const char *text, size_t len, const char *name, struct err *err);

/* Write bankai_row_xor_v1, or bankai_xor_v2 where single bits of a group are flipped, or
 * the binary form where the path ends in ".xor"; atomically. */
bool patch_write(const struct patch *patch, const char *path, struct err *err);
void patch_print(const struct patch *patch, struct buf *out);

/* The binary form (FORMAT.md), appended to out: flips sorted, those of one group joined,
 * everything else as it is.  patch_parse reads it too, and gives these bytes again when
 * packed.  It fails where libcrypto does. */
bool patch_pack(const struct patch *patch, struct buf *out, struct err *err);

/* What is meant by the bytes of a patch. */
struct patch_bytes {
    size_t flips; /* of the binary form where all texts are empty and no hash is stated */
    size_t file;  /* of the binary form as it is */
    double least; /* bits that tell apart all sets of as many units in the same matrices, in
                   * bytes: no form needs less for random ones (units.h, units_bytes) */
};
struct patch_bytes patch_packed_bytes(const struct patch *patch);

/* Do all flips name weights of this model?  On failure err->where is the JSON
 * path of the first that does not ("flips[3].row"). */
bool patch_fits(const struct patch *patch, const struct model *model, struct err *err);

/* Is this the model the patch states?  True when the hashes agree or the patch
 * states none (then *unstated is true).  The touched weights are compared first: another
 * model is mostly refused at once. */
bool patch_matches(const struct patch *patch, struct model *model, bool *unstated,
                   struct err *err);

/* The same without waiting for the hash of the whole file: until that is known, weights
 * that agree are enough. */
bool patch_matches_rows(const struct patch *patch, struct model *model, bool *unstated,
                   struct err *err);

/* XOR all flips into the model; all or nothing [P1] [P2]. */
bool patch_apply(const struct patch *patch, struct model *model, struct err *err);

/* The symmetric difference of a and b, normalized: groups that make up a whole
 * row become the row (needs the model for the number of groups). */
struct patch *patch_compose(const struct patch *a, const struct patch *b,
                            const struct model *model);

/* model may be NULL. */
struct patch_totals patch_totals(const struct patch *patch, const struct model *model);

void patch_free(struct patch *patch);

#endif
