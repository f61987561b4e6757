"use strict";
// The page can be read without this. It keeps what is shown up to date, searches as one types, and tells what is below the pointer.
(() => {
  const REFRESH_MS = 5000, TYPING_MS = 150;
  let address = location.href, asked = 0, timer = 0;

  document.documentElement.classList.add("scripted");

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const live = document.querySelectorAll("[data-live]");
    if (live.length !== fresh.querySelectorAll("[data-live]").length) return location.reload();
    document.title = fresh.title;
    document.querySelector("link[rel=icon]").href = fresh.querySelector("link[rel=icon]").getAttribute("href");
    for (const old of live) {
      const now = fresh.getElementById(old.id);
      if (!now || now.innerHTML === old.innerHTML) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      old.replaceChildren(...now.childNodes);
      if (focused) [...old.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
    }
  }

  async function load() {
    const number = ++asked;
    clearTimeout(timer);
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-cache" });
      const text = await answer.text();
      if (number !== asked) return;
      document.getElementById("offline").hidden = true;
      if (answer.ok) show(text);
    } catch {
      if (number === asked) document.getElementById("offline").hidden = false;
    }
    timer = setTimeout(refresh, REFRESH_MS);
  }

  function refresh() {
    const isReading = document.hidden || !getSelection().isCollapsed || document.querySelector("main details[open], [data-still]");
    if (isReading) timer = setTimeout(refresh, REFRESH_MS);
    else if (document.querySelector("[data-live]")) load();
    else location.reload();
  }

  function search(form) {
    const given = [...new FormData(form)].filter(([, value]) => value);
    address = form.action + (given.length ? "?" + new URLSearchParams(given) : "");
    history.replaceState(null, "", address);
    load();
  }

  const form = document.querySelector("[data-search]");
  if (form) {
    let typing = 0;
    form.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(search, TYPING_MS, form); });
    form.addEventListener("submit", (event) => { event.preventDefault(); search(form); });
  }

  // "/" goes to the search, the arrows from there to the sites, and from row to row.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/" && !event.target.closest("input, select, textarea")) {
      event.preventDefault();
      if (form) form.elements.q.focus(); else location.assign("/#q");
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const stops = step ? [...document.querySelectorAll("#q, main tbody th a")] : [];
    const place = stops.indexOf(document.activeElement);
    if (place < 0 || !stops[place + step]) return;
    event.preventDefault();
    stops[place + step].focus();
  });

  // Where the pointer is in a picture of so many columns and rows, as a place among its cells.
  function placeIn(picture, event, columns, rows = 1) {
    const box = picture.getBoundingClientRect();
    const of = (at, length, count) => Math.min(count - 1, Math.max(0, Math.floor(at / length * count)));
    return of(event.clientY - box.top, box.height, rows) * columns + of(event.clientX - box.left, box.width, columns);
  }

  function dayBelow(cell, event) {
    const days = 90, place = placeIn(cell.querySelector("svg"), event, days);
    const day = new Date(Date.now() - (days - 1 - place) * 864e5).toISOString().slice(0, 10);
    const found = cell.dataset.days.split("\n").find((line) => line.startsWith(place + ":"));
    return day + ": " + (found ? found.slice(found.indexOf(":") + 1) : "100% up");
  }

  function partBelow(picture, event) {
    const parts = picture.closest("[data-parts]")?.dataset.parts.split("\n");
    if (parts) return parts[placeIn(picture, event, parts.length)].replaceAll("\t", "\n");
    const cells = picture.closest("[data-cells]")?.dataset.cells.split("\n");
    return cells && cells[placeIn(picture, event, 24, cells.length / 24)].replaceAll("\t", "\n");
  }

  function wordsBelow(event) {
    const over = (places) => event.target.closest?.(places);
    if (over("time")) return new Date(over("time").dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "long" });
    if (over("[data-days]")) return dayBelow(over("[data-days]"), event);
    const picture = over("svg[role=img]");
    return picture && (partBelow(picture, event) ?? picture.getAttribute("aria-label"));
  }

  const tip = document.body.appendChild(Object.assign(document.createElement("div"), { className: "tip", hidden: true }));
  document.addEventListener("pointermove", (event) => {
    const words = wordsBelow(event);
    tip.hidden = !words;
    if (!words) return;
    tip.textContent = words;
    tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = (event.clientY + 20 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 8 : event.clientY + 16) + "px";
  });

  // A click on a chart shows the next shorter range around that moment.
  document.addEventListener("click", (event) => {
    const picture = event.target.closest("[data-closer] svg[role=img]");
    if (!picture) return;
    const { parts, first, partS, closer, closerS } = picture.closest("[data-closer]").dataset;
    const place = placeIn(picture, event, parts.split("\n").length);
    const until = new Date(Date.parse(first) + ((place + 0.5) * partS + closerS / 2) * 1000);
    location.assign(location.pathname + "?" + new URLSearchParams({ range: closer, until: until.toISOString() }) + "#charts");
  });

  timer = setTimeout(refresh, REFRESH_MS);
})();
