// Frames of a walk as one sheet that fills where it lacks most: first a few far apart, then those between. Until a frame
// is there, a blend of its neighbours stands for it, as the player blends.

import {canvasOf} from "./pixels.js";

export class Film {
  constructor(frames, edge, columns = Math.ceil(Math.sqrt(frames))) {
    Object.assign(this, {frames, edge, columns, known: new Map()}); // frame -> its picture
    this.sheet = canvasOf(columns * edge, Math.ceil(frames / columns) * edge);
  }

  add(frame, picture) {
    const context = this.sheet.getContext("2d"), {edge} = this;
    this.known.set(frame, picture);
    const there = [...this.known.keys()].sort((a, b) => a - b), place = there.indexOf(frame);
    const put = (at, one, weight) => {
      context.globalAlpha = weight;
      context.drawImage(this.known.get(one), (at % this.columns) * edge, Math.floor(at / this.columns) * edge, edge, edge);
    };
    for (let at = place ? there[place - 1] + 1 : 0; at < (there[place + 1] ?? this.frames); at++) {
      const before = at < frame ? there[place - 1] ?? frame : frame, after = at > frame ? there[place + 1] ?? frame : frame;
      put(at, before, 1);
      if (after !== before) put(at, after, (at - before) / (after - before));
    }
  }
}

// 0, the last, then the middles of what lies between, the widest gaps first.
export function coarseToFine(frames) {
  const order = frames > 1 ? [0, frames - 1] : [0];
  for (let gaps = [[0, frames - 1]]; gaps.length; ) {
    const next = [];
    for (const [low, high] of gaps) {
      const middle = (low + high) >> 1;
      if (middle === low) continue;
      order.push(middle);
      next.push([low, middle], [middle, high]);
    }
    gaps = next;
  }
  return order;
}
