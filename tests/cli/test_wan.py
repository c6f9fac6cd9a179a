"""What crosses ways between sites beside prompts: KV caches of sessions that move and weights of a model that a site takes over, by
bytes, bandwidth and latency; who shares a way; and what is wrong is said."""
import csv
import gzip
import io
import json
import pathlib
import subprocess
import sys
import tempfile

PROGRAM, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
PLATFORM = f'<platform file="{SOURCE}/platforms/hgx-h100-1.xml"/>'
KV_BYTES = 2 * 32 * 8 * 128 * 2  # Of a token of Llama-3.1-8B: keys and values, layers, heads, numbers of a head, bytes.
HOST_LINK = 64e9  # Bytes a second to an H100, as the device catalogue has it.


def pool(attributes="", inside=""):
    return f'<pool id="serve" model="llama-3.1-8b" tp="2" startup="1s" {attributes}>{inside}</pool>'


def site(name, region, inside="", of_pool=None):
    return f'<site name="{name}" region="{region}">{PLATFORM}{of_pool or pool()}{inside}</site>'


def scenario(inside, workload):
    return f'<scenario name="s"><workload>{workload}</workload>{inside}<output interval="1s" audit="true"/></scenario>'


def rows(path):
    return list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))


class Run:
    """What a run wrote: of all, and of a site."""

    def __init__(self, text, *options):
        subprocess.run(["rm", "-rf", "out"], cwd=HERE, check=True)
        done = call(text, *options)
        assert done.returncode == 0, done.stderr
        self.summary = json.loads((HERE / "out" / "summary.json").read_text())
        self.requests = {int(row["id"]): row for row in rows(HERE / "out" / "requests.csv.gz")}
        self.ways = rows(HERE / "out" / "wans.csv.gz")

    @staticmethod
    def at(name):
        return {int(row["id"]): row for row in rows(HERE / "out" / name / "requests.csv.gz")}

    @staticmethod
    def summary_of(name):
        return json.loads((HERE / "out" / name / "summary.json").read_text())

    def sent(self, way, column):
        return sum(int(row[column]) for row in self.ways if row["way"] == way)


def call(text, *options):
    (HERE / "s.xml").write_text(text)
    return subprocess.run([PROGRAM, "run", "s.xml", "-o", "out", "-q", "-f", *options], cwd=HERE, check=False,
                          capture_output=True, text=True)


# A session asks at 0 s, and again 20 s after its answer, when electricity is cheaper at the other site.
SESSION = ('<sessions rate="1000/s" sessions="1"><turn id="a"><prompt mean="1600"/><answer mean="32"/></turn>'
           '<turn id="b" after="a" wait="20s"><prompt mean="400"/><answer mean="32"/></turn></sessions>')


def moving(kv, bandwidth, scheduler="vllm", latency="30ms"):
    """The session begins at `a`, where its users are, and goes on at `b`."""
    (HERE / "p.csv").write_text("time_s,usd_per_kwh\n0,1\n10,3\n20,3\n30,3\n40,3\n")
    of_pool = pool(inside=f'<scheduler kind="{scheduler}"/>')
    return Run(scenario(site("a", "here", '<price file="p.csv"/>', of_pool) + site("b", "there", '<price usd-per-kwh="2"/>', of_pool) +
                        f'<users region="here"/><wan from="here" to="there" latency="{latency}" bandwidth="{bandwidth}"/>'
                        f'<global-router policy="cheapest" kv="{kv}"/>', SESSION))


def a_cache_follows_its_session():
    """Its bytes and those of the prompt set out together over one way: what is more has come when all bytes have, and
    the prompt is computed there as where it was: as many tokens are found, in as long a time."""
    for scheduler in ("vllm", "sglang"):
        stays = Run(scenario(site("a", "here", "", pool(inside=f'<scheduler kind="{scheduler}"/>')) + '<users region="here"/>', SESSION))
        tokens = int(stays.requests[1]["cached_tokens"])
        assert 1500 < tokens <= 1631, tokens
        world = moving("move", "1GB/s", scheduler)
        moved, there, home = world.requests[1], world.at("b")[1], stays.requests[1]
        assert (world.requests[0]["site"], moved["site"]) == ("a", "b")
        assert int(there["cached_tokens"]) == tokens
        assert world.sent("here > there", "kv_bytes") == tokens * KV_BYTES == world.summary["world"]["kv_bytes"]
        assert world.summary["world"]["kv_moves"] == 1
        prompt = int(moved["prompt_tokens"]) * 4
        assert world.sent("here > there", "prompt_bytes") == prompt
        assert abs(float(moved["wan_s"]) - (tokens * KV_BYTES + prompt) / 1e9 - 2 * 0.03) < 2e-6
        took = [float(row["first_token_s"]) - float(row["arrival_s"]) for row in (there, home)]
        assert abs(took[0] - took[1]) < 2e-6, took


def a_cache_stays_where_it_is_told_to():
    world = moving("recompute", "1GB/s")
    assert int(world.at("b")[1]["cached_tokens"]) == 0 and world.sent("here > there", "kv_bytes") == 0
    assert "kv_moves" not in world.summary["world"]


def a_cache_follows_where_that_is_quicker():
    """213 MB take 2 ms over 100 GB/s and 21 s over 10 MB/s; to compute 1600 tokens on two H100 takes some 20 ms."""
    for bandwidth, latency, moves in (("100GB/s", "1ms", 1), ("10MB/s", "1ms", 0), ("100GB/s", "60ms", 0)):
        world = moving("quicker", bandwidth, latency=latency)
        assert world.summary["world"]["kv_moves"] == moves, (bandwidth, latency)
        assert (int(world.at("b")[1]["cached_tokens"]) > 1500) == (moves == 1), (bandwidth, latency)


COLD = 'start="cold" weights-from="site"'


def weights_come_from_another_site():
    """Two sites load the model of a third one as the run begins: over one way each gets half of it, over two all of it. Then the
    hosts have it: each of the two accelerators of the engine takes its half over its link, and the software starts in 1 s."""
    trace = '<poisson rate="2/s" requests="40"><prompt mean="200"/><answer mean="20"/></poisson>'
    for regions, share in ((("there", "there"), 2), (("there", "beyond"), 1)):
        ways = "".join(f'<wan from="here" to="{region}" latency="50ms" bandwidth="4GB/s"/>' for region in sorted(set(regions)))
        world = Run(scenario(site("a", "here") + site("b", regions[0], "", pool(COLD)) + site("c", regions[1], "", pool(COLD)) +
                             f'<users region="here"/>{ways}', trace))
        copy = world.summary["world"]["weights_bytes"] / 2
        assert 16.0e9 < copy < 16.2e9  # 8.03 billion parameters of 2 bytes.
        assert sum(world.sent(f"here > {region}", "weights_bytes") for region in set(regions)) == int(copy) * 2
        for name in ("b", "c"):
            fleet = world.summary_of(name)["fleet"]
            assert fleet["loads"] == 1
            assert abs(fleet["mean_load_s"] - (share * copy / 4e9 + 0.05 + copy / 2 / HOST_LINK + 1)) < 1e-6, (name, fleet, copy)


def a_site_takes_the_model_over():
    """The feed of the only site that serves fails at 3 s, known to at 3.5 s. The other one wakes an engine at its next look, at 4 s, and
    gets the weights from the first one's storage; requests wait for it. The engine parks and loads again later from its hosts."""
    fails = '<failures><fault part="feed" at="3s" repair="1h" detection="0.5s"/></failures>'
    takes = pool(COLD, '<autoscaler min="0" period="1s" down-delay="5s"/>')
    trace = "arrival_s,prompt_tokens,answer_tokens\n" + "".join(f"{t},200,20\n" for t in (1, 3.6, 5, 60, 61))
    (HERE / "t.csv").write_text(trace)
    world = Run(scenario(site("a", "here", fails) + site("b", "there", "", takes) + '<users region="here"/>'
                         '<wan from="here" to="there" latency="50ms" bandwidth="4GB/s"/>', '<trace file="t.csv"/>'))
    copy = world.summary["world"]["weights_bytes"]
    there = world.at("b")
    assert [row["site"] for _, row in sorted(world.requests.items())] == ["a", "b", "b", "b", "b"]
    again = copy / 2 / HOST_LINK + 1
    serves = 4 + copy / 4e9 + 0.05 + again
    for id_ in (1, 2):
        assert serves < float(there[id_]["first_token_s"]) < serves + 0.1, (serves, there[id_])
    looks = 61  # At 60 s a request has just been sent, which is there at 60.05 s.
    assert looks + again < float(there[3]["first_token_s"]) < looks + again + 0.1, there[3]
    fleet = world.summary_of("b")["fleet"]
    assert fleet["loads"] == 2 and abs(fleet["mean_load_s"] - (serves - 4 + again) / 2) < 1e-6, fleet


def an_answer_that_is_on_its_way_as_the_run_ends_is_unfinished():
    """Answers take 40 ms to the users. Cut short between the end of the last request at the site and that for its user, both tables
    tell what is known there: the site has completed it, the user waits."""
    text = scenario(site("a", "here") + '<wan from="here" to="here" latency="40ms"/>', POISSON)
    whole = Run(text)
    site_end = float(whole.at("a")[3]["completion_s"])
    assert abs(float(whole.requests[3]["completion_s"]) - site_end - 0.04) < 2e-9
    cut = Run(text, "--set", f"/scenario/output/@until={site_end + 0.02}s")
    assert cut.at("a") == whole.at("a")
    assert [cut.requests[i] for i in range(3)] == [whole.requests[i] for i in range(3)]
    last = cut.requests[3]
    assert (last["state"], last["reason"], last["answer_tokens"]) == ("unfinished", "the run ended first", "20"), last
    assert abs(float(last["completion_s"]) - site_end - 0.02) < 2e-9 and cut.summary["requests"]["unfinished"] == 1


TWO = site("a", "r") + site("b", "q")
JOIN = '<wan from="r" to="q" latency="1ms"/>'
POISSON = '<poisson rate="2/s" requests="4"><prompt mean="200"/><answer mean="20"/></poisson>'
BROKEN = (
    (PLATFORM + pool(COLD), 'weights-from="site": there is no other <site> from which weights could come'),
    (site("a", "r") + site("b", "q", "", pool(COLD)), 'none that a <wan> joins to region "q" has llama-3.1-8b in the same formats'),
    (JOIN + site("a", "r") + site("b", "q", "", pool(COLD + ' weights="fp8"')), 'has llama-3.1-8b in the same formats; add a pool there'),
    (JOIN + TWO + '<global-router kv="mvoe"/>', 'kv of <global-router>: "mvoe"'),
    (JOIN + site("a", "r") + site("b", "q", "", pool('kv="fp8"')) + '<global-router kv="move"/>',
     'kv="move" moves KV caches between sites, but pool "serve" of site "b" has another model, or other formats'),
    (JOIN + site("a", "r") + site("b", "q", "", pool("", '<scheduler prefix-cache="false"/>')) + '<global-router kv="quicker"/>',
     'pool "serve" of site "b" has no prefix cache'),
    (TWO.replace('region="q"', 'region="q" latitude="95" longitude="3"'), 'latitude of <site>: "95" is out of range'),
    (TWO.replace('region="q"', 'region="q" latitude="5"'), "latitude and longitude go together"),
)


def what_is_wrong_is_said():
    for inside, message in BROKEN:
        done = call(scenario(inside, POISSON))
        lines = done.stderr.splitlines()
        assert done.returncode == 2 and any(line.startswith("s.xml:1: ") and message in line for line in lines), (message, done.stderr)
        assert len(lines) == len(set(lines)), done.stderr


with tempfile.TemporaryDirectory() as scratch:
    HERE = pathlib.Path(scratch)
    for test in (a_cache_follows_its_session, a_cache_stays_where_it_is_told_to, a_cache_follows_where_that_is_quicker,
                 weights_come_from_another_site, a_site_takes_the_model_over,
                 an_answer_that_is_on_its_way_as_the_run_ends_is_unfinished, what_is_wrong_is_said):
        test()
        print(test.__name__)
