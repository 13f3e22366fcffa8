/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base: errors, text, buffers, numbers, random numbers, hashes, files, JSON.
 */
#include "tests/t.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/file_writer.h"
#include "src/base/json.h"
#include "src/base/sha256.h"
#include "src/base/text.h"

/* ---- err --------------------------------------------------------------------- */

/* Valid UTF-8 without anything that text.h calls a control character. */
static bool is_safe(const char *text, size_t size, struct buf *why)
{
    size_t len = strnlen(text, size);
    if (len == size) {
        buf_add_text(why, "not terminated");
        return false;
    }
    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        size_t step = text_decode(text + i, len - i, &point);
        if (step == 0 || point < 0x20 || (point >= 0x7F && point < 0xA0) ||
            (point >= 0x202A && point <= 0x202E)) {
            buf_add_format(why, "byte %zu of: ", i);
            buf_add(why, text, len);
            return false;
        }
        i += step;
    }
    return true;
}

static void generate_text(struct rng *rng, void *user, struct buf *out)
{
    static const char *const words[] = {"\033[2J", "\xE2\x80\xAE", "\xC2\x9B[1m", "%s%n"};
    const struct prop_text shape = {
        .parts_max = 20, .run_max = 300, .words = words, .word_count = countof(words)};
    (void)user;
    prop_add_text(rng, &shape, out);
}

static bool err_is_safe(void *user, const char *bytes, size_t len, struct buf *why)
{
    (void)user;
    char *text = x_copy(bytes, len); /* up to the first zero byte */
    struct err err = {0};
    bool ok = !err_set(&err, ERR_FORMAT, "is \"%s\", expected \"%s\"", text, text);
    ok = !err_where(&err, "%s[%d]", text, 3) && ok;
    ok = !err_file(&err, text) && ok;
    free(text);
    return ok && is_safe(err.message, sizeof err.message, why) &&
           is_safe(err.where, sizeof err.where, why) && is_safe(err.file, sizeof err.file, why);
}

static void err_set__any_bytes__are_safe_to_show(void **state) /* [E1] */
{
    (void)state;
    const struct prop prop = {
        .name = "a struct err is safe to show",
        .seed = 31,
        .cases = 5000,
        .generate = generate_text,
        .holds = err_is_safe,
    };
    t_prop(&prop);
}

static void err_set__called_again__starts_anew_and_may_quote_itself(void **state)
{
    (void)state;
    struct err err = {0};
    assert_false(err_set(&err, ERR_IO, "first %d", 1)); /* [E2] */
    assert_false(err_where(&err, "line %d", 7));
    assert_false(err_file(&err, "a\nb"));
    assert_string_equal(err.file, "a\\nb");
    assert_false(err_file(&err, "other"));
    assert_string_equal(err.file, "a\\nb");
    assert_false(err_where(&err, "x: %s", err.where));
    t_err_is(&err, ERR_IO, "x: line 7", "first 1");
    assert_false(err_set(&err, ERR_RANGE, "second: %s at %s", err.message, err.where));
    t_err_is(&err, ERR_RANGE, "", "second: first 1 at x: line 7");
    assert_string_equal(err.file, "");
}

static void err_set__no_struct__does_nothing(void **state)
{
    (void)state;
    assert_false(err_set(NULL, ERR_IO, "%s", "x"));
    assert_false(err_where(NULL, "%s", "x"));
    assert_false(err_file(NULL, "x"));
}

static void err_set__message_too_long__is_cut_at_a_character(void **state)
{
    (void)state;
    struct buf text = {0};
    for (int i = 0; i < 500; i++)
        buf_add_text(&text, "é");
    struct err err = {0};
    assert_false(err_set(&err, ERR_IO, "%s", text.data));
    assert_int_equal(strlen(err.message), 382); /* of 384 with the zero byte */
    assert_memory_equal(err.message, text.data, 382);
    buf_free(&text);
}

static void err_exit_status__every_code__as_the_command_line_promises(void **state)
{
    (void)state;
    static const struct {
        enum err_code code;
        int status;
        const char *name;
    } codes[] = {
        {ERR_NONE, 0, "none"},          {ERR_USAGE, 2, "usage"},
        {ERR_FORMAT, 2, "format"},      {ERR_UNSUPPORTED, 2, "unsupported"},
        {ERR_RANGE, 2, "range"},        {ERR_MISMATCH, 2, "mismatch"},
        {ERR_NUMERIC, 2, "numeric"},    {ERR_IO, 3, "io"},
        {ERR_MEMORY, 3, "memory"},      {ERR_CANCELLED, 130, "cancelled"},
    };
    for (size_t i = 0; i < countof(codes); i++) {
        assert_int_equal(err_exit_status(codes[i].code), codes[i].status);
        assert_string_equal(err_code_name(codes[i].code), codes[i].name);
    }
}

/* Run in a child with its standard error closed to us; returns its wait status. */
static int in_child(void (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        act();
        _exit(99);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void exit_from_hook(void)
{
    _exit(42);
}

static void fail_with_hook(void)
{
    bug_set_hook(exit_from_hook);
    BUG_ON(1 + 1 == 2);
}

static void fail_without_hook(void)
{
    BUG_ON(1 + 1 == 2);
}

static void allocate_too_much(void)
{
    (void)x_grow(NULL, SIZE_MAX, 2);
}

static void bug_on__condition_true__calls_the_hook_and_aborts(void **state)
{
    (void)state;
    int status = in_child(fail_with_hook);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    status = in_child(fail_without_hook);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    BUG_ON(1 + 1 == 3);
}

/* ---- text ---------------------------------------------------------------------- */

static void text_decode__boundaries__as_rfc_3629_says(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, size;
        uint32_t point;
    } cases[] = {
        {"", 0, 0, 0},
        {"\0", 1, 1, 0},
        {"\x7F", 1, 1, 0x7F},
        {"\x80", 1, 0, 0}, /* continuation without a start */
        {"\xBF", 1, 0, 0},
        {"\xC0\x80", 2, 0, 0}, /* overlong */
        {"\xC1\xBF", 2, 0, 0},
        {"\xC2\x80", 2, 2, 0x80},
        {"\xC2\x7F", 2, 0, 0},
        {"\xC2\xC0", 2, 0, 0},
        {"\xC2", 1, 0, 0}, /* cut */
        {"\xDF\xBF", 2, 2, 0x7FF},
        {"\xE0\x9F\xBF", 3, 0, 0}, /* overlong */
        {"\xE0\xA0\x80", 3, 3, 0x800},
        {"\xE0\xA0", 2, 0, 0},
        {"\xE0\xA0\x7F", 3, 0, 0},
        {"\xED\x9F\xBF", 3, 3, 0xD7FF},
        {"\xED\xA0\x80", 3, 0, 0}, /* surrogates */
        {"\xED\xAF\xBF", 3, 0, 0},
        {"\xED\xB0\x80", 3, 0, 0},
        {"\xED\xBF\xBF", 3, 0, 0},
        {"\xEE\x80\x80", 3, 3, 0xE000},
        {"\xEF\xBF\xBF", 3, 3, 0xFFFF},
        {"\xF0\x8F\xBF\xBF", 4, 0, 0}, /* overlong */
        {"\xF0\x90\x80\x80", 4, 4, 0x10000},
        {"\xF0\x90\x80", 3, 0, 0},
        {"\xF4\x8F\xBF\xBF", 4, 4, 0x10FFFF},
        {"\xF4\x90\x80\x80", 4, 0, 0}, /* above the last code point */
        {"\xF5\x80\x80\x80", 4, 0, 0},
        {"\xF8\x88\x80\x80\x80", 5, 0, 0},
        {"\xFF", 1, 0, 0},
        {"A\xFF", 2, 1, 'A'},
        {"\xC3\xA9\xFF", 3, 2, 0xE9},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        uint32_t point = 0;
        size_t size = text_decode(cases[i].bytes, cases[i].len, &point);
        if (size != cases[i].size || point != cases[i].point)
            fail_msg("case %zu: size %zu, point U+%04X", i, size, (unsigned)point);
    }
}

static void text_decode__every_code_point__comes_back(void **state)
{
    (void)state;
    for (uint32_t point = 0; point < 0x110000; point++) {
        struct buf bytes = {0};
        prop_add_utf8(&bytes, point);
        uint32_t found = 0;
        size_t size = text_decode(bytes.data, bytes.len, &found);
        bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        if (surrogate ? size != 0 : size != bytes.len || found != point)
            fail_msg("U+%04X: size %zu, found U+%04X", (unsigned)point, size, (unsigned)found);
        buf_free(&bytes);
    }
}

static void text_visible__controls__are_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"plain é 日", "plain é 日"},
        {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
        {"\033[2J", "\\x1B[2J"},
        {"\x01\x7F", "\\x01\\x7F"},
        {"\xC2\x9B" "31m", "\\x9B31m"},
        {"\xC2\xA0", "\xC2\xA0"},
        {"\xE2\x80\xAE" "abc", "\\u{202E}abc"},
        {"\xE2\x81\xA6", "\\u{2066}"},
        {"\xEF\xBB\xBF", "\\u{FEFF}"},
        {"\xF3\xA0\x81\x81", "\\u{E0041}"},
        {"a\xFF\xC3", "a\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct buf out = {0};
        text_visible(&out, cases[i].text, strlen(cases[i].text));
        t_buf_is(&out, cases[i].shown);
        buf_free(&out);
    }
}

static void text_visible_into__too_small__cuts_at_a_character(void **state)
{
    (void)state;
    char out[6];
    text_visible_into(out, sizeof out, "abcdefg", 7);
    assert_string_equal(out, "abcde");
    text_visible_into(out, sizeof out, "abcdé", 6);
    assert_string_equal(out, "abcd");
    text_visible_into(out, sizeof out, "ab\033", 3); /* \x1B takes four */
    assert_string_equal(out, "ab");
    text_visible_into(out, 1, "ab", 2);
    assert_string_equal(out, "");
    out[0] = 'x';
    text_visible_into(out, 0, "ab", 2);
    assert_int_equal(out[0], 'x');
}

static void text_valid__invalid_bytes__become_replacement_characters(void **state)
{
    (void)state;
    struct buf out = {0};
    text_valid(&out, "a\n\xFF\xED\xA0\x80\xC3\xA9\xC3", 9);
    t_buf_is(&out, "a\n\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD");
    buf_free(&out);
}

static void text_columns__characters_and_bad_bytes__one_each(void **state)
{
    (void)state;
    assert_int_equal(text_columns("", 0), 0);
    assert_int_equal(text_columns("aé日\xFF", 7), 4);
}

/* ---- buf ----------------------------------------------------------------------- */

static void buf_add__grown_and_cleared__stays_terminated(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_add(&buf, "", 0);
    t_buf_is(&buf, "");
    buf_add(&buf, "a\0b", 3);
    assert_int_equal(buf.len, 3);
    assert_memory_equal(buf.data, "a\0b", 4);
    buf_clear(&buf);
    t_buf_is(&buf, "");
    for (int i = 0; i < 1000; i++)
        buf_add_format(&buf, "%d,", i % 10);
    assert_int_equal(buf.len, 2000);
    assert_int_equal(strlen(buf.data), 2000);
    buf_add_text(&buf, "end");
    assert_string_equal(buf.data + 2000, "end");
    buf_add_format(&buf, "%s", "");
    assert_int_equal(buf.len, 2003);
    buf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.capacity, 0);
    buf_clear(&buf);
    buf_free(&buf);
}

static void x_new__any_size__zeroed_and_checked(void **state)
{
    (void)state;
    unsigned char *bytes = x_new(1000, 3);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(bytes[i], 0);
    free(bytes);
    free(x_new(0, 0));
    char *copy = x_copy("abc", 2);
    assert_string_equal(copy, "ab");
    free(copy);
    int status = in_child(allocate_too_much);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

/* ---- num ----------------------------------------------------------------------- */

static void num_mul_add__at_the_edge__say_whether_it_fits(void **state)
{
    (void)state;
    size_t out = 0;
    assert_true(num_mul(SIZE_MAX, 1, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_true(num_mul(SIZE_MAX, 0, &out));
    assert_int_equal(out, 0);
    assert_false(num_mul(SIZE_MAX / 2 + 1, 2, &out));
    assert_true(num_add(SIZE_MAX - 1, 1, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_false(num_add(SIZE_MAX, 1, &out));
}

static void num_parse_int__texts__whole_decimal_numbers_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"+5", true, 5},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {NULL, false, 0},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"\n1", false, 0},
        {"-", false, 0},
        {"- 1", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"0x10", false, 0},
        {"one", false, 0},
        {"1,2", false, 0},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        int64_t value = 0;
        if (num_parse_int(cases[i].text, &value) != cases[i].ok || value != cases[i].value)
            fail_msg("\"%s\" gave %lld", cases[i].text ? cases[i].text : "(null)",
                     (long long)value);
    }
}

static void num_parse_double__texts__whole_finite_decimal_numbers_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double value;
    } cases[] = {
        {"0", true, 0},       {"-2.5", true, -2.5},  {"1e3", true, 1000}, {".5", true, 0.5},
        {"5.", true, 5},      {"+1E-2", true, 0.01}, {"1e-999", true, 0}, {"1e999", false, 0},
        {"inf", false, 0},    {"nan", false, 0},     {"0x10", false, 0},  {"", false, 0},
        {NULL, false, 0},     {" 1", false, 0},      {"1 ", false, 0},    {"1,5", false, 0},
        {"1.5.2", false, 0},  {"e5", false, 0},      {"-", false, 0},     {"1e", false, 0},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        double value = 0;
        bool ok = num_parse_double(cases[i].text, &value);
        if (ok != cases[i].ok || fabs(value - cases[i].value) > 0)
            fail_msg("\"%s\" gave %g", cases[i].text ? cases[i].text : "(null)", value);
    }
}

static void num_parse_double__locale_with_comma__still_reads_points(void **state)
{
    (void)state;
    const char *old = setlocale(LC_NUMERIC, "de_DE.UTF-8");
    double value = 0;
    assert_true(num_parse_double("2.5", &value));
    assert_true(fabs(value - 2.5) <= 0);
    if (old)
        (void)setlocale(LC_NUMERIC, "C");
}

/* ---- rng ----------------------------------------------------------------------- */

/* The expected numbers come from the published algorithms written down in Python:
 *
 *   M = 2**64 - 1
 *   def mix(z):
 *       z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M
 *       z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M
 *       return z ^ (z >> 31)
 *   def splitmix64(x, n):
 *       return [mix((x + (i + 1) * 0x9E3779B97F4A7C15) & M) for i in range(n)]
 *   rotl = lambda v, k: ((v << k) | (v >> (64 - k))) & M
 *   def xoshiro256starstar(s):
 *       result = rotl(s[1] * 5 & M, 7) * 9 & M
 *       t = (s[1] << 17) & M
 *       s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t
 *       s[3] = rotl(s[3], 45)
 *       return result
 *
 * splitmix64(1234567, 5) and ten numbers from the state [1, 2, 3, 4] are also
 * the vectors that other implementations publish. */
static void rng_mix__splitmix64__published_numbers(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
        UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
        UINT64_C(16408922859458223821),
    };
    uint64_t counter = 1234567;
    for (size_t i = 0; i < countof(expected); i++) {
        counter += UINT64_C(0x9E3779B97F4A7C15);
        assert_true(rng_mix(counter) == expected[i]);
    }
}

static void rng_next__known_state__published_numbers(void **state)
{
    (void)state;
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
        UINT64_C(607988272756665600),
        UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832),
        UINT64_C(10595114339597558777),
        UINT64_C(2904607092377533576),
    };
    struct rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < countof(expected); i++)
        assert_true(rng_next(&rng) == expected[i]);
}

static void rng_seed__seeds__state_from_splitmix64(void **state)
{
    (void)state;
    static const uint64_t after_0[] = {
        UINT64_C(0x99ec5f36cb75f2b4), UINT64_C(0xbf6e1f784956452a),
        UINT64_C(0x1a5f849d4933e6e0), UINT64_C(0x6aa594f1262d2d2c),
    };
    static const uint64_t after_42[] = {
        UINT64_C(0x15780b2e0c2ec716), UINT64_C(0x6104d9866d113a7e),
        UINT64_C(0xae17533239e499a1), UINT64_C(0xecb8ad4703b360a1),
    };
    struct rng zero, answer;
    rng_seed(&zero, 0);
    rng_seed(&answer, 42);
    for (size_t i = 0; i < 4; i++) {
        assert_true(rng_next(&zero) == after_0[i]);
        assert_true(rng_next(&answer) == after_42[i]);
    }
}

static void rng_below__limits__in_range(void **state)
{
    (void)state;
    static const uint64_t limits[] = {1, 2, 3, 10, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1,
                                      UINT64_MAX};
    struct rng rng;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < countof(limits); i++)
        for (int draw = 0; draw < 1000; draw++)
            assert_true(rng_below(&rng, limits[i]) < limits[i]);
    struct rng same = rng;
    assert_true(rng_below(&rng, UINT64_C(1) << 20) == (rng_next(&same) & 0xFFFFF));
}

/* Of 2^64 numbers, 3 * 2^62 residues: without rejection the first third would
 * come up twice as often as the others.  60,000 draws, 20,000 +- 115 each. */
static void rng_below__three_quarters_of_all__every_third_alike(void **state)
{
    (void)state;
    const uint64_t third = UINT64_C(1) << 62;
    size_t counts[3] = {0};
    struct rng rng;
    rng_seed(&rng, 6);
    for (int draw = 0; draw < 60000; draw++)
        counts[rng_below(&rng, 3 * third) / third]++;
    for (size_t i = 0; i < 3; i++)
        assert_in_range(counts[i], 20000 - 600, 20000 + 600);
}

static void rng_unit__draws__from_zero_to_below_one(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    double sum = 0;
    for (int draw = 0; draw < 100000; draw++) {
        double value = rng_unit(&rng);
        assert_true(value >= 0 && value < 1);
        sum += value;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005); /* 5 standard errors */
    /* the largest number there is: 2^64 - 1 comes out of this state */
    struct rng top = {{0, 0, 0, 0}};
    assert_true(rng_unit(&top) <= 0);
}

/* ---- sha256 -------------------------------------------------------------------- */

static void expect_sha256(const char *bytes, size_t len, const char *expected)
{
    char text[SHA256_TEXT_SIZE];
    struct err err = {0};
    t_ok(sha256_text(bytes, len, text, &err), &err);
    assert_string_equal(text, expected);
}

static void sha256_stream__any_pieces__same_as_whole(void **state)
{
    (void)state;
    struct err err = {0};
    char bytes[300], whole[SHA256_TEXT_SIZE], parts[SHA256_TEXT_SIZE];
    memset(bytes, 'x', sizeof bytes);
    t_ok(sha256_text(bytes, sizeof bytes, whole, &err), &err);
    for (size_t size = 1; size < sizeof bytes; size += 37) {
        struct sha256 *hash = sha256_new(&err);
        t_ok(hash != NULL, &err);
        for (size_t at = 0; at < sizeof bytes; at += size) {
            size_t left = sizeof bytes - at;
            t_ok(sha256_add(hash, bytes + at, left < size ? left : size, &err), &err);
        }
        t_ok(sha256_end(hash, parts, &err), &err);
        assert_string_equal(parts, whole);
        sha256_free(hash);
    }
    sha256_free(NULL);
}

static void sha256_text__fips_180_vectors__equal(void **state)
{
    (void)state;
    expect_sha256("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_sha256("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    expect_sha256(two_blocks, sizeof two_blocks - 1,
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    static const char long_one[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                   "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    expect_sha256(long_one, sizeof long_one - 1,
                  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    char *million = x_new(1000000, 1);
    memset(million, 'a', 1000000);
    expect_sha256(million, 1000000,
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void sha256_is_text__texts__64_hex_digits_only(void **state)
{
    (void)state;
    static const char good[] = "E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_true(sha256_is_text(good));
    assert_false(sha256_is_text(good + 1));
    assert_false(sha256_is_text(""));
    char bad[sizeof good + 1] = {0};
    memcpy(bad, good, sizeof good);
    bad[63] = 'g';
    assert_false(sha256_is_text(bad));
    bad[63] = '5';
    bad[64] = '5';
    assert_false(sha256_is_text(bad));
}

/* ---- clock --------------------------------------------------------------------- */

static void clock_seconds__twice__never_goes_back(void **state)
{
    (void)state;
    double first = clock_seconds();
    assert_true(clock_seconds() >= first);
}

/* ---- file ---------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/bankai-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    struct buf command = {0};
    buf_add_format(&command, "rm -rf %s", folder);
    int status = system(command.data);
    buf_free(&command);
    return status;
}

/* A path in the folder; the text is valid until the fourth next call. */
static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static size_t next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void expect_content(const char *path, const char *expected)
{
    struct buf content = {0};
    struct err err = {0};
    t_ok(file_read(path, 1 << 20, &content, &err), &err);
    t_buf_is(&content, expected);
    buf_free(&content);
}

static size_t files_in_folder(void)
{
    struct buf command = {0};
    buf_add_format(&command, "ls -A %s | wc -l", folder);
    FILE *pipe = popen(command.data, "r");
    assert_non_null(pipe);
    int count = -1;
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    (void)pclose(pipe);
    buf_free(&command);
    return (size_t)count;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return (unsigned)status.st_mode & 07777;
}

static void file_write__new_and_old_file__replaced_whole(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = in_folder("a");
    mode_t mask = umask(027);
    t_ok(file_write(path, "a long first text", 17, &err), &err);
    (void)umask(mask);
    assert_int_equal(mode_of(path), 0640);
    expect_content(path, "a long first text");
    assert_int_equal(chmod(path, 0604), 0);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    FILE *reader = fopen(path, "r"); /* whoever has the old file open keeps it whole */
    assert_non_null(reader);
    t_ok(file_write(path, "short", 5, &err), &err);
    char old[32] = {0};
    assert_int_equal(fread(old, 1, sizeof old - 1, reader), 17);
    assert_string_equal(old, "a long first text");
    (void)fclose(reader);
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(mode_of(path), 0604);
    expect_content(path, "short");
    t_ok(file_write(path, NULL, 0, &err), &err);
    expect_content(path, "");
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(unlink(path), 0);
}

static void file_write__leftover_of_a_crash__is_stepped_over(void **state)
{
    (void)state;
    struct err err = {0};
    char name[64];
    (void)snprintf(name, sizeof name, "b.%ld-0.tmp", (long)getpid());
    const char *leftover = in_folder(name);
    t_ok(file_write(leftover, "old", 3, &err), &err);
    t_ok(file_write(in_folder("b"), "new", 3, &err), &err);
    expect_content(in_folder("b"), "new");
    expect_content(leftover, "old");
    assert_int_equal(unlink(leftover), 0);
    assert_int_equal(unlink(in_folder("b")), 0);
}

static void file_write__symbolic_link__its_file_is_replaced(void **state)
{
    (void)state;
    struct err err = {0};
    t_ok(file_write(in_folder("real"), "1", 1, &err), &err);
    assert_int_equal(symlink("real", in_folder("link")), 0);
    t_ok(file_write(in_folder("link"), "2", 1, &err), &err);
    expect_content(in_folder("real"), "2");
    struct stat status;
    assert_int_equal(lstat(in_folder("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(unlink(in_folder("real")), 0);
    assert_int_equal(unlink(in_folder("link")), 0);
}

static void file_write__pipe__is_written_to_and_stays(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = in_folder("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    t_ok(file_write(path, "through", 7, &err), &err);
    char text[16] = {0};
    assert_int_equal(read(reader, text, sizeof text), 7);
    assert_string_equal(text, "through");
    assert_int_equal(close(reader), 0);
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    assert_int_equal(unlink(path), 0);
}

static void file_write__bad_places__are_refused_and_leave_nothing(void **state)
{
    (void)state;
    struct err err = {0};
    const char *missing = in_folder("missing/file");
    assert_false(file_write(missing, "x", 1, &err));
    t_err_is(&err, ERR_IO, "", "cannot write: No such file or directory");
    assert_string_equal(err.file, missing);
    assert_false(file_write("/dev/null/file", "x", 1, &err));
    t_err_is(&err, ERR_IO, "", "cannot write: Not a directory");
    assert_false(file_write(folder, "x", 1, &err));
    t_err_is(&err, ERR_USAGE, "", "is a folder, expected a file");
    assert_int_equal(files_in_folder(), 0);
}

static void file_write__folder_without_permission__is_an_io_error(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("skipped: root may write everywhere\n");
        skip();
    }
    struct err err = {0};
    assert_int_equal(mkdir(in_folder("closed"), 0500), 0);
    assert_false(file_write(in_folder("closed/file"), "x", 1, &err));
    t_err_is(&err, ERR_IO, "", "cannot write: Permission denied");
    assert_int_equal(rmdir(in_folder("closed")), 0);
}

/* ---- files written piece by piece ------------------------------------------------ */

static void file_writer__pieces__are_the_file_at_the_commit(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = in_folder("pieces");
    t_ok(file_write(path, "old", 3, &err), &err);
    struct file_writer *writer = file_writer_open(path, &err);
    t_ok(writer != NULL, &err);
    t_ok(file_writer_put(writer, "one ", 4, &err), &err);
    t_ok(file_writer_put(writer, "two", 3, &err), &err);
    expect_content(path, "old");
    assert_int_equal(files_in_folder(), 2);
    t_ok(file_writer_commit(writer, &err), &err);
    expect_content(path, "one two");
    writer = file_writer_open(path, &err);
    t_ok(writer != NULL, &err);
    t_ok(file_writer_put(writer, "three", 5, &err), &err);
    file_writer_abandon(writer);
    file_writer_abandon(NULL);
    expect_content(path, "one two");
    assert_int_equal(files_in_folder(), 1);
    assert_int_equal(unlink(path), 0);
}

/* A limit on the size of files stands for a disk that is full. */
static void file_writer__no_room__is_an_io_error_and_leaves_nothing(void **state)
{
    (void)state;
    struct err err = {0};
    struct rlimit before, small = {1000, 0};
    char bytes[600] = {0};
    const char *path = in_folder("large");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct file_writer *writer = file_writer_open(path, &err);
    bool first = writer && file_writer_put(writer, bytes, sizeof bytes, &err);
    bool second = first && file_writer_put(writer, bytes, sizeof bytes, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_true(first && !second);
    t_err_is(&err, ERR_IO, "", "cannot write: File too large");
    assert_string_equal(err.file, path);
    file_writer_abandon(writer);
    assert_int_equal(files_in_folder(), 0);
}

static void file_read__bad_files__are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf out = {0};
    const char *path = in_folder("none");
    assert_false(file_read(path, 100, &out, &err));
    t_err_is(&err, ERR_USAGE, "", "cannot open: No such file or directory");
    assert_string_equal(err.file, path);
    assert_false(file_read(folder, 100, &out, &err));
    t_err_is(&err, ERR_USAGE, "", "is a folder, expected a file");
    t_ok(file_write(path, "12345", 5, &err), &err);
    assert_false(file_read(path, 4, &out, &err));
    t_err_is(&err, ERR_FORMAT, "", "is larger than the 4 bytes expected at most");
    buf_clear(&out);
    t_ok(file_read(path, 5, &out, &err), &err);
    t_ok(file_read(path, 5, &out, &err), &err);
    t_buf_is(&out, "1234512345");
    buf_free(&out);
    assert_int_equal(unlink(path), 0);
}

static void file_state_path__folders__are_made_private(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf path = {0};
    assert_int_equal(setenv("XDG_STATE_HOME", in_folder("state/deep"), 1), 0);
    t_ok(file_state_path("last.json", &path, &err), &err);
    t_buf_is(&path, in_folder("state/deep/bankai/last.json"));
    assert_int_equal(mode_of(in_folder("state/deep/bankai")), 0700);
    buf_clear(&path);
    assert_int_equal(setenv("XDG_CACHE_HOME", "not/absolute", 1), 0);
    assert_int_equal(setenv("HOME", folder, 1), 0);
    t_ok(file_cache_path("x", &path, &err), &err);
    t_buf_is(&path, in_folder(".cache/bankai/x"));
    buf_clear(&path);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_false(file_cache_path("x", &path, &err));
    t_err_is(&err, ERR_IO, "", "neither XDG_CACHE_HOME nor HOME names a folder");
    assert_int_equal(path.len, 0);
    assert_int_equal(setenv("HOME", "/dev/null", 1), 0);
    assert_false(file_cache_path("x", &path, &err));
    t_err_is(&err, ERR_IO, "", "cannot make the folder: Not a directory");
    buf_free(&path);
}

/* ---- json ---------------------------------------------------------------------- */

static void json_parse__bad_documents__named_by_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *message;
    } cases[] = {
        {"{\"a\": 1,\n \"b\": }", "line 2, column 7",
         "is not valid JSON: unexpected token near '}'"},
        {"{\"a\": 1, \"a\": 2}", "line 1, column 12",
         "is not valid JSON: duplicate object key near '\"a\"'"},
        {"[1, 2", "line 1, column 5",
         "is not valid JSON: ']' expected near end of file"},
        {"", "line 1, column 0",
         "is not valid JSON: unexpected token near end of file"},
        {"[1]\n\n x", "line 3, column 2",
         "is not valid JSON: end of file expected near 'x'"},
        {"[\"\xFF\"]", "line 1, column 2",
         "is not valid JSON: unable to decode byte 0xff near '\"'"},
        {"[1e999]", "line 1, column 6", "is not valid JSON: real number overflow near '1e999'"},
        {"[99999999999999999999]", "line 1, column 21",
         "is not valid JSON: too big integer near '99999999999999999999'"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct err err = {0};
        assert_null(json_parse(cases[i].text, strlen(cases[i].text), "f.json", &err));
        t_err_is(&err, ERR_FORMAT, cases[i].where, cases[i].message);
        assert_string_equal(err.file, "f.json");
    }
}

static void json_print__parsed__is_the_same_text(void **state)
{
    (void)state;
    static const char text[] = "{\"b\": [1, -2.5, true, null], \"a\": \"é\\n\\u0001\"}";
    struct err err = {0};
    json_t *value = json_parse(text, sizeof text - 1, "f", &err);
    t_ok(value != NULL, &err);
    struct buf out = {0};
    json_print(&out, value, false);
    t_buf_is(&out, text);
    buf_clear(&out);
    json_print(&out, json_object_get(value, "b"), true);
    t_buf_is(&out, "[\n  1,\n  -2.5,\n  true,\n  null\n]");
    buf_free(&out);
    json_decref(value);
}

static void json_text__any_bytes__are_a_string(void **state)
{
    (void)state;
    json_t *value = json_text("a\0\xFF\"", 4);
    struct buf out = {0};
    json_print(&out, value, false);
    t_buf_is(&out, "\"a\\u0000\xEF\xBF\xBD\\\"\"");
    json_decref(value);
    buf_clear(&out);
    value = json_text(NULL, 0);
    json_print(&out, value, false);
    t_buf_is(&out, "\"\"");
    json_decref(value);
    buf_free(&out);
}

static void json_kind__values__in_words(void **state)
{
    (void)state;
    struct err err = {0};
    static const char text[] = "[{}, [], \"\", 1, 1.5, true, false, null]";
    static const char *const kinds[] = {"an object",  "an array",      "a string",
                                        "an integer", "a fraction",    "true or false",
                                        "true or false", "null"};
    json_t *value = json_parse(text, sizeof text - 1, "f", &err);
    t_ok(value != NULL, &err);
    for (size_t i = 0; i < countof(kinds); i++)
        assert_string_equal(json_kind(json_array_get(value, i)), kinds[i]);
    assert_string_equal(json_kind(NULL), "nothing");
    json_decref(value);
}

static void json_read__file__parsed_or_refused_with_its_name(void **state)
{
    (void)state;
    struct err err = {0};
    const char *path = in_folder("j.json");
    t_ok(file_write(path, "[7]", 3, &err), &err);
    json_t *value = json_read(path, &err);
    t_ok(value != NULL, &err);
    assert_int_equal(json_integer_value(json_array_get(value, 0)), 7);
    json_decref(value);
    t_ok(file_write(path, "[7", 2, &err), &err);
    assert_null(json_read(path, &err));
    assert_string_equal(err.file, path);
    assert_string_equal(err.where, "line 1, column 2");
    assert_int_equal(unlink(path), 0);
}

static void json_parse_lines__blank_lines__count_for_the_place_alone(void **state)
{
    (void)state;
    static const char good[] = "{\"a\": 1}\n \t\r\n[2]\n\n", bad[] = "[1]\n\n{\"a\": ]\n";
    struct err err = {0};
    json_t *array = json_parse_lines(good, strlen(good), "f.jsonl", &err);
    t_ok(array != NULL, &err);
    assert_int_equal(json_array_size(array), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(array, 0), "a")), 1);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(array, 1), 0)), 2);
    json_decref(array);
    assert_null(json_parse_lines(bad, strlen(bad), "f.jsonl", &err));
    t_err_is(&err, ERR_FORMAT, "line 3, column 7",
             "is not valid JSON: unexpected token near ']'");
    assert_string_equal(err.file, "f.jsonl");
    const char nul[] = "\0\n";
    assert_null(json_parse_lines(nul, 2, "f.jsonl", &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err_set__any_bytes__are_safe_to_show),
        cmocka_unit_test(err_set__called_again__starts_anew_and_may_quote_itself),
        cmocka_unit_test(err_set__no_struct__does_nothing),
        cmocka_unit_test(err_set__message_too_long__is_cut_at_a_character),
        cmocka_unit_test(err_exit_status__every_code__as_the_command_line_promises),
        cmocka_unit_test(bug_on__condition_true__calls_the_hook_and_aborts),
        cmocka_unit_test(text_decode__boundaries__as_rfc_3629_says),
        cmocka_unit_test(text_decode__every_code_point__comes_back),
        cmocka_unit_test(text_visible__controls__are_shown),
        cmocka_unit_test(text_visible_into__too_small__cuts_at_a_character),
        cmocka_unit_test(text_valid__invalid_bytes__become_replacement_characters),
        cmocka_unit_test(text_columns__characters_and_bad_bytes__one_each),
        cmocka_unit_test(buf_add__grown_and_cleared__stays_terminated),
        cmocka_unit_test(x_new__any_size__zeroed_and_checked),
        cmocka_unit_test(num_mul_add__at_the_edge__say_whether_it_fits),
        cmocka_unit_test(num_parse_int__texts__whole_decimal_numbers_only),
        cmocka_unit_test(num_parse_double__texts__whole_finite_decimal_numbers_only),
        cmocka_unit_test(num_parse_double__locale_with_comma__still_reads_points),
        cmocka_unit_test(rng_mix__splitmix64__published_numbers),
        cmocka_unit_test(rng_next__known_state__published_numbers),
        cmocka_unit_test(rng_seed__seeds__state_from_splitmix64),
        cmocka_unit_test(rng_below__limits__in_range),
        cmocka_unit_test(rng_below__three_quarters_of_all__every_third_alike),
        cmocka_unit_test(rng_unit__draws__from_zero_to_below_one),
        cmocka_unit_test(sha256_text__fips_180_vectors__equal),
        cmocka_unit_test(sha256_stream__any_pieces__same_as_whole),
        cmocka_unit_test(sha256_is_text__texts__64_hex_digits_only),
        cmocka_unit_test(clock_seconds__twice__never_goes_back),
        cmocka_unit_test(file_write__new_and_old_file__replaced_whole),
        cmocka_unit_test(file_write__leftover_of_a_crash__is_stepped_over),
        cmocka_unit_test(file_write__symbolic_link__its_file_is_replaced),
        cmocka_unit_test(file_write__pipe__is_written_to_and_stays),
        cmocka_unit_test(file_write__bad_places__are_refused_and_leave_nothing),
        cmocka_unit_test(file_write__folder_without_permission__is_an_io_error),
        cmocka_unit_test(file_writer__pieces__are_the_file_at_the_commit),
        cmocka_unit_test(file_writer__no_room__is_an_io_error_and_leaves_nothing),
        cmocka_unit_test(file_read__bad_files__are_refused),
        cmocka_unit_test(file_state_path__folders__are_made_private),
        cmocka_unit_test(json_parse__bad_documents__named_by_line_and_column),
        cmocka_unit_test(json_print__parsed__is_the_same_text),
        cmocka_unit_test(json_text__any_bytes__are_a_string),
        cmocka_unit_test(json_kind__values__in_words),
        cmocka_unit_test(json_parse_lines__blank_lines__count_for_the_place_alone),
        cmocka_unit_test(json_read__file__parsed_or_refused_with_its_name),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
