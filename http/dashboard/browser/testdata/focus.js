// All that the Tab key must reach, and what has the focus now.
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
    return { name: window.focusTest.name(e), marked: Boolean(marked), seen };
  },
};
