// A wall of pictures and one scrubber over frames that are already in the browser. What else stands in `.lab-controls`
// stays behind the button and the scrubber; its data-label names the scrubber.
//
// data: {sheets: [picture addresses], points: [{t, sheet}] by rising t, smooth, seconds, start, ticks: [{t, label}]}
// smooth: neighbouring frames are blended on the canvas; else the nearest one is shown.
// on.show(t, place) runs at every move, on.settle(t) when the hand lets go, play pauses or the end is reached.

const CONTROLS = `<button class="lab-play" type="button" aria-label="Play">▶</button>
  <div class="lab-track"><input class="lab-range" type="range" min="0"><div class="lab-ticks"></div></div>`;
const TAKES_KEYS = "input, textarea, select, button, a, summary, [contenteditable], [role]";

class Player {
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.canvas = root.querySelector(".lab-wall canvas");
    const controls = root.querySelector(".lab-controls");
    if (!controls.querySelector(".lab-play")) controls.insertAdjacentHTML("afterbegin", CONTROLS);
    this.range = root.querySelector(".lab-range");
    this.range.setAttribute("aria-label", controls.dataset.label);
    this.button = root.querySelector(".lab-play");
    this.t = null;
    this.playing = false;
    this.range.oninput = () => { this.pause(); this.show(Number(this.range.value)); };
    this.range.onchange = () => this.settle();
    this.button.onclick = () => this.toggle();
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.resized = new ResizeObserver(() => { this.draw(); this.thin(); });
    this.resized.observe(this.canvas.parentElement);
  }

  async load(data) {
    const end = data.points.at(-1).t, before = this.t;
    const wasAtEnd = this.data && before >= this.data.points.at(-1).t - 1e-6;
    if (this.data?.sheets.join() !== data.sheets.join()) this.images = undefined; // those at hand are of other frames
    this.data = data;
    this.range.max = end;
    this.range.step = "any";
    if (before === null) this.t = Math.min(data.start ?? 0, end);
    else if (wasAtEnd || before > end) this.t = end; // other frames: who looked at the last one still does
    this.ticks(data.ticks, end);
    const images = data.sheets.map((address) => Object.assign(new Image(), {src: address}));
    const {from, to} = this.place(this.t); // what is looked at is there first
    await Promise.all([images[from.sheet], images[to.sheet]].map((image) => image.decode()));
    if (this.data !== data) return; // newer frames came meanwhile
    this.images = images;
    this.draw();
    await Promise.all(images.map((image) => image.decode()));
    if (this.data !== data) return;
    this.show(this.t);
    this.canvas.dataset.ready = "true";
    if (before !== null && before !== this.t) this.settle();
  }

  ticks(ticks, end) {
    const short = (label) => label.replace(/×.*/, "<i>$&</i>"); // a phone shows "64" of "64×64"
    const places = ticks.map(({t, label}) => `<span style="left:${(100 * t) / end}%">${short(label)}</span>`);
    this.root.querySelector(".lab-ticks").innerHTML = places.join("");
    this.thin();
  }

  // Hide labels that would overlap the one before them.
  thin() {
    let end = -Infinity;
    for (const span of this.root.querySelectorAll(".lab-ticks span")) {
      const {left, right} = span.getBoundingClientRect(), fits = left > end;
      span.style.visibility = fits ? "" : "hidden";
      if (fits) end = right + 3;
    }
  }

  // Which frames t lies between: {from, to, part, point}; outside smooth mode both are the nearest one.
  place(t) {
    const points = this.data.points;
    if (!this.data.smooth) {
      const nearest = points.reduce((best, point) => (Math.abs(point.t - t) < Math.abs(best.t - t) ? point : best));
      return {from: nearest, to: nearest, part: 0, t: nearest.t};
    }
    const next = points.findIndex((point) => point.t > t);
    if (next < 0) return {from: points.at(-1), to: points.at(-1), part: 0, t};
    const from = points[Math.max(next - 1, 0)], to = points[next];
    return {from, to, part: Math.max(0, (t - from.t) / (to.t - from.t)), t};
  }

  show(t) {
    this.t = Math.min(Math.max(t, 0), Number(this.range.max));
    this.range.value = this.t;
    if (!this.images) return;
    this.draw();
    const place = this.place(this.t);
    this.on.show(place);
  }

  // The canvas is as many device pixels wide as it holds: the largest sheet enlarged by a whole factor, sheets of fewer
  // pixels by more. Only a half that has to do is averaged.
  draw() {
    if (!this.images) return;
    const {from, to, part} = this.place(this.t), first = this.images[from.sheet];
    const largest = this.images.reduce((best, image) => (image.width > best.width ? image : best));
    const wall = this.canvas.parentElement, {bitmap: width, css} = wholeMultiple(largest.width, wall.clientWidth);
    const aspect = largest.height / largest.width, height = Math.round(width * aspect);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, {width, height});
    this.canvas.style.width = `${css}px`;
    wall.style.setProperty("--lab-width", `${css}px`);
    wall.style.setProperty("--lab-height", `${css * aspect}px`);
    const context = this.canvas.getContext("2d");
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = first.width > width;
    context.drawImage(first, 0, 0, width, height);
    if (part > 0 && to.sheet !== from.sheet) {
      context.globalAlpha = part;
      context.imageSmoothingEnabled = this.images[to.sheet].width > width;
      context.drawImage(this.images[to.sheet], 0, 0, width, height);
      context.globalAlpha = 1;
    }
  }

  atEnd() { return this.t >= Number(this.range.max) - 1e-6; }

  // One picture over the whole canvas, until the next draw.
  drawOnly(image) {
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = image.width > this.canvas.width;
    context.drawImage(image, 0, 0, this.canvas.width, this.canvas.height);
  }

  toggle() { this.playing ? (this.pause(), this.settle()) : this.play(); }

  play() {
    const end = Number(this.range.max), perSecond = end / this.data.seconds;
    if (this.t >= end) this.show(0);
    this.playing = true;
    this.face();
    let last = performance.now();
    const step = (now) => {
      if (!this.playing) return;
      this.show(this.t + ((now - last) / 1000) * perSecond);
      last = now;
      if (this.t >= end) { this.pause(); this.settle(); return; }
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  pause() {
    this.playing = false;
    this.face();
  }

  face() {
    this.button.textContent = this.playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  settle() { this.on.settle?.(this.place(this.t).t); }

  // Space plays and pauses; arrows, page keys (a presenter's clicker), Home and End move. Only where nobody types.
  key(event) {
    const own = event.target === this.range || (event.target === this.button && event.key !== " ");
    const busy = !own && event.target.closest?.(TAKES_KEYS);
    if (busy || !this.images || event.ctrlKey || event.metaKey || event.altKey) return;
    const end = Number(this.range.max);
    const goes = {
      ArrowRight: () => this.next(1), ArrowLeft: () => this.next(-1),
      PageDown: () => this.next(1, true), PageUp: () => this.next(-1, true),
      Home: () => 0, End: () => end,
    }[event.key];
    if (event.key === " ") this.toggle();
    else if (goes) { this.pause(); this.show(goes()); this.settle(); }
    else return;
    event.preventDefault();
  }

  // The next place in a direction: the next tick, or a small step (the next frame where frames are not blended).
  next(direction, tick = false) {
    const end = Number(this.range.max);
    if (!tick && this.data.smooth) return this.t + (direction * end) / 100;
    const stops = (tick ? this.data.ticks : this.data.points).map((stop) => stop.t);
    const ahead = direction > 0 ? stops.find((t) => t > this.t + 1e-6) : stops.findLast((t) => t < this.t - 1e-6);
    return ahead ?? (direction > 0 ? end : 0);
  }

  stop() {
    this.playing = false;
    document.removeEventListener("keydown", this.onKey);
    this.resized.disconnect();
  }
}
