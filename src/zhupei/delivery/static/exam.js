/* The candidate's page, part 4 of 4: the clock, what stands before the paper (pause, warning, summary), and the start.
 *
 * Time. The countdown runs from the server's word in each answer. An answer can only be late: of several about the same deadline
 * the earliest end is right.
 *
 * Warnings of the invigilator come with any answer of the server and stand before the paper until they are read.
 *
 * When the server is gone and the hall has another, elsewhere.js goes on there with what is dirty.
 *
 * Offers z.clock: take setState leave · z.dialogs: open close turn read isOpen isWarned isHasty
 */
(function () {
  "use strict";

  var z = window.zhupei;
  var doc = document;
  if (!z || !z.sheet) {  // a part did not come: the page stays one of plain forms, and nobody waits on it for ever
    var main = doc.getElementById("main");
    if (!z && main && main.getAttribute("data-opened") === "0") { setTimeout(function () { location.reload(); }, 3000); }
    return;
  }
  var page = z.page;
  var byId = z.byId;
  var attr = z.attr;
  var say = z.say;
  var text = z.text;
  var show = z.show;
  var moment = z.moment;

  // --- time ------------------------------------------------------------------------------------------------------

  var endsAt = null;     // on moment()
  var version = -1;
  var announced = {};
  var isEnding = false;

  function takeTime(value) {
    if (typeof value.remaining_ms !== "number") { return; }
    takeWarning(value);
    var ends = moment() + value.remaining_ms;
    // later than was said: time was added, or it is another clock's; a little later: a slow line
    if (endsAt === null || value.deadline_version !== version || z.paused || ends < endsAt || ends > endsAt + 5000) {
      version = value.deadline_version;
      endsAt = ends;
    }
    if (value.state) { setState(value.state); }
    if (isEnding) { tick(); }
  }

  function setState(state) {
    var was = z.paused;
    z.paused = state === "paused";
    if (z.paused !== was) {
      show(byId("overlay"), z.paused);
      show(byId("exam"), !z.paused && !part);
      show(part, !z.paused);
      if (!z.paused) { z.answers.flush(); }
    }
    if (state === "submitted" || state === "voided") { leave("/result"); }
  }

  function leave(address) {
    z.over = true;
    location.href = z.root + address;
  }

  function two(number) { return (number < 10 ? "0" : "") + number; }

  function tick() {
    if (endsAt === null || z.over || z.paused) { return; }
    var left = Math.max(0, Math.ceil((endsAt - moment()) / 1000));
    var h = Math.floor(left / 3600);
    var m = Math.floor(left / 60) % 60;
    var shown = (h ? h + ":" : "") + two(m) + ":" + two(left % 60);
    var place = byId("countdown");
    if (attr(place, "data-shown") !== shown) {
      place.setAttribute("data-shown", shown);
      text(place, shown);
      z.setClass(place, "soon", left <= 600);
    }
    var minutes = [10, 5, 1];
    for (var i = 0; i < minutes.length; i++) {
      var name = minutes[i] + "/" + version;
      if (left <= minutes[i] * 60 && left > minutes[i] * 60 - 5 && !announced[name]) {
        announced[name] = true;
        text(byId("say"), say("time.say", { minutes: minutes[i] }));
        z.note(say("time.say", { minutes: minutes[i] }), "wait", "time");
        setTimeout(function () { z.clearNote("time"); }, 30000);
      }
    }
    if (left === 0) { timeOver(); }
  }

  function timeOver() {
    if (isEnding) { return; }
    isEnding = true;
    z.note(say("time.over"), "bad", "over");
    text(byId("say"), say("time.over"));
    z.answers.flush();
    var tries = 0;
    var end = function () {
      if (z.over) { return; }
      if (endsAt - moment() > 1000) { isEnding = false; z.clearNote("over"); return; }  // time was added
      tries++;
      // what is not kept yet goes first: the server takes it within its grace, and hands in by itself after that
      if (z.answers.count()) {
        z.answers.flush();
        if (tries % 4 === 0) { z.beat(); }
        setTimeout(end, 1500);
        return;
      }
      z.call("POST", "/hand-in", { form: z.form, by_clock: true }, function (status, value) {
        if (status === 200 && value.next) { leave("/result"); return; }
        if (status === 409 || status === 403) { z.beat(); }
        setTimeout(end, 2000);
      });
    };
    setTimeout(end, 1200);
  }

  // --- warnings of the invigilator ---------------------------------------------------------------------------------

  var box = byId("warning");
  var warned = 0;      // the number of the warning that is shown
  var read = 0;        // read so far, whether the server knows or not
  var before = null;   // where one was
  var warnedAt = 0;

  // the box leaves the paper's form, so that it also stands before a summary or a pause
  function prepareWarning() {
    if (!box) { return; }
    box.setAttribute("role", "alertdialog");
    box.setAttribute("aria-modal", "true");
    z.main.appendChild(box);
    var value = parseInt(byId("warning-read").value.split(":")[1], 10);
    if (value) { openWarning(value, ""); }
  }

  function takeWarning(value) {
    if (!box || typeof value.warning_no !== "number") { return; }
    if (value.warning_no > read) { openWarning(value.warning_no, value.warning); return; }
    if (value.warning_no) { tellRead(); }
    // read in another window; but not on the word of an answer that was on its way when the warning came
    if (warned && moment() - warnedAt > 12000) { closeWarning(); }
  }

  function openWarning(no, message) {
    if (warned === no) { return; }
    if (!warned) { try { before = doc.activeElement; } catch (e) { before = null; } }
    warned = no;
    warnedAt = moment();
    if (message) { text(byId("warning-text"), message); }
    show(box, true);
    z.setClass(z.html, "warned", true);
    byId("warning-read").focus();
  }

  function closeWarning() {
    warned = 0;
    show(box, false);
    z.setClass(z.html, "warned", false);
    if (before && before.focus) { try { before.focus(); } catch (e) { before = null; } }
  }

  function readWarning() {
    if (!warned) { return; }
    read = warned;
    closeWarning();
    tellRead();
  }

  // if it does not get there, the next answer of the server still names the warning, and it is told again
  function tellRead() {
    z.call("POST", "/warning-read", { form: z.form, count: read }, function (status, value) {
      if (status === 200 && value.warning_no > read) { openWarning(value.warning_no, value.warning); }
    });
  }

  // --- summaries before a subject's end and before hand-in ---------------------------------------------------------

  var part = null;     // the summary that is open
  var wish = 0;        // counts what was asked for: only the last one is answered

  function closePart(isBack) {
    wish++;
    if (!part) { return; }
    part.parentNode.removeChild(part);
    part = null;
    show(byId("exam"), true);
    if (isBack) { window.scrollTo(0, 0); z.sheet.focus(); }
  }

  // everything is kept, or it is said that one has to wait
  function allKept() {
    var n = z.answers.count();
    if (n) { z.note(say("pending", { n: n }), "wait", "pending"); z.answers.flush(); }
    return !n;
  }

  function wayOn(yes) {
    var buttons = byId("onward").getElementsByTagName("button");
    for (var i = 0; i < buttons.length; i++) { buttons[i].disabled = !yes; }
  }

  function openPart(address) {
    var mine = ++wish;
    if (!allKept()) {  // a slow line: it opens once all is kept, unless one goes elsewhere meanwhile
      setTimeout(function () { if (mine === wish && z.link === "ok") { openPart(address); } }, 250);
      return;
    }
    wayOn(false);
    z.call("GET", address + "?part=1", null, function (status, value, fragment) {
      wayOn(true);
      if (mine !== wish || z.over) { return; }
      if (status === 200 && fragment.indexOf("data-confirm=") >= 0) {
        closePart();
        part = doc.createElement("div");
        part.id = "part";
        part.className = "part";
        part.innerHTML = fragment;
        show(byId("exam"), false);
        show(part, !z.paused);
        z.main.appendChild(part);
        window.scrollTo(0, 0);
        var title = part.getElementsByTagName("h1")[0];
        title.setAttribute("tabindex", "-1");
        title.focus();
      } else if (status === 409) { z.beat(); }
      else { z.answers.again(); z.note(say("link.again.nostore"), "wait", "link"); }
    }, true);
  }

  function confirmPart(target) {
    var what = attr(target, "data-confirm");
    var button = target.getElementsByTagName("button")[0];
    if (button.disabled) { return; }
    if (!allKept()) { closePart(true); return; }
    button.disabled = true;
    var value = { form: z.form };
    if (what === "subject") { value.subject = attr(target, "data-subject"); }
    z.call("POST", what === "subject" ? "/next-subject" : "/hand-in", value, function (status, answer) {
      if (status === 200 && answer.next) {
        leave(what === "subject" ? "/paper?subject=" + encodeURIComponent(value.subject) : "/result");
        return;
      }
      button.disabled = false;
      closePart(true);
      if (status === 0 || status === 200 || status >= 500) { z.answers.again(); z.note(say("link.again.nostore"), "bad", "link"); }
      else { z.note(answer.message + " " + answer["do"], "bad"); z.beat(); }
    });
  }

  // another subject has another answer sheet: its page is loaded once everything is kept, and if there is a server
  function turn(code, no) {
    if (!allKept()) { return; }
    wayOn(false);
    z.pulse(0, function (status) {
      wayOn(true);
      if (status === 200 && allKept()) { leave("/paper?subject=" + encodeURIComponent(code) + "&n=" + no); }
      else if (status !== 200) { z.answers.again(); z.note(say("link.again.nostore"), "wait", "link"); }
    });
  }

  z.clock = { take: takeTime, setState: setState, leave: leave };
  z.dialogs = {
    open: openPart, close: closePart, turn: turn, read: readWarning,
    isOpen: function () { return !!part; },
    isWarned: function () { return !!warned; },
    // the box took the focus a moment ago: a key that was meant for the paper has read nothing
    isHasty: function (event) { return event.detail === 0 && moment() - warnedAt < 800; }
  };

  // --- start -----------------------------------------------------------------------------------------------------

  // what was chosen while the page was on its way
  function chosenMeanwhile() {
    var given = {};
    for (var i = 0; i < page.slots.length; i++) {
      var key = page.slots[i].key;
      var is = z.sheet.chosen(key);
      if (is && !z.same(is, page.chosen[key] || [])) { given[key] = is; }
    }
    return given;
  }

  function load() {
    z.call("GET", "/paper.json?subject=" + encodeURIComponent(page.subject), null, function (status, value) {
      if (status === 409) { location.reload(); return; }
      if (status === 403) { z.note(value.message + " " + value["do"], "bad", "link"); }
      if (status !== 200 || !value.slots) { setTimeout(load, 2000); return; }
      z.words = value.words;
      page.slots = value.slots;
      page.units = value.units;
      page.paper = value.paper;
      z.answers.begin(value);
      var given = chosenMeanwhile();
      z.answers.recall();
      z.setLink("ok");
      byId("item").setAttribute("data-unit", "");
      z.sheet.go(Math.min(page.at, page.slots.length), true);
      takeTime(value);
      for (var key in given) {
        if (given.hasOwnProperty(key)) { z.answers.touch(key, given[key], null); z.sheet.choices(key); }
      }
      wire();
      z.answers.flush();
    });
  }

  // last: from here on the script answers, not the form
  function wire() {
    z.sheet.keysLine();
    prepareWarning();
    tick();
    setInterval(tick, 250);
    z.on(window, "blur", z.away);
    z.on(window, "focus", z.back);
    z.on(doc, "visibilitychange", function () { if (doc.hidden) { z.away(); } else { z.back(); } });
    z.on(window, "online", function () { z.beat(); z.answers.flush(true); });
    z.on(window, "offline", function () { z.setLink("off"); });
    z.on(window, "pageshow", function (event) { if (event.persisted) { location.reload(); } });
    z.on(doc, "submit", function (event) {
      var target = event.target || event.srcElement;
      if (attr(target, "data-confirm")) { z.stop(event); confirmPart(target); }
    });
    z.on(doc, "keydown", z.sheet.pressed);
    z.on(doc, "click", z.sheet.clicked);
    z.on(byId("exam"), "submit", z.stop);
    z.beat();
  }

  z.started = true;
  z.setClass(z.html, "script", true);
  z.on(doc, "click", function (event) {
    var link = z.within(event.target || event.srcElement, function (one) { return !!attr(one, "data-look"); });
    if (!link) { return; }
    if (attr(link, "data-look") !== "lang") { z.stop(event); z.changeLook(link); return; }
    if (z.kind !== "paper") { return; }
    if (!allKept()) { z.stop(event); return; }  // the other language is another page: at this question
    link.href = attr(link, "href").replace(/&back=.*/, "&back=" + encodeURIComponent(
      "/paper?subject=" + encodeURIComponent(page.subject) + "&n=" + page.at));
  });
  if (z.kind === "wait") { setTimeout(z.waiting, 3000); }
  if (z.kind === "paper") { load(); }
}());
