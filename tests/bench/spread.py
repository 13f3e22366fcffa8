# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers over several seeds, for the tables of this folder."""

import math

# Two-sided 95 % quantiles of Student's t by degrees of freedom.
STUDENT = [math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]


def spread(values, form="+.1f"):
    """Mean, and half of its 95 % interval where there are several."""
    n, mean = len(values), sum(values) / len(values)
    if n < 2 or n > len(STUDENT):
        return format(mean, form)
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    return f"{mean:{form}} ± {STUDENT[n - 1] * sd / math.sqrt(n):{form.lstrip('+')}}"


def median(values, key):
    return sorted(values, key=key)[len(values) // 2]


def mcnemar(fixed, broke):
    """Exact, two-sided."""
    n, least = fixed + broke, min(fixed, broke)
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(least + 1)) / 2 ** n)
