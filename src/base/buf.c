/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "src/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/err.h"
#include "src/base/num.h"

void *x_new(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory)
        err_no_memory();
    return memory;
}

void *x_bytes(size_t len)
{
    void *memory = malloc(len ? len : 1);
    if (!memory)
        err_no_memory();
    return memory;
}

void *x_grow(void *old, size_t count, size_t size)
{
    size_t bytes = 0;
    if (!num_mul(count ? count : 1, size, &bytes))
        err_no_memory();
    void *memory = realloc(old, bytes);
    if (!memory)
        err_no_memory();
    return memory;
}

char *x_copy(const char *text, size_t len)
{
    char *copy = x_new(len + 1, 1);
    memcpy(copy, text, len);
    return copy;
}

static void reserve(struct buf *buf, size_t more)
{
    size_t needed = 0;
    if (!num_add(buf->len, more, &needed) || !num_add(needed, 1, &needed))
        err_no_memory();
    if (needed <= buf->capacity)
        return;
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    buf->data = x_grow(buf->data, capacity, 1);
    buf->capacity = capacity;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    reserve(buf, len);
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_format(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len > 0) {
        reserve(buf, (size_t)len);
        (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}
