/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * getopt_long does the splitting, told to stop at each positional argument
 * ("+"), so that options and positionals may come in any order while we always
 * know which word is being looked at.  It would also accept abbreviations of
 * long names; these are refused, as scripts that use them break whenever an
 * option is added.
 */
#include "src/cli/cli_int.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/num.h"

enum {
    LONG_BASE = 256,   /* getopt_long returns LONG_BASE + index in specs[] */
    SPECS_MAX = 96,
    THREADS_MAX = 1024,
};

struct option_value {
    const struct option_spec *spec;
    const char *value; /* NULL for a switch */
};

struct arguments {
    const struct command *command;
    const struct option_spec *specs[SPECS_MAX]; /* own and common, each name once */
    size_t spec_count;
    struct option_value *values; /* in the order given */
    size_t value_count;
    const char **positionals;
    int positional_count;
    int64_t threads;
};

cancel_flag cli_cancel;

const struct option_spec cli_model_option[] = {
    {"model", 'm', "MODEL", "model file, or nano; stands in for the first argument"},
    {NULL, 0, NULL, NULL},
};

const struct option_spec cli_common_options[] = {
    {"threads", 0, "N", "use N threads (default: as many as the machine has)"},
    {"json", 0, NULL, "print JSON, errors included"},
    {"help", 'h', NULL, "show this help"},
    {NULL, 0, NULL, NULL},
};

int cli_fail(const struct err *err)
{
    BUG_ON(err->code == ERR_NONE);
    return err_exit_status(err->code);
}

/* ---- names ---------------------------------------------------------------- */

enum { NAME_MAX_LEN = 32 };

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into
 * b (optimal string alignment).  Both are at most NAME_MAX_LEN long. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][NAME_MAX_LEN + 1] = {{0}};
    size_t a_len = strlen(a), b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            now[j] = min_size(before[j - 1] + cost, min_size(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min_size(now[j], older[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

const char *cli_suggest(const char *name, const char *const *names, size_t count)
{
    size_t len = strlen(name);
    if (len < 2 || len > NAME_MAX_LEN)
        return NULL;
    size_t best_distance = 1 + len / 3; /* further away is another word */
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NAME_MAX_LEN)
            continue;
        bool begins = starts_with(names[i], name) || starts_with(name, names[i]);
        size_t distance = begins ? 1 : edit_distance(name, names[i]);
        if (distance < best_distance || (distance == best_distance && !best)) {
            best_distance = distance;
            best = names[i];
        }
    }
    return best;
}

static const struct option_spec *find_spec(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->spec_count; i++) {
        if (strcmp(arguments->specs[i]->name, name) == 0)
            return arguments->specs[i];
    }
    return NULL;
}

static void add_specs(struct arguments *arguments, const struct option_spec *specs)
{
    for (; specs && specs->name; specs++) {
        if (find_spec(arguments, specs->name))
            continue; /* the command has its own of that name */
        BUG_ON(arguments->spec_count == SPECS_MAX);
        arguments->specs[arguments->spec_count++] = specs;
    }
}

/* ---- what is wrong -------------------------------------------------------- */

static bool fail_unknown_long(const struct arguments *arguments, const char *word, struct err *err)
{
    size_t len = strcspn(word, "=");
    char *given = x_copy(word, len);
    const char *names[SPECS_MAX];
    for (size_t i = 0; i < arguments->spec_count; i++)
        names[i] = arguments->specs[i]->name;
    const char *meant = cli_suggest(given + 2, names, arguments->spec_count);
    if (meant)
        (void)err_set(err, ERR_USAGE, "unknown option %s; did you mean --%s?", given, meant);
    else
        (void)err_set(err, ERR_USAGE, "unknown option %s", given);
    free(given);
    return false;
}

/* getopt_long refused the word: an unknown option, or a switch with "=value". */
static bool fail_refused(const struct arguments *arguments, const char *word, struct err *err)
{
    if (!starts_with(word, "--"))
        return err_set(err, ERR_USAGE, "unknown option -%c", optopt);
    if (optopt >= LONG_BASE) {
        const struct option_spec *spec = arguments->specs[optopt - LONG_BASE];
        return err_set(err, ERR_USAGE, "option --%s takes no value", spec->name);
    }
    return fail_unknown_long(arguments, word, err);
}

static bool fail_no_value(const struct arguments *arguments, struct err *err)
{
    for (size_t i = 0; i < arguments->spec_count; i++) {
        const struct option_spec *spec = arguments->specs[i];
        if (optopt == LONG_BASE + (int)i || (spec->letter && optopt == spec->letter))
            return err_set(err, ERR_USAGE, "option --%s needs a value: %s", spec->name,
                           spec->argument);
    }
    return err_set(err, ERR_USAGE, "an option needs a value");
}

/* ---- parsing -------------------------------------------------------------- */

struct getopt_tables {
    char letters[2 * SPECS_MAX + 3];
    struct option longs[SPECS_MAX + 1];
};

static void fill_tables(const struct arguments *arguments, struct getopt_tables *tables)
{
    char *letter = tables->letters;
    *letter++ = '+'; /* stop at positionals */
    *letter++ = ':'; /* say nothing, and tell a missing value from an unknown option */
    for (size_t i = 0; i < arguments->spec_count; i++) {
        const struct option_spec *spec = arguments->specs[i];
        if (spec->letter) {
            *letter++ = spec->letter;
            if (spec->argument)
                *letter++ = ':';
        }
        tables->longs[i] = (struct option){
            .name = spec->name,
            .has_arg = spec->argument ? required_argument : no_argument,
            .val = LONG_BASE + (int)i,
        };
    }
}

static const struct option_spec *spec_of_result(const struct arguments *arguments, int result)
{
    if (result >= LONG_BASE)
        return arguments->specs[result - LONG_BASE];
    for (size_t i = 0; i < arguments->spec_count; i++) {
        if (arguments->specs[i]->letter == result)
            return arguments->specs[i];
    }
    return NULL;
}

static void add_value(struct arguments *arguments, const struct option_spec *spec,
                      const char *value)
{
    arguments->values = x_grow(arguments->values, arguments->value_count + 1,
                               sizeof *arguments->values);
    arguments->values[arguments->value_count++] = (struct option_value){spec, value};
}

static void add_positional(struct arguments *arguments, const char *text)
{
    size_t count = (size_t)arguments->positional_count + 1;
    arguments->positionals = x_grow(arguments->positionals, count,
                                    sizeof *arguments->positionals);
    arguments->positionals[arguments->positional_count++] = text;
}

/* One option, whose word is the one getopt_long was about to read. */
static bool take_option(struct arguments *arguments, int result, const char *word,
                        struct err *err)
{
    if (result == '?')
        return fail_refused(arguments, word, err);
    if (result == ':')
        return fail_no_value(arguments, err);
    const struct option_spec *spec = spec_of_result(arguments, result);
    BUG_ON(!spec);
    bool abbreviated = result >= LONG_BASE && strcspn(word + 2, "=") != strlen(spec->name);
    if (abbreviated)
        return fail_unknown_long(arguments, word, err);
    add_value(arguments, spec, spec->argument ? optarg : NULL);
    return true;
}

static bool take_words(struct arguments *arguments, int argc, char **argv, struct err *err)
{
    struct getopt_tables tables = {0};
    fill_tables(arguments, &tables);
    optind = 0; /* start afresh; 0 makes glibc forget all of an earlier parse */
    opterr = 0;
    int rest = argc; /* what follows "--" */
    for (int at = 1; at < argc; at = optind) {
        int result = getopt_long(argc, argv, tables.letters, tables.longs, NULL);
        if (result != -1) {
            if (!take_option(arguments, result, argv[at], err))
                return false;
        } else if (optind > at) { /* it has eaten "--" */
            rest = optind;
            break;
        } else {
            add_positional(arguments, argv[optind++]);
        }
    }
    for (int i = rest; i < argc; i++)
        add_positional(arguments, argv[i]);
    return true;
}

/* -m MODEL becomes the first positional argument. */
static void place_model(struct arguments *arguments)
{
    const char *model = NULL;
    if (arguments->command->takes_model)
        model = arguments_text(arguments, cli_model_option->name, NULL);
    if (!model)
        return;
    add_positional(arguments, NULL);
    memmove(arguments->positionals + 1, arguments->positionals,
            sizeof *arguments->positionals * (size_t)(arguments->positional_count - 1));
    arguments->positionals[0] = model;
}

static bool check_positionals(const struct arguments *arguments, struct err *err)
{
    const struct command *command = arguments->command;
    int count = arguments->positional_count;
    if (count > command->positional_max)
        return err_set(err, ERR_USAGE, "unexpected argument '%s', expected: bankai %s %s",
                       arguments->positionals[command->positional_max], command->name,
                       command->synopsis);
    if (count < command->positional_min)
        return err_set(err, ERR_USAGE, "%s, expected: bankai %s %s",
                       command->takes_model && count == 0 ? "no model given"
                                                          : "an argument is missing",
                       command->name, command->synopsis);
    return true;
}

struct arguments *arguments_parse(const struct command *command, int argc, char **argv,
                                  struct err *err)
{
    struct arguments *arguments = x_new(1, sizeof *arguments);
    arguments->command = command;
    add_specs(arguments, command->options);
    if (command->takes_model)
        add_specs(arguments, cli_model_option);
    add_specs(arguments, cli_common_options);
    bool ok = take_words(arguments, argc, argv, err);
    if (ok && !arguments_help(arguments)) {
        place_model(arguments);
        ok = check_positionals(arguments, err) &&
             arguments_int(arguments, "threads", 1, THREADS_MAX, 0, &arguments->threads, err);
    }
    if (ok)
        return arguments;
    arguments_free(arguments);
    return NULL;
}

void arguments_free(struct arguments *arguments)
{
    if (!arguments)
        return;
    free(arguments->values);
    free(arguments->positionals);
    free(arguments);
}

/* ---- what was given ------------------------------------------------------- */

bool arguments_json(const struct arguments *arguments)
{
    return arguments_has(arguments, "json");
}

bool arguments_help(const struct arguments *arguments)
{
    return arguments_has(arguments, "help");
}

int arguments_threads(const struct arguments *arguments)
{
    return (int)arguments->threads;
}

const char *arguments_positional(const struct arguments *arguments, int index)
{
    BUG_ON(index < 0);
    return index < arguments->positional_count ? arguments->positionals[index] : NULL;
}

int arguments_positional_count(const struct arguments *arguments)
{
    return arguments->positional_count;
}

/* The last entry of that name, or NULL; asking for an option that is not in
 * the table is a mistake of ours. */
static const struct option_value *find_value(const struct arguments *arguments, const char *name)
{
    const struct option_spec *spec = find_spec(arguments, name);
    BUG_ON(!spec);
    for (size_t i = arguments->value_count; i-- > 0;) {
        if (arguments->values[i].spec == spec)
            return &arguments->values[i];
    }
    return NULL;
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
    return find_value(arguments, name) != NULL;
}

const char *arguments_text(const struct arguments *arguments, const char *name,
                           const char *fallback)
{
    const struct option_value *value = find_value(arguments, name);
    return value ? value->value : fallback;
}

const char *arguments_each(const struct arguments *arguments, const char *name, int index)
{
    const struct option_spec *spec = find_spec(arguments, name);
    BUG_ON(!spec);
    for (size_t i = 0; i < arguments->value_count; i++) {
        if (arguments->values[i].spec == spec && index-- == 0)
            return arguments->values[i].value;
    }
    return NULL;
}

/* A number too long for int64_t is still a number, and outside every range. */
static bool is_all_digits(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

bool arguments_int(const struct arguments *arguments, const char *name, int64_t min, int64_t max,
                   int64_t fallback, int64_t *out, struct err *err)
{
    const char *text = arguments_text(arguments, name, NULL);
    *out = fallback;
    if (!text)
        return true;
    bool parsed = num_parse_int(text, out);
    if (!parsed && !is_all_digits(text))
        return err_set(err, ERR_USAGE, "--%s: '%s' is not a number", name, text);
    if (!parsed || *out < min || *out > max)
        return err_set(err, ERR_USAGE, "--%s: %s is outside %" PRId64 " .. %" PRId64, name, text,
                       min, max);
    return true;
}

bool arguments_double(const struct arguments *arguments, const char *name, double min, double max,
                      double fallback, double *out, struct err *err)
{
    const char *text = arguments_text(arguments, name, NULL);
    *out = fallback;
    if (!text)
        return true;
    if (!num_parse_double(text, out))
        return err_set(err, ERR_USAGE, "--%s: '%s' is not a number", name, text);
    if (*out < min || *out > max)
        return err_set(err, ERR_USAGE, "--%s: %s is outside %g .. %g", name, text, min, max);
    return true;
}
