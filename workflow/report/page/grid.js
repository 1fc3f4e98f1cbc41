"use strict";
// Samples as thumbnails. The page holds only the rows in sight, however many samples there are.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, marks, sprites } = Page;
  const WIDE = 96;
  const GAP = 12;
  const HIGH = 150;
  const EDGE = 8;
  const SPARE = 2; // pixels (EDGE: padding of .grid); rows made beyond those in sight

  Page.grid = function () {
    const sheet = make("div", { class: "tiles", role: "list", "aria-label": "Samples" });
    const box = make("div", { class: "grid" }, sheet);
    const empty = make("p", { class: "empty", text: "No sample passes the filters." });
    const tiles = new Map(); // position in the list -> element
    let across = 1;
    let pitch = WIDE + GAP;
    let width = 0; // of the box when the tiles were last laid out
    let current = 0;
    let opener = null; // what had the focus when a sample was opened
    let list = [];

    function label(i) {
      const truth = study.samples.truth[i];
      const predicted = study.samples.predicted[i];
      const text = (value) => make("span", { text: value });
      const parts = [marks.symbol(truth), text(study.label(truth))];
      if (!study.samples.correct[i]) parts.push(text("→"), marks.symbol(predicted), text(study.label(predicted)));
      return make(
        "span",
        { class: study.samples.correct[i] ? "marks correct" : "marks wrong" },
        ...parts,
        make("span", { class: "verdict-symbol", text: study.samples.correct[i] ? "✓" : "✗" }),
      );
    }

    function picture(i) {
      const image = make("span", { class: "picture" });
      const bar = make("span", { class: "bar-of-classes" });
      sprites.setBackground(image, "micrograph", i);
      const halves = [study.samples.truth[i], study.samples.predicted[i]].map((one) => `${marks.variable(one)} 50%`);
      bar.style.background = `linear-gradient(90deg, ${halves.join(", ")})`;
      if (state.now.show !== "micrograph") {
        if (study.flag(state.now.show, i)) image.append(make("span", { class: "no-map", text: "no attribution" }));
        else sprites.setBackground(image.appendChild(make("span", { class: "overlay" })), state.now.show, i);
      }
      image.append(bar);
      return image;
    }

    function tile(place) {
      const i = list[place];
      const button = make(
        "button",
        {
          type: "button",
          class: "tile",
          tabindex: place === current ? 0 : -1,
          "data-sample": i,
          "data-place": place,
          "aria-label": `${study.samples.name[i]}. ${study.sentence(i)}`,
        },
        picture(i),
        label(i),
        make("span", { class: "name", text: study.samples.name[i] }),
      );
      const item = make(
        "div",
        { class: "cell-of-tile", role: "listitem", "aria-posinset": place + 1, "aria-setsize": list.length },
        button,
      );
      item.style.left = `${(place % across) * pitch}px`;
      item.style.top = `${Math.floor(place / across) * HIGH}px`;
      return item;
    }

    function rowsInSight() {
      const first = Math.max(0, Math.floor(box.scrollTop / HIGH) - SPARE);
      return [first, Math.ceil((box.scrollTop + box.clientHeight) / HIGH) + SPARE];
    }

    function draw() {
      const [first, last] = rowsInSight();
      const from = first * across;
      const to = Math.min(list.length, last * across);
      for (const [place, item] of tiles) {
        if ((place < from || place >= to) && !item.contains(document.activeElement)) {
          item.remove();
          tiles.delete(place);
        }
      }
      const fresh = document.createDocumentFragment();
      for (let place = from; place < to; place++) {
        if (!tiles.has(place)) {
          tiles.set(place, tile(place));
          fresh.append(tiles.get(place));
        }
      }
      sheet.append(fresh);
    }

    function rebuild() {
      const focused = sheet.contains(document.activeElement); // keep the focus on a sample
      for (const item of tiles.values()) item.remove();
      tiles.clear();
      width = box.clientWidth;
      const room = width - 2 * EDGE;
      across = Math.max(1, Math.floor((room + GAP) / (WIDE + GAP)));
      pitch = across > 1 ? (room - WIDE) / (across - 1) : 0; // the last column ends where the tools end
      sheet.style.height = `${Math.ceil(list.length / across) * HIGH}px`;
      empty.hidden = list.length > 0;
      draw();
      if (focused && list.length) focus(current);
    }

    const tileOf = (place) => tiles.get(place) && tiles.get(place).firstChild;

    function focus(place) {
      const old = tileOf(current);
      if (old) old.tabIndex = -1;
      current = Math.max(0, Math.min(list.length - 1, place));
      const top = Math.floor(current / across) * HIGH;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + HIGH > box.scrollTop + box.clientHeight) box.scrollTop = top + HIGH - box.clientHeight;
      draw();
      const next = tileOf(current);
      if (next) {
        next.tabIndex = 0;
        next.focus({ preventScroll: true });
      }
    }

    box.addEventListener("keydown", (event) => {
      const page = Math.max(1, Math.floor(box.clientHeight / HIGH)) * across;
      const steps = {
        ArrowRight: 1,
        ArrowLeft: -1,
        ArrowDown: across,
        ArrowUp: -across,
        PageDown: page,
        PageUp: -page,
        Home: -list.length,
        End: list.length,
      };
      if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey || !list.length) return;
      event.preventDefault();
      focus(current + steps[event.key]);
    });
    box.addEventListener("focusin", (event) => {
      const button = event.target.closest(".tile");
      if (!button) return;
      const old = tileOf(current);
      if (old) old.tabIndex = -1;
      current = Number(button.dataset.place);
      button.tabIndex = 0;
    });
    box.addEventListener("scroll", Page.onFrame(draw), { passive: true });
    new ResizeObserver(
      Page.onFrame(() => {
        if (box.clientWidth && box.clientWidth !== width) rebuild();
        else draw();
      }),
    ).observe(box);

    box.append(empty);
    return {
      element: box,
      draw(now, previous) {
        box.hidden = now.view !== "grid";
        if (previous && previous.sample === null && now.sample !== null) opener = document.activeElement;
        const changed = list !== state.sorted();
        if (changed) {
          list = state.sorted();
          current = 0;
          box.scrollTop = 0;
        }
        const switched = !previous || previous.show !== now.show || previous.view !== now.view;
        if (!box.hidden && (changed || switched)) rebuild();
      },
      // Focus the sample that the Tab key would reach.
      focusFirst() {
        if (list.length) focus(current);
      },
      // Going back in the history takes a while after the window has closed; a focus that has moved by then is kept.
      focusSample(i) {
        const place = list.indexOf(i);
        const idle = [document.body, opener].includes(document.activeElement);
        if (place >= 0 && !box.hidden && idle) focus(place);
      },
    };
  };
})(window.Page);
