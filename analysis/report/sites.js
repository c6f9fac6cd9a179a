"use strict";
// Several sites over time: a map of them and of what goes between them, and plots.

/** What goes between regions: [column, name, line style]; a kind has its own width at most. */
const wayKinds = [["requests", "requests/s", { colour: "--c1", dash: "" }], ["kv_bytes", "KV caches", { colour: "--c4", dash: "9 4" }],
  ["weights_bytes", "weights", { colour: "--c2", dash: "2 4" }]];

/** Moves places apart until no two labels of that size cover each other, within the frame. */
function spread(places, width, height, wide, high) {
  const label = { x: 112, y: 104 };
  for (let round = 0; round < 300; round++)
    for (const a of places)
      for (const b of places) {
        const [dx, dy] = [b.x - a.x, b.y - a.y];
        if (a === b || Math.abs(dx) >= label.x || Math.abs(dy) >= label.y) continue;
        const along = label.x - Math.abs(dx) <= label.y - Math.abs(dy) ? "x" : "y";
        const way = (along === "x" ? dx : dy) || places.indexOf(b) - places.indexOf(a);
        const by = (label[along] - Math.abs(along === "x" ? dx : dy)) / 4 * Math.sign(way);
        a[along] -= by;
        b[along] += by;
        for (const place of [a, b]) {
          place.x = Math.max(wide, Math.min(width - wide, place.x));
          place.y = Math.max(24, Math.min(height - high, place.y));
        }
      }
}

/** Sites where their latitude and longitude say, or side by side, coloured by what they did at the time that the slider says. */
class SiteMap {
  constructor(parent, sites, known, ways) {
    Object.assign(this, { sites, known, ways: ways ?? { names: [], n: 0, width_s: 1, columns: {} } });
    this.columns = Object.fromEntries(Object.entries(sites.columns).map(([name, { unit, help, mean }]) => [name, { unit: unit || "%", help, mean: unpack(mean) }]));
    this.flows = Object.fromEntries(Object.entries(this.ways.columns).map(([name, { mean }]) => [name, unpack(mean)]));
    this.metric = "busy" in this.columns ? "busy" : Object.keys(this.columns)[0];
    this.select = make("select", { id: "sites-metric", change: () => { this.metric = this.select.value; this.setScale(); this.frames.set(this.frames.frame); } },
      ...Object.keys(this.columns).map((name) => make("option", { value: name, selected: name === this.metric && "" }, nameOf(name))));
    this.frames = new Frames("sites", sites.n, sites.width_s, (frame) => this.showFrame(frame));
    this.scale = make("div", { class: "scale" });
    this.map = make("div", { class: "sitemap", role: "img" });
    this.said = make("p", { class: "soft", id: "sites-said" });
    parent.append(make("div", { class: "wide" }, make("div", { class: "bar" }, make("label", {}, "Sites by ", this.select), ...this.frames.parts), this.scale, this.map, this.said));
    this.regions = [...new Set([...known.map(({ region }) => region), ...this.pairs().flat()])];
    this.setScale();
    this.frames.frame = Math.max(0, this.busiest());
    new ResizeObserver(() => this.draw()).observe(this.map);
    this.draw();
  }

  /** [from, to] of each way. */
  pairs() { return this.ways.names.map((name) => name.split(" > ")); }

  busiest() {
    const { mean } = this.columns[this.metric];
    const sums = new Float64Array(this.sites.n);
    mean.forEach((value, i) => { sums[i % this.sites.n] += Number.isNaN(value) ? 0 : value; });
    return sums.indexOf(Math.max(...sums));
  }

  setScale() {
    const { mean, unit, help } = this.columns[this.metric];
    const values = mean.filter((value) => !Number.isNaN(value));
    [this.bottom, this.top] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1];
    this.scale.replaceChildren(make("span", {}, formatUnit(this.bottom, unit)), make("span", { class: "ramp", style: `background:linear-gradient(to right,${cividis.map((c) => `rgb(${c})`).join()})` }),
      make("span", {}, formatUnit(this.top, unit)), make("span", { class: "soft" }, help ?? ""),
      ...wayKinds.filter(([column]) => this.flows[column]?.some((value) => value > 0)).map(([, name, { colour, dash }]) => make("span", {},
        this.make("svg", { width: 34, height: 8, class: "key-line" }, this.make("path", { d: "M1 4H33", style: `stroke:var(${colour});stroke-width:3`, "stroke-dasharray": dash })), ` ${name}`)));
  }

  make(tag, attributes, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  /** Places sites in the frame, and regions in the middle of their sites; those of users alone stand below. */
  place(width, height) {
    const told = this.known.every(({ latitude, longitude }) => typeof latitude === "number" && typeof longitude === "number");
    const [longitudes, latitudes] = ["longitude", "latitude"].map((key) => this.known.map((site) => site[key]));
    const range = (values) => { const [low, high] = [Math.min(...values), Math.max(...values)]; const pad = Math.max(8, (high - low) * 0.12); return [low - pad, high + pad]; };
    const [[west, east], [south, north]] = told ? [range(longitudes), range(latitudes)] : [[0, 1], [0, 1]];
    this.x = (longitude) => 60 + ((longitude - west) / (east - west)) * (width - 120);
    this.y = (latitude) => 30 + ((north - latitude) / (north - south)) * (height - 140);
    this.bounds = told ? { west, east, south, north } : undefined;
    const perRow = Math.max(1, Math.floor(width / 125));
    this.places = this.known.map((site, i) => (told ? { x: this.x(site.longitude), y: this.y(site.latitude) }
      : { x: (width * ((i % perRow) + 0.5)) / Math.min(perRow, this.known.length), y: 50 + 120 * Math.floor(i / perRow) }));
    spread(this.places, width, height, 58, 96);
    const alone = this.regions.filter((region) => !this.known.some((site) => site.region === region));
    this.anchors = Object.fromEntries(this.regions.map((region) => {
      const own = this.places.filter((_, i) => this.known[i].region === region);
      return [region, own.length > 0 ? { x: own.reduce((sum, { x }) => sum + x, 0) / own.length, y: own.reduce((sum, { y }) => sum + y, 0) / own.length }
        : { x: (width * (alone.indexOf(region) + 0.5)) / alone.length, y: height - 26, alone: true }];
    }));
  }

  draw() {
    const width = Math.max(280, Math.round(this.map.clientWidth));
    if (width === this.width) return;
    this.width = width;
    const rows = Math.ceil(this.known.length / Math.max(1, Math.floor(width / 125)));
    const height = Math.max(rows * 120 + 90, Math.min(440, Math.round(width * 0.5)));
    this.place(width, height);
    const svg = this.make("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
    for (let at = -180; this.bounds && at <= 180; at += width < 600 ? 60 : 30) {
      if (at > this.bounds.west && at < this.bounds.east) svg.append(this.make("path", { class: "graticule", d: `M${this.x(at)} 0V${height}` }), this.make("text", { class: "degree", x: this.x(at) + 3, y: 12 }, `${Math.abs(at)}°${at < 0 ? " W" : at > 0 ? " E" : ""}`));
      if (at >= -90 && at <= 90 && at > this.bounds.south && at < this.bounds.north) svg.append(this.make("path", { class: "graticule", d: `M0 ${this.y(at)}H${width}` }), this.make("text", { class: "degree", x: 3, y: this.y(at) - 3 }, `${Math.abs(at)}°${at < 0 ? " S" : at > 0 ? " N" : ""}`));
    }
    this.lines = this.make("g", {});
    svg.append(this.lines);
    for (const [region, { x, y, alone }] of Object.entries(this.anchors))
      if (alone) svg.append(this.make("rect", { class: "users", x: x - 8, y: y - 8, width: 16, height: 16 }), this.make("text", { x, y: y + 22, class: "site-name" }, `users: ${region}`));
    this.marks = this.places.map(({ x, y }, i) => {
      const circle = this.make("circle", { cx: x, cy: y, r: 15 });
      const lines = [0, 1, 2, 3].map((k) => this.make("text", { x, y: y + 30 + 14 * k, class: k === 0 ? "site-name" : "site-value" }, k === 0 ? this.known[i].name : ""));
      svg.append(this.make("g", { "data-site": this.known[i].name }, circle, ...lines));
      return { circle, lines };
    });
    this.map.replaceChildren(svg);
    this.frames.set(this.frames.frame);
  }

  value(column, site, frame) { return this.columns[column]?.mean[site * this.sites.n + frame] ?? NaN; }

  showFrame(frame) {
    if (!this.marks) return;
    this.marks.forEach(({ circle, lines }, i) => {
      const site = this.sites.names.indexOf(this.known[i].name);
      const amount = this.value(this.metric, site, frame);
      circle.style.fill = Number.isNaN(amount) ? "var(--card)" : `rgb(${colourAt(this.top === this.bottom ? 0 : (amount - this.bottom) / (this.top - this.bottom))})`;
      const waits = this.value("running", site, frame) + this.value("waiting", site, frame);
      [`${formatUnit(Number(this.value("busy", site, frame).toPrecision(2)), "%")} busy, ${formatNumber(Number(waits.toPrecision(3)))} in`, formatUnit(this.value("site_w", site, frame), "W"),
        [["price_usd_per_kwh", "$/kWh"], ["carbon_g_per_kwh", "g"]].map(([name, unit]) => [this.value(name, site, frame), unit]).filter(([value]) => !Number.isNaN(value))
          .map(([value, unit]) => `${formatNumber(Number(value.toPrecision(3)))} ${unit}`).join(" · ")].forEach((text, k) => { lines[k + 1].textContent = text; });
    });
    this.showFlows(frame);
  }

  showFlows(frame) {
    const at = Math.min(this.ways.n - 1, Math.floor((frame * this.sites.width_s) / this.ways.width_s + 1e-9));
    const said = [];
    this.lines.replaceChildren();
    this.pairs().forEach(([from, to], way) => {
      const amounts = wayKinds.map(([column]) => this.flows[column]?.[way * this.ways.n + at]).map((value) => (value > 0 ? value : 0));
      if (amounts.every((value) => value === 0)) return;
      const text = wayKinds.map(([column, name], k) => [amounts[k], column === "requests" ? `${formatNumber(Number(amounts[k].toPrecision(3)))} requests/s` : `${formatUnit(amounts[k], "bytes/s")} of ${name}`])
        .filter(([value]) => value > 0).map(([, words]) => words).join(", ");
      said.push(`${from === to ? `within ${from}` : `${from} to ${to}`}: ${text}`);
      if (from !== to) wayKinds.forEach(([column, , style], k) => { if (amounts[k] > 0) this.addLine(from, to, k, amounts[k] / this.most(column), style, `${from} to ${to}: ${text}`); });
    });
    this.said.textContent = said.length > 0 ? `Set out in this time: ${said.join("; ")}.` : "Nothing set out in this time.";
    this.map.setAttribute("aria-label", `${this.frames.clock.textContent}: ${this.known.map(({ name }, i) => `${name} ${formatUnit(this.value(this.metric, this.sites.names.indexOf(name), frame), this.columns[this.metric].unit)}`).join(", ")}. ${this.said.textContent}`);
  }

  most(column) {
    this.greatest ??= {};
    return (this.greatest[column] ??= this.flows[column].reduce((most, value) => (value > most ? value : most), 1e-12));
  }

  /** An arc with a head, to the left of its direction, so that both directions and all kinds stand apart. */
  addLine(from, to, kind, share, { colour, dash }, title) {
    const [a, b] = [this.anchors[from], this.anchors[to]];
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const length = Math.hypot(dx, dy) || 1;
    const [ux, uy] = [dx / length, dy / length];
    const bend = Math.min(70, length * 0.16) + 20 * kind;
    const [from_x, from_y, to_x, to_y] = [a.x + 20 * ux, a.y + 20 * uy, b.x - 22 * ux, b.y - 22 * uy];
    const [cx, cy] = [(a.x + b.x) / 2 + bend * uy, Math.max(6, (a.y + b.y) / 2 - bend * ux)];
    const [hx, hy] = [to_x - cx, to_y - cy].map((d) => d / (Math.hypot(to_x - cx, to_y - cy) || 1));
    const wide = 1.5 + 7 * Math.sqrt(share);
    const size = 5 + wide;
    this.lines.append(this.make("path", { class: "flow", d: `M${from_x} ${from_y}Q${cx} ${cy} ${to_x} ${to_y}`, style: `stroke:var(${colour});stroke-width:${wide}`, "stroke-dasharray": dash }, this.make("title", {}, title)),
      this.make("path", { style: `fill:var(${colour})`, d: `M${to_x + 6 * hx} ${to_y + 6 * hy}L${to_x - size * hx - size * 0.6 * hy} ${to_y - size * hy + size * 0.6 * hx}L${to_x - size * hx + size * 0.6 * hy} ${to_y - size * hy - size * 0.6 * hx}Z` }));
  }
}

/** The map, and a plot for each column of the table of sites, with a line for each site. */
function addSites(sites, known, ways) {
  const body = addSection("sites", "Sites", "Each site over time, by the clock of the scenario. Each has a report of its own: its folder in this run is a run.");
  if (known.length > 0) {
    const map = new SiteMap(body, sites, known, hasColumns(ways) ? ways : undefined);
    drawn.push({ draw: () => map.frames.set(map.frames.frame) });
  }
  for (const [name, column] of Object.entries(sites.columns)) {
    const mean = unpack(column.mean);
    addPlot(body, { width_s: sites.width_s, n: sites.n, detail: true, title: `sites: ${nameOf(name)}`, help: column.help, unit: column.unit === "" ? "%" : column.unit === "W" ? "W" : "",
      series: sites.names.map((site, i) => ({ name: site, mean: mean.slice(i * sites.n, (i + 1) * sites.n) })) });
  }
}
