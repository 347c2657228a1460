"use strict";
const LONGEST = 100000; // characters of one text that are shown
const field = (id) => document.getElementById(id);

// What a reader would not see in a text, or what would turn it around, is shown as Python does.
const escaped = (char) => {
  const number = char.codePointAt(0);
  const [letter, digits] = number < 0x100 ? ["x", 2] : number < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${letter}${number.toString(16).padStart(digits, "0")}`;
};
const visible = (text) =>
  text.replace(/[\p{C}\p{Z}]/gu, (char) => (" \n\t".includes(char) ? char : escaped(char)));

// As text: what a backend said is never markup.
function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = visible(text);
  return element;
}

function copier(text, label) {
  if (!text || !navigator.clipboard) return [];
  const button = make("button", "copy", label);
  button.type = "button";
  button.addEventListener("click", () =>
    navigator.clipboard.writeText(text).then(
      () => (button.textContent = "Copied"),
      () => (button.textContent = "The browser does not allow it"),
    ),
  );
  return [button];
}
