"use strict";
// An answer of `tokenworks plan`: the verdict, the designs as points that lead to their reports, and why others were dropped.

const planNumbers = [["size", "Size"], ["accelerators", "GPUs"], ["racks", "Racks"], ["load", "Times the load"], ["attainment", "Attained", "%"], ["ttft_p99_s", "TTFT p99", "s"],
  ["tpot_p99_s", "TPOT p99", "s"], ["output_tokens_per_s", "Output tokens/s"], ["peak_w", "Peak", "W"], ["j_per_output_token", "J per token"],
  ["usd_per_million_output_tokens", "USD per million tokens"]];

const differs = (key) => report.plan.designs.some((design) => design[key] !== report.plan.designs[0][key]);
const layoutOf = ({ tp, pp, dp, ep, prefill, decode, max_batched_tokens, max_seqs, host_bytes, store, cap_w, oversubscription, prefill_engines, decode_engines }) => [`tp${tp}`, pp > 1 && `pp${pp}`, dp > 1 && `dp${dp}`, ep > 1 && `ep${ep}`,
  prefill > 0 && (prefill_engines ? `${prefill_engines} prefill and ${decode_engines} decode` : `prefill to decode ${prefill}:${decode}`), (differs("max_batched_tokens") || differs("max_seqs")) && `${max_batched_tokens} tokens in ${max_seqs} places`, host_bytes && `${formatUnit(host_bytes, "B")} of host memory for KV${store ? " and the store" : ""}`, cap_w && `capped at ${formatUnit(cap_w, "W")}`,
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

/** Accelerators, or the load that they serve, against joules (or USD) of a token, or one objective against the other; a colour per site. */
function addPoints(plan) {
  const [first, second] = plan.beside ? [["objective", plan.unit], ["beside", plan.beside_unit]]
    : [plan.objective === "load" ? ["load", "times the load"] : ["accelerators", "accelerators"], plan.objective === "cost" ? ["usd_per_million_output_tokens", "USD per million output tokens"] : ["j_per_output_token", "J per output token"]];
  const points = plan.designs.filter((design) => design[first[0]] > 0 && design[second[0]] > 0);
  if (points.length < 2) return;
  const sites = [...new Set(plan.designs.map((design) => design.site))];
  const colour = (design) => colourOfSeries(sites.indexOf(design.site));
  const title = (design) => `${design.site}, ${layoutOf(design)}, ${design.router}: ${formatNumber(design[first[0]])} ${first[1]}, ${formatNumber(design[second[0]])} ${second[1]}`
    + `${design.dropped ? ` (dropped: ${design.dropped})` : ""}`;
  const scale = ([key]) => numberScale(points.map((design) => design[key]), true);
  const body = addSection("designs", "Designs that were run", `${plan.beside ? `${plan.objective} and ${plan.beside}: those that no other beats in both are joined.`
    : plan.objective === "load" ? `The load that is served, and ${second[1]}: down and to the right is better.`
      : `Accelerators that the load needs, and ${second[1]}: down and to the left is better.`} Filled: run on the whole load, and linked to its report. Hollow: dropped after a slice of it, whose `
    + "numbers are of the slice.");
  const front = points.filter((design) => design.front).sort((a, b) => a[first[0]] - b[first[0]]);
  body.append(make("div", { class: "scroll" }, pointPlot({ id: "points", label: `Designs by ${first[1]} and ${second[1]}`, width: Math.min(900, body.clientWidth), height: 380, x: scale(first), y: scale(second), xLabel: first[1],
    yLabel: second[1], marks: (atX, atY) => [front.length > 1 ? svg("polyline", { points: front.map((design) => `${atX(design[first[0]])},${atY(design[second[0]])}`).join(" "), fill: "none",
      stroke: "var(--soft)", "stroke-dasharray": "4 4" }) : "",
    ...points.sort((a, b) => (b.rank ?? 1e9) - (a.rank ?? 1e9)).map((design) => mark(atX(design[first[0]]), atY(design[second[0]]),
      { title: title(design), href: reportOf(design), colour: colour(design), filled: Boolean(design.rank), radius: design.rank ? 8 : 5 }))] })),
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
