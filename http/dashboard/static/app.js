// What the pages do better with a script; each works without it.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

function element(name, text, attributes = {}) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

function announce(text) {
  $("#announce").textContent = text;
}

// The time zone of this browser, which holds unless its person chose another. It
// is told again when it has changed, as on a journey.
function tellZone() {
  const here = document.body.dataset.zone;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!here || !zone) return;
  const cookie = `tz_browser=${encodeURIComponent(zone)}`;
  const told = () => document.cookie.split("; ").includes(cookie);
  if (told()) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${cookie}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
  const chosen = /(^|; )tz=/.test(document.cookie);
  if (zone !== here && !chosen && told()) location.reload();
}

function offerZones() {
  const select = $("#zone");
  if (!select || !Intl.supportedValuesOf) return;
  const known = new Set([...select.options].map((o) => o.value));
  for (const zone of Intl.supportedValuesOf("timeZone")) {
    if (!known.has(zone)) select.append(new Option(zone, zone));
  }
}

// On a phone the current page's link may be out of sight. Not scrollIntoView: in
// Chromium the Tab key would go on from there, past the link that skips to the
// content.
function showCurrentPage() {
  const nav = $(".top nav");
  const box = $("[aria-current]", nav ?? document)?.getBoundingClientRect();
  if (!nav || !box) return;
  const frame = nav.getBoundingClientRect();
  nav.scrollLeft += Math.max(0, box.right - frame.right) - Math.max(0, frame.left - box.left);
}

// Other ranges, filters, orders and pages of the same page, without a reload.
let swapping;

async function swap(url, push) {
  swapping?.abort();
  const mine = (swapping = new AbortController());
  const focused = document.activeElement?.id;
  $("#main").setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { signal: mine.signal, headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    $("#main").replaceWith(document.adoptNode($("#main", fresh)));
    const here = $("#zone-form input[name=next]", fresh)?.value;
    if (here && $("#zone-form")) $("#zone-form input[name=next]").value = here;
    document.title = fresh.title;
    if (push) history.pushState({}, "", url);
    begin();
    (focused && document.getElementById(focused) ? document.getElementById(focused) : $("#main")).focus({ preventScroll: true });
    announce("The page has changed.");
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
  }
}

function isHere(url) {
  return url.origin === location.origin && url.pathname === location.pathname && url.search !== location.search;
}

document.addEventListener("click", (event) => {
  const a = event.target.closest?.("main a[href]");
  if (!a || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(a.href);
  if (a.hasAttribute("download") || a.target || url.hash || !isHere(url)) return;
  event.preventDefault();
  swap(url.href, true);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.closest("main") || form.method !== "get") return;
  const url = new URL(form.getAttribute("action") || location.pathname, location.href);
  if (url.origin !== location.origin || url.pathname !== location.pathname) return;
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== "")).toString();
  event.preventDefault();
  swap(url.href, true);
});

addEventListener("popstate", () => swap(location.href, false));

// Copying.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  } catch {
    getSelection().selectAllChildren(source); // the person copies it
  }
});

// Charts: what a column shows, at the pointer and at the keyboard's focus.
let tip;

function showTip(column) {
  hideTip();
  column.classList.add("on");
  tip = element("div", undefined, { class: "tip", "aria-hidden": "true" });
  const [name, ...lines] = column.dataset.lines.split("\n");
  tip.append(element("strong", name));
  for (const line of lines) {
    const [label, value] = line.split("\t");
    const row = element("div");
    row.append(element("span", label), element("span", value));
    tip.append(row);
  }
  document.body.append(tip);
  const at = column.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const right = at.right + 10 + size.width < innerWidth;
  tip.style.left = `${Math.max(4, right ? at.right + 10 : at.left - 10 - size.width)}px`;
  tip.style.top = `${Math.max(4, Math.min(at.top, innerHeight - size.height - 8))}px`;
}

function hideTip() {
  $$(".column.on").forEach((c) => c.classList.remove("on"));
  tip?.remove();
  tip = undefined;
}

function prepareChart(chart) {
  const columns = $$(".column", chart);
  for (const [i, column] of columns.entries()) {
    const title = $("title", column);
    column.dataset.lines = title.textContent;
    column.setAttribute("aria-label", title.textContent.replaceAll("\t", " ").replaceAll("\n", ", "));
    title.remove(); // the browser would show it, too
    column.addEventListener("pointerenter", () => showTip(column));
    column.addEventListener("pointerleave", hideTip);
    column.addEventListener("focus", () => showTip(column));
    column.addEventListener("blur", hideTip);
    column.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: columns.length - 1 }[event.key];
      if (event.key === "Escape") hideTip();
      if (to === undefined || !columns[to]) return;
      event.preventDefault();
      column.setAttribute("tabindex", "-1");
      columns[to].setAttribute("tabindex", "0");
      columns[to].focus();
    });
  }
}

// Focus scrolls the page to where it goes, and the tip goes along.
addEventListener("scroll", () => {
  const focused = document.activeElement?.closest(".column");
  if (focused?.classList.contains("on")) showTip(focused);
  else hideTip();
}, { passive: true });

// Numbers, as the server writes them.
const grouped = new Intl.NumberFormat("en-US");

function count(n) {
  if (n < 1e10) return grouped.format(n);
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }).format(n);
}

function decimals(n, digits) {
  return new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n);
}

function money(usd) {
  if (usd === 0) return "$0";
  if (usd >= 0.995) return "$" + decimals(usd, 2);
  if (usd >= 0.00995) return "$" + decimals(usd, 4);
  return "$" + new Intl.NumberFormat("en-US", { minimumSignificantDigits: 2, maximumSignificantDigits: 2 }).format(usd);
}

// exact is every digit, for a title.
function exact(usd) {
  return "$" + new Intl.NumberFormat("en-US", { maximumFractionDigits: 20 }).format(usd);
}

function took(s) {
  if (s === null || s === undefined || s < 0) return "–";
  if (s === 0) return "0 ms";
  if (s < 0.0095) return `${new Intl.NumberFormat("en-US", { maximumSignificantDigits: 2 }).format(s * 1000)} ms`;
  if (s < 0.9995) return `${decimals(s * 1000, 0)} ms`;
  if (s < 9.995) return `${decimals(s, 2)} s`;
  if (s < 99.95) return `${decimals(s, 1)} s`;
  if (s < 7200) return `${Math.floor(Math.round(s) / 60)} min ${Math.round(s) % 60} s`;
  return `${Math.floor(Math.round(s / 60) / 60)}h${Math.round(s / 60) % 60}m`;
}

function userPath(id) {
  return id === "." || id === ".." ? `/users/~?id=${id}` : `/users/${encodeURIComponent(id)}`;
}

// Names as the server writes them: browsers have their own, such as Sept.
const months = "January February March April May June July August September October November December".split(" ");
const weekdays = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

// clock writes a moment in the person's zone, and in full for a title.
function clock(iso) {
  const at = new Date(iso);
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: document.body.dataset.zone, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23", timeZoneName: "longOffset",
    year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
  });
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const { year, day, hour, minute, second } = part;
  const month = months[part.month - 1];
  const weekday = weekdays[new Date(Date.UTC(year, part.month - 1, day)).getUTCDay()];
  const time = `${hour}:${minute}:${second}`;
  const date = `${day} ${month.slice(0, 3)}`;
  return {
    text: year === document.body.dataset.year ? `${date} ${time}` : `${date} ${year} ${hour}:${minute}`,
    title: `${weekday} ${day} ${month} ${year}, ${time}.${part.fractionalSecond} ${part.timeZoneName.replace("GMT", "UTC").replace("+00:00", "")}`,
  };
}

// legible shows the characters that turn the direction of a text by their codes.
function legible(text) {
  return text.replace(/[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g, (c) => `‹${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
}

// Requests as they come: follow hands each to take, until unfollow. A page that
// nobody looks at does not listen, since a browser has few connections.
const events = ["request", "completed"];
const soon = 10_000; // milliseconds
const long = 5 * 60_000;
let source, listen, lastEvent, hiddenAt, later;

function follow(path, take) {
  lastEvent = "";
  listen = () => {
    const url = new URL(path, location.href); // goes on where the page ends
    if (lastEvent) url.searchParams.set("after", lastEvent);
    source = new EventSource(url);
    for (const name of events) {
      source.addEventListener(name, (e) => {
        lastEvent = e.lastEventId;
        take(JSON.parse(e.data));
      });
    }
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) later = setTimeout(() => again(path), soon);
    });
  };
  if (!document.hidden) listen();
}

// again listens once more after the server has refused, unless the session is
// over.
async function again(path) {
  const answer = await fetch(path, { method: "HEAD" }).catch(() => undefined);
  if (answer?.status === 401) location.reload();
  else listen?.();
}

function unfollow() {
  clearTimeout(later);
  source?.close();
  source = listen = undefined;
}

document.addEventListener("visibilitychange", () => {
  if (!listen) return;
  clearTimeout(later);
  source?.close();
  if (document.hidden) hiddenAt = Date.now();
  else if (lastEvent && Date.now() - hiddenAt < long) listen();
  else swap(location.href, false);
});

// The tail.
const states = { success: "ok", failure: "bad", error: "bad", initiated: "warning" };
const maxRows = 12; // as many as the page begins with
const most = 50; // that wait while it is paused

function cell(name, text, options = {}) {
  const td = element("td", undefined, options.class ? { class: options.class } : {});
  if (options.state) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [key, value] of Object.entries({ class: `mark ${options.state}`, width: 8, height: 8, "aria-hidden": "true" })) svg.setAttribute(key, value);
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    for (const [key, value] of Object.entries({ cx: 4, cy: 4, r: 4 })) dot.setAttribute(key, value);
    svg.append(dot);
    td.append(svg);
  }
  const inner = element(name, legible(text));
  let outer = inner;
  if (options.href) {
    outer = element("a", undefined, { href: options.href });
    outer.append(inner);
  }
  if (options.time) inner.dateTime = options.time;
  if (options.title) (options.time ? inner : outer).title = legible(options.title);
  td.append(outer);
  if (options.sub) {
    const small = element("small", undefined, { title: legible(options.sub) });
    small.append(element("bdi", legible(options.sub)));
    td.append(small);
  }
  return td;
}

// Of 0 tokens it is not known how many they were.
function tokensCell(n) {
  if (!n) return cell("bdi", "–", { class: "number" });
  return cell("bdi", count(n), { class: "number", title: n >= 1e10 ? grouped.format(n) : "" });
}

function costCell(usd, tokens) {
  if (usd === null) return cell("bdi", "–", { class: "number", title: tokens ? "the price is unknown" : "the tokens are unknown" });
  const text = money(usd);
  const fraction = text.split(".")[1] ?? "";
  return cell("bdi", text, { class: `number money d${Math.min(fraction.length, 9)}`, title: exact(usd) });
}

function userCell(id, email) {
  if (!id) return cell("bdi", "(nobody)", { title: "linked to no user" });
  return cell("bdi", id, { href: userPath(id), title: id, sub: email === id ? "" : email });
}

function rowOf(log, withUser) {
  const tr = element("tr", undefined, { "data-request": log.request_id, class: "new" });
  const { text, title } = clock(log.request_time);
  tr.append(cell("time", text, { href: `/requests/${log.request_id}`, time: log.request_time.replace("+00:00", "Z"), title }));
  if (withUser) tr.append(userCell(log.user_id, log.email));
  tr.append(
    cell("bdi", log.model || "(unknown)", { title: log.model, sub: log.provider }),
    cell("bdi", log.status || "(unknown)", { state: states[log.status], title: log.status, sub: log.error_kind }),
    tokensCell(log.tokens_used),
    costCell(log.total_cost, log.tokens_used),
    cell("bdi", took(log.response_time || null), { class: "number" }),
  );
  return tr;
}

// place puts a row among those there are, by time and then by id, the newest
// first: as the page does.
function place(row, body) {
  const micros = (tr) => $("time", tr).dateTime.replace(/\.?(\d*)Z$/, (_, fraction) => "." + fraction.padEnd(6, "0"));
  const newer = (a, b) => (micros(a) === micros(b) ? Number(a.dataset.request) > Number(b.dataset.request) : micros(a) > micros(b));
  const older = [...body.rows].find((other) => newer(row, other));
  body.insertBefore(row, older ?? null);
}

function prepareTail(section) {
  const body = $("tbody", section);
  const button = $(".pause", section);
  const withUser = $$("thead th", section).length > 6;
  const waiting = [];
  let paused = false;
  let unsaid = 0;
  const take = (log) => {
    const old = $(`tr[data-request="${Number(log.request_id)}"]`, body);
    const row = rowOf(log, withUser);
    old?.remove();
    place(row, body);
    while (body.rows.length > maxRows) body.lastElementChild.remove();
    if (row.isConnected) unsaid++;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Go on" : "Pause";
    if (!paused) waiting.splice(0).forEach(take);
  });
  follow(section.dataset.live, (log) => {
    if (!paused) return take(log);
    waiting.push(log);
    if (waiting.length > most) waiting.shift();
    button.textContent = `Go on (${waiting.length})`;
  });
  // Each one said aloud would be noise.
  const speaking = setInterval(() => {
    if (!section.isConnected) return clearInterval(speaking);
    if (unsaid && !paused) announce(`${unsaid} new ${unsaid === 1 ? "request" : "requests"}.`);
    unsaid = 0;
  }, 10000);
}

// The first request turns the page into another.
function prepareWait(waiting) {
  follow(waiting.dataset.wait, () => location.reload());
}

// begin prepares what is on the page.
function begin() {
  unfollow();
  hideTip();
  $$("button[data-copy]").forEach((b) => (b.hidden = false));
  $$("[data-chart]").forEach(prepareChart);
  $$("[data-live]").forEach(prepareTail);
  $$("[data-wait]").forEach(prepareWait);
}

tellZone();
offerZones();
showCurrentPage();
begin();
