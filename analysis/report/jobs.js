"use strict";
// Jobs: what their steps took, went to and drew, and where failures stopped them.

/** What a job is, in brief, from the summary. */
function saidOfJob(id) {
  const job = (report.summary.jobs ?? []).find((one) => one.id === id) ?? {};
  const facts = [[job.accelerators, (n) => `${formatNumber(n)} accelerators`], [job.steps, (n) => `${formatNumber(n)} steps`], [job.step_s, (s) => `of ${formatSeconds(s)}`],
    [job.tokens_per_s, (n) => `${formatNumber(n)} tokens/s`], [job.mfu, (share) => `MFU ${formatShare(share)}`], [job.goodput, (share) => `goodput ${formatShare(share)}`]];
  return facts.filter(([value]) => typeof value === "number").map(([value, say]) => say(value)).join(", ");
}

/** What plots of a unit are called. */
const jobPlots = { "": "shares of time and peak", s: "time", W: "power", "tokens/s": "tokens" };

/** A plot for each unit that a job's columns have, and bars of its stops. */
function addJobs(jobs) {
  const body = addSection("jobs", "Jobs", "Steps of jobs, each as its row in the table says, from where it began to where it ended.");
  for (const { id, series, stops } of jobs) {
    const columns = Object.keys(series.columns);
    const common = { width_s: series.width_s, n: series.n, detail: true };
    const said = ({ start_s: start, end_s: end, steps }) => `stopped from ${formatClock(start)} to ${formatClock(end)}, ${formatNumber(steps)} step${steps === 1 ? "" : "s"} done again`;
    const head = make("h3", {}, id, make("span", { class: "soft" }, ` ${saidOfJob(id)}`));
    if (stops.length === 0) body.append(make("div", { class: "wide binds" }, head));
    else
      body.append(make("div", { class: "wide binds" }, head, make("div", { class: "bars", role: "img", "aria-label": stops.map(said).join("; ") }, ...stops.map((stop) => make("i", { class: "phase failed-stop", title: said(stop),
        style: `left:${(100 * stop.start_s) / runEnd}%;width:${(100 * (stop.end_s - stop.start_s)) / runEnd}%` }))),
      make("p", { class: "soft" }, `${formatNumber(stops.length)} stop${stops.length === 1 ? "" : "s"} by failures, ${formatNumber(stops.reduce((sum, { steps }) => sum + steps, 0))} steps done again`)));
    for (const unit of new Set(columns.map((name) => series.columns[name].unit)))
      addPlot(body, { ...common, title: `${id}: ${jobPlots[unit] ?? unit}`, help: unit === "tokens/s" ? "per second" : "",
        unit: unit === "" ? "%" : ["s", "W"].includes(unit) ? unit : "", series: seriesOf(series, columns.filter((name) => series.columns[name].unit === unit)) });
  }
}
