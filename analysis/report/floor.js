"use strict";
// The floor of the site: racks in their rows, coloured by what they did at the time that the slider says.

/** Cividis (Nuñez, Anderton, Renslow 2018): even in lightness, the same for all kinds of colour vision. */
const cividis = [[0, 32, 77], [0, 51, 111], [57, 71, 107], [87, 92, 109], [112, 113, 115], [138, 134, 120], [166, 157, 117], [195, 180, 105],
  [225, 204, 85], [255, 233, 69]];

function colourAt(share) {
  const at = Math.max(0, Math.min(1, share)) * (cividis.length - 1);
  const below = Math.min(Math.floor(at), cividis.length - 2);
  return cividis[below].map((c, i) => Math.round(c + (at - below) * (cividis[below + 1][i] - c)));
}

class Floor {
  constructor(parent, racks, known) {
    this.racks = racks;
    this.columns = Object.fromEntries(Object.entries(racks.columns).map(([name, column]) => [name,
      { unit: column.unit || "%", help: column.help, mean: unpack(column.mean), max: unpack(column.max ?? column.mean) }]));
    Object.assign(this.columns, moreOfRacks(racks, known));
    const metrics = Object.keys(this.columns);
    this.metric = ["total_w", "output_tokens_per_s"].find((name) => metrics.includes(name)) ?? metrics[0];
    this.select = make("select", { id: "floor-metric", change: () => { this.metric = this.select.value; this.showMetric(); } },
      ...metrics.map((name) => make("option", { value: name, selected: name === this.metric && "" }, name === "total_w" ? "power, which is heat" : nameOf(name))));
    this.frames = new Frames("floor", racks.n, racks.width_s, (frame) => this.showFrame(frame));
    this.scale = make("div", { class: "scale" });
    this.plan = make("div", { class: "floor", role: "group", "aria-label": "Racks; choose one to see it over time" });
    this.detail = make("div", { class: "detail" });
    parent.append(make("div", { class: "bar" }, make("label", {}, "Racks by ", this.select), ...this.frames.parts), this.scale, this.plan, this.detail);
    this.makeRacks(known);
    this.frames.frame = this.findPeak();
    this.showMetric();
  }

  /** The frame in which the racks together have most of the metric: where there is something to see. */
  findPeak() {
    const { mean } = this.columns[this.metric];
    const sums = new Float64Array(this.racks.n);
    mean.forEach((value, i) => { sums[i % this.racks.n] += Number.isNaN(value) ? 0 : value; });
    return sums.indexOf(Math.max(...sums));
  }

  makeRacks(known) {
    const rows = new Map();
    this.cells = this.racks.names.map((name, i) => {
      const about = known.find((rack) => rack.name === name);
      const row = about?.row ?? "";
      if (!rows.has(row)) rows.set(row, make("div", { class: "racks" }));
      const value = make("span", { class: "value" });
      const cell = make("button", { type: "button", class: "rack", "data-rack": name, click: () => this.choose(i) },
        make("span", { class: "name" }, name), value, make("span", { class: "count" }, about?.accelerators ? `${about.accelerators} GPUs` : ""));
      rows.get(row).append(cell);
      return { cell, value, name };
    });
    for (const [row, racks] of rows) this.plan.append(make("div", { class: "row" }, make("h3", {}, row), racks));
  }

  showMetric() {
    const { mean, unit, help } = this.columns[this.metric];
    const known = mean.filter((value) => !Number.isNaN(value)); // the data's own range, so that what differs is seen to differ
    this.top = known.reduce((most, value) => (value > most ? value : most), -Infinity);
    this.bottom = known.reduce((least, value) => (value < least ? value : least), Infinity);
    if (known.length === 0) [this.bottom, this.top] = [0, 1];
    this.scale.replaceChildren(make("span", {}, formatUnit(this.bottom, unit)), make("span", { class: "ramp",
      style: `background:linear-gradient(to right,${cividis.map((c) => `rgb(${c})`).join()})` }), make("span", {}, formatUnit(this.top, unit)),
    make("span", { class: "soft" }, help ?? ""));
    this.frames.set(this.frames.frame);
    if (this.chosen !== undefined) this.choose(this.chosen);
  }

  showFrame(frame) {
    const { mean, unit } = this.columns[this.metric];
    this.cells.forEach(({ cell, value, name }, i) => {
      const amount = mean[i * this.racks.n + frame];
      const none = Number.isNaN(amount);
      const colour = colourAt(none || this.top === this.bottom ? 0 : (amount - this.bottom) / (this.top - this.bottom));
      const light = colour[0] * 0.3 + colour[1] * 0.59 + colour[2] * 0.11 > 120;
      cell.style.background = none ? "" : `rgb(${colour})`;
      cell.style.color = none ? "" : light ? "#000" : "#fff";
      value.textContent = unit === "%" || unit === "W" ? formatUnit(amount, unit) : formatNumber(amount); // others stand beside the scale
      cell.title = `${name}: ${formatUnit(amount, unit)}`;
    });
  }

  /** Shows a rack over time. */
  choose(i) {
    const same = this.chosen === i && this.plotted === this.metric;
    this.plot?.remove();
    this.plot = undefined;
    for (const { cell } of this.cells) cell.setAttribute("aria-pressed", "false");
    this.chosen = same ? undefined : i;
    this.plotted = this.metric;
    if (same) return;
    this.cells[i].cell.setAttribute("aria-pressed", "true");
    const { mean, max, unit } = this.columns[this.metric];
    const [from, to] = [i * this.racks.n, (i + 1) * this.racks.n];
    this.plot = new TimePlot(this.detail, { title: `${this.cells[i].name}: ${nameOf(this.metric)}`, unit, width_s: this.racks.width_s, n: this.racks.n,
      series: [{ name: "mean", mean: mean.slice(from, to) }, { name: "peak", mean: max.slice(from, to) }] });
  }
}
