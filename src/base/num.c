/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/num.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool num_parse_int(const char *text, int64_t *out)
{
    if (!text || *text == '\0' || isspace((unsigned char)*text))
        return false;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text)
        return false;
    *out = value;
    return true;
}

/* strtod with a decimal point in every locale. */
static double to_double(const char *text, char **end)
{
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!c_locale)
        return strtod(text, end);
    double value = strtod_l(text, end, c_locale);
    freelocale(c_locale);
    return value;
}

bool num_parse_double(const char *text, double *out)
{
    /* strtod knows hexadecimal numbers, names and leading white space besides */
    if (!text || *text == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    char *end = NULL;
    double value = to_double(text, &end);
    if (*end != '\0' || end == text || !isfinite(value))
        return false;
    *out = value;
    return true;
}
