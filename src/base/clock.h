/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/clock.h - seconds since some fixed moment; never goes back.
 */
#ifndef SRC_BASE_CLOCK_H
#define SRC_BASE_CLOCK_H

double clock_seconds(void);

#endif
