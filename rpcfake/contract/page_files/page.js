const { clauses, reports } = JSON.parse(document.getElementById("data").textContent);
const rows = [...document.querySelectorAll("tr.clause")];
const dialog = field("detail");
const buttons = (row) => [...row.querySelectorAll("button")];
const shown = () => rows.filter((row) => !row.hidden);

// Filters

function fits(row) {
  const text = field("text").value.trim().toLowerCase();
  const wanted = [...document.querySelectorAll("[name=verdict]:checked")].map((box) => box.value);
  const verdicts = buttons(row).map((button) => button.dataset.verdict);
  return (
    (!text || row.dataset.text.includes(text)) &&
    (!field("level").value || row.dataset.level === field("level").value) &&
    (!wanted.length || verdicts.some((verdict) => wanted.includes(verdict))) &&
    (!field("differ")?.checked || new Set(verdicts).size > 1)
  );
}

function filter() {
  for (const row of rows) row.hidden = !fits(row);
  for (const body of document.querySelectorAll("tbody"))
    body.hidden = !body.querySelector("tr.clause:not([hidden])");
  const lines = shown();
  field("count").textContent = `${lines.length} of ${rows.length} clauses`;
  field("nothing").hidden = lines.length > 0;
  rove(lines.length ? buttons(lines[0])[0] : null);
}

// One cell at a time can be reached by Tab; from there the arrows lead to the others.

let reachable = null;
function rove(button) {
  if (reachable) reachable.tabIndex = -1;
  reachable = button ?? null;
  if (reachable) reachable.tabIndex = 0;
}

function step(button, event) {
  const row = button.closest("tr");
  const column = [...row.children].indexOf(button.closest("td"));
  const lines = shown();
  const place = lines.indexOf(row);
  const below = (number) => {
    const line = lines[Math.max(0, Math.min(lines.length - 1, place + number))];
    return line.children[column].querySelector("button") ?? buttons(line)[0];
  };
  const beside = buttons(row);
  const target = {
    ArrowDown: () => below(1),
    ArrowUp: () => below(-1),
    PageDown: () => below(10),
    PageUp: () => below(-10),
    ArrowRight: () => beside[beside.indexOf(button) + 1],
    ArrowLeft: () => beside[beside.indexOf(button) - 1],
    Home: () => beside[0],
    End: () => beside.at(-1),
  }[event.key]?.();
  if (!target) return;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest", inline: "nearest" });
  event.preventDefault();
}

// The dialog

function part(title, text, asBlock = false) {
  if (!text) return [];
  const body = make(asBlock ? "pre" : "p", "", text.slice(0, LONGEST));
  const rest = text.length - LONGEST;
  if (rest > 0) body.textContent += `\n(and ${rest} more characters)`;
  if (asBlock) body.tabIndex = 0;
  return [make("h3", "", title), body];
}

function open(button) {
  const report = reports[button.dataset.report];
  const found = report.findings[button.dataset.place];
  const clause = clauses[found.clause];
  const unsupported = found.verdict === "unsupported";
  const wrong = !unsupported && found.verdict !== "pass";
  const badge = make("span", `badge ${found.verdict}`, found.verdict);
  field("detail-title").replaceChildren(badge, visible(` ${found.clause} on ${report.backend}`));
  field("detail-body").replaceChildren(
    ...part("Requirement", `${clause.rule} (${clause.level})`),
    ...part("Needs", clause.needs.join(", ")),
    ...part("Expected", found.expected),
    ...part("Actual", found.actual),
    ...part(unsupported ? "Reason" : "Note", found.note, found.note.includes("\n")),
    ...part("Program", found.program, true),
    ...copier(found.program, "Copy the program"),
    ...part("If this fails, look at", wrong ? clause.hint : ""),
    ...part("Stands for", clause.bugs.join("\n")),
    ...part("To judge it again", wrong ? found.again : "", true),
    ...part("Judged by", found.examples ? `${found.examples} examples in ${found.seconds} s` : ""),
  );
  rove(button);
  dialog.showModal();
  field("detail-body").scrollTop = 0;
  history.replaceState(null, "", `#${found.clause}/${button.dataset.report}`);
}

function openLinked() {
  const [id, report] = decodeURIComponent(location.hash.slice(1)).split("/");
  const row = rows.find((each) => each.querySelector("code").textContent === id);
  const button = row && buttons(row).find((each) => each.dataset.report === (report ?? "0"));
  if (!button || dialog.open) return;
  button.scrollIntoView({ block: "center" });
  button.focus({ preventScroll: true });
  open(button);
}

const table = document.querySelector("table");
table.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) open(button);
});
table.addEventListener("keydown", (event) => {
  const button = event.target.closest("button");
  if (button) step(button, event);
});
table.addEventListener("focusin", (event) => {
  if (event.target.matches("button")) rove(event.target);
});
dialog.addEventListener("close", () => {
  history.replaceState(null, "", location.pathname + location.search);
  reachable?.focus({ preventScroll: true });
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
field("close").addEventListener("click", () => dialog.close());
field("filters").addEventListener("input", filter);
field("filters").addEventListener("submit", (event) => event.preventDefault());
field("reset").addEventListener("click", () => {
  field("filters").reset();
  filter();
});
addEventListener("hashchange", openLinked);
filter();
openLinked();
