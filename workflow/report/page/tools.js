"use strict";
// What stands above the films: view, overlay, order, how many are shown; and what the overlays mean.
(function (Page) {
  if (!Page.study) return;
  const { make, study, filters, state } = Page;
  const SHOWN = { micrograph: "Micrograph", cam: "CAM", occlusion: "Occlusion" };

  // The words that say what the overlay that is shown means.
  Page.legend = function (kind) {
    const about = (study.raw.overlays || {})[kind];
    if (!about) return make("p", { class: "legend" });
    const swatches = Object.values(about.colours || {})
      .filter(Boolean)
      .map((colour) => {
        const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
        swatch.style.background = colour;
        return swatch;
      });
    const words = `${about.words.charAt(0).toUpperCase()}${about.words.slice(1).replace(/\.$/, "")}.`;
    return make("p", { class: "legend" }, ...swatches, words, about.detail ? ` ${about.detail}` : "");
  };

  Page.tools = function () {
    const views = Page.choice("View", { grid: "Grid", map: "Map" }, (view) => state.set({ view }));
    const shown = Page.choice("Show", SHOWN, (show) => state.set({ show }));
    const colours = Page.choice("Colour of the frames", { truth: "grown", predicted: "said" }, (colour) =>
      state.set({ colour }),
    );
    const order = make(
      "select",
      { "aria-label": "Order", on: { change: () => state.set({ order: order.value }) } },
      ...Object.entries(filters.ORDERS).map(([name, { words }]) => make("option", { value: name, text: words })),
    );
    const count = make("p", { class: "shown", role: "status" });
    const reset = make("button", {
      type: "button",
      class: "plain",
      text: "Show all",
      on: { click: () => state.reset() },
    });
    const sorting = make("label", { class: "labelled" }, make("span", { text: "Order" }), order);
    const framing = make("div", { class: "labelled" }, make("span", { text: "Frames" }), colours.element);
    const legend = make("div", { class: "legends" });
    const element = make(
      "div",
      { class: "tools" },
      make("div", { class: "row" }, views.element, shown.element, sorting, framing),
      make("div", { class: "row" }, count, reset),
      legend,
    );

    return {
      element,
      draw(now, before) {
        views.show(now.view);
        shown.show(now.show);
        colours.show(now.colour);
        order.value = now.order;
        sorting.hidden = now.view !== "grid";
        framing.hidden = now.view !== "map";
        const number = state.found().shown.length;
        const all = study.count.toLocaleString("en");
        const right = d3.sum(state.found().shown, (i) => study.films.right[i]);
        const share = number
          ? `, ${right.toLocaleString("en")} of them right (${Math.round((100 * right) / number)} %)`
          : "";
        count.textContent =
          number === study.count
            ? `All ${all} films${share}`
            : `${number.toLocaleString("en")} of ${all} films${share}`;
        reset.hidden = number === study.count && !now.filters.text;
        if (!before || before.show !== now.show)
          legend.replaceChildren(...(now.show === "micrograph" ? [] : [Page.legend(now.show)]));
      },
    };
  };
})(window.Page);
