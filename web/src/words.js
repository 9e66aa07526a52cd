// Words in the reader's language. English is the source; a language is one file, words/<code>.json: English to it.
// {names} stand for values.

import {translate as replaceWords} from "app:shared/translate.js";
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

// The app's components speak English; see there.
export const translate = (root) => replaceWords(root, Object.fromEntries(words));
