"""Checks a timeline against the trace event format, with Python's own gzip and JSON parsers.

Usage: timeline_check.py FILE
Prints how many events of each phase there are; exits 1 at the first thing that the format does not allow.
"""
import bisect
import collections
import gzip
import json
import sys

REQUIRED = {
    "M": {"pid", "tid", "name", "args"},
    "X": {"pid", "tid", "name", "ts", "dur"},
    "i": {"pid", "tid", "name", "ts", "s"},
    "b": {"pid", "name", "ts", "cat", "id"},
    "e": {"pid", "name", "ts", "cat", "id"},
    "s": {"pid", "tid", "name", "ts", "cat", "id"},
    "t": {"pid", "tid", "name", "ts", "cat", "id"},
    "f": {"pid", "tid", "name", "ts", "cat", "id", "bp"},
    "C": {"pid", "name", "ts", "args"},
}


def check(condition, what, event):
    if not condition:
        sys.exit(f"{what}: {event}")


def check_fields(events):
    for e in events:
        check(e.get("ph") in REQUIRED, "unknown phase", e)
        check(REQUIRED[e["ph"]] <= e.keys(), "fields missing", e)
        for field in ("ts", "dur"):
            check(isinstance(e.get(field, 0), (int, float)) and e.get(field, 0) >= 0, f"bad {field}", e)
        if e["ph"] == "C":
            check(e["args"] and all(isinstance(v, (int, float)) for v in e["args"].values()), "bad counter", e)


def tracks_of(events):
    tracks = collections.defaultdict(list)
    for e in events:
        if e["ph"] == "X":
            tracks[e["pid"], e["tid"]].append((round(e["ts"] * 1000), round((e["ts"] + e["dur"]) * 1000)))
    for spans in tracks.values():
        spans.sort(key=lambda span: (span[0], -span[1]))
    return tracks


def check_slices(tracks):
    """Slices of a track follow or nest."""
    for track, spans in tracks.items():
        open_ends = []
        for start, end in spans:
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            check(not open_ends or end <= open_ends[-1], "slices overlap on", track)
            open_ends.append(end)


def check_spans(events):
    """Every begin has its end, in the order of a stack, per category and id."""
    stacks = collections.defaultdict(list)
    for e in sorted((e for e in events if e["ph"] in "be"), key=lambda e: e["ts"]):
        stack = stacks[e["cat"], e["id"]]
        if e["ph"] == "b":
            stack.append(e["name"])
        else:
            check(stack and stack.pop() == e["name"], "end without its begin", e)
    for key, stack in stacks.items():
        check(not stack, "begin without an end", (key, stack))


def check_arrows(events, tracks):
    """An arrow starts once, ends once, goes forward in time, and each point lies in a slice of its track."""
    arrows = collections.defaultdict(list)
    for e in events:
        if e["ph"] in "stf":
            arrows[e["id"]].append(e)
            ns = round(e["ts"] * 1000)
            spans = tracks[e["pid"], e["tid"]]
            before = bisect.bisect_right(spans, (ns, float("inf"))) - 1
            check(before >= 0 and ns < spans[before][1], "arrow beside slices", e)
    for points in arrows.values():
        phases = "".join(e["ph"] for e in sorted(points, key=lambda e: e["ts"]))
        check(phases in ("sf", "stf"), "broken arrow", points)


def check_names(events):
    named = {e["pid"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    for e in events:
        check(e["pid"] in named, "process without a name", e)


with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
    document = json.load(file)
events = document["traceEvents"]
check_fields(events)
check_names(events)
tracks = tracks_of(events)
check_slices(tracks)
check_spans(events)
check_arrows(events, tracks)
count = collections.Counter(e["ph"] for e in events)
print(" ".join(f"{phase}={count[phase]}" for phase in sorted(count)))
