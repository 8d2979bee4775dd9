// j and k go from row to row of the page's tables and lists; Enter opens, as on any link. The live list keeps the place: live.js does.
import { isTyping } from "./site.js";

document.addEventListener("keydown", (event) => {
  if ((event.key !== "j" && event.key !== "k") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const links = [...document.querySelectorAll("main tbody th[scope='row'] > a, main .look-title > a, main .outcomes > li > a")];
  if (!links.length) return;
  const at = links.findIndex((link) => link.closest("tr, li").contains(document.activeElement));
  const next = event.key === "j" ? at + 1 : at < 0 ? links.length - 1 : at - 1;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
  event.preventDefault();
});
