"""A campus of several sites: each has a network of its own, some only train, and one may have rollouts; nothing that is of one
changes with the others."""
from site_runs import LENGTHS, PLATFORM, SOURCE, call, run, scenario, sums_are_sums


def site(name, region):
    return f'<site name="{name}" region="{region}">{PLATFORM}<pool id="serve" model="llama-3.1-8b" tp="2" startup="1s"/></site>'


def networks_are_apart():
    """KV caches, collectives, failures and a job on fabrics of their own, whose hosts have the same names, one of them a cluster
    whose links SimGrid names by counting: each is to the byte what it is where no other site has a fabric."""
    apart = ('<pool id="prefill" role="prefill" model="llama-3.1-8b" tp="8" startup="1s"/>'
             '<pool id="decode" role="decode" model="llama-3.1-8b" tp="8" startup="1s"/>'
             '<job id="train" model="llama-3.1-8b" dp="%d" zero="3" batch="48"/>')
    fails = '<failures><fault part="host" names="node-0" at="3s" repair="2s" detection="0.5s"/></failures>'
    fabrics = {"x": ("hgx-h100-4", apart % 16 + fails), "y": ("hgx-h100-4", apart % 12), "z": ("fat-tree-h100-16", apart % 16)}
    users = "".join(f'<users class="{c}" region="{c}" stays="true"/>' for c in fabrics)
    classes = "".join(f'<class name="{c}" requests="40"><arrivals rate="12/s"/>{LENGTHS}</class>' for c in fabrics)

    def world(wired):
        sites = "".join(f'<site name="{c}" region="{c}"><platform file="{SOURCE}/platforms/{file}.xml"/>{inside}</site>'
                        if c in wired else site(c, c) for c, (file, inside) in fabrics.items())
        return run(scenario(sites + users, f"<generator>{classes}</generator>"), "--until", "6s")
    together = world("xyz")
    for c in fabrics:
        alone = world(c).sites[c]
        links = [{row["link"] for row in one.tables["links"]} for one in (alone, together.sites[c])]
        assert len(links[0]) >= 4 and len(links[0]) == len(links[1]), (c, links)
        assert min(alone.summary["network"][of] for of in ("kv_bytes", "collective_bytes")) > 0, (c, alone.summary["network"])
        for table, text in alone.bytes.items():
            assert table == "links.csv.gz" and c == "z" or text == together.sites[c].bytes[table], (c, table)
    sums_are_sums(together)


def sites_that_only_train_serve_nobody():
    """A campus trains at one site, which stands first, and serves at others: each does what it would alone, and no request comes
    to the first. Without a workload none needs engines."""
    train = f'<platform file="{SOURCE}/platforms/hgx-h100-3.xml"/><job id="train" model="llama-3.1-8b" dp="12" zero="3" batch="48" steps="4"/>'
    both = run(scenario(f'<site name="t" region="r">{train}</site>' + site("s", "r") + site("u", "q") + '<users region="r"/>'
                        '<wan from="r" to="q" latency="1ms"/><global-router policy="least-loaded"/>'))
    alone = run(f'<scenario name="s">{train}<output interval="1s" audit="true"/></scenario>')
    assert alone.bytes["jobs.csv.gz"] == both.sites["t"].bytes["jobs.csv.gz"] and len(alone.tables["jobs"]) == 4
    assert {row["site"] for row in both.tables["requests"]} == {"s", "u"} and both.sites["t"].tables["requests"] == []
    sums_are_sums(both)
    two = "".join(f'<site name="{name}" region="r">{train}</site>' for name in "ab")
    twice = run(f'<scenario name="s">{two}<output interval="1s" audit="true"/></scenario>')
    for name in "ab":
        assert twice.sites[name].bytes == alone.bytes, name
    for key in ("tokens", "j", "steps"):
        assert abs(twice.summary["training"][key] / alone.summary["training"][key] - 2) < 1e-9, key


def rollouts_stay_at_the_site_of_their_job():
    """Reinforcement learning inside of a site is what it is without one, with a failure of an engine and one of the trainer; a
    site that trains beside it changes nothing."""
    fabric = f'<platform file="{SOURCE}/platforms/hgx-h100-4-storage.xml"/>'
    turns = ('<turn id="ask"><prompt mean="200"/><answer law="lognormal" mean="100" sigma="0.8" max="900"/></turn>'
             '<turn id="tool" after="ask" wait="1s"><prompt mean="20"/><answer mean="60"/></turn>')
    work = f'<rollouts prompts="6" samples="4">{turns}</rollouts>'
    for policy in ('policy="partial" over-sampling="1.5"', 'policy="over-sample" off-policy="1"', 'policy="wait"'):
        inside = (fabric + '<pool id="gen" model="llama-3.1-8b" tp="8" replicas="2" startup="1s"/>'
                  f'<job id="grpo" kind="rl" model="llama-3.1-8b" dp="8" sequence="2048" steps="5"><checkpoint every="1" restart="1s"/><rl {policy}/></job>'
                  '<failures retries="5"><fault part="host" names="node-0" at="5s" repair="2s" detection="0.5s"/>'
                  '<fault part="host" names="node-2" at="14s" repair="2s" detection="0.5s"/></failures>')
        other = ('<site name="other" region="q">' + fabric + '<job id="train" model="llama-3.1-8b" dp="24" batch="48"/></site>')
        plain = run(scenario(inside, work), "--until", "60s")
        one = run(scenario(f'<site name="rl" region="r">{inside}</site>', work), "--until", "60s")
        two = run(scenario(f'{other}<site name="rl" region="r">{inside}</site>', work), "--until", "60s")
        assert len(plain.tables["rl"]) >= 3 and len(plain.tables["failures"]) == 2, policy
        assert plain.bytes == one.sites["rl"].bytes, policy
        assert plain.summary["rl"] == one.sites["rl"].summary["rl"] and plain.summary["training"] == one.sites["rl"].summary["training"]
        for table in ("rl", "jobs", "requests", "failures"):  # The others end with the run.
            assert plain.tables[table] == two.sites["rl"].tables[table], (policy, table)
        sums_are_sums(two)


def what_is_wrong_is_said():
    rl = f'{PLATFORM}<pool id="g" model="llama-3.1-8b"/><job id="j" kind="rl" model="llama-3.1-8b" dp="4" zero="3" sequence="2048" steps="1"/>'
    work = f'<rollouts prompts="2" samples="2">{LENGTHS}</rollouts>'
    one, two = (f'<site name="{name}" region="r">{rl}</site>' for name in "ab")
    for inside, message in ((one + '<users region="r"/>', "leave <users> out"),
                            (one + '<global-router policy="nearest"/>', "leave <global-router> out"),
                            (one + two, 'the <rollouts> are those of site "a"'),
                            (site("a", "r"), "begin when a job asks for them"),
                            (one.replace(' kind="rl"', ' batch="8"'), "begin when a job asks for them")):
        done = call(scenario(inside, work))
        assert done.returncode == 2 and any(line.startswith("s.xml:1: ") and message in line for line in done.stderr.splitlines()), (
            inside, done.stderr)
    done = call(scenario(one))
    assert done.returncode == 2 and "needs <rollouts> in <workload>" in done.stderr, done.stderr


for test in (networks_are_apart, sites_that_only_train_serve_nobody, rollouts_stay_at_the_site_of_their_job, what_is_wrong_is_said):
    test()
    print(test.__name__)
