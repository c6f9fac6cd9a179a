"use strict";
// What broke and when: bars by part, shaded in every plot over time; engines that were there to serve; what racks lost by it.

const failures = report.failures?.rows ?? [];

const saidOf = ({ part, component, effect, start_s: start, end_s: end, accelerators, engines }) => `${part} ${component} ${effect === "stop" ? "stopped" : "limped"} from ${formatClock(start)} to ${formatClock(end)}, `
  + `hit ${formatNumber(accelerators)} accelerators and ${formatNumber(engines)} engine${engines === 1 ? "" : "s"}`;

/** Those that lasted at a time, said in brief. */
function failuresAt(time) {
  const under = failures.filter(({ start_s: start, end_s: end }) => start <= time && time < end);
  if (under.length === 0) return "";
  return ` · ${under.slice(0, 3).map(({ part, component }) => `${part} ${component}`).join(", ")}${under.length > 3 ? ` and ${under.length - 3} more` : ""} down`;
}

/** Shades the time of each failure in a plot, with a line where it began. */
function shadeFailures(plot) {
  const { left, top, width, height } = plot.bbox;
  const pen = plot.ctx;
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  for (const { start_s: start, end_s: end } of failures) {
    if (end < zoom.from || start > zoom.to) continue;
    const [x0, x1] = [plot.valToPos(start, "x", true), plot.valToPos(end, "x", true)];
    pen.fillStyle = faded("--limit", failures.length > 20 ? 0.06 : 0.12);
    pen.fillRect(x0, top, Math.max(1, x1 - x0), height);
    pen.fillStyle = faded("--limit", failures.length > 20 ? 0.3 : 0.7);
    pen.fillRect(x0, top, devicePixelRatio, height);
  }
  pen.restore();
}

function addEvents(pools) {
  const scaled = pools.filter(({ series }) => series.columns.serving);
  if (failures.length === 0 && scaled.length === 0) {
    if (report.failures) absent.push(["Failures", "none fell into the run"]);
    return;
  }
  const { count } = report.failures ?? { count: 0 };
  const body = addSection("events", "Failures and scaling", failures.length > 0 ? `${formatNumber(count)} failure${count === 1 ? "" : "s"}${count > failures.length ? `, of which the ${failures.length} largest are shown` : ""}; `
    + "each is shaded in every plot over time." : "Engines that were there to serve.");
  for (const part of new Set(failures.map((failure) => failure.part))) {
    const own = failures.filter((failure) => failure.part === part);
    const text = own.map(saidOf).join("; ");
    body.append(make("div", { class: "wide binds" }, make("h3", {}, part),
      make("div", { class: "bars", role: "img", "aria-label": text }, ...own.map((failure) => make("i", { class: `phase failed-${failure.effect}`, title: saidOf(failure),
        style: `left:${(100 * failure.start_s) / runEnd}%;width:${(100 * (failure.end_s - failure.start_s)) / runEnd}%` }))),
      make("p", { class: "soft" }, text.length > 400 ? `${text.slice(0, 400)} …` : text)));
  }
  for (const { id, engines, series } of scaled) {
    const { mean } = series.columns.serving;
    addPlot(body, { title: `${id}: engines that serve`, help: `of ${engines}`, unit: "", width_s: series.width_s, n: series.n, detail: true, series: [{ name: "serving", mean: unpack(mean).map((share) => share * engines) }] });
  }
  if (failures.length === 0) return;
  const numbers = [["start_s", "began"], ["detected_s", "detected"], ["repaired_s", "repaired"], ["recovered_s", "engines back"]];
  body.append(make("details", { class: "wide" }, make("summary", {}, "Each failure"), make("div", { class: "scroll" }, make("table", { id: "failures" },
    make("thead", {}, make("tr", {}, ...["part", "component", "effect"].map((name) => make("th", { scope: "col" }, name)), ...numbers.map(([, name]) => make("th", { scope: "col", class: "number" }, name)),
      ...["accelerators", "engines"].map((name) => make("th", { scope: "col", class: "number" }, name)))),
    make("tbody", {}, ...failures.map((failure) => make("tr", {}, make("td", {}, failure.part), make("th", { scope: "row" }, failure.component), make("td", {}, failure.effect),
      ...numbers.map(([key]) => make("td", { class: "number" }, typeof failure[key] === "number" ? formatClock(failure[key]) : "–")),
      make("td", { class: "number" }, formatNumber(failure.accelerators)), make("td", { class: "number" }, formatNumber(failure.engines)))))))));
}

// ---- Racks ----

/** The racks that a failure hits, by their numbers. */
function racksOf(failure, names, known) {
  const own = names.map((name) => known.find((rack) => rack.name === name));
  const begins = (host) => failure.component.startsWith(host) && !/[a-z0-9]/i.test(failure.component[host.length] ?? "/");
  return names.flatMap((name, i) => (name === failure.component || own[i]?.row === failure.component || (own[i]?.hosts ?? []).some(begins) ? [i] : []));
}

/** Accelerators of each rack that failures hit, per frame, in the form of a column of racks. */
function failedColumn({ names, n, width_s: width }, known) {
  const mean = new Float32Array(names.length * n);
  for (const failure of failures) {
    const racks = racksOf(failure, names, known);
    for (const rack of racks)
      for (let frame = Math.max(0, Math.floor(failure.start_s / width)); frame < n && frame * width < failure.end_s; frame++) {
        const length = Math.min(width, runEnd - frame * width);
        const share = (Math.min(failure.end_s, frame * width + length) - Math.max(failure.start_s, frame * width)) / length;
        mean[rack * n + frame] += (Math.max(0, share) * failure.accelerators) / racks.length;
      }
  }
  return { unit: "accelerators", help: "hit by failures", mean, max: mean };
}

/** The longest that a link of each rack's hosts was full, as a share of the run: the same in all frames. */
function fullColumn({ names, n }, known) {
  const mean = new Float32Array(names.length * n).fill(NaN);
  names.forEach((name, i) => {
    const hosts = known.find((rack) => rack.name === name)?.hosts ?? [];
    const own = explained.links.filter(({ link }) => hosts.some((host) => link.startsWith(host) && !/[a-z0-9]/i.test(link[host.length] ?? "/")));
    if (own.length > 0) mean.fill(Math.max(...own.map(({ full_s: full }) => full / runEnd)), i * n, (i + 1) * n);
  });
  return { unit: "%", help: "of the run that the fullest link of its hosts was full", mean, max: mean };
}

/** What racks can be coloured by beside their own columns. */
function moreOfRacks(racks, known) {
  const more = {};
  if ((explained?.links ?? []).length > 0 && known.some((rack) => rack.hosts)) more.network = fullColumn(racks, known);
  if (failures.length > 0) more.failures = failedColumn(racks, known);
  return more;
}
