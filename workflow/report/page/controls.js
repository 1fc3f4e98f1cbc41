"use strict";
// What stands beside the films: search, the table of truth by answer, choices and ranges; and above them the tools.
(function (Page) {
  if (!Page.study) return;
  const { make, study, filters, state, marks } = Page;
  const SHOWN = { micrograph: "Micrograph", cam: "CAM", occlusion: "Occlusion" };

  function facet(name) {
    const { words, said } = filters.FACETS[name], all = filters.choices(name);
    if (all.length < 2) return null;
    const buttons = all.map((text) => make("button", { type: "button", class: "chip", "data-facet": name, "data-value": text,
      on: { click: () => state.toggle(name, text) } }, make("span", { text: said(text) }), make("span", { class: "count" })));
    return {
      element: make("fieldset", { class: "facet" }, make("legend", { text: words }), make("div", { class: "chips" }, ...buttons)),
      draw(chosen, found) {
        for (const button of buttons) {
          const count = found.counts[name].get(button.dataset.value) || 0, on = chosen[name].has(button.dataset.value);
          button.setAttribute("aria-pressed", on);
          button.lastChild.textContent = count.toLocaleString("en");
          button.classList.toggle("none", !count && !on);
        }
      },
    };
  }

  // Truth by answer: a number is a choice of both, a heading a choice of one.
  function matrix() {
    const rows = filters.choices("truth"), columns = filters.choices("predicted");
    const said = (name, text) => filters.FACETS[name].said(text);
    const heading = (name, text) => {
      const temperature = Number(text), sign = marks.sign(temperature);
      return make("button", { type: "button", "data-facet": name, "data-value": text,
        "aria-label": `${filters.FACETS[name].words} ${said(name, text)}`, on: { click: () => state.toggle(name, text) } },
      sign, make("span", { text: text === "unknown" ? "none" : text }));
    };
    const cell = (truth, predicted) => {
      const button = make("button", { type: "button", class: truth === predicted ? "cell right" : "cell", "data-truth": truth, "data-predicted": predicted });
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") === "true";
        state.filter({ truth: new Set(on ? [] : [truth]), predicted: new Set(on ? [] : [predicted]) });
      });
      return button;
    };
    const headings = [], cells = [];
    const headed = (name, text) => { headings.push(heading(name, text)); return headings[headings.length - 1]; };
    const head = make("thead", {}, make("tr", {}, make("td", { class: "corner", text: "grown ↓\nsaid →" }),
      ...columns.map((text) => make("th", { scope: "col" }, headed("predicted", text)))));
    const body = make("tbody", {}, ...rows.map((truth) => make("tr", {},
      make("th", { scope: "row" }, headed("truth", truth)),
      ...columns.map((predicted) => { cells.push(cell(truth, predicted)); return make("td", {}, cells[cells.length - 1]); }))));
    const element = make("fieldset", { class: "facet" }, make("legend", { text: "Temperature grown and said, °C" }),
      make("div", { class: "scroll-x" }, make("table", { class: "matrix" }, head, body)));

    return { element, draw(chosen, found) {
      for (const button of headings) button.setAttribute("aria-pressed", chosen[button.dataset.facet].has(button.dataset.value));
      const only = (name, text) => chosen[name].size === 1 && chosen[name].has(text);
      const out = (name, text) => chosen[name].size && !chosen[name].has(text);
      const total = (truth) => d3.sum(columns, (predicted) => found.table.get(filters.pair(truth, predicted)) || 0) || 1;
      for (const button of cells) {
        const { truth, predicted } = button.dataset, count = found.table.get(filters.pair(truth, predicted)) || 0;
        button.textContent = count.toLocaleString("en");
        button.style.setProperty("--share", `${Math.round((100 * count) / total(truth))}%`);
        button.setAttribute("aria-pressed", only("truth", truth) && only("predicted", predicted));
        button.setAttribute("aria-label", `grown at ${said("truth", truth)}, said ${said("predicted", predicted)}: ${count} films`);
        button.classList.toggle("out", Boolean(out("truth", truth) || out("predicted", predicted)));
      }
    } };
  }

  function search() {
    const input = make("input", { type: "search", placeholder: "name, growth day, substrate …", "aria-label": "Search films", spellcheck: "false" });
    input.addEventListener("input", () => state.filter({ text: input.value }));
    return { element: make("div", { class: "facet" }, input), draw(chosen) { if (input.value !== chosen.text) input.value = chosen.text; } };
  }

  Page.side = function () {
    const parts = [search(), matrix(), facet("answer"), Page.range("confidence"), Page.range("time"), facet("fold"),
      facet("substrate")].filter(Boolean);
    const summary = make("summary", { text: "Filters" });
    const folded = make("details", { class: "side" }, summary, ...parts.map((one) => one.element));
    const wide = window.matchMedia("(min-width: 60rem)");
    const unfold = () => { folded.open = wide.matches; };
    wide.addEventListener("change", unfold);
    unfold();
    return { element: folded, draw(now) {
      parts.forEach((part) => part.draw(now.filters, state.found()));
      const active = Object.values(now.filters).filter((one) => (one instanceof Set ? one.size : one)).length;
      summary.textContent = active ? `Filters (${active})` : "Filters";
    } };
  };

  // The words that say what the overlay that is shown means.
  Page.legend = function (kind) {
    const about = (study.raw.overlays || {})[kind];
    if (!about) return make("p", { class: "legend" });
    const swatches = Object.values(about.colours || {}).filter(Boolean).map((colour) => {
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
    const colours = Page.choice("Colour of the frames", { truth: "grown", predicted: "said" }, (colour) => state.set({ colour }));
    const order = make("select", { "aria-label": "Order", on: { change: () => state.set({ order: order.value }) } },
      ...Object.entries(filters.ORDERS).map(([name, { words }]) => make("option", { value: name, text: words })));
    const count = make("p", { class: "shown", role: "status" });
    const reset = make("button", { type: "button", class: "plain", text: "Show all", on: { click: () => state.reset() } });
    const sorting = make("label", { class: "labelled" }, make("span", { text: "Order" }), order);
    const framing = make("div", { class: "labelled" }, make("span", { text: "Frames" }), colours.element);
    const legend = make("div", { class: "legends" });
    const element = make("div", { class: "tools" }, make("div", { class: "row" }, views.element, shown.element, sorting, framing),
      make("div", { class: "row" }, count, reset), legend);

    return { element, draw(now, before) {
      views.show(now.view);
      shown.show(now.show);
      colours.show(now.colour);
      order.value = now.order;
      sorting.hidden = now.view !== "grid";
      framing.hidden = now.view !== "map";
      const number = state.found().shown.length, all = study.count.toLocaleString("en");
      const right = d3.sum(state.found().shown, (i) => study.films.right[i]);
      const share = number ? `, ${right.toLocaleString("en")} of them right (${Math.round((100 * right) / number)} %)` : "";
      count.textContent = number === study.count ? `All ${all} films${share}` : `${number.toLocaleString("en")} of ${all} films${share}`;
      reset.hidden = number === study.count && !now.filters.text;
      if (!before || before.show !== now.show) legend.replaceChildren(...(now.show === "micrograph" ? [] : [Page.legend(now.show)]));
    } };
  };
})(window.Page);
