"""What tests of whole runs of jobs share."""
import csv
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)


class JobRuns(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def tokenworks(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)

    def platform(self, *options):
        done = self.tokenworks("platform", "hgx", *options, "-o", self.path("site.xml"))
        self.assertEqual(done.returncode, 0, done.stderr)
        # Routes inside of a leaf are as long as the device file takes them to be: 5 us over two NICs.
        with open(self.path("site.xml")) as file:
            text = file.read()
        with open(self.path("site.xml"), "w") as file:
            file.write(text.replace('latency="1.5us"', 'latency="2.5us"'))

    def scenario(self, body, output="audit=\"true\""):
        with open(self.path("s.xml"), "w") as file:
            file.write('<scenario name="s">\n<platform file="site.xml"/>\n%s\n<output %s/>\n</scenario>\n' % (body, output))

    def run_it(self):
        done = self.tokenworks("run", self.path("s.xml"), "-o", self.path("run"), "--force", "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("run/summary.json")) as file:
            return self.table("jobs"), json.load(file)

    def table(self, name):
        with gzip.open(self.path("run/%s.csv.gz" % name), "rt") as file:
            return list(csv.DictReader(file))

    def alone_s(self):
        """The step that the plan prints."""
        plan = self.tokenworks("check", "--plan", self.path("s.xml"))
        self.assertEqual(plan.returncode, 0, plan.stderr)
        return [float(s) for s in re.findall(r"step alone +([0-9.]+) s", plan.stdout)]

    def fault(self, body, text, output=""):
        self.scenario(body, output)
        done = self.tokenworks("check", self.path("s.xml"))
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertRegex(done.stderr, r"s\.xml:[0-9]+: ")
        self.assertIn(text, done.stderr)
        return done.stderr
