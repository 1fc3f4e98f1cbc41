"use strict";
// The window of one sample: micrograph and attribution maps, prediction, scan, similar samples, training curve.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, sprites, details } = Page;
  const { samples, known } = study;
  const SHOWN = { micrograph: "Micrograph", ...study.kinds };

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
      { class: "stage", role: "img", "aria-label": `${SHOWN[kind]} of ${samples.name[i]}` },
      sprites.large(i, "layer"),
      over,
      flag ? make("p", { class: "flag", text: flag }) : null,
      scaleBar(i),
    );
  }

  Page.sample = function () {
    const dialog = make("dialog", { class: "sample", "aria-labelledby": "sample-name" });
    document.body.append(dialog);
    let opacity = 0.85;
    let drawn = null; // the sample in the window

    const step = (by) => {
      const list = state.sorted();
      const place = list.indexOf(state.now.sample);
      if (list.length) state.open(list[((place < 0 ? 0 : place + by) + list.length) % list.length]);
    };
    const icon = (text, label, act) =>
      make("button", { type: "button", text, "aria-label": label, title: label, on: { click: act } });
    const heading = make("h2", { id: "sample-name", tabindex: -1 });
    const order = make("span", { class: "soft" });
    const body = make("div", { class: "sample-body" });
    dialog.append(
      make(
        "div",
        { class: "sample-head" },
        heading,
        order,
        make(
          "div",
          { class: "row" },
          icon("←", "Previous sample", () => step(-1)),
          icon("→", "Next sample", () => step(1)),
          icon("✕", "Close", () => dialog.close()),
        ),
      ),
      body,
    );

    const layers = Page.choice("Show", SHOWN, (kind) => state.set({ show: kind }));
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
    const left = make("div", { class: "viewer" });
    const about = make("div", { class: "legends" });
    const part = (title, ...rest) => make("section", {}, make("h3", { text: title }), ...rest.filter(Boolean));
    const note = (text) => (text ? make("p", { class: "note", text }) : null);

    function show(i) {
      const plain = state.now.show === "micrograph";
      layers.show(state.now.show);
      sliding.hidden = plain;
      about.replaceChildren(...(plain ? [] : [Page.legend(state.now.show), strongest(i)].filter(Boolean)));
      left.replaceChildren(stage(i, opacity), make("div", { class: "row" }, layers.element, sliding), about);
    }

    function strongest(i) {
      const value = study.value(`${state.now.show}_strongest`, i);
      return known(value)
        ? make("p", { class: "legend", text: `Largest value of this sample: ${Number(value).toPrecision(3)}.` })
        : null;
    }

    function fill(i) {
      const place = state.sorted().indexOf(i);
      heading.textContent = samples.name[i];
      order.textContent = place < 0 ? "" : `${place + 1} of ${state.sorted().length}`;
      show(i);
      const { neighbours, training, explained } = study.data;
      const scans = details.scans(i);
      const ofFilm = () => `Film ${samples.film[i]}, all scans: ${study.labelled(samples.film_predicted[i])} predicted.`;
      body.replaceChildren(
        left,
        make(
          "div",
          { class: "description" },
          details.outcome(i),
          part("Class probabilities, calibrated", details.scores(i), note(explained && `Attribution explains the ${explained}.`)),
          scans ? part("Other scans of the film", scans, note(ofFilm())) : null,
          part("Scan", details.facts(i)),
          part("Most similar training samples", details.neighbours(i), note(neighbours)),
          part(`Training curve, fold ${samples.fold[i]}`, Page.curve(samples.fold[i]), note(training)),
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
      draw(now, previous) {
        if (now.sample === null) {
          drawn = null;
          if (dialog.open) dialog.close();
          return;
        }
        if (drawn !== now.sample) fill(now.sample);
        else if (previous && previous.show !== now.show) show(now.sample);
        drawn = now.sample;
        if (!dialog.open) {
          dialog.showModal();
          heading.focus();
        }
      },
    };
  };
})(window.Page);
