"""Hosts and links that stop or limp by SimGrid's own profiles do exactly what the same <fault>s of a scenario do."""
import pathlib
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
PLATFORM = (SOURCE / "platforms/hgx-h100-4.xml").read_text()
WORKLOAD = '<workload><poisson rate="20/s" requests="800"><prompt mean="2000"/><answer law="exponential" mean="60" max="400"/></poisson></workload>'
MIXED = '<pool id="p" model="llama-3.1-8b" replicas="4" tp="8" startup="2s"/>'
APART = ('<pool id="a" role="prefill" model="llama-3.1-8b" tp="8" replicas="2" startup="2s"/>'
         '<pool id="b" role="decode" model="llama-3.1-8b" tp="8" replicas="2" startup="2s"/>')

# Pools, the elements that have profiles with their files, and the same failures as faults.
CASES = {
    "a host stops, again and again": (
        MIXED, {'<host id="node-1" ': ("state_file", "10 0\n14 1\nLOOPAFTER 6\n")},
        [f'<fault part="host" names="node-1" at="{at}s" repair="4s"/>' for at in (10, 30, 50)]),
    "a host limps, slower and slower": (
        MIXED, {'<host id="node-2" ': ("speed_file", "5 0.5\n15 0.25\n25 1\n")},
        ['<fault part="host" names="node-2" effect="limp" speed="0.5" at="5s" repair="10s"/>',
         '<fault part="host" names="node-2" effect="limp" speed="0.25" at="15s" repair="10s"/>']),
    "a link stops, and a host": (
        APART, {'<link id="node-3-nic" ': ("state_file", "7 0\n12 1\n"), '<host id="node-0" ': ("state_file", "20 0\n25 1\n")},
        ['<fault part="link" names="node-3-nic" at="7s" repair="5s"/>', '<fault part="host" names="node-0" at="20s" repair="5s"/>']),
}


def run(directory, name, platform, pools, failures):
    (directory / f"{name}.platform.xml").write_text(platform)
    (directory / f"{name}.xml").write_text(
        f'<scenario name="s"><platform file="{name}.platform.xml"/>{WORKLOAD}{pools}'
        f'<failures profile-detection="1s">{failures}</failures></scenario>')
    done = subprocess.run([PROGRAM, "run", f"{name}.xml", "-o", name, "-q", "--until", "70s"], cwd=directory, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, (name, done.stderr)
    return {table: (directory / name / table).read_bytes() for table in ("requests.csv.gz", "engines.csv.gz", "failures.csv.gz")}


with tempfile.TemporaryDirectory(prefix="tokenworks-") as scratch:
    for number, (title, (pools, profiles, faults)) in enumerate(CASES.items()):
        folder = pathlib.Path(scratch) / str(number)
        folder.mkdir()
        changed = PLATFORM
        for i, (element, (attribute, text)) in enumerate(profiles.items()):
            assert changed.count(element) == 1, element
            changed = changed.replace(element, f'{element}{attribute}="{i}.profile" ')
            (folder / f"{i}.profile").write_text(text)
        by_profile = run(folder, "profile", changed, pools, "")
        by_fault = run(folder, "fault", PLATFORM, pools, "".join(fault.replace("/>", ' detection="1s"/>') for fault in faults))
        unharmed = run(folder, "unharmed", PLATFORM, pools, "")
        for table, data in by_profile.items():
            assert data == by_fault[table], (title, table)
        assert by_profile["requests.csv.gz"] != unharmed["requests.csv.gz"], title
        print(f"{title}: as the faults do")
