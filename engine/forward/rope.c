/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rotary position embedding: the frequency of pair i is base^(-2i / head_dim).
 *
 * Scaling: `linear` divides it by factor.  `yarn` (Peng et al., "YaRN", 2023)
 * mixes the plain and the divided frequency along a ramp over the pairs and
 * multiplies cosine and sine by 1 + 0.1 ln factor.  As in llama.cpp it holds at
 * all positions whenever the file's keys ask for it.
 */
#include "engine/forward/work.h"
#include "engine/kernel/math.h"

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* The pair that turns `turns` times over the original context; somewhere
 * outside the head where there is none (infinite for base 1). */
static double pair_of_turns(const struct rope *rope, double head_dim, double turns)
{
    const double two_pi = 6.283185307179586;
    double pair = head_dim * math_log(rope->original_context / (turns * two_pi)) /
                  (2.0 * math_log(rope->base));
    return clamp(pair, -1.0, head_dim);
}

static double floor_of(double x)
{
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

static double yarn_frequency(const struct rope *rope, double head_dim, double pair, double plain)
{
    enum { BETA_FAST = 32, BETA_SLOW = 1 };
    double low = clamp(floor_of(pair_of_turns(rope, head_dim, BETA_FAST)), 0, head_dim - 1);
    double high = clamp(-floor_of(-pair_of_turns(rope, head_dim, BETA_SLOW)), 0, head_dim - 1);
    double width = high - low > 0.001 ? high - low : 0.001;
    double ramp = 1.0 - clamp((pair - low) / width, 0, 1);
    return plain * ((1.0 - ramp) / rope->factor + ramp);
}

void rope_prepare(struct work *work)
{
    const struct rope *rope = &work->model->rope;
    double head_dim = work->model->shape.head_dim;
    for (uint32_t i = 0; i < work->model->shape.head_dim / 2; i++) {
        double plain = math_pow(rope->base, -2.0 * (double)i / head_dim);
        if (rope->scaling == ROPE_YARN)
            plain = yarn_frequency(rope, head_dim, (double)i, plain);
        else if (rope->scaling == ROPE_LINEAR)
            plain /= rope->factor;
        work->frequencies[i] = plain;
    }
    work->rope_magnitude =
        rope->scaling == ROPE_YARN ? (float)(1.0 + 0.1 * math_log(rope->factor)) : 1.0f;
}

void rope_angles(const struct work *work, size_t position, float *cosines, float *sines)
{
    for (uint32_t i = 0; i < work->model->shape.head_dim / 2; i++) {
        double sine = 0, cosine = 0;
        math_sincos((double)position * work->frequencies[i], &sine, &cosine);
        cosines[i] = (float)cosine * work->rope_magnitude;
        sines[i] = (float)sine * work->rope_magnitude;
    }
}

void rope_reach(struct work *work, size_t position)
{
    BUG_ON(position >= work->positions_max);
    size_t half = work->model->shape.head_dim / 2;
    for (; work->angle_count <= position; work->angle_count++) {
        float *angles = work->angles + work->angle_count * 2 * half;
        rope_angles(work, work->angle_count, angles, angles + half);
    }
}
