/* Measures a client of the hall and fills the figures into the page's own form, which is then sent. The server judges.
 *
 * Written for old browsers too: ES3 syntax, XMLHttpRequest, no library. Without it the form is sent as it stands.
 */
(function () {
  "use strict";

  var PINGS = 20;
  var PING_PATIENCE = 3000;
  var FIRST = 256 * 1024;
  var LARGEST = 8 * 1024 * 1024;
  var LONG_ENOUGH = 700;
  var BLOB_PATIENCE = 15000;
  var TURNS = 60;

  var doc = document;
  var form = doc.getElementById("measure");
  if (!form || !window.XMLHttpRequest) { return; }
  var root = form.getAttribute("data-root");
  var token = form.getAttribute("data-token");
  var button = doc.getElementById("go");
  var figures = {};
  var count = 0;
  var sent = false;

  function now() {
    if (window.performance && performance.now) { return performance.now(); }
    return new Date().getTime();
  }

  function say(name) {
    var place = doc.getElementById("say");
    while (place.firstChild) { place.removeChild(place.firstChild); }
    place.appendChild(doc.createTextNode(form.getAttribute("data-" + name) || ""));
  }

  function address(path, more) {
    count += 1;
    return root + path + "?t=" + encodeURIComponent(token) + "&n=" + new Date().getTime() + "." + count + (more || "");
  }

  /* One request; then(status, text, ms). Status 0: no answer in time. */
  function ask(method, path, more, body, patience, then) {
    var request = new XMLHttpRequest();
    var over = false;
    var begun = now();
    function end(status) {
      var took = now() - begun;
      var text = "";
      if (over) { return; }
      over = true;
      clearTimeout(timer);
      if (status && path !== "/blob") { text = request.responseText; }
      then(status, text, took);
    }
    var timer = setTimeout(function () {
      end(0);
      request.abort();
    }, patience);
    request.onreadystatechange = function () {
      if (request.readyState === 4) {
        try { end(request.status); } catch (unreadable) { end(0); }
      }
    };
    request.open(method, address(path, more), true);
    if (body !== null && request.setRequestHeader) { request.setRequestHeader("Content-Type", "application/octet-stream"); }
    try { request.send(body); } catch (failed) { end(0); }
  }

  function middle(values) {
    var sorted = values.slice(0).sort(function (a, b) { return a - b; });
    var half = Math.floor(sorted.length / 2);
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  /* Twenty short answers: median, how they vary, how many are lost, how far the clock is off. */
  function trips(then) {
    var took = [];
    var offsets = [];
    var lost = 0;
    function one(left) {
      var before = new Date().getTime();
      ask("GET", "/ping", "", null, PING_PATIENCE, function (status, text, ms) {
        var found = /"now": *([0-9.]+)/.exec(text);
        if (status === 503 && text.indexOf("test_running") >= 0) { stop(); return; }
        if (left <= PINGS) {  // the first one opens the connection
          if (status === 200 && found) {
            took.push(ms);
            offsets.push((before + ms / 2) / 1000 - parseFloat(found[1]));
          } else { lost += 1; }
        }
        if (left > 1) { setTimeout(function () { one(left - 1); }, 40); return; }
        if (took.length) {
          figures.trip_ms = middle(took);
          figures.offset_s = middle(offsets);
          figures.jitter_ms = vary(took);
        }
        figures.loss = lost / PINGS;
        then();
      });
    }
    say("trip");
    one(PINGS + 1);
  }

  function vary(took) {
    var sum = 0;
    var i;
    for (i = 1; i < took.length; i += 1) { sum += Math.abs(took[i] - took[i - 1]); }
    return took.length > 1 ? sum / (took.length - 1) : 0;
  }

  /* Something that does not compress, as long as asked. */
  function noise(size) {
    var bytes, i, text, parts;
    if (window.Uint8Array && window.Blob) {
      bytes = new Uint8Array(size);
      if (window.crypto && crypto.getRandomValues) {
        for (i = 0; i < size; i += 65536) { crypto.getRandomValues(bytes.subarray(i, Math.min(i + 65536, size))); }
      } else {
        for (i = 0; i < size; i += 1) { bytes[i] = Math.random() * 256; }
      }
      return bytes.buffer;
    }
    parts = [];
    for (text = ""; text.length < 4096;) { text += String(Math.random()).substring(2); }
    for (i = 0; i < size; i += 4096) { parts.push(text.substring(0, Math.min(4096, size - i))); }
    return parts.join("");
  }

  /* Larger and larger until one takes long enough to count. One computer at a time: others wait their turn. */
  function line(way, then) {
    var best = 0;
    function one(size, turns) {
      var down = way === "down";
      var body = down ? null : noise(size);
      ask(down ? "GET" : "POST", "/blob", down ? "&size=" + size : "", body, BLOB_PATIENCE, function (status, text, ms) {
        if (status === 503) {
          if (turns < TURNS) {
            say("wait");
            setTimeout(function () { say(way); one(size, turns + 1); }, 400 + Math.random() * 1200);
            return;
          }
        } else if (status === 200) {
          best = Math.max(best, size * 8 / Math.max(ms, 0.5) / 1000);
          if (ms < LONG_ENOUGH && size < LARGEST) { one(Math.min(size * 4, LARGEST), turns); return; }
        }
        if (best) { figures[way + "_mbps"] = best; }
        then();
      });
    }
    say(way);
    one(FIRST, 0);
  }

  function storage() {
    try {
      window.localStorage.setItem("zhupei.measure", "1");
      window.localStorage.removeItem("zhupei.measure");
      figures.storage = "yes";
    } catch (refused) { figures.storage = "no"; }
  }

  /* Is there a camera? Asks the browser for its list, never for a picture. */
  function camera(then) {
    var waiting = true;
    function done(word) {
      if (waiting) {
        waiting = false;
        figures.camera = word;
        then();
      }
    }
    say("camera");
    var media = navigator.mediaDevices;
    if (window.isSecureContext === false) { done("insecure"); return; }
    if (!media || !media.enumerateDevices) { done("unsupported"); return; }
    setTimeout(function () { done("failed"); }, 4000);
    try {
      if (navigator.permissions && navigator.permissions.query) {
        navigator.permissions.query({name: "camera"}).then(function (found) { figures.camera_allowed = found.state; }, function () {});
      }
      media.enumerateDevices().then(function (list) {
        var i, seen = false;
        for (i = 0; i < list.length; i += 1) { if (list[i].kind === "videoinput") { seen = true; } }
        setTimeout(function () { done(seen ? "yes" : "no"); }, 100);
      }, function () { done("failed"); });
    } catch (refused) { done("failed"); }
  }

  function field(name, value) {
    var input = doc.createElement("input");
    input.type = "hidden";
    input.name = name;
    input.value = String(value);
    form.appendChild(input);
  }

  function stop() {
    say("test");
    button.disabled = false;
  }

  function finish() {
    var name;
    say("end");
    figures.script = "yes";
    figures.width = window.screen ? screen.width : 0;
    figures.height = window.screen ? screen.height : 0;
    for (name in figures) { if (figures.hasOwnProperty(name)) { field(name, figures[name]); } }
    sent = true;
    form.submit();
  }

  form.onsubmit = function () {
    if (sent) { return true; }
    button.disabled = true;
    figures = {};
    storage();
    trips(function () {
      line("down", function () {
        line("up", function () { camera(finish); });
      });
    });
    return false;
  };
}());
