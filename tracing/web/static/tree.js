// Draws the rows that are seen, and no others: a table of 30,000 rows has as many elements as a screen has lines.

import { length } from "./axis.js";

const SVG = "http://www.w3.org/2000/svg";
const MORE = 12; // rows beyond each end of what is seen
const KINDS = {
  AGENT: "agent", CHAIN: "step", LLM: "model", TOOL: "tool", RETRIEVER: "retrieval", EMBEDDING: "embedding", RERANKER: "reranker",
  GUARDRAIL: "guard", EVALUATOR: "check", PROMPT: "prompt", DECISION: "decision", UNKNOWN: "other",
};
const STATES = { failed: "✕", open: "●", interrupted: "‖" };
const SEVERITIES = ["", "i", "!", "‼"];

/** @param {string} name @param {Record<string, string | number>} given */
function svg(name, given = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, String(value));
  return made;
}

/** @param {string} name @param {string} className @param {string} text */
function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  if (text) made.textContent = text;
  return made;
}

const share = (value) => `${(100 * value).toFixed(3)}%`;

export class Tree {
  /** @param {{table: HTMLTableElement, scroll: HTMLElement, axisBox: SVGElement, rules: SVGElement, link: (id: string) => string}} parts */
  constructor(parts) {
    Object.assign(this, parts);
    this.body = this.table.tBodies[0];
    /** @type {{row: import("./rows.js").Row, matches: boolean}[]} */
    this.shown = [];
    /** @type {Map<string, HTMLTableRowElement>} */
    this.drawn = new Map();
    this.active = "";
    this.selected = "";
    this.top = this.#spacer();
    this.bottom = this.#spacer();
    this.table.setAttribute("role", "treegrid");
    this.waiting = 0;
    const again = () => (this.waiting ||= requestAnimationFrame(() => this.draw()));
    this.scroll.addEventListener("scroll", again, { passive: true });
    addEventListener("scroll", again, { passive: true });
    addEventListener("resize", () => this.redraw());
  }

  #spacer() {
    const row = element("tr", "spacer");
    row.setAttribute("aria-hidden", "true");
    row.append(document.createElement("td"));
    return row;
  }

  get rowHeight() {
    return parseFloat(getComputedStyle(this.table).getPropertyValue("--row")) || 28;
  }

  /** Takes new rows. */
  show(shown, axis) {
    this.shown = shown;
    this.axis = axis;
    this.places = new Map(shown.map((one, place) => [one.row.id, place]));
    this.table.setAttribute("aria-rowcount", String(shown.length + 1));
    if (!this.places.has(this.active)) this.active = shown[0]?.row.id ?? "";
    this.redraw();
  }

  /** Draws everything that is seen anew. */
  redraw() {
    if (!this.axis) return; // a window may be resized before the rows have come
    const hadFocus = this.body.contains(document.activeElement);
    this.drawn.clear();
    this.#drawAxis();
    this.draw();
    if (hadFocus) this.drawn.get(this.active)?.focus({ preventScroll: true });
  }

  draw() {
    this.waiting = 0;
    const height = this.rowHeight;
    const box = this.scroll.getBoundingClientRect();
    const begins = this.table.getBoundingClientRect().top + (this.table.tHead?.offsetHeight ?? 0);
    const from = Math.max(0, Math.floor((Math.max(box.top, 0) - begins) / height) - MORE);
    const to = Math.min(this.shown.length, Math.ceil((Math.min(box.bottom, innerHeight) - begins) / height) + MORE);
    const rows = [];
    const drawn = new Map();
    for (let place = Math.min(from, this.shown.length); place < Math.max(to, 0); place++) {
      const { row, matches } = this.shown[place];
      const made = this.drawn.get(row.id) ?? this.#row(row, matches, place);
      drawn.set(row.id, made);
      rows.push(made);
    }
    const lostFocus = document.activeElement instanceof HTMLTableRowElement && !rows.includes(document.activeElement);
    this.drawn = drawn;
    this.top.firstChild.style.height = `${Math.min(from, this.shown.length) * height}px`;
    this.bottom.firstChild.style.height = `${Math.max(0, this.shown.length - Math.max(to, 0)) * height}px`;
    const wanted = [this.top, ...rows, this.bottom];
    if (wanted.length !== this.body.childNodes.length || wanted.some((one, i) => one !== this.body.childNodes[i])) {
      const focused = document.activeElement;
      this.body.replaceChildren(...wanted);
      if (focused instanceof HTMLTableRowElement && !lostFocus) focused.focus({ preventScroll: true });
    }
    if (lostFocus) this.scroll.focus({ preventScroll: true });
  }

  #row(row, matches, place) {
    const made = element("tr", `row row-js kind-${row.kind.toLowerCase()} state-${row.state}`);
    made.id = `row-${row.id}`;
    made.dataset.id = row.id;
    made.classList.toggle("context", !matches);
    made.classList.toggle("selected", row.id === this.selected);
    made.tabIndex = row.id === this.active ? 0 : -1;
    made.setAttribute("aria-level", String(row.depth + 1));
    made.setAttribute("aria-rowindex", String(place + 2));
    made.setAttribute("aria-selected", String(row.id === this.selected));
    if (row.children.length) made.setAttribute("aria-expanded", String(!this.isCollapsed(row)));
    made.append(this.#what(row), this.#cell("c-time num", row.duration || length(this.now() - row.start)));
    made.append(this.#cell("c-tokens num", row.tokens), this.#cell("c-cost num", row.cost), this.#bar(row));
    return made;
  }

  #cell(className, text) {
    return element("td", className, text);
  }

  #what(row) {
    const cell = element("th", "c-what");
    cell.scope = "row";
    const indent = svg("svg", { class: "indent", width: Math.min(row.depth, 12) * 14, height: 1, "aria-hidden": "true" });
    const twisty = element("span", "twisty");
    twisty.setAttribute("aria-hidden", "true");
    cell.append(indent, twisty, element("span", "tag", KINDS[row.kind] ?? "other"));
    const mark = row.severity ? SEVERITIES[row.severity] : STATES[row.state];
    if (mark) {
      const pinned = element("span", row.severity ? `pinned severity-${row.severity}` : "pinned state", mark);
      pinned.append(element("span", "hidden", row.severity ? " finding" : ` ${row.state}`));
      cell.append(pinned);
    }
    const label = element("a", "label", row.label.slice(0, 80));
    label.href = this.link(row.id);
    label.tabIndex = -1;
    cell.append(label, " ", element("span", "gist", row.gist), element("span", row.cut ? "note cut" : "note", row.note));
    cell.title = [row.label, row.gist, row.note].filter(Boolean).join("\n").slice(0, 400);
    return cell;
  }

  #bar(row) {
    const cell = element("td", "c-bar");
    const box = svg("svg", { class: "bar", width: "100%", height: 14, "aria-hidden": "true" });
    const left = this.axis.place(row.start);
    const right = this.axis.place(row.end ?? Math.max(this.now(), row.start));
    if (right >= 0 && left <= 1) {
      const from = Math.max(left, 0);
      box.append(svg("rect", { x: share(from), y: 3, width: share(Math.min(right, 1) - from), height: 8, rx: 1.5 }));
      if (row.severity) box.append(svg("circle", { class: `pin pin-${row.severity}`, cx: share(from), cy: 7, r: 4 }));
    }
    cell.append(box);
    return cell;
  }

  #drawAxis() {
    const width = this.axisBox.getBoundingClientRect().width || 300;
    const ticks = this.axis.ticks(Math.max(2, width / 80));
    const folds = this.axis.folds();
    this.axisBox.replaceChildren();
    this.rules.replaceChildren();
    for (const { at, ms } of ticks) {
      this.rules.append(svg("line", { class: "rule", x1: share(at), x2: share(at), y1: 0, y2: "100%" }));
      const isFree = folds.every((fold) => (at - fold.at) * width > 34 || (fold.at - at) * width > 66) && at * width < width - 34;
      if (isFree) this.#axisText(at, length(ms), { dx: 3 });
    }
    let last = -Infinity;
    for (const { at, words } of folds) {
      this.rules.append(svg("line", { class: "fold", x1: share(at), x2: share(at), y1: 0, y2: "100%" }));
      if ((at - last) * width < 52) continue;
      last = at;
      this.#axisText(at, `⋯${words}`, { "text-anchor": "middle", class: "fold-word" }, `Nothing ran for ${words}: folded`);
    }
  }

  #axisText(at, words, given, title = "") {
    const text = svg("text", { x: share(at), y: 14, ...given });
    text.textContent = words;
    if (title) text.append(Object.assign(svg("title"), { textContent: title }));
    this.axisBox.append(text);
  }

  /** Makes a row the one that keys go to, and brings it into view. */
  activate(id, focus = true) {
    const place = this.places.get(id);
    if (place === undefined) return;
    const before = this.drawn.get(this.active);
    if (before) before.tabIndex = -1;
    this.active = id;
    this.#reach(place);
    this.draw();
    const row = this.drawn.get(id);
    if (!row) return;
    row.tabIndex = 0;
    if (focus) row.focus({ preventScroll: true });
  }

  /** Scrolls the box, and the page if need be, no more than it takes. */
  #reach(place) {
    const height = this.rowHeight;
    const head = this.table.tHead?.offsetHeight ?? 0;
    const at = place * height;
    const room = this.scroll.clientHeight - head;
    const above = this.scroll.scrollTop - at;
    const below = at + height - this.scroll.scrollTop - room;
    if (Math.max(above, below) > 3 * height) this.scroll.scrollTop = Math.max(0, at - room / 3);
    else if (above > 0) this.scroll.scrollTop = Math.max(0, at - height);
    else if (below > 0) this.scroll.scrollTop += below + height;
    const y = this.scroll.getBoundingClientRect().top + head + at - this.scroll.scrollTop;
    if (y < 60 || y + height > innerHeight) scrollBy(0, y + height > innerHeight ? Math.min(y + height - innerHeight + 40, this.scroll.getBoundingClientRect().top - 60) : y - 90);
  }

  select(id) {
    for (const one of [this.selected, id]) {
      const row = this.drawn.get(one);
      row?.classList.toggle("selected", one === id);
      row?.setAttribute("aria-selected", String(one === id));
    }
    this.selected = id;
  }
}
