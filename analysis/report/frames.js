"use strict";
// A slider over the intervals of a table, which can play.

class Frames {
  /** Calls `show` with the number of a frame; `id` begins the ids of the controls, which stand in `parts`. */
  constructor(id, n, width_s, show) {
    Object.assign(this, { frame: 0, n, width_s, show });
    this.slider = make("input", { type: "range", id: `${id}-time`, class: "frames", min: "0", max: String(Math.max(0, n - 1)), value: "0", step: "1",
      input: () => this.set(Number(this.slider.value)) });
    this.play = make("button", { type: "button", id: `${id}-play`, class: "play", click: () => this.toggle() }, "▶ Play");
    this.clock = make("output", { id: `${id}-clock`, class: "clock", for: `${id}-time` });
    this.parts = [this.play, make("label", { class: "wide" }, "Time ", this.slider), this.clock];
  }

  set(frame) {
    this.frame = frame;
    this.slider.value = String(frame);
    const from = frame * this.width_s;
    this.clock.textContent = `${formatClock(from, this.width_s)} – ${formatClock(Math.min(from + this.width_s, runEnd), this.width_s)}`;
    this.slider.setAttribute("aria-valuetext", this.clock.textContent);
    this.show(frame);
  }

  toggle() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = undefined;
    } else {
      if (this.frame >= this.n - 1) this.set(0);
      this.timer = setInterval(() => {
        if (this.frame >= this.n - 1) this.toggle();
        else this.set(this.frame + 1);
      }, Math.max(40, 12000 / this.n));
    }
    this.play.textContent = this.timer ? "❚❚ Pause" : "▶ Play";
  }
}
