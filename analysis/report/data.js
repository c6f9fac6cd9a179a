"use strict";
// What the page is drawn from, and how it writes numbers.

const report = JSON.parse(document.getElementById("data").textContent);

/** Base64 of little-endian 32-bit floats; NaN is no value. */
function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** An element with attributes (functions become listeners) and children; texts are never parsed as HTML. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

/** summary.energy.site_j by "energy.site_j"; undefined where the run has none. */
function total(path) {
  return path.split(".").reduce((value, key) => (value === undefined || value === null ? undefined : value[key]), report.summary);
}

// ---- Numbers ----

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 9 });

/** Four significant digits; whole numbers in full, up to a hundred million. */
function formatNumber(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e8) return grouped.format(value);
  if (Math.abs(value) >= 1e8) return Math.abs(value) < 1e12 ? `${grouped.format(Math.round(value / 1e6))} M` : value.toExponential(3);
  if (value !== 0 && Math.abs(value) < 1e-6) return value.toExponential(3);
  return grouped.format(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)));
}

/** Four significant digits of a share; more where they would make a whole of what is none. */
function formatShare(value) {
  let digits = 4;
  while (value !== 1 && Number((100 * value).toPrecision(digits)) === 100 && digits < 12) digits++;
  return `${Number((100 * value).toPrecision(digits))} %`;
}

/** Picks the first of [[factor, unit, least = factor], ...] whose least the value reaches. */
function scaled(value, units) {
  const [factor, unit] = units.find(([f, , least = f]) => Math.abs(value) >= least) ?? units[units.length - 1];
  return `${Number((value / factor).toPrecision(4))} ${unit}`;
}

const timeUnits = [[86400, "days", 259200], [3600, "h", 10800], [60, "min", 1200], [1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];

function formatSeconds(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0 s";
  return scaled(value, timeUnits);
}

/** Ticks of an axis of durations, all in the unit that suits the longest. */
function formatDurations(ticks) {
  const [factor, unit] = timeUnits.find(([f, , least = f]) => ticks[ticks.length - 1] >= least) ?? timeUnits[timeUnits.length - 1];
  return ticks.map((tick) => (tick === null ? null : `${Number((tick / factor).toPrecision(4))} ${unit}`));
}

const prefixes = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

function formatUnit(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Math.abs(value) < 1e-12) value = 0; // what is left of equal sums
  if (unit === "s") return formatSeconds(value);
  if (unit === "%") return formatShare(value);
  if (["W", "bytes", "bytes/s", "J", "Wh"].includes(unit)) return scaled(value, [...prefixes.map(([f, p]) => [f, p + unit]), [1, unit]]);
  return unit ? `${formatNumber(value)} ${unit}` : formatNumber(value);
}

/** Ticks of an axis: short, with the unit left to its label. */
function formatTick(value) {
  if (value === 0) return "0";
  const [factor, prefix] = prefixes.find(([f]) => Math.abs(value) >= f) ?? [1, ""];
  return Number((value / factor).toPrecision(4)) + prefix;
}

/** 3725 is 1:02:05; tenths and hundredths where the step asks for them. */
function formatClock(seconds, step = 1) {
  const digits = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
  const whole = Math.round(seconds * 10 ** digits) / 10 ** digits;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = (whole % 60).toFixed(digits).padStart(digits > 0 ? 3 + digits : 2, "0");
  return `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}

/** Seconds of "90", "1:30", "1:02:05"; NaN of anything else. */
function parseClock(text) {
  const parts = text.trim().split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d+)?$/.test(part))) return NaN;
  return parts.reduce((sum, part) => 60 * sum + Number(part), 0);
}

/** What the page calls the columns that it knows; others go by their own names. */
const names = {
  running: "running", waiting: "waiting", arrived: "arrived", completed: "completed", rejected: "rejected",
  busy: "busy", mfu: "MFU", mbu: "MBU", kv_used: "KV cache used", cache_hits: "prefix-cache hits",
  cached: "prefix-cache hits", prompt_tokens: "prompt tokens", output_tokens: "output tokens",
  prompt_tokens_per_s: "prompt", output_tokens_per_s: "output", cached_tokens_per_s: "prompt, cached",
  reasoning_tokens_per_s: "reasoning", answer_tokens_per_s: "answer",
  accelerator_w: "accelerators", host_w: "hosts", network_w: "network", overhead_w: "conversion and cooling",
  grid_w: "drawn from the grid", step_s: "step", trained_tokens_per_s: "trained", exposed: "collectives waited for",
  price_usd_per_kwh: "price", carbon_g_per_kwh: "carbon intensity", watts: "power", total_w: "power",
  network: "network: links full", failures: "failures", ttft_s: "TTFT", ttfat_s: "TTFAT", tpot_s: "TPOT", itl_s: "max ITL", e2e_s: "E2E", queue_s: "queueing",
};
const nameOf = (column) => names[column] ?? column.replace(/_/g, " ");

const latencyHelp = {
  ttft_s: "time to first token: arrival to the first output token",
  ttfat_s: "time to first answer token: arrival to the first token after reasoning",
  tpot_s: "time per output token after the first",
  itl_s: "longest time between two output tokens of a request",
  e2e_s: "arrival to last token",
  queue_s: "arrival to first scheduled",
};
