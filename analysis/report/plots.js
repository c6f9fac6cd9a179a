"use strict";
// Plots over time that share their zoom.

/** Line styles that differ in colour, dash and width, so that they differ in grey too. */
const styles = [
  { colour: "--c1", dash: [], width: 1.6 },
  { colour: "--c2", dash: [7, 3], width: 1.6 },
  { colour: "--c3", dash: [2, 3], width: 2.2 },
  { colour: "--c4", dash: [10, 3, 2, 3], width: 1.6 },
  { colour: "--c5", dash: [4, 2], width: 2.6 },
  { colour: "--c6", dash: [1, 2], width: 1.6 },
];

/** Quantiles of a latency: the median stands out, the greatest value stays in the background. */
const quantileStyles = {
  p50: { colour: "--c1", dash: [], width: 2.4 }, p90: { colour: "--c2", dash: [6, 3], width: 1.6 },
  p99: { colour: "--c4", dash: [], width: 1.1 }, max: { colour: "--soft", dash: [2, 2], width: 1.2 },
};

/** Places of values without a neighbour: no line reaches them. */
const lonely = (values) => values.flatMap((value, i) => (value != null && values[i - 1] == null && values[i + 1] == null ? [i] : []));

const colourOf = (variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

/** The colour with an alpha of 0 to 1; colours of the style sheet are #rrggbb. */
const faded = (variable, alpha) => colourOf(variable) + Math.round(alpha * 255).toString(16).padStart(2, "0");

/** A hatched fill: `kind` 0 is plain, the others are stripes of different directions. */
function hatch(context, variable, kind, alpha) {
  const size = 8 * devicePixelRatio;
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.fillStyle = faded(variable, alpha);
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = faded(variable, Math.min(1, alpha + 0.35));
  pen.lineWidth = devicePixelRatio;
  const lines = [[], [[0, size, size, 0]], [[0, 0, size, size]], [[0, size / 2, size, size / 2]], [[size / 2, 0, size / 2, size]],
    [[0, size, size, 0], [0, 0, size, size]]][kind % 6];
  for (const [x0, y0, x1, y1] of lines) {
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
  }
  return context.createPattern(tile, "repeat");
}

// ---- Shared zoom ----

const runEnd = Math.max(report.end_s, 1e-3);
const zoom = {
  from: 0, to: runEnd, plots: new Set(), listeners: [],
  /** Shows [from, to] in all plots. */
  set(from, to) {
    const least = runEnd * 1e-6;
    if (!(to - from >= least)) [from, to] = [from, from + least];
    if (from < 0) [from, to] = [0, to - from];
    if (to > runEnd) [from, to] = [Math.max(0, from - (to - runEnd)), runEnd];
    [this.from, this.to] = [from, to];
    for (const plot of this.plots) plot.show(from, to);
    for (const listener of this.listeners) listener(from, to);
  },
  /** Shrinks (factor < 1) or grows around the middle. */
  scale(factor) {
    const [middle, half] = [(this.from + this.to) / 2, ((this.to - this.from) / 2) * factor];
    this.set(middle - half, Math.min(middle + half, middle - half + runEnd));
  },
  move(share) {
    const by = share * (this.to - this.from);
    this.set(this.from + by, this.to + by);
  },
  reset() { this.set(0, runEnd); },
};

const zoomKeys = {
  "+": () => zoom.scale(0.5), "=": () => zoom.scale(0.5), "-": () => zoom.scale(2), "_": () => zoom.scale(2),
  ArrowLeft: () => zoom.move(-0.25), ArrowRight: () => zoom.move(0.25), "0": () => zoom.reset(), Escape: () => zoom.reset(),
};

const timeSteps = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600,
  43200, 86400, 172800, 432000, 864000];

// ---- Levels of detail ----

/** Halves the resolution of a series: means weighted with the time they cover, extremes kept. */
function coarser(level) {
  const n = Math.ceil(level.n / 2);
  const weights = new Float64Array(n);
  for (let i = 0; i < level.n; i++) weights[i >> 1] += level.weights[i];
  const columns = level.columns.map((column) => {
    const [sum, weight] = [new Float64Array(n), new Float64Array(n)];
    const [min, max] = [new Float64Array(n).fill(Infinity), new Float64Array(n).fill(-Infinity)];
    for (let i = 0; i < level.n; i++) {
      if (Number.isNaN(column.mean[i])) continue;
      sum[i >> 1] += column.mean[i] * level.weights[i];
      weight[i >> 1] += level.weights[i];
      min[i >> 1] = Math.min(min[i >> 1], (column.min ?? column.mean)[i]);
      max[i >> 1] = Math.max(max[i >> 1], (column.max ?? column.mean)[i]);
    }
    for (let i = 0; i < n; i++) {
      sum[i] = weight[i] > 0 ? sum[i] / weight[i] : NaN;
      if (weight[i] === 0) min[i] = max[i] = NaN;
    }
    return { mean: sum, min, max };
  });
  return { n, width: level.width * 2, weights, columns };
}

/** The coarsest level that still has a bucket per few pixels of what is shown. */
function chooseLevel(levels, span, buckets) {
  let i = 0;
  while (span / levels[i].width > buckets && levels[i].n > 2) {
    i++;
    if (levels.length === i) levels.push(coarser(levels[i - 1]));
  }
  return levels[i];
}

// ---- Plots over time ----

const nullable = (values) => Array.from(values, (value) => (Number.isFinite(value) ? value : null));

/** Steps over [start, start + width): the last value is drawn to the end of its bucket. */
function stepped(values) {
  const list = nullable(values);
  list.push(list[list.length - 1]);
  return list;
}

class TimePlot {
  /**
   * options: title, help, unit, width_s, n, series [{name, mean, min?, max?, style, line (of a stacked plot, not
   * stacked itself: the greatest values)}], stacked, limit {value, name},
   * latency (may be drawn on a log scale), detail (reduce to what fits the screen; else every bucket is drawn).
   */
  constructor(parent, options) {
    Object.assign(this, options);
    const weights = Float64Array.from({ length: this.n }, (_, i) => Math.max(1e-9, Math.min(this.width_s, runEnd - i * this.width_s)));
    this.levels = [{ n: this.n, width: this.width_s, weights, columns: this.series }];
    this.series.forEach((series, i) => { series.style ??= styles[i % styles.length]; series.shown = true; });
    this.body = make("div", { class: "canvas" });
    this.legend = make("div", { class: "legend" });
    this.figure = make("figure", {
      class: "plot", tabindex: "0", role: "group", "data-plot": this.title,
      "aria-label": `${this.title}: ${this.series.map((s) => s.name).join(", ")} over time. Plus and minus zoom, arrows move.`,
      keydown: (event) => {
        if (event.target !== this.figure || event.ctrlKey || event.metaKey || !zoomKeys[event.key]) return;
        event.preventDefault();
        zoomKeys[event.key]();
      },
    }, make("figcaption", {}, make("strong", {}, this.title), this.help ? make("span", {}, ` ${this.help}`) : null), this.body, this.legend);
    parent.append(this.figure);
    this.makeLegend();
    zoom.plots.add(this);
    this.draw();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.body);
  }

  remove() {
    zoom.plots.delete(this);
    this.observer.disconnect();
    this.plot?.destroy();
    this.figure.remove();
  }

  makeLegend() {
    this.values = this.series.map((series) => {
      const value = make("output", {});
      const key = make("button", {
        type: "button", "aria-pressed": "true", title: `Show or hide ${series.name}`,
        click: () => {
          series.shown = !series.shown;
          key.setAttribute("aria-pressed", String(series.shown));
          this.draw();
        },
      }, swatch(series.style, this.stacked && !series.line ? this.series.indexOf(series) : undefined), series.name, value);
      this.legend.append(key);
      return value;
    });
    this.at = make("span", { class: "at" });
    this.legend.append(this.at);
  }

  /** Columns for uPlot at this level: x, then mean, min and max of each series. */
  columnsOf(level) {
    const data = [Array.from({ length: level.n + 1 }, (_, i) => Math.min(i * level.width, runEnd))];
    const sum = new Float64Array(level.n);
    level.columns.forEach((column, i) => {
      const shown = this.series[i].shown;
      let mean = this.series[i].line ? column.max ?? column.mean : column.mean;
      if (this.stacked && shown && !this.series[i].line) mean = sum.map((below, k) => (sum[k] = below + (Number.isNaN(mean[k]) ? 0 : mean[k])));
      const hidden = new Array(level.n + 1).fill(null);
      data.push(shown ? stepped(mean) : hidden);
      if (this.banded) data.push(shown ? stepped(column.min ?? column.mean) : hidden, shown ? stepped(column.max ?? column.mean) : hidden);
    });
    return this.log ? data.map((list, i) => (i === 0 ? list : list.map((value) => (value > 0 ? value : null)))) : data;
  }

  get log() { return this.latency && document.getElementById("log-scale").checked; }

  /** The top of the y axis: the limit is in view if it is not far above the data. */
  rangeOf(plot, min, max) {
    if (max === null || max === undefined) [min, max] = [0, 1];
    if (this.limit && this.limit.value <= 1.6 * max) max = Math.max(max, this.limit.value * 1.05);
    if (this.log) return uPlot.rangeLog(Math.max(min, 1e-6), Math.max(max, 1e-5), 10, false);
    if (this.unit === "%" && max > 0.6) return [0, Math.max(1, max)];
    return [0, max > 0 ? max * 1.08 : 1];
  }

  makeOptions() {
    const grid = { stroke: colourOf("--grid"), width: 1 };
    const text = { stroke: colourOf("--soft"), font: "11px system-ui, sans-serif", ticks: { stroke: colourOf("--grid"), size: 4 }, grid };
    const steps = uPlot.paths.stepped({ align: 1 });
    const series = [{}];
    const bands = [];
    this.series.forEach((s, i) => {
      const at = series.length;
      const field = this.stacked && !s.line;
      series.push({
        label: s.name, stroke: colourOf(s.style.colour), width: field ? 1 : s.style.width, dash: field ? [] : s.style.dash, paths: steps,
        points: field ? { show: false } : { show: true, size: 5, width: 0, fill: colourOf(s.style.colour), filter: (plot) => lonely(plot.data[at]) },
        fill: field ? (plot) => hatch(plot.ctx, s.style.colour, i, 0.35) : undefined,
      });
      if (field && i > 0) bands.push({ series: [at, at - 1], fill: (plot) => hatch(plot.ctx, s.style.colour, i, 0.35) });
      if (!this.banded) return;
      const bound = { width: 0, paths: steps, points: { show: false } };
      series.push({ ...bound, label: "least" }, { ...bound, label: "greatest" });
      bands.push({ series: [at + 2, at + 1], fill: faded(s.style.colour, 0.15) });
    });
    return {
      width: this.width, height: 210, legend: { show: false }, series, bands, padding: [10, 28, 0, 0],
      scales: { x: { time: false, range: () => [zoom.from, zoom.to] }, y: { distr: this.log ? 3 : 1, range: (...all) => this.rangeOf(...all) } },
      axes: [
        { ...text, incrs: timeSteps, space: 64, size: 28, values: (_, ticks, __, ___, step) => ticks.map((t) => formatClock(t, step)) },
        { ...text, size: 54, values: (_, ticks) => this.formatTicks(ticks) },
      ],
      cursor: { sync: { key: "time", setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { show: false } },
      hooks: {
        drawClear: [(plot) => this.shadeUnmeasured(plot), shadeFailures],
        draw: [(plot) => this.drawLimit(plot)],
        setCursor: [(plot) => this.showValues(plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : NaN)],
        setSelect: [(plot) => this.zoomToSelection(plot)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => zoom.reset())],
      },
    };
  }

  formatTicks(ticks) {
    if (this.unit === "s" && !this.log) return formatDurations(ticks);
    const format = { "%": (t) => `${Number((100 * t).toPrecision(3))}%`, s: formatSeconds, W: (t) => formatUnit(t, "W") }[this.unit] ?? formatTick;
    return ticks.map((t) => (t === null ? null : format(t)));
  }

  draw() {
    this.width = Math.max(280, Math.floor(this.body.clientWidth));
    this.plot?.destroy();
    this.banded = !this.stacked && this.detail;
    this.level = this.pickLevel();
    this.plot = new uPlot(this.makeOptions(), this.columnsOf(this.level), this.body);
  }

  resize() {
    const width = Math.max(280, Math.floor(this.body.clientWidth));
    if (width === this.width) return;
    this.width = width;
    this.plot.setSize({ width, height: 210 });
    this.show();
  }

  pickLevel() {
    return this.detail ? chooseLevel(this.levels, zoom.to - zoom.from, this.width / 2.5) : this.levels[0];
  }

  /** Shows what the zoom says. */
  show() {
    const level = this.pickLevel();
    if (level !== this.level) {
      this.level = level;
      this.plot.setData(this.columnsOf(level), false);
    }
    this.plot.setScale("x", { min: zoom.from, max: zoom.to });
  }

  zoomToSelection(plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    zoom.set(from, to);
  }

  /** Writes the values at that time into the legend. */
  showValues(time) {
    const level = this.level;
    const bucket = Math.floor(time / level.width);
    const inside = bucket >= 0 && bucket < level.n;
    this.series.forEach((series, i) => {
      const column = level.columns[i];
      const [low, high] = [column.min?.[bucket], column.max?.[bucket]];
      let text = inside ? formatUnit((series.line && high) || column.mean[bucket], this.unit) : "";
      if (inside && this.banded && low < high) text += ` (${formatUnit(low, this.unit)} – ${formatUnit(high, this.unit)})`;
      this.values[i].textContent = text;
    });
    this.at.textContent = inside ? `${formatClock(bucket * level.width, level.width)} + ${formatSeconds(level.width)}${failuresAt(time)}` : "";
  }

  /** What warm-up and drain leave out of the statistics is grey. */
  shadeUnmeasured(plot) {
    const { left, top, width, height } = plot.bbox;
    const warmup = report.run.warmup_s ?? 0;
    const drain = report.run.drain_s ?? 0;
    plot.ctx.save();
    plot.ctx.beginPath();
    plot.ctx.rect(left, top, width, height);
    plot.ctx.clip();
    plot.ctx.fillStyle = colourOf("--shade");
    for (const [from, to] of [[0, warmup], [report.end_s - drain, report.end_s]]) {
      if (!(to > from)) continue;
      const [x0, x1] = [plot.valToPos(from, "x", true), plot.valToPos(to, "x", true)];
      plot.ctx.fillRect(x0, top, x1 - x0, height);
    }
    plot.ctx.restore();
  }

  drawLimit(plot) {
    if (!this.limit) return;
    const { left, top, width, height } = plot.bbox;
    const y = plot.valToPos(this.limit.value, "y", true);
    const above = y < top;
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = colourOf("--limit");
    pen.lineWidth = 1.5 * devicePixelRatio;
    pen.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    if (!above && y <= top + height) {
      pen.beginPath();
      pen.moveTo(left, y);
      pen.lineTo(left + width, y);
      pen.stroke();
    }
    const below = above || y - top < 16 * devicePixelRatio;
    drawLabel(pen, `${this.limit.name} ${formatUnit(this.limit.value, this.unit)}${above ? " ↑" : ""}`, left + width - 4 * devicePixelRatio,
      Math.max(top, y) + (below ? 9 : -9) * devicePixelRatio, "right");
    pen.restore();
  }
}

/** A text on a patch of paper, so that lines do not run through it. */
function drawLabel(pen, text, x, y, align) {
  pen.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  pen.textAlign = align;
  pen.textBaseline = "middle";
  const [width, height] = [pen.measureText(text).width, 13 * devicePixelRatio];
  pen.globalAlpha = 0.85;
  pen.fillStyle = colourOf("--paper");
  pen.fillRect(align === "right" ? x - width : x, y - height / 2, width, height);
  pen.globalAlpha = 1;
  pen.fillStyle = colourOf("--limit");
  pen.fillText(text, x, y);
}

/** The line, or the hatched field, that stands for a series. */
function swatch(style, hatched) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", "30");
  svg.setAttribute("height", "12");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(svg.namespaceURI, hatched === undefined ? "line" : "rect");
  const attributes = hatched === undefined
    ? { x1: 1, x2: 29, y1: 6, y2: 6, stroke: `var(${style.colour})`, "stroke-width": style.width + 0.4, "stroke-dasharray": style.dash.join(" ") }
    : { x: 1, y: 1, width: 28, height: 10, fill: `var(${style.colour})`, "fill-opacity": 0.6, stroke: `var(${style.colour})` };
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  svg.append(shape);
  return svg;
}

/** Columns of a reduced table (see report_tables.h) that the plot is to show, ready for TimePlot. */
function seriesOf(table, wanted) {
  return wanted.filter((name) => table.columns[name]).map((name) => {
    const column = table.columns[name];
    const mean = unpack(column.mean);
    return { name: nameOf(name), mean, min: column.min && unpack(column.min), max: column.max && unpack(column.max), help: column.help };
  });
}
