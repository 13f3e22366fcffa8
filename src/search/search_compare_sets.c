/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Targets, controls, validation and held-out probes, told apart for good.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/report/labelling.h"
#include "src/search/search_compare_int.h"

static void add(struct probe_set *set, const struct probe *probe)
{
    set->probes = x_grow(set->probes, set->count + 1, sizeof *set->probes);
    set->probes[set->count++] = *probe; /* texts are borrowed */
}

static void add_all(struct probe_set *set, const struct probe_set *from)
{
    for (size_t i = 0; i < from->count; i++)
        add(set, &from->probes[i]);
}

/* Which of the targets: the first so many of a shuffle. */
static bool *draw(size_t count, size_t wanted, uint64_t seed)
{
    bool *drawn = x_new(count, sizeof *drawn);
    size_t *order = x_new(count, sizeof *order);
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = 0; i < wanted; i++) {
        size_t other = i + (size_t)rng_below(&rng, count - i), before = order[i];
        order[i] = order[other];
        order[other] = before;
        drawn[order[i]] = true;
    }
    free(order);
    return drawn;
}

static bool split(struct compare_sets *sets, int64_t wanted, uint64_t seed, struct err *err)
{
    const struct probe_set *targets = sets->inputs.targets;
    if (wanted < 0 || (uint64_t)wanted >= targets->count)
        return err_set(err, ERR_USAGE,
                       "--validation: cannot set %" PRId64 " of %zu targets apart, expected 0 to "
                       "%zu", wanted, targets->count, targets->count - 1);
    bool *apart = draw(targets->count, (size_t)wanted, seed);
    for (size_t i = 0; i < targets->count; i++)
        add(&sets->roles[apart[i] ? ROLE_VALIDATION : ROLE_TRAIN], &targets->probes[i]);
    free(apart);
    return true;
}

/* No prompt of a validation set may be known from elsewhere. */
static bool is_apart(const struct compare_sets *sets, const struct probe *probe, struct err *err)
{
    for (size_t i = 0; i < sets->inputs.all.count; i++)
        if (strcmp(sets->inputs.all.probes[i].prompt, probe->prompt) == 0)
            return err_set(err, ERR_MISMATCH,
                           "validation probe '%.60s' of %.60s has the prompt of '%.60s' of %.60s, "
                           "expected prompts of its own",
                           probe->name, probe->set, sets->inputs.all.probes[i].name,
                           sets->inputs.all.probes[i].set);
    return true;
}

static bool load_validation(struct compare_sets *sets, const char *spec, const char *mode,
                            struct err *err)
{
    struct answer_rule rule;
    sets->validation = probe_set_load(spec, err);
    if (!sets->validation)
        return false;
    for (size_t i = 0; i < sets->validation->count; i++)
        if (!is_apart(sets, &sets->validation->probes[i], err))
            return false;
    return !mode || (answer_rule_parse(mode, &rule, err) &&
                     probe_set_use_rule(sets->validation, &rule, err));
}

static void join(struct compare_sets *sets)
{
    struct probe_set *controls = &sets->roles[ROLE_CONTROLS];
    controls->count = sets->all.count = 0;
    add_all(controls, sets->inputs.controls);
    for (int role = 0; role < ROLE_COUNT; role++)
        add_all(&sets->all, &sets->roles[role]);
}

/* The held-out probes are set after set. */
static void find_parts(struct compare_sets *sets)
{
    const struct probe_set *heldout = &sets->roles[ROLE_HELDOUT];
    struct compare_part *part = NULL;
    size_t count = 0;
    for (size_t i = 0; i < heldout->count; i++) {
        const char *name = heldout->probes[i].set;
        if (i == 0 || strcmp(name, heldout->probes[i - 1].set) != 0) {
            if (++count > COMPARE_PARTS)
                return;
            part = &sets->parts[count - 1];
            *part = (struct compare_part){.name = name, .first = i};
        }
        part->count++;
    }
    sets->part_count = count > 1 ? count : 0;
}

bool compare_sets_load(struct compare_sets *sets, const struct search_request *request,
                       const char *validation, struct err *err)
{
    int64_t count = 0;
    bool is_count = validation && num_parse_int(validation, &count);
    if (!search_inputs_load(&sets->inputs, request->targets, request->controls,
                            request->heldout, err) ||
        !search_inputs_use_mode(&sets->inputs, request->mode, err) ||
        !split(sets, count, request->options.seed, err))
        return false;
    if (validation && !is_count && !load_validation(sets, validation, request->mode, err))
        return false;
    if (sets->validation)
        add_all(&sets->roles[ROLE_VALIDATION], sets->validation);
    add_all(&sets->roles[ROLE_HELDOUT], sets->inputs.heldout);
    find_parts(sets);
    join(sets);
    return true;
}

bool compare_sets_label(struct compare_sets *sets, struct model *model, const struct goal *goal,
                        int threads, struct err *err)
{
    bool ok = labelling_shown(&sets->inputs, model, goal, threads, err);
    join(sets); /* some may be left out */
    return ok;
}

void compare_sets_free(struct compare_sets *sets)
{
    for (int role = 0; role < ROLE_COUNT; role++)
        free(sets->roles[role].probes);
    free(sets->all.probes);
    probe_set_free(sets->validation);
    search_inputs_free(&sets->inputs);
}
