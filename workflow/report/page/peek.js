"use strict";
// A glance at one film: micrograph, CAM and occlusion side by side, while the pointer or the keyboard is on it. Where
// there is no pointer the first tap brings it up at the lower edge, and it opens the film from there.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, sprites, marks } = Page;
  const WORDS = { cam: "CAM", occlusion: "Occlusion" };

  function picture(kind, i) {
    const flag = kind ? study.flag(kind, i) : "";
    const layers = [sprites.small("micrograph", i, "layer")];
    if (kind && !flag) layers.push(sprites.small(kind, i, "layer"));
    return make(
      "figure",
      {},
      make("div", { class: "stack" }, ...layers, flag ? make("span", { class: "unsaid", text: "says nothing" }) : null),
      make("figcaption", { text: kind ? WORDS[kind] : "Micrograph" }),
    );
  }

  Page.peek = function () {
    const element = make("div", { class: "peek", hidden: true });
    document.body.append(element);
    let film = null;
    let wait = null;

    function fill(i, docked) {
      const { films } = study;
      const facts = make(
        "p",
        { class: "facts" },
        marks.named(films.truth[i]),
        films.right[i] ? null : make("span", { class: "arrow", text: "→" }),
        films.right[i] ? null : marks.named(films.predicted[i]),
        make("span", { class: films.right[i] ? "right" : "wrong", text: films.right[i] ? "✓" : "✗" }),
        study.known(films.confidence[i])
          ? make("span", { class: "soft", text: `${study.percent(films.confidence[i])} sure` })
          : null,
      );
      element.replaceChildren(
        make("p", { class: "name", text: films.sample[i] }),
        facts,
        make("div", { class: "three" }, picture(null, i), picture("cam", i), picture("occlusion", i)),
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

    // Above the tile, or below it where there is no room; over a map in the lower corner that is farther from the film.
    function put(anchor, frame) {
      if (frame) {
        const whole = frame.getBoundingClientRect();
        const film = anchor.getBoundingClientRect();
        const own = element.getBoundingClientRect();
        const toRight = film.left < whole.left + whole.width / 2;
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

    // Show film i near `anchor` ({getBoundingClientRect}) or in a corner of the element `frame`; anchor null: at the
    // lower edge of the screen, to be tapped.
    function show(i, anchor, frame) {
      clearTimeout(wait);
      const at = () => {
        film = i;
        fill(i, !anchor);
        element.classList.toggle("docked", !anchor);
        element.hidden = false;
        if (anchor) put(anchor, frame);
        else element.style.left = element.style.top = "";
      };
      if (!element.hidden || !anchor) at();
      else wait = setTimeout(at, 140);
    }

    function hide() {
      clearTimeout(wait);
      film = null;
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
    return { show, hide, film: () => film };
  };

  // Glances at the tiles of a grid, and opens them.
  Page.peekAt = function (box, peek) {
    const tileOf = (event) => event.target.closest && event.target.closest(".tile");
    let touched = false;
    box.addEventListener("pointerdown", (event) => {
      touched = event.pointerType === "touch";
    });
    box.addEventListener("pointerover", (event) => {
      const tile = tileOf(event);
      if (event.pointerType !== "touch" && tile) peek.show(Number(tile.dataset.film), tile);
    });
    box.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") peek.hide();
    });
    box.addEventListener("focusin", (event) => {
      const tile = tileOf(event);
      if (tile && tile.matches(":focus-visible") && !touched) peek.show(Number(tile.dataset.film), tile);
    });
    box.addEventListener("focusout", () => {
      if (!touched) peek.hide();
    });
    box.addEventListener(
      "scroll",
      () => {
        if (!touched) peek.hide();
      },
      { passive: true },
    );
    box.addEventListener("click", (event) => {
      const tile = tileOf(event);
      if (!tile) return;
      const i = Number(tile.dataset.film);
      if (event.pointerType === "touch" && peek.film() !== i) {
        peek.show(i, null);
        return;
      }
      peek.hide();
      state.open(i);
    });
  };
})(window.Page);
