// A map of precomputed pictures; wherever it is touched, the four nearest ones are blended into the large picture.
//
// data: {identity, sheet, side (pictures along an edge of the map), edge, x0, y0, span (seeds along an edge), x, y}

class Plane {
  constructor(root) {
    this.pad = root.querySelector(".lab-pad");
    this.mark = root.querySelector("i");
    this.canvas = root.querySelector("canvas");
    [this.hint, this.words] = root.querySelectorAll("figcaption");
    this.hint.textContent = "Drag over the map, or use the arrow keys. Whole numbers are seeds.";
    this.pad.onpointerdown = (event) => { this.pad.setPointerCapture(event.pointerId); this.dragged = true; this.drag(event); };
    this.pad.onpointermove = (event) => { if (this.dragged) this.drag(event); };
    this.pad.onpointerup = this.pad.onpointercancel = () => { if (this.dragged) this.settle(); };
    this.pad.onkeydown = (event) => this.key(event);
  }

  async load(data) {
    this.wanted = data.identity;
    if (typeof data.sheet === "string") this.here.hush();
    const address = await this.here.address(data.sheet, "map"), image = new Image();
    if (address) await Object.assign(image, {src: address}).decode();
    if (this.wanted !== data.identity || !address) return;
    Object.assign(this, {data, image});
    const {bitmap, css} = wholeMultiple(image.width, this.pad.parentElement.clientWidth);
    Object.assign(this.pad.style, {
      width: `${css}px`, backgroundImage: `url(${address})`, imageRendering: bitmap < image.width ? "auto" : "pixelated",
    });
    this.move(data.x, data.y);
    this.pad.dataset.ready = data.identity;
  }

  drag(event) {
    if (!this.data) return;
    const box = this.pad.getBoundingClientRect(), {side, span, x0, y0} = this.data;
    // the middles of the outer pictures are the map's ends
    const along = (place, length) => (Math.min(Math.max((place / length) * side - 0.5, 0), side - 1) / (side - 1)) * span;
    this.move(x0 + along(event.clientX - box.left, box.width), y0 + along(event.clientY - box.top, box.height));
  }

  move(x, y) {
    const {side, span, x0, y0, edge} = this.data, clamp = (v, low) => Math.min(Math.max(v, low), low + span);
    [this.x, this.y] = [clamp(x, x0), clamp(y, y0)];
    const u = ((this.x - x0) / span) * (side - 1), v = ((this.y - y0) / span) * (side - 1);
    this.mark.style.left = `${(100 * (u + 0.5)) / side}%`;
    this.mark.style.top = `${(100 * (v + 0.5)) / side}%`;
    const i = Math.min(Math.floor(u), side - 2), j = Math.min(Math.floor(v), side - 2), a = u - i, b = v - j;
    const {bitmap: size, css} = wholeMultiple(edge, this.canvas.parentElement.clientWidth);
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    this.canvas.style.width = `${css}px`;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = size < edge;
    let sum = 0;
    for (const [p, q, weight] of [[0, 0, (1 - a) * (1 - b)], [1, 0, a * (1 - b)], [0, 1, (1 - a) * b], [1, 1, a * b]]) {
      if (weight < 1e-3) continue;
      sum += weight;
      context.globalAlpha = weight / sum; // so that all four have their weights in the end
      context.drawImage(this.image, (i + p) * edge, (j + q) * edge, edge, edge, 0, 0, size, size);
    }
    context.globalAlpha = 1;
    this.words.textContent = `x ${this.x.toFixed(2)}, y ${this.y.toFixed(2)}`;
    this.pad.setAttribute("aria-valuetext", this.words.textContent);
    this.pad.setAttribute("aria-valuenow", this.x.toFixed(2));
  }

  key(event) {
    const goes = {ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1]}[event.key];
    if (!goes || !this.data) return;
    event.preventDefault();
    this.move(this.x + 0.1 * goes[0], this.y + 0.1 * goes[1]);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), 400);
  }

  settle() {
    this.dragged = false;
    this.settled({x: this.x, y: this.y});
  }
}

export default function ({data, parentElement, setStateValue, setTriggerValue}) {
  const root = parentElement.querySelector(".lab-plane");
  root.plane ??= new Plane(root);
  root.plane.here ??= new DrawnHere(root, (problem) => setTriggerValue("failed", problem));
  root.plane.settled = (place) => setStateValue("place", place);
  if (root.plane.wanted !== data.identity) root.plane.load(data);
  return () => { clearTimeout(root.plane?.timer); root.plane?.here.close(); root.plane = undefined; };
}
