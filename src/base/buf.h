/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * src/base/buf.h - a growing byte string, and small allocations that cannot fail.
 *
 * A buf is owned by whoever declared it; `{0}` is an empty one.  data is
 * always followed by a zero byte once something was added.  Small allocations
 * end the program cleanly when the machine has no memory left (x_* below);
 * big ones (models, caches) use malloc and report an error instead.
 */
#ifndef SRC_BASE_BUF_H
#define SRC_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t capacity;
};

void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_format(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *buf);
void buf_free(struct buf *buf);

/* Memory that is there: where there is none, the program ends (err_no_memory). */

/* count elements of size bytes each, zeroed; the product is checked. */
void *x_new(size_t count, size_t size);
/* Not cleared. */
void *x_bytes(size_t len);
/* Grow an array to count elements; the added part is not cleared. */
void *x_grow(void *old, size_t count, size_t size);
char *x_copy(const char *text, size_t len);

#endif
