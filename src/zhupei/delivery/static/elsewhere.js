/* Finds the other server of the hall when this one is gone, and goes on there with what was not kept yet.
 *
 * Once the link has been lost for six seconds the other servers are asked in turn for an image that is only there where an
 * engine is active (an image may be asked for across servers by every browser, however old). To the first that has it a form is
 * posted: the page moves there with its token and its unsent answers. Only where there are two; the page does without it.
 *
 *   z.elsewhere.lost(fields, tell)   the server did not answer; fields() gives what to take along, tell() says so
 *   z.elsewhere.found()              it answered
 */
(function () {
  "use strict";

  var z = window.zhupei;
  if (!z) { return; }
  var html = document.documentElement;
  var root = html.getAttribute("data-root") || "";
  var peers = (html.getAttribute("data-peers") || "").split(" ");
  var AFTER_MS = 6000;   // of silence
  var EACH_MS = 3000;    // for one server's answer
  var AGAIN_MS = 3000;   // between rounds
  var since = null;
  var timer = null;
  var fields = null;
  var tell = null;

  function carry() {
    var found = /(?:^|;\s*)zhupei_carry=([^;]+)/.exec(document.cookie || "");
    return found ? found[1] : "";
  }

  function look() {
    var classes = " " + html.className + " ";
    return ((html.lang || "").indexOf("en") === 0 ? "en" : "zh") +
      (classes.indexOf(" large ") >= 0 ? ".large" : "") + (classes.indexOf(" contrast ") >= 0 ? ".contrast" : "");
  }

  function seek() {
    if (since === null || !carry()) { return; }
    tell();
    probe(0);
  }

  function probe(place) {
    if (since === null) { return; }
    if (place >= peers.length) { timer = setTimeout(function () { probe(0); }, AGAIN_MS); return; }
    var image = new Image();
    var over = false;
    var limit = null;
    var end = function (there) {
      if (over) { return; }
      over = true;
      clearTimeout(limit);
      image.onload = image.onerror = null;
      if (since === null) { return; }
      if (there) { cross(peers[place]); } else { probe(place + 1); }
    };
    limit = setTimeout(function () { end(false); }, EACH_MS);
    image.onload = function () { end(true); };
    image.onerror = function () { end(false); };
    image.src = peers[place] + root + "/alive.gif?" + new Date().getTime();
  }

  function cross(peer) {
    var values = fields();
    var form = document.createElement("form");
    form.method = "post";
    form.action = peer + root + "/cross";
    values.carry = carry();
    values.look = look();
    for (var name in values) {
      if (values.hasOwnProperty(name)) {
        var input = document.createElement("input");
        input.type = "hidden";
        input.name = name;
        input.value = values[name];
        form.appendChild(input);
      }
    }
    document.body.appendChild(form);
    timer = setTimeout(function () { document.body.removeChild(form); seek(); }, 15000);  // still here: try again
    form.submit();
  }

  z.elsewhere = {
    lost: function (what, say) {
      fields = what;
      tell = say;
      if (since === null) { since = new Date().getTime(); timer = setTimeout(seek, AFTER_MS); }
    },
    found: function () {
      since = null;
      clearTimeout(timer);
    }
  };
}());
