"use strict";
// The description of one sample: prediction, growth and scan, similar samples.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, marks, sprites } = Page;
  const { samples, known } = study;

  function scores(i) {
    const given = samples.scores && samples.scores[i];
    if (!given || !given.some(known)) {
      return make("p", {
        class: "facts-line",
        text: known(samples.value[i])
          ? `Predicted value: ${study.measured(Number(samples.value[i].toPrecision(4)), study.unit)}.`
          : "The network has no class probabilities.",
      });
    }
    return make(
      "dl",
      { class: "scores" },
      ...study.classes.flatMap((value, k) => {
        const bar = make("span", { class: "score-bar" });
        const share = known(given[k]) ? Math.min(1, Math.max(0, given[k])) : 0;
        bar.style.width = `${100 * share}%`;
        bar.style.background = marks.variable(value);
        const predicted = value === samples.predicted[i] ? "predicted" : "";
        const truth = value === samples.truth[i] ? "true" : "";
        return [
          make("dt", {}, marks.labelled(value)),
          make(
            "dd",
            {},
            make("span", { class: "score-track" }, bar),
            make("span", {
              class: "score",
              text: known(given[k])
                ? `${(100 * given[k]).toFixed(given[k] > 0.0995 || given[k] === 0 ? 0 : 1)} %`
                : "–",
            }),
            make("span", { class: "which", text: [truth, predicted].filter(Boolean).join(", ") }),
          ),
        ];
      }),
    );
  }

  function facts(i) {
    const column = (name) => study.value(name, i);
    const nm = (name) =>
      known(column(name)) ? Number(column(name)).toLocaleString("en", { maximumFractionDigits: 1 }) : null;
    const field =
      nm("width_nm") && nm("tall_nm")
        ? `${nm("width_nm")} × ${nm("tall_nm")} nm`
        : nm("width_nm")
          ? `${nm("width_nm")} nm wide`
          : null;
    const rows = [
      ...(known(column("true_value")) ? [[`True ${study.target}`, study.measured(column("true_value"), study.unit)]] : []),
      ...study.data.metadata.map((one) => [
        study.title(one.name),
        one.number ? study.measured(column(one.column), one.unit) : column(one.column),
      ]),
      ["Batch", column("batch")],
      ["Tested in fold", column("fold")],
      ["Field of view", field],
      ["Lines × pixels", known(column("lines")) ? `${column("lines")} × ${column("pixels")}` : null],
      ["Pixel of the micrograph", known(column("pixel_nm")) ? `${Number(column("pixel_nm")).toFixed(2)} nm` : null],
      ["Channel", [column("channel"), column("direction")].filter(known).join(", ") || null],
      ["Levelling", column("levelling")],
      ["Quality flags", known(column("levelling")) ? column("quality") || "none" : null],
      ["File", column("scan")],
      ["SHA-256 (start)", column("sha256")],
    ];
    return make(
      "dl",
      { class: "metadata" },
      ...rows.flatMap(([name, value]) => [
        make("dt", { text: name }),
        make("dd", { text: known(value) && value !== "" ? value : "unknown" }),
      ]),
    );
  }

  // Samples as small micrographs that open them; mark(j): symbol and class, notes(j, place): texts below.
  function pictures(shown, mark, notes) {
    return make(
      "ul",
      { class: "neighbours" },
      ...shown.map((j, k) => {
        const picture = make("span", { class: "picture" });
        sprites.setBackground(picture, "micrograph", j);
        return make(
          "li",
          {},
          make(
            "button",
            {
              type: "button",
              "aria-label": `Open ${samples.name[j]}, true ${study.target} ${study.labelled(samples.truth[j])}`,
              title: samples.name[j],
              on: { click: () => state.open(j) },
            },
            picture,
            mark(j),
            ...notes(j, k).map((text) => make("span", { class: "soft", text })),
          ),
        );
      }),
    );
  }

  // The first growth variable of a sample that is a number, or "".
  function condition(j) {
    const first = study.data.metadata.find((one) => one.number && known(study.value(one.column, j)));
    return first ? study.measured(study.value(first.column, j), first.unit) : "";
  }

  function neighbours(i) {
    const nearest = (samples.neighbours && samples.neighbours[i]) || [];
    if (!nearest.length) return make("p", { class: "note", text: "There are no similar samples." });
    const distances = (samples.distances && samples.distances[i]) || [];
    return pictures(
      nearest,
      (j) => marks.labelled(samples.truth[j]),
      (j, k) => [
        known(distances[k]) ? `distance ${Number(distances[k]).toPrecision(2)}` : "",
        condition(j),
      ],
    );
  }

  // The other scans of the film of sample i; null where it has none.
  function scans(i) {
    const film = study.value("film", i);
    const others = known(film) ? d3.range(study.count).filter((j) => j !== i && samples.film[j] === film) : [];
    if (!others.length) return null;
    return pictures(
      others,
      (j) => marks.labelled(samples.predicted[j]),
      (j) => [samples.correct[j] ? "✓ correct" : "✗ wrong"],
    );
  }

  function outcome(i) {
    return make(
      "p",
      { class: "outcome" },
      marks.labelled(samples.truth[i]),
      make("span", { class: "soft", text: "true" }),
      make("span", { class: "arrow", text: "→" }),
      marks.labelled(samples.predicted[i]),
      make("span", { class: "soft", text: "predicted" }),
      make("span", {
        class: samples.correct[i] ? "correct" : "wrong",
        text: samples.correct[i] ? "✓ correct" : "✗ wrong",
      }),
    );
  }

  Page.details = { scores, facts, neighbours, scans, outcome };
})(window.Page);
