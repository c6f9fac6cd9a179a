"""Every number in a report equals summary.json, or what pandas makes of the tables on its own."""

import base64
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy
    import pandas
except ImportError:
    print("skipped: no pandas here (Debian: apt-get install python3-pandas)", file=sys.stderr)
    sys.exit(77)

from report_page import Checks, SOURCE, PROGRAM, read_data, unpack, write_fixture, write_report

checks = Checks()
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1}


def read_table(directory, name):
    return pandas.read_csv(os.path.join(directory, name + ".csv.gz"), keep_default_na=False,
                           na_values={column: [""] for column in ("session", "reason")} if name == "requests" else [""])


def read_json(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return json.load(file)


def check_series(what, series, table, run, end_s):
    """`table` holds the rows of the series."""
    interval = run["interval_s"]
    length = (end_s - table.start_s).clip(upper=interval)
    length = length.where(length > 0, interval)
    bucket = (table.start_s / series["width_s"] + 1e-9).astype(int)
    checks.that(abs(series["width_s"] / interval - round(series["width_s"] / interval)) < 1e-9, f"{what}: width")
    watts = [column for column in table.columns if column.endswith("_w")]
    for name, column in series["columns"].items():
        values = table[watts].sum(axis=1) if name == "total_w" else table[name]
        if column["per_s"]:
            values = values / length
        weights = length.groupby(bucket).sum()
        expected = {"mean": (values * length).groupby(bucket).sum() / weights, "min": values.groupby(bucket).min(),
                    "max": values.groupby(bucket).max()}
        mean = unpack(column["mean"])
        checks.that(len(mean) == series["n"], f"{what}.{name}: length")
        for part in expected:
            found = unpack(column.get(part, column["mean"]))
            for i, value in expected[part].items():
                checks.near(found[i], value, f"{what}.{name}.{part}[{i}]", 1e-6, 1e-6)


def check_named(what, series, table, key, run, end_s):
    """Racks: one stretch of numbers a name."""
    for i, name in enumerate(series["names"]):
        part = {**series, "columns": {}}
        for column, packed in series["columns"].items():
            kinds = {kind: cut(packed[kind], i, series["n"]) for kind in ("mean", "min", "max") if kind in packed}
            part["columns"][column] = {**packed, **kinds}
        check_series(f"{what}.{name}", part, table[table[key] == name], run, end_s)


def cut(packed, i, n):
    """The i-th n numbers of a packed column."""
    return base64.b64encode(base64.b64decode(packed)[4 * i * n:4 * (i + 1) * n]).decode()


def latencies(requests):
    done = requests[requests.state == "completed"].copy()
    done["ttft_s"] = done.first_token_s - done.arrival_s
    done["ttfat_s"] = done.first_answer_s - done.arrival_s
    output = done.reasoning_tokens + done.answer_tokens
    done["tpot_s"] = ((done.completion_s - done.first_token_s) / (output - 1)).where(output > 1)
    done["itl_s"] = pandas.to_numeric(done.longest_itl_s)
    done["e2e_s"] = done.completion_s - done.arrival_s
    done["queue_s"] = done.first_scheduled_s - done.arrival_s
    return done


def check_latencies(data, done):
    latency = data["latency"]
    window = (done.arrival_s // latency["width_s"]).astype(int)
    for kind, column in latency["columns"].items():
        grouped = done[kind].groupby(window)
        counts = grouped.count()
        found = unpack(column["count"])
        checks.near(sum(found), counts.sum(), f"{kind} counts", 1e-6)
        for name in ("p50", "p90", "p99", "max"):
            found = unpack(column[name])
            for i, value in grouped.quantile(QUANTILES[name]).items():
                checks.near(found[i], value, f"{kind}.{name}[{i}]", 1e-6, 1e-8)


def check_distributions(data, done, run, end_s):
    drained = end_s - run["drain_s"] if run["drain_s"] > 0 else float("inf")
    measured = done[(done.arrival_s >= run["warmup_s"]) & (done.arrival_s < drained)]
    for kind, found in data["distributions"].items():
        values = measured[kind].dropna()
        checks.that(found["n"] == len(values), f"{kind}: {found['n']} in the distribution, expected {len(values)}")
        checks.that(found["zeros"] + sum(found["counts"]) == found["n"], f"{kind}: bins sum up")
        edges = 10 ** ((found["first"] + numpy.arange(len(found["counts"]) + 1)) / found["per_decade"])
        exact, _ = numpy.histogram(values[values >= 1e-6], edges)
        off = numpy.abs(exact - numpy.array(found["counts"])).sum()  # a value on an edge may round to its neighbour
        checks.that(off <= 2 + 1e-3 * len(values), f"{kind}: {off} values in other bins")
        if kind in run["slo"]:
            checks.that(found["slo"]["within"] == (values <= run["slo"][kind]).sum(), f"{kind} within SLO")
    return measured


def check_slowest(data, done):
    for kind, rows in data["slowest"].items():
        expected = done[kind].nlargest(len(rows)).to_numpy()
        for row, value in zip(rows, expected):
            found = done.loc[done.id == row["id"], kind].iloc[0]
            checks.near(found, value, f"slowest by {kind}", 1e-9)
            original = done.loc[done.id == row["id"]].iloc[0]
            for name, cell in row.items():
                if isinstance(cell, (int, float)):
                    checks.near(cell, float(original[name]), f"request {row['id']}.{name}", 1e-9)
                else:
                    checks.that(cell == original[name], f"request {row['id']}.{name}: {cell}")


def check_totals(data, requests, measured):
    """Whether the summary came from the run or from the report, the tables must say the same."""
    summary = data["summary"]
    checks.that(summary["requests"]["arrived"] == len(requests), "arrived")
    for state, count in requests.state.value_counts().items():
        checks.that(summary["requests"][state] == count, state)
    for name, columns in {"prompt": ["prompt_tokens"], "output": ["reasoning_tokens", "answer_tokens"],
                          "reasoning": ["reasoning_tokens"], "answer": ["answer_tokens"]}.items():
        checks.that(summary["tokens"][name] == int(requests[columns].sum().sum()), f"tokens.{name}")
    for kind in ("ttft_s", "tpot_s", "e2e_s", "queue_s"):
        checks.near(summary[kind]["mean"], measured[kind].mean(), f"{kind}.mean", 1e-6, 1e-9)
        for name, q in QUANTILES.items():
            checks.near(summary[kind][name], measured[kind].quantile(q), f"{kind}.{name}", 1e-3, 2e-9)


def check_endings(data, requests):
    left = requests[requests.state != "completed"]
    expected = left.fillna({"reason": ""}).groupby(["state", "reason"]).size()
    checks.that(len(data["endings"]) == min(20, len(expected)), "endings")
    for ending in data["endings"]:
        checks.that(ending["count"] == expected[ending["state"], ending["reason"]], f"ending {ending}")


def check(directory):
    before = checks.count
    data = read_data(write_report(directory))
    run = read_json(directory, "run.json")
    requests = read_table(directory, "requests")
    if data["recomputed"]:
        end_s = float("inf")
    else:
        summary = read_json(directory, "summary.json")
        checks.that(data["summary"] == summary, "the page holds another summary than summary.json")
        end_s = summary["simulated_s"]
    check_series("site", data["site"], read_table(directory, "site"), run, end_s)
    engines = read_table(directory, "engines").drop(columns="joules")
    for pool in data["pools"]:
        members = [i for i, engine in enumerate(run["engines"]) if engine["pool"] == pool["id"]]
        checks.that(pool["engines"] == len(members), "engines of a pool")
        check_series(f"pool {pool['id']}", pool["series"], engines[engines.engine.isin(members)], run, end_s)
    check_named("racks", data["racks"], read_table(directory, "racks"), "rack", run, end_s)
    done = latencies(requests)
    check_latencies(data, done)
    measured = check_distributions(data, done, run, data["end_s"])
    check_slowest(data, done)
    check_totals(data, requests, measured)
    check_endings(data, requests)
    print(f"{directory}: {checks.count - before} numbers")


with tempfile.TemporaryDirectory() as scratch:
    fixture, long = os.path.join(scratch, "fixture"), os.path.join(scratch, "long")
    write_fixture(fixture, 900)
    check(fixture)
    write_fixture(long, 12345)  # more intervals than buckets
    check(long)
    scenario = os.path.join(SOURCE, "sim/scenarios/azure-conv-hgx-h100.xml")
    subprocess.run([PROGRAM, "run", scenario, "-o", os.path.join(scratch, "azure"), "--quiet"], check=True)
    check(os.path.join(scratch, "azure"))
checks.end()
