/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/six_probes.h"

#include "tests/simple.h"

struct probe probes[PROBES];
struct probe_set targets, controls;

void six_probes_fill(struct probe out[PROBES])
{
    static const char *const texts[PROBES][3] = {
        {"ab", "c", "d"},   {"xy z", "1", "2"},  {"hello", " w", " v"},
        {"3+4=", "7", "8"}, {"the", " a", " b"}, {"q", "u", "r"},
    };
    for (size_t i = 0; i < PROBES; i++) {
        out[i] = simple_probe(texts[i][0], texts[i][1], texts[i][2]);
        out[i].name = out[i].prompt;
    }
}

int six_probes_make(void **state)
{
    (void)state;
    six_probes_fill(probes);
    targets = simple_set(probes, TARGETS);
    controls = simple_set(probes + TARGETS, CONTROLS);
    return 0;
}
