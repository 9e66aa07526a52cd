// A walk as sprite sheets that are already in the browser: every move of the dial is two drawImage calls.
//
// data: {frames, places, patience, fps, identity, tracks: [{sheet (an address, a canvas that may still be filled, or
//        a sheet that this browser draws), columns, edge, name}],
//        curves: [{title, lines: [{name, colour, values}]}],
//        ticks: [{t, label}], start, speed, mode}
// The tracks move in step and hold the frames of the walk at data.places; between these two are blended. After so many
// seconds (null: never) setTriggerValue("finer") asks for every frame. setStateValue("view", {moment, speed, mode}) when the hand lets go.

class Walk extends Player {
  async load(data) {
    this.data = {...data, smooth: true, points: Array.from({length: data.frames}, (_, t) => ({t, sheet: 0}))};
    const end = Math.max(data.frames - 1, 1);
    Object.assign(this.range, {max: end, step: "any"});
    if (this.t === null) this.t = data.start;
    this.t = Math.min(this.t, end);
    this.ticks(data.ticks, end);
    if (data.tracks.every(({sheet}) => typeof sheet === "string")) this.here.hush();
    const films = await Promise.all(data.tracks.map((track, i) => this.film(track, i)));
    if (this.data.identity !== data.identity || films.includes(null)) return; // a newer walk came meanwhile
    Object.assign(this, {images: films.map(({sheet}) => sheet), tracks: films, places: this.data.places});
    this.show(this.t);
    this.canvas.dataset.ready = data.identity;
    this.canvas.dataset.loaded = performance.timeOrigin + performance.now();
    if (this.moving && !this.playing) this.play();
  }

  // A track with its frames as a picture or a canvas, or null when there is a newer walk.
  async film({sheet, columns, edge}, number) {
    if (sheet instanceof HTMLCanvasElement) return {sheet, columns, edge};
    if (typeof sheet !== "string") return this.here.film(sheet, `track ${number}`, () => { if (!this.playing) this.draw(); });
    const image = Object.assign(new Image(), {src: sheet});
    await image.decode();
    return {sheet: image, columns, edge};
  }

  draw() {
    if (!this.images) return;
    this.tracks.forEach((track, i) => this.paint(this.canvases[i], this.images[i], track));
    this.drawn = (this.drawn ?? 0) + 1;
  }

  // The frame at this.t, blended with the next one that is there, enlarged by a whole factor without smoothing, or halved.
  paint(canvas, image, {columns, edge}) {
    const {bitmap: side, css} = wholeMultiple(edge, canvas.parentElement.clientWidth);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    canvas.style.width = `${css}px`;
    const context = canvas.getContext("2d"), places = this.places;
    const frame = Math.max(0, places.findLastIndex((place) => place <= this.t)), next = Math.min(frame + 1, places.length - 1);
    const part = next === frame ? 0 : (this.t - places[frame]) / (places[next] - places[frame]);
    context.imageSmoothingEnabled = side < edge;
    for (const [number, weight] of [[frame, 1], [next, part]]) {
      if (weight < 0.02 || (weight < 1 && number === frame)) continue;
      context.globalAlpha = weight;
      context.drawImage(image, (number % columns) * edge, Math.floor(number / columns) * edge, edge, edge, 0, 0, side, side);
    }
    context.globalAlpha = 1;
  }

  play() {
    const end = Number(this.range.max);
    if (this.mode.value === "once" && this.t >= end) this.show(0);
    this.playing = this.moving = true;
    this.direction = 1;
    this.face();
    let last = performance.now();
    const step = (now) => {
      if (!this.playing) return;
      this.advance(((now - last) / 1000) * this.data.fps * Number(this.speed.value), end);
      last = now;
      if (this.playing) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  advance(frames, end) {
    const t = this.t + this.direction * frames;
    if (t >= 0 && t <= end) return this.show(t);
    if (this.mode.value === "once") { this.show(end); this.pause(); this.settle(); }
    else if (this.mode.value === "loop") this.show(t % (end + 1) > end ? 0 : t % (end + 1));
    else {
      this.direction = -this.direction;
      this.show(t > end ? end : 0);
    }
  }

  pause() {
    super.pause();
    this.moving = false;
  }

  next(direction, tick = false) {
    return tick ? super.next(direction, true) : Math.round(this.t) + direction;
  }
}

// Lines over the walk in one small SVG; returns how to move its marker.
function drawCurve(place, {title, lines}, frames) {
  const width = Math.max(place.clientWidth, 160), height = 132, left = 44, bottom = 20, top = 8, right = 6;
  const low = 0, high = 1.06 * Math.max(...lines.flatMap((line) => line.values), 1e-9);
  const x = (t) => left + ((width - left - right) * t) / Math.max(frames - 1, 1);
  const y = (v) => height - bottom - ((height - bottom - top) * (v - low)) / (high - low);
  const text = (v) => (Math.abs(v) >= 100 ? v.toFixed(0) : v.toFixed(Math.abs(v) >= 10 ? 1 : 2));
  const ticks = [low, (low + high) / 2, high].map((v) =>
    `<line class="axis" x1="${left}" x2="${width - right}" y1="${y(v)}" y2="${y(v)}"/>` +
    `<text x="${left - 5}" y="${y(v) + 4}" text-anchor="end">${text(v)}</text>`);
  const drawn = lines.map(({values: line, colour}) => {
    const points = line.map((v, t) => `${x(t + (frames - line.length) / 2).toFixed(1)},${y(v).toFixed(1)}`);
    return `<polyline fill="none" stroke="${colour}" stroke-width="2.5" points="${points.join(" ")}"/>`;
  });
  const names = lines.filter(({name}) => name).map(({name, colour}) => `<i style="--ink:${colour}">${name}</i>`);
  place.innerHTML = `<h4>${title}${names.join("")}</h4>` +
    `<svg viewBox="0 0 ${width} ${height}">${ticks.join("")}${drawn.join("")}` +
    `<line class="now" y1="${top}" y2="${height - bottom}"/><text x="${left}" y="${height - 4}">frame 0</text>` +
    `<text x="${width - right}" y="${height - 4}" text-anchor="end">${frames - 1}</text></svg>`;
  const marker = place.querySelector("line.now");
  return (t) => { marker.setAttribute("x1", x(t)); marker.setAttribute("x2", x(t)); };
}

export default function (component) {
  const {data, parentElement, setStateValue, setTriggerValue} = component;
  const root = parentElement.querySelector(".lab-walk");
  if (!root.walk) startWalk(root, data);
  const walk = root.walk;
  walk.here ??= new DrawnHere(root, (problem) => setTriggerValue("failed", problem));
  walk.settled = (t) => setStateValue("view", {moment: t, speed: walk.speed.value, mode: walk.mode.value});
  if (root.identity !== data.identity) showWalk(root, data);
  clearTimeout(walk.asking);
  if (data.patience !== null) walk.asking = setTimeout(() => setTriggerValue("finer", Date.now()), 1000 * data.patience);
  return () => { clearTimeout(walk.asking); walk.here.close(); walk.stop(); root.walk = root.identity = undefined; };
}

function startWalk(root, data) {
  const readout = root.querySelector(".lab-readout");
  const walk = new Walk(root, {
    show: ({t}) => {
      readout.textContent = `frame ${Math.round(t)} of ${walk.data.frames}`;
      for (const move of walk.markers ?? []) move(t);
      document.dispatchEvent(new CustomEvent("lab-walk", {detail: {t}}));
    },
    settle: (t) => walk.settled(t),
  });
  root.walk = walk;
  walk.speed = root.querySelector(".lab-speed");
  walk.mode = root.querySelector(".lab-mode");
  walk.speed.value = data.speed;
  walk.mode.value = data.mode;
  walk.speed.onchange = walk.mode.onchange = () => walk.settle();
  walk.canvases = [...root.querySelectorAll("canvas")];
  for (const canvas of walk.canvases) canvas.onclick = () => walk.toggle();
  walk.moving = data.play && !matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function showWalk(root, data) {
  root.identity = data.identity;
  const figures = root.querySelectorAll("figure"), place = root.querySelector(".lab-curves");
  figures[1].hidden = data.tracks.length < 2;
  root.querySelector(".lab-walk-row").classList.toggle("lab-two", data.tracks.length > 1);
  data.tracks.forEach(({name}, i) => { figures[i].querySelector("figcaption").textContent = name; });
  place.replaceChildren(...data.curves.map(() => document.createElement("div")));
  root.walk.markers = data.curves.map((curve, i) => drawCurve(place.children[i], curve, data.frames));
  root.walk.load(data);
}
