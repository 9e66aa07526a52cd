// Sliders along directions. Each has its strip of precomputed pictures, so that the picture follows the hand without the
// server; when the hand lets go, it makes the other sliders' strips for the new place.
//
// data: {identity, names, notes, values, low, high, steps, sheet, columns, edge}; the sheet holds `steps` pictures for
// each slider in order, then the picture before and the one now.

const STRIP = 64, EVERY = 3; // CSS pixels of a strip's picture; a strip shows every third of a slider's pictures

class Directions {
  constructor(root) {
    this.root = root;
    this.now = root.querySelector(".lab-now");
    this.before = root.querySelector(".lab-before");
    this.difference = root.querySelector(".lab-difference");
    this.sliders = root.querySelector(".lab-sliders");
  }

  async load(data) {
    this.wanted = data.identity;
    if (typeof data.sheet === "string") this.here.hush();
    const address = await this.here.address(data.sheet, "strips"), image = new Image();
    if (address) await Object.assign(image, {src: address}).decode();
    if (this.wanted !== data.identity || !address || this.held !== undefined) return; // a newer one came, or a slider is held
    Object.assign(this, {data, image, values: [...data.values]});
    if (this.names !== data.names.join()) this.build();
    this.rows.forEach((row, k) => this.fill(row, k));
    const base = data.names.length * data.steps;
    this.paint(this.before, [[base, 1]]);
    this.show([[base + 1, 1]]);
    this.root.dataset.ready = data.identity;
  }

  build() {
    this.names = this.data.names.join();
    this.rows = this.data.names.map((name, k) => {
      const row = document.createElement("div");
      row.className = "lab-slider";
      row.innerHTML = '<label><span></span><small></small></label><div><input type="range"><canvas></canvas></div><output></output>';
      const [range, strip] = [row.querySelector("input"), row.querySelector("canvas")];
      range.setAttribute("aria-label", name);
      row.querySelector("span").textContent = name;
      Object.assign(range, {min: this.data.low, max: this.data.high, step: 0.05});
      range.oninput = () => this.move(k, Number(range.value));
      range.onchange = () => this.settle(k);
      range.ondblclick = () => { range.value = 0; this.move(k, 0); this.settle(k); };
      strip.onclick = (event) => this.pick(k, event);
      return row;
    });
    this.sliders.replaceChildren(...this.rows);
  }

  fill(row, k) {
    row.querySelector("small").textContent = this.data.notes[k];
    row.querySelector("input").value = this.values[k];
    row.querySelector("output").textContent = this.amount(this.values[k]);
    const strip = row.querySelector("canvas"), shown = this.shown(), edge = this.data.edge;
    const ratio = window.devicePixelRatio || 1, side = wholeMultiple(edge, STRIP).bitmap;
    strip.style.width = `${(side * shown) / ratio}px`;
    Object.assign(strip, {width: side * shown, height: side});
    const context = strip.getContext("2d");
    context.imageSmoothingEnabled = side < edge;
    for (let i = 0; i < shown; i++) this.cell(context, k * this.data.steps + EVERY * i, i * side, 0, side);
  }

  shown() { return Math.ceil(this.data.steps / EVERY); }

  amount(value) { return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(2)} σ`; }

  cell(context, number, x, y, side) {
    const {columns, edge} = this.data;
    const left = (number % columns) * edge, top = Math.floor(number / columns) * edge;
    context.drawImage(this.image, left, top, edge, edge, x, y, side, side);
  }

  // Cells one over another, each with its weight.
  paint(canvas, cells) {
    const {edge} = this.data, side = this.fit(canvas);
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = side < edge;
    for (const [number, weight] of cells) {
      context.globalAlpha = weight;
      this.cell(context, number, 0, 0, side);
    }
    context.globalAlpha = 1;
  }

  // Makes a canvas a whole multiple of a picture (or a half), as its figure has room; returns its edge.
  fit(canvas) {
    const {bitmap, css} = wholeMultiple(this.data.edge, canvas.parentElement.clientWidth);
    if (canvas.width !== bitmap) canvas.width = canvas.height = bitmap;
    canvas.style.width = `${css}px`;
    return bitmap;
  }

  show(cells) {
    this.paint(this.now, cells);
    const small = document.createElement("canvas"), {edge, steps, names} = this.data;
    small.width = small.height = edge;
    const context = small.getContext("2d", {willReadFrequently: true});
    this.cell(context, names.length * steps, 0, 0, edge);
    const before = context.getImageData(0, 0, edge, edge);
    for (const [number, weight] of cells) { context.globalAlpha = weight; this.cell(context, number, 0, 0, edge); }
    const after = context.getImageData(0, 0, edge, edge);
    after.data.forEach((v, i) => { if (i % 4 < 3) after.data[i] = 128 + (v - before.data[i]); }); // 128 is "as before"
    context.putImageData(after, 0, 0);
    const side = this.fit(this.difference), large = this.difference.getContext("2d");
    large.imageSmoothingEnabled = side < edge;
    large.drawImage(small, 0, 0, side, side);
  }

  move(k, value) {
    this.held = k;
    this.values[k] = value;
    this.rows[k].querySelector("output").textContent = this.amount(value);
    const {low, high, steps} = this.data, place = ((value - low) / (high - low)) * (steps - 1);
    const first = Math.min(Math.floor(place), steps - 2), part = place - first;
    this.show([[k * steps + first, 1], [k * steps + first + 1, part]]);
    this.moves = (this.moves ?? 0) + 1;
  }

  settle() {
    this.held = undefined;
    this.settled([...this.values]);
  }

  pick(k, event) {
    const box = event.target.getBoundingClientRect(), shown = this.shown();
    const place = Math.floor(((event.clientX - box.left) / box.width) * shown);
    const value = this.data.low + ((this.data.high - this.data.low) * place) / (shown - 1);
    this.rows[k].querySelector("input").value = value;
    this.move(k, value);
    this.settle();
  }
}

export default function ({data, parentElement, setStateValue, setTriggerValue}) {
  const root = parentElement.querySelector(".lab-directions");
  root.dial ??= new Directions(root);
  root.dial.here ??= new DrawnHere(root, (problem) => setTriggerValue("failed", problem));
  root.dial.settled = (values) => setStateValue("sigmas", values);
  if (root.dial.wanted !== data.identity) root.dial.load(data);
  return () => { root.dial?.here.close(); root.dial = undefined; };
}
