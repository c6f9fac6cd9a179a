"use strict";
// The page of `tokenworks sweep`: how each metric answers to the axes, which points no other beats, and all of them in a table.

const sweepMetric = (name) => report.sweep.metrics.find((metric) => metric.name === name);
const titled = ({ name, unit }) => (unit ? `${name} [${unit}]` : name);
const valueAt = (point, metric) => point.values[report.sweep.metrics.indexOf(metric)];
const spreadAt = (point, metric) => point.spread?.[report.sweep.metrics.indexOf(metric)];
const has = (point, metric) => typeof valueAt(point, metric) === "number";
const told = (point, metric) => `${titled(metric)} ${formatNumber(valueAt(point, metric))}${typeof spreadAt(point, metric) === "number" ? ` ± ${formatNumber(spreadAt(point, metric))}` : ""}`;
const colourOfSeries = (i) => `var(--c${(i % 6) + 1})`;
const most = 12; // lines or panels; more are not told apart

/** Numbers of an axis with what units they have; NaN where its places are names. */
const placeNumber = (place) => Number.parseFloat(place);
const isNumeric = ({ places }) => places.every((place) => /^-?[\d.]+(e[-+]?\d+)?\D*$/i.test(place)) && new Set(places.map((place) => place.replace(/^[-\d.e+]+/i, ""))).size === 1;

/** A scale of an axis, and how a point lies on it. */
function axisScale(axis) {
  if (!isNumeric(axis)) return nameScale(axis.places);
  const values = axis.places.map(placeNumber);
  const scale = axis.sampled ? numberScale(values, isWide(values)) : undefined;
  if (scale) return { ticks: scale.ticks, share: (place) => scale.share(placeNumber(place)) };
  const places = [...axis.places].sort((a, b) => placeNumber(a) - placeNumber(b)); // places of a grid stand evenly, in order
  return nameScale(places);
}

class Responses {
  constructor(parent, sweep) {
    this.sweep = sweep;
    this.x = [...sweep.axes].sort((a, b) => isNumeric(b) - isNumeric(a) || b.places.length - a.places.length)[0];
    this.y = "lines";
    const choice = (id, label, options, chosen, change) => make("label", {}, label, make("select", { id, change: (event) => { change(event.target.value); this.draw(); } },
      ...options.map(([value, words]) => make("option", { value, selected: value === chosen && "" }, words))));
    const grid = !sweep.axes.some((axis) => axis.sampled);
    parent.append(make("div", { class: "bar" },
      choice("sweep-x", "Across ", sweep.axes.map(({ name }) => [name, name]), this.x.name, (name) => { this.x = sweep.axes.find((axis) => axis.name === name); }),
      sweep.axes.length > 1 ? choice("sweep-y", "and ", [["lines", grid ? "a line for each of the others" : "all others"],
        ...(grid ? sweep.axes.map(({ name }) => [name, `up ${name}, as a surface`]) : [])], "lines", (name) => { this.y = name; }) : null));
    this.panels = make("div", { class: "panels" });
    parent.append(this.panels);
    this.width = Math.min(560, parent.clientWidth - 30);
    this.draw();
  }

  draw() {
    const y = this.sweep.axes.find((axis) => axis.name === this.y && axis !== this.x);
    const shown = this.sweep.shown.map(sweepMetric).filter((metric) => metric && this.sweep.points.some((point) => has(point, metric)));
    this.panels.replaceChildren(...shown.flatMap((metric) => (y ? this.surfaces(metric, y) : [this.lines(metric)])));
  }

  /** The points by their places on all axes but those given, in the order of the sweep. */
  groups(points, ...without) {
    const groups = new Map();
    for (const point of points) {
      const key = this.sweep.axes.map((axis, i) => (without.includes(axis) ? undefined : `${axis.name} ${point.at[i]}`)).filter(Boolean).join(", ");
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(point);
    }
    return [...groups].map(([name, members]) => ({ name, points: members }));
  }

  lines(metric) {
    const at = this.sweep.axes.indexOf(this.x), x = axisScale(this.x);
    const points = this.sweep.points.filter((point) => has(point, metric)).sort((a, b) => x.share(a.at[at]) - x.share(b.at[at]));
    const ends = points.flatMap((point) => [valueAt(point, metric) - (spreadAt(point, metric) || 0), valueAt(point, metric) + (spreadAt(point, metric) || 0)]);
    const y = numberScale(ends, isWide(ends));
    const groups = this.x.sampled ? [{ name: "", points }] : this.groups(points, this.x);
    const few = groups.length <= most;
    const plot = pointPlot({ label: `${metric.name} across ${this.x.name}`, width: this.width, height: 300, x, y, xLabel: this.x.name, yLabel: titled(metric),
      marks: (atX, atY) => groups.flatMap((group, i) => {
        const colour = few ? colourOfSeries(i) : "var(--soft)";
        const line = group.points.map((point) => `${atX(point.at[at])},${atY(valueAt(point, metric))}`).join(" ");
        return [this.x.sampled ? "" : svg("polyline", { points: line, fill: "none", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": i >= 6 && few ? "6 3" : undefined }),
          ...group.points.filter((point) => spreadAt(point, metric) > 0).map((point) => svg("line", { x1: atX(point.at[at]), x2: atX(point.at[at]), stroke: colour, "stroke-width": 1.5,
            y1: atY(valueAt(point, metric) - spreadAt(point, metric)), y2: atY(valueAt(point, metric) + spreadAt(point, metric)) })),
          ...group.points.map((point) => mark(atX(point.at[at]), atY(valueAt(point, metric)), { title: `${point.name}: ${told(point, metric)}`, href: point.report, colour, filled: true, radius: 4 }))];
      }) });
    const legend = few && groups.length > 1 ? make("p", { class: "legend" }, ...groups.map(({ name }, i) => make("span", {}, make("span", { style: `color: ${colourOfSeries(i)}` }, "●"), ` ${name}`))) : null;
    return this.panel(metric, "", plot, legend);
  }

  /** A field of colour for each set of places on the other axes. */
  surfaces(metric, axis) {
    const [i, k] = [this.sweep.axes.indexOf(this.x), this.sweep.axes.indexOf(axis)];
    const x = axisScale(this.x), y = axisScale(axis);
    const known = this.sweep.points.filter((point) => has(point, metric));
    const values = known.map((point) => valueAt(point, metric)), [low, high] = [Math.min(...values), Math.max(...values)];
    const log = isWide(values), share = (value) => (high === low ? 0 : log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
    const groups = this.groups(known, this.x, axis).slice(0, most);
    return groups.map((group) => this.panel(metric, group.name, pointPlot({ label: `${metric.name} over ${this.x.name} and ${axis.name}`, width: this.width, height: 300, x, y, xLabel: this.x.name,
      yLabel: axis.name, marks: (atX, atY) => group.points.map((point) => {
        const [width, height] = [(this.width - 76) / x.ticks.length - 2, (300 - 60) / y.ticks.length - 2], colour = colourAt(share(valueAt(point, metric)));
        const light = colour[0] * 0.3 + colour[1] * 0.59 + colour[2] * 0.11 > 120, fits = width > 44 && height > 14;
        const cell = svg("g", {}, svg("rect", { x: atX(point.at[i]) - width / 2, y: atY(point.at[k]) - height / 2, width, height, fill: `rgb(${colour})` }),
          fits ? svg("text", { x: atX(point.at[i]), y: atY(point.at[k]) + 4, "text-anchor": "middle", "font-size": 12, fill: light ? "#000" : "#fff" }, formatNumber(Number(valueAt(point, metric).toPrecision(3)))) : "",
          svg("title", {}, `${point.name}: ${told(point, metric)}`));
        return point.report ? svg("a", { href: point.report, "aria-label": `${point.name}: ${told(point, metric)}` }, cell) : cell;
      }) }), make("p", { class: "scale" }, formatNumber(low), make("span", { class: "ramp", style: `background:linear-gradient(to right,${cividis.map((c) => `rgb(${c})`).join()})` }), formatNumber(high), ` ${titled(metric)}`)));
  }

  panel(metric, of, plot, legend) {
    return make("figure", { class: "plot panel" }, make("figcaption", {}, titled(metric), of ? make("span", {}, ` ${of}`) : null, make("span", {}, ` ${metric.help}`)),
      make("div", { class: "scroll" }, plot), legend);
  }
}

/** Points that no other beats in both metrics. */
function paretoOf(points, [a, b]) {
  const sign = (metric) => (metric.better === "higher" ? -1 : 1);
  const cost = (point) => [sign(a) * valueAt(point, a), sign(b) * valueAt(point, b)];
  return new Set(points.filter((point) => {
    const own = cost(point);
    return !points.some((other) => {
      const theirs = cost(other);
      return theirs[0] <= own[0] && theirs[1] <= own[1] && (theirs[0] < own[0] || theirs[1] < own[1]);
    });
  }));
}

class Tradeoff {
  constructor(parent, sweep) {
    this.points = sweep.points;
    const known = sweep.metrics.filter((metric) => metric.better !== "neither" && new Set(sweep.points.filter((point) => has(point, metric)).map((point) => valueAt(point, metric))).size > 1);
    const first = sweep.shown.map(sweepMetric).filter((metric) => known.includes(metric));
    this.chosen = [...new Set([...first, ...known])].slice(0, 2);
    if (this.chosen.length < 2) return;
    const choice = (i, label) => make("label", {}, label, make("select", { id: `pareto-${i}`, change: (event) => { this.chosen[i] = sweepMetric(event.target.value); this.draw(); } },
      ...known.map((metric) => make("option", { value: metric.name, selected: metric === this.chosen[i] && "" }, titled(metric)))));
    this.plot = make("div", { class: "scroll" });
    this.said = make("p", { class: "soft", id: "pareto-said", "aria-live": "polite" });
    parent.append(make("div", { class: "bar" }, choice(0, "Across "), choice(1, "up ")), this.plot, this.said);
    this.width = Math.min(900, parent.clientWidth);
    this.draw();
  }

  draw() {
    const [a, b] = this.chosen;
    const points = this.points.filter((point) => has(point, a) && has(point, b));
    const front = paretoOf(points, this.chosen);
    const xs = points.map((point) => valueAt(point, a)), ys = points.map((point) => valueAt(point, b));
    const ordered = [...front].sort((p, q) => valueAt(p, a) - valueAt(q, a));
    this.plot.replaceChildren(pointPlot({ id: "pareto-plot", label: `${b.name} against ${a.name}`, width: this.width, height: 380, x: numberScale(xs, isWide(xs)), y: numberScale(ys, isWide(ys)),
      xLabel: `${titled(a)}, ${a.better} is better`, yLabel: `${titled(b)}, ${b.better} is better`,
      marks: (atX, atY) => [svg("polyline", { points: ordered.map((point) => `${atX(valueAt(point, a))},${atY(valueAt(point, b))}`).join(" "), fill: "none", stroke: "var(--c1)", "stroke-dasharray": "4 4" }),
        ...points.sort((p, q) => front.has(p) - front.has(q)).map((point) => mark(atX(valueAt(point, a)), atY(valueAt(point, b)), { title: `${point.name}: ${told(point, a)}, ${told(point, b)}`,
          href: point.report, colour: front.has(point) ? "var(--c1)" : "var(--soft)", filled: front.has(point), radius: front.has(point) ? 7 : 5 }))] }));
    this.said.textContent = `${front.size} of ${points.length} points are beaten by no other in both (filled): ${ordered.slice(0, most).map(({ name }) => name).join("; ")}${ordered.length > most ? "; …" : ""}.`;
  }
}

function addSweepTable(sweep) {
  const metrics = sweep.shown.map(sweepMetric).filter(Boolean);
  const body = addSection("points", "All points", `${sweep.points.length} points${sweep.seeds > 1 ? `, means over ${sweep.seeds} seeds, ± half of their 95 % confidence interval` : ""}. sweep.csv has every metric.`);
  const cell = (point, metric) => make("td", { class: "number" }, has(point, metric) ? `${formatNumber(valueAt(point, metric))}${typeof spreadAt(point, metric) === "number" ? ` ± ${formatNumber(Number(spreadAt(point, metric).toPrecision(2)))}` : ""}` : "");
  body.append(make("div", { class: "scroll" }, make("table", { id: "all-points" }, make("thead", {}, make("tr", {}, ...sweep.axes.map(({ name }) => make("th", { scope: "col" }, name)),
    ...metrics.map((metric) => make("th", { scope: "col", class: "number", title: metric.help }, titled(metric))), make("th", { scope: "col" }, ""))),
  make("tbody", {}, ...sweep.points.map((point) => make("tr", {}, ...point.at.map((place, i) => make(i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : {}, place)),
    ...metrics.map((metric) => cell(point, metric)), make("td", {}, point.report ? make("a", { href: point.report, "aria-label": `Report of ${point.name}` }, "report") : point.runs === 0 ? "did not end" : "")))))));
}

function makeSweep() {
  const { sweep, run } = report;
  for (const point of sweep.points) point.report = point.report?.split("/").map(encodeURIComponent).join("/");
  setUpTheme();
  document.title = `${run.name} – Tokenworks sweep`;
  document.getElementById("subtitle").textContent = [sweep.scenario, `${sweep.points.length} points`, sweep.seeds > 1 && `${sweep.seeds} seeds each`].filter(Boolean).join(" · ");
  for (const id of ["zoom", "log-scale"]) document.getElementById(id).closest("form, label").hidden = true;
  document.querySelector("footer").hidden = true;
  new Responses(addSection("responses", "Responses", "How each metric answers to the axes. Points lead to the reports of their runs, where there are any."), sweep);
  new Tradeoff(addSection("pareto", "Trade-offs", "What of one metric costs of another. Filled points are beaten by no other in both."), sweep);
  addSweepTable(sweep);
  document.documentElement.dataset.ready = "true";
}
