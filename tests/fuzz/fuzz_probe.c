/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as a probe set: refused with an error, or a set in which every
 * probe has what probes/probe.h promises.
 */
#include <string.h>

#include "probes/answer.h"
#include "probes/probe.h"
#include "tests/fuzz/fuzz.h"

static void check_probe(const struct probe *probe)
{
    BUG_ON(!probe->name || !probe->set || !probe->category || !probe->prompt);
    BUG_ON(!probe->correct || !probe->wrong);
    BUG_ON(probe->alternate_count > 0 && !probe->alternates);
    for (size_t i = 0; i < probe->alternate_count; i++)
        BUG_ON(!probe->alternates[i]);
    /* The answer matcher sees the same hostile texts; any verdict will do. */
    (void)answer_math(probe->prompt, strlen(probe->prompt),
                      (const char *const *)&probe->correct, 1);
    (void)answer_math(probe->correct, strlen(probe->correct),
                      (const char *const *)probe->alternates, probe->alternate_count);
}

static void check_unique_names(const struct probe_set *set)
{
    for (size_t i = 0; i < set->count && i < 100; i++) {
        for (size_t j = 0; j < i; j++)
            BUG_ON(strcmp(set->probes[i].name, set->probes[j].name) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct probe_set *set = probe_set_parse((const char *)data, size, "fuzz", &err);
    BUG_ON(!set != (err.code != ERR_NONE));
    if (!set)
        return 0;
    for (size_t i = 0; i < set->count; i++)
        check_probe(&set->probes[i]);
    check_unique_names(set);
    probe_set_free(set);
    return 0;
}
