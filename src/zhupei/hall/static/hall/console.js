/* Keeps a console live: puts in what the server's stream says has changed, lets the clocks tick, and falls back to loading. */
(() => {
  "use strict";

  const map = document.getElementById("hall-map");
  const script = document.getElementById("hall-script");
  if (!map || !script) return;

  const only = map.dataset.only || "";
  const word = document.querySelector("#hall-link span");
  const title = document.title;
  const EVERY = 5000;

  /* ── clocks: each ticks on from what the server said when it came ──────────────────────────────────── */

  const CLOCKS = "[data-left], [data-since]";
  const bases = new WeakMap();
  const shown = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const wind = (root) => root.querySelectorAll(CLOCKS).forEach((one) => {
    if (!bases.has(one)) bases.set(one, performance.now());
  });
  const tick = () => map.querySelectorAll(CLOCKS).forEach((one) => {
    const gone = Math.floor((performance.now() - (bases.get(one) || performance.now())) / 1000);
    const down = "left" in one.dataset;
    const value = down ? Math.max(Number(one.dataset.left) - gone, 0) : Number(one.dataset.since) + gone;
    const text = shown(value);
    if (one.textContent !== text) one.textContent = text;
  });

  /* ── putting in ────────────────────────────────────────────────────────────────────────────────────── */

  const put = (element, html) => {
    const held = element.contains(document.activeElement) ? document.activeElement : null;
    const link = held && held.getAttribute("href");
    element.innerHTML = html;
    wind(element);
    if (link) {
      const again = [...element.querySelectorAll("a")].find((one) => one.getAttribute("href") === link);
      if (again) again.focus({preventScroll: true});
    }
  };

  let known = null;
  const settle = () => {
    const flags = document.getElementById("hall-flags");
    if (!flags) return;
    const on = flags.dataset.flags.split(" ");
    document.querySelectorAll("[data-when]").forEach((one) => {
      one.hidden = !on.includes(one.dataset.when) && !one.contains(document.activeElement);
    });
    const urgent = Number(flags.dataset.urgent);
    document.title = urgent ? `(${urgent}!) ${title}` : title;
    const now = new Map([...map.querySelectorAll("[data-alarm][data-level='3']")].map((one) => [one.dataset.alarm, one]));
    const fresh = known && [...now.keys()].find((id) => !known.has(id));
    if (fresh) {
      const says = now.get(fresh).textContent.replace(/\s+/g, " ").trim();
      document.getElementById("z-live").textContent = `${script.dataset.textUrgent} ${says}`;
    }
    known = new Set(now.keys());
  };

  /* A seat's own page shows one part alone; when the state changes, what can be done changes too. */
  const stateOf = (root) => (root.querySelector("[data-state]") || {dataset: {}}).dataset.state;
  const single = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html;
    const part = box.content.getElementById(only);
    return part ? part.innerHTML : html;
  };
  const refresh = (html) => {
    const element = document.getElementById(only);
    const before = stateOf(element);
    put(element, html);
    element.querySelectorAll("a.hall-seat").forEach((one) => one.removeAttribute("href"));
    const busy = document.querySelector("details[open]") || document.activeElement.matches("input, textarea");
    if (stateOf(element) !== before && !busy) location.reload();
  };

  const take = (parts) => {
    for (const [id, html] of Object.entries(parts)) {
      if (only) {
        if (id === map.id && html.includes(`id="${only}"`)) refresh(single(html));
        else if (id === only) refresh(html);
      } else {
        const element = document.getElementById(id);
        if (element) put(element, html);
      }
    }
    settle();
  };

  const say = (name, live) => {
    if (!word) return;
    word.textContent = script.dataset[`text${name}`];
    word.parentNode.classList.toggle("hall-lost", !live);
  };

  /* ── the stream, or loading every five seconds where there is none ─────────────────────────────────── */

  const SILENT = 40000; // the server says something every 15 seconds
  let source = null;
  let loading = 0;
  let loads = 0;
  let heard = 0;

  const load = async () => {
    try {
      const answer = await fetch(map.dataset.page, {headers: {"HX-Request": "true"}, cache: "no-store"});
      if (answer.redirected || answer.status === 401 || answer.status === 403) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const box = document.createElement("template");
      box.innerHTML = await answer.text();
      const found = box.content.getElementById(map.id);
      if (found) take({[map.id]: found.innerHTML});
      say("Polled", true);
      loads += 1;
      if (loads % 12 === 0) listen();
    } catch {
      say("Lost", false);
    }
  };
  const poll = () => {
    if (!loading) { loading = setInterval(load, EVERY); load(); }
  };
  const listen = () => {
    if (source || !window.EventSource) return;
    source = new EventSource(map.dataset.live);
    heard = performance.now();
    source.addEventListener("beat", () => { heard = performance.now(); });
    source.onmessage = (event) => {
      heard = performance.now();
      clearInterval(loading);
      loading = 0;
      take(JSON.parse(event.data));
      say("Live", true);
    };
    source.onerror = () => {
      if (source && source.readyState === EventSource.CLOSED) { source = null; poll(); }
    };
  };
  const end = () => {
    if (source) source.close();
    source = null;
    clearInterval(loading);
    loading = 0;
  };
  const begin = () => { if (window.EventSource) listen(); else poll(); };

  wind(map);
  setInterval(() => {
    tick();
    if (!source) return;
    const silence = performance.now() - heard;
    if (source.readyState !== EventSource.OPEN && silence > EVERY) say("Lost", false);
    if (silence > SILENT) { end(); begin(); } // a dead line that nobody has closed
  }, 1000);
  settle();
  begin();
  /* A browser holds few connections to a server: a window that nobody sees gives its own back. */
  document.addEventListener("visibilitychange", () => { if (document.hidden) end(); else begin(); });
  window.addEventListener("pagehide", end);
  window.addEventListener("pageshow", (event) => { if (event.persisted) begin(); });
})();
