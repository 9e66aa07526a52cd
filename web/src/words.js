// Words in the reader's language. English is the source; a language is one file, words/<code>.json: English to it.
// {names} stand for values.

import zh from "../words/zh.json";

const LANGUAGES = {en: {}, zh};
let words = new Map();

export const NAMES = {en: "English", zh: "中文"};

export function speak(language) {
  words = new Map(Object.entries(LANGUAGES[language]));
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
}

export function browserLanguage() {
  return (navigator.languages ?? [navigator.language]).some((code, i) => i === 0 && code.startsWith("zh")) ? "zh" : "en";
}

export const say = (text, values = {}) => (words.get(text) ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// The app's components speak English: what they write is replaced where it stands, at once and whenever it changes.
export function translate(root) {
  if (!words.size) return;
  const patterns = [...words.keys()].filter((text) => text.includes("{")).map((text) => {
    const names = [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const parts = text.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return [new RegExp(`^${parts.join("(.+)")}$`), text, names];
  });
  const inWords = (text) => {
    const bare = text.trim();
    if (words.has(bare)) return text.replace(bare, words.get(bare));
    for (const [pattern, source, names] of patterns) {
      const found = bare.match(pattern);
      if (found) return say(source, Object.fromEntries(names.map((name, i) => [name, words.get(found[i + 1]) ?? found[i + 1]])));
    }
    return text;
  };
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = inWords(node.data);
      if (text !== node.data) node.data = text;
      return;
    }
    for (const name of ["aria-label", "title", "alt"]) {
      const text = node.getAttribute?.(name);
      if (text && inWords(text) !== text) node.setAttribute(name, inWords(text));
    }
    node.childNodes.forEach(visit);
  };
  visit(root);
  new MutationObserver((changes) => changes.forEach(({type, target, addedNodes}) =>
    (type === "childList" ? [...addedNodes] : [target]).forEach(visit),
  )).observe(root, {subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["aria-label", "title", "alt"]});
}
