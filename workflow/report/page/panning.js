"use strict";
// Says of tables and figures wider than the page that they can be moved sideways; all others are shown whole.
(function (Page) {
  const SELECTOR = ".scroll, .scroll-x, .sheet";
  const HINT = "Wider than the page: swipe sideways, or use the arrow keys.";

  function mark(box) {
    const wide = box.scrollWidth > box.clientWidth + 1;
    const above = box.previousElementSibling;
    const hint = above && above.matches(".hint") ? above : null;
    box.classList.toggle("fits", !wide);
    if (wide) box.tabIndex = 0;
    else box.removeAttribute("tabindex"); // a box that does not move needs no stop of the Tab key
    if (wide && !hint) box.before(Page.make("p", { class: "hint", text: HINT }));
    else if (hint) hint.hidden = !wide;
  }

  Page.panning = function () {
    const watcher = new ResizeObserver((changes) => changes.forEach(({ target }) => mark(target)));
    document.querySelectorAll(SELECTOR).forEach((box) => watcher.observe(box));
  };
})(window.Page);
