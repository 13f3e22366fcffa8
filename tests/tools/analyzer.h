/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/tools/analyzer.h - included before every file that clang-tidy looks at.
 *
 * The analyzer sees one file at a time and does not know that these functions
 * return false; without it, it follows paths that do not exist ("the error was
 * set, and yet the caller went on").
 */
#ifndef TESTS_TOOLS_ANALYZER_H
#define TESTS_TOOLS_ANALYZER_H

#include "src/base/err.h"
#include "src/base/json_field.h"

#define err_set(...) ((err_set)(__VA_ARGS__), false)
#define err_where(...) ((err_where)(__VA_ARGS__), false)
#define err_file(...) ((err_file)(__VA_ARGS__), false)
#define json_refuse(...) ((json_refuse)(__VA_ARGS__), false)

#endif
