"use strict";
// What is known of one film, in words and bars: what the network said, how it was grown and scanned, what is near it.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, marks, sprites } = Page;
  const { films, known } = study;

  function scores(i) {
    const given = films.scores && films.scores[i];
    if (!given || !given.some(known)) {
      return make("p", {
        class: "facts-line",
        text: known(films.value[i])
          ? `The network says ${Number(films.value[i]).toFixed(0)} °C.`
          : "The network gave no scores.",
      });
    }
    return make(
      "dl",
      { class: "scores" },
      ...study.classes.flatMap((temperature, k) => {
        const bar = make("span", { class: "score-bar" });
        const share = known(given[k]) ? Math.min(1, Math.max(0, given[k])) : 0;
        bar.style.width = `${100 * share}%`;
        bar.style.background = marks.variable(temperature);
        const said = temperature === films.predicted[i] ? "said" : "";
        const truth = temperature === films.truth[i] ? "grown" : "";
        return [
          make("dt", {}, marks.named(temperature)),
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
            make("span", { class: "which", text: [truth, said].filter(Boolean).join(", ") }),
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
      ["Growth time", study.measured(column("seconds"), "s")],
      ["Substrate", column("substrate")],
      ["Pressure", known(column("pressure")) ? study.measured(column("pressure"), "Torr") : null],
      ["Batch", column("batch")],
      ["Tested in fold", column("fold")],
      ["Field of view", field],
      ["Scan lines × pixels", known(column("lines")) ? `${column("lines")} × ${column("pixels")}` : null],
      ["Micrograph pixel", known(column("pixel_nm")) ? `${Number(column("pixel_nm")).toFixed(2)} nm` : null],
      ["Channel", [column("channel"), column("direction")].filter(known).join(", ") || null],
      ["File", column("scan")],
      ["SHA-256 begins", column("sha256")],
    ];
    return make(
      "dl",
      { class: "facts-of-film" },
      ...rows.flatMap(([name, value]) => [
        make("dt", { text: name }),
        make("dd", { text: known(value) && value !== "" ? value : "unknown" }),
      ]),
    );
  }

  function neighbours(i) {
    const near = (films.neighbours && films.neighbours[i]) || [];
    if (!near.length) return make("p", { class: "note", text: "No neighbours were looked for." });
    return make(
      "ul",
      { class: "near" },
      ...near.map((j, k) => {
        const far = films.distances && films.distances[i] ? films.distances[i][k] : null;
        const picture = make("span", { class: "picture" });
        sprites.dress(picture, "micrograph", j);
        return make(
          "li",
          {},
          make(
            "button",
            {
              type: "button",
              "aria-label": `Open ${films.sample[j]}, grown at ${study.celsius(films.truth[j])}`,
              title: films.sample[j],
              on: { click: () => state.open(j) },
            },
            picture,
            marks.named(films.truth[j]),
            make("span", { class: "soft", text: known(far) ? `distance ${Number(far).toPrecision(2)}` : "" }),
            make("span", {
              class: "soft",
              text: known(study.value("seconds", j)) ? `${study.value("seconds", j)} s` : "",
            }),
          ),
        );
      }),
    );
  }

  function told(i) {
    return make(
      "p",
      { class: "told" },
      marks.named(films.truth[i]),
      make("span", { class: "soft", text: "grown" }),
      make("span", { class: "arrow", text: "→" }),
      marks.named(films.predicted[i]),
      make("span", { class: "soft", text: "said" }),
      make("span", { class: films.right[i] ? "right" : "wrong", text: films.right[i] ? "✓ right" : "✗ wrong" }),
    );
  }

  Page.details = { scores, facts, neighbours, told };
})(window.Page);
