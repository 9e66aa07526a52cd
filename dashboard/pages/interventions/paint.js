// A picture to draw on. What is drawn is shown at once; when the hand lets go, the region goes to the server, which sends
// the changed picture back.
//
// data: {version, edge, side, cells: [rows, columns], before, after, source, segBefore, segAfter
//        (addresses, sheets of one picture that this browser draws, or null), beside: the name of source or before,
//        changes: [[name, colour, pixels before, pixels after]], steps: [words], undo, redo, tool}
// sent: act {kind: "draw", mask, side} (a bit a pixel, row after row), {kind: "everywhere" | "undo" | "redo" | "reset"}

class Painting {
  constructor(root) {
    this.root = root;
    this.tool = "brush";
    this.mask = document.createElement("canvas");
    this.canvas = this.find(".lab-canvas");
    this.split = this.find(".lab-split");
    this.split.oninput = () => this.draw();
    this.find(".lab-size").oninput = (event) => { this.size = Number(event.target.value); };
    this.size = 5;
    for (const button of root.querySelectorAll("[data-tool]")) button.onclick = () => this.choose(button.dataset.tool);
    for (const button of root.querySelectorAll("[data-action]")) button.onclick = () => this.send({kind: button.dataset.action});
    this.canvas.onpointerdown = (event) => this.begin(event);
    this.canvas.onpointermove = (event) => this.move(event);
    this.canvas.onpointerup = (event) => this.end(event);
    this.canvas.onpointercancel = () => this.drop();
    this.canvas.onkeydown = (event) => this.steer(event);
    this.canvas.onfocus = this.canvas.onblur = () => this.draw();
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.choose(this.tool);
  }

  find(selector) { return this.root.querySelector(selector); }

  choose(tool) {
    this.tool = tool;
    for (const button of this.root.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  }

  key(event) {
    const kind = {z: event.shiftKey ? "redo" : "undo", y: "redo"}[event.key.toLowerCase()];
    if (!kind || !(event.ctrlKey || event.metaKey) || event.target.closest?.("input:not([type=range]), textarea")) return;
    event.preventDefault();
    if (this.data[kind]) this.send({kind});
  }

  send(act) {
    this.sent = performance.now();
    this.root.dataset.busy = "true";
    this.act({...act, number: (this.number = (this.number ?? 0) + 1)});
  }

  // ---- the hand

  place(event) {
    const box = this.canvas.getBoundingClientRect(), side = this.data.side;
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  }

  begin(event) {
    if (event.button !== 0 || !this.data) return;
    try { this.canvas.setPointerCapture(event.pointerId); } catch { /* a made-up pointer cannot be captured */ }
    this.points = [this.place(event)];
    this.stroke();
  }

  move(event) {
    if (!this.points) return;
    this.points.push(this.place(event));
    this.stroke();
  }

  end(event) {
    if (!this.points) return;
    this.points.push(this.place(event));
    this.stroke();
    this.lift();
  }

  // Without a mouse: arrows move a cross (in small steps with Shift), Space or Enter begins and ends a stroke, Escape drops it.
  steer(event) {
    const goes = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
    if (!this.data || !(goes || [" ", "Enter", "Escape"].includes(event.key))) return;
    event.preventDefault();
    const {side} = this.data, step = side / (event.shiftKey ? 64 : 16);
    if (goes) {
      this.cross = this.crossed().map((at, i) => Math.min(Math.max(at + step * goes[i], 0), side));
      this.points?.push(this.cross);
    } else if (event.key === "Escape") return this.drop();
    else if (this.points) return this.lift();
    else this.points = [this.crossed()];
    if (this.points) this.stroke(); else this.draw();
  }

  crossed() { return this.cross ?? [this.data.side / 2, this.data.side / 2]; }

  lift() {
    const mask = this.packed();
    this.points = undefined;
    if (mask) this.send({kind: "draw", mask, side: this.data.side});
    else this.drop();
  }

  drop() {
    this.points = undefined;
    this.mask.width = this.mask.height = this.data.side; // cleared
    this.draw();
  }

  stroke() {
    const {side} = this.data, points = this.points, context = this.mask.getContext("2d", {willReadFrequently: true});
    this.mask.width = this.mask.height = side;
    context.fillStyle = context.strokeStyle = "#ffe61e";
    context.beginPath();
    if (this.tool === "box") {
      const [[x0, y0], [x1, y1]] = [points[0], points[points.length - 1]];
      context.rect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
      context.fill();
    } else {
      points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      if (this.tool === "lasso") context.fill();
      else {
        Object.assign(context, {lineWidth: (this.size / 64) * side, lineCap: "round", lineJoin: "round"});
        if (points.length < 2) context.lineTo(points[0][0] + 0.01, points[0][1]);
        context.stroke();
      }
    }
    this.draw();
  }

  // The region as base64 of a bit a pixel, or null where nothing was drawn.
  packed() {
    const {side} = this.data, values = this.mask.getContext("2d").getImageData(0, 0, side, side).data;
    const bytes = new Uint8Array(Math.ceil((side * side) / 8));
    let any = false;
    for (let i = 0; i < side * side; i++) {
      if (values[4 * i + 3] > 127) { bytes[i >> 3] |= 128 >> (i & 7); any = true; }
    }
    return any ? btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) : null;
  }

  // ---- the pictures

  async load(data) {
    this.wanted = data.version;
    const names = ["before", "after", "source", "segBefore", "segAfter"].filter((name) => data[name]);
    if (typeof data.after === "string") this.here.hush();
    const images = await Promise.all(names.map(async (name) => {
      const address = await this.here.address(data[name], name), image = new Image();
      if (address) await Object.assign(image, {src: address}).decode();
      return [name, address && image];
    }));
    if (this.wanted !== data.version || images.some(([, image]) => !image)) return; // a newer one came meanwhile
    Object.assign(this, {data, images: Object.fromEntries(images)});
    if (!this.points) this.mask.width = this.mask.height = data.side;
    this.root.style.setProperty("--edge", `${data.edge / (window.devicePixelRatio || 1)}px`); // shown at whole multiples of it
    for (const kind of ["undo", "redo", "reset"]) this.find(`[data-action="${kind}"]`).disabled = !data[kind === "reset" ? "undo" : kind];
    this.draw();
    this.beside();
    this.tell();
    if (this.sent) this.root.dataset.milliseconds = Math.round(performance.now() - this.sent);
    this.sent = undefined;
    Object.assign(this.root.dataset, {version: data.version, busy: "false", steps: data.steps.length});
  }

  // Sizes a canvas so that every pixel of the picture is a whole block on the screen.
  fit(canvas) {
    const edge = this.data.edge, wanted = canvas.clientWidth * (window.devicePixelRatio || 1);
    const side = edge * Math.max(1, Math.ceil(wanted / edge));
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    return [context, side];
  }

  picture(canvas, image) {
    const [context, side] = this.fit(canvas);
    context.drawImage(image, 0, 0, side, side);
  }

  draw() {
    if (!this.images) return;
    const [context, side] = this.fit(this.canvas), cut = Number(this.split.value) / 100;
    context.drawImage(this.images.after, 0, 0, side, side);
    if (cut > 0) {
      const edge = this.images.before.naturalWidth;
      context.drawImage(this.images.before, 0, 0, edge * cut, edge, 0, 0, side * cut, side);
      context.fillStyle = "#fff";
      context.fillRect(side * cut - 1, 0, 2, side);
    }
    if (this.points) this.overlay(context, side);
    if (this.canvas.matches(":focus-visible")) this.aim(context, side);
  }

  aim(context, side) {
    const [x, y] = this.crossed().map((at) => (at / this.data.side) * side), arm = side / 24;
    for (const [colour, width] of [["#000", 5], ["#fff", 2]]) {
      Object.assign(context, {strokeStyle: colour, lineWidth: width});
      context.stroke(new Path2D(`M${x - arm} ${y}H${x + arm}M${x} ${y - arm}V${y + arm}`));
    }
  }

  // What is drawn, and the layer's cells that it touches: those are switched.
  overlay(context, side) {
    const [rows, columns] = this.data.cells;
    context.globalAlpha = 0.55;
    context.drawImage(this.mask, 0, 0, side, side);
    context.globalAlpha = 1;
    const values = this.mask.getContext("2d").getImageData(0, 0, this.data.side, this.data.side).data;
    context.strokeStyle = "#ffe61e";
    context.lineWidth = 2;
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        if (this.touches(values, x / columns, y / rows, 1 / columns, 1 / rows)) {
          context.strokeRect((x / columns) * side + 1, (y / rows) * side + 1, side / columns - 2, side / rows - 2);
        }
      }
    }
  }

  touches(values, left, top, width, height) {
    const {side} = this.data, until = (from, length) => Math.ceil((from + length) * side - 1e-6);
    for (let y = Math.floor(top * side + 1e-6); y < until(top, height); y++) {
      for (let x = Math.floor(left * side + 1e-6); x < until(left, width); x++) {
        if (values[4 * (y * side + x) + 3] > 127) return true;
      }
    }
    return false;
  }

  beside() {
    this.picture(this.find(".lab-before"), this.images.source ?? this.images.before);
    this.find(".lab-beside").textContent = this.data.beside;
    this.root.querySelector(".lab-segmented").hidden = !this.images.segAfter;
    if (this.images.segAfter) {
      this.picture(this.find(".lab-seg-before"), this.images.segBefore);
      this.picture(this.find(".lab-seg-after"), this.images.segAfter);
    }
    const edge = this.data.edge, small = document.createElement("canvas");
    small.width = small.height = edge;
    const context = small.getContext("2d", {willReadFrequently: true});
    const pixels = (image) => { context.drawImage(image, 0, 0, edge, edge); return context.getImageData(0, 0, edge, edge); };
    const before = pixels(this.images.before).data, map = pixels(this.images.after);
    for (let i = 0; i < map.data.length; i += 4) { // the mean change of the three colours, dark to bright
      const change = (Math.abs(map.data[i] - before[i]) + Math.abs(map.data[i + 1] - before[i + 1]) + Math.abs(map.data[i + 2] - before[i + 2])) / 3;
      const heat = Math.min(1, change / 96);
      map.data.set([255 * Math.min(1, 2 * heat), 255 * Math.max(0, 2 * heat - 1), 90 * (1 - heat) * heat * 4], i);
    }
    context.putImageData(map, 0, 0);
    this.picture(this.find(".lab-change"), small);
  }

  tell() {
    const rows = this.data.changes.map(([name, colour, before, after]) => {
      const row = document.createElement("tr"), square = document.createElement("i");
      square.style.background = colour;
      const cells = [name, before, "→", after].map((text) => Object.assign(document.createElement("td"), {textContent: text}));
      cells[0].prepend(square);
      row.append(...cells);
      return row;
    });
    this.find(".lab-told table").replaceChildren(...rows);
    this.find(".lab-told ol").replaceChildren(...this.data.steps.map((words) => Object.assign(document.createElement("li"), {textContent: words})));
  }
}

export default function ({data, parentElement, setTriggerValue}) {
  const root = parentElement.querySelector(".lab-paint");
  root.painting ??= new Painting(root);
  root.painting.here ??= new DrawnHere(root, (problem) => setTriggerValue("failed", problem));
  root.painting.act = (act) => setTriggerValue("act", act);
  if (root.painting.wanted !== data.version) root.painting.load(data);
  return () => {
    document.removeEventListener("keydown", root.painting?.keys);
    root.painting?.here.close();
    root.painting = undefined;
  };
}
