/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/session/state.h - states of a session in words, and what differs between two.
 *
 * A state is a step: `12`, `base` (step 0), `head`, a name that was given to a step, and
 * behind any of these `~N` for the N-th step above it (`head~3`; `~` alone is `~1`).
 * Two of them with `..` between are a comparison: `base..head`.
 *
 * Flips are compared as sets of weights: what lies on a way twice is off, a row that was
 * flipped group by group is a row, and on tied models head and embedding are the same.
 */
#ifndef SRC_SESSION_STATE_H
#define SRC_SESSION_STATE_H

#include "src/session/flip_set.h"
#include "src/session/session.h"

enum { SESSION_STATE_NAME_MAX = 64 }; /* bytes */

/* May a step be called so?  Not what a state says otherwise: a number, `base`, `head`,
 * `..` or `~` in it; no control characters, no blanks at its ends. */
bool session_state_name_fits(const char *name, struct err *err);

bool session_state(struct session *session, const char *text, int64_t *step, struct err *err);
/* "A..B"; "A.." and "..B" have the head for the other. */
bool session_state_pair(struct session *session, const char *text, int64_t *a, int64_t *b,
                        struct err *err);
/* The first name of a step, appended; else its number. */
void session_state_text(struct session *session, int64_t step, struct buf *out);

/* ---- flips of a state ----------------------------------------------------------- */

/* What is on at a step.  flip_set_free is due in any case. */
bool session_state_flips(struct session *session, int64_t step, struct flip_set *out,
                         struct err *err);

/* ---- two states -------------------------------------------------------------------- */

/* Both generations of a probe. */
struct diff_answer {
    size_t probe; /* index in the origin's probes */
    char *a, *b;  /* as generated, any bytes, with a zero byte behind */
    size_t a_len, b_len;
    bool right_a, right_b;
    size_t differs; /* byte from which on they do; SIZE_MAX: they are the same */
};

enum { DIFF_PARTS = 3 }; /* target, control, held-out */

struct diff_totals {
    size_t n; /* answers known of both */
    size_t right_a, right_b, fixed, broke;
};

struct session_diff {
    int64_t a, b;
    struct flip_set only_a, only_b, both;
    double fitness_a, fitness_b;
    double *gaps_a, *gaps_b; /* [gap_count] of targets and controls, NAN where unknown */
    size_t gap_count;
    struct diff_answer *answers; /* [answer_count] where both are stored */
    size_t answer_count;
    struct diff_totals totals[DIFF_PARTS];
};

/* session_diff_free is due in any case. */
bool session_diff(struct session *session, int64_t a, int64_t b, struct session_diff *out,
                  struct err *err);
void session_diff_free(struct session_diff *diff);
/* Probes [gap_count] with the largest change of their gap first; the caller frees it. */
size_t *session_diff_order(const struct session_diff *diff);

/* 0, 1, 2: of which part a probe of the origin is; its name. */
size_t session_probe_part(const struct session_origin *origin, size_t probe);
const char *session_part_name(size_t part); /* "target", "control", "held-out" */

#endif
