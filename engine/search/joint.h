/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * engine/search/joint.h - what method `joint` found: patches of which none is better for
 * all domains than another.
 *
 * The targets of one set are a domain.  Its fitness is that of a search with these targets
 * alone and all the controls.
 */
#ifndef ENGINE_SEARCH_JOINT_H
#define ENGINE_SEARCH_JOINT_H

#include "engine/search/front.h"
#include "engine/search/search.h"

size_t search_domains(const struct search *search); /* 0: another method */
const char *search_domain_name(const struct search *search, size_t domain);
/* Each domain's fitness: values [search_domains] */
void search_domain_values(const struct search *search, const double *gaps, double *values);
/* Of all that was tried, and of no flips.  Valid until the next step; the last candidate can
 * no longer be untried.  After going on with a search it may have to measure. */
const struct front *search_front(struct search *search, cancel_flag *cancel, struct err *err);

#endif
