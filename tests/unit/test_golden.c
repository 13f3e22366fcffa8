/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Golden screens: what the whole workbench draws for a made-up state, compared
 * cell by cell (characters, styles, cursor) with tests/golden/NAME.screen.
 *
 * After a change that is meant, `make golden` writes them again: read the
 * difference before it is committed.  A program run elsewhere finds them by
 * BANKAI_GOLDEN_FOLDER.
 */
#include <stdlib.h>

#include "src/base/file.h"
#include "tests/t.h"
#include "tests/ui_fixture.h"

enum { SCREEN_BYTES_MAX = 1 << 20 };

/* ---- states ---------------------------------------------------------------------- */

static struct ui_fixture *started(void)
{
    return ui_fixture_bare(24, 80);
}

static struct ui_fixture *usual(void)
{
    return ui_fixture_new(24, 80);
}

static void keys(struct ui_fixture *fixture, const char *text)
{
    for (size_t used = 0; *text; text += used) {
        key_code key = KEY_CODE_NONE;
        used = key_parse(text, &key);
        assert_true(used > 0);
        app_key(fixture->app, key);
    }
}

static struct ui_fixture *opening(void)
{
    struct ui_fixture *fixture = started();
    fixture->app->opened = false;
    return fixture;
}

/* The numbers of every probe, and nothing tried yet. */
static struct ui_fixture *start(void)
{
    struct ui_fixture *fixture = started();
    ui_fixture_scales(fixture);
    ui_fixture_gaps(fixture);
    ui_fixture_next(fixture, 40, 9216);
    return fixture;
}

static struct ui_fixture *zoomed(void)
{
    struct ui_fixture *fixture = usual();
    app_command(fixture->app, "goto 3.gate.514");
    return fixture;
}

static struct ui_fixture *tried_by_hand(void)
{
    struct ui_fixture *fixture = zoomed();
    ui_fixture_by_hand(fixture, ui_row(3, PROJ_GATE, 514), 0.0042);
    return fixture;
}

static struct ui_fixture *running(void)
{
    struct ui_fixture *fixture = usual();
    struct event event = {.type = EVENT_STARTED, .job = JOB_STEP, .total = 300};
    app_event(fixture->app, &event);
    event = (struct event){.type = EVENT_PROGRESS, .job = JOB_STEP, .done = 143, .total = 300};
    event.message = x_copy("search", 6);
    fixture->app->job.started -= 75;
    app_event(fixture->app, &event);
    free(event.message);
    keys(fixture, "2");
    return fixture;
}

/* ---- the map of promises ---- */

static struct ui_fixture *predicted(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_predictions(fixture, GRANULARITY_ROW);
    app_command(fixture->app, "map colour predicted");
    return fixture;
}

/* The best two and two drawn by the search were measured with the flips that are on, one
 * before. */
static struct ui_fixture *measured_map(void)
{
    struct ui_fixture *fixture = predicted();
    const struct promise *best = fixture->app->map.predictions->best;
    ui_fixture_by_hand(fixture, best[0].flip, best[0].change - 0.003);
    ui_fixture_by_hand(fixture, best[1].flip, best[1].change + 0.0125);
    ui_fixture_by_hand(fixture, ui_row(3, PROJ_GATE, 514), -0.0021);
    ui_fixture_by_hand(fixture, ui_row(3, PROJ_GATE, 515), 0.0005);
    app_command(fixture->app, "map colour measured");
    return fixture;
}

static struct ui_fixture *difference(void)
{
    struct ui_fixture *fixture = measured_map();
    app_command(fixture->app, "map colour difference");
    return fixture;
}

static struct ui_fixture *zoomed_predicted(void)
{
    struct ui_fixture *fixture = measured_map();
    app_command(fixture->app, "goto 3.gate.514");
    app_command(fixture->app, "map colour predicted");
    return fixture;
}

static struct ui_fixture *zoomed_measured(void)
{
    struct ui_fixture *fixture = zoomed_predicted();
    app_command(fixture->app, "map colour measured");
    return fixture;
}

static struct ui_fixture *zoomed_impact(void)
{
    struct ui_fixture *fixture = zoomed_predicted();
    app_command(fixture->app, "map colour impact");
    return fixture;
}

/* One flip more is on since. */
static struct ui_fixture *predicted_before(void)
{
    struct ui_fixture *fixture = zoomed_predicted();
    fixture->app->search.step++; /* as EVENT_FLIPS of a session says it */
    fixture->app->map.predictions->step--;
    ui_fixture_try(fixture, ui_row(2, PROJ_UP, 9), 0.01);
    return fixture;
}

static struct ui_fixture *groups(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_predictions(fixture, GRANULARITY_GROUP);
    app_command(fixture->app, "goto 1.k.11");
    app_command(fixture->app, "map colour predicted");
    return fixture;
}

static struct ui_fixture *unpredicted(void)
{
    struct ui_fixture *fixture = usual();
    app_command(fixture->app, "map colour predicted");
    return fixture;
}

static struct ui_fixture *best(void)
{
    struct ui_fixture *fixture = measured_map();
    keys(fixture, "bj");
    return fixture;
}

/* Chosen by what a pass promises; one was tried that kept its promise by half. */
static struct ui_fixture *guided(void)
{
    struct ui_fixture *fixture = usual();
    struct search_state *search = &fixture->app->search;
    ui_fixture_try(fixture, ui_row(1, PROJ_K, 7), 0.0123);
    fixture->app->settings.now.options.method = SEARCH_GUIDED;
    search->last.has_promise = true;
    search->last.promised = 0.0246;
    for (size_t i = 0; i < search->next_count; i++)
        search->next_promised[i] = 0.02 / (1.0 + (double)i);
    keys(fixture, "2");
    return fixture;
}

static struct flip bits_of(struct flip flip, int32_t group, uint64_t low, uint64_t high)
{
    flip.group = group;
    flip.mask[0] = low;
    flip.mask[1] = high;
    return flip;
}

/* Candidates of a group, of some bits of one, of one bit: names as long as they get. */
static struct ui_fixture *small_flips(void)
{
    struct ui_fixture *fixture = guided();
    struct search_state *search = &fixture->app->search;
    search->next[0] = bits_of(ui_row(3, PROJ_GATE, 123), 2, UINT64_MAX, UINT64_MAX);
    search->next[1] = bits_of(ui_row(5, PROJ_GATE, 123), 1, UINT64_MAX, 0);
    search->next[2] = bits_of(ui_row(5, PROJ_DOWN, 9), 5, 0, 1);
    search->next[3] = bits_of(ui_row(NO_LAYER, PROJ_EMBED, 511), 1, 0xFF, 0);
    search->last.flip = search->next[1];
    search->last.flip_count = 12;
    return fixture;
}

static struct ui_fixture *best_small(void)
{
    struct ui_fixture *fixture = best();
    struct promise *list = fixture->app->map.predictions->best;
    list[0].flip = bits_of(ui_row(3, PROJ_GATE, 123), 1, UINT64_MAX, UINT64_MAX);
    list[1].flip = bits_of(ui_row(5, PROJ_GATE, 123), 1, UINT64_MAX, 0);
    list[2].flip = bits_of(ui_row(5, PROJ_DOWN, 9), 5, 0, 1);
    return fixture;
}

/* Two are changed, one of them by the other. */
static struct ui_fixture *settings(void)
{
    struct ui_fixture *fixture = usual();
    keys(fixture, "2oljj");
    return fixture;
}

static struct ui_fixture *in_mono(struct ui_fixture *fixture)
{
    fixture->app->colours = COLOUR_MONO;
    return fixture;
}

static struct ui_fixture *predicted_mono(void)
{
    return in_mono(predicted());
}

static struct ui_fixture *zoomed_predicted_mono(void)
{
    return in_mono(zoomed_predicted());
}

static struct ui_fixture *probes(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_answers(fixture, false);
    keys(fixture, "3jj");
    return fixture;
}

static struct ui_fixture *heldout(void)
{
    struct ui_fixture *fixture = usual();
    keys(fixture, "3H");
    ui_fixture_answers(fixture, true);
    keys(fixture, "GZ");
    return fixture;
}

static struct ui_fixture *heldout_hidden(void)
{
    struct ui_fixture *fixture = probes();
    keys(fixture, "[");
    return fixture;
}

/* Badges, an order of its own, answers of two flips before. */
static struct ui_fixture *audited(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_audit(fixture);
    keys(fixture, "3");
    app_command(fixture->app, "sort badge");
    return fixture;
}

static struct ui_fixture *audited_mono(void)
{
    struct ui_fixture *fixture = audited();
    fixture->app->colours = COLOUR_MONO;
    return fixture;
}

static struct ui_fixture *controls(void)
{
    struct ui_fixture *fixture = audited();
    keys(fixture, "]");
    app_command(fixture->app, "sort verdict");
    return fixture;
}

static struct ui_fixture *detail(void)
{
    struct ui_fixture *fixture = audited();
    ui_fixture_answers(fixture, false);
    app_command(fixture->app, "probe times_5_3");
    ui_fixture_detail(fixture, fixture->app->probe_cursor);
    keys(fixture, "<Enter>");
    return fixture;
}

static struct ui_fixture *detail_ids(void)
{
    struct ui_fixture *fixture = detail();
    keys(fixture, "iG");
    return fixture;
}

/* Another flip came on since; the texts part. */
static struct ui_fixture *detail_stale(void)
{
    struct ui_fixture *fixture = detail();
    keys(fixture, "<Esc>");
    app_command(fixture->app, "probe times_3_3");
    ui_fixture_detail(fixture, fixture->app->probe_cursor);
    keys(fixture, "<Enter>");
    ui_fixture_try(fixture, ui_row(2, PROJ_UP, 9), 0.01);
    app_say(fixture->app, "%s", "");
    return fixture;
}

/* Not asked for: below the list, where the screen is high. */
static struct ui_fixture *detail_below(void)
{
    struct ui_fixture *fixture = detail();
    keys(fixture, "<Esc>");
    app_say(fixture->app, "%s", "");
    return fixture;
}

static struct ui_fixture *detail_unknown(void)
{
    struct ui_fixture *fixture = usual();
    keys(fixture, "3<Enter>");
    return fixture;
}

static struct ui_fixture *compare(void)
{
    struct ui_fixture *fixture = usual();
    app_command(fixture->app, "gen The derivative of x^3 is");
    ui_fixture_text(fixture, "The derivative of x^3 is", " 3x^2 + 1.\nIt is so.",
                    " 3x^2.\nIt is so \x1b[31mred\u202e.");
    return fixture;
}

static struct ui_fixture *help(void)
{
    struct ui_fixture *fixture = usual();
    keys(fixture, "?");
    return fixture;
}

static struct ui_fixture *help_filtered(void)
{
    struct ui_fixture *fixture = usual();
    keys(fixture, "?un");
    return fixture;
}

static struct ui_fixture *patches(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_states(fixture, 4);
    keys(fixture, "Bj");
    return fixture;
}

/* The state that is on has no name. */
static struct ui_fixture *patches_unnamed(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_states(fixture, 7);
    keys(fixture, "B");
    return fixture;
}

static struct ui_fixture *diff(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_states(fixture, 4);
    ui_fixture_diff(fixture);
    return fixture;
}

static struct ui_fixture *named(void)
{
    struct ui_fixture *fixture = usual();
    ui_fixture_states(fixture, 9);
    return fixture;
}

static struct ui_fixture *mono(void)
{
    struct ui_fixture *fixture = zoomed();
    fixture->app->colours = COLOUR_MONO;
    return fixture;
}

static struct ui_fixture *complaint(void)
{
    struct ui_fixture *fixture = usual();
    app_command(fixture->app, "goto 3.gate.99999");
    return fixture;
}

static struct ui_fixture *read_only(void)
{
    struct ui_fixture *fixture = zoomed();
    fixture->app->read_only = true;
    keys(fixture, "s");
    return fixture;
}

static void say(struct ui_fixture *fixture, enum event_type type, const char *text)
{
    char path[] = "/home/ada/.local/state/bankai/sessions/first.bankai";
    struct event event = {.type = type, .message = x_copy(text, strlen(text))};
    if (type == EVENT_OFFER)
        event.offer = path;
    app_event(fixture->app, &event);
    free(event.message);
}

static struct ui_fixture *offered(void)
{
    struct ui_fixture *fixture = start();
    say(fixture, EVENT_OFFER, "last session: 3 flips, 2 h ago - :resume goes on with it");
    return fixture;
}

static struct ui_fixture *paused(void)
{
    struct ui_fixture *fixture = usual();
    say(fixture, EVENT_PAUSED, "cannot write: no space left on the disk (x.bankai)");
    keys(fixture, "j");
    return fixture;
}

static struct ui_fixture *notes(void)
{
    struct ui_fixture *fixture = usual();
    say(fixture, EVENT_NOTES, "2026-11-21 10:15  step 4     the third one did it\n"
                              "2026-11-21 10:31  step 4     held-out: \x1b[2Jlook again\n");
    return fixture;
}

/* ---- screens --------------------------------------------------------------------- */

struct golden {
    const char *name;
    int columns, rows;
    struct ui_fixture *(*make)(void);
};

static const struct golden goldens[] = {
    {"opening-80x24", 80, 24, opening},
    {"opened-80x24", 80, 24, started},
    {"start-80x24", 80, 24, start},
    {"start-120x40", 120, 40, start},
    {"usual-80x24", 80, 24, usual},
    {"usual-120x40", 120, 40, usual},
    {"usual-200x60", 200, 60, usual},
    {"usual-60x16", 60, 16, usual},
    {"usual-40x10", 40, 10, usual},
    {"usual-20x5", 20, 5, usual},
    {"usual-10x2", 10, 2, usual},
    {"zoomed-80x24", 80, 24, zoomed},
    {"zoomed-120x40", 120, 40, zoomed},
    {"zoomed-200x60", 200, 60, zoomed},
    {"zoomed-20x5", 20, 5, zoomed},
    {"tried-80x24", 80, 24, tried_by_hand},
    {"running-80x24", 80, 24, running},
    {"running-120x40", 120, 40, running},
    {"predicted-80x24", 80, 24, predicted},
    {"predicted-120x40", 120, 40, predicted},
    {"predicted-200x60", 200, 60, predicted},
    {"predicted-40x10", 40, 10, predicted},
    {"predicted-mono-80x24", 80, 24, predicted_mono},
    {"unpredicted-80x24", 80, 24, unpredicted},
    {"measured-80x24", 80, 24, measured_map},
    {"difference-120x40", 120, 40, difference},
    {"zoomed-predicted-80x24", 80, 24, zoomed_predicted},
    {"zoomed-predicted-200x60", 200, 60, zoomed_predicted},
    {"zoomed-predicted-20x5", 20, 5, zoomed_predicted},
    {"zoomed-predicted-mono-80x24", 80, 24, zoomed_predicted_mono},
    {"zoomed-measured-80x24", 80, 24, zoomed_measured},
    {"zoomed-impact-80x24", 80, 24, zoomed_impact},
    {"zoomed-predicted-before-80x24", 80, 24, predicted_before},
    {"zoomed-groups-80x24", 80, 24, groups},
    {"guided-80x24", 80, 24, guided},
    {"guided-120x40", 120, 40, guided},
    {"small-flips-80x24", 80, 24, small_flips},
    {"settings-80x24", 80, 24, settings},
    {"settings-40x10", 40, 10, settings},
    {"best-80x24", 80, 24, best},
    {"best-120x40", 120, 40, best},
    {"best-40x10", 40, 10, best},
    {"best-small-80x24", 80, 24, best_small},
    {"best-small-40x10", 40, 10, best_small},
    {"probes-80x24", 80, 24, probes},
    {"probes-120x40", 120, 40, probes},
    {"probes-60x16", 60, 16, probes},
    {"probes-40x10", 40, 10, probes},
    {"probes-200x60", 200, 60, probes},
    {"audited-80x24", 80, 24, audited},
    {"audited-mono-60x16", 60, 16, audited_mono},
    {"controls-80x24", 80, 24, controls},
    {"controls-120x40", 120, 40, controls},
    {"detail-80x24", 80, 24, detail},
    {"detail-60x16", 60, 16, detail},
    {"detail-40x10", 40, 10, detail},
    {"detail-120x40", 120, 40, detail},
    {"detail-200x60", 200, 60, detail},
    {"detail-ids-80x24", 80, 24, detail_ids},
    {"detail-stale-80x24", 80, 24, detail_stale},
    {"detail-below-120x40", 120, 40, detail_below},
    {"detail-below-200x60", 200, 60, detail_below},
    {"detail-unknown-80x24", 80, 24, detail_unknown},
    {"heldout-80x24", 80, 24, heldout},
    {"heldout-hidden-80x24", 80, 24, heldout_hidden},
    {"compare-80x24", 80, 24, compare},
    {"compare-120x40", 120, 40, compare},
    {"compare-40x10", 40, 10, compare},
    {"help-80x24", 80, 24, help},
    {"help-40x10", 40, 10, help},
    {"help-filtered-80x24", 80, 24, help_filtered},
    {"patches-80x24", 80, 24, patches},
    {"patches-40x10", 40, 10, patches},
    {"patches-20x5", 20, 5, patches},
    {"patches-unnamed-80x24", 80, 24, patches_unnamed},
    {"diff-80x24", 80, 24, diff},
    {"diff-40x10", 40, 10, diff},
    {"named-80x24", 80, 24, named},
    {"mono-80x24", 80, 24, mono},
    {"complaint-80x24", 80, 24, complaint},
    {"read-only-80x24", 80, 24, read_only},
    {"offered-80x24", 80, 24, offered},
    {"paused-80x24", 80, 24, paused},
    {"paused-20x5", 20, 5, paused},
    {"notes-80x24", 80, 24, notes},
};

static void path_of(const struct golden *golden, struct buf *path)
{
    const char *folder = getenv("BANKAI_GOLDEN_FOLDER");
    buf_add_format(path, "%s/%s.screen", folder ? folder : "tests/golden", golden->name);
}

/* The first line that differs, by number and both texts. */
static void fail_at_difference(const char *path, const char *expected, const char *found)
{
    int line = 1;
    const char *a = expected, *b = found;
    for (;; line++) {
        size_t a_len = strcspn(a, "\n"), b_len = strcspn(b, "\n");
        if (a_len != b_len || memcmp(a, b, a_len) != 0 || a[a_len] != b[b_len] || !a[a_len])
            break;
        a += a_len + 1;
        b += b_len + 1;
    }
    print_error("%s, line %d\nexpected: %.*s\nfound:    %.*s\n\n%s\n", path, line,
                (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b, found);
    fail();
}

static void compare_screen(const struct golden *golden, const char *path, const char *found)
{
    struct buf expected = {0};
    struct err err = {0};
    (void)golden;
    t_ok(file_read(path, SCREEN_BYTES_MAX, &expected, &err), &err);
    if (strcmp(expected.data ? expected.data : "", found) != 0)
        fail_at_difference(path, expected.data ? expected.data : "", found);
    buf_free(&expected);
}

static void screen__state__is_the_golden_one(void **state)
{
    const struct golden *golden = *state;
    const char *mode = getenv("BANKAI_GOLDEN");
    struct buf path = {0};
    struct err err = {0};
    path_of(golden, &path);
    struct ui_fixture *fixture = golden->make();
    char *dump = ui_fixture_dump(fixture, golden->rows, golden->columns);
    if (mode && strcmp(mode, "write") == 0)
        t_ok(file_write(path.data, dump, strlen(dump), &err), &err);
    compare_screen(golden, path.data, dump);
    char *again = ui_fixture_dump(fixture, golden->rows, golden->columns);
    assert_string_equal(again, dump); /* [A1] */
    free(again);
    free(dump);
    ui_fixture_free(fixture);
    buf_free(&path);
}

int main(void)
{
    struct CMUnitTest tests[countof(goldens)];
    for (size_t i = 0; i < countof(goldens); i++) {
        tests[i] = (struct CMUnitTest)cmocka_unit_test(screen__state__is_the_golden_one);
        tests[i].name = goldens[i].name;
        tests[i].initial_state = (void *)(uintptr_t)&goldens[i];
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
