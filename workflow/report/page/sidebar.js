"use strict";
// The sidebar of filters: search, confusion matrix, choices and ranges.
(function (Page) {
  if (!Page.study) return;
  const { make, filters, state } = Page;

  function facet(name) {
    const { title, label } = filters.FACETS[name];
    const all = filters.choices(name);
    if (all.length < 2) return null;
    const buttons = all.map((text) =>
      make(
        "button",
        {
          type: "button",
          class: "chip",
          "data-facet": name,
          "data-value": text,
          on: { click: () => state.toggle(name, text) },
        },
        make("span", { text: label(text) }),
        make("span", { class: "count" }),
      ),
    );
    return {
      element: make(
        "fieldset",
        { class: "facet" },
        make("legend", { text: title }),
        make("div", { class: "chips" }, ...buttons),
      ),
      draw(chosen, result) {
        for (const button of buttons) {
          const count = result.counts[name].get(button.dataset.value) || 0;
          const on = chosen[name].has(button.dataset.value);
          button.setAttribute("aria-pressed", on);
          button.lastChild.textContent = count.toLocaleString("en");
          button.classList.toggle("none", !count && !on);
        }
      },
    };
  }

  function search() {
    const input = make("input", {
      type: "search",
      placeholder: ["name", "batch", ...filters.texts.map((one) => one.name)].slice(0, 3).join(", ") + " …",
      "aria-label": "Search samples",
      spellcheck: "false",
    });
    input.addEventListener("input", () => state.filter({ text: input.value }));
    return {
      element: make("div", { class: "facet" }, input),
      draw(chosen) {
        if (input.value !== chosen.text) input.value = chosen.text;
      },
    };
  }

  Page.sidebar = function () {
    const parts = [
      search(),
      Page.matrix(),
      facet("outcome"),
      Page.range("confidence"),
      ...filters.numbers.map((one) => Page.range(one.column)),
      facet("fold"),
      ...filters.texts.map((one) => facet(one.column)),
    ].filter(Boolean);
    const summary = make("summary", { text: "Filters" });
    const folded = make("details", { class: "sidebar" }, summary, ...parts.map((one) => one.element));
    const wide = window.matchMedia("(min-width: 60rem)");
    const unfold = () => {
      folded.open = wide.matches;
    };
    wide.addEventListener("change", unfold);
    unfold();
    return {
      element: folded,
      draw(now) {
        parts.forEach((part) => part.draw(now.filters, state.result()));
        const active = Object.values(now.filters).filter((one) => (one instanceof Set ? one.size : one)).length;
        summary.textContent = active ? `Filters (${active})` : "Filters";
      },
    };
  };
})(window.Page);
