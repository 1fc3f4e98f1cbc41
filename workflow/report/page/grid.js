"use strict";
// Films as thumbnails. Only the rows in sight are in the page, however many films there are.
(function (Page) {
  if (!Page.study) return;
  const { make, study, state, marks, sprites } = Page;
  const WIDE = 96;
  const GAP = 12;
  const HIGH = 150;
  const EDGE = 8;
  const SPARE = 2; // pixels (EDGE: padding of .grid); rows made beyond those in sight

  Page.grid = function () {
    const sheet = make("div", { class: "tiles", role: "list", "aria-label": "Films" });
    const box = make("div", { class: "grid" }, sheet);
    const empty = make("p", { class: "empty", text: "No film passes these filters." });
    const tiles = new Map(); // place in the list -> element
    let across = 1;
    let pitch = WIDE + GAP;
    let width = 0; // of the box when the tiles were last laid out
    let current = 0;
    let opener = null; // what had the focus when a film was opened
    let list = [];

    function label(i) {
      const truth = study.films.truth[i];
      const said = study.films.predicted[i];
      const word = (text) => make("span", { text });
      const parts = [marks.sign(truth), word(truth ?? "?")];
      if (!study.films.right[i]) parts.push(word("→"), marks.sign(said), word(said ?? "none"));
      return make(
        "span",
        { class: study.films.right[i] ? "marks right" : "marks wrong" },
        ...parts,
        make("span", { class: "verdict-sign", text: study.films.right[i] ? "✓" : "✗" }),
      );
    }

    function ground(i) {
      const picture = make("span", { class: "picture" });
      const bar = make("span", { class: "bar-of-classes" });
      sprites.dress(picture, "micrograph", i);
      const halves = [study.films.truth[i], study.films.predicted[i]].map((one) => `${marks.variable(one)} 50%`);
      bar.style.background = `linear-gradient(90deg, ${halves.join(", ")})`;
      if (state.now.show !== "micrograph") {
        if (study.flag(state.now.show, i)) picture.append(make("span", { class: "unsaid", text: "says nothing" }));
        else sprites.dress(picture.appendChild(make("span", { class: "overlay" })), state.now.show, i);
      }
      picture.append(bar);
      return picture;
    }

    function tile(place) {
      const i = list[place];
      const button = make(
        "button",
        {
          type: "button",
          class: "tile",
          tabindex: place === current ? 0 : -1,
          "data-film": i,
          "data-place": place,
          "aria-label": `${study.films.sample[i]}. ${study.sentence(i)}`,
        },
        ground(i),
        label(i),
        make("span", { class: "name", text: study.films.sample[i] }),
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

    function fresh() {
      const held = sheet.contains(document.activeElement); // who is at a film stays at one
      for (const item of tiles.values()) item.remove();
      tiles.clear();
      width = box.clientWidth;
      const room = width - 2 * EDGE;
      across = Math.max(1, Math.floor((room + GAP) / (WIDE + GAP)));
      pitch = across > 1 ? (room - WIDE) / (across - 1) : 0; // the last column ends where the tools end
      sheet.style.height = `${Math.ceil(list.length / across) * HIGH}px`;
      empty.hidden = list.length > 0;
      draw();
      if (held && list.length) focus(current);
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
        if (box.clientWidth && box.clientWidth !== width) fresh();
        else draw();
      }),
    ).observe(box);

    box.append(empty);
    return {
      element: box,
      draw(now, before) {
        box.hidden = now.view !== "grid";
        if (before && before.film === null && now.film !== null) opener = document.activeElement;
        const changed = list !== state.listed();
        if (changed) {
          list = state.listed();
          current = 0;
          box.scrollTop = 0;
        }
        if (!box.hidden && (changed || !before || before.show !== now.show || before.view !== now.view)) fresh();
      },
      // The way back from a film ends some time after its window closed: who has moved on by then is left alone.
      focusFilm(i) {
        const place = list.indexOf(i);
        const idle = [document.body, opener].includes(document.activeElement);
        if (place >= 0 && !box.hidden && idle) focus(place);
      },
    };
  };
})(window.Page);
