/* The candidate's page, part 2 of 4: the answers, from the choice to the server's acknowledgement.
 *
 * A change makes its question dirty with a new sequence number; it stays dirty, also over reloads, until an acknowledgement
 * carries that number. One save is on its way at a time; after a failure it is tried again after 2, 4, 8, then every 15 seconds,
 * and at once when the network comes back. If the server holds a newer answer, that one is shown.
 *
 * What is dirty lies in localStorage, where there is one, each question under a name of its own. So windows of one candidate
 * do not overwrite each other's: they tell each other, each one sends what it knows (the server takes a number once), and a
 * number is always higher than any other window has used for this question. The last answer given wins, whoever gave it.
 *
 * Offers z.isSafe; z.answers: begin recall touch flush again count state unsent seeking keysOff
 * Shared z.page: subject paper slots units at · chosen marked stale, by the slot's key
 */
(function () {
  "use strict";

  var z = window.zhupei;
  if (!z || !z.call) { return; }
  var attr = z.attr;
  var candidate = attr(z.main, "data-candidate");
  var page = z.page = {
    subject: attr(z.main, "data-subject"),
    paper: attr(z.main, "data-paper"),
    at: parseInt(attr(z.main, "data-n"), 10) || 1,
    slots: [],
    units: [],
    chosen: {},   // slot key -> option ids as they are here
    marked: {},   // slot key -> true
    stale: {}     // slot key -> true: the server's newer answer replaced ours
  };
  var dirty = {};      // name -> {c: subject, p: paper, k: slot key, a: answer or null, m: mark or null, s: sequence number}
  var held = {};       // slot key -> what the server holds, as far as is known
  var heldMarks = {};
  var tried = {};      // name -> how often the server itself failed at it
  var sequence = 0;
  var sending = null;
  var wait = 0;
  var retryTimer = null;
  var leaving = false;

  // --- on this machine -------------------------------------------------------------------------------------------

  var OURS = "zhupei:";
  var KEYS = "zhupei:keys";
  var own = OURS + candidate + ":";
  var unkept = {};     // name -> true: there was no room for it
  var store = null;
  try {
    store = window.localStorage;
    store.getItem(KEYS);
  } catch (e) { store = null; }

  function nameOf(one) { return one.p + ":" + one.k; }

  function any(map) {
    for (var name in map) { if (map.hasOwnProperty(name)) { return true; } }
    return false;
  }

  // whether everything dirty lies on this machine
  z.isSafe = function () { return !!store && !any(unkept); };

  function keep(name) {
    if (!store) { return; }
    delete unkept[name];
    try { store.setItem(own + name, JSON.stringify(dirty[name])); } catch (e) {
      try { store.removeItem(own + name); } catch (f) { store = null; }  // an older answer must not come back in its place
      unkept[name] = true;
    }
  }

  // what lies there under this name, if it is an answer
  function stored(name) {
    var one = null;
    try { one = store ? JSON.parse(store.getItem(own + name) || "null") : null; } catch (e) { one = null; }
    return isAnswer(one, name) ? one : null;
  }

  function isAnswer(one, name) {
    return !!one && typeof one === "object" && typeof one.s === "number" && one.s > 0 && nameOf(one) === name &&
      (one.a === null || one.a instanceof Array) && (one.m === null || one.m === true || one.m === false);
  }

  function forget(name) {
    var there = stored(name);
    if (there && there.s <= dirty[name].s) { try { store.removeItem(own + name); } catch (e) { store = null; } }
    delete dirty[name];
    delete unkept[name];
    delete tried[name];
  }

  // an answer that another window gave, or this page before it was loaded anew
  function take(name, one) {
    var mine = dirty[name];
    if (mine && mine.s >= one.s) { return; }
    if (mine && one.a === null) { one.a = mine.a; }
    if (mine && one.m === null) { one.m = mine.m; }
    dirty[name] = one;
    sequence = Math.max(sequence, one.s);
    if (one.p !== page.paper) { return; }
    delete page.stale[one.k];
    if (one.a) { page.chosen[one.k] = one.a; }
    if (one.m !== null) { page.marked[one.k] = one.m; }
  }

  // take up what is there of this candidate, of the other subject too; drop what another left behind at this machine
  function recall() {
    var names = [];
    try {
      for (var i = 0; store && i < store.length; i++) { names.push(store.key(i) || ""); }
      for (var j = 0; j < names.length; j++) {
        if (names[j].indexOf(own) === 0) {
          var one = stored(names[j].substring(own.length));
          if (one) { take(nameOf(one), one); } else { store.removeItem(names[j]); }
        } else if (names[j].indexOf(OURS) === 0 && names[j] !== KEYS) { store.removeItem(names[j]); }
      }
    } catch (e) { store = null; }
  }

  z.on(window, "storage", function (event) {
    if (z.over || !sequence || !event.key || event.key.indexOf(own) !== 0 || !event.newValue) { return; }
    var name = event.key.substring(own.length);
    var one = stored(name);
    if (!one) { return; }
    take(name, one);
    if (one.p === page.paper) { z.sheet.choices(one.k); }
    z.sheet.paint();
    flush();
  });

  // --- saving ----------------------------------------------------------------------------------------------------

  // a subject as the server has it
  function begin(value) {
    sequence = value.seq;
    held = value.answers;
    page.chosen = {};
    for (var key in held) { if (held.hasOwnProperty(key)) { page.chosen[key] = held[key]; } }
    for (var i = 0; i < value.marked.length; i++) { page.marked[value.marked[i]] = heldMarks[value.marked[i]] = true; }
  }

  // the candidate gave this answer or set this mark; null leaves it
  function touch(key, answer, mark) {
    var one = { c: page.subject, p: page.paper, k: key, a: answer, m: mark, s: 0 };
    var name = nameOf(one);
    var other = stored(name);
    if (other) { take(name, other); }
    var before = dirty[name];
    if (before && answer === null) { one.a = before.a; }
    if (before && mark === null) { one.m = before.m; }
    one.s = ++sequence;
    dirty[name] = one;
    if (answer !== null) { page.chosen[key] = answer; }
    if (mark !== null) { page.marked[key] = mark; }
    delete page.stale[key];
    keep(name);
    z.sheet.paint();
    flush(true);
  }

  // send the oldest; what the server failed at goes behind the others
  function flush(now) {
    if (now) { wait = 0; }
    if (sending || z.over || z.paused) { return; }
    var next = null;
    for (var name in dirty) {
      if (dirty.hasOwnProperty(name)) {
        var later = next === null ? 0 : (tried[name] || 0) - (tried[next] || 0) || dirty[name].s - dirty[next].s;
        if (next === null || later < 0) { next = name; }
      }
    }
    if (next === null) { return; }
    clearTimeout(retryTimer);
    var one = sending = dirty[next];
    var value = { form: z.form, paper: one.p, subject: one.c, key: one.k, seq: one.s };
    if (one.a !== null) { value.answer = one.a; }
    if (one.m !== null) { value.marked = one.m; }
    z.call("POST", "/save", value, function (status, ack) {
      sending = null;
      if (status === 200 && isAck(one, ack)) { kept(next, one, ack); } else { refused(next, one, status, ack); }
    });
  }

  // our server's word on this very save, not some other answer with status 200
  function isAck(one, ack) {
    return typeof ack.kept === "boolean" && ack.answer instanceof Array && typeof ack.rev === "number" &&
      (one.a === null || ack.rev >= one.s);
  }

  function kept(name, one, ack) {
    z.heard(200);
    z.reached();
    wait = 0;
    sequence = Math.max(sequence, ack.rev);
    var isHere = one.p === page.paper;
    if (isHere) {
      held[one.k] = ack.answer;
      if (one.m !== null) { heldMarks[one.k] = one.m; }
    }
    var mine = dirty[name];
    if (mine && mine.s === one.s) {
      forget(name);
      if (!ack.kept && isHere) {
        page.chosen[one.k] = ack.answer;
        page.stale[one.k] = true;
        z.sheet.choices(one.k);
      }
    } else if (mine && mine.s <= ack.rev) {  // chosen after that, and yet it would lose
      mine.s = ++sequence;
      keep(name);
    }
    z.clock.take(ack);
    z.sheet.paint();
    if (!count()) { z.clearNote("pending"); }
    flush();
  }

  function refused(name, one, status, problem) {
    var code = problem && status !== 200 ? problem.error : "";
    // without a word of our server's own (a proxy's page, a torn answer) nothing is known: the answer stays
    if (status === 0 || status >= 500 || status === 429 || !code) {
      if (status >= 500) { tried[name] = (tried[name] || 0) + 1; }
      again();
      return;
    }
    if (code === "paused") { z.clock.setState("paused"); return; }
    if (code === "submitted" || code === "time_over" || code === "wrong_state") { z.beat(); retry(3000); return; }
    if (status === 403) { z.turnedAway(problem); retry(15000); return; }
    // the server will never take it: stop asking, show what it has instead, say so
    if (dirty[name] && dirty[name].s === one.s) { forget(name); }
    if (one.p === page.paper) {
      if (code === "subject_closed") { z.clock.leave("/paper"); return; }  // finished in another window
      page.chosen[one.k] = held[one.k] || [];
      page.marked[one.k] = !!heldMarks[one.k];
      z.sheet.choices(one.k);
    }
    z.note(problem.message ? problem.message + " " + problem["do"] : z.say("error.failed"), "bad");
    z.sheet.paint();
    flush();
  }

  function again() {
    z.heard(0, unsent, seeking);
    z.missed();
    wait = Math.min(wait ? wait * 2 : 2, 15);
    retry(wait * 1000);
  }

  function retry(ms) {
    clearTimeout(retryTimer);
    retryTimer = setTimeout(function () { flush(); }, ms);
  }

  function count() {
    var n = 0;
    for (var name in dirty) { if (dirty.hasOwnProperty(name)) { n++; } }
    return n;
  }

  // --- to the other server ---------------------------------------------------------------------------------------

  function unsent() {
    var list = [];
    for (var name in dirty) {
      if (dirty.hasOwnProperty(name)) {
        var one = dirty[name];
        var told = { subject: one.c, paper: one.p, key: one.k, seq: one.s };
        if (one.a !== null) { told.answer = one.a; }
        if (one.m !== null) { told.marked = one.m; }
        list.push(told);
      }
    }
    leaving = true;
    setTimeout(function () { leaving = false; }, 14000);
    return { unsent: JSON.stringify(list), subject: page.subject, n: page.at };
  }

  function seeking() { z.note(z.say("cross.seek"), "wait", "link"); }

  z.on(window, "beforeunload", function (event) {
    if (z.over || leaving || !count() || z.isSafe()) { return undefined; }
    event.returnValue = z.say("pending", { n: count() });
    return event.returnValue;
  });

  // --- what a question is ----------------------------------------------------------------------------------------

  // given (on its way), kept, empty
  function state(key) {
    var one = dirty[page.paper + ":" + key];
    if (one && one.a) { return "given"; }
    return page.chosen[key] && page.chosen[key].length ? "kept" : "empty";
  }

  // a setting of this machine's browser, not of one candidate
  function keysOff(off) {
    try {
      if (store && off !== undefined) { store.setItem(KEYS, off ? "off" : "on"); }
      return !!store && store.getItem(KEYS) === "off";
    } catch (e) { return !!off; }
  }

  z.answers = {
    begin: begin, recall: recall, touch: touch, flush: flush, again: again, count: count, state: state, unsent: unsent,
    seeking: seeking, keysOff: keysOff
  };
}());
