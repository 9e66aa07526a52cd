// Hands the last moment's sheet to the wall on the page; the other moments follow with the wall's own data.

export default function ({data}) {
  document.dispatchEvent(new CustomEvent("lab-early", {detail: data}));
}
