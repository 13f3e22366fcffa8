#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# fuzz.sh [NAME...]
#
# Build every fuzz target (or those named) with libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer, and run each for T seconds from its corpus in the
# tree.  New inputs go to $B/fuzz/new/NAME, crashes to $B/fuzz/crash/NAME; a
# crash prints the command that replays it, and the exit status is 1.
set -eu

B=${B:-build}
T=${T:-60}
CLANG=${CLANG:-clang}
out=$B/fuzz
kinds=address,undefined
failed=

# The library is built by the Makefile with its own flags, prepared for libFuzzer.
echo "building for libFuzzer in $out"
"${MAKE:-make}" -s -j2 B="$out" CC="$CLANG" SAN="fuzzer-no-link,$kinds" "$out/libbankai.a"

build_target() { # name
    # shellcheck disable=SC2046 # lists of words are meant
    "$CLANG" -std=c11 -D_GNU_SOURCE -I. -g -O1 -fopenmp -fsanitize=fuzzer,"$kinds" \
        -fno-sanitize-recover=all @tests/tools/warnings-clang.txt "tests/fuzz/fuzz_$1.c" \
        "$out/libbankai.a" -o "$out/fuzz_$1" \
        $(pkg-config --libs jansson libpcre2-8 libcrypto sqlite3) -lm
}

run_target() { # name
    name=$1
    mkdir -p "$out/new/$name" "$out/crash/$name"
    set -- -max_total_time="$T" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$out/crash/$name/" "$out/new/$name"
    [ ! -e "tests/fuzz/$name.dict" ] || set -- -dict="tests/fuzz/$name.dict" "$@"
    [ ! -d "tests/fuzz/corpus/$name" ] || set -- "$@" "tests/fuzz/corpus/$name"
    "$out/fuzz_$name" "$@" >"$out/$name.log" 2>&1
}

if [ $# -eq 0 ]; then
    for file in tests/fuzz/fuzz_*.c; do
        name=$(basename "$file" .c)
        set -- "$@" "${name#fuzz_}"
    done
fi
for target in "$@"; do
    build_target "$target"
    echo "$target: $T s"
    if run_target "$target"; then
        sed -n 's/^stat::\(number_of_executed_units\|new_units_added\): */    \1: /p' \
            "$out/$target.log"
        continue
    fi
    failed="$failed $target"
    tail -n 60 "$out/$target.log"
    for input in "$out/crash/$target"/*; do
        [ ! -e "$input" ] || echo "replay: $out/fuzz_$target $input"
    done
done

[ -z "$failed" ] || {
    echo "fuzz targets that failed:$failed"
    exit 1
}
