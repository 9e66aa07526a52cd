// Key points: choose, roll, pin, delete, move; drag one onto another to swap them. The server keeps the list.
//
// data: {points: [{name, pinned}], sheet, columns, rows, chosen, least, most}; an event is {act, index, other, count}.

const ICONS = {
  roll: '<rect x="3" y="3" width="18" height="18" rx="3"/><path d="M8 8h.01M16 8h.01M12 12h.01M8 16h.01M16 16h.01"/>',
  pin: '<path d="M9 3h6l-1 6 4 4H6l4-4z"/><path d="M12 13v8"/>',
  left: '<path d="M15 5l-7 7 7 7"/>',
  right: '<path d="M9 5l7 7-7 7"/>',
  delete: '<path d="M6 6l12 12M18 6L6 18"/>',
};
const HINTS = {roll: "Another seed", pin: "Keep when all are rolled", left: "Move left", right: "Move right", delete: "Remove"};

export default function ({data, parentElement, setTriggerValue}) {
  const root = parentElement.querySelector(".lab-points");
  // the count tells two equal clicks apart
  const send = (act, index, other = null) => setTriggerValue("event", {act, index, other, count: Date.now()});
  const cells = data.points.map((point, i) => pointCell(data, point, i, send));
  const add = document.createElement("button");
  Object.assign(add, {className: "lab-add", textContent: "+", title: "Add a point", ariaLabel: "Add a point", type: "button", onclick: () => send("add", null)});
  const more = document.createElement("div");
  more.setAttribute("role", "listitem");
  more.append(add);
  root.replaceChildren(...cells, ...(data.points.length < data.most ? [more] : []));
  root.here ??= new DrawnHere(root, (problem) => setTriggerValue("failed", problem), true);
  root.sheet = data.sheet;
  root.here.address(data.sheet, "points").then((address) => {
    if (address && root.sheet === data.sheet) root.style.setProperty("--sheet", `url(${address})`);
  });
}

function pointCell(data, point, i, send) {
  const cell = document.createElement("div"), last = data.points.length - 1;
  cell.className = `lab-point${i === data.chosen ? " lab-chosen" : ""}`;
  cell.setAttribute("role", "listitem");
  const thumb = document.createElement("button");
  Object.assign(thumb, {className: "lab-thumb", type: "button", title: `${point.name}: click to choose, drag onto another to swap`, draggable: true});
  const along = (place, count) => (count > 1 ? (100 * place) / (count - 1) : 0);
  Object.assign(thumb.style, {
    backgroundImage: "var(--sheet)",
    backgroundSize: `${100 * data.columns}% ${100 * data.rows}%`,
    backgroundPosition: `${along(i % data.columns, data.columns)}% ${along(Math.floor(i / data.columns), data.rows)}%`,
  });
  thumb.onclick = () => send("choose", i);
  thumb.ondragstart = (event) => event.dataTransfer.setData("text/plain", `lab-point ${i}`);
  cell.ondragover = (event) => { event.preventDefault(); cell.classList.add("lab-over"); };
  cell.ondragleave = () => cell.classList.remove("lab-over");
  cell.ondrop = (event) => {
    event.preventDefault();
    cell.classList.remove("lab-over");
    const from = event.dataTransfer.getData("text/plain").match(/^lab-point (\d+)$/);
    if (from && Number(from[1]) !== i) send("swap", Number(from[1]), i);
  };
  const name = document.createElement("small");
  name.textContent = name.title = point.name;
  const bar = document.createElement("div");
  bar.className = "lab-point-acts";
  const off = {left: i === 0, right: i === last, delete: data.points.length <= data.least};
  for (const act of Object.keys(ICONS)) bar.append(actButton(act, point, off[act], () => send(act, i)));
  cell.append(thumb, name, bar);
  return cell;
}

function actButton(act, point, off, onclick) {
  const button = document.createElement("button");
  Object.assign(button, {type: "button", title: HINTS[act], disabled: Boolean(off), onclick});
  button.setAttribute("aria-label", `${HINTS[act]}: ${point.name}`);
  if (act === "pin") button.setAttribute("aria-pressed", point.pinned);
  button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[act]}</svg>`;
  return button;
}
