/* The candidate's page, part 3 of 4: the question and the answer sheet, by mouse, finger and keyboard.
 *
 * Shows what part 2 knows (z.page, z.answers) and tells it what is chosen. A question's state stands at the question, at its
 * number in the sheet, and as a count of what is not kept.
 *
 * Offers z.sheet: paint choices go focus chosen command clicked pressed keysLine
 */
(function () {
  "use strict";

  var z = window.zhupei;
  if (!z || !z.answers) { return; }
  var doc = document;
  var page = z.page;
  var byId = z.byId;
  var attr = z.attr;
  var say = z.say;
  var text = z.text;
  var setClass = z.setClass;

  // --- what one sees ---------------------------------------------------------------------------------------------

  function paintCell(no) {
    var slot = page.slots[no - 1];
    var cell = byId("cell-" + no);
    if (!slot || !cell) { return; }
    var state = z.answers.state(slot.key);
    var isMarked = !!page.marked[slot.key];
    setClass(cell, "given", state === "given");
    setClass(cell, "kept", state === "kept");
    setClass(cell, "marked", isMarked);
    setClass(cell, "current", no === page.at);
    if (no === page.at) { cell.setAttribute("aria-current", "true"); } else { cell.removeAttribute("aria-current"); }
    var label = say("paper.question", { no: no }) + ", " + say("sheet." + state);
    cell.setAttribute("aria-label", label + (isMarked ? ", " + say("sheet.marked") : ""));
    var keep = byId("keep-" + no);
    if (keep) {
      keep.className = "keep keep-" + state;
      text(keep, say("state." + (page.stale[slot.key] ? "stale" : state)));
    }
  }

  function paint() {
    var done = 0;
    for (var i = 0; i < page.slots.length; i++) {
      var chosen = page.chosen[page.slots[i].key];
      if (chosen && chosen.length) { done++; }
      paintCell(i + 1);
    }
    text(byId("count"), say("sheet.count", { answered: done, total: page.slots.length }));
    var n = z.answers.count();
    var unsaved = byId("unsaved");
    var told = n ? say("unsaved", { n: n }) : say("all.saved");
    if (unsaved && attr(unsaved, "data-told") !== told) {
      unsaved.setAttribute("data-told", told);
      text(unsaved, told);
      setClass(unsaved, "waiting", n > 0);
    }
    var dot = byId("link").getElementsByTagName("span")[0];  // a phone shows no answer sheet beside the question
    text(dot, n && z.link !== "ok" ? String(n) : "");
    setClass(dot, "many", n && z.link !== "ok");
    paintBar();
  }

  function paintBar() {
    var slot = page.slots[page.at - 1];
    if (!slot) { return; }
    var own = page.units[slot.unit - 1].slots;
    var mark = byId("go-mark");
    var isMarked = !!page.marked[slot.key];
    text(mark, say(isMarked ? "go.unmark" : "go.mark"));
    mark.setAttribute("aria-pressed", isMarked ? "true" : "false");
    byId("go-prev").disabled = own[0] === 1;
    text(byId("go-next"), say(own[own.length - 1] === page.slots.length ? "go.review" : "go.next"));
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

  function inputsOf(key) {
    var all = byId("item").getElementsByTagName("input");
    var own = [];
    for (var i = 0; i < all.length; i++) { if (all[i].name === "a:" + key) { own.push(all[i]); } }
    return own;
  }

  // put the crosses of this question as they are chosen
  function choices(key) {
    var inputs = inputsOf(key);
    for (var i = 0; i < inputs.length; i++) {
      inputs[i].checked = z.indexIn(page.chosen[key] || [], inputs[i].value) >= 0;
      setClass(inputs[i].parentNode, "on", inputs[i].checked);
    }
  }

  // the crosses of this question as they stand; null where it is not on the page
  function chosen(key) {
    var inputs = inputsOf(key);
    var result = [];
    for (var i = 0; i < inputs.length; i++) { if (inputs[i].checked) { result.push(inputs[i].value); } }
    return inputs.length ? result : null;
  }

  // --- going from question to question ---------------------------------------------------------------------------

  function go(no, still) {
    if (no < 1 || no > page.slots.length || z.over) { return; }
    z.dialogs.close();
    page.at = no;
    var place = page.slots[no - 1].unit;
    var unit = page.units[place - 1];
    var item = byId("item");
    if (attr(item, "data-unit") !== String(place)) {
      item.innerHTML = unit.html;
      item.setAttribute("data-unit", String(place));
      for (var i = 0; i < unit.slots.length; i++) { choices(page.slots[unit.slots[i] - 1].key); }
      if (!still) { window.scrollTo(0, 0); }
    }
    var fields = byId("exam").elements;
    for (var j = 0; j < fields.length; j++) { if (fields[j].name === "n") { fields[j].value = String(no); } }
    paint();
    reveal(no);
    if (!still) { focus(); }
    if (window.history && history.replaceState) {
      history.replaceState(null, "", z.root + "/paper?subject=" + encodeURIComponent(page.subject) + "&n=" + no);
    }
  }

  function focus() {
    var place = byId("q" + page.at);
    if (!place) { return; }
    var own = page.units[page.slots[page.at - 1].unit - 1].slots;
    place.setAttribute("tabindex", "-1");
    try { place.focus(); } catch (e) { return; }
    if (page.at !== own[0] && place.scrollIntoView) { place.scrollIntoView(); window.scrollBy(0, -120); }
  }

  function step(by) {
    var own = page.units[page.slots[page.at - 1].unit - 1].slots;
    var no = by > 0 ? own[own.length - 1] + 1 : own[0] - 1;
    if (no > page.slots.length) {
      var onward = byId("onward").getElementsByTagName("button");
      if (onward.length) { command(onward[0].value); }
      return;
    }
    if (by < 0 && no >= 1) { no = page.units[page.slots[no - 1].unit - 1].slots[0]; }
    go(no);
  }

  // the arrow keys also stop at each question of a case; the buttons go from item to item
  function stepKey(by) {
    var other = page.slots[page.at - 1 + by];
    if (other && other.unit === page.slots[page.at - 1].unit) { go(page.at + by); } else { step(by); }
  }

  // --- choosing --------------------------------------------------------------------------------------------------

  function changed(key) {
    var is = chosen(key) || [];
    if (z.same(is, page.chosen[key] || []) && !page.stale[key]) { return; }
    z.answers.touch(key, is, null);
    choices(key);
  }

  function clear(no) {
    var key = page.slots[no - 1].key;
    if (!page.chosen[key] || !page.chosen[key].length) { return; }
    z.answers.touch(key, [], null);
    choices(key);
  }

  function toggleMark() {
    var key = page.slots[page.at - 1].key;
    z.answers.touch(key, null, !page.marked[key]);
  }

  // what a button of the paper's form says, as the server would read it
  function command(value) {
    var parts = value.split(":");
    if (parts[0] === "prev") { step(-1); }
    else if (parts[0] === "next") { step(1); }
    else if (parts[0] === "mark" || parts[0] === "unmark") { toggleMark(); }
    else if (parts[0] === "n") { go(parseInt(parts[1], 10)); }
    else if (parts[0] === "clear") { clear(parseInt(parts[1], 10)); }
    else if (parts[0] === "warning") { z.dialogs.read(); }
    else if (parts[0] === "hand-in") { z.dialogs.open("/hand-in"); }
    else if (parts[0] === "subject") {
      if (attr(z.main, "data-order") === "free") { z.dialogs.turn(parts[1], 1); } else { z.dialogs.open("/next-subject"); }
    }
  }

  function slotOf(node) {
    var set = z.within(node, function (one) { return !!attr(one, "data-key"); });
    return set ? { key: attr(set, "data-key"), no: parseInt(attr(set, "data-no"), 10) } : null;
  }

  function clicked(event) {
    var target = event.target || event.srcElement;
    var button = z.within(target, function (node) { return node.nodeName === "BUTTON" && node.name === "go"; });
    if (button) {
      z.stop(event);
      if (button.id === "warning-read" && z.dialogs.isHasty(event)) { return; }
      if (button.value !== "stay" && !button.disabled) { command(button.value); }
      return;
    }
    // a double click that opened a summary has not confirmed it
    if (event.detail > 1 && z.within(target, function (node) { return !!attr(node, "data-confirm"); })) { z.stop(event); return; }
    var cell = z.within(target, function (node) { return !!attr(node, "data-go"); });
    if (cell) {
      z.stop(event);
      var no = parseInt(attr(cell, "data-go"), 10);
      if (attr(cell, "data-go-subject") === page.subject) { go(no); } else { z.dialogs.turn(attr(cell, "data-go-subject"), no); }
      return;
    }
    if (z.within(target, function (node) { return !!attr(node, "data-back"); })) { z.stop(event); z.dialogs.close(true); return; }
    if (target.nodeName === "INPUT" && (target.type === "radio" || target.type === "checkbox")) {
      var slot = slotOf(target);
      if (!slot) { return; }
      if (slot.no !== page.at) { go(slot.no, true); }
      changed(slot.key);
    }
  }

  // --- keys ------------------------------------------------------------------------------------------------------

  var isOff = z.answers.keysOff();

  function pressed(event) {
    if (z.dialogs.isWarned() && event.keyCode === 9) { z.stop(event); byId("warning-read").focus(); return; }
    if (z.dialogs.isWarned() || z.dialogs.isOpen() || z.paused || z.over) { return; }
    if (event.ctrlKey || event.altKey || event.metaKey) { return; }
    var target = event.target || event.srcElement;
    var code = event.keyCode;
    if (target.nodeName === "INPUT" && target.type !== "radio" && target.type !== "checkbox") { return; }
    if ((code === 37 || code === 39) && z.hasClass(target, "rich-table")) { return; }  // a wide table scrolls
    if (code === 37 || code === 39) { z.stop(event); stepKey(code === 39 ? 1 : -1); return; }
    if (isOff || event["repeat"]) { return; }  // a key that lies pressed chooses once
    if (code === 77) { z.stop(event); toggleMark(); return; }
    var place = code >= 49 && code <= 54 ? code - 49 : code >= 97 && code <= 102 ? code - 97 : code >= 65 && code <= 70 ? code - 65 : -1;
    if (place < 0) { return; }
    var slot = slotOf(target) || { key: page.slots[page.at - 1].key, no: page.at };
    var inputs = inputsOf(slot.key);
    if (place >= inputs.length) { return; }
    z.stop(event);
    if (slot.no !== page.at) { go(slot.no, true); }
    inputs[place].checked = inputs[place].type === "radio" ? true : !inputs[place].checked;
    changed(slot.key);
  }

  // what the keys do, and a button that turns them off
  function keysLine() {
    var line = doc.createElement("p");
    line.className = "keys";
    line.appendChild(doc.createTextNode(say("keys") + " "));
    var button = doc.createElement("button");
    button.type = "button";
    button.className = "quiet";
    var write = function () {
      text(button, say(isOff ? "keys.off" : "keys.on"));
      button.setAttribute("aria-pressed", isOff ? "false" : "true");
    };
    z.on(button, "click", function () {
      isOff = !isOff;
      z.answers.keysOff(isOff);
      write();
    });
    write();
    line.appendChild(button);
    byId("sheet").appendChild(line);
  }

  z.sheet = {
    paint: paint, choices: choices, chosen: chosen, go: go, focus: focus, clicked: clicked, pressed: pressed, keysLine: keysLine
  };
}());
