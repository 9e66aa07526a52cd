// One picture that is a grid of cells; a click says which cell was hit, the pointer shows the cell's name. By keyboard the
// arrows go from cell to cell, and Enter or Space chooses.
//
// data: {source (an address, or a sheet that this browser draws), width (of it in pixels), columns, rows, names: [a name a cell], chosen: [indices of the marked cells], captions: [words in the
//        cells, or none], label}

export default function ({data, parentElement, setTriggerValue}) {
  const root = parentElement.querySelector(".lab-picture-grid");
  const image = root.querySelector("img");
  root.here ??= new DrawnHere(root, (problem) => setTriggerValue("failed", problem), true);
  root.source = data.source;
  root.here.address(data.source, "grid").then((address) => {
    if (address && root.source === data.source && image.src !== address) image.src = address;
  });
  const {width} = data; // shown pixel by pixel, or halved where there is no room
  root.style.width = `min(${width}px, max(min(100%, ${width / 4}px), round(down, 100%, ${width / 2}px)))`;
  image.alt = data.label;
  const cell = (event) => {
    const box = image.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * data.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * data.rows);
    const index = row * data.columns + column;
    return index < data.names.length ? index : null;
  };
  image.onmousemove = (event) => { image.title = data.names[cell(event)] ?? ""; };
  image.onclick = (event) => {
    const index = cell(event);
    if (index !== null) setTriggerValue("cell", index);
  };
  const last = data.names.length - 1, at = () => Math.min(root.at ?? data.chosen[0] ?? 0, last);
  const say = () => {
    const said = {role: "slider", "aria-label": data.label, "aria-valuemin": 0, "aria-valuemax": last, "aria-valuenow": at(), "aria-valuetext": data.names[at()] ?? ""};
    for (const [name, value] of Object.entries(said)) root.setAttribute(name, value);
    root.querySelector("u")?.remove();
    if (root === document.activeElement) root.querySelector("div").append(over("u", at()));
  };
  root.tabIndex = 0;
  root.onfocus = root.onblur = say;
  root.onkeydown = (event) => {
    const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.columns, ArrowUp: -data.columns}[event.key];
    if (steps) root.at = Math.min(Math.max(at() + steps, 0), last);
    else if (event.key === "Enter" || event.key === " ") setTriggerValue("cell", at());
    else return;
    event.preventDefault();
    say();
  };
  const over = (kind, index) => {
    const element = document.createElement(kind);
    element.style.left = `${(100 * (index % data.columns)) / data.columns}%`;
    element.style.top = `${(100 * Math.floor(index / data.columns)) / data.rows}%`;
    element.style.width = `${100 / data.columns}%`;
    element.style.height = `${100 / data.rows}%`;
    return element;
  };
  const captions = data.captions.map((text, index) => {
    const element = over("span", index);
    element.append(Object.assign(document.createElement("b"), {textContent: text}));
    return element;
  });
  root.querySelector("div").replaceChildren(...captions, ...data.chosen.map((index) => over("i", index)));
  say();
}
