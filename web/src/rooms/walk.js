// Walk: a way through the latents of some seeds.

import walk from "app:shared/drawn_here.js shared/whole.js shared/player.js pages/latents/walk.js";
import html from "app:pages/latents/walk.html";
import {choice, h, mount} from "../dom.js";
import {coarseToFine, Film} from "../film.js";
import {number} from "../link.js";
import {pictureCanvas} from "../pixels.js";
import {followingSeeds} from "../seeds.js";
import {curvesOf, lerp, slerp} from "../ways.js";
import {say} from "../words.js";

const FRAMES = 24; // from one seed to the next
const COLOURS = {slerp: "#2f7dd1", lerp: "#e07b1a"};
const METHODS = {slerp, lerp};

export class Walk {
  constructor(place, lab) {
    this.lab = lab;
    this.method = ["slerp", "lerp", "both"].includes(lab.query.way) ? lab.query.way : "slerp";
    this.stops = Math.floor(number(lab.query.stops, 3, 2, 6));
    const ways = [["slerp", "slerp"], ["lerp", "lerp"], ["both", say("side by side")]];
    const stops = h("input", {type: "number", min: 2, max: 6, value: this.stops, onchange: (event) => {
      this.stops = Math.floor(number(event.target.value, 3, 2, 6));
      this.again();
    }});
    const normalized = lab.facts.normalizesLatents ? say("This network sees only the direction of z: both ways show the same pictures, at different speeds.") : say("Slerp keeps the length of z; lerp cuts the corner, where latents are rare.");
    this.place = h("div", {class: "lab-component"});
    place.append(h("p", {class: "lab-note"}, normalized),
      h("div", {class: "lab-bar"}, choice(say("Way"), ways, this.method, (value) => { this.method = value; this.again(); }),
        h("label", {}, say("Through seeds"), stops), h("output", {class: "lab-done"})), this.place);
    this.done = place.querySelector(".lab-done");
    this.view = mount(walk, html, this.place, {view: ({moment}) => lab.save({t: moment.toFixed(1)})});
  }

  again() {
    this.lab.save({way: this.method === "slerp" ? undefined : this.method, stops: this.stops === 3 ? undefined : this.stops});
    this.show();
  }

  async show() {
    const run = (this.run = {}), {lab: {engine, facts, seed}} = this;
    const seeds = followingSeeds(seed, this.stops), ends = seeds.map((one) => engine.latent(one));
    const names = this.method === "both" ? ["slerp", "lerp"] : [this.method];
    const tracks = names.map((name) => wayThrough(ends, METHODS[name])), frames = tracks[0].length;
    const films = tracks.map(() => new Film(frames, facts.resolution));
    let shown = false;
    for (const [number_, frame] of coarseToFine(frames).entries()) {
      for (const [i, latents] of tracks.entries()) {
        const values = await engine.run({latents: [latents[frame]], seeds: [seed]}, "walk");
        if (this.run !== run || !values) return;
        films[i].add(frame, pictureCanvas(values.images));
      }
      this.done.textContent = number_ + 1 < frames ? say("{done} of {frames} frames", {done: number_ + 1, frames}) : "";
      if (!shown && number_ >= 1) this.load(names, films, tracks, seeds);
      shown ||= number_ >= 1;
      this.place.querySelector(".lab-walk").walk?.draw();
    }
    this.place.dataset.frames = frames;
  }

  load(names, films, tracks, seeds) {
    const curves = tracks.map(curvesOf), line = (values) => names.map((name, i) => ({name: names.length > 1 ? name : "", colour: COLOURS[name], values: curves[i][values]}));
    this.view.show({
      identity: `${seeds}/${names}`, frames: tracks[0].length, places: tracks[0].map((_, frame) => frame), patience: null, fps: 12,
      tracks: films.map(({sheet, columns, edge}, i) => ({sheet, columns, edge, name: names[i]})),
      curves: [{title: say("turn of z, degrees a frame"), lines: line("turns")}, {title: say("length of z"), lines: line("lengths")}],
      ticks: seeds.map((seed, i) => ({t: i * FRAMES, label: say("seed {seed}", {seed})})),
      start: number(this.lab.query.t, 0, 0, 1e4), speed: "1", mode: "ping-pong", play: this.lab.query.t === undefined,
    });
  }

  close() {
    this.run = null;
    this.view.close();
  }
}

function wayThrough(ends, between) {
  const latents = [];
  for (let i = 0; i + 1 < ends.length; i++) {
    for (let k = 0; k < FRAMES; k++) latents.push(between(ends[i], ends[i + 1], k / FRAMES));
  }
  return [...latents, ends.at(-1)];
}
