/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/unfinished.h - files and folders that are written under another name and not
 * done yet.
 *
 * Where memory that nobody can do without is refused (err_no_memory), the program ends at
 * once; these files are removed before.
 */
#ifndef SRC_BASE_UNFINISHED_H
#define SRC_BASE_UNFINISHED_H

#include <stdbool.h>
#include <sys/types.h>

/* Of the caller, as all that it points to, until unfinished_end. */
struct unfinished {
    const char *path;
    const char *const *endings; /* of further files beside it, ended by NULL; or NULL */
    bool folder; /* path is one: with what is in it and in the folders in it */
    struct unfinished *next;
};

/* Make the file, to be written to (O_EXCL): its descriptor, or -1 and errno. */
int unfinished_create(struct unfinished *file, mode_t mode);
/* The same where somebody else makes it. */
void unfinished_begin(struct unfinished *file);
/* It has its name, or is removed.  Does nothing if it was not begun. */
void unfinished_end(struct unfinished *file);

#endif
