/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The families by name.
 */
#include <string.h>

#include "probes/maker/maker_int.h"
#include "src/base/num.h"

static const struct family families[] = {
    {{"poly_deriv", "derivatives of polynomials"}, draw_poly_deriv, &derivative_phrases, false,
     true},
    {{"second_deriv", "second derivatives of polynomials"}, draw_second_deriv, &second_phrases,
     false, true},
    {{"integral", "antiderivatives of polynomials"}, draw_integral, &integral_phrases, false,
     true},
    {{"exp_deriv", "derivatives of exponentials, sines, logarithms"}, draw_exp_deriv, NULL, false,
     false},
    {{"trig", "exact sines, cosines, tangents"}, draw_trig, NULL, true, false},
    {{"arithmetic", "sums, products, squares, roots"}, draw_arithmetic, NULL, false, false},
    {{"prime", "is a number below 250 prime"}, draw_prime, &prime_phrases, false, true},
    {{"facts", "capitals, opposites, symbols, ..."}, draw_facts, NULL, true, false},
    {{"code", "a line of Python"}, draw_code, NULL, false, false},
    {{"english", "sentences whose last word follows"}, draw_english, NULL, false, false},
    {{"mixed", "all of these in turn"}, NULL, NULL, false, false},
};

const struct family *family_at(size_t index)
{
    BUG_ON(index >= countof(families));
    return &families[index];
}

size_t family_find(const char *name)
{
    for (size_t i = 0; i < countof(families); i++)
        if (strcmp(name, families[i].told.name) == 0)
            return i;
    return SIZE_MAX;
}

const struct maker_family *maker_families(void)
{
    static struct maker_family told[countof(families) + 1];
    for (size_t i = 0; i < countof(families); i++)
        told[i] = families[i].told;
    return told;
}

bool maker_family_parse(const char *name, size_t *family, struct err *err)
{
    *family = family_find(name);
    if (*family != SIZE_MAX)
        return true;
    struct buf known = {0};
    for (size_t i = 0; i < countof(families); i++)
        buf_add_format(&known, "%s%s", i ? ", " : "", families[i].told.name);
    (void)err_set(err, ERR_USAGE, "there is no family '%.40s', expected one of %s", name,
                  known.data);
    buf_free(&known);
    return false;
}
