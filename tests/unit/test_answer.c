/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The `math` rule and the other modes: expectations by hand, and the tables of
 * probes/FORMAT.md.
 */
#include "tests/t.h"

#include <stdlib.h>

#include "probes/answer.h"
#include "tests/document.h"

struct row {
    const char *generated;
    const char *accepted;
    bool right;
};

static const struct row rows[] = {
    /* step 1: the first line that is not empty */
    {" 6x\n 7x", " 6x", true},
    {"\n\n 6x\n", " 6x", true},
    {"\r\n 6x\r\nsomething", " 6x", true},
    {" \t \n\xC2\xA0\n 6x", " 6x", true},
    {" 7x\n 6x", " 6x", false},
    {"", " 6x", false},
    {" \n\t\n", " 6x", false},
    {"**\n6x", " 6x", false}, /* a line of what is left out is not empty */
    {" 6x", " 6x\n", true},

    /* step 2: what is left out, letter case, the root sign */
    {"6x", " 6x", true},
    {" 6 x ^ 2", " 6x^2", true},
    {"\t6x", " 6x", true},
    {"\xE2\x80\x89" "6x\xC2\xA0", " 6x", true},
    {" (6x)", " 6x", true},
    {" [{6}x]", " 6x", true},
    {" 6*x", " 6x", true},
    {" **6x**", " 6x", true},
    {" 6x", " 6*x", true},
    {" 2(x+1)", " 2x + 1", true},
    {" PARIS", " Paris", true},
    {" paris", " Paris", true},
    {" h2o", "H2O", true},
    {" \xC3\x84rger", " \xC3\xA4rger", true},       /* A with two dots */
    {" \xCE\xA9", " \xCF\x89", true},               /* omega */
    {" \xD0\x9C\xD0\xB8\xD1\x80", " \xD0\xBC\xD0\x98\xD1\x80", true},
    {" \xC5\x81", " \xC5\x82", true},               /* L with stroke: an odd pair */
    {" \xE2\x88\x9A" "3/2", " sqrt(3)/2", true},
    {" sqrt(3)/2", " \xE2\x88\x9A" "3/2", true},
    {" SQRT(3)/2", " \xE2\x88\x9A(3)/2", true},
    {" \xE2\x88\x9A" "5/2", " sqrt(3)/2", false},
    {" <6x>", " 6x", false}, /* not a bracket */

    /* step 3: it must begin with the answer */
    {" x = 6x", " 6x", false},
    {" 6", " 6x", false},
    {" 7x", " 6x", false},
    {" anything", " ()", false},
    {" anything", "", false},
    {" ()", "()", false},

    /* step 4: + C */
    {" 6x + C", " 6x", true},
    {" 6x+c", " 6x", true},
    {" 6x + C.", " 6x", true},
    {" 6x + C, where C is any number", " 6x", true},
    {" 6x + C where C is any number", " 6x", true},
    {" 6x + Constant", " 6x", false},
    {" 6x + C2", " 6x", false},
    {" 6x + D", " 6x", false},
    {" 6x - C", " 6x", false},
    {" 6x + 1", " 6x", false},
    {" 6x + C + C", " 6x", false},
    {" 6x + C", " 6x + C", true},
    {" 6x", " 6x + C", false},

    /* step 5: the end, and the characters that end an answer */
    {" 6x = 6 * x", " 6x", true},
    {" 6x=", " 6x", true},
    {" 6 \xE2\x89\x88 6.0", " 6", true},
    {" 6x$", " 6x", true},
    {" 6x, and", " 6x", true},
    {" 6, 5", " 6", true},
    {" 6x;", " 6x", true},
    {" 6x:", " 6x", true},
    {" 6x!", " 6x", true},
    {" 6x?", " 6x", true},
    {" 6x)", " 6x", true},
    {" 6x/2", " 6x", false},
    {" 6x^2", " 6x", false},
    {" 6x\"", " 6x", false},
    {" 6x > 5", " 6x", false},
    {" 60", " 6", false},
    {" 6 7", " 6", false},
    {" 6x\xFF", " 6x", false}, /* a byte that is no character is none of these */

    /* step 5: a full stop that no digit follows */
    {" 6x.", " 6x", true},
    {" 6.", " 6", true},
    {" 6. ", " 6", true},
    {" 6.5", " 6", false},
    {" 6. 5", " 6", true},
    {" 6.(5)", " 6", false},
    {" 6..5", " 6", true},
    {" Paris.", " Paris", true},

    /* step 5: white space and a word */
    {" 6x for all x", " 6x", true},
    {" 6x is", " 6x", true},
    {" 6x (for all x)", " 6x", true},
    {" 6x f\xC3\xBCr alle x", " 6x", true},
    {" 6x \xD0\xB4\xD0\xBB\xD1\x8F", " 6x", true},
    {" 6x\tfor", " 6x", true},
    {" 6x FOR", " 6x", true},
    {" 6xfor", " 6x", false},
    {" 6x(for all)", " 6x", false},
    {" 6x a", " 6x", false},
    {" 6x y", " 6x", false},
    {" 6x y z", " 6x", false},
    {" 6x \xCF\x80", " 6x", false},
    {" 6x sin(x)", " 6x", false},
    {" 6x Sin(x)", " 6x", false},
    {" 6x cos x", " 6x", false},
    {" 6x ln(x)", " 6x", false},
    {" 6x sqrt(x)", " 6x", false},
    {" 6x \xE2\x88\x9Ax", " 6x", false},
    {" 6x arctan(x)", " 6x", false},
    {" 6x arcsinh(x)", " 6x", false},
    {" 6x exp(x)", " 6x", false},
    {" 6x since x", " 6x", true},
    {" 6x logarithmically", " 6x", true},
    {" 6x f(x)", " 6x", false}, /* a bracket ends the word */
    {" Paris and", " Paris", true},
    {" Parisian", " Paris", false},
    {" Paris-Nord", " Paris", false},
    {" True", " True", true},
};

static bool is_right(const char *generated, const char *accepted)
{
    return answer_math(generated, strlen(generated), &accepted, 1);
}

static void answer_math__table__expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++)
        if (is_right(rows[i].generated, rows[i].accepted) != rows[i].right)
            fail_msg("row %zu: '%s' for '%s' should be %s", i, rows[i].generated, rows[i].accepted,
                     rows[i].right ? "right" : "wrong");
}

static void answer_math__alternates__any_is_enough(void **state)
{
    (void)state;
    const char *const accepted[] = {" 6x", " 2*3x", " six x"};
    assert_true(answer_math(" 6x", 3, accepted, 3));
    assert_true(answer_math(" 2*3x", 5, accepted, 3));
    assert_true(answer_math(" six x", 6, accepted, 3));
    assert_false(answer_math(" 7x", 3, accepted, 3));
    assert_false(answer_math(" six x", 6, accepted, 2));
    assert_false(answer_math(" 6x", 3, accepted, 0));
}

static void answer_math__any_bytes__length_is_kept(void **state)
{
    (void)state;
    const char *accepted = " 6x";
    assert_true(answer_math(" 6xyz", 3, &accepted, 1)); /* not one byte further */
    assert_false(answer_math(" 6x\0", 4, &accepted, 1));
    assert_false(answer_math(NULL, 0, &accepted, 1));
}

/* ---- the table of the document -------------------------------------------- */

/* The text of a cell between two backquotes; *at moves behind the second. */
static char *take_quoted(const char **at)
{
    const char *start = strchr(*at, '`');
    assert_non_null(start);
    const char *end = strchr(start + 1, '`');
    assert_non_null(end);
    *at = end + 1;
    return x_copy(start + 1, (size_t)(end - start - 1));
}

static void check_line(const char *line)
{
    const char *at = line;
    char *generated = take_quoted(&at);
    char *accepted = take_quoted(&at);
    bool yes = strncmp(at, " | yes |", 8) == 0;
    assert_true(yes || strncmp(at, " | no |", 7) == 0);
    if (is_right(generated, accepted) != yes)
        fail_msg("FORMAT.md: %s", line);
    free(generated);
    free(accepted);
}

static void answer_math__table_of_format_md__holds(void **state)
{
    (void)state;
    struct buf document = document_read("probes/FORMAT.md");
    char *table = strstr(document.data, "| generated | accepted | right? | rule |\n");
    assert_non_null(table);
    size_t checked = 0;
    char *rest = NULL;
    char *end = strstr(table, "\n\n"); /* the other modes have a table of their own */
    assert_non_null(end);
    *end = '\0';
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "| `", 3) == 0) {
            check_line(line);
            checked++;
        }
    assert_true(checked >= 20);
    buf_free(&document);
}

/* A line feed for each "\\n". */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        bool line_feed = from[0] == '\\' && from[1] == 'n';
        from += line_feed;
        *to++ = *from;
        if (line_feed)
            to[-1] = '\n';
    }
    *to = '\0';
}

static bool judged(const char *mode, const char *generated, size_t len, const char *accepted)
{
    struct answer_rule rule;
    struct err err;
    bool right = true;
    t_ok(answer_rule_parse(mode, &rule, &err), &err);
    t_ok(answer_judge(&rule, generated, len, &accepted, 1, &right, &err), &err);
    return right;
}

static void check_mode_line(const char *line)
{
    const char *at = line;
    char *mode = take_quoted(&at), *generated = take_quoted(&at), *accepted = take_quoted(&at);
    bool yes = strcmp(at, " | yes |") == 0;
    assert_true(yes || strcmp(at, " | no |") == 0);
    unescape(generated);
    if (judged(mode, generated, strlen(generated), accepted) != yes)
        fail_msg("FORMAT.md: %s", line);
    free(mode);
    free(generated);
    free(accepted);
}

static void answer_judge__table_of_format_md__holds(void **state)
{
    (void)state;
    struct buf document = document_read("probes/FORMAT.md");
    char *table = strstr(document.data, "| mode | generated | accepted | right? |\n");
    assert_non_null(table);
    size_t checked = 0;
    char *rest = NULL;
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "| `", 3) == 0) {
            check_mode_line(line);
            checked++;
        }
    assert_true(checked >= 35);
    buf_free(&document);
}

struct mode_row {
    const char *mode, *generated, *accepted;
    bool right;
};

static const struct mode_row mode_rows[] = {
    {"math", " 6x + C", " 6x", true},
    {"exact", "\xC2\xA0Rome\xE2\x80\x89", "\tRome", true}, /* no-break and thin space */
    {"exact", "", "x", false},
    {"exact", " ", " ", false}, /* nothing is never right */
    {"exact", "a\xFF", "a\xFF", true},
    {"exact", "\xA0 a", "a", false}, /* a stray byte is no white space */
    {"contains", "", "x", false},
    {"contains", "x", " ", false},

    /* number: sign */
    {"number", "a-5", "5", true},
    {"number", "a -5", "-5", true},
    {"number", "_-5", "5", true},
    {"number", "3 - 5", "5", true},
    {"number", "--5", "-5", true},
    {"number", "$-5", "-5", true},
    {"number", "5", "+5", true},
    {"number", "5", "-5", false},
    {"number", "5 -", "5", true},

    /* thousands */
    {"number", "1,000,000", "1000000", true},
    {"number", "1,0000", "10000", false},
    {"number", "1,0000", "0", true}, /* two numbers */
    {"number", "1,000,00", "00", true},
    {"number", "12,345.678", "12345.678", true},
    {"number", "1, 000", "0", true},
    {"number", "1.000,5", "5", true},
    {"number", "0,500", "500", true},

    /* decimals, exponents */
    {"number", "3.", "3", true},
    {"number", "3.140", "3.14", true},
    {"number", "1.2.3", "3", true},
    {"number", "1e3", "1000", true},
    {"number", "1E-3", "0.001", true},
    {"number", "1e+3", "1000", true},
    {"number", "1e3x", "1", true},
    {"number", "1e12345", "1", true}, /* too long for an exponent: part of a word */
    {"number", "1e9999", "1e9998", false},
    {"number", "0e9999", "0", true},
    {"number", "100000000000000000000001", "100000000000000000000002", false},
    {"number", "00000000000000000000000000000000000000001", "1", true},
    {"number", "1.0000000000000000000000000000000000000000", "1", true},

    /* letters and others around */
    {"number", "5x", "5", true},
    {"number", "x5", "5", false},
    {"number", "x55", "5", false},
    {"number", "USD5", "5", false},
    {"number", "US$5", "5", true},
    {"number", "\xCF\x80" "5", "5", false}, /* pi */
    {"number", "\xE2\x82\xAC" "5", "5", true},
    {"number", "\xC2\xA3" "5", "5", true},
    {"number", "\xFF" "5", "5", true},
    {"number", "#### 18", "18", true},
    {"number", "is 18\nQ: 20", "18", false},

    {"regex", "a\nb", "^b", false},
    {"regex", "a\nb", "(?m)^b", true},
    {"regex", "\xC3\xA4", "^\\p{L}$", true},
    {"regex", "\xFFx", "x", true},
    {"regex", "\xFF", ".", false},
    {"regex", "", "^$", true},

    {"json_field:a", "", "x", false},
    {"json_field:a", "{\"a\": \" x \"}", "x", true},
    {"json_field:a", "{\"a\": null}", "null", true},
    {"json_field:a", "{\"a\": \"\"}", "x", false},
    {"json_field:a", "{\"a\": 9007199254740993}", "9007199254740992", false},
    {"json_field:a", "{\"a\": 7}", " 7.0", true},
    {"json_field:a", "{\"a\": 7}", "x7", false},
    {"json_field:a", "{\"a\": 0.1}", "1e-1", true},
    {"json_field:a", "{\"a\": 1, \"a\": 2}", "1", false}, /* a key twice: no object */
    {"json_field:a.b", "{\"a\": \"b\"}", "b", false},
    {"json_field:a.0", "{\"a\": [\"b\"]}", "b", true},
    {"json_field:a.-1", "{\"a\": [\"b\"]}", "b", false},
    {"json_field:a.1", "{\"a\": [\"b\"]}", "b", false},
    {"json_field:a.", "{\"a\": {\"\": \"b\"}}", "b", true},
    {"json_field:a:b", "{\"a:b\": \"c\"}", "c", true},
};

static void answer_judge__table__expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(mode_rows); i++) {
        const struct mode_row *row = &mode_rows[i];
        if (judged(row->mode, row->generated, strlen(row->generated), row->accepted) != row->right)
            fail_msg("row %zu: %s '%s' for '%s' should be %s", i, row->mode, row->generated,
                     row->accepted, row->right ? "right" : "wrong");
    }
    assert_true(judged("contains", "a\0b", 3, "b"));
    assert_true(judged("number", "12", 1, "1")); /* not one byte further */
    assert_false(judged("json_field:a", "{\"a\": 1}", 7, "1"));
}

static void answer_judge__alternates__any_is_enough(void **state)
{
    (void)state;
    static const char *const modes[] = {"math", "exact", "contains", "number", "regex"};
    static const char *const accepted[] = {"17", "18", "19"};
    struct answer_rule rule;
    struct err err;
    for (size_t i = 0; i < countof(modes); i++) {
        bool right = false;
        t_ok(answer_rule_parse(modes[i], &rule, &err), &err);
        t_ok(answer_judge(&rule, "19", 2, accepted, 3, &right, &err), &err);
        assert_true(right);
        t_ok(answer_judge(&rule, "19", 2, accepted, 2, &right, &err), &err);
        assert_false(right);
        t_ok(answer_judge(&rule, NULL, 0, accepted, 0, &right, &err), &err);
        assert_false(right);
    }
}

/* Backtracking without end, and a long text of opening braces. */
static void answer_judge__hostile__stopped(void **state)
{
    (void)state;
    struct answer_rule rule = {.mode = ANSWER_REGEX};
    struct err err;
    bool right = true;
    struct buf text = {0};
    for (int i = 0; i < 40; i++)
        buf_add_text(&text, "a");
    const char *slow = "^(a+)+$";
    buf_add_text(&text, "b");
    assert_false(answer_judge(&rule, text.data, text.len, &slow, 1, &right, &err));
    t_err_is(&err, ERR_RANGE, "", "the pattern needs more than 1000000 steps for a text of the "
             "model, expected a simpler one");
    assert_false(right);
    const char *endless = "(?R)";
    assert_false(answer_judge(&rule, text.data, text.len, &endless, 1, &right, &err));
    t_err_is(&err, ERR_FORMAT, "", "the pattern cannot be tried on a text of the model: nested "
             "recursion at the same subject position");
    buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        buf_add_text(&text, "{\"a\":");
    assert_false(judged("json_field:a", text.data, text.len, "1"));
    buf_free(&text);
}

static void answer_check__impossible_answers__refused(void **state)
{
    (void)state;
    static const struct {
        enum answer_mode mode;
        const char *accepted, *message;
    } bad[] = {
        {ANSWER_REGEX, "a(", "pattern 'a(': missing closing parenthesis (at byte 2)"},
        {ANSWER_NUMBER, "six", "the answer 'six' has no number, expected one"},
        {ANSWER_NUMBER, "6x^2", "the answer '6x^2' has several numbers, expected one"},
    };
    struct err err;
    bool right = true;
    for (size_t i = 0; i < countof(bad); i++) {
        const char *accepted[] = {"1", bad[i].accepted};
        struct answer_rule rule = {.mode = bad[i].mode};
        assert_false(answer_check(&rule, accepted, 2, &err));
        t_err_is(&err, ERR_FORMAT, "", bad[i].message);
        assert_false(answer_judge(&rule, "1", 1, accepted, 2, &right, &err));
        assert_false(right);
    }
    char long_pattern[5000];
    memset(long_pattern, 'a', sizeof long_pattern - 1);
    long_pattern[sizeof long_pattern - 1] = '\0';
    const char *accepted = long_pattern;
    struct answer_rule rule = {.mode = ANSWER_REGEX};
    assert_false(answer_check(&rule, &accepted, 1, &err));
    t_err_is(&err, ERR_RANGE, "", "a pattern of 4999 bytes, expected at most 4096");
}

static void answer_said__texts__what_was_answered(void **state)
{
    (void)state;
    static const struct {
        enum answer_mode mode;
        const char *text, *said;
    } table[] = {
        {ANSWER_NUMBER, "it is 3, so -$1,200.50.", "-$1,200.50"},
        {ANSWER_NUMBER, "x = 4 apples", "4"},
        {ANSWER_NUMBER, "none", ""},
        {ANSWER_MATH, "\n  6x + C \nso", "6x + C"},
        {ANSWER_MATH, " \n ", ""},
        {ANSWER_CONTAINS, "", ""},
        {ANSWER_EXACT, "Rome", "Rome"},
    };
    for (size_t i = 0; i < countof(table); i++) {
        const struct answer_rule rule = {.mode = table[i].mode};
        size_t start = 0, len = answer_said(&rule, table[i].text, strlen(table[i].text), &start);
        assert_int_equal(len, strlen(table[i].said));
        assert_memory_equal(table[i].text + start, table[i].said, len);
    }
}

static void answer_rule_parse__names__there_and_back(void **state)
{
    (void)state;
    static const char *const good[] = {"math",   "exact", "contains",
                                       "number", "regex", "json_field:a.0:b"};
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "is '', expected math, exact, contains, number, regex or json_field:FIELD"},
        {"Math", "is 'Math', expected math, exact, contains, number, regex or json_field:FIELD"},
        {"mathx", "is 'mathx', expected math, exact, contains, number, regex or json_field:FIELD"},
        {"math:x", "is 'math:x', but math has no field"},
        {"number:", "is 'number:', but number has no field"},
        {"json_field", "is 'json_field', expected json_field:FIELD"},
        {"json_field:", "is 'json_field:', expected json_field:FIELD"},
    };
    struct answer_rule rule;
    struct err err;
    for (size_t i = 0; i < countof(good); i++) {
        struct buf name = {0};
        t_ok(answer_rule_parse(good[i], &rule, &err), &err);
        answer_rule_name(&rule, &name);
        t_buf_is(&name, good[i]);
        buf_free(&name);
    }
    for (size_t i = 0; i < countof(bad); i++) {
        assert_false(answer_rule_parse(bad[i].text, &rule, &err));
        t_err_is(&err, ERR_USAGE, "", bad[i].message);
    }
    char field[200] = "json_field:";
    memset(field + 11, 'x', 128);
    assert_false(answer_rule_parse(field, &rule, &err));
    t_err_is(&err, ERR_USAGE, "", "has a field of 128 bytes, expected at most 127");
    field[11 + 127] = '\0';
    t_ok(answer_rule_parse(field, &rule, &err), &err);
}

static void generate(struct rng *rng, void *user, struct buf *out)
{
    static const char *const words[] = {" 6x",  "+ C",  ".",  "\xE2\x88\x9A",
                                        " for", " sin", "\n", "*"};
    const struct prop_text shape = {.parts_max = 12, .run_max = 3, .words = words,
                                    .word_count = countof(words)};
    (void)user;
    prop_add_text(rng, &shape, out);
}

/* What is left out may stand anywhere before the answer's end. */
static bool holds_with_stars(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    const char *accepted = " 6x";
    struct buf starred = {0};
    buf_add_text(&starred, "*6(");
    buf_add_text(&starred, " ");
    buf_add_text(&starred, "X");
    buf_add(&starred, bytes, len);
    struct buf plain = {0};
    buf_add_text(&plain, "6x");
    buf_add(&plain, bytes, len);
    bool same = answer_math(starred.data, starred.len, &accepted, 1) ==
                answer_math(plain.data, plain.len, &accepted, 1);
    if (!same)
        buf_add_text(why, "stars and brackets changed the verdict");
    buf_free(&starred);
    buf_free(&plain);
    return same;
}

static void answer_math__any_text__left_out_changes_nothing(void **state)
{
    (void)state;
    const struct prop prop = {.name = "answer_math ignores stars", .seed = 7, .cases = 2000,
                              .generate = generate, .holds = holds_with_stars};
    t_prop(&prop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_math__table__expected),
        cmocka_unit_test(answer_math__alternates__any_is_enough),
        cmocka_unit_test(answer_math__any_bytes__length_is_kept),
        cmocka_unit_test(answer_math__table_of_format_md__holds),
        cmocka_unit_test(answer_math__any_text__left_out_changes_nothing),
        cmocka_unit_test(answer_judge__table_of_format_md__holds),
        cmocka_unit_test(answer_judge__table__expected),
        cmocka_unit_test(answer_judge__alternates__any_is_enough),
        cmocka_unit_test(answer_judge__hostile__stopped),
        cmocka_unit_test(answer_check__impossible_answers__refused),
        cmocka_unit_test(answer_said__texts__what_was_answered),
        cmocka_unit_test(answer_rule_parse__names__there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
