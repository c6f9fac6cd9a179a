"use strict";
// An answer of `tokenworks plan`: the verdict, the designs as points that lead to their reports, and why others were dropped.

const planNumbers = [["size", "Size"], ["accelerators", "GPUs"], ["racks", "Racks"], ["attainment", "Attained", "%"], ["ttft_p99_s", "TTFT p99", "s"],
  ["tpot_p99_s", "TPOT p99", "s"], ["output_tokens_per_s", "Output tokens/s"], ["peak_w", "Peak", "W"], ["j_per_output_token", "J per token"],
  ["usd_per_million_output_tokens", "USD per million tokens"]];

const differs = (key) => report.plan.designs.some((design) => design[key] !== report.plan.designs[0][key]);
const layoutOf = ({ tp, pp, dp, ep, prefill, decode, max_batched_tokens, max_seqs, host_bytes, store, cap_w, oversubscription }) => [`tp${tp}`, pp > 1 && `pp${pp}`, dp > 1 && `dp${dp}`, ep > 1 && `ep${ep}`,
  prefill > 0 && `prefill to decode ${prefill}:${decode}`, (differs("max_batched_tokens") || differs("max_seqs")) && `${max_batched_tokens} tokens in ${max_seqs} places`, host_bytes && `${formatUnit(host_bytes, "bytes")} of host memory for KV${store ? " and the store" : ""}`, cap_w && `capped at ${formatUnit(cap_w, "W")}`,
  oversubscription && `${formatNumber(oversubscription)} times the power`].filter(Boolean).join(" ");
const reportOf = (design) => (design.rank ? `reports/${encodeURIComponent(design.name)}.html` : undefined);
const linked = (design, ...children) => (design.rank ? make("a", { href: reportOf(design) }, ...children) : make("span", {}, ...children));
const planCell = (design, [key, , unit]) => make("td", { class: "number" }, design[key] === undefined ? "" : unit ? formatUnit(design[key], unit) : formatNumber(design[key]));

function addVerdict(plan) {
  const body = addSection("answer", "Answer", plan.description || undefined);
  body.append(...plan.verdict.split("\n").filter(Boolean).map((line) => make("p", {}, line)));
}

function addRanked(plan) {
  const ranked = plan.designs.filter((design) => design.rank).sort((a, b) => a.rank - b.rank);
  if (ranked.length === 0) return;
  const shown = planNumbers.filter(([key]) => ranked.some((design) => design[key] !== undefined));
  const body = addSection("best", "The best designs", `By ${plan.objective}; each links to the report of its run on the whole load.`);
  body.append(make("div", { class: "scroll" }, make("table", { id: "ranked" }, make("thead", {}, make("tr", {}, ...["", "Site", "Model", "Layout", "Router"].map((title) => make("th", { scope: "col" }, title)),
    ...shown.map(([, title]) => make("th", { scope: "col", class: "number" }, title)))),
  make("tbody", {}, ...ranked.map((design) => make("tr", {}, make("th", { scope: "row" }, String(design.rank)), make("td", {}, linked(design, design.site)),
    make("td", {}, `${design.model} ${design.weights}`), make("td", {}, layoutOf(design)), make("td", {}, design.router), ...shown.map((column) => planCell(design, column))))))));
}

const svg = (tag, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/** Round values, of which each is about twice the one before, that reach from low to high. */
function octaves(low, high) {
  const ticks = [];
  for (let exponent = Math.floor(Math.log2(low)); 2 ** exponent <= high * 2; exponent++) ticks.push(2 ** exponent);
  return ticks;
}

/** Points that are links, which a canvas cannot hold: accelerators against joules (or USD) of a token, a colour per site. */
function addPoints(plan) {
  const y = plan.objective === "cost" ? ["usd_per_million_output_tokens", "USD per million output tokens"] : ["j_per_output_token", "J per output token"];
  const points = plan.designs.filter((design) => design.accelerators > 0 && design[y[0]] > 0);
  if (points.length < 2) return;
  const sites = [...new Set(plan.designs.map((design) => design.site))];
  const [width, height, left, bottom] = [900, 380, 70, 45];
  const xTicks = octaves(Math.min(...points.map((p) => p.accelerators)), Math.max(...points.map((p) => p.accelerators)));
  const yTicks = octaves(Math.min(...points.map((p) => p[y[0]])), Math.max(...points.map((p) => p[y[0]])));
  const place = (value, ticks, from, to) => from + ((to - from) * Math.log2(value / ticks[0])) / Math.log2(ticks[ticks.length - 1] / ticks[0]);
  const atX = (value) => place(value, xTicks, left, width - 15), atY = (value) => place(value, yTicks, height - bottom, 15);
  const colour = (design) => `var(--c${(sites.indexOf(design.site) % 6) + 1})`;
  const text = (x, at, words, anchor) => svg("text", { x, y: at, "text-anchor": anchor, fill: "var(--soft)", "font-size": 13 }, words);
  const mark = (design) => {
    const circle = svg("circle", { cx: atX(design.accelerators), cy: atY(design[y[0]]), r: design.rank ? 8 : 5, stroke: colour(design), "stroke-width": 2,
      fill: design.rank ? colour(design) : "none" }, svg("title", {}, `${design.site}, ${layoutOf(design)}, ${design.router}: ${formatNumber(design.accelerators)} accelerators, `
      + `${formatNumber(design[y[0]])} ${y[1]}${design.dropped ? ` (dropped: ${design.dropped})` : ""}`));
    return design.rank ? svg("a", { href: reportOf(design), "aria-label": `Report of ${design.name}` }, circle) : circle;
  };
  const body = addSection("designs", "Designs that were run", `Accelerators that the load needs, and ${y[1]}: down and to the left is better. Filled: run on the whole load, and linked to `
    + "its report. Hollow: dropped after a slice of it, whose numbers are of the slice.");
  body.append(make("div", { class: "scroll" }, svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": "Designs by accelerators and energy", id: "points" },
    ...xTicks.flatMap((tick) => [svg("line", { x1: atX(tick), x2: atX(tick), y1: 15, y2: height - bottom, stroke: "var(--grid)" }), text(atX(tick), height - bottom + 18, formatNumber(tick), "middle")]),
    ...yTicks.flatMap((tick) => [svg("line", { x1: left, x2: width - 15, y1: atY(tick), y2: atY(tick), stroke: "var(--grid)" }), text(left - 8, atY(tick) + 4, formatNumber(tick), "end")]),
    text((left + width) / 2, height - 6, "accelerators", "middle"), text(left, 11, y[1], "start"), ...points.sort((a, b) => (b.rank ?? 1e9) - (a.rank ?? 1e9)).map(mark))),
  make("p", { class: "legend" }, ...sites.map((site) => make("span", {}, make("span", { style: `color: ${colour({ site })}` }, "●"), ` ${site}`))));
}

function addChecks(plan) {
  if (plan.checks.length === 0) return;
  const body = addSection("checks", "The same site under other circumstances");
  const shown = planNumbers.filter(([key]) => plan.checks.some((check) => check[key] !== undefined));
  body.append(make("div", { class: "scroll" }, make("table", { id: "checks-table" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, ""), make("th", { scope: "col" }, ""),
    ...shown.map(([, title]) => make("th", { scope: "col", class: "number" }, title)))), make("tbody", {}, ...plan.checks.map((check) => make("tr", {}, make("th", { scope: "row" }, check.name),
    make("td", {}, check.holds ? "holds" : "breaks"), ...shown.map((column) => planCell(check, column))))))));
}

function addDropped(plan) {
  const reasons = new Map();
  for (const { dropped } of plan.designs.filter((design) => design.dropped)) {
    const kind = dropped.split(":")[0];
    reasons.set(kind, { n: (reasons.get(kind)?.n ?? 0) + 1, example: dropped });
  }
  if (reasons.size === 0) return;
  const body = addSection("dropped", "Dropped", `Of ${plan.designs.length} designs; plan.csv has each.`);
  body.append(make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "number" }, "Designs"), make("th", { scope: "col" }, "Why"))),
    make("tbody", {}, ...[...reasons.values()].sort((a, b) => b.n - a.n).map(({ n, example }) => make("tr", {}, make("td", { class: "number" }, String(n)), make("td", {}, example)))))));
}

function makePlan() {
  setUpTheme();
  document.title = `${report.run.name} – Tokenworks plan`;
  document.getElementById("subtitle").textContent = report.plan.load_text;
  for (const id of ["zoom", "log-scale"]) document.getElementById(id).closest("form, label").hidden = true;
  document.querySelector("footer").hidden = true;
  addVerdict(report.plan);
  addRanked(report.plan);
  addPoints(report.plan);
  addChecks(report.plan);
  addDropped(report.plan);
  document.documentElement.dataset.ready = "true";
}
