#!/usr/bin/env python3
"""Reinforcement learning in whole runs. On engines whose iterations all take 10 ms, a rollout takes as long as it has
tokens: rollouts of equal length make a step the sum of its parts, and the idle shares of a long tail are those of a
Monte-Carlo twin that draws its own lengths."""
import math
import random
import re
import statistics
import unittest

from job_runs import JobRuns

ITERATION_S = 0.01
OVERHEAD_S = 0.5
NIC = 50e9
EQUAL = '<prompt law="fixed" mean="100"/><answer law="fixed" mean="200"/>'
TAIL = '<prompt law="fixed" mean="100"/><answer law="lognormal" mean="400" sigma="0.8" max="8000"/>'


class Rl(JobRuns):
    def setUp(self):
        super().setUp()
        with open(self.path("steps.csv"), "w") as file:
            file.write("prefill_tokens,decode_seqs,context_tokens,time_s\n")
            for prefill in (0, 8192):
                for seqs in (0, 1, 256):
                    for context in (128, 32768) if seqs > 0 else (128,):
                        file.write("%d,%d,%d,%g\n" % (prefill, seqs, context, ITERATION_S))

    def rl(self, rl="", lengths=EQUAL, prompts=8, samples=4, job="", steps=3, engines=4, tp=8, output="", roofline=False,
           seqs=256, dp=8, more="", checkpoint=""):
        """Engines on whole nodes, and a trainer on a node of its own, which packs 2,048 tokens into a sequence."""
        table = "" if roofline else '<step-time model="table" file="steps.csv"/>'
        self.scenario(
            '<workload><rollouts prompts="%d" samples="%d">%s</rollouts></workload>'
            '<pool id="gen" model="llama-3.1-8b" replicas="%d" tp="%d" weights="bf16" kv="bf16">'
            '<scheduler kind="vllm" max-seqs="%d" max-batched-tokens="8192" max-model-len="16384"/>%s</pool>'
            '<job id="post" kind="rl" model="llama-3.1-8b" dp="%d" sequence="2048" steps="%d" %s><rl %s/>%s</job>'
            '<router policy="round-robin" frontend="0s"/>%s' % (prompts, samples, lengths, engines, tp, seqs, table, dp, steps, job, rl, checkpoint, more),
            'audit="true" ' + output)
        _, summary = self.run_it()
        return self.table("rl"), summary

    def update_s(self, tokens, updates=1):
        """A step of the trainer by the plan, of so many tokens of each of so many updates."""
        plan = self.tokenworks("check", "--plan", self.path("s.xml")).stdout
        nominal = int(re.search(r"(\d+) micro-batches of 1", plan)[1])
        computes_s, optimizer_s = [float(s) for s in re.search(r"computes ([0-9.]+) s.*optimizer ([0-9.]+) s", plan).groups()]
        # One pass for log-probabilities is a third of the work of an update; nothing crosses the node of the trainer.
        micro = math.ceil(tokens / (8 * 2048 * updates))
        return updates * (micro * computes_s / nominal * (1 + 1 / 3) + optimizer_s)

    def test_rollouts_of_equal_length_make_a_step_the_sum_of_its_parts(self):
        self.platform("--nodes=5")
        weights_s = 16.06e9 / (8 * NIC)  # over the NICs of a node, from each to the next
        for name, rl, updates, rewards_s in (("chain", "", 1, 0), ("direct", 'sync="direct"', 1, 0), ("gather", 'sync="gather"', 1, 0),
                                             ("updates", 'updates="4" reward="7s"', 4, 7)):
            with self.subTest(name):
                rows, summary = self.rl(rl)
                self.assertEqual(len(rows), 3)
                rollout_s = 200 * ITERATION_S
                train_s = self.update_s(8 * 4 * 300, updates)
                # Four engines read from one node; or each of eight accelerators reads all weights over the NICs of its node.
                sync_s = weights_s * {"direct": 4, "gather": 8}.get(name, 1) + OVERHEAD_S
                step_s = rollout_s + rewards_s + train_s + sync_s
                for row in rows:
                    self.assertEqual(int(row["trained_tokens"]), 8 * 4 * 300)
                    self.assertAlmostEqual(float(row["rollout_s"]), rollout_s, delta=2e-6)
                    self.assertAlmostEqual(float(row["sync_s"]) / sync_s, 1, delta=2e-3)
                    self.assertAlmostEqual(float(row["train_s"]) / train_s, 1, delta=1e-3)
                    self.assertAlmostEqual((float(row["end_s"]) - float(row["start_s"])) / step_s, 1, delta=1e-3)
                    self.assertAlmostEqual(float(row["trainer_idle"]), (rollout_s + rewards_s) / step_s, delta=1e-3)
                    self.assertAlmostEqual(float(row["rollout_idle"]), 1 - rollout_s / step_s, delta=1e-3)
                self.assertAlmostEqual(summary["rl"]["steps_per_hour"] * step_s / 3600, 1, delta=1e-3)
                self.assertAlmostEqual(sum(summary["training"]["share"].values()), 1, delta=1e-9)

    def test_a_trainer_on_two_nodes_gathers_while_the_first_of_them_sends(self):
        # Each of its nodes gets the other half of the weights eight times, which the first sends beside all of them eight
        # times to the first engine: 12 times the weights over its NICs.
        self.platform("--nodes=6")
        rows, _ = self.rl('sync="gather"', dp=16, steps=1)
        self.assertAlmostEqual((float(rows[0]["sync_s"]) - OVERHEAD_S) / (12 * 16.06e9 / (8 * NIC)), 1, delta=2e-3)
        # Colocated, engines find what was gathered on their own nodes.
        rows, _ = self.rl('sync="gather" colocated="true"', dp=16, steps=1, engines=2)
        self.assertAlmostEqual((float(rows[0]["sync_s"]) - OVERHEAD_S) / (4 * 16.06e9 / (8 * NIC)), 1, delta=2e-3)

    def test_one_step_off_takes_the_longer_of_both_and_the_synchronisation(self):
        self.platform("--nodes=5")
        for lengths, tokens in ((EQUAL, 300), (EQUAL.replace("200", "20"), 120)):
            rows, _ = self.rl('off-policy="1"', lengths, steps=4)
            rollout_s = (tokens - 100) * ITERATION_S
            train_s = self.update_s(8 * 4 * tokens)
            step_s = max(rollout_s, train_s) + 16.06e9 / (8 * NIC) + OVERHEAD_S
            for row in rows[1:]:
                self.assertAlmostEqual((float(row["end_s"]) - float(row["start_s"])) / step_s, 1, delta=1e-3)
                self.assertAlmostEqual(float(row["rollout_s"]), rollout_s, delta=2e-6)

    def test_colocated_roles_take_turns_on_the_same_accelerators(self):
        self.platform("--nodes=4")
        swap_s = 3
        rows, summary = self.rl('colocated="true" swap="%ds"' % swap_s, job='tp="1"', roofline=True,
                                output='interval="100ms"')
        self.assertEqual(summary["jobs"][0]["accelerators"], 8)
        for row in rows:
            self.assertAlmostEqual(float(row["swap_s"]), 2 * swap_s, delta=2e-6)
        # The trainer draws what it adds, once: the site's accelerators draw what both say.
        drawn = sum(float(row["accelerator_w"]) * 0.1 for row in self.table("site")[:-1])
        told = sum(float(row["joules"]) for row in rows)
        self.assertAlmostEqual(drawn / told, 1, delta=0.01)

    def test_idle_shares_of_a_long_tail_are_those_of_a_monte_carlo_twin(self):
        self.platform("--nodes=5")
        steps, engines, each = 40, 4, 16
        rows, summary = self.rl(lengths=TAIL, prompts=16, samples=4, steps=steps)
        chance = random.Random(7)
        busy, longest, ratios = 0, 0, []
        for _ in range(30):
            busy = longest = 0
            for _ in range(steps):
                drawn = [[min(8000, max(1, round(chance.lognormvariate(math.log(400) - 0.32, 0.8)))) for _ in range(each)]
                         for _ in range(engines)]
                ends = [max(tokens) for tokens in drawn]
                busy += sum(ends) / engines
                longest += max(ends)
            ratios.append(1 - busy / longest)
        rollout_s = sum(float(row["rollout_s"]) for row in rows)
        busy_s = sum((1 - float(row["rollout_idle"])) * (float(row["end_s"]) - float(row["start_s"])) for row in rows)
        self.assertAlmostEqual(1 - busy_s / rollout_s, statistics.mean(ratios), delta=4 * statistics.stdev(ratios))
        self.assertAlmostEqual(summary["rl"]["trainer_idle"], rollout_s / summary["rl"]["step_s"] / steps, delta=1e-6)
        for row in rows:
            self.assertAlmostEqual(float(row["rollout_s"]), int(row["longest_tokens"]) * ITERATION_S, delta=2e-6)

    def test_policies_let_a_step_go_on_without_its_longest_rollouts(self):
        self.platform("--nodes=5")
        wait, _ = self.rl(lengths=TAIL, steps=8)
        over, lost = self.rl('policy="over-sample" over-sampling="1.5"', TAIL, steps=8)
        partial, kept = self.rl('policy="partial" over-sampling="1.5"', TAIL, steps=8)
        for rows in wait, over, partial:
            self.assertEqual({int(row["rollouts"]) for row in rows}, {32})
        length_s = [sum(float(row["rollout_s"]) for row in rows) for rows in (wait, over, partial)]
        self.assertLess(length_s[1], 0.8 * length_s[0])
        # What over-sampling loses was emitted for nothing; what partial rollouts keep is emitted once.
        requests = self.table("requests")
        emitted = sum(int(row["answer_tokens"]) for row in requests)
        self.assertEqual(sum(int(row["emitted_tokens"]) for row in partial), emitted)
        self.assertGreater(lost["rl"]["unused"], 0.1)
        self.assertLess(kept["rl"]["unused"], lost["rl"]["unused"] / 2)
        self.assertEqual(lost["requests"]["cancelled"], sum(int(row["interrupted"]) for row in over))
        # Long rollouts are not left out for good: they are trained on later.
        self.assertGreater(max(int(row["longest_tokens"]) for row in partial[1:]),
                           max(int(row["longest_tokens"]) for row in over[1:]))

    def test_what_rollouts_compute_again_under_new_weights_is_counted(self):
        # No prompt is shared, so that what engines compute is each prompt once, and what is computed again: prompt and answer.
        self.platform("--nodes=5")
        rows, _ = self.rl('policy="partial" over-sampling="1.5"', TAIL, prompts=32, samples=1, steps=4)
        requests = [row for row in self.table("requests") if row["first_token_s"]]
        again = [int(row["recomputed_tokens"]) for row in requests]
        self.assertEqual(sum(int(row["prompt_tokens"]) for row in self.table("engines")), 100 * len(requests) + sum(again))
        interrupted = sum(int(row["interrupted"]) for row in rows[:-1])  # Those of the last step do not go on.
        self.assertGreater(interrupted, 0)
        self.assertGreater(sum(again), 100 * interrupted)

    def test_rollouts_of_an_engine_that_fails_begin_anew_on_others(self):
        # Half way, its eight lose what they have. That is known half a second later, and they are sent again after a quarter;
        # then they take 200 iterations, the first of which is the next one of the engines that they come to.
        self.platform("--nodes=5")
        fails = ('<failures backoff="0.25s" answers="lost"><fault part="host" names="node-1" at="1s" repair="10h" '
                 'detection="0.5s"/></failures>')
        train_s = float(self.rl()[0][0]["train_s"])
        rows, summary = self.rl(more=fails)
        for row, rollout_s in zip(rows, (1.5 + 0.25 + 2, 2, 2)):
            self.assertAlmostEqual(float(row["rollout_s"]), rollout_s, delta=ITERATION_S + 1e-6)
            step_s = float(row["rollout_s"]) + train_s + 16.06e9 / (8 * NIC) + OVERHEAD_S  # from each engine that is up to the next
            self.assertAlmostEqual((float(row["end_s"]) - float(row["start_s"])) / step_s, 1, delta=1e-3)
            self.assertEqual(int(row["trained_tokens"]), 8 * 4 * 300)
        self.assertEqual(summary["failures"]["requests_hit"], 8)

    def test_a_trainer_that_fails_goes_back_to_its_last_checkpoint_and_begins_rollouts_anew(self):
        # It fails a second into the rollouts of its third step and is repaired after ten. Engines get
        # the weights of no step, and it does all three; from a checkpoint of every step it does the third alone.
        self.platform("--nodes=5", "--storage=100GB/s")
        rows, _ = self.rl()
        step_s, sync_s = (float(rows[0][column]) for column in ("end_s", "sync_s"))
        at_s = 2 * step_s + 1
        fails = ('<failures><fault part="host" names="node-4" at="%.9fs" repair="10s" detection="0.5s"/></failures>' % at_s)
        again, summary = self.rl(more=fails)
        self.assertEqual([int(row["step"]) for row in again], [0, 1, 0, 1, 2])
        self.assertAlmostEqual(float(again[2]["start_s"]), at_s + 10 + sync_s, delta=1e-3)
        self.assertAlmostEqual(float(again[4]["end_s"]) - float(again[2]["start_s"]), 3 * step_s, delta=1e-3)
        stop, = [row for row in self.table("jobs") if row["kind"] == "stop"]
        self.assertEqual((int(stop["step"]), int(stop["steps"])), (0, 2))
        self.assertAlmostEqual(float(stop["end_s"]) - float(stop["start_s"]), 10, delta=1e-6)
        self.assertEqual([summary["training"][key] for key in ("steps", "lost_steps", "tokens")], [3, 2, 3 * 8 * 4 * 300])
        self.assertEqual(summary["requests"]["cancelled"], 32)
        for off in "", 'off-policy="1"':
            self.steps_kept(off, fails)

    def steps_kept(self, rl, fails):
        rows, summary = self.rl(rl, more=fails, checkpoint='<checkpoint every="1" restart="5s"/>')
        done = [int(row["step"]) for row in rows]
        self.assertEqual(sorted(set(done)), [0, 1, 2])
        self.assertLessEqual(len(done), 4)
        self.assertEqual([summary["training"][key] for key in ("steps", "tokens")], [3, 3 * 8 * 4 * 300])

    def test_samples_of_a_prompt_share_it(self):
        # One after the other on one engine: each but the first finds all whole blocks of its prompt but the last token's.
        self.platform("--nodes=2")
        lengths = EQUAL.replace('law="fixed" mean="100"', 'law="uniform" min="500" max="1500"').replace("200", "5")
        self.rl(lengths=lengths, engines=1, prompts=3, samples=4, steps=1, seqs=1)
        requests = sorted(self.table("requests"), key=lambda row: int(row["id"]))
        groups = [requests[i:i + 4] for i in range(0, 12, 4)]
        for first, *others in groups:
            self.assertEqual(int(first["cached_tokens"]), 0)
            for row in others:
                self.assertEqual(row["prompt_tokens"], first["prompt_tokens"])
                self.assertEqual(int(row["cached_tokens"]), (int(row["prompt_tokens"]) - 1) // 128 * 128)
        self.assertEqual(len({group[0]["prompt_tokens"] for group in groups}), 3)

    def test_a_step_goes_on_without_rollouts_that_no_engine_takes(self):
        self.platform("--nodes=2")
        rows, summary = self.rl(lengths=EQUAL.replace("200", "20000"), engines=1, steps=2)
        self.assertEqual([(row["rollouts"], row["trained_tokens"], row["joules_per_token"]) for row in rows], [("0", "0", "")] * 2)
        self.assertEqual(summary["requests"]["rejected"], 64)

    def test_a_rollout_may_be_a_session_with_tools(self):
        self.platform("--nodes=5")
        turns = ('<turn id="ask"><prompt law="fixed" mean="100"/><answer law="fixed" mean="50"/></turn>'
                 '<turn id="tool" after="ask" repeat="2" wait="3s"><prompt law="fixed" mean="10"/>'
                 '<answer law="fixed" mean="50"/></turn>')
        rows, _ = self.rl(lengths=turns)
        for row in rows:
            self.assertAlmostEqual(float(row["rollout_s"]), 150 * ITERATION_S + 2 * 3, delta=2e-6)
            self.assertEqual(int(row["trained_tokens"]), 32 * (150 + 2 * 60))


if __name__ == "__main__":
    unittest.main()
