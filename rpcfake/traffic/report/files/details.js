// The details of a message.

const SHOWN = 30; // values, and messages, that the details list

const detail = field("detail");

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
  isMermaid = false;
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
  button.addEventListener("click", () => {
    reveal(record.seq);
    field("detail-title").focus({ preventScroll: true }); // the button is gone
  });
  return button;
}

function close() {
  const inside = detail.contains(document.activeElement);
  detail.hidden = true;
  isMermaid = false;
  relate(null);
  if (inside) (scroll.hidden ? field("reset") : scroll).focus({ preventScroll: true });
}
