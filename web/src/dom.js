// Elements in one line, and the app's components in a page without the app.

import {translate} from "./words.js";

export function h(kind, properties = {}, ...children) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element[name] = value;
    else if (name === "class") element.className = value;
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Shows a component of the app (its html, its default function) at a place; gives a function that hands it new data.
// told: name -> what happens when the component tells a state or a trigger of that name.
export function mount(component, html, place, told) {
  place.innerHTML = html;
  translate(place);
  const tell = (name, value) => told[name]?.(value);
  let stop;
  const show = (data) => { stop = component({data, parentElement: place, setStateValue: tell, setTriggerValue: tell}); };
  return {show, close: () => stop?.()};
}

// Buttons of which one is pressed.
export function choice(name, options, chosen, onChoose) {
  const group = h("div", {class: "lab-choice", role: "group", "aria-label": name});
  const press = (value) => [...group.children].forEach((button) => button.setAttribute("aria-pressed", button.dataset.value === String(value)));
  for (const [value, label] of options) {
    group.append(h("button", {type: "button", "data-value": value, onclick: () => { press(value); onChoose(value); }}, label));
  }
  press(chosen);
  return Object.assign(group, {press});
}
