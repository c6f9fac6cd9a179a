"use strict";
// Why: the verdict, where time and money went, what binds, what would help, and a map of the network.

const explained = report.explained ?? undefined;

/** Classes of time as `tokenworks explain` calls them, in the order in which they are stacked. */
const classNames = {
  weights: "reading weights", kv: "reading KV", linear: "products", attention: "attention", experts: "experts", scale_up: "collectives in NVLink domains",
  fabric: "collectives between domains", host: "launches and host", loads: "loading KV and adapters", slowest: "waiting for the slowest rank",
  bubble: "pipeline bubble", measured: "measured iterations", idle: "idle", beside: "hosts, network, cooling", jobs: "jobs",
};
const partNames = {
  front_end: "front end", admission: "held by the router", queue: "queue", prefill: "prefill", chunk_wait: "between chunks", transfer: "KV transfer",
  decode_queue: "decode queue", decode: "decode", preempted: "preempted",
};

/** Nothing that an accelerator works at. */
const isGrey = (name) => [classNames.idle, classNames.beside, "the rest"].includes(name);
/** Places in the list of colours: that in its own list, or, of classes, one that none has that took more of the run's time. */
const places = (() => {
  const taken = new Set();
  const of = new Map(Object.values(partNames).map((name, i) => [name, i % 6]));
  const spent = report.summary?.spent?.seconds ?? {};
  const ranked = Object.entries(classNames).map(([key, name], i) => ({ name, place: i % 6, seconds: spent[key] ?? 0 })).filter(({ name }) => !isGrey(name));
  for (const { name, place } of ranked.sort((a, b) => b.seconds - a.seconds)) {
    const free = [0, 1, 2, 3, 4, 5].filter((i) => !taken.has(i));
    of.set(name, taken.has(place) && free.length > 0 ? free[0] : place);
    taken.add(of.get(name));
  }
  return of;
})();
/** The colour of a part or class, the same one in every bar and plot. */
const placeOf = (name) => places.get(name) ?? 0;

/** A bar of parts, each with its name where that fits; the text below says all of them. */
function makeBar(parts, unit, label) {
  const sum = parts.reduce((all, [, amount]) => all + amount, 0);
  const shown = parts.filter(([, amount]) => amount / sum >= 5e-4).sort((a, b) => b[1] - a[1]);
  const text = shown.map(([name, amount]) => `${name} ${formatUnit(amount, unit)} (${formatShare(Math.round((1000 * amount) / sum) / 1000)})`).join(", ");
  return make("div", { class: "parts" },
    make("div", { class: "stack", role: "img", "aria-label": `${label}: ${text}` },
      ...shown.map(([name, amount]) => make("span", { class: `part fill-${isGrey(name) ? "grey" : placeOf(name)}`, style: `width:${(100 * amount) / sum}%`,
        title: `${name}: ${formatUnit(amount, unit)}` }, make("span", { class: "part-name" }, amount / sum > 0.03 ? name : "")))),
    make("p", { class: "soft" }, text));
}

function addRunVerdict() {
  const lines = [...(explained?.verdict ?? [])];
  const errors = report.summary.expected_error ?? [];
  const grade = errors.length > 0 ? `Trust: ${[...new Set(errors.map(({ grade: of }) => of))].join(", ")}. Predictions like these erred by ${errors.map(({ pool, metric, median, p90 }) =>
    `${(report.run.pools ?? []).length > 1 ? `${pool} ` : ""}${metric} ${formatUnit(Math.round(median * 1000) / 1000, "%")} (9 of 10 within ${formatUnit(Math.round(p90 * 1000) / 1000, "%")})`).join(", ")}.` : undefined;
  const headroom = report.what_if?.headroom;
  if (headroom?.factor !== undefined) lines.push(`${formatNumber(Number(headroom.factor.toPrecision(3)))} × this load is served within the SLO, by ${headroom.runs} runs.`);
  if (lines.length === 0 && !grade) return;
  const body = addSection("verdict", "Verdict");
  body.append(make("div", { class: "said" }, ...lines.map((line) => make("p", {}, line)), grade ? make("p", { class: "soft" }, grade) : null));
  const slos = Object.entries(report.run.slo?.classes ?? {});
  if (slos.length > 0) body.append(makeClassTable(slos));
}

/** What of each class kept its limits, and these. */
function makeClassTable(slos) {
  const limits = [["ttft_s", "TTFT limit"], ["tpot_s", "TPOT limit"], ["itl_s", "ITL limit"], ["e2e_s", "E2E limit"]].filter(([key]) => slos.some(([, slo]) => slo[key]));
  const cell = (text) => make("td", { class: "number" }, text);
  return make("div", { class: "scroll below" }, make("table", {},
    make("thead", {}, make("tr", {}, ...["class", "SLO met", ...limits.map(([, label]) => label)].map((name, i) => make("th", { scope: "col", class: i > 0 ? "number" : "" }, name)))),
    make("tbody", {}, ...slos.map(([name, slo]) => make("tr", {}, make("th", { scope: "row" }, name), cell(formatUnit(report.summary.classes?.[name]?.slo?.attainment, "%")),
      ...limits.map(([key]) => cell(slo[key] ? formatSeconds(slo[key]) : "–")))))));
}

/** What `tokenworks explain` says in words, but for what plots and bars show. */
function makeWords() {
  const shown = ["Classes", "Over time", "Engines of", "KV caches", "Sessions", "Energy and cost"];
  const told = (explained.sections ?? []).filter(({ title }) => shown.some((start) => title.startsWith(start)));
  return told.length === 0 ? null : make("div", { class: "wide words" }, make("h3", {}, "In words"), ...told.flatMap(({ title, lines }) =>
    [make("p", { class: "of" }, make("strong", {}, title)), make("ul", {}, ...lines.map((line) => make("li", {}, line.trim())))]));
}

// ---- Where time went ----

/** Shares of an interval that cannot be below nothing: what an iteration over the fabric took before it ended, its engine
 * counts as the fabric's, and puts it right as it ends, in the next interval. What is left over 100 % goes with it. */
function settleShares(all) {
  for (let i = 0; i < (all[0]?.mean.length ?? 0); i++) {
    const above = all.reduce((sum, { mean }) => sum + Math.max(0, mean[i] || 0), 0);
    const whole = all.reduce((sum, { mean }) => sum + (mean[i] || 0), 0);
    if (above > whole) for (const { mean } of all) mean[i] = (Math.max(0, mean[i]) * whole) / above;
  }
  return all;
}

/** The shares of a pool's time over the run, the largest ones and the rest. */
function addShares(body, id, table) {
  const shares = settleShares(Object.keys(table.columns).filter((name) => name.startsWith("time_"))
    .map((name) => ({ name: classNames[name.slice(5)] ?? name, mean: unpack(table.columns[name].mean) })))
    .map((series) => ({ ...series, sum: series.mean.reduce((all, value) => all + (Number.isNaN(value) ? 0 : value), 0) })).sort((a, b) => b.sum - a.sum);
  const rest = shares.slice(5);
  const series = shares.slice(0, 5);
  if (rest.some(({ sum }) => sum > 0)) series.push({ name: "the rest", mean: rest[0].mean.map((_, i) => rest.reduce((all, { mean }) => all + (Number.isNaN(mean[i]) ? 0 : mean[i]), 0)) });
  for (const one of series) one.style = isGrey(one.name) ? { ...styles[5], colour: "--soft" } : styles[placeOf(one.name)];
  if (series.length > 0) addPlot(body, { title: `${id}: accelerators' time`, help: "by what it went to, stacked", unit: "%", stacked: true, width_s: table.width_s, n: table.n, series });
}

/** What waiting requests wait for. */
function addWaits(body, id, table) {
  const names = { waiting_budget: "tokens of an iteration", waiting_seats: "places in batches", waiting_kv: "KV blocks", waiting_power: "power" };
  const series = Object.entries(names).filter(([name]) => table.columns[name]).map(([name, label]) => ({ name: label, mean: unpack(table.columns[name].mean) }))
    .filter(({ mean }) => mean.some((value) => value > 0));
  if (series.length > 0) addPlot(body, { title: `${id}: waiting per engine`, help: "by what requests wait for", unit: "", width_s: table.width_s, n: table.n, detail: true, series });
}

/** When which pool was saturated by what. */
function addSpans(body) {
  const spans = (explained.binds ?? []).filter(({ binds }) => binds !== "unsaturated");
  for (const { id } of explained.pools) {
    const own = spans.filter(({ pool }) => pool === id);
    const text = own.length > 0 ? own.map(({ binds, from_s, to_s }) => `${binds} ${formatClock(from_s)} to ${formatClock(to_s)}`).join(", ") : "unsaturated all the time";
    body.append(make("div", { class: "wide binds" }, make("h3", {}, `${id}: what binds`),
      make("div", { class: "bars", role: "img", "aria-label": text }, ...own.map(({ binds, from_s, to_s }) => make("i", { class: `phase bind-${binds.toLowerCase()}`,
        style: `left:${(100 * from_s) / runEnd}%;width:${(100 * (to_s - from_s)) / runEnd}%`, title: `${binds}: ${formatClock(from_s)} to ${formatClock(to_s)}` }))),
      own.length > 0 ? make("div", { class: "axis" }, make("span", {}, formatClock(0)), make("span", {}, formatClock(runEnd))) : null,
      own.length > 0 ? make("p", { class: "key" }, ...[...new Set(own.map(({ binds }) => binds))].map((binds) =>
        make("span", {}, make("i", { class: `phase bind-${binds.toLowerCase()}` }), binds)), make("span", {}, "empty: unsaturated")) : null,
      make("p", { class: "soft" }, text.length > 400 ? `${text.slice(0, 400)} …` : text)));
  }
}

function addWhy(pools) {
  if (!explained) return;
  const body = addSection("why", "Where time and money went", "What accelerators did, what requests waited for, and what it cost.");
  addSpans(body);
  for (const { id, series } of pools) {
    addShares(body, id, series);
    addWaits(body, id, series);
  }
  const slow = Object.entries(explained.latencies ?? {});
  const latencies = make("div", { class: "wide" }, make("h3", {}, "What the slow requests spent their time on"));
  for (const [name, { value_s: value, request, parts_s: parts }] of slow) {
    const [kind, percentile] = name.split(".");
    latencies.append(make("p", { class: "of" }, make("strong", {}, `${nameOf(kind)} ${percentile} ${formatSeconds(value)}`), ` (request ${request})`),
      makeBar(Object.entries(parts).map(([part, amount]) => [partNames[part] ?? part, amount]), "s", `${nameOf(kind)} ${percentile}`));
  }
  if (slow.length > 0) body.append(latencies);
  const words = makeWords();
  if (words) body.append(words);
  const spent = report.summary.spent ?? {};
  const bars = [["joules", "J", "Energy", "energy.site_j"], ["usd", "USD", "Cost", "cost.usd"]].filter(([kind]) => spent[kind]);
  if (bars.length > 0) body.append(make("div", { class: "wide" }, make("h3", {}, "Energy and cost, by what accelerators did"), ...bars.flatMap(([kind, unit, label, path]) =>
    [make("p", { class: "of" }, make("strong", {}, `${label} ${formatUnit(total(path), unit)}`)),
      makeBar(Object.entries(spent[kind]).map(([part, amount]) => [classNames[part] ?? part, amount]), unit, label)])));
}

// ---- What would help ----

const helpColumns = [["slo.attainment", "SLO met", (v) => `${Number((100 * v).toFixed(2))}`, "points"], ["ttft_s.p99", "TTFT p99", (v) => `${Math.round(1000 * v)}`, "ms"],
  ["tpot_s.p99", "TPOT p99", (v) => `${Number((1000 * v).toFixed(2))}`, "ms"], ["load.output_tokens_per_s", "tokens/s", (v) => formatNumber(Math.round(v)), ""],
  ["energy.j_per_output_token", "J per token", (v) => `${Number(v.toPrecision(3))}`, ""], ["cost.usd_per_million_output_tokens", "USD per M tokens", (v) => `${Number(v.toPrecision(3))}`, ""]];

function addHelp() {
  const found = report.what_if?.what_if;
  if (!found) {
    absent.push(["What would help", "`tokenworks explain DIR --what-if --headroom` runs it again with one thing changed at a time; the next report shows what it found"]);
    return;
  }
  const body = addSection("help", "What would help", `One thing changed at a time, run again ${found.by_chance === false ? "once each, as no seed changes this run" : `with ${found.seeds} seed${found.seeds > 1 ? "s" : ""} each`}; the most helpful first.${found.seeds > 1 ? " ± is half of the 95 % interval." : ""}`);
  const columns = helpColumns.filter(([metric]) => found.now[metric] !== undefined);
  const change = (knob, metric, say) => {
    const { gain, noise } = knob[metric] ?? {};
    if (gain === undefined) return "–";
    return `${gain > 0 ? "+" : ""}${say(gain)}${noise > Math.abs(gain) * 1e-3 ? ` ± ${say(noise)}` : ""}`;
  };
  body.append(make("div", { class: "scroll" }, make("table", { class: "help" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "change"), ...columns.map(([, label, , unit]) => make("th", { scope: "col", class: "number" }, unit ? `${label}, ${unit}` : label)))),
    make("tbody", {}, make("tr", {}, make("th", { scope: "row" }, "as it is"), ...columns.map(([metric, , say]) => make("td", { class: "number" }, say(found.now[metric])))),
      ...found.knobs.map((knob) => make("tr", { title: (knob.assignments ?? []).join(" ") }, make("th", { scope: "row" }, knob.name),
        ...(knob.failed ? [make("td", { colspan: columns.length }, "cannot be run")] : columns.map(([metric, , say]) => make("td", { class: "number" }, change(knob, metric, say))))))))));
}

// ---- The network ----

/** "node-12-nic_UP" is of the layer "node-#-nic_UP". */
const layerOf = (link) => link.replace(/\d+/g, "#");

/** Every link as a square, in rows by layer: NICs, leaves, spines. Dark is idle, bright is full all the time. */
function addNetworkMap() {
  const links = explained?.links ?? [];
  if (links.length === 0) return;
  const body = addSection("map", "Network map", "A square for each link, by layer: the brighter, the longer it was full. Means over seconds say little of bursts: a link that collectives fill for a fifth of the time delays every one of them.");
  const slow = report.summary.network?.slowdown;
  if (slow) body.append(make("p", {}, `A flow took ${formatNumber(Number(slow.mean.toPrecision(3)))} times as long as alone in the mean, ${formatNumber(Number(slow.p99.toPrecision(3)))} times at the 99th percentile.`));
  const top = Math.max(...links.map(({ full_s }) => full_s), 1e-12) / runEnd;
  body.append(make("div", { class: "scale" }, make("span", {}, "0 %"), make("span", { class: "ramp", style: `background:linear-gradient(to right,${cividis.map((c) => `rgb(${c})`).join()})` }),
    make("span", {}, formatShare(Number(top.toPrecision(3)))), make("span", { class: "soft" }, "share of the time at which it was full")));
  const layers = new Map();
  for (const link of links) layers.set(layerOf(link.link), [...(layers.get(layerOf(link.link)) ?? []), link]);
  const collator = new Intl.Collator("en", { numeric: true });
  const say = ({ link, bytes, full_s, used_s }) => `${link}: full ${formatShare(Number((full_s / runEnd).toPrecision(3)))} of the time, ${formatShare(Number((used_s / runEnd).toPrecision(3)))} used, ` +
    `${formatUnit(bytes, "bytes")} at ${formatNumber(Number(((8 * bytes) / runEnd / 1e9).toPrecision(3)))} Gbit/s`;
  for (const [layer, all] of [...layers].sort(([a], [b]) => collator.compare(a, b))) {
    all.sort((a, b) => collator.compare(a.link, b.link));
    const fullest = all.reduce((most, link) => (link.full_s > most.full_s ? link : most));
    body.append(make("div", { class: "layer" }, make("h3", {}, layer, make("span", { class: "soft" }, ` ${all.length} link${all.length > 1 ? "s" : ""}; fullest: ${say(fullest)}`)),
      make("div", { class: "squares", role: "img", "aria-label": `${layer}: ${all.length} links; ${say(fullest)}` },
        ...all.map((link) => make("i", { style: `background:rgb(${colourAt(link.full_s / runEnd / top)})`, title: say(link) })))));
  }
}
