"use strict";
// The preview of one sample: micrograph and overlays side by side, while pointer or focus is on it. On a touch
// screen the first tap shows it at the lower edge, and a button opens the sample.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, sprites, marks } = Page;

  function picture(kind, i) {
    const flag = kind ? study.flag(kind, i) : "";
    const layers = [sprites.small("micrograph", i, "layer")];
    if (kind && !flag) layers.push(sprites.small(kind, i, "layer"));
    return make(
      "figure",
      {},
      make(
        "div",
        { class: "stack" },
        ...layers,
        flag ? make("span", { class: "no-map", text: "no attribution" }) : null,
      ),
      make("figcaption", { text: kind ? study.kinds[kind] : "Micrograph" }),
      kind && study.data.overlays[kind].brief ? make("p", { class: "warning", text: study.data.overlays[kind].brief }) : null,
    );
  }

  Page.preview = function () {
    const element = make("div", { class: "preview", hidden: true });
    document.body.append(element);
    let sample = null;
    let timer = null;

    function fill(i, docked) {
      const { samples } = study;
      const facts = make(
        "p",
        { class: "facts" },
        marks.labelled(samples.truth[i]),
        samples.correct[i] ? null : make("span", { class: "arrow", text: "→" }),
        samples.correct[i] ? null : marks.labelled(samples.predicted[i]),
        make("span", { class: samples.correct[i] ? "correct" : "wrong", text: samples.correct[i] ? "✓" : "✗" }),
        study.known(samples.confidence[i])
          ? make("span", { class: "soft", text: `confidence ${study.percent(samples.confidence[i])}` })
          : null,
      );
      element.replaceChildren(
        make("p", { class: "name", text: samples.name[i] }),
        facts,
        make("div", { class: "three" }, picture(null, i), ...Object.keys(study.kinds).map((kind) => picture(kind, i))),
      );
      if (docked) {
        element.append(
          make(
            "div",
            { class: "row" },
            make("button", {
              type: "button",
              class: "main",
              text: "Open",
              on: {
                click: () => {
                  hide();
                  state.open(i);
                },
              },
            }),
            make("button", { type: "button", text: "Close", on: { click: hide } }),
          ),
        );
      }
    }

    // Place it above the tile, or below it where there is no room; on the map in the lower corner far from the sample.
    function put(anchor, frame) {
      if (frame) {
        const whole = frame.getBoundingClientRect();
        const sample = anchor.getBoundingClientRect();
        const own = element.getBoundingClientRect();
        const toRight = sample.left < whole.left + whole.width / 2;
        element.style.left = `${toRight ? whole.right - own.width - 10 : whole.left + 10}px`;
        element.style.top = `${Math.min(whole.bottom, window.innerHeight) - own.height - 10}px`;
        return;
      }
      const at = anchor.getBoundingClientRect();
      const own = element.getBoundingClientRect();
      const gap = 10;
      const left = Math.min(
        Math.max(8, at.left + at.width / 2 - own.width / 2),
        document.documentElement.clientWidth - own.width - 8,
      );
      const over = at.top - own.height - gap;
      const under = at.bottom + gap;
      element.style.left = `${left}px`;
      element.style.top = `${over > 56 || under + own.height > window.innerHeight ? Math.max(8, over) : under}px`;
    }

    // Show sample i near `anchor` ({getBoundingClientRect}) or in a corner of the element `frame`; anchor null: at the
    // lower edge of the screen, to be tapped.
    function show(i, anchor, frame) {
      clearTimeout(timer);
      const open = () => {
        sample = i;
        fill(i, !anchor);
        element.classList.toggle("docked", !anchor);
        element.hidden = false;
        if (anchor) put(anchor, frame);
        else element.style.left = element.style.top = "";
      };
      if (!element.hidden || !anchor) open();
      else timer = setTimeout(open, 140);
    }

    function hide() {
      clearTimeout(timer);
      sample = null;
      element.hidden = true;
    }
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
    });
    window.addEventListener(
      "scroll",
      () => {
        if (!element.hidden && !element.classList.contains("docked")) hide();
      },
      { passive: true },
    );
    return { show, hide, sample: () => sample };
  };

  // Preview the tiles of a grid, and open them.
  Page.previewTiles = function (box, preview) {
    const tileOf = (event) => event.target.closest && event.target.closest(".tile");
    let touched = false;
    box.addEventListener("pointerdown", (event) => {
      touched = event.pointerType === "touch";
    });
    box.addEventListener("pointerover", (event) => {
      const tile = tileOf(event);
      if (event.pointerType !== "touch" && tile) preview.show(Number(tile.dataset.sample), tile);
    });
    box.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") preview.hide();
    });
    box.addEventListener("focusin", (event) => {
      const tile = tileOf(event);
      if (tile && tile.matches(":focus-visible") && !touched) preview.show(Number(tile.dataset.sample), tile);
    });
    box.addEventListener("focusout", () => {
      if (!touched) preview.hide();
    });
    box.addEventListener(
      "scroll",
      () => {
        if (!touched) preview.hide();
      },
      { passive: true },
    );
    box.addEventListener("click", (event) => {
      const tile = tileOf(event);
      if (!tile) return;
      const i = Number(tile.dataset.sample);
      if (event.pointerType === "touch" && preview.sample() !== i) {
        preview.show(i, null);
        return;
      }
      preview.hide();
      state.open(i);
    });
  };
})(window.Page);
