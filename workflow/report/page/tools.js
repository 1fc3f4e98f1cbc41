"use strict";
// The controls above the samples: view, overlay, order, number shown; and the legend of the overlay.
(function (Page) {
  if (!Page.study) return;
  const { make, study, filters, state } = Page;
  const SHOWN = { micrograph: "Micrograph", ...study.kinds };

  // The legend of an overlay, after what its tests say against it.
  Page.legend = function (kind) {
    const { colours, description, detail, warning } = study.data.overlays[kind];
    const swatches = Object.values(colours)
      .filter(Boolean)
      .map((colour) => {
        const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
        swatch.style.background = colour;
        return swatch;
      });
    const text = `${description.charAt(0).toUpperCase()}${description.slice(1).replace(/\.$/, "")}. ${detail}`;
    return make(
      "div",
      { class: "legend" },
      warning ? make("p", { class: "warning", text: warning }) : null,
      make("p", {}, ...swatches, text),
    );
  };

  Page.tools = function () {
    const views = Page.choice("View", { grid: "Grid", map: "Map" }, (view) => state.set({ view }));
    const shown = Page.choice("Show", SHOWN, (show) => state.set({ show }));
    const colours = Page.choice("Colour of the frames", { truth: "true", predicted: "predicted" }, (colour) =>
      state.set({ colour }),
    );
    const order = make(
      "select",
      { "aria-label": "Order", on: { change: () => state.set({ order: order.value }) } },
      ...Object.entries(filters.ORDERS).map(([name, { title }]) => make("option", { value: name, text: title })),
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
      draw(now, previous) {
        views.show(now.view);
        shown.show(now.show);
        colours.show(now.colour);
        order.value = now.order;
        sorting.hidden = now.view !== "grid";
        framing.hidden = now.view !== "map";
        const number = state.result().shown.length;
        const all = study.count.toLocaleString("en");
        const correct = d3.sum(state.result().shown, (i) => study.samples.correct[i]);
        const share = number
          ? `, ${correct.toLocaleString("en")} predicted correctly`
          : "";
        const ofFilms = study.films === null ? "" : ` of ${study.films.toLocaleString("en")} films`;
        count.textContent =
          number === study.count
            ? `All ${all} ${study.things}${ofFilms}${share}`
            : `${number.toLocaleString("en")} of ${all} ${study.things}${share}`;
        reset.hidden = number === study.count && !now.filters.text;
        if (!previous || previous.show !== now.show)
          legend.replaceChildren(...(now.show === "micrograph" ? [] : [Page.legend(now.show)]));
      },
    };
  };
})(window.Page);
