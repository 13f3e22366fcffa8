/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/front.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"

void front_init(struct front *front, size_t dimensions)
{
    *front = (struct front){.dimensions = dimensions};
}

static bool nowhere_below(const double *a, const double *b, size_t dimensions)
{
    for (size_t i = 0; i < dimensions; i++)
        if (!(a[i] >= b[i])) /* nor beside a NAN */
            return false;
    return true;
}

bool front_dominates(const double *a, const double *b, size_t dimensions)
{
    return nowhere_below(a, b, dimensions) && !nowhere_below(b, a, dimensions);
}

static void point_free(struct front_point *point)
{
    flip_bag_free(&point->bag);
    free(point->values);
}

static void drop_dominated(struct front *front, const double *values)
{
    size_t kept = 0;
    for (size_t i = 0; i < front->count; i++)
        if (front_dominates(values, front->points[i].values, front->dimensions))
            point_free(&front->points[i]);
        else
            front->points[kept++] = front->points[i];
    front->count = kept;
}

bool front_offer(struct front *front, const struct flip_bag *bag, const double *values,
                 uint64_t number)
{
    for (size_t i = 0; i < front->count; i++)
        if (nowhere_below(front->points[i].values, values, front->dimensions))
            return false;
    drop_dominated(front, values);
    front->points = x_grow(front->points, front->count + 1, sizeof *front->points);
    struct front_point *point = &front->points[front->count++];
    *point = (struct front_point){.number = number};
    flip_bag_copy(&point->bag, bag);
    point->values = x_new(front->dimensions, sizeof *values);
    memcpy(point->values, values, front->dimensions * sizeof *values);
    return true;
}

void front_free(struct front *front)
{
    for (size_t i = 0; i < front->count; i++)
        point_free(&front->points[i]);
    free(front->points);
    *front = (struct front){0};
}
