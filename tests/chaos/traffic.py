"""Draws what arrives: traces, clients, sessions and generators."""
import rules


class Traffic:
    """The part of a drawing that draws its traffic."""

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
        node.set("requests", str(self.chance.randint(1, rules.MOST_REQUESTS)))
        self.lengths(node)

    def children_of_closed_loop(self, node):
        clients = self.chance.randint(1, 60)
        node.set("concurrency", str(clients))
        node.set("requests", str(self.chance.randint(clients, max(clients, rules.MOST_REQUESTS))))
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
        node.set("requests", str(self.chance.randint(1, rules.MOST_REQUESTS)))
        self.drawn.add("generate/duration")

    def children_of_generator(self, node):
        node.set("requests", str(self.chance.randint(1, rules.MOST_REQUESTS)))
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

    def trace(self):
        """Bursts of equal arrivals, arrivals on a grid, and arrivals at random; prompts that share prefixes."""
        rows = ["arrival_s,session,prompt_tokens,reasoning_tokens,answer_tokens,priority,hash_tokens,hashes"]
        time_s, gap_s = 0.0, self.log(1e-3, 1)
        longest, deepest = self.log(8, 4000), self.log(1, 400)
        hash_tokens = self.pick(16, 32, 64, 512)
        for _ in range(self.chance.randint(1, rules.MOST_REQUESTS)):
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
