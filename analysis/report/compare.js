"use strict";
// Runs overlaid: the page of `tokenworks compare --report`.

const letter = (i) => String.fromCharCode(65 + (i % 26));

/** A name that may be broken behind its dots and underscores. */
const breakable = (name) => name.replace(/[._]/g, "$&\u200b");

/** Values over n buckets of the given width, held where theirs are wider, absent where the run had ended. */
function held(values, width, n, finest) {
  return Float32Array.from({ length: n }, (_, i) => values[Math.floor((i + 0.5) * finest / width)] ?? NaN);
}

/** A series per run of one column of their tables, on the finest of their buckets; undefined where no run has it. */
function overlay(tables, name, mean, extremes) {
  const finest = Math.min(...tables.filter((table) => table).map((table) => table.width_s));
  const n = Math.ceil(report.end_s / finest - 1e-9);
  const series = tables.flatMap((table, i) => {
    const column = table?.columns[name];
    if (!column) return [];
    const take = (part) => column[part] && held(unpack(column[part]), table.width_s, n, finest);
    const [low, high] = extremes ? [take("min"), take("max")] : [];
    return [{ name: `${letter(i)} ${report.compared[i].label}`, mean: take(mean), min: low, max: high, style: styles[i % styles.length] }];
  });
  return { series, width_s: finest, n };
}

function addDifferences({ groups, notes, metrics }) {
  const body = addSection("differences", "Differences", "From A, the first run; whether they are better or worse for the metric.");
  const cell = (value, format = formatNumber) => make("td", { class: "number" }, value === undefined ? "" : format(value));
  const signed = (value) => (value > 0 ? `+${formatNumber(value)}` : formatNumber(value));
  const percent = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)} %`;
  const several = groups.some((group) => group.runs > 1);
  const titles = groups.flatMap((group, i) => (i === 0 ? ["A"] : [letter(i), `${letter(i)} − A`, "", ...(several ? ["p"] : []), ""]));
  const row = ({ name, unit, groups: values }) => make("tr", { "data-metric": name }, make("th", { scope: "row" }, breakable(name), make("span", { class: "soft" }, unit ? ` ${unit}` : "")),
    ...values.flatMap((value, i) => (i === 0 ? [cell(value.mean)] : [cell(value.mean), cell(value.difference, signed), cell(value.relative, percent),
      ...(several ? [cell(value.p)] : []), make("td", {}, value.verdict ?? "")])));
  body.append(make("ul", {}, ...groups.map((group, i) => make("li", {}, `${letter(i)}: ${group.label}`,
    group.runs > 1 ? ` (means of ${group.runs} runs; plots show the first)` : "", group.partial > 0 ? " (cut short)" : ""))),
  ...notes.map((note) => make("p", {}, note)),
  make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Metric"),
    ...titles.map((title) => make("th", { scope: "col", class: "number" }, title)))), make("tbody", {}, ...metrics.map(row)))));
}

function addOverlaidSite() {
  const tables = report.compared.map((run) => (hasColumns(run.site) ? run.site : undefined));
  const columns = Object.assign({}, ...tables.map((table) => table?.columns));
  if (Object.keys(columns).length === 0) return;
  const body = addSection("load", "The sites over time");
  for (const [name, { unit, help, per_s: rate }] of Object.entries(columns)) {
    const overlaid = overlay(tables, name, "mean", true);
    if (overlaid.series.every((series) => series.mean.every((value) => value === 0 || Number.isNaN(value)))) continue; // rejected, as a rule
    addPlot(body, { ...overlaid, title: nameOf(name), help: rate ? `${help}, per second` : help,
      unit: unit === "" && !rate ? "%" : unit === "W" ? "W" : "", detail: true });
  }
}

function addOverlaidLatency() {
  const body = addSection("latency", "Latency", "Of completed requests by their arrival.");
  const tables = report.compared.map((run) => run.latency);
  for (const kind of latencyKinds)
    for (const quantile of ["p50", "p99"])
      addPlot(body, { ...overlay(tables, kind, quantile, false), title: `${nameOf(kind)} ${quantile}`, help: latencyHelp[kind], unit: "s", latency: true });
}

function makeComparison() {
  setUpTheme();
  document.getElementById("subtitle").textContent = report.compared.map(({ label }, i) => `${letter(i)} ${label}`).join(" · ");
  addDifferences(report.comparison);
  addOverlaidSite();
  addOverlaidLatency();
  setUpZoom();
  document.documentElement.dataset.ready = "true";
}
