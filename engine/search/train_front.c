/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/train_front.h"

static bool is_as_good(const struct train_step *a, const struct train_step *b)
{
    return a->bytes <= b->bytes && a->control <= b->control && a->broken <= b->broken &&
           a->validation.target >= b->validation.target;
}

bool train_step_beats(const struct train_step *a, const struct train_step *b)
{
    return is_as_good(a, b) && !is_as_good(b, a);
}

static bool is_beaten(const struct train_step *steps, size_t count, size_t which)
{
    for (size_t i = 0; i < count; i++) {
        bool equal_before = i < which && is_as_good(&steps[i], &steps[which]);
        if (steps[i].kept > 0 && (equal_before || train_step_beats(&steps[i], &steps[which])))
            return true;
    }
    return false;
}

void train_front(const struct train_step *steps, size_t count, struct objective before,
                 bool *front)
{
    const struct train_step base = {.validation = before};
    for (size_t i = 0; i < count; i++)
        front[i] = steps[i].kept > 0 && !train_step_beats(&base, &steps[i]) &&
                   !is_beaten(steps, count, i);
}
