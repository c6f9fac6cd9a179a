"use strict";
// The slowest requests, each with the phases it went through.

const phases = [
  { name: "queue", style: "queue" }, { name: "prefill", style: "prefill" }, { name: "KV transfer", style: "transfer" },
  { name: "reasoning", style: "reasoning" }, { name: "answer", style: "answer" },
];

/** Where each phase begins and ends, in seconds since the arrival. */
function phasesOf(request) {
  const since = (instant) => (instant === undefined ? undefined : instant - request.arrival_s);
  const [scheduled, first, end] = [since(request.first_scheduled_s), since(request.first_token_s), since(request.completion_s)];
  const sent = first === undefined ? undefined : Math.min(end, first + (request.kv_transfer_s ?? 0));
  const answer = request.reasoning_tokens > 0 ? Math.max(sent, since(request.first_answer_s) ?? end) : sent;
  const bounds = [0, scheduled, first, sent, answer, end];
  return phases.map((phase, i) => ({ ...phase, from: bounds[i], to: bounds[i + 1] })).filter(({ from, to }) => to > from);
}

function latencyOf(request, kind) {
  const output = request.reasoning_tokens + request.answer_tokens;
  switch (kind) {
  case "ttft_s": return request.first_token_s - request.arrival_s;
  case "ttfat_s": return request.first_answer_s - request.arrival_s;
  case "tpot_s": return (request.completion_s - request.first_token_s) / (output - 1);
  case "itl_s": return request.longest_itl_s;
  case "queue_s": return request.first_scheduled_s - request.arrival_s;
  default: return request.completion_s - request.arrival_s;
  }
}

class SlowestRequests {
  constructor(parent, slowest) {
    this.slowest = slowest;
    const kinds = Object.keys(slowest).filter((kind) => slowest[kind].length > 0);
    this.kind = kinds.includes("e2e_s") ? "e2e_s" : kinds[0];
    this.select = make("select", { id: "slowest-by", change: () => { this.kind = this.select.value; this.show(); } },
      ...kinds.map((kind) => make("option", { value: kind, selected: kind === this.kind && "" }, nameOf(kind))));
    const key = phases.map((phase) => make("span", {}, make("i", { class: `phase ${phase.style}` }), phase.name));
    this.body = make("tbody");
    this.head = make("th", { scope: "col", class: "number" });
    this.axis = make("div", { class: "axis" });
    const column = (name, attributes) => make("th", { scope: "col", ...attributes }, name);
    parent.append(make("div", { class: "bar" }, make("label", {}, "Slowest by ", this.select), make("span", { class: "key" }, ...key)),
      make("div", { class: "scroll" }, make("table", { class: "slowest" },
        make("thead", {}, make("tr", {}, column("request"), column("session"), column("arrived", { class: "number" }), column("prompt", { class: "number" }),
          column("output", { class: "number" }), this.head, make("th", { scope: "col", class: "timeline" }, "time since arrival", this.axis))),
        this.body)));
    this.show();
  }

  show() {
    const rows = this.slowest[this.kind];
    const longest = Math.max(...rows.map((row) => row.completion_s - row.arrival_s), 1e-9);
    this.head.textContent = nameOf(this.kind);
    this.axis.replaceChildren(...[0, 0.25, 0.5, 0.75, 1].map((share) => make("span", {}, formatSeconds(share * longest))));
    this.body.replaceChildren(...rows.map((row) => this.makeRow(row, longest)));
  }

  makeRow(row, longest) {
    const parts = phasesOf(row);
    const text = parts.map(({ name, from, to }) => `${name} ${formatSeconds(to - from)}`).join(", ");
    const notes = [row.preemptions > 0 ? `preempted ${row.preemptions}×` : "", row.cached_tokens > 0 ? `${formatNumber(row.cached_tokens)} prompt tokens cached` : ""];
    const bars = parts.map(({ style, from, to }) => make("i", { class: `phase ${style}`,
      style: `left:${(100 * from) / longest}%;width:${(100 * (to - from)) / longest}%` }));
    const engines = row.prefill_engine === row.decode_engine ? `engine ${row.prefill_engine}` : `engines ${row.prefill_engine}, ${row.decode_engine}`;
    return make("tr", { "data-request": row.id }, make("td", {}, String(row.id)), make("td", { class: "session" }, row.session ?? ""),
      make("td", { class: "number" }, formatClock(row.arrival_s, 0.1)), make("td", { class: "number" }, formatNumber(row.prompt_tokens)),
      make("td", { class: "number" }, formatNumber(row.reasoning_tokens + row.answer_tokens)),
      make("td", { class: "number", "data-value": latencyOf(row, this.kind) }, formatSeconds(latencyOf(row, this.kind))),
      make("td", { class: "timeline", title: [text, engines, ...notes].filter(Boolean).join("; ") },
        make("div", { class: "bars", role: "img", "aria-label": text }, ...bars)));
  }
}
