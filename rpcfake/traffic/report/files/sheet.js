// A sheet: what happened on one bus.

const SENDS = ["call", "cast", "multicall", "fanout_cast", "notification"];
const WRONG = ["failure", "timeout", "dropped"];

const plural = (count, noun) =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const seconds = (microseconds) =>
  `${(microseconds / 1e6).toFixed(6).replace(/0{1,3}$/, "")}`;
const span = (microseconds) => `${+(microseconds / 1e6).toFixed(6)} s`;

// How often each value comes, in the order in which they first come.
function counted(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

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
  // A message that was dropped at once is told by the line in which it was sent.
  const own = new Set(lines.map((line) => line.seq));
  for (const line of lines) {
    line.kinds = new Set([line.record.kind]);
    for (const { seq, kind } of line.record.effects) if (kind === "dropped" && !own.has(seq)) line.kinds.add(kind);
  }
  return { ...data, records, lines };
}

function message(records, record) {
  while (!SENDS.includes(record.kind)) record = records.get(record.cause);
  return record;
}

// The text of all that a line tells, for searching.
function searched(line) {
  if (line.found === null) {
    const { args, context, headers, value, failure } = line.record;
    const parts = [...line.kinds, line.message.topic, line.message.method, line.words];
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

function isCausedBy(record, other) {
  for (let each = record; each && each.seq >= other.seq; each = sheet.records.get(each.cause))
    if (each === other) return true;
  return false;
}
