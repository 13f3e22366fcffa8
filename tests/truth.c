/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/model_int.h"

static double scale_of(const uint8_t *block)
{
    unsigned half = (unsigned)block[0] | (unsigned)block[1] << 8;
    int exponent = (int)(half >> 10 & 31), fraction = (int)(half & 1023);
    double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return half & 0x8000 ? -value : value;
}

static double weight(const struct matrix *m, size_t row, size_t column)
{
    const uint8_t *block = m->blocks + (row * (m->columns / 128) + column / 128) * 18;
    double d = scale_of(block);
    return block[2 + column % 128 / 8] >> column % 8 & 1 ? d : -d;
}

/* 1 or -1 for each bit of a byte: a choice by the bit would be guessed wrong half of
 * the time. */
static double signs[256][8];

static void fill_signs(void)
{
    for (size_t byte = 0; byte < 256; byte++)
        for (size_t i = 0; i < 8; i++)
            signs[byte][i] = byte >> i & 1 ? 1 : -1;
}

/* One row's group: the scale times the inputs with their signs. */
static double group_sum(const uint8_t *block, const double *x)
{
    double sums[8] = {0}, sum = 0;
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 8; j++)
            sums[j] += signs[block[2 + i]][j] * x[8 * i + j];
    for (size_t j = 0; j < 8; j++)
        sum += sums[j];
    return scale_of(block) * sum;
}

static void times(const struct matrix *m, const double *x, double *y)
{
#pragma omp parallel for
    for (size_t r = 0; r < m->rows; r++) {
        const uint8_t *blocks = m->blocks + r * (m->columns / 128) * 18;
        y[r] = 0;
        for (size_t g = 0; g < m->columns / 128; g++)
            y[r] += group_sum(blocks + g * 18, x + g * 128);
    }
}

static void norm(const double *x, const float *gain, size_t n, double eps, double *out)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    double r = 1 / sqrt(sum / (double)n + eps);
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * r * (double)gain[i];
}

static double frequency(const struct rope *rope, double dim, double i)
{
    const double pi = 3.14159265358979323846;
    double plain = pow(rope->base, -2 * i / dim);
    if (rope->scaling == ROPE_LINEAR)
        return plain / rope->factor;
    if (rope->scaling == ROPE_PLAIN)
        return plain;
    double low = floor(dim * log(rope->original_context / (2 * pi * 32)) / (2 * log(rope->base)));
    double high = ceil(dim * log(rope->original_context / (2 * pi)) / (2 * log(rope->base)));
    low = fmin(fmax(low, 0), dim - 1);
    high = fmin(fmax(high, 0), dim - 1);
    double ramp = 1 - fmin(fmax((i - low) / fmax(0.001, high - low), 0), 1);
    return plain * ((1 - ramp) / rope->factor + ramp);
}

static void turn(const struct rope *rope, double *x, size_t dim, size_t position)
{
    double magnitude = rope->scaling == ROPE_YARN ? 1 + 0.1 * log(rope->factor) : 1;
    for (size_t i = 0; i < dim / 2; i++) {
        double angle = (double)position * frequency(rope, (double)dim, (double)i);
        double c = cos(angle) * magnitude, s = sin(angle) * magnitude;
        double a = x[i], b = x[i + dim / 2];
        x[i] = a * c - b * s;
        x[i + dim / 2] = b * c + a * s;
    }
}

/* What is added at this position, in this layer; the rest of the file sees one at a time. */
struct nudging {
    const struct truth_nudge *what; /* or NULL */
    size_t position;
    int32_t layer;
};

static void nudge(const struct nudging *nudging, enum proj proj, double *y)
{
    const struct truth_nudge *what = nudging->what;
    if (what && what->layer == nudging->layer && what->proj == proj &&
        what->position == nudging->position)
        y[what->row] += what->amount;
}

struct work {
    struct nudging nudging;
    double *x, *n, *q, *mixed, *out, *gate, *up;
    double *k, *v; /* [layer][position][kv_dim] */
};

static void attend(const struct model_shape *s, struct work *w, const double *k, const double *v,
                   size_t position)
{
    size_t dim = s->head_dim, kv_dim = s->kv_heads * dim;
    double *p = calloc(position + 1, sizeof *p);
    for (size_t h = 0; h < s->heads; h++) {
        size_t kv = h / (s->heads / s->kv_heads) * dim;
        double top = -(double)INFINITY, sum = 0;
        for (size_t i = 0; i <= position; i++) {
            p[i] = 0;
            for (size_t j = 0; j < dim; j++)
                p[i] += w->q[h * dim + j] * k[i * kv_dim + kv + j];
            p[i] /= sqrt((double)dim);
            top = fmax(top, p[i]);
        }
        for (size_t i = 0; i <= position; i++)
            sum += p[i] = exp(p[i] - top);
        for (size_t j = 0; j < dim; j++) {
            double total = 0;
            for (size_t i = 0; i <= position; i++)
                total += p[i] / sum * v[i * kv_dim + kv + j];
            w->mixed[h * dim + j] = total;
        }
    }
    free(p);
}

static void layer_truth(const struct model *model, const struct layer *layer, struct work *w,
                        double *k, double *v, size_t position)
{
    const struct model_shape *s = &model->shape;
    size_t dim = s->head_dim, kv_dim = s->kv_heads * dim;
    double eps = (double)model->eps;
    norm(w->x, layer->attn_norm, s->width, eps, w->n);
    times(&layer->matrix[PROJ_Q], w->n, w->q);
    nudge(&w->nudging, PROJ_Q, w->q);
    times(&layer->matrix[PROJ_K], w->n, k + position * kv_dim);
    nudge(&w->nudging, PROJ_K, k + position * kv_dim);
    times(&layer->matrix[PROJ_V], w->n, v + position * kv_dim);
    nudge(&w->nudging, PROJ_V, v + position * kv_dim);
    for (size_t h = 0; h < s->heads; h++) {
        norm(w->q + h * dim, layer->q_norm, dim, eps, w->q + h * dim);
        turn(&model->rope, w->q + h * dim, dim, position);
    }
    for (size_t h = 0; h < s->kv_heads; h++) {
        double *head = k + position * kv_dim + h * dim;
        norm(head, layer->k_norm, dim, eps, head);
        turn(&model->rope, head, dim, position);
    }
    attend(s, w, k, v, position);
    times(&layer->matrix[PROJ_O], w->mixed, w->out);
    nudge(&w->nudging, PROJ_O, w->out);
    for (size_t i = 0; i < s->width; i++)
        w->x[i] += w->out[i];
    norm(w->x, layer->ffn_norm, s->width, eps, w->n);
    times(&layer->matrix[PROJ_GATE], w->n, w->gate);
    nudge(&w->nudging, PROJ_GATE, w->gate);
    times(&layer->matrix[PROJ_UP], w->n, w->up);
    nudge(&w->nudging, PROJ_UP, w->up);
    for (size_t i = 0; i < s->ffn; i++)
        w->gate[i] = w->gate[i] / (1 + exp(-w->gate[i])) * w->up[i];
    times(&layer->matrix[PROJ_DOWN], w->gate, w->out);
    nudge(&w->nudging, PROJ_DOWN, w->out);
    for (size_t i = 0; i < s->width; i++)
        w->x[i] += w->out[i];
}

void truth_logits(const struct model *model, const int32_t *ids, size_t count, double *out)
{
    truth_logits_nudged(model, ids, count, NULL, out);
}

void truth_logits_nudged(const struct model *model, const int32_t *ids, size_t count,
                         const struct truth_nudge *nudge_what, double *out)
{
    const struct model_shape *s = &model->shape;
    size_t kv_dim = (size_t)s->kv_heads * s->head_dim, q_dim = (size_t)s->heads * s->head_dim;
    struct work w = {
        .x = calloc(s->width, sizeof(double)),
        .n = calloc(s->width, sizeof(double)),
        .q = calloc(q_dim, sizeof(double)),
        .mixed = calloc(q_dim, sizeof(double)),
        .out = calloc(s->width, sizeof(double)),
        .gate = calloc(s->ffn, sizeof(double)),
        .up = calloc(s->ffn, sizeof(double)),
        .k = calloc(s->layers * count * kv_dim, sizeof(double)),
        .v = calloc(s->layers * count * kv_dim, sizeof(double)),
    };
    fill_signs();
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < s->width; i++)
            w.x[i] = weight(&model->embed, (size_t)ids[t], i);
        w.nudging = (struct nudging){nudge_what, t, NO_LAYER};
        nudge(&w.nudging, PROJ_EMBED, w.x);
        for (size_t l = 0; l < s->layers; l++) {
            w.nudging.layer = (int32_t)l;
            layer_truth(model, &model->layers[l], &w, w.k + l * count * kv_dim,
                        w.v + l * count * kv_dim, t);
        }
        w.nudging.layer = NO_LAYER;
        norm(w.x, model->final_norm, s->width, (double)model->eps, w.n);
        times(&model->head, w.n, out + t * s->vocab);
        nudge(&w.nudging, PROJ_HEAD, out + t * s->vocab);
    }
    double *all[] = {w.x, w.n, w.q, w.mixed, w.out, w.gate, w.up, w.k, w.v};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

double truth_relative_rms(const float *a, const double *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += b[i] * b[i];
    }
    return sqrt(difference / size);
}
