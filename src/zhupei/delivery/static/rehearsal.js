/* A client of the hall plays one invented candidate by itself, to measure server and network.
 *
 * Written for old browsers too: ES3 syntax, XMLHttpRequest, no library. It asks the same addresses as the candidate's page, one
 * request at a time; after a failure it asks again after 2, 4, 8, then every 15 seconds.
 */
(function () {
  "use strict";

  var doc = document;
  var root = doc.documentElement.getAttribute("data-root") || "";
  var place = doc.getElementById("rehearsal");
  if (!place || !window.JSON || !window.XMLHttpRequest) { return; }
  var words = JSON.parse(place.getAttribute("data-words"));
  var WAITS = [2000, 4000, 8000, 15000];

  var seat = 0;
  var code = "";
  var turn = null;
  var form = "";
  var errors = 0;
  var acknowledged = {};
  var saves = [];
  var startMs = null;
  var submitMs = null;
  var misses = 0;

  // --- small tools ---------------------------------------------------------------------------------------------

  function byId(id) { return doc.getElementById(id); }

  function on(target, name, handler) {
    if (target.addEventListener) { target.addEventListener(name, handler, false); }
    else if (target.attachEvent) { target.attachEvent("on" + name, function () { return handler(window.event); }); }
  }

  function now() {
    if (window.performance && performance.now) { return performance.now(); }
    return new Date().getTime();
  }

  function say(key, name, value) {
    var text = words[key] || key;
    return name ? text.replace("{" + name + "}", value) : text;
  }

  function text(node, value) {
    while (node.firstChild) { node.removeChild(node.firstChild); }
    node.appendChild(doc.createTextNode(value));
  }

  function show(node, yes) {
    if (yes) { node.removeAttribute("hidden"); } else { node.setAttribute("hidden", "hidden"); }
  }

  function state(value) {
    if (byId("state").getAttribute("data-told") === value) { return; }
    byId("state").setAttribute("data-told", value);
    text(byId("state"), value);
  }

  function round(value) { return Math.round(value * 10) / 10; }

  // One try. done(status, words): status 0 when the server was not reached
  function once(method, path, body, sort, done) {
    var request = new XMLHttpRequest();
    var over = false;
    var timer;
    function finish(status, answer) {
      if (over) { return; }
      over = true;
      clearTimeout(timer);
      done(status > 599 ? 0 : status, answer);
    }
    request.onreadystatechange = function () {
      if (request.readyState !== 4) { return; }
      var status = 0;
      var answer = "";
      try { status = request.status; answer = request.responseText; } catch (e) { status = 0; }
      finish(status, answer);
    };
    timer = setTimeout(function () {
      finish(0, "");
      try { request.abort(); } catch (e) { over = true; }
    }, 10000);
    try {
      request.open(method, root + path, true);
      if (sort) { request.setRequestHeader("Content-Type", sort); }
      request.setRequestHeader("Cache-Control", "no-cache");
      request.send(body);
    } catch (e) {
      setTimeout(function () { finish(0, ""); }, 0);
    }
  }

  // Until the server answers
  function call(method, path, body, sort, done) {
    once(method, path, body, sort, function (status, answer) {
      if (status === 0 || status >= 500 || status === 429) {
        errors++;
        state(say("state.retry"));
        var wait = WAITS[Math.min(misses, WAITS.length - 1)] * (0.75 + Math.random() / 2);
        misses++;
        setTimeout(function () { call(method, path, body, sort, done); }, wait);
        return;
      }
      misses = 0;
      done(status, answer);
    });
  }

  function json(path, value, done) {
    call("POST", path, JSON.stringify(value), "application/json", function (status, answer) {
      var parsed = null;
      try { parsed = JSON.parse(answer); } catch (e) { parsed = null; }
      done(status, parsed || {});
    });
  }

  function fields(path, values, done) {
    var parts = [];
    for (var name in values) {
      if (values.hasOwnProperty(name)) { parts.push(encodeURIComponent(name) + "=" + encodeURIComponent(values[name])); }
    }
    call("POST", path, parts.join("&"), "application/x-www-form-urlencoded", done);
  }

  function match(pattern, answer) {
    var found = pattern.exec(answer);
    return found ? found[1] : "";
  }

  // --- telling -------------------------------------------------------------------------------------------------

  function row(table, label, value) {
    var line = table.insertRow(-1);
    var head = doc.createElement("th");
    head.setAttribute("scope", "row");
    text(head, label);
    line.appendChild(head);
    text(line.insertCell(-1), value);
  }

  function ms(value) { return value === null ? "–" : say("ms", "n", Math.round(value)); }

  function figures() {
    var table = byId("figures");
    while (table.firstChild) { table.removeChild(table.firstChild); }
    var sorted = saves.slice(0).sort(function (a, b) { return a - b; });
    var usual = sorted.length ? sorted[Math.floor((sorted.length - 1) / 2)] : null;
    var slowest = sorted.length ? sorted[sorted.length - 1] : null;
    row(table, say("row.start"), ms(startMs));
    row(table, say("row.saves"), String(saves.length));
    row(table, say("row.save"), ms(usual) + " / " + ms(slowest));
    row(table, say("row.submit"), ms(submitMs));
  }

  function tell(name, problem, then) {
    var value = { place: seat, state: name, errors: errors, saves_ms: saves.slice(0, 2000), acknowledged: acknowledged };
    if (startMs !== null) { value.start_ms = startMs; }
    if (submitMs !== null) { value.submit_ms = submitMs; }
    if (problem) { value.problem = problem; }
    json("/seat.json", { code: code, seat: value }, function (status) { if (then) { then(status === 200); } });
  }

  function failed(problem) {
    state(say("state.failed") + (problem ? ": " + problem : ""));
    figures();
    tell("failed", problem || "");
  }

  // --- joining -------------------------------------------------------------------------------------------------

  function refuse(problem) {
    show(byId("join"), true);
    show(byId("played"), false);
    text(byId("problem"), problem || say("error.failed"));
    show(byId("problem"), true);
  }

  function join() {
    seat = parseInt(byId("seat").value, 10) || 0;
    code = byId("code").value.replace(/\s/g, "").toUpperCase();
    show(byId("problem"), false);
    show(byId("join"), false);
    show(byId("played"), true);
    state(say("state.joining"));
    json("/play.json", { code: code, place: seat }, function (status, answer) {
      if (status !== 200) { refuse(answer.message); return; }
      turn = answer;
      enter();
    });
  }

  function enter() {
    call("GET", "/", null, "", function () {
      fields("/enter", { slip_no: turn.slip_no, id_number: turn.id_number }, function (status, page) {
        form = match(/data-form="([^"]+)"/, page);
        if (status !== 200 || !form || page.indexOf(turn.slip_no) < 0) { refuse(say("error.taken")); return; }
        tell("joined", "", function () { wait(0); });
      });
    });
  }

  function wait(beats) {
    state(say("state.waiting"));
    json("/go.json", { code: code }, function (status, answer) {
      if (status !== 200) { failed(answer.message); return; }
      var left = answer.starts_in_ms;
      if (typeof left === "number" && left < 2500) {
        state(say("state.soon", "s", Math.max(0, Math.ceil(left / 1000))));
        setTimeout(start, Math.max(0, left));
        return;
      }
      if (typeof left === "number") { state(say("state.soon", "s", Math.ceil(left / 1000))); }
      if (beats % 8 === 7) { beat(); }
      setTimeout(function () { wait(beats + 1); }, 2000);
    });
  }

  function beat() {
    once("POST", "/heartbeat", JSON.stringify({ form: form }), "application/json", function (status) {
      if (status !== 200) { errors++; }
    });
  }

  // --- the test ------------------------------------------------------------------------------------------------

  function load(subject, done) {
    call("GET", "/paper.json?subject=" + encodeURIComponent(subject), null, "", function (status, answer) {
      if (status !== 200) { failed("/paper.json " + status); return; }
      done(JSON.parse(answer));
    });
  }

  function start() {
    var pressed = now();
    state(say("state.starting"));
    fields("/start", { form: form }, function (status, page) {
      if (status !== 200 || page.indexOf("data-paper") < 0) { failed("/start " + status); return; }
      load(turn.subjects[0], function (sheet) {
        startMs = round(now() - pressed);
        figures();
        tell("started");
        answer(sheet, 0, pressed, now() + 15000 * Math.random());
      });
    });
  }

  // The options of every slot, from the inputs of the paper
  function optionsOf(sheet) {
    var found = {};
    var pattern = /<input[^>]*>/g;
    for (var i = 0; i < sheet.units.length; i++) {
      var inputs = sheet.units[i].html.match(pattern) || [];
      for (var j = 0; j < inputs.length; j++) {
        var name = match(/name="a:([^"]+)"/, inputs[j]);
        if (!name) { continue; }
        if (!found[name]) { found[name] = []; }
        found[name].push(match(/value="([^"]*)"/, inputs[j]));
      }
    }
    return found;
  }

  function choose(kind, options) {
    var from = Math.floor(Math.random() * options.length);
    if (kind !== "multiple") { return [options[from]]; }
    return [options[from], options[(from + 1) % options.length]];
  }

  function answer(sheet, number, began, beatAt) {
    var options = optionsOf(sheet);
    var sequence = sheet.seq;
    var at = 0;
    var due = now() + turn.between * 1000 * Math.random();
    var until = began + turn.seconds * 1000 * (number + 1) / turn.subjects.length;
    var end = began + turn.seconds * 1000;

    function step() {
      if (now() >= until) { onward(); return; }
      state(say("state.answering", "s", Math.max(0, Math.ceil((end - now()) / 1000))));
      if (now() >= beatAt) { beatAt += 15000; beat(); }
      if (now() < due) { setTimeout(step, Math.max(20, Math.min(due, until, now() + 1000) - now())); return; }
      save();
    }

    function save() {
      var slot = sheet.slots[at % sheet.slots.length];
      at++;
      sequence++;
      var asked = due;
      var seq = sequence;
      var before = errors;
      due += turn.between * 1000;
      json("/save", {
        form: form, paper: sheet.paper, subject: sheet.subject, key: slot.key, seq: seq,
        answer: choose(slot.kind, options[slot.key])
      }, function (status, ack) {
        if (status !== 200) { failed("/save " + (ack.error || status)); return; }
        if (errors === before) { saves.push(round(now() - asked)); }
        acknowledged[sheet.subject + "/" + slot.key] = ack.rev;
        figures();
        step();
      });
    }

    function onward() {
      if (number + 1 >= turn.subjects.length) { handIn(); return; }
      var subject = turn.subjects[number + 1];
      json("/next-subject", { form: form, subject: subject }, function () {
        load(subject, function (next) { answer(next, number + 1, began, beatAt); });
      });
    }

    step();
  }

  function handIn() {
    var pressed = now();
    state(say("state.handing"));
    json("/hand-in", { form: form }, function (status) {
      if (status !== 200) { failed("/hand-in " + status); return; }
      call("GET", "/result", null, "", function (shown) {
        if (shown !== 200) { failed("/result " + shown); return; }
        submitMs = round(now() - pressed);
        figures();
        tell("done", "", function (kept) { state(say(kept ? "state.done" : "told.bad")); });
      });
    });
  }

  on(byId("join"), "submit", function (event) {
    if (event.preventDefault) { event.preventDefault(); }
    event.returnValue = false;
    join();
  });
  if (byId("seat").value && byId("code").value) { join(); }
}());
