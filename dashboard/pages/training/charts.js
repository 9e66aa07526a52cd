// Canvas charts of a run: lines over steps, histograms of scores, and a heat map of signals.

const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"]
  .map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const SIGNAL_RANGE = [-2, 2]; // log10 of a mean magnitude

// A canvas with as many pixels as its place has, and the theme's colours.
function surface(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d"), style = getComputedStyle(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `12px ${style.fontFamily}`;
  return {context, width, height, ink: style.color, colors: colorsOf(canvas)};
}

// Custom properties with color-mix are resolved by the elements that use them.
function colorsOf(canvas) {
  const root = canvas.closest(".lab-training");
  const of = (name) => getComputedStyle(root.querySelector(`i.${name}`)).color;
  return [of("lab-real"), of("lab-fake")];
}

const short = (value) => minus(Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2))));
const minus = (text) => text.replace("-", "−");

// A text in the reader's language, with its values: what is drawn on a canvas or has marks in it is not replaced later.
const spoken = (element, text, values = {}) =>
  (element.closest(".lab-training").view.data.words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// series: two lists of numbers or null, over the records' steps; marks: steps at which something was changed.
function lineChart(canvas, records, series, marks, logarithmic) {
  const {context, width, height, ink, colors} = surface(canvas), left = 46, right = 8, top = 6, bottom = 18;
  const map = (value) => (logarithmic ? Math.log10(Math.max(value, 1e-6)) : value);
  const sorted = series.flat().filter((value) => value !== null).map(map).sort((a, b) => a - b);
  if (!sorted.length) return;
  let low = sorted[Math.floor(0.01 * (sorted.length - 1))], high = sorted[Math.ceil(0.99 * (sorted.length - 1))];
  if (!logarithmic) low = Math.min(low, 0);
  if (high - low < 1e-6) high = low + 1;
  const first = records[0].step, last = Math.max(records.at(-1).step, first + 1);
  const x = (step) => left + ((step - first) / (last - first)) * (width - left - right);
  const y = (value) => top + (1 - (Math.min(Math.max(map(value), low), high) - low) / (high - low)) * (height - top - bottom);
  axes(context, {left, right, top, bottom, width, height, ink}, low, high, logarithmic);
  context.textAlign = "left";
  context.fillText(spoken(canvas, "step {step}", {step: first}), left, height - 4);
  context.textAlign = "right";
  context.fillText(`${last}`, width - right, height - 4);
  drawMarks(context, marks.map(x), top, height - bottom, ink);
  series.forEach((values, index) => {
    context.strokeStyle = colors[index];
    context.lineWidth = 1.8;
    context.beginPath();
    let down = false;
    values.forEach((value, i) => {
      if (value === null) return;
      context[down ? "lineTo" : "moveTo"](x(records[i].step), y(value));
      down = true;
    });
    context.stroke();
  });
}

function axes(context, {left, right, top, bottom, width, height, ink}, low, high, logarithmic) {
  context.fillStyle = ink;
  context.strokeStyle = ink;
  context.textAlign = "right";
  [low, (low + high) / 2, high].forEach((value, index) => {
    const at = height - bottom - (index / 2) * (height - top - bottom);
    context.globalAlpha = 0.2;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(width - right, at);
    context.stroke();
    context.globalAlpha = 1;
    context.fillText(short(logarithmic ? 10 ** value : value), left - 5, Math.min(at + 4, height - bottom));
  });
}

function drawMarks(context, places, top, bottom, ink) {
  context.save();
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  for (const at of places) {
    context.beginPath();
    context.moveTo(at, top);
    context.lineTo(at, bottom);
    context.stroke();
  }
  context.restore();
}

// Two histograms over one axis, whose range follows slowly so that the bars do not jump.
function scoreChart(canvas, [reals, fakes], range) {
  const {context, width, height, ink, colors} = surface(canvas), bins = 28, bottom = 18;
  const all = [...reals, ...fakes].filter((value) => value !== null);
  if (!all.length) return;
  const low = Math.min(...all), high = Math.max(...all), room = 0.1 * Math.max(high - low, 0.5);
  const ease = (old, next) => (old === undefined ? next : old + 0.15 * (next - old));
  range.low = Math.min(ease(range.low, low - room), low);
  range.high = Math.max(ease(range.high, high + room), high);
  const place = (value) => Math.min(bins - 1, Math.floor(((value - range.low) / (range.high - range.low)) * bins));
  const counts = [reals, fakes].map((values) => {
    const found = new Array(bins).fill(0);
    for (const value of values) if (value !== null) found[place(value)]++;
    return found;
  });
  range.most = Math.max(ease(range.most, Math.max(...counts.flat())), Math.max(...counts.flat()));
  counts.forEach((found, index) => {
    context.fillStyle = colors[index];
    context.globalAlpha = 0.62;
    found.forEach((count, i) => {
      const tall = (count / range.most) * (height - bottom - 4);
      context.fillRect((i * width) / bins, height - bottom - tall, width / bins - 1, tall);
    });
  });
  context.globalAlpha = 1;
  context.fillStyle = ink;
  context.textAlign = "left";
  context.fillText(short(range.low), 0, height - 4);
  context.textAlign = "right";
  context.fillText(short(range.high), width, height - 4);
  if (range.low < 0 && range.high > 0) {
    const zero = (-range.low / (range.high - range.low)) * width;
    drawMarks(context, [zero], 0, height - bottom, ink);
    context.textAlign = "center";
    if (zero > 40 && zero < width - 40) context.fillText("0", zero, height - 4);
  }
}

// Rows: [network, layer]; a column is a record. Returns what lies under a place of the canvas.
function signalChart(canvas, records, rows, marks) {
  const {context, width, height, ink} = surface(canvas), left = 118, bottom = 18;
  if (!records.length || !rows.length) return () => "";
  const columns = Math.min(records.length, Math.max(1, Math.floor(width - left))), tall = (height - bottom) / rows.length;
  const recordAt = (column) => records[Math.floor((column / columns) * records.length)];
  const image = new ImageData(columns, rows.length);
  rows.forEach(([network, layer], row) => {
    for (let column = 0; column < columns; column++) {
      const value = recordAt(column).signals[network][layer]?.[1], at = 4 * (row * columns + column);
      if (value === undefined || value === null) continue;
      const share = (Math.log10(Math.max(value, 1e-9)) - SIGNAL_RANGE[0]) / (SIGNAL_RANGE[1] - SIGNAL_RANGE[0]);
      const place = Math.min(Math.max(share, 0), 0.999) * (VIRIDIS.length - 1), stop = Math.floor(place);
      image.data.set([...VIRIDIS[stop].map((from, i) => from + (place - stop) * (VIRIDIS[stop + 1][i] - from)), 255], at);
    }
  });
  const small = Object.assign(document.createElement("canvas"), {width: columns, height: rows.length});
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, 0, width - left, height - bottom);
  context.fillStyle = ink;
  context.textAlign = "right";
  rows.forEach(([network, layer], row) => {
    if (tall < 10 && row % 2) return;
    context.fillText(`${network[0].toUpperCase()} ${layer.replace("minibatch_", "")}`, left - 6, (row + 0.5) * tall + 4);
  });
  const first = records[0].step, last = Math.max(records.at(-1).step, first + 1);
  const placeOf = (step) => records.findIndex((record) => record.step >= step) / records.length;
  drawMarks(context, marks.map((step) => left + Math.max(0, placeOf(step)) * (width - left)), 0, height - bottom, ink);
  context.textAlign = "left";
  context.fillText(spoken(canvas, "step {step}", {step: first}), left, height - 4);
  context.textAlign = "right";
  context.fillText(`${last}`, width, height - 4);
  context.textAlign = "center";
  context.fillText(spoken(canvas, "dark 0.01, green 1, yellow 100"), left + (width - left) / 2, height - 4);
  return (x, y) => {
    const row = rows[Math.floor(y / tall)], column = Math.floor(((x - left) / (width - left)) * columns);
    const values = row && column >= 0 && column < columns && recordAt(column).signals[row[0]][row[1]];
    if (!values) return "";
    return `${row[0]}, ${row[1]}, step ${recordAt(column).step}: mean magnitude ${short(values[1])}, largest ${short(values[0])}`;
  };
}
