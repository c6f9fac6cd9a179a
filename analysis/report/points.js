"use strict";
// Points on axes as SVG, which can be links, as a canvas cannot: the plots of plans and sweeps.

const svg = (tag, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/** Round values that reach from low to high: 1, 2, 5, 10 and so on where `log`, or tenfold where these are many; else evenly. */
function roundTicks(low, high, log) {
  if (log) {
    const all = [];
    for (let power = 10 ** Math.floor(Math.log10(low) + 1e-9); power <= high * 10; power *= 10) all.push(...[1, 2, 5].map((factor) => Number((factor * power).toPrecision(6))));
    const from = all.filter((tick) => tick <= low * (1 + 1e-9)).length - 1, to = all.findIndex((tick, i) => i > from && tick >= high * (1 - 1e-9));
    const ticks = all.slice(from, to + 1);
    return ticks.length <= 8 ? ticks : ticks.filter((tick, i) => i === 0 || i === ticks.length - 1 || /^1(e|$)|^0*\.?0*10*$/.test(String(tick)));
  }
  const width = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(width / 4));
  const step = power * [1, 2, 5, 10].find((factor) => width / (factor * power) <= 5);
  const from = Math.floor(low / step + 1e-9);
  return Array.from({ length: Math.max(2, Math.ceil(high / step - 1e-9) - from + 1) }, (_, i) => Number(((from + i) * step).toPrecision(12)));
}

/** A scale of numbers: ticks, and where a value lies between the ends. `log`: by their logarithms. */
function numberScale(values, log) {
  const ticks = roundTicks(Math.min(...values), Math.max(...values), log);
  const share = log ? (value) => Math.log(value / ticks[0]) / Math.log(ticks[ticks.length - 1] / ticks[0])
    : (value) => (value - ticks[0]) / (ticks[ticks.length - 1] - ticks[0]);
  return { ticks: ticks.map((tick) => [share(tick), formatNumber(tick)]), share };
}

/** Whether numbers reach so far that only their logarithms tell them apart. */
const isWide = (values) => Math.min(...values) > 0 && Math.max(...values) > Math.max(1, 20 * Math.min(...values)); // shares never

/** A scale of names, evenly. */
const nameScale = (names) => ({ ticks: names.map((name, i) => [(i + 0.5) / names.length, name]), share: (name) => (names.indexOf(name) + 0.5) / names.length });

/** A plot of the given size in pixels; `marks` are given functions from values to places, and return nodes. */
function pointPlot({ id, label, width, height, x, y, xLabel, yLabel, marks }) {
  const [left, right, top, bottom] = [62, 14, 20, 40];
  const atX = (value) => left + (width - left - right) * x.share(value), atY = (value) => height - bottom - (height - top - bottom) * y.share(value);
  const text = (at, row, words, anchor, more) => svg("text", { x: at, y: row, "text-anchor": anchor, fill: "var(--soft)", "font-size": 12, ...more }, words);
  const room = (width - left - right) / x.ticks.length; // names that are longer than their room are cut, and told whole by their title
  const short = (words) => (words.length * 6.6 > room && words.length > 5 ? `${words.slice(0, Math.max(4, Math.floor(room / 6.6) - 1))}…` : words);
  return svg("svg", { id, viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    ...x.ticks.flatMap(([share, words]) => {
      const at = left + (width - left - right) * share;
      const tick = text(at, height - bottom + 16, short(words), "middle");
      if (short(words) !== words) tick.append(svg("title", {}, words));
      return [svg("line", { x1: at, x2: at, y1: top, y2: height - bottom, stroke: "var(--grid)" }), tick];
    }),
    ...y.ticks.flatMap(([share, words]) => {
      const at = height - bottom - (height - top - bottom) * share;
      return [svg("line", { x1: left, x2: width - right, y1: at, y2: at, stroke: "var(--grid)" }), text(left - 6, at + 4, words, "end")];
    }),
    text((left + width - right) / 2, height - 6, xLabel, "middle"), text(left, 12, yLabel, "start"), ...marks(atX, atY));
}

/** A circle that says its title when it is pointed at, and leads to `href` if there is one. */
function mark(x, y, { title, href, colour, filled, radius }) {
  const circle = svg("circle", { cx: x, cy: y, r: radius, stroke: colour, "stroke-width": 2, fill: filled ? colour : "var(--paper)" }, svg("title", {}, title));
  return href ? svg("a", { href, "aria-label": title }, circle) : circle;
}
