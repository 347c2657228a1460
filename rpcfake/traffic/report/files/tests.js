// The list of tests.

const outcomes = () => [...counted(entries.map(({ outcome }) => outcome))].filter(([outcome]) => outcome);

function list() {
  if (entries.length === 1) return open(0);
  field("none").hidden = entries.length > 0;
  if (!entries.length) return;
  field("nav").hidden = false;
  field("outcomes").append(...outcomes().map(([outcome, count]) => chip("outcome", outcome, count)));
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
  const wanted = chosen("outcome");
  for (const button of field("tests").children) {
    const { name, outcome, topics } = entries[button.dataset.number];
    const fits = [name, ...topics].some((each) => each.toLowerCase().includes(text));
    button.hidden = !(fits && (!wanted.length || wanted.includes(outcome)));
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
