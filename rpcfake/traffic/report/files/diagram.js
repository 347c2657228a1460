// The diagram of the sheet that is open. Only the lines near those in view are in the document.

const NARROWEST = 66; // pixels of a lane
const WIDEST = 240;
const AROUND = 30; // lines that are drawn above and below those in view

const scroll = field("scroll");
const space = field("space");

let entry = -1;
let place = 0;
let sheet = null;
let shown = []; // the lines that fit
let cursor = -1; // which of them is chosen
let related = null; // the numbers of the records of the causal tree that is looked at
let lanes = []; // where each lane stands
let gutter = 0; // pixels at the left, for numbers and times

// Filters

function filter() {
  const text = field("text").value.trim().toLowerCase();
  const kinds = chosen("kind");
  const [topic, method] = [field("topic").value, field("method").value];
  const before = shown[cursor];
  shown = sheet.lines.filter(
    (line) =>
      (!kinds.length || kinds.some((kind) => line.kinds.has(kind))) &&
      (!topic || line.message.topic === topic) &&
      (!method || line.message.method === method) &&
      (!text || searched(line).includes(text)),
  );
  const all = sheet.lines.length + sheet.left_out;
  const left = sheet.left_out ? ` (${sheet.left_out.toLocaleString("en")} in the middle are left out)` : "";
  const some = shown.length === all ? "" : `${shown.length.toLocaleString("en")} of `;
  field("count").textContent = `${some}${plural(all, "line")}${left}`;
  field("nothing").hidden = shown.length > 0;
  field("why").textContent = all ? "Nothing fits. " : "Nothing was sent. ";
  field("reset").hidden = !all;
  scroll.hidden = shown.length === 0;
  cursor = before ? shown.indexOf(before) : -1;
  lay();
  if (cursor >= 0) keepInView();
  if (isMermaid) tellMermaid();
}

let drawn = [0, 0];
let reach = [0, 0]; // which part of it is in view sideways

// Which lane of those that are shown each lane of the sheet is.
function merged() {
  const byTopic = field("by").value === "topic";
  const names = [];
  const known = new Map();
  const numbers = sheet.lanes.map(([name, topic]) => {
    // The test's own lane has no topic, and none of the topics is it, whatever it is called.
    const [key, shown] = byTopic && topic ? [`topic ${topic}`, topic] : [name, name];
    if (!known.has(key)) known.set(key, names.push(shown) - 1);
    return known.get(key);
  });
  return [names, numbers];
}

function lay() {
  if (sheet === null || scroll.hidden) return;
  const [names, numbers] = merged();
  const last = sheet.lines.at(-1);
  gutter = 26 + Math.ceil(Math.max(breadth(`#${last?.seq}`), breadth(seconds(last?.record.time ?? 0))));
  const room = scroll.clientWidth - gutter - 12;
  const pitch = Math.max(NARROWEST, Math.min(WIDEST, room / Math.max(names.length, 1)));
  const at = (lane) => gutter + pitch * (lane + 0.5);
  lanes = numbers.map((lane) => at(lane));
  const width = Math.max(scroll.clientWidth, Math.ceil(gutter + pitch * names.length));
  field("lanes").style.width = `${width}px`;
  field("lanes").replaceChildren(
    ...names.map((name, lane) => {
      const box = named("span", "lane", name);
      box.title = visible(name);
      box.style.left = `${at(lane) - pitch / 2 + 3}px`;
      box.style.width = `${pitch - 6}px`;
      return box;
    }),
  );
  space.style.width = `${width}px`;
  space.style.height = `${shown.length * ROW + 8}px`;
  space.replaceChildren(); // what was drawn may reach further down
  draw(true);
}

// The window, or what stands beside the diagram, has changed its size.
let seen = 0; // pixels of the diagram's height that were in view
const inView = () => scroll.clientHeight - field("lanes").offsetHeight;
function resized() {
  const top = cursor * ROW - scroll.scrollTop;
  const wasInView = cursor >= 0 && top + ROW > 0 && top < seen;
  seen = inView();
  lay();
  if (wasInView) keepInView();
}

function draw(anew = false) {
  if (sheet === null || scroll.hidden) return;
  const top = scroll.scrollTop;
  const first = Math.max(0, Math.floor(top / ROW));
  const last = Math.min(shown.length, Math.ceil((top + scroll.clientHeight) / ROW));
  const sides = [scroll.scrollLeft, scroll.clientWidth];
  const near = first >= drawn[0] && last <= drawn[1] && String(sides) === String(reach);
  if (near && !anew) return;
  drawn = [Math.max(0, first - AROUND), Math.min(shown.length, last + AROUND)];
  reach = sides;
  const [from, to] = drawn;
  const height = (to - from) * ROW;
  const picture = svg("svg", { width: space.offsetWidth, height, role: "presentation" });
  picture.style.top = `${from * ROW}px`;
  for (const x of new Set(lanes))
    picture.append(svg("line", { class: "life", x1: x, x2: x, y1: 0, y2: height }));
  picture.append(...handled(from, to));
  for (let number = from; number < to; number += 1) picture.append(row(number, from));
  space.replaceChildren(picture);
  if (cursor >= from && cursor < to) scroll.setAttribute("aria-activedescendant", `line-${cursor}`);
  else scroll.removeAttribute("aria-activedescendant");
}

// Where a line is, or would be, among those that are shown.
function position(line) {
  let [low, high] = [0, shown.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown[middle].place < line) low = middle + 1;
    else high = middle;
  }
  return low;
}

function handled(from, to) {
  if (!shown.length || from >= to) return [];
  const [first, last] = [shown[from].place, shown[to - 1].place];
  const parts = [];
  for (const [lane, begin, end] of sheet.busy) {
    if (end < first || begin > last) continue;
    const [above, below] = [position(begin), position(end + 1) - 1];
    if (above > below) continue; // nothing of it is shown
    const y = (Math.max(above, from - 1) - from) * ROW + ROW - 14;
    const under = (Math.min(below, to) - from) * ROW + ROW - 14;
    parts.push(svg("rect", { class: "busy", x: lanes[lane] - 4, y, width: 8, height: Math.max(under - y, 8), rx: 2 }));
  }
  return parts;
}

function relate(line) {
  related = line ? tree(line) : null;
  for (const group of space.querySelectorAll("g.line")) {
    const number = +group.dataset.number;
    if (shown[number]) group.setAttribute("class", classes(shown[number], number));
  }
}

const lineAt = (target) => target.closest?.("g.line")?.dataset.number;

function choose(number) {
  cursor = Math.max(0, Math.min(shown.length - 1, number));
  keepInView();
  related = tree(shown[cursor]);
  draw(true);
  if (!detail.hidden) tell(shown[cursor]);
  link();
}

function keepInView() {
  const top = cursor * ROW;
  const room = inView();
  if (top < scroll.scrollTop) scroll.scrollTop = top;
  else if (top + ROW > scroll.scrollTop + room) scroll.scrollTop = top + ROW - room;
  const { lane, heads } = shown[cursor];
  const at = [lanes[lane], ...heads.map(([each]) => lanes[each])];
  const [left, right] = [Math.min(...at) - gutter - 20, Math.max(...at) + 40 - scroll.clientWidth];
  if (scroll.scrollLeft > left) scroll.scrollLeft = left;
  else if (scroll.scrollLeft < right) scroll.scrollLeft = Math.min(left, right);
}

// The line that tells of a record; where none does, of what it follows from.
function lineOf(record) {
  for (let each = record; each; each = sheet.records.get(each.cause)) {
    const number = shown.findIndex((line) => line.seq === each.seq);
    if (number >= 0) return number;
  }
  return -1;
}

function reveal(seq, tellToo = false) {
  const record = sheet.records.get(seq);
  if (!record) return;
  if (lineOf(record) < 0 || shown[lineOf(record)].message !== message(sheet.records, record)) {
    clear();
  }
  const number = lineOf(record);
  if (number < 0) return;
  if (tellToo) detail.hidden = false;
  choose(number);
}

function clear() {
  for (const id of ["text", "topic", "method"]) field(id).value = "";
  for (const box of document.querySelectorAll("[name=kind]")) box.checked = false;
  filter();
}
