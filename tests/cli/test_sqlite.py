"""sqlite3 imports the tables and answers questions over them."""

import subprocess

from azure_run import TABLES, azure_run, need

for tool in ("zcat", "sqlite3"):
    need(tool)

QUESTIONS = """
SELECT count(*), count(DISTINCT id), sum(prompt_tokens), sum(answer_tokens) FROM requests;
SELECT count(*) FROM requests WHERE state = 'completed' AND CAST(first_token_s AS REAL) < CAST(arrival_s AS REAL);
SELECT sum(output_tokens) FROM engines;
SELECT sum(arrived) - sum(completed) FROM site;
"""

with azure_run() as (run, _, summary):
    script = ".mode csv\n" + "".join(f'.import "|zcat {name}.csv.gz" {name}\n' for name in TABLES) + QUESTIONS
    answers = subprocess.run(["sqlite3", ":memory:"], input=script, cwd=run, check=True, capture_output=True,
                             text=True).stdout.split()
    requests, tokens = summary["requests"], summary["tokens"]
    assert answers == [f"{requests['arrived']},{requests['arrived']},{tokens['prompt']},{tokens['answer']}", "0",
                       str(tokens["answer"]), str(requests["unfinished"])], answers
    print(f"sqlite3: {requests['arrived']} requests")
