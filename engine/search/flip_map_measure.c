/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/search/flip_map_int.h"
#include "probes/statistics.h"

enum { MEASURED_MAX = 64 }; /* candidates at once */

static size_t at_once(const struct mapping *mapping)
{
    size_t most = measure_at_once(mapping->targets), other = measure_at_once(mapping->controls);
    most = measure_count(mapping->controls) > 0 && other < most ? other : most;
    return most < MEASURED_MAX ? most : MEASURED_MAX;
}

static bool measure_some(struct mapping *mapping, struct flip_map_unit *units, size_t count,
                         cancel_flag *cancel, struct err *err)
{
    struct flip flips[MEASURED_MAX];
    size_t targets = mapping->judge.target_count, controls = mapping->judge.control_count;
    size_t probes = targets + controls;
    double *apart = x_new(count * probes, sizeof *apart), *gaps = x_new(probes, sizeof *gaps);
    for (size_t i = 0; i < count; i++)
        flips[i] = units[i].flip;
    bool ok = measure_try(mapping->targets, flips, count, apart, cancel, err) &&
              measure_try(mapping->controls, flips, count, apart + count * targets, cancel, err);
    for (size_t i = 0; ok && i < count; i++) {
        memcpy(gaps, apart + i * targets, targets * sizeof *gaps);
        memcpy(gaps + targets, apart + count * targets + i * controls, controls * sizeof *gaps);
        units[i].measured = mapping_value(mapping, judge_fitness(&mapping->judge, gaps));
    }
    free(apart);
    free(gaps);
    return ok;
}

static bool measure_units(struct mapping *mapping, struct flip_map_unit *units, size_t count,
                          cancel_flag *cancel, struct err *err)
{
    size_t most = at_once(mapping);
    for (size_t i = 0; i < count; i += most) {
        size_t left = count - i, n = left < most ? left : most;
        if (!measure_some(mapping, units + i, n, cancel, err))
            return false;
        mapping_step(mapping, n);
    }
    return true;
}

static double correlate(const struct flip_map_unit *units, size_t count)
{
    double *value = x_new(count + 1, sizeof *value);
    double *measured = x_new(count + 1, sizeof *measured);
    for (size_t i = 0; i < count; i++) {
        value[i] = units[i].value;
        measured[i] = units[i].measured;
    }
    double spearman = statistics_spearman(value, measured, count);
    free(value);
    free(measured);
    return spearman;
}

static void correlate_all(struct flip_map *map)
{
    struct flip_map_unit *together = x_new(map->sample_count + 1, sizeof *together);
    for (enum proj proj = 0; proj < PROJ_COUNT; proj++) {
        size_t count = 0;
        for (size_t i = 0; i < map->sample_count; i++)
            if (map->samples[i].flip.proj == proj)
                together[count++] = map->samples[i];
        map->by_proj[proj] = correlate(together, count);
    }
    for (size_t i = 0; i < map->matrix_count; i++)
        map->matrices[i].spearman = correlate(map->samples + map->matrices[i].sample_first,
                                              map->matrices[i].sample_count);
    free(together);
}

bool mapping_measure(struct mapping *mapping, cancel_flag *cancel, struct err *err)
{
    struct flip_map *map = mapping->map;
    if (mapping->options->exact == 0)
        return true;
    mapping->total = mapping->done + map->sample_count + map->top_count;
    if (!measure_units(mapping, map->top, map->top_count, cancel, err) ||
        !measure_units(mapping, map->samples, map->sample_count, cancel, err))
        return false;
    correlate_all(map);
    return true;
}
