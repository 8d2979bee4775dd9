// One trace's page: keys, zoom, filters, search, the span beside the tree, and following a run. The HTML works without it.

import { Axis } from "./axis.js";
import { Rows, isProblem } from "./rows.js";
import { Side } from "./side.js";
import { isTyping } from "./site.js";
import { Tree } from "./tree.js";

const ZOOM = 1.6;
const SETTLE_MS = 1500;
const SAFETY_MS = 10_000;
const PAUSE_MS = 400;
const SHARE = 5; // of a big trace's time at most a fifth goes into following it
const WIDE = matchMedia("(min-width: 64rem)");

class TracePage {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.page = box.dataset.page;
    this.path = new URL(this.page, location.href).pathname;
    this.rows = new Rows(box.dataset.rows);
    this.rule = JSON.parse(box.dataset.axis); // of the axis
    const args = new URLSearchParams(location.search);
    this.filter = {
      kinds: new Set((args.get("kinds") ?? "").split(",").filter(Boolean)),
      problems: args.get("problems") === "1",
      words: words(args.get("q") ?? ""),
      found: new Set(),
    };
    this.zoom = { from: Number(args.get("from_ms") ?? 0), to: Number(args.get("to_ms") ?? 0) };
    this.search = box.querySelector("#tree-q");
    this.tree = new Tree({
      table: box.querySelector("#spans"),
      scroll: box.querySelector("#tree-scroll"),
      axisBox: box.querySelector("#axis"),
      rules: box.querySelector("#rules"),
      link: (id) => this.address({ span: id }),
      isCollapsed: (row) => this.rows.collapsed.has(row.id),
      now: () => this.rows.now,
    });
    this.side = new Side(document.querySelector("#side"), {
      spanPage: box.dataset.spanPage,
      onSpan: (id) => this.choose(id),
      onClose: () => this.unchoose(),
    });
    this.tree.selected = args.get("span") ? this.side.spanId : "";
  }

  async start() {
    await this.rows.fetch();
    if (this.filter.words.length) this.filter.found = await this.rows.search(this.search.value);
    this.tree.active = this.tree.selected;
    this.update();
    if (this.tree.selected) this.tree.activate(this.tree.selected, false);
    document.documentElement.classList.add("js");
    this.box.querySelector("#tree-buttons").hidden = false;
    this.#listen();
    this.box.dataset.ready = "1";
  }

  /** The address of what is shown, with changes. */
  address(changes = {}) {
    const now = {
      span: this.tree.selected,
      kinds: [...this.filter.kinds].join(","),
      problems: this.filter.problems ? "1" : "",
      q: this.search.value.trim(),
      from_ms: this.axis?.isZoomed ? Math.floor(this.axis.moment(this.axis.from)) || "" : "",
      to_ms: this.axis?.isZoomed ? Math.ceil(this.axis.moment(this.axis.to)) : "",
      ...changes,
    };
    const args = new URLSearchParams(Object.entries(now).filter(([, value]) => value !== ""));
    return args.size ? `${this.page}?${args}` : this.page;
  }

  remember(isStep = false) {
    const address = this.address();
    if (address === location.pathname + location.search) return;
    history[isStep ? "pushState" : "replaceState"](null, "", address);
  }

  /** Rows or filters have changed. */
  update() {
    const shown = this.axis;
    this.axis = new Axis(this.rows.begun, this.rows.now, this.rule);
    if (shown?.isZoomed) this.axis.show(shown.from, shown.to);
    else if (!shown && (this.zoom.from || this.zoom.to)) this.axis.show(this.axis.room(this.zoom.from), this.axis.room(this.zoom.to || this.axis.end));
    const seen = this.rows.seen(this.filter);
    this.tree.show(seen, this.axis);
    const isFiltered = this.filter.kinds.size || this.filter.problems || this.filter.words.length;
    const matching = seen.reduce((sum, one) => sum + one.matches, 0);
    this.box.querySelector("#tree-count").textContent = isFiltered ? `${matching} of ${this.rows.order.length} spans` : "";
  }

  refilter() {
    this.update();
    this.remember();
    for (const chip of this.box.querySelectorAll("[data-kinds]")) current(chip, this.filter.kinds.has(chip.dataset.kinds));
    current(this.box.querySelector("[data-problems]"), this.filter.problems);
  }

  /** Shows a span beside the tree. `isStep`: the browser's "back" undoes it. */
  choose(id, { isStep = true, focus = false } = {}) {
    const row = this.rows.byId.get(id) ?? this.rows.order.find((one) => one.id.startsWith(id));
    if (!row) return;
    this.rows.reveal(row);
    if (!this.tree.places.has(row.id) && this.#isFiltered()) this.clear();
    else if (!this.tree.places.has(row.id)) this.update();
    this.tree.select(row.id);
    this.tree.activate(row.id, focus);
    this.side.span(row.id, !WIDE.matches);
    this.remember(isStep);
  }

  #isFiltered() {
    return this.filter.kinds.size || this.filter.problems || this.filter.words.length;
  }

  clear() {
    this.filter = { kinds: new Set(), problems: false, words: [], found: new Set() };
    this.search.value = "";
    this.refilter();
  }

  unchoose() {
    this.tree.select("");
    this.remember(true);
    this.tree.activate(this.tree.active);
  }

  /** Moves by rows. Where the side stands beside the tree it follows. */
  move(by) {
    const place = (this.tree.places.get(this.tree.active) ?? 0) + by;
    this.#go(this.tree.shown[Math.min(Math.max(place, 0), this.tree.shown.length - 1)]?.row);
  }

  #go(row) {
    if (!row) return;
    this.tree.activate(row.id);
    if (!WIDE.matches || !this.side.isOpen) return;
    clearTimeout(this.following);
    this.following = setTimeout(() => this.choose(row.id, { isStep: false, focus: true }), 90);
  }

  /** The next or previous problem, also one that is folded away. */
  problem(by) {
    const all = this.rows.order;
    const from = this.rows.byId.get(this.tree.active)?.number ?? -1;
    for (let step = 1; step <= all.length; step++) {
      const row = all[(from + by * step + all.length * 2) % all.length];
      if (isProblem(row)) return this.choose(row.id, { isStep: false, focus: true });
    }
  }

  toggle(row, open = this.rows.collapsed.has(row.id)) {
    if (!row.children.length) return;
    if (open) this.rows.collapsed.delete(row.id);
    else this.rows.collapsed.add(row.id);
    this.update();
  }

  collapse() {
    this.rows.order.forEach((row) => row.children.length && row.depth > 0 && this.rows.collapsed.add(row.id));
    const active = this.rows.byId.get(this.tree.active);
    for (let above = active?.above; above; above = above.above) if (this.rows.collapsed.has(above.id)) this.tree.active = above.id;
    this.update();
  }

  expand() {
    this.rows.collapsed.clear();
    this.update();
  }

  /** @param {number} by above 1 zooms in @param {number} at what stays where it is [0..1] */
  zoomBy(by, at = this.#center()) {
    const size = this.axis.to - this.axis.from;
    const fixed = this.axis.from + at * size;
    this.zoomTo(fixed - (at * size) / by, fixed + ((1 - at) * size) / by);
  }

  #center() {
    const row = this.rows.byId.get(this.tree.active);
    const at = row ? this.axis.place((row.start + (row.end ?? row.start)) / 2) : 0.5;
    return at >= 0 && at <= 1 ? at : 0.5;
  }

  zoomTo(from, to) {
    this.axis.show(from, to);
    this.tree.redraw();
    clearTimeout(this.zooming);
    this.zooming = setTimeout(() => this.remember(), 200);
  }

  zoomToRow() {
    const row = this.rows.byId.get(this.tree.active);
    if (!row) return;
    const [from, to] = [this.axis.room(row.start), this.axis.room(row.end ?? this.rows.now)];
    const margin = Math.max((to - from) * 0.08, 0.5);
    this.zoomTo(from - margin, to + margin);
  }

  async #searched() {
    const text = this.search.value.trim();
    this.filter.words = words(text);
    this.filter.found = new Set();
    this.refilter();
    clearTimeout(this.asking);
    if (!text) return;
    this.asking = setTimeout(async () => {
      const found = await this.rows.search(text);
      if (text !== this.search.value.trim()) return;
      this.filter.found = found;
      this.refilter();
    }, 200);
  }

  #listen() {
    this.tree.body.addEventListener("click", (event) => this.#clicked(event));
    this.tree.body.addEventListener("focusin", (event) => {
      const row = event.target.closest?.("tr.row");
      if (row && row.dataset.id !== this.tree.active) this.tree.activate(row.dataset.id, false);
    });
    this.search.addEventListener("input", () => this.#searched());
    this.search.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const first = this.tree.shown.find((one) => one.matches);
      if (first) this.choose(first.row.id, { focus: true });
    });
    this.box.querySelector(".chips").addEventListener("click", (event) => this.#chipped(event));
    const does = { collapse: () => this.collapse(), expand: () => this.expand(), in: () => this.zoomBy(ZOOM), out: () => this.zoomBy(1 / ZOOM), all: () => this.zoomTo(0, this.axis.whole) };
    this.box.querySelector("#tree-buttons").addEventListener("click", (event) => does[event.target.dataset?.do]?.());
    document.addEventListener("click", (event) => this.#linked(event));
    document.addEventListener("keydown", (event) => this.#pressed(event), true);
    addEventListener("popstate", () => this.#back());
    this.#dragging();
    this.#following();
  }

  #clicked(event) {
    const row = this.rows.byId.get(event.target.closest?.("tr.row")?.dataset.id);
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (event.target.closest(".twisty")) {
      this.tree.activate(row.id);
      this.toggle(row);
    } else if (!this.dragged) this.choose(row.id, { focus: WIDE.matches });
  }

  #chipped(event) {
    const chip = event.target.closest?.("a.chip");
    if (!chip || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const kind = chip.dataset.kinds;
    if (!kind) this.filter.problems = !this.filter.problems;
    else if (!this.filter.kinds.delete(kind)) this.filter.kinds.add(kind);
    this.refilter();
  }

  /** A link to a span of this trace, wherever on the page, shows it here. */
  #linked(event) {
    const link = event.target.closest?.("a[href]");
    if (event.target.closest?.("[data-copy-link]")) return this.#copy(event.target.closest("[data-copy-link]"));
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const to = new URL(link.getAttribute("href"), location.href);
    const id = to.searchParams.get("span");
    if (to.pathname !== this.path || to.origin !== location.origin || !id) return;
    event.preventDefault();
    this.choose(id);
    if (!this.box.contains(link) && !this.side.side.contains(link)) this.box.scrollIntoView({ block: "start" });
  }

  async #copy(button) {
    await navigator.clipboard.writeText(new URL(button.dataset.copyLink, location.href).href);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy link"), 1500);
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target)) return event.key === "Escape" && event.target === this.search && this.#leave(event);
    const inTree = this.box.contains(event.target) && !event.target.closest("a, button, summary");
    const inRow = event.target.matches?.("tr.row") || event.target.id === "tree-scroll";
    const done = this.#anywhere()[event.key] ?? (inTree || inRow ? this.#inTree()[event.key] : undefined);
    if (!done || (event.key === "Escape" && !this.side.isOpen)) return;
    event.preventDefault();
    event.stopPropagation();
    done();
  }

  #leave(event) {
    event.preventDefault();
    if (this.search.value) {
      this.search.value = "";
      this.#searched();
    }
    this.tree.activate(this.tree.active);
  }

  #anywhere() {
    return {
      j: () => this.move(1),
      k: () => this.move(-1),
      n: () => this.problem(1),
      p: () => this.problem(-1),
      "+": () => this.zoomBy(ZOOM),
      "=": () => this.zoomBy(ZOOM),
      "-": () => this.zoomBy(1 / ZOOM),
      0: () => this.zoomTo(0, this.axis.whole),
      z: () => this.zoomToRow(),
      c: () => this.collapse(),
      e: () => this.expand(),
      o: () => this.side.outcome(),
      "/": () => this.search.focus(),
      Escape: () => this.side.close(),
    };
  }

  #inTree() {
    const row = this.rows.byId.get(this.tree.active);
    if (!row) return {};
    const screen = Math.max(1, Math.floor(this.tree.scroll.clientHeight / this.tree.rowHeight) - 2);
    const isOpen = row.children.length > 0 && !this.rows.collapsed.has(row.id);
    const isShown = this.tree.selected === row.id && this.side.isOpen;
    return {
      ArrowDown: () => this.move(1),
      ArrowUp: () => this.move(-1),
      PageDown: () => this.move(screen),
      PageUp: () => this.move(-screen),
      Home: () => this.move(-Infinity),
      End: () => this.move(Infinity),
      ArrowRight: () => (isOpen ? this.move(1) : this.toggle(row, true)),
      ArrowLeft: () => (isOpen ? this.toggle(row, false) : this.#go(row.above)),
      Enter: () => (isShown ? this.toggle(row) : this.choose(row.id, { focus: WIDE.matches })),
      " ": () => (row.children.length ? this.toggle(row) : this.choose(row.id, { focus: WIDE.matches })),
    };
  }

  #back() {
    const id = new URLSearchParams(location.search).get("span") ?? "";
    if (id) return this.choose(id, { isStep: false });
    if (location.hash && !this.tree.selected) return; // a link within the page
    this.tree.select("");
    this.side.side.classList.remove("is-open");
    if (this.side.first && this.side.first !== "span") this.side.panel(this.side.first).then(() => !WIDE.matches && this.side.side.classList.remove("is-open"));
  }

  /** Dragging over bars or the axis zooms; the wheel with Ctrl too, sideways it moves what is shown. */
  #dragging() {
    let began = null;
    let mark = null;
    const at = (event) => {
      const box = this.tree.axisBox.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    };
    this.tree.table.addEventListener("pointerdown", (event) => {
      this.dragged = false;
      if (event.button === 0 && event.pointerType === "mouse" && event.target.closest(".c-bar")) began = at(event);
    });
    addEventListener("pointermove", (event) => {
      if (began === null) return;
      const now = at(event);
      if (!mark && Math.abs(now - began) < 0.012) return;
      this.dragged = true;
      document.body.classList.add("dragging");
      mark ??= this.tree.rules.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
      mark.setAttribute("class", "selection");
      mark.setAttribute("x", `${100 * Math.min(now, began)}%`);
      mark.setAttribute("width", `${100 * Math.abs(now - began)}%`);
      mark.setAttribute("height", "100%");
    });
    addEventListener("pointerup", (event) => {
      if (began !== null && mark) {
        const [from, to] = [Math.min(at(event), began), Math.max(at(event), began)];
        const size = this.axis.to - this.axis.from;
        this.zoomTo(this.axis.from + from * size, this.axis.from + to * size);
      }
      mark?.remove();
      began = mark = null;
      document.body.classList.remove("dragging");
    });
    this.tree.table.addEventListener("dblclick", (event) => event.target.closest(".c-bar") && this.zoomTo(0, this.axis.whole));
    this.tree.scroll.addEventListener("wheel", (event) => {
      if (!event.target.closest(".c-bar")) return;
      const size = this.axis.to - this.axis.from;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY * 0.0022), at(event));
      } else if ((event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) && this.axis.isZoomed) {
        event.preventDefault();
        const by = ((event.deltaX || event.deltaY) / 800) * size;
        this.zoomTo(this.axis.from + by, this.axis.to + by);
      }
    }, { passive: false });
  }

  /** While it runs: rows that changed are fetched, open spans grow. */
  #following() {
    let again = false;
    let busy = false;
    const changed = async () => {
      again = true;
      if (busy) return;
      busy = true;
      while (again) {
        again = false;
        const began = performance.now();
        await this.rows.fetch().catch(() => {});
        this.update();
        if (this.side.body.querySelector(".span.state-open")) await this.side.again();
        await new Promise((done) => setTimeout(done, Math.max(PAUSE_MS, SHARE * (performance.now() - began))));
      }
      busy = false;
    };
    document.addEventListener("live:changed", changed);
    document.addEventListener("live:ended", changed);
    // What changed between the page and the first event nobody tells; and a proxy may hold events back.
    if (this.rows.running) setTimeout(changed, SETTLE_MS);
    setInterval(() => this.rows.running && !document.hidden && changed(), SAFETY_MS);
    const grow = () => {
      const began = performance.now();
      if (this.rows.running && !document.hidden && !this.dragged) this.update();
      setTimeout(grow, Math.max(1000, SHARE * (performance.now() - began)));
    };
    setTimeout(grow, 1000);
  }
}

const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

function current(link, is) {
  if (is) link?.setAttribute("aria-current", "true");
  else link?.removeAttribute("aria-current");
}

const box = document.querySelector("#tree");
if (box) new TracePage(box).start();
