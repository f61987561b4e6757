"use strict";
// The page can be read without this. It keeps what is shown up to date, searches as one types, and explains bars.
(() => {
  const REFRESH_MS = 5000, TYPING_MS = 150;
  let address = location.href, asked = 0, timer = 0;

  document.documentElement.classList.add("scripted");

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const live = document.querySelectorAll("[data-live]");
    if (live.length !== fresh.querySelectorAll("[data-live]").length) return location.reload();
    document.title = fresh.title;
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
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.target.closest("input, select, textarea")) { event.preventDefault(); form.elements.q.focus(); }
    });
  }

  const tip = document.body.appendChild(Object.assign(document.createElement("div"), { className: "tip", hidden: true }));
  document.addEventListener("pointermove", (event) => {
    const cell = event.target.closest?.("[data-days]");
    tip.hidden = !cell;
    if (!cell) return;
    const box = cell.querySelector("svg").getBoundingClientRect(), days = 90;
    const place = Math.min(days - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * days)));
    const day = new Date(Date.now() - (days - 1 - place) * 864e5).toISOString().slice(0, 10);
    const found = cell.dataset.days.split("\n").find((line) => line.startsWith(place + ":"));
    tip.textContent = day + ": " + (found ? found.slice(found.indexOf(":") + 1) : "100% up");
    tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = event.clientY + 16 + "px";
  });

  timer = setTimeout(refresh, REFRESH_MS);
})();
