/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What switching between two open patches costs: the model (flips XORed, gaps put back),
 * and all of it with the session's commit; nothing is measured.  The embedded model, 82
 * probes, patches of 93 rows each; as CSV.  The folder is $TMPDIR, or /tmp.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/num.h"
#include "src/session/journal.h"
#include "tests/bench/times.h"

enum { ROWS = 93, SWITCHES = 2000 };

static bool report_err(const struct err *err)
{
    (void)fprintf(stderr, "bench_switch: %s: %s: %s\n", err->file, err->where, err->message);
    return false;
}

static bool import(struct journal *journal, const char *name, uint32_t first, struct err *err)
{
    struct journal_imported imported;
    struct patch *patch = patch_new();
    for (uint32_t i = 0; i < ROWS; i++)
        patch_add(patch, (struct flip){(int32_t)(i % 6), i % 2 ? PROJ_UP : PROJ_GATE,
                                       first + 3 * i, FLIP_WHOLE_ROW, {0, 0}});
    bool ok = journal_import(journal, patch, name, &imported, NULL, err);
    patch_free(patch);
    return ok;
}

/* As journal_goto does it between two commits. */
static bool switch_model(struct journal *journal, struct err *err)
{
    static double us[SWITCHES];
    struct search *search = journal_search(journal);
    struct session *session = journal_session(journal);
    size_t probes = session_origin(session, err)->target_count +
                    session_origin(session, err)->control_count;
    struct flip *flips[2] = {x_new(ROWS, sizeof **flips), x_new(ROWS, sizeof **flips)}, undone;
    double *gaps = x_new(2 * probes, sizeof *gaps), fitness[2] = {0};
    for (int i = 0; i < 2; i++) {
        struct session_step step;
        if (!session_step(session, i + 1, &step, err))
            return false;
        memcpy(flips[i], step.flips, ROWS * sizeof **flips);
        memcpy(gaps + (size_t)i * probes, step.gaps, probes * sizeof *gaps);
        fitness[i] = step.fitness;
    }
    for (size_t i = 0; i < SWITCHES; i++) {
        size_t to = i % 2; /* the second is on at first */
        double start = clock_seconds();
        (void)search_undo(search, &undone);
        search_redo(search, flips[to], ROWS, gaps + to * probes, fitness[to]);
        us[i] = (clock_seconds() - start) * 1e6;
    }
    times_report("93 rows off and 93 rows on, us", us, SWITCHES);
    free(flips[0]);
    free(flips[1]);
    free(gaps);
    return true;
}

static bool switch_all(struct journal *journal, struct err *err)
{
    static double us[SWITCHES];
    bool ok = true;
    for (size_t i = 0; ok && i < SWITCHES; i++) {
        double start = clock_seconds();
        ok = journal_goto(journal, (int64_t)(i % 2) + 1, err);
        us[i] = (clock_seconds() - start) * 1e6;
    }
    times_report("the same read from the session and committed, us", us, SWITCHES);
    return ok;
}

static bool run(const char *path, struct err *err)
{
    struct search_inputs inputs;
    struct search_options options = search_default_options();
    struct model *model = model_open("nano", err);
    struct session *session = model ? session_open(path, SESSION_WRITE, err) : NULL;
    bool loaded = search_inputs_load(&inputs, "calculus-train", "math,code,knowledge", NULL, err);
    struct journal *journal =
        session && loaded ? journal_begin(session, model, &inputs, &options, "bench", NULL, err)
                          : NULL;
    bool ok = journal && import(journal, "one", 0, err) && import(journal, "two", 300, err) &&
              switch_model(journal, err) && switch_all(journal, err);
    if (journal)
        search_free(journal_search(journal));
    journal_free(journal);
    session_close(session);
    search_inputs_free(&inputs);
    model_free(model);
    return ok || report_err(err);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    char folder[4096], path[4200];
    struct err err = {0};
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/bankai-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder) || setenv("XDG_STATE_HOME", folder, 1) != 0)
        return 3;
    (void)printf("switch,count,mean,p50,p99,max\n");
    (void)snprintf(path, sizeof path, "%s/bench.bankai", folder);
    bool ok = run(path, &err);
    bool removed = nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
    return removed && ok ? 0 : 1;
}
