// The page: a header with the seed and the rooms, and the room that is open.

import "./lab.css";
import {h} from "./dom.js";
import {Engine} from "./engine.js";
import {number, readLink, writeLink} from "./link.js";
import {Grow} from "./rooms/grow.js";
import {Inside} from "./rooms/inside.js";
import {Paint} from "./rooms/paint.js";
import {Units} from "./rooms/units.js";
import {Walk} from "./rooms/walk.js";
import {MAX_SEED} from "./seeds.js";
import {browserLanguage, NAMES, say, speak} from "./words.js";

const ROOMS = {grow: Grow, walk: Walk, inside: Inside, paint: Paint, units: Units};

class Lab {
  constructor(facts, base) {
    Object.assign(this, {facts, base, engine: new Engine(facts)});
    this.follow();
    window.onhashchange = () => { this.follow(); this.draw(); };
    window.onunhandledrejection = ({reason}) => this.tell(reason?.message ?? String(reason));
  }

  // What the address says.
  follow() {
    const {room, query} = readLink();
    this.name = Object.hasOwn(ROOMS, room) && this.has(room) ? room : "grow";
    this.query = query;
    this.seed = Math.floor(number(query.seed, 0, 0, MAX_SEED));
    this.language = Object.hasOwn(NAMES, query.language) ? query.language : browserLanguage();
    speak(this.language);
  }

  has(room) { return room !== "units" || Boolean(this.facts.dissection?.concepts.some(({wall}) => wall)); }

  // Keeps values in the address; what is not named stays.
  save(values) {
    Object.assign(this.query, values);
    history.replaceState(null, "", this.address(this.name, this.query));
  }

  // The address of a room with this seed, language and backend.
  address(room, values) {
    const own = this.language === browserLanguage() ? undefined : this.language;
    return writeLink(room, {backend: this.query.backend, ...values, seed: this.seed || undefined, language: own});
  }

  go(room, values = {}) {
    this.name = room;
    this.query = {backend: this.query.backend, ...values};
    this.save({});
    this.draw();
  }

  sow(seed) {
    this.seed = Math.min(MAX_SEED, Math.max(0, Math.floor(seed) || 0));
    this.save({});
    this.header.querySelector(".lab-seed").value = this.seed;
    this.room?.show();
  }

  async start() {
    this.draw();
    const backend = ["wasm", "webgpu"].includes(this.query.backend) ? this.query.backend : null;
    await this.engine.start(this.base, backend, (share) => this.progress(share));
    this.ready = true;
    this.draw();
    document.documentElement.dataset.ready = this.engine.backend;
  }

  progress(share) {
    const bar = document.querySelector(".lab-loading progress");
    if (bar) bar.value = share;
  }

  // One sentence about what went wrong, above the room, until another one is opened.
  tell(problem) { document.querySelector("main")?.prepend(h("p", {class: "lab-error", role: "alert"}, problem)); }

  // ---- what is on the page

  draw() {
    this.room?.close();
    this.room = null;
    this.header = this.drawHeader();
    const place = h("main", {class: `lab-room lab-room-${this.name}`});
    document.body.replaceChildren(this.header, place, this.footer());
    document.title = `${say(TITLES[this.name])} · PGGAN Lab`;
    const question = h("div", {class: "lab-question"}, h("h1", {}, say(QUESTIONS[this.name])));
    if (!this.ready) {
      place.append(question, this.loading());
      return;
    }
    place.append(question);
    this.room = new ROOMS[this.name](place, this);
    this.room.show();
  }

  loading() {
    const megabytes = ((this.facts.network.bytes + this.facts.runtime.wasm.bytes) / 1e6).toFixed(0);
    const words = say("Fetching the generator, {megabytes} MB, once", {megabytes});
    return h("div", {class: "lab-loading"}, h("label", {}, words, h("progress", {max: 1, value: 0})));
  }

  drawHeader() {
    const rooms = Object.keys(ROOMS).filter((name) => this.has(name)).map((name) =>
      h("a", {href: `#${name}`, "aria-current": name === this.name ? "page" : null,
        onclick: (event) => { event.preventDefault(); this.go(name); }}, say(TITLES[name])));
    const seed = h("input", {class: "lab-seed", type: "number", min: 0, max: MAX_SEED, value: this.seed, "aria-label": say("Seed"),
      onchange: (event) => this.sow(Number(event.target.value))});
    const button = (label, words, onclick, kind = "") => h("button", {type: "button", class: kind, "aria-label": words, title: words, onclick}, label);
    const random = () => this.sow(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000);
    const language = h("select", {class: "lab-language", "aria-label": "Language · 语言", onchange: (event) => {
      this.language = event.target.value;
      speak(this.language);
      this.save({});
      this.draw();
    }}, ...Object.entries(NAMES).map(([code, name]) => h("option", {value: code, selected: code === this.language}, name)));
    return h("header", {class: "lab-header"},
      h("a", {class: "lab-logo", href: "#grow", onclick: (event) => { event.preventDefault(); this.go("grow"); }},
        h("img", {src: "icon.svg", alt: ""}), "PGGAN Lab"),
      h("nav", {"aria-label": say("Rooms")}, ...rooms),
      h("div", {class: "lab-tools-right"},
        h("label", {class: "lab-seed-label"}, h("span", {}, say("Seed")), button("‹", say("The seed before"), () => this.sow(this.seed - 1), "lab-step"),
          seed, button("›", say("The next seed"), () => this.sow(this.seed + 1), "lab-step")),
        button("⚄", say("Any other seed"), random, "lab-random"),
        button(say("Copy link"), say("Copy a link to this view"), (event) => this.share(event.target), "lab-share"), language));
  }

  async share(button) {
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = say("Copied");
    } catch { // a page of http: may not write there: the address bar holds the same
      button.textContent = say("It is in the address bar");
    }
    setTimeout(() => { button.textContent = say("Copy link"); }, 1600);
  }

  footer() {
    const {engine, facts} = this, how = engine.backend === "webgpu" ? say("on this device's graphics processor") : say("on this device's processor");
    const computed = this.ready ? say("Every picture is computed {how}, in your browser; nothing is sent anywhere.", {how}) : "";
    const model = say("{name}: a Progressive GAN of {size}×{size} pixels, {parameters} parameters.", {
      name: facts.name, size: facts.resolution, parameters: facts.parameters.toLocaleString(this.language)});
    return h("footer", {class: "lab-footer"}, `${model} ${computed} `, h("a", {href: "LICENSES.txt"}, say("Licences")));
  }
}

const TITLES = {grow: "Grow", walk: "Walk", inside: "Look inside", paint: "Paint", units: "Units"};
const QUESTIONS = {
  grow: "How does a Progressive GAN grow?",
  walk: "What lies between two pictures?",
  inside: "What flows through the layers?",
  paint: "What do units cause?",
  units: "What does each unit stand for?",
};

async function start() {
  const base = new URL(".", location.href).href;
  try {
    const facts = await (await fetch("model.json")).json(), lab = new Lab(facts, base);
    window.lab = lab; // for the console, and for tests
    await lab.start();
  } catch (error) {
    speak(browserLanguage());
    const local = location.protocol === "file:" ? say("A browser opens this page only from a server: in this folder, run “python -m http.server”.") : error.message;
    document.body.replaceChildren(h("main", {class: "lab-room"}, h("h1", {}, say("The generator could not be started.")), h("p", {class: "lab-error"}, local)));
  }
}

start();
