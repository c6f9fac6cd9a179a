#!/usr/bin/env python3
"""What does not fit together in reinforcement learning is refused with its line."""
import unittest

from job_runs import JobRuns

EQUAL = '<prompt law="fixed" mean="100"/><answer law="fixed" mean="200"/>'


class RlFaults(JobRuns):
    def test_what_is_wrong_is_said_with_its_line(self):
        self.platform("--nodes=5")
        rollouts = '<workload><rollouts prompts="8" samples="4">%s</rollouts></workload>' % EQUAL
        pool = '<pool id="gen" model="llama-3.1-8b" tp="8"/>'
        job = '<job id="post" kind="rl" model="llama-3.1-8b" dp="8" steps="3">%s</job>'
        self.fault(rollouts + pool, "begin when a job asks for them")
        self.fault('<workload><poisson rate="1/s" duration="9s">%s</poisson></workload>' % EQUAL + pool + job % "",
                   "needs <rollouts> in <workload>")
        self.fault(rollouts.replace("</rollouts>", '<turn id="a">%s</turn></rollouts>' % EQUAL) + pool + job % "",
                   "what a rollout is, once")
        self.fault(rollouts.replace('prompts="8"', 'prompts="0"') + pool + job % "", "prompts")
        self.fault(rollouts.replace('samples="4"', "") + pool + job % "", "samples")
        body = rollouts + pool + job
        self.fault(body % '<rl policy="wait" over-sampling="2"/>', "leave over-sampling out")
        self.fault(body % '<rl policy="hope"/>', "policy")
        self.fault(body % '<rl over-sampling="0.5" policy="partial"/>', "over-sampling")
        self.fault(body % '<rl colocated="true" off-policy="1"/>', "stand still while the job trains")
        self.fault(body % '<rl off-policy="2"/>', "off-policy")
        self.fault(body % '<rl swap="1s"/>', 'write colocated="true"')
        self.fault(body % '<rl sync="telepathy"/>', "sync")
        self.fault(body % "" + job.replace("post", "two") % "", "one job of kind rl")
        self.fault((body % "").replace('dp="8"', 'dp="8" batch="8"'), "leave batch out")
        self.fault((body % '<rl colocated="true"/>').replace('dp="8"', 'dp="16"'), "engines that it shares them with have 8")
        self.fault((body % "").replace('model="llama-3.1-8b" tp', 'model="llama-3.1-70b" tp'), "give both the same model")
        self.fault((body % "").replace('tp="8"/>', 'tp="8" start="cold"/>'), "serve all the time")
        self.fault((body % "").replace('tp="8"/>', 'tp="8" role="prefill"/>'), "leave role out")
        self.fault(body % '<rl colocated="true"/>' + '<failures><fault part="host" mtbf="9h" repair="1h"/></failures>', "know one owner")
        self.fault((body % '<rl colocated="true"/>') + '<grid><smoothing floor="0.5"/></grid>', "which <smoothing> does not know")
        self.fault((body % '<rl colocated="true"/>') + '<power-cap site="1MW"/>', "jobs, which have their accelerators here")
        self.fault((body % "<rl/>").replace('kind="rl"', 'batch="8"'), 'kind="rl" alone')
        self.fault(job.replace('kind="rl"', "") % "", "lacks the attribute batch")


if __name__ == "__main__":
    unittest.main()
