// Training schedules side by side: what is prescribed over kimg, with a marker at the moment that the scrubber shows.
//
// data: {phases, start, runs: [{name, total, spans: [[resolution, fading, from, to]], curves: {name: [[kimg, value]]}}]}

const PLOT = {width: 500, left: 112, right: 84, top: 30, height: 46, gap: 14, bottom: 30};
const LOGARITHMIC = ["resolution", "minibatch", "learning rate"];

export default function (component) {
  const {data, parentElement} = component;
  const root = parentElement.querySelector(".lab-schedules");
  root.innerHTML = data.runs.map(chart).join("");
  root.t ??= data.start;
  const move = (t) => {
    root.t = t;
    data.runs.forEach((run, index) => mark(root.children[index], run, kimgAt(run, data.phases, t)));
  };
  const listen = (event) => move(event.detail.t);
  document.removeEventListener("lab-moment", root.listen);
  document.addEventListener("lab-moment", listen);
  root.listen = listen;
  move(root.t);
  return () => document.removeEventListener("lab-moment", listen);
}

// The kimg of a run at a place on the scrubber: the same share of the same phase. Null where the run has no such phase.
function kimgAt(run, phases, t) {
  const phase = phases.find(({t1}) => t < t1) ?? phases.at(-1);
  const span = run.spans.find(([resolution, fading]) => resolution === phase.resolution && fading === phase.fading);
  if (!span) return null;
  const share = Math.min((t - phase.t0) / (phase.fading ? 1 : phase.t1 - phase.t0), 1);
  return span[2] + share * (span[3] - span[2]);
}

function chart(run) {
  const names = Object.keys(run.curves), {width, left, right, top, height, gap, bottom} = PLOT;
  const total = top + names.length * (height + gap) + bottom;
  const panels = names.map((name, index) => {
    const y = top + index * (height + gap), scale = scaleOf(run, name, y);
    const path = run.curves[name].map(([kimg, value], i) => `${i ? "L" : "M"}${scale.x(kimg)} ${scale.y(value)}`);
    return `<rect class="lab-panel" x="${left}" y="${y}" width="${width - left - right}" height="${height}"/>
      <text x="${left - 10}" y="${y + height / 2 + 5}" text-anchor="end">${name === "alpha" ? "α" : name}</text>
      <path class="lab-curve" d="${path.join("")}"/>
      <circle class="lab-dot" data-name="${name}" r="5"/>
      <text class="lab-value" data-name="${name}" x="${width - right + 10}" y="${y + height / 2 + 6}"></text>`;
  });
  const base = top + names.length * (height + gap) + 8;
  return `<svg viewBox="0 0 ${width} ${total}" role="img" aria-label="Training schedule: ${run.name}">
    <text class="lab-name" x="${left}" y="18">${run.name}</text> ${panels.join("")}
    <line class="lab-marker" y1="${top}" y2="${base - 16}"/>
    <text x="${left}" y="${base + 8}" text-anchor="start">0</text>
    <text x="${width - right}" y="${base + 8}" text-anchor="end">${whole(run.total)} kimg</text>
    <text class="lab-kimg" y="${base + 8}" text-anchor="middle"></text></svg>`;
}

function scaleOf(run, name, y) {
  const {width, left, right, height} = PLOT, log = LOGARITHMIC.includes(name);
  const map = (value) => (log ? Math.log2(value) : value), values = run.curves[name].map(([, value]) => map(value));
  const low = Math.min(...values), high = Math.max(...values), room = 7;
  const share = (value) => (high > low ? (map(value) - low) / (high - low) : 0.5);
  return {
    x: (kimg) => left + (kimg / run.total) * (width - left - right),
    y: (value) => y + height - room - share(value) * (height - 2 * room),
  };
}

function mark(svg, run, kimg) {
  svg.classList.toggle("lab-away", kimg === null);
  if (kimg === null) return;
  const {left, right, width, top, height, gap} = PLOT;
  Object.keys(run.curves).forEach((name, index) => {
    const scale = scaleOf(run, name, top + index * (height + gap)), value = valueAt(run.curves[name], kimg);
    const dot = svg.querySelector(`.lab-dot[data-name="${name}"]`);
    dot.setAttribute("cx", scale.x(kimg));
    dot.setAttribute("cy", scale.y(value));
    svg.querySelector(`.lab-value[data-name="${name}"]`).textContent = written(name, value);
  });
  const x = left + (kimg / run.total) * (width - left - right), line = svg.querySelector(".lab-marker");
  line.setAttribute("x1", x);
  line.setAttribute("x2", x);
  const text = svg.querySelector(".lab-kimg");
  text.setAttribute("x", Math.min(Math.max(x, left + 50), width - right - 130));
  text.textContent = whole(kimg);
}

// The corners around a moment; at a step the new value counts from just after it, as in the official code.
function valueAt(corners, kimg) {
  const next = Math.max(1, corners.findIndex(([at]) => at >= kimg));
  const [from, low] = corners[next - 1], [to, high] = corners[next];
  return to > from ? low + ((high - low) * (kimg - from)) / (to - from) : low;
}

const whole = (number) => Math.round(number).toLocaleString("en").replaceAll(",", " ");

function written(name, value) {
  if (name === "resolution") return `${value}×${value}`;
  if (name === "alpha") return value.toFixed(2);
  return name === "learning rate" ? String(Number(value.toPrecision(2))) : String(value);
}
