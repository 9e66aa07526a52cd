// A network as text. What is typed goes to the server when the hand rests for a moment; the drawing and the table come back.
//
// data: {text, load (another whenever `text` is to replace what stands here), most (characters), wide, narrow (SVG),
//        legend: [[words, fill, edge]], rows: [[operation, activation, shape, params, mult-adds] or []],
//        wrong: [[line, words]], total: [params, mult-adds]}
// sent: text {load, text}

const REST = 120; // milliseconds without a key before the text is sent

class Editor {
  constructor(root) {
    this.root = root;
    this.area = this.find("textarea");
    this.area.oninput = () => this.typed();
    this.area.onkeyup = this.area.onclick = this.area.onfocus = () => this.mark();
    for (const name of ["wide", "narrow"]) this.find(`.lab-net-${name}`).onclick = (event) => this.go(event);
  }

  find(selector) { return this.root.querySelector(selector); }

  make(tag, text, name = "") { return Object.assign(document.createElement(tag), {textContent: text, className: name}); }

  typed() {
    this.number();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), REST);
  }

  send() {
    this.timer = undefined;
    this.tell({load: this.data.load, text: this.area.value});
  }

  // The line of a block that was clicked.
  go(event) {
    const line = Number(event.target.closest("[data-line]")?.dataset.line);
    if (!line) return;
    const before = this.area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1);
    const end = this.area.value.indexOf("\n", before);
    this.area.focus({preventScroll: true});
    this.area.setSelectionRange(before, end < 0 ? this.area.value.length : end);
    this.mark();
    this.find(".lab-net-rows").children[line - 1]?.scrollIntoView({block: "nearest"});
  }

  load(data) {
    if (this.data?.load !== data.load) {
      clearTimeout(this.timer);
      this.area.value = data.text;
    }
    this.data = data;
    for (const name of ["wide", "narrow"]) this.find(`.lab-net-${name}`).innerHTML = data[name]; // made by the server, escaped there
    this.find(".lab-net-legend").replaceChildren(...data.legend.map(([words, fill, edge]) => {
      const item = this.make("li", words), square = document.createElement("i");
      Object.assign(square.style, {background: fill, borderColor: edge});
      item.prepend(square);
      return item;
    }));
    this.table();
    this.sum();
    this.number();
    this.mark();
    this.root.dataset.load = data.load;
  }

  table() {
    const wrong = new Map(this.data.wrong);
    this.find(".lab-net-rows").replaceChildren(...this.data.rows.map((cells, i) => {
      const words = wrong.get(i + 1), row = this.make("div", words ?? "", words ? "lab-net-row lab-bad" : "lab-net-row");
      if (words) row.title = words;
      else row.append(...cells.map((cell) => Object.assign(this.make("span", cell), {title: cell})));
      return row;
    }));
    this.find(".lab-net-wrong").replaceChildren(...this.data.wrong.map(([line, words]) => this.make("li", `Line ${line}: ${words}.`)));
  }

  sum() {
    const {total: [parameters, work], wrong} = this.data, place = this.find(".lab-net-total");
    place.replaceChildren(this.make("strong", parameters), " trainable parameters, ", this.make("strong", work), " multiply-adds per picture.");
    if (wrong.length) place.append(" ", this.make("em", wrong.length > 1 ? `${wrong.length} lines are wrong.` : `Line ${wrong[0][0]} is wrong.`));
  }

  number() {
    const wrong = new Set(this.data.wrong.map(([line]) => line)), count = this.area.value.split("\n").length;
    this.find(".lab-net-numbers").replaceChildren(...Array.from({length: count}, (_, i) => this.make(wrong.has(i + 1) ? "b" : "span", `${i + 1}\n`)));
    this.area.style.height = `${1.5 * (count + 1)}rem`;
  }

  // The block and the row of the line in which the cursor stands.
  mark() {
    const line = document.activeElement === this.area ? this.area.value.slice(0, this.area.selectionStart).split("\n").length : 0;
    for (const block of this.root.querySelectorAll("[data-line]")) block.classList.toggle("lab-here", Number(block.dataset.line) === line);
    [...this.find(".lab-net-rows").children].forEach((row, i) => row.classList.toggle("lab-here", i + 1 === line));
  }
}

export default function ({data, parentElement, setStateValue}) {
  const root = parentElement.querySelector(".lab-net");
  root.editor ??= new Editor(root);
  root.editor.tell = (value) => setStateValue("text", value);
  root.editor.load(data);
  return () => { clearTimeout(root.editor?.timer); root.editor = undefined; };
}
