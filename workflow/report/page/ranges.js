"use strict";
// A range of numbers, chosen with two handles under a small histogram of the samples that pass everything else.
(function (Page) {
  if (!Page.study) return;
  const { make, makeSvg, filters } = Page;
  const BARS = 24;
  const HIGH = 28;

  function handle(name, ends, step, place, title, unit) {
    return make("input", {
      type: "range",
      min: ends[0],
      max: ends[1],
      step,
      value: ends[place],
      "aria-label": `${title}, ${place ? "at most" : "at least"}${unit ? `, in ${unit}` : ""}`,
      "data-range": name,
      "data-end": place ? "high" : "low",
    });
  }

  function histogram(of, ends) {
    const bin = d3
      .bin()
      .domain(ends)
      .thresholds(d3.range(1, BARS).map((k) => ends[0] + (k * (ends[1] - ends[0])) / BARS));
    const svg = makeSvg("svg", {
      class: "histogram",
      viewBox: `0 0 ${BARS} ${HIGH}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    const bars = d3.range(BARS).map((k) => svg.appendChild(makeSvg("rect", { x: k + 0.08, width: 0.84 })));
    const draw = (within, chosen) => {
      const bins = bin(within.map(of).filter(Page.study.known));
      const most = d3.max(bins, (one) => one.length) || 1;
      bars.forEach((bar, k) => {
        const high = bins[k] && bins[k].length ? Math.max(1.5, (HIGH * bins[k].length) / most) : 0;
        bar.setAttribute("y", HIGH - high);
        bar.setAttribute("height", high);
        bar.classList.toggle("out", Boolean(chosen && bins[k] && (bins[k].x1 < chosen[0] || bins[k].x0 > chosen[1])));
      });
    };
    return { svg, draw };
  }

  // The control of one range: {element, draw(filters, result)}; null where the samples do not differ.
  Page.range = function (name) {
    const { title, unit, of } = filters.RANGES[name];
    const found = filters.bounds(name);
    if (!found || found.low === found.high) return null;
    const ends = [found.low, found.high];
    const inputs = [0, 1].map((place) => handle(name, ends, found.step, place, title, unit));
    const output = make("output", { class: "range-value" });
    const { svg, draw } = histogram(of, ends);
    const track = make("div", { class: "track" });
    const between = track.appendChild(make("div", { class: "between" }));
    const element = make(
      "fieldset",
      { class: "facet range" },
      make("legend", {}, make("span", { text: title }), output),
      svg,
      make("div", { class: "handles" }, track, ...inputs),
    );

    const choose = (place) => () => {
      const pair = inputs.map((input) => Number(input.value));
      if (pair[0] > pair[1]) pair[1 - place] = pair[place];
      Page.state.filter({ [name]: pair[0] <= ends[0] && pair[1] >= ends[1] ? null : pair });
    };
    inputs.forEach((input, place) => input.addEventListener("input", choose(place)));

    return {
      element,
      draw(chosen, result) {
        const pair = (chosen[name] || ends).map((one) => Math.min(Math.max(one, ends[0]), ends[1]));
        inputs.forEach((input, place) => {
          input.value = pair[place];
        });
        inputs[0].classList.toggle("above", pair[0] > (ends[0] + ends[1]) / 2); // so that both can be moved
        const share = (one) => (100 * (one - ends[0])) / (ends[1] - ends[0]);
        between.style.left = `${share(pair[0])}%`;
        between.style.right = `${100 - share(pair[1])}%`;
        output.textContent = `${pair[0]} to ${pair[1]} ${unit}`.trim();
        draw(result.within[name], chosen[name]);
      },
    };
  };
})(window.Page);
