"use strict";
// One film's own page, over the others: what it looks like, what the network said and saw, how it was scanned, what is
// near it, and how its network learnt.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, marks, sprites } = Page;
  const { films, known } = study;
  const SHOWN = { micrograph: "Micrograph", cam: "CAM", occlusion: "Occlusion" };

  // The longest of 1, 2, 5 times a power of ten that is at most `most`.
  function round(most) {
    const power = Math.pow(10, Math.floor(Math.log10(most)));
    return d3.max([1, 2, 5].map((step) => step * power).filter((one) => one <= most * (1 + 1e-9)));
  }

  function scaleBar(i) {
    const side = films.side_nm ? films.side_nm[i] : known(films.pixel_nm[i]) ? 224 * films.pixel_nm[i] : null;
    if (!(side > 0)) return make("span", { class: "scale-bar", text: "size unknown" });
    const long = round(0.34 * side), bar = make("span", { class: "length" });
    const whole = make("span", { class: "scale-bar" }, make("span", { text: long < 1000 ? `${long} nm` : `${long / 1000} µm` }), bar);
    bar.style.width = "100%";
    whole.style.width = `${(100 * long) / side}%`;
    return whole;
  }

  function stage(i, opacity) {
    const kind = state.now.show, flag = kind === "micrograph" ? "" : study.flag(kind, i);
    const over = kind !== "micrograph" && !flag ? sprites.small(kind, i, "layer") : null;
    if (over) over.style.opacity = opacity;
    return make("div", { class: "stage", role: "img", "aria-label": `${SHOWN[kind]} of ${films.sample[i]}` },
      sprites.large(i, "layer"), over, flag ? make("p", { class: "flag", text: flag }) : null, scaleBar(i));
  }

  function scores(i) {
    const given = films.scores && films.scores[i];
    if (!given || !given.some(known)) {
      return make("p", { class: "facts-line", text: known(films.value[i]) ? `The network says ${Number(films.value[i]).toFixed(0)} °C.` : "The network gave no scores." });
    }
    return make("dl", { class: "scores" }, ...study.classes.flatMap((temperature, k) => {
      const bar = make("span", { class: "score-bar" }), share = known(given[k]) ? Math.min(1, Math.max(0, given[k])) : 0;
      bar.style.width = `${100 * share}%`;
      bar.style.background = marks.variable(temperature);
      const said = temperature === films.predicted[i] ? "said" : "", truth = temperature === films.truth[i] ? "grown" : "";
      return [make("dt", {}, marks.named(temperature)), make("dd", {}, make("span", { class: "score-track" }, bar),
        make("span", { class: "score", text: known(given[k]) ? `${(100 * given[k]).toFixed(given[k] > 0.0995 || given[k] === 0 ? 0 : 1)} %` : "–" }),
        make("span", { class: "which", text: [truth, said].filter(Boolean).join(", ") }))];
    }));
  }

  function facts(i) {
    const column = (name) => study.value(name, i);
    const nm = (name) => (known(column(name)) ? Number(column(name)).toLocaleString("en", { maximumFractionDigits: 1 }) : null);
    const field = nm("width_nm") && nm("tall_nm") ? `${nm("width_nm")} × ${nm("tall_nm")} nm` : nm("width_nm") ? `${nm("width_nm")} nm wide` : null;
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
    return make("dl", { class: "facts-of-film" }, ...rows.flatMap(([name, value]) =>
      [make("dt", { text: name }), make("dd", { text: known(value) && value !== "" ? value : "unknown" })]));
  }

  function neighbours(i) {
    const near = (films.neighbours && films.neighbours[i]) || [];
    if (!near.length) return make("p", { class: "note", text: "No neighbours were looked for." });
    return make("ul", { class: "near" }, ...near.map((j, k) => {
      const far = films.distances && films.distances[i] ? films.distances[i][k] : null, picture = make("span", { class: "picture" });
      sprites.dress(picture, "micrograph", j);
      return make("li", {}, make("button", { type: "button", "aria-label": `Open ${films.sample[j]}, grown at ${study.celsius(films.truth[j])}`,
        title: films.sample[j], on: { click: () => state.open(j) } }, picture, marks.named(films.truth[j]),
      make("span", { class: "soft", text: known(far) ? `distance ${Number(far).toPrecision(2)}` : "" }),
      make("span", { class: "soft", text: known(study.value("seconds", j)) ? `${study.value("seconds", j)} s` : "" })));
    }));
  }

  function told(i) {
    return make("p", { class: "told" }, marks.named(films.truth[i]), make("span", { class: "soft", text: "grown" }),
      make("span", { class: "arrow", text: "→" }), marks.named(films.predicted[i]), make("span", { class: "soft", text: "said" }),
      make("span", { class: films.right[i] ? "right" : "wrong", text: films.right[i] ? "✓ right" : "✗ wrong" }));
  }

  Page.film = function () {
    const dialog = make("dialog", { class: "film", "aria-labelledby": "film-name" });
    document.body.append(dialog);
    let opacity = 0.85, drawn = null;

    const step = (by) => {
      const list = state.listed(), place = list.indexOf(state.now.film);
      if (list.length) state.open(list[((place < 0 ? 0 : place + by) + list.length) % list.length]);
    };
    const icon = (text, label, act) => make("button", { type: "button", text, "aria-label": label, title: label, on: { click: act } });
    const heading = make("h2", { id: "film-name", tabindex: -1 }), order = make("span", { class: "soft" });
    const body = make("div", { class: "film-body" });
    dialog.append(make("div", { class: "film-head" }, heading, order, make("div", { class: "row" },
      icon("←", "Film before", () => step(-1)), icon("→", "Film after", () => step(1)), icon("✕", "Close", () => dialog.close()))), body);

    const layers = Page.choice("Show", SHOWN, (show) => state.set({ show }));
    const slider = make("input", { type: "range", min: 0, max: 100, value: 100 * opacity, "aria-label": "Opacity of the overlay, in percent" });
    slider.addEventListener("input", () => {
      opacity = slider.value / 100;
      const over = body.querySelectorAll(".stage .layer")[1];
      if (over) over.style.opacity = opacity;
    });
    const sliding = make("label", { class: "labelled" }, make("span", { text: "Opacity" }), slider);
    const left = make("div", { class: "seen" }), about = make("div", { class: "legends" });
    const part = (title, ...rest) => make("section", {}, make("h3", { text: title }), ...rest.filter(Boolean));
    const note = (text) => (text ? make("p", { class: "note", text }) : null);

    function see(i) {
      const plain = state.now.show === "micrograph";
      layers.show(state.now.show);
      sliding.hidden = plain;
      about.replaceChildren(...(plain ? [] : [Page.legend(state.now.show), strongest(i)].filter(Boolean)));
      left.replaceChildren(stage(i, opacity), make("div", { class: "row" }, layers.element, sliding), about);
    }

    function strongest(i) {
      const value = study.value(`${state.now.show}_strongest`, i);
      return known(value) ? make("p", { class: "legend", text: `Strongest value here: ${Number(value).toPrecision(3)}.` }) : null;
    }

    function fill(i) {
      const place = state.listed().indexOf(i);
      heading.textContent = films.sample[i];
      order.textContent = place < 0 ? "" : `${place + 1} of ${state.listed().length}`;
      see(i);
      const { neighbours: near = {}, training = "", target } = study.raw;
      body.replaceChildren(left, make("div", { class: "known" }, told(i),
        part("Scores", scores(i), note(target ? `Explained: ${target}.` : "")), part("Scan", facts(i)),
        part("Nearest films it learnt from", neighbours(i), note(near.words)),
        part(`Learning curve, fold ${films.fold[i]}`, Page.curve(films.fold[i]), note(training))));
      body.scrollTop = 0;
    }

    dialog.addEventListener("close", () => state.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by && event.target.type !== "range") { event.preventDefault(); step(by); }
    });

    return { draw(now, before) {
      if (now.film === null) { drawn = null; if (dialog.open) dialog.close(); return; }
      if (drawn !== now.film) fill(now.film);
      else if (before && before.show !== now.show) see(now.film);
      drawn = now.film;
      if (!dialog.open) { dialog.showModal(); heading.focus(); }
    } };
  };
})(window.Page);
