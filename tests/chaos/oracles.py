"""What must hold of every run. Each oracle gets what a run wrote, and yields what is wrong with it."""
import csv
import gzip
import io
import json
import re

STATES = ("completed", "rejected", "failed", "cancelled", "unfinished")
EPSILON = 1e-6  # Instants are written with nine decimals.


class Run:
    """What one run wrote, read whole."""

    def __init__(self, directory):
        # gzip.decompress takes quadratic time where a table has thousands of members.
        self.texts = {path.name[:-len(".csv.gz")]: gzip.open(path, "rt").read() for path in directory.glob("*.csv.gz")}
        self.tables = {name: list(csv.DictReader(io.StringIO(text))) for name, text in self.texts.items()}
        self.scenario = json.loads((directory / "run.json").read_text())["scenario"]
        self.summary = json.loads((directory / "summary.json").read_text())
        self.sites = {path.name: Run(path) for path in sorted(directory.iterdir()) if path.is_dir()}


def number(text):
    return float(text) if text else None


def whole(row, *names):
    return sum(int(row[name] or 0) for name in names)


def near(a, b, relative=1e-9, absolute=1e-6):
    return abs(a - b) <= max(absolute, relative * max(abs(a), abs(b)))


def every_request_ends_once(run):
    rows, counts = run.tables["requests"], run.summary["requests"]
    # A site that a request left may see it again.
    ids = [row["id"] for row in rows if row["reason"] != "it went to another site"]
    if len(set(ids)) != len(ids):
        yield "a request ends twice"
    if len(rows) != counts["arrived"]:
        yield f"{counts['arrived']} requests arrived, and {len(rows)} ended"
    for state in STATES:
        found = sum(row["state"] == state for row in rows)
        if found != counts[state]:
            yield f"the summary counts {counts[state]} {state} requests, and the table has {found}"
    for row in rows:
        if (row["state"] == "completed") != (row["reason"] == ""):
            yield f"request {row['id']} is {row['state']} with the reason \"{row['reason']}\""


def nothing_is_unfinished_without_cause(run):
    if not run.summary["partial"] and run.summary["requests"]["unfinished"] > 0:
        yield f"{run.summary['requests']['unfinished']} requests are unfinished, and nothing cut the run short"


def times_are_monotone(run):
    last = 0.0
    for row in run.tables["requests"]:
        names = ("arrival_s", "first_scheduled_s", "first_token_s", "first_answer_s", "completion_s")
        times = [(name, number(row[name])) for name in names if row[name]]
        for (before, a), (after, b) in zip(times, times[1:]):
            if a > b + EPSILON:
                yield f"request {row['id']} has {after} {b} before {before} {a}"
        end = number(row["completion_s"])
        if end < last - EPSILON:
            yield f"request {row['id']} ends at {end}, in the table behind one that ends at {last}"
        last = end
        if end > run.summary["simulated_s"] + EPSILON:
            yield f"request {row['id']} ends at {end}, after the run"
    for row in run.tables.get("segments", []):
        if number(row["start_s"]) > number(row["end_s"]) + EPSILON:
            yield f"a segment of engine {row['engine']} ends before it begins, at {row['start_s']}"


def tokens_are_conserved(run):
    rows, engines, summary = run.tables["requests"], run.tables["engines"], run.summary["tokens"]
    output = sum(whole(row, "reasoning_tokens", "answer_tokens") for row in rows)
    emitted = sum(whole(row, "output_tokens") for row in engines)
    lost = run.summary.get("failures", {}).get("discarded_tokens", 0)
    if output != summary["output"]:
        yield f"the summary counts {summary['output']} output tokens, and requests have {output}"
    if emitted != output + lost:
        yield f"engines emitted {emitted} tokens, requests have {output}, and {lost} were discarded"
    for row in rows:
        if row["state"] == "completed" and row["first_token_s"] == "":
            yield f"request {row['id']} is completed without a token"
        # One that is resumed computes what was emitted before, if not its prompt.
        resumes = row.get("retries", "0") not in ("", "0")
        if whole(row, "cached_tokens") >= max(1, whole(row, "prompt_tokens") + resumes):
            yield f"request {row['id']} found all of its prompt in a cache"
        if whole(row, "host_cached_tokens", "store_cached_tokens") > whole(row, "cached_tokens"):
            yield f"request {row['id']} has more tokens from tiers than from caches"
    computed = sum(whole(row, "prompt_tokens") for row in engines)
    if all(row["state"] == "completed" for row in rows) and lost == 0:
        asked = sum(whole(row, "prompt_tokens", "recomputed_tokens") - whole(row, "cached_tokens") for row in rows)
        preempted = any(whole(row, "preemptions") for row in rows)
        if not (computed == asked or (preempted and computed < asked)) and "failures" not in run.summary:
            yield f"engines computed {computed} prompt tokens, and requests asked for {asked}"
    cached, hit = sum(whole(row, "cached_tokens") for row in engines), sum(whole(row, "cached_tokens") for row in rows)
    if cached != hit and "failures" not in run.summary:
        # Rollouts that give way to new weights begin anew: what they found at first is of the engine alone.
        if not (run.summary["partial"] and cached < hit or "rl" in run.summary and cached > hit):
            yield f"engines found {cached} tokens in caches, and requests have {hit}"


def parts(run):
    return list(run.sites.values()) or [run]


def tokens_computed(run):
    """Those that the requests needed once, and those that were computed again."""
    rows = [row for part in parts(run) for row in part.tables["requests"]]
    once = sum(whole(row, "prompt_tokens", "reasoning_tokens", "answer_tokens") - whole(row, "cached_tokens") for row in rows)
    return once, sum(whole(row, "recomputed_tokens") for row in rows)


def iterations_s(run):
    """Seconds of all engines' iterations."""
    total = 0.0
    for part in parts(run):
        rows = part.tables["engines"]
        starts = sorted({float(row["start_s"]) for row in rows})
        ends = dict(zip(starts, starts[1:] + [run.summary["simulated_s"]]))
        total += sum(number(row["busy"]) * (ends[float(row["start_s"])] - float(row["start_s"])) for row in rows if row["busy"])
    return total


def is_explained(run):
    """Whether a setting says that requests are admitted for whom there is no room: then they are computed again and again."""
    guesses = re.findall(r'conservativeness="([^"]*)"', run.scenario)
    return 'reserve="chunk"' in run.scenario or any(float(guess) < 1 for guess in guesses)


def nothing_thrashes(run, calm):
    """Against the same scenario in which nobody is admitted without room for all of the output, so that nobody is preempted:
    a token takes at most twice the time of iterations."""
    once, again = tokens_computed(run)
    calm_once, calm_again = tokens_computed(calm)
    if calm_again > 0 and "failures" not in calm.summary and "rl" not in calm.summary:
        yield f"{calm_again} tokens were computed again, although room was promised for all of the outputs"
    if is_explained(run) or run.summary["partial"] or calm.summary["partial"] or min(once, calm_once) <= 0:
        return
    if again > once and "failures" not in run.summary:
        yield f"{again} tokens were computed again, and {once} once"
    took, needed = iterations_s(run) / once, iterations_s(calm) / calm_once
    if took > 2 * needed:
        yield f"{again} tokens were computed again, {once} once: a token takes {1e3 * took:.6g} ms of iterations, and {1e3 * needed:.6g} ms without"


def gauges_are_within_bounds(run):
    for row in run.tables["engines"]:
        for name in ("busy", "kv_used", "serving"):
            value = number(row[name])
            if value is not None and not -EPSILON <= value <= 1 + EPSILON:
                yield f"engine {row['engine']} has {name} {value} at {row['start_s']}"
        for name in ("running", "waiting", "watts"):
            if (number(row[name]) or 0) < -EPSILON:
                yield f"engine {row['engine']} has {name} {row[name]} at {row['start_s']}"
    for row in run.tables.get("links", []):
        if (number(row["utilization"]) or 0) > 1 + 1e-3:
            yield f"link {row['link']} carries {row['utilization']} times what it can at {row['start_s']}"


def joules_are_conserved(run):
    energy = run.summary.get("energy", {})
    if "site_j" not in energy:
        return
    parts = sum(energy.get(name, 0) for name in ("accelerator_j", "host_j", "network_j", "overhead_j"))
    if not near(energy["site_j"], parts):
        yield f"the site took {energy['site_j']} J, and its parts {parts} J"
    joules = sum(number(row["joules"]) or 0 for row in run.tables["engines"])
    if not near(energy["accelerator_j"], joules, 1e-6, 1) and run.summary["accelerators"] == used_accelerators(run):
        yield f"accelerators took {energy['accelerator_j']} J, and engines {joules} J"
    requests = sum(number(row["joules"]) or 0 for row in run.tables["requests"])
    if "requests_j" in energy and not near(energy["requests_j"], requests, 1e-6, 1):
        yield f"the summary has {energy['requests_j']} J of requests, and the table {requests} J"


def what_the_grid_gives_is_used_lost_or_stored(run):
    grid = run.summary.get("grid", {})
    if "j" not in grid:
        return
    used = run.summary["energy"]["site_j"] + grid.get("battery_loss_j", 0) + grid.get("battery_change_j", 0)
    if not near(grid["j"], used):
        yield f"the grid gave {grid['j']} J, and {used} J were used, lost or stored"


def time_of_jobs_is_spent_once(run):
    shares = run.summary.get("training", {}).get("share", {})
    if shares and not (run.summary["partial"] and 0 <= sum(shares.values()) <= 1 + 1e-9) and not near(sum(shares.values()), 1):
        yield f"the shares of the jobs' time sum to {sum(shares.values())}"


def used_accelerators(run):
    return None  # The accelerators of no engine idle too: only the sum of all is known.


def bytes_are_conserved(run):
    network = run.summary.get("network", {})
    if "bytes" in network:
        parts = sum(value for name, value in network.items() if name.endswith("_bytes"))
        if not near(network["bytes"], parts):
            yield f"the network carried {network['bytes']} bytes, and its kinds {parts}"


def sites_sum_up(run):
    """A request that a site fails may move on to another one, and one that no site takes is refused."""
    sites = [site.summary for site in run.sites.values()]
    total, world = run.summary, run.summary.get("world", {})
    sums = {state: sum(site["requests"][state] for site in sites) for state in STATES}
    expected = {"completed": sums["completed"], "rejected": sums["rejected"] + world["refused"], "failed": sums["failed"] - world["moved"]}
    # What a run that was cut short has served is unfinished for its users where the answer is on its way.
    away = total["requests"]["unfinished"] if total["partial"] else 0
    for state, count in expected.items():
        if not count - away <= total["requests"][state] <= count:
            yield f"{total['requests'][state]} requests are {state}, and by the sites {count}"
    for group, name in (("energy", "site_j"), ("energy", "it_j"), ("cost", "usd"), ("carbon", "g"), ("grid", "j")):
        parts = [site.get(group, {}).get(name) for site in sites]
        if None not in parts and not near(total[group][name], sum(parts)):
            yield f"{group}.{name} is {total[group][name]}, and by the sites {sum(parts)}"
    moves = sum(whole(row, "moves") for row in run.tables["requests"])
    if moves != world["moved"]:
        yield f"requests moved {moves} times, and the summary counts {world['moved']}"


OF_ALL_SITES = (every_request_ends_once, nothing_is_unfinished_without_cause, times_are_monotone, sites_sum_up)
ORACLES = (every_request_ends_once, nothing_is_unfinished_without_cause, times_are_monotone, tokens_are_conserved,
           gauges_are_within_bounds, joules_are_conserved, what_the_grid_gives_is_used_lost_or_stored, time_of_jobs_is_spent_once,
           bytes_are_conserved)


def judge(run):
    """Returns what is wrong with a run, at most one sentence of each oracle."""
    wrong = []
    for oracle in OF_ALL_SITES if run.sites else ORACLES:
        for sentence in oracle(run):
            wrong.append(f"{oracle.__name__}: {sentence}")
            break
    for name, site in run.sites.items():
        wrong += [f"{sentence} (site {name})" for sentence in judge(site)]
    return wrong


def are_a_rounding_apart(header, a, b):
    """Whether two rows are apart by the last digit of their joules, which are added up in another order."""
    one, other = (dict(zip(header, row.split(","))) for row in (a, b))
    joules = [float(row.pop("joules") or 0) for row in (one, other)]
    return one == other and abs(joules[0] - joules[1]) < 1.5e-6


def are_a_token_apart(header, a, b):
    """Whether two rows are of a rollout that another one's end cancels, and apart by a token at most: engines in lock step
    end their iterations at one instant, but for rounding, which the order of summing decides."""
    one, other = (dict(zip(header, row.split(","))) for row in (a, b))
    tokens = [int(row["answer_tokens"] or 0) + int(row["reasoning_tokens"] or 0) for row in (one, other)]
    for row in (one, other):
        row.pop("answer_tokens"), row.pop("reasoning_tokens")
    return one == other and "enough other rollouts" in a and abs(tokens[0] - tokens[1]) <= 1


def differs(name, one, other, what):
    """Yields the first row in which two texts of a table differ, unless it is by what rounding may do."""
    header = one.partition("\n")[0].split(",")
    for i, (a, b) in enumerate(zip(one.splitlines(), other.splitlines())):
        if a != b and not are_a_rounding_apart(header, a, b) and not are_a_token_apart(header, a, b):
            yield f"{name}: row {i}: {what}\n    {a}\n    {b}"
            return
    if len(one.splitlines()) != len(other.splitlines()):
        yield f"{name}: {what}: one table goes on where the other one ends"
