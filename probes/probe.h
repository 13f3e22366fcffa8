/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * probes/probe.h - questions with a right and a wrong answer, in sets.
 *
 * Format: probes/FORMAT.md.  A set owns its probes and their texts.
 */
#ifndef PROBES_PROBE_H
#define PROBES_PROBE_H

#include <jansson.h>

#include "engine/engine.h"
#include "probes/answer.h"
#include "src/base/sha256.h"

struct probe {
    char *name;       /* unique in its set */
    char *set;        /* name of the set it came from */
    char *category;   /* "" if not stated */
    char *prompt;
    char *correct;    /* with its leading space, if any */
    char *wrong;      /* the distractor, "" if the set has none */
    char **alternates; /* further accepted answers */
    size_t alternate_count;
    struct answer_rule rule; /* when a text is right: math unless the set says otherwise */
};

struct probe_set {
    char *name; /* "nano-heldout", or the file's name without folder and ".json" */
    struct probe *probes;
    size_t count;
};

/* spec is a comma-separated list of built-in names, generated sets (maker/maker.h) and
 * paths; several sets are joined into one, each probe keeping its set's name.  A name that
 * begins with "gen:" is generated, else one with '/' or '.' is a path. */
struct probe_set *probe_set_load(const char *spec, struct err *err);
struct probe_set *probe_set_parse(const char *text, size_t len, const char *name, struct err *err);
/* SHA-256, as hex, of what the probes ask and accept, in their order: of each the prompt, the
 * right answer, the wrong one and the alternates as "LENGTH:TEXT", then ";". */
bool probe_set_sha256(const struct probe_set *set, char out[SHA256_TEXT_SIZE], struct err *err);
void probe_set_free(struct probe_set *set);

/* Move the probes of more, which is freed in any case, to the end of set; refused where a
 * set of that name is in it already. */
bool probe_set_join(struct probe_set *set, struct probe_set *more, struct err *err);
/* Take out the probes that are flagged: left_out is [count]. */
void probe_set_leave_out(struct probe_set *set, const bool *left_out);

/* Append the set as FORMAT.md has it, one probe a line: read again it is the same, but
 * that bytes which are not UTF-8 become U+FFFD. */
void probe_set_print(const struct probe_set *set, struct buf *out);
/* One probe of it; new reference. */
json_t *probe_print_json(const struct probe *probe);

/* Judge all answers of the set by this rule from now on.  Refused, with the probe's name
 * in err->where, if an accepted answer cannot be right by it (answer_check). */
bool probe_set_use_rule(struct probe_set *set, const struct answer_rule *rule, struct err *err);

/* Is this what the probe asks for?  Fails as answer_judge does. */
bool probe_judge(const struct probe *probe, const char *text, size_t len, bool *right,
                 struct err *err);

/* Names of the built-in sets, ended by NULL. */
const char *const *probe_set_builtin_names(void);

#endif
