/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/experiment/experiment.h - the published experiments, each a list of units of work
 * and an account of what came out beside what was published.
 *
 * How one is run (cmd_experiment.c does it):
 *
 *     struct lab *lab = lab_new(experiment, model, &settings, err);  settings filled in
 *     lab_open(lab, path, fresh, err)                                the record
 *     experiment->run(lab, err)                                      units not done yet
 *     experiment->report(lab, account)                               from the record alone
 *
 * [Y1] an account is a function of the record and the sets: an interrupted run that was
 *      gone on with says, number for number, what one without a stop says.
 * [Y2] after each unit the model is what it was before, to the bit: checked.
 * [Y3] same model, sets, settings and seed: same numbers, on every machine.
 */
#ifndef SRC_EXPERIMENT_EXPERIMENT_H
#define SRC_EXPERIMENT_EXPERIMENT_H

#include "engine/search/search.h"
#include "patches/patch.h"
#include "src/experiment/record.h"
#include "src/experiment/table.h"

enum { LAB_SIZES_MAX = 32, LAB_LAYERS_MAX = 1024 };

/* Options that an experiment looks at; any other is refused. */
enum lab_option {
    LAB_PROBES = 1 << 0,
    LAB_TARGET = 1 << 1,
    LAB_CONTROL = 1 << 2,
    LAB_HELDOUT = 1 << 3,
    LAB_METRIC = 1 << 4,
    LAB_ITERS = 1 << 5,
    LAB_SEED = 1 << 6,
    LAB_REPEATS = 1 << 7,
    LAB_LAYERS = 1 << 8,
    LAB_SIZES = 1 << 9,
    LAB_PATCHES = 1 << 10,
};

/* As given, 0 and NULL where nothing was; lab_new fills in what fits the model. */
struct lab_settings {
    const char *probes, *targets, *controls, *heldout; /* specs of probe_set_load */
    enum metric metric;
    bool has_metric;
    bool has_seed;
    uint64_t seed;
    uint64_t iterations; /* candidates of each search */
    uint64_t repeats;    /* draws of what is random */
    size_t layer_count;
    int32_t layers[LAB_LAYERS_MAX];
    size_t size_count;
    uint64_t sizes[LAB_SIZES_MAX]; /* bits or rows, ascending */
    struct patch *const *patches;  /* [patch_count], borrowed */
    size_t patch_count;
    int threads;
};

struct lab;

struct experiment {
    const char *name;
    const char *numbers;   /* under which it was published: "2, 15", or "none" */
    const char *title;
    const char *shows;     /* what it asks, a sentence */
    const char *published; /* what came out on Bonsai 8B, a sentence */
    const char *source;    /* of all published numbers of this experiment */
    unsigned options;      /* enum lab_option */
    /* Fill in lab->settings and load sets; nothing is measured yet. */
    bool (*plan)(struct lab *lab, struct err *err);
    /* Tokens that its units compute through all layers, about. */
    double (*cost)(const struct lab *lab);
    bool (*run)(struct lab *lab, struct err *err);
    void (*report)(const struct lab *lab, struct account *account);
};

/* Ended by NULL, in the order in which they were published. */
extern const struct experiment *const experiments[];
/* Append "name (published as experiment 2, 15): title". */
void experiment_title(const struct experiment *experiment, struct buf *out);
const struct experiment *experiment_find(const char *name, struct err *err);

/* Told of the work: tokens done of about so many. */
struct lab_watch {
    void (*report)(void *user, const char *what, double done, double total);
    void *user;
};

/* Everything is borrowed and has to outlive the lab. */
struct lab *lab_new(const struct experiment *experiment, struct model *model,
                    const struct lab_settings *settings, struct err *err);

/* What is run, for the record and for people: {experiment, model_sha256, program, settings};
 * borrowed. */
const json_t *lab_header(const struct lab *lab);

/* path NULL: no file.  save_seconds: how long a search runs between two notes of how far
 * it came. */
bool lab_open(struct lab *lab, const char *path, bool fresh, double save_seconds,
              struct err *err);

bool lab_run(struct lab *lab, const struct lab_watch *watch, cancel_flag *cancel,
             struct err *err);

double lab_cost(const struct lab *lab);
/* Units that were taken from the record. */
size_t lab_resumed(const struct lab *lab);
/* Probes that no search of it sees, or NULL. */
const struct probe_set *lab_heldout(const struct lab *lab);
struct record *lab_record(const struct lab *lab);
struct account *lab_account(const struct lab *lab);

void lab_free(struct lab *lab);

#endif
