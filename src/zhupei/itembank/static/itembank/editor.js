/* Puts the line of an uploaded picture where the cursor was. Without script it is copied by hand. */
(() => {
  "use strict";

  let last = null;

  document.addEventListener("focusin", (event) => {
    if (event.target.matches("form[data-editor] textarea")) last = event.target;
  });

  const show = (root) => root.querySelectorAll("[data-insert]").forEach((button) => { button.hidden = false; });
  show(document);
  document.addEventListener("htmx:load", (event) => show(event.target));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button) return;
    const area = last?.isConnected ? last : document.querySelector("form[data-editor] textarea[name=stem]");
    if (!area) return;
    area.focus();
    area.setRangeText(button.dataset.insert, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
