/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any bytes as the spec of a generated probe set: refused with an error that names it, or
 * the probes that probes/maker/maker.h promises.
 */
#include <stdlib.h>
#include <string.h>

#include "probes/maker/maker.h"
#include "src/base/buf.h"
#include "tests/fuzz/fuzz.h"

enum { MADE_MAX = 20 }; /* more only costs time */

static void check_probe(const struct probe *probe)
{
    bool right = false, wrong = true;
    struct err err = {0};
    BUG_ON(!*probe->prompt || !*probe->correct || !*probe->wrong || !*probe->category);
    BUG_ON(!probe_judge(probe, probe->correct, strlen(probe->correct), &right, &err) || !right);
    BUG_ON(!probe_judge(probe, probe->wrong, strlen(probe->wrong), &wrong, &err) || wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct maker_request request;
    struct buf spec = {0};
    buf_add_text(&spec, "gen:");
    buf_add(&spec, data, size);
    bool ok = maker_parse(spec.data, &request, &err);
    BUG_ON(ok != (err.code == ERR_NONE));
    buf_free(&spec);
    if (!ok)
        return 0;
    BUG_ON(request.count < 1 || request.count > MAKER_COUNT_MAX);
    if (request.count > MADE_MAX)
        request.count = MADE_MAX;
    struct probe_set *set = maker_make(&request, &err);
    BUG_ON(!set || set->count > request.count);
    for (size_t i = 0; i < set->count; i++)
        check_probe(&set->probes[i]);
    probe_set_free(set);
    return 0;
}
