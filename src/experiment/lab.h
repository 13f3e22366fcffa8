/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/lab.h - what experiments are written with: units of work, sets, gaps,
 * answers, searches.
 *
 * A unit has a name and, once it is done, a result in the record (JSON).  Work on a unit
 * that the record has is not done again.
 */
#ifndef SRC_EXPERIMENT_LAB_H
#define SRC_EXPERIMENT_LAB_H

#include "probes/evaluate.h"
#include "src/experiment/experiment.h"

struct lab {
    const struct experiment *experiment;
    struct model *model;
    struct lab_settings settings; /* filled in */
    bool full_size; /* of the published model's kind, not a small one */
    struct probe_set *probes, *targets, *controls, *heldout; /* or NULL */
    struct probe_set *all;  /* targets, controls and held-out, texts borrowed; or NULL */
    struct buf spec; /* a set's, where it is composed */
    json_t *header;
    struct record *record;
    double save_seconds;
    const struct lab_watch *watch;
    cancel_flag *cancel;
    double done, total; /* tokens */
    size_t resumed;
    struct measure *measure; /* of measured, made when it is first asked for */
    const struct probe_set *measured;
};

/* ---- planning ---------------------------------------------------------------------- */

/* The published model: what shares and depths refer to. */
enum {
    PUBLISHED_LAYERS = 36,
    PUBLISHED_ROWS = 12288, /* of a gate or up matrix */
};

/* Each takes what is in the settings, or the default for a small and a full-size model. */
bool lab_take_set(const char **spec, const char *fallback, struct probe_set **set,
                  struct err *err);
void lab_take_seed(struct lab *lab);
void lab_take_metric(struct lab *lab, enum metric fallback);
void lab_take_iterations(struct lab *lab, uint64_t small, uint64_t full);
void lab_take_repeats(struct lab *lab, uint64_t small, uint64_t full);
/* Layers of a search: all of a small model, else 1 to 4 and the penultimate. */
void lab_take_layers(struct lab *lab);
/* Sets of a search; heldout may be NULL.  Refused as a search refuses them
 * (search_inputs_load).  Makes lab->all. */
bool lab_take_search_sets(struct lab *lab, const char *targets, const char *controls,
                          const char *heldout, struct err *err);
bool lab_layers_fit(const struct lab *lab, struct err *err);

/* ---- units ------------------------------------------------------------------------- */

/* Do the work of a unit: its result, or NULL and err.  Flips it puts on the model it
 * takes off again, also on failure. */
typedef json_t *lab_work(struct lab *lab, const void *request, struct err *err);

/* Unless the record has it: work, check [Y2], record.  tokens: what it costs. */
bool lab_unit(struct lab *lab, const char *unit, double tokens, lab_work *work,
              const void *request, struct err *err);
/* Its result; NULL only before it was done. */
const json_t *lab_result(const struct lab *lab, const char *unit);
double lab_number(const struct lab *lab, const char *unit, const char *key); /* or NAN */
/* Within a unit: tokens more are done. */
void lab_progress(struct lab *lab, const char *what, double tokens);
/* "layer 3": the text is the buffer's. */
#define LAB_NAME_MAX 160
const char *lab_name(char name[LAB_NAME_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* null where the number is not finite */
json_t *lab_real(double value);
/* An integer; null where the number is none. */
json_t *lab_count(double value);

/* ---- flips ------------------------------------------------------------------------- */

struct flips {
    struct flip *data;
    size_t count;
};

void flips_add(struct flips *flips, struct flip flip);
/* Every row of the matrix. */
void flips_add_matrix(struct flips *flips, const struct model *model, int32_t layer,
                      enum proj proj);
/* XOR all of them into the model: on, and with the same call off again. */
void flips_toggle(const struct flips *flips, struct model *model);
uint64_t flips_bits(const struct flips *flips, const struct model *model);
json_t *flips_json(const struct flips *flips);
/* False and err where it is none of flips_json, or does not fit the model. */
bool flips_read(const json_t *array, const struct model *model, struct flips *out,
                struct err *err);
void flips_free(struct flips *flips);

/* ---- gaps -------------------------------------------------------------------------- */

/* Tokens of one measurement of the set, of one greedy answer to each: about. */
double lab_gap_tokens(const struct lab *lab, const struct probe_set *set);
double lab_answer_tokens(const struct lab *lab, const struct probe_set *set);

/* Gaps of the set by settings.metric with the flips on: gaps [set->count]. */
bool lab_gaps(struct lab *lab, const struct probe_set *set, const struct flips *flips,
              double *gaps, struct err *err);

/* The unit "base": gaps of the set without flips. */
bool lab_base(struct lab *lab, const struct probe_set *set, struct err *err);

/* How far gaps are from those before. */
struct shift {
    size_t n;      /* probes with two gaps */
    double mean;   /* of |change| */
    double max;
    size_t signs;  /* gaps that changed their sign: (now > 0) != (before > 0) */
};
struct shift shift_of(const double *before, const double *now, size_t count);
/* From the unit "base" of the same set, with the flips on. */
bool lab_shift(struct lab *lab, const struct probe_set *set, const struct flips *flips,
               struct shift *out, struct err *err);
json_t *shift_json(const struct shift *shift);
json_t *gaps_json(const double *gaps, size_t count);
/* False if the record holds something else: then all are NAN. */
bool gaps_read(const json_t *array, double *gaps, size_t count);

/* ---- answers ----------------------------------------------------------------------- */

/* Greedy answers to the set with the flips on: a unit with {right: "0110..", texts}. */
bool lab_answers(struct lab *lab, const char *unit, const struct probe_set *set,
                 const struct flips *flips, struct err *err);

/* Which probes of a set are looked at; NULL: all. */
struct lab_filter {
    const char *set;
    const char *category;
    const bool *mask; /* [count] */
};

/* Of two such units. */
struct paired {
    size_t n, right_base, right_now, fixed, broke;
    double p; /* exact McNemar, two-sided */
};
struct paired lab_paired(const struct lab *lab, const char *base, const char *now,
                         const struct probe_set *set, const struct lab_filter *filter);
/* A row of answer_columns: label, n, before, after, fixed, broke, p; more keys may be
 * added to it. */
json_t *paired_json(const char *label, const struct paired *paired);
extern const struct column answer_columns[];
enum { ANSWER_COLUMNS = 7 };
/* One row for each set in the probe set, labels begun with the text. */
void account_answers(struct account *account, const struct lab *lab, const char *label,
                     const char *base, const char *now, const struct probe_set *set);

/* Greedy answers of lab->all: a unit "answers, NAME". */
bool lab_answer_all(struct lab *lab, const char *name, const struct flips *flips,
                    struct err *err);
/* The name of that unit. */
const char *answers_unit(char unit[LAB_NAME_MAX], const char *name);

/* ---- searches ---------------------------------------------------------------------- */

struct hunt {
    const char *unit; /* name */
    const struct probe_set *targets;
    const struct probe_set *controls;
    uint64_t iterations;
    uint32_t projs; /* as in struct search_options */
    enum metric metric;
    uint64_t seed_added; /* to the seed of the settings: another draw */
};
/* The published greedy search, recorded as it goes: {flips, fitness, tried, screened,
 * accepted}.  The flips are off the model afterwards. */
bool lab_hunt(struct lab *lab, const struct hunt *hunt, struct err *err);
double lab_hunt_tokens(const struct lab *lab, const struct hunt *hunt);
/* Flips of such a unit. */
bool lab_hunted(const struct lab *lab, const char *unit, struct flips *out, struct err *err);
/* What both its options struct say: for searches of another kind. */
struct search_options lab_search_options(const struct lab *lab, const struct hunt *hunt);

/* Probes of a set for which keep says yes: texts are borrowed from it. */
struct probe_set *subset_new(const struct probe_set *set,
                             bool (*keep)(const struct probe *probe, size_t index, void *user),
                             void *user);
void subset_free(struct probe_set *subset);

#endif
