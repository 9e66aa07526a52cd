// Grow: the wall of pictures, the scrubber through every fade, and figure 2 of the paper moving along.

import growth from "app:shared/whole.js shared/player.js pages/growth/figure2.js pages/growth/growth.js";
import html from "app:pages/growth/growth.html";
import {h, mount} from "../dom.js";
import {number} from "../link.js";
import {blend, sheetOf} from "../pixels.js";
import {followingSeeds} from "../seeds.js";
import {say} from "../words.js";

const STEADY = 0.5; // length on the scrubber of training on after a fade, which is 1 long
const STEPS = [0.25, 0.5, 0.75]; // of a fade, computed; between them the player blends
const SECONDS = 2.4; // a resolution, when it plays

export class Grow {
  constructor(place, lab) {
    this.lab = lab;
    const note = say("Training starts at 4×4; then each doubling fades in. Move the scrubber, or click a picture to follow it in figure 2.");
    this.place = h("div", {class: "lab-component"});
    this.busy = h("p", {class: "lab-note", role: "status"}, note);
    this.done = h("output", {class: "lab-done"});
    place.append(this.busy, this.done, this.place);
    this.view = mount(growth, html, this.place, {moment: (t) => lab.save({t: t.toFixed(2)})});
  }

  async show() {
    const {engine, facts, seed} = this.lab, columns = columnsFor(facts.resolution, this.place.clientWidth);
    const seeds = followingSeeds(seed, columns ** 2), run = (this.run = {});
    const {resolutions} = facts, stages = [...new Set([resolutions.filter((r) => r <= 32).at(-1) ?? resolutions[0], facts.resolution])];
    for (const [stage, size] of stages.entries()) {
      const reached = resolutions.filter((r) => r <= size), names = reached.map((r) => `${r}x${r}/rgb`);
      const parts = [];
      for (let i = 0; i < seeds.length; i += columns) { // a row at a time, so that other rooms need not wait for all
        parts.push(await engine.pictures(seeds.slice(i, i + columns), {resolution: size, want: names}, "grow"));
        if (this.run !== run || !parts.at(-1)) return; // another seed came, or the room was left
        const share = (stage + parts.length / columns) / stages.length;
        this.done.textContent = share < 1 ? say("Drawing: {percent}%", {percent: Math.round(100 * share)}) : "";
      }
      const pictures = Object.fromEntries(reached.map((r, i) => [r, joined(parts.map((part) => part[names[i]]))]));
      this.view.show({...track(pictures, facts, columns), identity: `${seed}/${size}`, columns, start: number(this.lab.query.t, 0, 0, 1e3)});
      this.place.dataset.size = size;
    }
    this.play();
  }

  // Who opens the page without asking for a moment sees it grow, once.
  play() {
    const {player} = this.place.querySelector(".lab-growth").view, still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (this.played || still || this.lab.query.t !== undefined || player.playing) return;
    this.played = true;
    player.show(0);
    player.play();
  }

  close() {
    this.run = null;
    this.view.close();
  }
}

// As many pictures in a row as stand in their room at a whole multiple of their pixels, at least half as large.
function columnsFor(resolution, width) {
  const room = (width > 640 ? 0.43 * width : width) * (devicePixelRatio || 1);
  const shown = (columns) => columns * resolution * Math.floor(room / (columns * resolution));
  return [4, 3, 2].reduce((best, columns) => (shown(columns) > shown(best) ? columns : best), room >= 2 * resolution ? 4 : 2);
}

function joined(batches) {
  const [first] = batches, data = new Float32Array(batches.reduce((sum, {data: values}) => sum + values.length, 0));
  let at = 0;
  for (const {data: values} of batches) {
    data.set(values, at);
    at += values.length;
  }
  return {data, dims: [batches.reduce((sum, {dims}) => sum + dims[0], 0), ...first.dims.slice(1)]};
}

// What the growth component shows: as dashboard/pages/growth/track.py lays it out.
function track(pictures, {output, outputFirst, fading}, columns) {
  const sheets = [], phases = [], points = [], ticks = [], whole = {};
  const sheet = (values) => sheets.push(sheetOf(values, columns).toDataURL()) - 1;
  let t = 0;
  for (const [r, fresh] of Object.entries(pictures).map(([size, values]) => [Number(size), values])) {
    whole[r] = sheet(blend(null, fresh, 1, output, outputFirst));
    const old = fading.includes(r) ? pictures[r / 2] : null;
    if (old) {
      phases.push({resolution: r, fading: true, t0: t, t1: t + 1, old: whole[r / 2], new: whole[r]});
      points.push({t, sheet: whole[r / 2]});
      for (const alpha of STEPS) points.push({t: t + alpha, sheet: sheet(blend(old, fresh, alpha, output, outputFirst))});
      t += 1;
    }
    phases.push({resolution: r, fading: false, t0: t, t1: t + STEADY});
    points.push({t, sheet: whole[r]}, {t: t + STEADY, sheet: whole[r]});
    ticks.push({t: t + STEADY / 2, label: `${r}×${r}`});
    t += STEADY;
  }
  return {sheets, points, phases, ticks, smooth: true, seconds: SECONDS * ticks.length};
}
