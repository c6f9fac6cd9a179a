"""Draws a scenario: a small site, its traffic and everything that the tables of elements allow, from one seed.

Elements and attributes come from the tables, so that new ones are drawn without a change here. RULES says what to draw
where a value needs sense (a model that fits, a file that exists); all else is drawn by its type around its default."""
import random
import re
import xml.etree.ElementTree as ElementTree

PLATFORMS = {  # Accelerators that engines may stand on, and whether there is a storage zone.
    "hgx-h100-1": (8, False), "hgx-h100-4": (32, False), "hgx-h100-4-storage": (32, True), "nvl72-gb200-1": (72, False),
    "fat-tree-h100-16": (128, False), "torus-h100-16": (128, False), "domains8-gb200-9-2-to-1": (72, False),
    **dict.fromkeys(("planes-static", "planes-hashed", "planes-adaptive"), (32, False))}
PLANES = {  # Those that are generated: fabrics with rails and spines told apart.
    "planes-static": "hgx --nodes=4 --nodes-per-leaf=2 --oversubscription=2 --spines=4 --routing=static",
    "planes-hashed": "hgx --nodes=4 --nodes-per-leaf=2 --oversubscription=3 --spines=7 --rails=2 --routing=hashed",
    "planes-adaptive": "hgx --nodes=4 --nodes-per-leaf=2 --rails=4 --cross-rail=nvlink --routing=adaptive"}
WITHOUT_NETWORK = ("hgx-h100-1", "nvl72-gb200-1")  # One domain alone.
WITH_SWITCHES = ("hgx-h100-4", "hgx-h100-4-storage", "domains8-gb200-9-2-to-1", *PLANES)  # Those of the others are inside a <cluster>.
MODELS = {  # Heads, experts, and a kind of weights that fits on one accelerator or a few.
    "llama-3.1-8b": (32, 0, 1), "qwen3-8b": (32, 0, 1), "qwen3-14b": (40, 0, 1), "gpt-oss-20b": (64, 32, 1),
    "qwen3-30b-a3b": (32, 128, 1), "mixtral-8x7b": (32, 8, 2), "llama-3.1-70b": (64, 0, 4), "qwen3.5-35b-a3b": (16, 256, 2)}
WITH_STATE = ("qwen3.5-35b-a3b",)  # Linear attention.
PRESETS = ("agentic-coding", "best-of-n", "chat", "code-completion", "deep-research", "reasoning-r1")
ENGINES = ("vllm", "vllm-0.12", "vllm-all-to-all", "sglang", "tensorrt-llm", "tensorrt-llm-1.0", "transformers")
UNITS = {"time": "s", "power": "W", "rate": "/s", "size": "GB", "bandwidth": "GB/s"}
MOST_REQUESTS = 120
SCARCE = "0.01"  # A memory-fraction that holds no weights.

# Paths and texts that a random scenario cannot use, and why. All others must be drawn: `--coverage` says which are not.
NOT_DRAWN = {
    "scenario/description": "text for people", "generator/description": "text for people",
    "generator/source": "text for people", "class/source": "text for people",
    "step-time/file": "a table needs its own measurements; golden/table runs one",
    "servegen/arrivals": "tables of a measured service; golden/drawn runs them", "servegen/lengths": "likewise",
    "part/file": "as lengths/file, which is drawn", "output/exact-steps": "every drawn scenario runs with both values",
    "pool/hosts": "explicit placement names hosts of one platform; tests of the placement do",
    "turn/retry-from": "names a turn above; the default, itself, is drawn",
    "job/hosts": "names hosts of one platform; tests of jobs do",
    "job/expert-imbalance": "experts do not fit on so few accelerators; tests of jobs run them", "job/ep": "likewise"}
BETWEEN_SITES = ("site", "users", "wan", "global-router")


class Refused(Exception):
    """What was drawn does not fit together."""


class Drawing:
    """Draws the scenario of one seed into a directory."""

    def __init__(self, elements, platforms, seed):
        self.elements, self.platforms = elements, platforms
        self.chance = random.Random(f"chaos {seed}")
        self.files = {}  # by name: text
        self.drawn = set()  # of "element/attribute"

    # ---- Numbers ----

    def log(self, low, high):
        return low * (high / low) ** self.chance.random()

    def maybe(self, probability):
        return self.chance.random() < probability

    def pick(self, *values):
        return self.chance.choice(values)

    def seconds(self, low, high):
        return f"{self.log(low, high):.4g}s"

    # ---- Elements ----

    def draw(self, name, parent=None):
        """Returns an element drawn with its children."""
        table = self.elements[name][-1 if parent == "class" else 0]
        node = ElementTree.Element(name)
        self.fill(node, table)
        by_hand = getattr(self, "children_of_" + name.replace("-", "_"), None)
        if by_hand is not None:
            by_hand(node)
            return node
        for child, least, most in table.children:
            count = self.chance.randint(max(least, 1), most) if least > 0 or self.maybe(0.3) else 0
            for _ in range(count):
                node.append(self.draw(child, name))
        self.adjust(node)
        return node

    def fill(self, node, table):
        for attribute in table.attributes:
            key = f"{table.name}/{attribute.name}"
            # Elements of few attributes are rare: theirs are drawn more often, so that each is among some hundred seeds.
            if key in NOT_DRAWN or not (attribute.required or self.maybe(0.25 if len(table.attributes) > 4 else 0.6)):
                continue
            rule = RULES.get(key) or RULES.get("*/" + attribute.name)
            value = rule(self) if rule is not None else self.value(key, attribute)
            if value is not None:
                node.set(attribute.name, str(value))
                self.drawn.add(key)

    def value(self, key, attribute):
        """A value by its type alone, near the default where there is one."""
        known = re.match(r"[\d.]+", attribute.default or "")
        near = float(known.group()) if known else 1
        if attribute.kind == "choice":
            return self.pick(*attribute.choices)
        if attribute.kind == "true or false":
            return self.pick("true", "false")
        if attribute.kind == "whole number":
            return max(1, round(near * self.pick(0.5, 1, 2)))
        if attribute.kind == "number":
            return f"{near * self.pick(0.25, 0.5, 0.9, 1):.4g}"
        if attribute.kind in UNITS:
            return f"{self.log(1e-2, 10):.4g}{UNITS[attribute.kind]}"
        if attribute.required:
            raise ValueError(f"{key} needs a rule in tests/chaos/draw.py: its kind is \"{attribute.kind}\"")
        return None

    def adjust(self, node):
        """Rules between the attributes of an element."""
        has = node.attrib
        if node.tag == "admission" and ("rate" in has) != ("burst" in has):
            has.setdefault("rate", "500/s")
            has.setdefault("burst", "2000")
        elif node.tag in ("price", "carbon", "weather") and "file" in has:
            node.attrib = {"file": has["file"]}
        elif node.tag == "price":
            has.setdefault("usd-per-kwh", "0.1")
        elif node.tag == "carbon":
            has.setdefault("g-per-kwh", "300")
        elif node.tag == "weather":
            has.setdefault("celsius", "20")
        elif node.tag == "smoothing" and not has.keys() & {"floor", "ramp-up", "ramp-down"}:
            has["floor"] = "0.5"
        elif node.tag == "power-cap":
            has.pop("site-file" if "site" in has else "", None)
            if not has.keys() & {"accelerator", "rack", "site", "site-file"}:
                has["accelerator"] = "500W"
            if "clock" in has:
                has["slowest-clock"] = has["clock"]
        elif node.tag == "autoscaler":
            self.adjust_autoscaler(node)
        elif node.tag == "scheduler":
            self.adjust_scheduler(node)
        elif node.tag in ("prompt", "reasoning", "answer", "part"):
            self.adjust_length(node)
        elif node.tag == "fault":
            self.adjust_fault(node)
        elif node.tag == "speculation":
            self.adjust_speculation(node)
        elif node.tag == "kv-offload" and node.attrib.keys() & {"policy", "admit", "min-tokens", "write-bandwidth"}:
            node.set("write", "through")
        elif node.tag == "rl":
            self.adjust_rl(node)
        elif node.tag == "pool":  # A model drafts best for itself.
            for drafter in [s for s in node.iter("speculation") if "drafter" in s.attrib]:
                drafter.set("drafter", node.get("model"))
        elif node.tag == "router":
            self.adjust_router(node)

    def adjust_autoscaler(self, node):
        if (node.get("policy") == "schedule") != ("file" in node.attrib):
            node.set("policy", "schedule")
            self.drawn.add("autoscaler/file")
            node.set("file", self.series("engines.csv", "engines", lambda: self.pick(0, 1, 2)))
        node.attrib.pop("max", None)

    def adjust_speculation(self, node):
        if "acceptance" not in node.attrib:
            shares = sorted((self.chance.random() for _ in range(int(node.get("draft-tokens")))), reverse=True)
            node.set("accepted", ",".join(f"{share:.3g}" for share in shares))
            self.drawn.add("speculation/accepted")
        if "drafter" in node.attrib:
            node.attrib.pop("draft-cost", None)

    def adjust_fault(self, node):
        if ("at" in node.attrib) == ("mtbf" in node.attrib) or self.jobs:  # A job that stops more often than it starts never ends.
            node.attrib.pop("mtbf", None)
            node.set("at", self.seconds(0.05, 20))
        node.attrib.setdefault("repair", self.seconds(0.01, 2))  # The default of hours is many intervals long.
        if "mtbf" in node.attrib:  # What is broken most of the time never lets an engine start.
            node.set("repair", self.seconds(0.01, float(node.get("mtbf")[:-1]) / 50))
        self.adjust_part(node)
        if node.get("part") == "process":
            node.attrib.pop("effect", None)
        if node.get("effect") != "limp":
            node.attrib.pop("speed", None)

    def adjust_part(self, node):
        if node.get("part") in ("nic", "link", "switch"):
            if self.platform in WITHOUT_NETWORK:
                node.set("part", "host")
            elif node.get("part") == "switch" and self.platform not in WITH_SWITCHES:
                node.set("part", "link")
            node.set("names", self.pick("*", "*0*"))

    def adjust_failures(self, node):
        node.attrib.pop("standby", None)
        if node.get("recovery") == "standby":
            self.stands_by = True
            node.set("standby", "1")

    @staticmethod
    def adjust_rl(node):
        if node.get("policy", "wait") == "wait":
            node.attrib.pop("over-sampling", None)
        node.attrib.pop("off-policy" if node.get("colocated") == "true" else "swap", None)

    def adjust_router(self, node):
        node.attrib.pop("parameters", None)
        known = self.elements["router"][0].parameters.get(node.get("policy"), [])
        drawn = [f"{name}={float(default) * self.pick(0, 0.5, 2):g}" for name, default in known
                 if self.maybe(0.3) and float(default) < 100]
        if drawn:
            node.set("parameters", " ".join(drawn))
            self.drawn.add("router/parameters")

    def adjust_scheduler(self, node):
        node.set("max-model-len", str(self.pick(4096, 8192)))
        seqs = int(node.get("max-seqs", 256))
        budget = int(node.get("max-batched-tokens", 8192))
        kind = node.get("kind", "vllm")
        if kind == "sglang":
            node.attrib.pop("chunked-prefill", None)
        elif node.get("order") == "lpm":
            node.attrib.pop("order")
        if kind in ("prefill-first", "static") or node.get("chunked-prefill") == "false":
            budget = max(budget, 8192)
        if kind in ("sglang", "tensorrt-llm"):
            budget = max(budget, seqs + int(node.get("block-size", 32)))
        node.set("max-batched-tokens", str(max(budget, seqs)))

    def adjust_length(self, node):
        most = {"prompt": 3000, "reasoning": 300, "answer": 300}.get(node.tag, 300)
        if node.tag == "part":
            node.set("law", self.pick("fixed", "exponential", "lognormal"))
        law = node.get("law", "fixed")
        node.attrib = {key: value for key, value in node.attrib.items() if key not in ("min", "max", "mean", "file", "sigma", "tail")}
        for part in list(node):
            node.remove(part)
        node.set("max", str(most))
        if law in ("fixed", "exponential", "lognormal", "pareto"):
            node.set("mean", f"{self.log(1, most):.4g}")
        if law == "lognormal":
            node.set("sigma", f"{self.log(0.1, 2):.3g}")
        elif law == "pareto":
            node.set("tail", f"{self.log(1.2, 4):.3g}")
        elif law == "uniform":
            node.set("min", "1")
        elif law == "empirical":
            self.files["lengths.csv"] = "tokens,weight\n7,3\n64,2\n300,1\n"
            node.set("file", "lengths.csv")
        elif law == "mixture":
            for share in ("0.25", "0.75"):
                part = self.draw("part", node.tag)
                part.set("share", share)
                node.append(part)
        for key in ("min", "max", "mean", "file", "sigma", "tail"):
            if key in node.attrib:
                self.drawn.add(f"{node.tag}/{key}")

    def series(self, name, column, value):
        """A file of values at even distances."""
        rows = [f"{i * 5},{value():.6g}" for i in range(self.chance.randint(2, 6))]
        self.files[name] = f"time_s,{column}\n" + "\n".join(rows) + "\n"
        return name

    def faults(self):
        """A trace of failures of the first rack, which every platform has."""
        self.files["faults.csv"] = f"time_days,server,event\n{1e-5 * self.chance.random()},0,start\n2e-5,0,end\n"
        return "faults.csv"

    # ---- Elements whose children need sense ----

    def children_of_scenario(self, node):
        self.rl = self.maybe(0.08)
        sites = 0 if self.rl or self.maybe(0.9) else self.chance.randint(1, 3)
        self.networkless = sites > 0
        self.workload = self.draw("workload")
        if sites == 0:
            self.stand_on(node, "scenario")
        else:
            node.append(self.workload)
        for i in range(sites):
            node.append(self.draw_site(i))
        if sites > 0:
            self.between_sites(node, sites)
        for name in ("slo", "output"):
            if self.maybe(0.6):
                node.append(self.draw(name, "scenario"))

    def stand_on(self, node, parent):
        """A platform, and what stands on it: pools, jobs, and what is to hold of them."""
        name = self.pick(*PLATFORMS)
        self.free, self.storage = PLATFORMS[name]
        self.platform = name
        if name in PLANES:
            self.files[f"{name}.xml"] = self.platforms[name]
        ElementTree.SubElement(node, "platform", file=f"{name}.xml" if name in PLANES else str(self.platforms[name]))
        self.drawn.add("platform/file")
        if parent == "scenario":
            node.append(self.workload)
        for pool in self.draw_pools():
            node.append(pool)
        for pool in node.findall("pool"):
            pool.attrib.setdefault("startup", self.seconds(0.01, 5))
        if self.rl or (self.free >= 4 and self.maybe(0.4)):
            node.append(self.draw("job", parent))
        self.stands_by, self.jobs = False, node.find("job") is not None
        for child, _, _ in next(table for table in self.elements[parent]).children:
            if child in ("platform", "workload", "pool", "job", "slo", "output", *BETWEEN_SITES):
                continue
            if self.rl and child in ("failures", "admission", "power-cap"):
                continue
            if self.maybe(0.4):
                node.append(self.draw(child, parent))
        for pool in node.findall("pool") if self.stands_by else []:
            if int(pool.get("replicas")) < 2 or pool.find("autoscaler") is not None or pool.get("start") == "cold":
                node.find("failures").set("recovery", "restart")
                node.find("failures").attrib.pop("standby", None)

    # ---- Several sites ----

    def draw_site(self, i):
        self.networkless = i > 0 or self.maybe(0.5)  # One site of all may have flows.
        site = ElementTree.Element("site")
        self.fill(site, self.elements["site"][0])
        site.set("name", f"site-{i}")
        site.set("region", f"region-{i % 2}")
        self.stand_on(site, "site")
        return site

    def between_sites(self, node, sites):
        regions = [f"region-{i}" for i in range(min(2, sites))]
        users = self.draw("users", "scenario")
        users.set("region", self.pick(*regions))
        users.attrib.pop("class", None)
        if "home" in users.attrib:
            users.set("home", "site-0" if users.get("region") == "region-0" else "site-1")
        node.append(users)
        for to in regions[1:] or regions:
            way = self.draw("wan", "scenario")
            way.attrib.update({"from": "region-0", "to": to})
            node.append(way)
        if self.maybe(0.7):
            node.append(self.draw("global-router", "scenario"))

    def children_of_job(self, node):
        """A layout that fits on what the pools have left, for a model of 8 billion parameters."""
        layouts = [(tp, cp, dp, pp, chunks) for tp in (4, 8) for cp in (1, 2) for dp in (1, 2, 4) for pp in (1, 2)
                   for chunks in (1, 2, 4) if tp * cp * dp * pp <= min(self.free, 32) and (chunks == 1 or pp > 1)]
        tp, cp, dp, pp, chunks = self.pick(*layouts) if layouts else (1, 1, 1, 1, 1)
        self.free -= tp * cp * dp * pp
        micro, batches = self.pick(1, 2), pp * self.pick(1, 2)
        values = {"tp": tp, "cp": cp, "dp": dp, "pp": pp, "chunks": chunks, "micro-batch": micro, "batch": dp * micro * batches,
                  "model": "llama-3.1-8b", "steps": self.chance.randint(1, 6), "recompute": self.pick("none", "full")}
        for key, value in values.items():
            node.set(key, str(value))
            self.drawn.add(f"job/{key}")
        node.attrib.setdefault("sequence", "1024")
        if "spares" in node.attrib:
            node.set("spares", str(min(2, self.free)))
            self.free -= int(node.get("spares"))
        if self.storage and self.maybe(0.6):
            node.append(self.draw("checkpoint", "job"))
        node.attrib.pop("kind", None)
        if self.rl:
            node.set("kind", "rl")
            node.set("steps", str(self.chance.randint(1, 3)))
            node.attrib.pop("batch", None)
            node.append(self.draw("rl", "job"))
            self.drawn.add("job/kind")

    def children_of_grid(self, node):
        if self.maybe(0.6):
            node.append(self.draw("battery", "grid"))
        if self.jobs and self.maybe(0.6):
            node.append(self.draw("smoothing", "grid"))

    def children_of_failures(self, node):
        for child in self.chance.choices(("fault", "fault", "fault", "fault-trace"), k=self.chance.randint(1, 4)):
            node.append(self.draw(child, "failures"))
        self.adjust_failures(node)

    def children_of_workload(self, node):
        kind = "rollouts" if self.rl else self.pick("trace", "trace", "trace", "poisson", "closed-loop", "sessions", "generate", "generator")
        node.append(self.draw(kind, "workload"))

    def children_of_trace(self, node):
        node.attrib = {key: value for key, value in node.attrib.items()
                       if key in ("mode", "lanes", "most-gap", "rate-scale", "start", "duration", "limit", "repeat",
                                  "prompt-scale", "output-scale", "reasoning-budget", "order", "broken", "format")}
        if node.get("format") is not None:
            node.set("format", "tokenworks")
        if node.get("mode") != "lanes":
            node.attrib.pop("lanes", None)
        self.files["trace.csv"] = self.trace()
        node.set("file", "trace.csv")
        self.drawn.add("trace/file")

    def children_of_poisson(self, node):
        node.set("requests", str(self.chance.randint(1, MOST_REQUESTS)))
        self.lengths(node)

    def children_of_closed_loop(self, node):
        clients = self.chance.randint(1, 60)
        node.set("concurrency", str(clients))
        node.set("requests", str(self.chance.randint(clients, max(clients, MOST_REQUESTS))))
        if "warmup" in node.attrib:
            node.set("warmup", str(self.chance.randint(0, 10)))
        self.lengths(node)

    def lengths(self, node):
        for name in ("prompt", "reasoning", "answer"):
            if name != "reasoning" or self.maybe(0.4):
                node.append(self.draw(name, node.tag))

    def children_of_sessions(self, node):
        node.set("sessions", str(self.chance.randint(1, 20)))
        self.turns(node)

    def children_of_rollouts(self, node):
        node.set("prompts", str(self.chance.randint(1, 8)))
        node.set("samples", str(self.chance.randint(1, 5)))
        self.turns(node) if self.maybe(0.3) else self.lengths(node)

    def turns(self, node):
        for key in ("system-tokens", "hash-tokens"):
            if key in node.attrib:
                node.set(key, str(self.pick(16, 64, 128)))
        names = []
        for i in range(self.chance.randint(1, 4)):
            turn = self.draw("turn", node.tag)
            turn.set("id", f"t{i}")
            turn.attrib.pop("after", None)
            if names:
                turn.set("after", " ".join(self.chance.sample(names, self.chance.randint(1, len(names)))))
                self.drawn.add("turn/after")
            if "wait" in turn.attrib:
                turn.set("wait", self.seconds(1e-3, 2))
            if turn.find("repeats") is not None:
                turn.attrib.pop("repeat", None)
            names.append(f"t{i}")
            node.append(turn)

    def children_of_turn(self, node):
        for key, most in (("repeat", 3), ("branches", 3), ("retries", 3)):
            if key in node.attrib:
                node.set(key, str(self.chance.randint(1, most)))
        if "retry" in node.attrib:
            node.set("retry", f"{self.chance.random() * 0.6:.3g}")
            node.attrib.pop("branches", None)
        if self.maybe(0.2):
            repeats = self.draw("repeats", "turn")
            repeats.set("mean", f"{self.log(1, 3):.3g}")
            repeats.set("max", "4")
            node.append(repeats)
        self.lengths(node)

    def children_of_generate(self, node):
        node.attrib.pop("duration", None) if self.maybe(0.5) else node.set("duration", self.seconds(1, 60))
        node.set("requests", str(self.chance.randint(1, MOST_REQUESTS)))
        self.drawn.add("generate/duration")

    def children_of_generator(self, node):
        node.set("requests", str(self.chance.randint(1, MOST_REQUESTS)))
        for i in range(self.chance.randint(1, 3)):
            group = self.draw("class", "generator")
            group.set("name", f"class-{i}")
            node.append(group)

    def children_of_class(self, node):
        if "requests" in node.attrib:
            node.set("requests", str(self.chance.randint(1, 60)))
        if "priority" in node.attrib:
            node.set("priority", str(self.pick(-1, 0, 1, 2)))
        kind = self.pick("arrivals", "arrivals", "clients", "closed-loop", "turns")
        if kind == "turns":
            node.append(self.draw("arrivals", "class"))
            self.turns(node)
        else:
            for key in ("system-tokens", "keeps-reasoning", "hash-tokens"):
                node.attrib.pop(key, None)
            if kind == "closed-loop":
                loop = self.draw("closed-loop", "class")
                for part in list(loop):
                    loop.remove(part)
                loop.attrib.pop("warmup", None)
                loop.attrib.pop("duration", None)
                loop.attrib.pop("jitter", None)
                node.append(loop)
            else:
                node.append(self.draw("arrivals", "class"))
                if kind == "clients":
                    node.append(self.draw("clients", "class"))
            self.lengths(node)
        if self.maybe(0.3):
            node.append(self.draw("slo", "class"))

    def children_of_arrivals(self, node):
        node.attrib.pop("cv", None) if node.get("law") not in ("gamma", "weibull") else node.set("cv", f"{self.log(0.2, 4):.3g}")
        node.set("rate", f"{self.log(1, 100):.4g}/s")
        kind = self.pick("", "", "", "bursts", "diurnal", "rates")
        if kind == "rates":
            node.attrib.pop("rate")
            self.files["rates.csv"] = "time_s,rate\n0,20\n5,2\n10,50\n"
            rates = self.draw("rates", "arrivals")
            rates.set("file", "rates.csv")
            node.append(rates)
        elif kind:
            node.append(self.draw(kind, "arrivals"))

    # ---- Pools ----

    def draw_pools(self):
        roles = ["mixed"] if self.rl or self.networkless else self.pick(["mixed"], ["mixed"], ["mixed", "mixed"], ["prefill", "decode"], ["prefill", "decode", "mixed"])
        model = "llama-3.1-8b" if self.rl else self.pick(*MODELS)
        pools = []
        for i, role in enumerate(roles):
            free = self.free // (len(roles) - i)
            pools.append(self.draw_pool(role, model, free // 2 if self.rl else free, f"pool-{i}"))
        formats = {pool.get("kv", "bf16") for pool in pools if pool.get("role") != "mixed"}
        for pool in pools:
            if pool.get("role") != "mixed" and len(formats) > 1:
                pool.attrib.pop("kv", None)
        return pools

    def draw_pool(self, role, model, accelerators, name):
        heads, experts, least_tp = MODELS[model]
        pool = self.draw("pool", "scenario")
        pool.set("id", name)
        pool.set("model", model)
        pool.set("role", role)
        tps = [tp for tp in (1, 2, 4, 8, 16) if tp >= least_tp and heads % tp == 0 and tp <= accelerators] or [1]
        tp = self.chance.choices(tps, [8 if i < 2 else 1 for i in range(len(tps))])[0]
        dp = self.pick(1, 1, 1, 2, 3, 4)
        pp = self.pick(1, 1, 1, 1, 2)
        while tp * dp * pp > min(accelerators, 8 if self.networkless else 72):  # Engines of most sites stay in a domain.
            tp, dp, pp = min(tp, 8), max(1, dp // 2), 1
        replicas = self.chance.randint(1, max(1, min(4, accelerators // (tp * dp * pp))))
        self.free -= replicas * tp * dp * pp
        for key, value in (("tp", tp), ("dp", dp), ("pp", pp), ("replicas", replicas)):
            pool.set(key, str(value))
            self.drawn.add(f"pool/{key}")
        groups = [ep for ep in range(1, tp * dp + 1) if (tp * dp) % ep == 0 and experts and experts % ep == 0]
        pool.attrib.pop("ep", None)
        if groups:
            pool.set("ep", str(self.pick(*groups)))
            self.drawn.add("pool/ep")
        if "redundant-experts" in pool.attrib:
            if int(pool.get("ep", "1")) > 1:
                pool.set("redundant-experts", pool.get("ep"))
            else:
                pool.attrib.pop("redundant-experts")
        if role != "prefill":
            pool.attrib.pop("kv-transfer", None)
        for useless in ("speculation" if role == "prefill" else "", "kv-offload" if role == "decode" else "",
                        "autoscaler" if self.rl else ""):
            if pool.find(useless or "none") is not None:
                pool.remove(pool.find(useless))
        if self.rl:
            pool.attrib.pop("start", None)
        if not self.storage or self.networkless:
            pool.attrib.pop("weights-from", None)
        scheduler, offload = pool.find("scheduler"), pool.find("kv-offload")
        kind = scheduler.get("kind") if scheduler is not None else None
        if scheduler is not None and model not in WITH_STATE:
            scheduler.attrib.pop("state-checkpoint", None)
        no_prefixes = scheduler is not None and scheduler.get("prefix-cache") == "false"
        if offload is not None and (model in WITH_STATE or no_prefixes or kind == "sglang"):
            pool.remove(offload)
        adapters = pool.find("adapters")
        if adapters is not None and (role != "mixed" or kind == "sglang" or
                                       scheduler is not None and scheduler.get("order") == "fair"):
            pool.remove(adapters)
        elif adapters is not None and int(adapters.get("host-slots", "0")) < int(adapters.get("slots", "1")):
            adapters.attrib.pop("host-slots", None)
        if self.storage is False and pool.find("kv-offload") is not None:
            pool.find("kv-offload").attrib.pop("store", None)
        return pool

    @staticmethod
    def make_scarce(root, chance):
        """Leaves some pools no room for KV caches. `scenario` then gives them what they lack, and little more."""
        for pool in root.iter("pool"):
            if chance.random() < 0.4:
                pool.set("memory-fraction", SCARCE)

    # ---- Traffic ----

    def trace(self):
        """Bursts of equal arrivals, arrivals on a grid, and arrivals at random; prompts that share prefixes."""
        rows = ["arrival_s,session,prompt_tokens,reasoning_tokens,answer_tokens,priority,hash_tokens,hashes"]
        time_s, gap_s = 0.0, self.log(1e-3, 1)
        longest, deepest = self.log(8, 4000), self.log(1, 400)
        hash_tokens = self.pick(16, 32, 64, 512)
        for _ in range(self.chance.randint(1, MOST_REQUESTS)):
            law = self.chance.randrange(4)
            time_s += 0 if law == 0 else 0.01 * self.chance.randint(1, 40) if law == 1 else self.chance.expovariate(1 / gap_s)
            prompt = self.chance.randint(1, int(longest))
            hashes = ""
            if self.maybe(0.8):
                hashes = " ".join(str(int(self.maybe(0.15))) for _ in range(-(-prompt // hash_tokens)))
            rows.append(f"{time_s:.9f},s{self.chance.randint(0, 9)},{prompt},{self.chance.randint(0, int(deepest))},"
                        f"{self.chance.randint(1, int(deepest) + 1)},{self.chance.randint(0, 2)},"
                        f"{hash_tokens if hashes else ''},{hashes}")
        return "\n".join(rows) + "\n"


RULES = {
    "scenario/name": lambda d: "chaos",
    "scenario/seed": lambda d: d.chance.randint(0, 10**6),
    "generate/from": lambda d: d.pick(*PRESETS),
    "generate/rate-scale": lambda d: f"{d.log(0.1, 10):.3g}",
    "poisson/rate": lambda d: f"{d.log(1, 200):.4g}/s",
    "sessions/rate": lambda d: f"{d.log(0.2, 20):.4g}/s",
    "*/duration": lambda d: d.seconds(5, 100),
    "closed-loop/think": lambda d: d.seconds(1e-3, 5),
    "trace/rate-scale": lambda d: f"{d.log(0.2, 20):.3g}",
    "trace/start": lambda d: d.seconds(1e-2, 2),
    "trace/lanes": lambda d: d.chance.randint(1, 8),
    "trace/limit": lambda d: d.chance.randint(1, MOST_REQUESTS),
    "trace/repeat": lambda d: d.pick(1, 2),
    "trace/prompt-scale": lambda d: f"{d.log(0.3, 1.5):.3g}",
    "trace/output-scale": lambda d: f"{d.log(0.3, 1.5):.3g}",
    "trace/reasoning-budget": lambda d: d.chance.randint(0, 200),
    "trace/file": lambda d: "trace.csv",
    "*/id": lambda d: "name", "*/name": lambda d: "name", "turn/after": lambda d: None,
    "pool/model": lambda d: "llama-3.1-8b", "pool/role": lambda d: "mixed",
    "pool/weights": lambda d: d.pick("bf16", "fp8", "fp8", "fp8-block", "int4-awq"),
    "pool/attention-weights": lambda d: d.pick("bf16", "fp8"),
    "pool/kv": lambda d: d.pick("bf16", "fp8"),
    "pool/memory-fraction": lambda d: f"{d.log(0.3, 0.95):.3g}",
    "pool/placement": lambda d: d.pick("pack", "spread", "rail"),
    "pool/collective-slices": lambda d: d.pick(1, 2, 4),
    "pool/weights-from": lambda d: d.pick("resident", "storage", "peer"),
    "pool/startup": lambda d: d.seconds(1e-2, 5),
    "scheduler/max-seqs": lambda d: d.pick(1, 2, 4, 8, 16, 64),
    "scheduler/max-batched-tokens": lambda d: d.pick(16, 64, 256, 1024, 8192),
    "scheduler/block-size": lambda d: d.pick(1, 8, 16, 64, 128),
    "scheduler/conservativeness": lambda d: f"{d.log(0.05, 2):.3g}",
    "scheduler/long-prefill-token-threshold": lambda d: d.pick(0, 16, 100, 1000),
    "scheduler/kind": lambda d: d.pick("vllm", "sglang", "tensorrt-llm", "sarathi", "prefill-first", "static"),
    "step-time/model": lambda d: "roofline",
    "step-time/engine": lambda d: d.pick(*ENGINES),
    "step-time/expert-imbalance": lambda d: f"{d.log(1, 4):.3g}",
    "step-time/iteration": lambda d: d.seconds(1e-4, 0.05),
    "step-time/per-seq": lambda d: d.seconds(1e-6, 1e-3),
    "step-time/launch": lambda d: f"{d.log(0.1, 2):.3g}",
    "step-time/eager-layer": lambda d: d.seconds(1e-6, 1e-3), "step-time/eager-experts": lambda d: d.seconds(1e-6, 1e-3),
    "scheduler/watermark": lambda d: f"{d.log(0.001, 0.5):.3g}", "scheduler/state-checkpoint": lambda d: d.pick(0, 64, 512),
    "kv-offload/host-memory": lambda d: f"{d.log(0.2, 50):.3g}GB",
    "kv-offload/bandwidth": lambda d: f"{d.log(1, 100):.3g}GB/s",
    "adapters/slots": lambda d: d.chance.randint(1, 5), "adapters/host-slots": lambda d: d.chance.randint(1, 9),
    "adapters/size": lambda d: f"{d.log(1, 500):.3g}MB", "adapters/bandwidth": lambda d: f"{d.log(1, 100):.3g}GB/s",
    "adapters/storage-bandwidth": lambda d: f"{d.log(0.1, 10):.3g}GB/s", "adapters/base": lambda d: d.pick("a", "b"),
    "autoscaler/min": lambda d: d.pick(0, 1), "autoscaler/file": lambda d: None,
    "autoscaler/policy": lambda d: d.pick("utilization", "queue", "schedule"),
    "autoscaler/period": lambda d: d.seconds(0.05, 3),
    "autoscaler/up-delay": lambda d: d.seconds(0.05, 1), "autoscaler/down-delay": lambda d: d.seconds(0.05, 5),
    "speculation/draft-tokens": lambda d: d.chance.randint(1, 5),
    "speculation/acceptance": lambda d: f"{d.chance.random():.3g}",
    "speculation/accepted": lambda d: None, "speculation/drafter": lambda d: "its own",
    "speculation/draft-cost": lambda d: f"{d.chance.random() * 0.3:.3g}",
    "router/parameters": lambda d: None,
    "router/signal-delay": lambda d: d.seconds(1e-3, 0.5),
    "router/frontend": lambda d: d.seconds(1e-4, 0.1), "router/frontend-per-token": lambda d: d.seconds(1e-7, 1e-5),
    "router/max-queue": lambda d: d.chance.randint(1, 30),
    "admission/rate": lambda d: f"{d.log(1, 3000):.4g}/s", "admission/burst": lambda d: f"{d.log(10, 9000):.4g}",
    "admission/deadline": lambda d: d.seconds(0.01, 20),
    "slo/class": lambda d: d.pick("class-0", "nobody"),
    "power-cap/accelerator": lambda d: f"{d.log(200, 1000):.4g}W", "power-cap/rack": lambda d: f"{d.log(5, 100):.4g}kW",
    "power-cap/site": lambda d: f"{d.log(5, 200):.4g}kW", "power-cap/delay": lambda d: d.seconds(1e-3, 0.4),
    "power-cap/site-file": lambda d: d.series("cap.csv", "watts", lambda: d.log(5e3, 2e5)),
    "power-cap/period": lambda d: d.seconds(0.5, 3),
    "job/model": lambda d: "llama-3.1-8b", "job/sequence": lambda d: d.pick(512, 1024, 4096), "job/placement": lambda d: d.pick("pack", "spread"),
    "job/zero": lambda d: d.pick(0, 1, 2, 3), "job/spares": lambda d: 1, "job/slices": lambda d: d.pick(1, 2, 7),
    "job/precision": lambda d: d.pick("bf16", "fp8"), "job/gradients": lambda d: d.pick("bf16", "fp32"),
    "job/start": lambda d: d.seconds(1e-3, 5), "job/log-every": lambda d: d.pick(1, 3),
    **{f"job/{kind}-overlap": lambda d: f"{d.chance.random():.3g}" for kind in ("dp", "tp", "pp", "cp", "ep", "edp")},
    "job/kind": lambda d: "training", "rl/swap": lambda d: d.seconds(1e-3, 10), "rl/reward": lambda d: d.seconds(1e-3, 3),
    "rl/sync-overhead": lambda d: d.seconds(1e-3, 3), "rl/over-sampling": lambda d: f"{d.log(1, 3):.3g}",
    "site/name": lambda d: "site-0", "site/region": lambda d: "region-0", "site/utc-offset": lambda d: f"{d.chance.randint(-12, 12)}h",
    "site/guests": lambda d: d.chance.randint(0, 20), "users/region": lambda d: "region-0", "users/home": lambda d: "site-0",
    "users/class": lambda d: "name", "wan/from": lambda d: "region-0", "wan/to": lambda d: "region-0",
    "wan/latency": lambda d: d.seconds(1e-4, 0.3), "wan/bandwidth": lambda d: f"{d.log(0.01, 10):.3g}MB/s",
    "global-router/spill": lambda d: d.pick(1, 4, 16),
    "checkpoint/every": lambda d: d.pick(1, 2), "checkpoint/restart": lambda d: d.seconds(1e-3, 2),
    "checkpoint/bytes": lambda d: f"{d.log(0.1, 100):.3g}GB",
    "grid/period": lambda d: d.pick("50ms", "100ms", "250ms", "1s"), "grid/ramp": lambda d: f"{d.log(0.1, 100):.3g}kW",
    "battery/power": lambda d: f"{d.log(0.1, 100):.3g}kW", "battery/capacity": lambda d: f"{d.log(0.01, 1000):.3g}kJ",
    "battery/over": lambda d: d.seconds(0.1, 60), "smoothing/hold": lambda d: d.seconds(1e-3, 10),
    "smoothing/ramp-up": lambda d: f"{d.log(50, 5000):.3g}W", "smoothing/ramp-down": lambda d: f"{d.log(50, 5000):.3g}W",
    "failures/retries": lambda d: d.pick(0, 1, 2, 5), "failures/backoff": lambda d: d.seconds(1e-3, 2),
    "failures/pause": lambda d: d.seconds(1e-3, 2), "failures/promotion": lambda d: d.seconds(1e-3, 2),
    "failures/standby": lambda d: 1,
    "fault/names": lambda d: "*", "fault/at": lambda d: d.seconds(0.05, 20), "fault/mtbf": lambda d: d.seconds(5, 500),
    "fault/repair": lambda d: d.seconds(0.01, 2), "*/detection": lambda d: d.seconds(1e-3, 2),
    "fault/shape": lambda d: f"{d.log(0.5, 4):.3g}", "fault/repair-sigma": lambda d: f"{d.log(0.1, 1.5):.3g}",
    "fault-trace/file": lambda d: d.faults(), "fault-trace/part": lambda d: "rack",
    "fault-trace/start": lambda d: d.seconds(1e-3, 1), "fault-trace/rate-scale": lambda d: d.pick(0.5, 1, 4),
    "price/file": lambda d: d.series("price.csv", "usd_per_kwh", d.chance.random),
    "carbon/file": lambda d: d.series("carbon.csv", "g_per_kwh", lambda: d.log(10, 900)),
    "weather/file": lambda d: d.series("weather.csv", "celsius", lambda: d.log(1, 40)),
    "rates/file": lambda d: "rates.csv",
    "*/share": lambda d: "1", "*/mean": lambda d: f"{d.log(0.5, 20):.3g}",
    "bursts/mean": lambda d: d.seconds(0.1, 5), "bursts/calm": lambda d: d.seconds(0.1, 5),
    "bursts/factor": lambda d: f"{d.log(1.1, 20):.3g}", "diurnal/swing": lambda d: f"{d.chance.random():.3g}",
    "clients/number": lambda d: d.chance.randint(1, 30),
    "repeats/mean": lambda d: "2", "repeats/max": lambda d: "4",
    "output/segments": lambda d: "true", "output/audit": lambda d: "true", "output/exact-steps": lambda d: None,
    "output/until": lambda d: d.seconds(0.5, 50), "output/warmup": lambda d: d.seconds(0.1, 5),
    "output/drain": lambda d: d.seconds(0.1, 5), "output/interval": lambda d: d.seconds(0.05, 5),
}


def write(root, files, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    ElementTree.indent(root)
    path = directory / "scenario.xml"
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


NO_ROOM = re.compile(r"of ([\d.]+) GB per .*, ([\d.]+) GB may be used, weights take ([\d.]+) GB, and .* ([\d.]+) GB, which")


def find_platforms(program, source):
    """Returns the path of each platform, or the text of one that is generated."""
    texts = {name: program.call("platform", *words.split()).said for name, words in PLANES.items()}
    return {name: texts.get(name) or source / "platforms" / f"{name}.xml" for name in PLATFORMS}


def scenario(attempt, elements, platforms, seed, directory):
    """Draws until `attempt` finds no faults in a scenario. Returns its drawing and root element, or None where none did."""
    for number in range(12):
        drawing = Drawing(elements, platforms, f"{seed} {number}")
        root = drawing.draw("scenario")
        drawing.make_scarce(root, random.Random(f"scarce {seed} {number}"))
        for _ in range(3):
            path = write(root, drawing.files, directory)
            faults = attempt(path)
            if not faults:
                return drawing, root
            match, pools = NO_ROOM.search(faults), list(root.iter("pool"))
            if match is None or not pools:  # Without pools it is a job for which there is no room.
                break
            pool = pools[nth_pool(path, int(re.search(r"scenario.xml:(\d+)", faults).group(1)))]
            whole, _, weights, others = map(float, match.groups())
            fraction = (weights + others + drawing.log(0.05, 1 if pool.get("memory-fraction") == SCARCE else 8)) / whole
            if fraction >= 1:
                break
            pool.set("memory-fraction", f"{fraction:.4f}")
        drawing.faults = faults
    return drawing, None


def nth_pool(path, line):
    lines = path.read_text().splitlines()[:line]
    return max(0, sum("<pool" in text for text in lines) - 1)
