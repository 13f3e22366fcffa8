/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Experiment 1: what random bits of MLP matrices do to the perplexity of plain sentences.
 *
 * Bits are drawn without replacement.  Scales are compared as the published groups are:
 * medium is from the 25th to the 75th percentile of the groups of the middle layers, high
 * is above the 75th.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "probes/neutral.h"
#include "probes/perplexity.h"
#include "probes/statistics.h"
#include "src/base/num.h"
#include "src/base/rng.h"
#include "src/experiment/published.h"

extern const struct experiment experiment_random_flips;

enum kind { ALL_LAYERS, MIDDLE_LAYERS, MEDIUM_SCALES, HIGH_SCALES, KIND_COUNT };
static const char *const kind_names[KIND_COUNT] = {"all layers", "middle layers",
                                                   "medium scales", "high scales"};

/* ---- the bits there are ------------------------------------------------------------ */

struct layer_range {
    int32_t first, last;
};

static struct layer_range middle_of(const struct lab *lab)
{
    double layers = model_shape(lab->model)->layers;
    struct layer_range range = {
        (int32_t)lround(PUBLISHED_MIDDLE_FIRST * layers / PUBLISHED_LAYERS),
        (int32_t)lround(PUBLISHED_MIDDLE_LAST * layers / PUBLISHED_LAYERS),
    };
    range.last = range.last < range.first ? range.first : range.last;
    range.last = range.last < (int32_t)layers ? range.last : (int32_t)layers - 1;
    return range;
}

static double layer_bits(const struct lab *lab)
{
    const struct model_shape *shape = model_shape(lab->model);
    return 3.0 * shape->width * shape->ffn;
}

static double mlp_bits(const struct lab *lab)
{
    return layer_bits(lab) * model_shape(lab->model)->layers;
}

/* The groups that bits are drawn from: all of some matrices in order, or of those the
 * picked ones.  (An 8B has 42 million groups: only the picked are listed.) */
struct span { /* a matrix */
    int32_t layer;
    enum proj proj;
    uint32_t row_groups;
    size_t first, count; /* groups */
};

struct pool {
    struct span *spans;
    size_t span_count;
    uint32_t *picked; /* NULL: all */
    size_t count;     /* of groups to draw from */
};

static void add_span(struct pool *pool, const struct lab *lab, int32_t layer, enum proj proj)
{
    uint32_t rows = 0, columns = 0;
    (void)model_matrix_size(lab->model, layer, proj, &rows, &columns);
    uint32_t groups = columns / GROUP_WEIGHTS;
    pool->spans = x_grow(pool->spans, pool->span_count + 1, sizeof *pool->spans);
    pool->spans[pool->span_count++] = (struct span){layer, proj, groups, pool->count,
                                                    (size_t)rows * groups};
    pool->count += (size_t)rows * groups;
    BUG_ON(pool->count > UINT32_MAX);
}

static struct flip place_of(const struct pool *pool, size_t index)
{
    const struct span *span = pool->spans;
    BUG_ON(!span);
    if (pool->picked)
        index = pool->picked[index];
    while (index >= span->first + span->count)
        span++;
    index -= span->first;
    return (struct flip){span->layer, span->proj, (uint32_t)(index / span->row_groups),
                         (int32_t)(index % span->row_groups), {0, 0}};
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void pick(struct pool *pool, const uint64_t *scales, uint64_t low, uint64_t high)
{
    size_t kept = 0;
    pool->picked = x_new(pool->count, sizeof *pool->picked);
    for (size_t i = 0; i < pool->count; i++)
        if (scales[i] >= low && scales[i] <= high)
            pool->picked[kept++] = (uint32_t)i;
    pool->count = kept;
}

/* Groups between two percentiles, those at the borders included. */
static void keep_percentiles(struct pool *pool, const struct model *model, size_t low,
                             size_t high)
{
    uint64_t *scales = x_new(pool->count, sizeof *scales);
    uint64_t *sorted = x_new(pool->count, sizeof *sorted);
    for (size_t i = 0; i < pool->count; i++) {
        struct flip place = place_of(pool, i);
        scales[i] = sorted[i] = model_group_scale(model, place.layer, place.proj, place.row,
                                                  (uint32_t)place.group);
    }
    qsort(sorted, pool->count, sizeof *sorted, compare_numbers);
    pick(pool, scales, sorted[(pool->count - 1) * low / 100],
         sorted[(pool->count - 1) * high / 100]);
    free(scales);
    free(sorted);
}

static struct pool pool_of(const struct lab *lab, enum kind kind)
{
    struct pool pool = {0};
    struct layer_range range = {0, (int32_t)model_shape(lab->model)->layers - 1};
    if (kind != ALL_LAYERS)
        range = middle_of(lab);
    for (int32_t layer = range.first; layer <= range.last; layer++)
        for (int proj = PROJ_GATE; proj <= PROJ_DOWN; proj++)
            add_span(&pool, lab, layer, (enum proj)proj);
    if (kind == MEDIUM_SCALES)
        keep_percentiles(&pool, lab->model, 25, 75);
    if (kind == HIGH_SCALES)
        keep_percentiles(&pool, lab->model, 75, 100);
    return pool;
}

static void pool_free(struct pool *pool)
{
    free(pool->spans);
    free(pool->picked);
}

/* ---- drawing bits without replacement ---------------------------------------------- */

/* Open addressing; bits are stored plus one. */
struct seen {
    uint64_t *slots;
    size_t size; /* a power of two, more than twice what goes in */
};

static bool seen_add(struct seen *seen, uint64_t bit)
{
    size_t slot = (size_t)rng_mix(bit) & (seen->size - 1);
    for (; seen->slots[slot]; slot = (slot + 1) & (seen->size - 1))
        if (seen->slots[slot] == bit + 1)
            return false;
    seen->slots[slot] = bit + 1;
    return true;
}

/* At most half of the pool's bits, so that a new one is soon found. */
static struct flips draw_bits(const struct pool *pool, uint64_t count, uint64_t seed)
{
    struct rng rng;
    struct seen seen = {.size = 16};
    struct flips flips = {0};
    while (seen.size < 3 * count)
        seen.size *= 2;
    seen.slots = x_new(seen.size, sizeof *seen.slots);
    rng_seed(&rng, seed);
    while (flips.count < count) {
        uint64_t bit = rng_below(&rng, (uint64_t)pool->count * GROUP_WEIGHTS);
        if (!seen_add(&seen, bit))
            continue;
        struct flip flip = place_of(pool, bit / GROUP_WEIGHTS);
        uint64_t at = bit % GROUP_WEIGHTS;
        flip.mask[at / 64] = UINT64_C(1) << at % 64;
        flips_add(&flips, flip);
    }
    free(seen.slots);
    return flips;
}

/* ---- planning ---------------------------------------------------------------------- */

static uint64_t scaled(const struct lab *lab, uint64_t count)
{
    return (uint64_t)llround((double)count * mlp_bits(lab) / published_mlp_bits);
}

/* The published numbers of bits, and those that are the same shares: all that is not more
 * than half of what there is in the smallest group of bits. */
static void take_sizes(struct lab *lab)
{
    struct lab_settings *settings = &lab->settings;
    uint64_t sizes[2 * PUBLISHED_BIT_COUNTS];
    size_t count = 0;
    if (settings->size_count > 0)
        return;
    for (size_t i = 0; i < PUBLISHED_BIT_COUNTS; i++) {
        sizes[count++] = scaled(lab, published_bit_counts[i]);
        sizes[count++] = published_bit_counts[i];
    }
    qsort(sizes, count, sizeof *sizes, compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (sizes[i] > 0 && (double)sizes[i] <= mlp_bits(lab) / 2 &&
            (i == 0 || sizes[i] != sizes[i - 1]))
            settings->sizes[settings->size_count++] = sizes[i];
}

static bool plan(struct lab *lab, struct err *err)
{
    lab_take_seed(lab);
    lab_take_repeats(lab, 5, 1);
    take_sizes(lab);
    const struct lab_settings *settings = &lab->settings;
    uint64_t most = settings->sizes[settings->size_count - 1];
    return (double)most <= mlp_bits(lab) / 2 ||
           err_set(err, ERR_RANGE, "%" PRIu64 " bits are more than half of all MLP bits", most);
}

static double text_tokens(const struct lab *lab)
{
    size_t count = 0, tokens = 0;
    struct err ignored = {0};
    struct ids *ids = neutral_encode(model_tokenizer(lab->model), &count, &ignored);
    for (size_t i = 0; ids && i < count; i++)
        tokens += ids[i].count;
    neutral_free(ids, count);
    return (double)tokens;
}

static double cost(const struct lab *lab)
{
    return text_tokens(lab) *
           (1 + (double)(KIND_COUNT * lab->settings.size_count * lab->settings.repeats));
}

/* ---- units ------------------------------------------------------------------------- */

static bool measure(struct lab *lab, double *perplexity, struct err *err)
{
    struct perplexity_options options = perplexity_defaults(lab->model);
    struct perplexity result;
    size_t count = 0;
    struct ids *ids = neutral_encode(model_tokenizer(lab->model), &count, err);
    options.threads = lab->settings.threads;
    bool ok = ids && perplexity_measure(lab->model, ids, count, &options, &result, NULL, NULL,
                                        lab->cancel, err);
    neutral_free(ids, count);
    *perplexity = ok ? perplexity_value(&result) : 0;
    return ok;
}

static json_t *base_work(struct lab *lab, const void *request, struct err *err)
{
    double perplexity = 0;
    (void)request;
    return measure(lab, &perplexity, err) ? json_pack("{s:f}", "perplexity", perplexity) : NULL;
}

struct request {
    enum kind kind;
    uint64_t bits;
    double tokens;
    const char *unit;
};

static bool measure_draw(struct lab *lab, const struct request *request, const struct pool *pool,
                         uint64_t repeat, double *perplexity, struct err *err)
{
    uint64_t seed = rng_mix(lab->settings.seed) ^
                    rng_mix(request->bits << 16 | repeat << 2 | (uint64_t)request->kind);
    struct flips flips = draw_bits(pool, request->bits, seed);
    flips_toggle(&flips, lab->model);
    bool ok = measure(lab, perplexity, err);
    flips_toggle(&flips, lab->model);
    flips_free(&flips);
    lab_progress(lab, request->unit, request->tokens);
    return ok;
}

static json_t *draws_work(struct lab *lab, const void *user, struct err *err)
{
    const struct request *request = user;
    struct pool pool = pool_of(lab, request->kind);
    double bits = (double)pool.count * GROUP_WEIGHTS;
    size_t repeats = (double)request->bits <= bits / 2 ? lab->settings.repeats : 0;
    double *perplexities = x_new(repeats, sizeof *perplexities);
    bool ok = true;
    for (size_t i = 0; ok && i < repeats; i++)
        ok = measure_draw(lab, request, &pool, i, &perplexities[i], err);
    json_t *result = ok ? json_pack("{s:o, s:f}", "perplexities",
                                    gaps_json(perplexities, repeats), "pool_bits", bits)
                        : NULL;
    free(perplexities);
    pool_free(&pool);
    return result;
}

static const char *unit_name(char name[LAB_NAME_MAX], enum kind kind, uint64_t bits)
{
    return lab_name(name, "%s, %" PRIu64 " bits", kind_names[kind], bits);
}

static bool run(struct lab *lab, struct err *err)
{
    const struct lab_settings *settings = &lab->settings;
    double tokens = text_tokens(lab);
    bool ok = lab_unit(lab, "base", tokens, base_work, NULL, err);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (size_t i = 0; ok && i < settings->size_count; i++) {
            char name[LAB_NAME_MAX];
            struct request request = {(enum kind)kind, settings->sizes[i], tokens, name};
            (void)unit_name(name, request.kind, request.bits);
            ok = lab_unit(lab, name, tokens * (double)settings->repeats, draws_work, &request,
                          err);
        }
    return ok;
}

/* ---- report ------------------------------------------------------------------------ */

static const struct column columns[] = {
    {"from", "bits drawn from", SIDE_NONE, NULL},
    {"bits", "bits", SIDE_OURS, NULL},
    {"share", "of all MLP bits", SIDE_OURS, "%.6f %%"},
    {"perplexity", "perplexity", SIDE_OURS, "%.4f"},
    {"change", "change", SIDE_OURS, "%+.2f %%"},
    {"largest", "largest", SIDE_OURS, "%+.2f %%"},
    {"published_bits", "bits", SIDE_PUBLISHED, NULL},
    {"published_perplexity", "perplexity", SIDE_PUBLISHED, "%.4f"},
    {"published_change", "change", SIDE_PUBLISHED, "%+.2f %%"},
};

struct outcome {
    struct spread spread;
    double change;  /* of the mean, in per cent */
    double largest; /* of a draw, with its sign */
};

static struct outcome outcome_of(const struct lab *lab, enum kind kind, uint64_t bits)
{
    char name[LAB_NAME_MAX];
    const json_t *values = json_object_get(lab_result(lab, unit_name(name, kind, bits)),
                                           "perplexities");
    size_t count = json_array_size(values);
    double *draws = x_new(count, sizeof *draws);
    double base = lab_number(lab, "base", "perplexity");
    (void)gaps_read(values, draws, count);
    struct outcome outcome = {.spread = statistics_spread(draws, count)};
    outcome.change = 100 * (outcome.spread.mean - base) / base;
    for (size_t i = 0; i < count; i++) {
        double change = 100 * (draws[i] - base) / base;
        outcome.largest = fabs(change) > fabs(outcome.largest) ? change : outcome.largest;
    }
    free(draws);
    return outcome;
}

/* Which published number is the same share of all MLP bits; as many: no match. */
static size_t published_index(const struct lab *lab, uint64_t bits)
{
    for (size_t i = 0; i < PUBLISHED_BIT_COUNTS; i++)
        if (scaled(lab, published_bit_counts[i]) == bits)
            return i;
    return PUBLISHED_BIT_COUNTS;
}

static json_t *size_row(const struct lab *lab, enum kind kind, uint64_t bits)
{
    struct outcome outcome = outcome_of(lab, kind, bits);
    size_t index = published_index(lab, bits);
    json_t *row = json_object();
    bool drawn = outcome.spread.n > 0;
    (void)json_object_set_new(row, "from", json_string(kind_names[kind]));
    (void)json_object_set_new(row, "bits", json_integer((json_int_t)bits));
    (void)json_object_set_new(row, "share", json_real(100 * (double)bits / mlp_bits(lab)));
    (void)json_object_set_new(row, "perplexity", lab_real(outcome.spread.mean));
    (void)json_object_set_new(row, "change", lab_real(outcome.change));
    (void)json_object_set_new(row, "largest", drawn ? json_real(outcome.largest) : json_null());
    if (index < PUBLISHED_BIT_COUNTS) {
        double published = published_perplexities[kind][index];
        (void)json_object_set_new(row, "published_bits",
                                  json_integer((json_int_t)published_bit_counts[index]));
        (void)json_object_set_new(row, "published_perplexity", json_real(published));
        (void)json_object_set_new(row, "published_change",
                                  json_real(100 * (published / published_perplexity - 1)));
    }
    return row;
}

static void claim_absorbed(const struct lab *lab, struct account *account)
{
    uint64_t bits = scaled(lab, published_bit_counts[PUBLISHED_BIT_COUNTS - 1]);
    double largest = 0;
    size_t draws = 0;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        struct outcome outcome = outcome_of(lab, (enum kind)kind, bits);
        largest = fabs(outcome.largest) > fabs(largest) ? outcome.largest : largest;
        draws += outcome.spread.n;
    }
    struct claim claim = {
        .verdict = draws > 0 ? claim_if(fabs(largest) < 1) : CLAIM_OPEN,
        .what = "random bits at the published share hardly change the perplexity",
        .rule = "like if 0.0092 % of all MLP bits (500,000 of 5.4 billion) change it by less than "
                "1 %, in every draw",
    };
    account_claim(account, claim, "less than 1 % (at most 0.75 %)",
                  "at most %+.2f %% (%" PRIu64 " bits, %zu draws)", largest, bits, draws);
}

static void claim_scales(const struct lab *lab, struct account *account)
{
    const struct lab_settings *settings = &lab->settings;
    double high = (double)NAN, medium = (double)NAN;
    uint64_t bits = 0;
    for (size_t i = 0; i < settings->size_count; i++) {
        struct outcome a = outcome_of(lab, HIGH_SCALES, settings->sizes[i]);
        struct outcome b = outcome_of(lab, MEDIUM_SCALES, settings->sizes[i]);
        if (a.spread.n == 0 || b.spread.n == 0)
            continue;
        high = a.change;
        medium = b.change;
        bits = settings->sizes[i];
    }
    struct claim claim = {
        .verdict = isfinite(high) ? claim_if(high > 0 && high > medium) : CLAIM_OPEN,
        .what = "bits of groups with high scales do more harm than those with medium scales",
        .rule = "like if they raise the perplexity, and more than the medium ones, at the greatest "
                "number of bits that both have",
    };
    account_claim(account, claim, "+0.55 % against +0.33 % (500,000 bits)",
                  "%+.2f %% against %+.2f %% (%" PRIu64 " bits)", high, medium, bits);
}

static void report(const struct lab *lab, struct account *account)
{
    const struct lab_settings *settings = &lab->settings;
    struct layer_range middle = middle_of(lab);
    account_table(account, "bits", "perplexity of the built-in sentences with random MLP bits "
                                   "flipped", columns, countof(columns));
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (size_t i = 0; i < settings->size_count; i++)
            account_row(account, size_row(lab, (enum kind)kind, settings->sizes[i]));
    claim_absorbed(lab, account);
    claim_scales(lab, account);
    account_note(account, "perplexity without flips: ours %.4f, published %.4f, of other sentences",
                 lab_number(lab, "base", "perplexity"), published_perplexity);
    account_note(account, "published numbers stand beside the same share of all MLP bits (%.0f "
                          "here, %.0f there); middle layers %d-%d here, 16-24 there",
                 mlp_bits(lab), published_mlp_bits, (int)middle.first, (int)middle.last);
    account_note(account, "mean of %" PRIu64 " draws without replacement, published one draw; '-': "
                          "more than half of the bits there are", settings->repeats);
}

const struct experiment experiment_random_flips = {
    .name = "random-flips",
    .numbers = "1",
    .title = "Random bits",
    .shows = "how many random MLP bits a model bears",
    .published = "500,000 random bits (0.009 %) change the perplexity by less than 0.08",
    .source = "results/experiment_results.json and README, experiment 1",
    .options = LAB_SIZES | LAB_REPEATS | LAB_SEED,
    .plan = plan,
    .cost = cost,
    .run = run,
    .report = report,
};
