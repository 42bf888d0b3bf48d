"use strict";
const data = JSON.parse(document.getElementById("provenance").textContent);
const make = (tag, text, parent) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
};

// Where a number is from.
const source = document.getElementById("source");
function show(key, text) {
  const [value, unit, rule, cell, runs, interval, missing] = data.numbers[key];
  const paths = runs.map(([path]) => data.paths[path]);
  const codes = [...new Set(runs.flatMap(([path]) => data.codes[path]))];
  source.replaceChildren();
  make("h2", key, source);
  const list = make("dl", undefined, source);
  const row = (name, ...lines) => {
    make("dt", name, list);
    const cellElement = make("dd", undefined, list);
    lines.forEach((line) => { make("div", line, cellElement); });
  };
  row("printed", text + (data.units[unit] && !missing ? ` ${data.units[unit]}` : ""));
  row("unrounded", value === null ? "none" : String(value));
  row("unit", data.units[unit] || "none");
  row("interval", interval ? `${interval[0]} to ${interval[1]}` : "none");
  row("rule", data.rules[rule]);
  row("status", missing || "done");
  row("stands in", `${data.statistics}/${cell}`);
  row("runs", ...(runs.length ? runs.map(([path, lines]) => `${data.paths[path]}, lines ${lines}`) : ["none: of the configuration, or a measurement"]));
  row("SHA-256", ...(paths.length ? paths.map((path) => data.records[path] || "unknown") : ["none"]));
  row("code", codes.join(", ") || "none");
  row("configuration", data.digest);
  row("make it again", data.command, `hsokv trace ${key}`);
  make("button", "Close", source).onclick = () => source.close();
  source.showModal();
}
const pressed = (element, action) => {
  element.tabIndex = 0;
  element.setAttribute("role", "button");
  element.addEventListener("click", action);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); action(event); }
  });
};
for (const number of document.querySelectorAll(".number")) {
  pressed(number, () => show(number.dataset.key, number.textContent));
}

// Tables sort by the number, or the text, of a column; what has no number comes last.
function sort(table, column, heading) {
  const up = heading.getAttribute("aria-sort") !== "ascending";
  table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
  const order = (row) => {
    const cell = row.cells[column];
    const number = cell.querySelector(".number");
    const kept = number && data.numbers[number.dataset.key][0];
    if (typeof kept === "number") return kept;
    const text = cell.textContent.trim();
    return text !== "" && isFinite(text) ? Number(text) : text;
  };
  const rows = [...table.tBodies[0].rows].map((row) => [order(row), row]);
  rows.sort(([a], [b]) => {
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    const found = typeof a === "number" ? a - b : a.localeCompare(b);
    return up ? found : -found;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("th").forEach((heading, column) => {
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sort(table, column, heading));
    heading.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(table, column, heading); });
  });
  table.querySelectorAll("td").forEach((cell) => cell.classList.toggle("long", cell.textContent.length > 44));
}

// Figures enlarge.
const picture = document.getElementById("picture");
for (const image of document.querySelectorAll("figure img")) {
  pressed(image, () => { picture.replaceChildren(image.cloneNode()); picture.showModal(); });
}
picture.addEventListener("click", () => picture.close());
source.addEventListener("click", (event) => { if (event.target === source) source.close(); });

// Light and dark.
const theme = document.getElementById("theme");
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
const setTheme = (name) => {
  document.documentElement.dataset.theme = name;
  theme.textContent = name === "dark" ? "Light" : "Dark";
};
setTheme(prefersDark ? "dark" : "light");
theme.onclick = () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
