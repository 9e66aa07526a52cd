// What a page of the app has a browser draw instead of sending pictures: a sheet of some latents, plain and under edits.
//
// A sheet: {network (an address below which model.json and the generator lie), latents (base64 of floats), labels (the
// same or null), count, resolution, alpha, edge (pixels of a picture on the sheet), columns, gap (pixels between them),
// parts: [edits of the first `count` pictures, of the next, ...]}. told({fetched: 0..1, bytes}), then told({done, of, engine}) at
// each picture; false for an answer stops it.

import {editsOf} from "./edits.js";
import {Engine} from "./engine.js";
import {coarseToFine, Film} from "./film.js";
import {canvasOf, pictureCanvas} from "./pixels.js";

const KEPT = 8; // parts that are not drawn again, such as the pictures before an edit
const KEPT_PIXELS = 2 ** 20; // of a part at most

// One generator at a time: a page shows one model.
class Opened {
  constructor(network) {
    Object.assign(this, {network, parts: new Map(), wanted: new Map(), listeners: new Set()});
    this.ready = this.start();
  }

  async start() {
    const base = new URL(this.network, document.baseURI).href, answer = await fetch(new URL("model.json", base));
    if (!answer.ok) throw new Error(`model.json: ${answer.status}`);
    const facts = await answer.json();
    this.engine = new Engine(facts);
    const bytes = facts.network.bytes + facts.runtime.wasm.bytes;
    await this.engine.start(base, null, (fetched) => this.listeners.forEach((told) => told({fetched, bytes})));
    return this.engine;
  }

  close() { this.engine?.worker?.terminate(); }
}

let opened = null;

async function engineOf(network, told) {
  if (opened?.network !== network) {
    opened?.close();
    opened = new Opened(network);
  }
  const home = opened;
  home.listeners.add(told);
  try {
    await home.ready;
  } catch (error) {
    if (opened === home) opened = null; // another try begins anew
    throw error;
  } finally {
    home.listeners.delete(told);
  }
  return home;
}

// One picture after another, so that what another lane asks for waits for one at most. Gives false when the lane has
// newer work.
async function pictures(sheet, lane, order, edits, put, told) {
  const home = await engineOf(sheet.network, told), {engine} = home, token = {};
  home.wanted.set(lane, token);
  const width = engine.facts.latent, classes = engine.facts.labels;
  const latents = floats(sheet.latents), labels = sheet.labels && floats(sheet.labels);
  for (const [done, {n, part}] of order.entries()) {
    if (home.wanted.get(lane) !== token) return false;
    const own = {latents: [latents.subarray(n * width, (n + 1) * width)], labels: labels?.subarray(n * classes, (n + 1) * classes)};
    const values = await engine.run({...own, resolution: sheet.resolution, alpha: sheet.alpha, edits: edits[part](engine.facts.layers)}, lane);
    if (!values || home.wanted.get(lane) !== token) return false;
    put(n, part, pictureCanvas(values.images));
    if (told({done: done + 1, of: order.length, engine}) === false) return false;
  }
  return true;
}

// The whole sheet as a canvas, or null when the lane has newer work.
export async function draw(sheet, lane, told) {
  const {count, edge, columns, gap, parts} = sheet, cell = edge + gap, rows = Math.ceil((count * parts.length) / columns);
  const canvas = canvasOf(columns * cell - gap, rows * cell - gap), context = canvas.getContext("2d");
  const {parts: kept} = await engineOf(sheet.network, told);
  const names = parts.map((edits) => JSON.stringify([sheet.latents, sheet.labels, sheet.resolution, sheet.alpha, edits]));
  const found = names.map((name) => kept.get(name) ?? []), whole = found.map((one) => one.length === count);
  const order = parts.flatMap((_, part) => (whole[part] ? [] : Array.from({length: count}, (_, n) => ({n, part}))));
  const put = (n, part, picture) => { found[part][n] = resized(picture, edge); };
  if (!(await pictures(sheet, lane, order, parts.map(once), put, told))) return null;
  found.flat().forEach((picture, place) => context.drawImage(picture, (place % columns) * cell, Math.floor(place / columns) * cell));
  if (count * edge ** 2 <= KEPT_PIXELS) names.forEach((name, part) => { kept.delete(name); kept.set(name, found[part]); });
  while (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return canvas;
}

function resized(picture, edge) {
  if (picture.width === edge) return picture;
  const canvas = canvasOf(edge), context = canvas.getContext("2d");
  Object.assign(context, {imageSmoothingEnabled: picture.width > edge, imageSmoothingQuality: "high"});
  context.drawImage(picture, 0, 0, edge, edge);
  return canvas;
}

// A sheet of frames that is there at once and fills: {sheet: a canvas, columns, edge}, after the first frames. filled() at each.
export function film(sheet, lane, told, filled) {
  const made = new Film(sheet.count, sheet.edge), order = coarseToFine(sheet.count).map((n) => ({n, part: 0}));
  return new Promise((resolve, reject) => {
    const put = (n, _part, picture) => {
      made.add(n, resized(picture, sheet.edge));
      if (made.known.size === Math.min(2, sheet.count)) resolve(made);
      filled();
    };
    pictures(sheet, lane, order, sheet.parts.map(once), put, told).then((isDone) => { if (!isDone) resolve(null); }, reject);
  });
}

// Edits as tensors, made when they are first needed.
function once(edits) {
  let made;
  const read = ({cells, maps, ...edit}) => ({...edit, cells: cells && Array.from(bytes(cells), (step) => step / 255), maps: maps && floats(maps)});
  return (layers) => (made ??= edits.length ? editsOf(edits.map(read), layers) : {});
}

const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const floats = (text) => new Float32Array(bytes(text).buffer);
