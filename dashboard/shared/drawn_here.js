// What a component shows may be an address, or a sheet that this browser is to draw (dashboard/shared/drawn_here.py).
// Below the component stands how far that is, and what drew.

class DrawnHere {
  // failed(problem) runs once when this browser cannot draw. silent: another component says how far it is.
  constructor(root, failed, silent = false) {
    Object.assign(this, {root, failed, silent, id: crypto.getRandomValues(new Uint32Array(1))[0], going: new Map()}); // name -> {done, of}
  }

  // The address of a picture; null where a newer one was asked for under the same name.
  async address(source, name) {
    if (!source || typeof source === "string") return source;
    const canvas = await this.ask(source, name, (engine, lane, told) => engine.draw(source, lane, told));
    return canvas?.toDataURL() ?? null;
  }

  // A film that fills: {sheet: a canvas, columns, edge}; drawn() runs whenever a frame has come.
  film(source, name, drawn) {
    return this.ask(source, name, (engine, lane, told) => engine.film(source, lane, told, drawn));
  }

  async ask(source, name, work) {
    const own = {};
    this.going.set(name, own);
    const told = (state) => { // false stops the work: there is newer work, or the component is gone
      if (this.going.get(name) !== own) return false;
      this.tell(source.said, own, state);
      return true;
    };
    try {
      return await work(await import(new URL(source.module, document.baseURI).href), `${this.id} ${name}`, told);
    } catch (error) {
      this.failed(error.message);
      return null;
    }
  }

  tell(said, own, {fetched, bytes, done, of, engine}) {
    if (fetched !== undefined) return this.say(said.fetching, {megabytes: (bytes / 1e6).toFixed(0), percent: Math.floor(100 * fetched)});
    Object.assign(own, {done, of});
    const sum = (what) => [...this.going.values()].reduce((total, one) => total + (one[what] ?? 0), 0);
    if (sum("done") < sum("of")) return this.say(said.drawing, {done: sum("done"), count: sum("of")});
    return this.say(said[engine.backend], {milliseconds: engine.milliseconds.toFixed(0)});
  }

  say(words, values) {
    if (this.silent) return;
    let line = this.root.querySelector(":scope > .lab-drawn-here");
    if (!line) {
      line = Object.assign(document.createElement("p"), {className: "lab-drawn-here"});
      line.setAttribute("role", "status");
      this.root.append(line);
    }
    line.textContent = words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  // Nothing is drawn any more: the component is gone.
  close() { this.going.clear(); }

  // Nothing is said any more: the server draws.
  hush() {
    this.close();
    this.root.querySelector(":scope > .lab-drawn-here")?.remove();
  }
}
