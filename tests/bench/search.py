# SPDX-License-Identifier: GPL-3.0-or-later
"""What training flips does to prompts it never saw, as a table.

    LEARN=second_deriv SEEDS=5 NULL=20 python3 tests/bench/search.py BANKAI OUT [MODEL...]
    LEARN=integral PATCHES=large BLIND= python3 tests/bench/search.py BANKAI OUT [MODEL...]

For each model (nano where none is given) and family of LEARN (all three): 5,000 generated
targets of the family, the model's own answers to other families as controls (1,000 of what
is near, 150 of the rest), once for a small patch and once, with the nearest family as a
target, too, for a large one; then greedy answers to 500
held-out prompts of the family and to held-out prompts of all other families ("general"),
none of which a search saw.  Each of that with SEEDS seeds (1), and beside it, for the
PATCHES named in BLIND (both), the blind null (the same steps and checks with units drawn at
random, --rank random) and, with NULL=N, N patches of as many random flips as the first
seed's.

OUT keeps targets, patches and the last line of JSON of each run; what is there already is
not run again.  The last output is a Markdown table (also in OUT/table.md): means, with more
than one seed with their 95 % intervals (Student's t), and McNemar's exact p for the seed
with the median gain.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from spread import mcnemar, median, spread

FAMILIES = ["arithmetic", "code", "english", "exp_deriv", "facts", "integral", "poly_deriv",
            "prime", "second_deriv", "trig"]
LEARNED = ["second_deriv", "poly_deriv", "integral"]
WANTED = os.environ.get("LEARN", ",".join(LEARNED)).split(",")
# What a large patch learns beside a family: the skill that it alone would harm most.
NEIGHBOUR = {"second_deriv": "poly_deriv", "poly_deriv": "second_deriv", "integral": "poly_deriv"}
# (options, with the neighbour?)
METHODS = {
    "small": (["--rank", "guarded", "--unit", "16", "--batch", "256", "--bytes", "1120",
               "--steps", "60"], False),
    "large": (["--rank", "snr", "--batch", "192", "--flips-max", "200", "--bytes", "15900",
               "--steps", "100"], True),
}
PATCHES = os.environ.get("PATCHES", "small,large").split(",")
BLIND = os.environ.get("BLIND", "small,large").split(",")
RANDOM_UNITS = ["--rank", "random"]
FIRST_SEED = 42  # what train takes where none is given


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
    # skills near what is learned need most to be held
    others = [(f, 1000 if f in LEARNED else 150) for f in FAMILIES if f not in learned]
    heldout = [probes(bankai, out, family, 500, 9, "heldout")]
    heldout += [probes(bankai, out, f, 100, 6, "heldout") for f in FAMILIES if f != family]
    return ["--targets", ",".join(probes(bankai, out, f, 5000, 7, "train") for f in learned),
            "--controls", ",".join(probes(bankai, out, f, n, 5, "train") for f, n in others),
            "--heldout", ",".join(heldout)]


def last_value(text):
    """Of one JSON value, or of one on each line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return json.loads(text.splitlines()[-1])


def keep(record, words, accepted):
    """The last JSON value that a command prints, or printed when it was run."""
    if not record.exists():
        run = subprocess.run(words, stdout=subprocess.PIPE, check=False)
        if run.returncode not in accepted:
            sys.exit(f"{record.stem}: exit status {run.returncode}")
        record.write_text(json.dumps(last_value(run.stdout)) + "\n")
    return json.loads(record.read_text())


def train(bankai, model, out, name, words):
    """The line of the end; a run that kept nothing (exit status 1) has one, too."""
    return keep(out / f"{name}.json", [bankai, "train", model, *words, "-o",
                                       str(out / f"{name}.patch.json"), "--json"], (0, 1))


def random_flips(bankai, model, out, name, words, seed):
    """What as many random flips do to the same held-out prompts, or {}."""
    draws, patch = os.environ.get("NULL", "0"), out / f"{name}.patch.json"
    if draws == "0" or not patch.exists():
        return {}
    heldout = words[words.index("--heldout") + 1]
    answered = keep(out / f"{name}-null{draws}.json",
                    [bankai, "eval", model, "--heldout", heldout, "--patch", str(patch), "--null",
                     draws, "--seed", str(seed), "--json"], (0,))
    return answered["null"]["sets"]


def row(label, total):
    n = total["n"]
    return (f"{label:8} {n:4} {100 * total['right_base'] / n:6.1f} -> "
            f"{100 * total['right_now'] / n:5.1f} %  +{total['fixed']} -{total['broke']}, "
            f"p {mcnemar(total['fixed'], total['broke']):.1e}")


def total_of(done, family, own):
    """Right answers of the learned family, or of all others; None where nothing was kept."""
    sets = [t for s, t in done["totals"].items() if s.startswith(family) == own]
    keys = ("n", "right_base", "right_now", "fixed", "broke")
    return {k: sum(t[k] for t in sets) for k in keys} if sets else None


def random_gain(done, family, own):
    """Mean gain in points of as many random flips, or None where they were not asked for."""
    total = total_of(done, family, own)
    sets = [t for s, t in done["random"].items() if s.startswith(family) == own]
    if not sets or not total:
        return None
    right = sum(t["uniform"]["right"]["mean"] for t in sets)
    return 100 * (right - total["right_base"]) / total["n"]


def gain(total):
    return 100 * (total["right_now"] - total["right_base"]) / total["n"] if total else 0.0


def report(done, family):
    own, rest = total_of(done, family, True), total_of(done, family, False)
    if not own:
        return f"{done['steps']:3} steps {done['seconds']:6.0f} s: nothing was kept"
    return (f"{done['steps']:3} steps {done['seconds']:6.0f} s {done['units']:6} units "
            f"{done['bytes']:7.0f} bytes\n      {row('held-out', own)}\n"
            f"      {row('general', rest)}")


def median_total(runs, family, own):
    totals = [t for t in (total_of(d, family, own) for d in runs) if t]
    return median(totals, gain) if totals else None


def answers(runs, family, own):
    total = median_total(runs, family, own)
    if not total:
        return "- | -"
    gains = [gain(total_of(d, family, own)) for d in runs]
    return (f"{100 * total['right_base'] / total['n']:.1f} % {spread(gains)} | +{total['fixed']} "
            f"-{total['broke']}, p {mcnemar(total['fixed'], total['broke']):.0e}")


def random_answers(runs, family, own):
    gains = [g for g in (random_gain(d, family, own) for d in runs) if g is not None]
    return spread(gains) if gains else "-"


def table_row(model, label, runs, family):
    size = spread([d.get("patch_bytes") or d["bytes"] for d in runs], ".0f")
    return (f"| {model} | {label} | {len(runs)} | {size} | {answers(runs, family, True)} | "
            f"{answers(runs, family, False)} | {random_answers(runs, family, True)} | "
            f"{random_answers(runs, family, False)} |")


HEAD = """| model | learned | seeds | bytes | held-out, gain in points | median seed | \
general, gain | median seed | random flips: held-out | general |
|---|---|---|---|---|---|---|---|---|---|"""


def plan():
    """(family, neighbour, method, blind?)"""
    for family in WANTED:
        for method in PATCHES:
            for blind in (False, True) if method in BLIND else (False,):
                neighbour = NEIGHBOUR[family] if METHODS[method][1] else None
                yield family, neighbour, method, blind


def run_all(bankai, model, number, out, seeds):
    """Yields label, runs and family of each row of the table."""
    for family, neighbour, method, blind in plan():
        label = (f"{family}{f' and {neighbour}' if neighbour else ''}, {method}"
                 f"{', blind' if blind else ''}")
        runs = []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            name = (f"{number}-{family}-{method}{'-with' if neighbour else ''}"
                    f"{'-blind' if blind else ''}{'' if seed == FIRST_SEED else f'-{seed}'}")
            words = (arguments(bankai, out, family, neighbour) + METHODS[method][0] +
                     (RANDOM_UNITS if blind else []) + ["--seed", str(seed)])
            runs.append(train(bankai, model, out, name, words))
            runs[-1]["random"] = ({} if blind or seed != FIRST_SEED else
                                  random_flips(bankai, model, out, name, words, seed))
            print(f"{model}: {label}, seed {seed}: {report(runs[-1], family)}", flush=True)
        yield label, runs, family


def main():
    bankai, out = sys.argv[1], Path(sys.argv[2])
    models = sys.argv[3:] or ["nano"]
    seeds = int(os.environ.get("SEEDS", "1"))
    out.mkdir(parents=True, exist_ok=True)
    lines = [HEAD]
    for number, model in enumerate(models):
        for label, runs, family in run_all(bankai, model, number, out, seeds):
            lines.append(table_row(Path(model).stem, label, runs, family))
            (out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
