"use strict";
// The films counted by temperature grown and temperature said, and a way to choose among them.
(function (Page) {
  if (!Page.study) return;
  const { make, filters, state, marks } = Page;

  // Truth by answer: a number is a choice of both, a heading a choice of one.
  Page.matrix = function () {
    const rows = filters.choices("truth");
    const columns = filters.choices("predicted");
    const said = (name, text) => filters.FACETS[name].said(text);
    const heading = (name, text) => {
      const temperature = Number(text);
      const sign = marks.sign(temperature);
      return make(
        "button",
        {
          type: "button",
          "data-facet": name,
          "data-value": text,
          "aria-label": `${filters.FACETS[name].words} ${said(name, text)}`,
          on: { click: () => state.toggle(name, text) },
        },
        sign,
        make("span", { text: text === "unknown" ? "none" : text }),
      );
    };
    const cell = (truth, predicted) => {
      const button = make("button", {
        type: "button",
        class: truth === predicted ? "cell right" : "cell",
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
    const headed = (name, text) => {
      headings.push(heading(name, text));
      return headings[headings.length - 1];
    };
    const head = make(
      "thead",
      {},
      make(
        "tr",
        {},
        make("td", { class: "corner", text: "grown ↓\nsaid →" }),
        ...columns.map((text) => make("th", { scope: "col" }, headed("predicted", text))),
      ),
    );
    const body = make(
      "tbody",
      {},
      ...rows.map((truth) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, headed("truth", truth)),
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
      make("legend", { text: "Temperature grown and said, °C" }),
      make("div", { class: "scroll-x" }, make("table", { class: "matrix" }, head, body)),
    );

    return {
      element,
      draw(chosen, found) {
        for (const button of headings)
          button.setAttribute("aria-pressed", chosen[button.dataset.facet].has(button.dataset.value));
        const only = (name, text) => chosen[name].size === 1 && chosen[name].has(text);
        const out = (name, text) => chosen[name].size && !chosen[name].has(text);
        const total = (truth) =>
          d3.sum(columns, (predicted) => found.table.get(filters.pair(truth, predicted)) || 0) || 1;
        for (const button of cells) {
          const { truth, predicted } = button.dataset;
          const count = found.table.get(filters.pair(truth, predicted)) || 0;
          button.textContent = count.toLocaleString("en");
          button.style.setProperty("--share", `${Math.round((100 * count) / total(truth))}%`);
          button.setAttribute("aria-pressed", only("truth", truth) && only("predicted", predicted));
          button.setAttribute(
            "aria-label",
            `grown at ${said("truth", truth)}, said ${said("predicted", predicted)}: ${count} films`,
          );
          button.classList.toggle("out", Boolean(out("truth", truth) || out("predicted", predicted)));
        }
      },
    };
  };
})(window.Page);
