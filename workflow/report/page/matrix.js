"use strict";
// The confusion matrix as a filter.
(function (Page) {
  if (!Page.study) return;
  const { make, filters, state, marks, study } = Page;

  // A cell chooses both classes, a heading one.
  Page.matrix = function () {
    const rows = filters.choices("truth");
    const columns = filters.choices("predicted");
    const label = (name, text) => filters.FACETS[name].label(text);
    const heading = (name, text) => {
      const symbol = marks.symbol(Number(text));
      return make(
        "button",
        {
          type: "button",
          "data-facet": name,
          "data-value": text,
          "aria-label": `${filters.FACETS[name].title} ${label(name, text)}`,
          on: { click: () => state.toggle(name, text) },
        },
        symbol,
        make("span", { text: study.label(text) }),
      );
    };
    const cell = (truth, predicted) => {
      const button = make("button", {
        type: "button",
        class: truth === predicted ? "cell correct" : "cell",
        "data-truth": truth,
        "data-predicted": predicted,
      });
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") === "true";
        state.filter({ truth: new Set(on ? [] : [truth]), predicted: new Set(on ? [] : [predicted]) });
      });
      return button;
    };
    const headings = [];
    const cells = [];
    const addHeading = (name, text) => {
      headings.push(heading(name, text));
      return headings[headings.length - 1];
    };
    const head = make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("td", { class: "corner", text: "true ↓\npredicted →" }),
        ...columns.map((text) => make("th", { scope: "col" }, addHeading("predicted", text))),
      ),
    );
    const body = make(
      "tbody",
      {},
      ...rows.map((truth) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, addHeading("truth", truth)),
          ...columns.map((predicted) => {
            cells.push(cell(truth, predicted));
            return make("td", {}, cells[cells.length - 1]);
          }),
        ),
      ),
    );
    const element = make(
      "fieldset",
      { class: "facet" },
      make("legend", { text: ["Confusion matrix", study.unit].filter(Boolean).join(", ") }),
      make("div", { class: "scroll-x" }, make("table", { class: "matrix" }, head, body)),
    );

    return {
      element,
      draw(chosen, result) {
        for (const button of headings)
          button.setAttribute("aria-pressed", chosen[button.dataset.facet].has(button.dataset.value));
        const only = (name, text) => chosen[name].size === 1 && chosen[name].has(text);
        const out = (name, text) => chosen[name].size && !chosen[name].has(text);
        const total = (truth) =>
          d3.sum(columns, (predicted) => result.table.get(filters.pair(truth, predicted)) || 0) || 1;
        for (const button of cells) {
          const { truth, predicted } = button.dataset;
          const count = result.table.get(filters.pair(truth, predicted)) || 0;
          button.textContent = count.toLocaleString("en");
          button.style.setProperty("--share", `${Math.round((100 * count) / total(truth))}%`);
          button.setAttribute("aria-pressed", only("truth", truth) && only("predicted", predicted));
          button.setAttribute(
            "aria-label",
            `true ${label("truth", truth)}, predicted ${label("predicted", predicted)}: ${count} ${Page.study.things}`,
          );
          button.classList.toggle("out", Boolean(out("truth", truth) || out("predicted", predicted)));
        }
      },
    };
  };
})(window.Page);
