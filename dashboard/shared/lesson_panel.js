// The lesson's eyes and hands: outlines what a step speaks of, says when the page has changed, and does what the reader
// was asked to do.
//
// data: {place, point: selector, number, acts: [[kind, selector, value]], watch, seen: [selectors]}
// sent: look {seen: [those found], place, number}, a few times after each touch by the reader, after each run of the page or
// of a part of it, and after each change of the address or of what is found

const APP = '[data-testid="stApp"]';
const EVERY = 300; // ms
const LOOKS = 3, APART = 1600; // after a change, since a look may come before what it looks for; ms between them
const OWN = 1500; // ms within which a run is taken for the one that a look asked for
const MARGIN = 16; // px of the window's edges that a target keeps clear of
const TOUCHES = ["click", "change", "keyup", "pointerup"];
const MOVING = 900; // ms that a scrubber or a brush is seen to move
const page = document.documentElement.dataset; // labActed: the number of the last acts; labActing: while they are carried out

export default function ({data, parentElement, setTriggerValue}) {
  const root = parentElement.querySelector(".lab-lesson-watch");
  root.guide ??= new Guide();
  root.guide.look = (found) => setTriggerValue("look", {...found, number: (root.looks = (root.looks ?? 0) + 1)});
  root.guide.load(data);
  return () => { root.guide?.stop(); root.guide = undefined; };
}

class Guide {
  load(data) {
    if (this.data?.place !== data.place) this.scrolled = this.said = this.asked = undefined;
    this.data = data;
    this.timer ??= setInterval(() => this.tick(), EVERY);
    if (!this.observer) {
      this.observer = new MutationObserver(() => this.noticed());
      this.observer.observe(document.querySelector(APP), {attributes: true, attributeFilter: ["data-test-script-state"]});
      // a look right after a touch would travel with it, or with what it changes still unsaid: it waits for the run, or APART
      this.touch = () => [this.touched, this.looks, this.asked] = [true, LOOKS, performance.now()];
      for (const kind of TOUCHES) document.addEventListener(kind, this.touch, true);
    }
    this.tick();
  }

  stop() {
    clearInterval(this.timer);
    this.observer?.disconnect();
    for (const kind of TOUCHES) document.removeEventListener(kind, this.touch, true);
    this.outline([]);
  }

  still() {
    return document.querySelector(APP)?.dataset.testScriptState === "notRunning";
  }

  noticed() {
    if (this.still()) return;
    if (this.touched || this.asked === undefined || performance.now() - this.asked >= OWN) {
      [this.touched, this.looks, this.asked] = [false, LOOKS, undefined]; // undefined: a look at once, when the run is over
    }
  }

  tick() {
    const {point, number, acts, watch, seen} = this.data;
    const targets = point.split(", ").map((part) => part && visible(part)).filter(Boolean), [target] = targets;
    this.outline(targets);
    if (!this.still()) return;
    if (!page.labActing && number !== acted() && acts.every(([, selector]) => visible(selector))) {
      page.labActed = number;
      this.act(acts);
    }
    if (target && !page.labActing && this.scrolled !== this.data.place) {
      this.scrolled = this.data.place;
      const {top, bottom} = target.getBoundingClientRect();
      const sheet = document.querySelector(".st-key-lesson_panel").getBoundingClientRect(); // on a phone it covers the lower part
      if (top < MARGIN || bottom > (sheet.left > 0 ? innerHeight : sheet.top) - MARGIN) { // what is in view stays where it is, with what stands around it
        target.scrollIntoView({block: bottom - top > innerHeight / 2 ? "start" : "center", behavior: "smooth"});
      }
    }
    const found = seen.filter((selector) => visible(selector)), said = JSON.stringify([location.search, found]);
    if (this.said !== said) this.looks = LOOKS;
    if (watch && this.looks > 0 && (this.said !== said || this.asked === undefined || performance.now() - this.asked > APART)) {
      [this.looks, this.said, this.asked] = [this.looks - 1, said, performance.now()];
      this.look({seen: found, place: this.data.place});
    }
  }

  outline(targets) {
    for (const old of this.targets ?? []) if (!targets.includes(old)) old.classList.remove("lab-lesson-target");
    this.targets = targets;
    for (const target of targets) target.classList.add("lab-lesson-target"); // again and again: the page may have drawn it anew
  }

  async act(acts) {
    page.labActing = true; // one after the other; and a scroll to the target would be cut short by those to the elements below
    try {
      for (const [kind, selector, value] of acts) {
        const element = visible(selector);
        if (!element) continue;
        element.scrollIntoView({block: "nearest"});
        if (kind === "press") element.click();
        if (kind === "move") await slide(selector, value);
        if (kind === "draw") await draw(element, value);
      }
    } finally {
      delete page.labActing;
    }
  }
}

const acted = () => Number(page.labActed ?? 0);

function visible(selector) {
  return [...document.querySelectorAll(selector)].find((element) => element.getClientRects().length) ?? null;
}

// Calls step with shares from 0 to 1 while MOVING; the last one is 1.
function animate(step) {
  const start = performance.now();
  return new Promise((resolve) => {
    const next = () => {
      const share = Math.min(1, (performance.now() - start) / MOVING);
      step(share);
      if (share < 1) setTimeout(next, 16); else resolve();
    };
    next();
  });
}

async function slide(selector, to) {
  const from = Number(visible(selector).value), tell = (kind) => visible(selector)?.dispatchEvent(new Event(kind, {bubbles: true}));
  await animate((share) => {
    const range = visible(selector); // each time: the page may have drawn it anew
    if (range) range.value = from + (to - from) * share;
    tell("input");
  });
  tell("change");
}

async function draw(canvas, [x0, y0, x1, y1]) {
  const send = (kind, share) => {
    const box = canvas.getBoundingClientRect();
    canvas.dispatchEvent(new PointerEvent(kind, {
      bubbles: true, button: 0, pointerId: 1,
      clientX: box.left + box.width * (x0 + (x1 - x0) * share), clientY: box.top + box.height * (y0 + (y1 - y0) * share),
    }));
  };
  send("pointerdown", 0);
  await animate((share) => send("pointermove", share));
  send("pointerup", 1);
}
