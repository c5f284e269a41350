/* What script adds to pages that work without it. Nothing here decides anything; the server does. */
(() => {
  "use strict";

  const script = document.getElementById("z-script");
  const text = (name) => script.dataset[`text${name}`] || "";
  const live = () => document.getElementById("z-live");
  const each = (root, selector, act) => root.querySelectorAll(selector).forEach(act);

  let silence;
  const say = (message) => {
    live().textContent = message;
    clearTimeout(silence);
    silence = setTimeout(() => { live().textContent = ""; }, 8000);
  };

  /* ── a form is sent once ───────────────────────────────────────────────────────────────────────────── */

  const release = (form) => each(form, "[data-sent]", (button) => {
    button.disabled = false;
    button.removeAttribute("aria-busy");
    delete button.dataset.sent;
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (!filesFit(form)) { event.preventDefault(); return; }
    // After this turn, so that the pressed button's own name and value still go along.
    setTimeout(() => {
      each(form, "button:not([type=button]):not(:disabled)", (button) => {
        button.disabled = true;
        button.dataset.sent = "";
        button.setAttribute("aria-busy", "true");
      });
    });
    setTimeout(() => release(form), 15000); // a download leaves the page where it is
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) each(document, "form", release); });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest("form");
    if (form) release(form);
  });

  /* ── files that are too large are refused before they are sent ─────────────────────────────────────── */

  const fits = (input) => {
    const bound = Number(input.dataset.maxBytes);
    const good = !bound || [...input.files].every((file) => file.size <= bound);
    input.parentNode.querySelectorAll("[data-too-large]").forEach((note) => note.remove());
    if (!good) {
      const note = document.createElement("p");
      note.className = "z-error";
      note.dataset.tooLarge = "";
      note.setAttribute("role", "alert");
      note.textContent = text("TooLarge");
      input.after(note);
    }
    return good;
  };
  const filesFit = (form) => {
    const bad = [...form.querySelectorAll("input[type=file][data-max-bytes]")].filter((input) => !fits(input));
    if (bad.length) bad[0].focus();
    return !bad.length;
  };
  document.addEventListener("change", (event) => { if (event.target.matches("input[type=file]")) fits(event.target); });

  /* ── drafts: what was typed survives a lost connection, in this tab, for this person ────────────────── */

  const PREFIX = "zhupei:keep:";
  const store = (() => { try { return window.sessionStorage; } catch { return null; } })();
  const mine = `${PREFIX}${script.dataset.user}:`;
  const keyOf = (form) => `${mine}${location.pathname}:${form.dataset.keep}`;
  const PRIVATE = /pass|secret|token|otp|identity|id_?(number|no|card)|document_?(number|no)|phone|mobile|csrf/i;

  const keepable = (field) => field.name && !field.disabled
    && !["password", "hidden", "file", "submit", "button"].includes(field.type)
    && !("private" in field.dataset) && !PRIVATE.test(field.name);

  const collect = (form) => {
    const rows = {};
    each(form, "[data-formset]", (set) => { rows[set.dataset.formset] = set.querySelectorAll("[data-row]").length; });
    const values = {};
    for (const field of form.elements) {
      if (!keepable(field)) continue;
      if (field.type === "checkbox" || field.type === "radio") {
        (values[field.name] ||= []);
        if (field.checked) values[field.name].push(field.value);
      } else if (field.multiple) {
        values[field.name] = [...field.selectedOptions].map((option) => option.value);
      } else {
        (values[field.name] ||= []).push(field.value);
      }
    }
    return { values, rows };
  };

  const restore = (form, { values, rows }) => {
    each(form, "[data-formset]", (set) => {
      while (set.querySelectorAll("[data-row]").length < (rows[set.dataset.formset] || 0)) addRow(set);
    });
    const used = {};
    let changed = false;
    for (const field of form.elements) {
      const kept = keepable(field) && values[field.name];
      if (!kept) continue;
      if (field.type === "checkbox" || field.type === "radio") {
        changed ||= field.checked !== kept.includes(field.value);
        field.checked = kept.includes(field.value);
      } else if (field.multiple) {
        for (const option of field.options) {
          changed ||= option.selected !== kept.includes(option.value);
          option.selected = kept.includes(option.value);
        }
      } else {
        const value = kept[(used[field.name] = (used[field.name] ?? -1) + 1)];
        if (value === undefined) continue;
        changed ||= field.value !== value;
        field.value = value;
      }
    }
    return changed;
  };

  const read = (key) => { try { return JSON.parse(store.getItem(key)); } catch { return null; } };
  const write = (key, value) => { try { store.setItem(key, JSON.stringify(value)); } catch { /* full: no draft */ } };
  const forget = (test) => Object.keys(store).filter((key) => key.startsWith(PREFIX) && test(key))
    .forEach((key) => store.removeItem(key));

  const keepDrafts = () => {
    if (!store) return;
    if (script.dataset.user) forget((key) => !key.startsWith(mine));
    const forms = [...document.querySelectorAll("form[data-keep]")];
    const here = forms.map(keyOf);
    const accepted = document.querySelector(".z-message-success");
    // A draft that was sent is done with, once another page or a word of success came back.
    forget((key) => read(key)?.sent && (accepted || !here.includes(key)));
    forms.forEach((form) => {
      const key = keyOf(form);
      const draft = read(key);
      const asServed = collect(form);
      if (draft && !("answered" in form.dataset) && restore(form, draft)) {
        const note = document.createElement("div");
        note.className = "z-kept";
        note.setAttribute("role", "status");
        const words = document.createElement("span");
        words.textContent = text("Restored");
        const button = document.createElement("button");
        button.type = "button";
        button.className = "btn btn-outline-primary btn-sm";
        button.textContent = text("Discard");
        button.addEventListener("click", () => { store.removeItem(key); restore(form, asServed); note.remove(); });
        note.append(words, button);
        form.prepend(note);
      }
      form.addEventListener("input", () => write(key, { ...collect(form), sent: false }));
      form.addEventListener("submit", () => write(key, { ...collect(form), sent: true }));
    });
    each(document, "form[data-forget]", (form) => form.addEventListener("submit", () => forget(() => true)));
  };

  /* ── rows of a formset ─────────────────────────────────────────────────────────────────────────────── */

  const addRow = (set) => {
    const total = set.querySelector(`[name="${set.dataset.formset}-TOTAL_FORMS"]`);
    const limit = set.querySelector(`[name="${set.dataset.formset}-MAX_NUM_FORMS"]`);
    const number = Number(total.value);
    if (limit && number >= Number(limit.value)) return null;
    const html = set.querySelector("template").innerHTML
      .replaceAll("__prefix__", number).replaceAll("__number__", number + 1);
    const rows = set.querySelector("[data-rows]");
    rows.insertAdjacentHTML("beforeend", html);
    total.value = number + 1;
    return rows.lastElementChild;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=add_row]");
    const set = button?.closest("[data-formset]");
    if (!set) return;
    const row = addRow(set);
    if (!row) return; // full: let the server say so
    event.preventDefault();
    row.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  });

  /* ── menus ─────────────────────────────────────────────────────────────────────────────────────────── */

  document.addEventListener("click", (event) => {
    each(document, "details.z-menu[open]", (menu) => { if (!menu.contains(event.target)) menu.open = false; });
    const toggle = event.target.closest("[data-toggle-nav]");
    const nav = document.getElementById("z-nav");
    if (toggle && nav) {
      event.preventDefault();
      const open = nav.classList.toggle("is-open");
      if (location.hash === "#z-nav") { nav.classList.remove("is-open"); location.hash = "main"; }
      each(document, ".z-nav-open, .z-tabs [data-toggle-nav]", (link) => link.setAttribute("aria-expanded", open));
      (open ? nav.querySelector("a") : document.querySelector(".z-nav-open"))?.focus();
    }
    if (event.target.closest("[data-back]") && history.length > 1) { event.preventDefault(); history.back(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    each(document, "details.z-menu[open]", (menu) => { menu.open = false; menu.querySelector("summary").focus(); });
    document.getElementById("z-nav")?.classList.remove("is-open");
  });

  /* ── htmx ──────────────────────────────────────────────────────────────────────────────────────────── */

  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.querySelector("meta[name=csrf-token]");
    if (token) event.detail.headers["X-CSRFToken"] = token.content;
  });
  ["htmx:sendError", "htmx:timeout", "htmx:responseError"].forEach((name) => {
    document.addEventListener(name, () => say(text("Lost")));
  });

  /* ── what a fresh page or a swapped piece needs ────────────────────────────────────────────────────── */

  const load = (source) => new Promise((done, fail) => {
    const tag = document.createElement("script");
    Object.assign(tag, { src: source, onload: done, onerror: fail });
    document.head.append(tag);
  });
  let drawing;
  const dress = (root) => {
    each(root, ".z-nav-open, .z-tabs [data-toggle-nav]", (link) => {
      link.setAttribute("aria-expanded", "false");
      link.setAttribute("aria-controls", "z-nav");
    });
    each(root, ".z-table-wrap", (wrap) => { // wider than the screen: reachable by keyboard
      if (wrap.scrollWidth > wrap.clientWidth + 1) wrap.tabIndex = 0;
    });
    if (root.querySelector("[data-chart]")) {
      drawing ||= load(script.dataset.echarts).then(() => load(script.dataset.charts));
      drawing.then(() => window.zhupeiCharts(root)).catch(() => { /* the table stands in for the chart */ });
    }
  };

  const start = () => {
    dress(document);
    keepDrafts();
    document.getElementById("form-errors")?.focus();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
  document.addEventListener("htmx:load", (event) => { if (event.target !== document.body) dress(event.target); });
})();
