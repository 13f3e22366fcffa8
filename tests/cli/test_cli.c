/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What all commands share: help, errors, exit statuses, broken outputs.
 */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/cli/cli_int.h"
#include "tests/cli/run.h"
#include "tests/t.h"

/* ---- help and version ------------------------------------------------------- */

static void version__plain__one_line(void **state)
{
    (void)state;
    struct run *run = run_ok("--version", NULL);
    assert_string_equal(run->out.data, "bankai " BANKAI_VERSION "\n");
    assert_string_equal(run->err.data, "");
    run_free(run);
}

static void version__json__object(void **state)
{
    (void)state;
    struct run *run = run_ok("--version", "--json", NULL);
    json_t *value = run_json(run);
    assert_string_equal(json_string_value(json_object_get(value, "version")), BANKAI_VERSION);
    json_decref(value);
    run_free(run);
}

static void help__program__names_every_command(void **state)
{
    (void)state;
    struct run *run = run_ok("--help", NULL);
    struct run *same = run_ok("help", NULL);
    assert_string_equal(run->out.data, same->out.data);
    for (size_t i = 0; cli_commands[i]; i++) {
        run_expect_out(run, cli_commands[i]->name);
        run_expect_out(run, cli_commands[i]->summary);
    }
    run_free(run);
    run_free(same);
}

static const char *help_text; /* what each_in_help looks into */

static void each_in_help(struct buf *out, const struct option_spec *option)
{
    buf_clear(out);
    buf_add_format(out, "--%s%s%s", option->name, option->argument ? " " : "",
                   option->argument ? option->argument : "");
    if (!strstr(help_text, out->data))
        fail_msg("%s is not in the help:\n%s", out->data, help_text);
}

static void help__every_command__names_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *command = cli_commands[i];
        struct run *run = run_ok(command->name, "--help", NULL);
        struct run *same = run_ok("help", command->name, NULL);
        assert_string_equal(run->out.data, same->out.data);
        run_expect_out(run, command->synopsis);
        struct buf name = {0};
        help_text = run->out.data;
        help_each_option(command, each_in_help, &name);
        buf_free(&name);
        run_free(run);
        run_free(same);
    }
}

static void help__every_line__fits_80_columns(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        struct run *run = run_ok("help", cli_commands[i]->name, NULL);
        for (const char *line = run->out.data; *line;) {
            size_t len = strcspn(line, "\n");
            bool is_usage = strncmp(line, "usage: ", 7) == 0;
            if (len > 80 && !is_usage)
                fail_msg("help %s: longer than 80 columns: %.*s", cli_commands[i]->name,
                         (int)len, line);
            line += len + (line[len] == '\n');
        }
        run_free(run);
    }
}

static void help__man__is_roff(void **state)
{
    (void)state;
    struct run *run = run_ok("help", "--man", NULL);
    assert_int_equal(strncmp(run->out.data, ".TH BANKAI 1 ", 13), 0);
    for (size_t i = 0; cli_commands[i]; i++) {
        struct buf title = {0};
        buf_add_format(&title, ".SS bankai %s\n", cli_commands[i]->name);
        run_expect_out(run, title.data);
        buf_free(&title);
    }
    run_free(run);
}

/* ---- the tables ------------------------------------------------------------- */

static void tables__every_command__is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *command = cli_commands[i];
        assert_true(command->name && command->synopsis && command->summary && command->run);
        assert_true(command->positional_min <= command->positional_max);
        assert_true(!command->takes_model || command->positional_max > 0);
        bool letters[256] = {['h'] = true, ['m'] = command->takes_model};
        for (const struct option_spec *spec = command->options; spec && spec->name; spec++) {
            assert_non_null(spec->help);
            unsigned char letter = (unsigned char)spec->letter;
            if (letter && letters[letter])
                fail_msg("%s: -%c stands for two options", command->name, letter);
            letters[letter] = true;
        }
    }
}

/* ---- refusals --------------------------------------------------------------- */

static void refusals__text__say_what_and_where_help_is(void **state)
{
    (void)state;
    struct run *run = run_bankai(NULL, "help", "--mna", NULL);
    run_expect_status(run, 2);
    assert_string_equal(run->out.data, "");
    assert_string_equal(run->err.data, "bankai: unknown option --mna; did you mean --man?\n"
                                       "try 'bankai help --help'\n");
    run_free(run);
}

static void refusals__json__exact_object(void **state)
{
    (void)state;
    struct run *run = run_bankai(NULL, "hlep", "--json", NULL);
    run_expect_status(run, 2);
    assert_string_equal(run->out.data, "");
    assert_string_equal(run->err.data,
                        "{\"error\": {\"code\": \"usage\", \"message\": \"unknown command 'hlep'; "
                        "did you mean help?\", \"file\": null, \"where\": null}}\n");
    run_free(run);
}

static void refusals__all_kinds__are_explained(void **state)
{
    (void)state;
    run_refused("usage", "option -x stands before the command", "-x", NULL);
    run_refused("usage", "unknown command 'zzzzzz'", "zzzzzz", NULL);
    run_refused("usage", "unknown command 'zzzzzz'", "help", "zzzzzz", NULL);
    run_refused("usage", "unknown option --foo", "help", "--foo", NULL);
    run_refused("usage", "unknown option --foo", "help", "--foo=bar", NULL);
    run_refused("usage", "unknown option --ma; did you mean --man?", "help", "--ma", NULL);
    run_refused("usage", "unknown option -x", "help", "-x", NULL);
    run_refused("usage", "option --man takes no value", "help", "--man=1", NULL);
    run_refused("usage", "option --threads needs a value: N", "help", "--threads", NULL);
    run_refused("usage", "--threads: 0 is outside 1 .. 1024", "help", "--threads", "0", NULL);
    run_refused("usage", "--threads: '99x' is not a number", "help", "--threads=99x", NULL);
    run_refused("usage", "--threads: '' is not a number", "help", "--threads=", NULL);
    run_refused("usage", "--threads: 99999999999999999999 is outside 1 .. 1024", "help",
                "--threads=99999999999999999999", NULL);
    run_refused("usage", "unexpected argument 'b', expected: bankai help [COMMAND]", "help", "a",
                "b", NULL);
    run_refused("usage", "unexpected argument '--man', expected:", "help", "--", "help", "--man",
                NULL);
    run_refused("usage", "unknown option --\\x1B[31m", "help", "--\033[31m", NULL);
}

static void refusals__nothing_given_and_no_terminal__names_commands(void **state)
{
    (void)state;
    struct run *run = run_bankai(NULL, NULL);
    run_expect_status(run, 2);
    run_expect_err(run, "bankai: no terminal to draw on: use bankai search, eval, gen, score or "
                        "patch instead\n");
    run_free(run);
}

static void refusals__commands_that_need_arguments__say_so(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *command = cli_commands[i];
        if (command->positional_min > 0)
            run_refused("usage", command->takes_model ? "no model given" : "missing",
                        command->name, NULL);
    }
}

/* ---- parsing, without a program ---------------------------------------------- */

static const struct option_spec test_options[] = {
    {"prompt", 'p', "TEXT", "a text"},
    {"iters", 'n', "N", "a number"},
    {"penalty", 0, "X", "a fraction"},
    {"force", 'f', NULL, "a switch"},
    {NULL, 0, NULL, NULL},
};

static const struct command test_command = {
    .name = "test",
    .synopsis = "MODEL TEXT",
    .options = test_options,
    .positional_min = 2,
    .positional_max = 2,
    .takes_model = true,
};

/* words ends with NULL and begins with the command's name */
static struct arguments *parse(const char **words, struct err *err)
{
    int count = 0;
    while (words[count])
        count++;
    return arguments_parse(&test_command, count, (char **)(uintptr_t)words, err);
}

static void parse__any_order__same_arguments(void **state)
{
    (void)state;
    const char *orders[][8] = {
        {"test", "a", "b", "-p", "x", "-n5", "-f", NULL},
        {"test", "-fn5", "a", "--prompt", "x", "b", NULL},
        {"test", "-m", "a", "--iters=5", "-px", "--force", "b", NULL},
        {"test", "b", "-p", "x", "-n", "5", "-fma", NULL},
        {"test", "-f", "-n5", "-px", "--", "a", "b", NULL},
        {"test", "a", "-fn5", "--prompt=x", "--", "b", NULL},
    };
    for (size_t i = 0; i < countof(orders); i++) {
        struct err err = {0};
        struct arguments *arguments = parse(orders[i], &err);
        t_ok(arguments, &err);
        assert_int_equal(arguments_positional_count(arguments), 2);
        assert_string_equal(arguments_positional(arguments, 0), "a");
        assert_string_equal(arguments_positional(arguments, 1), "b");
        assert_null(arguments_positional(arguments, 2));
        assert_string_equal(arguments_text(arguments, "prompt", NULL), "x");
        int64_t iters = 0;
        t_ok(arguments_int(arguments, "iters", 1, 9, 1, &iters, &err), &err);
        assert_int_equal(iters, 5);
        assert_true(arguments_has(arguments, "force"));
        assert_false(arguments_json(arguments));
        assert_int_equal(arguments_threads(arguments), 0);
        arguments_free(arguments);
    }
}

static void parse__repeated__last_wins_and_each_is_kept(void **state)
{
    (void)state;
    const char *words[] = {"test", "-p1", "-p", "--force", "--prompt=3", "a", "b", NULL};
    struct err err = {0};
    struct arguments *arguments = parse(words, &err);
    t_ok(arguments, &err);
    assert_string_equal(arguments_text(arguments, "prompt", NULL), "3");
    assert_string_equal(arguments_each(arguments, "prompt", 0), "1");
    assert_string_equal(arguments_each(arguments, "prompt", 1), "--force");
    assert_string_equal(arguments_each(arguments, "prompt", 2), "3");
    assert_null(arguments_each(arguments, "prompt", 3));
    assert_false(arguments_has(arguments, "force"));
    arguments_free(arguments);
}

static void parse__not_given__fallbacks(void **state)
{
    (void)state;
    const char *words[] = {"test", "a", "-", NULL};
    struct err err = {0};
    struct arguments *arguments = parse(words, &err);
    t_ok(arguments, &err);
    assert_string_equal(arguments_positional(arguments, 1), "-");
    assert_string_equal(arguments_text(arguments, "prompt", "default"), "default");
    double penalty = 0;
    t_ok(arguments_double(arguments, "penalty", 0, 10, 2.5, &penalty, &err), &err);
    assert_true(penalty == 2.5);
    arguments_free(arguments);
}

static void parse__bad_numbers__are_named(void **state)
{
    (void)state;
    static const struct {
        const char *word, *message;
    } rows[] = {
        {"--penalty=x", "--penalty: 'x' is not a number"},
        {"--penalty=nan", "--penalty: 'nan' is not a number"},
        {"--penalty=1e999", "--penalty: '1e999' is not a number"},
        {"--penalty=-0.5", "--penalty: -0.5 is outside 0 .. 10"},
        {"--penalty=10.5", "--penalty: 10.5 is outside 0 .. 10"},
        {"--iters=0", "--iters: 0 is outside 1 .. 1000000"},
        {"--iters= 1", "--iters: ' 1' is not a number"},
        {"--iters=1.5", "--iters: '1.5' is not a number"},
        {"--iters=-99999999999999999999", "--iters: -99999999999999999999 is outside 1 .. 1000000"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        const char *words[] = {"test", "a", "b", rows[i].word, NULL};
        struct err err = {0};
        struct arguments *arguments = parse(words, &err);
        t_ok(arguments, &err);
        double penalty = 0;
        int64_t iters = 0;
        bool ok = arguments_double(arguments, "penalty", 0, 10, 2, &penalty, &err) &&
                  arguments_int(arguments, "iters", 1, 1000000, 200, &iters, &err);
        assert_false(ok);
        t_err_is(&err, ERR_USAGE, "", rows[i].message);
        arguments_free(arguments);
    }
}

static void parse__wrong_count__is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *words[6], *message;
    } rows[] = {
        {{"test", NULL}, "no model given, expected: bankai test MODEL TEXT"},
        {{"test", "a", NULL}, "an argument is missing, expected: bankai test MODEL TEXT"},
        {{"test", "-ma", NULL}, "an argument is missing, expected: bankai test MODEL TEXT"},
        {{"test", "a", "b", "c", NULL},
         "unexpected argument 'c', expected: bankai test MODEL TEXT"},
        {{"test", "-ma", "b", "c", NULL},
         "unexpected argument 'c', expected: bankai test MODEL TEXT"},
        {{"test", "-p", NULL}, "option --prompt needs a value: TEXT"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        const char *words[6];
        memcpy(words, rows[i].words, sizeof words);
        struct err err = {0};
        assert_null(parse(words, &err));
        t_err_is(&err, ERR_USAGE, "", rows[i].message);
    }
}

static void suggest__near_names__are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"info", "tokenize", "logits", "temp", "layers"};
    static const struct {
        const char *given, *meant;
    } rows[] = {
        {"inof", "info"},    {"tokenise", "tokenize"}, {"temperature", "temp"},
        {"layer", "layers"}, {"logist", "logits"},     {"zzzz", NULL},
        {"i", NULL},         {"", NULL},               {"logging-of-everything-there-is", NULL},
        {"a-name-that-is-far-too-long-to-be-one-of-ours", NULL},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        const char *found = cli_suggest(rows[i].given, names, countof(names));
        assert_string_equal(found ? found : "(none)", rows[i].meant ? rows[i].meant : "(none)");
    }
}

/* ---- broken outputs --------------------------------------------------------- */

static void output__disk_full__status_3(void **state)
{
    (void)state;
    struct run_options full = {.out_path = "/dev/full"};
    struct run *run = run_bankai(&full, "--help", NULL);
    run_expect_status(run, 3);
    assert_string_equal(run->err.data,
                        "bankai: standard output: cannot write: No space left on device\n");
    run_free(run);
}

static void output__disk_full_json__error_object(void **state)
{
    (void)state;
    struct run_options full = {.out_path = "/dev/full"};
    struct run *run = run_bankai(&full, "--version", "--json", NULL);
    run_expect_status(run, 3);
    json_t *error = run_json_error(run);
    assert_string_equal(json_string_value(json_object_get(error, "code")), "io");
    assert_string_equal(json_string_value(json_object_get(error, "file")), "standard output");
    json_decref(error);
    run_free(run);
}

static void output__reader_gone__quiet(void **state)
{
    (void)state;
    struct run_options options = {.out_closed = true};
    struct run *run = run_bankai(&options, "--help", NULL);
    run_expect_status(run, EXIT_READER_GONE);
    assert_string_equal(run->err.data, "");
    run_free(run);
}

static void output__reader_gone__ends_long_work(void **state)
{
    (void)state;
    struct run_options options = {.out_closed = true};
    struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--json", "--target", "math",
                                 "--control", "code", "--iters", "1000000", "-o",
                                 run_path("patch.json"), NULL);
    run_expect_status(run, EXIT_READER_GONE);
    run_free(run);
}

/* ---- signals ---------------------------------------------------------------- */

/* A pipe with a name that nobody writes to: whoever reads it waits. */
static const char *silent_file(void)
{
    const char *path = run_path("silent");
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    return path;
}

/* The signal that a lost page of the model raises, sent once work has begun. */
static void signals__file_cut_short__one_line(void **state)
{
    (void)state;
    struct run_options options = {.interrupt_after = "greedy search", .interrupt_signal = SIGBUS};
    struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--target", "math",
                                 "--control", "code", "--iters", "100000", "-o",
                                 run_path("bus.json"), NULL);
    run_expect_status(run, 3);
    assert_non_null(strstr(run->err.data, "bankai: the model file was cut short while it was "
                                          "mapped\n"));
    run_free(run);

    options.interrupt_after = "tried";
    run = run_bankai(&options, "search", "nano", GREEDY, "--json", "--target", "math",
                     "--control", "code", "--iters", "100000", "-o", run_path("bus.json"), NULL);
    run_expect_status(run, 3);
    json_t *error = run_json_error(run);
    assert_string_equal(json_string_value(json_object_get(error, "code")), "io");
    json_decref(error);
    run_free(run);
}

static void signals__interrupted__status_130(void **state)
{
    (void)state;
    const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < countof(signals); i++) {
        struct run_options options = {.interrupt_after = "tried", .interrupt_signal = signals[i]};
        struct run *run = run_bankai(&options, "search", "nano", GREEDY, "--json", "--target",
                                     "math", "--control", "code", "-o", run_path("patch.json"),
                                     NULL);
        run_expect_status(run, 130);
        json_t *error = run_json_error(run);
        assert_string_equal(json_string_value(json_object_get(error, "code")), "cancelled");
        json_decref(error);
        run_free(run);
    }
}

static void signals__too_slow__is_killed(void **state)
{
    (void)state;
    struct run_options options = {.timeout_s = 0.3};
    struct run *run = run_bankai(&options, "tokenize", "nano", "--file", silent_file(), NULL);
    assert_true(run->timed_out);
    assert_int_equal(run->killed_by, SIGKILL);
    run_free(run);
}

static void model__option_or_position__same(void **state)
{
    (void)state;
    struct run *run = run_ok("tokenize", "nano", "a b", NULL);
    struct run *same = run_ok("tokenize", "a b", "-m", "nano", NULL);
    struct run *also = run_ok("tokenize", "--model=nano", "--", "a b", NULL);
    assert_string_equal(run->out.data, same->out.data);
    assert_string_equal(run->out.data, also->out.data);
    run_free(run);
    run_free(same);
    run_free(also);
    run_refused("usage", "unexpected argument 'a b'", "tokenize", "nano", "a b", "-m", "nano",
                NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version__plain__one_line),
        cmocka_unit_test(version__json__object),
        cmocka_unit_test(help__program__names_every_command),
        cmocka_unit_test(help__every_command__names_every_option),
        cmocka_unit_test(help__every_line__fits_80_columns),
        cmocka_unit_test(help__man__is_roff),
        cmocka_unit_test(tables__every_command__is_complete),
        cmocka_unit_test(refusals__text__say_what_and_where_help_is),
        cmocka_unit_test(refusals__json__exact_object),
        cmocka_unit_test(refusals__all_kinds__are_explained),
        cmocka_unit_test(refusals__nothing_given_and_no_terminal__names_commands),
        cmocka_unit_test(refusals__commands_that_need_arguments__say_so),
        cmocka_unit_test(parse__any_order__same_arguments),
        cmocka_unit_test(parse__repeated__last_wins_and_each_is_kept),
        cmocka_unit_test(parse__not_given__fallbacks),
        cmocka_unit_test(parse__bad_numbers__are_named),
        cmocka_unit_test(parse__wrong_count__is_refused),
        cmocka_unit_test(suggest__near_names__are_found),
        cmocka_unit_test(output__disk_full__status_3),
        cmocka_unit_test(output__disk_full_json__error_object),
        cmocka_unit_test(output__reader_gone__quiet),
        cmocka_unit_test(output__reader_gone__ends_long_work),
        cmocka_unit_test(signals__file_cut_short__one_line),
        cmocka_unit_test(signals__interrupted__status_130),
        cmocka_unit_test(signals__too_slow__is_killed),
        cmocka_unit_test(model__option_or_position__same),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
