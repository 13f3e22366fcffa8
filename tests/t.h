/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/t.h - what every test program includes.
 *
 * The only file that includes cmocka.h (it needs the four headers before it).
 * A test is a function named function__situation__expected; a program's main
 * is a table of them and cmocka_run_group_tests.
 */
#ifndef TESTS_T_H
#define TESTS_T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/num.h"
#include "tests/prop.h"

/* The error has this code, this place and exactly this message. */
static inline void t_err_is(const struct err *err, enum err_code code, const char *where,
                            const char *message)
{
    assert_string_equal(err->message, message);
    assert_string_equal(err->where, where);
    assert_string_equal(err_code_name(err->code), err_code_name(code));
}

/* Something that must not fail did not; its error is shown if it did. */
static inline void t_ok(bool ok, const struct err *err)
{
    if (!ok)
        fail_msg("unexpected error: %s: %s: %s", err->file, err->where, err->message);
}

/* The bytes in buf are exactly this text. */
static inline void t_buf_is(const struct buf *buf, const char *text)
{
    assert_string_equal(buf->data ? buf->data : "", text);
    assert_int_equal(buf->len, strlen(text));
}

/* The property holds; seed and the shrunk counterexample are shown if not. */
static inline void t_prop(const struct prop *prop)
{
    struct buf report = {0};
    bool ok = prop_run(prop, &report);
    if (!ok)
        print_error("%s\n", report.data);
    buf_free(&report);
    assert_true(ok);
}

#endif
