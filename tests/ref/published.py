# SPDX-License-Identifier: GPL-3.0-or-later
#
# published.py FOLDER - is what `bankai session export -o FOLDER/` made true?
#
# Everything is computed again from session.jsonl alone, with Python's own readers of
# JSON, CSV and XML; the first thing that is not as it should be is an assertion.
import csv
import json
import math
import os
import re
import sys
import xml.etree.ElementTree as xml

folder = sys.argv[1]


def path(name):
    return os.path.join(folder, name)


def read(name):
    with open(path(name), encoding="utf-8", newline="") as file:
        return file.read()


records = {}
for line in read("session.jsonl").splitlines():
    row = json.loads(line)
    records.setdefault(row.pop("record"), []).append(row)
rows = {name: records.get(name, []) for name in
        ("probe", "step", "step_flip", "event", "answer", "name")}
origin, head = records["origin"][0], records["session"][0]["head"]
steps = {row["id"]: row for row in rows["step"]}
searched = [row for row in rows["probe"] if row["part"] != "heldout"]


def number(value):
    return {None: math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)


def way():
    on, step = [], head
    while step is not None:
        on.append(step)
        step = steps[step].get("parent")
    return on[::-1]


def table(name):
    text = read(name)
    assert "\n" not in re.sub(r'"[^"]*"', "", text).replace("\r\n", ""), name
    found = list(csv.DictReader(text.splitlines(keepends=True), strict=True))
    for row in found:
        assert None not in row and None not in row.values(), name
        for key, cell in row.items():  # no formula: a number or a text that is none
            try:
                float(cell or 0)
            except ValueError:
                assert cell[0] not in "=+-@\t\r", (name, key, cell)
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", cell), (name, key, cell)
    return found


def same(cell, value):
    value = number(value)
    return cell == "" if math.isnan(value) else float(cell) == value


# ---- tables ----
found = table("steps.csv")
assert [int(row["step"]) for row in found] == list(range(len(steps)))
for row in found:
    step = steps[int(row["step"])]
    assert row["parent"] == str(step.get("parent", ""))
    assert row["is_on"] == str(int(step["id"] in way()))
    assert row["is_head"] == str(int(step["id"] == head))
    assert same(row["fitness"], step.get("fitness"))
    assert int(row["flips"]) == sum(flip["step"] == step["id"] for flip in rows["step_flip"])

found = table("flips.csv")
assert len(found) == len(rows["step_flip"])
for row, flip in zip(found, rows["step_flip"]):
    for key, name in (("layer", "layer"), ("proj", "proj"), ("row", "row"), ("group", "grp"),
                      ("mask", "mask")):
        assert row[key] == str(flip.get(name, "")), (key, row, flip)

tried = [event for event in rows["event"] if event["kind"] in ("tried", "measured")]
found = table("tried.csv")
assert len(found) == len(tried)
for row, event in zip(found, tried):
    before = number(steps[event["step"]].get("fitness"))
    assert int(row["seq"]) == event["seq"] and int(row["row"]) == event["row"]
    assert int(row["accepted"]) == event["accepted"]
    assert same(row["fitness"], event.get("fitness"))
    assert same(row["gain"], number(event.get("fitness")) - before)

found = table("gaps.csv")
cells = [(step, i) for step in steps.values() if "gaps" in step for i in range(len(searched))]
assert len(found) == len(cells)
for row, (step, i) in zip(found, cells):
    assert int(row["step"]) == step["id"] and int(row["probe"]) == i
    assert same(row["gap"], step["gaps"][i])
    assert same(row["gap_before"], origin["gaps_before"][i])
    assert same(row["gain"], number(step["gaps"][i]) - number(origin["gaps_before"][i]))

right = {(row["step"], row["probe"]): row["is_right"] for row in rows["answer"]}
verdicts = {(0, 0): "stayed_wrong", (0, 1): "fixed", (1, 0): "broke", (1, 1): "stayed_right"}
found = table("generations.csv")
assert [(int(row["step"]), int(row["probe"])) for row in found] == sorted(right)
for row in found:
    base, now = right.get((0, int(row["probe"]))), right[int(row["step"]), int(row["probe"])]
    assert row["verdict"] == ("" if base is None else verdicts[base, now])

# ---- probes ----
sets = {}
for row in rows["probe"]:
    sets.setdefault((row["part"], row["set_name"]), []).append(row)
files = sorted(os.listdir(path("probes")))
assert len(files) == len(sets)
for name in files:
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*\.json", name), name
    kept = json.loads(read(os.path.join("probes", name)))
    expected = sets[kept["part"], kept["set"]]
    for probe, row in zip(kept["probes"], expected, strict=True):
        assert probe["prompt"] == row["prompt"] and probe["correct"] == row["correct"]
        assert probe.get("alternates", []) == row["alternates"]

# ---- the patch: what lies on the way an odd number of times ----
if os.path.exists(path("patch.json")):
    patch = json.loads(read("patch.json"))
    on = {}
    for flip in rows["step_flip"]:
        if flip["step"] in way():
            key = (flip.get("layer"), flip["proj"], flip["row"], flip.get("grp"))
            on[key] = not on.get(key, False)
    expected = {key for key, is_on in on.items() if is_on}
    assert {(flip.get("layer"), flip["proj"], flip["row"], flip.get("group"))
            for flip in patch["flips"]} == expected
    assert patch["metadata"]["base_sha256"] == origin["model_sha256"]

# ---- drawings ----
space = "{http://www.w3.org/2000/svg}"
cells = {}
for event in tried:
    cell = cells.setdefault((event.get("layer"), event["proj"]), [0, 0])
    cell[0] += event["accepted"]
    cell[1] += 1
for name in ("fitness.svg", "heatmap.svg"):
    root = xml.fromstring(read(name))
    assert root.tag == space + "svg"
    assert {item.tag for item in root.iter()} <= {space + tag for tag in
            ("svg", "title", "desc", "rect", "text", "line", "path", "g")}, name
    texts = [item.text for item in root.iter(space + "text")]
    if name == "heatmap.svg":
        counts = sorted(text for text in texts if re.fullmatch(r"\d+ of \d+", text))
        assert counts == sorted(f"{a} of {n}" for a, n in cells.values()), counts

# ---- the page ----
page = read("report.md")
assert origin["model_sha256"] in page and "search signal" in page
assert "](fitness.svg)" in page and "](heatmap.svg)" in page
looks = sum(event["kind"] == "heldout" for event in rows["event"])
assert f"looked at {looks} time" in page
assert not re.search(r"(?<!\\)[<>]", page), "an unescaped tag"
headings = [line for line in page.splitlines() if line.startswith("#")]
assert len(headings) == 8, headings
# A table's lines have as many cells as its head: nothing of a text ends one.
width = 0
for line in page.splitlines():
    bars = len(re.findall(r"(?<!\\)\|", line.replace("\\\\", "")))
    assert bars == 0 or width in (0, bars), line
    width = bars if line.startswith("|") else 0
for (part, name), members in sets.items():
    ids = [row["idx"] for row in members]
    both = [(right[0, i], right[head, i]) for i in ids if (0, i) in right and (head, i) in right]
    if both:
        row = (f" | {part} | {len(both)} of {len(ids)} | {sum(a for a, _ in both)}"
               f" | {sum(b for _, b in both)} | {both.count((0, 1))} | {both.count((1, 0))} | ")
        assert row in page, row
print("ok")
