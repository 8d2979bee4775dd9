// What every page does beyond its HTML: colours, keys, copying, and hearing of changes. Nothing here is needed to read a page.
import { watch } from "./live.js";

/** @param {string} id */
const byId = (id) => document.getElementById(id);
const THEMES = ["system", "light", "dark"];

function themeSwitch() {
  const button = byId("theme");
  if (!button) return;
  const now = () => document.documentElement.dataset.theme ?? "system";
  const say = () => {
    const words = { system: ["◐", "as the system"], light: ["☀", "light"], dark: ["☾", "dark"] }[now()];
    button.textContent = words[0];
    button.setAttribute("aria-label", `Colours: ${words[1]}. Change`);
    button.title = `Colours: ${words[1]}`;
  };
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(now()) + 1) % THEMES.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // No storage: for this page only.
    }
    say();
  });
  say();
  button.hidden = false;
}

/** Whether the reader is typing: then a letter is a letter. @param {EventTarget | null} target */
export const isTyping = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));

function keys() {
  const dialog = byId("keys");
  const help = byId("help");
  let wentAt = -Infinity;
  const open = () => dialog instanceof HTMLDialogElement && !dialog.open && dialog.showModal();
  if (help) {
    help.hidden = false;
    help.addEventListener("click", open);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && isTyping(event.target)) event.target.blur();
    if (isTyping(event.target) || (dialog instanceof HTMLDialogElement && dialog.open)) return;
    const search = document.querySelector("input[type=search]");
    if (event.timeStamp - wentAt < 1500) {
      wentAt = -Infinity;
      const link = [...document.querySelectorAll("a[data-go]")].find((one) => one.dataset.go === event.key);
      if (link) {
        event.preventDefault();
        event.stopImmediatePropagation();
        link.click();
      }
    } else if (event.key === "g") wentAt = event.timeStamp;
    else if (event.key === "?") open();
    else if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
    }
  });
}

/** On a narrow screen the navigation scrolls: show where one is. */
function showCurrent() {
  const nav = document.querySelector(".top nav");
  const here = nav?.querySelector("[aria-current]");
  if (nav && here) nav.scrollLeft = here.getBoundingClientRect().left - nav.getBoundingClientRect().left - 40;
}

function copying() {
  if (!navigator.clipboard) return;
  const show = () => document.querySelectorAll("[data-copy][hidden]").forEach((one) => (one.hidden = false));
  show();
  document.addEventListener("page:replaced", show);
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1200);
  });
}

themeSwitch();
keys();
showCurrent();
copying();
watch();
