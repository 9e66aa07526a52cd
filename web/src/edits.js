// Strokes on a picture and what they are for the network: a mask and a value for some units of a layer.
//
// A stroke: {concept, verb: "remove" | "add", layer, units: [numbers], levels: [a value each], cells: [0 | 1] row after
// row at the layer's size, or null for everywhere}.

import {packBits, unpackBits} from "./link.js";

// The layer's cells that a region touches (bits, side x side): a unit is switched wherever the brush came.
export function cellsOf(mask, side, size) {
  const cells = new Uint8Array(size * size);
  for (let y = 0; y < Math.max(side, size); y++) {
    for (let x = 0; x < Math.max(side, size); x++) {
      const [mx, my] = side >= size ? [x, y] : [Math.floor((x * side) / size), Math.floor((y * side) / size)];
      const [cx, cy] = side >= size ? [Math.floor((x * size) / side), Math.floor((y * size) / side)] : [x, y];
      if (mask[my * side + mx]) cells[cy * size + cx] = 1;
    }
  }
  return Array.from(cells);
}

// The region that the painting sends: base64, a bit a pixel.
export const regionOf = ({mask, side}) => unpackBits(mask.replace(/=+$/, ""), side * side);

// Layer -> {mask, value, dims} of edits in order. An edit makes x (1 - a) + v a of its units (none named: all), with a the
// strength times the cell: {layer, units, levels (v) or maps (v, a map a unit) or factor (v = factor x), cells, strength}.
export function editsOf(edits, layers) {
  const found = new Map();
  for (const {layer, units, levels, maps, factor, cells, strength = 1} of edits) {
    const {units: width, resolution: size} = layers.find(({name}) => name === layer), area = size * size;
    if (!found.has(layer)) found.set(layer, {kept: new Float32Array(width * area).fill(1), set: new Float32Array(width * area), touched: new Set(), dims: [1, width, size, size]});
    const {kept, set, touched} = found.get(layer);
    (units ?? Array.from({length: width}, (_, unit) => unit)).forEach((unit, i) => {
      touched.add(unit);
      for (let cell = 0, at = unit * area; cell < area; cell++, at++) {
        const a = strength * (cells?.[cell] ?? 1), value = maps ? maps[i * area + cell] : levels?.[i % levels.length];
        kept[at] *= factor === undefined ? 1 - a : 1 - a + a * factor;
        set[at] = factor === undefined ? set[at] * (1 - a) + a * value : set[at] * (1 - a + a * factor);
      }
    });
  }
  return Object.fromEntries([...found].map(([layer, sums]) => [layer, asNetworkTakes(sums)]));
}

// x kept + set as the network computes it, x (1 - mask) + value mask; units that no edit touched stay as they are.
function asNetworkTakes({kept, set, touched, dims}) {
  const mask = new Float32Array(kept.length), value = new Float32Array(kept.length), area = dims[2] * dims[3];
  for (const unit of touched) {
    for (let at = unit * area; at < (unit + 1) * area; at++) {
      mask[at] = set[at] && Math.abs(1 - kept[at]) < 1e-4 ? 1e-4 : 1 - kept[at];
      value[at] = mask[at] ? set[at] / mask[at] : 0;
    }
  }
  return {mask, value, dims};
}

// The cells inside the smallest rectangle around them, "left.top.width.height.bits", for links stay short then.
function packCells(cells) {
  const size = Math.sqrt(cells.length), on = cells.flatMap((bit, i) => (bit ? [[i % size, Math.floor(i / size)]] : []));
  const [xs, ys] = [on.map(([x]) => x), on.map(([, y]) => y)], [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left + 1, Math.max(...ys) - top + 1];
  const inside = Array.from({length: width * height}, (_, i) => cells[(top + Math.floor(i / width)) * size + left + (i % width)]);
  return [left, top, width, height, packBits(inside)].join(".");
}

function unpackCells(text, size) {
  const [left, top, width, height] = text.split(".").slice(0, 4).map(Number), bits = text.split(".")[4] ?? "";
  const fits = [left, top, width, height].every(Number.isInteger) && Math.min(left, top) >= 0 && Math.min(width, height) > 0 &&
    left + width <= size && top + height <= size;
  const inside = fits ? unpackBits(bits, width * height) : null;
  if (!inside) return null;
  const cells = Array(size * size).fill(0);
  inside.forEach((bit, i) => { cells[(top + Math.floor(i / width)) * size + left + (i % width)] = bit; });
  return cells;
}

// A concept's name without the signs that part a link's strokes; some label sets have "door;double door".
export const linkName = (concept) => concept.replace(/[~;:]/g, "_");

// Strokes as text for a link. Those of a concept name it; those by hand their units.
export function writeStrokes(strokes) {
  return strokes.map(({concept, verb, layer, units, levels, cells}) => {
    const who = concept !== null ? linkName(concept) : `${layer}:${units.join(",")}:${levels.map((level) => Number(level.toPrecision(4))).join(",")}`;
    return [verb, who, cells ? packCells(cells) : "all"].join("~");
  }).join(";");
}

// Back from text; what this model does not have is left out. choose(name in a link, verb) gives {concept, layer, units, levels} or null.
export function readStrokes(text, layers, choose) {
  return (text ?? "").split(";").filter(Boolean).flatMap((part) => {
    const [verb, who, where] = part.split("~");
    if (!["remove", "add"].includes(verb) || !who || !where) return [];
    const [name, units, levels] = who.split(":"), byHand = units !== undefined;
    const chosen = byHand ? {concept: null, layer: name, units: units.split(",").map(Number), levels: (levels ?? "").split(",").map(Number)} : choose(who, verb);
    const layer = layers.find((one) => one.name === chosen?.layer);
    const known = layer && chosen.units.every((unit) => Number.isInteger(unit) && unit >= 0 && unit < layer.units) &&
      chosen.levels.length === chosen.units.length && chosen.levels.every(Number.isFinite);
    const cells = where === "all" ? null : known ? unpackCells(where, layer.resolution) : null;
    if (!known || (where !== "all" && !cells)) return [];
    return [{verb, ...chosen, cells}];
  });
}
