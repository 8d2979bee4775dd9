// Before the page is painted: the colours that the reader chose. Loaded in the head, so nothing flashes.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // No storage: as the system has it.
}
