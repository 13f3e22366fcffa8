/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The palette is that of xterm (256colres.pl and XTerm-col.ad of its sources);
 * lightness is CIE 1976 L* of sRGB colours (IEC 61966-2-1).
 */
#include <math.h>

#include "src/base/err.h"
#include "ui/theme_int.h"

struct rgb palette_rgb(int index)
{
    static const struct rgb base[16] = {
        {0, 0, 0},       {205, 0, 0},   {0, 205, 0},   {205, 205, 0},
        {0, 0, 238},     {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
        {127, 127, 127}, {255, 0, 0},   {0, 255, 0},   {255, 255, 0},
        {92, 92, 255},   {255, 0, 255}, {0, 255, 255}, {255, 255, 255},
    };
    static const int steps[6] = {0, 95, 135, 175, 215, 255};
    BUG_ON(index < 0 || index > 255);
    if (index < 16)
        return base[index];
    if (index >= 232) {
        int grey = 8 + 10 * (index - 232);
        return (struct rgb){grey, grey, grey};
    }
    index -= 16;
    return (struct rgb){steps[index / 36], steps[index / 6 % 6], steps[index % 6]};
}

static double linear(int value)
{
    double x = value / 255.0;
    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

/* The function f of CIE 1976 L*a*b*. */
static double lab_curve(double t)
{
    return t > 216.0 / 24389.0 ? cbrt(t) : (24389.0 / 27.0 * t + 16.0) / 116.0;
}

struct lab {
    double lightness, a, b;
};

/* White point D65. */
static struct lab lab_of(int index)
{
    struct rgb rgb = palette_rgb(index);
    double red = linear(rgb.red), green = linear(rgb.green), blue = linear(rgb.blue);
    double x = lab_curve((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047);
    double y = lab_curve(0.2126729 * red + 0.7151522 * green + 0.0721750 * blue);
    double z = lab_curve((0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883);
    return (struct lab){116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)};
}

double palette_lightness(int index)
{
    return lab_of(index).lightness;
}

int palette_nearest_16(int index)
{
    if (index < 16)
        return index;
    struct lab wanted = lab_of(index);
    int best = 0;
    double best_distance = HUGE_VAL;
    for (int i = 0; i < 16; i++) {
        struct lab found = lab_of(i);
        double l = found.lightness - wanted.lightness, a = found.a - wanted.a,
               b = found.b - wanted.b;
        double distance = l * l + a * a + b * b;
        if (distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}
