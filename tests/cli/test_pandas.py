"""pandas reads every table as it is: names, types, empty cells, and the numbers of the summary."""

import sys

from azure_run import TABLES, azure_run, columns_of, skip

try:
    import pandas
except ImportError:
    skip("no pandas here (Debian: apt-get install python3-pandas)")

with azure_run() as (run, description, summary):
    tables = {name: pandas.read_csv(f"{run}/{name}.csv.gz") for name in TABLES}
    for name, table in tables.items():
        assert list(table.columns) == columns_of(description, name), name
        described = {c["name"]: c["type"] for c in description["logs"]["tables"][name]["columns"]}
        for column, kind in described.items():
            if table[column].notna().any():
                assert pandas.api.types.is_numeric_dtype(table[column]) == (kind != "text"), f"{name}.{column}"

    requests, engines = tables["requests"], tables["engines"]
    counts = summary["requests"]
    assert len(requests) == counts["arrived"] and requests["id"].is_unique
    assert (requests["state"] == "completed").sum() == counts["completed"]
    assert requests["prompt_tokens"].sum() == summary["tokens"]["prompt"]
    assert requests["answer_tokens"].sum() == summary["tokens"]["answer"] == engines["output_tokens"].sum()

    done = requests[requests["state"] == "completed"]
    assert (done["arrival_s"] <= done["first_scheduled_s"]).all()
    assert (done["first_scheduled_s"] < done["first_token_s"]).all()
    assert (done["first_token_s"] <= done["completion_s"]).all()
    ttft = done["first_token_s"] - done["arrival_s"]
    assert abs(ttft.mean() / summary["ttft_s"]["mean"] - 1) < 1e-6
    assert abs(ttft.quantile(0.99) / summary["ttft_s"]["p99"] - 1) < 1e-3
    longer = done[done["answer_tokens"] > 1]
    tpot = (longer["completion_s"] - longer["first_token_s"]) / (longer["answer_tokens"] - 1)
    assert abs(tpot.quantile(0.5) / summary["tpot_s"]["p50"] - 1) < 1e-3

    # Little's law: what waits and runs, over the run, is the time that requests spent in the system.
    site = tables["site"]
    in_system = (requests["completion_s"] - requests["arrival_s"]).sum()
    assert abs((site["running"] + site["waiting"]).sum() - in_system) < 1e-3
    assert ((engines["busy"] >= 0) & (engines["busy"] <= 1)).all()
    assert ((engines["kv_used"] >= 0) & (engines["kv_used"] <= 1)).all()
    print(f"pandas {pandas.__version__} on Python {sys.version.split()[0]}: {len(requests)} requests")
