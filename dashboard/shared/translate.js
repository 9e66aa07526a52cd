// Components speak English: what they write is replaced where it stands, at once and whenever it changes. Words are
// {English text: the reader's}; {names} in them stand for values. Returns what watches for changes.

export function translate(root, dictionary) {
  const words = new Map(Object.entries(dictionary));
  if (!words.size) return;
  const patterns = [...words.keys()].filter((text) => text.includes("{")).map((text) => {
    const names = [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const parts = text.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return [new RegExp(`^${parts.join("(.+)")}$`), text, names];
  });
  const inWords = (text) => {
    const bare = text.trim();
    if (words.has(bare)) return text.replace(bare, () => words.get(bare));
    for (const [pattern, source, names] of patterns) {
      const found = bare.match(pattern);
      if (!found) continue;
      const values = Object.fromEntries(names.map((name, i) => [name, words.get(found[i + 1]) ?? found[i + 1]]));
      return words.get(source).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
    }
    return text;
  };
  const named = ["aria-label", "title", "alt", "placeholder", "data-label", "data-title"];
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = inWords(node.data);
      if (text !== node.data) node.data = text;
      return;
    }
    for (const name of named) {
      const text = node.getAttribute?.(name);
      if (text && inWords(text) !== text) node.setAttribute(name, inWords(text));
    }
    node.childNodes.forEach(visit);
  };
  visit(root);
  const watch = new MutationObserver((changes) => changes.forEach(({type, target, addedNodes}) =>
    (type === "childList" ? [...addedNodes] : [target]).forEach(visit),
  ));
  watch.observe(root, {subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: named});
  return watch;
}
