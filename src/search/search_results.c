/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/search/search_results.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/num.h"

json_t *search_results_json(const struct probe_set *set, const struct evaluation *base,
                            const struct evaluation *now)
{
    struct tally *sets = NULL;
    size_t count = tally_results(set, base, now, TALLY_BY_SET, &sets);
    json_t *results = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *name = json_text(sets[i].name, strlen(sets[i].name)); /* any bytes */
        (void)json_object_set_new(
            results, json_string_value(name),
            json_pack("{s:I, s:I, s:I, s:I, s:I}", "n", (json_int_t)sets[i].n, "right_base",
                      (json_int_t)sets[i].right_base, "right_now", (json_int_t)sets[i].right_now,
                      "fixed", (json_int_t)sets[i].fixed, "broke", (json_int_t)sets[i].broke));
        json_decref(name);
    }
    free(sets);
    return results;
}

void search_results_set(struct patch *patch, const struct search_inputs *probes,
                        const struct evaluation *base, const struct evaluation *now)
{
    const struct {
        const char *name;
        const struct probe_set *set;
    } roles[] = {{"targets", probes->targets},
                 {"controls", probes->controls},
                 {"heldout", probes->heldout}};
    json_t *results = json_object();
    size_t first = 0;
    for (size_t i = 0; i < countof(roles); i++) {
        const struct probe_set *set = roles[i].set;
        struct evaluation before = evaluation_slice(base, first, set->count),
                          after = evaluation_slice(now, first, set->count);
        if (set->count > 0)
            (void)json_object_set_new(results, roles[i].name,
                                      search_results_json(set, &before, &after));
        first += set->count;
    }
    (void)json_object_set_new(patch->metadata, "results", results);
}
