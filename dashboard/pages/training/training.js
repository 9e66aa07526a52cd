// The live view of a training run. It fetches what the run writes, past Streamlit; a rerun of the page changes nothing.
//
// data: {run, status, mine, formulas: {loss: [discriminator's, generator's]}, penalties: {loss: words}}

const FRAME_MS = 110, HIDDEN_MS = 1500, HISTORY_MS = 700, AT_WORK = ["starting", "running", "paused"];
const WORDS = {
  starting: "Starting …", running: "Training", paused: "Paused", finished: "Finished", stopped: "Stopped",
  failed: "Ended", killed: "Interrupted",
};

const CHANGES = {
  learning_rate: "learning rate", r1_gamma: "penalty weight", gradient_weight: "penalty weight", minibatch: "minibatch",
  skipped: "skipped on", held: "held", released: "grows on", branched: "branched off", diverged: "diverged, went back",
};

export default function (component) {
  const {data, parentElement, setTriggerValue, setStateValue} = component;
  const root = parentElement.querySelector(".lab-training");
  if (root.view && root.view.data.run !== data.run) { root.view.stop(); root.view = undefined; }
  root.view ??= new TrainingView(root, data);
  root.view.tell = (name, value) => setTriggerValue(name, value);
  root.view.choose = (moment) => setStateValue("moment", moment);
  root.view.load(data);
  return () => { root.view?.stop(); root.view = undefined; };
}

class TrainingView {
  constructor(root, data) {
    Object.assign(this, {root, data, records: [], moments: [], range: {}, stopped: false, chosen: null, told: null});
    this.read = {history: 0, moments: 0};
    this.loaded = {acts: -1};
    this.find("input").oninput = (event) => this.rewind(Number(event.target.value));
    this.find("input").onchange = () => this.choose(this.moments[this.chosen]?.name ?? null);
    this.find(".lab-live").onclick = () => { this.rewind(null); this.choose(null); };
    const signals = this.find('[data-chart="signals"]');
    signals.onmousemove = ({offsetX, offsetY}) => {
      this.find(".lab-read").textContent = this.signalUnder?.(offsetX, offsetY) ?? "";
    };
    this.loop();
  }

  find(selector) { return this.root.querySelector(selector); }

  stop() { this.stopped = true; }

  // A run that goes on from a snapshot takes back what came after it.
  forget() {
    Object.assign(this, {records: [], moments: [], acts: null});
    this.read = {history: 0, moments: 0};
  }

  load(data) {
    this.data = data;
    this.told = data.status;
    this.buttons();
  }

  // ---- fetching ----------------------------------------------------------------------------------------------------

  address(path) { return new URL(`runs/${encodeURIComponent(this.data.run)}/${path}`, document.baseURI); }

  async loop() {
    let historyAt = 0;
    while (!this.stopped) {
      const begun = performance.now();
      try {
        const news = await this.fetchFrame();
        if (begun - historyAt > HISTORY_MS && (news || !historyAt)) {
          historyAt = begun;
          await this.fetchLines();
        }
      } catch { /* the server is away for a moment: the next round asks again */ }
      const active = AT_WORK.includes(this.status) && !document.hidden;
      const wait = active ? FRAME_MS - (performance.now() - begun) : HIDDEN_MS;
      await new Promise((done) => setTimeout(done, Math.max(wait, 15)));
    }
  }

  async fetchFrame() {
    const headers = this.tag ? {"If-None-Match": this.tag} : {};
    const answer = await fetch(this.address(`frame?language=${this.data.language}`), {cache: "no-store", headers});
    if (answer.status === 304 || !answer.ok || this.stopped) return false;
    this.tag = answer.headers.get("ETag");
    const before = this.status;
    this.status = answer.headers.get("X-Run-Status");
    if (before && !AT_WORK.includes(before) && AT_WORK.includes(this.status)) this.forget(); // the run goes on
    this.sentence = decodeURIComponent(answer.headers.get("X-Run-Sentence") ?? "");
    this.frame = await answer.json();
    await this.show();
    if (this.status !== this.told) {
      this.told = this.status;
      this.tell("changed", this.status);
    }
    return true;
  }

  async lines(name) {
    const answer = await fetch(this.address(`${name}?from=${this.read[name]}`), {cache: "no-store"});
    const bytes = await answer.arrayBuffer();
    this.read[name] += bytes.byteLength;
    return new TextDecoder().decode(bytes).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  async fetchLines() {
    for (const record of await this.lines("history")) {
      while (this.records.length && this.records.at(-1).step >= record.step) this.records.pop(); // the run was resumed
      this.records.push(record);
    }
    const before = this.moments.length;
    for (const moment of await this.lines("moments")) {
      while (this.moments.length && this.moments.at(-1).step >= moment.step) this.moments.pop();
      this.moments.push(moment);
    }
    if (this.moments.length !== before) this.film();
    this.charts();
    if (this.status === "paused" && this.loaded.acts !== this.frame?.step) await this.fetchActs();
  }

  async fetchActs() {
    const step = this.frame.step, answer = await fetch(this.address("acts"), {cache: "no-store"}), text = await answer.text();
    const acts = text ? JSON.parse(text) : null;
    this.loaded.acts = step;
    if (!acts || acts.step !== step) return;
    this.acts = acts;
    this.act = 0;
    showActs(this.find(".lab-acts"), acts, this.data, 0);
  }

  // ---- showing -----------------------------------------------------------------------------------------------------

  async show() {
    const {frame, status} = this, sentence = this.find(".lab-sentence");
    sentence.hidden = !this.sentence;
    sentence.textContent = this.sentence;
    this.buttons();
    if (!frame) {
      this.find(".lab-now").textContent = WORDS[status] ?? "";
      return;
    }
    const size = `${frame.resolution}×${frame.resolution}`, fade = frame.alpha < 1 ? `, fading in, α ${frame.alpha.toFixed(2)}` : "";
    this.find(".lab-now").textContent = `${WORDS[status] ?? ""}${frame.held && status === "running" ? " (held)" : ""} at ${size}${fade}`;
    const numbers = [`${(1000 * frame.kimg).toLocaleString("en").replaceAll(",", "\u202f")} images`];
    if (status === "running") {
      if (frame.speed) numbers.push(`${Math.round(frame.speed).toLocaleString("en").replaceAll(",", "\u202f")} a second`);
      if (frame.left !== null && !frame.held) numbers.push(`${duration(frame.left)} left`);
    }
    this.find(".lab-numbers").textContent = numbers.join(" · ");
    plan(this.find(".lab-plan"), frame);
    this.find(".lab-acts").hidden = !(status === "paused" && this.acts?.step === frame.step);
    const formula = this.data.formulas[frame.loss];
    if (formula && this.find(".lab-formula").dataset.loss !== frame.loss) {
      this.find(".lab-formula").dataset.loss = frame.loss;
      this.find(".lab-formula").innerHTML =
        `L<sub>D</sub> = ${formula[0]}<br>L<sub>G</sub> = ${formula[1]}<small>r, f: scores of a real and of a generated picture</small>`;
    }
    scoreChart(this.find('[data-chart="scores"]'), frame.scores, this.range);
    if (this.chosen === null) await Promise.all(Object.entries(frame.pictures).map(([name, address]) => this.draw(name, address)));
  }

  async draw(name, address) {
    const canvas = this.find(`[data-sheet="${name}"]`), image = Object.assign(new Image(), {src: address});
    await image.decode();
    if (canvas.width !== image.naturalWidth) Object.assign(canvas, {width: image.naturalWidth, height: image.naturalHeight});
    canvas.getContext("2d").drawImage(image, 0, 0);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
  }

  charts() {
    const {records} = this;
    if (!records.length) return;
    const of = (pick) => records.map((record) => pick(record) ?? null);
    const marks = (this.frame?.changes ?? [])
      .map(({kimg}) => records.find((record) => record.kimg >= kimg)?.step).filter((step) => step !== undefined);
    const losses = [of((r) => r.discriminator_loss), of((r) => r.generator_loss)];
    lineChart(this.find('[data-chart="losses"]'), records, losses, marks, false);
    const gradients = [of((r) => r.gradients.discriminator), of((r) => r.gradients.generator)];
    lineChart(this.find('[data-chart="gradients"]'), records, gradients, marks, true);
    const rows = ["generator", "discriminator"].flatMap((network) => {
      const layers = [...new Set(records.flatMap((record) => Object.keys(record.signals[network])))];
      const rank = (layer) => parseInt(layer, 10) * (network === "generator" ? 1 : -1);
      return layers.sort((a, b) => rank(a) - rank(b)).map((layer) => [network, layer]);
    });
    this.signalUnder = signalChart(this.find('[data-chart="signals"]'), records, rows, marks);
    const told = this.find(".lab-marks"), changes = this.frame?.changes ?? [];
    told.hidden = !changes.length;
    told.textContent = changes.map((change) => this.changed(change)).join(" · ");
  }

  // What a mark on the curves stands for.
  changed({kimg, ...change}) {
    const say = (text, values) => spoken(this.root, text, values);
    const parts = Object.entries(change).filter(([name]) => name in CHANGES).map(([name, value]) => {
      const words = {name: say(CHANGES[name]), before: value[0], after: value[1]};
      return Array.isArray(value) && value.every(Number.isFinite) ? say("{name} {before} → {after}", words) : words.name;
    });
    const count = Math.round(1000 * kimg).toLocaleString("en").replaceAll(",", "\u202f");
    return say("after {count} images: {change}", {count, change: parts.join(", ")});
  }

  // ---- the past ----------------------------------------------------------------------------------------------------

  film() {
    this.find(".lab-strip").hidden = this.moments.length < 2;
    const input = this.find("input");
    input.max = this.moments.length - 1;
    if (this.chosen === null) input.value = input.max;
    this.find(".lab-film").replaceChildren(...this.moments.map((moment, index) => {
      const image = Object.assign(new Image(), {src: this.momentAddress(moment), alt: `after ${moment.kimg} thousand images`});
      image.onclick = () => { this.rewind(index); this.choose(moment.name); };
      return image;
    }));
    this.mark();
  }

  momentAddress(moment) { return this.address(`moments/${moment.name}.png`).href; }

  async rewind(index) {
    this.chosen = index;
    this.mark();
    if (index === null) return this.frame && this.show();
    const moment = this.moments[index];
    await this.draw("average", this.momentAddress(moment));
  }

  mark() {
    const moment = this.moments[this.chosen];
    this.find(".lab-live").hidden = !moment;
    this.find(".lab-scrub output").textContent = moment
      ? `after ${moment.kimg.toFixed(1)} thousand images, ${moment.resolution}×${moment.resolution}` : "";
    [...this.find(".lab-film").children].forEach((image, i) => image.classList.toggle("lab-chosen", i === this.chosen));
    if (!moment) this.find("input").value = this.find("input").max;
    else this.find("input").value = this.chosen;
  }

  // ---- buttons -----------------------------------------------------------------------------------------------------

  buttons() {
    const {status, frame} = this, place = this.find(".lab-buttons");
    const fading = frame?.alpha < 1, atEnd = frame && frame.resolution === frame.spans.at(-1)[0] && !fading;
    const choices = !this.data.mine || !status ? [] : {
      running: [["pause", "Pause", true], ["skip", atEnd ? "Finish" : fading ? "Skip fade" : "Next fade"],
        frame?.held ? ["release", "Grow on"] : ["hold", fading ? "Hold fade" : "Hold size"], ["stop", "Stop"]],
      paused: [["go", "Go on", true], ["step", "One step"], ["stop", "Stop"]],
      stopped: [["resume", "Go on", true]], killed: [["resume", "Go on", true]], failed: [["resume", "Go on", true]],
    }[status] ?? [];
    const now = JSON.stringify(choices);
    if (place.dataset.choices === now) return;
    place.dataset.choices = now;
    place.replaceChildren(...choices.map(([command, text, first]) => {
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: text});
      button.classList.toggle("lab-first", Boolean(first));
      button.onclick = () => this.tell("command", command);
      return button;
    }));
  }
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

// The schedule as a band: a block for each part, slanted where a size fades in, and where the run stands.
function plan(svg, frame) {
  const width = svg.clientWidth || 800, x = (kimg) => (Math.min(kimg, frame.total) / frame.total) * (width - 4) + 2;
  const shade = (size) => 14 + 9 * Math.log2(size / 4);
  const parts = frame.spans.map(([size, fading, from, to]) => {
    const [a, b] = [x(from), x(to)], fill = (s) => `color-mix(in srgb, var(--st-primary-color) ${shade(s)}%, var(--st-background-color))`;
    const shape = fading
      ? `<rect x="${a}" y="4" width="${b - a}" height="18" fill="${fill(size / 2)}"/><path d="M${a} 22L${b} 4V22Z" fill="${fill(size)}"/>`
      : `<rect x="${a}" y="4" width="${b - a}" height="18" fill="${fill(size)}"/>`;
    return shape + (b - a > 46 ? `<text x="${(a + b) / 2}" y="17">${fading ? "fade" : `${size}×${size}`}</text>` : "");
  });
  const at = x(frame.kimg);
  svg.setAttribute("viewBox", `0 0 ${width} 34`);
  svg.innerHTML = `${parts.join("")}<line x1="${at}" x2="${at}" y1="1" y2="25" stroke="#d9730d" stroke-width="3"/>
    <path d="M${at - 6} 33H${at + 6}L${at} 25Z" fill="#d9730d"/>`;
}
