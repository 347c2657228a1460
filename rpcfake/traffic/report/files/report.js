(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const ROW = 42; // pixels of a line
  const NARROWEST = 66; // pixels of a lane
  const WIDEST = 240;
  const AROUND = 30; // lines that are drawn above and below those in view
  const SHOWN = 30; // values, and messages, that the details list
  const SENDS = ["call", "cast", "multicall", "fanout_cast", "notification"];
  const WRONG = ["failure", "timeout", "dropped"];

  const { entries } = JSON.parse(field("index").textContent);
  const scroll = field("scroll");
  const space = field("space");
  const detail = field("detail");
  const chosen = (name) =>
    [...document.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
  const svg = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const plural = (count, noun) =>
    `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const seconds = (microseconds) =>
    `${(microseconds / 1e6).toFixed(6).replace(/0{1,3}$/, "")}`;
  const span = (microseconds) => `${+(microseconds / 1e6).toFixed(6)} s`;

  // A name, which may be broken at its joints.
  function named(tag, className, name) {
    const element = make(tag, className);
    for (const part of visible(name).split(/(?<=[.:/_[-])|(?=#)/)) element.append(part, make("wbr"));
    return element;
  }

  function chip(name, value, count, checked = false) {
    const label = make("label", `chip ${value}`);
    const box = make("input");
    Object.assign(box, { type: "checkbox", name, value, checked });
    label.append(box, `${value} `, make("small", "", count.toLocaleString("en")));
    return label;
  }

  // A sheet: what happened on one bus.

  function read(entry, place) {
    const element = field(`sheet-${entry}-${place}`);
    if (!element) return null;
    const data = JSON.parse(element.textContent);
    const records = new Map();
    for (const [seq, time, kind, cause, ...rest] of data.records) {
      const record = { seq, time, kind: data.kinds[kind], cause, effects: [] };
      if (SENDS.includes(record.kind)) {
        const [topic, method, args, context, headers = ""] = rest;
        Object.assign(record, { topic: data.names[topic], method: data.names[method] });
        Object.assign(record, { args, context, headers });
      } else if (record.kind === "taken") record.consumer = data.names[rest[0]];
      else if (record.kind === "failure") record.failure = rest;
      else if (rest.length) record.value = rest[0];
      records.set(seq, record);
      records.get(cause)?.effects.push(record);
    }
    const lines = data.lines.map(([seq, lane, words, mark, dashed, ...heads], place) => ({
      ...{ place, seq, lane, words, mark, dashed, record: records.get(seq), found: null },
      heads: heads.map((head) => [head >> 1, head & 1]),
    }));
    for (const line of lines) line.message = message(records, line.record);
    return { ...data, records, lines, handlings: handlings(records, lines, data.lanes) };
  }

  function message(records, record) {
    while (!SENDS.includes(record.kind)) record = records.get(record.cause);
    return record;
  }

  // From which line to which a handler was at work: [lane, first, last]. Of a cast nobody tells when
  // its handler ended; of a call that did not end, it is at work still.
  function handlings(records, lines, lanes) {
    const at = new Map(lines.map((line) => [line.seq, line.place]));
    const named = new Map(lanes.map(([name], number) => [name, number]));
    const found = [];
    for (const record of records.values()) {
      if (record.kind !== "taken" || !named.has(record.consumer)) continue;
      const first = at.get(record.seq) ?? at.get(record.cause);
      if (first === undefined) continue;
      let last = first;
      for (const effect of record.effects) last = Math.max(last, at.get(effect.seq) ?? first);
      const asks = ["call", "multicall"].includes(message(records, record).kind);
      const over = record.effects.some(({ kind }) => ["ending", "failure", "requeued"].includes(kind));
      found.push([named.get(record.consumer), first, asks && !over ? lines.length - 1 : last]);
    }
    return found;
  }

  // The text of all that a line tells, for searching.
  function searched(line) {
    if (line.found === null) {
      const { kind, args, context, headers, value, failure } = line.record;
      const parts = [kind, line.message.topic, line.message.method, line.words];
      for (const each of [args, context, headers, value, ...(failure ?? [])])
        if (each) parts.push(body(each).text);
      line.found = parts.join("\n").toLowerCase();
    }
    return line.found;
  }

  // A payload: the text, how many characters were left out, and whether it is JSON.
  function body(payload) {
    const isJson = typeof payload === "string" || Array.isArray(payload);
    const inner = isJson ? payload : payload.repr;
    const [text, more] = Array.isArray(inner) ? inner : [inner, 0];
    return { text, more, isJson };
  }

  // JSON with a line for each item. It is not read as numbers and such: these may be of any size.
  function pretty(text) {
    const tokens = text.match(/"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
    const parts = [];
    let depth = 0;
    const next = () => parts.push("\n", "  ".repeat(Math.min(depth, 40)));
    tokens.forEach((token, place) => {
      if (token === "{" || token === "[") {
        parts.push(token);
        depth += 1;
        if (!"}]".includes(tokens[place + 1] ?? "}")) next();
      } else if (token === "}" || token === "]") {
        depth -= 1;
        if (!"{[".includes(tokens[place - 1])) next();
        parts.push(token);
      } else if (token === ",") {
        parts.push(token);
        next();
      } else parts.push(token === ":" ? ": " : token);
    });
    return parts.join("");
  }

  // What is open

  let entry = -1;
  let place = 0;
  let sheet = null;
  let shown = []; // the lines that fit
  let cursor = -1; // which of them is chosen
  let related = null; // the numbers of the records of the causal tree that is looked at
  let lanes = []; // where each lane stands
  let gutter = 0; // pixels at the left, for numbers and times

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
    detail.hidden = true;
    shown = [];
    cursor = -1;
    related = null;
    if (sheet === null) return;
    const counts = new Map();
    for (const { record } of sheet.lines) counts.set(record.kind, (counts.get(record.kind) ?? 0) + 1);
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

  // Filters

  function filter() {
    const text = field("text").value.trim().toLowerCase();
    const kinds = chosen("kind");
    const [topic, method] = [field("topic").value, field("method").value];
    const before = shown[cursor];
    shown = sheet.lines.filter(
      (line) =>
        (!kinds.length || kinds.includes(line.record.kind)) &&
        (!topic || line.message.topic === topic) &&
        (!method || line.message.method === method) &&
        (!text || searched(line).includes(text)),
    );
    const all = sheet.lines.length + sheet.left_out;
    const left = sheet.left_out ? ` (${sheet.left_out.toLocaleString("en")} in the middle are left out)` : "";
    const some = shown.length === all ? "" : `${shown.length.toLocaleString("en")} of `;
    field("count").textContent = `${some}${plural(all, "line")}${left}`;
    field("nothing").hidden = shown.length > 0;
    field("scroll").hidden = shown.length === 0;
    cursor = before ? shown.indexOf(before) : -1;
    lay();
  }

  // The diagram. Only the lines near those in view are in the document.

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
    if (cursor >= 0) keepInView();
    draw(true);
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
    return sheet.handlings
      .filter(([, begin, end]) => end >= first && begin <= last)
      .map(([lane, begin, end]) => {
        const y = (Math.max(position(begin), from) - from) * ROW + ROW - 14;
        const under = (Math.min(position(end), to) - from) * ROW + ROW - 14;
        return svg("rect", { class: "busy", x: lanes[lane] - 4, y, width: 8, height: Math.max(under - y, 8), rx: 2 });
      });
  }

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
    group.append(...strokes(line, arrow), ...words(line, y + 17, left, right));
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
    return [svg("text", { class: "words", x, y }, text)];
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

  // The causal tree: all that a line's message follows from, and all that follows from it.

  function tree(line) {
    const found = new Set();
    for (let each = line.message; each; each = sheet.records.get(each.cause)) found.add(each.seq);
    const open = [line.message];
    while (open.length) {
      const each = open.pop();
      found.add(each.seq);
      open.push(...each.effects);
    }
    return found;
  }

  function relate(line) {
    related = line ? tree(line) : null;
    for (const group of space.querySelectorAll("g.line")) {
      const number = +group.dataset.number;
      if (shown[number]) group.setAttribute("class", classes(shown[number], number));
    }
  }

  const lineAt = (target) => target.closest?.("g.line")?.dataset.number;

  function choose(number, keys = false) {
    cursor = Math.max(0, Math.min(shown.length - 1, number));
    keepInView();
    related = tree(shown[cursor]);
    draw(true);
    if (!detail.hidden) tell(shown[cursor]);
    link();
  }

  function keepInView() {
    const top = cursor * ROW;
    const room = scroll.clientHeight - field("lanes").offsetHeight;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + ROW > scroll.scrollTop + room) scroll.scrollTop = top + ROW - room;
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
    lay();
  }

  function clear() {
    for (const id of ["text", "topic", "method"]) field(id).value = "";
    for (const box of document.querySelectorAll("[name=kind]")) box.checked = false;
    filter();
  }

  // The details of a message

  function tell(line) {
    const sent = line.message;
    const parts = [];
    const section = (title, ...content) => parts.push(make("h3", "", title), ...content);
    const about = make("p", "about", `#${sent.seq} at ${seconds(sent.time)} s, from `);
    const cause = sheet.records.get(sent.cause);
    about.append(cause ? `${visible(cause.consumer)}, which handled ` : "the test");
    if (cause) about.append(jump(message(sheet.records, cause)));
    parts.push(about);
    for (const [title, payload] of [["Arguments", sent.args], ["Context", sent.context], ["Headers", sent.headers]])
      if (payload) section(title, block(payload));
    const fate = [];
    const follow = (record) => {
      for (const each of record.effects)
        if (!SENDS.includes(each.kind)) {
          fate.push(each);
          follow(each);
        }
    };
    follow(sent);
    fate.sort((one, other) => one.seq - other.seq);
    const here = fate.findIndex((record) => record.seq === line.seq);
    const listed = fate.filter((_, number) => number < SHOWN || number === here);
    section("What became of it");
    if (!fate.length) parts.push(make("p", "", "Nothing: nobody took it."));
    for (const record of listed) parts.push(...event(record, sent, record.seq === line.seq));
    if (fate.length > listed.length)
      parts.push(make("p", "", `… and ${plural(fate.length - listed.length, "record")} more`));
    const caused = fate.flatMap((record) => record.effects.filter((each) => SENDS.includes(each.kind)));
    if (caused.length) {
      const list = make("ul");
      for (const each of caused.slice(0, SHOWN)) {
        const item = make("li");
        item.append(jump(each));
        list.append(item);
      }
      if (caused.length > SHOWN) list.append(make("li", "", `and ${plural(caused.length - SHOWN, "message")} more`));
      section("What its handlers sent", list);
    }
    const badge = make("span", `badge ${sent.kind}`, sent.kind);
    show([badge, ` ${visible(sent.topic)}.${visible(sent.method)}`], parts);
  }

  function show(title, parts) {
    field("detail-title").replaceChildren(...title);
    field("detail-body").replaceChildren(...parts);
    field("detail-body").scrollTop = 0;
    detail.hidden = false;
  }

  function event(record, sent, isChosen) {
    const by = record.consumer ?? sheet.records.get(record.cause)?.consumer;
    const told = {
      taken: `taken by ${record.consumer}`,
      reply: `reply${by ? ` of ${by}` : ""}`,
      failure: `failure${by ? ` of ${by}` : ""}`,
      ending: "end of its values",
      timeout: "timeout: its sender waits no longer",
      abandoned: "abandoned by its sender",
      dropped: record.value === undefined ? "dropped: nothing serves its topic" : `late reply${by ? ` of ${by}` : ""}, dropped`,
    }[record.kind] ?? record.kind;
    const wrong = WRONG.includes(record.kind) ? " wrong" : "";
    const later = record.time > sent.time ? `, ${span(record.time - sent.time)} later` : "";
    const parts = [make("p", `event${wrong}${isChosen ? " here" : ""}`, `#${record.seq} ${told}${later}`)];
    if (record.value !== undefined) parts.push(block(record.value));
    if (record.failure) {
      const [type, text, traceback] = record.failure.map((each) => body(each));
      parts.push(plain(`${type.text}: ${text.text}`, text.more));
      if (traceback.text) {
        const box = make("details");
        box.append(make("summary", "", "Traceback"), plain(traceback.text, traceback.more));
        parts.push(box);
      }
    }
    return parts;
  }

  function plain(text, more) {
    const pre = make("pre", "", more ? `${text}\n(and ${more} more characters)` : text);
    pre.tabIndex = 0;
    return pre;
  }

  function block(payload) {
    const { text, more, isJson } = body(payload);
    return plain(isJson ? pretty(text) : text, more);
  }

  function jump(record) {
    const words = sheet.lines.find((line) => line.seq === record.seq)?.words;
    const button = make("button", "jump", `#${record.seq} ${words ?? `${record.kind} ${record.topic}.${record.method}`}`);
    button.type = "button";
    button.addEventListener("click", () => reveal(record.seq));
    return button;
  }

  function close() {
    const inside = detail.contains(document.activeElement);
    detail.hidden = true;
    related = null;
    lay();
    if (inside) scroll.focus({ preventScroll: true });
  }

  // Mermaid

  const OTHERS = /[^\p{L}\p{N} .,_'()=[\]{}@/+*!?$^~|-]/gu;
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

  function tellMermaid() {
    const text = mermaid();
    const area = make("textarea");
    Object.assign(area, { value: text, readOnly: true, rows: 18, spellcheck: false });
    area.setAttribute("aria-label", "Mermaid text");
    const hint = make("p", "", `${plural(shown.length, "line")}, as they are shown. GitHub, GitLab and others draw it in Markdown.`);
    cursor = -1;
    relate(null);
    show(["Mermaid"], [hint, ...copier(text, "Copy the text"), area]);
    draw(true);
    field("detail-title").focus({ preventScroll: true });
  }

  // The list of tests

  function list() {
    if (entries.length === 1) return open(0);
    field("none").hidden = entries.length > 0;
    if (!entries.length) return;
    field("nav").hidden = false;
    const counts = new Map();
    for (const { outcome } of entries) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    counts.delete("");
    field("outcomes").append(...[...counts].map(([outcome, count]) => chip("outcome", outcome, count)));
    field("tests").replaceChildren(...entries.map(listed));
    rove(field("tests").firstElementChild);
    narrow();
  }

  function listed({ name, outcome, sent, wrong }, number) {
    const button = make("button", `test ${outcome}`);
    button.type = "button";
    button.tabIndex = -1;
    button.dataset.number = number;
    const [file, ...rest] = name.split("::");
    const title = named("span", "name", rest.length ? rest.join("::") : file);
    const about = [rest.length ? file : "", plural(sent, "message"), wrong ? `${wrong} gone wrong` : ""];
    button.append(
      make("span", `badge ${outcome}`, outcome),
      title,
      make("small", "", about.filter(Boolean).join(" · ")),
    );
    button.addEventListener("click", () => {
      open(number);
      mark();
      link();
      scroll.focus({ preventScroll: true });
    });
    return button;
  }

  const tests = () => [...field("tests").children].filter((button) => !button.hidden);

  function narrow() {
    const text = field("name").value.trim().toLowerCase();
    const outcomes = chosen("outcome");
    for (const button of field("tests").children) {
      const { name, outcome, topics } = entries[button.dataset.number];
      const fits = [name, ...topics].some((each) => each.toLowerCase().includes(text));
      button.hidden = !(fits && (!outcomes.length || outcomes.includes(outcome)));
    }
    field("no-tests").hidden = tests().length > 0;
    if (!tests().includes(reachable)) rove(tests()[0]);
  }

  function mark() {
    for (const button of field("tests").children)
      button.setAttribute("aria-current", +button.dataset.number === entry);
    if (entry >= 0) rove(field("tests").children[entry]);
  }

  // One test at a time can be reached by Tab; from there the arrows lead to the others.
  let reachable = null;
  function rove(button) {
    if (reachable) reachable.tabIndex = -1;
    reachable = button ?? null;
    if (reachable) reachable.tabIndex = 0;
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
    ArrowRight: () => {
      const below = shown.findIndex((line, number) => number > cursor && isCausedBy(line.record, shown[cursor].record));
      return below;
    },
  };

  function isCausedBy(record, other) {
    for (let each = record; each && each.seq >= other.seq; each = sheet.records.get(each.cause))
      if (each === other) return true;
    return false;
  }

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
    lay();
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
  new ResizeObserver(() => lay()).observe(scroll);
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
  field("reset").addEventListener("click", clear);
  field("mermaid").addEventListener("click", tellMermaid);
  field("close").addEventListener("click", close);
  field("back").addEventListener("click", () => {
    document.body.classList.remove("opened");
    reachable?.focus();
  });
  addEventListener("hashchange", follow);

  const failed = entries.findIndex(({ outcome }) => ["failed", "error"].includes(outcome));
  field("tally").textContent = [...new Set(entries.map(({ outcome }) => outcome))]
    .filter(Boolean)
    .map((outcome) => `${entries.filter((each) => each.outcome === outcome).length.toLocaleString("en")} ${outcome}`)
    .join(", ");
  list();
  if (!follow() && entries.length > 1 && matchMedia("(min-width: 46rem)").matches) {
    open(Math.max(failed, 0));
    mark();
  }
})();
