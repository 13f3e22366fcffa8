/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Numbers in texts, by value: decimal digits and a power of ten, so that nothing is
 * rounded.
 */
#include "probes/answer_int.h"

#include <ctype.h>
#include <string.h>

#include "src/base/text.h"

enum { EXPONENT_DIGITS_MAX = 4 };

static bool is_digit_at(const char *text, size_t len, size_t at)
{
    return at < len && text[at] >= '0' && text[at] <= '9';
}

static size_t digits_at(const char *text, size_t len, size_t at)
{
    size_t n = 0;
    while (is_digit_at(text, len, at + n))
        n++;
    return n;
}

static size_t size_if(const char *text, size_t len, const char *word)
{
    size_t size = strlen(word);
    return size <= len && memcmp(text, word, size) == 0 ? size : 0;
}

/* Bytes of a sign at the start of text, 0 if there is none. */
static size_t sign_size(const char *text, size_t len, bool *negative)
{
    size_t minus = size_if(text, len, "-");
    if (minus == 0)
        minus = size_if(text, len, "\xE2\x88\x92"); /* U+2212 */
    *negative = minus > 0;
    return minus > 0 ? minus : size_if(text, len, "+");
}

static size_t currency_size(const char *text, size_t len)
{
    static const char *const signs[] = {"$", "\xE2\x82\xAC", "\xC2\xA3"}; /* dollar, euro, pound */
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (size_if(text, len, signs[i]) > 0)
            return size_if(text, len, signs[i]);
    return 0;
}

/* ---- one number ------------------------------------------------------------- */

struct reader {
    const char *text;
    size_t len;
    size_t at;
};

static void take_digits(struct reader *in, size_t n, struct buf *digits)
{
    buf_add(digits, in->text + in->at, n);
    in->at += n;
}

/* The part before the decimal point: one to three digits and groups of three
 * behind commas, or any digits. */
static void take_whole(struct reader *in, struct buf *digits)
{
    size_t n = digits_at(in->text, in->len, in->at);
    take_digits(in, n, digits);
    while (n >= 1 && n <= 3 && in->at < in->len && in->text[in->at] == ',' &&
           digits_at(in->text, in->len, in->at + 1) == 3) {
        in->at++;
        take_digits(in, 3, digits);
    }
}

/* "e6", "E-3"; no letter or digit may follow. */
static long take_exponent(struct reader *in)
{
    size_t at = in->at;
    if (at >= in->len || (in->text[at] != 'e' && in->text[at] != 'E'))
        return 0;
    bool negative = false;
    at++;
    at += sign_size(in->text + at, in->len - at, &negative);
    size_t n = digits_at(in->text, in->len, at);
    if (n == 0 || n > EXPONENT_DIGITS_MAX ||
        (at + n < in->len && isalpha((unsigned char)in->text[at + n])))
        return 0;
    long value = 0;
    for (size_t i = 0; i < n; i++)
        value = 10 * value + (in->text[at + i] - '0');
    in->at = at + n;
    return negative ? -value : value;
}

/* Leading and trailing zeros say nothing. */
static void normalize(struct number *number)
{
    struct buf *digits = &number->digits;
    size_t lead = 0;
    while (lead < digits->len && digits->data[lead] == '0')
        lead++;
    while (digits->len > lead && digits->data[digits->len - 1] == '0')
        digits->len--;
    if (lead > 0)
        memmove(digits->data, digits->data + lead, digits->len - lead);
    digits->len -= lead;
    number->power -= (long)lead;
    if (digits->len == 0) {
        number->power = 0;
        number->negative = false;
    }
}

/* in->at is at the first digit or at the point before it. */
static void take_number(struct reader *in, struct number *out)
{
    take_whole(in, &out->digits);
    out->power = (long)out->digits.len;
    if (in->at < in->len && in->text[in->at] == '.' && is_digit_at(in->text, in->len, in->at + 1)) {
        in->at++;
        take_digits(in, digits_at(in->text, in->len, in->at), &out->digits);
    }
    out->power += take_exponent(in);
    normalize(out);
}

/* ---- numbers of a text --------------------------------------------------------- */

/* What stands before a place: decides whether a number or its sign may begin there. */
enum before { BEFORE_OTHER, BEFORE_NUMBER, BEFORE_LETTER };

/* Does a number begin here?  Then in->at is behind sign and currency. */
static bool begins(struct reader *in, enum before before, bool closed, bool *negative)
{
    struct reader ahead = *in;
    *negative = false;
    if (before == BEFORE_OTHER && !closed)
        ahead.at += sign_size(ahead.text + ahead.at, ahead.len - ahead.at, negative);
    ahead.at += currency_size(ahead.text + ahead.at, ahead.len - ahead.at);
    bool digit = is_digit_at(ahead.text, ahead.len, ahead.at);
    bool point = ahead.at < ahead.len && ahead.text[ahead.at] == '.' &&
                 is_digit_at(ahead.text, ahead.len, ahead.at + 1) && before == BEFORE_OTHER;
    if ((!digit && !point) || (before == BEFORE_LETTER && ahead.at == in->at))
        return false;
    *in = ahead;
    return true;
}

/* One character that begins no number; a digit behind a letter is part of a word. */
static void pass(struct reader *in, enum before *before, bool *closed)
{
    uint32_t point = 0;
    size_t size = text_decode(in->text + in->at, in->len - in->at, &point);
    bool digit = is_digit_at(in->text, in->len, in->at);
    bool letter = size > 0 && (answer_is_letter(point) || point == '_');
    if (!digit || *before != BEFORE_LETTER)
        *before = letter ? BEFORE_LETTER : BEFORE_OTHER;
    *closed = size > 0 && point == ')';
    in->at += size > 0 ? size : 1;
}

size_t number_last(const char *text, size_t len, struct number *out)
{
    struct reader in = {.text = text, .len = len};
    enum before before = BEFORE_OTHER;
    bool closed = false; /* behind a closing bracket */
    size_t found = 0;
    *out = (struct number){0};
    while (in.at < len) {
        bool negative = false;
        size_t start = in.at;
        if (!begins(&in, before, closed, &negative)) {
            pass(&in, &before, &closed);
            continue;
        }
        buf_clear(&out->digits);
        out->negative = negative;
        take_number(&in, out);
        out->start = start;
        out->len = in.at - start;
        before = BEFORE_NUMBER;
        closed = false;
        found += found < 2;
    }
    return found;
}

bool number_equal(const struct number *a, const struct number *b)
{
    return a->negative == b->negative && a->power == b->power && a->digits.len == b->digits.len &&
           (a->digits.len == 0 || memcmp(a->digits.data, b->digits.data, a->digits.len) == 0);
}

bool answer_number(const char *generated, size_t len, const char *accepted)
{
    struct number said, wanted;
    bool both = number_last(generated, len, &said) > 0;
    both = number_last(accepted, strlen(accepted), &wanted) > 0 && both;
    bool equal = both && number_equal(&said, &wanted);
    buf_free(&said.digits);
    buf_free(&wanted.digits);
    return equal;
}

bool answer_number_check(const char *accepted, struct err *err)
{
    struct number number;
    size_t found = number_last(accepted, strlen(accepted), &number);
    buf_free(&number.digits);
    if (found == 1)
        return true;
    return err_set(err, ERR_FORMAT, "the answer '%.60s' has %s, expected one", accepted,
                   found == 0 ? "no number" : "several numbers");
}
