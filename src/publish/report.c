/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * report.md.  What the answers became is the result; the fitness is said to be a search
 * signal wherever it stands.  Texts of models and files are escaped: none of them can
 * make a heading, a link or a picture.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "probes/evaluate.h"
#include "probes/statistics.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "src/publish/publish_int.h"
#include "src/report/report.h"

enum { CHANGED_MAX = 100, TEXT_SHOWN = 160 };

/* ---- words ---------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *text, size_t len)
{
    struct buf shown = {0};
    text_visible(&shown, text, len);
    for (size_t i = 0; i < shown.len; i++) {
        bool www = shown.data[i] == '.' && i > 0 && shown.data[i - 1] == 'w'; /* a link to some */
        if (www || (strchr("\\`*_[]<>|#!~&$@:", shown.data[i]) && shown.data[i] != '\0'))
            buf_add_text(out, "\\");
        buf_add(out, &shown.data[i], 1);
    }
    buf_free(&shown);
}

static void add_name(struct buf *out, const char *text)
{
    add_text(out, text, strlen(text));
}

/* At most so much of it, cut at a character. */
static void add_short(struct buf *out, const char *text, size_t len)
{
    size_t cut = len < TEXT_SHOWN ? len : TEXT_SHOWN;
    while (cut < len && cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
        cut--;
    add_text(out, text, cut);
    if (cut < len)
        buf_add_text(out, " …");
}

static void add_value(struct buf *out, const json_t *value)
{
    struct buf text = {0};
    json_print(&text, value, false);
    add_short(out, text.data, text.len);
    buf_free(&text);
}

/* ---- the result ------------------------------------------------------------------------ */

struct tally_row {
    size_t n, right_base, right_now, fixed, broke;
};

static struct tally_row count_set(const struct story *story, size_t first, size_t count)
{
    struct tally_row row = {0};
    for (size_t i = first; i < first + count; i++) {
        const struct told *base = &story->base[i], *now = &story->now[i];
        if (!base->text || !now->text)
            continue;
        row.n++;
        row.right_base += base->right;
        row.right_now += now->right;
        row.fixed += !base->right && now->right;
        row.broke += base->right && !now->right;
    }
    return row;
}

static size_t add_result_rows(struct buf *out, const struct story *story)
{
    size_t answered = 0;
    for (size_t i = 0; i < story->probes; i++) {
        struct buf file = {0};
        size_t count = 0;
        if (probes_file(story, i, &file, &count)) {
            struct tally_row row = count_set(story, i, count);
            answered += row.n;
            buf_add_text(out, "| ");
            add_name(out, story->origin->probes->probes[i].set);
            if (row.n == 0)
                buf_add_format(out, " | %s | 0 of %zu | | | | | |\n",
                               part_word(story_part(story, i)), count);
            else
                buf_add_format(out, " | %s | %zu of %zu | %zu | %zu | %zu | %zu | %.3f |\n",
                               part_word(story_part(story, i)), row.n, count, row.right_base,
                               row.right_now, row.fixed, row.broke,
                               statistics_mcnemar(row.fixed, row.broke));
        }
        buf_free(&file);
    }
    return answered;
}

static void add_changed(struct buf *out, const struct story *story)
{
    size_t changed = 0;
    for (size_t i = 0; i < story->probes; i++) {
        const struct told *base = &story->base[i], *now = &story->now[i];
        if (!base->text || !now->text || base->right == now->right || changed++ >= CHANGED_MAX)
            continue;
        const struct probe *probe = &story->origin->probes->probes[i];
        if (changed == 1)
            buf_add_text(out, "\n| | probe | prompt | expected | base | head |\n"
                              "|---|---|---|---|---|---|\n");
        buf_add_format(out, "| %s | ", now->right ? "fixed" : "broke");
        add_name(out, probe->name);
        const struct {
            const char *text;
            size_t len;
        } cells[] = {{probe->prompt, strlen(probe->prompt)},
                     {probe->correct, strlen(probe->correct)},
                     {base->text, base->len},
                     {now->text, now->len}};
        for (size_t j = 0; j < sizeof cells / sizeof *cells; j++) {
            buf_add_text(out, " | ");
            add_short(out, cells[j].text, cells[j].len);
        }
        buf_add_text(out, " |\n");
    }
    if (changed > CHANGED_MAX)
        buf_add_format(out, "\n%zu more changed, see generations.csv.\n", changed - CHANGED_MAX);
}

static void add_result(struct buf *out, const struct story *story)
{
    struct buf rows = {0};
    size_t answered = add_result_rows(&rows, story);
    buf_add_text(out, "\n## Result: what the model answers\n\n");
    if (answered == 0)
        buf_add_text(out, "No answers were generated both without the flips and with those of the "
                          "head, so nothing is known of what they do. `bankai eval` (below) "
                          "tells.\n");
    else
        buf_add_format(out, "Greedy answers without flips (base) and with those of step %" PRId64
                       " (head); p is McNemar's, two-sided.\n\n"
                       "| set | part | answered | right, base | right, head | fixed | broke | p |\n"
                       "|---|---|---:|---:|---:|---:|---:|---:|\n", story->head);
    if (answered > 0)
        buf_add(out, rows.data, rows.len);
    buf_add_format(out, "\nHeld-out probes were looked at %" PRIu64 " time%s so far.\n",
                   story->looks, story->looks == 1 ? "" : "s");
    if (answered > 0)
        add_changed(out, story);
    buf_free(&rows);
}

/* ---- where it comes from --------------------------------------------------------------- */

static void add_model(struct buf *out, const struct story *story)
{
    const struct session_origin *origin = story->origin;
    buf_add_text(out, "# Session ");
    add_name(out, story->title);
    buf_add_text(out, "\n\n| | |\n|---|---|\n| model | ");
    add_name(out, base_name(origin->model_path));
    buf_add_format(out, " |\n| SHA-256 | `%s` |\n| bytes | %" PRIu64 " |\n| shape | ",
                   origin->model_sha256, origin->model_bytes);
    add_value(out, origin->shape);
    buf_add_text(out, " |\n| begun with | bankai ");
    add_name(out, origin->program_version);
    buf_add_text(out, " |\n| exported with | bankai ");
    add_name(out, story->version);
    buf_add_format(out, " |\n| candidates | %" PRIu64 " tried, %" PRIu64 " accepted, %" PRIu64
                   " screened out |\n| steps | %zu, the head is step %" PRId64 " with %zu on its "
                   "way |\n", story->tried, story->accepted, story->screened, story->steps - 1,
                   story->head, story->way_count);
    if (story->shells > 0)
        buf_add_format(out, "| shell commands | %" PRIu64 " recorded; nothing runs them again |\n",
                       story->shells);
}

static void add_probes(struct buf *out, const struct story *story)
{
    buf_add_text(out, "\n## Probes\n\n| set | part | probes | file |\n|---|---|---:|---|\n");
    for (size_t i = 0; i < story->probes; i++) {
        struct buf file = {0};
        size_t count = 0;
        if (probes_file(story, i, &file, &count)) {
            buf_add_text(out, "| ");
            add_name(out, story->origin->probes->probes[i].set);
            buf_add_format(out, " | %s | %zu | [%s](%s) |\n", part_word(story_part(story, i)),
                           count, file.data, file.data);
        }
        buf_free(&file);
    }
}

static void add_settings(struct buf *out, const struct story *story)
{
    const char *key;
    json_t *value;
    buf_add_text(out, "\n## Settings\n\n| setting | value |\n|---|---|\n");
    json_object_foreach(story->origin->settings, key, value) {
        buf_add_text(out, "| ");
        add_name(out, key);
        buf_add_text(out, " | ");
        add_value(out, value);
        buf_add_text(out, " |\n");
    }
}

/* ---- the search ------------------------------------------------------------------------ */

static void add_signal(struct buf *out, const struct story *story)
{
    double fitness = story->fitness[story->head];
    buf_add_text(out, "\n## Search signal\n\n");
    if (isfinite(fitness))
        buf_add_format(out, "Fitness of the head: %+.6g. ", fitness);
    buf_add_text(out,
                 "The fitness is a search signal: the mean gain of the targets' gaps less a "
                 "penalty for the controls. It says which flips the search kept, not what the "
                 "model answers.\n\n"
                 "![Fitness of the head over the candidates tried](fitness.svg)\n\n"
                 "![Candidates tried and accepted by layer and projection](heatmap.svg)\n");
}

static bool add_flips(struct buf *out, const struct story *story, struct err *err)
{
    double before = 0;
    buf_add_text(out, "\n## Accepted flips\n\n");
    if (story->way_count == 0) {
        buf_add_text(out, "None is on at the head.\n");
        return true;
    }
    buf_add_text(out, "The steps on the way to the head; fitness and gain are search signals.\n\n"
                      "| step | by | flip | fitness | gain |\n|---:|---|---|---:|---:|\n");
    for (size_t i = 0; i < story->way_count; i++) {
        struct session_step step;
        if (!session_step(story->session, story->way[i], &step, err))
            return false;
        for (size_t j = 0; j < step.flip_count; j++) {
            buf_add_format(out, "| %" PRId64 " | ", step.id);
            add_name(out, step.by);
            buf_add_text(out, " | ");
            report_flip_text(out, &step.flips[j]);
            if (isfinite(step.fitness) && j + 1 == step.flip_count)
                buf_add_format(out, " | %+.6g | %+.6g |\n", step.fitness, step.fitness - before);
            else
                buf_add_text(out, " | | |\n");
        }
        before = step.fitness;
    }
    return true;
}

/* ---- doing it again --------------------------------------------------------------------- */

static void add_again(struct buf *out)
{
    buf_add_text(out,
                 "\n## Do it again\n\nIn this folder, MODEL being a file with the SHA-256 "
                 "above:\n\n"
                 "    bankai session import . -o session.bankai\n"
                 "    bankai session verify session.bankai\n"
                 "    bankai session replay session.bankai -m MODEL\n");
    buf_add_text(out, "    bankai patch verify patch.json MODEL\n"
                      "    bankai eval MODEL --probes probes/SET.json --patch patch.json\n");
    buf_add_text(out,
                 "\n`import` makes a session of session.jsonl that is equal in every table; "
                 "`replay` measures every candidate again and compares every number to the bit.\n"
                 "\n## Files\n\n| file | holds |\n|---|---|\n");
    buf_add_text(out, "| patch.json | the flips of the head |\n"
                      "| session.jsonl | everything, lossless |\n"
                      "| probes/ | the probe sets as they were |\n"
                      "| steps.csv, flips.csv | the tree of states and what each changes |\n"
                      "| tried.csv | every candidate |\n"
                      "| gaps.csv | every step by every target and control |\n"
                      "| generations.csv | every answer, with what it was without flips |\n"
                      "| fitness.svg, heatmap.svg | the drawings above |\n\n"
                      "In the CSV files control characters are shown as \\\\xHH, bytes that are "
                      "no text as U+FFFD, and a text that a spreadsheet would take for a formula "
                      "has a \\' before it; session.jsonl has every byte.\n");
}

bool write_report(const struct story *story, const char *folder, struct err *err)
{
    struct buf out = {0};
    add_model(&out, story);
    add_result(&out, story);
    add_signal(&out, story);
    bool ok = add_flips(&out, story, err);
    add_probes(&out, story);
    add_settings(&out, story);
    add_again(&out);
    ok = ok && write_text(folder, "report.md", &out, err);
    buf_free(&out);
    return ok;
}
