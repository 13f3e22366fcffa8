#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# peer.sh BUILD_FOLDER [MODEL]
#
# Run llama.cpp and bankai on the same file, one after the other: speed as a ratio,
# then logits against float64 on eight layers of 8B width.  llama.cpp comes prebuilt
# in the npm package node-llama-cpp, which also carries its headers; all of that lies
# in BUILD_FOLDER/peer.  Without MODEL a 1.7B of random weights is written there.
# Where npm or its registry is missing, one line says so and the status is 0.
set -eu

version=3.22.1
build=$1
model=${2:-}
threads=${THREADS:-$(nproc)}
peer=$build/peer
bankai=$build/bankai

skip() {
    echo "skipped: $1"
    exit 0
}

install_peer() {
    for program in npm git python3; do
        command -v "$program" >/dev/null 2>&1 || skip "llama.cpp as a peer needs $program"
    done
    [ "$(uname -m)" = x86_64 ] || skip "the prebuilt llama.cpp is for x86-64"
    modules=$peer/node_modules
    libs=$modules/@node-llama-cpp/linux-x64/bins/linux-x64
    mkdir -p "$peer"
    if ! [ -d "$libs" ]; then
        # without scripts: nothing of it is run but the library
        npm install --prefix "$peer" --ignore-scripts --no-audit --no-fund \
            "node-llama-cpp@$version" >"$peer/npm.log" 2>&1 || true
        [ -d "$libs" ] ||
            skip "node-llama-cpp $version could not be installed (see $peer/npm.log)"
        rm -rf "$modules"/@node-llama-cpp/linux-x64-* # for graphics cards
    fi
    if ! [ -d "$peer/llama.cpp" ]; then
        git -c advice.detachedHead=false clone -q \
            "$modules/node-llama-cpp/llama/gitRelease.bundle" "$peer/llama.cpp.tmp"
        mv "$peer/llama.cpp.tmp" "$peer/llama.cpp"
    fi
}

build_peer() {
    ${CC:-gcc} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra \
        -I"$peer/llama.cpp/include" -I"$peer/llama.cpp/ggml/include" \
        tests/bench/peer.c -o "$peer/peer" \
        "$libs"/libllama.v*.so "$libs"/libggml.v*.so "$libs/libggml-base.so" \
        -Wl,-rpath,"$(cd "$libs" && pwd)" -ldl
}

# "NAME VALUE" lines of what bankai bench says.
our_speed() {
    "$bankai" bench prompt decode --model "$model" --threads "$threads" --json |
        python3 -c '
import json, sys
names = {"prompt: 64 tokens": "prompt-64", "prompt: 512 tokens": "prompt-512",
         "decode: context of 64": "decode-64",
         "decode: context of 64, repacked": "repacked-64"}
for result in json.load(sys.stdin)["results"]:
    if result["name"] in names and result["unit"] == "tokens/s":
        print(names[result["name"]], result["value"])'
}

speed_table() { # our lines, their lines
    awk '
        NR == FNR { ours[$1] = $2; next }
        $1 == "variant" { variant = $2; next }
        { theirs[$1] = $2; if (least == "" || $3 < least) least = $3 }
        function row(name, a, b) { printf "  %-30s %10.2f %10.2f %8.2f\n", name, a, b, a / b }
        END {
            printf "  %-30s %10s %10s %8s\n", "tokens/s", "bankai", "llama.cpp", "ratio"
            row("prompt of 64", ours["prompt-64"], theirs["prompt-64"])
            row("prompt of 512", ours["prompt-512"], theirs["prompt-512"])
            row("decode at context 64", ours["decode-64"], theirs["decode-64"])
            row("decode, repacked", ours["repacked-64"], theirs["decode-64"])
            printf "  llama.cpp: variant %s, got %.0f %% of the processors or more%s\n", variant,
                100 * least, least < 0.95 ? ": the machine was busy" : ""
        }' "$1" "$2"
}

# Token ids that mean nothing, of any vocabulary.
some_ids() {
    echo 3 141 59 26 53 58 97 93 238 46
}

compare_logits() { # model, truth or -
    # shellcheck disable=SC2046 # a list of words is meant
    ids=$("$peer/peer" greedy "$1" 12 "$peer/logits.f32" $(some_ids))
    # shellcheck disable=SC2086 # a list of words is meant
    "$build/tests/bench/accuracy" "$1" "$peer/logits.f32" "$2" $ids
}

install_peer
build_peer
if [ -z "$model" ]; then
    model=$peer/1.7B.gguf
    [ -e "$model" ] || "$bankai" synth 1.7B -o "$model" >/dev/null
fi
slice=$peer/8B-8.gguf
[ -e "$slice" ] || "$bankai" synth 8B --layers 8 -o "$slice" >/dev/null

failed=0
echo "$model, $threads threads, medians of three runs"
our_speed >"$peer/ours.txt"
"$peer/peer" speed "$model" "$threads" >"$peer/theirs.txt"
speed_table "$peer/ours.txt" "$peer/theirs.txt"
compare_logits "$model" - || failed=1
echo "eight layers of 8B width"
compare_logits "$slice" truth || failed=1
rm -f "$peer/logits.f32" "$peer/ours.txt" "$peer/theirs.txt"
[ $failed = 0 ] || echo "bench-peer: failed: see above"
exit $failed
