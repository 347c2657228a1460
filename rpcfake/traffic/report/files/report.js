// What is open, how to link to it, and what keys and the mouse do.

const { entries } = JSON.parse(field("index").textContent);

const chosen = (name) =>
  [...document.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);

// A name, which may be broken at its joints.
function named(tag, className, name) {
  const element = make(tag, className);
  for (const part of visible(name).split(/(?<=[.:/_[-])|(?=#)/)) element.append(part, make("wbr"));
  return element;
}

function chip(name, value, count) {
  const label = make("label", `chip ${value}`);
  const box = make("input");
  Object.assign(box, { type: "checkbox", name, value });
  label.append(box, `${value} `, make("small", "", count.toLocaleString("en")));
  return label;
}

function open(number, sheetNumber = 0, seq = null) {
  entry = number;
  place = sheetNumber;
  sheet = read(entry, place);
  const { name, outcome, notes, sheets, seconds: took } = entries[entry];
  document.body.classList.add("opened");
  field("main").hidden = false;
  field("back").hidden = entries.length === 1;
  const badge = outcome ? [make("span", `badge ${outcome}`, outcome)] : [];
  const how = [];
  if (took !== null) how.push(`${took.toFixed(took < 1 ? 3 : 1)} s`);
  const { name: recorder, schedule, seed } = sheet?.made_by ?? {};
  if (recorder) how.push(recorder);
  if (schedule && schedule !== "fifo") how.push(`schedule ${schedule}, seed ${seed}`);
  field("which").replaceChildren(...badge, ` ${visible(name)} `, make("small", "", how.join(", ")));
  field("notes").replaceChildren(...notes.map(note));
  field("bus-label").hidden = sheets < 2;
  options("bus", [...Array(sheets).keys()].map((each) => [each, `${each + 1} of ${sheets}`]));
  field("bus").value = place;
  field("filters").hidden = field("diagram").hidden = sheet === null;
  field("hints").hidden = true;
  detail.hidden = true;
  isMermaid = false;
  scroll.scrollTop = scroll.scrollLeft = 0;
  shown = [];
  cursor = -1;
  related = null;
  if (sheet === null) return;
  const counts = counted(sheet.lines.flatMap((line) => [...line.kinds]));
  const kinds = sheet.kinds.filter((kind) => counts.has(kind));
  field("kinds").replaceChildren(
    field("kinds").querySelector("legend"),
    ...kinds.map((kind) => chip("kind", kind, counts.get(kind))),
  );
  const messages = [...sheet.records.values()].filter((record) => record.topic !== undefined);
  for (const part of ["topic", "method"]) {
    const names = [...new Set(messages.map((record) => record[part]))].sort();
    options(part, [["", "any"], ...names.map((each) => [each, each])]);
  }
  field("hints").textContent = sheet.hints.join("; ");
  field("hints").hidden = !sheet.hints.length;
  field("text").value = "";
  filter();
  if (seq !== null) reveal(seq, true);
}

function note([title, text]) {
  const box = make("details");
  const more = Math.max(text.length - LONGEST, 0);
  box.append(make("summary", "", title), plain(text.slice(0, LONGEST), more));
  return box;
}

function options(id, pairs) {
  field(id).replaceChildren(
    ...pairs.map(([value, text]) => Object.assign(make("option", "", String(text)), { value })),
  );
}

// Links: #entry/bus/record

let linked = 0;
function link() {
  clearTimeout(linked); // who holds a key down goes through many
  linked = setTimeout(() => {
    const where = [entry, place, ...(cursor >= 0 ? [shown[cursor].seq] : [])];
    history.replaceState(null, "", `#${where.join("/")}`);
  }, 100);
}

function follow() {
  const where = /^#(\d+)(?:\/(\d+)(?:\/(\d+))?)?$/.exec(location.hash);
  if (!where) return false;
  const [number, bus, seq] = where.slice(1).map((each) => (each === undefined ? null : +each));
  if (!entries[number] || (bus ?? 0) > Math.max(entries[number].sheets - 1, 0)) return false;
  open(number, bus ?? 0, seq);
  mark();
  return true;
}

// Keys, the mouse and the window

const STEPS = {
  ArrowDown: () => cursor + 1,
  ArrowUp: () => cursor - 1,
  PageDown: () => cursor + Math.max(1, Math.floor(scroll.clientHeight / ROW) - 2),
  PageUp: () => cursor - Math.max(1, Math.floor(scroll.clientHeight / ROW) - 2),
  Home: () => 0,
  End: () => shown.length - 1,
  ArrowLeft: () => {
    const line = shown[cursor];
    const up = line.record === line.message ? sheet.records.get(sheet.records.get(line.message.cause)?.cause) : line.message;
    return up ? lineOf(up) : -1;
  },
  ArrowRight: () =>
    shown.findIndex((line, number) => number > cursor && isCausedBy(line.record, shown[cursor].record)),
};

scroll.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in STEPS) {
    const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
    const number = cursor < 0 ? (sideways ? -1 : event.key === "End" ? shown.length - 1 : 0) : STEPS[event.key]();
    if (number >= 0 || !sideways) choose(number);
    event.preventDefault();
  } else if (event.key === "Enter" && cursor >= 0) {
    tell(shown[cursor]);
    event.preventDefault();
  }
});
scroll.addEventListener("click", (event) => {
  const number = lineAt(event.target);
  if (number === undefined) return;
  detail.hidden = false;
  choose(+number);
});
scroll.addEventListener("mouseover", (event) => {
  const number = lineAt(event.target);
  if (number !== undefined) relate(shown[number]);
});
scroll.addEventListener("mouseleave", () => relate(cursor >= 0 ? shown[cursor] : null));
let waits = false;
scroll.addEventListener("scroll", () => {
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => {
    waits = false;
    draw();
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !detail.hidden) close();
  else if (event.key === "/" && !event.target.matches("input, textarea, select") && sheet) {
    field("text").focus();
    event.preventDefault();
  }
});
new ResizeObserver(resized).observe(scroll);
field("filters").addEventListener("input", (event) => {
  if (event.target.id === "bus") {
    open(entry, +event.target.value);
    link();
  } else if (event.target.id === "by") lay();
  else filter();
});
field("filters").addEventListener("submit", (event) => event.preventDefault());
field("choose").addEventListener("input", narrow);
field("choose").addEventListener("submit", (event) => event.preventDefault());
field("tests").addEventListener("keydown", (event) => {
  const there = tests();
  const now = there.indexOf(event.target.closest("button"));
  const number = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: there.length - 1 }[event.key];
  if (number === undefined) return;
  const button = there[Math.max(0, Math.min(there.length - 1, number))];
  rove(button);
  button.focus();
  event.preventDefault();
});
field("reset").addEventListener("click", () => {
  clear();
  scroll.focus({ preventScroll: true });
});
field("mermaid").addEventListener("click", () => {
  cursor = -1;
  relate(null);
  draw(true);
  tellMermaid();
  field("detail-title").focus({ preventScroll: true });
});
field("close").addEventListener("click", close);
field("back").addEventListener("click", () => {
  document.body.classList.remove("opened");
  reachable?.focus();
});
addEventListener("hashchange", follow);

const failed = entries.findIndex(({ outcome }) => ["failed", "error"].includes(outcome));
field("tally").textContent = outcomes()
  .map(([outcome, count]) => `${count.toLocaleString("en")} ${outcome}`)
  .join(", ");
list();
const wide = matchMedia("(min-width: 46rem)");
function openFirst() {
  if (entry >= 0 || entries.length < 2 || !wide.matches) return;
  open(Math.max(failed, 0));
  mark();
}
wide.addEventListener("change", openFirst);
if (!follow()) openFirst();
