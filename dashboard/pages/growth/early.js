// Hands the sheet of the last moment to the wall that stands on the page; all other moments follow with its own data.

export default function ({data}) {
  document.dispatchEvent(new CustomEvent("lab-early", {detail: data}));
}
