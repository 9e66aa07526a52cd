// Units: what each unit stands for, by concept; a wall of the best ones with the pictures that light them most.

import grid from "app:shared/drawn_here.js shared/picture_grid.js";
import {choice, h, mount} from "../dom.js";
import {number} from "../link.js";
import {say} from "../words.js";

const GRID = '<div class="lab-picture-grid" data-testid="picture-grid"><img><div></div></div>';

export class Units {
  constructor(place, lab) {
    const {concepts, samples, interpretable, total, level} = lab.facts.dissection;
    this.lab = lab;
    this.concepts = concepts.filter((concept) => concept.wall);
    const asked = this.concepts.find(({name}) => name === lab.query.concept);
    this.concept = asked ?? this.concepts[0];
    this.chosen = lab.query.number === undefined ? null : Math.floor(number(lab.query.number, 0, 0, this.concept.wall.units.length - 1));
    const most = Math.max(...this.concepts.map(({count}) => count));
    const row = ({name, colour, count}) => [name, h("span", {class: "lab-concept-row"}, h("i", {style: `background:${colour}`}), h("b", {}, say(name)),
      h("em", {style: `--share:${count / most}`}), h("small", {}, String(count)))];
    const list = choice(say("Concept"), this.concepts.map(row), this.concept.name, (name) => {
      this.concept = this.concepts.find((one) => one.name === name);
      this.chosen = null;
      this.show();
      lab.save({concept: name, number: undefined});
    });
    list.classList.add("lab-concept-list");
    this.wall = h("div", {class: "lab-component"});
    this.detail = h("div", {class: "lab-unit-detail", "data-testid": "unit-detail"});
    const words = say("{interpretable} of {total} units stand for a concept (IoU above {level}), counted over {samples} pictures. Lit: where the unit is on.", {
      interpretable, total, samples: samples.toLocaleString(lab.language), level});
    place.append(h("p", {class: "lab-note"}, words), h("div", {class: "lab-units"}, list, h("div", {}, this.wall, this.detail)));
    this.view = mount(grid, GRID, this.wall, {cell: (number_) => this.choose(number_)});
  }

  choose(place) {
    this.chosen = place;
    this.lab.save({number: place});
    this.show();
  }

  show() {
    const {wall, name} = this.concept, captions = wall.units.map(({layer, unit, iou}) => `${layer} · ${unit} · ${iou.toFixed(2)}`);
    this.view.show({source: new URL(wall.file, this.lab.base).href, width: wall.width, columns: wall.columns, rows: Math.ceil(wall.units.length / wall.columns),
      names: captions, chosen: this.chosen === null ? [] : [this.chosen], captions, label: say("The best units for {concept}", {concept: say(name)})});
    this.tell();
  }

  tell() {
    if (this.chosen === null) {
      this.detail.replaceChildren(h("p", {class: "lab-note"}, say("Layer, unit and IoU of the best units for {concept}. Click one.", {concept: say(this.concept.name)})));
      return;
    }
    const {layer, unit, iou, low, high, seeds} = this.concept.wall.units[this.chosen];
    const go = (words, room, values) => h("button", {type: "button", onclick: () => { this.lab.seed = seeds[0]; this.lab.go(room, values); }}, words);
    this.detail.replaceChildren(
      h("p", {}, say("Unit {unit} of {layer}: {concept}, IoU {iou} ({low} to {high})", {unit, layer, concept: say(this.concept.name), iou: iou.toFixed(3), low: low.toFixed(3), high: high.toFixed(3)})),
      go(say("See its map"), "inside", {layer, unit}), go(say("Switch it off"), "paint", {layer, units: String(unit), verb: "remove"}), go(say("Add it"), "paint", {layer, units: String(unit), verb: "add"}));
  }

  close() { this.view.close(); }
}
