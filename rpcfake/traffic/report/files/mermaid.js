// Mermaid: the lines that are shown, as a text that others draw.

const MOST = 50000; // characters, its maxTextSize
const OTHERS = /[^\p{L}\p{N} .,_'()=[\]{}@/+*!?^~|-]/gu;
const quoted = (text) => visible(text).replace(OTHERS, (char) => `#${char.codePointAt(0)};`);

function mermaid() {
  const [names, numbers] = merged();
  const used = [...new Set(shown.flatMap((line) => [line.lane, ...line.heads.map(([lane]) => lane)]))];
  const wanted = new Set(used.map((lane) => numbers[lane]));
  const text = ["sequenceDiagram"];
  names.forEach((name, lane) => {
    if (wanted.has(lane)) text.push(`    participant p${lane} as ${quoted(name)}`);
  });
  for (const line of shown) {
    const [from, told] = [`p${numbers[line.lane]}`, quoted(line.words)];
    const failed = line.record.kind === "failure";
    for (const [lane, atOnce] of line.heads) {
      const arrow = failed ? "--x" : line.dashed ? "-->>" : atOnce ? "->>" : "-)";
      text.push(`    ${from}${arrow}p${numbers[lane]}: ${told}`);
    }
    if (!line.heads.length) text.push(`    Note over ${from}: ${told}`);
  }
  return `${text.join("\n")}\n`;
}

let isMermaid = false; // whether it is what the details show
function tellMermaid() {
  const text = mermaid();
  const area = make("textarea");
  Object.assign(area, { value: text, readOnly: true, rows: 18, spellcheck: false });
  area.setAttribute("aria-label", "Mermaid text");
  const hint =
    text.length > MOST
      ? `More than the ${plural(MOST, "character")} that Mermaid draws unless it is told otherwise: filter first.`
      : "As they are shown. GitHub, GitLab and others draw it in Markdown.";
  const about = make("p", "", `${plural(shown.length, "line")}. ${hint}`);
  show(["Mermaid"], [about, ...copier(text, "Copy the text"), area]);
  isMermaid = true;
}
