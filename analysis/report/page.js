"use strict";
// Puts the page together: a section for everything that the run has, in the order of what one asks first.

const content = document.getElementById("content");
const drawn = []; // what is drawn again when the theme changes
const absent = []; // [what, why]
const reasons = total("tokens.reasoning") > 0;
/** In the order in which a request meets them; without reasoning TTFAT is TTFT. */
const latencyKinds = ["queue_s", "ttft_s", ...(reasons ? ["ttfat_s"] : []), "tpot_s", ...(report.summary.itl_s ? ["itl_s"] : []), "e2e_s"];

/** Adds a section and its entry in the navigation. */
function addSection(id, title, help) {
  const body = make("div", { class: "body" });
  content.append(make("section", { id }, make("h2", {}, title), help ? make("p", { class: "soft" }, help) : null, body));
  document.getElementById("sections").append(make("a", { href: `#${id}` }, title));
  return body;
}

function addPlot(parent, options) {
  if (options.series.length > 0) drawn.push(new TimePlot(parent, options));
}

// ---- Headline ----

/** [title, path of the large number, unit, [[label, path, unit], ...]]; numbers are those of summary.json. */
const cards = [
  ["Completed", "requests.completed", "", [["of arrived", "requests.arrived", ""], ["rejected", "requests.rejected", ""], ["failed", "requests.failed", ""],
    ["cancelled", "requests.cancelled", ""], ["unfinished", "requests.unfinished", ""], ["preemptions", "preemptions", ""]]],
  ["SLO attainment", "slo.attainment", "%", [["goodput", "slo.goodput_requests_per_s", "/s"], ["unfinished, counted as missed", "slo.unjudged", ""]]],
  ["TTFT p99", "ttft_s.p99", "s", [["p50", "ttft_s.p50", "s"], ["p90", "ttft_s.p90", "s"], ["max", "ttft_s.max", "s"]]],
  ["TPOT p99", "tpot_s.p99", "s", [["p50", "tpot_s.p50", "s"], ["p90", "tpot_s.p90", "s"], ["max", "tpot_s.max", "s"]]],
  ["Output tokens/s", "throughput.output_tokens_per_s", "", [["all tokens/s", "throughput.total_tokens_per_s", ""],
    ["per accelerator", "throughput.output_tokens_per_s_per_accelerator", ""], ["requests/s", "throughput.requests_per_s", ""], ["until the last arrival", "load.output_tokens_per_s", ""]]],
  ["Accelerators busy", "utilization.accelerator_busy", "%", [["MFU", "utilization.mfu", "%"], ["MBU", "utilization.mbu", "%"], ["KV cache used", "utilization.kv_used", "%"],
    ["until the last arrival", "load.accelerator_busy", "%"]]],
  ["Output tokens", "tokens.output", "", [["prompt", "tokens.prompt", ""], ["cached", "tokens.prompt_cached", ""], ["reasoning", "tokens.reasoning", ""],
    ["computed again", "tokens.recomputed", ""]]],
  ["Average power", "energy.average_w", "W", [["peak", "energy.peak_w", "W"], ["energy", "energy.site_j", "J"], [total("spent.joules.jobs") > 0 ? "per output token, jobs apart" : "per output token", "energy.j_per_output_token", "J"],
    ["output tokens/s per MW", "energy.output_tokens_per_s_per_mw", ""], ["until the last arrival", "load.average_w", "W"]]],
  ["Training MFU", "training.mfu", "%", [["step", "training.step_s", "s"], ["steps", "training.steps", ""], ["tokens/s", "training.tokens_per_s", ""], ["goodput", "training.goodput", "%"],
    ["exposed collectives", "training.share.exposed", "%"], ["stops by failures", "training.stops", ""], ["power may not rise at once", "training.share.throttled", "%"]]],
  ["Swing at the grid", "grid.swing_w", "W", [["of the load", "grid.load_swing_w", "W"], ["peak", "grid.peak_w", "W"], ["MW/s", "grid.ramp_mw_per_s", ""], ["over the ramp limit", "grid.exceeded_s", "s"],
    ["lost in the battery", "grid.battery_loss_j", "J"], ["battery used", "grid.battery_used_j", "J"], ["burnt", "grid.burnt_j", "J"]]],
  [total("cost.capital_usd") != null ? "USD per M output tokens" : "Electricity, USD per M output tokens", "cost.usd_per_million_output_tokens", "", [["per M input tokens", "cost.usd_per_million_tokens.input", "USD"], ["in all", "cost.usd", "USD"],
    ["electricity", "cost.electricity_usd", "USD"], ["accelerators and racks", "cost.capital_usd", "USD"]]],
  ["gCO₂ per M output tokens", "carbon.g_per_million_output_tokens", "", [["in all", "carbon.g", "g"]]],
  ["Peak link utilization", "network.peak_link_utilization", "%", [["KV transfers", "network.kv_bytes", "bytes"], ["collectives", "network.collective_bytes", "bytes"],
    ["flows, times as long as alone", "network.slowdown.mean", ""]]],
];

const number = (tag, path, unit) => make(tag, { "data-key": path, "data-value": total(path), title: `${path} = ${total(path)}` }, formatUnit(total(path), unit));

/** Totals that are zero say little on a card, except for the one it is about. */
const worthSaying = (path) => total(path) !== undefined && total(path) !== null && total(path) !== 0;

function addHeadline() {
  const body = addSection("headline", "Headline");
  const grid = make("div", { class: "cards" });
  for (const [title, path, unit, lines] of cards) {
    if (total(path) === undefined || total(path) === null || (total("engines") === 0 && total(path) === 0)) continue;
    grid.append(make("div", { class: "card" }, make("h3", {}, title), number("strong", path, unit),
      make("dl", {}, ...lines.filter(([, line]) => worthSaying(line)).flatMap(([label, line, of]) => [make("dt", {}, label), number("dd", line, of)]))));
  }
  body.append(grid, latencyKinds.some((kind) => total(`${kind}.p50`) !== undefined) ? makeLatencyTable() : "");
}

function makeLatencyTable() {
  const statistics = ["mean", "p50", "p90", "p95", "p99", "max"];
  const kinds = latencyKinds.filter((kind) => total(`${kind}.p50`) !== undefined);
  const slo = report.run.slo ?? {};
  const limited = kinds.some((kind) => slo[kind]);
  return make("div", { class: "scroll" }, make("table", { class: "latencies" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Latency"), ...statistics.map((name) => make("th", { scope: "col", class: "number" }, name)),
      ...(limited ? ["SLO", "within"] : []).map((name) => make("th", { scope: "col", class: "number" }, name)))),
    make("tbody", {}, ...kinds.map((kind) => {
      const distribution = report.distributions[kind];
      const within = distribution?.slo;
      return make("tr", {}, make("th", { scope: "row", title: latencyHelp[kind] }, nameOf(kind)),
        ...statistics.map((name) => number("td", `${kind}.${name}`, "s")),
        ...(limited ? [slo[kind] ? formatSeconds(slo[kind]) : "", within ? formatUnit(within.within / distribution.n, "%") : ""] : []).map((text) => make("td", {}, text)));
    }))));
}

// ---- Over time ----

function addLoad(site) {
  const rates = seriesOf(site, ["arrived", "completed", "rejected"]).filter((series) => series.name !== "rejected" || series.mean.some((v) => v > 0));
  const gauges = seriesOf(site, ["running", "waiting"]);
  const tokens = seriesOf(site, Object.keys(site.columns).filter((name) => name.endsWith("_tokens_per_s")));
  const busy = seriesOf(site, Object.keys(site.columns).filter((name) => site.columns[name].unit === "" && !site.columns[name].per_s));
  const body = addSection("load", "Load", "What came in, what went out, and what was in between.");
  const common = { width_s: site.width_s, n: site.n, detail: true };
  addPlot(body, { ...common, title: "Requests in and out", help: "per second", unit: "", series: rates });
  addPlot(body, { ...common, title: "Requests in the system", help: "running in batches, waiting", unit: "", series: gauges });
  addPlot(body, { ...common, title: "Tokens", help: "per second, by kind", unit: "", series: tokens });
  addPlot(body, { ...common, title: "Accelerators of the site", help: "share of their time", unit: "%", series: busy });
}

function addLatency() {
  if (!latencyKinds.some((kind) => report.distributions[kind])) {
    absent.push(["Latencies", "no request of the measurement window was completed"]);
    return;
  }
  const body = addSection("latency", "Latency", `Of completed requests by their arrival, per ${formatSeconds(report.latency.width_s)}.`);
  for (const kind of latencyKinds) {
    const column = report.latency.columns[kind];
    if (!column || !unpack(column.count).some((count) => count > 0)) continue;
    const limit = report.run.slo?.[kind];
    addPlot(body, {
      title: nameOf(kind), help: latencyHelp[kind], unit: "s", latency: true, width_s: report.latency.width_s, n: report.latency.n,
      limit: limit ? { value: limit, name: "SLO" } : undefined,
      series: ["p50", "p90", "p99", "max"].map((name) => ({ name, mean: unpack(column[name]), style: quantileStyles[name] })),
    });
  }
}

function addDistributions() {
  if (!latencyKinds.some((kind) => report.distributions[kind])) return;
  const measured = report.run.warmup_s > 0 || report.run.drain_s > 0;
  const body = addSection("distributions", "Distributions", measured ? "Of completed requests of the measurement window." : "Of all completed requests.");
  for (const kind of latencyKinds)
    if (report.distributions[kind]) drawn.push(new DistributionPlot(body, kind, report.distributions[kind]));
}

function addPools(pools) {
  const body = addSection("pools", "Pools", "Means over the engines of a pool; bands reach over single engines.");
  for (const { id, engines, series: table } of pools) {
    const about = (report.run.pools ?? []).find((pool) => pool.id === id);
    const columns = Object.keys(table.columns);
    const common = { width_s: table.width_s, n: table.n, detail: true };
    body.append(make("h3", { class: "pool" }, id, make("span", { class: "soft" }, ` ${engines} engine${engines > 1 ? "s" : ""}${about
      ? `, ${about.model}, TP ${about.tp}${about.pp > 1 ? `, PP ${about.pp}` : ""}${about.dp > 1 ? `, DP ${about.dp}` : ""}${about.ep > 1 ? `, EP ${about.ep}` : ""} on ${about.device}` : ""}`)));
    addPlot(body, { ...common, title: `${id}: utilization`, help: "share of time, peak or capacity", unit: "%",
      series: seriesOf(table, columns.filter((name) => table.columns[name].unit === "" && !/^(time|waiting)_/.test(name))) });
    addPlot(body, { ...common, title: `${id}: requests per engine`, help: "running in its batch, waiting", unit: "", series: seriesOf(table, ["running", "waiting"]) });
    addPlot(body, { ...common, title: `${id}: tokens per engine`, help: "per second", unit: "",
      series: seriesOf(table, columns.filter((name) => table.columns[name].unit === "tokens")) });
    addPlot(body, { ...common, title: `${id}: power per engine`, help: "of its accelerators", unit: "W",
      series: seriesOf(table, columns.filter((name) => table.columns[name].unit === "W")) });
  }
}

function addEnergy(site) {
  const watts = Object.keys(site.columns).filter((name) => site.columns[name].unit === "W" && !["total_w", "grid_w"].includes(name));
  const missing = report.summary.energy?.missing;
  if (watts.length === 0) {
    absent.push(["Energy, cost and carbon", missing ? `the platform lacks ${missing}` : "the run has no power data"]);
    return;
  }
  const body = addSection("energy", "Energy", "Power of the site by part, and what electricity cost and emitted.");
  if (missing) body.append(make("p", { class: "notice" }, `The energy of the site is unknown: the platform lacks ${missing}. The parts that are known are shown.`));
  const common = { width_s: site.width_s, n: site.n, detail: true };
  const fromGrid = seriesOf(site, ["grid_w"]).map((series) => ({ ...series, line: true, style: { colour: "--ink", dash: [], width: 1.6 } }));
  const total = seriesOf(site, ["total_w"]).map((series) => ({ ...series, name: "peak of all", line: true, style: { colour: "--c6", dash: [2, 3], width: 1.4 } }));
  addPlot(body, { ...common, title: "Power by part", help: "means, stacked; and the peak of their sum", unit: "W", stacked: true, series: [...seriesOf(site, watts), ...total, ...fromGrid] });
  const power = unpack(site.columns[["grid_w", "total_w"].find((name) => site.columns[name]) ?? watts[0]].mean);
  const accumulate = (rate) => {
    let sum = 0;
    return power.map((w, i) => (sum += Number.isNaN(w) ? 0 : w * rate(i) * Math.max(0, Math.min(site.width_s, runEnd - i * site.width_s))));
  };
  for (const [name, title, perUnit, unit] of [["price_usd_per_kwh", "Cost of electricity", "USD/kWh", "USD"], ["carbon_g_per_kwh", "Carbon", "g/kWh", "g"]]) {
    if (!site.columns[name]) continue;
    const intensity = unpack(site.columns[name].mean);
    addPlot(body, { ...common, title: nameOf(name), help: perUnit, unit: "", series: seriesOf(site, [name]) });
    addPlot(body, { ...common, detail: false, title: `${title} so far`, help: unit, unit: "",
      series: [{ name: unit, mean: accumulate((i) => intensity[i] / 3.6e6) }] });
  }
}

function addLinks(links) {
  const body = addSection("links", "Links", `The busiest ${links.names.length} of ${links.count} links that carried anything, by their peak.`);
  for (const [name, column] of Object.entries(links.columns)) {
    const [mean, max] = [unpack(column.mean), unpack(column.max ?? column.mean)];
    const part = (values, i) => values.slice(i * links.n, (i + 1) * links.n);
    addPlot(body, { title: `Links: ${nameOf(name)}`, help: column.per_s ? "per second" : "", unit: column.unit === "" ? "%" : column.per_s ? `${column.unit}/s` : column.unit,
      width_s: links.width_s, n: links.n, detail: true,
      series: links.names.slice(0, styles.length).map((link, i) => ({ name: link, mean: part(mean, i), max: part(max, i), min: part(mean, i) })) });
  }
  const peaks = Object.entries(links.columns).map(([name, column]) => [name, column, unpack(column.max ?? column.mean)]);
  body.append(make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "link"), ...peaks.map(([name]) => make("th", { scope: "col", class: "number" }, `peak ${nameOf(name)}`)))),
    make("tbody", {}, ...links.names.map((link, i) => make("tr", {}, make("th", { scope: "row" }, link), ...peaks.map(([, column, max]) => {
      const peak = max.slice(i * links.n, (i + 1) * links.n).reduce((most, value) => (value > most ? value : most), 0);
      return make("td", { class: "number" }, formatUnit(peak, column.unit === "" ? "%" : column.per_s ? `${column.unit}/s` : column.unit));
    })))))));
}

// ---- What ran ----

function addRan() {
  const body = addSection("ran", "What ran");
  const { run, summary } = report;
  const facts = [["Scenario", run.name], ["Platform", run.platform && `${run.platform.name}: ${formatNumber(run.platform.accelerators)} accelerators on ${formatNumber(run.platform.hosts)} hosts`],
    ["Seed", run.seed], ["Tokenworks", run.tokenworks], ["SimGrid", run.simgrid], ["Simulated", formatSeconds(report.end_s)],
    ["Took", summary.wall_s && `${formatSeconds(summary.wall_s)} (${formatSeconds(summary.cpu_s)} of processor time)`],
    ["Measured", run.warmup_s > 0 || run.drain_s > 0 ? `from ${formatSeconds(run.warmup_s)} to ${formatSeconds(report.end_s - run.drain_s)}` : "the whole run"],
    ["After the last arrival", summary.load?.drain_share > 0.1 ? `${formatUnit(summary.load.drain_share, "%")} of the run: rates over the whole run count the drain of its last requests` : undefined],
    ["Expected error", summary.expected_error?.map(e => `${e.pool}: ${e.metric} ± ${formatUnit(e.median, "%")} in the median, 9 of 10 within ${formatUnit(e.p90, "%")} (${e.grade}: ${e.rows} rows, nearest ${e.nearest})`).join("; ")]];
  body.append(make("dl", { class: "facts" }, ...facts.filter(([, value]) => value !== undefined && value !== null && value !== "")
    .flatMap(([label, value]) => [make("dt", {}, label), make("dd", {}, String(value))])));
  body.append(make("h3", {}, "Inputs"), make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "file"), make("th", { scope: "col" }, "SHA-256"))),
    make("tbody", {}, ...(run.inputs ?? []).map(({ file, sha256 }) => make("tr", {}, make("td", {}, file), make("td", {}, make("code", {}, sha256 ?? "not read to its end"))))))));
  if (absent.length > 0)
    body.append(make("h3", {}, "Not in this run"), make("ul", {}, ...absent.map(([what, why]) => make("li", {}, `${what}: ${why}.`))));
  const leaves = [];
  const collect = (value, path) => {
    if (value !== null && typeof value === "object") for (const [key, inner] of Object.entries(value)) collect(inner, path ? `${path}.${key}` : key);
    else leaves.push([path, value]);
  };
  collect(summary, "");
  body.append(make("details", {}, make("summary", {}, `Every total (${leaves.length})`), make("div", { class: "scroll" }, make("table", { class: "totals" }, make("tbody", {},
    ...leaves.map(([path, value]) => {
      const [unit, help] = report.metrics?.[path] ?? ["", ""];
      return make("tr", {}, make("th", { scope: "row" }, make("code", {}, path)), make("td", { "data-total": path }, String(value)), make("td", {}, unit), make("td", {}, help));
    }))))));
  if (run.scenario) body.append(make("details", {}, make("summary", {}, "Scenario as it was understood"), make("pre", {}, run.scenario)));
}

function addEndings() {
  const body = addSection("endings", "Not completed", "Requests that were rejected, failed, cancelled or left over, by reason.");
  body.append(make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "state"), make("th", { scope: "col" }, "reason"), make("th", { scope: "col", class: "number" }, "requests"))),
    make("tbody", {}, ...report.endings.map(({ state, reason, count }) => make("tr", {}, make("td", {}, state), make("td", {}, reason), make("td", { class: "number" }, formatNumber(count)))))));
}

function addNotice() {
  const notice = document.getElementById("notice");
  if (report.recomputed) notice.textContent = "This run left no summary: it was killed, or still goes. Its totals were computed from the tables as far as they were written.";
  else if (report.summary.partial && report.summary.requests?.arrived > 0) notice.textContent = "This run was cut short: requests that were still in it count as unfinished.";
  notice.hidden = notice.textContent === "";
}

// ---- Controls ----

function setUpZoom() {
  const [from, to] = [document.getElementById("zoom-from"), document.getElementById("zoom-to")];
  zoom.listeners.push((start, end) => {
    const step = (end - start) / 100;
    from.value = formatClock(start, Math.min(1, step));
    to.value = formatClock(end, Math.min(1, step));
    from.removeAttribute("aria-invalid");
    to.removeAttribute("aria-invalid");
  });
  document.getElementById("zoom").addEventListener("submit", (event) => {
    event.preventDefault();
    const [start, end] = [parseClock(from.value), parseClock(to.value)];
    from.setAttribute("aria-invalid", String(Number.isNaN(start)));
    to.setAttribute("aria-invalid", String(!(end > start)));
    if (end > start) zoom.set(start, end);
  });
  document.getElementById("zoom-reset").addEventListener("click", () => zoom.reset());
  document.getElementById("log-scale").addEventListener("change", () => drawn.filter((plot) => plot.latency).forEach((plot) => plot.draw()));
  zoom.reset();
}

const redraw = () => { for (const plot of new Set([...drawn, ...zoom.plots])) plot.draw(); };

/** Light, dark, or what the system says; paper is always light. */
function setUpTheme() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = (theme) => {
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
  };
  let chosen;
  try {
    chosen = localStorage.getItem("tokenworks-theme");
  } catch {
    chosen = null; // a page from a file may have no storage
  }
  show(chosen ?? (system.matches ? "dark" : "light"));
  button.addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("tokenworks-theme", chosen);
    } catch {
      // then it holds for this visit
    }
    show(chosen);
    redraw();
  });
  system.addEventListener("change", () => {
    if (chosen) return;
    show(system.matches ? "dark" : "light");
    redraw();
  });
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.classList.add("on-paper"); // plots are drawn as wide as they are printed
    show("light");
    redraw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("on-paper");
    show(before);
    redraw();
  });
}

// ---- The page ----

const hasColumns = (table) => Object.keys(table?.columns ?? {}).length > 0;

function makePage() {
  const { run, racks, links } = report;
  const site = hasColumns(report.site) ? report.site : undefined;
  const pools = (report.pools ?? []).filter((pool) => hasColumns(pool.series));
  setUpTheme();
  document.getElementById("subtitle").textContent = [run.platform?.name, run.platform && `${formatNumber(run.platform.accelerators)} accelerators`,
    [...new Set((run.pools ?? []).map((pool) => pool.model))].join(", "), `${formatSeconds(report.end_s)} simulated`].filter(Boolean).join(" · ");
  addNotice();
  addRunVerdict();
  addHeadline();
  addWhy(pools);
  addHelp();
  if (site && (pools.length > 0 || total("requests.arrived") > 0)) addLoad(site);
  addEvents(pools);
  if ((report.jobs ?? []).some((job) => hasColumns(job.series))) addJobs(report.jobs.filter((job) => hasColumns(job.series)));
  addLatency();
  addDistributions();
  if (pools.length > 0) addPools(pools);
  if (site) addEnergy(site);
  if (hasColumns(report.sites)) addSites(report.sites, run.sites ?? [], report.ways);
  if (hasColumns(links)) addLinks(links);
  else absent.push(["Links", "the run has no table of links, or nothing crossed one"]);
  addNetworkMap();
  if (hasColumns(racks)) {
    const floor = new Floor(addSection("floor", "Floor plan", "Choose a rack to see it over time."), racks, run.platform?.racks ?? []);
    drawn.push({ draw: () => floor.showFrame(floor.frames.frame) });
  }
  if (Object.values(report.slowest).some((rows) => rows.length > 0)) new SlowestRequests(addSection("slowest", "Slowest requests"), report.slowest);
  if (report.endings.length > 0) addEndings();
  addRan();
  setUpZoom();
  document.documentElement.dataset.ready = "true";
}

if (report.compared) makeComparison();
else if (report.plan) makePlan();
else if (report.sweep) makeSweep();
else makePage();
