// All that the Tab key must reach, what has the focus now, and what keys do.
window.focusTest ??= {
  all: () => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]")]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true }))
    .map((e) => window.focusTest.name(e)),
  name: (e) => {
    window.focusTest.known ??= new Map();
    const known = window.focusTest.known;
    if (!known.has(e)) known.set(e, `${known.size} ${e.localName}${e.id ? "#" + e.id : ""} ${(e.getAttribute("aria-label") ?? e.textContent).trim().slice(0, 30)}`);
    return known.get(e);
  },
  now: () => {
    const e = document.activeElement;
    if (!e || e === document.body) return { name: "" };
    const style = getComputedStyle(e);
    const hit = e.querySelector?.(":scope > .hit");
    const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 ||
      e.type === "date" || // whose parts the browser marks by itself
      hit && getComputedStyle(hit).stroke !== "none" && parseFloat(getComputedStyle(hit).strokeWidth) >= 1;
    const box = e.getBoundingClientRect();
    const seen = box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight;
    return { name: window.focusTest.name(e), marked: Boolean(marked), seen, keys: window.focusTest.keys(e) };
  },
  // The keys that must do what a click does, or choose another of a list.
  keys: (e) => {
    if (e.matches("a[href]")) return ["Enter"];
    if (e.matches("button, summary")) return ["Enter", " "];
    if (e.matches("input[type=checkbox]")) return [" "];
    if (e.matches("select")) return [e.selectedIndex + 1 < e.options.length ? "ArrowDown" : "ArrowUp"];
    return [];
  },
  // Opens what can be opened, and from now on notes what keys do instead of
  // letting them do it.
  note: () => {
    for (const closed of document.querySelectorAll("details:not([open])")) closed.open = true;
    addEventListener("click", (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      window.focusTest.did = window.focusTest.name(event.target);
    }, true);
    addEventListener("input", (event) => (window.focusTest.did = window.focusTest.name(event.target)), true);
  },
  // What was done since this was asked last.
  done: () => {
    const done = window.focusTest.did ?? "";
    window.focusTest.did = "";
    return done;
  },
};
