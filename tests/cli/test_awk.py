"""zcat and awk read the tables: one line a row, the same number of fields in each, sums as in the summary."""

import subprocess

from azure_run import TABLES, azure_run, columns_of, need

for tool in ("sh", "zcat", "awk"):
    need(tool)


def shell(command, directory):
    return subprocess.run(["sh", "-c", command], cwd=directory, check=True, capture_output=True, text=True).stdout


with azure_run() as (run, description, summary):
    for name in TABLES:
        fields = shell(f"zcat {name}.csv.gz | awk -F, '{{print NF}}' | sort -u", run).split()
        assert fields == [str(len(columns_of(description, name)))], (name, fields)
    at = columns_of(description, "requests").index
    program = f"NR > 1 {{ n++; ids[$1]++; prompt += ${at('prompt_tokens') + 1}; out += ${at('answer_tokens') + 1} }} " \
              "END { print n, length(ids), prompt, out }"
    sums = shell(f"zcat requests.csv.gz | awk -F, '{program}'", run).split()
    arrived = summary["requests"]["arrived"]
    assert [float(x) for x in sums] == [arrived, arrived, summary["tokens"]["prompt"], summary["tokens"]["answer"]], sums
    print(f"zcat | awk: {arrived} requests")
