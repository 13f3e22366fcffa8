/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The `math` rule: expectations by hand, and the table of probes/FORMAT.md.
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
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "| `", 3) == 0) {
            check_line(line);
            checked++;
        }
    assert_true(checked >= 20);
    buf_free(&document);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
