/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Methods `group` and `bit`: coarse to fine.  Rows come as guided has them; once one is
 * accepted, what does not carry its gain is taken off again: groups, and with `bit` then
 * chunks of the groups that stayed.
 *
 * A candidate that is a whole row begins a row; all others take parts of the last row off.
 * So a search that was stopped knows from its candidates where it was.
 */
#include <stdlib.h>

#include "engine/search/guided.h"
#include "engine/search/method.h"
#include "engine/search/refine.h"

enum { STAGES_MAX = 2 };

/* Where the search is: in which stage of which row. */
struct coarse_place {
    struct flip row;
    size_t stage; /* stage_count: none, the next row is due */
    bool begun;   /* the units of the stage are chosen */
    struct refine_place refine;
};

struct coarse {
    struct guided *guided;
    struct refine refine;
    unsigned chunks[STAGES_MAX]; /* [stage_count] weights of a unit */
    size_t stage_count;
    struct coarse_place now, before; /* before the candidate at hand */
    bool refines;                    /* the candidate at hand takes parts off */
    struct flip *past_flips;         /* on when the stage began that has to be begun again */
    size_t past_flip_count;
    bool *past_accepted;             /* [past_count] what became of its candidates */
    size_t *past_sizes;
    size_t past_count;
};

/* ---- making -------------------------------------------------------------------------- */

static void coarse_free(struct search *search)
{
    struct coarse *coarse = search->plan;
    guided_free(coarse->guided);
    refine_free(&coarse->refine);
    free(coarse->past_flips);
    free(coarse->past_accepted);
    free(coarse->past_sizes);
    free(coarse);
}

static bool begin(struct search *search, const struct search_options *options, size_t stages,
                  struct err *err)
{
    struct coarse *coarse = search->plan = x_new(1, sizeof *coarse);
    coarse->chunks[0] = GROUP_WEIGHTS;
    coarse->chunks[1] = (unsigned)options->chunk;
    coarse->stage_count = coarse->now.stage = stages;
    coarse->guided = guided_new(search->model, options, GRANULARITY_ROW, 1, err);
    return coarse->guided != NULL;
}

static bool group_begin(struct search *search, const struct search_options *options,
                        struct err *err)
{
    return begin(search, options, 1, err);
}

static bool bit_begin(struct search *search, const struct search_options *options,
                      struct err *err)
{
    if (options->chunk & (options->chunk - 1))
        return err_set(err, ERR_USAGE, "--chunk %llu is no power of two, expected 1, 2, 4, ... 64",
                       (unsigned long long)options->chunk);
    return begin(search, options, 2, err);
}

/* ---- stages ----------------------------------------------------------------------------- */

/* The stage of an earlier run, with what was tried of it. */
static bool begin_again(struct search *search, struct coarse *coarse, cancel_flag *cancel,
                        struct err *err)
{
    double *gaps = x_new(search->probe_count, sizeof *gaps);
    struct refine_model model = {coarse->past_flips, coarse->past_flip_count, gaps};
    search_flip_all(search, search->accepted, search->accepted_count);
    search_flip_all(search, model.flips, model.count);
    bool ok = trial_gaps(search, gaps, cancel, err) &&
              refine_begin(search, &coarse->refine, &coarse->now.row,
                           coarse->chunks[coarse->now.stage], &model, cancel, err);
    search_flip_all(search, model.flips, model.count);
    search_flip_all(search, search->accepted, search->accepted_count);
    free(gaps);
    for (size_t i = 0; ok && i < coarse->past_count; i++)
        ok = refine_tried(&coarse->refine, coarse->past_sizes[i], coarse->past_accepted[i]) ||
             err_set(err, ERR_MISMATCH, "the candidates that were tried are not those of this "
                                        "search");
    coarse->now.begun = ok;
    coarse->past_count = ok ? 0 : coarse->past_count;
    return ok;
}

static bool begin_stage(struct search *search, struct coarse *coarse, cancel_flag *cancel,
                        struct err *err)
{
    struct refine_model model = {search->accepted, search->accepted_count, search->now};
    if (coarse->now.begun)
        return true;
    coarse->now.begun = refine_begin(search, &coarse->refine, &coarse->now.row,
                                     coarse->chunks[coarse->now.stage], &model, cancel, err);
    return coarse->now.begun;
}

/* A person may have taken the row off. */
static bool is_on(const struct search *search, const struct flip *flip)
{
    uint64_t on[2];
    refine_on(search->accepted, search->accepted_count, flip, (uint32_t)flip->group, on);
    return (on[0] & flip->mask[0]) == flip->mask[0] && (on[1] & flip->mask[1]) == flip->mask[1];
}

/* The next part to take off; false: there is none, or (err->code) it cannot be told. */
static bool add_part(struct search *search, struct coarse *coarse)
{
    size_t count = refine_count(&coarse->refine);
    const struct refine_unit *units = coarse->refine.units + coarse->refine.place.at;
    for (size_t i = 0; i < count; i++)
        if (!is_on(search, &units[i].flip)) {
            coarse->now.stage = coarse->stage_count;
            return false;
        }
    for (size_t i = 0; i < count; i++) {
        search_add(search, &units[i].flip);
        search->promised += units[i].change;
    }
    return count > 0;
}

static enum search_status next_part(struct search *search, struct coarse *coarse,
                                    cancel_flag *cancel, struct err *err)
{
    while (coarse->now.stage < coarse->stage_count) {
        if (!begin_stage(search, coarse, cancel, err))
            return SEARCH_FAILED;
        if (add_part(search, coarse))
            return SEARCH_TRIED;
        if (coarse->now.stage < coarse->stage_count)
            coarse->now.stage++;
        coarse->now.begun = false;
    }
    return SEARCH_FINISHED;
}

/* ---- steps -------------------------------------------------------------------------------- */

/* A stage that began since begins again, of the model as it is then.  Its units took the
 * place of those of a stage of which nothing was left to try. */
static void go_back(struct coarse *coarse)
{
    coarse->now = coarse->before;
    coarse->refine.place = coarse->now.refine;
}

static enum search_status coarse_next(struct search *search, cancel_flag *cancel,
                                      struct err *err)
{
    struct coarse *coarse = search->plan;
    if (coarse->past_count > 0 && !begin_again(search, coarse, cancel, err))
        return SEARCH_FAILED;
    coarse->now.refine = coarse->refine.place;
    coarse->before = coarse->now;
    enum search_status status = next_part(search, coarse, cancel, err);
    coarse->refines = status == SEARCH_TRIED;
    if (status == SEARCH_FINISHED)
        status = guided_next(search, coarse->guided, cancel, err);
    if (status == SEARCH_FAILED)
        go_back(coarse);
    return status;
}

static void coarse_tried(struct search *search, const struct search_try *tried)
{
    struct coarse *coarse = search->plan;
    if (coarse->refines) {
        BUG_ON(!refine_tried(&coarse->refine, tried->count, tried->accepted));
        return;
    }
    guided_tried(search, coarse->guided, tried);
    if (!tried->accepted)
        return;
    coarse->now.row = tried->flip;
    coarse->now.stage = 0;
    coarse->now.begun = false;
}

static void coarse_give_up(struct search *search)
{
    struct coarse *coarse = search->plan;
    if (!coarse->refines)
        guided_give_up(coarse->guided);
    go_back(coarse);
}

static void coarse_untry(struct search *search, const struct search_try *tried)
{
    struct coarse *coarse = search->plan;
    (void)tried;
    if (!coarse->refines)
        guided_untry(search, coarse->guided);
    go_back(coarse);
}

/* A row has to gain; what is taken off has to cost nothing. */
static bool coarse_accepts(const struct search *search, double fitness)
{
    const struct coarse *coarse = search->plan;
    return coarse->refines ? fitness >= search->fitness : fitness > search->fitness;
}

static double coarse_promised(const struct search *search, const struct flip *flip)
{
    const struct coarse *coarse = search->plan;
    return guided_promised(coarse->guided, flip);
}

static size_t coarse_peek(const struct search *search, size_t count, struct flip *out)
{
    const struct coarse *coarse = search->plan;
    return guided_peek(coarse->guided, count, out);
}

static uint64_t coarse_left(const struct search *search)
{
    const struct coarse *coarse = search->plan;
    uint64_t rows = guided_left(coarse->guided), each = REFINE_TRIES * coarse->stage_count;
    return rows + (rows + (coarse->now.stage < coarse->stage_count)) * each;
}

static uint64_t coarse_candidates(const struct search *search)
{
    const struct coarse *coarse = search->plan;
    return guided_units(coarse->guided);
}

/* ---- an earlier run ----------------------------------------------------------------- */

static bool is_row(const struct search_tried *tried)
{
    size_t count = 0;
    const struct flip *flips = tried_flips(tried, &count);
    return count == 1 && flips[0].group == FLIP_WHOLE_ROW;
}

/* The candidates that are rows, for guided. */
struct rows_past {
    const struct search_past *whole;
    struct search_tried *tries;
    uint64_t *numbers; /* [count] of all candidates */
    uint64_t count;
};

static bool rows_flips_at(void *user, uint64_t number, struct flip **flips, size_t *count,
                          struct err *err)
{
    const struct rows_past *rows = user;
    return rows->whole->flips_at(rows->whole->user, rows->numbers[number - 1], flips, count, err);
}

static bool resume_rows(struct coarse *coarse, struct rows_past *rows,
                        const struct search_past *past, struct err *err)
{
    rows->tries = x_new(past->tried, sizeof *rows->tries);
    rows->numbers = x_new(past->tried, sizeof *rows->numbers);
    for (uint64_t i = 0; i < past->tried; i++)
        if (is_row(&past->tries[i])) {
            rows->tries[rows->count] = past->tries[i];
            rows->numbers[rows->count++] = i + 1;
        }
    struct search_past own = *past;
    own.tried = rows->count;
    own.tries = rows->tries;
    own.flips_at = rows_flips_at;
    own.user = rows;
    return guided_resume(coarse->guided, &own, err);
}

static bool is_chunk(const struct search_tried *tried)
{
    return (tried->flip.mask[0] & tried->flip.mask[1]) != UINT64_MAX;
}

/* Candidates after the last row, from `first` on, are of the stage at hand. */
static bool resume_stage(struct coarse *coarse, const struct search_past *past, uint64_t first,
                         struct err *err)
{
    while (coarse->stage_count > 1 && first < past->tried && !is_chunk(&past->tries[first]) &&
           is_chunk(&past->tries[past->tried - 1]))
        first++;
    if (first == past->tried)
        return true;
    coarse->now.stage = is_chunk(&past->tries[first]) ? coarse->stage_count - 1 : 0;
    coarse->past_count = (size_t)(past->tried - first);
    coarse->past_accepted = x_new(coarse->past_count, sizeof *coarse->past_accepted);
    coarse->past_sizes = x_new(coarse->past_count, sizeof *coarse->past_sizes);
    for (size_t i = 0; i < coarse->past_count; i++) {
        coarse->past_accepted[i] = past->tries[first + i].accepted;
        (void)tried_flips(&past->tries[first + i], &coarse->past_sizes[i]);
    }
    return past->flips_at(past->user, first + 1, &coarse->past_flips, &coarse->past_flip_count,
                          err);
}

static bool coarse_resume(struct search *search, const struct search_past *past,
                          struct err *err)
{
    struct coarse *coarse = search->plan;
    struct rows_past rows = {.whole = past};
    bool ok = resume_rows(coarse, &rows, past, err);
    const struct search_tried *last = rows.count > 0 ? &rows.tries[rows.count - 1] : NULL;
    if (ok && last && last->accepted) {
        coarse->now.row = last->flip;
        coarse->now.stage = 0;
        ok = resume_stage(coarse, past, rows.numbers[rows.count - 1], err);
    } else if (ok && (last ? rows.numbers[rows.count - 1] : 0) != past->tried) {
        ok = err_set(err, ERR_MISMATCH, "parts of a row were tried that was not accepted");
    }
    free(rows.tries);
    free(rows.numbers);
    return ok;
}

#define COARSE(called, said, begins)                                                       \
    {                                                                                      \
        .name = (called), .help = (said), .whole_model = true, .replays = true,            \
        .granularities = 1u << GRANULARITY_ROW, .begin = (begins), .free = coarse_free,    \
        .next = coarse_next, .tried = coarse_tried, .give_up = coarse_give_up,             \
        .untry = coarse_untry, .accepts = coarse_accepts, .promised = coarse_promised,     \
        .peek = coarse_peek,                                                               \
        .left = coarse_left, .candidates = coarse_candidates, .resume = coarse_resume,     \
    }

const struct method method_group =
    COARSE("group", "rows as guided has them, then only their groups that carry the gain",
           group_begin);
const struct method method_bit =
    COARSE("bit", "the same, then only the chunks of these groups that carry it", bit_begin);
