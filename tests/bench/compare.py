# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods at equal evaluations and at equal time, as a table.

    SEEDS=5 BUDGETS=100,10s python3 tests/bench/compare.py BANKAI OUT [MODEL...]

Each seed has targets of its own (60 generated second derivatives), so that methods which draw
nothing vary, too; controls are 100 prompts that the model labels itself.  Judged by answers to
500 other second derivatives and to the 500 general prompts of nano-heldout, which no search
saw.  `random` is the null model: it keeps whatever comes.

OUT keeps the last line of JSON of each run; what is there already is not run again.  The last
output is a Markdown table: means with their 95 % intervals (Student's t); p is McNemar's
exact one of the seed with the median gain.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from spread import mcnemar, median, spread

METHODS = "greedy,guided,group,evolve,random,train"
LEARNED, GENERAL = "gen:second_deriv:500:9:heldout", "nano-heldout"
FIRST_SEED = 42
FIRST_TARGETS = 7


def compared(bankai, model, record, budget, seed):
    targets = f"gen:second_deriv:60:{FIRST_TARGETS + seed}:train"
    if not record.exists():
        run = subprocess.run(
            [bankai, "search", model, "--compare", METHODS, "--budget", budget, "--seed",
             str(FIRST_SEED + seed), "--target", targets, "--control", "self:100",
             "--heldout", f"{LEARNED},{GENERAL}", "--json"],
            stdout=subprocess.PIPE, check=True)
        record.write_bytes(run.stdout.splitlines()[-1] + b"\n")
    return json.loads(record.read_text())["runs"]


def gains(runs, heldout):
    """Mean gain in points with its interval, and the median run's answers."""
    sets = [run["heldout_sets"][heldout] for run in runs]
    one = median(sets, lambda s: s["fixed"] - s["broke"])
    points = [100 * (s["fixed"] - s["broke"]) / s["n"] for s in sets]
    return (f"{spread(points)} | +{one['fixed']} -{one['broke']}, "
            f"p {mcnemar(one['fixed'], one['broke']):.0e}")


def row(model, budget, method, runs):
    train = [run["totals"]["train"] for run in runs]
    return (f"| {model} | {budget} | {method} | {spread([r['fitness'] for r in runs], '+.3f')} | "
            f"{spread([r['flip_count'] for r in runs], '.0f')} | "
            f"{spread([r['cost'] for r in runs], '.0f')} | "
            f"{spread([r['seconds'] for r in runs], '.0f')} | "
            f"{spread([t['fixed'] - t['broke'] for t in train])} | {gains(runs, LEARNED)} | "
            f"{gains(runs, GENERAL)} |")


HEAD = """| model | budget | method | fitness | flips | evaluations | seconds | train 60 | \
learned 500, points | median seed | general 500, points | median seed |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def main():
    bankai, out = sys.argv[1], Path(sys.argv[2])
    seeds = int(os.environ.get("SEEDS", "5"))
    budgets = os.environ.get("BUDGETS", "100,10s").split(",")
    out.mkdir(parents=True, exist_ok=True)
    lines = [HEAD]
    for model in sys.argv[3:] or ["nano"]:
        name = Path(model).stem
        for budget in budgets:
            runs = []
            for seed in range(seeds):
                runs += compared(bankai, model, out / f"{name}-{budget}-{seed}.json", budget, seed)
            for method in METHODS.split(","):
                lines.append(row(name, budget, method, [r for r in runs if r["method"] == method]))
                print(lines[-1], flush=True)
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
