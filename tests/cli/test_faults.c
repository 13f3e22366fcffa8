/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The n-th allocation of a command fails, or its n-th call for a file
 * (tests/preload/faulty.c): it ends by itself with one clear line or does all it was
 * asked for, leaves no half of a file, and a session is whole, has every flip that was
 * shown, and goes on to the same patch.
 *
 * A few n of every command, evenly spread; with BANKAI_SOAK all of them.
 */
#include <ftw.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/session/session.h"
#include "tests/cli/look.h"
#include "tests/document.h"
#include "tests/t.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* its allocator and ours want the same place */
#else
enum { SANITIZED = 0 };
#endif

enum { WORDS_MAX = 20, SHORT_FORM = 5 /* n of each command and kind */ };

#define PROBE(name, prompt, correct, wrong)                                                   \
    "{\"name\": \"" name "\", \"prompt\": \"" prompt "\", \"correct\": \"" correct              \
    "\", \"wrong\": \"" wrong "\"}"

static const char targets[] = "[" PROBE("a", "one two", " three", " four") ", "
                              PROBE("b", "red green", " blue", " grey") "]";
static const char controls[] = "[" PROBE("c", "up", " down", " left") "]";
static const char stored[] =
    "[{\"name\": \"b\", \"generated\": \" 6x\\n7\", \"accepted\": [\" 6x\"]}]";

/* ---- what is run -------------------------------------------------------------------- */

struct command {
    const char *words[WORDS_MAX]; /* files by their name in the temporary folder: "@name" */
    bool is_search;     /* of the session SESSION; its output has times in it */
    bool resumes;       /* that session was begun before */
    const char *makes;  /* a session that is there, whole, or not at all */
};

#define MODEL "@tiny.gguf"
#define SEARCH "search", MODEL, GREEDY, "--target", "@targets.json", "--control",              \
               "@controls.json", "--seed", "1"
#define SEARCHED "-s", "@now.bankai", "-o", "@now.json", "--iters", "6", "--json"

static const struct command commands[] = {
    {.words = {"info", MODEL}},
    {.words = {"gen", MODEL, "-p", "one two", "-n", "3"}},
    {.words = {"eval", MODEL, "--probes", "@targets.json"}},
    {.words = {"score", "@stored.json"}},
    {.words = {"patch", "info", "@kept.json", MODEL}},
    {.words = {"patch", "verify", "@kept.json", MODEL}},
    {.words = {"session", "show", "@kept.bankai"}},
    {.words = {"session", "verify", "@kept.bankai"}},
    {.words = {"session", "log", "@kept.bankai"}},
    {.words = {"session", "export", "@kept.bankai", "-o", "@made.bankai"}, .makes = "made.bankai"},
    {.words = {"session", "export", "@kept.bankai", "-o", "@made.jsonl"}},
    {.words = {"session", "export", "@kept.bankai", "--as", "dir", "-o", "@made.dir"}},
    {.words = {"session", "import", "@kept.jsonl", "-o", "@made.bankai"}, .makes = "made.bankai"},
    {.words = {SEARCH, SEARCHED}, .is_search = true},
    {.words = {"search", SEARCHED}, .is_search = true, .resumes = true},
};

static struct run *run_command(const struct command *command, const char *faulty)
{
    char library[4096], wish[4200];
    const char *words[WORDS_MAX + 1] = {NULL}, *program = getenv("BANKAI");
    for (size_t i = 0; command->words[i]; i++)
        words[i] = command->words[i][0] == '@' ? run_path(command->words[i] + 1)
                                               : command->words[i];
    (void)snprintf(library, sizeof library, "LD_PRELOAD=%.*stests/preload/libfaulty.so",
                   program ? (int)(strrchr(program, '/') + 1 - program) : 6,
                   program ? program : "build/");
    (void)snprintf(wish, sizeof wish, "BANKAI_FAULTY=%s", faulty ? faulty : "");
    const char *const environment[] = {wish, "OMP_WAIT_POLICY=passive", "OMP_NUM_THREADS=2",
                                       faulty ? library : NULL, NULL};
    return run_bankai_words(&(struct run_options){.environment = environment}, words);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_matching(const char *pattern)
{
    glob_t found;
    if (glob(run_path(pattern), 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)nftw(found.gl_pathv[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
    globfree(&found);
}

static void copy_file(const char *from, const char *to)
{
    struct buf bytes = document_read(run_path(from));
    (void)run_write(to, bytes.data, bytes.len);
    buf_free(&bytes);
}

/* As before the first run. */
static void set_up(const struct command *command)
{
    remove_matching("now.*");
    remove_matching("made.*");
    remove_matching("cache/bankai/*"); /* the model's hash is computed again */
    if (command->resumes)
        copy_file("begun.bankai", "now.bankai");
}

/* ---- what came out ------------------------------------------------------------------ */

struct faulted {
    const struct command *command;
    const char *kind;
    uint64_t n;
    const struct run *run, *whole; /* with the fault, and without */
};

static void complain(const struct faulted *faulted, const char *what)
{
    const struct run *run = faulted->run;
    fail_msg("%s, %s %llu: %s\nexit status %d%s\n--- standard output\n%s\n"
             "--- standard error\n%s\n---", run->line, faulted->kind,
             (unsigned long long)faulted->n, what, run->status,
             run->killed_by ? " (killed)" : run->timed_out ? " (timed out)" : "", run->out.data,
             run->err.data);
}

static bool is_kind(const struct faulted *faulted, const char *kind)
{
    return strcmp(faulted->kind, kind) == 0;
}

/* Nothing is lost by these: what was left undone is done by another call. */
static bool is_harmless(const struct faulted *faulted)
{
    return is_kind(faulted, "short") || is_kind(faulted, "interrupt");
}

static void check_line(const struct faulted *faulted)
{
    const char *text = faulted->run->err.data, *end = strchr(text, '\n');
    if (strncmp(text, "bankai: ", 8) != 0 && strncmp(text, "{\"error\": ", 10) != 0)
        complain(faulted, "expected one line that says why");
    if (!end || end[1] != '\0')
        complain(faulted, "expected no more than one line");
}

/* A page that the disk does not give is what `session verify` is there to tell. */
static bool may_say_no(const struct faulted *faulted)
{
    return is_kind(faulted, "error") && strcmp(faulted->command->words[1], "verify") == 0;
}

/* OpenMP has no way to go on without memory or threads. */
static bool library_gave_up(const struct faulted *faulted)
{
    return is_kind(faulted, "memory") && faulted->run->status == 1 &&
           strncmp(faulted->run->err.data, "\nlibgomp: ", 10) == 0;
}

static void check_output(const struct faulted *faulted)
{
    const struct run *run = faulted->run, *whole = faulted->whole;
    bool is_done = run->status == whole->status;
    if (run->killed_by || run->timed_out)
        complain(faulted, "expected an end of its own");
    if (library_gave_up(faulted))
        return;
    if (!is_done && run->status != 2 && run->status != 3 && !may_say_no(faulted))
        complain(faulted, "expected exit status 2 or 3");
    if (!is_done && is_harmless(faulted))
        complain(faulted, "expected that it makes no difference");
    if (!is_done)
        check_line(faulted);
    if (is_done && run->err.len > 0)
        complain(faulted, "all was done, but something was said");
    if (is_done && !faulted->command->is_search && strcmp(run->out.data, whole->out.data) != 0)
        complain(faulted, "expected the output of a run without a fault");
}

static void check_leftovers(const struct faulted *faulted)
{
    glob_t found;
    if (glob(run_path("*.tmp*"), 0, NULL, &found) == 0)
        complain(faulted, found.gl_pathv[0]);
    globfree(&found);
}

/* The session is whole; -1 if there is none. */
static int64_t check_session(const struct faulted *faulted, const char *path)
{
    struct err err = {0};
    struct buf reasons = {0};
    if (!look_exists(path))
        return -1;
    struct session *session = session_open(path, SESSION_WRITE, &err);
    if (!session || !session_verify(session, &reasons, &err))
        complain(faulted, err.message);
    int64_t steps = session_is_new(session) ? -1 : (int64_t)session_step_count(session) - 1;
    session_close(session);
    buf_free(&reasons);
    return steps;
}

static int64_t accepted_shown(const struct run *run)
{
    int64_t count = 0;
    for (const char *at = run->out.data; (at = strstr(at, "\"accepted\": true")); at++)
        count++;
    return count;
}

/* It goes on, without a fault, to the patch of a search that nothing happened to. */
static void check_search(const struct faulted *faulted)
{
    int64_t steps = check_session(faulted, run_path("now.bankai"));
    int64_t shown = accepted_shown(faulted->run);
    if ((steps < 0 && shown > 0) || (steps >= 0 && steps < shown))
        complain(faulted, "a flip that was shown is not in the session");
    const struct command first = {.words = {SEARCH, SEARCHED}}, more = {.words = {"search",
                                                                                  SEARCHED}};
    struct run *run = run_command(steps < 0 ? &first : &more, NULL);
    run_expect_status(run, 0);
    look_same_files(run_path("now.json"), run_path("kept.json"));
    run_free(run);
}

/* A folder that was made is whole: all of it, or nothing. */
static void check_folder(const struct faulted *faulted)
{
    static const char *const files[] = {"patch.json",      "session.jsonl", "report.md",
                                        "generations.csv", "heatmap.svg",   "probes/targets.json"};
    for (size_t i = 0; look_exists(run_path("made.dir")) && i < countof(files); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "made.dir/%s", files[i]);
        if (!look_exists(run_path(name)))
            complain(faulted, files[i]);
    }
}

static void check(const struct faulted *faulted)
{
    check_output(faulted);
    check_leftovers(faulted);
    if (faulted->command->is_search)
        check_search(faulted);
    check_folder(faulted);
    if (faulted->command->makes)
        (void)check_session(faulted, run_path(faulted->command->makes));
}

/* ---- all n -------------------------------------------------------------------------- */

struct tally {
    uint64_t runs, failed, went_on, gave_up;
};

/* What the preloaded library counted: calls, and of these failed. */
static void read_counts(uint64_t counts[2])
{
    struct buf bytes = document_read(run_path("counts"));
    assert_int_equal(bytes.len, 2 * sizeof *counts);
    memcpy(counts, bytes.data, bytes.len);
    buf_free(&bytes);
}

static struct run *run_with(const struct command *command, const char *kind, uint64_t n,
                            uint64_t counts[2])
{
    char wish[4096];
    (void)run_write("counts", (const uint64_t[2]){0, 0}, 2 * sizeof(uint64_t));
    (void)snprintf(wish, sizeof wish, "%s %llu %s", kind, (unsigned long long)n,
                   run_path("counts"));
    set_up(command);
    struct run *run = run_command(command, wish);
    read_counts(counts);
    return run;
}

/* How far it has come, "importing   45%  90/200", is said of what takes over a second: on
 * a busy machine that may be anything. */
static void drop_progress(struct buf *text)
{
    size_t kept = 0;
    for (size_t at = 0, next = 0; at < text->len; at = next) {
        char *end = memchr(text->data + at, '\n', text->len - at);
        next = end ? (size_t)(end + 1 - text->data) : text->len;
        const char *percent = memmem(text->data + at, next - at, "%  ", 3);
        if (percent && strncmp(text->data + at, "bankai: ", 8) != 0)
            continue;
        memmove(text->data + kept, text->data + at, next - at);
        kept += next - at;
    }
    if (text->data)
        text->data[kept] = '\0';
    text->len = kept;
}

static void run_one(struct faulted *faulted, struct tally *tally)
{
    uint64_t counts[2];
    struct run *run = run_with(faulted->command, faulted->kind, faulted->n, counts);
    drop_progress(&run->err);
    faulted->run = run;
    check(faulted);
    tally->runs++;
    tally->failed += counts[1] > 0;
    tally->went_on += counts[1] > 0 && run->status == faulted->whole->status;
    tally->gave_up += library_gave_up(faulted);
    run_free(run);
}

/* Every n, or SHORT_FORM of them: the first, the last, and some between. */
static void run_all(const struct command *command, const char *kind, struct tally *tally)
{
    uint64_t counts[2];
    struct run *whole = run_with(command, kind, 0, counts);
    assert_in_range(whole->status, 0, 1);
    uint64_t total = counts[0];
    uint64_t count = getenv("BANKAI_SOAK") || total < SHORT_FORM ? total : SHORT_FORM;
    for (uint64_t i = 0; i < count; i++) {
        struct faulted faulted = {
            .command = command,
            .kind = kind,
            .n = count > 1 ? 1 + i * (total - 1) / (count - 1) : 1,
            .whole = whole,
        };
        run_one(&faulted, tally);
    }
    run_free(whole);
}

static void run_kind(const char *kind)
{
    struct tally tally = {0};
    if (SANITIZED) {
        print_message("skipped: a sanitizer's allocator cannot be replaced\n");
        skip();
    }
    for (size_t i = 0; i < countof(commands); i++)
        run_all(&commands[i], kind, &tally);
    print_message("%s: %llu runs of %zu commands, %llu with a failed call, %llu of these did all "
                  "they were asked for, OpenMP ended %llu\n", kind,
                  (unsigned long long)tally.runs, countof(commands),
                  (unsigned long long)tally.failed, (unsigned long long)tally.went_on,
                  (unsigned long long)tally.gave_up);
    assert_true(tally.failed > 0);
}

static void bankai__no_memory_once__one_line_and_nothing_lost(void **state)
{
    (void)state;
    run_kind("memory");
}

static void bankai__file_call_fails_once__one_line_and_nothing_lost(void **state)
{
    (void)state;
    run_kind("error");
}

static void bankai__disk_full_for_good__one_line_and_nothing_lost(void **state)
{
    (void)state;
    run_kind("full");
}

static void bankai__short_read_or_write__no_difference(void **state)
{
    (void)state;
    run_kind("short");
}

static void bankai__interrupted_call__no_difference(void **state)
{
    (void)state;
    run_kind("interrupt");
}

/* The files that commands read: a patch and a session of six candidates, and one that
 * was stopped after three. */
static int make_files(void **state)
{
    (void)state;
    (void)look_tiny_model("tiny.gguf", &tiny_default);
    (void)run_write_text("targets.json", targets);
    (void)run_write_text("controls.json", controls);
    (void)run_write_text("stored.json", stored);
    const struct command whole = {.words = {SEARCH, "-s", "@kept.bankai", "-o", "@kept.json",
                                            "--iters", "6"}};
    const struct command begun = {.words = {SEARCH, "-s", "@begun.bankai", "-o", "@begun.json",
                                            "--iters", "3"}};
    struct run *run = run_command(&whole, NULL);
    run_expect_status(run, 0); /* something was accepted */
    run_free(run);
    run_free(run_command(&begun, NULL));
    run_free(run_ok("session", "export", run_path("kept.bankai"), "-o", run_path("kept.jsonl"),
                    NULL));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bankai__no_memory_once__one_line_and_nothing_lost),
        cmocka_unit_test(bankai__file_call_fails_once__one_line_and_nothing_lost),
        cmocka_unit_test(bankai__disk_full_for_good__one_line_and_nothing_lost),
        cmocka_unit_test(bankai__short_read_or_write__no_difference),
        cmocka_unit_test(bankai__interrupted_call__no_difference),
    };
    return cmocka_run_group_tests(tests, make_files, NULL);
}
