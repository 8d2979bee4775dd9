// The time axis: idle gaps folded, a part of it shown; by the rule that tracing/web/timeline.py writes into the page. Times are
// milliseconds since the trace began; "room" is what they take on the axis: a busy stretch as long as it lasted, a fold a little.

/** @typedef {{leastGapMs: number, leastGapShare: number, foldShare: number, containers: string[], stepsMs: number[]}} Rule */

/** As words.length() says it. @param {number} ms */
export function length(ms) {
  const seconds = ms / 1000;
  if (seconds < 0.9995) return `${Math.round(ms)} ms`;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const two = (number) => String(number).padStart(2, "0");
  return minutes < 60 ? `${minutes}m${two(whole % 60)}s` : `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

export class Axis {
  /**
   * @param {{start: number, end: number | null, kind: string, children: unknown[]}[]} rows in the order they began
   * @param {number} now
   * @param {Rule} rule
   */
  constructor(rows, now, rule) {
    const end = Math.max(0.001, rows.reduce((last, row) => Math.max(last, row.end ?? Math.max(row.start, now)), 0));
    this.segments = segments(rows, now, end, rule);
    this.steps = rule.stepsMs;
    this.end = end;
    const busy = this.segments.reduce((sum, one) => sum + (one.folded ? 0 : one.end - one.start), 0);
    this.foldRoom = Math.max(busy * rule.foldShare, 1);
    let before = 0;
    for (const one of this.segments) {
      one.before = before;
      one.room = one.folded ? this.foldRoom : one.end - one.start;
      before += one.room;
    }
    this.whole = before;
    this.from = 0;
    this.to = before;
  }

  get isZoomed() {
    return this.from > 0 || this.to < this.whole;
  }

  /** Shows a part, given as room; never less than a millionth, never more than there is. */
  show(from, to) {
    const size = Math.min(Math.max(to - from, this.whole / 1e6, 0.01), this.whole);
    this.from = Math.min(Math.max(from, 0), this.whole - size);
    this.to = this.from + size;
  }

  /** How much room stands before a moment. */
  room(ms) {
    const all = this.segments;
    let low = 0;
    let high = all.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (all[middle].start <= ms) low = middle;
      else high = middle - 1;
    }
    const one = all[low];
    const inside = ms - one.start;
    return one.before + (one.folded ? Math.min(inside / (one.end - one.start), 1) * one.room : inside);
  }

  /** The moment at which so much room stands before it. */
  moment(room) {
    const one = this.segments.findLast((segment) => segment.before <= room) ?? this.segments[0];
    return one.start + Math.min(1, (room - one.before) / one.room) * (one.end - one.start);
  }

  /** Where a moment stands in what is shown; below 0 or above 1 is outside. */
  place(ms) {
    return (this.room(ms) - this.from) / (this.to - this.from);
  }

  /** Round moments that are shown, none inside a fold. @returns {{at: number, ms: number}[]} */
  ticks(count) {
    const [first, last] = [this.moment(this.from), this.moment(this.to)];
    const folded = this.segments.reduce(
      (sum, one) => sum + (one.folded ? Math.max(Math.min(one.end, last) - Math.max(one.start, first), 0) : 0), 0);
    const rough = (last - first - folded) / count;
    const step = this.steps.find((one) => one >= rough) ?? Math.ceil(rough / 8.64e7) * 8.64e7;
    const found = [];
    for (const one of this.segments) {
      if (one.folded || one.end < first || one.start > last) continue;
      for (let number = Math.ceil(Math.max(one.start, first) / step); number * step <= Math.min(one.end, last); number++) {
        found.push({ at: this.place(number * step), ms: number * step });
      }
    }
    return found;
  }

  /** The folds that are shown. @returns {{at: number, words: string}[]} */
  folds() {
    return this.segments
      .filter((one) => one.folded)
      .map((one) => ({ at: this.place((one.start + one.end) / 2), words: length(one.end - one.start) }))
      .filter((one) => one.at >= 0 && one.at <= 1);
  }
}

/** @param {Rule} rule */
function segments(rows, now, end, rule) {
  const least = Math.max(rule.leastGapMs, rule.leastGapShare * end);
  const gaps = [];
  let busyUntil = 0;
  for (const row of rows) {
    if (rule.containers.includes(row.kind) && row.children.length) continue;
    if (row.start - busyUntil > least) gaps.push([busyUntil, row.start]);
    busyUntil = Math.max(busyUntil, row.end ?? Math.max(row.start, now));
  }
  if (busyUntil && end - busyUntil > least) gaps.push([busyUntil, end]);
  const found = [];
  let at = 0;
  for (const [start, stop] of gaps) {
    if (start > at) found.push({ start: at, end: start, folded: false });
    found.push({ start, end: stop, folded: true });
    at = stop;
  }
  if (at < end) found.push({ start: at, end, folded: false });
  return found;
}
