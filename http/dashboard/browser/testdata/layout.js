// What is wrong with how the page is laid out, as a list of sentences: a page
// that scrolls sideways, text that sticks out of its box or is cut off without
// being told in full elsewhere, amounts and buttons that break, texts and
// controls that lie on each other.
(() => {
  const wrong = new Set();
  const slack = 1.5; // pixels, for what is rounded
  const name = (e) => {
    const own = e.id ? `#${e.id}` : e.localName + [...e.classList].map((c) => `.${c}`).join("");
    const within = e.parentElement?.closest("[id]");
    return within && !e.id ? `#${within.id} ${own}` : own;
  };
  const quote = (text) => JSON.stringify(text.trim().slice(0, 40));

  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) wrong.add(`the page scrolls sideways: ${page.scrollWidth} in ${innerWidth} pixels`);

  const hidden = (e) => !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest(".unseen, .skip, option, title, desc, script, style, figcaption");
  // A region that is meant to scroll can be reached by keyboard, or is a text's
  // own box.
  const scrolls = (e, style) => /auto|scroll/.test(style.overflowX) && (e.tabIndex >= 0 || e.localName === "pre" || e.matches("nav, .scroll"));
  const toldInFull = (e, text) => {
    for (let at = e; at && at !== document.body; at = at.parentElement) if (at.title && at.title.includes(text.trim())) return true;
    return [...e.querySelectorAll("[title]")].some((inner) => inner.title.includes(text.trim()));
  };

  // shown cuts a box down to what can be seen of it, and complains of what
  // cannot be.
  function shown(box, from, text) {
    let { left, right, top, bottom } = box;
    for (let e = from; e && e !== document.body; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.display === "inline" || style.display === "contents" || e instanceof SVGElement) continue;
      const at = e.getBoundingClientRect();
      if (scrolls(e, style)) {
        left = Math.max(left, at.left); right = Math.min(right, at.right);
        top = Math.max(top, at.top); bottom = Math.min(bottom, at.bottom);
        if (right <= left || bottom <= top) return undefined;
        continue;
      }
      const out = Math.max(at.left - left, right - at.right);
      const below = Math.max(at.top - top, bottom - at.bottom);
      if (style.webkitLineClamp !== "none" && below > 4 && toldInFull(from, text)) {
        if (box.top >= at.bottom - slack) return undefined;
        bottom = Math.min(bottom, at.bottom);
      } else if (style.overflowX !== "visible") {
        if (out > slack && style.textOverflow !== "ellipsis") wrong.add(`${quote(text)} is cut off in ${name(e)}`);
        if (out > slack && style.textOverflow === "ellipsis" && !toldInFull(from, text)) wrong.add(`${quote(text)} is shortened in ${name(e)} and told in full nowhere`);
        if (below > 4) wrong.add(`${quote(text)} is cut off above or below in ${name(e)}`);
        left = Math.max(left, at.left); right = Math.min(right, at.right);
      } else if (out > slack && e.matches(".card, section, header, li, td, th, dd, dt, p, h1, h2, h3, button, a, main, dl > div")) {
        wrong.add(`${quote(text)} sticks out of ${name(e)} by ${Math.round(out)} pixels`);
        return undefined;
      }
    }
    if (right > innerWidth + slack || left < -slack) wrong.add(`${quote(text)} lies beside the page`);
    return right > left && bottom > top ? { left, right, top, bottom } : undefined;
  }

  const lines = (range) => new Set([...range.getClientRects()].map((rect) => Math.round(rect.top))).size;
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const e = text.parentElement;
    if (!text.data.trim() || hidden(e)) continue;
    const range = document.createRange();
    for (const amount of text.data.matchAll(/-?\$\d[\d,.]*\d/g)) {
      range.setStart(text, amount.index);
      range.setEnd(text, amount.index + amount[0].length);
      if (lines(range) > 1) wrong.add(`${quote(amount[0])} breaks in its middle in ${name(e)}`);
    }
    range.selectNodeContents(text);
    if (e.closest("button, .button") && lines(range) > 1) wrong.add(`${quote(text.data)} breaks in its button`);
    for (const rect of range.getClientRects()) {
      if (!rect.width) continue;
      const box = shown(rect, e, text.data);
      // Lines of a font are higher than the letters in them.
      if (box) boxes.push({ ...box, top: box.top + rect.height / 4, bottom: box.bottom - rect.height / 4, e, text: text.data });
    }
  }
  for (const e of document.querySelectorAll("button, select, input, img")) {
    if (hidden(e)) continue;
    const rect = e.getBoundingClientRect();
    const box = rect.width && shown(rect, e.parentElement, e.localName);
    if (box) boxes.push({ ...box, e, text: e.localName });
  }

  boxes.sort((a, b) => a.top - b.top);
  for (const [i, a] of boxes.entries()) {
    for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom; j++) {
      const b = boxes[j];
      if (a.e === b.e || a.e.contains(b.e) || b.e.contains(a.e)) continue;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 2 && high > 2) wrong.add(`${quote(a.text)} of ${name(a.e)} and ${quote(b.text)} of ${name(b.e)} lie on each other`);
    }
  }
  return [...wrong].slice(0, 12);
})()
