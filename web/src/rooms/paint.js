// Paint: draw where a concept's units are switched off, or set to the level that they have where it stands.

import paint from "app:shared/drawn_here.js pages/interventions/paint.js";
import html from "app:pages/interventions/paint.html";
import {choice, h, mount} from "../dom.js";
import {cellsOf, editsOf, linkName, readStrokes, regionOf, writeStrokes} from "../edits.js";
import {pictureCanvas} from "../pixels.js";
import {followingSeeds} from "../seeds.js";
import {say} from "../words.js";

const BY_HAND = ""; // the concept that stands for units that the visitor names
const FIRST = ["door", "foliage", "tree"]; // a concept to begin with, where there is one
const WALL = 6; // further seeds under the same edits
const LEVEL_SEEDS = 8; // pictures whose strongest places say what to set a unit to, where no dissection does
const STRONG = 0.995;
const HAND_RESTS = 200; // ms before other seeds are drawn, so that a stroke that follows at once need not wait for them

export class Paint {
  constructor(place, lab) {
    const {facts, query} = lab, concepts = facts.dissection?.concepts ?? [];
    Object.assign(this, {lab, facts, engine: lab.engine, concepts, number: 0});
    const known = (name) => concepts.some((concept) => concept.name === name);
    const first = FIRST.find(known) ?? concepts[0]?.name ?? BY_HAND;
    this.concept = known(query.concept) ? query.concept : query.layer ? BY_HAND : first;
    this.verb = query.verb === "remove" || query.verb === "add" ? query.verb : "add";
    this.hand = {layer: facts.layers.some(({name}) => name === query.layer) ? query.layer : facts.layers[Math.floor(facts.layers.length / 2)].name, text: query.units ?? "0"};
    this.strokes = readStrokes(query.strokes, facts.layers, (name, verb) => this.proposed(concepts.find((one) => linkName(one.name) === name), verb));
    this.at = this.strokes.length; // how many of them are made: the others can be redone

    this.units = h("p", {class: "lab-units-used", "data-testid": "units-used"});
    this.byHand = this.handControls();
    this.place = h("div", {class: "lab-component"});
    this.wall = h("div", {class: "lab-strip"});
    const note = h("p", {class: "lab-note"}, say("Choose what to add or to remove, then draw on the picture. Try a door on a wall, and one in the sky."));
    place.append(note, h("div", {class: "lab-bar lab-what"},
      choice(say("Verb"), [["add", say("Add")], ["remove", say("Remove")]], this.verb, (verb) => { this.verb = verb; this.chose(); }), this.conceptButtons()),
    this.byHand, this.place);
    this.view = mount(paint, html, this.place, {act: (act) => this.acted(act)});
    const beside = this.place.querySelector(".lab-told"); // room that the app fills with counts of a segmenter
    beside.prepend(this.units);
    beside.append(h("p", {class: "lab-strip-title"}, say("The same edits on the next seeds, before and after")), this.wall);
    this.tellUnits();
  }

  conceptButtons() {
    const label = ({name, colour}) => [name, h("span", {}, h("i", {style: `background:${colour}`}), say(name))];
    const options = [...this.concepts.map(label), [BY_HAND, say("units by hand")]];
    const buttons = choice(say("Concept"), options, this.concept, (name) => { this.concept = name; this.chose(); });
    buttons.classList.add("lab-concepts");
    return buttons;
  }

  handControls() {
    const layers = h("select", {"aria-label": say("Layer"), onchange: (event) => { this.hand.layer = event.target.value; this.chose(); }},
      ...this.facts.layers.map(({name}) => h("option", {value: name, selected: name === this.hand.layer}, name)));
    const units = h("input", {value: this.hand.text, "aria-label": say("Units"), placeholder: "3, 17, 20-25",
      onchange: (event) => { this.hand.text = event.target.value; this.chose(); }});
    return h("div", {class: "lab-bar lab-by-hand"}, h("label", {}, say("Layer"), layers), h("label", {}, say("Units"), units));
  }

  // ---- which units

  proposed(concept, verb) {
    const found = concept?.[verb];
    return found && {concept: concept.name, layer: found.layer, units: found.units, levels: verb === "add" ? found.levels : found.units.map(() => 0)};
  }

  chosenUnits() {
    if (this.concept !== BY_HAND) return this.proposed(this.concepts.find(({name}) => name === this.concept), this.verb);
    const {layer, text} = this.hand, width = this.facts.layers.find(({name}) => name === layer).units;
    return {layer, units: parseUnits(text, width), levels: null};
  }

  async withLevels({layer, units, levels}) {
    if (levels) return {layer, units, levels};
    if (this.verb === "remove") return {layer, units, levels: units.map(() => 0)};
    this.strong ??= new Map();
    if (!this.strong.has(layer)) {
      const maps = this.engine.pictures(followingSeeds(this.lab.seed, LEVEL_SEEDS), {want: [layer]}, `levels of ${layer}`);
      this.strong.set(layer, maps.then((values) => strongLevels(values[layer])));
    }
    const strong = await this.strong.get(layer);
    return {layer, units, levels: units.map((unit) => strong[unit])};
  }

  chose() {
    const hand = this.concept === BY_HAND;
    this.lab.save({concept: hand ? undefined : this.concept, verb: this.verb, layer: hand ? this.hand.layer : undefined, units: hand ? this.hand.text : undefined});
    this.tellUnits();
    this.tell();
  }

  tellUnits() {
    this.byHand.hidden = this.concept !== BY_HAND;
    const {layer, units} = this.chosenUnits() ?? {layer: "", units: []};
    const links = units.flatMap((unit, i) => [i ? " " : "", h("a", {href: this.lab.address("inside", {layer, unit})}, unit)]);
    this.units.replaceChildren(say("Units that a stroke switches: {count} of {layer}", {count: units.length, layer}), ": ", ...links);
  }

  // ---- what is done

  async acted(act) {
    if (act.kind === "undo") this.at = Math.max(0, this.at - 1);
    if (act.kind === "redo") this.at = Math.min(this.strokes.length, this.at + 1);
    if (act.kind === "reset") { this.strokes = []; this.at = 0; }
    if (act.kind === "draw" || act.kind === "everywhere") {
      const chosen = this.chosenUnits(), {verb} = this, concept = this.concept === BY_HAND ? null : this.concept;
      if (chosen?.units.length) {
        const {layer, units, levels} = await this.withLevels(chosen);
        if (this.closed) return;
        const size = this.facts.layers.find(({name}) => name === layer).resolution;
        const cells = act.kind === "draw" ? cellsOf(regionOf(act), act.side, size) : null;
        this.strokes = [...this.strokes.slice(0, this.at), {concept, verb, layer, units, levels, cells}];
        this.at = this.strokes.length;
      }
    }
    this.lab.save({strokes: writeStrokes(this.made())});
    await this.compute();
  }

  made() { return this.strokes.slice(0, this.at); }

  async show() {
    const run = (this.shown = {});
    this.before = null;
    this.tellUnits();
    const values = await this.engine.pictures([this.lab.seed], {}, "before");
    if (this.shown !== run || !values) return;
    this.before = pictureCanvas(values.images).toDataURL();
    this.wallBefore = [];
    await this.compute();
  }

  async compute() {
    if (!this.before) return;
    const run = (this.computed = {}), made = this.made(), edits = editsOf(made, this.facts.layers);
    this.after = this.before;
    if (made.length) {
      const values = await this.engine.pictures([this.lab.seed], {edits}, "after");
      if (this.computed !== run || !values) return;
      this.after = pictureCanvas(values.images).toDataURL();
    }
    this.tell();
    await new Promise((rested) => setTimeout(rested, HAND_RESTS));
    if (this.computed === run) await this.drawWall(run, edits, made.length > 0);
  }

  tell() {
    if (!this.before || !this.after) return;
    const edge = this.facts.resolution, layer = this.chosenUnits()?.layer ?? this.facts.layers[0].name;
    const size = this.facts.layers.find(({name}) => name === layer).resolution;
    this.view.show({
      version: `${++this.number}`, edge, side: edge >= 32 ? Math.min(edge, 128) : 32, cells: [size, size],
      before: this.before, after: this.after, source: null, segBefore: null, segAfter: null, beside: say("before"),
      changes: [], steps: this.made().map(words), undo: this.at > 0, redo: this.at < this.strokes.length,
    });
  }

  // Other seeds one at a time, so that the next stroke waits for one picture at most.
  async drawWall(run, edits, edited) {
    const seeds = followingSeeds(this.lab.seed + 1, WALL);
    for (const [i, seed] of seeds.entries()) {
      if (!this.wallBefore[i]) {
        const values = await this.engine.pictures([seed], {}, "wall");
        if (this.computed !== run || !values) return;
        this.wallBefore[i] = pictureCanvas(values.images);
      }
      const after = edited ? await this.engine.pictures([seed], {edits}, "wall") : null;
      if (this.computed !== run || (edited && !after)) return;
      const pair = h("button", {type: "button", title: say("Paint on seed {seed}", {seed}), onclick: () => this.lab.sow(seed)}, this.wallBefore[i], after ? pictureCanvas(after.images) : null);
      if (this.wall.children[i]) this.wall.children[i].replaceWith(pair);
      else this.wall.append(pair);
    }
  }

  close() {
    this.closed = true;
    this.shown = this.computed = null;
    this.view.close();
  }
}

function words({concept, verb, layer, units, cells}) {
  const what = concept ? say(concept) : say("units {units}", {units: units.join(", ")}), size = Math.sqrt(cells?.length ?? 0);
  const where = cells ? say("in {count} cells of {size}×{size}", {count: cells.reduce((sum, bit) => sum + bit, 0), size}) : say("everywhere");
  return verb === "add" ? say("{what} added {where} ({layer})", {what, where, layer}) : say("{what} removed {where} ({layer})", {what, where, layer});
}

// "3, 17, 20-25" to numbers below `width`; what is none is left out.
function parseUnits(text, width) {
  const found = new Set();
  for (const [, first, last] of text.matchAll(/(\d+)(?:\s*-\s*(\d+))?/g)) {
    for (let unit = Number(first); unit <= Number(last ?? first) && unit < width; unit++) found.add(unit);
  }
  return [...found].sort((a, b) => a - b);
}

// The level that each unit exceeds in 0.5% of the places of some pictures.
function strongLevels({data, dims: [count, units, height, width]}) {
  const area = height * width;
  return Array.from({length: units}, (_, unit) => {
    const values = new Float32Array(count * area);
    for (let n = 0; n < count; n++) values.set(data.subarray((n * units + unit) * area, (n * units + unit + 1) * area), n * area);
    return values.sort()[Math.min(values.length - 1, Math.floor(STRONG * values.length))];
  });
}
