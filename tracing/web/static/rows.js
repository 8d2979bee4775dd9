// The rows of a trace: taken from rows.json, put in order, filtered. Knows nothing about how they are drawn.

const TURN = "LLM";
export const GROUPS = {
  model: ["LLM"],
  tools: ["TOOL"],
  agents: ["AGENT"],
  checks: ["EVALUATOR", "GUARDRAIL"],
};
const NAMED = new Set(Object.values(GROUPS).flat());

/**
 * @typedef {{id: string, parent: string, kind: string, state: string, start: number, end: number | null, label: string,
 *   gist: string, note: string, duration: string, tokens: string, cost: string, cut: boolean, severity: number, depth: number,
 *   children: Row[], above: Row | null, text: string, number: number, at: number}} Row
 */

export class Rows {
  /** @param {string} address of rows.json */
  constructor(address) {
    this.address = address;
    /** @type {Map<string, Row>} */
    this.byId = new Map();
    /** @type {Row[]} */
    this.begun = [];
    /** @type {Row[]} all, parents first */
    this.order = [];
    /** @type {Set<string>} */
    this.collapsed = new Set();
    this.after = "";
    this.running = false;
    this.skew = 0;
  }

  /** Fetches what has changed since the last time; all of it at first. */
  async fetch() {
    const answer = await fetch(`${this.address}${this.after ? `?after=${encodeURIComponent(this.after)}` : ""}`);
    if (!answer.ok) throw new Error(`rows: ${answer.status}`);
    const told = await answer.json();
    for (const line of told.lines) this.#take(line);
    for (const row of this.byId.values()) row.severity = told.severities[row.id] ?? 0;
    this.after = told.after;
    this.running = told.is_running;
    this.skew = told.now_us / 1000 - performance.now();
    this.#arrange();
  }

  /** The ids of the spans in whose texts the words stand. */
  async search(text) {
    const answer = await fetch(`${this.address}?q=${encodeURIComponent(text)}`);
    return new Set(answer.ok ? ((await answer.json()).found ?? []) : []);
  }

  /** Milliseconds since the trace began, by the server's clock. */
  get now() {
    return performance.now() + this.skew - this.origin;
  }

  #take(line) {
    const [id, parent, kind, state, start, end, label, gist, note, duration, tokens, cost, cut] = line.split("\t");
    const row = this.byId.get(id) ?? { id, severity: 0 };
    Object.assign(row, {
      parent, kind, state, label, gist, note, duration, tokens, cost,
      startUs: Number(start), endUs: end === "" ? null : Number(end), cut: cut === "1",
    });
    this.byId.set(id, row);
  }

  #arrange() {
    const all = [...this.byId.values()];
    this.origin = all.reduce((first, row) => Math.min(first, row.startUs), Infinity) / 1000;
    for (const row of all) {
      row.start = row.startUs / 1000 - this.origin;
      row.end = row.endUs === null ? null : Math.max(row.endUs / 1000 - this.origin, row.start);
      row.children = [];
      row.above = null;
    }
    all.sort((a, b) => a.startUs - b.startUs);
    this.begun = all;
    let turn = 0;
    const roots = [];
    for (const row of all) {
      if (row.kind === TURN) row.label = `turn ${++turn}`;
      row.text = `${row.label} ${row.gist} ${row.note}`.toLowerCase();
      const above = this.byId.get(row.parent);
      if (above && above !== row) above.children.push(row);
      else roots.push(row);
    }
    this.#descend([...roots, ...all]);
  }

  #descend(roots) {
    const seen = new Set();
    this.order = [];
    for (const root of roots) {
      if (seen.has(root)) continue;
      const waiting = [[root, 0, null]];
      while (waiting.length) {
        const [row, depth, above] = waiting.pop();
        if (seen.has(row)) continue;
        seen.add(row);
        Object.assign(row, { depth, above, number: this.order.length });
        this.order.push(row);
        for (let i = row.children.length - 1; i >= 0; i--) waiting.push([row.children[i], depth + 1, row]);
      }
    }
  }

  /** What is to be seen: what the filters let through with what stands above it, less what is collapsed.
   * @param {{kinds: Set<string>, problems: boolean, words: string[], found: Set<string>}} filter
   * @returns {{row: Row, matches: boolean}[]} */
  seen(filter) {
    const isFiltered = filter.kinds.size || filter.problems || filter.words.length;
    let kept = this.order.map((row) => ({ row, matches: true }));
    if (isFiltered) {
      kept = [];
      let wanted = -1;
      for (let i = this.order.length - 1; i >= 0; i--) {
        const row = this.order[i];
        const matches = lets(filter, row);
        if (!matches && row.depth !== wanted) continue;
        kept.push({ row, matches });
        wanted = row.depth - 1;
      }
      kept.reverse();
    }
    return this.collapsed.size ? this.#open(kept) : kept;
  }

  #open(kept) {
    let closed = Infinity;
    return kept.filter(({ row }) => {
      if (row.depth > closed) return false;
      closed = this.collapsed.has(row.id) ? row.depth : Infinity;
      return true;
    });
  }

  /** Opens everything above a row. */
  reveal(row) {
    for (let above = row.above; above; above = above.above) this.collapsed.delete(above.id);
  }
}

const groupOf = (kind) => Object.keys(GROUPS).find((group) => GROUPS[group].includes(kind)) ?? "other";

/** @param {Row} row */
export const isProblem = (row) => row.severity > 0 || row.state === "failed" || row.state === "interrupted";

function lets(filter, row) {
  if (filter.kinds.size && !filter.kinds.has(NAMED.has(row.kind) ? groupOf(row.kind) : "other")) return false;
  if (filter.problems && !isProblem(row)) return false;
  return !filter.words.length || filter.found.has(row.id) || filter.words.every((word) => row.text.includes(word));
}
