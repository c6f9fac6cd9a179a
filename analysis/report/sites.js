"use strict";
// Several sites over time.

/** A plot for each column of the table of sites, with a line for each site. */
function addSites(sites) {
  const body = addSection("sites", "Sites", "Each site over time, by the clock of the scenario. Each has a report of its own: its folder in this run is a run.");
  for (const [name, column] of Object.entries(sites.columns)) {
    const mean = unpack(column.mean);
    addPlot(body, { width_s: sites.width_s, n: sites.n, detail: true, title: `sites: ${nameOf(name)}`, help: column.help, unit: column.unit === "" ? "%" : column.unit === "W" ? "W" : "",
      series: sites.names.map((site, i) => ({ name: site, mean: mean.slice(i * sites.n, (i + 1) * sites.n) })) });
  }
}
