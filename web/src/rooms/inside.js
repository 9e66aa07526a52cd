// Look inside: every feature map of a layer, the unit or the place under the mouse, and how the values are spread.

import {choice, h} from "../dom.js";
import {number} from "../link.js";
import {canvasOf, heat, pictureCanvas} from "../pixels.js";
import {slerp} from "../ways.js";
import {say} from "../words.js";

const BINS = 48;

export class Inside {
  constructor(place, lab) {
    const {facts, query} = lab, names = facts.layers.map(({name}) => name);
    Object.assign(this, {lab, facts, engine: lab.engine});
    this.layer = names.includes(query.layer) ? query.layer : names[Math.min(5, names.length - 1)];
    this.unit = query.unit === undefined ? null : Math.floor(number(query.unit, 0, 0, this.width() - 1));
    this.kept = this.unit; // of the pinned layer
    this.order = query.order === "number" ? "number" : "strength";
    this.t = number(query.t, 0, 0, 1);

    const layers = choice(say("Layer"), names.map((name) => [name, name]), this.layer, (name) => this.pinLayer(name));
    layers.classList.add("lab-layers");
    this.pinned = this.layer; // shown again when the mouse leaves the row of layers
    for (const button of layers.children) button.onmouseenter = () => this.choose(button.dataset.value);
    layers.onmouseleave = () => this.choose(this.pinned);
    this.layers = layers;
    this.picture = h("canvas", {class: "lab-inside-picture", "data-testid": "inside-picture", "aria-label": say("The picture; point at a place")});
    this.picture.onpointermove = (event) => this.point(event);
    this.picture.onpointerleave = () => this.pointAt(null);
    this.maps = h("canvas", {class: "lab-maps", "data-testid": "maps", "aria-label": say("Feature maps; point at one")});
    this.maps.onpointermove = (event) => this.over(this.unitAt(event));
    this.maps.onpointerleave = () => this.over(null);
    this.maps.onclick = (event) => this.pin(this.unitAt(event));
    this.told = h("p", {class: "lab-told-unit", "aria-live": "polite"});
    this.histogram = h("div", {class: "lab-histogram", "data-testid": "histogram"});
    const slider = h("input", {type: "range", min: 0, max: 1, step: 0.01, value: this.t, "aria-label": say("Towards the next seed"),
      oninput: (event) => { this.t = Number(event.target.value); this.compute(); }, onchange: () => lab.save({t: this.t || undefined})});
    place.append(layers, h("div", {class: "lab-inside"},
      h("div", {class: "lab-inside-left"}, this.picture, h("label", {class: "lab-towards"}, say("Towards the next seed"), slider), this.histogram),
      h("div", {class: "lab-inside-right"},
        h("div", {class: "lab-bar"}, choice(say("Order"), [["strength", say("strongest first")], ["number", say("by number")]], this.order, (order) => {
          this.order = order;
          lab.save({order: order === "strength" ? undefined : order});
          if (!this.values) return;
          this.arrange();
          this.drawMaps();
        }), this.told), this.maps)));
    this.resized = new ResizeObserver(() => this.values && this.drawMaps());
    this.resized.observe(this.maps.parentElement);
  }

  width() { return this.facts.layers.find(({name}) => name === this.layer).units; }

  choose(name) {
    if (name === this.layer) return;
    this.layer = name;
    this.values = this.hovered = this.spot = null; // nobody points at units of the layer before
    this.unit = name === this.pinned ? this.kept : null;
    this.compute();
  }

  pinLayer(name) {
    if (name !== this.pinned) this.kept = this.unit = null;
    this.pinned = name;
    this.layers.press(name);
    this.lab.save({layer: name, unit: this.kept ?? undefined});
    this.choose(name);
  }

  show() { return this.compute(); }

  async compute() {
    const {engine, lab: {seed}} = this, layer = this.layer, after = (seed + 1) % 2 ** 32;
    const z = this.t ? slerp(engine.latent(seed), engine.latent(after), this.t) : engine.latent(seed);
    const values = await engine.run({latents: [z], seeds: [seed], want: ["images", layer]}, "inside");
    if (!values || this.closed || layer !== this.layer) return;
    this.image = pictureCanvas(values.images);
    const [, units, height, width] = values[layer].dims, {data} = values[layer], area = height * width;
    this.values = {data, units, height, width, area};
    this.strength = Float32Array.from({length: units}, (_, unit) => data.subarray(unit * area, (unit + 1) * area).reduce((best, value) => Math.max(best, value), -Infinity));
    this.arrange();
    this.drawMaps();
    this.drawPicture();
    this.drawHistogram();
    this.tell();
    this.picture.dataset.shown = `${seed}/${this.t}/${layer}`;
  }

  arrange() {
    this.places = Array.from({length: this.values.units}, (_, unit) => unit);
    if (this.order === "strength") this.places.sort((a, b) => this.strength[b] - this.strength[a]);
  }

  // ---- feature maps

  drawMaps() {
    const {data, units, height, width, area} = this.values, ratio = window.devicePixelRatio || 1;
    const room = this.maps.parentElement.clientWidth, high = Math.max(innerHeight - 260, 320);
    let columns = 1; // the largest cells with which all units are seen at once
    while (Math.ceil(units / columns) * (room / columns) > high && columns < units) columns++;
    const rows = Math.ceil(units / columns), cell = Math.max(1, Math.floor((Math.min(room / columns, 128)) * ratio)), gap = Math.max(1, Math.round(cell / 32));
    Object.assign(this, {columns, cell});
    Object.assign(this.maps, {width: columns * cell, height: rows * cell});
    this.maps.style.width = `${(columns * cell) / ratio}px`;
    const context = this.maps.getContext("2d"), small = canvasOf(width, height), pixels = new ImageData(width, height);
    context.imageSmoothingEnabled = false;
    this.places.forEach((unit, place) => {
      const low = Math.min(0, ...sampled(data, unit, area)), high_ = Math.max(this.strength[unit], low + 1e-6);
      for (let i = 0; i < area; i++) pixels.data.set([...heat((data[unit * area + i] - low) / (high_ - low)), 255], 4 * i);
      small.getContext("2d").putImageData(pixels, 0, 0);
      context.drawImage(small, (place % columns) * cell, Math.floor(place / columns) * cell, cell - gap, cell - gap);
    });
    this.mark();
  }

  mark() {
    const unit = this.hovered ?? this.unit, place = this.places.indexOf(unit);
    if (unit === null || place < 0) return;
    const context = this.maps.getContext("2d");
    context.strokeStyle = "#ff5a1f";
    context.lineWidth = Math.max(2, this.cell / 16);
    context.strokeRect((place % this.columns) * this.cell + 1, Math.floor(place / this.columns) * this.cell + 1, this.cell - 3, this.cell - 3);
  }

  unitAt(event) {
    if (!this.values) return null;
    const box = this.maps.getBoundingClientRect(), scale = this.maps.width / box.width;
    const column = Math.floor(((event.clientX - box.left) * scale) / this.cell), row = Math.floor(((event.clientY - box.top) * scale) / this.cell);
    return this.places[row * this.columns + column] ?? null;
  }

  over(unit) {
    if (unit === this.hovered) return;
    this.hovered = unit;
    this.changed();
  }

  pin(unit) {
    this.unit = this.kept = unit === this.unit ? null : unit;
    this.lab.save({unit: this.unit ?? undefined});
    this.changed();
  }

  changed() {
    if (!this.values) return;
    this.drawMaps();
    this.drawPicture();
    this.drawHistogram();
    this.tell();
  }

  // ---- the picture

  drawPicture() {
    const side = this.image.width * Math.max(1, Math.round(512 / this.image.width)), context = this.picture.getContext("2d");
    Object.assign(this.picture, {width: side, height: side});
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, 0, 0, side, side);
    const unit = this.hovered ?? this.unit, {data, height, width, area} = this.values;
    if (unit !== null) { // dark where the unit is off, so that what it sees stands out
      const shade = canvasOf(width, height), pixels = new ImageData(width, height), most = Math.max(this.strength[unit], 1e-6);
      for (let i = 0; i < area; i++) pixels.data[4 * i + 3] = 185 * (1 - Math.min(1, Math.max(0, data[unit * area + i] / most)));
      shade.getContext("2d").putImageData(pixels, 0, 0);
      context.imageSmoothingEnabled = true;
      context.drawImage(shade, 0, 0, side, side);
    }
    if (this.spot) {
      const [x, y] = this.spot;
      context.lineWidth = 4;
      context.strokeStyle = "#ff5a1f";
      context.strokeRect((x / width) * side, (y / height) * side, side / width, side / height);
    }
  }

  point(event) {
    if (!this.values) return;
    const box = this.picture.getBoundingClientRect(), {width, height} = this.values;
    const inside = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value * size)));
    this.pointAt([inside((event.clientX - box.left) / box.width, width), inside((event.clientY - box.top) / box.height, height)]);
  }

  pointAt(spot) {
    if (String(spot) === String(this.spot)) return;
    this.spot = spot;
    if (!this.values) return;
    this.drawPicture();
    this.tell();
  }

  // ---- words and the histogram

  tell() {
    const {data, area, width, units} = this.values, unit = this.hovered ?? this.unit;
    if (this.spot) {
      const at = this.spot[1] * width + this.spot[0], all = Array.from({length: units}, (_, u) => [u, data[u * area + at]]);
      const best = all.sort((a, b) => b[1] - a[1]).slice(0, 5).map(([u, value]) => `${this.named(u)} ${value.toFixed(1)}`);
      this.told.textContent = `${say("Strongest here")}: ${best.join(" · ")}`;
    } else if (unit !== null) {
      this.told.textContent = say("unit {unit}, at most {value} in this picture", {unit: this.named(unit), value: this.strength[unit].toFixed(2)});
    } else this.told.textContent = say("{units} units of {size}×{size}", {units, size: width});
  }

  named(unit) {
    const found = this.facts.dissection?.named[this.layer]?.[unit];
    return found ? `${unit} (${say(found)})` : `${unit}`;
  }

  drawHistogram() {
    const {data, area} = this.values, unit = this.hovered ?? this.unit;
    let low = Infinity, high = -Infinity;
    for (const value of data) { low = Math.min(low, value); high = Math.max(high, value); }
    const span = high - low || 1, bin = (value) => Math.min(BINS - 1, Math.floor(((value - low) / span) * BINS));
    const counts = (values) => {
      const found = new Float64Array(BINS);
      for (const value of values) found[bin(value)] += 1 / values.length;
      return found;
    };
    const all = counts(data), one = unit === null ? null : counts(data.subarray(unit * area, (unit + 1) * area));
    const width = 320, height = 132, foot = 20, root = (share) => Math.sqrt(share), top = Math.max(...all.map(root), ...(one ?? [0]).map(root));
    const bar = (share, i, kind) => `<rect class="${kind}" x="${(i * width) / BINS}" width="${width / BINS - 0.6}" y="${(height - foot) * (1 - root(share) / top)}" height="${((height - foot) * root(share)) / top}"/>`;
    const zero = ((0 - low) / span) * width, off = data.reduce((sum, value) => sum + (value <= 0), 0) / data.length;
    this.histogram.innerHTML = `<h2>${say("Values of {layer}", {layer: this.layer})}</h2><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${say("Histogram")}">
      ${[...all].map((share, i) => bar(share, i, "all")).join("")}${one ? [...one].map((share, i) => bar(share, i, "one")).join("") : ""}
      <line x1="${zero}" x2="${zero}" y1="0" y2="${height - foot}"/><text x="0" y="${height - 4}">${low.toFixed(1)}</text>
      <text x="${zero}" y="${height - 4}" text-anchor="middle">0</text><text x="${width}" y="${height - 4}" text-anchor="end">${high.toFixed(1)}</text></svg>
      <p>${say("{share}% are not positive; heights are square roots", {share: (100 * off).toFixed(0)})}</p>`;
  }

  close() {
    this.closed = true;
    this.resized.disconnect();
  }
}

// Enough of a map's values to know where its colours begin.
function sampled(data, unit, area) {
  const step = Math.max(1, Math.floor(area / 1024)), found = [];
  for (let i = 0; i < area; i += step) found.push(data[unit * area + i]);
  return found;
}
