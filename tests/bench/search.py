# SPDX-License-Identifier: GPL-3.0-or-later
"""What training flips does to prompts it never saw, as a table.

    python3 tests/bench/search.py BANKAI OUT [MODEL...]

For each model (nano where none is given) and family: 5,000 generated targets of the
family, the model's own answers to other families as controls, then greedy answers to 500
held-out prompts of the family and to held-out prompts of all other families ("general"),
none of which a search saw.  OUT keeps targets, patches and one line of JSON for each run;
what is there already is not run again.
"""

import json
import subprocess
import sys
from pathlib import Path

FAMILIES = ["arithmetic", "code", "english", "exp_deriv", "facts", "integral", "poly_deriv",
            "prime", "second_deriv", "trig"]
LEARNED = ["second_deriv", "poly_deriv", "integral"]
# What is learned beside a family: the skill that a patch for it alone would harm most.
NEIGHBOUR = {"second_deriv": "poly_deriv", "poly_deriv": "second_deriv", "integral": "poly_deriv"}
METHODS = {
    "small": ["--rank", "fisher", "--batch", "256", "--bytes", "1100", "--steps", "80"],
    "large": ["--rank", "snr", "--batch", "128", "--bytes", "15000", "--steps", "60"],
}


def probes(bankai, out, family, count, seed, split):
    path = out / f"{family}-{split}-{count}.jsonl"
    if not path.exists():
        # all there are, where there are not so many
        subprocess.run([bankai, "probes", "make", family, "--count", str(count), "--seed",
                        str(seed), "--split", split, "-o", path],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return str(path)


def arguments(bankai, out, family, neighbour):
    learned = [family] + ([neighbour] if neighbour else [])
    others = [f for f in FAMILIES if f not in learned]
    heldout = [probes(bankai, out, family, 500, 9, "heldout")]
    heldout += [probes(bankai, out, f, 100, 6, "heldout") for f in FAMILIES if f != family]
    return ["--targets", ",".join(probes(bankai, out, f, 5000, 7, "train") for f in learned),
            "--controls", ",".join(probes(bankai, out, f, 150, 5, "train") for f in others),
            "--heldout", ",".join(heldout)]


def train(bankai, model, out, name, words):
    record = out / f"{name}.json"
    if not record.exists():
        run = subprocess.run([bankai, "train", model, *words, "-o", str(out / f"{name}.patch.json"),
                              "--json"], stdout=subprocess.PIPE, check=True)
        record.write_bytes(run.stdout.splitlines()[-1] + b"\n")
    return json.loads(record.read_text())


def mcnemar(fixed, broke):
    """Exact, two-sided."""
    from math import comb
    n, least = fixed + broke, min(fixed, broke)
    return min(1.0, 2 * sum(comb(n, i) for i in range(least + 1)) / 2 ** n)


def row(label, totals):
    n = sum(t["n"] for t in totals)
    base, now = (sum(t[k] for t in totals) for k in ("right_base", "right_now"))
    fixed, broke = (sum(t[k] for t in totals) for k in ("fixed", "broke"))
    return (f"{label:8} {n:4} {100 * base / n:6.1f} -> {100 * now / n:5.1f} %  "
            f"+{fixed} -{broke}, p {mcnemar(fixed, broke):.1e}")


def report(done, family):
    own = [t for s, t in done["totals"].items() if s.startswith(family)]
    rest = [t for s, t in done["totals"].items() if not s.startswith(family)]
    return (f"{done['steps']:3} steps {done['seconds']:6.0f} s {done['units']:6} units "
            f"{done['bytes']:7.0f} bytes\n      {row('held-out', own)}\n"
            f"      {row('general', rest)}")


def main():
    bankai, out = sys.argv[1], Path(sys.argv[2])
    models = sys.argv[3:] or ["nano"]
    out.mkdir(parents=True, exist_ok=True)
    for number, model in enumerate(models):
        for family in LEARNED:
            for method, words in METHODS.items():
                for neighbour in (None, NEIGHBOUR[family]):
                    name = f"{number}-{family}-{method}{'-with' if neighbour else ''}"
                    done = train(bankai, model, out, name,
                                 arguments(bankai, out, family, neighbour) + words)
                    beside = f" and {neighbour}" if neighbour else ""
                    print(f"{model}: {family}{beside}, {method}: {report(done, family)}",
                          flush=True)


if __name__ == "__main__":
    main()
