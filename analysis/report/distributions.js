"use strict";
// Latencies as distributions: how many requests took how long, and how many took no longer.

const distributionHeight = 190;

/** Edges and counts of the bins, an empty one at each end so that the steps come down. */
function binsOf(distribution) {
  const { first, counts, per_decade: perDecade, n, zeros } = distribution;
  const edges = [];
  const shares = [];
  const within = [];
  let sum = zeros;
  for (let i = -1; i <= counts.length + 1; i++) {
    edges.push(10 ** ((first + i) / perDecade));
    within.push(sum / n); // below this edge
    const count = counts[i] ?? 0;
    shares.push(count / n);
    sum += count;
  }
  return { edges, shares, within };
}

class DistributionPlot {
  constructor(parent, column, distribution) {
    this.distribution = distribution;
    this.bins = binsOf(distribution);
    this.body = make("div", { class: "canvas" });
    const { slo, n } = distribution;
    const note = slo ? `${formatNumber(slo.within)} of ${formatNumber(n)} within ${formatSeconds(slo.limit_s)} (${formatUnit(slo.within / n, "%")})`
      : `${formatNumber(n)} requests`;
    parent.append(make("figure", { class: "plot", "data-plot": `distribution of ${nameOf(column)}`, role: "img",
      "aria-label": `Distribution of ${nameOf(column)}: ${note}` },
    make("figcaption", {}, make("strong", {}, nameOf(column)), make("span", { "data-slo": column }, ` ${note}`)),
    this.body,
    make("div", { class: "legend" },
      make("span", {}, swatch({ colour: "--c1" }, 0), "share per bin"),
      make("span", {}, swatch(styles[3]), "share that took no longer"))));
    this.draw();
    new ResizeObserver(() => this.resize()).observe(this.body);
  }

  draw() {
    const { edges, shares, within } = this.bins;
    const grid = { stroke: colourOf("--grid"), width: 1 };
    const text = { stroke: colourOf("--soft"), font: "11px system-ui, sans-serif", ticks: { stroke: colourOf("--grid"), size: 4 }, grid };
    this.width = Math.max(240, Math.floor(this.body.clientWidth));
    this.plot?.destroy();
    this.plot = new uPlot({
      width: this.width, height: distributionHeight, legend: { show: false }, padding: [10, 0, 0, 0],
      cursor: { show: false },
      scales: {
        x: { time: false, distr: 3, range: () => [edges[0], Math.max(edges[edges.length - 1], (this.distribution.slo?.limit_s ?? 0) * 1.3)] },
        y: { range: (_, __, max) => [0, max * 1.08 || 1] }, share: { range: () => [0, 1.0001] },
      },
      series: [{},
        { scale: "y", stroke: colourOf("--c1"), width: 1, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false }, fill: (plot) => hatch(plot.ctx, "--c1", 0, 0.45) },
        { scale: "share", stroke: colourOf("--c4"), width: styles[3].width, dash: styles[3].dash, points: { show: false } }],
      axes: [
        { ...text, size: 28, space: 40, filter: (_, ticks) => ticks, values: (_, ticks) => ticks.map((t) => (t !== null && this.isLabelled(t) ? formatSeconds(t) : null)) },
        { ...text, scale: "y", size: 46, values: (_, ticks) => ticks.map((t) => `${Number((100 * t).toPrecision(2))}%`) },
        { ...text, scale: "share", side: 1, size: 44, grid: { show: false }, values: (_, ticks) => ticks.map((t) => `${Math.round(100 * t)}%`) },
      ],
      hooks: { draw: [(plot) => this.drawLimit(plot)] },
    }, [edges, shares, within], this.body);
  }

  resize() {
    const width = Math.max(240, Math.floor(this.body.clientWidth));
    if (width === this.width) return;
    this.width = width;
    this.plot.setSize({ width, height: distributionHeight });
  }

  drawLimit(plot) {
    const { slo } = this.distribution;
    if (!slo) return;
    const { left, top, width, height } = plot.bbox;
    const x = plot.valToPos(slo.limit_s, "x", true);
    if (x < left || x > left + width) return;
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = colourOf("--limit");
    pen.lineWidth = 1.5 * devicePixelRatio;
    pen.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    pen.beginPath();
    pen.moveTo(x, top);
    pen.lineTo(x, top + height);
    pen.stroke();
    const right = x > left + width * 0.75;
    drawLabel(pen, `SLO ${formatSeconds(slo.limit_s)}`, x + (right ? -5 : 5) * devicePixelRatio, top + height * 0.5, right ? "right" : "left");
    pen.restore();
  }

  /** Decades; 2 and 5 of each too where there are few, every other one where there are many. */
  isLabelled(value) {
    const { edges } = this.bins;
    const digit = Number((value / 10 ** Math.floor(Math.log10(value) + 1e-9)).toFixed(6));
    const decades = Math.log10(edges[edges.length - 1] / edges[0]);
    if (decades > 5 && Math.round(Math.log10(value)) % 2 !== 0) return false;
    return digit === 1 || ((digit === 2 || digit === 5) && decades < 2);
  }
}
