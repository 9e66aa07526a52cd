// The Share button: a link to the page as it is now, and the classes by which a link hides parts of it.
//
// data: {language, streamlit: {English: translation}, hidden: ["sidebar", "controls"], words}

const PARTS = ["sidebar", "controls"];

export default function ({data, parentElement}) {
  const root = parentElement.querySelector(".lab-share"), dialog = root.querySelector("dialog"), {words} = data;
  const embedded = !["false", null].includes(new URLSearchParams(location.search).get("embed")) || document.documentElement.classList.contains("lab-embed");
  document.documentElement.lang = data.language; // for fonts and screen readers; Streamlit says English of every page
  if (document.body.labLanguage !== data.language) {
    document.body.labWatch?.disconnect();
    document.body.labWatch = translate(document.body, data.streamlit);
    document.body.labLanguage = data.language;
  }
  const page = document.documentElement.classList;
  for (const part of PARTS) page.toggle(`lab-hide-${part}`, data.hidden.includes(part) || (embedded && part === "sidebar"));
  page.toggle("lab-embed", embedded);
  showAll(data.hidden.length || embedded ? words.all : null);

  const box = (name) => root.querySelector(`[name="${name}"]`), text = dialog.querySelector('input[type="text"]');
  for (const name of [...PARTS, "embed"]) box(name).nextElementSibling.textContent = words[name];
  root.querySelector("h2").textContent = words.title;
  const open = root.querySelector(".lab-share-open"), copy = root.querySelector(".lab-share-copy"), close = root.querySelector(".lab-share-close");
  [open.textContent, copy.textContent, close.textContent] = [words.share, words.copy, words.close];

  const write = () => {
    text.value = address(PARTS.filter((part) => box(part).checked), box("embed").checked);
    copy.textContent = words.copy;
  };
  dialog.onchange = write;
  open.onclick = () => { write(); dialog.showModal(); };
  close.onclick = () => dialog.close();
  copy.onclick = async () => {
    text.select();
    // without https a page may not write to the clipboard this way, only by the old command
    await (navigator.clipboard?.writeText(text.value) ?? document.execCommand("copy"));
    copy.textContent = words.copied;
  };
}

// The page's address with these parts left out.
function address(hidden, embed) {
  const url = new URL(location.href);
  for (const name of ["hide", "embed"]) url.searchParams.delete(name);
  if (hidden.length) url.searchParams.set("hide", hidden.join(","));
  if (embed) url.searchParams.set("embed", "true");
  return url.href;
}

// A small link out of a view that shows less, to the same view with everything.
function showAll(words) {
  let link = document.querySelector(".lab-share-all");
  if (!words) return link?.remove();
  if (!link) {
    link = Object.assign(document.createElement("a"), {className: "lab-share-all", target: "_blank", rel: "noopener"});
    link.onpointerdown = link.onfocus = () => { link.href = address([], false); };
    document.body.append(link);
  }
  link.href = address([], false);
  link.textContent = words;
}
