#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# check.sh TEST_PROGRAM... -- FUZZ_PROGRAM...
#
# Run all tests: cmocka programs, the corpus of every fuzz target, and
# tests/test_*.py.  BUILD names the build folder, BANKAI the program.  What a
# test printed is shown only if it failed; skipped tests are listed with their
# reason.  The last line is "N passed, N failed, N skipped".
set -u

# Threads that spin while they wait cost a busy machine more than the work
# (src/main.c does the same for the program).
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-1000}"

BUILD=${BUILD:-build}
report=$BUILD/check.out # of the program that runs now
started=$(date +%s)
passed=0
failed=0
skipped=0

mkdir -p "$BUILD"

# Numbers N of the lines "[  WORD  ] N test(s)" that cmocka ends with, added up.
cmocka_count() { # word
    sed -n "s/^\[  $1 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$report" |
        awk '{ sum += $1 } END { print sum + 0 }'
}

show_skips() { # lines "skipped: reason" of a test, and names of skipped tests
    grep -ihE '^ *skipp(ed|ing):|^\[  SKIPPED \] [^0-9]| \.\.\. skipped ' "$report" |
        awk '!seen[$0]++ { print "    " $0 }' # cmocka names them twice
}

fail() { # name status
    echo "FAILED: $1 (exit status $2)"
    sed 's/^/    /' "$report"
}

run_cmocka() { # program
    "$1" >"$report" 2>&1 </dev/null
    status=$?
    ok=$(cmocka_count PASSED)
    bad=$(cmocka_count FAILED)
    # it broke down before it could count
    [ $status -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + ok))
    failed=$((failed + bad))
    skipped=$((skipped + $(cmocka_count SKIPPED)))
    name=${1#"$BUILD"/}
    echo "${name#tests/}:" # "unit/test_patch" is not "cli/test_patch"
    if [ "$bad" -gt 0 ]; then
        fail "$1" $status
        return
    fi
    show_skips
    grep -F '[  PASSED  ]' "$report" || {
        echo "FAILED: $1 ran no tests"
        failed=$((failed + 1))
    }
}

run_corpus() { # fuzz program
    name=$(basename "$1")
    corpus=tests/fuzz/corpus/${name#fuzz_}
    if ! [ -d "$corpus" ]; then
        echo "$name: skipped: no corpus $corpus"
        skipped=$((skipped + 1))
        return
    fi
    if find "$corpus" -type f -exec "$1" '{}' + >"$report" 2>&1; then
        passed=$((passed + 1))
        echo "$name: $(find "$corpus" -type f | wc -l) inputs replayed"
    else
        failed=$((failed + 1))
        fail "$1 $corpus/*" 1
    fi
}

run_python() { # file
    python3 -B -m unittest discover -v -s tests -p "$(basename "$1")" >"$report" 2>&1 </dev/null
    status=$?
    ran=$(sed -n 's/^Ran \([0-9]*\) tests\{0,1\} in.*/\1/p' "$report")
    skips=$(sed -n 's/^\(OK\|FAILED\) .*skipped=\([0-9]*\).*/\2/p' "$report")
    bad=$(sed -n 's/^FAILED (\(.*\))/\1/p' "$report" | tr ',' '\n' |
        sed -n 's/^ *\(failures\|errors\)=//p' | awk '{ sum += $1 } END { print sum + 0 }')
    [ $status -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    good=$((${ran:-0} - ${skips:-0} - bad))
    [ $good -ge 0 ] || good=0
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + ${skips:-0}))
    echo "$(basename "$1"):"
    if [ "$bad" -gt 0 ]; then
        fail "$1" $status
        return
    fi
    show_skips
    echo "[  PASSED  ] $good test(s)."
}

while [ $# -gt 0 ] && [ "$1" != -- ]; do
    run_cmocka "$1"
    shift
done
[ $# -eq 0 ] || shift
for program in "$@"; do
    run_corpus "$program"
done
for file in tests/test_*.py; do
    [ ! -e "$file" ] || run_python "$file"
done
rm -f "$report"

echo "total time: $(($(date +%s) - started)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
