"use strict";
// Starts the page: first what needs no study, then the films.
(function (Page) {
  Page.tables();
  Page.contents();
  const place = document.getElementById("explorer");
  if (!Page.study) {
    place.append(
      Page.make("p", {
        class: "note",
        text: "parts/films.js is missing or broken, so the films cannot be shown one by one; make the report again.",
      }),
    );
    return;
  }
  const { make, state, study } = Page;
  document.getElementById("films-model").textContent =
    `as seen by ${study.raw.model}; every film by the network that never saw its batch`;

  const peek = Page.peek();
  const side = Page.side();
  const tools = Page.tools();
  const grid = Page.grid();
  const map = Page.map(peek);
  const film = Page.film();
  Page.peekAt(grid.element, peek);
  place.append(side.element, make("div", { class: "seen-films" }, tools.element, grid.element, map.element));
  const parts = [side, tools, grid, map, film];
  state.watch((now, before) => parts.forEach((part) => part.draw(now, before)));
  state.watch((now, before) => {
    if (now.film === null && before.film !== null && now.view === "grid") grid.focusFilm(before.film);
  });
  state.start();
  if (location.hash.includes("=") && state.now.film === null) document.getElementById("films").scrollIntoView();
})(window.Page);
