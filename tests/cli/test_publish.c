/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session as a folder to publish, and the patch of any of its states.  What is in the
 * folder is computed again by tests/ref/published.py.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/text.h"
#include "tests/cli/look.h"
#include "tests/document.h"
#include "tests/t.h"

/* Is there a Python to ask? */
static void check_published(const char *folder)
{
    char line[4200];
    (void)snprintf(line, sizeof line, "python3 -B tests/ref/published.py '%s' >'%s.said' 2>&1",
                   folder, folder);
    if (system(line) == 0) /* NOLINT: a test may use a shell */
        return;
    char said[4100];
    (void)snprintf(said, sizeof said, "%s.said", folder);
    struct buf text = document_read(said);
    fail_msg("%s", text.data);
}

static const char *in(const char *folder, const char *name)
{
    static char paths[4][4100];
    static unsigned count;
    char *out = paths[count++ % 4];
    (void)snprintf(out, sizeof paths[0], "%s/%s", folder, name);
    return out;
}

/* How many entries the folder has, but for "." and "..". */
static size_t entries(const char *folder, const char *beginning)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.' &&
                 strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    (void)closedir(dir);
    return count;
}

/* ---- a search of the embedded model ---------------------------------------------------- */

#define BEGIN "search", "nano", GREEDY, "--target", "math", "--control", "code",               \
    "--heldout", "knowledge"

/* Searched, gone back and on by another branch. */
static const char *searched(void)
{
    const char *path = run_path("searched.bankai");
    if (access(path, F_OK) == 0)
        return path;
    const char *patch = run_path("searched.json");
    const char *script = run_write_text("branch.script",
                                        "wait idle\nstate 3\nwait idle\nstep 12\nwait idle\n"
                                        "undo\nwait idle\nheldout\nwait idle\n");
    run_free(run_ok(BEGIN, "--seed", "6", "--iters", "40", "-s", path, "-o", patch, NULL));
    run_free(run_ok("open", "-s", path, "-o", patch, "--script", script, "--headless", "80x24",
                    NULL));
    return path;
}

static void session_export__a_folder__true_in_every_number(void **state)
{
    (void)state;
    const char *path = searched(), *folder = run_path("published");
    run_free(run_ok("session", "export", path, "-o", in(folder, ""), NULL));
    assert_int_equal(entries(folder, ""), 11);
    assert_int_equal(entries(in(folder, "probes"), ""), 3);
    check_published(folder);
    assert_int_equal(entries(run_path(""), "published.tmp"), 0);
}

static void session_import__the_folder__the_same_session(void **state)
{
    (void)state;
    const char *path = searched(), *folder = run_path("handed"), *back = run_path("taken.bankai");
    run_free(run_ok("session", "export", path, "--as", "dir", "-o", folder, NULL));
    run_free(run_ok("session", "import", folder, "-o", back, NULL));
    run_free(run_ok("session", "verify", back, NULL));
    struct run *was = run_ok("session", "log", path, "--json", NULL),
               *is = run_ok("session", "log", back, "--json", NULL);
    assert_string_equal(was->out.data, is->out.data);
    run_free(was);
    run_free(is);
    run_free(run_ok("session", "replay", back, NULL));
}

/* Every file but the page's own names is loaded by the program again. */
static void session_export__its_patch_and_probes__loaded_by_eval(void **state)
{
    (void)state;
    const char *folder = run_path("evaluated");
    run_free(run_ok("session", "export", searched(), "-o", in(folder, ""), NULL));
    struct run *named = run_ok("eval", "nano", "--probes", "math", "--patch",
                               in(folder, "patch.json"), "--json", NULL);
    struct run *kept = run_ok("eval", "nano", "--probes", in(folder, "probes/math.json"), "--patch",
                              in(folder, "patch.json"), "--json", NULL);
    assert_string_equal(named->out.data, kept->out.data);
    run_free(named);
    run_free(kept);
    run_free(run_ok("patch", "verify", in(folder, "patch.json"), "nano", NULL));
}

static void session_export__a_full_folder__refused(void **state)
{
    (void)state;
    const char *folder = run_path("full"), *file = run_write_text("file.dir", "here\n");
    assert_int_equal(mkdir(folder, 0700), 0);
    run_free(run_ok("session", "export", searched(), "-o", in(folder, ""), NULL)); /* was empty */
    run_refused("usage", "exists already, expected a new or an empty folder", "session", "export",
                searched(), "-o", in(folder, ""), NULL);
    run_refused("usage", "exists already, expected a new or an empty folder", "session", "export",
                searched(), "--as", "dir", "-o", file, NULL);
    struct run *run = run_bankai(NULL, "session", "export", searched(), "-o",
                                 in(run_path("nowhere"), "x/"), NULL);
    run_expect_status(run, 3);
    run_expect_err(run, "cannot make the folder");
    run_free(run);
    assert_int_equal(entries(run_path(""), "full.tmp"), 0);
}

/* ---- patches --------------------------------------------------------------------------- */

static size_t flips_of(const char *path)
{
    struct run *run = run_ok("patch", "info", path, "nano", "--json", NULL);
    json_t *info = run_json(run);
    size_t count = json_array_size(look(info, "flips", JSON_ARRAY));
    json_decref(info);
    run_free(run);
    return count;
}

/* The search's own patch is the one of its last step; any other state has its own. */
static void session_export__patch_of_a_state__its_flips(void **state)
{
    (void)state;
    const char *path = run_path("states.bankai"), *own = run_path("states-own.json"),
               *out = run_path("states-out.json");
    run_free(run_ok(BEGIN, "--seed", "6", "--iters", "40", "-s", path, "-o", own, NULL));
    run_free(run_ok("session", "export", path, "--patch", "-o", out, NULL));
    size_t all = flips_of(out);
    assert_true(all > 3);
    assert_int_equal(flips_of(own), all);
    struct run *both = run_ok("patch", "verify", out, "nano", NULL);
    run_free(both);
    const struct {
        const char *step;
        size_t flips;
    } states[] = {{"0", 0}, {"1", 1}, {"head", all}, {"head~1", all - 1}, {"mine", 2}};
    run_free(run_ok("session", "name", path, "mine", "2", NULL));
    for (size_t i = 0; i < countof(states); i++) {
        run_free(run_ok("session", "export", path, "--step", states[i].step, "-o", out, NULL));
        assert_int_equal(flips_of(out), states[i].flips);
    }
    run_refused("usage", "is the session itself", "session", "export", path, "--patch", "-o", path,
                NULL);
    run_refused("usage", "expected one of them", "session", "export", path, "--patch", "--as",
                "dir", "-o", out, NULL);
    run_free(run_ok("session", "verify", path, NULL));
}

/* ---- a hostile one --------------------------------------------------------------------- */

/* Names and texts that would leave the folder, break a table, run in a browser or be
 * computed by a spreadsheet. */
#define EVIL                                                                                  \
    "../../evil", "a|b\\n# heading", "<script>alert(1)</script>", "=cmd()", "\\u001b[31m",    \
        "&amp;\\\"'", "![x](http://x)", "-1+2", "\\\\|", "", "x]] >"

static const char *const evil[] = {EVIL};

static void add_probe(struct buf *out, size_t i, const char *part)
{
    buf_add_format(out, "{\"record\": \"probe\", \"idx\": %zu, \"part\": \"%s\", \"set_name\": "
                   "\"%s\", \"name\": \"%zu%s\", \"category\": \"%s\", \"prompt\": \"p%s\", "
                   "\"correct\": \"c%s\", \"wrong\": \"\", \"alternates\": [\"a%s\"]}\n", i, part,
                   evil[i], i, evil[i], evil[i], evil[i], evil[i], evil[i]);
}

static void add_step(struct buf *out, size_t id, const char *flip)
{
    buf_add_format(out, "{\"record\": \"step\", \"id\": %zu, \"parent\": %zu, \"made_by\": \"%s\","
                   " \"tried\": 0, \"screened\": 0, \"time_ms\": -9223372036854775807,"
                   " \"gaps\": [null, \"Infinity\"], \"note\": \"%s\"}\n"
                   "{\"record\": \"step_flip\", \"step\": %zu, \"n\": 0, %s}\n"
                   "{\"record\": \"event\", \"seq\": %zu, \"time_ms\": 9223372036854775807,"
                   " \"kind\": \"step\", \"step\": %zu, \"number\": 0, \"accepted\": 0,"
                   " \"screened\": 0, \"stopped\": 0}\n", id, id - 1, evil[id], evil[id], id, flip,
                   2 * id, id);
    buf_add_format(out, "{\"record\": \"event\", \"seq\": %zu, \"time_ms\": 0, \"kind\":"
                   " \"tried\", \"step\": %zu, \"number\": 9223372036854775807, %s,"
                   " \"accepted\": 1, \"screened\": 0, \"stopped\": 0, \"fitness\": %s,"
                   " \"text\": \"%s\"}\n", 2 * id + 1, id, flip, id == 1 ? "1e308" : "-1e308",
                   evil[id]);
}

static void add_origin(struct buf *out)
{
    buf_add_text(out, "{\"record\": \"session\", \"format\": \"bankai_session_v1\", \"version\": 1,"
                 " \"program\": \"<b>\", \"created_ms\": 0, \"head\": 2}\n"
                 "{\"record\": \"origin\", \"program_version\": \"0|1\\n<b>\", \"model_path\": "
                 "\"/x/<model>|`.gguf\", \"model_sha256\": \""
                 "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c\","
                 " \"model_bytes\": 9223372036854775807, \"shape\": {\"layers\": 1e300},"
                 " \"settings\": {\"<i>|\": \"\\n|<u>\"}, \"probes_name\": \"|\","
                 " \"gaps_before\": [null, \"-Infinity\"]}\n");
}

static void add_answers(struct buf *out)
{
    for (size_t step = 0; step <= 2; step += 2)
        for (size_t i = 0; i < countof(evil); i++)
            buf_add_format(out, "{\"record\": \"answer\", \"step\": %zu, \"probe\": %zu, \"text\": "
                           "\"%s%s\", \"is_right\": %d}\n", step, i, evil[i], i % 2 ? "" : evil[i],
                           (step == 2) == (i % 3 == 0));
}

static const char *hostile_lines(void)
{
    struct buf out = {0};
    add_origin(&out);
    for (size_t i = 0; i < countof(evil); i++)
        add_probe(&out, i, i == 0 ? "target" : i == 1 ? "control" : "heldout");
    buf_add_text(&out, "{\"record\": \"step\", \"id\": 0, \"redo\": 1, \"made_by\": \"=1\","
                 " \"tried\": 0, \"screened\": 0, \"time_ms\": 0, \"gaps\": [1e308, -1e308]}\n"
                 "{\"record\": \"event\", \"seq\": 1, \"time_ms\": 0, \"kind\": \"shell\","
                 " \"step\": 0, \"number\": 0, \"accepted\": 0, \"screened\": 0, \"stopped\": 0,"
                 " \"text\": \"touch was-run\"}\n");
    add_step(&out, 1, "\"layer\": 2147483647, \"proj\": \"up_proj\", \"row\": 4294967295");
    add_step(&out, 2, "\"proj\": \"head\", \"row\": 0, \"grp\": 2147483647, \"mask\":"
             " \"01000000000000000000000000000000\"");
    add_answers(&out);
    buf_add_text(&out, "{\"record\": \"name\", \"name\": \"<=|\", \"step\": 1}\n");
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    buf_add_format(&out, "{\"record\": \"end\", \"lines\": %zu}\n", lines);
    const char *path = run_write("hostile.jsonl", out.data, out.len);
    buf_free(&out);
    return path;
}

static void session_export__hostile_texts__none_gets_out_of_its_place(void **state)
{
    (void)state;
    const char *path = run_path("<svg> & 'x'.bankai"), *folder = run_path("hostile.dir");
    size_t before = entries(run_path(""), "");
    run_free(run_ok("session", "import", hostile_lines(), "-o", path, NULL));
    run_free(run_ok("session", "verify", path, NULL));
    run_free(run_ok("session", "export", path, "-o", in(folder, ""), NULL));
    check_published(folder);
    assert_int_equal(entries(run_path(""), ""), before + 4); /* lines, session, folder, .said */
    struct buf patch = document_read(in(folder, "patch.json"));
    assert_non_null(strstr(patch.data, "\"mask\": \"01000000000000000000000000000000\""));
    buf_free(&patch);
    assert_int_equal(entries(in(folder, "probes"), ""), countof(evil));
    struct buf page = document_read(in(folder, "report.md"));
    assert_non_null(strstr(page.data, "| shell commands | 1 recorded; nothing runs them again |"));
    assert_null(strstr(page.data, "/x/")); /* whose folders these are is nobody's business */
    buf_free(&page);
    assert_false(look_exists("was-run"));
    run_free(run_ok("session", "export", path, "--patch", "-o", run_path("bits.json"), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_export__a_folder__true_in_every_number),
        cmocka_unit_test(session_import__the_folder__the_same_session),
        cmocka_unit_test(session_export__its_patch_and_probes__loaded_by_eval),
        cmocka_unit_test(session_export__a_full_folder__refused),
        cmocka_unit_test(session_export__patch_of_a_state__its_flips),
        cmocka_unit_test(session_export__hostile_texts__none_gets_out_of_its_place),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
