// Hears from the viewer that something changed, and tells the page by a DOM event. What changed, the page fetches itself.
//
// A page watches by an element with `data-live` (a trace's id, or "" for all traces). Then `document` gets:
//   "live:changed" with the detail {trace_id, updated_at_ns, spans, status, running}
//   "live:ended"   with the same, when the trace has ended
// An element with `data-live-part` and an id is replaced by the same element of the page fetched anew; nothing more is needed.

const AT_MOST_EVERY_MS = 1000;
const SHARE = 10; // a page that takes long to make is asked for seldom: at most a tenth of the time goes into it
const FINDINGS_AFTER_MS = 5000; // after a trace's end the viewer looks for what went wrong in it
const WORDS = { live: "live", paused: "paused", lost: "connection lost", ended: "ended" };

/** @param {keyof typeof WORDS} state */
function say(state) {
  const sign = document.getElementById("live");
  if (!sign) return;
  sign.hidden = false;
  sign.dataset.state = state;
  sign.querySelector(".word").textContent = WORDS[state];
}

/** Fetches this page without its frame and puts the parts that are live in place of those that stand there. */
async function replaceParts() {
  const parts = [...document.querySelectorAll("[data-live-part][id]")];
  if (!parts.length) return;
  const answer = await fetch(location.href, { headers: { "X-Bare": "1" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const anew = fresh.getElementById(part.id);
    if (!anew || anew.isEqualNode(part) || part.contains(document.activeElement?.closest("input, select, textarea"))) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
    part.replaceWith(anew);
    if (focused) [...anew.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === focused)?.focus();
  }
  document.dispatchEvent(new CustomEvent("page:replaced"));
}

/** Runs it now, or a second (or ten times what it took) after it last began; never twice at once. @param {() => Promise<void>} work */
function seldom(work) {
  let next = 0;
  let waiting = 0;
  let busy = false;
  let again = false;
  const run = async () => {
    [waiting, busy] = [0, true];
    const began = performance.now();
    await work().catch(() => {});
    next = began + Math.max(AT_MOST_EVERY_MS, SHARE * (performance.now() - began));
    busy = false;
    if (again) soon();
  };
  const soon = () => {
    again = busy;
    if (!busy) waiting ||= setTimeout(run, Math.max(0, next - performance.now()));
  };
  return soon;
}

/** Watches for the element that asks for it. A tab in the background lets go: browsers allow few connections to one host. */
export function watch() {
  const wants = document.querySelector("[data-live]");
  if (!wants) return;
  const trace = wants.dataset.live;
  const base = document.querySelector("meta[name='base']")?.content ?? "";
  const address = `${base}/live${trace ? `?trace=${encodeURIComponent(trace)}` : ""}`;
  const replace = seldom(replaceParts);
  /** @type {EventSource | null} */
  let source = null;
  let seen = "";
  let ended = false;

  /** @param {MessageEvent} event */
  const heard = (event) => {
    const isNews = seen !== "" && seen !== event.data;
    seen = event.data;
    say("live");
    if (!isNews) return;
    document.dispatchEvent(new CustomEvent("live:changed", { detail: JSON.parse(event.data) }));
    replace();
  };
  const open = () => {
    if (source || ended) return;
    source = new EventSource(address);
    source.addEventListener("open", () => say("live"));
    source.addEventListener("state", heard);
    source.addEventListener("changed", heard);
    source.addEventListener("ended", (event) => {
      ended = true;
      close("ended");
      document.dispatchEvent(new CustomEvent("live:ended", { detail: JSON.parse(event.data) }));
      replace();
      setTimeout(replace, FINDINGS_AFTER_MS);
    });
    source.addEventListener("error", () => {
      say("lost");
      if (source?.readyState === EventSource.CLOSED) {
        source = null;
        setTimeout(open, 3000);
      }
    });
  };
  /** @param {keyof typeof WORDS} state */
  const close = (state) => {
    source?.close();
    source = null;
    say(state);
  };
  document.addEventListener("visibilitychange", () => {
    if (ended) return;
    if (document.hidden) close("paused");
    else open();
  });
  addEventListener("pagehide", () => source?.close());
  open();
}
