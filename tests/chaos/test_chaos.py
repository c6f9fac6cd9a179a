"""Runs some hundred random scenarios, those in which something was found once, and oracles on broken tables."""
import copy
import os
import pathlib
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
CHAOS = SOURCE / "tests" / "chaos"
sys.path.insert(0, str(CHAOS))

import oracles  # noqa: E402

# A fault, the table that has it, and the oracle that must see it.
FAULTS = (("every_request_ends_once", lambda run: run.tables["requests"].pop()),
          ("every_request_ends_once", lambda run: run.tables["requests"][1].update(id="0")),
          ("every_request_ends_once", lambda run: run.tables["requests"][0].update(state="failed")),
          ("nothing_is_unfinished_without_cause", lambda run: run.summary["requests"].update(unfinished=1)),
          ("times_are_monotone", lambda run: run.tables["requests"][0].update(first_token_s="0.000000001")),
          ("times_are_monotone", lambda run: run.tables["requests"].reverse()),
          ("tokens_are_conserved", lambda run: run.tables["requests"][0].update(answer_tokens="7777")),
          ("tokens_are_conserved", lambda run: run.tables["engines"][0].update(output_tokens="0")),
          ("tokens_are_conserved", lambda run: run.tables["engines"][0].update(prompt_tokens="0")),
          ("gauges_are_within_bounds", lambda run: run.tables["engines"][0].update(kv_used="-0.1")),
          ("gauges_are_within_bounds", lambda run: run.tables["engines"][0].update(busy="1.2")),
          ("joules_are_conserved", lambda run: run.summary["energy"].update(host_j=0)),
          ("joules_are_conserved", lambda run: run.tables["requests"][0].update(joules="1e9")),
          ("what_the_grid_gives_is_used_lost_or_stored", lambda run: run.summary["grid"].update(battery_loss_j=1)),
          ("time_of_jobs_is_spent_once", lambda run: run.summary["training"]["share"].update(bubble=0.1)))

SCENARIO = f"""<scenario name="oracles">
  <platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>
  <workload><poisson rate="20/s" requests="40"><prompt mean="300"/><answer law="exponential" mean="30" max="90"/></poisson></workload>
  <pool id="serve" model="llama-3.1-8b" replicas="2"/>
  <job id="train" model="llama-3.1-8b" tp="4" batch="2" sequence="512" steps="2"/>
  <grid><battery power="1kW" capacity="10kJ"/></grid>
</scenario>
"""


def oracles_see_what_is_wrong():
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "scenario.xml"
        path.write_text(SCENARIO)
        subprocess.run([PROGRAM, "run", path, "-q", "-o", f"{scratch}/run"], check=True)
        sound = oracles.Run(pathlib.Path(scratch) / "run")
    assert oracles.judge(sound) == [], oracles.judge(sound)
    for name, spoil in FAULTS:
        run = copy.deepcopy(sound)
        spoil(run)
        assert any(wrong.startswith(name) for wrong in oracles.judge(run)), f"{name} does not see a fault"


oracles_see_what_is_wrong()
for options in (["--found"], ["--count", os.environ["TW_CHAOS_SEEDS"], "--coverage", "250"]):
    if subprocess.run([sys.executable, CHAOS / "chaos.py", PROGRAM, SOURCE, *options], check=False).returncode != 0:
        sys.exit(1)
