#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lint.sh [STEP...]
#
# Look at the sources: style, layers, sizes, warnings of both compilers,
# clang-tidy, shellcheck (where installed).  Without arguments all steps run,
# whatever fails before; the exit status is 1 if any did.  MAKE and B are the
# make program and the build folder.
set -u

B=${B:-build}
MAKE=${MAKE:-make}
failed=

# Sources of this tree, those not committed yet included.
list() { # pattern...
    if [ -e .git ] && command -v git >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
            while read -r file; do [ ! -e "$file" ] || echo "$file"; done
    else
        for pattern in "$@"; do
            find . -path "./$B" -prune -o -type f -path "./$pattern" -print | sed 's,^\./,,'
        done | sort -u
    fi
}

over() { # program with arguments; the files come on standard input
    xargs -d '\n' "$@"
}

step_style() {
    bad=0
    list '*.c' '*.h' '*.sh' '*.awk' '*.py' Makefile |
        LC_ALL=C over awk -f tests/tools/lint_style.awk || bad=1
    for file in $(list '*.c' '*.h' '*.sh' '*.awk' '*.py' '*.md' Makefile); do
        [ -z "$(tail -c 1 "$file")" ] || {
            echo "$file: no line feed at the end"
            bad=1
        }
        case $file in tests/* | *.md) continue ;; esac
        [ "$(wc -l <"$file")" -le 600 ] || {
            echo "$file: has $(wc -l <"$file") lines, at most 600"
            bad=1
        }
    done
    return $bad
}

step_layers() {
    list '*.c' '*.h' | over awk -f tests/tools/lint_layers.awk
}

step_sizes() {
    list '*.c' >"$B/lint.files"
    ctags -x --kinds-C=f --fields=+ne --_xformat='%{line} %{end} %F %N' -L "$B/lint.files" |
        awk -f tests/tools/lint_sizes.awk
}

# All that `make check` builds, with both compilers and warnings as errors.
build_with() { # compiler
    "$MAKE" -s -k -j2 B="$B/lint-$1" CC="$1" WERROR=-Werror all tests >"$B/lint.log" 2>&1 || {
        cat "$B/lint.log"
        return 1
    }
}

step_gcc() {
    build_with gcc
}

step_clang() {
    build_with clang
}

tidy() { # clang arguments; the files come on standard input
    # shellcheck disable=SC2016 # the inner shell expands them
    over -P2 -n3 sh -c '
        flags=$1
        shift
        clang-tidy --quiet "$@" -- -std=c11 -D_GNU_SOURCE -I. -fopenmp \
            -DBANKAI_VERSION=\"0\" $flags 2>/dev/null' tidy "$*"
}

step_tidy() {
    bad=0
    # The files that define the functions of analyzer.h are seen without it.
    definers='src/base/err.c|src/base/json_field.c'
    # Kernels of a level are seen with the flags they are compiled with.
    kernels='engine/kernel/(avx2|avx512|amx|neon)(_.*)?\.c'
    avx2='-mavx2 -mfma -mf16c'
    avx512='-mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vbmi -mavx512vnni'
    list 'src/*.c' 'engine/*.c' 'patches/*.c' 'probes/*.c' 'ui/*.c' >"$B/lint.files"
    grep -vxE "$definers|$kernels" "$B/lint.files" | tidy -include tests/tools/analyzer.h || bad=1
    grep -xE "$definers" "$B/lint.files" | tidy || bad=1
    if [ "$(uname -m)" = x86_64 ]; then
        # shellcheck disable=SC2086 # lists of words are meant
        {
            grep -E '^engine/kernel/avx2' "$B/lint.files" | tidy $avx2 || bad=1
            grep -E '^engine/kernel/avx512' "$B/lint.files" | tidy $avx2 $avx512 || bad=1
            grep -E '^engine/kernel/amx' "$B/lint.files" |
                tidy $avx2 $avx512 -mamx-tile -mamx-int8 || bad=1
        }
    elif [ "$(uname -m)" = aarch64 ]; then
        grep -E '^engine/kernel/neon' "$B/lint.files" | tidy || bad=1
    fi
    return $bad
}

step_shell() {
    if ! command -v shellcheck >/dev/null 2>&1; then
        echo "skipped: shellcheck is not installed"
        return 0
    fi
    list '*.sh' .ci/run | over shellcheck
}

mkdir -p "$B"
[ $# -gt 0 ] || set -- style layers sizes shell gcc clang tidy
for step in "$@"; do
    began=$(date +%s)
    echo "lint: $step"
    "step_$step" || failed="$failed $step"
    took=$(($(date +%s) - began))
    [ $took -lt 5 ] || echo "  $took s"
done
rm -f "$B/lint.files" "$B/lint.log"

if [ -n "$failed" ]; then
    echo "lint: failed:$failed"
    exit 1
fi
echo "lint: all is well"
