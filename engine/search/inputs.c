/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The probes that a search is run on.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/search/record.h"
#include "src/base/num.h"

static const char *set_of(const struct probe_set *set, size_t i)
{
    return set->probes[i].set;
}

/* The first probe of each set that was joined into this one. */
static bool begins_set(const struct probe_set *set, size_t i)
{
    return i == 0 || strcmp(set_of(set, i - 1), set_of(set, i)) != 0;
}

static bool sets_differ(const struct probe_set *a, const struct probe_set *b, struct err *err)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; begins_set(a, i) && j < b->count; j++)
            if (begins_set(b, j) && strcmp(set_of(a, i), set_of(b, j)) == 0)
                return err_set(err, ERR_USAGE,
                               "probe set '%.100s' is given twice, expected different sets as "
                               "targets, controls and held-out probes",
                               set_of(a, i));
    return true;
}

static int compare_prompts(const void *a, const void *b)
{
    const struct probe *const *left = a, *const *right = b;
    return strcmp((*left)->prompt, (*right)->prompt);
}

static bool heldout_is_apart(const struct search_inputs *probes, struct err *err)
{
    size_t seen = probes->targets->count + probes->controls->count;
    const struct probe **sorted = x_new(seen, sizeof(struct probe *));
    const struct probe **twin = NULL;
    for (size_t i = 0; i < seen; i++)
        sorted[i] = &probes->all.probes[i];
    qsort(sorted, seen, sizeof(struct probe *), compare_prompts);
    for (size_t i = seen; !twin && i < probes->all.count; i++) {
        const struct probe *held = &probes->all.probes[i];
        twin = bsearch(&held, sorted, seen, sizeof(struct probe *), compare_prompts);
        if (twin)
            (void)err_set(err, ERR_MISMATCH,
                          "held-out probe '%.60s' of %.60s has the prompt of '%.60s' of %.60s, "
                          "expected prompts that the search never sees",
                          held->name, held->set, (*twin)->name, (*twin)->set);
    }
    free(sorted);
    return !twin;
}

/* Every source is read once only: it may be a pipe. */
static struct probe_set *load_controls(const char *spec, struct err *err)
{
    return spec ? labels_load(spec, err) : x_new(1, sizeof(struct probe_set));
}

static struct probe_set *load_set(const char *spec, const char *what, struct err *err)
{
    struct probe_set *set = load_controls(spec, err);
    if (!set || labels_refuse(set, what, err))
        return set;
    probe_set_free(set);
    return NULL;
}

/* Their texts stay with the sets they came from. */
static void join_sets(struct search_inputs *probes)
{
    const struct probe_set *const sets[] = {probes->targets, probes->controls, probes->heldout};
    struct probe_set *all = &probes->all;
    size_t count = 0;
    for (size_t i = 0; i < countof(sets); i++)
        count += sets[i]->count;
    all->probes = x_new(count, sizeof *all->probes);
    for (size_t i = 0; i < countof(sets); i++) {
        if (sets[i]->count > 0)
            memcpy(all->probes + all->count, sets[i]->probes,
                   sets[i]->count * sizeof *all->probes);
        all->count += sets[i]->count;
    }
}

/* Behind the targets. */
static bool add_neighbours(struct search_inputs *probes, const char *spec, struct err *err)
{
    struct probe_set *to = probes->targets, *from = load_set(spec, "neighbours", err);
    bool ok = from && sets_differ(to, from, err);
    if (ok && from->count > 0) {
        to->probes = x_grow(to->probes, to->count + from->count, sizeof *to->probes);
        memcpy(to->probes + to->count, from->probes, from->count * sizeof *to->probes);
        to->count += from->count;
        probes->neighbours = from->count;
        from->count = 0; /* their texts have another owner */
    }
    probe_set_free(from);
    return ok;
}

static bool load_targets(struct search_inputs *probes, const char *targets,
                         const char *neighbours, struct err *err)
{
    *probes = (struct search_inputs){0};
    if (!targets)
        return err_set(err, ERR_USAGE, "there are no targets to search for");
    probes->targets = load_set(targets, "targets", err);
    return probes->targets && add_neighbours(probes, neighbours, err);
}

bool search_inputs_load_beside(struct search_inputs *probes, const char *targets,
                               const char *neighbours, const char *controls, const char *heldout,
                               struct err *err)
{
    if (!load_targets(probes, targets, neighbours, err))
        return false;
    probes->controls = load_controls(controls, err);
    probes->heldout = probes->controls ? load_set(heldout, "held-out probes", err) : NULL;
    if (!probes->heldout || !sets_differ(probes->targets, probes->controls, err) ||
        !sets_differ(probes->targets, probes->heldout, err) ||
        !sets_differ(probes->controls, probes->heldout, err))
        return false;
    probes->labels.seen_elsewhere = labels_leave_out(probes->controls, probes->targets) +
                                    labels_leave_out(probes->controls, probes->heldout);
    join_sets(probes);
    return heldout_is_apart(probes, err);
}

bool search_inputs_load(struct search_inputs *probes, const char *targets, const char *controls,
                        const char *heldout, struct err *err)
{
    return search_inputs_load_beside(probes, targets, NULL, controls, heldout, err);
}

bool search_inputs_label(struct search_inputs *probes, struct model *model, const struct goal *goal,
                         int threads, const struct work_progress *progress, cancel_flag *cancel,
                         struct err *err)
{
    bool ok = labels_make(model, probes->controls, goal, threads, &probes->labels, progress,
                          cancel, err);
    free(probes->all.probes);
    probes->all = (struct probe_set){0};
    join_sets(probes);
    return ok;
}

bool search_inputs_are_labelled(const struct search_inputs *probes)
{
    for (size_t i = 0; i < probes->controls->count; i++)
        if (label_is_pending(&probes->controls->probes[i]))
            return false;
    return true;
}

bool search_inputs_use_mode(struct search_inputs *probes, const char *mode, struct err *err)
{
    struct answer_rule rule;
    if (!mode)
        return true;
    if (!answer_rule_parse(mode, &rule, err))
        return err_where(err, "--mode");
    return probe_set_use_rule(probes->targets, &rule, err) &&
           probe_set_use_rule(probes->controls, &rule, err) &&
           probe_set_use_rule(probes->heldout, &rule, err) &&
           probe_set_use_rule(&probes->all, &rule, err);
}

static char *copy_text(const char *text)
{
    return x_copy(text, strlen(text));
}

static void copy_probe(struct probe *to, const struct probe *from)
{
    *to = (struct probe){
        .name = copy_text(from->name),
        .set = copy_text(from->set),
        .category = copy_text(from->category),
        .prompt = copy_text(from->prompt),
        .correct = copy_text(from->correct),
        .wrong = copy_text(from->wrong),
        .alternates = x_new(from->alternate_count, sizeof *to->alternates),
        .alternate_count = from->alternate_count,
        .rule = from->rule,
    };
    for (size_t i = 0; i < from->alternate_count; i++)
        to->alternates[i] = copy_text(from->alternates[i]);
}

static struct probe_set *copy_set(const struct probe *probes, size_t count, const char *name)
{
    struct probe_set *set = x_new(1, sizeof *set);
    set->name = copy_text(name);
    set->probes = x_new(count, sizeof *set->probes);
    set->count = count;
    for (size_t i = 0; i < count; i++)
        copy_probe(&set->probes[i], &probes[i]);
    return set;
}

void search_inputs_copy(struct search_inputs *probes, const struct probe_set *kept,
                        size_t target_count, size_t control_count)
{
    size_t seen = target_count + control_count;
    BUG_ON(seen > kept->count);
    *probes = (struct search_inputs){0};
    probes->targets = copy_set(kept->probes, target_count, "targets");
    probes->controls = copy_set(kept->probes + target_count, control_count, "controls");
    probes->heldout = copy_set(kept->probes + seen, kept->count - seen, "held-out");
    join_sets(probes);
}

void search_inputs_free(struct search_inputs *probes)
{
    probe_set_free(probes->targets);
    probe_set_free(probes->controls);
    probe_set_free(probes->heldout);
    free(probes->all.probes);
    *probes = (struct search_inputs){0};
}
