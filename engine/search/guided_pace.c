/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/guided.h"

enum { EVERY_FIRST = 8, EVERY_LEAST = 2, EVERY_MOST = 32, PATIENCE = 4 };

struct guided_pace guided_pace_first(uint64_t together)
{
    return (struct guided_pace){.every = EVERY_FIRST, .size = 1, .most = together};
}

bool guided_pace_due(const struct guided_pace *pace, uint64_t units)
{
    uint64_t left = units - pace->settled_before;
    uint64_t list = left < GUIDED_LIST ? left : GUIDED_LIST;
    return !pace->listed || pace->accepted >= pace->every || pace->settled >= list ||
           (pace->accepted > 0 && pace->tried >= PATIENCE * pace->every);
}

/* Predictions and measurements agree if most of what was promised was accepted. */
void guided_pace_list(struct guided_pace *pace)
{
    uint64_t settled = pace->settled;
    if (settled > 0 && 4 * pace->accepted >= 3 * settled)
        pace->every = pace->every * 2 < EVERY_MOST ? pace->every * 2 : EVERY_MOST;
    else if (settled > 0 && 3 * pace->accepted < settled)
        pace->every = pace->every / 2 > EVERY_LEAST ? pace->every / 2 : EVERY_LEAST;
    pace->settled_before += settled;
    pace->tried = pace->settled = pace->accepted = 0;
    pace->part_count = 0;
    pace->listed = true;
}

size_t guided_pace_next(const struct guided_pace *pace)
{
    return pace->part_count > 0 ? pace->parts[pace->part_count - 1] : (size_t)pace->size;
}

/* The next batch. */
static void set_size(struct guided_pace *pace, const struct guided_outcome *outcome)
{
    uint64_t twice = pace->size * 2 < pace->most ? pace->size * 2 : pace->most;
    uint64_t half = pace->size > 1 ? pace->size / 2 : 1;
    bool good = outcome->accepted && outcome->gain * 2 >= outcome->promised;
    if (!outcome->accepted)
        pace->size = half;
    else if (good && pace->good)
        pace->size = twice;
    pace->good = good && !pace->good;
}

/* Halves of a rejected batch, the better one first.  Each is at most half of its batch, which
 * bounds how many there are: GUIDED_LIST is 2^9. */
static bool push_halves(struct guided_pace *pace, size_t count)
{
    if (pace->part_count + 2 > GUIDED_PARTS)
        return false;
    pace->parts[pace->part_count++] = count / 2;
    pace->parts[pace->part_count++] = count - count / 2;
    return true;
}

bool guided_pace_tried(struct guided_pace *pace, const struct guided_outcome *outcome)
{
    bool is_part = pace->part_count > 0;
    size_t count = outcome->count, next = guided_pace_next(pace);
    if (count == 0 || count > next || (is_part && count != next))
        return false;
    pace->tried++;
    if (is_part)
        pace->part_count--;
    else
        set_size(pace, outcome);
    if (!outcome->accepted && count > 1)
        return push_halves(pace, count);
    pace->settled += count;
    pace->accepted += outcome->accepted ? count : 0;
    return true;
}
