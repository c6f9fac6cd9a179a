#!/usr/bin/env python3
"""Training jobs in whole runs: steps take what the closed form says where nobody else is on the network, twice the
exchange where two jobs share a leaf in step, and what is wrong is refused with the line."""
import base64
import csv
import gzip
import json
import math
import re
import struct
import unittest

from job_runs import JobRuns

JOB = '<job id="pre" model="llama-3.1-8b" batch="32" sequence="4096" steps="3" {}/>'


class Jobs(JobRuns):
    def test_steps_alone_on_the_network_take_what_the_closed_form_says(self):
        # One NIC for each accelerator, at the device's rate, and a fabric without bottlenecks.
        self.platform("--nodes=4")
        for layout in ('dp="8"', 'dp="32"', 'tp="8" zero="0" dp="4"', 'dp="32" zero="3"', 'dp="16" zero="2" slices="2"',
                       'tp="8" dp="4"', 'tp="8" pp="4"', 'tp="2" pp="4" chunks="4" dp="4"', 'cp="16" dp="2"',
                       'tp="4" cp="2" pp="2" dp="2" dp-overlap="0" cp-overlap="0.5" pp-overlap="0"',
                       'dp="32" recompute="full" precision="fp8" gradients="bf16"', 'dp="32" batch="64" slices="8"'):
            with self.subTest(layout=layout):
                body = JOB.format(layout)
                if "batch" in layout:
                    body = body.replace('batch="32" ', "", 1)
                self.scenario(body)
                rows, summary = self.run_it()
                self.assertEqual(len(rows), 3)
                for row in rows:
                    self.assertAlmostEqual(float(row["step_s"]) / self.alone_s()[0], 1, delta=2e-6)
                shares = summary["training"]["share"]
                self.assertAlmostEqual(sum(shares.values()), 1, delta=1e-9)
                self.assertEqual(summary["training"]["goodput"], 1)

    def test_experts_over_nodes_take_what_the_closed_form_says(self):
        self.platform("--nodes=4")
        self.scenario('<job id="pre" model="qwen3-30b-a3b" batch="64" sequence="4096" steps="2" dp="32" ep="32" '
                      'recompute="full"/>')
        rows, _ = self.run_it()
        self.assertAlmostEqual(float(rows[0]["step_s"]) / self.alone_s()[0], 1, delta=2e-6)

    def test_two_jobs_on_one_leaf_take_turns_of_half_of_it(self):
        # Two leaves of two nodes, whose up-links carry what one node sends. Each job has a node on both, so that its
        # exchange crosses them: alone at the full rate, together at half of it, as they are in step.
        self.platform("--nodes=4", "--nodes-per-leaf=2", "--oversubscription=2")
        job = ('<job id="%s" model="llama-3.1-8b" batch="16" steps="2" dp="16" dp-overlap="0" placement="explicit" '
               'hosts="%s"/>')
        first, second = job % ("a", "node-0 node-2"), job % ("b", "node-1 node-3")
        self.scenario(first)
        alone, _ = self.run_it()
        self.scenario(first + "\n" + second)
        together, _ = self.run_it()
        for row in together:
            alone_s, together_s = float(alone[0]["step_s"]), float(row["step_s"])
            # What stays inside of nodes, and the latencies, are not shared.
            bytes_gb = float(re.search(r"traffic of dp +.* ([0-9.]+) GB over each NIC",
                                       self.tokenworks("check", "--plan", self.path("s.xml")).stdout)[1])
            self.assertAlmostEqual(together_s - alone_s, bytes_gb / 50, delta=1e-4 * alone_s)

    def test_a_stall_lasts_as_long_as_the_bytes_take_to_storage(self):
        self.platform("--nodes=2", "--storage=100GB/s")
        self.scenario('<job id="pre" model="llama-3.1-8b" batch="16" steps="4" dp="16">'
                      '<checkpoint every="2" mode="stall" bytes="100GB"/></job>')
        rows, summary = self.run_it()
        step_s = float(rows[0]["step_s"])
        # Both hosts write to one store, at its 100 GB/s.
        self.assertAlmostEqual(float(rows[2]["start_s"]) - float(rows[1]["start_s"]), step_s + 1, delta=1e-3)
        self.assertEqual(summary["training"]["checkpoints"], 2)
        self.assertAlmostEqual(summary["network"]["checkpoint_bytes"], 200e9, delta=1)

    def test_an_asynchronous_checkpoint_stalls_for_the_copy_to_host_memory_alone(self):
        self.platform("--nodes=2", "--storage=100GB/s")
        self.scenario('<job id="pre" model="llama-3.1-8b" batch="16" steps="4" dp="16">'
                      '<checkpoint every="2" bytes="100GB"/></job>')
        rows, summary = self.run_it()
        waited_s = float(rows[1]["checkpoint"]) * (float(rows[1]["end_s"]) - float(rows[1]["start_s"]))
        self.assertAlmostEqual(waited_s, 100e9 / 16 / 64e9, delta=1e-5)
        self.assertEqual(summary["training"]["checkpoints"], 2)

    def failing(self, spares):
        """A job on one node, which fails at 20 s, is known to at 30 s and repaired at 120 s. Processes take 30 s, and
        reading 10 GB at 100 GB/s 0.1 s. Returns its rows, and what a naive twin says of the stop."""
        self.platform("--nodes=4", "--storage=100GB/s")
        self.scenario('<job id="pre" model="llama-3.1-8b" batch="64" steps="30" dp="8" placement="explicit" spares="%d" '
                      'hosts="node-0:8 node-1:%d"><checkpoint every="4" mode="stall" bytes="10GB" restart="30s"/></job>'
                      '<failures><fault part="host" names="node-0" at="20s" detection="10s" repair="100s"/></failures>'
                      % (spares, max(spares, 1)))
        rows, summary = self.run_it()
        step_s, time_s, done, saved = float(rows[0]["end_s"]) - float(rows[0]["start_s"]), 0, 0, 0
        while time_s + step_s <= 20:
            time_s, done = time_s + step_s, done + 1
            if done % 4 == 0 and time_s + 0.1 <= 20:
                time_s, saved = time_s + 0.1, done
        stops = [row for row in rows if row["kind"] == "stop"]
        self.assertEqual(len(stops), 1)
        self.assertEqual(int(stops[0]["step"]), saved)
        self.assertEqual(int(stops[0]["steps"]), done - saved)
        self.assertEqual(summary["training"]["steps"], 30)
        self.assertEqual(summary["training"]["lost_steps"], done - saved)
        self.assertEqual(summary["training"]["stops"], 1)
        self.assertAlmostEqual(sum(summary["training"]["share"].values()), 1, delta=1e-9)
        self.assertAlmostEqual(summary["training"]["goodput"] * float(rows[-1]["end_s"]), 30 * step_s, delta=1e-3)
        return float(stops[0]["end_s"])

    def test_a_job_without_spares_waits_for_the_repair_and_goes_back_to_its_checkpoint(self):
        self.assertAlmostEqual(self.failing(0), 120 + 30 + 0.1, delta=1e-3)

    def test_a_job_with_spares_goes_on_once_its_failure_is_known(self):
        self.assertAlmostEqual(self.failing(8), 30 + 30 + 0.1, delta=1e-3)

    def test_pages_timelines_and_plots_show_steps_and_stops(self):
        self.failing(8)
        with gzip.open(self.path("run/jobs.csv.gz"), "rt") as file:
            rows = list(csv.DictReader(file))
        stop = next(row for row in rows if row["kind"] == "stop")
        done = self.tokenworks("trace", self.path("run"), "-o", self.path("t.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("t.json")) as file:
            slices = [e for e in json.load(file)["traceEvents"] if e["ph"] == "X"]
        self.assertEqual(len(slices), len(rows))
        drawn = next(e for e in slices if e["name"] == "stop")
        self.assertAlmostEqual(drawn["ts"] * 1e-6, float(stop["start_s"]), delta=1e-6)
        self.assertAlmostEqual(drawn["dur"] * 1e-6, float(stop["end_s"]) - float(stop["start_s"]), delta=1e-6)
        self.assertEqual({e["args"]["mfu"] for e in slices if e["name"] == "step 0"}, {float(rows[0]["mfu"])})
        self.assertEqual(self.tokenworks("report", self.path("run")).returncode, 0)
        with open(self.path("run/report.html"), encoding="utf-8") as file:
            data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', file.read(), re.S)[1])
        job, = data["jobs"]
        self.assertEqual((job["id"], job["rows"]), ("pre", len(rows)))
        self.assertEqual(job["stops"], [{"start_s": float(stop["start_s"]), "end_s": float(stop["end_s"]), "steps": int(stop["steps"])}])
        packed = base64.b64decode(job["series"]["columns"]["mfu"]["mean"])
        means = [mean for mean, in struct.iter_unpack("<f", packed)]
        # A bucket inside of steps has their MFU; one inside of the stop has none.
        width_s, steps = job["series"]["width_s"], [row for row in rows if row["kind"] == "steps"]
        for i, mean in enumerate(means):
            inside = [row for row in rows if float(row["start_s"]) <= i * width_s and (i + 1) * width_s <= float(row["end_s"])]
            if inside and inside[0]["kind"] == "stop":
                self.assertTrue(math.isnan(mean))
            elif inside:
                self.assertAlmostEqual(mean, float(inside[0]["mfu"]), delta=1e-6)
        self.assertGreater(len(means) * width_s, float(steps[-1]["end_s"]) - width_s)
        self.assertRegex(data["explained"]["verdict"][1], "pre: 30 steps of .*, MFU .* %, goodput .* %")
        self.assertRegex(self.tokenworks("show", self.path("run")).stdout, r"\naccelerator_w +")
        shown = self.tokenworks("show", self.path("run"), "--job", "pre")
        self.assertRegex(shown.stdout, r"\nmfu +0\.")
        self.assertIn("jobs.step_s", self.tokenworks("show", self.path("run"), "jobs.step_s").stdout)
        self.assertIn("no rows of the job 'pro'", self.tokenworks("show", self.path("run"), "--job", "pro").stderr)

    def test_a_broken_accelerator_stops_the_job_that_has_it_alone(self):
        self.platform("--nodes=2")
        job = '<job id="%s" model="llama-3.1-8b" batch="16" steps="2" recompute="full" dp="%d" placement="explicit" hosts="%s"/>'
        for broken, stopped in (("node-0/0", "a"), ("node-0/3", "a"), ("node-1/3", "a"), ("node-0/4", "b"), ("node-0/7", "b")):
            self.scenario(job % ("a", 8, "node-0:4 node-1:4") + job % ("b", 4, "node-0:4") +
                          '<failures><fault part="accelerator" names="%s" at="1s" detection="1s" repair="10s"/></failures>'
                          % broken)
            rows, _ = self.run_it()
            self.assertEqual([row["job"] for row in rows if row["kind"] == "stop"], [stopped], broken)

    def test_all_wait_for_one_that_limps(self):
        self.platform("--nodes=2")
        self.scenario(JOB.format('dp="16"') + '<failures><fault part="host" names="node-1" effect="limp" speed="0.5" '
                      'at="0s" repair="1h"/></failures>')
        rows, _ = self.run_it()
        self.assertAlmostEqual(float(rows[0]["straggling"]), float(rows[0]["compute"]), delta=2e-6)

    def test_energy_is_what_the_rows_say_and_idle_before(self):
        self.platform("--nodes=2")
        self.scenario(JOB.format('dp="8" start="5s"'), 'audit="true" interval="10ms"')
        rows, summary = self.run_it()
        joules = sum(float(row["joules"]) for row in rows)
        self.assertAlmostEqual(summary["training"]["j"], joules + 5 * 8 * 124, delta=1)
        watts = [float(row["accelerator_w"]) for row in self.table("site")]
        self.assertAlmostEqual(watts[0], 16 * 124, delta=1)
        self.assertGreater(max(watts), 3 * watts[0])
        self.assertGreater(summary["energy"]["ramp_mw_per_s"], 0)

    GRID = 'audit="true" interval="10ms"'

    def test_without_a_grid_nothing_changes_and_with_one_the_sites_own_energy_does_not(self):
        self.platform("--nodes=2")
        job = JOB.format('dp="16" dp-overlap="0"').replace('steps="3"', 'steps="20"')
        self.scenario(job, self.GRID)
        before, plain = self.run_it()
        self.scenario(job + '<grid ramp="2kW"><battery power="25kW" capacity="100kJ" over="3s"/></grid><price usd-per-kwh="0.1"/>',
                      self.GRID)
        rows, summary = self.run_it()
        self.assertEqual(rows, before)
        self.assertAlmostEqual(summary["energy"]["site_j"] / plain["energy"]["site_j"], 1, delta=1e-9)
        grid = summary["grid"]
        drawn_j = summary["energy"]["site_j"] + grid["battery_loss_j"] + grid["battery_change_j"]
        self.assertAlmostEqual(grid["j"] / drawn_j, 1, delta=1e-9)
        self.assertAlmostEqual(summary["cost"]["electricity_usd"] / (grid["j"] / 3.6e6 * 0.1), 1, delta=1e-9)
        table = list(self.table("site"))
        watts = [float(row["grid_w"]) for row in table]
        # 10 ms at 2 kW a second; rows round to a milliwatt.
        self.assertLess(max(abs(a - b) for a, b in zip(watts, watts[1:-1])), 20.002)
        self.assertLess(grid["swing_w"], 0.15 * grid["load_swing_w"])
        self.assertEqual(grid["exceeded_s"], 0)
        span_s = summary["simulated_s"] - float(table[-1]["start_s"])
        joules = sum(watts[:-1]) * 0.01 + watts[-1] * span_s
        self.assertAlmostEqual(joules / grid["j"], 1, delta=1e-6)

    def test_a_limit_on_rising_power_costs_a_triangle_of_each_rise(self):
        # Each step computes at f, waits for its exchange at none, and runs its optimizer, after which the next step
        # begins at once. Power rises by up = 16 * 2000 W a second, and falls at once: a rise from p to f costs
        # (f - p)^2 / (2 f up), and an optimizer of s seconds that ends before its power is there takes t, at p = up t.
        self.platform("--nodes=2")
        job = JOB.format('dp="16" dp-overlap="0"').replace('steps="3"', 'steps="4"')
        self.scenario(job, self.GRID)
        rows, plain = self.run_it()
        self.scenario(job + '<grid><smoothing ramp-up="2kW"/></grid>', self.GRID)
        slow, summary = self.run_it()
        f_w = max(float(row["accelerator_w"]) for row in self.table("site")) - 16 * 124
        more_s = [float(a["step_s"]) - float(b["step_s"]) for a, b in zip(slow, rows)]
        up = 16 * 2000
        optimizer_more_s = more_s[0] - f_w / (2 * up)
        self.assertGreater(optimizer_more_s, 0.01)
        p_w = up * (optimizer_more_s + float(rows[0]["optimizer"]) * float(rows[0]["step_s"]))
        self.assertAlmostEqual(more_s[1], (f_w - p_w) ** 2 / (2 * f_w * up) + optimizer_more_s, delta=1e-5)
        self.assertAlmostEqual(more_s[2], more_s[1], delta=2e-6)
        share = summary["training"]["share"]["throttled"]
        self.assertAlmostEqual(share * summary["simulated_s"], sum(more_s), delta=1e-5)
        self.assertAlmostEqual(sum(summary["training"]["share"].values()), 1, delta=1e-9)
        # The same work takes the same joules; time at idle is longer.
        idle_j = 16 * 124 * (summary["simulated_s"] - plain["simulated_s"])
        self.assertAlmostEqual((summary["training"]["j"] - idle_j) / plain["training"]["j"], 1, delta=1e-6)
        self.assertEqual(summary["grid"]["burnt_j"], 0)

    def test_a_floor_burns_what_waiting_does_not_need_and_slows_nothing(self):
        self.platform("--nodes=2")
        job = JOB.format('dp="16" dp-overlap="0"')
        self.scenario(job, self.GRID)
        rows, plain = self.run_it()
        # Half of 700 W are 226 W above idle, which last for as long as the job waits.
        self.scenario(job + '<grid><smoothing floor="0.5"/></grid>', self.GRID)
        held, summary = self.run_it()
        for a, b in zip(rows, held):
            self.assertAlmostEqual(float(a["end_s"]), float(b["end_s"]), delta=1e-8)
        waits_s = float(rows[-1]["end_s"]) * plain["training"]["share"]["exposed"]
        self.assertAlmostEqual(summary["grid"]["burnt_j"], 16 * 226 * waits_s, delta=0.01)
        # What was burnt is all that the job drew more.
        self.assertAlmostEqual(summary["grid"]["burnt_j"], summary["training"]["j"] - plain["training"]["j"], delta=1e-3)

    def test_a_cap_leaves_jobs_what_they_draw_at_most_and_slows_engines_alone(self):
        # Eight accelerators train and eight serve. Under a cap that leaves the engine half of what it draws beyond idle, steps are
        # what they were, and the site keeps below the cap, also where training computes and serving is at its most.
        self.platform("--nodes=2")
        body = ('<workload><closed-loop concurrency="200" requests="400"><prompt law="fixed" mean="2000"/>'
                '<answer law="fixed" mean="20"/></closed-loop></workload>'
                '<pool id="serve" model="llama-3.1-8b" tp="8"/>' + JOB.format('dp="8" dp-overlap="0"') + "%s")
        self.scenario(body % "", self.GRID)
        rows, free = self.run_it()

        def watts(row):
            return sum(float(row[part]) for part in ("accelerator_w", "host_w", "network_w", "overhead_w"))
        most_w = max(watts(row) for row in self.table("site"))
        cap = '<power-cap site="%.0fW" period="100ms" delay="20ms"/>'
        told = re.search(r"it draws (\d+) W when its engines are idle; write a higher cap than 1000 W",
                         self.fault(body % (cap % 1000), "when its engines are idle"))
        least_w = int(told[1])
        self.assertLess(least_w, most_w)
        cap_w = (least_w + most_w) / 2
        self.scenario(body % (cap % cap_w), self.GRID)
        held, slowed = self.run_it()
        self.assertEqual([row["step_s"] for row in held], [row["step_s"] for row in rows])
        self.assertGreater(slowed["e2e_s"]["mean"], 1.02 * free["e2e_s"]["mean"])
        self.assertLess(max(watts(row) for row in self.table("site")), cap_w * 1.001)

    def test_what_is_wrong_is_said_with_its_line(self):
        self.platform("--nodes=2")
        self.fault(JOB.format('tp="3"'), "tp (3) does not divide the heads of the model (32)")
        self.fault(JOB.format('dp="64"'), "asks for 1 engines of 64 accelerators")
        self.fault(JOB.format('dp="3"'), "micro-batch * dp (3) does not divide batch (32)")
        self.fault(JOB.format('chunks="2"'), "without stages")
        self.fault(JOB.format('zero="4"'), "zero")
        self.fault(JOB.format('dp-overlap="1.5"'), "dp-overlap")
        self.fault(JOB.format('precision="fp4"'), "multiplies in")
        self.fault(JOB.replace("llama-3.1-8b", "llama-3.1-405b").format('tp="8"'), "does not fit: of 85.9 GB")
        self.fault(JOB.replace("llama-3.1-8b", "lama-3.1-8b").format(""), "llama-3.1-8b")
        self.fault(JOB.replace('steps="3"', "").format(""), "never ends")
        self.fault(JOB.format("") + JOB.format(""), "used twice")
        self.fault(JOB.replace("/>", '><checkpoint every="1"/></job>').format(""), "role storage")
        for grid, text in (('period="30ms"', "no whole number"), ('ramp="1MW/s"', "ramp of <grid>"), ('rump="1MW"', "ramp")):
            self.fault(JOB.format("") + "<grid %s/>" % grid, text)
        self.fault(JOB.format("") + "<grid><battery power=\"1kW\"/></grid>", "capacity")
        self.fault(JOB.format("") + "<grid><smoothing/></grid>", "smooths nothing")
        self.fault(JOB.format("") + "<grid><smoothing floor=\"1.1\"/></grid>", "floor")
        self.fault("", "lacks a <workload>")
        self.fault(JOB.format("") + '<pool id="p" model="llama-3.1-8b"/>', "lacks a <workload>")
        self.fault(JOB.format('bach="2"'), "batch")


if __name__ == "__main__":
    unittest.main()
