"""Draws a scenario: a small site, its traffic and everything that the tables of elements allow, from one seed.

Elements and attributes come from the tables, so that new ones are drawn without a change here. rules.py says what to draw
where a value needs sense (a model that fits, a file that exists); all else is drawn by its type around its default."""
import random
import re
import xml.etree.ElementTree as ElementTree

import rules
import traffic

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
UNITS = {"time": "s", "power": "W", "rate": "/s", "size": "GB", "bandwidth": "GB/s"}
SCARCE = "0.01"  # A memory-fraction that holds no weights.

# Paths and texts that a random scenario cannot use, and why. All others must be drawn: `--coverage` says which are not.
NOT_DRAWN = {
    "scenario/description": "text for people", "generator/description": "text for people",
    "generator/source": "text for people", "class/source": "text for people",
    "step-time/file": "a table needs its own measurements; golden/table runs one",
    "servegen/arrivals": "tables of a measured service; golden/drawn runs them", "servegen/lengths": "likewise",
    "part/file": "as lengths/file, which is drawn", "output/exact-steps": "every drawn scenario runs with both values",
    "pool/hosts": "explicit placement names hosts of one platform; tests of the placement do",
    "trace/copies": "changes when requests come alone, and they are drawn", "trace/spread": "likewise",
    "turn/retry-from": "names a turn above; the default, itself, is drawn",
    "job/hosts": "names hosts of one platform; tests of jobs do",
    "job/expert-imbalance": "experts do not fit on so few accelerators; tests of jobs run them", "job/ep": "likewise"}
BETWEEN_SITES = ("site", "users", "wan", "global-router")


class Refused(Exception):
    """What was drawn does not fit together."""


class Drawing(traffic.Traffic):
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
            rule = rules.RULES.get(key) or rules.RULES.get("*/" + attribute.name)
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
            if self.rl and (child in ("admission", "power-cap") or child == "failures" and node.find("job/rl[@colocated='true']") is not None):
                continue
            if self.maybe(0.4):
                node.append(self.draw(child, parent))
        for pool in node.findall("pool") if self.stands_by else []:
            if int(pool.get("replicas")) < 2 or pool.find("autoscaler") is not None or pool.get("start") == "cold":
                node.find("failures").set("recovery", "restart")
                node.find("failures").attrib.pop("standby", None)

    # ---- Several sites ----

    def draw_site(self, i):
        self.networkless = self.maybe(0.3)
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
