// The Growth page's component: the wall and its scrubber, figure 2 that moves along, and what the moment is called.
//
// data beside the Player's: phases [{resolution, fading, t0, t1}], columns; points carry {resolution, alpha} and,
// for snapshots, the sheets of their branches {old, new} and a name.

export default function (component) {
  const {data, parentElement, setStateValue} = component;
  const root = parentElement.querySelector(".lab-growth");
  root.view ??= new GrowthView(root);
  root.view.settled = (t) => setStateValue("moment", t);
  root.view.load(data);
  return () => { root.view.stop(); root.view = undefined; };
}

class GrowthView {
  constructor(root) {
    this.root = root;
    this.figure = root.querySelector(".lab-figure2");
    this.readout = root.querySelector(".lab-readout");
    this.chosen = 0; // the picture of the wall that the figure shows
    this.player = new Player(root, {show: (place) => this.show(place), settle: (t) => this.settled(t)});
    const {canvas} = this.player;
    canvas.onclick = (event) => this.hit(event);
    canvas.onmousedown = (event) => event.preventDefault(); // whoever clicks keeps the keys for the scrubber
    canvas.onkeydown = (event) => this.key(event);
    canvas.onfocus = canvas.onblur = () => { if (this.data) this.choose(this.chosen); };
    this.cut = document.createElement("canvas");
    this.onEarly = ({detail}) => this.early(detail);
    document.addEventListener("lab-early", this.onEarly);
  }

  stop() {
    this.player.stop();
    document.removeEventListener("lab-early", this.onEarly);
  }

  // Another seed's last moment comes before its other ones, for a viewer who looks at the last moment.
  async early({sheet, columns}) {
    const before = this.data, image = Object.assign(new Image(), {src: sheet});
    await image.decode();
    if (this.data === before && before?.columns === columns && this.player.atEnd()) this.player.drawOnly(image);
  }

  load(data) {
    if (this.data?.identity === data.identity) return; // a rerun of the page that changed nothing here
    this.data = data;
    this.drawn = null;
    this.cuts = {};
    for (const side of ["--columns", "--rows"]) this.player.canvas.parentElement.style.setProperty(side, data.columns);
    if (this.chosen >= data.columns ** 2) this.chosen = 0;
    this.player.canvas.setAttribute("aria-valuemax", data.columns ** 2);
    this.player.load(data);
  }

  // {resolution, fading, alpha, old, new} at a place; old and new are the sheets of a fade's branches.
  moment({from, t}) {
    if (!this.data.smooth) return {...from, fading: from.alpha < 1};
    const phase = this.data.phases.find(({t1}) => t < t1) ?? this.data.phases.at(-1);
    return {...phase, alpha: phase.fading ? t - phase.t0 : 1};
  }

  show(place) {
    const moment = this.moment(place), shape = `${moment.resolution}${moment.fading}`;
    if (this.drawn !== shape) {
      drawFigure(this.figure, moment.resolution, moment.fading);
      this.drawn = shape;
    }
    const branches = moment.fading ? {old: this.crop(moment.old), new: this.crop(moment.new)} : {};
    setFigure(this.figure, moment.alpha, {...branches, blend: this.crop(null)});
    this.readout.innerHTML = this.words(moment);
    document.dispatchEvent(new CustomEvent("lab-moment", {detail: {t: place.t}}));
  }

  words({resolution, fading, alpha, name}) {
    const size = `${resolution} × ${resolution}`;
    const what = fading ? `fading in <b>${size}</b>, α = <b>${alpha.toFixed(2)}</b>` : `training at <b>${size}</b>`;
    return name ? `${what}<small>${name}</small>` : what;
  }

  // The chosen picture of a sheet (or of the wall as it is drawn) as a data: address; sheets are cut once.
  crop(sheet) {
    const key = `${sheet}/${this.chosen}`;
    if (sheet !== null && this.cuts[key]) return this.cuts[key];
    const source = sheet === null ? this.player.canvas : this.player.images[sheet];
    const edge = source.width / this.data.columns, context = this.cut.getContext("2d");
    const factor = Math.max(1, Math.round(256 / edge));
    const x = (this.chosen % this.data.columns) * edge, y = Math.floor(this.chosen / this.data.columns) * edge;
    this.cut.width = this.cut.height = Math.min(edge * factor, 512);
    context.imageSmoothingEnabled = false;
    context.drawImage(source, x, y, edge, edge, 0, 0, this.cut.width, this.cut.height);
    const address = this.cut.toDataURL();
    if (sheet !== null) this.cuts[key] = address;
    return address;
  }

  hit(event) {
    const box = this.player.canvas.getBoundingClientRect(), columns = this.data.columns;
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * columns);
    this.choose(row * columns + column);
  }

  key(event) {
    const {columns} = this.data;
    const step = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns}[event.key];
    if (!step) return;
    event.preventDefault();
    if (this.chosen + step >= 0 && this.chosen + step < columns ** 2) this.choose(this.chosen + step);
  }

  choose(index) {
    this.chosen = index;
    this.player.canvas.setAttribute("aria-valuenow", index + 1);
    this.player.show(this.player.t);
    if (this.player.canvas.matches(":focus-visible")) this.mark();
  }

  // A frame around the picture that the keys have chosen, until the next draw.
  mark() {
    const {canvas} = this.player, edge = canvas.width / this.data.columns, context = canvas.getContext("2d");
    const x = (this.chosen % this.data.columns) * edge, y = Math.floor(this.chosen / this.data.columns) * edge;
    for (const [colour, width] of [["#000", 8], ["#fff", 4]]) {
      Object.assign(context, {strokeStyle: colour, lineWidth: width});
      context.strokeRect(x + 4, y + 4, edge - 8, edge - 8);
    }
  }
}
