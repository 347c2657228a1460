// How a line of the diagram is drawn.

const SVG = "http://www.w3.org/2000/svg";
const ROW = 42; // pixels of a line

const svg = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

function row(number, from) {
  const line = shown[number];
  const y = (number - from) * ROW;
  const arrow = y + ROW - 14;
  const { record } = line;
  const group = svg("g", {
    class: classes(line, number),
    id: `line-${number}`,
    role: "option",
    "data-number": number,
    "aria-selected": number === cursor,
    "aria-setsize": shown.length,
    "aria-posinset": number + 1,
    "aria-label": visible(spoken(line)),
  });
  const [left, right] = [reach[0], reach[0] + reach[1]];
  group.append(svg("rect", { class: "ground", x: 0, y, width: space.offsetWidth, height: ROW }));
  const earlier = shown[number - 1]?.record.time;
  if (earlier !== undefined && record.time - earlier >= 1e6)
    group.append(svg("line", { class: "gap", x1: left, x2: right, y1: y, y2: y }));
  if (line.place === sheet.split && sheet.left_out) {
    const text = `… ${plural(sheet.left_out, "line")} left out here …`;
    group.append(
      svg("line", { class: "gap cut", x1: left, x2: right, y1: y, y2: y }),
      svg("text", { class: "cut", x: right - 10, y: y + 13, "text-anchor": "end" }, text),
    );
  }
  group.append(...strokes(line, arrow), words(line, y + 17, left, right));
  const same = record.time === earlier ? " same" : "";
  group.append(
    svg("rect", { class: "gutter", x: left, y: y + 1, width: gutter - 8, height: ROW - 2 }),
    svg("text", { class: "number", x: left + 10, y: y + 17 }, `#${record.seq}`),
    svg("text", { class: `time${same}`, x: left + 10, y: y + 33 }, seconds(record.time)),
  );
  return group;
}

const classes = (line, number) =>
  `line ${line.record.kind}${number === cursor ? " chosen" : ""}` +
  (related && !related.has(line.seq) ? " dim" : "");

function spoken(line) {
  const heads = line.heads.map(([lane]) => sheet.lanes[lane][0]);
  const who = [sheet.lanes[line.lane][0], ...(heads.length ? ["to", heads.join(", ")] : [])];
  return `#${line.seq}, ${span(line.record.time)}, ${who.join(" ")}: ${line.words}`;
}

function strokes(line, y) {
  const x = lanes[line.lane];
  const parts = [];
  const style = `arrow${line.dashed ? " dashed" : ""}`;
  for (const [lane, atOnce] of line.heads) {
    const end = lanes[lane];
    if (end === x) {
      parts.push(svg("path", { class: style, d: `M${x + 4},${y - 7}h20v13h-16` }));
      parts.push(head(x + 5, y + 6, -1, atOnce));
      continue;
    }
    const way = Math.sign(end - x);
    parts.push(svg("line", { class: style, x1: x, x2: end - way * 6, y1: y, y2: y }));
    parts.push(head(end - way * 4, y, way, atOnce));
  }
  if (line.mark === "waits" || line.mark === "lost") {
    parts.push(svg("line", { class: style, x1: x, x2: x + 26, y1: y, y2: y }));
    parts.push(line.mark === "lost" ? cross(x + 30, y) : svg("circle", { class: "open", cx: x + 31, cy: y, r: 4.5 }));
  } else if (line.mark === "taken") parts.push(svg("circle", { class: "dot", cx: x, cy: y, r: 5 }));
  else if (line.mark) parts.push(cross(x, y));
  return parts;
}

const head = (x, y, way, atOnce) =>
  svg("path", {
    class: atOnce ? "head" : "head later",
    d: `M${x - way * 9},${y - 5}L${x},${y}L${x - way * 9},${y + 5}${atOnce ? "Z" : ""}`,
  });
const cross = (x, y) =>
  svg("path", { class: "cross", d: `M${x - 5},${y - 5}l10,10M${x - 5},${y + 5}l10,-10` });

// The words of a line stand where its arrow begins, or as far to the right as there is room.
function words(line, y, left, right) {
  const ends = line.heads.map(([lane]) => lanes[lane]);
  const start = Math.max(Math.min(lanes[line.lane], ...ends), left + gutter) + 8;
  const most = right - left - gutter - 16;
  const text = fit(visible(line.words), most);
  const x = Math.max(left + gutter + 4, Math.min(start, right - 10 - breadth(text)));
  return svg("text", { class: "words", x, y }, text);
}

const measure = document.createElement("canvas").getContext("2d");
const breadths = new Map();
function breadth(text) {
  let known = breadths.get(text);
  if (known === undefined) {
    const { fontSize, fontFamily } = getComputedStyle(scroll);
    measure.font = `${fontSize} ${fontFamily}`;
    known = measure.measureText(text).width;
    if (breadths.size > 5000) breadths.clear();
    breadths.set(text, known);
  }
  return known;
}

function fit(text, most) {
  if (breadth(text) <= most) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (breadth(`${text.slice(0, middle)}…`) <= most) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low).replace(/[\ud800-\udbff]$/, "")}…`;
}
