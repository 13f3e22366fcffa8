/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/ui_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"
#include "src/base/rng.h"
#include "tests/t.h"

enum { MEASURED = FIXTURE_TARGETS + FIXTURE_CONTROLS };

struct flip ui_row(int32_t layer, enum proj proj, uint32_t row)
{
    return (struct flip){.layer = layer, .proj = proj, .row = row, .group = FLIP_WHOLE_ROW};
}

/* A number in 0 .. 1 for any three others. */
static double made_up(unsigned a, unsigned b, unsigned c)
{
    uint32_t x = a * 0x9E3779B1u ^ b * 0x85EBCA77u ^ c * 0xC2B2AE3Du;
    x = (x ^ x >> 15) * 0x2C1B3C6Du;
    x = (x ^ x >> 12) * 0x297A2D39u;
    return (double)((x ^ x >> 15) >> 8) / (double)(1u << 24);
}

/* ---- opening ------------------------------------------------------------------------ */

static struct probe_set *new_probes(void)
{
    struct buf json = {0};
    struct err err = {0};
    buf_add_text(&json, "[\n");
    for (int i = 0; i < MEASURED + FIXTURE_HELDOUT; i++) {
        int a = 2 + i % 9, b = 3 + i / 9;
        bool sum = i >= FIXTURE_TARGETS && i < MEASURED;
        int right = sum ? a + b : a * b;
        buf_add_format(&json,
                       "%s{\"prompt\": \"What is %d %s %d? Answer:\", \"correct\": \" %d\", "
                       "\"wrong\": \" %d\", \"name\": \"%s_%d_%d\", \"category\": \"%s\"}",
                       i ? ",\n" : "", a, sum ? "plus" : "times", b, right, right + 1,
                       sum ? "plus" : "times", a, b, a < 5 ? "small" : a < 8 ? "medium" : "large");
    }
    buf_add_text(&json, "]\n");
    struct probe_set *set = probe_set_parse(json.data, json.len, "made-up", &err);
    if (!set)
        fail_msg("%s", err.message);
    buf_free(&json);
    return set;
}

static struct ui_fixture *fixture_of_posts;

static void keep_job(struct app *app, const struct job *job)
{
    struct ui_fixture *fixture = fixture_of_posts;
    if (fixture && fixture->app == app && fixture->job_count < FIXTURE_JOBS_MAX)
        fixture->jobs[fixture->job_count++] = *job;
}

struct ui_fixture *ui_fixture_bare(int rows, int columns)
{
    struct ui_fixture *fixture = x_new(1, sizeof(*fixture));
    struct err err = {0};
    char output[] = "/home/ada/.local/state/bankai/last.json";
    fixture->model = model_open("nano", &err);
    if (!fixture->model)
        fail_msg("%s", err.message);
    fixture->probes = new_probes();
    fixture->app = app_new();
    fixture->app->post = keep_job;
    fixture->app->colours = COLOUR_256;
    fixture->app->theme = theme_load("dark", &err);
    fixture->app->now = 1000;
    fixture_of_posts = fixture;
    grid_resize(fixture->app->grid, rows, columns);
    struct event event = {.type = EVENT_OPENED};
    event.opened = (struct event_opened){.model = fixture->model,
                                         .metric = METRIC_SEQ_LOGPROB,
                                         .control_metric = METRIC_SEQ_LOGPROB,
                                         .probes = fixture->probes,
                                         .target_count = FIXTURE_TARGETS,
                                         .control_count = FIXTURE_CONTROLS,
                                         .heldout_count = FIXTURE_HELDOUT,
                                         .output = output};
    app_event(fixture->app, &event);
    return fixture;
}

void ui_fixture_free(struct ui_fixture *fixture)
{
    if (!fixture)
        return;
    if (fixture_of_posts == fixture)
        fixture_of_posts = NULL;
    app_free(fixture->app);
    probe_set_free(fixture->probes);
    model_free(fixture->model);
    free(fixture);
}

char *ui_fixture_dump(struct ui_fixture *fixture, int rows, int columns)
{
    struct buf out = {0};
    grid_resize(fixture->app->grid, rows, columns);
    app_draw(fixture->app);
    grid_dump(fixture->app->grid, &out);
    return out.data;
}

/* ---- events --------------------------------------------------------------------------- */

static void send_scales(struct ui_fixture *fixture, const struct map_matrix *matrix)
{
    struct event event = {.type = EVENT_SCALES};
    float *mean = x_new(matrix->rows, sizeof(*mean));
    unsigned layer = (unsigned)(matrix->layer + 1), proj = (unsigned)matrix->proj;
    double level = 0.012 + 0.002 * layer + 0.0012 * proj + 0.006 * made_up(layer, proj, 0);
    for (uint32_t i = 0; i < matrix->rows; i++) {
        double wave = sin((double)i * 0.013 + layer) + sin((double)i * 0.11) / 2;
        mean[i] = (float)(level * (1 + 0.12 * wave + 0.25 * made_up(layer, proj, i + 1)));
    }
    event.scales = (struct event_scales){matrix->layer, matrix->proj, matrix->rows, mean};
    app_event(fixture->app, &event);
    free(mean);
}

void ui_fixture_scales(struct ui_fixture *fixture)
{
    for (size_t i = 0; i < fixture->app->map.matrix_count; i++)
        send_scales(fixture, &fixture->app->map.matrices[i]);
}

static void gaps_with(double gaps[MEASURED], unsigned flips)
{
    for (unsigned i = 0; i < MEASURED; i++) {
        double start = i < FIXTURE_TARGETS ? 3 * made_up(i, 1, 1) - 2.2 : 4 * made_up(i, 1, 1);
        gaps[i] = start;
        for (unsigned flip = 1; flip <= flips; flip++) {
            double change = made_up(i, flip, 2) - (i < FIXTURE_TARGETS ? 0.25 : 0.5);
            gaps[i] += change * change * change * 2;
        }
    }
}

void ui_fixture_gaps(struct ui_fixture *fixture)
{
    double gaps[MEASURED];
    struct event event = {.type = EVENT_GAPS, .gaps = gaps};
    gaps_with(gaps, 0);
    app_event(fixture->app, &event);
}

static void send_tried(struct ui_fixture *fixture, struct event_tried tried, double gain)
{
    const struct search_state *search = &fixture->app->search;
    double gaps[MEASURED];
    struct event event = {.type = EVENT_TRIED, .job = tried.by_hand ? JOB_TRY : JOB_STEP};
    tried.fitness_before = search->fitness;
    tried.fitness = search->fitness + gain;
    tried.tried = search->tried + (tried.by_hand ? 0 : 1);
    tried.screened_total = search->screened + (tried.screened ? 1 : 0);
    tried.seconds_each = 0.53;
    tried.has_gaps = !tried.screened;
    gaps_with(gaps, (unsigned)search->accepted_count + 1);
    tried.gaps = tried.screened ? NULL : gaps;
    event.tried = tried;
    app_event(fixture->app, &event);
}

void ui_fixture_try(struct ui_fixture *fixture, struct flip flip, double gain)
{
    struct search_state *search = &fixture->app->search;
    send_tried(fixture, (struct event_tried){.flip = flip, .accepted = gain > 0}, gain);
    if (gain <= 0)
        return;
    size_t count = search->accepted_count;
    struct flip *flips = x_new(count + 1, sizeof(*flips));
    for (size_t i = 0; i < count; i++)
        flips[i] = search->accepted[i];
    flips[count] = flip;
    ui_fixture_flips(fixture, flips, count + 1, search->fitness + gain, JOB_STEP);
    free(flips);
}

void ui_fixture_screened(struct ui_fixture *fixture, struct flip flip)
{
    send_tried(fixture, (struct event_tried){.flip = flip, .screened = true}, -0.02);
}

void ui_fixture_by_hand(struct ui_fixture *fixture, struct flip flip, double gain)
{
    send_tried(fixture, (struct event_tried){.flip = flip, .by_hand = true}, gain);
}

void ui_fixture_flips(struct ui_fixture *fixture, const struct flip *flips, size_t count,
                      double fitness, enum job_type job)
{
    double gaps[MEASURED];
    struct flip *copy = x_new(count, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = flips[i];
    gaps_with(gaps, (unsigned)count);
    struct event event = {.type = EVENT_FLIPS, .job = job};
    event.flips = (struct event_flips){
        .flips = copy,
        .count = count,
        .fitness = fitness,
        .gaps = gaps,
        .tried = fixture->app->search.tried,
        .screened = fixture->app->search.screened,
    };
    app_event(fixture->app, &event);
    free(copy);
}

void ui_fixture_next(struct ui_fixture *fixture, size_t count, uint64_t left)
{
    struct flip *flips = x_new(count, sizeof(*flips));
    float *scales = x_new(count, sizeof(*scales));
    for (size_t i = 0; i < count; i++) {
        unsigned at = (unsigned)i;
        flips[i] = ui_row((int32_t)(6 * made_up(at, 5, 1)), i % 3 ? PROJ_GATE : PROJ_UP,
                          (uint32_t)(768 * made_up(at, 6, 1)));
        const struct map_matrix *matrix = app_matrix(fixture->app, flips[i].layer, flips[i].proj);
        scales[i] = matrix && matrix->mean ? matrix->mean[flips[i].row] : 0.02f;
    }
    struct event event = {.type = EVENT_NEXT};
    event.next = (struct event_next){
        .flips = flips, .scales = scales, .count = count, .left = left};
    app_event(fixture->app, &event);
    free(flips);
    free(scales);
}

/* ---- predictions --------------------------------------------------------------------------- */

/* Most flips harm; a few of attention's help most. */
static double promised(unsigned layer, unsigned proj, unsigned row)
{
    double luck = 2 * made_up(layer + 10 * proj, row, 21) - 1.35;
    return luck * luck * luck * (proj < PROJ_GATE ? 0.4 : 0.04);
}

static int more_first(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left < right) - (left > right);
}

static void predict_matrix(struct predicted_matrix *matrix, struct best *best, bool groups)
{
    matrix->change = x_new(matrix->rows, sizeof *matrix->change);
    matrix->impact = x_new(matrix->rows, sizeof *matrix->impact);
    matrix->per_row = groups ? 2 : 1;
    matrix->granularity = groups ? GRANULARITY_GROUP : GRANULARITY_ROW;
    if (groups)
        matrix->unit = x_new(matrix->rows, sizeof *matrix->unit);
    for (uint32_t row = 0; row < matrix->rows; row++) {
        double value = promised((unsigned)matrix->layer, (unsigned)matrix->proj, row);
        if (groups)
            matrix->unit[row] = (uint16_t)(row % 2);
        struct promise promise = {predicted_best(matrix, row), value};
        matrix->change[row] = (float)value;
        matrix->impact[row] = (float)fabs(value);
        matrix->least = row ? fminf(matrix->least, (float)value) : (float)value;
        matrix->most = row ? fmaxf(matrix->most, (float)value) : (float)value;
        matrix->strongest = fmaxf(matrix->strongest, (float)fabs(value));
        matrix->promising += value > 0;
        best_offer(best, &promise);
    }
}

void ui_fixture_predictions(struct ui_fixture *fixture, enum granularity granularity)
{
    const struct map_state *map = &fixture->app->map;
    struct predictions *made = x_new(1, sizeof *made);
    struct best best;
    best_init(&best, 40);
    made->granularity = granularity;
    made->step = fixture->app->search.step;
    made->seconds = 0.73;
    made->matrices = x_new(map->matrix_count, sizeof *made->matrices);
    for (size_t i = 0; i < map->matrix_count && map->matrices[i].layer != NO_LAYER; i++) {
        struct predicted_matrix *matrix = &made->matrices[made->matrix_count++];
        *matrix = (struct predicted_matrix){.layer = map->matrices[i].layer,
                                            .proj = map->matrices[i].proj,
                                            .rows = map->matrices[i].rows};
        predict_matrix(matrix, &best, granularity != GRANULARITY_ROW);
        made->sorted = x_grow(made->sorted, made->rows + matrix->rows, sizeof *made->sorted);
        memcpy(made->sorted + made->rows, matrix->change, matrix->rows * sizeof *made->sorted);
        made->rows += matrix->rows;
        made->promising += matrix->promising;
    }
    qsort(made->sorted, made->rows, sizeof *made->sorted, more_first);
    best_sort(&best);
    made->best_count = best.count;
    made->best = x_new(best.count, sizeof *made->best);
    memcpy(made->best, best.heap, best.count * sizeof *made->best);
    best_free(&best);
    struct event event = {.type = EVENT_PREDICTED, .job = JOB_MAP, .predictions = made};
    app_event(fixture->app, &event);
}

/* ---- texts -------------------------------------------------------------------------------- */

static void fill_evaluation(struct ui_fixture *fixture, struct evaluation *evaluation, size_t first,
                            unsigned flips)
{
    for (size_t i = 0; i < evaluation->count; i++) {
        const struct probe *probe = &fixture->probes->probes[first + i];
        double luck = made_up((unsigned)(first + i), 9, 1) + 0.12 * flips;
        if (first + i >= FIXTURE_TARGETS && flips > 0 && (first + i) % 17 == 0)
            luck = 0;
        evaluation->right[i] = luck > 0.6;
        buf_add_text(&evaluation->generation[i].text,
                     evaluation->right[i] ? probe->correct : probe->wrong);
        buf_add_text(&evaluation->generation[i].text, ".\n");
    }
}

static struct evaluation *new_evaluation(struct ui_fixture *fixture, size_t first, size_t count,
                                         unsigned flips)
{
    struct evaluation *evaluation = calloc(1, sizeof(*evaluation));
    assert_non_null(evaluation);
    evaluation->count = count;
    evaluation->gap = x_new(count, sizeof(*evaluation->gap));
    evaluation->merged = x_new(count, sizeof(*evaluation->merged));
    evaluation->generation = x_new(count, sizeof(*evaluation->generation));
    evaluation->right = x_new(count, sizeof(*evaluation->right));
    fill_evaluation(fixture, evaluation, first, flips);
    return evaluation;
}

void ui_fixture_answers(struct ui_fixture *fixture, bool heldout)
{
    size_t flips = fixture->app->search.accepted_count;
    size_t first = heldout ? MEASURED : 0, count = heldout ? FIXTURE_HELDOUT : MEASURED;
    struct event event = {.type = EVENT_ANSWERS, .job = heldout ? JOB_HELDOUT : JOB_ANSWERS};
    event.answers = (struct event_answers){
        .heldout = heldout,
        .first = first,
        .count = count,
        .base = new_evaluation(fixture, first, count, 0),
        .now = new_evaluation(fixture, first, count, (unsigned)flips),
        .flip_count = flips,
    };
    app_event(fixture->app, &event);
    evaluation_free(event.answers.base);
    evaluation_free(event.answers.now);
}

/* The token it says is likely, its neighbours in the vocabulary are its competitors. */
static struct detail_place made_up_place(int32_t id, unsigned at, unsigned flips)
{
    double luck = made_up(at, flips, 11);
    int32_t token = id == DETAIL_END ? 100 : id;
    struct detail_place place = {.id = id, .logprob = -4 * luck, .margin = 6 - 8 * luck,
                                 .rank = luck > 0.75 ? 2 : 1, .top_count = DETAIL_TOP};
    for (int i = 0; i < DETAIL_TOP; i++)
        place.top[i] = (struct detail_rival){token + i, place.logprob - 1.5 * i};
    return place;
}

static struct probe_detail *made_up_detail(struct ui_fixture *fixture, size_t probe,
                                           unsigned flips)
{
    const struct probe *of = &fixture->probes->probes[probe];
    const struct tokenizer *tokenizer = model_tokenizer(fixture->model);
    const char *const texts[] = {of->correct, of->wrong};
    struct probe_detail *detail = x_new(1, sizeof *detail);
    struct encode_options options = {0};
    struct err err = {0};
    t_ok(token_encode(tokenizer, of->prompt, strlen(of->prompt), &options, &detail->prompt, &err),
         &err);
    for (int i = 0; i < 2; i++) {
        struct detail_side *side = &detail->side[i];
        struct ids ids = {0};
        t_ok(token_encode(tokenizer, texts[i], strlen(texts[i]), &options, &ids, &err), &err);
        side->places = x_new(ids.count + 1, sizeof *side->places);
        for (size_t at = 0; at < ids.count; at++)
            side->places[side->count++] =
                made_up_place(ids.data[at], (unsigned)(10 * probe + at + (size_t)i), flips);
        if (i == 0)
            side->places[side->count++] = made_up_place(DETAIL_END, (unsigned)probe, flips);
        ids_free(&ids);
    }
    return detail;
}

void ui_fixture_detail(struct ui_fixture *fixture, size_t probe)
{
    size_t flips = fixture->app->search.accepted_count;
    struct event event = {.type = EVENT_PROBE, .job = JOB_PROBE};
    event.probe = (struct event_probe){
        .probe = probe,
        .base = made_up_detail(fixture, probe, 0),
        .now = made_up_detail(fixture, probe, (unsigned)flips),
        .flip_count = flips,
    };
    app_event(fixture->app, &event); /* takes both */
}

static char *copy(const char *text)
{
    return x_copy(text, strlen(text));
}

void ui_fixture_audit(struct ui_fixture *fixture)
{
    static const struct {
        size_t probe;
        enum audit_code code;
        enum audit_severity severity;
        const char *why;
    } found[] = {
        {0, AUDIT_ALREADY_RIGHT, AUDIT_NOTE, "right already"},
        {2, AUDIT_SEVERAL_TOKENS, AUDIT_WARNING, "several tokens"},
        {2, AUDIT_WEAK_DISTRACTOR, AUDIT_WARNING, "the real competitor is \" 14\""},
        {3, AUDIT_DEAD_PAIR, AUDIT_FATAL, "both answers end with the same token"},
        {3, AUDIT_SEVERAL_TOKENS, AUDIT_WARNING, "several tokens"},
        {3, AUDIT_ALREADY_RIGHT, AUDIT_NOTE, "right already"},
        {3, AUDIT_NEAR_DUPLICATE, AUDIT_NOTE, "like times_4_3"},
        {5, AUDIT_TRAILING_SPACE, AUDIT_NOTE, "white space"},
        {20, AUDIT_CONTROL_WRONG, AUDIT_WARNING, "wrong already"},
        {60, AUDIT_LONG_ANSWER, AUDIT_FATAL, "longer than what is generated"},
    };
    struct audit *audit = x_new(1, sizeof *audit);
    audit->findings = x_new(countof(found), sizeof *audit->findings);
    for (size_t i = 0; i < countof(found); i++) {
        audit->findings[audit->count++] = (struct audit_finding){
            found[i].code, found[i].severity, found[i].probe, copy(found[i].why)};
        audit->by_severity[found[i].severity]++;
    }
    struct event event = {.type = EVENT_AUDIT, .job = JOB_AUDIT, .audit = audit};
    app_event(fixture->app, &event);
    audit_free(audit);
}

void ui_fixture_text(struct ui_fixture *fixture, const char *prompt, const char *base,
                     const char *now)
{
    struct event event = {.type = EVENT_TEXT, .job = JOB_TEXT};
    event.text.prompt = x_copy(prompt, strlen(prompt));
    buf_add_text(&event.text.base.text, base);
    buf_add_text(&event.text.now.text, now);
    event.text.flip_count = fixture->app->search.accepted_count;
    app_event(fixture->app, &event);
    free(event.text.prompt);
    buf_free(&event.text.base.text);
    buf_free(&event.text.now.text);
}

/* ---- the usual state ------------------------------------------------------------------------ */

struct ui_fixture *ui_fixture_new(int rows, int columns)
{
    struct ui_fixture *fixture = ui_fixture_bare(rows, columns);
    ui_fixture_scales(fixture);
    ui_fixture_gaps(fixture);
    static const double gains[] = {0.0123, 0.0310, 0.0075};
    for (unsigned i = 0; i < 143; i++) {
        struct flip flip = ui_row((int32_t)(6 * made_up(i, 3, 1)), i % 2 ? PROJ_GATE : PROJ_UP,
                                  (uint32_t)(768 * made_up(i, 4, 1)));
        if (i % 40 == 20)
            ui_fixture_try(fixture, flip, gains[i / 40 % 3]);
        else if (i % 5 < 3)
            ui_fixture_screened(fixture, flip);
        else
            ui_fixture_try(fixture, flip, -0.001 - 0.02 * made_up(i, 7, 1));
        if (i == 99)
            ui_fixture_answers(fixture, false);
    }
    ui_fixture_next(fixture, 40, 9073);
    app_say(fixture->app, "%s", ""); /* all that is long ago */
    return fixture;
}

/* ---- states ------------------------------------------------------------------------- */

void ui_fixture_states(struct ui_fixture *fixture, int64_t step)
{
    struct event event = {.type = EVENT_STATES};
    struct named_state *items = x_new(3, sizeof *items);
    items[0] = (struct named_state){.name = copy("start"), .answered = 12, .right = 5};
    items[1] = (struct named_state){copy("calculus"), 4, 4, 812, 0.0431, 12, 7};
    items[2] = (struct named_state){copy("two rows"), 9, 2, 655, -0.0125, 0, 0};
    event.states = (struct event_states){items, 3};
    app_event(fixture->app, &event);
    named_states_free(&event.states); /* was taken: empty */
    fixture->app->search.step = step;
}

static struct flip_set some_rows(uint32_t first, size_t count)
{
    struct flip_set set = {0};
    for (size_t i = 0; i < count; i++) {
        struct flip flip = ui_row((int32_t)i, PROJ_GATE, first + (uint32_t)i);
        flip_set_add(&set, &flip, 1);
    }
    return set;
}

static void fixture_answers(struct session_diff *diff)
{
    static const struct {
        size_t probe;
        const char *a, *b;
        bool right_a, right_b;
        size_t differs;
    } answers[] = {
        {0, " 3x^2", " 3x^2", true, true, SIZE_MAX},
        {1, " 2x + 1", " 2x\n", false, true, 3},
        {2, " \u00e41", " \u00e42", true, false, 3},
        {14, " no", " not", true, true, 3},
    };
    diff->answers = x_new(countof(answers), sizeof *diff->answers);
    for (size_t i = 0; i < countof(answers); i++)
        diff->answers[diff->answer_count++] = (struct diff_answer){
            .probe = answers[i].probe,
            .a = copy(answers[i].a),
            .b = copy(answers[i].b),
            .a_len = strlen(answers[i].a),
            .b_len = strlen(answers[i].b),
            .right_a = answers[i].right_a,
            .right_b = answers[i].right_b,
            .differs = answers[i].differs,
        };
    diff->totals[0] = (struct diff_totals){3, 2, 2, 1, 1};
    diff->totals[1] = (struct diff_totals){1, 1, 1, 0, 0};
}

void ui_fixture_diff(struct ui_fixture *fixture)
{
    struct event event = {.type = EVENT_DIFF, .job = JOB_DIFF};
    struct session_diff *diff = &event.diff.diff;
    event.diff.a = copy("calculus");
    event.diff.b = copy("two rows");
    *diff = (struct session_diff){.a = 4, .b = 9, .fitness_a = 0.0431, .fitness_b = -0.0125};
    diff->gap_count = FIXTURE_TARGETS + FIXTURE_CONTROLS;
    diff->gaps_a = x_new(diff->gap_count, sizeof *diff->gaps_a);
    diff->gaps_b = x_new(diff->gap_count, sizeof *diff->gaps_b);
    diff->gaps_b[2] = 0.25;
    diff->gaps_b[7] = -1.5;
    diff->gaps_b[20] = 12.125;
    diff->only_a = some_rows(3, 3);
    diff->only_b = some_rows(700, 1);
    diff->both = some_rows(90, 1);
    fixture_answers(diff);
    app_event(fixture->app, &event);
    event_diff_free(&event.diff); /* was taken: empty */
}
