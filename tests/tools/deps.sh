#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# deps.sh [--install] build|check|lint|neon|nano ...
#
# Look for what these steps need.  With --install, missing Debian packages are
# installed with apt-get (through sudo when not root); otherwise, and where
# there is no apt-get, they are named and the exit status is 3.
set -eu

install=no
missing=

need_program() { # program package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

need_library() { # pkg-config-name package
    pkg-config --exists "$1" 2>/dev/null || missing="$missing $2"
}

need_python() { # module package
    /usr/bin/python3 -c "import $1" >/dev/null 2>&1 || missing="$missing $2"
}

for step in "$@"; do
    case $step in
    --install) install=yes ;;
    build)
        need_program gcc gcc
        # the compiler without the C library's headers is no compiler
        echo '#include <stdio.h>' | gcc -E - >/dev/null 2>&1 || missing="$missing libc6-dev"
        need_program ar binutils
        need_program pkg-config pkg-config
        need_library jansson libjansson-dev
        need_library libpcre2-8 libpcre2-dev
        need_library libcrypto libssl-dev
        need_library ncursesw libncurses-dev
        need_library readline libreadline-dev
        need_library sqlite3 libsqlite3-dev
        ;;
    check)
        need_library cmocka libcmocka-dev
        need_program python3 python3
        need_program tmux tmux
        ;;
    lint)
        need_program clang clang
        # -fopenmp needs its header and library too
        echo '#include <omp.h>' | clang -fopenmp -E - >/dev/null 2>&1 ||
            missing="$missing libomp-dev"
        need_program clang-tidy clang-tidy
        need_program ctags universal-ctags
        ;;
    neon)
        need_program aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
        echo '#include <stdio.h>' | aarch64-linux-gnu-gcc -E - >/dev/null 2>&1 ||
            missing="$missing libc6-dev-arm64-cross"
        need_program qemu-aarch64 qemu-user
        ;;
    nano)
        [ -x /usr/bin/python3 ] || missing="$missing python3"
        need_python torch python3-torch
        need_python numpy python3-numpy
        [ -e /usr/lib/"$(uname -m)"-linux-gnu/openblas-pthread ] ||
            missing="$missing libopenblas0-pthread"
        ;;
    *)
        echo "deps.sh: unknown step '$step'" >&2
        exit 2
        ;;
    esac
done

[ -n "$missing" ] || exit 0

if [ "$install" = no ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "missing Debian packages:$missing" >&2
    echo "install them (on Debian: make deps) and try again" >&2
    exit 3
fi

root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "missing Debian packages:$missing" >&2
        echo "they can be installed by root, or by you with sudo, which is missing too" >&2
        exit 3
    }
    root=sudo
fi

echo "installing:$missing"
$root apt-get update -qq || echo "apt-get update failed; trying with the lists at hand" >&2
# shellcheck disable=SC2086 # a list of words is meant
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
    >/dev/null || { echo "could not install:$missing" >&2; exit 3; }
