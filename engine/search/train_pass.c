/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/search/train_pass.h"

#include <math.h>
#include <string.h>

bool pass_refuse(struct pass *pass, const char *what)
{
    if (pass->ok)
        (void)err_set(pass->err, ERR_FORMAT, "byte %zu: %s", pass->at, what);
    pass->ok = false;
    return false;
}

size_t pass_left(const struct pass *pass)
{
    return pass->ok ? pass->len - pass->at : 0;
}

void pass_bytes(struct pass *pass, void *bytes, size_t len)
{
    if (!pass->reading) {
        buf_add(pass->out, bytes, len);
    } else if (pass_left(pass) >= len && pass->ok) {
        if (len > 0)
            memcpy(bytes, pass->bytes + pass->at, len);
        pass->at += len;
    } else {
        (void)pass_refuse(pass, "the file ends too early");
        memset(bytes, 0, len);
    }
}

/* n <= 8 bytes, the lowest first. */
static uint64_t pass_number(struct pass *pass, uint64_t value, size_t n)
{
    unsigned char bytes[8] = {0};
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
    pass_bytes(pass, bytes, n);
    value = 0;
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

void pass_u64(struct pass *pass, uint64_t *value)
{
    *value = pass_number(pass, *value, 8);
}

void pass_double(struct pass *pass, double *value)
{
    uint64_t bits = 0;
    memcpy(&bits, value, sizeof bits);
    bits = pass_number(pass, bits, 8);
    memcpy(value, &bits, sizeof bits);
    if (pass->reading && isnan(*value)) {
        (void)pass_refuse(pass, "is not a number");
        *value = 0;
    }
}

void pass_size(struct pass *pass, size_t *value, size_t most, const char *what)
{
    uint64_t number = *value;
    pass_u64(pass, &number);
    *value = (size_t)number;
    if (pass->reading && number > most) {
        (void)pass_refuse(pass, what);
        *value = 0;
    }
}

void pass_bool(struct pass *pass, bool *value)
{
    size_t number = *value;
    pass_size(pass, &number, 1, "expected 0 or 1");
    *value = number == 1;
}

void pass_sizes(struct pass *pass, size_t **values, size_t *count, size_t below,
                const char *what)
{
    enum { EACH = 4 };
    pass_size(pass, count, pass->reading ? pass_left(pass) / EACH : SIZE_MAX,
              "a list is longer than the file");
    if (pass->reading)
        *values = *count > 0 ? x_new(*count, sizeof **values) : NULL;
    for (size_t i = 0; i < *count; i++) {
        size_t value = (size_t)pass_number(pass, (*values)[i], EACH);
        (*values)[i] = value;
        if (pass->reading && value >= below)
            (void)pass_refuse(pass, what);
    }
}
