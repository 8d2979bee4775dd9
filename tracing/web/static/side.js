// What stands beside the tree: a span, or a panel of another package. Fetched when it is asked for.

export class Side {
  /** @param {HTMLElement} side @param {{spanPage: string, onSpan: (id: string) => void, onClose: () => void}} told */
  constructor(side, told) {
    this.side = side;
    this.told = told;
    this.body = side.querySelector("#side-body");
    this.tabs = side.querySelector("#tabs");
    this.spanId = side.querySelector("[data-shown]")?.dataset.shown ?? "";
    this.first = this.tabs.querySelector("[aria-current][data-tab]")?.dataset.tab ?? "";
    this.asking = new AbortController();
    side.querySelector(".side-close").hidden = false;
    side.querySelector(".side-close button").addEventListener("click", () => this.close());
    this.tabs.addEventListener("click", (event) => {
      const tab = event.target.closest?.("[data-tab]");
      if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      if (tab.dataset.tab === "span") this.told.onSpan(this.spanId);
      else this.panel(tab.dataset.tab);
    });
    side.addEventListener("click", (event) => {
      const whole = event.target.closest?.("[data-whole]");
      if (!whole) return;
      event.preventDefault();
      this.#load(whole.getAttribute("href"), "span");
    });
    this.#unhide();
  }

  get isOpen() {
    return this.side.classList.contains("is-open");
  }

  /** Shows a span; `focus` moves there, as a phone needs. */
  async span(id, focus = false) {
    this.spanId = id;
    this.tabs.querySelector("[data-tab='span']").parentElement.hidden = false;
    this.side.parentElement.classList.remove("alone");
    this.side.classList.add("is-open");
    const isThere = this.body.querySelector("[data-shown]")?.dataset.shown === id;
    if (!isThere) await this.#load(this.told.spanPage.replace("SPAN", id), "span");
    else this.#current("span");
    if (focus) this.side.focus({ preventScroll: true });
  }

  /** Fetches the span anew, if one is shown: it has changed. */
  async again() {
    if (this.shown === "span" && this.spanId) await this.#load(this.told.spanPage.replace("SPAN", this.spanId), "span", true);
  }

  get shown() {
    return this.tabs.querySelector("[aria-current]")?.dataset.tab ?? "";
  }

  async panel(name) {
    const tab = name ? this.tabs.querySelector(`[data-tab="${CSS.escape(name)}"]`) : null;
    if (!tab) return;
    this.side.parentElement.classList.remove("alone");
    this.side.classList.add("is-open");
    await this.#load(tab.getAttribute("href"), name);
  }

  /** The first panel, wherever it is; nothing where there is none. */
  outcome() {
    const tab = this.first && this.first !== "span" ? this.first : this.tabs.querySelector("[data-tab]:not([data-tab='span'])")?.dataset.tab;
    if (tab) this.panel(tab);
  }

  close() {
    this.side.classList.remove("is-open");
    this.told.onClose();
  }

  async #load(address, name, quietly = false) {
    this.asking.abort();
    const asking = (this.asking = new AbortController());
    const busy = setTimeout(() => !quietly && this.body.setAttribute("aria-busy", "true"), 150);
    try {
      const answer = await fetch(address, { headers: { "X-Bare": "1" }, signal: asking.signal });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      fresh.querySelectorAll("link, script, .crumbs, h1").forEach((one) => one.remove());
      if (quietly && fresh.body.textContent === this.body.textContent) return;
      const open = new Set([...this.body.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
      this.body.replaceChildren(...fresh.body.childNodes);
      if (quietly) this.body.querySelectorAll("details > summary").forEach((one) => open.has(one.textContent) && (one.parentElement.open = true));
      else this.side.scrollTop = 0;
      this.#current(name);
      this.#unhide();
    } catch (error) {
      if (error.name !== "AbortError" && !quietly) this.body.textContent = "This could not be fetched. Is the viewer still running?";
    } finally {
      clearTimeout(busy);
      if (asking === this.asking) this.body.removeAttribute("aria-busy");
    }
  }

  #current(name) {
    for (const tab of this.tabs.querySelectorAll("[data-tab]")) {
      if (tab.dataset.tab === name) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
  }

  #unhide() {
    if (navigator.clipboard) this.body.querySelectorAll("[data-copy-link][hidden], [data-copy][hidden]").forEach((one) => (one.hidden = false));
  }
}
