"use strict";
// Starts the page: first tables and figures, which need no study, then the samples.
(function (Page) {
  Page.tables();
  Page.panning();
  Page.contents();
  const explorer = document.getElementById("explorer");
  if (!explorer) return;
  if (!Page.study) {
    explorer.append(
      Page.make("p", {
        class: "note",
        text: "parts/samples.js is missing or damaged, so that the samples cannot be shown; make the report again.",
      }),
    );
    return;
  }
  const { make, state, study } = Page;
  document.getElementById("samples-model").textContent =
    `${study.data.model}; each sample is predicted by the network of the fold that tests it`;

  const preview = Page.preview();
  const sidebar = Page.sidebar();
  const tools = Page.tools();
  const grid = Page.grid();
  const map = Page.map(preview);
  const sample = Page.sample();
  Page.previewTiles(grid.element, preview);
  explorer.append(sidebar.element, make("div", { class: "sample-list" }, tools.element, grid.element, map.element));
  const parts = [sidebar, tools, grid, map, sample];
  state.watch((now, previous) => parts.forEach((part) => part.draw(now, previous)));
  state.watch((now, previous) => {
    if (now.sample === null && previous.sample !== null && now.view === "grid") grid.focusSample(previous.sample);
  });
  document.querySelectorAll('a[href="#explorer"]').forEach((link) =>
    link.addEventListener("click", (event) => {
      event.preventDefault();
      explorer.scrollIntoView();
      if (state.now.view === "grid") grid.focusFirst();
      else map.focus();
    }),
  );
  state.start();
  if (location.hash.includes("=") && state.now.sample === null) document.getElementById("samples").scrollIntoView();
})(window.Page);
