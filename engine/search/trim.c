/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/trim.h"

#include <stdlib.h>
#include <string.h>

#include "engine/search/train_int.h"
#include "patches/patch.h"

enum { PLACES = 12 };

struct share {
    uint64_t number; /* of the unit */
    double contribution;
};

struct work {
    struct train *train; /* for its decks, minibatches, units and judges */
    struct share *shares;
    size_t count;
    size_t bytes_max;
};

struct trim_options trim_default_options(void)
{
    return (struct trim_options){.train = train_default_options(), .places = PLACES};
}

/* ---- contributions ------------------------------------------------------------------ */

static void flip_first(struct work *work, const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        units_flip_numbers(work->train->units, &work->shares[order[i]].number, 1);
}

/* The first `on` of the order are on. */
static void credit(struct work *work, const size_t *order, size_t on)
{
    for (size_t i = 0; i < work->count; i++) {
        struct share *share = &work->shares[order[i]];
        double effect = units_mean(work->train->units, share->number);
        share->contribution += i < on ? -effect : effect;
    }
}

static bool visit_place(struct work *work, const struct deck *order, size_t on,
                        cancel_flag *cancel, struct err *err)
{
    units_forget(work->train->units);
    flip_first(work, order->cards, on);
    bool ok = train_take_gradient(work->train, cancel, err);
    if (ok)
        credit(work, order->cards, on);
    flip_first(work, order->cards, on);
    return ok;
}

static bool integrate(struct work *work, size_t places, cancel_flag *cancel, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < places; i++) {
        struct deck order = deck_new(0, work->count, &work->train->rng);
        ok = visit_place(work, &order, (2 * i + 1) * work->count / (2 * places), cancel, err);
        free(order.cards);
    }
    return ok;
}

static int compare_shares(const void *a, const void *b)
{
    const struct share *left = a, *right = b;
    if (left->contribution < right->contribution || left->contribution > right->contribution)
        return left->contribution > right->contribution ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

/* ---- sizes -------------------------------------------------------------------------- */

static size_t flips_of_first(const struct work *work, size_t count, struct flip **flips)
{
    uint64_t *numbers = x_new(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = work->shares[i].number;
    size_t flip_count = units_flips_of(work->train->units, numbers, count, flips);
    free(numbers);
    return flip_count;
}

static size_t bytes_of_first(const struct work *work, size_t count)
{
    struct flip *flips = NULL;
    size_t flip_count = flips_of_first(work, count, &flips);
    struct patch *patch = patch_new();
    for (size_t i = 0; i < flip_count; i++)
        patch_add(patch, flips[i]);
    size_t bytes = patch_packed_bytes(patch).flips;
    patch_free(patch);
    free(flips);
    return bytes;
}

/* How many of the best to keep.  Bytes rise with the units but for a few bits. */
static size_t first_within(const struct work *work)
{
    size_t fit = 0, most = work->count + 1;
    if (work->bytes_max == 0) {
        while (fit < work->count && work->shares[fit].contribution > 0)
            fit++;
        return fit;
    }
    while (most - fit > 1) {
        size_t middle = fit + (most - fit) / 2;
        *(bytes_of_first(work, middle) <= work->bytes_max ? &fit : &most) = middle;
    }
    return fit;
}

/* ---- what it does ------------------------------------------------------------------- */

static bool judge(struct work *work, size_t count, struct trim_state *out, cancel_flag *cancel,
                  struct err *err)
{
    struct train_step step = {0};
    for (size_t i = 0; i < count; i++)
        units_flip_numbers(work->train->units, &work->shares[i].number, 1);
    bool ok = train_judge(work->train, &step, cancel, err);
    for (size_t i = 0; i < count; i++)
        units_flip_numbers(work->train->units, &work->shares[i].number, 1);
    *out = (struct trim_state){count, count > 0 ? bytes_of_first(work, count) : 0,
                               step.validation, step.control, step.broken};
    return ok;
}

static bool prepare(struct work *work, const struct flip *flips, size_t count,
                    cancel_flag *cancel, struct err *err)
{
    uint64_t *numbers = NULL;
    if (!train_begin(work->train, err) || !train_prepare(work->train, cancel, err) ||
        !units_of_flips(work->train->units, flips, count, &numbers, &work->count, err))
        return false;
    work->shares = x_new(work->count, sizeof *work->shares);
    for (size_t i = 0; i < work->count; i++)
        work->shares[i].number = numbers[i];
    free(numbers);
    return true;
}

static bool work_all(struct work *work, struct trim *out, size_t places, cancel_flag *cancel,
                     struct err *err)
{
    out->validation = work->train->validation.count;
    out->controls = work->train->judged.count;
    if (!judge(work, 0, &out->base, cancel, err) ||
        !judge(work, work->count, &out->patched, cancel, err) ||
        !integrate(work, places, cancel, err))
        return false;
    qsort(work->shares, work->count, sizeof *work->shares, compare_shares);
    size_t left = first_within(work);
    out->flip_count = flips_of_first(work, left, &out->flips);
    return judge(work, left, &out->trimmed, cancel, err);
}

bool trim_run(struct trim *out, struct model *model, const struct items *targets,
              const struct items *controls, const struct flip *flips, size_t count,
              const struct trim_options *options, cancel_flag *cancel, struct err *err)
{
    struct work work = {.train = x_new(1, sizeof *work.train), .bytes_max = options->bytes_max};
    *work.train = (struct train){.model = model, .targets = targets, .controls = controls,
                                 .options = options->train};
    work.train->options.chunk = units_chunk(flips, count);
    *out = (struct trim){.chunk = work.train->options.chunk};
    bool ok = prepare(&work, flips, count, cancel, err) &&
              work_all(&work, out, options->places, cancel, err);
    train_free(work.train);
    free(work.shares);
    if (!ok)
        trim_free(out);
    return ok;
}

void trim_free(struct trim *trim)
{
    free(trim->flips);
    *trim = (struct trim){0};
}
