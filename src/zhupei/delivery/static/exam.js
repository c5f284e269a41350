/* The candidate's page with script: no page load in a subject, every answer saved as it is given.
 *
 * Written for old browsers too: ES3 syntax, XMLHttpRequest, no library. Without it every page works by plain forms.
 *
 * Answers. A change makes its slot dirty with a new sequence number; it stays dirty, also over reloads (localStorage, where
 * there is one), until an acknowledgement carries that number. One request is on its way at a time; after a failure it is tried
 * again after 2, 4, 8, then every 15 seconds, and at once when the network comes back. If the server holds a newer answer, that
 * one is shown.
 *
 * Time. The countdown runs from the server's word in each answer, on performance.now() where there is one.
 *
 * Warnings of the invigilator come with any answer of the server and stand before the paper until they are read.
 *
 * When the server is gone and the hall has another, elsewhere.js goes on there with what is dirty.
 */
(function () {
  "use strict";

  var doc = document;
  var html = doc.documentElement;
  html.className += " script";
  var root = html.getAttribute("data-root") || "";
  var main = doc.getElementById("main");
  var kind = main ? main.getAttribute("data-page") : "";

  // --- small tools ---------------------------------------------------------------------------------------------

  function byId(id) { return doc.getElementById(id); }

  function on(target, name, handler) {
    if (target.addEventListener) { target.addEventListener(name, handler, false); }
    else if (target.attachEvent) { target.attachEvent("on" + name, function () { return handler(window.event); }); }
  }

  function stop(event) {
    if (event.preventDefault) { event.preventDefault(); }
    event.returnValue = false;
  }

  function now() {
    if (window.performance && performance.now) { return performance.now(); }
    return new Date().getTime();
  }

  function text(node, words) {
    if (!node) { return; }
    while (node.firstChild) { node.removeChild(node.firstChild); }
    node.appendChild(doc.createTextNode(words));
  }

  function hasClass(node, name) { return (" " + node.className + " ").indexOf(" " + name + " ") >= 0; }

  function setClass(node, name, yes) {
    if (!node || hasClass(node, name) === !!yes) { return; }
    if (yes) { node.className += (node.className ? " " : "") + name; }
    else { node.className = (" " + node.className + " ").replace(" " + name + " ", " ").replace(/^\s+|\s+$/g, ""); }
  }

  function show(node, yes) {
    if (!node) { return; }
    if (yes) { node.removeAttribute("hidden"); node.style.display = ""; }
    else { node.setAttribute("hidden", "hidden"); }
  }

  function find(list, value) {
    for (var i = 0; i < list.length; i++) { if (list[i] === value) { return i; } }
    return -1;
  }

  function same(a, b) {
    if (a.length !== b.length) { return false; }
    for (var i = 0; i < a.length; i++) { if (find(b, a[i]) < 0) { return false; } }
    return true;
  }

  function within(node, check) {
    while (node && node !== doc) {
      if (check(node)) { return node; }
      node = node.parentNode;
    }
    return null;
  }

  function attr(node, name) { return node && node.getAttribute ? node.getAttribute(name) : null; }

  // done(status, value, words): status 0 when the server was not reached
  function call(method, path, value, done, plain) {
    var request = new XMLHttpRequest();
    var over = false;
    var timer;
    function finish(status, words) {
      if (over) { return; }
      over = true;
      clearTimeout(timer);
      var parsed = null;
      if (!plain && words) { try { parsed = JSON.parse(words); } catch (e) { parsed = null; } }
      if (!plain && status === 200 && !parsed) { status = 0; }  // not our server: a network's own page, a torn answer
      done(status, parsed, words);
    }
    request.onreadystatechange = function () {
      if (request.readyState !== 4) { return; }
      var status = 0;
      var words = "";
      try { status = request.status; words = request.responseText; } catch (e) { status = 0; }
      if (status > 599) { status = 0; }  // old Internet Explorer reports 12029 and the like
      finish(status, words);
    };
    timer = setTimeout(function () {
      finish(0, "");
      try { request.abort(); } catch (e) { over = true; }
    }, 10000);
    try {
      request.open(method, root + path, true);
      if (value) { request.setRequestHeader("Content-Type", "application/json"); }
      request.setRequestHeader("Cache-Control", "no-cache");
      request.send(value ? JSON.stringify(value) : null);
    } catch (e) {
      setTimeout(function () { finish(0, ""); }, 0);
    }
  }

  // --- display settings, on every page ---------------------------------------------------------------------------

  on(doc, "click", function (event) {
    var link = within(event.target || event.srcElement, function (node) { return !!attr(node, "data-look"); });
    if (!link) { return; }
    var what = attr(link, "data-look");
    if (what === "lang" || !window.JSON) { return; }
    stop(event);
    var address = link.getAttribute("href");
    call("GET", address.substring(root.length), null, function () { return; }, true);
    var yes = /=(large|high)\b/.test(address);
    setClass(html, what === "size" ? "large" : "contrast", yes);
    link.setAttribute("href", yes
      ? address.replace("=large", "=normal").replace("=high", "=plain")
      : address.replace("=normal", "=large").replace("=plain", "=high"));
    text(link, lookWords[what + (yes ? "1" : "0")]);
  });
  var zh = (html.lang || "").indexOf("en") !== 0;
  var lookWords = zh
    ? { size1: "标准字号", size0: "大字", contrast1: "普通颜色", contrast0: "高对比度" }
    : { size1: "Normal type", size0: "Large type", contrast1: "Normal colours", contrast0: "High contrast" };

  if (!window.JSON || !window.XMLHttpRequest) { return; }

  function nothing() { return {}; }

  // the server answered with this status: one that is gone, or only stands by, is looked for elsewhere
  function heard(status, fields, tell) {
    var elsewhere = window.zhupeiElsewhere;
    if (!elsewhere) { return; }
    if (status === 0 || status >= 500) { elsewhere.lost(fields, tell); } else { elsewhere.found(); }
  }

  // --- waiting: ask quietly, load again only when something changed ----------------------------------------------

  if (kind === "wait") {
    var waiting = function () {
      call("POST", "/heartbeat", { form: main.getAttribute("data-form") }, function (status, pulse) {
        var opened = main.getAttribute("data-opened") === "1";
        var changes = status === 200 && pulse && (pulse.opened !== opened || pulse.state !== "admitted" ||
          String(pulse.warning_no) !== main.getAttribute("data-warning"));
        if (changes || status === 403) {
          location.reload();
          return;
        }
        heard(status, nothing, nothing);
        setTimeout(waiting, opened ? 15000 : 3000);
      });
    };
    setTimeout(waiting, 3000);
    return;
  }
  if (kind !== "paper") { return; }

  // --- the paper -------------------------------------------------------------------------------------------------

  var form = main.getAttribute("data-form");
  var candidate = main.getAttribute("data-candidate");
  var subject = main.getAttribute("data-subject");
  var paper = main.getAttribute("data-paper");
  var at = parseInt(main.getAttribute("data-n"), 10) || 1;

  var words = {};
  var slots = [];
  var units = [];
  var answers = {};      // slot key -> option ids as chosen here
  var marked = {};       // slot key -> true
  var dirty = {};        // slot key -> {a: answer or null, m: mark or null, s: seq}
  var stale = {};        // slot key -> true: the server's newer answer replaced ours
  var sequence = 0;
  var sending = null;
  var wait = 0;
  var retryTimer = null;
  var link = "";
  var misses = 0;
  var version = -1;
  var leftAt = null;
  var leftMs = 0;
  var over = false;
  var paused = false;
  var announced = {};
  var awaySince = null;
  var awayMs = 0;
  var partOpen = false;
  var leaving = false;
  var sought = false;
  var store = null;
  try {
    store = window.localStorage;
    store.setItem("zhupei", "1");
    store.removeItem("zhupei");
  } catch (e) { store = null; }

  function say(key, values) {
    var result = words[key] || "";
    for (var name in values) {
      if (values.hasOwnProperty(name)) { result = result.replace("{" + name + "}", values[name]); }
    }
    return result;
  }

  function storeName() { return "zhupei:" + candidate + ":" + paper; }

  // what another candidate of this machine left behind
  function dropOthers() {
    if (!store) { return; }
    try {
      var own = "zhupei:" + candidate + ":";
      for (var i = store.length - 1; i >= 0; i--) {
        var name = store.key(i) || "";
        if (name.indexOf("zhupei:") === 0 && name !== "zhupei:keys" && name.indexOf(own) !== 0) { store.removeItem(name); }
      }
    } catch (e) { store = null; }
  }

  // what goes along to the other server
  function unsent() {
    var list = [];
    for (var key in dirty) {
      if (dirty.hasOwnProperty(key)) {
        var one = { subject: subject, paper: paper, key: key, seq: dirty[key].s };
        if (dirty[key].a !== null) { one.answer = dirty[key].a; }
        if (dirty[key].m !== null) { one.marked = dirty[key].m; }
        list.push(one);
      }
    }
    leaving = true;
    setTimeout(function () { leaving = false; }, 14000);
    return { unsent: JSON.stringify(list), subject: subject, n: at };
  }

  function seeking() { sought = true; note(say("cross.seek")); }

  function remember() {
    if (!store) { return; }
    try {
      var any = false;
      for (var key in dirty) { if (dirty.hasOwnProperty(key)) { any = true; } }
      if (any) { store.setItem(storeName(), JSON.stringify(dirty)); } else { store.removeItem(storeName()); }
    } catch (e) { store = null; }
  }

  function recall() {
    if (!store) { return; }
    try {
      var kept = JSON.parse(store.getItem(storeName()) || "{}");
      for (var i = 0; i < slots.length; i++) {
        var one = kept[slots[i].key];
        if (one && one.s) {
          dirty[slots[i].key] = one;
          if (one.a) { answers[slots[i].key] = one.a; }
          if (one.m !== null) { marked[slots[i].key] = one.m; }
        }
      }
    } catch (e) { return; }
  }

  function count() {
    var n = 0;
    for (var key in dirty) { if (dirty.hasOwnProperty(key)) { n++; } }
    return n;
  }

  // --- what one sees ---------------------------------------------------------------------------------------------

  function slotState(key) {
    if (dirty[key] && dirty[key].a) { return "given"; }
    if (answers[key] && answers[key].length) { return "kept"; }
    return "empty";
  }

  function paintCell(no) {
    var slot = slots[no - 1];
    var cell = byId("cell-" + no);
    if (!slot || !cell) { return; }
    var state = slotState(slot.key);
    setClass(cell, "given", state === "given");
    setClass(cell, "kept", state === "kept");
    setClass(cell, "marked", !!marked[slot.key]);
    setClass(cell, "current", no === at);
    if (no === at) { cell.setAttribute("aria-current", "true"); } else { cell.removeAttribute("aria-current"); }
    var label = say("paper.question", { no: no }) + ", " + say("sheet." + state);
    cell.setAttribute("aria-label", label + (marked[slot.key] ? ", " + say("sheet.marked") : ""));
    var keep = byId("keep-" + no);
    if (keep) {
      keep.className = "keep keep-" + state;
      text(keep, stale[slot.key] ? say("state.stale") : say("state." + state));
    }
  }

  // the answer sheet scrolls where the window is low: the present question stays in sight
  function reveal(no) {
    var cells = byId("cells");
    var cell = byId("cell-" + no);
    if (!cell || cells.scrollHeight <= cells.clientHeight) { return; }
    var below = cell.offsetTop + cell.offsetHeight - cells.clientHeight;
    if (cell.offsetTop - 40 < cells.scrollTop) { cells.scrollTop = cell.offsetTop - 40; }
    if (below + 24 > cells.scrollTop) { cells.scrollTop = below + 24; }
  }

  function paintSheet() {
    var done = 0;
    for (var i = 0; i < slots.length; i++) {
      if (answers[slots[i].key] && answers[slots[i].key].length) { done++; }
      paintCell(i + 1);
    }
    text(byId("count"), say("sheet.count", { answered: done, total: slots.length }));
    var n = count();
    var unsaved = byId("unsaved");
    var told = n ? say("unsaved", { n: n }) : say("all.saved");
    if (unsaved && unsaved.getAttribute("data-told") !== told) {
      unsaved.setAttribute("data-told", told);
      text(unsaved, told);
      setClass(unsaved, "waiting", n > 0);
    }
  }

  function paintBar() {
    var slot = slots[at - 1];
    var mark = byId("go-mark");
    var is = !!marked[slot.key];
    text(mark, say(is ? "go.unmark" : "go.mark"));
    mark.setAttribute("aria-pressed", is ? "true" : "false");
    byId("go-prev").disabled = units[slot.unit - 1].slots[0] === 1;
    text(byId("go-next"), say(units[slot.unit - 1].slots[units[slot.unit - 1].slots.length - 1] === slots.length ? "go.review" : "go.next"));
  }

  function inputsOf(key) {
    var all = byId("item").getElementsByTagName("input");
    var own = [];
    for (var i = 0; i < all.length; i++) { if (all[i].name === "a:" + key) { own.push(all[i]); } }
    return own;
  }

  function paintChoices(key) {
    var inputs = inputsOf(key);
    for (var i = 0; i < inputs.length; i++) {
      inputs[i].checked = find(answers[key] || [], inputs[i].value) >= 0;
      setClass(inputs[i].parentNode, "on", inputs[i].checked);
    }
  }

  function go(no, focus) {
    if (no < 1 || no > slots.length || over) { return; }
    closePart();
    var before = at;
    at = no;
    var unit = units[slots[no - 1].unit - 1];
    var item = byId("item");
    if (!item.firstChild || item.getAttribute("data-unit") !== String(slots[no - 1].unit)) {
      item.innerHTML = unit.html;
      item.setAttribute("data-unit", String(slots[no - 1].unit));
      for (var i = 0; i < unit.slots.length; i++) { paintChoices(slots[unit.slots[i] - 1].key); }
      if (focus !== false) { window.scrollTo(0, 0); }
    }
    var hidden = byId("exam").elements;
    for (var j = 0; j < hidden.length; j++) { if (hidden[j].name === "n") { hidden[j].value = String(no); } }
    paintCell(before);
    paintSheet();
    reveal(no);
    paintBar();
    if (focus !== false) {
      var place = byId("q" + no);
      if (place) {
        place.setAttribute("tabindex", "-1");
        try { place.focus(); } catch (e) { place = null; }
        if (place && unit.slots.length > 1 && no !== unit.slots[0] && place.scrollIntoView) { place.scrollIntoView(); window.scrollBy(0, -120); }
      }
    }
    if (window.history && history.replaceState) {
      history.replaceState(null, "", root + "/paper?subject=" + encodeURIComponent(subject) + "&n=" + no);
    }
  }

  function note(message, sort) {
    var place = byId("message");
    if (!message) { show(place, false); return; }
    place.className = "notice " + (sort || "wait");
    text(place, message);
    show(place, true);
  }

  function setLink(name) {
    if (name === "ok" && sought) { sought = false; note(""); }
    if (link === name) { return; }
    link = name;
    byId("link").className = "link link-" + name;
    var key = name === "again" && !store ? "link.again.nostore" : "link." + name;
    text(byId("link-word"), say(key));
    if (name !== "ok" || byId("say").firstChild) { text(byId("say"), say(key)); }
  }

  // --- time ------------------------------------------------------------------------------------------------------

  function takeTime(value) {
    if (!value || typeof value.remaining_ms !== "number") { return; }
    takeWarning(value);
    var shown = leftAt === null ? 0 : leftMs - (now() - leftAt);
    if (value.deadline_version !== version || leftAt === null || Math.abs(shown - value.remaining_ms) > 1200) {
      version = value.deadline_version;
      leftMs = value.remaining_ms;
      leftAt = now();
    }
    if (value.state) { setState(value.state); }
  }

  function setState(state) {
    var was = paused;
    paused = state === "paused";
    if (paused !== was) {
      show(byId("overlay"), paused);
      show(byId("exam"), !paused);
      if (!paused) { leftAt = now(); flush(); }
    }
    if (state === "submitted" || state === "voided") { leave("/result"); }
  }

  function leave(address) {
    over = true;
    if (store && !count()) { remember(); }
    location.href = root + address;
  }

  function tick() {
    if (leftAt === null || over || paused) { return; }
    var left = Math.max(0, Math.ceil((leftMs - (now() - leftAt)) / 1000));
    var h = Math.floor(left / 3600);
    var m = Math.floor(left / 60) % 60;
    var s = left % 60;
    var shown = (h ? h + ":" + (m < 10 ? "0" : "") : (m < 10 ? "0" : "")) + m + ":" + (s < 10 ? "0" : "") + s;
    var place = byId("countdown");
    if (place.getAttribute("data-shown") !== shown) {
      place.setAttribute("data-shown", shown);
      text(place, shown);
      setClass(place, "soon", left <= 600);
    }
    var minutes = [10, 5, 1];
    for (var i = 0; i < minutes.length; i++) {
      if (left <= minutes[i] * 60 && left > minutes[i] * 60 - 5 && !announced[minutes[i] + "/" + version]) {
        announced[minutes[i] + "/" + version] = true;
        text(byId("say"), say("time.say", { minutes: minutes[i] }));
        note(say("time.say", { minutes: minutes[i] }));
      }
    }
    if (left === 0) { timeOver(); }
  }

  var ending = false;
  function timeOver() {
    if (ending) { return; }
    ending = true;
    note(say("time.over"), "bad");
    text(byId("say"), say("time.over"));
    flush();
    var tries = 0;
    var end = function () {
      if (over) { return; }
      if (leftMs - (now() - leftAt) > 1000) { ending = false; note(""); return; }  // time was added
      tries++;
      // what is not kept yet goes first: the server takes it within its grace, and hands in by itself after that
      if (count()) {
        flush();
        if (tries % 4 === 0) { beat(); }
        setTimeout(end, 1500);
        return;
      }
      call("POST", "/hand-in", { form: form, by_clock: true }, function (status, value) {
        if (status === 200) { leave("/result"); return; }
        if (status === 409 || status === 403) { beat(); }
        setTimeout(end, 2000);
      });
    };
    setTimeout(end, 1200);
  }

  // --- warnings of the invigilator ---------------------------------------------------------------------------------

  var box = byId("warning");
  var warned = 0;      // the number of the warning that is shown
  var read = 0;        // read so far, whether the server knows or not
  var focused = null;  // where one was before
  var warnedAt = 0;

  // the box leaves the paper's form, so that it also stands before a summary or a pause
  function prepareWarning() {
    if (!box) { return; }
    box.setAttribute("role", "alertdialog");
    box.setAttribute("aria-modal", "true");
    main.appendChild(box);
    var value = parseInt(byId("warning-read").value.split(":")[1], 10);
    if (value) { openWarning(value, ""); }
  }

  function takeWarning(value) {
    if (!box || typeof value.warning_no !== "number") { return; }
    if (value.warning_no > read) { openWarning(value.warning_no, value.warning); return; }
    if (value.warning_no) { tellRead(); }
    if (warned) { closeWarning(); }
  }

  function openWarning(no, message) {
    if (warned === no) { return; }
    if (!warned) { try { focused = doc.activeElement; } catch (e) { focused = null; } }
    warned = no;
    warnedAt = now();
    if (message) { text(byId("warning-text"), message); }
    show(box, true);
    setClass(html, "warned", true);
    byId("warning-read").focus();
  }

  function closeWarning() {
    warned = 0;
    show(box, false);
    setClass(html, "warned", false);
    if (focused && focused.focus) { try { focused.focus(); } catch (e) { focused = null; } }
  }

  function readWarning() {
    if (!warned) { return; }
    read = warned;
    closeWarning();
    tellRead();
  }

  // if it does not get there, the next answer of the server still names the warning, and it is told again
  function tellRead() {
    call("POST", "/warning-read", { form: form, count: read }, function (status, value) {
      if (status === 200 && value && value.warning_no > read) { openWarning(value.warning_no, value.warning); }
    });
  }

  // --- saving ----------------------------------------------------------------------------------------------------

  function touch(key, answer, mark) {
    sequence++;
    var before = dirty[key];
    dirty[key] = {
      a: answer !== null ? answer : (before ? before.a : null),
      m: mark !== null ? mark : (before ? before.m : null),
      s: sequence
    };
    delete stale[key];
    remember();
    paintSheet();
    wait = 0;
    flush();
  }

  function flush() {
    if (sending || over || paused) { return; }
    var next = null;
    for (var key in dirty) {
      if (dirty.hasOwnProperty(key) && (next === null || dirty[key].s < dirty[next].s)) { next = key; }
    }
    if (next === null) { return; }
    clearTimeout(retryTimer);
    var one = dirty[next];
    var value = { form: form, paper: paper, subject: subject, key: next, seq: one.s };
    if (one.a !== null) { value.answer = one.a; }
    if (one.m !== null) { value.marked = one.m; }
    sending = next;
    call("POST", "/save", value, function (status, ack) {
      sending = null;
      if (status === 200 && ack) { kept(next, one, ack); return; }
      refused(next, one, status, ack);
    });
  }

  function kept(key, one, ack) {
    heard(200);
    setLink("ok");
    misses = 0;
    wait = 0;
    if (dirty[key] && dirty[key].s === one.s) {
      delete dirty[key];
      if (!ack.kept) {
        answers[key] = ack.answer;
        stale[key] = true;
        if (ack.rev > sequence) { sequence = ack.rev; }
        paintChoices(key);
      }
    }
    remember();
    takeTime(ack);
    paintSheet();
    flush();
  }

  function refused(key, one, status, problem) {
    var code = problem ? problem.error : "";
    // without a word of our server's own (a proxy's page, a torn answer) nothing is known: the answer stays
    if (status === 0 || status >= 500 || status === 429 || !code) { again(); return; }
    if (code === "paused") { setState("paused"); return; }
    if (code === "submitted" || code === "time_over" || code === "wrong_state") { beat(); retry(3000); return; }
    if (code === "not_signed_in" || (status === 403 && code === "bad_request")) {
      setLink("off");
      note((problem && problem.message ? problem.message + " " : "") + say("error.not_signed_in.do"), "bad");
      retry(15000);
      return;
    }
    // the server will never take it: stop asking, say so
    if (dirty[key] && dirty[key].s === one.s) { delete dirty[key]; }
    remember();
    note(problem && problem.message ? problem.message + " " + problem["do"] : say("error.failed"), "bad");
    paintSheet();
    flush();
  }

  function again() {
    heard(0, unsent, seeking);
    misses++;
    setLink(misses > 6 ? "off" : "again");
    wait = Math.min(wait ? wait * 2 : 2, 15);
    retry(wait * 1000);
  }

  function retry(ms) {
    clearTimeout(retryTimer);
    retryTimer = setTimeout(flush, ms);
  }

  // --- heartbeat -------------------------------------------------------------------------------------------------

  var beatTimer = null;
  var beatWait = 15;
  function beat() {
    clearTimeout(beatTimer);
    if (over) { return; }
    var value = { form: form };
    var told = awayMs;
    if (told > 0) { value.away_ms = Math.round(told); }
    call("POST", "/heartbeat", value, function (status, pulse) {
      heard(status, unsent, seeking);
      if (status === 200 && pulse) {
        awayMs -= told;
        beatWait = 15;
        misses = 0;
        if (link !== "ok") { wait = 0; }
        setLink("ok");
        takeTime(pulse);
        flush();
        if (ending) { tick(); }
      } else if (status === 0 || status >= 500) {
        misses++;
        setLink(misses > 6 ? "off" : "again");
        beatWait = Math.min(beatWait === 15 ? 2 : beatWait * 2, 15);
      } else if (status === 403) {
        setLink("off");
        note((pulse && pulse.message ? pulse.message + " " : "") + say("error.not_signed_in.do"), "bad");
        beatWait = 15;
      }
      clearTimeout(beatTimer);
      beatTimer = setTimeout(beat, (paused ? 3 : beatWait) * 1000);
    });
  }

  function away() { if (awaySince === null) { awaySince = now(); } }

  function back() {
    if (awaySince === null) { return; }
    var ms = now() - awaySince;
    awaySince = null;
    if (ms > 1000) { awayMs += ms; beat(); }
  }

  // --- going on --------------------------------------------------------------------------------------------------

  function closePart() {
    if (!partOpen) { return; }
    partOpen = false;
    var part = byId("part");
    if (part) { part.parentNode.removeChild(part); }
    show(byId("exam"), true);
  }

  function openPart(address) {
    if (count()) {
      note(say("pending", { n: count() }));
      flush();
      var tries = 0;
      var check = function () {
        tries++;
        if (!count()) { note(""); openPart(address); }
        else if (tries < 20 && link === "ok") { setTimeout(check, 250); }
      };
      setTimeout(check, 250);
      return;
    }
    call("GET", address + "?part=1", null, function (status, value, fragment) {
      if (status === 200 && fragment.indexOf('class="card"') >= 0) {
        closePart();
        partOpen = true;
        show(byId("exam"), false);
        var part = doc.createElement("div");
        part.id = "part";
        part.className = "part";
        part.innerHTML = fragment;
        main.appendChild(part);
        window.scrollTo(0, 0);
        var title = part.getElementsByTagName("h1")[0];
        if (title) { title.setAttribute("tabindex", "-1"); title.focus(); }
      } else if (status === 0 || status >= 500) {
        again();
        note(say("link.again"));
      } else { beat(); }
    }, true);
  }

  function confirmPart(target) {
    var what = attr(target, "data-confirm");
    var buttons = target.getElementsByTagName("button");
    if (buttons.length && buttons[0].disabled) { return; }
    if (count()) { closePart(); note(say("pending", { n: count() })); flush(); return; }
    if (buttons.length) { buttons[0].disabled = true; }
    var value = { form: form };
    if (what === "subject") { value.subject = attr(target, "data-subject"); }
    call("POST", what === "subject" ? "/next-subject" : "/hand-in", value, function (status, answer) {
      if (buttons.length) { buttons[0].disabled = false; }
      if (status === 200 && what === "subject") { load(value.subject, 1); return; }
      if (status === 200) { leave("/result"); return; }
      if (status === 0 || status >= 500) { again(); }
      closePart();
      note(answer && answer.message ? answer.message : say("link.again"), "bad");
    });
  }

  // --- what one does ---------------------------------------------------------------------------------------------

  function chosen(key) {
    var inputs = inputsOf(key);
    var result = [];
    for (var i = 0; i < inputs.length; i++) { if (inputs[i].checked) { result.push(inputs[i].value); } }
    return result;
  }

  function changed(key) {
    var is = chosen(key);
    if (same(is, answers[key] || []) && !stale[key]) { return; }
    answers[key] = is;
    paintChoices(key);
    touch(key, is, null);
  }

  function toggleMark() {
    var key = slots[at - 1].key;
    marked[key] = !marked[key];
    touch(key, null, marked[key]);
    paintBar();
  }

  // the arrow keys also stop at each question of a case; the buttons go from item to item
  function stepKey(by) {
    var other = slots[at - 1 + by];
    if (other && other.unit === slots[at - 1].unit) { go(at + by); } else { step(by); }
  }

  function step(by) {
    var unit = units[slots[at - 1].unit - 1];
    var no = by > 0 ? unit.slots[unit.slots.length - 1] + 1 : unit.slots[0] - 1;
    if (no > slots.length) { review(); return; }
    if (by < 0 && no >= 1) { no = units[slots[no - 1].unit - 1].slots[0]; }
    go(no);
  }

  function review() {
    var buttons = byId("onward").getElementsByTagName("button");
    if (buttons.length) { command(buttons[0].value); }
  }

  function command(value) {
    var parts = value.split(":");
    if (parts[0] === "prev") { step(-1); }
    else if (parts[0] === "next") { step(1); }
    else if (parts[0] === "mark" || parts[0] === "unmark") { toggleMark(); }
    else if (parts[0] === "n") { go(parseInt(parts[1], 10)); }
    else if (parts[0] === "clear") {
      var key = slots[parseInt(parts[1], 10) - 1].key;
      if (answers[key] && answers[key].length) { answers[key] = []; paintChoices(key); touch(key, [], null); }
    }
    else if (parts[0] === "warning") { readWarning(); }
    else if (parts[0] === "hand-in") { openPart("/hand-in"); }
    else if (parts[0] === "subject") {
      if (main.getAttribute("data-order") === "free") { load(parts[1], 1); } else { openPart("/next-subject"); }
    }
  }

  function slotOf(node) {
    var set = within(node, function (one) { return !!attr(one, "data-key"); });
    return set ? { key: attr(set, "data-key"), no: parseInt(attr(set, "data-no"), 10) } : null;
  }

  function clicked(event) {
    var target = event.target || event.srcElement;
    var button = within(target, function (node) { return node.nodeName === "BUTTON" && node.name === "go"; });
    if (button) {
      stop(event);
      // the box took the focus a moment ago: a key that was meant for the paper has read nothing
      if (button.id === "warning-read" && event.detail === 0 && now() - warnedAt < 800) { return; }
      if (button.value !== "stay" && !button.disabled) { command(button.value); }
      return;
    }
    var cell = within(target, function (node) { return !!attr(node, "data-go"); });
    if (cell) {
      stop(event);
      var no = parseInt(attr(cell, "data-go"), 10);
      if (attr(cell, "data-go-subject") === subject) { go(no); } else { load(attr(cell, "data-go-subject"), no); }
      return;
    }
    if (within(target, function (node) { return !!attr(node, "data-back"); })) { stop(event); closePart(); return; }
    var lang = within(target, function (node) { return attr(node, "data-look") === "lang"; });
    if (lang && (count() || link !== "ok")) { stop(event); note(say("pending", { n: count() })); return; }
    if (target.nodeName === "INPUT" && (target.type === "radio" || target.type === "checkbox")) {
      var slot = slotOf(target);
      if (!slot) { return; }
      if (slot.no !== at) { go(slot.no, false); }
      changed(slot.key);
    }
  }

  var shortcuts = true;
  try { shortcuts = !store || store.getItem("zhupei:keys") !== "off"; } catch (e) { store = null; }
  function pressed(event) {
    if (warned && event.keyCode === 9) { stop(event); byId("warning-read").focus(); return; }
    if (warned || paused || over || partOpen || event.ctrlKey || event.altKey || event.metaKey) { return; }
    var target = event.target || event.srcElement;
    var code = event.keyCode;
    if (target.nodeName === "INPUT" && target.type !== "radio" && target.type !== "checkbox") { return; }
    if ((code === 37 || code === 39) && hasClass(target, "rich-table")) { return; }  // a wide table scrolls
    if (code === 37 || code === 39) { stop(event); stepKey(code === 39 ? 1 : -1); return; }
    if (!shortcuts) { return; }
    if (code === 77) { stop(event); toggleMark(); return; }
    var place = code >= 49 && code <= 54 ? code - 49 : code >= 97 && code <= 102 ? code - 97 : code >= 65 && code <= 70 ? code - 65 : -1;
    if (place < 0) { return; }
    var focused = slotOf(target);
    var no = focused ? focused.no : at;
    var key = slots[no - 1].key;
    var inputs = inputsOf(key);
    if (place >= inputs.length) { return; }
    stop(event);
    if (no !== at) { go(no, false); }
    inputs[place].checked = inputs[place].type === "radio" ? true : !inputs[place].checked;
    changed(key);
  }

  function keysLine() {
    var line = doc.createElement("p");
    line.className = "keys";
    line.appendChild(doc.createTextNode(say("keys") + " "));
    var button = doc.createElement("button");
    button.type = "button";
    button.className = "quiet";
    var paint = function () { text(button, say(shortcuts ? "keys.on" : "keys.off")); button.setAttribute("aria-pressed", shortcuts ? "true" : "false"); };
    on(button, "click", function () {
      shortcuts = !shortcuts;
      try { if (store) { store.setItem("zhupei:keys", shortcuts ? "on" : "off"); } } catch (e) { store = null; }
      paint();
    });
    paint();
    line.appendChild(button);
    byId("sheet").appendChild(line);
  }

  // --- loading a subject -----------------------------------------------------------------------------------------

  var wired = false;
  var loading = false;
  function load(code, no) {
    if (loading) { return; }
    if (wired && code !== subject) {
      // another subject has another answer sheet: its page is loaded once everything is kept
      if (count()) { note(say("pending", { n: count() })); flush(); return; }
      loading = true;
      call("POST", "/heartbeat", { form: form }, function (status) {  // no page is left for one that does not come
        loading = false;
        if (status === 200 && !count()) { leave("/paper?subject=" + encodeURIComponent(code) + "&n=" + no); return; }
        if (status === 0 || status >= 500) { again(); note(say("link.again")); } else { beat(); }
      });
      return;
    }
    loading = true;
    call("GET", "/paper.json?subject=" + encodeURIComponent(code), null, function (status, value) {
      loading = false;
      if (status !== 200 || !value) {
        if (status === 409) { location.reload(); return; }
        setTimeout(function () { load(code, no); }, 2000);
        return;
      }
      words = value.words;
      slots = value.slots;
      units = value.units;
      sequence = value.seq;
      paper = value.paper;
      answers = value.answers;
      marked = {};
      for (var i = 0; i < value.marked.length; i++) { marked[value.marked[i]] = true; }
      var given = {};  // what was chosen while this was on its way
      if (!wired) {
        for (var j = 0; j < slots.length; j++) {
          if (slots[j].unit === slots[at - 1].unit && inputsOf(slots[j].key).length) {
            var is = chosen(slots[j].key);
            if (!same(is, answers[slots[j].key] || [])) { given[slots[j].key] = is; }
          }
        }
      }
      dropOthers();
      recall();
      wired = true;
      setLink("ok");
      takeTime(value);
      byId("item").setAttribute("data-unit", "");
      go(Math.min(no, slots.length), false);
      for (var key in given) {
        if (given.hasOwnProperty(key)) { answers[key] = given[key]; paintChoices(key); touch(key, given[key], null); }
      }
      wire();
      flush();
    });
  }

  var ready = false;
  function wire() {
    if (ready) { return; }
    ready = true;
    on(doc, "click", clicked);
    on(doc, "keydown", pressed);
    on(byId("exam"), "submit", stop);
    on(doc, "submit", function (event) {
      var target = event.target || event.srcElement;
      if (attr(target, "data-confirm")) { stop(event); confirmPart(target); }
    });
    on(window, "blur", away);
    on(window, "focus", back);
    on(doc, "visibilitychange", function () { if (doc.hidden) { away(); } else { back(); } });
    on(window, "online", function () { wait = 0; beat(); flush(); });
    on(window, "offline", function () { setLink("off"); });
    on(window, "pageshow", function (event) { if (event.persisted) { location.reload(); } });
    on(window, "beforeunload", function (event) {
      if (!over && !leaving && count() && !store) { event.returnValue = say("pending", { n: count() }); return event.returnValue; }
      return undefined;
    });
    keysLine();
    prepareWarning();
    setInterval(tick, 250);
    tick();
    beat();
  }

  load(subject, at);
}());
