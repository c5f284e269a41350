/* The candidate's page with script, part 1 of 4: tools, the line to the server, the words on it, display settings.
 *
 * The page's scripts are exam-line, exam-answers, exam-sheet and exam, in this order; each adds to the object window.zhupei
 * ("z"). The last one starts the page, and only if all are there: if one did not come, the page stays what it is without
 * script, plain forms. Old browsers too: ES3 syntax, XMLHttpRequest, no library.
 *
 * Offers: byId on stop moment text hasClass setClass show indexIn same within attr · call heard pulse beat away back waiting ·
 *   say note clearNote setLink missed reached turnedAway · changeLook
 * Shared: html root main kind form · words link over paused
 */
(function () {
  "use strict";

  var doc = document;
  var z = window.zhupei = {};
  z.html = doc.documentElement;
  z.root = z.html.getAttribute("data-root") || "";
  z.main = doc.getElementById("main");
  z.words = {};
  z.link = "";        // how the line is: ok, again, off
  z.over = false;     // this page is being left for good
  z.paused = false;

  // --- tools -----------------------------------------------------------------------------------------------------

  function byId(id) { return doc.getElementById(id); }

  function on(target, name, handler) {
    if (target.addEventListener) { target.addEventListener(name, handler, false); }
    else if (target.attachEvent) { target.attachEvent("on" + name, function () { return handler(window.event); }); }
  }

  function stop(event) {
    if (event.preventDefault) { event.preventDefault(); }
    event.returnValue = false;
  }

  // milliseconds; does not follow the machine's clock where the browser can do without
  function moment() {
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

  function indexIn(list, value) {
    for (var i = 0; i < list.length; i++) { if (list[i] === value) { return i; } }
    return -1;
  }

  function same(a, b) {
    if (a.length !== b.length) { return false; }
    for (var i = 0; i < a.length; i++) { if (indexIn(b, a[i]) < 0) { return false; } }
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

  z.byId = byId; z.on = on; z.stop = stop; z.moment = moment; z.text = text; z.hasClass = hasClass; z.setClass = setClass;
  z.show = show; z.indexIn = indexIn; z.same = same; z.within = within; z.attr = attr;
  z.kind = attr(z.main, "data-page") || "";
  z.form = attr(z.main, "data-form");

  // who waits for the start is not left waiting on a page of which a part did not come
  on(window, "load", function () {
    if (!z.started && attr(z.main, "data-opened") === "0") { setTimeout(function () { location.reload(); }, 3000); }
  });
  if (!window.JSON || !window.XMLHttpRequest) { return; }

  // --- requests --------------------------------------------------------------------------------------------------

  // done(status, value, words). Status 0: our server was not reached; so too when somebody else answered, a network's own page
  // or a proxy's, for ours answers in JSON whatever it says. plain: a piece of a page is asked for
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
      var ours = plain || (parsed && (status === 200 || parsed.error));
      done(ours ? status : 0, parsed, words);
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
      request.open(method, z.root + path, true);
      if (value) { request.setRequestHeader("Content-Type", "application/json"); }
      request.setRequestHeader("Cache-Control", "no-cache");
      request.send(value ? JSON.stringify(value) : null);
    } catch (e) {
      setTimeout(function () { finish(0, ""); }, 0);
    }
  }
  z.call = call;

  // the server answered with this status: one that is gone, or only stands by, is looked for elsewhere
  z.heard = function (status, fields, tell) {
    if (!z.elsewhere) { return; }
    if (status === 0 || status >= 500) { z.elsewhere.lost(fields, tell); } else { z.elsewhere.found(); }
  };

  // --- words on it -----------------------------------------------------------------------------------------------

  z.say = function (key, values) {
    var result = z.words[key] || "";
    for (var name in values) {
      if (values.hasOwnProperty(name)) { result = result.replace("{" + name + "}", values[name]); }
    }
    return result;
  };

  // the line above the question; why: what it is about, so that it goes once that is over
  var noted = "";
  z.note = function (message, sort, why) {
    var place = byId("message");
    noted = why || "";
    place.className = "notice " + (sort || "wait");
    text(place, message);
    show(place, true);
  };
  z.clearNote = function (why) {
    if (noted === why) { noted = ""; show(byId("message"), false); }
  };

  z.isSafe = function () { return false; };  // whether what is not kept yet outlives this page: the answers' part knows

  z.setLink = function (name) {
    if (name === "ok") { z.clearNote("link"); }
    var key = "link." + name + (name === "again" && !z.isSafe() ? ".nostore" : "");
    if (z.link === name && attr(byId("link"), "data-told") === key) { return; }
    z.link = name;
    byId("link").className = "link link-" + name;
    byId("link").setAttribute("data-told", key);
    text(byId("link-word"), z.say(key));
    if (name !== "ok" || byId("say").firstChild) { text(byId("say"), z.say(key)); }
  };

  // --- heartbeat, and time spent away ------------------------------------------------------------------------------

  var misses = 0;
  z.missed = function () { misses++; z.setLink(misses > 6 ? "off" : "again"); z.sheet.paint(); };
  z.reached = function () { misses = 0; z.setLink("ok"); };

  // not signed in any more: nothing is lost, the invigilator helps. Signed in anew in another window: this page takes that over
  z.turnedAway = function (problem) {
    if (problem.error === "bad_request" && z.isSafe() && moment() > 30000) { location.reload(); return; }
    z.setLink("off");
    z.note((problem.message ? problem.message + " " : "") + z.say("error.not_signed_in.do"), "bad", "link");
  };

  // done(status, pulse): 200 only with our server's word on the time
  z.pulse = function (awayMs, done) {
    var value = { form: z.form };
    if (awayMs > 0) { value.away_ms = Math.round(awayMs); }
    call("POST", "/heartbeat", value, function (status, pulse) {
      done(status === 200 && typeof pulse.remaining_ms !== "number" ? 0 : status, pulse);
    });
  };

  var beatTimer = null;
  var beatWait = 15;
  var awaySince = null;
  var awayMs = 0;
  function beat() {
    clearTimeout(beatTimer);
    if (z.over) { return; }
    var told = awayMs;
    awayMs = 0;
    z.pulse(told, function (status, pulse) {
      z.heard(status, z.answers.unsent, z.answers.seeking);
      if (status !== 200) { awayMs += told; }
      beatWait = 15;
      if (status === 200) {
        z.reached();
        z.clock.take(pulse);
        z.answers.flush(true);
      } else if (status === 0 || status >= 500) {
        z.missed();
        beatWait = Math.min(misses * 2, 15);
      } else if (status === 403) { z.turnedAway(pulse); }
      clearTimeout(beatTimer);
      beatTimer = setTimeout(beat, (z.paused ? 3 : beatWait) * 1000);
    });
  }
  z.beat = beat;
  z.away = function () { if (awaySince === null) { awaySince = moment(); } };
  z.back = function () {
    if (awaySince === null) { return; }
    var ms = moment() - awaySince;
    awaySince = null;
    if (ms > 1000) { awayMs += ms; beat(); }
  };

  // --- before the start: ask quietly, load again only when something changed ---------------------------------------

  function nothing() { return {}; }
  z.waiting = function () {
    z.pulse(0, function (status, pulse) {
      var opened = attr(z.main, "data-opened") === "1";
      var changes = status === 200 && (pulse.opened !== opened || pulse.state !== "admitted" ||
        String(pulse.warning_no) !== attr(z.main, "data-warning"));
      if (changes || status === 403) { location.reload(); return; }
      z.heard(status, nothing, nothing);
      setTimeout(z.waiting, opened ? 15000 : 3000);
    });
  };

  // --- display settings, on every page -----------------------------------------------------------------------------

  var lookWords = (z.html.lang || "").indexOf("en") !== 0
    ? { size1: "标准字号", size0: "大字", contrast1: "普通颜色", contrast0: "高对比度" }
    : { size1: "Normal type", size0: "Large type", contrast1: "Normal colours", contrast0: "High contrast" };
  z.changeLook = function (link) {
    var what = attr(link, "data-look");
    var address = attr(link, "href");
    call("GET", address.substring(z.root.length), null, function () { return; }, true);
    var yes = /=(large|high)\b/.test(address);
    setClass(z.html, what === "size" ? "large" : "contrast", yes);
    link.setAttribute("href", yes
      ? address.replace("=large", "=normal").replace("=high", "=plain")
      : address.replace("=normal", "=large").replace("=plain", "=high"));
    text(link, lookWords[what + (yes ? "1" : "0")]);
  };
}());
