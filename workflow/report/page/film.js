"use strict";
// One film's own page, over the others: what it looks like, what the network said and saw, how it was scanned, what is
// near it, and how its network learnt.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, sprites, details } = Page;
  const { films, known } = study;
  const SHOWN = { micrograph: "Micrograph", cam: "CAM", occlusion: "Occlusion" };

  // The longest of 1, 2, 5 times a power of ten that is at most `most`.
  function round(most) {
    const power = Math.pow(10, Math.floor(Math.log10(most)));
    return d3.max([1, 2, 5].map((step) => step * power).filter((one) => one <= most * (1 + 1e-9)));
  }

  function scaleBar(i) {
    const side = study.value("side_nm", i);
    if (!(side > 0)) return make("span", { class: "scale-bar", text: "size unknown" });
    const long = round(0.34 * side);
    const whole = make(
      "span",
      { class: "scale-bar" },
      make("span", { text: long < 1000 ? `${long} nm` : `${long / 1000} µm` }),
      make("span", { class: "length" }),
    );
    whole.style.width = `${(100 * long) / side}%`;
    return whole;
  }

  function stage(i, opacity) {
    const kind = state.now.show;
    const flag = kind === "micrograph" ? "" : study.flag(kind, i);
    const over = kind !== "micrograph" && !flag ? sprites.small(kind, i, "layer") : null;
    if (over) over.style.opacity = opacity;
    return make(
      "div",
      { class: "stage", role: "img", "aria-label": `${SHOWN[kind]} of ${films.sample[i]}` },
      sprites.large(i, "layer"),
      over,
      flag ? make("p", { class: "flag", text: flag }) : null,
      scaleBar(i),
    );
  }

  Page.film = function () {
    const dialog = make("dialog", { class: "film", "aria-labelledby": "film-name" });
    document.body.append(dialog);
    let opacity = 0.85;
    let drawn = null;

    const step = (by) => {
      const list = state.listed();
      const place = list.indexOf(state.now.film);
      if (list.length) state.open(list[((place < 0 ? 0 : place + by) + list.length) % list.length]);
    };
    const icon = (text, label, act) =>
      make("button", { type: "button", text, "aria-label": label, title: label, on: { click: act } });
    const heading = make("h2", { id: "film-name", tabindex: -1 });
    const order = make("span", { class: "soft" });
    const body = make("div", { class: "film-body" });
    dialog.append(
      make(
        "div",
        { class: "film-head" },
        heading,
        order,
        make(
          "div",
          { class: "row" },
          icon("←", "Film before", () => step(-1)),
          icon("→", "Film after", () => step(1)),
          icon("✕", "Close", () => dialog.close()),
        ),
      ),
      body,
    );

    const layers = Page.choice("Show", SHOWN, (show) => state.set({ show }));
    const slider = make("input", {
      type: "range",
      min: 0,
      max: 100,
      value: 100 * opacity,
      "aria-label": "Opacity of the overlay, in percent",
    });
    slider.addEventListener("input", () => {
      opacity = slider.value / 100;
      const over = body.querySelectorAll(".stage .layer")[1];
      if (over) over.style.opacity = opacity;
    });
    const sliding = make("label", { class: "labelled" }, make("span", { text: "Opacity" }), slider);
    const left = make("div", { class: "seen" });
    const about = make("div", { class: "legends" });
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
      return known(value)
        ? make("p", { class: "legend", text: `Strongest value here: ${Number(value).toPrecision(3)}.` })
        : null;
    }

    function fill(i) {
      const place = state.listed().indexOf(i);
      heading.textContent = films.sample[i];
      order.textContent = place < 0 ? "" : `${place + 1} of ${state.listed().length}`;
      see(i);
      const { neighbours: near = {}, training = "", target } = study.raw;
      body.replaceChildren(
        left,
        make(
          "div",
          { class: "known" },
          details.told(i),
          part("Scores", details.scores(i), note(target ? `Explained: ${target}.` : "")),
          part("Scan", details.facts(i)),
          part("Nearest films it learnt from", details.neighbours(i), note(near.words)),
          part(`Learning curve, fold ${films.fold[i]}`, Page.curve(films.fold[i]), note(training)),
        ),
      );
      body.scrollTop = 0;
    }

    dialog.addEventListener("close", () => state.close());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by && event.target.type !== "range") {
        event.preventDefault();
        step(by);
      }
    });

    return {
      draw(now, before) {
        if (now.film === null) {
          drawn = null;
          if (dialog.open) dialog.close();
          return;
        }
        if (drawn !== now.film) fill(now.film);
        else if (before && before.show !== now.show) see(now.film);
        drawn = now.film;
        if (!dialog.open) {
          dialog.showModal();
          heading.focus();
        }
      },
    };
  };
})(window.Page);
