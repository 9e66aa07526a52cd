// One picture that is a grid of cells; a click says which cell was hit, the pointer shows the cell's name.
//
// data: {source, columns, rows, names: [a name a cell], chosen: index of the marked cell or null, label}

export default function ({data, parentElement, setTriggerValue}) {
  const root = parentElement.querySelector(".lab-picture-grid");
  const image = root.querySelector("img"), mark = root.querySelector("div");
  if (image.src !== data.source) image.src = data.source;
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
  mark.hidden = data.chosen === null;
  if (data.chosen === null) return;
  mark.style.left = `${(100 * (data.chosen % data.columns)) / data.columns}%`;
  mark.style.top = `${(100 * Math.floor(data.chosen / data.columns)) / data.rows}%`;
  mark.style.width = `${100 / data.columns}%`;
  mark.style.height = `${100 / data.rows}%`;
}
